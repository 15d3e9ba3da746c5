"""Tests of normality as Stata has them: skewness and kurtosis together, Shapiro-Wilk, Shapiro-Francia."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from thaliron_napari.errors import ModelError

# Values spread over less than this part of their size are a constant with rounding on it.
_CONSTANT = 1e-13


@dataclass(frozen=True)
class SkewnessKurtosis:
    """Stata's ``sktest``: P of skewness, P of kurtosis, and both in one chi squared of 2 degrees of freedom.

    `chi2_adjusted` and its `p` are what ``sktest`` prints, `chi2_unadjusted` and `p_unadjusted` what
    ``sktest, noadjust`` prints.
    """

    n: int
    p_skewness: float
    p_kurtosis: float
    chi2_adjusted: float
    p: float
    chi2_unadjusted: float
    p_unadjusted: float


@dataclass(frozen=True)
class Shapiro:
    """A test of the Shapiro kind: W (1 for values exactly on the normal line), its normal deviate and one-sided P."""

    n: int
    w: float
    z: float
    p: float


def skewness_kurtosis(values: Iterable[float]) -> SkewnessKurtosis:
    """Skewness and kurtosis test of normality, with Royston's adjustment and without, as Stata's ``sktest``.

    Parameters
    ----------
    values : (n,) numbers
        At least 8; NaN counts as missing and is left out.

    Raises
    ------
    ModelError
        For fewer than 8 values, values that are all the same, infinite, or no numbers.

    Notes
    -----
    Skewness by D'Agostino's test, kurtosis by Anscombe and Glynn's, both by scipy; K2 is the sum of the squares of
    their normal deviates (D'Agostino, Belanger and D'Agostino 1990). K2 strays from a chi squared in samples of usual
    size, which Royston's piecewise linear correction of its normal deviate puts right (Royston 1991, Stata Technical
    Bulletin 3: 23-24). Where Stata prints a full stop for a chi squared too large for it, a number stands here.
    """
    from scipy.special import log_ndtr, ndtr, ndtri_exp
    from scipy.stats import kurtosistest, skewtest

    x = known_values(values, 8, "the skewness and kurtosis test")
    n = len(x)
    x = _standardized(x)
    skewness, kurtosis = skewtest(x), kurtosistest(x)
    k2 = float(skewness.statistic**2 + kurtosis.statistic**2)
    deviate = -float(ndtri_exp(-k2 / 2))
    log_n = np.log(n)
    cut = 0.55 * n**0.2 - 0.21
    a1 = (-5 + 3.46 * log_n) * np.exp(-1.37 * log_n)
    b1 = 1 + (0.854 - 0.148 * log_n) * np.exp(-0.55 * log_n)
    bend = 2.13 / (1 - 2.37 * log_n)
    if deviate < -1:
        z = deviate
    elif deviate < cut:
        z = a1 + b1 * deviate
    else:
        z = (a1 - bend * cut) + (b1 + bend) * deviate
    return SkewnessKurtosis(
        n=n,
        p_skewness=float(skewness.pvalue),
        p_kurtosis=float(kurtosis.pvalue),
        chi2_adjusted=float(-2 * log_ndtr(-z)),
        p=float(ndtr(-z)),
        chi2_unadjusted=k2,
        p_unadjusted=float(np.exp(-k2 / 2)),
    )


def shapiro_wilk(values: Iterable[float]) -> Shapiro:
    """Shapiro-Wilk test of normality with average ranks for ties, as Stata's ``swilk``.

    Parameters
    ----------
    values : (n,) numbers
        4 to 5000; NaN counts as missing and is left out.

    Raises
    ------
    ModelError
        For fewer than 4 or more than 5000 values, values that are all the same, infinite, or no numbers, and where so
        many values are tied that the test has no weights.

    Notes
    -----
    Royston 1992 and 1995 (algorithm AS R94). Without ties this is R's ``shapiro.test`` and scipy's ``shapiro``. With
    ties those take the values in any order, where Stata weighs tied values alike and so finds a larger W.
    """
    from scipy.special import ndtr

    x = np.sort(known_values(values, 4, "the Shapiro-Wilk test", most=5000))
    n = len(x)
    deviation = 1 - _squared_correlation(x, _wilk_weights(_normal_scores(x)))
    log_n = np.log(n)
    if n > 11:
        mean = np.polyval([0.0038915, -0.083751, -0.31082, -1.5861], log_n)
        sd = np.exp(np.polyval([0.0030302, -0.082676, -0.4803], log_n))
        z = (np.log(deviation) - mean) / sd
    else:
        mean = np.polyval([-0.0006714, 0.025054, -0.39978, 0.5440], n)
        sd = np.exp(np.polyval([-0.0020322, 0.062767, -0.77857, 1.3822], n))
        room = 0.459 * n - 2.273 - np.log(deviation)
        z = (-np.log(room) - mean) / sd if room > 0 else np.inf
    return Shapiro(n, float(1 - deviation), float(z), float(ndtr(-z)))


def shapiro_francia(values: Iterable[float]) -> Shapiro:
    """Shapiro-Francia test of normality with average ranks for ties, as Stata's ``sfrancia``.

    Parameters
    ----------
    values : (n,) numbers
        5 to 5000; NaN counts as missing and is left out.

    Raises
    ------
    ModelError
        For fewer than 5 or more than 5000 values, values that are all the same, infinite, or no numbers.

    Notes
    -----
    W' is the squared correlation of the values with Blom's normal scores; ln(1 - W') is taken as normal with the mean
    and SD of Royston (1993, Statistics in Medicine 12: 181-184). Without ties this is ``sf.test`` of R's nortest.
    """
    from scipy.special import ndtr

    x = np.sort(known_values(values, 5, "the Shapiro-Francia test", most=5000))
    n = len(x)
    deviation = 1 - _squared_correlation(x, _normal_scores(x))
    u = np.log(n)
    v = np.log(u)
    z = (np.log(deviation) - (-1.2725 + 1.0521 * (v - u))) / (1.0308 - 0.26758 * (v + 2 / u))
    return Shapiro(n, float(1 - deviation), float(z), float(ndtr(-z)))


def known_values(values: Iterable[float], least: int, purpose: str, most: int | None = None) -> np.ndarray:
    """Values (n,) as float64 in their order, without the missing ones.

    Raises
    ------
    ModelError
        Where they are no numbers, infinite, all the same, fewer than `least` or more than `most`.
    """
    try:
        x = np.asarray(values if hasattr(values, "__array__") else list(values), dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise ModelError(f"{purpose} needs numbers, and the values hold text; choose another column") from None
    infinite = int(np.isinf(x).sum())
    if infinite:
        raise ModelError(f"{infinite} of the {len(x)} values {_is(infinite)} infinite; correct or leave them out")
    missing = int(np.isnan(x).sum())
    x = x[~np.isnan(x)]
    n = len(x)
    left_out = f" ({missing} missing)" if missing else ""
    if n < least:
        raise ModelError(f"{purpose} needs at least {least} values; here {_is(n)} {n}{left_out}")
    if most is not None and n > most:
        raise ModelError(f"{purpose} holds for at most {most} values; here are {n}{left_out}; look at the plot instead")
    if is_constant(x):
        raise ModelError(f"all {n} values{left_out} are {x[0]:g}, so there is no distribution to judge")
    return x


def is_constant(x: np.ndarray) -> bool:
    """Whether values (n,) differ by no more than rounding."""
    peak = np.abs(x).max()
    return bool(peak == 0 or np.ptp(x / peak) <= _CONSTANT)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _standardized(x: np.ndarray) -> np.ndarray:
    """Values (n,) less their mean, of length 1; scaled first, so that no square overflows."""
    x = x / np.abs(x).max()
    x = x - x.mean()
    return np.asarray(x / np.linalg.norm(x))


def _normal_scores(x: np.ndarray) -> np.ndarray:
    """Blom's expected normal order statistics (n,) of sorted values, tied ones by their average rank."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri((rankdata(x) - 0.375) / (len(x) + 0.25)))


def _wilk_weights(scores: np.ndarray) -> np.ndarray:
    """Royston's weights (n,) of the sorted values: normal scores, the one or two outermost of each end corrected."""
    n = len(scores)
    u = 1 / np.sqrt(n)
    total = float(scores @ scores)
    outer = scores[-1:] / np.sqrt(total)
    outer = outer + np.polyval([-2.706056, 4.434685, -2.071190, -0.147981, 0.221157, 0], u)
    if n > 5:
        second = scores[-2] / np.sqrt(total) + np.polyval([-3.582633, 5.682633, -1.752461, -0.293762, 0.042981, 0], u)
        outer = np.array([second, outer[0]])
    k = len(outer)
    # What the outermost leave to the others; with ties that lie all on one side there can be nothing left.
    left, share = total - 2 * np.sum(scores[-k:] ** 2), 1 - 2 * np.sum(outer**2)
    if left <= 0 or share <= 0:
        raise ModelError(
            f"too many of the {n} values are the same for the Shapiro-Wilk test; use the Shapiro-Francia test"
        )
    weights = scores / np.sqrt(left / share)
    weights[-k:] = outer
    weights[:k] = -outer[::-1]
    return np.asarray(weights)


def _squared_correlation(x: np.ndarray, weights: np.ndarray) -> float:
    """Squared correlation, kept below 1 so that what is left of 1 has a logarithm."""
    a, b = _standardized(x), _standardized(weights)
    return float(min((a @ b) ** 2, 1 - np.finfo(np.float64).epsneg))
