"""Whether CSF circles are clean: what speaks against each, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation import csf_roi
from thaliron_napari.annotation.brain import bright_class
from thaliron_napari.case import SIDES, CsfCircle, Side
from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.susceptibility import MAP_ERROR_PPB, statistics_of, voxels_per_sample

Floats = NDArray[np.float32]

PATCH_MM = 5.0  # side of the squares in which noise is looked at: about what lies in a circle
QUIET = 0.2  # share of such squares in the brain that show little but noise
NOISE_MM = 0.8  # smoothing in plane by which what is of another kind stands out of the noise (standard deviation)
FEW_VOXELS = 20
UNEVEN = 1.6  # times the map's noise
OFF_SD, OFF_PPB = 5.0, 8.0  # of the smoothed map; and at least so far from the circle's middle value
OFF_SHARE = 0.04  # of a circle's voxels
BRIGHT_SHARE = 0.08
ABOVE = 0.75  # of the contrast between white matter and all else: CSF lies at most so far above the latter
LEAST_ABOVE_PPB = 40.0  # of that, where the two classes hardly differ; iron-rich nuclei lie higher still
FLUID = 0.5  # of the FLAIR's median in the brain: CSF is darker
SIDES_SD = 3.0


@dataclass(frozen=True)
class CsfLimits:
    """What the images of a case say of noise and of CSF, found once a case.

    Parameters
    ----------
    noise_ppb, smooth_noise_ppb : float
        Standard deviation of the map's noise; and of that of the smoothed map.
    least_ppb, most_ppb : float
        Between which the mean of CSF lies on this map.
    brightest : float or None
        FLAIR of fluid is darker than this; None without FLAIR.
    """

    noise_ppb: float
    smooth_noise_ppb: float
    least_ppb: float
    most_ppb: float
    brightest: float | None = None


def csf_limits(qsm_ppb: Floats, spacing: ArrayLike, flair: ArrayLike | None = None) -> CsfLimits:
    """Estimate a map's noise, and what CSF may look like on it, from the whole brain. Takes about a second.

    Parameters
    ----------
    qsm_ppb : array (z, y, x)
        Susceptibility in ppb, 0 where there is none.
    spacing : (z, y, x) in mm
    flair : array (z, y, x), optional
        FLAIR on the same grid.

    Raises
    ------
    MeasurementError
        When the map holds no piece of brain as large as a circle.

    Notes
    -----
    Noise is the standard deviation within small squares of the quieter fifth of the brain, which hold hardly any edges
    of structures. On the smoothed map a threshold parts white matter from all that is not (Otsu 1979). CSF is of the
    latter: it lies above the threshold, and above the median of its class by at most three quarters of what parts the
    medians of both classes; iron-rich nuclei lie higher.
    """
    step = np.asarray(spacing, dtype=float)
    known = np.isfinite(qsm_ppb) & (qsm_ppb != 0)
    size = (1, *(max(round(PATCH_MM / s), 3) for s in step[1:]))
    whole = ndimage.uniform_filter(known.astype(np.float32), size) > 0.999
    if not whole.any():
        raise MeasurementError("The susceptibility map shows too little of a brain to tell its noise; choose another.")
    values = np.where(known, qsm_ppb, 0).astype(np.float32)
    smooth = ndimage.gaussian_filter(values, (0, *(NOISE_MM / step[1:])))
    noise, smooth_noise = (_quiet_sd(image, size, whole) for image in (values, smooth))
    inside = smooth[whole]
    threshold = _between_classes(inside)
    white, other = float(np.median(inside[inside <= threshold])), float(np.median(inside[inside > threshold]))
    brightest = None
    if flair is not None:
        scan = np.asarray(flair)
        brightest = FLUID * float(np.median(scan[known & (scan > 0)])) if (known & (scan > 0)).any() else None
    return CsfLimits(noise, smooth_noise, threshold, other + max(ABOVE * (other - white), LEAST_ABOVE_PPB), brightest)


def csf_remarks(
    qsm_ppb: Floats,
    spacing: ArrayLike,
    circles: Mapping[Side, Sequence[CsfCircle]],
    limits: CsfLimits,
    flair: ArrayLike | None = None,
) -> list[str]:
    """Say what speaks against CSF circles, one sentence each; empty where nothing does. Takes milliseconds.

    Parameters
    ----------
    qsm_ppb : array (z, y, x)
        Susceptibility in ppb.
    spacing : (z, y, x) in mm
    circles : mapping of side to circles
        On the grid of the map.
    limits : CsfLimits
        Those of this map.
    flair : array (z, y, x), optional
        FLAIR on the same grid.

    Raises
    ------
    AnnotationError
        When a circle leaves the image.
    """
    step = np.asarray(spacing, dtype=float)
    scan = None if flair is None else np.asarray(flair)
    said: list[str] = []
    sides: dict[Side, tuple[float, float]] = {}
    for side in SIDES:
        mine = circles.get(side, ())
        labels = np.zeros(qsm_ppb.shape, np.int32) if mine else None
        for number, circle in enumerate(mine, start=1):
            mask = csf_roi(qsm_ppb.shape, circle.centre, circle.radius_mm, step)
            assert labels is not None
            labels[mask] = number
            name = f"The {side} CSF circle{f' {number}' if len(mine) > 1 else ''}"
            said += [f"{name} {words}" for words in _on_circle(qsm_ppb, step, circle, mask, limits, scan)]
        if labels is not None:
            part = statistics_of(qsm_ppb[labels > 0], 1.0)
            sd_ppb = max(part.sd_ppb, limits.noise_ppb) if part.n > 1 else limits.noise_ppb
            sides[side] = part.mean_ppb, sd_ppb * np.sqrt(voxels_per_sample(qsm_ppb, labels, step) / part.n)
    if len(sides) == 2:
        (left, left_se), (right, right_se) = sides["left"], sides["right"]
        if abs(left - right) > SIDES_SD * np.sqrt(left_se**2 + right_se**2 + MAP_ERROR_PPB**2):
            said.append(
                f"The CSF of the sides differs by more than the noise: left {left:.1f} ppb, right {right:.1f} ppb."
            )
    return said


def _on_circle(
    qsm_ppb: Floats,
    step: NDArray[np.float64],
    circle: CsfCircle,
    mask: NDArray[np.bool_],
    limits: CsfLimits,
    flair: NDArray[Any] | None,
) -> list[str]:
    """Ends of sentences that begin with the circle's name."""
    z = round(circle.centre[0])
    rows, columns = (np.flatnonzero(mask[z].any(axis=axis)) for axis in (1, 0))
    pads = np.ceil(4 * NOISE_MM / step[1:]).astype(int)
    y, x = (
        slice(max(int(at[0]) - pad, 0), int(at[-1]) + 1 + pad) for at, pad in zip((rows, columns), pads, strict=True)
    )
    inside, around = mask[z, y, x], qsm_ppb[z, y, x]
    part = statistics_of(around[inside], 1.0)
    said = []
    if part.n < FEW_VOXELS:
        said.append(f"holds {part.n} voxels only; make it larger, or add another.")
    if not limits.least_ppb <= part.mean_ppb <= limits.most_ppb:
        said.append(
            f"is not on CSF: its mean is {part.mean_ppb:.1f} ppb, and CSF lies between {limits.least_ppb:.0f} and "
            f"{limits.most_ppb:.0f} ppb on this map."
        )
    smooth = ndimage.gaussian_filter(around, NOISE_MM / step[1:])[inside]
    off = smooth - part.median_ppb
    far = np.abs(off) > max(OFF_SD * limits.smooth_noise_ppb, OFF_PPB)
    if far.mean() > OFF_SHARE:
        most = float(off[np.abs(off).argmax()])
        said.append(
            f"touches what is not CSF (brain, choroid plexus, a vein): {100 * far.mean():.0f}% of it is up to "
            f"{abs(most):.0f} ppb {'above' if most > 0 else 'below'} its median."
        )
    elif part.sd_ppb > UNEVEN * limits.noise_ppb:
        said.append(
            f"is uneven: SD {part.sd_ppb:.1f} ppb where the map's noise is {limits.noise_ppb:.1f} ppb; brain or "
            "choroid plexus may be in it."
        )
    if flair is not None and limits.brightest is not None:
        bright = float((flair[z, y, x][inside] > limits.brightest).mean())
        if bright > BRIGHT_SHARE:
            said.append(
                f"touches brain or choroid plexus: {100 * bright:.0f}% of it is brighter than CSF on the FLAIR."
            )
    return said


def _quiet_sd(image: Floats, size: tuple[int, ...], whole: NDArray[np.bool_]) -> float:
    """Standard deviation within squares, of those of the quieter fifth."""
    mean = ndimage.uniform_filter(image, size)
    variance = ndimage.uniform_filter(image * image, size) - mean * mean
    return float(np.sqrt(max(float(np.quantile(variance[whole], QUIET)), 0.0)))


def _between_classes(values: Floats) -> float:
    """Threshold with the largest variance between the two classes, tails left out."""
    low, high = np.percentile(values, [1, 99])
    return bright_class(np.clip(values, low, high))
