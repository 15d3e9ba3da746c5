"""The larger veins inside the head, in canonical RAS mm."""

import numpy as np

from .shapes import Triple, smooth_path, tapered, tube
from .structure import Structure

# Path and radii in mm; those that exist on both sides are written for the right one.
_PAIRED: list[tuple[list[Triple], float, float]] = [
    # internal cerebral vein, over the thalamus's inner upper border
    ([(2.8, 0.5, 12.5), (3.0, -8, 14.6), (3.6, -18, 15.4), (3.6, -28, 13.6), (2.2, -36, 10.8), (0.6, -41, 10)],
     0.95, 1.2),
    # basal vein of Rosenthal, round the midbrain and under the pulvinar
    ([(11, 3, -15), (17, -8, -14), (20, -19, -9.5), (19.2, -28, -3.6), (14, -35.5, 0.6), (6.5, -40, 5), (1, -42.5, 8)],
     0.8, 1.15),
    # thalamostriate vein, in the groove between thalamus and caudate
    ([(2.8, 0.5, 12.5), (6.5, -1.5, 16.5), (11, -7, 18.8), (15, -16, 19.3), (19, -25, 18.2)], 0.8, 0.5),
    # septal vein
    ([(2.8, 0.5, 12.5), (2.2, 8, 10.5), (3, 18, 9), (6.5, 25.5, 8)], 0.7, 0.4),
    # medial atrial vein
    ([(3, -37, 11), (10, -41, 14.5), (18, -44, 17)], 0.7, 0.45),
]  # fmt: skip
_MIDLINE: list[tuple[list[Triple], float, float]] = [
    # vein of Galen into the straight sinus
    ([(0, -40.5, 9.5), (0, -45, 9.5), (0, -49, 12)], 1.7, 2.2),
    ([(0, -49, 12), (0, -60, 4.5), (0, -75, -4), (0, -96, -11)], 1.9, 2.4),
    ([(0, 66, 18), (0, 55, 49), (0, 26, 71), (0, -10, 78.5), (0, -52, 71), (0, -84, 45), (0, -101, 12), (0, -99, -9)],
     1.4, 3.2),
]  # fmt: skip


def veins() -> list[Structure]:
    """Each vein as tubes of a few corners, so that what is worked out for one stays in a small box."""
    return [
        _tube(course[start : start + 6], radii[start : start + 6], mirrored)
        for mirrored, named in ((True, _PAIRED), (False, _MIDLINE))
        for path, first, last in named
        for course in [smooth_path(path, 4.0)]
        for radii in [tapered(course, first, last)]
        for start in range(0, len(course) - 1, 5)
    ]


def _tube(course: list[Triple], radii: list[float], mirrored: bool) -> Structure:
    low, high = np.min(course, 0) - max(radii) - 1, np.max(course, 0) + max(radii) + 1
    box = ((float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2])))
    return Structure("vein", box, lambda p: tube(p, course, radii), mirrored=mirrored)
