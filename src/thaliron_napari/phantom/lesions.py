"""Where the lesions lie and what shape they have."""

from dataclasses import dataclass

import numpy as np

from . import folds
from .anatomy import Box, caudate, insular_cistern, lateral_ventricle, pallidum, putamen, thalamus
from .shapes import FloatArray, Points, Triple, ellipsoid, rotated


@dataclass(frozen=True)
class Lesion:
    """One lesion, in canonical RAS mm: an ellipsoid with an uneven surface."""

    kind: str
    enhancing: bool
    centre: Triple
    semi_axes: Triple
    yaw: float
    pitch: float
    bumps: Triple  # phases of the unevenness

    @property
    def box(self) -> Box:
        """Lower and upper corner of a box that holds it."""
        reach = max(self.semi_axes) + 2
        x, y, z = self.centre
        return (x - reach, y - reach, z - reach), (x + reach, y + reach, z + reach)

    def distance(self, points: Points) -> FloatArray:
        """Signed distance in mm, negative inside."""
        x, y, z = rotated(points, self.centre, self.yaw, self.pitch)
        a, b, c = (np.float32(v) for v in self.bumps)
        bumpy = np.sin(0.75 * x + 0.3 * y + a) + np.sin(0.8 * y - 0.35 * z + b) + np.sin(0.7 * z + 0.3 * x + c)
        return ellipsoid((x, y, z), self.semi_axes) + np.float32(0.32) * bumpy


# kind, how many, semi-axes from and to in mm
_PLAN = (
    ("periventricular", 5, 2.8, 5.0),
    ("juxtacortical", 3, 2.2, 3.2),
    ("deep", 3, 2.0, 3.4),
)
_APART_MM = 5.0


def place_lesions(fields: folds.Fields, rng: np.random.Generator) -> tuple[Lesion, ...]:
    """Scatter lesions over the white matter: by the ventricles, under the cortex, and between; one deep one enhances."""
    index = np.stack([rng.integers(0, n, 60000) for n in folds.SHAPE])
    hull, sulcus, reach = (f[tuple(index)] for f in (fields.hull, fields.sulcus, fields.reach))
    x, y, z = fields.points[(slice(None), *index)]
    side = (np.abs(x), y, z)
    deeper = np.maximum(-hull - reach, 0)
    cortex = np.minimum(-hull, np.hypot(sulcus, deeper) - 0.5)  # mm under the cortex's surface
    ventricle = lateral_ventricle(side)
    nuclei = np.minimum.reduce([f(side) for f in (caudate, insular_cistern, pallidum, putamen, thalamus)])
    free = (hull < 0) & (nuclei > 3.5) & (z > -8) & (np.abs(x) > 6)
    where = {
        "periventricular": free & (ventricle > 0.5) & (ventricle < 2.5) & (cortex > 7) & (z > 6) & (np.abs(x) > 12),
        "juxtacortical": free & (cortex > 3.2) & (cortex < 4.6) & (ventricle > 14) & (z > 4),
        "deep": free & (cortex > 7) & (ventricle > 7),
    }
    chosen: list[Lesion] = []
    for kind, count, smallest, largest in _PLAN:
        candidates = np.stack([x, y, z], 1)[where[kind]]
        for number in range(count):
            size = smallest + (largest - smallest) * (number + 0.5) / count
            stretch = 1.5 if kind == "periventricular" else 1.15
            for centre in candidates:
                gap = [np.linalg.norm(centre - c.centre) - max(c.semi_axes) - size * stretch for c in chosen]
                if not gap or min(gap) > _APART_MM:
                    yaw, pitch = rng.uniform(-35, 35, 2)
                    phases = rng.uniform(0, 2 * np.pi, 3)
                    chosen.append(
                        Lesion(
                            kind,
                            kind == "deep" and number == count - 1,
                            (float(centre[0]), float(centre[1]), float(centre[2])),
                            (size * stretch, size, size * 0.95),
                            float(yaw),
                            float(pitch),
                            (float(phases[0]), float(phases[1]), float(phases[2])),
                        )
                    )
                    break
    return tuple(chosen)
