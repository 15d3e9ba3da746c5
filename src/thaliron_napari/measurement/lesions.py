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
    # Numbers may be as large as 2^31: counted through, so that nothing is as long as the largest of them.
    at = np.flatnonzero(labels)
    numbers, order = np.unique(labels.ravel()[at], return_inverse=True)
    compact = np.zeros(labels.shape, np.int32)
    compact.ravel()[at] = order + 1
    measures = []
    for place, box in enumerate(ndimage.find_objects(compact), start=1):
        number = int(numbers[place - 1])
        inside = compact[box] == place
        centre = np.argwhere(inside).mean(axis=0) + [s.start for s in box]
        r, a, s = (float(v) for v in grid.world(centre))
        n = int(inside.sum())
        measures.append(LesionMeasure(number, n * grid.voxel_ml, (r, a, s), float(flair[box][inside].mean())))
    return measures
