"""Which voxels of a gradient echo are brain, and which of them ventricular CSF: simple estimates from the magnitude."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import MeasurementError

from .arrays import FloatArray, Mask


def combined_magnitude(magnitude: FloatArray) -> FloatArray:
    """Root of the sum of squares over echoes, (echo, z, y, x) to (z, y, x)."""
    total = np.zeros(magnitude.shape[1:], np.float32)
    for echo in magnitude:
        total += echo * echo
    return np.asarray(np.nan_to_num(np.sqrt(total)), np.float32)


def estimate_mask(
    magnitude: FloatArray, spacing: ArrayLike, *, neck_mm: float = 5.0, rim_mm: float = 1.0, level: float = 0.6
) -> Mask:
    """Brain, cut off from scalp and eyes where it hangs on them by less than some millimetres.

    What is brighter than a share of the median round the head's middle is eroded, the largest piece is kept and grown
    back within the bright voxels, its holes are filled, and its rim is taken off, where air and bone spoil the phase.
    Bone, which is dark, lies between brain and scalp. A mask drawn or made by a program of its own is better.

    Parameters
    ----------
    magnitude : float32 array (z, y, x)
        Of all echoes, see :func:`combined_magnitude`.
    spacing : array (3,)
        (z, y, x) in mm.
    neck_mm : float
        Bridges that are narrower than twice this are cut.
    rim_mm : float
        Taken off in the end.
    level : float
        Share of the median within 40 mm of the head's centre of brightness.

    Raises
    ------
    MeasurementError
        When no piece is thick enough to be a brain.
    """
    h = np.asarray(spacing, float)
    smooth = ndimage.gaussian_filter(magnitude, 0.5 / h)
    if float(np.ptp(smooth)) == 0:
        raise MeasurementError("The magnitude image holds one value only; choose the magnitude of the gradient echo.")
    middle = np.asarray(ndimage.center_of_mass(np.minimum(smooth, np.float32(np.percentile(smooth, 99)))))
    bright = smooth > level * np.median(smooth[_within(smooth.shape, middle, h, 40)])
    pieces, count = ndimage.label(_depth(bright, h) > neck_mm)
    if count == 0:
        raise MeasurementError("No brain is found in the magnitude image; give a brain mask.")
    core = pieces == _sizes(pieces).argmax()
    # Distances are between the middles of voxels, half an edge more than to the surface.
    grown = bright & (ndimage.distance_transform_edt(~core, sampling=h) <= neck_mm + 0.5 * float(h.min()))
    brain = _depth(np.asarray(ndimage.binary_fill_holes(grown), bool), h) > rim_mm
    if not brain.any():
        raise MeasurementError("No brain is found in the magnitude image; give a brain mask.")
    return np.asarray(brain, bool)


def ventricular_csf(
    magnitude: FloatArray, echo_times_s: Sequence[float], mask: Mask, spacing: ArrayLike, *, within_mm: float = 30.0
) -> Mask:
    """CSF of the lateral ventricles: what hardly decays in the middle of the brain (Liu Z et al. 2018, MEDI+0).

    Voxels with R2* below 5 / s within a distance of the brain's middle; their largest pieces, down to a fifth of the
    largest, without their rim.

    Parameters
    ----------
    magnitude : float32 array (echo, z, y, x)
    echo_times_s : sequence of float
        At least three.
    mask : bool array (z, y, x)
        Brain.
    spacing : array (3,)
        (z, y, x) in mm.

    Raises
    ------
    MeasurementError
        When there are fewer than three echoes, or nothing is found.
    """
    if len(echo_times_s) < 3:
        raise MeasurementError("CSF is told by its slow decay, which takes three echoes; give a CSF mask.")
    h = np.asarray(spacing, float)
    middle = np.asarray(ndimage.center_of_mass(mask))
    slow = np.zeros(mask.shape, bool)
    where = mask & _within(mask.shape, middle, h, within_mm)
    if where.any():
        slow[where] = _r2star_hz(magnitude[:, where], echo_times_s) < 5
    pieces, count = ndimage.label(ndimage.binary_opening(slow))
    if count == 0:
        raise MeasurementError("No CSF is found in the middle of the brain; give a CSF mask or go without.")
    sizes = _sizes(pieces)
    large = np.isin(pieces, np.flatnonzero(sizes >= 0.2 * sizes.max()))
    inner = ndimage.binary_erosion(large)
    return np.asarray(inner if inner.any() else large, bool)


def _r2star_hz(magnitude: FloatArray, echo_times_s: Sequence[float]) -> NDArray[np.float64]:
    """Decay (n,) of (echo, n): a line through the logarithm, weighted by the square of the magnitude."""
    t = np.asarray(echo_times_s, float)[:, None]
    m = np.maximum(magnitude.astype(np.float64), 1e-30)
    weight = m**2 / np.maximum((m**2).sum(axis=0), 1e-60)
    dt = t - (weight * t).sum(axis=0)
    return np.asarray(-(weight * dt * np.log(m)).sum(axis=0) / np.maximum((weight * dt * dt).sum(axis=0), 1e-30))


def _depth(mask: Mask, spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in mm to what is not in the mask, as is what lies beyond the image."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1, 1:-1])


def _within(shape: tuple[int, ...], middle: NDArray[np.float64], spacing: NDArray[np.float64], mm: float) -> Mask:
    z, y, x = ((np.arange(n) - m) * h for n, m, h in zip(shape, middle, spacing, strict=True))
    return np.asarray(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2 < mm**2, bool)


def _sizes(pieces: NDArray[np.int32]) -> NDArray[np.intp]:
    """Voxels of each label; of the background none."""
    sizes = np.bincount(pieces.reshape(-1))
    sizes[0] = 0
    return np.asarray(sizes, np.intp)
