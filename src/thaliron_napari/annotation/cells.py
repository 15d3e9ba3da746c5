"""Coarse cells that cover an image evenly and symmetrically: averages over them, and back to voxels.

A grid of cells depends on the image's size alone and not on where its first voxel lies, so that what is computed on it
follows flips and transpositions of the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float32]


def average_cells(image: NDArray[np.generic], spacing: NDArray[np.float64], cell_mm: float) -> Array:
    """Average an image over cells of about the given size, or of one voxel along axes where voxels are larger."""
    field = image
    for axis, step in enumerate(spacing):
        n = image.shape[axis]
        field = along_axis(_averages(n, max(round(n * step / max(cell_mm, step)), 1)), field, axis)
    return np.ascontiguousarray(field, dtype=np.float32)


def to_shape(field: NDArray[np.generic], shape: Sequence[int]) -> Array:
    """Bring cells to another number of cells that cover the same space, by linear interpolation."""
    for axis, n in enumerate(shape):
        field = along_axis(interpolation(n, field.shape[axis]), field, axis)
    return np.ascontiguousarray(field, dtype=np.float32)


def along_axis(matrix: sparse.csr_matrix, field: NDArray[np.generic], axis: int) -> Array:
    """Apply a matrix to every line of an array along one axis."""
    moved = np.moveaxis(field, axis, 0)
    lines = matrix @ moved.reshape(moved.shape[0], -1).astype(np.float32, copy=False)
    result: Array = np.moveaxis(lines.reshape(matrix.shape[0], *moved.shape[1:]), 0, axis)
    return result


def interpolation(n: int, m: int) -> sparse.csr_matrix:
    """Linear interpolation from m cells to the centres of n cells, constant beyond the outer centres."""
    position = np.clip((np.arange(n) + 0.5) * (m / n) - 0.5, 0, m - 1)
    first = np.minimum(position.astype(int), max(m - 2, 0))
    share = position - first
    rows = np.arange(n)
    lower = sparse.csr_matrix((1 - share, (rows, first)), shape=(n, m), dtype=np.float32)
    return lower + sparse.csr_matrix((share, (rows, np.minimum(first + 1, m - 1))), shape=(n, m), dtype=np.float32)


def _averages(n: int, m: int) -> sparse.csr_matrix:
    """Averages over m equal cells that together are the n voxels (weights: the share of each voxel in the cell)."""
    edges = np.arange(m + 1) * (n / m)
    lower = np.maximum(edges[:-1, None], np.arange(n)[None])
    upper = np.minimum(edges[1:, None], np.arange(1, n + 1)[None])
    return sparse.csr_matrix((np.clip(upper - lower, 0, None) * (m / n)).astype(np.float32))
