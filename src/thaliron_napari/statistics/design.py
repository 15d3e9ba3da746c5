"""From columns of a table to what a model is solved with: the rows used, their design matrix, the response."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.least_squares import column_lengths
from thaliron_napari.statistics.transforms import rows_in_words, term

if TYPE_CHECKING:
    import pandas as pd

CONSTANT = "constant"

# Columns count as collinear where what is left of one after the others are taken out is less than this part of it:
# a few hundred roundings of float64, and far below what any measured column, even Filip's tenth power, leaves.
_COLLINEAR = 1e-13

_LARGEST = 1e100  # squares and their sums stay far from float64's limits

_CATEGORY = re.compile(r"category\((?P<column>.+)\)")


@dataclass(frozen=True)
class Rows:
    """The rows of a table that a model uses.

    `design` (n, k) begins with the constant; `response` (n,); both have the labels of the table's index. `clusters`
    (n,) numbers the cluster of each row from 0, where errors are clustered. `notes` are sentences for the reader.
    """

    design: pd.DataFrame
    response: pd.Series
    n_missing: int
    references: Mapping[str, str]
    clusters: np.ndarray | None
    notes: tuple[str, ...]


def complete_rows(
    table: pd.DataFrame,
    response: pd.Series,
    names: Sequence[str],
    references: Mapping[str, str] | None = None,
    cluster: str | None = None,
) -> Rows:
    """Design and response of the rows with a value in every column used.

    Parameters
    ----------
    table : DataFrame
        One row a case.
    response : Series
        Outcome of every row as numbers, NaN where missing.
    names : sequence of str
        Columns of the design: a column, a term such as ``ln(column)``, or ``category(column)``, which takes numbers
        for the names of levels.
    references : mapping of str to str, optional
        Reference level by column; the first level where there is none.
    cluster : str, optional
        Column that says which rows belong together.

    Raises
    ------
    ModelError
        Where these rows cannot carry the model: no such column, no complete row, a constant column, columns that
        determine each other, fewer rows than coefficients, a single cluster.
    """
    columns = [_column(table, name) for name in names]
    groups = [_groups(table, cluster)] if cluster is not None else []
    for column in (response, *columns, *groups):
        if column.isna().all():
            raise ModelError(f"column {column.name!r} has no values: every row of it is missing")
    complete = response.notna().to_numpy()
    for column in (*columns, *groups):
        complete = complete & column.notna().to_numpy()
    if not complete.any():
        used = ", ".join(str(column.name) for column in (response, *columns, *groups))
        raise ModelError(f"no row has a value in every one of {used}")
    n_missing = int((~complete).sum())
    response = response[complete]
    design, levels = _design([column[complete] for column in columns], references or {})
    _check_design(design, response, n_missing)
    _check_collinear(design)
    repeated = _repeated_ids(table, complete) if cluster is None else None
    return Rows(
        design=design,
        response=response,
        n_missing=n_missing,
        references=levels,
        clusters=_codes(groups[0][complete]) if groups else None,
        notes=(repeated,) if repeated else (),
    )


def check_asked(table: pd.DataFrame, outcome: str, predictors: Sequence[str], covariates: Sequence[str]) -> list[str]:
    """Predictors and covariates in one list; ModelError where one is named twice or is the outcome, or without rows."""
    if isinstance(predictors, str) or isinstance(covariates, str):
        raise TypeError("predictors and covariates are sequences of column names, not one string")
    if not predictors:
        raise ModelError("a regression needs at least one predictor")
    names = [*predictors, *covariates]
    for name in names:
        if outcome in (name, _of_category(name)):
            raise ModelError(f"{outcome!r} is both the outcome and a predictor; choose another predictor")
        if names.count(name) > 1:
            raise ModelError(f"{name!r} is named twice among predictors and covariates; name it once")
    if len(table) == 0:
        raise ModelError("the table has no rows")
    return names


def level_name(value: object) -> str:
    """A level as it is called: 2.0 is ``2``."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _of_category(name: str) -> str | None:
    found = _CATEGORY.fullmatch(name)
    return found["column"] if found else None


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    """A term of the table, as levels where it is called ``category(column)``."""
    inner = _of_category(name)
    if inner is None or name in table.columns:
        return term(table, name)
    import pandas as pd

    column = term(table, inner).rename(name)
    if column.dtype != np.float64:
        return column
    order = [level_name(value) for value in sorted(column.dropna().unique().tolist())]
    names = column.map(level_name, na_action="ignore").astype("object")
    return pd.Series(pd.Categorical(names, categories=order), index=column.index, name=name)


def _groups(table: pd.DataFrame, name: str) -> pd.Series:
    """The column by which errors are clustered: numbers, texts or both, blank texts missing."""
    if name not in table.columns:
        raise ModelError(f"there is no column {name!r} to cluster by; the table has: {', '.join(map(str, table))}")
    column = table[name]
    if getattr(column, "ndim", 1) != 1:
        raise ModelError(f"the table has more than one column called {name!r}; rename all but one")
    return column.mask(column.map(lambda value: isinstance(value, str) and not value.strip()).astype(bool))


def _codes(groups: pd.Series) -> np.ndarray:
    import pandas as pd

    codes, levels = pd.factorize(groups)
    if len(levels) == 1:
        raise ModelError(
            f"column {groups.name!r} is {level_name(levels[0])!r} in all {len(groups)} rows used, which makes one "
            "cluster; clustered errors need at least two"
        )
    return np.asarray(codes)


def _repeated_ids(table: pd.DataFrame, used: np.ndarray) -> str | None:
    """A sentence on cases that are in more than one of the rows used."""
    if "id" not in table.columns or getattr(table["id"], "ndim", 1) != 1:
        return None
    ids = table["id"][used]
    again = np.zeros(len(table), dtype=bool)
    again[used] = ids.duplicated().to_numpy() & ids.notna().to_numpy()
    if not again.any():
        return None
    count = table["id"][again].nunique()
    return (
        f"{count} id{'s stand' if count != 1 else ' stands'} in more than one row ({rows_in_words(table, again)}): "
        "the rows are not independent; cluster the errors by id, or leave the repeats out"
    )


def _design(columns: Sequence[pd.Series], references: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Design matrix (n, 1 + number of coefficients), constant first, and the reference level of each text column."""
    import pandas as pd

    parts: dict[str, np.ndarray] = {CONSTANT: np.ones(len(columns[0]))}
    levels: dict[str, str] = {}
    for column in columns:
        name = str(column.name)
        if column.dtype == np.float64:
            parts[name] = column.to_numpy()
            continue
        found = column.unique()
        if isinstance(column.dtype, pd.CategoricalDtype):
            order = [str(level) for level in column.cat.categories if level in set(found)]
        else:
            order = sorted(str(level) for level in found)
        if len(order) == 1:
            raise ModelError(f"column {name!r} is {order[0]!r} in all {len(column)} rows used; leave it out")
        reference = level_name(references.get(name, references.get(_of_category(name) or name, order[0])))
        if reference not in order:
            raise ModelError(f"column {name!r} has no level {reference!r}; its levels are {', '.join(order)}")
        levels[name] = reference
        texts = column.astype(str).to_numpy()
        for level in order:
            if level != reference:
                parts[f"{name}[{level}]"] = (texts == level).astype(np.float64)
    return pd.DataFrame(np.column_stack(list(parts.values())), index=columns[0].index, columns=list(parts)), levels


def _check_design(design: pd.DataFrame, response: pd.Series, n_missing: int) -> None:
    """Raise ModelError, in words, where least squares has no unique answer with a standard error."""
    n, k = design.shape
    missing = f" ({n_missing} left out for missing values)" if n_missing else ""
    if n <= k:
        raise ModelError(
            f"{n} row{'s' * (n != 1)}{missing} cannot carry {k} coefficients (the constant among them); "
            f"at least {k + 1} complete rows are needed"
        )
    values = design.to_numpy()
    for name, column in zip(design.columns[1:], values.T[1:], strict=True):
        if np.ptp(column) == 0:
            raise ModelError(f"column {name!r} is {column[0]:g} in all {n} rows used{missing}; leave it out")
    outcome = response.to_numpy()
    if np.ptp(outcome) == 0:
        raise ModelError(f"the outcome {response.name!r} is {outcome[0]:g} in all {n} rows used{missing}")
    for name, column in zip((*design.columns, response.name), (*values.T, outcome), strict=True):
        if not 1 / _LARGEST < (size := float(np.abs(column).max())) < _LARGEST:
            raise ModelError(
                f"column {str(name)!r} is {size:.0e} in size, beyond what can be computed; change its unit"
            )


def _check_collinear(design: pd.DataFrame) -> None:
    """Raise ModelError naming the first column that the columns before it determine, and those that do it."""
    names = [str(name) for name in design.columns]
    x = design.to_numpy()
    x = x / column_lengths(x)
    r = np.linalg.qr(x, mode="r")
    left = np.abs(np.diag(r)) / np.linalg.norm(r, axis=0)
    # Twice the usual tolerance, so that statsmodels, which counts the rank again, never finds it lacking after this.
    rank = np.linalg.matrix_rank(r, rtol=2 * len(names) * np.finfo(np.float64).eps)
    if left.min() >= _COLLINEAR and rank == len(names):
        return
    # Many columns together can lack rank with something left of each; then it is the one with the least left.
    j = int(np.argmax(left < _COLLINEAR)) if left.min() < _COLLINEAR else int(np.argmin(left))
    weights = np.linalg.lstsq(x[:, :j], x[:, j], rcond=None)[0]
    others = [name for name, w in zip(names[:j], weights, strict=True) if abs(w) > 1e-6 and name != CONSTANT]
    raise ModelError(
        f"column {names[j]!r} is determined by {' and '.join(repr(name) for name in others) or 'the constant'} "
        "(perfect collinearity); leave one of them out"
    )
