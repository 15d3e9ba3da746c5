"""Which vertices are cortex: FreeSurfer's label files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.text_files import read_text


def read_cortex(path: Path, count: int) -> NDArray[np.bool_]:
    """Which of so many vertices a label file, ``label/?h.cortex.label``, names.

    It has a line of words, the number of vertices, then a line each: the vertex, its place, a value.

    Raises
    ------
    MeasurementError
        When the file is missing, cut off, or of another surface.
    """
    _, *lines = read_text(path, path.name).splitlines()
    try:
        named = np.array([int(line.split()[0]) for line in lines[1:]], np.int64)
        whole = len(named) == int(lines[0]) > 0 and all(len(line.split()) == 5 for line in lines[1:])
    except (ValueError, IndexError, OverflowError):
        whole = False
    if not whole or named.min() < 0 or named.max() >= count or len(np.unique(named)) != len(named):
        raise MeasurementError(f"{path.name} is cut off, damaged or of another surface")
    inside = np.zeros(count, np.bool_)
    inside[named] = True
    return inside
