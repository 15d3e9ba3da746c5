"""Covariance of coefficients that does not take the residuals for alike, or the rows for independent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from thaliron_napari.errors import ModelError

ERRORS: Mapping[str, str] = {
    "ols": "as least squares has them",
    "hc1": "robust (HC1)",
    "hc3": "robust (HC3)",
    "cluster": "robust, clustered",
}


def check_errors(errors: str, cluster: str | None) -> None:
    """Raise ModelError where the kind of errors is not known, or does not go with the column of clusters."""
    if errors not in ERRORS:
        raise ModelError(f"there are no errors of the kind {errors!r}; there are {', '.join(ERRORS)}")
    if errors == "cluster" and cluster is None:
        raise ModelError("clustered errors need the column that says which rows belong together")
    if errors != "cluster" and cluster is not None:
        raise ModelError(f"a column of clusters ({cluster!r}) goes with errors of the kind 'cluster', not {errors!r}")


def hc_covariance(x: np.ndarray, residuals: np.ndarray, bread: np.ndarray, kind: str) -> np.ndarray:
    """Covariance of least squares' coefficients where each row has a variance of its own.

    Parameters
    ----------
    x : ndarray (n, k)
        Design.
    residuals : ndarray (n,)
    bread : ndarray (k, k)
        Inverse of x'x.
    kind : {"hc1", "hc3"}
        HC1 is White's (1980) times n / (n - k), as Stata's ``vce(robust)``. HC3 divides each residual by 1 - leverage
        (MacKinnon and White 1985), as Stata's ``vce(hc3)``; Long and Ervin (2000) advise it below 250 rows.

    Raises
    ------
    ModelError
        For HC3 where a row has a leverage of 1: its residual is zero whatever its variance.
    """
    n, k = x.shape
    if kind == "hc1":
        return np.asarray(_sandwich(x * residuals[:, None], bread) * (n / (n - k)))
    leverage = np.einsum("ij,ij->i", x @ bread, x)
    alone = leverage > 1 - 1e-10
    if alone.any():
        count = int(alone.sum())
        raise ModelError(
            f"{count} row{'s' * (count != 1)} alone fix{'es' * (count == 1)} a coefficient (leverage 1), for which "
            "HC3 has no variance; use HC1, or leave out that row or the column that only it has"
        )
    return _sandwich(x * (residuals / (1 - leverage))[:, None], bread)


def cluster_covariance(scores: np.ndarray, bread: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Covariance of coefficients where rows of one cluster may go together, without any small-sample factor.

    Parameters
    ----------
    scores : ndarray (n, k)
        Each row's share in the gradient: for least squares, the row of the design times its residual.
    bread : ndarray (k, k)
        Inverse of the information.
    clusters : ndarray (n,) of int
        Cluster of each row, numbered from 0 (Liang and Zeger 1986).
    """
    summed = np.zeros((int(clusters.max()) + 1, scores.shape[1]))
    np.add.at(summed, clusters, scores)
    return _sandwich(summed, bread)


def _sandwich(scores: np.ndarray, bread: np.ndarray) -> np.ndarray:
    half = scores @ bread
    return np.asarray(half.T @ half)
