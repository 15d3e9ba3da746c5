"""The echoes of one scan, from a file each or all from one file."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import GridError, ImageError
from thaliron_napari.imaging.files import read_header, read_volumes
from thaliron_napari.imaging.grid import Grid, describe_shape
from thaliron_napari.imaging.headers import Header
from thaliron_napari.imaging.volume import Source


@dataclass(frozen=True, eq=False)
class Echoes:
    """Echoes on one grid, in the order in which they were given.

    Parameters
    ----------
    data : float32 array (echo, z, y, x)
        May be written to.
    grid : Grid
    sources : tuple of Source
        One a file.
    places : tuple of (Path, int)
        File of each echo, and which of its volumes it is, from 0.
    notes : tuple of str
        What was found out of the ordinary in the files, in half sentences that begin with a file's name.
    """

    data: NDArray[np.float32]
    grid: Grid
    sources: tuple[Source, ...]
    places: tuple[tuple[Path, int], ...]
    notes: tuple[str, ...] = ()


def read_echoes(paths: Iterable[str | os.PathLike[str]]) -> Echoes:
    """Read the echoes of a scan.

    Parameters
    ----------
    paths : iterable of paths
        3D files with an echo each, or 4D files with echoes along the last axis. Voxels that are not numbers, which
        other programs leave outside a mask, become 0, and a note counts them.

    Raises
    ------
    ImageError
        When a file is missing, damaged or no such image.
    GridError
        When the files lie on different grids.
    """
    files = [Path(path) for path in paths]
    headers = headers_of_echoes(files)
    grid = headers[0].grid.grid()
    data = np.empty((sum(header.volumes for header in headers), *grid.shape), np.float32)
    sources: list[Source] = []
    places: list[tuple[Path, int]] = []
    notes: list[str] = []
    for path in files:
        source, volumes = read_volumes(path)
        sources.append(source)
        notes += [f"{path.name}: {note}" for note in source.notes]
        wrong = 0
        for n, volume in enumerate(volumes):
            echo = data[len(places)]
            echo[...] = volume
            is_number = np.isfinite(echo)
            if not is_number.all():
                wrong += int(echo.size - is_number.sum())
                echo[~is_number] = 0
            places.append((source.path, n))
        if wrong:
            notes.append(f"{path.name}: {wrong} voxels that are not numbers are taken as 0")
    return Echoes(data, grid, tuple(sources), tuple(places), tuple(notes))


def headers_of_echoes(paths: Iterable[str | os.PathLike[str]]) -> list[Header]:
    """Header of each file of a scan, all on one grid; no voxel is read.

    Raises
    ------
    ImageError, GridError
        As :func:`read_echoes`.
    """
    files = [Path(path) for path in paths]
    if not files:
        raise ImageError("No file of the gradient echo is given; give one for each echo, or one with all.")
    headers = [read_header(path, several=True) for path in files]
    grid = headers[0].grid.grid()
    for path, header in zip(files, headers, strict=True):
        check_same_grid(path.name, header.grid.grid(), files[0].name, grid)
    return headers


def check_same_grid(name: str, grid: Grid, other_name: str, other: Grid) -> None:
    """Refuse two images of one scan that lie on different grids.

    Raises
    ------
    GridError
    """
    if not grid.same_as(other):
        raise GridError(
            f"{name} ({describe_shape(grid.shape)}) lies on another grid than {other_name} "
            f"({describe_shape(other.shape)}); give the images of one scan."
        )
