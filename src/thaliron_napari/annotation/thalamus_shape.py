"""What a thalamus looks like before any image is seen: a bent ellipsoid beside the mid-sagittal plane.

Places are (superior, posterior, lateral) in mm: lateral counts from the mid-sagittal plane towards the thalamus, the
other two from wherever the caller likes. A pose is nine numbers: the middle (3), the logarithms of the stretch of the
three half-axes, and the angles yaw, pitch and roll in radians; many poses are an array (n, 9).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A thalamus is some 3 to 4 cm long, 2 cm wide and 2 cm high, 6 to 8 ml; its long axis runs backwards and outwards at
# some 30 degrees to the midline, a little less than that of the largest spread (Standring S, ed. Gray's Anatomy, 41st
# ed.; Nieuwenhuys R et al. The Human Central Nervous System, 4th ed.). Its ends hang over, as it arches over the
# midbrain, and turn outwards from the third ventricle.
HALF_AXES_MM = np.array([18.0, 8.5, 10.5])  # along, across and height
BEND_MM = (2.0, -3.0)  # outwards and upwards at the ends, against the middle
MIDDLE_LATERAL_MM = 11.0
USUAL = np.array([0, 0, MIDDLE_LATERAL_MM, 0, 0, 0, np.deg2rad(25), np.deg2rad(10), 0])
# A head may be pitched in the scanner, so that angle is known worst.
SPREAD = np.array([3.5, 6.0, 1.5, 0.1, 0.1, 0.1, np.deg2rad(7), np.deg2rad(10), np.deg2rad(10)])


def surface(poses: Floats, directions: Floats, away_mm: Floats) -> tuple[Floats, Floats, Floats]:
    """Points inside and outside of the surface of each pose.

    Parameters
    ----------
    poses : float array, shape (n, 9)
    directions : float array, shape (d, 3)
        Unit vectors that say where on the surface (along, across, height).
    away_mm : float array, shape (a,)
        Distances from the surface, positive outside.

    Returns
    -------
    three float arrays, shape (n, d, a)
        Superior, posterior and lateral in mm.
    """
    half = HALF_AXES_MM * np.exp(poses[:, None, 3:6])
    normal = directions / half
    normal /= np.sqrt((normal * normal).sum(axis=-1, keepdims=True))
    at = (directions * half)[..., None] + normal[..., None] * away_mm
    along, across, height = at[:, :, 0], at[:, :, 1], at[:, :, 2]
    bend = _bend(along / half[:, :, :1])
    across, height = across + BEND_MM[0] * bend, height + BEND_MM[1] * bend
    yaw, pitch, roll = (poses[:, k, None, None] for k in (6, 7, 8))
    across, height = across * np.cos(roll) - height * np.sin(roll), across * np.sin(roll) + height * np.cos(roll)
    along, height = along * np.cos(pitch) + height * np.sin(pitch), height * np.cos(pitch) - along * np.sin(pitch)
    along, across = along * np.cos(yaw) - across * np.sin(yaw), along * np.sin(yaw) + across * np.cos(yaw)
    superior, posterior, lateral = poses[:, 0, None, None], poses[:, 1, None, None], poses[:, 2, None, None]
    return superior + height, posterior + along, lateral + across


def depth_mm(poses: Floats, superior: Floats, posterior: Floats, lateral: Floats) -> Floats:
    """How far places lie inside of a pose's surface, in mm (to first order; negative outside).

    The poses' shape without its last axis and that of the places must broadcast.
    """
    pose = np.moveaxis(poses, -1, 0)
    height, along, across = superior - pose[0], posterior - pose[1], lateral - pose[2]
    yaw, pitch, roll = pose[6], pose[7], pose[8]
    along, across = along * np.cos(yaw) + across * np.sin(yaw), across * np.cos(yaw) - along * np.sin(yaw)
    along, height = along * np.cos(pitch) - height * np.sin(pitch), along * np.sin(pitch) + height * np.cos(pitch)
    across, height = across * np.cos(roll) + height * np.sin(roll), height * np.cos(roll) - across * np.sin(roll)
    half = [axis * np.exp(stretch) for axis, stretch in zip(HALF_AXES_MM, pose[3:6], strict=True)]
    bend = _bend(along / half[0])
    parts = along / half[0], (across - BEND_MM[0] * bend) / half[1], (height - BEND_MM[1] * bend) / half[2]
    radius = np.sqrt(sum(part**2 for part in parts))
    slope = np.sqrt(sum((part / h) ** 2 for part, h in zip(parts, half, strict=True)))
    return np.asarray((1 - radius) * radius / np.maximum(slope, 1e-6))


def _bend(along: Floats) -> Floats:
    """How far the ends are bent, with a mean of about 0, and no further beyond them."""
    return np.asarray(np.clip(along, -1.3, 1.3) ** 2 - 1 / 3)
