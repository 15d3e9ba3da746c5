"""Volumes and brightness of lesions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.imaging import Grid


@dataclass(frozen=True)
class LesionMeasure:
    """Numbers of one lesion.

    Parameters
    ----------
    number : int
        Its label.
    ml : float
    centre_mm : tuple of float
        Centroid, RAS mm.
    mean : float
        Mean FLAIR signal, in the file's units.
    """

    number: int
    ml: float
    centre_mm: tuple[float, float, float]
    mean: float


def measure_lesions(flair: NDArray[np.float32], labels: NDArray[np.int32], grid: Grid) -> list[LesionMeasure]:
    """Measure each label that has voxels, in the order of the numbers.

    Parameters
    ----------
    flair : array (z, y, x)
    labels : int array (z, y, x)
        One number a lesion, 0 outside.
    grid : Grid
        Of both.
    """
    measures = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        inside = labels[box] == number
        centre = np.argwhere(inside).mean(axis=0) + [s.start for s in box]
        r, a, s = (float(v) for v in grid.world(centre))
        n = int(inside.sum())
        measures.append(LesionMeasure(number, n * grid.voxel_ml, (r, a, s), float(flair[box][inside].mean())))
    return measures
