"""What the assumptions of a fit are judged by, as numbers: residuals, leverage, collinearity, spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.models import CONSTANT, Fit

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
    """Diagnostics of a fit.

    Notes
    -----
    Cook's distance is r^2 h / (k (1 - h)) with r the standardized residual, h the leverage and k the number of
    coefficients (Cook 1977). The Breusch-Pagan test is the score test on the fitted values under normal errors, as
    Stata's ``estat hettest`` prints it (Breusch and Pagan 1979; Cook and Weisberg 1983).
    """
    from scipy.special import ndtri

    x, y = fit.design.to_numpy(), fit.response.to_numpy()
    n, k = x.shape
    fitted = x @ np.array([c.estimate for c in fit.coefficients])
    residuals = y - fitted
    q, _ = np.linalg.qr(x / np.linalg.norm(x, axis=0))
    leverage = np.minimum((q**2).sum(axis=1), 1.0)
    room = 1.0 - leverage
    with np.errstate(divide="ignore", invalid="ignore"):
        standardized = np.where(room > 1e-12, residuals / (fit.residual_sd * np.sqrt(room)), np.nan)
        cooks = standardized**2 * leverage / (k * room)
    ranks = np.argsort(np.argsort(standardized, kind="stable"), kind="stable")
    return Diagnostics(
        rows=fit.design.index,
        fitted=fitted,
        residuals=residuals,
        standardized=standardized,
        normal_quantiles=ndtri((ranks + 0.5) / n),
        leverage=leverage,
        cooks_distance=cooks,
        vif=_vif(fit),
        breusch_pagan=_breusch_pagan(fitted, residuals),
    )


def fit_line(fit: Fit, predictor: str, points: int = 101) -> Line:
    """Points, line and band of the outcome against one coefficient's column of a fit.

    Raises
    ------
    ModelError
        Where the fit has no such column.
    """
    from scipy.special import stdtrit

    names = [str(name) for name in fit.design.columns]
    if predictor not in names or predictor == CONSTANT:
        raise ModelError(f"the model {fit.formula} has no predictor {predictor!r} to draw a line for")
    j = names.index(predictor)
    x = fit.design.to_numpy()
    b = np.array([c.estimate for c in fit.coefficients])
    grid = np.linspace(x[:, j].min(), x[:, j].max(), points)
    rows = np.tile(x.mean(axis=0), (points, 1))
    rows[:, j] = grid
    norms = np.linalg.norm(x, axis=0)
    # x0' (X'X)^-1 x0 = |R'^-1 x0|^2 for X = QR.
    _, r = np.linalg.qr(x / norms)
    error = fit.residual_sd * np.linalg.norm(np.linalg.solve(r.T, (rows / norms).T), axis=0)
    mean = rows @ b
    half = float(stdtrit(fit.residual_df, 0.975)) * error
    others = np.delete(x, j, axis=1) @ np.delete(b, j)
    y = fit.response.to_numpy() - others + others.mean()
    return Line(x[:, j], y, grid, mean, mean - half, mean + half)


def _vif(fit: Fit) -> dict[str, float]:
    """Variance inflation factor of every column but the constant: 1 / (1 - R^2) on the other columns."""
    x = fit.design.drop(columns=CONSTANT)
    centred = x.to_numpy() - x.to_numpy().mean(axis=0)
    _, r = np.linalg.qr(centred / np.linalg.norm(centred, axis=0))
    inverse = np.linalg.inv(r)
    return {str(name): float(value) for name, value in zip(x.columns, (inverse**2).sum(axis=1), strict=True)}


def _breusch_pagan(fitted: np.ndarray, residuals: np.ndarray) -> Spread:
    from scipy.special import chdtrc

    mean_square = float(np.mean(residuals**2))
    scale = float(np.mean(fitted**2))
    if mean_square <= (1e-14**2) * scale:
        return Spread(float("nan"), 1, float("nan"))  # a perfect fit has no spread to test
    g = residuals**2 / mean_square
    about = fitted - fitted.mean()
    explained = float(about @ g) ** 2 / float(about @ about) if about @ about > 0 else 0.0
    chi2 = explained / 2.0
    return Spread(chi2, 1, float(chdtrc(1, chi2)))
