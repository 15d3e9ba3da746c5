"""Grey nuclei inside the brain, in canonical RAS mm; paired ones are the right one."""

import numpy as np

from .shapes import FloatArray, Points, disc, ellipsoid, rotated, smooth_path, tapered, tube, union

_THALAMUS_YAW = 24.0


def thalamus(points: Points) -> FloatArray:
    """Right thalamus: an egg with its narrow end to the front and midline, the pulvinar behind and to the side."""
    x, y, z = rotated(points, (11.3, -17.5, 8.0), yaw=_THALAMUS_YAW, pitch=6, roll=-8)
    egg = np.float32(1) - np.float32(0.012) * (y + 4)  # narrower to the front
    body = ellipsoid((x / egg, y, z / (0.5 + 0.5 * egg)), (7.6, 16.2, 9.1), 2.5)
    pulvinar = ellipsoid(rotated(points, (16.2, -29.0, 6.8), yaw=35), (7.7, 7.3, 7.8), 2.3)
    return np.asarray(np.maximum(union(body, pulvinar, 4), np.float32(1.6) - points[0]))


def pulvinar_share(points: Points) -> FloatArray:
    """How much of a thalamic point is pulvinar, 0 to 1: the back third, with a soft border."""
    along = rotated((np.abs(points[0]), points[1], points[2]), (11.3, -17.5, 8.0), yaw=_THALAMUS_YAW)[1]
    return np.clip((-6.0 - along) / 5 + 0.5, 0, 1).astype(np.float32)


def caudate(points: Points) -> FloatArray:
    """Right caudate nucleus: head in the frontal horn's side wall, body and tail along the ventricle."""
    head = ellipsoid(rotated(points, (13.8, 14, 7.5), yaw=-14, pitch=-18), (5.2, 10.5, 8.6), 2.2)
    path = smooth_path([(14.5, 6, 14), (16.5, -6, 20), (19.5, -18, 22), (26, -32, 18)], 6)
    return union(head, tube(points, path, tapered(path, 4.2, 1.5), 3), 4)


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
    edge = disc(points[1] - 2, points[2] - 2, 13, 9)
    return np.asarray(np.maximum(np.maximum(shell, 3.0 - aside), edge))


def substantia_nigra(points: Points) -> FloatArray:
    """A tilted leaf in the peduncle."""
    x, y, z = rotated(points, (9.3, -18.0, -11), yaw=42, pitch=18)
    return ellipsoid((x + 0.02 * y**2, y, z), (1.9, 6.2, 5.2), 2.2)


def hippocampus(points: Points) -> FloatArray:
    """Right hippocampus along the floor of the temporal horn, and the amygdala before it."""
    body = tube(points, smooth_path([(25, -36, 1), (29, -27, -9), (28, -17, -15), (24.5, -9, -18)], 6), 3.4)
    return union(body, ellipsoid(rotated(points, (22.5, -3, -18)), (6, 6, 6.5)), 3)


def hypothalamus(points: Points) -> FloatArray:
    """Hypothalamus, both sides."""
    return ellipsoid(rotated(points, (0, -5, -5)), (6.5, 11, 8))


def red_nucleus(points: Points) -> FloatArray:
    """Right red nucleus."""
    return ellipsoid(rotated(points, (5.2, -20.5, -9)), (3.0, 3.2, 4.0))


def massa(points: Points) -> FloatArray:
    """The bridge between the thalami through the third ventricle."""
    return np.asarray(np.maximum(tube(points, [(-4, -12, 6), (4, -12, 6)], 2.6), np.abs(points[0]) - np.float32(2.6)))


def pineal(points: Points) -> FloatArray:
    """Pineal gland."""
    return ellipsoid(rotated(points, (0, -35, 3)), (2.6, 3.6, 2.6))
