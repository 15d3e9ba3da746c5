"""Susceptibility of regions, and that of the thalami relative to CSF."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAP_ERROR_PPB = 0.8
"""What the inversion of the field leaves in a difference of two regions' means, however little noise there is.

Root mean square over eight phantoms, thalami against two circles of 3 mm, noise averaged out (``benchmarks/csf.py``).
"""

REACH_MM = 1.5  # how far noise is alike
MOST_PAIRS = 0.5  # of a region's pairs of voxels within that reach: with more it is too small to tell


@dataclass(frozen=True)
class RegionStatistics:
    """Susceptibility of one region, measured on the grid it was acquired on.

    Parameters
    ----------
    n : int
        Voxels.
    ml : float
    mean_ppb, sd_ppb, median_ppb, p5_ppb, p95_ppb : float
        NaN where there are too few voxels; sd with n - 1.
    """

    n: int
    ml: float
    mean_ppb: float
    sd_ppb: float
    median_ppb: float
    p5_ppb: float
    p95_ppb: float


def region_statistics(qsm_ppb: NDArray[np.float32], mask: NDArray[np.bool_], voxel_ml: float) -> RegionStatistics:
    """Statistics of the voxels of a mask.

    Parameters
    ----------
    qsm_ppb : array (z, y, x)
        Susceptibility in ppb.
    mask : bool array (z, y, x)
    voxel_ml : float
        Volume of one voxel.
    """
    return statistics_of(qsm_ppb[mask], voxel_ml)


def statistics_of(ppb: NDArray[np.float32], voxel_ml: float) -> RegionStatistics:
    """Statistics of the values in ppb, one a voxel, of a region."""
    values = ppb.astype(np.float64)
    n = values.size
    if n == 0:
        return RegionStatistics(0, 0.0, *(float("nan"),) * 5)
    p5, median, p95 = np.percentile(values, [5, 50, 95])
    sd = float(values.std(ddof=1)) if n > 1 else float("nan")
    return RegionStatistics(n, n * voxel_ml, float(values.mean()), sd, float(median), float(p5), float(p95))


def relative_ppb(thalamus: RegionStatistics, csf: RegionStatistics) -> float:
    """Relative susceptibility in ppb: mean over the thalamic VOI minus mean over the CSF ROIs; higher is more iron.

    The study's text words the subtraction the other way round, but its coefficients only make sense this way.
    """
    return thalamus.mean_ppb - csf.mean_ppb


def relative_se_ppb(thalamus: RegionStatistics, csf: RegionStatistics, per_sample: float = 1.0) -> float:
    """Standard error in ppb of the relative susceptibility.

    Parameters
    ----------
    thalamus, csf : RegionStatistics
    per_sample : float
        How many voxels are worth one independent one, as :func:`voxels_per_sample` tells from the CSF ROIs.

    Returns
    -------
    float
        NaN where either has no voxels, or CSF only one.

    Notes
    -----
    CSF is the same everywhere, so that its standard deviation is the map's noise; that of the thalamus holds its nuclei
    as well. Both means rest on their number of voxels, over `per_sample`. :data:`MAP_ERROR_PPB` is added in quadrature.
    """
    if not thalamus.n or not csf.n:
        return float("nan")
    noise_ppb = csf.sd_ppb * np.sqrt(per_sample * (1 / thalamus.n + 1 / csf.n))
    return float(np.hypot(noise_ppb, MAP_ERROR_PPB))


def voxels_per_sample(qsm_ppb: NDArray[np.float32], regions: NDArray[Any], spacing: ArrayLike) -> float:
    """How many voxels of a map are worth one independent one, because noise is alike in neighbours.

    Parameters
    ----------
    qsm_ppb : array (z, y, x)
        Susceptibility in ppb.
    regions : int array (z, y, x)
        Homogeneous regions, one label each, such as the CSF ROIs; 0 elsewhere.
    spacing : (z, y, x) in mm

    Returns
    -------
    float
        1 or more; 1 where the regions are too small to tell.

    Notes
    -----
    The variance of a mean is the sum of the autocovariance over all pairs of voxels, here over those at most 1.5 mm
    apart [1]_. The covariance is taken from the regions themselves, about their own means; that takes the variance
    of the mean from each pair, which is put back.

    References
    ----------
    .. [1] Priestley MB. Spectral Analysis and Time Series. London: Academic Press; 1981. Section 5.3.2.
    """
    step = np.asarray(spacing, dtype=float)
    reach = np.floor(REACH_MM / step + 1e-9).astype(int)
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    offsets = offsets[(((offsets * step) ** 2).sum(axis=1)) <= REACH_MM**2 + 1e-9]
    total = squares = 0.0
    count = pieces = 0
    # Each in its own box: the box of all holds the brain between them, and numbers are live.
    flat = np.flatnonzero(regions != 0)
    at, labels = np.unravel_index(flat, regions.shape), regions.ravel()[flat]
    for label in np.unique(labels):
        places = np.stack([along[labels == label] for along in at], axis=-1)
        corner, end = places.min(axis=0), places.max(axis=0) + 1
        box = tuple(slice(low, high) for low, high in zip(corner, end, strict=True))
        mask, values = regions[box] == label, qsm_ppb[box].astype(np.float64)
        n = int(mask.sum())
        off = np.where(mask, values - values[mask].mean(), 0)
        wide_mask, wide_off = (np.pad(array, [(r, r) for r in reach]) for array in (mask, off))
        pairs = near = 0.0
        for offset in offsets:
            moved = tuple(slice(r + o, r + o + length) for r, o, length in zip(reach, offset, mask.shape, strict=True))
            pairs += np.count_nonzero(mask & wide_mask[moved])
            near += float((off * wide_off[moved]).sum())
        if pairs > MOST_PAIRS * n**2:
            continue
        total += near / (1 - pairs / n**2)
        squares += float((off**2).sum())
        count, pieces = count + n, pieces + 1
    if squares == 0 or count <= pieces:
        return 1.0
    return max(1.0, total / (count * squares / (count - pieces)))
