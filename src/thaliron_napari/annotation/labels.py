"""Several structures at once: each label filled between its own key slices, none over another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.contours import fill_between_contours
from thaliron_napari.errors import AnnotationError


def fill_labels(keys: NDArray[np.int32], spacing: ArrayLike, images: Sequence[ArrayLike] = ()) -> NDArray[np.int32]:
    """Fill each label of a map between the slices on which it was drawn.

    Parameters
    ----------
    keys : int array (z, y, x)
        Labels on their key slices, 0 elsewhere.
    spacing : (z, y, x) in mm
    images : sequence of arrays (z, y, x), optional
        As for :func:`fill_between_contours`.

    Returns
    -------
    int array (z, y, x)
        What was drawn stays as drawn. A voxel that two labels would fill goes to the one that it lies deeper in.

    Raises
    ------
    AnnotationError
        When a label is drawn on fewer than two slices.
    """
    step = np.asarray(spacing, dtype=float)
    filled = keys.astype(np.int32, copy=True)
    for label in np.unique(keys[keys > 0]).tolist():
        try:
            mask = fill_between_contours(keys == label, tuple(step), images) & (keys == 0)
        except AnnotationError as error:
            raise AnnotationError(f"Label {label}: {error}") from error
        box = _box(mask)
        if box is None:
            continue
        here, new = filled[box], mask[box]
        depth = _depth_mm(new, step)
        for rival in np.unique(here[new & (here > 0)]).tolist():
            new = new & ~((here == rival) & (_depth_mm(here == rival, step) >= depth))
        here[new] = label
    return filled


def _depth_mm(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in the plane to the edge of a mask, slice by slice."""
    depth: NDArray[np.float64] = np.stack([ndimage.distance_transform_edt(m, sampling=spacing[1:]) for m in mask])
    return depth


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    found = ndimage.find_objects(mask.view(np.uint8), max_label=1)
    return found[0] if found else None
