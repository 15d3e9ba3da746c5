"""Linear regression as the study has it: one outcome, its predictors, before and after adjustment for covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    Solved by `least_squares`.

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
    factors = _factor(design.to_numpy())
    _check_collinear(design, factors)
    return _solve(response, design, factors, (outcome, predictors, covariates), levels, n_missing)


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


def _check_collinear(design: pd.DataFrame, factors: _Factors) -> None:
    """Raise ModelError naming the first column that the columns before it determine, and those that do it."""
    names = [str(name) for name in design.columns]
    left = np.abs(np.diag(factors.r)) / np.linalg.norm(factors.r, axis=0)
    scaled = design.to_numpy() / factors.norms
    for j in np.flatnonzero(left < _COLLINEAR).tolist():
        weights = np.linalg.lstsq(scaled[:, :j], scaled[:, j], rcond=None)[0]
        others = [name for name, w in zip(names[:j], weights, strict=True) if abs(w) > 1e-6 and name != CONSTANT]
        raise ModelError(
            f"column {names[j]!r} is determined by {' and '.join(repr(name) for name in others) or 'the constant'} "
            "(perfect collinearity); leave one of them out"
        )


def _solve(
    response: pd.Series,
    design: pd.DataFrame,
    factors: _Factors,
    names: tuple[str, Sequence[str], Sequence[str]],
    levels: Mapping[str, str],
    n_missing: int,
) -> Fit:
    """Estimates, and Student's t intervals and P from their standard errors."""
    from scipy.special import stdtr, stdtrit  # scipy.stats has the same and takes seconds to import

    outcome, predictors, covariates = names
    n, k = design.shape
    df = n - k
    y = response.to_numpy()
    estimates, residuals, unscaled = least_squares(design.to_numpy(), y, factors)
    squares = float(residuals @ residuals)
    residual_sd = float(np.sqrt(squares / df))
    errors = residual_sd * unscaled
    half = float(stdtrit(df, 0.975)) * errors
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(df, -np.abs(np.where(errors > 0, estimates / errors, np.inf)))
    coefficients = tuple(
        Coefficient(str(name), float(b), float(se), float(b - h), float(b + h), float(prob), n)
        for name, b, se, h, prob in zip(design.columns, estimates, errors, half, p, strict=True)
    )
    about_mean = y - y.mean()
    return Fit(
        outcome=outcome,
        predictors=tuple(predictors),
        covariates=tuple(covariates),
        coefficients=coefficients,
        n_used=n,
        n_missing=n_missing,
        residual_df=df,
        r_squared=1.0 - squares / float(about_mean @ about_mean),
        residual_sd=residual_sd,
        formula=f"{outcome} ~ {' + '.join([*predictors, *covariates])}",
        references=dict(levels),
        design=design,
        response=response,
    )


@dataclass(frozen=True)
class _Factors:
    """Design (n, k) as q r, its columns brought to about one length by `norms`, which are powers of two."""

    norms: np.ndarray
    q: np.ndarray
    r: np.ndarray


def _factor(x: np.ndarray) -> _Factors:
    norms = np.exp2(np.round(np.log2(np.linalg.norm(x, axis=0))))
    q, r = np.linalg.qr(x / norms)
    return _Factors(norms, q, r)


def least_squares(
    x: np.ndarray, y: np.ndarray, factors: _Factors | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares by QR, refined once.

    Parameters
    ----------
    x : ndarray (n, k) float64
        Design of full rank.
    y : ndarray (n,) float64
    factors : optional
        Of `x`, where they are known already.

    Returns
    -------
    estimates : ndarray (k,)
    residuals : ndarray (n,)
    unscaled : ndarray (k,)
        Standard errors for a residual standard deviation of 1: roots of the diagonal of the inverse of x'x.

    Notes
    -----
    Columns are brought to about one length by powers of two, which rounds nothing, and estimates and residuals are
    refined together, with residuals of extended precision where the machine has it (Bjorck 1967, BIT 7:257). On NIST's
    Norris, Pontius, Longley and Wampler sets this gives 13 to 16 digits of the estimates, where the same QR unrefined
    gives 10 to 15, and 13 or 14 of the standard errors; on Filip 7.7 and 8.1, all that the rounding of its powers to
    float64 leaves. Standard errors from an explicit inverse of x'x, as libraries take them, have 9.6 digits on Longley
    and none on Filip.
    """
    from scipy.linalg import solve_triangular

    factors = factors or _factor(x)
    norms, q, r = factors.norms, factors.q, factors.r
    z = x / norms
    b = solve_triangular(r, q.T @ y)
    exact_z, exact_y = z.astype(np.longdouble), y.astype(np.longdouble)
    exact_b = b.astype(np.longdouble)
    residuals = exact_y - exact_z @ exact_b
    # The system [1 z; z' 0] [residuals; b] = [y; 0], solved for what is left of its right side.
    across = -(exact_z.T @ residuals).astype(np.float64)
    step = solve_triangular(r, across, trans="T")
    exact_b = exact_b - solve_triangular(r, step)
    residuals = (exact_y - exact_z @ exact_b).astype(np.float64)
    inverse = solve_triangular(r, np.eye(len(b)))
    return exact_b.astype(np.float64) / norms, residuals, np.sqrt((inverse**2).sum(axis=1)) / norms
