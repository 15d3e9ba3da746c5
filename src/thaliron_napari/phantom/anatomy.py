"""The list of what is painted inside the head, in canonical RAS mm (close to MNI space), and what joins the halves."""

from functools import cache

import numpy as np
from scipy import ndimage

from . import nuclei
from .shapes import FloatArray, Points, ellipsoid, polygon, rotated, union
from .structure import Structure
from .veins import veins
from .ventricles import aqueduct, choroid_plexus, insular_cistern, septum, third_ventricle

# Outline in the sagittal plane (y, z) of what joins the hemispheres: corpus callosum above, brain stem's roof below.
_BLOCK = [
    (34, 3), (32, 13), (25, 22), (12, 28), (-4, 30.5), (-20, 30), (-33, 25), (-42, 17), (-44, 10), (-40, 5.5), (-33, 6),
    (-30, 1), (-27, -8), (-14, -13), (-4, -13), (3, -9), (6, 0), (12, -1), (20, -4), (28, -4),
]  # fmt: skip


def block(points: Points) -> FloatArray:
    """Signed distance to the outline of the commissures, as if it went from side to side."""
    raster = _block_raster()
    place = np.stack([(points[1] + 118) * 2, (points[2] + 80) * 2])
    return np.asarray(ndimage.map_coordinates(raster, place, order=1, mode="nearest"))


@cache
def _block_raster() -> FloatArray:
    """The outline's distance every half millimetre of the sagittal plane."""
    y, z = np.meshgrid(np.arange(-118, 90, 0.5), np.arange(-80, 95, 0.5), indexing="ij")
    outline = polygon(y.astype(np.float32), z.astype(np.float32), _BLOCK)
    return np.asarray(ndimage.gaussian_filter(outline - 1, 1.5), np.float32)


def fissure(points: Points) -> FloatArray:
    """Between the hemispheres, down to what joins them."""
    return np.asarray(np.maximum(np.abs(points[0]) - np.float32(0.9), np.float32(0.8) - block(points)))


def callosal_sulcus(points: Points, thickness: float = 0.6) -> FloatArray:
    """The sulcus over the corpus callosum, which bends away from it to the sides."""
    above = block(points) - np.float32(0.5) - np.float32(0.035) * points[0] ** 2
    bent = np.hypot(above, np.maximum(np.abs(points[0]) - 6, 0))
    return np.asarray(np.maximum(bent, 1 - points[2]) - np.float32(thickness))


def joined(points: Points) -> FloatArray:
    """Corpus callosum and all that lies under it between the hemispheres, before ventricles and nuclei are set in."""
    side = np.abs(points[0]) - 11 + np.float32(0.45) * np.clip(3 - points[2], 0, None) - np.clip(points[2] - 5, 0, 4)
    return -union(-block(points), -side, 4)


def galen_cistern(points: Points) -> FloatArray:
    """Cistern round the vein of Galen."""
    return ellipsoid(rotated(points, (0, -46.5, 6)), (6.5, 6.5, 7.5))


def eye(points: Points) -> FloatArray:
    """Right eye."""
    return ellipsoid(rotated(points, (31, 48, -29)), (11.5, 12, 11.5))


def nose(points: Points) -> FloatArray:
    """Air in nose and throat."""
    front = ellipsoid(rotated(points, (0, 42, -48)), (10, 16, 14))
    return union(front, ellipsoid(rotated(points, (0, 14, -54)), (9, 10, 20)), 6)


def structures() -> list[Structure]:
    """All that is not skull, cortex, white matter, hindbrain or lesion, in the order of painting."""
    insula = ((18.0, -48.0, -24.0), (75.0, 40.0, 32.0))
    callosal = ((-10.0, -50.0, 0.0), (10.0, 40.0, 36.0))
    ventricles = ((-42.0, -82.0, -26.0), (42.0, 38.0, 34.0))

    def insular_grey(points: Points) -> FloatArray:
        return insular_cistern(points) - np.float32(2.7)

    def callosal_grey(points: Points) -> FloatArray:
        return callosal_sulcus(points, 2.6)

    def floor(points: Points) -> FloatArray:
        return np.asarray(np.maximum(nuclei.hypothalamus(points), block(points) + np.float32(0.5)))

    return [
        Structure("csf", ((17, 32, -44), (46, 64, -12)), eye, mirrored=True),
        Structure("outside", ((-16, 0, -80), (16, 64, -26)), nose),
        Structure("grey matter", insula, insular_grey, mirrored=True, in_hemispheres=True),
        Structure("csf", insula, insular_cistern, mirrored=True, in_hemispheres=True),
        Structure("csf", ((-3, -112, -45), (3, 80, 86)), fissure, in_hemispheres=True),
        Structure("grey matter", callosal, callosal_grey, in_hemispheres=True),
        Structure("csf", callosal, callosal_sulcus, in_hemispheres=True),
        Structure("csf", ((-8, -55, -3), (8, -38, 15)), galen_cistern),
        Structure("white matter", ((-18, -48, -16), (18, 38, 34)), joined),
        Structure("grey matter", ((-8, -18, -15), (8, 8, 5)), floor),
        Structure("grey matter", ((16, -40, -26), (36, 4, 4)), nuclei.hippocampus, mirrored=True),
        Structure("claustrum", ((24, -24, -14), (42, 26, 18)), nuclei.claustrum, mirrored=True),
        Structure("putamen", ((14, -24, -14), (40, 26, 18)), nuclei.putamen, mirrored=True),
        Structure("pallidum", ((10, -18, -12), (32, 12, 10)), nuclei.pallidum, mirrored=True),
        Structure("ventricle lining", ventricles, "ventricle", outwards_mm=0.9),
        Structure("caudate", ((6, -38, -6), (32, 32, 28)), nuclei.caudate, mirrored=True),
        Structure("csf", ventricles, "ventricle"),
        Structure("white matter", ((-3, -8, 0), (3, 36, 26)), septum),
        Structure(
            "thalamus right",
            ((0, -42, -5), (30, 4, 22)),
            nuclei.thalamus,
            mirrored=True,
            pulvinar=nuclei.pulvinar_share,
            left_larger_mm=0.12,
        ),
        Structure("csf", ((-6, -32, -16), (6, 10, 16)), third_ventricle),
        Structure("grey matter", ((-8, -17, 1), (8, -7, 12)), nuclei.massa),
        Structure("choroid plexus", ((17, -44, 1), (31, -32, 22)), choroid_plexus, mirrored=True),
        Structure("grey matter", ((-5, -40, -2), (5, -30, 9)), nuclei.pineal),
        Structure("red nucleus", ((1, -26, -15), (10, -14, -3)), nuclei.red_nucleus, mirrored=True),
        Structure("substantia nigra", ((1, -28, -20), (20, -8, -2)), nuclei.substantia_nigra, mirrored=True),
        Structure("csf", ((-12, -52, -50), (12, -24, 2)), aqueduct),
        *veins(),
    ]
