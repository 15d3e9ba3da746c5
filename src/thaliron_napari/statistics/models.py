"""Linear regression as the study has it: one outcome, its predictors, before and after adjustment for covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.transforms import number, term

if TYPE_CHECKING:
    import pandas as pd

CONSTANT = "constant"

# Columns count as collinear where what is left of one after the others are taken out is less than this part of it:
# a few hundred roundings of float64, and far below what any measured column, even Filip's tenth power, leaves.
_COLLINEAR = 1e-13


@dataclass(frozen=True)
class Coefficient:
    """One coefficient of a fit, with its 95% confidence interval and two-sided P of Student's t."""

    name: str
    estimate: float
    standard_error: float
    ci_low: float
    ci_high: float
    p: float
    n: int


@dataclass(frozen=True)
class Fit:
    """A fitted linear model.

    `coefficients` begins with the constant. A text column gives one coefficient for each level but its reference
    level, called ``column[level]``; `references` says which level that was. `design` (n, k) and `response` (n,) hold
    the rows used, under the index of the table, for diagnostics and plots.
    """

    outcome: str
    predictors: tuple[str, ...]
    covariates: tuple[str, ...]
    coefficients: tuple[Coefficient, ...]
    n_used: int
    n_missing: int
    residual_df: int
    r_squared: float
    residual_sd: float
    formula: str
    references: Mapping[str, str] = field(default_factory=dict)
    design: pd.DataFrame = field(repr=False, compare=False, kw_only=True)
    response: pd.Series = field(repr=False, compare=False, kw_only=True)

    def __getitem__(self, name: str) -> Coefficient:
        """Coefficient by its name."""
        for coefficient in self.coefficients:
            if coefficient.name == name:
                return coefficient
        raise KeyError(name)

    def of(self, predictor: str) -> tuple[Coefficient, ...]:
        """Coefficients of a predictor: one for numbers, one for each level but the reference for text."""
        return tuple(c for c in self.coefficients if c.name == predictor or c.name.startswith(f"{predictor}["))


@dataclass(frozen=True)
class BeforeAndAfter:
    """Each predictor alone, and all of them in one model together with the covariates."""

    before: tuple[Fit, ...]
    after: Fit


def before_and_after(
    table: pd.DataFrame, outcome: str, predictors: Sequence[str], covariates: Sequence[str] = ()
) -> BeforeAndAfter:
    """Fit each predictor alone, then all in one model adjusted for the covariates.

    Every fit uses all rows that are complete for it, so that `n_used` may differ between them where values are missing.

    Parameters
    ----------
    table, outcome, predictors, covariates
        As for `fit`.

    Raises
    ------
    ModelError
        As `fit`.
    """
    alone = tuple(fit(table, outcome, [predictor]) for predictor in predictors)
    return BeforeAndAfter(alone, fit(table, outcome, predictors, covariates))


def fit(
    table: pd.DataFrame,
    outcome: str,
    predictors: Sequence[str],
    covariates: Sequence[str] = (),
    *,
    references: Mapping[str, str] | None = None,
) -> Fit:
    """Ordinary least squares of an outcome on predictors and covariates, with a constant.

    Rows with a missing value in any column used are left out and counted. A column of texts enters as indicator
    columns, one for each level but the reference level (the first in order, unless named in `references`).
    Fitted by statsmodels, as `solve` says.

    Parameters
    ----------
    table : DataFrame
        One row a case.
    outcome : str
        A numeric column, or ``ln(column)``.
    predictors, covariates : sequence of str
        Columns, or ``ln(column)``. The two kinds enter the model alike; what sets them apart is what is reported.
    references : mapping of str to str, optional
        Reference level by column of texts.

    Returns
    -------
    Fit

    Raises
    ------
    ModelError
        Where the model cannot be fitted to these rows: no such column, text in a column of numbers, infinite values,
        log of zero, a column that is constant, columns that determine each other, too few rows.
    """
    names = _check_names(outcome, predictors, covariates)
    response, columns, n_missing = _complete_rows(table, outcome, names)
    design, levels = _design(columns, references or {})
    _check_design(design, response, n_missing)
    _check_collinear(design)
    results, lengths = solve(design, response)
    intervals = results.conf_int() / lengths[:, None]
    found = np.column_stack([results.params / lengths, results.bse / lengths, intervals, results.pvalues])
    n = len(design)
    return Fit(
        outcome=outcome,
        predictors=tuple(predictors),
        covariates=tuple(covariates),
        coefficients=tuple(
            Coefficient(str(name), estimate, error, low, high, p, n)
            for name, (estimate, error, low, high, p) in zip(design.columns, found.tolist(), strict=True)
        ),
        n_used=n,
        n_missing=n_missing,
        residual_df=int(results.df_resid),
        r_squared=float(results.rsquared),
        residual_sd=float(np.sqrt(results.mse_resid)),
        formula=f"{outcome} ~ {' + '.join(names)}",
        references=dict(levels),
        design=design,
        response=response,
    )


def solve(design: pd.DataFrame, response: pd.Series) -> tuple[Any, np.ndarray]:
    """Least squares by statsmodels, the columns of the design brought to about one length first.

    Parameters
    ----------
    design : DataFrame (n, k)
        Of full rank, with a constant.
    response : Series (n,)

    Returns
    -------
    results : statsmodels RegressionResults
        Of design / lengths: coefficients, errors and intervals are to be divided by `lengths`.
    lengths : ndarray (k,)
        Powers of two, so that neither division rounds anything.

    Notes
    -----
    With lengths alike the pseudoinverse is within a digit of statsmodels' QR or better on all estimates of NIST's sets.
    It has 12 digits of Longley's standard errors and 8 of Filip's, where QR, which inverts x'x, has 8 and none. Without
    the lengths the pseudoinverse has 6 digits of Pontius and none of Filip.
    """
    from statsmodels.regression.linear_model import OLS  # statsmodels.api imports far more

    x = design.to_numpy()
    lengths = _lengths(x)
    return OLS(response.to_numpy(), x / lengths).fit(method="pinv"), lengths


def _lengths(x: np.ndarray) -> np.ndarray:
    """Powers of two nearest to the lengths (k,) of the columns of x (n, k)."""
    return np.asarray(np.exp2(np.round(np.log2(np.linalg.norm(x, axis=0)))))


def _check_names(outcome: str, predictors: Sequence[str], covariates: Sequence[str]) -> list[str]:
    if isinstance(predictors, str) or isinstance(covariates, str):
        raise TypeError("predictors and covariates are sequences of column names, not one string")
    if not predictors:
        raise ModelError("a regression needs at least one predictor")
    names = [*predictors, *covariates]
    for name in names:
        if name == outcome:
            raise ModelError(f"{name!r} is both the outcome and a predictor; choose another predictor")
        if names.count(name) > 1:
            raise ModelError(f"{name!r} is named twice among predictors and covariates; name it once")
    return names


def _complete_rows(table: pd.DataFrame, outcome: str, names: Sequence[str]) -> tuple[pd.Series, list[pd.Series], int]:
    """Outcome and columns without the rows in which one of them is missing, and how many those are."""
    if len(table) == 0:
        raise ModelError("the table has no rows")
    response, columns = number(table, outcome), [term(table, name) for name in names]
    for column in (response, *columns):
        if column.isna().all():
            raise ModelError(f"column {column.name!r} has no values: every row of it is missing")
    complete = response.notna().to_numpy()
    for column in columns:
        complete = complete & column.notna().to_numpy()
    if not complete.any():
        raise ModelError(f"no row has a value in every one of {', '.join([outcome, *names])}")
    return response[complete], [column[complete] for column in columns], int((~complete).sum())


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
        reference = references.get(name, order[0])
        if reference not in order:
            raise ModelError(f"column {name!r} has no level {reference!r}; its levels are {', '.join(order)}")
        levels[name] = reference
        texts = column.astype(str).to_numpy()
        for level in order:
            if level != reference:
                parts[f"{name}[{level}]"] = (texts == level).astype(np.float64)
    return pd.DataFrame(parts, index=columns[0].index), levels


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


def _check_collinear(design: pd.DataFrame) -> None:
    """Raise ModelError naming the first column that the columns before it determine, and those that do it."""
    names = [str(name) for name in design.columns]
    x = design.to_numpy()
    scaled = x / _lengths(x)
    r = np.linalg.qr(scaled, mode="r")
    left = np.abs(np.diag(r)) / np.linalg.norm(r, axis=0)
    if left.min() >= _COLLINEAR and np.linalg.matrix_rank(r) == len(names):
        return
    # Many columns together can lack rank with something left of each; then it is the one with the least left.
    j = int(np.argmax(left < _COLLINEAR)) if left.min() < _COLLINEAR else int(np.argmin(left))
    weights = np.linalg.lstsq(scaled[:, :j], scaled[:, j], rcond=None)[0]
    others = [name for name, w in zip(names[:j], weights, strict=True) if abs(w) > 1e-6 and name != CONSTANT]
    raise ModelError(
        f"column {names[j]!r} is determined by {' and '.join(repr(name) for name in others) or 'the constant'} "
        "(perfect collinearity); leave one of them out"
    )
