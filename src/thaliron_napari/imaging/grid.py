"""Where the voxels of an array lie in the patient.

Inside the program every array is C-ordered ``(z, y, x)`` with z to Superior, y to Posterior and x to Left, so that
an axial slice shown as it is stands upright and is radiological. World coordinates are NIfTI's RAS+ in mm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from numpy.typing import ArrayLike, NDArray

from thaliron_napari.errors import GridError, ImageError

Affine = NDArray[np.float64]
"""A 4 x 4 matrix."""

# Two headers of one scan differ by rounding; a tenth of the finest voxel in use is no difference to a reader.
_SAME_WITHIN_MM = 0.05


@dataclass(frozen=True, eq=False)
class Grid:
    """A lattice of voxels in the patient.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (z, y, x).
    affine : array (4, 4)
        From an index (z, y, x) to a RAS+ point in mm.
    """

    shape: tuple[int, int, int]
    affine: Affine

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise GridError("The affine does not place voxels in space; write it anew from the scanner's files.")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Distance between neighbouring voxels along (z, y, x), in mm."""
        lengths: NDArray[np.float64] = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return lengths

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in ml."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    def world(self, index: ArrayLike) -> NDArray[np.float64]:
        """RAS+ mm of indices (..., 3) in (z, y, x) order."""
        points: NDArray[np.float64] = np.asarray(index, float) @ self.affine[:3, :3].T + self.affine[:3, 3]
        return points

    def index(self, world: ArrayLike) -> NDArray[np.float64]:
        """Fractional indices (z, y, x) of RAS+ points (..., 3) in mm."""
        inverse = np.linalg.inv(self.affine)
        points: NDArray[np.float64] = np.asarray(world, float) @ inverse[:3, :3].T + inverse[:3, 3]
        return points

    def nearest(self, world: ArrayLike) -> tuple[int, int, int]:
        """Index (z, y, x) of the voxel that holds a RAS+ point in mm.

        Raises
        ------
        GridError
            When the point lies outside the image.
        """
        z, y, x = (int(n) for n in np.floor(self.index(world) + 0.5))
        if not all(0 <= i < n for i, n in zip((z, y, x), self.shape, strict=True)):
            point = ", ".join(f"{v:.1f}" for v in np.asarray(world, float))
            raise GridError(f"The point {point} (RAS mm) lies outside the image; give a point inside it.")
        return z, y, x

    def same_as(self, other: "Grid") -> bool:
        """Whether two grids have the same voxels (corners agree within 0.05 mm)."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        return bool(np.abs(self.world(corners) - other.world(corners)).max() < _SAME_WITHIN_MM)

    def overlap(self, other: "Grid", transform: ArrayLike | None = None) -> float:
        """Share of this grid's box that lies inside the other's (0 to 1), sampled on a coarse lattice.

        Parameters
        ----------
        other : Grid
        transform : array (4, 4), optional
            From this grid's world to the other's, RAS+ mm.
        """
        ticks = [np.linspace(0, n - 1, 12) for n in self.shape]
        points = self.world(np.array(np.meshgrid(*ticks, indexing="ij")).reshape(3, -1).T)
        if transform is not None:
            matrix = np.asarray(transform, float)
            points = points @ matrix[:3, :3].T + matrix[:3, 3]
        index = other.index(points)
        inside = (index >= -0.5).all(axis=1) & (index <= np.array(other.shape) - 0.5).all(axis=1)
        return float(inside.mean())


@dataclass(frozen=True, eq=False)
class SourceGrid:
    """The grid of a file as it lies on disk, and the way between it and ours.

    Parameters
    ----------
    shape : tuple of int
        Voxels along the file's axes (i, j, k).
    affine : array (4, 4)
        From an index (i, j, k) to a RAS+ point in mm.
    """

    shape: tuple[int, int, int]
    affine: Affine

    @property
    def _orientation(self) -> NDArray[np.float64]:
        """Orientation of the file relative to Left, Posterior, Superior."""
        try:
            here = io_orientation(self.affine)
        except np.linalg.LinAlgError:
            here = np.full((3, 2), np.nan)
        if np.isnan(here).any():
            raise ImageError("The image's affine does not place its axes in space; write it anew from the source.")
        turn: NDArray[np.float64] = ornt_transform(here, axcodes2ornt("LPS"))
        return turn

    @property
    def axis_codes(self) -> str:
        """The directions to which the file's axes run, such as ``LAS``."""
        return "".join(nib.aff2axcodes(self.affine))

    def grid(self) -> Grid:
        """Our grid of the file's voxels."""
        turn = self._orientation
        lps = self.affine @ inv_ornt_aff(turn, self.shape)
        shape = [0, 0, 0]
        for axis, (target, _flip) in enumerate(turn):
            shape[int(target)] = self.shape[axis]
        return Grid((shape[2], shape[1], shape[0]), lps[:, [2, 1, 0, 3]])

    def to_ours(self, data: NDArray[Any]) -> NDArray[Any]:
        """Array (i, j, k) of the file as (z, y, x), by flips and transpositions only."""
        return np.asarray(apply_orientation(data, self._orientation)).transpose(2, 1, 0)

    def to_file(self, data: NDArray[Any]) -> NDArray[Any]:
        """Array (z, y, x) as the file's (i, j, k): the exact inverse of :meth:`to_ours`."""
        back = ornt_transform(axcodes2ornt("LPS"), io_orientation(self.affine))
        return np.asarray(apply_orientation(data.transpose(2, 1, 0), back))


def describe_shape(shape: Sequence[int]) -> str:
    """Text such as ``416 x 320 x 70`` for messages."""
    return " x ".join(str(n) for n in shape)
