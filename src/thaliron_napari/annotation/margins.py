"""Margins from images: what lies inside and outside of a structure is learned on this very patient."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float3D = NDArray[np.float32]

BAND_MM = 6.0  # voxels further than this from the interpolated edge are not reconsidered
MOST_ODDS = 4.0  # no single voxel's look is trusted beyond these log-odds

SCALES_MM = (0.0, 1.0, 2.0)  # smoothing of the images that the key slices' classifier sees
SLOPE_MM = 0.8  # and of those whose slope it sees
POSITION_WEIGHT = 0.5  # of the position against the looks, under the ridge
RIDGE = 3.0
MOST_TAUGHT = 3000  # voxels of the key slices that are learned from
KEY_WEIGHT = 0.4  # neighbouring voxels tell nearly the same, so evidence counts less than if it were independent

WINDOW_MM = 2.5  # reach (standard deviation) of what is called local
NOISE_MM = 0.5  # smoothing of the images that are compared locally
LOCAL_WEIGHT = 0.4
ROUNDS = 4
COARSE_MM = 0.9  # local statistics are smooth: they are gathered on voxels of about this size


def follow_margins(
    level_mm: Float3D,
    sd_mm: NDArray[np.float32],
    drawn: NDArray[np.bool_],
    slices: NDArray[np.intp],
    spacing: NDArray[np.float64],
    pictures: Sequence[Float3D],
    share: float = 1.0,
) -> Float3D:
    """Move the interpolated edge to where the images show the structure's margin.

    Parameters
    ----------
    level_mm : float array, shape (z, y, x)
        Signed distance to the interpolated edge in mm, positive inside.
    sd_mm : float array, shape (z,)
        Uncertainty of that edge (standard deviation) on each slice.
    drawn : bool array, shape (z, y, x)
    slices : int array
        Indices of the drawn slices.
    spacing : (z, y, x) in mm
    pictures : sequence of float arrays, shape (z, y, x)
        Images with a variance of about one and without holes, see `standardised`.
    share : float, optional
        How much the images count here against the shape: less where another step follows that hears them again.

    Returns
    -------
    float array, shape (z, y, x)
        Log-odds of inside; positive inside.

    Notes
    -----
    Three things are added, as log-odds: the interpolated shape, whose certainty falls with the distance to the
    nearest key; what a classifier that was trained on the key slices near the drawn edge makes of a voxel
    (`_as_on_the_keys`); and whether the voxel looks more like the inside or like the outside nearby (`_as_nearby`,
    in a few rounds, as the answer changes what is inside). Each mends a weakness of another: the shape is all there
    is where neighbours look alike; the keys tell which of two tissues is meant; and what is near follows the bias field
    and neighbours that no key slice shows.
    """
    looks = _as_on_the_keys(level_mm, drawn, slices, spacing, pictures)
    known = level_mm / sd_mm[:, None, None] + share * KEY_WEIGHT * looks
    smooth = [ndimage.gaussian_filter(p, NOISE_MM / spacing) for p in pictures]
    odds = known
    for _ in range(ROUNDS):
        inside = 1 / (1 + np.exp(-np.clip(odds, -20, 20)))
        inside[slices] = drawn[slices]
        odds = known + share * LOCAL_WEIGHT * _as_nearby(inside, np.abs(level_mm) < BAND_MM + 2, spacing, smooth)
    return np.asarray(odds, dtype=np.float32)


def standardised(image: NDArray[np.generic], near: NDArray[np.bool_]) -> Float3D:
    """An image without its unit (mean 0 and variance 1 over the voxels `near`), and without holes."""
    picture = np.asarray(image, dtype=np.float32)
    finite = np.isfinite(picture)
    if not finite.all():
        picture = np.where(finite, picture, np.median(picture[finite]) if finite.any() else 0)
    return np.asarray((picture - picture[near].mean()) / (picture[near].std() + 1e-9), dtype=np.float32)


def _as_on_the_keys(
    level_mm: Float3D,
    drawn: NDArray[np.bool_],
    slices: NDArray[np.intp],
    spacing: NDArray[np.float64],
    pictures: Sequence[Float3D],
) -> Float3D:
    """Log-odds by a ridge-regularised logistic regression on the key slices' voxels near the drawn edge.

    It sees the images smoothed at several scales, how steeply they rise across the expected edge, the position, and
    all products of two of these. The position is taken from the structure's centre, which moves from slice to slice.
    """
    near = np.abs(level_mm) < BAND_MM
    columns = [(ndimage.gaussian_filter(p, s / spacing) if s else p)[near] for p in pictures for s in SCALES_MM]
    inwards = _slope(ndimage.gaussian_filter(level_mm, 1 / spacing), spacing)
    for picture in pictures:
        rise = _slope(ndimage.gaussian_filter(picture, SLOPE_MM / spacing), spacing)
        columns.append((rise * inwards).sum(axis=0)[near])
    index = np.nonzero(near)
    centre = np.array([ndimage.center_of_mass(drawn[k]) for k in slices])
    middle = (0, np.interp(index[0], slices, centre[:, 0]), np.interp(index[0], slices, centre[:, 1]))
    columns += [((i - m) * s).astype(np.float32) for i, m, s in zip(index, middle, spacing, strict=True)]
    base = np.stack(columns, axis=1)
    base = (base - base.mean(axis=0)) / (base.std(axis=0) + 1e-6)
    base[:, -3:] *= POSITION_WEIGHT
    first, second = np.triu_indices(base.shape[1])
    taught = np.flatnonzero(np.isin(index[0], slices))
    taught = taught[:: len(taught) // MOST_TAUGHT + 1]
    answer = drawn[near][taught].astype(np.float64)
    weight = np.exp(-0.5 * (level_mm[near][taught] / (BAND_MM / 2)) ** 2).astype(np.float64)
    for side in (answer > 0, answer == 0):
        weight[side] *= 0.5 * len(weight) / max(float(weight[side].sum()), 1e-9)

    def design(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([np.ones((len(rows), 1), np.float32), rows, rows[:, first] * rows[:, second]], axis=1)

    beta = _logistic_regression(design(base[taught]).astype(np.float64), answer, weight)
    odds = np.zeros(level_mm.shape, dtype=np.float32)
    odds[near] = np.clip(np.einsum("ni,i->n", design(base), beta.astype(np.float32)), -MOST_ODDS, MOST_ODDS)
    return odds


def _slope(values: Float3D, spacing: NDArray[np.float64]) -> Float3D:
    """Slope in plane (y, x) for each mm, shape (2, z, y, x)."""
    return np.asarray(np.gradient(values, *spacing[1:], axis=(1, 2)), dtype=np.float32)


def _logistic_regression(
    design: NDArray[np.float64], answer: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coefficients by Newton's method with a ridge on all but the first."""
    ridge = np.full(design.shape[1], RIDGE)
    ridge[0] = 1e-6
    beta = np.zeros(design.shape[1])
    for _ in range(8):
        p = 1 / (1 + np.exp(-np.clip(np.einsum("ni,i->n", design, beta), -30, 30)))
        # No BLAS product: its threads wait for each other longer than a sum this small takes on a busy computer.
        curvature = np.einsum("ni,nj->ij", design * (weight * p * (1 - p))[:, None], design) + np.diag(ridge)
        move = np.linalg.solve(curvature, np.einsum("ni,n->i", design, weight * (answer - p)) - ridge * beta)
        beta += move
        if np.abs(move).max() < 1e-2:
            break
    return beta


def _as_nearby(
    inside: Float3D, near: NDArray[np.bool_], spacing: NDArray[np.float64], pictures: Sequence[Float3D]
) -> Float3D:
    """Log-odds of each voxel under the normal distributions of the inside and the outside within a window around it.

    Local statistics, not global ones: Lankton S, Tannenbaum A. Localizing region-based active contours. IEEE Trans
    Image Process 2008;17:2029-2039.
    """
    stride = tuple(max(1, int(COARSE_MM / s)) for s in spacing)
    sparse = tuple(slice(None, None, n) for n in stride)
    window = WINDOW_MM / (spacing * stride)
    share_in, share_out = (inside * near)[sparse], ((1 - inside) * near)[sparse]

    def gathered(values: Float3D) -> Float3D:
        return np.asarray(ndimage.gaussian_filter(values, window, truncate=2.5))

    mass_in, mass_out = gathered(share_in) + 1e-3, gathered(share_out) + 1e-3
    odds = np.zeros(inside.shape, dtype=np.float32)
    for picture in pictures:
        seen = picture[sparse]
        mean_in, mean_out = gathered(seen * share_in) / mass_in, gathered(seen * share_out) / mass_out
        square = seen * seen
        # The images have a variance of one; a fiftieth of it is the least that a tissue is taken to vary.
        var_in = np.maximum(gathered(square * share_in) / mass_in - mean_in**2, 0.02)
        var_out = np.maximum(gathered(square * share_out) / mass_out - mean_out**2, 0.02)
        fine = [_spread(a, stride, inside.shape) for a in (mean_in, mean_out, var_in, var_out)]
        odds += (picture - fine[1]) ** 2 / fine[3] - (picture - fine[0]) ** 2 / fine[2] + np.log(fine[3] / fine[2])
    return np.clip(odds / 2, -MOST_ODDS, MOST_ODDS)


def _spread(coarse: Float3D, stride: tuple[int, ...], shape: tuple[int, ...]) -> Float3D:
    for axis, (n, size) in enumerate(zip(stride, shape, strict=True)):
        if n > 1:
            coarse = np.repeat(coarse, n, axis=axis).take(np.arange(size), axis=axis)
    return coarse
