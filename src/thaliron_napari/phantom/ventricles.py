"""Spaces filled with CSF inside the brain, in canonical RAS mm; paired ones are the right one."""

import numpy as np

from .shapes import FloatArray, Points, Triple, disc, ellipsoid, rotated, tube, union

ATRIUM_CENTRE: Triple = (26.5, -46.5, 11.0)


def lateral_ventricle(points: Points) -> FloatArray:
    """Right lateral ventricle: frontal horn, body, atrium, occipital and temporal horn."""
    x, y, z = points
    front = tube((x, y, 12 + (z - 12) / np.float32(1.35)),
                 [(13, 31, 8), (8.5, 20, 11), (7.5, 8, 14), (8.5, -2, 17.5)], [2.0, 4.6, 5.0, 4.0], 4)  # fmt: skip
    body = tube(
        (x, y, z), [(8.5, -2, 20), (11.5, -16, 22.5), (17, -30, 20.5), (24.5, -42, 13)], [4.2, 4.2, 5.2, 7.6], 4
    )
    wall = tube((x, y, z), [(5.0, -2, 21.5), (5.5, -16, 24), (9, -27, 23)], [2.4, 2.2, 2.0], 3)
    atrium = ellipsoid(rotated(points, (26.5, -45, 11), yaw=18, pitch=-25), (6.8, 10.5, 9.5))
    occipital = tube(points, [(26, -50, 10), (25, -63, 9.5), (23.5, -77, 8.5)], [5.5, 3.4, 1.2], 4)
    temporal = tube(points, [(28, -42, 4), (34, -32, -8), (35.5, -20, -14), (31, -9, -19)], [4.6, 2.4, 2.2, 2.6], 4)
    whole = union(union(front, union(body, wall, 4), 5), atrium, 5)
    whole = union(union(whole, occipital, 5), temporal, 5)
    return whole


def septum(points: Points) -> FloatArray:
    """Septum pellucidum, between the frontal horns and bodies."""
    return np.maximum(np.abs(points[0]) - np.float32(0.8), disc(points[1] - 14, points[2] - 13, 20, 10))


def third_ventricle(points: Points) -> FloatArray:
    """The slit between the thalami."""
    x, y, z = rotated(points, (0, -11, 1), pitch=8)
    out = (y / np.float32(16.5)) ** 2 + (z / np.float32(12.5)) ** 2
    return np.maximum(np.abs(x) - np.float32(2.5) * (1 - np.minimum(out, 1) ** 2), disc(y, z, 16.5, 12.5))


def insular_cistern(points: Points) -> FloatArray:
    """The Sylvian fissure: a pocket over the insula and the sheet that leads from it to the side of the brain."""
    x, y, z = points
    bowed = x - 38.5 + 0.008 * (y - 2) ** 2 + 0.014 * (z - 3) ** 2 + 0.7 * np.sin(0.6 * y + 0.3 * z)
    pocket = np.hypot(bowed, np.maximum(disc(y - 2, z - 3 + 0.3 * y, 18.5, 11.5), 0)) - np.float32(1.5)
    wavy = 2.2 * np.sin(0.16 * x + 0.5) + 1.8 * np.sin(0.21 * y) - 0.06 * (x - 40)
    sheet = np.abs(z + 1 + 0.48 * (y - 2) + wavy) * np.float32(0.85)
    sheet = np.hypot(sheet, np.maximum(np.maximum(39 - x, np.abs(y + 9) - 26 - 0.15 * (x - 40)), 0)) - np.float32(0.75)
    stem = tube(points, [(25, 9, -13), (36, 11, -12), (48, 16, -10), (60, 20, -8)], [1.6, 2.0, 2.2, 2.5])
    return union(union(pocket, sheet, 2.5), stem, 3)


def aqueduct(points: Points) -> FloatArray:
    """Aqueduct and fourth ventricle."""
    duct = tube(points, [(0, -27, -3), (0, -33, -10), (0, -37, -20)], [1.3, 0.9, 1.2])
    tent = ellipsoid(rotated(points, (0, -42, -32), pitch=-14), (8, 4.2, 12), 1.8)
    return union(duct, tent, 4)


def choroid_plexus(points: Points) -> FloatArray:
    """A small tuft in the front of the atrium."""
    return tube(points, [(20, -35, 18), (24.0, -38.5, 11.5), (26.5, -38.5, 5)], [1.0, 2.2, 1.2], 1)
