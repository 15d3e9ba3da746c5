"""Coarse copies of an image, on which a registration searches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.errors import GridError
from thaliron_napari.imaging.grid import Affine

_ROBUST_PERCENT = (0.5, 99.5)


@dataclass(frozen=True, eq=False)
class Copy:
    """Voxels (z, y, x) and the affine from their index to RAS mm.

    Parameters
    ----------
    data : array (z, y, x)
        0 where the image shows nothing.
    affine : array (4, 4)
    """

    data: NDArray[np.floating]
    affine: Affine

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel size (z, y, x) in mm."""
        lengths: NDArray[np.float64] = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return lengths


def averaged(image: Copy, size_mm: float) -> Copy:
    """Means over blocks of voxels of about `size_mm`; never finer than the image, and at least two along each axis.

    Raises
    ------
    GridError
        When the image has a single slice.
    """
    data, affine = image.data, image.affine.copy()
    if min(data.shape) < 2:
        raise GridError("An image of a single slice cannot be registered; give one with at least two along each axis.")
    for axis, n in enumerate(data.shape):
        block = int(np.clip(round(size_mm / image.spacing[axis]), 1, n // 2))
        if block == 1:
            continue
        ahead = (slice(None),) * axis
        total = data[*ahead, 0 : n - n % block : block].astype(np.float32)
        for offset in range(1, block):
            total += data[*ahead, offset : n - n % block : block]
        data = total / np.float32(block)
        affine[:3, 3] += affine[:3, axis] * (block - 1) / 2
        affine[:3, axis] *= block
    return Copy(data.astype(np.float32, copy=False), affine)


def smoothed(image: Copy, sigma_mm: float) -> NDArray[np.float32]:
    """Voxels smoothed by a Gaussian."""
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(image.data, sigma_mm / image.spacing, truncate=3.0)
    return smooth


def robust_range(image: Copy) -> tuple[float, float]:
    """Between which values nearly all voxels lie that show something.

    Raises
    ------
    GridError
        When they all have one value.
    """
    shown = image.data[image.data != 0]
    low, high = np.percentile(shown, _ROBUST_PERCENT) if shown.size else (0.0, 0.0)
    if not high > low:
        raise GridError("One of the two images shows nothing (all its voxels have one value); choose another image.")
    return float(low), float(high)
