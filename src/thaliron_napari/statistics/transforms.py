"""Columns derived from columns: a term such as ``ln(lesion_ml)`` is a column as much as ``lesion_ml`` is."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

_LN = re.compile(r"ln\((?P<column>.+)\)")


def term(table: pd.DataFrame, name: str) -> pd.Series:
    """Column of a table by its name, or the natural log of one by ``ln(name)``.

    Parameters
    ----------
    table : DataFrame
        One row a case.
    name : str
        A column's name, or ``ln(column)``. A column that is itself called ``ln(column)`` is taken as it stands.

    Returns
    -------
    Series
        Named `name`, with the index of the table. Numbers are float64, texts stay as they are.

    Raises
    ------
    ModelError
        Where there is no such column, it holds both numbers and text, or has no logarithm.
    """
    if name not in table.columns:
        logarithm = _LN.fullmatch(name)
        if logarithm and logarithm["column"] in table.columns:
            return natural_log(table, logarithm["column"])
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


def natural_log(table: pd.DataFrame, name: str) -> pd.Series:
    """Natural logarithm of a column, called ``ln(name)``; missing stays missing.

    Raises
    ------
    ModelError
        Where a value is zero or negative: such a row has no logarithm, and what to do about it is the
        statistician's choice, so none is made here.
    """
    column = number(table, name)
    bad = (column <= 0).to_numpy()
    if bad.any():
        count = int(bad.sum())
        zero = "zero" if not (column < 0).any() else "zero or negative"
        raise ModelError(
            f"column {name!r} is {zero} in {count} row{'s' * (count != 1)} ({rows_in_words(table, bad)}), "
            "which has no logarithm; leave those rows out or use the column without the log"
        )
    logarithm: pd.Series = np.log(column)
    return logarithm.rename(f"ln({name})")


def rows_in_words(table: pd.DataFrame, which: np.ndarray, most: int = 3) -> str:
    """The first few of the rows marked in a bool array (n,), by their id where the table has one."""
    rows: Sequence[Hashable] = table.index[which].tolist()
    if "id" in table.columns:
        names = [str(value) for value in table["id"].to_numpy()[which]]
    else:
        names = [f"row {row}" for row in rows]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


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
