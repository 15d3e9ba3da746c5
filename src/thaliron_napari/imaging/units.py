"""In what unit a susceptibility map is.

A unit is a short text that people read and files keep: ``ppm``, ``ppb``, or a vendor's scaling such as ``0.1 ppb`` or
``1 ppb, zero at 2048``: how many ppb one step of the file's values is, and which value stands for zero.
"""

import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import ImageError

_PPB_PER = {"ppb": 1.0, "ppm": 1000.0}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_UNIT = re.compile(rf"(?P<steps>{_NUMBER})? ?(?P<unit>pp[mb])(?:,? zero at (?P<zero>{_NUMBER}))?", re.IGNORECASE)

# Susceptibilities of a head run to some 300 ppb; a map whose robust range lies between these two could be either.
_SURELY_PPM_BELOW = 2.0
_SURELY_PPB_ABOVE = 20.0
_IMPLAUSIBLE_PPB_ABOVE = 2500.0
# Outside the brain all is one value; where that is not 0, a vendor shifted the values.
_BACKGROUND_SHARE = 0.2
_SAMPLES = 200_000


def vendor_unit(ppb_per_step: float, zero: float = 0.0) -> str:
    """The unit of a file that holds `zero` where there is no susceptibility, and a step of 1 for so many ppb.

    Raises
    ------
    ImageError
        When the numbers make no unit.
    """
    if not (np.isfinite(ppb_per_step) and np.isfinite(zero) and ppb_per_step != 0):
        raise ImageError("A unit needs a number of ppb for each step, other than 0, and a value that stands for zero.")
    step = {1.0: "ppb", 1000.0: "ppm"}.get(ppb_per_step, f"{ppb_per_step:.10g} ppb")
    return step if zero == 0 else f"{step}, zero at {zero:.10g}"


def parse_unit(text: str) -> tuple[float, float]:
    """How many ppb a step of 1 is, and which value is zero, of a unit such as ``ppm`` or ``0.1 ppb, zero at 2048``.

    Raises
    ------
    ImageError
        When it is no unit of susceptibility.
    """
    found = _UNIT.fullmatch(text.strip())
    step = float(found["steps"] or 1) * _PPB_PER[found["unit"].lower()] if found else 0.0
    if not found or step == 0 or not np.isfinite(step):
        raise ImageError(f"{text!r} is no unit of susceptibility; write ppm, ppb, or such as '0.1 ppb, zero at 2048'.")
    return step, float(found["zero"] or 0)


def to_ppb(values: NDArray[np.float32], unit: str) -> NDArray[np.float32]:
    """Values of a file in ppb, float32.

    Raises
    ------
    ImageError
        When `unit` is none.
    """
    step, zero = parse_unit(unit)
    shifted = values - np.float32(zero) if zero else values
    ppb: NDArray[np.float32] = shifted * np.float32(step)
    return ppb


def background(data: NDArray[np.float32]) -> float | None:
    """The value outside the brain: the most common one, or None where no value is common."""
    sample = _sample(data.reshape(-1))
    values, counts = np.unique(sample, return_counts=True)
    return float(values[counts.argmax()]) if counts.max(initial=0) > _BACKGROUND_SHARE * sample.size else None


def guess_unit(data: NDArray[np.float32]) -> str | None:
    """``ppm`` or ``ppb`` by a susceptibility map's robust range, or None where that is ambiguous.

    Parameters
    ----------
    data : array
        The map as it stands in the file; zeros (outside the brain) do not count. Where another value than 0 stands
        outside the brain, or values run too high for ppb, a vendor scaled them: how cannot be told from the values.
    """
    values = _sample(np.abs(data[data != 0]))
    if values.size == 0 or background(data) not in (0, None):
        return None
    high = float(np.percentile(values, 99))
    if high < _SURELY_PPM_BELOW:
        return "ppm"
    return "ppb" if _SURELY_PPB_ABOVE < high < _IMPLAUSIBLE_PPB_ABOVE else None


def unit_from_sidecar(image: Path) -> str | None:
    """Unit that the BIDS sidecar beside an image states, or None."""
    name = image.name.removesuffix(".gz").removesuffix(".nii")
    try:
        stated = json.loads(image.with_name(f"{name}.json").read_text("utf-8"))["Units"]
        parse_unit(stated)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImageError):
        return None
    return str(stated)


def unit_of_file(image: Path | None, data: NDArray[np.float32]) -> str | None:
    """Unit of a susceptibility map: its sidecar's, else told from its values; None where the reader must say.

    A sidecar that the values plainly contradict (ppm beside values in the hundreds) is not believed either: which of
    the two is wrong, only a person can tell.
    """
    stated = None if image is None else unit_from_sidecar(image)
    guessed = guess_unit(data)
    if stated in _PPB_PER and guessed is not None and guessed != stated:
        return None
    return stated or guessed


def _sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[:: max(1, values.size // _SAMPLES)]
