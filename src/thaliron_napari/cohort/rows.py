"""What every kind of table file is read into and written from: names of columns, and plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thaliron_napari.cohort.cells import Cell, Value
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

_UNWRITABLE = "a character that no table file can hold (a zero byte or half of a character); remove it"


@dataclass(frozen=True)
class Rows:
    """A table as a file states it.

    Parameters
    ----------
    header : list of str
    rows : list of list of Cell
        As many cells in each row as the header has.
    places : list of str
        Where in the file each row stands, for the words of an error ("line 3").
    decimal_comma : bool
        Whether texts that are numbers have a comma as decimal sign.
    """

    header: list[str]
    rows: list[list[Cell]]
    places: list[str]
    decimal_comma: bool = False


def plain_values(column: pd.Series) -> list[Value]:
    """Values of a column: all texts, or all numbers, and None where missing (an empty text is missing too).

    Bools become 1 and 0. Whole floats become integers where only missing values made them floats.
    """
    import numpy as np
    import pandas as pd

    values: list[Value] = []
    for value, absent in zip(column.tolist(), column.isna().to_numpy(), strict=True):
        plain = value.item() if isinstance(value, np.generic) else value
        if absent or plain == "":
            values.append(None)
        elif isinstance(plain, int):
            values.append(int(plain))  # of a bool, the number
        else:
            values.append(plain if isinstance(plain, float) else str(plain))
    if any(isinstance(value, str) for value in values):
        return [None if value is None else str(value) for value in values]
    numbers = [value for value in values if isinstance(value, float)]
    if (
        pd.api.types.is_float_dtype(column.dtype)
        and len(numbers) < len(values)
        and all(number.is_integer() and abs(number) < 1e15 for number in numbers)
    ):
        return [int(value) if isinstance(value, float) else None for value in values]
    return values


def check_values(path: Path, names: Sequence[str], columns: Sequence[Sequence[Value]]) -> None:
    """Raise TableError where a table would not read back: for its names, or for a character in a text."""
    count = Counter(names)
    for number, name in enumerate(names, start=1):
        if not name:
            raise TableError(f"{path}: column {number} has no name; name it or remove it")
        if count[name] > 1:
            raise TableError(f"{path}: more than one column is called {name!r}; rename all but one")
        if not _is_writable(name):
            raise TableError(f"{path}: the name of column {number} holds {_UNWRITABLE}")
    for name, column in zip(names, columns, strict=True):
        for number, value in enumerate(column, start=1):
            if isinstance(value, str) and not _is_writable(value):
                raise TableError(f"{path}: column {name!r}, row {number}, holds {_UNWRITABLE}")


def check_numbers(path: Path, names: Sequence[str], columns: Sequence[Sequence[Value]], largest: float) -> None:
    """Raise TableError where a float is above `largest`, or an integer above what floats hold to the last digit."""
    for name, column in zip(names, columns, strict=True):
        for number, value in enumerate(column, start=1):
            if value is None or isinstance(value, str):
                continue
            if abs(value) > (2**53 if isinstance(value, int) else largest):
                raise TableError(
                    f"{path}: column {name!r}, row {number}, is {value}, more than a {path.suffix} file can hold; "
                    "write the table as .csv"
                )


def _is_writable(text: str) -> bool:
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:
        return False
