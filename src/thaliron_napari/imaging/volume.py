"""One image in memory: its voxels, where they lie, and the file they came from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import GridError
from thaliron_napari.imaging.grid import Grid, SourceGrid, describe_shape


@dataclass(frozen=True, eq=False)
class Source:
    """The file an image came from.

    Parameters
    ----------
    path : Path
    sha256 : str
        Of the file's bytes.
    grid : SourceGrid
        The file's own axes, to which everything drawn on the image is written back.
    geometry : nibabel header, optional
        NIfTI's sform and qform, which what is drawn on the image must repeat; None for MGZ.
    notes : tuple of str
        What in the file's header contradicts itself, in half sentences for the reader.
    """

    path: Path
    sha256: str
    grid: SourceGrid
    geometry: Any = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Volume:
    """An immutable image.

    Parameters
    ----------
    data : array (z, y, x)
        float32 for images, an integer type for label maps; made read-only.
    grid : Grid
    source : Source, optional
        Absent for what was made in memory.
    """

    data: NDArray[Any]
    grid: Grid
    source: Source | None = None

    def __post_init__(self) -> None:
        if self.data.shape != self.grid.shape:
            raise GridError(
                f"An array of {describe_shape(self.data.shape)} was given for a grid of "
                f"{describe_shape(self.grid.shape)}; both must have one shape."
            )
        data = np.ascontiguousarray(self.data)
        if data is self.data:
            data = data.view()
        data.setflags(write=False)
        object.__setattr__(self, "data", data)

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel spacing (z, y, x) in mm."""
        return self.grid.spacing
