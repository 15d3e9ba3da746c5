"""Linear regression as the study has it: one outcome, its predictors, before and after adjustment for covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.covariance import check_errors, covariance_of
from thaliron_napari.statistics.design import CONSTANT, check_asked, complete_rows
from thaliron_napari.statistics.formula import parse_formula
from thaliron_napari.statistics.least_squares import solve
from thaliron_napari.statistics.transforms import number

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CONSTANT",
    "BeforeAndAfter",
    "Coefficient",
    "Fit",
    "Model",
    "before_and_after",
    "fit",
    "fit_formula",
    "standardized",
    "with_errors",
]


@dataclass(frozen=True)
class Coefficient:
    """One coefficient of a model, with its 95% confidence interval and two-sided P.

    By Student's t in linear, by the normal distribution in logistic regression.
    """

    name: str
    estimate: float
    standard_error: float
    ci_low: float
    ci_high: float
    p: float
    n: int

    @property
    def statistic(self) -> float:
        """Estimate over its standard error: t in linear, z in logistic regression."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(self.estimate) / self.standard_error)


@dataclass(frozen=True, kw_only=True)
class Model:
    """What linear and logistic fits have in common.

    `coefficients` begins with the constant. A text column, or ``category(column)``, gives one coefficient for each
    level but its reference level, called ``column[level]``; `references` says which level that was. `errors` is the
    kind of standard error (see `fit`), `cluster` the column by which errors are clustered and `n_clusters` its number
    of clusters. `notes` are sentences for the reader. `design` (n, k) and `response` (n,) hold the rows used, under
    the index of the table, for diagnostics and plots; `covariance` (k, k) is that of the coefficients.
    """

    outcome: str
    predictors: tuple[str, ...]
    covariates: tuple[str, ...]
    coefficients: tuple[Coefficient, ...]
    n_used: int
    n_missing: int
    formula: str
    references: Mapping[str, str] = field(default_factory=dict)
    errors: str = "ols"
    cluster: str | None = None
    n_clusters: int | None = None
    notes: tuple[str, ...] = ()
    design: pd.DataFrame = field(repr=False, compare=False)
    response: pd.Series = field(repr=False, compare=False)
    covariance: np.ndarray = field(repr=False, compare=False)

    def __getitem__(self, name: str) -> Coefficient:
        """Coefficient by its name."""
        for coefficient in self.coefficients:
            if coefficient.name == name:
                return coefficient
        raise KeyError(name)

    def of(self, predictor: str) -> tuple[Coefficient, ...]:
        """Coefficients of a predictor: one for numbers, one for each level but the reference for text."""
        return tuple(c for c in self.coefficients if c.name == predictor or c.name.startswith(f"{predictor}["))


@dataclass(frozen=True, kw_only=True)
class Fit(Model):
    """A fitted linear model. `error_df` are the degrees of freedom of t: n - k, or the clusters less one."""

    residual_df: int
    error_df: int
    r_squared: float
    residual_sd: float


AnyModel = TypeVar("AnyModel", bound=Model)


@dataclass(frozen=True)
class BeforeAndAfter(Generic[AnyModel]):
    """Each predictor alone, and all of them in one model together with the covariates."""

    before: tuple[AnyModel, ...]
    after: AnyModel


def before_and_after(
    table: pd.DataFrame,
    outcome: str,
    predictors: Sequence[str],
    covariates: Sequence[str] = (),
    *,
    references: Mapping[str, str] | None = None,
    errors: str = "ols",
    cluster: str | None = None,
) -> BeforeAndAfter[Fit]:
    """Fit each predictor alone, then all in one model adjusted for the covariates.

    Every fit uses all rows that are complete for it, so that `n_used` may differ between them where values are missing.

    Parameters
    ----------
    table, outcome, predictors, covariates, references, errors, cluster
        As for `fit`.

    Raises
    ------
    ModelError
        As `fit`.
    """

    def one(names: Sequence[str], others: Sequence[str] = ()) -> Fit:
        return fit(table, outcome, names, others, references=references, errors=errors, cluster=cluster)

    alone = tuple(one([predictor]) for predictor in predictors)
    return BeforeAndAfter(alone, one(predictors, covariates))


def fit(
    table: pd.DataFrame,
    outcome: str,
    predictors: Sequence[str],
    covariates: Sequence[str] = (),
    *,
    references: Mapping[str, str] | None = None,
    errors: str = "ols",
    cluster: str | None = None,
) -> Fit:
    """Ordinary least squares of an outcome on predictors and covariates, with a constant.

    Rows with a missing value in any column used are left out and counted. A column of texts enters as indicator
    columns, one for each level but the reference level (the first in order, unless named in `references`); so does a
    column of numbers called ``category(column)``. Fitted by statsmodels, as `least_squares.solve` says.

    Parameters
    ----------
    table : DataFrame
        One row a case.
    outcome : str
        A numeric column, or ``ln(column)``.
    predictors, covariates : sequence of str
        Columns, ``ln(column)`` or ``category(column)``. The two kinds enter the model alike; what sets them apart is
        what is reported.
    references : mapping of str to str, optional
        Reference level by column.
    errors : {"ols", "hc1", "hc3", "cluster"}
        Standard errors: for residuals of one variance; robust against unlike variances, as Stata's ``vce(robust)`` and
        ``vce(hc3)`` with t of n - k degrees of freedom; or against rows of one cluster going together, as its
        ``vce(cluster column)``: with the factor G / (G - 1) (n - 1) / (n - k) and t of G - 1 degrees of freedom for G
        clusters.
    cluster : str, optional
        The column of clusters for ``errors="cluster"``; a row without one is left out.

    Returns
    -------
    Fit

    Raises
    ------
    ModelError
        Where the model cannot be fitted to these rows: no such column, text in a column of numbers, infinite values,
        log of zero, a column that is constant, columns that determine each other, too few rows, a single cluster.
    """
    check_errors(errors, cluster)
    names = check_asked(table, outcome, predictors, covariates)
    rows = complete_rows(table, number(table, outcome), names, references, cluster)
    n, k = rows.design.shape
    solved = solve(rows.design.to_numpy(), rows.response.to_numpy())
    covariance = covariance_of(solved, errors, rows.clusters)
    n_clusters = None if rows.clusters is None else int(rows.clusters.max()) + 1
    error_df = n - k if n_clusters is None else n_clusters - 1
    notes = list(rows.notes)
    if n_clusters is not None and n_clusters <= k:
        notes.append(
            f"{n_clusters} clusters are too few for {k} coefficients: clustered errors can come out far too small"
        )
    return Fit(
        outcome=outcome,
        predictors=tuple(predictors),
        covariates=tuple(covariates),
        coefficients=_coefficients(rows.design, solved.estimates, covariance, error_df),
        n_used=n,
        n_missing=rows.n_missing,
        residual_df=n - k,
        error_df=error_df,
        r_squared=float(solved.results.rsquared),
        residual_sd=float(np.sqrt(solved.results.mse_resid)),
        formula=f"{outcome} ~ {' + '.join(names)}",
        references=rows.references,
        errors=errors,
        cluster=cluster,
        n_clusters=n_clusters,
        notes=tuple(notes),
        design=rows.design,
        response=rows.response,
        covariance=covariance,
    )


def fit_formula(table: pd.DataFrame, text: str, *, errors: str = "ols", cluster: str | None = None) -> Fit:
    """Fit what a formula says, such as ``ln(lesion_ml) ~ chi_ppb + age + category(site, reference=2)``.

    Parameters and errors as for `parse_formula` and `fit`.
    """
    formula = parse_formula(text)
    return fit(
        table, formula.outcome, formula.predictors, references=formula.references, errors=errors, cluster=cluster
    )


def with_errors(fit: Fit, errors: str) -> Fit:
    """The same fit with standard errors of another kind, "ols", "hc1" or "hc3", and t, P and intervals by them.

    Raises
    ------
    ModelError
        For clustered errors, which need the table again; and as `fit`.
    """
    if errors == "cluster":
        raise ModelError("clustered errors need the column of clusters; fit the model again with it")
    check_errors(errors, None)
    solved = solve(fit.design.to_numpy(), fit.response.to_numpy())
    covariance = covariance_of(solved, errors)
    return replace(
        fit,
        coefficients=_coefficients(fit.design, solved.estimates, covariance, fit.residual_df),
        covariance=covariance,
        errors=errors,
        cluster=None,
        n_clusters=None,
        error_df=fit.residual_df,
    )


def standardized(fit: Fit) -> dict[str, float]:
    """Coefficients in standard deviations of the outcome for one of each column, as Stata's ``beta`` prints them.

    The constant has none.
    """
    spread = float(fit.response.std(ddof=1))
    sds = fit.design.to_numpy().std(axis=0, ddof=1)
    return {
        c.name: c.estimate * float(sd) / spread
        for c, sd in zip(fit.coefficients, sds, strict=True)
        if c.name != CONSTANT
    }


def _coefficients(
    design: pd.DataFrame, estimates: np.ndarray, covariance: np.ndarray, df: int
) -> tuple[Coefficient, ...]:
    """Coefficients with intervals and P of Student's t."""
    from scipy import stats

    n = len(design)
    errors = np.sqrt(np.diag(covariance))
    reach = float(stats.t.ppf(0.975, df))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(estimates / errors), df)
    found = np.column_stack([estimates, errors, estimates - reach * errors, estimates + reach * errors, p])
    return tuple(
        Coefficient(str(name), estimate, error, low, high, p, n)
        for name, (estimate, error, low, high, p) in zip(design.columns, found.tolist(), strict=True)
    )
