"""The voxels on which ANTs works: the brain's box, fine voxels averaged to about 1 mm, nothing interpolated."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_ABOUT_MM = 1.0
_MARGIN_MM = 4.0


@dataclass(frozen=True, eq=False)
class Cells:
    """Blocks of voxels of an image.

    Parameters
    ----------
    shape : tuple of int
        Of the image (z, y, x).
    box : tuple of slice
        The part of the image that is covered.
    block : tuple of int
        Voxels of the image along (z, y, x) in one cell.
    spacing : array of three
        Of the cells (z, y, x) in mm.
    """

    shape: tuple[int, ...]
    box: tuple[slice, ...]
    block: tuple[int, ...]
    spacing: NDArray[np.float64]

    def average(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Mean of each cell; beyond the image there are zeros."""
        part = values[self.box].astype(np.float32)
        beyond = [(0, -n % b) for n, b in zip(part.shape, self.block, strict=True)]
        part = np.pad(part, beyond)
        split = [k for n, b in zip(part.shape, self.block, strict=True) for k in (n // b, b)]
        return np.asarray(part.reshape(split).mean(axis=(1, 3, 5)), np.float32)

    def back(self, cells: NDArray[Any]) -> NDArray[Any]:
        """Each cell's value in all of its voxels, zero outside the box."""
        for axis, block in enumerate(self.block):
            cells = np.repeat(cells, block, axis=axis)
        out = np.zeros(self.shape, cells.dtype)
        part = tuple(slice(0, s.stop - s.start) for s in self.box)
        out[self.box] = cells[part]
        return out


def cells_round(brain: NDArray[np.bool_], spacing: NDArray[np.float64]) -> Cells:
    """Cells that cover a mask with a margin of 4 mm."""
    block = tuple(max(1, int(_ABOUT_MM / step + 0.5)) for step in spacing)
    margin = np.ceil(_MARGIN_MM / spacing).astype(int)
    found = ndimage.find_objects(brain.astype(np.uint8))[0]
    box = tuple(
        slice(max(s.start - m, 0), min(s.stop + m, n)) for s, m, n in zip(found, margin, brain.shape, strict=True)
    )
    return Cells(brain.shape, box, block, spacing * block)
