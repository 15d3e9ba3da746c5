"""Power of a test of one correlation, by Fisher's z: of n, r and power, the one that is missing.

The test of rho = 0 on n pairs takes atanh(r) as normal with standard deviation 1 / sqrt(n - 3) (Fisher 1921). Both
tails of the two-sided test are counted.
"""

from __future__ import annotations

import math

from thaliron_napari.errors import ModelError


def achieved_power(n: int, r: float, alpha: float = 0.05) -> float:
    """Power of the two-sided test to detect a correlation of `r` with `n` pairs.

    Examples
    --------
    >>> round(achieved_power(95, 0.28), 3)
    0.788

    Raises
    ------
    ModelError
        Where n is below 4, r is not between -1 and 1, or alpha not between 0 and 1.
    """
    from scipy.special import ndtr

    _check(n=n, r=r, alpha=alpha)
    if abs(r) == 1:
        return 1.0
    shift, critical = math.atanh(abs(r)) * math.sqrt(n - 3), _critical(alpha)
    return float(ndtr(shift - critical) + ndtr(-shift - critical))


def required_r(n: int, power: float, alpha: float = 0.05) -> float:
    """Smallest correlation that `n` pairs detect with this power.

    Examples
    --------
    >>> round(required_r(95, 0.8), 4)
    0.2841

    Raises
    ------
    ModelError
        Where n is below 4, alpha not between 0 and 1, or power not between alpha and 1.
    """
    from scipy.optimize import brentq

    _check(n=n, power=power, alpha=alpha)
    return float(brentq(lambda r: achieved_power(n, r, alpha) - power, 0.0, 1 - 1e-15, xtol=1e-12))


def required_n(r: float, power: float, alpha: float = 0.05) -> int:
    """Smallest number of pairs that detects a correlation of `r` with this power.

    Examples
    --------
    >>> required_n(0.28, 0.8)
    98

    Raises
    ------
    ModelError
        Where r is 0 or not between -1 and 1, alpha not between 0 and 1, or power not between alpha and 1.
    """
    _check(r=r, power=power, alpha=alpha)
    if r == 0:
        raise ModelError("no number of cases detects a correlation of 0; give r other than 0")
    low, high = 3, 4
    while achieved_power(high, r, alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if achieved_power(middle, r, alpha) >= power else (middle, high)
    return high


def _critical(alpha: float) -> float:
    from scipy.special import ndtri

    return float(-ndtri(alpha / 2))


def _check(*, alpha: float, n: int | None = None, r: float | None = None, power: float | None = None) -> None:
    if not 0 < alpha < 1:
        raise ModelError(f"alpha is {alpha:g}; it must lie between 0 and 1, such as 0.05")
    if n is not None and n < 4:
        raise ModelError(f"n is {n}; a correlation can be tested from 4 cases on")
    if r is not None and not -1 <= r <= 1:
        raise ModelError(f"r is {r:g}; a correlation lies between -1 and 1")
    if power is not None and not alpha < power < 1:
        raise ModelError(f"power is {power:g}; it must lie between alpha ({alpha:g}) and 1, such as 0.8")
