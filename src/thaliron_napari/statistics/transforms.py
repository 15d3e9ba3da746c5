"""Columns derived from columns: a term such as ``ln(lesion_ml)`` is a column as much as ``lesion_ml`` is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Transform:
    """A rung of Tukey's ladder of powers.

    `name` is what Stata calls it, `written` how a term is written with it, ``{}`` standing for the column, `makes` the
    word for what it makes of a number. `function` takes and gives an array; `undefined` gives a bool array, true where
    `function` has no number.
    """

    name: str
    written: str
    makes: str
    function: Callable[[np.ndarray], np.ndarray]
    undefined: Callable[[np.ndarray], np.ndarray]

    def term(self, column: str) -> str:
        """The term that is this transform of a column, for use in a model."""
        return self.written.format(column)

    def column(self, term: str) -> str | None:
        """The column of which a term is this transform, None where it is another or none."""
        before, after = self.written.split("{}")
        inside = term[len(before) : len(term) - len(after)]
        return inside if inside and self.term(inside) == term else None

    def of(self, values: np.ndarray) -> str:
        """What values without this transform are, in words: zero, negative, or both."""
        return " or ".join(word for word, some in (("zero", values == 0), ("negative", values < 0)) if some.any())


def _nowhere(x: np.ndarray) -> np.ndarray:
    return np.zeros(x.shape, bool)


def _below_zero(x: np.ndarray) -> np.ndarray:
    return np.asarray(x < 0)


def _at_zero(x: np.ndarray) -> np.ndarray:
    return np.asarray(x == 0)


def _up_to_zero(x: np.ndarray) -> np.ndarray:
    return np.asarray(x <= 0)


IDENTITY = Transform("identity", "{}", "value", lambda x: x, _nowhere)
LOG = Transform("log", "ln({})", "logarithm", np.log, _up_to_zero)

# From the strongest pull towards the large values to the strongest towards the small ones, as Stata lists them.
LADDER: tuple[Transform, ...] = (
    Transform("cubic", "cube({})", "cube", lambda x: x**3, _nowhere),
    Transform("square", "square({})", "square", lambda x: x**2, _nowhere),
    IDENTITY,
    Transform("square root", "sqrt({})", "square root", np.sqrt, _below_zero),
    LOG,
    Transform("1/(square root)", "1/sqrt({})", "inverse square root", lambda x: 1 / np.sqrt(x), _up_to_zero),
    Transform("inverse", "1/{}", "inverse", lambda x: 1 / x, _at_zero),
    Transform("1/square", "1/square({})", "inverse square", lambda x: 1 / x**2, _at_zero),
    Transform("1/cubic", "1/cube({})", "inverse cube", lambda x: 1 / x**3, _at_zero),
)


def term(table: pd.DataFrame, name: str) -> pd.Series:
    """Column of a table by its name, or a transform of one: ``ln(name)`` or another rung of the ladder of powers.

    Parameters
    ----------
    table : DataFrame
        One row a case.
    name : str
        A column's name, or a column in one of ``cube(...)``, ``square(...)``, ``sqrt(...)``, ``ln(...)``,
        ``1/sqrt(...)``, ``1/...``, ``1/square(...)``, ``1/cube(...)``. A column that is itself called ``ln(column)`` is
        taken as it stands.

    Returns
    -------
    Series
        Named `name`, with the index of the table. Numbers are float64, texts stay as they are.

    Raises
    ------
    ModelError
        Where there is no such column, it holds both numbers and text, or has no such transform.
    """
    if name not in table.columns:
        for transform in LADDER:
            inside = transform.column(name)
            if inside is not None and inside in table.columns:
                return transformed(table, inside, transform)
        raise ModelError(f"there is no column {name!r} in the table, which has: {', '.join(map(str, table.columns))}")
    column = table[name]
    if getattr(column, "ndim", 1) != 1:
        raise ModelError(f"the table has more than one column called {name!r}; rename all but one")
    return _as_number_or_text(table, column.rename(name))


def number(table: pd.DataFrame, name: str) -> pd.Series:
    """Like `term`, for a column that must be numbers (float64, NaN where missing, never infinite)."""
    column = term(table, name)
    if column.dtype != np.float64:
        example = column.dropna().iloc[0]
        raise ModelError(f"column {name!r} holds text (such as {str(example)!r}) where numbers are needed")
    return column


def transformed(table: pd.DataFrame, name: str, transform: Transform) -> pd.Series:
    """A column's transform, called as its term is written; missing stays missing.

    Raises
    ------
    ModelError
        Where a value has no such transform: what to do about such a row is the statistician's choice, so none is made
        here.
    """
    column = number(table, name)
    values = column.to_numpy()
    bad = transform.undefined(values)
    if bad.any():
        raise ModelError(
            f"column {name!r} is {transform.of(values[bad])} in {_rows(table, bad)}, "
            f"which has no {transform.makes}; leave those rows out or use the column as it is"
        )
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        found = transform.function(values)
    bad = np.isinf(found)
    if bad.any():
        raise ModelError(
            f"{transform.term(name)!r} is too large a number in {_rows(table, bad)}; give {name!r} in another unit"
        )
    result: pd.Series = column.copy()
    result[:] = found
    return result.rename(transform.term(name))


def rows_in_words(table: pd.DataFrame, which: np.ndarray, most: int = 3) -> str:
    """The first few of the rows marked in a bool array (n,), by their id where the table has one."""
    rows: Sequence[Hashable] = table.index[which].tolist()
    if "id" in table.columns:
        names = [str(value) for value in table["id"].to_numpy()[which]]
    else:
        names = [f"row {row}" for row in rows]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _rows(table: pd.DataFrame, which: np.ndarray) -> str:
    count = int(which.sum())
    return f"{count} row{'s' * (count != 1)} ({rows_in_words(table, which)})"


def _as_number_or_text(table: pd.DataFrame, column: pd.Series) -> pd.Series:
    """Float64 where every value is a number (also when written as text), else the texts."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        numbers = column.astype("float64")
        missing = numbers.isna()
    else:
        column = column.mask(column.map(lambda value: isinstance(value, str) and not value.strip()))
        missing = column.isna()
        numbers = pd.to_numeric(column, errors="coerce").astype("float64")
        texts = (numbers.isna() & ~missing).to_numpy()
        if texts.any():
            if texts.sum() < (~missing).sum():
                example = str(column[texts].iloc[0])
                where = rows_in_words(table, texts)
                raise ModelError(
                    f"column {column.name!r} holds text among its numbers: {example!r} ({where}); "
                    "correct it or leave the cell empty"
                )
            return column.astype("object")
    infinite = np.isinf(numbers.to_numpy())
    if infinite.any():
        where = rows_in_words(table, infinite)
        raise ModelError(f"column {column.name!r} is infinite in {where}; correct it or leave the cell empty")
    return numbers
