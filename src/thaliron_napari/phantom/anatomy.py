"""What lies inside the brain: where it is and what shape it has, in canonical RAS mm (close to MNI space).

Each structure is a tissue, a box that holds it, and a signed distance. They are painted in the order of the list, each over
what stands before it. ``mirrored`` structures are written for the right side and exist on both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from .shapes import FloatArray, Points, Triple, difference, ellipsoid, polygon, rotated, smooth_path, tube, union

Box = tuple[Triple, Triple]


@dataclass(frozen=True)
class Structure:
    """One thing to paint: `tissue` where `distance` is negative, within `box` (lower and upper corner, mm)."""

    tissue: str
    box: Box
    distance: Callable[[Points], FloatArray]
    mirrored: bool = False
    tint: Callable[[Points], FloatArray] | None = None  # share 0..1 that is pulvinar
    left_larger_mm: float = 0.0  # how much further the left one's surface lies out


# Outline in the sagittal plane (y, z) of what joins the hemispheres: corpus callosum above, brain stem's roof below.
_BLOCK = [
    (34, 3), (32, 13), (25, 22), (12, 28), (-4, 30.5), (-20, 30), (-33, 25), (-42, 17), (-44, 10), (-40, 5.5), (-33, 6),
    (-30, 1), (-27, -8), (-14, -13), (-4, -13), (3, -9), (6, 0), (12, -1), (20, -4), (28, -4),
]  # fmt: skip


def block(points: Points) -> FloatArray:
    """Signed distance to the outline of the commissures, as if it went from side to side."""
    raster = _block_raster()
    place = np.stack([(points[1] + 112) * 2, (points[2] + 74) * 2])
    return np.asarray(ndimage.map_coordinates(raster, place, order=1, mode="nearest"))


@cache
def _block_raster() -> FloatArray:
    """The outline's distance every half millimetre of the sagittal plane."""
    y, z = np.meshgrid(np.arange(-112, 80.1, 0.5, np.float32), np.arange(-74, 86.1, 0.5, np.float32), indexing="ij")
    return ndimage.gaussian_filter(polygon(y, z, _BLOCK) - np.float32(1), 1.5)


# --- CSF -------------------------------------------------------------------------------------------------------------


def lateral_ventricle(points: Points) -> FloatArray:
    """Right lateral ventricle: frontal horn, body, atrium, occipital and temporal horn."""
    x, y, z = points
    front = tube((x, y, 12 + (z - 12) / np.float32(1.35)),
                 [(13, 31, 8), (8.5, 20, 11), (7.5, 8, 14), (8.5, -2, 17.5)], [2.0, 4.6, 5.0, 4.0], 4)  # fmt: skip
    body = tube((x, y, z), [(8.5, -2, 20), (11.5, -16, 22.5), (17, -30, 20.5), (24.5, -42, 13)], [4.2, 4.2, 5.2, 7.6], 4)
    wall = tube((x, y, z), [(5.0, -2, 21.5), (5.5, -16, 24), (9, -27, 23)], [2.4, 2.2, 2.0], 3)
    atrium = ellipsoid(rotated(points, (26.5, -45, 11), yaw=18, pitch=-25), (6.8, 10.5, 9.5))
    occipital = tube(points, [(26, -50, 9), (24.5, -64, 6), (23, -77, 4)], [5.5, 3.0, 1.0], 4)
    temporal = tube(points, [(28, -42, 4), (34, -32, -8), (35.5, -20, -14), (31, -9, -19)], [4.6, 2.4, 2.2, 2.6], 4)
    whole = union(union(front, union(body, wall, 4), 5), atrium, 5)
    whole = union(union(whole, occipital, 5), temporal, 5)
    return np.maximum(whole, np.float32(0.9) - x)


def third_ventricle(points: Points) -> FloatArray:
    """The slit between the thalami."""
    slit = ellipsoid(rotated(points, (0, -11, 1), pitch=8), (2.5, 16.5, 12.5), 2.6)
    massa = tube(points, [(-4, -12, 6), (4, -12, 6)], 2.3)
    return difference(slit, massa, 1.5)


def insular_cistern(points: Points) -> FloatArray:
    """The Sylvian fissure: a pocket over the insula and the sheet that leads from it to the side of the brain."""
    x, y, z = points
    bowed = x - 39 + 0.005 * (y - 2) ** 2 + 0.010 * (z - 5) ** 2
    pocket = ellipsoid((bowed, y - 2, z - 5 + 0.25 * y), (1.5, 25, 15), 3.0)
    sheet = np.abs(z + 1 + 0.48 * (y - 2) - 0.05 * (x - 40)) * np.float32(0.9) - np.float32(0.75)
    sheet = np.maximum(np.maximum(sheet, 38 - x), np.abs(y + 8) - 31)
    stem = tube(points, [(24, 8, -14), (36, 11, -13), (48, 16, -11), (60, 20, -8)], [2.0, 2.2, 2.2, 2.5])
    return union(union(pocket, sheet, 2.5), stem, 3)


def aqueduct(points: Points) -> FloatArray:
    """Aqueduct and fourth ventricle."""
    duct = tube(points, [(0, -27, -3), (0, -33, -10), (0, -37, -20)], [1.3, 0.9, 1.2])
    tent = ellipsoid(rotated(points, (0, -42, -32), pitch=-14), (8, 4.2, 12), 1.8)
    return union(duct, tent, 4)


# --- grey nuclei -----------------------------------------------------------------------------------------------------

_THALAMUS_YAW = 24.0


def thalamus(points: Points, scale: float = 1.0) -> FloatArray:
    """Right thalamus: an egg with its narrow end to the front and midline, the pulvinar behind and to the side."""
    x, y, z = rotated(points, (11.3, -17.5, 8.0), yaw=_THALAMUS_YAW, pitch=6, roll=-8)
    egg = np.float32(1) - np.float32(0.012) * (y + 4)  # narrower to the front
    body = ellipsoid((x / egg, y, z / (0.5 + 0.5 * egg)), (7.1 * scale, 15.8 * scale, 8.8 * scale), 2.5)
    pulvinar = ellipsoid(rotated(points, (16.2, -29.0, 6.8), yaw=35), (7.4 * scale, 7.0 * scale, 7.4 * scale), 2.3)
    return np.maximum(union(body, pulvinar, 4), np.float32(1.6) - points[0])


def pulvinar_share(points: Points) -> FloatArray:
    """How much of a thalamic point is pulvinar, 0 to 1: the back third, with a soft border."""
    along = rotated((np.abs(points[0]), points[1], points[2]), (11.3, -17.5, 8.0), yaw=_THALAMUS_YAW)[1]
    return np.clip((-6.0 - along) / 5 + 0.5, 0, 1).astype(np.float32)


def caudate(points: Points) -> FloatArray:
    """Right caudate nucleus: head in the frontal horn's side wall, body and tail along the ventricle."""
    head = ellipsoid(rotated(points, (13.8, 14, 7.5), yaw=-14, pitch=-18), (5.2, 10.5, 8.6), 2.2)
    tail = tube(points, smooth_path([(14.5, 6, 14), (16.5, -6, 20), (19.5, -18, 22), (26, -32, 18)], 6),
                _tapered(smooth_path([(14.5, 6, 14), (16.5, -6, 20), (19.5, -18, 22), (26, -32, 18)], 6), 4.2, 1.5), 3)  # fmt: skip
    return union(head, tail, 4)


def _tapered(path: list[Triple], first: float, last: float) -> list[float]:
    return [float(r) for r in np.linspace(first, last, len(path))]


def putamen(points: Points) -> FloatArray:
    """Right putamen: a shell, convex to the insula."""
    x, y, z = rotated(points, (26.5, 2, 2), yaw=15, roll=8)
    bowed = x + 0.012 * (y + 1) ** 2 + 0.012 * z**2 - 1.5
    return ellipsoid((bowed, y, z), (5.0, 17.5, 11.0), 2.3)


def pallidum(points: Points) -> FloatArray:
    """Right globus pallidus: a wedge on the inner side of the putamen."""
    x, y, z = rotated(points, (19.6, -3.5, -0.5), yaw=30, roll=10)
    wedge = 1 - 0.018 * y
    return ellipsoid((x / wedge, y, z), (4.2, 8.8, 6.2), 2.2)


def claustrum(points: Points) -> FloatArray:
    """A thin sheet between putamen and insula."""
    shell = np.abs(putamen(points) - np.float32(2.6)) - np.float32(0.45)
    aside = rotated(points, (26.5, 2, 2), yaw=15)[0]
    return np.maximum(np.maximum(shell, 3.5 - aside), np.abs(points[2] - 2) - 10)


def substantia_nigra(points: Points) -> FloatArray:
    """A tilted leaf in the peduncle."""
    x, y, z = rotated(points, (9.3, -18.0, -11), yaw=42, pitch=18)
    return ellipsoid((x + 0.02 * y**2, y, z), (1.9, 6.2, 5.2), 2.2)


# --- veins -----------------------------------------------------------------------------------------------------------

# Path and radii in mm; those that exist on both sides are written for the right one.
VEINS_PAIRED: list[tuple[list[Triple], float, float]] = [
    # internal cerebral vein, over the thalamus's inner upper border
    ([(2.8, 0.5, 12.5), (2.6, -8, 16.2), (2.8, -18, 17.0), (3.0, -28, 15.2), (2.0, -36, 11.5), (0.6, -41, 10)], 0.95, 1.2),
    # basal vein of Rosenthal, round the midbrain and under the pulvinar
    ([(11, 3, -15), (17, -8, -14), (20, -19, -9.5), (19.2, -28, -3.6), (14, -35.5, 0.6), (6.5, -40, 5), (1, -42.5, 8)], 0.8, 1.15),
    # thalamostriate vein, in the groove between thalamus and caudate
    ([(2.8, 0.5, 12.5), (6.5, -1.5, 16.5), (11, -7, 18.8), (15, -16, 19.3), (19, -25, 18.2)], 0.8, 0.5),
    # septal vein
    ([(2.8, 0.5, 12.5), (2.2, 8, 10.5), (3, 18, 9), (6.5, 25.5, 8)], 0.7, 0.4),
    # medial atrial vein
    ([(3, -37, 11), (10, -41, 14.5), (18, -44, 17)], 0.7, 0.45),
]  # fmt: skip
VEINS_MIDLINE: list[tuple[list[Triple], float, float]] = [
    # vein of Galen into the straight sinus
    ([(0, -40.5, 9.5), (0, -45, 9.5), (0, -49, 12)], 1.7, 2.2),
    ([(0, -49, 12), (0, -60, 4.5), (0, -75, -4), (0, -96, -11)], 1.9, 2.4),
    ([(0, 66, 18), (0, 55, 49), (0, 26, 71), (0, -10, 78.5), (0, -52, 71), (0, -84, 45), (0, -101, 12), (0, -99, -9)], 1.4, 3.2),
]  # fmt: skip


def _veins() -> list[Structure]:
    """Each vein as tubes of a few corners, so that what is worked out for one stays in a small box."""
    out = []
    for mirrored, veins in ((True, VEINS_PAIRED), (False, VEINS_MIDLINE)):
        for path, first, last in veins:
            course = smooth_path(path, 4.0)
            radii = _tapered(course, first, last)
            for start in range(0, len(course) - 1, 5):
                out.append(_tube("vein", course[start : start + 6], radii[start : start + 6], mirrored))
    return out


def _tube(tissue: str, course: list[Triple], radii: list[float], mirrored: bool) -> Structure:
    low, high = np.min(course, 0) - max(radii) - 1, np.max(course, 0) + max(radii) + 1
    box = ((float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2])))
    return Structure(tissue, box, lambda p: tube(p, course, radii), mirrored)


def choroid_plexus(points: Points) -> FloatArray:
    """A small tuft in the front of the atrium."""
    return tube(points, [(20, -35, 18), (24.0, -38.5, 11.5), (26.5, -38.5, 5)], [1.0, 2.2, 1.2], 1)


def structures() -> list[Structure]:
    """Everything inside the brain that is not cortex, white matter or lesion, in the order of painting."""

    def fissure(p: Points) -> FloatArray:
        return np.maximum(np.abs(p[0]) - np.float32(0.9), np.float32(0.8) - block(p))

    def callosal_grey(p: Points) -> FloatArray:
        return np.maximum(np.maximum(np.abs(block(p) - 1.5) - 1.5, np.abs(p[0]) - 9), 1 - p[2])

    def callosal_sulcus(p: Points) -> FloatArray:
        return np.maximum(np.maximum(np.abs(block(p) - 0.6) - 0.6, np.abs(p[0]) - 7), 2 - p[2])

    def joined(p: Points) -> FloatArray:
        return np.maximum(block(p), np.abs(p[0]) - np.float32(13) - np.clip(p[2] - 5, 0, 4))

    def galen_cistern(p: Points) -> FloatArray:
        return ellipsoid(rotated(p, (0, -46.5, 6)), (6.5, 6.5, 7.5))

    def hypothalamus(p: Points) -> FloatArray:
        return np.maximum(ellipsoid(rotated(p, (0, -5, -5)), (6.5, 11, 8)), block(p) + 0.5)

    def sylvian_grey(p: Points) -> FloatArray:
        return insular_cistern(p) - np.float32(2.7)

    insula = ((18, -48, -24), (75, 40, 32))
    inside = ((0, -82, -26), (42, 38, 34))
    return [
        Structure("grey within", insula, sylvian_grey, True),
        Structure("csf within", insula, insular_cistern, True),
        Structure("csf within", ((-3, -112, -45), (3, 80, 86)), fissure),
        Structure("grey within", ((-10, -50, 0), (10, 40, 36)), callosal_grey),
        Structure("csf within", ((-10, -50, 0), (10, 40, 36)), callosal_sulcus),
        Structure("csf", ((-8, -55, -3), (8, -38, 15)), galen_cistern),
        Structure("white", ((-18, -48, -16), (18, 38, 34)), joined),
        Structure("grey", ((-8, -18, -15), (8, 8, 5)), hypothalamus),
        Structure("claustrum", ((24, -24, -14), (42, 26, 18)), claustrum, True),
        Structure("putamen", ((14, -24, -14), (40, 26, 18)), putamen, True),
        Structure("pallidum", ((10, -18, -12), (32, 12, 10)), pallidum, True),
        Structure("caudate", ((6, -38, -6), (32, 32, 28)), caudate, True),
        Structure("csf", inside, lateral_ventricle, True),
        Structure("thalamus right", ((0, -42, -5), (30, 4, 22)), thalamus, True, pulvinar_share, 0.12),
        Structure("csf", ((-6, -32, -16), (6, 10, 16)), third_ventricle),
        Structure("choroid plexus", ((17, -44, 1), (31, -32, 22)), choroid_plexus, True),
        Structure("grey", ((-5, -40, -2), (5, -30, 9)), lambda p: ellipsoid(rotated(p, (0, -35, 3)), (2.6, 3.6, 2.6))),
        Structure("red nucleus", ((1, -26, -15), (10, -14, -3)),
                  lambda p: ellipsoid(rotated(p, (5.2, -20.5, -9)), (3.0, 3.2, 4.0)), True),
        Structure("substantia nigra", ((1, -28, -20), (20, -8, -2)), substantia_nigra, True),
        Structure("csf", ((-12, -52, -50), (12, -24, 2)), aqueduct),
        *_veins(),
    ]  # fmt: skip


ATRIUM_CENTRE: Triple = (26.5, -46.5, 11.0)
