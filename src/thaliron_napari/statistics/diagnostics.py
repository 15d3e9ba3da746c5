"""What the assumptions of a fit are judged by, as numbers: residuals, leverage, collinearity, spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.design import CONSTANT
from thaliron_napari.statistics.least_squares import solve
from thaliron_napari.statistics.models import Fit, with_errors

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Spread:
    """Breusch-Pagan test of constant variance: chi squared, its degrees of freedom, P."""

    chi2: float
    df: int
    p: float


@dataclass(frozen=True)
class Reset:
    """Ramsey's RESET test that nothing curved was left out: F, its two degrees of freedom, P.

    `df` is 3, or less where the powers determine each other, as for fitted values of few levels; where none is left to
    test, it is 0 and F and P are NaN.
    """

    f: float
    df: int
    residual_df: int
    p: float


@dataclass(frozen=True)
class ErrorCheck:
    """Standard error and P of one coefficient by least squares, and robust (HC3)."""

    name: str
    standard_error: float
    robust_error: float
    p: float
    robust_p: float


@dataclass(frozen=True)
class Diagnostics:
    """A fit's diagnostics; arrays are (n,) float64 in the order of `rows`, the labels of the table's index.

    None of them depends on the kind of standard errors. `standardized` residuals are divided by their own standard
    error (internally studentised). `normal_quantiles` are those of the standard normal at (i - 1/2) / n for the i-th
    smallest standardized residual. `vif` is by coefficient.
    """

    rows: pd.Index
    fitted: np.ndarray
    residuals: np.ndarray
    standardized: np.ndarray
    normal_quantiles: np.ndarray
    leverage: np.ndarray
    cooks_distance: np.ndarray
    vif: Mapping[str, float]
    breusch_pagan: Spread
    reset: Reset


@dataclass(frozen=True)
class Line:
    """Outcome against one predictor, the other columns of the model at their means, with the 95% band of the mean.

    `x`, `y` (n,) are the points: the outcome itself for a model of one predictor, else the outcome less what the other
    columns explain of it (their fitted part, about its mean); `rows` are their labels in the table's index. `grid`,
    `mean`, `low`, `high` draw the line and its band, which is by the standard errors of the fit.
    """

    rows: pd.Index
    x: np.ndarray
    y: np.ndarray
    grid: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def diagnose(fit: Fit) -> Diagnostics:
    """Diagnostics of a fit, by statsmodels.

    Notes
    -----
    Cook's distance is r^2 h / (k (1 - h)) with r the standardized residual, h the leverage and k the number of
    coefficients (Cook 1977). A case of leverage 1, through which any fit passes, has neither. The Breusch-Pagan test is
    the score test on the fitted values under normal errors, as Stata's ``estat hettest`` prints it (Breusch and Pagan
    1979; Cook and Weisberg 1983). RESET is the F test of the second to fourth power of the fitted values, as Stata's
    ``estat ovtest`` (Ramsey 1969).
    """
    from scipy.special import ndtri
    from statsmodels.stats.outliers_influence import OLSInfluence

    results = solve(fit.design.to_numpy(), fit.response.to_numpy()).results
    influence = OLSInfluence(results)
    leverage = np.minimum(influence.hat_matrix_diag, 1.0)
    free = 1.0 - leverage > 1e-12
    with np.errstate(divide="ignore", invalid="ignore"):
        standardized = np.where(free, influence.resid_studentized_internal, np.nan)
        cooks = np.where(free, influence.cooks_distance[0], np.nan)
    ranks = np.argsort(np.argsort(standardized, kind="stable"), kind="stable")
    return Diagnostics(
        rows=fit.design.index,
        fitted=results.fittedvalues,
        residuals=results.resid,
        standardized=standardized,
        normal_quantiles=ndtri((ranks + 0.5) / len(ranks)),
        leverage=leverage,
        cooks_distance=cooks,
        vif=_vif([str(name) for name in fit.design.columns], results),
        breusch_pagan=_breusch_pagan(results),
        reset=_reset(results),
    )


def fit_line(fit: Fit, predictor: str, points: int = 101) -> Line:
    """Points, line and band of the outcome against one coefficient's column of a fit.

    Raises
    ------
    ModelError
        Where the fit has no such column.
    """
    names = [str(name) for name in fit.design.columns]
    if predictor not in names or predictor == CONSTANT:
        raise ModelError(f"the model {fit.formula} has no predictor {predictor!r} to draw a line for")
    j = names.index(predictor)
    x = fit.design.to_numpy()
    b = np.array([c.estimate for c in fit.coefficients])
    grid = np.linspace(x[:, j].min(), x[:, j].max(), points)
    at = np.tile(x.mean(axis=0), (points, 1))
    at[:, j] = grid
    mean = at @ b
    reach = t_reach(fit) * np.sqrt(np.einsum("ij,jk,ik->i", at, fit.covariance, at))
    others = np.delete(x, j, axis=1) @ np.delete(b, j)
    y = fit.response.to_numpy() - others + others.mean()
    return Line(fit.design.index, x[:, j], y, grid, mean, mean - reach, mean + reach)


def t_reach(fit: Fit) -> float:
    """Standard errors that the 95% interval of a fit reaches to each side."""
    from scipy import stats

    return float(stats.t.ppf(0.975, fit.error_df))


def error_check(fit: Fit) -> tuple[ErrorCheck, ...]:
    """Errors and P of each coefficient by least squares and by HC3, for how much hangs on a constant variance.

    Raises
    ------
    ModelError
        As `covariance_of`, where a row has a leverage of 1.
    """
    plain, robust = with_errors(fit, "ols"), with_errors(fit, "hc3")
    return tuple(
        ErrorCheck(a.name, a.standard_error, b.standard_error, a.p, b.p)
        for a, b in zip(plain.coefficients, robust.coefficients, strict=True)
    )


def _vif(names: Sequence[str], results: Any) -> dict[str, float]:
    """Variance inflation factor of every column but the constant: 1 / (1 - R^2) on the other columns.

    It is also what a coefficient's variance is to that of a column uncorrelated with the others, which needs no fit of
    each column on the others, as statsmodels' own function does.
    """
    x = results.model.exog
    about = x - x.mean(axis=0)
    factors = np.diag(results.normalized_cov_params) * np.einsum("ij,ij->j", about, about)
    return dict(zip(names[1:], factors[1:].tolist(), strict=True))


def _is_perfect(results: Any) -> bool:
    """Whether the residuals are rounding, of which the pseudoinverse makes the more, the nearer to collinear."""
    rounding = 1e-14 + np.finfo(np.float64).eps * results.condition_number
    return bool(np.linalg.norm(results.resid) <= rounding * np.linalg.norm(results.fittedvalues))


def _breusch_pagan(results: Any) -> Spread:
    from statsmodels.stats.diagnostic import het_breuschpagan

    fitted, residuals = results.fittedvalues, results.resid
    about = fitted - fitted.mean()
    if _is_perfect(results) or np.linalg.norm(about) <= 1e-14 * np.linalg.norm(fitted):
        return Spread(float("nan"), 1, float("nan"))  # nothing is left over, or nothing is explained: no test
    predictors = np.column_stack([np.ones(len(fitted)), about / np.linalg.norm(about)])
    chi2, p, _, _ = het_breuschpagan(residuals, predictors, robust=False)
    return Spread(float(chi2), 1, float(p))


def _reset(results: Any) -> Reset:
    """F test of the second to fourth power of the fitted values, added to the model."""
    from statsmodels.regression.linear_model import OLS
    from statsmodels.stats.diagnostic import linear_reset

    x, y, fitted = results.model.exog, results.model.endog, results.fittedvalues
    n, k = x.shape
    none = Reset(float("nan"), 0, n - k, float("nan"))
    spread = np.ptp(fitted)
    if spread <= 1e-13 * np.abs(fitted).max() or _is_perfect(results):
        return none
    # With the outcome moved and scaled so that fitted values lie in -1 to 1, the powers span with the model what those
    # of the outcome itself do, and are far from collinear; Stata brings them into 0 to 1.
    at, moved = (2 * (values - fitted.min()) / spread - 1 for values in (fitted, y))
    powers = np.arange(2, min(5, n - k + 2))
    q, r = np.linalg.qr(np.column_stack([x, at[:, None] ** powers]))
    left = np.abs(np.diag(r)[k:]) / np.linalg.norm(r[:, k:], axis=0)
    powers = powers[left > 1e-9]
    rest = n - k - len(powers)
    if len(powers) == 0 or rest <= 0:
        return none
    basis = np.column_stack([x[:, 0], q[:, 1:k]])  # spans what x spans, and is as far from collinear as can be
    test = linear_reset(OLS(moved, basis).fit(), power=powers.tolist(), use_f=True)
    return Reset(float(test.statistic), len(powers), rest, float(test.pvalue))
