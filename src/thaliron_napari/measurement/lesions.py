"""Volumes and brightness of lesions."""

from collections.abc import Sequence
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
    slices : int
        Axial slices on which it is.
    """

    number: int
    ml: float
    centre_mm: tuple[float, float, float]
    mean: float
    slices: int


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
    on_slice = np.unique(np.stack([which, places[0]]), axis=1)[0]
    slices = np.bincount(on_slice, minlength=len(numbers))
    centre = np.stack([np.bincount(which, along, len(numbers)) / count for along in places], axis=-1)
    return [
        LesionMeasure(int(number), int(n) * grid.voxel_ml, (float(r), float(a), float(s)), float(signal), int(span))
        for number, n, (r, a, s), signal, span in zip(numbers, count, grid.world(centre), mean, slices, strict=True)
    ]


def lesion_totals(volumes_ml: Sequence[float]) -> dict[str, float | int | None]:
    """Totals over the lesions that count, given the volume of each; what no lesion gives is None.

    Returns
    -------
    dict
        ``lesion_ml`` and its natural logarithm ``log_lesion_ml``, ``lesion_count``, ``lesion_median_ml``,
        ``lesion_largest_ml``.
    """
    total = float(sum(volumes_ml))
    return {
        "lesion_ml": total,
        "log_lesion_ml": float(np.log(total)) if total > 0 else None,
        "lesion_count": len(volumes_ml),
        "lesion_median_ml": float(np.median(volumes_ml)) if len(volumes_ml) else None,
        "lesion_largest_ml": float(max(volumes_ml)) if len(volumes_ml) else None,
    }
