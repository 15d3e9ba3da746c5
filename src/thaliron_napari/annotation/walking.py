"""A random walk that takes an uncertain edge to where neighbouring voxels differ."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float3D = NDArray[np.float32]

PRIOR = 0.5  # pull of what was known before, against that of one neighbour that looks the same
NARROWEST = 1e-3  # weight of neighbours that look entirely different, so that no voxel is cut off
TOLERANCE = 1e-3
MOST_STEPS = 100


def walked(
    probability: Float3D,
    free: NDArray[np.bool_],
    near: NDArray[np.bool_],
    spacing: NDArray[np.float64],
    pictures: Sequence[Float3D],
) -> Float3D:
    """Let neighbours that look alike agree about whether they are inside.

    Parameters
    ----------
    probability : float array, shape (z, y, x)
        Of being inside.
    free : bool array, shape (z, y, x)
        Voxels to be reconsidered; the others are certain.
    near : bool array, shape (z, y, x)
        Voxels whose contrast is the usual one: neighbours there differ, on average, by one unit.
    spacing : (z, y, x) in mm
    pictures : sequence of float arrays, shape (z, y, x)
        Images without holes, in any unit.

    Returns
    -------
    float array, shape (z, y, x)
        Probability of inside.

    Notes
    -----
    The random walker with priors [1]_: the sum over neighbours of ``w_ij (x_i - x_j)**2`` plus that over the voxels
    of ``PRIOR (x_i - p_i)**2`` is smallest. The weight ``w_ij`` falls with the neighbours' squared difference, in
    units of what neighbours differ by on average, so it depends neither on the image's unit nor on its noise, and
    with their squared distance, as for any diffusion on voxels that are no cubes. Steepest descent along conjugate
    directions [2]_ with a diagonal preconditioner needs some twenty steps; the sums are written out because they are
    small, and a sparse matrix or BLAS would take longer to load or to share among threads.

    References
    ----------
    .. [1] Grady L. Multilabel random walker image segmentation using prior models. Proc CVPR 2005;1:763-770.
    .. [2] Hestenes MR, Stiefel E. Methods of conjugate gradients for solving linear systems. J Res Natl Bur Stand
       1952;49:409-436.
    """
    links = [_likeness_along(axis, near, spacing, pictures) for axis in range(3)]
    degree = np.full(probability.shape, PRIOR, dtype=np.float32)
    for axis, weight in enumerate(links):
        low, high = _pairs(axis)
        degree[low] += weight
        degree[high] += weight

    def applied(x: Float3D) -> Float3D:
        total = degree * x
        for axis, weight in enumerate(links):
            low, high = _pairs(axis)
            total[low] -= weight * x[high]
            total[high] -= weight * x[low]
        return total

    x = probability.astype(np.float32)
    rest = np.where(free, PRIOR * probability - applied(x), 0).astype(np.float32)
    ahead = along = rest / degree
    size = first = float((rest * ahead).sum())
    for _ in range(MOST_STEPS):
        if size <= TOLERANCE**2 * first or size == 0:
            break
        turned = np.where(free, applied(along), 0)
        step = np.float32(size / float((along * turned).sum()))
        x += step * along
        rest -= step * turned
        ahead = rest / degree
        before, size = size, float((rest * ahead).sum())
        along = ahead + np.float32(size / before) * along
    return x


def _pairs(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)


def _likeness_along(
    axis: int, near: NDArray[np.bool_], spacing: NDArray[np.float64], pictures: Sequence[Float3D]
) -> Float3D:
    """Weights between neighbours along one axis."""
    low, high = _pairs(axis)
    unlike = np.zeros(near[low].shape, dtype=np.float32)
    for picture in pictures:
        # The unit is what neighbours in plane differ by: of thick slices, neighbours differ by anatomy.
        squares = [(picture[q] - picture[p])[near[p] & near[q]] ** 2 for p, q in (_pairs(1), _pairs(2))]
        usual = sum(float(s.sum()) for s in squares) / max(sum(s.size for s in squares), 1)
        unlike += (picture[high] - picture[low]) ** 2 / (len(pictures) * max(usual, 1e-9))
    nearness = (spacing.min() / spacing[axis]) ** 2
    return np.asarray((np.exp(-unlike) + NARROWEST) * nearness, dtype=np.float32)
