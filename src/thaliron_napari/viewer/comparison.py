"""Two images of one grid compared: squares of a board, a line to swipe, edges of one over the other.

What is not to be seen of the upper image is NaN, which napari leaves transparent.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Comparison = Literal["blend", "checkerboard", "swipe", "edges"]
COMPARISONS: dict[Comparison, str] = {
    "blend": "blend",
    "checkerboard": "checkerboard",
    "swipe": "swipe",
    "edges": "edges",
}
_SQUARES_MM = (40.0, 5.0)
_EDGE_SIGMA_MM = 1.0
_EDGE_PERCENT = 75

Floats = NDArray[np.float32]


def checkerboard(values: Floats, spacing: NDArray[np.float64], share: float) -> Floats:
    """Every other cube of an image (z, y, x); the cubes shrink from 40 mm to 5 as `share` goes from 0 to 1."""
    side_mm = _SQUARES_MM[0] + share * (_SQUARES_MM[1] - _SQUARES_MM[0])
    z, y, x = (
        (np.arange(n) * step // side_mm).astype(np.int8) % 2 for n, step in zip(values.shape, spacing, strict=True)
    )
    board = (z[:, None, None] ^ y[:, None] ^ x).astype(bool)
    return np.where(board, np.float32(np.nan), values)


def swipe(values: Floats, share: float) -> Floats:
    """The columns of an image (z, y, x) to the right of a line, which goes from the left to the right."""
    shown = values.copy()
    shown[:, :, : round(share * values.shape[2])] = np.nan
    return shown


def edges(values: Floats, spacing: NDArray[np.float64], brightness: float) -> Floats:
    """Lines of a brightness along the steepest margins of each axial slice of an image (z, y, x).

    Where the Laplacian of the slightly blurred slice changes sign and its slope is among the steepest quarter (Marr and
    Hildreth, Proc R Soc Lond B 207:187, 1980).
    """
    smooth = ndimage.gaussian_filter(values, (0, *(_EDGE_SIGMA_MM / spacing[1:])), truncate=3.0)
    inner = smooth[:, 1:-1, 1:-1]
    along_y, along_x = smooth[:, 2:, 1:-1] + smooth[:, :-2, 1:-1], smooth[:, 1:-1, 2:] + smooth[:, 1:-1, :-2]
    step_y, step_x = spacing[1:].astype(np.float32)
    above = (along_y - 2 * inner) / step_y**2 + (along_x - 2 * inner) / step_x**2 > 0
    slope = ((smooth[:, 2:, 1:-1] - smooth[:, :-2, 1:-1]) / step_y) ** 2
    slope += ((smooth[:, 1:-1, 2:] - smooth[:, 1:-1, :-2]) / step_x) ** 2
    steep = slope > np.percentile(slope[slope > 0][::50], _EDGE_PERCENT) if (slope > 0).any() else slope > 0
    crosses = np.zeros(above.shape, bool)
    crosses[:, :-1] |= above[:, :-1] != above[:, 1:]
    crosses[:, :, :-1] |= above[:, :, :-1] != above[:, :, 1:]
    shown = np.full(values.shape, np.nan, np.float32)
    shown[:, 1:-1, 1:-1][crosses & steep] = brightness
    return shown
