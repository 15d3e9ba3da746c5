"""Susceptibility of regions, and that of the thalami relative to CSF."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
