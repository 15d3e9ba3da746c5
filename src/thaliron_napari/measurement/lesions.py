"""Volumes and brightness of lesions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    # Only the few voxels that bear a number are looked at: the reader waits for this after every click.
    at = np.flatnonzero(labels != 0)
    numbers, which = np.unique(labels.ravel()[at], return_inverse=True)
    count = np.bincount(which, minlength=len(numbers))
    mean = np.bincount(which, flair.ravel()[at], len(numbers)) / count
    places = np.unravel_index(at, labels.shape)
    centre = np.stack([np.bincount(which, along, len(numbers)) / count for along in places], axis=-1)
    return [
        LesionMeasure(int(number), int(n) * grid.voxel_ml, (float(r), float(a), float(s)), float(signal))
        for number, n, (r, a, s), signal in zip(numbers, count, grid.world(centre), mean, strict=True)
    ]
