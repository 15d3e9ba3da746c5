"""What the assumptions of a fit are judged by, as numbers: residuals, leverage, collinearity, spread."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.models import CONSTANT, Fit, solve

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Spread:
    """Breusch-Pagan test of constant variance: chi squared, its degrees of freedom, P."""

    chi2: float
    df: int
    p: float


@dataclass(frozen=True)
class Diagnostics:
    """A fit's diagnostics; arrays are (n,) float64 in the order of `rows`, the labels of the table's index.

    `standardized` residuals are divided by their own standard error (internally studentised). `normal_quantiles` are
    those of the standard normal at (i - 1/2) / n for the i-th smallest standardized residual. `vif` is by coefficient.
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


@dataclass(frozen=True)
class Line:
    """Outcome against one predictor, the other columns of the model at their means, with the 95% band of the mean.

    `x`, `y` (n,) are the points: the outcome itself for a model of one predictor, else the outcome less what the other
    columns explain of it (their fitted part, about its mean). `grid`, `mean`, `low`, `high` draw the line and its band.
    """

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
    1979; Cook and Weisberg 1983).
    """
    from scipy.special import ndtri
    from statsmodels.stats.outliers_influence import OLSInfluence

    results, _ = solve(fit.design, fit.response)
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
        vif=_vif(fit),
        breusch_pagan=_breusch_pagan(results.fittedvalues, results.resid),
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
    rows = np.tile(x.mean(axis=0), (points, 1))
    rows[:, j] = grid
    results, lengths = solve(fit.design, fit.response)
    mean = results.get_prediction(rows / lengths)
    low, high = mean.conf_int().T
    others = np.delete(x, j, axis=1) @ np.delete(b, j)
    y = fit.response.to_numpy() - others + others.mean()
    return Line(x[:, j], y, grid, mean.predicted_mean, low, high)


def _vif(fit: Fit) -> dict[str, float]:
    """Variance inflation factor of every column but the constant: 1 / (1 - R^2) on the other columns."""
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    names = [str(name) for name in fit.design.columns]
    with warnings.catch_warnings():
        # What it warns of, near collinearity, is what the factors say.
        warnings.filterwarnings("ignore", message="The design matrix is poorly conditioned")
        factors = [float(variance_inflation_factor(fit.design.to_numpy(), j)) for j in range(len(names))]
    return {name: factor for name, factor in zip(names, factors, strict=True) if name != CONSTANT}


def _breusch_pagan(fitted: np.ndarray, residuals: np.ndarray) -> Spread:
    from statsmodels.stats.diagnostic import het_breuschpagan

    size = np.linalg.norm(fitted)
    about = fitted - fitted.mean()
    if np.linalg.norm(residuals) <= 1e-14 * size or np.linalg.norm(about) <= 1e-14 * size:
        return Spread(float("nan"), 1, float("nan"))  # nothing is left over, or nothing is explained: no test
    predictors = np.column_stack([np.ones(len(fitted)), about / np.linalg.norm(about)])
    chi2, p, _, _ = het_breuschpagan(residuals, predictors, robust=False)
    return Spread(float(chi2), 1, float(p))
