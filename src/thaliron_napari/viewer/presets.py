"""Usual windows of each image: in ppb for susceptibility, from the values themselves where units are arbitrary."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Limits = tuple[float, float]

_SAMPLE = 200_000  # values are enough for a percentile


@dataclass(frozen=True)
class Preset:
    """A window by name.

    Parameters
    ----------
    words : str
    limits : (float, float)
        Lowest and highest value of the grey scale, in the image's own unit.
    """

    words: str
    limits: Limits


QSM = (
    Preset("−100 … 200 ppb", (-100.0, 200.0)),
    Preset("−50 … 100 ppb", (-50.0, 100.0)),
    Preset("−150 … 150 ppb", (-150.0, 150.0)),
)
SIGNED_QSM = (
    Preset("±150 ppb", (-150.0, 150.0)),
    Preset("±75 ppb", (-75.0, 75.0)),
    Preset("±300 ppb", (-300.0, 300.0)),
)


def automatic(values: NDArray[np.floating[Any]]) -> tuple[Preset, ...]:
    """Windows of an image in arbitrary units, from percentiles of what is not background.

    Parameters
    ----------
    values : ndarray
        Any shape; background is 0, and what is not finite counts as background.

    Returns
    -------
    tuple of Preset
        The usual one; a narrow one, with more contrast in the tissue; and the whole range. Where no value is negative,
        the usual one begins at 0.
    """
    sample = np.ravel(values)[:: max(1, values.size // _SAMPLE)]
    sample = sample[np.isfinite(sample) & (sample != 0)]
    if sample.size == 0:
        return tuple(Preset(words, (0.0, 1.0)) for words in ("automatic", "narrow", "whole range"))
    least, low, dark, high, most = (float(v) for v in np.percentile(sample, (0, 0.5, 25, 99.5, 100)))
    bottom = low - 0.05 * (high - low) if least < 0 else 0.0
    usual = bottom, high + 0.1 * (high - bottom)
    return (
        Preset("automatic", _open(*usual)),
        Preset("narrow", _open(dark, high)),
        Preset("whole range", _open(min(least, 0.0), most)),
    )


def _open(low: float, high: float) -> Limits:
    """A window that has a width, of an image of one value too."""
    return (low, high) if high > low else (low, low + max(abs(low), 1.0))
