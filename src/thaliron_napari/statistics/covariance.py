"""Standard errors that do not take the residuals for alike, or the rows for independent, by statsmodels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.least_squares import Solved

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


def covariance_of(solved: Solved, errors: str, clusters: np.ndarray | None = None) -> np.ndarray:
    """Covariance (k, k) of least squares' coefficients.

    Parameters
    ----------
    solved : Solved
    errors : {"ols", "hc1", "hc3", "cluster"}
        HC1 is White's (1980) times n / (n - k), as Stata's ``vce(robust)``. HC3 divides each residual by 1 - leverage
        (MacKinnon and White 1985), as Stata's ``vce(hc3)``; Long and Ervin (2000) advise it below 250 rows. Clustered
        errors (Liang and Zeger 1986) have the factor G / (G - 1) (n - 1) / (n - k) for G clusters, as Stata's
        ``vce(cluster column)``.
    clusters : ndarray (n,) of int, optional
        Cluster of each row, for clustered errors.

    Raises
    ------
    ModelError
        For HC3 where a row has a leverage of 1: its residual is zero whatever its variance.
    """
    from statsmodels.stats.outliers_influence import OLSInfluence
    from statsmodels.stats.sandwich_covariance import cov_cluster, cov_white_simple

    results = solved.results
    # A sandwich of what each row moves the coefficients by rounds less than one about the inverse of x'x.
    moved, bread = results.model.pinv_wexog.T, np.eye(len(solved.lengths))
    if errors == "cluster":
        found = cov_cluster((moved * results.resid[:, None], bread), clusters)
    elif errors == "hc1":
        found = cov_white_simple((moved * results.resid[:, None], bread))
    elif errors == "hc3":
        influence = OLSInfluence(results)
        _check_leverage(influence.hat_matrix_diag)
        found = cov_white_simple((moved * influence.resid_press[:, None], bread), use_correction=False)
    else:
        found = results.cov_params()
    return np.asarray(found / np.outer(solved.lengths, solved.lengths))


def _check_leverage(leverage: np.ndarray) -> None:
    count = int((leverage > 1 - 1e-10).sum())
    if count:
        raise ModelError(
            f"{count} row{'s' * (count != 1)} alone fix{'es' * (count == 1)} a coefficient (leverage 1), for which "
            "HC3 has no variance; use HC1, or leave out that row or the column that only it has"
        )
