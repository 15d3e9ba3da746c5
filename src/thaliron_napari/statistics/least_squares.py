"""Least squares, its factors kept for what errors and diagnostics ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Solved:
    """Least squares of `y` (n,) on a design `x` (n, k) whose columns were divided by `lengths` (k,).

    `triangle` (k, k) is R of x = QR; `basis` (k, k) makes x @ basis orthonormal. The lengths are powers of two, so
    that dividing by them rounds nothing; `estimates` and `bread` (inverse of X'X) are those of the design as given.
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray
    triangle: np.ndarray
    basis: np.ndarray
    scaled_estimates: np.ndarray

    @property
    def estimates(self) -> np.ndarray:
        """Coefficients (k,)."""
        return np.asarray(self.scaled_estimates / self.lengths)

    @property
    def bread(self) -> np.ndarray:
        """Inverse of X'X (k, k), X the design as given."""
        return self.unscaled(self.basis @ self.basis.T)

    @cached_property
    def fitted(self) -> np.ndarray:
        """Fitted values (n,)."""
        return np.asarray(self.x @ self.scaled_estimates)

    @cached_property
    def residuals(self) -> np.ndarray:
        """Residuals (n,)."""
        return np.asarray(self.y - self.fitted)

    @property
    def sum_of_squares(self) -> float:
        """Of the residuals."""
        return float(self.residuals @ self.residuals)

    @property
    def variance(self) -> float:
        """Mean square of the residuals on n - k degrees of freedom."""
        n, k = self.x.shape
        return float(self.sum_of_squares / (n - k))

    @cached_property
    def orthonormal(self) -> np.ndarray:
        """Orthonormal columns (n, k) that span the design."""
        return np.asarray(self.x @ self.basis)

    @property
    def leverage(self) -> np.ndarray:
        """Diagonal (n,) of the hat matrix, never above 1."""
        return np.asarray(np.minimum(np.einsum("ij,ij->i", self.orthonormal, self.orthonormal), 1.0))

    def unscaled(self, matrix: np.ndarray) -> np.ndarray:
        """A covariance (k, k) of scaled coefficients as that of the coefficients."""
        return np.asarray(matrix / np.outer(self.lengths, self.lengths))


def solve(design: np.ndarray, response: np.ndarray) -> Solved:
    """Least squares by Householder's QR, the columns brought to about one length, and the singular values of R.

    Parameters
    ----------
    design : ndarray (n, k)
        With a constant; where it lacks full rank, what the coefficients would be has no meaning.
    response : ndarray (n,)

    Notes
    -----
    Q is never formed: the response is carried as one column more. With lengths alike, the digits reached on NIST's
    sets (see the tests) are within one of the best of statsmodels' QR and pseudoinverse, or better.
    """
    lengths = column_lengths(design)
    x = design / lengths
    k = x.shape[1]
    r = np.asarray(np.linalg.qr(np.column_stack([x, response]), mode="r"))
    triangle, projected = r[:k, :k], r[:k, k]
    u, s, vt = np.linalg.svd(triangle)
    with np.errstate(divide="ignore", invalid="ignore"):
        basis = vt.T / s
        estimates = basis @ (u.T @ projected)
    return Solved(x, response, lengths, triangle, basis, estimates)


def column_lengths(x: np.ndarray) -> np.ndarray:
    """Powers of two nearest to the lengths (k,) of the columns of x (n, k)."""
    return np.asarray(np.exp2(np.round(np.log2(np.linalg.norm(x, axis=0)))))
