"""Contours carried from slice to slice by how the anatomy moves in the images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float3D = NDArray[np.float32]

VOXEL_MM = 1.0  # motion is smooth: it is found on voxels of about this size
NOISE_MM = 0.4  # smoothing of the images before their motion is found
WINDOW_MM = 1.5  # reach (standard deviation) of what is taken to move together
STIFFNESS = 0.1  # squared slope (of an image with a variance of one, per mm) below which nothing is taken to move
SMOOTHING_MM = 1.0  # of the motion, after each round
ROUNDS = 5
MOST_MM = 1.0  # that a round may move


def carried_distance_mm(
    own_mm: Float3D,
    slices: NDArray[np.intp],
    path: NDArray[np.float64],
    near: NDArray[np.bool_],
    spacing: NDArray[np.float64],
    pictures: Sequence[Float3D],
) -> Float3D:
    """Carry each key's contour through all slices along the images, and interpolate between what arrives.

    Parameters
    ----------
    own_mm : float array, shape (keys, y, x)
        The keys' signed distances.
    slices : int array, shape (keys,)
        Indices of the drawn slices.
    path : float array, shape (z, 2)
        Where the structure is expected to lie in plane on each slice (y, x), in voxels; only its changes count. What
        the images do not tell moves along with it.
    near : bool array, shape (z, y, x)
        Voxels near the structure's expected edge.
    spacing : (z, y, x) in mm
    pictures : sequence of float arrays, shape (z, y, x)
        Images with a variance of about one and without holes.

    Returns
    -------
    float array, shape (z, y, x)
        Signed distance to the carried edge in mm, positive inside.

    Notes
    -----
    The motion from each slice to its neighbours is found by iterated least squares in a window [1]_, over all images
    together. Each image counts as much as neighbouring slices resemble each other in it, so that one of noise moves
    nothing. The motions, one after the other, lead from a slice to each key.

    References
    ----------
    .. [1] Lucas BD, Kanade T. An iterative image registration technique with an application to stereo vision. Proc
       IJCAI 1981:674-679.
    """
    from scipy.interpolate import PchipInterpolator

    stride = np.maximum(1, np.round(VOXEL_MM / spacing[1:])).astype(int)
    sparse = (slice(None), slice(None, None, stride[0]), slice(None, None, stride[1]))
    voxel_mm = spacing[1:] * stride
    seen = [ndimage.gaussian_filter(p, (0, *NOISE_MM * voxel_mm / VOXEL_MM / spacing[1:]))[sparse] for p in pictures]
    weights = [_likeness(p[sparse], near[sparse]) for p in pictures]
    step = np.diff(path, axis=0) / stride
    below = _motion([p[1:] for p in seen], [p[:-1] for p in seen], weights, -step, voxel_mm)
    above = _motion([p[:-1] for p in seen], [p[1:] for p in seen], weights, step, voxel_mm)
    arrived = np.stack([_carry(o, k, below, above) for o, k in zip(own_mm[sparse], slices.tolist(), strict=True)])
    level = np.stack([PchipInterpolator(slices, arrived[:, k], axis=0)(k) for k in range(len(path))])
    fine = ndimage.affine_transform(level, [1, *1 / stride], output_shape=near.shape, order=1, mode="nearest")
    fine[slices] = own_mm
    return np.asarray(fine, dtype=np.float32)


def _likeness(picture: Float3D, near: NDArray[np.bool_]) -> float:
    """How much neighbouring slices resemble each other: their correlation."""
    both = near[1:] & near[:-1]
    one, other = picture[1:][both], picture[:-1][both]
    if len(one) < 2 or one.std() < 1e-6 or other.std() < 1e-6:
        return 0.0
    return max(0.0, float(((one - one.mean()) * (other - other.mean())).mean() / (one.std() * other.std())))


def _motion(
    here: Sequence[Float3D],
    there: Sequence[Float3D],
    weights: Sequence[float],
    start: NDArray[np.float64],
    voxel_mm: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Where each voxel of the slices `here` lies on those `there`: a shift in voxels, shape (2, z, y, x)."""
    grid = np.indices(here[0].shape, dtype=np.float32)
    move = np.broadcast_to(start.T[:, :, None, None], (2, *here[0].shape)).astype(np.float32)
    window, smooth = (0, *WINDOW_MM / voxel_mm), (0, 0, *SMOOTHING_MM / voxel_mm)
    for _ in range(ROUNDS):
        sums = np.zeros((5, *here[0].shape), dtype=np.float32)
        for one, other, weight in zip(here, there, weights, strict=True):
            if weight == 0:
                continue
            moved = ndimage.map_coordinates(
                other, [grid[0], grid[1] + move[0], grid[2] + move[1]], order=1, mode="nearest"
            )
            y, x = np.gradient((moved + one) / 2, *voxel_mm, axis=(1, 2))
            rest = one - moved
            sums += weight * np.stack([y * y, y * x, x * x, y * rest, x * rest])
        if not sums.any():
            return move
        yy, yx, xx, yr, xr = (ndimage.gaussian_filter(s, window, truncate=2.5) for s in sums)
        yy, xx = yy + STIFFNESS, xx + STIFFNESS
        step = np.stack([xx * yr - yx * xr, yy * xr - yx * yr]) / (yy * xx - yx * yx)
        move += np.clip(step, -MOST_MM, MOST_MM) / voxel_mm[:, None, None, None]
        move = ndimage.gaussian_filter(move, smooth, truncate=2.5)
    return move


def _carry(own: Float3D, key: int, below: NDArray[np.float32], above: NDArray[np.float32]) -> Float3D:
    """One key's signed distance on all slices, shape (z, y, x), by following the motion from each back to the key."""
    grid = np.indices(own.shape, dtype=np.float32)
    result = np.empty((below.shape[1] + 1, *own.shape), dtype=np.float32)
    result[key] = own
    for slices, motion, offset in ((range(key + 1, len(result)), below, 1), (range(key - 1, -1, -1), above, 0)):
        way = np.zeros_like(grid)
        for k in slices:
            first = motion[:, k - offset]
            way = first + np.stack([ndimage.map_coordinates(w, grid + first, order=1, mode="nearest") for w in way])
            result[k] = ndimage.map_coordinates(own, grid + way, order=1, mode="nearest")
    return result
