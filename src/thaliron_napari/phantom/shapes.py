"""Signed distances to simple shapes, in mm: negative inside, positive outside.

Every function takes points as three float32 arrays ``(x, y, z)`` of one shape. Distances are exact near the surface,
which is where partial volume is made of them, and grow steadily away from it.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Points = tuple[FloatArray, FloatArray, FloatArray]
Triple = tuple[float, float, float]


def rotated(points: Points, centre: Triple, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Points:
    """Give points in a frame of its own: shifted to `centre`, then turned by angles in degrees.

    Parameters
    ----------
    yaw, pitch, roll
        Turns about the z, x and y axis. Positive yaw points the +y axis of the frame towards -x, positive pitch points
        it towards +z, positive roll points the +x axis of the frame towards -z.
    """
    x, y, z = (p - np.float32(c) for p, c in zip(points, centre, strict=True))
    if yaw:
        c, s = _turn(yaw)
        x, y = c * x + s * y, c * y - s * x
    if pitch:
        c, s = _turn(pitch)
        y, z = c * y + s * z, c * z - s * y
    if roll:
        c, s = _turn(roll)
        x, z = c * x - s * z, c * z + s * x
    return x, y, z


def _turn(degrees: float) -> tuple[np.float32, np.float32]:
    angle = np.deg2rad(degrees)
    return np.float32(np.cos(angle)), np.float32(np.sin(angle))


def ellipsoid(points: Points, semi_axes: Triple, power: float = 2.0) -> FloatArray:
    """Signed distance to a (super)ellipsoid at the origin, to first order.

    ``power`` 2 is an ellipsoid, 3 has fuller shoulders. The value is the implicit function over the length of its
    gradient.
    """
    p = np.float32(power)
    scaled = [np.abs(q) / np.float32(r) for q, r in zip(points, semi_axes, strict=True)]
    if power == 2.0:
        level = np.sqrt(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2)
        slope = np.sqrt(sum((s / np.float32(r)) ** 2 for s, r in zip(scaled, semi_axes, strict=True)))
        return np.asarray(level * (level - 1) / np.maximum(slope, np.float32(1e-6)))
    level = (scaled[0] ** p + scaled[1] ** p + scaled[2] ** p) ** (1 / p)
    level = np.maximum(level, np.float32(1e-3))
    slope = np.sqrt(sum(((s / level) ** (p - 1) / np.float32(r)) ** 2 for s, r in zip(scaled, semi_axes, strict=True)))
    # Towards the middle the gradient fades and the first order fails, but no point is deeper than the least axis.
    return np.maximum((level - 1) / np.maximum(slope, np.float32(1e-6)), np.float32(-min(semi_axes)))


def disc(u: FloatArray, v: FloatArray, semi_u: float, semi_v: float) -> FloatArray:
    """Signed distance to an ellipse in a plane, from all along its normal."""
    return ellipsoid((np.zeros_like(u), u, v), (max(semi_u, semi_v), semi_u, semi_v))


def tube(points: Points, path: Sequence[Triple], radii: Sequence[float] | float, blend: float = 0.0) -> FloatArray:
    """Signed distance to a tube along a path of straight pieces, its radius going evenly from corner to corner.

    Parameters
    ----------
    path
        Corners in mm, at least two.
    radii
        Radius in mm at every corner, or one for all.
    blend
        Reach in mm over which neighbouring pieces run into each other smoothly.
    """
    sizes = [radii] * len(path) if isinstance(radii, float | int) else list(radii)
    pieces = (_piece(points, a, b, r, s) for a, b, r, s in zip(path[:-1], path[1:], sizes[:-1], sizes[1:], strict=True))
    if blend:
        return reduce(lambda d, e: union(d, e, blend), pieces)
    return reduce(np.minimum, pieces)


def _piece(points: Points, start: Triple, stop: Triple, radius: float, end_radius: float) -> FloatArray:
    along = np.asarray(stop, np.float32) - np.asarray(start, np.float32)
    from_start = [p - np.float32(c) for p, c in zip(points, start, strict=True)]
    share = from_start[0] * along[0] + from_start[1] * along[1] + from_start[2] * along[2]
    share /= max(float(along @ along), 1e-6)
    np.clip(share, 0, 1, out=share)
    square = sum(((p - share * a) ** 2 for p, a in zip(from_start, along, strict=True)), np.float32(0))
    return np.asarray(np.sqrt(square) - (np.float32(radius) + share * np.float32(end_radius - radius)))


def union(a: FloatArray, b: FloatArray, blend: float) -> FloatArray:
    """Smooth union: where two surfaces meet the seam is rounded over `blend` mm (quadratic smooth minimum)."""
    k = np.float32(blend)
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.asarray(np.minimum(a, b) - h * h * (k / 4))


def difference(a: FloatArray, b: FloatArray, blend: float) -> FloatArray:
    """What is in `a` and not in `b`, the edge rounded over `blend` mm."""
    return -union(-a, b, blend)


def polygon(u: FloatArray, v: FloatArray, corners: Sequence[tuple[float, float]]) -> FloatArray:
    """Signed distance to a closed polygon in the plane (inside by the even-odd rule)."""
    square = np.full(u.shape, np.inf, np.float32)
    inside = np.zeros(u.shape, bool)
    for (u0, v0), (u1, v1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        du, dv = u1 - u0, v1 - v0
        share = np.clip(((u - u0) * du + (v - v0) * dv) / (du * du + dv * dv), 0, 1)
        square = np.minimum(square, (u - u0 - share * du) ** 2 + (v - v0 - share * dv) ** 2)
        if dv:
            inside ^= ((v0 <= v) != (v1 <= v)) & (u < u0 + (v - v0) / dv * du)
    return np.where(inside, -1, 1).astype(np.float32) * np.sqrt(square).astype(np.float32)


def smooth_path(path: Sequence[Triple], step_mm: float = 2.0) -> list[Triple]:
    """Catmull-Rom curve through the corners of a path, as corners some `step_mm` apart."""
    p = np.asarray([path[0], *path, path[-1]], float)
    out: list[Triple] = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        n = max(1, round(float(np.linalg.norm(c - b)) / step_mm))
        for t in np.arange(n) / n:
            q = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
            out.append((float(q[0]), float(q[1]), float(q[2])))
    return [*out, path[-1]]


def tapered(path: Sequence[Triple], first: float, last: float) -> list[float]:
    """Radii for the corners of a path, going evenly from the first to the last."""
    return [float(r) for r in np.linspace(first, last, len(path))]
