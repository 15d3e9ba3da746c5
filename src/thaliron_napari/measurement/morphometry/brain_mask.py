"""Where the brain is on a T1: as given, or as a skull-stripped image shows it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging import Volume

_NOTHING = 0.005  # of the brightest: what is darker is background
_LEAST_ML, _MOST_ML = 5.0, 2000.0  # a head with its skull has more than 2.5 l
_LEAST_EMPTY = 0.1


def brain_mask(t1: Volume, mask: NDArray[Any] | None) -> NDArray[np.bool_]:
    """The brain (z, y, x): the mask that is given, or all that is not background on a skull-stripped T1.

    Raises
    ------
    MeasurementError
        When the mask does not fit, or there is none and the T1 shows a head with its skull.
    """
    if mask is not None:
        if mask.shape != t1.data.shape:
            raise MeasurementError(
                f"The brain mask (shape {mask.shape}) and the T1 ({t1.data.shape}) lie on other grids; resample the "
                "mask onto the T1."
            )
        brain = np.asarray(mask) > 0
    else:
        brain = np.abs(t1.data) > _NOTHING * np.percentile(np.abs(t1.data), 99.5)
        volume_ml, empty = float(brain.sum()) * t1.grid.voxel_ml, 1 - float(brain.mean())
        if volume_ml > _MOST_ML or empty < _LEAST_EMPTY:
            raise MeasurementError(
                f"The T1 shows more than a brain ({volume_ml:.0f} ml are not background); give a brain mask or a "
                "skull-stripped T1."
            )
        pieces, count = ndimage.label(brain)
        if count > 1:
            brain = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
        brain = np.asarray(ndimage.binary_fill_holes(brain))
    if float(brain.sum()) * t1.grid.voxel_ml < _LEAST_ML:
        raise MeasurementError("The brain mask is all but empty; give one of the whole brain.")
    return brain
