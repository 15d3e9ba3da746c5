"""Values of a DICOM header that nobody vouches for: what cannot be read is None or empty, never an exception."""

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Let pydicom read on over oddities, and say nothing of them: what matters is checked here."""
    from pydicom import config

    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def value_of(item: Any, name: Any) -> Any:
    """A value of a header, None where there is none or it cannot be read."""
    if item is None:
        return None
    try:
        found = item.get(name)
        return getattr(found, "value", found) if isinstance(name, int) else found
    except Exception:  # pydicom converts values here, and raises many types for damaged ones
        return None


def first_item(item: Any, name: str | int) -> Any:
    """The first item of a sequence; None where there is none."""
    sequence = value_of(item, name)
    try:
        return sequence[0] if sequence else None
    except Exception:  # as above
        return None


def texts_of(item: Any, name: Any) -> list[str]:
    """The parts of a value as text, empty ones left out."""
    value = value_of(item, name)
    if value is None:
        return []
    if isinstance(value, bytes):
        value = value.decode("latin-1").strip("\0 ")
    values = value if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue" else [value]
    return [str(v).strip() for v in values if str(v).strip()]


def text_of(item: Any, name: Any) -> str:
    """A value as text."""
    return " ".join(texts_of(item, name))


def numbers_of(item: Any, name: str, count: int) -> NDArray[np.float64] | None:
    """So many finite numbers, none of them beyond what a scanner's millimetres can be."""
    values = value_of(item, name)
    try:
        numbers = np.array([float(v) for v in values], np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.size == count and np.isfinite(numbers).all() and np.abs(numbers).max() < 1e6 else None


def number_of(item: Any, name: str) -> float | None:
    """A finite number, the first where there are several."""
    try:
        number = float(texts_of(item, name)[0])
    except (IndexError, ValueError):
        return None
    return number if math.isfinite(number) else None


def whole_of(item: Any, name: Any) -> int | None:
    """A whole number."""
    value = value_of(item, name)
    try:
        return int.from_bytes(value, "little", signed=True) if isinstance(value, bytes) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
