"""What the assumptions of a fit are judged by, as numbers: residuals, leverage, collinearity, spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.design import CONSTANT
from thaliron_napari.statistics.least_squares import Solved, solve
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
    """Diagnostics of a fit.

    Notes
    -----
    Cook's distance is r^2 h / (k (1 - h)) with r the standardized residual, h the leverage and k the number of
    coefficients (Cook 1977). A case of leverage 1, through which any fit passes, has neither. The Breusch-Pagan test is
    the score test on the fitted values under normal errors, as Stata's ``estat hettest`` prints it (Breusch and Pagan
    1979; Cook and Weisberg 1983). RESET is the F test of the second to fourth power of the fitted values, as Stata's
    ``estat ovtest`` (Ramsey 1969).
    """
    from scipy.special import ndtri

    solved = solve(fit.design.to_numpy(), fit.response.to_numpy())
    k = fit.design.shape[1]
    leverage = solved.leverage
    with np.errstate(divide="ignore", invalid="ignore"):
        free = np.where(1.0 - leverage > 1e-12, 1.0 - leverage, np.nan)
        standardized = solved.residuals / np.sqrt(solved.variance * free)
        cooks = standardized**2 * leverage / free / k
    ranks = np.argsort(np.argsort(standardized, kind="stable"), kind="stable")
    return Diagnostics(
        rows=fit.design.index,
        fitted=solved.fitted,
        residuals=solved.residuals,
        standardized=standardized,
        normal_quantiles=ndtri((ranks + 0.5) / len(ranks)),
        leverage=leverage,
        cooks_distance=cooks,
        vif=_vif(fit.design, solved),
        breusch_pagan=_breusch_pagan(solved),
        reset=_reset(solved),
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
        As `hc_covariance`, where a row has a leverage of 1.
    """
    plain, robust = with_errors(fit, "ols"), with_errors(fit, "hc3")
    return tuple(
        ErrorCheck(a.name, a.standard_error, b.standard_error, a.p, b.p)
        for a, b in zip(plain.coefficients, robust.coefficients, strict=True)
    )


def _vif(design: pd.DataFrame, solved: Solved) -> dict[str, float]:
    """Variance inflation factor of every column but the constant: 1 / (1 - R^2) on the other columns.

    It is also the diagonal of the inverse of the correlation matrix. Without its first row and column, those of the
    constant, R is that of the columns about their means.
    """
    triangle = solved.triangle[1:, 1:]
    triangle = triangle / np.linalg.norm(triangle, axis=0)
    inverse = np.linalg.inv(triangle)
    factors = np.einsum("ij,ij->i", inverse, inverse)
    return {str(name): float(factor) for name, factor in zip(design.columns[1:], factors, strict=True)}


def _breusch_pagan(solved: Solved) -> Spread:
    """Half the explained sum of squares of residuals^2 / their mean square on the fitted values."""
    from scipy import stats

    fitted, residuals = solved.fitted, solved.residuals
    size = np.linalg.norm(fitted)
    about = fitted - fitted.mean()
    if np.linalg.norm(residuals) <= 1e-14 * size or np.linalg.norm(about) <= 1e-14 * size:
        return Spread(float("nan"), 1, float("nan"))  # nothing is left over, or nothing is explained: no test
    squares = residuals**2 / np.mean(residuals**2)
    chi2 = float((about @ squares / np.linalg.norm(about)) ** 2 / 2)
    return Spread(chi2, 1, float(stats.chi2.sf(chi2, 1)))


def _reset(solved: Solved) -> Reset:
    """F test of the second to fourth power of the fitted values, added to the model."""
    from scipy import stats

    n, k = solved.x.shape
    fitted, residuals = solved.fitted, solved.residuals
    none = Reset(float("nan"), 0, n - k, float("nan"))
    total = float(np.linalg.norm(residuals))
    if np.ptp(fitted) <= 1e-13 * np.abs(fitted).max() or total <= 1e-14 * np.linalg.norm(fitted):
        return none
    # Powers of the fitted values brought into -1 to 1 span with the model what the powers themselves do, and are far
    # from collinear; Stata brings them into 0 to 1.
    at = 2 * (fitted - fitted.min()) / np.ptp(fitted) - 1
    basis = solved.orthonormal
    added: list[np.ndarray] = []
    for power in (2, 3, 4):
        column = at**power
        size = np.linalg.norm(column)
        for _ in range(2):  # twice, so that what is left is orthogonal to rounding
            column = column - basis @ (basis.T @ column)
            for other in added:
                column = column - other * (other @ column)
        left = float(np.linalg.norm(column))
        if left > 1e-9 * size:
            added.append(column / left)
    df, rest = len(added), n - k - len(added)
    if df == 0 or rest <= 0:
        return none
    explained = sum(float(column @ residuals) ** 2 for column in added)
    f = (explained / df) / ((total**2 - explained) / rest)
    return Reset(f, df, rest, float(stats.f.sf(f, df, rest)))
