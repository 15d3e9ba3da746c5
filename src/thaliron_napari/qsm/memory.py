"""How much memory a reconstruction takes, told before it starts."""

from numpy.typing import ArrayLike

from .arrays import Shape
from .dipole import padded_shape

_UNWRAP = 190  # bytes a voxel of scikit-image's unwrapping: its voxels (64), edges (3 x 32) and copies in float64


def peak_bytes(shape: Shape, echoes: int, spacing: ArrayLike, *, brain: Shape | None = None) -> int:
    """Most bytes held at one time by :func:`~thaliron_napari.qsm.chain.reconstruct`, with magnitude and phase.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x) of one echo.
    echoes : int
    spacing : array (3,)
        (z, y, x) in mm.
    brain : tuple of int, optional
        Shape of the box that holds the brain; without it the whole image's, the most it can be.
    """
    voxels = _size(shape)
    box = brain or shape
    inner = _size(box)
    pdf, medi = _size(padded_shape(box, spacing, 40)), _size(padded_shape(box, spacing, 30))
    stages = (
        inner * (3 * 4 + 8) + 16 * 4 * 100_000 * echoes,  # field fit
        inner * (_UNWRAP + 3 * 4),
        # Background: kernel (half), mask, sources, direction, residual, product, its temporary; spectrum and its copy
        inner * 6 * 4 + pdf * (2 + 6 * 4 + 2 * 4),
        # MEDI: in the box 3 penalties, 3 weights of them, weights, square, field, map, change, residual, direction,
        # product, its parts, magnitude; kernel and spectrum padded
        inner * (20 * 4 + 4) + medi * (2 + 2 * 4),
    )
    return 2 * 4 * echoes * voxels + 5 * 4 * voxels + max(stages)


def _size(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]
