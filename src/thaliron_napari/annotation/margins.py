"""Margins from images: what lies inside and outside of a structure is learned from the reader's own slices."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BAND_MM = 6.0  # voxels further than this from the interpolated edge are not reconsidered
SCALES_MM = (0.0, 1.0, 2.0)  # smoothing of the images that the classifier sees
EDGE_SD_MM = (0.6, 0.25)  # uncertainty of the interpolated edge: at a key, and more per mm away from it
IMAGE_WEIGHT = 0.6  # neighbouring voxels tell nearly the same, so their evidence counts less than if independent
SMOOTHING_MM = 0.7


def follow_margins(
    level_mm: NDArray[np.float32],
    drawn: NDArray[np.bool_],
    slices: NDArray[np.intp],
    spacing: NDArray[np.float64],
    images: Sequence[NDArray[np.generic]],
) -> NDArray[np.float32]:
    """Move the interpolated edge to where the images show a margin like that on the drawn slices.

    Parameters
    ----------
    level_mm : float array, shape (z, y, x)
        Signed distance to the interpolated edge in mm, positive inside.
    drawn : bool array, shape (z, y, x)
    slices : int array
        Indices of the drawn slices.
    spacing : (z, y, x) in mm
    images : sequence of arrays, shape (z, y, x)

    Returns
    -------
    float array, shape (z, y, x)
        Positive inside; log-odds, no longer mm.

    Notes
    -----
    A ridge-regularised logistic regression is trained on the voxels of the drawn slices near the drawn edge; it sees
    the images smoothed at several scales, the position, and all products of two of these. Its log-odds are added to
    those of the interpolated shape, whose certainty falls with the distance to the nearest drawn slice.
    """
    near = np.abs(level_mm) < BAND_MM
    features = _features(near, spacing, images)
    z = np.nonzero(near)[0]
    known = np.isin(z, slices)
    answer = drawn[near][known].astype(float)
    weight = np.exp(-0.5 * (level_mm[near][known] / (BAND_MM / 2)) ** 2)
    for side in (answer > 0, answer == 0):
        weight[side] *= 0.5 * len(weight) / max(float(weight[side].sum()), 1e-9)
    evidence = np.zeros(level_mm.shape, dtype=np.float32)
    evidence[near] = np.clip(_logistic_regression(features[known], answer, weight, features), -4, 4)
    from_key_mm = np.abs(np.arange(len(level_mm))[:, None] - slices[None, :]).min(axis=1) * spacing[0]
    certainty = 1 / (EDGE_SD_MM[0] + EDGE_SD_MM[1] * from_key_mm)
    odds = level_mm * certainty[:, None, None].astype(np.float32) + IMAGE_WEIGHT * evidence
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(odds, SMOOTHING_MM / spacing)
    return smooth


def _features(
    near: NDArray[np.bool_], spacing: NDArray[np.float64], images: Sequence[NDArray[np.generic]]
) -> NDArray[np.float64]:
    columns = []
    for image in images:
        picture = image.astype(np.float32)
        finite = np.isfinite(picture)
        picture = np.where(finite, picture, np.median(picture[finite]) if finite.any() else 0)
        columns += [(ndimage.gaussian_filter(picture, s / spacing) if s else picture)[near] for s in SCALES_MM]
    columns += [i * s for i, s in zip(np.nonzero(near), spacing, strict=True)]
    base = np.stack(columns, axis=1).astype(np.float64)
    base = (base - base.mean(axis=0)) / (base.std(axis=0) + 1e-6)
    first, second = np.triu_indices(base.shape[1])
    return np.concatenate([base, base[:, first] * base[:, second]], axis=1)


def _logistic_regression(
    x: NDArray[np.float64], answer: NDArray[np.float64], weight: NDArray[np.float64], asked: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log-odds at `asked` by ridge-regularised logistic regression, fitted by Newton's method."""
    mean, sd = x.mean(axis=0), x.std(axis=0) + 1e-6
    design = np.column_stack([np.ones(len(x)), (x - mean) / sd])
    ridge = np.full(design.shape[1], 3.0)
    ridge[0] = 1e-6
    beta = np.zeros(design.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + np.diag(ridge)
        move = np.linalg.solve(curvature, design.T @ (weight * (answer - p)) - ridge * beta)
        beta += move
        if np.abs(move).max() < 1e-3:
            break
    odds: NDArray[np.float64] = beta[0] + ((asked - mean) / sd) @ beta[1:]
    return odds
