"""Lesions of white matter painted over with the white matter around them, before a T1 is measured.

On T1 a lesion is as dark as grey matter and is counted as such, and white matter pushed off its place by it. Each
lesion is filled from normal white matter near it, as Chard (2010) and Battaglini (2012) do, with the local level and
noise; the level follows the coil's profile, as in SLF (Valverde 2014).

References
----------
Chard DT et al. Reducing the impact of white matter lesions on automated measures of brain gray and white matter
volumes. J Magn Reson Imaging 2010;32:223.
Battaglini M, Jenkinson M, De Stefano N. Evaluating and reducing the impact of white matter lesions on brain volume
measurements. Hum Brain Mapp 2012;33:2062.
Valverde S, Oliver A, Llado X. A white matter lesion-filling approach to improve brain tissue volume measurements.
NeuroImage Clin 2014;6:86.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import MeasurementError

_NEAR_MM = (8.0, 16.0, 32.0)  # how far white matter is sought, until there is enough
_ENOUGH = 50  # voxels
_RIM_MM = 1.0  # voxels this near to a lesion are partly lesion
_LEVEL_MM = 4.0  # over how far the level of white matter is averaged
_SPREADS = 2.0  # white matter is what is this many spreads from its level
_FAR = 4.0  # how many spreads the level near one lesion may be from that round all
_HIGH = 0.5  # of the highest peak

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


def fill_lesions(
    t1: ArrayLike, lesions: ArrayLike, spacing: ArrayLike, *, within: ArrayLike | None = None, seed: int = 0
) -> NDArray[Any]:
    """Paint lesions with the normal white matter around each of them.

    Parameters
    ----------
    t1 : array (z, y, x)
        T1 image, white matter the brightest tissue of the brain, skull-stripped or not.
    lesions : array (z, y, x)
        What is above zero is lesion; on the T1's grid.
    spacing : array of three
        Voxel size (z, y, x) in mm.
    within : array (z, y, x), optional
        Only what is above zero here (the brain) may serve as white matter.
    seed : int
        Of the noise.

    Returns
    -------
    array (z, y, x)
        Of the T1's type; outside the lesions its very values.

    Raises
    ------
    MeasurementError
        When arrays do not fit, values are not numbers, or no white matter lies around a lesion.
    """
    image, lesion = np.asarray(t1), np.asarray(lesions) > 0
    allowed = np.ones(image.shape, bool) if within is None else np.asarray(within) > 0
    steps = _checked(image, lesion, allowed, spacing)
    filled = image.copy()
    if not lesion.any():
        return filled
    rim = _near(lesion, _RIM_MM + steps.min() / 2, steps)
    source = allowed & ~rim & (image != 0)
    pieces, _ = ndimage.label(lesion, np.ones((3, 3, 3)))
    boxes = ndimage.find_objects(pieces)
    level, spread = _white(image, lesion, source, boxes, steps)
    for number, box in enumerate(boxes, start=1):
        inside = pieces[box] == number
        values = _fill(image, inside, source, box, steps, level, spread, np.random.default_rng([seed, number]))
        filled[box][inside] = np.rint(values) if image.dtype.kind in "iu" else values
    return filled


def _checked(image: NDArray[Any], lesion: Mask, allowed: Mask, spacing: ArrayLike) -> Values:
    if image.ndim != 3 or image.dtype.kind not in "iuf":
        raise MeasurementError(f"The T1 has shape {image.shape} and type {image.dtype}; a 3D image is needed.")
    for name, mask in (("lesions", lesion), ("brain mask", allowed)):
        if mask.shape != image.shape:
            raise MeasurementError(
                f"The {name} (shape {mask.shape}) and the T1 ({image.shape}) lie on other grids; resample first."
            )
    steps = np.asarray(spacing, float)
    if steps.shape != (3,) or not np.isfinite(steps).all() or (steps <= 0).any():
        raise MeasurementError(f"The spacing {spacing!r} is not three lengths in mm; give (z, y, x), each above 0.")
    if not np.isfinite(image).all():
        raise MeasurementError("The T1 has values that are not numbers; repair the image first.")
    return steps


def _near(mask: Mask, reach_mm: float, steps: Values) -> Mask:
    """What lies within a distance of a mask, looked for in the mask's own box."""
    out = mask.copy()
    found = ndimage.find_objects(mask.astype(np.uint8))
    if found:
        box = _grown(found[0], reach_mm, steps, mask.shape)
        out[box] = ndimage.distance_transform_edt(~mask[box], sampling=steps) <= reach_mm
    return out


def _grown(box: tuple[slice, ...], by_mm: float, steps: Values, shape: tuple[int, ...]) -> tuple[slice, ...]:
    by = np.ceil(by_mm / steps).astype(int)
    return tuple(slice(max(s.start - b, 0), min(s.stop + b, n)) for s, b, n in zip(box, by, shape, strict=True))


def _white(
    image: NDArray[Any], lesion: Mask, source: Mask, boxes: list[tuple[slice, ...]], steps: Values
) -> tuple[float, float]:
    """Level and spread of white matter round all lesions: the brightest of the high peaks there."""
    round_about = np.zeros(image.shape, bool)
    for box in boxes:
        round_about[_grown(box, _NEAR_MM[0], steps, image.shape)] = True
    values = image[round_about & source].astype(float)
    if len(values) < _ENOUGH:
        raise _no_white(boxes[0])
    return _brightest_peak(values)


def _brightest_peak(values: Values) -> tuple[float, float]:
    """The brightest of the high peaks of a histogram, and the spread of what is brighter.

    Nothing of the brain is brighter than white matter, so that side is all white matter, whatever mixes with it below.
    """
    low, high = np.percentile(values, [0.5, 99.5])
    if not high > low:
        return float(low), 0.0
    counts, edges = np.histogram(values, 128, (low, high))
    wide = max(3.0, 128 / len(values) ** 0.4)  # the fewer, the smoother
    smooth = ndimage.gaussian_filter1d(counts.astype(float), wide, mode="constant")
    highest = smooth >= ndimage.maximum_filter1d(smooth, 9, mode="constant")
    peak = np.flatnonzero(highest & (smooth > _HIGH * smooth.max()))[-1]
    level = float((edges[peak] + edges[peak + 1]) / 2)
    above = values[values > level] - level
    return level, float(np.percentile(above, 68.0)) if len(above) else 0.0


def _fill(
    image: NDArray[Any],
    inside: Mask,
    source: Mask,
    box: tuple[slice, ...],
    steps: Values,
    level: float,
    spread: float,
    rng: np.random.Generator,
) -> Values:
    """Values for the voxels of one lesion."""
    for reach_mm in _NEAR_MM:
        room = _grown(box, reach_mm, steps, image.shape)
        here = tuple(slice(b.start - r.start, b.stop - r.start) for b, r in zip(box, room, strict=True))
        lesion = np.zeros(tuple(r.stop - r.start for r in room), bool)
        lesion[here] = inside
        near = source[room] & (ndimage.distance_transform_edt(~lesion, sampling=steps) <= reach_mm)
        values = image[room].astype(float)
        middle, width = level, spread
        around = values[near & (np.abs(values - level) <= _FAR * spread)]
        if len(around) >= _ENOUGH:  # the level near this lesion, not far from that round all of them
            middle, width = _brightest_peak(around)
        white = near & (np.abs(values - middle) <= np.maximum(_SPREADS * width, 1e-6 * abs(level)))
        if white.sum() >= _ENOUGH:
            break
    else:
        raise _no_white(box)
    smooth = np.full(values.shape, middle)
    missing = np.ones(values.shape, bool)
    for sigma_mm in (_LEVEL_MM, 2 * _LEVEL_MM, 4 * _LEVEL_MM):
        weight = ndimage.gaussian_filter(white.astype(float), sigma_mm / steps, mode="constant")
        total = ndimage.gaussian_filter(np.where(white, values - middle, 0.0), sigma_mm / steps, mode="constant")
        now = missing & (weight > 0.02)
        smooth[now] += total[now] / weight[now]
        missing &= ~now
    noise = _robust((values - smooth)[white])
    return np.asarray(smooth[here][inside] + noise * rng.standard_normal(int(inside.sum())))


def _robust(values: Values) -> float:
    """Standard deviation, whatever a few far values are (median absolute deviation)."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _no_white(box: tuple[slice, ...]) -> MeasurementError:
    where = ", ".join(str((part.start + part.stop) // 2) for part in box)
    return MeasurementError(
        f"No white matter is found around the lesion at voxel ({where}) (z, y, x) of the T1; check that lesions and T1 "
        "lie on each other."
    )
