"""The ladder of powers: how near to normal each of nine transforms brings a column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from thaliron_napari.statistics.normality import is_constant, known_values, skewness_kurtosis
from thaliron_napari.statistics.transforms import LADDER, Transform


@dataclass(frozen=True)
class Rung:
    """One transform of the ladder, and how far from normal its values are.

    `values` (n,) are the transformed values, without the missing ones, in their order. Where the transform has no
    number for one of them, it is not offered: `values`, `chi2` and `p` are None, as Stata prints a full stop, and
    `reason` says why. `chi2` has 2 degrees of freedom; the smaller, the nearer to normal.
    """

    transform: Transform
    values: np.ndarray | None = field(repr=False, compare=False)
    chi2: float | None
    p: float | None
    reason: str = ""

    @property
    def name(self) -> str:
        """Stata's name of the transform, such as ``square root``."""
        return self.transform.name


def ladder(values: Iterable[float]) -> tuple[Rung, ...]:
    """Nine transforms from cubic to 1/cubic, each with the chi squared and P of ``sktest``, as Stata's ``ladder``.

    Parameters
    ----------
    values : (n,) numbers
        At least 8; NaN counts as missing and is left out.

    Returns
    -------
    tuple of 9 Rung
        In the order of `thaliron_napari.statistics.transforms.LADDER`.

    Raises
    ------
    ModelError
        For fewer than 8 values, values that are all the same, infinite, or no numbers.

    Notes
    -----
    A transform is left out where it is undefined for any value, so that all that are offered are judged on the same
    cases: square root for negative values, log and 1/root for zero and negative ones, the inverses for zero. Adding a
    constant first is the reader's choice and not made here.
    """
    x = known_values(values, 8, "the ladder of powers")
    return tuple(_rung(transform, x) for transform in LADDER)


def _rung(transform: Transform, x: np.ndarray) -> Rung:
    bad = x[transform.undefined(x)]
    if len(bad):
        return Rung(transform, None, None, None, f"no {transform.makes} of {transform.of(bad)} values")
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        transformed = transform.function(x)
    if not np.isfinite(transformed).all():
        return Rung(transform, None, None, None, f"the {transform.makes} is too large a number")
    if is_constant(transformed):
        return Rung(transform, None, None, None, f"the {transform.makes} is the same for all values")
    test = skewness_kurtosis(transformed)
    return Rung(transform, transformed, test.chi2_adjusted, test.p)
