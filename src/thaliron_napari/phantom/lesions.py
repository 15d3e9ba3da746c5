"""Where the lesions lie and what shape they have."""

from dataclasses import dataclass

import numpy as np

from . import folds
from .nuclei import caudate, pallidum, putamen, thalamus
from .shapes import FloatArray, Points, Triple, ellipsoid, rotated
from .structure import Box
from .ventricles import insular_cistern


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
        return np.asarray(ellipsoid((x, y, z), self.semi_axes) + np.float32(0.32) * bumpy, np.float32)


# kind, how many, semi-axes from and to in mm
_PLAN = (
    ("periventricular", 5, 3.4, 7.4),
    ("juxtacortical", 3, 3.8, 5.4),
    ("deep", 3, 2.6, 4.8),
)
_APART_MM = 4.0


def place_lesions(fields: folds.Fields, rng: np.random.Generator) -> tuple[Lesion, ...]:
    """Scatter lesions over the white matter: by the ventricles, under the cortex, between; one deep one enhances."""
    index = np.stack([rng.integers(0, n, 100000) for n in folds.SHAPE])
    hull, sulcus, reach, ventricle = (
        f[tuple(index)] for f in (fields.hull, fields.sulcus, fields.reach, fields.ventricle)
    )
    x, y, z = fields.points[(slice(None), *index)]
    side = (np.abs(x), y, z)
    deeper = np.maximum(-hull - reach, 0)
    cortex = np.minimum(-hull, np.hypot(sulcus, deeper) - 0.5)  # mm under the cortex's surface
    nuclei = np.minimum.reduce([f(side) for f in (caudate, insular_cistern, pallidum, putamen, thalamus)])
    free = (hull < 0) & (nuclei > 3.5) & (z > -8) & (np.abs(x) > 6)
    where = {
        "periventricular": free
        & (ventricle > 0.5)
        & (ventricle < 2.5)
        & (cortex > 7)
        & (z > 6)
        & (np.abs(x) > 14)
        & (nuclei > 4.5),
        "juxtacortical": free & (cortex > 3.2) & (cortex < 4.6) & (ventricle > 14) & (z > 4),
        "deep": free & (cortex > 7) & (ventricle > 7) & (z > 10),
    }
    chosen: list[Lesion] = []
    for kind, count, smallest, largest in _PLAN:
        candidates = np.stack([x, y, z], 1)[where[kind]]
        for number in range(count):
            size = smallest + (largest - smallest) * (number + 0.5) / count
            stretch = 1.5 if kind == "periventricular" else 1.15
            # From front to back, on one side and then the other, with some chance.
            target = 32 - 90 * (number + 0.5) / count
            wrong_side = np.sign(candidates[:, 0]) != (-1) ** (number + len(kind))
            order = np.argsort(
                np.abs(candidates[:, 1] - target) + 60 * wrong_side + rng.exponential(8, len(candidates))
            )
            for centre in candidates[order]:
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
