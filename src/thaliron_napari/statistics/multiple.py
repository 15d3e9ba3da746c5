"""P values of several tests, corrected for their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from thaliron_napari.errors import ModelError

CORRECTIONS: Mapping[str, str] = {"holm": "Holm", "fdr": "Benjamini-Hochberg false discovery rate"}


def corrected(p_values: Sequence[float] | np.ndarray, method: str) -> np.ndarray:
    """P values corrected for being of one family of tests.

    Parameters
    ----------
    p_values : sequence of float (m,)
        From 0 to 1. NaN stands for a test that could not be made: it stays, and is not counted.
    method : {"holm", "fdr"}
        Holm's (1979) step-down holds the chance of any false finding; Benjamini and Hochberg's (1995) step-up holds
        the expected share of false among the findings.

    Returns
    -------
    ndarray (m,)
        In the order given; never below the raw P, nor above 1.

    Raises
    ------
    ModelError
        Where there is no such method, or a value is no P.
    """
    if method not in CORRECTIONS:
        raise ModelError(f"there is no correction {method!r}; there are {', '.join(CORRECTIONS)}")
    p = np.array(p_values, dtype=np.float64)
    if ((p < 0) | (p > 1)).any():
        raise ModelError("a P value lies between 0 and 1; correct the list")
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    m = len(order)
    if method == "holm":
        p[order] = np.minimum(np.maximum.accumulate((m - np.arange(m)) * p[order]), 1.0)
    else:
        p[order] = np.minimum.accumulate((m / np.arange(1, m + 1) * p[order])[::-1])[::-1]
    return p
