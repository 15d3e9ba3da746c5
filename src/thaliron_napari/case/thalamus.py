"""The edits of the thalamus step: draw or erase a key contour, fill between keys, nudge."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.annotation import fill_between_contours
from thaliron_napari.case.annotations import SIDE_LABEL, Side
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Change, Edit, fact_change, voxel_change
from thaliron_napari.errors import AnnotationError
from thaliron_napari.imaging import Grid
from thaliron_napari.imaging.resampling import resample


def set_contour(case: Case, side: Side, z: int, mask: NDArray[np.bool_], words: str) -> Edit:
    """Edit that makes `mask` the thalamus of a side on a slice, and the slice a key.

    Parameters
    ----------
    case : Case
    side : {"left", "right"}
    z : int
        Axial slice of the QSM grid.
    mask : bool array (y, x)
        The other side's voxels are kept: sides never overlap.
    words : str
        What was done, such as ``draw``; side and slice are added.
    """
    labels = case.annotations.label_map("thalami")[z]
    new = np.where(labels == SIDE_LABEL[side], 0, labels)
    new[mask & (new == 0)] = SIDE_LABEL[side]
    is_key = True if (new == SIDE_LABEL[side]).any() else None
    changes: tuple[Change, ...] = voxel_change(case.annotations, "thalami", (z, 0, 0), new[None])
    changes += fact_change(case.annotations, f"key/{side}/{z}", is_key)
    return Edit(f"{words} {side} thalamus, slice {z + 1}", changes)


def fill_between(case: Case, *sides: Side) -> Edit:
    """Edit that fills thalami between their key contours, from their shapes and from QSM and FLAIR.

    Raises
    ------
    AnnotationError
        When a side has fewer than two keys.
    """
    labels = case.annotations.label_map("thalami")
    keys = {side: case.annotations.keys(side) for side in sides}
    for side, drawn in keys.items():
        if len(drawn) < 2:
            raise AnnotationError(
                f"Filling between needs two contours of the {side} thalamus, its upper and lower border; there "
                f"{'is one' if drawn else 'are none'}."
            )
    box = _box_around(labels > 0, case.volume("qsm").spacing)
    corner = (box[0].start, box[1].start, box[2].start)
    images = _images_on_qsm_grid(case, box)
    new = labels[box].copy()
    for side, drawn in keys.items():
        is_side = new == SIDE_LABEL[side]
        contours = np.zeros(new.shape, bool)
        contours[np.subtract(drawn, corner[0])] = is_side[np.subtract(drawn, corner[0])]
        new[is_side] = 0  # a second fill may be smaller than the first
        near = _box_around(contours, case.volume("qsm").spacing)
        part = new[near]
        filled = fill_between_contours(
            contours[near], case.volume("qsm").spacing, images=[image[near] for image in images]
        )
        part[filled & (part == 0)] = SIDE_LABEL[side]
    words = " and ".join(f"{side} thalamus between {len(drawn)} contours" for side, drawn in keys.items())
    return Edit(f"fill {words}", voxel_change(case.annotations, "thalami", corner, new))


def clear_slice(case: Case, side: Side, z: int) -> Edit:
    """Edit that removes a thalamus from a slice, which is then no key."""
    return set_contour(case, side, z, np.zeros(case.annotations.label_map("thalami").shape[1:], bool), "clear")


def empty_slices(case: Case, side: Side) -> list[int]:
    """Slices between the outermost of a thalamus that hold nothing of it: it is not filled between its contours."""
    used = (case.annotations.label_map("thalami") == SIDE_LABEL[side]).any(axis=(1, 2))
    there = np.flatnonzero(used)
    return [z for z in range(int(there[0]), int(there[-1]) + 1) if not used[z]] if there.size else []


def _box_around(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> tuple[slice, slice, slice]:
    """Bounding box of a mask with 10 mm about it in the plane, so that the surroundings can be learned."""
    slices = []
    for axis in range(3):
        along = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        pad = 0 if axis == 0 else int(np.ceil(10 / spacing[axis]))
        slices.append(slice(max(0, int(along[0]) - pad), min(mask.shape[axis], int(along[-1]) + 1 + pad)))
    return slices[0], slices[1], slices[2]


def _images_on_qsm_grid(case: Case, box: tuple[slice, slice, slice]) -> list[NDArray[Any]]:
    """QSM and the other images, resampled, in a box of the QSM grid, for the fill to read the margins from."""
    qsm = case.volume("qsm")
    images: list[NDArray[Any]] = [qsm.data[box]]
    affine = qsm.grid.affine.copy()
    affine[:3, 3] = qsm.grid.world([s.start for s in box])
    small = Grid(images[0].shape, affine)
    to_flair = np.linalg.inv(case.annotations.registration("qsm"))
    if "flair" in case.images:
        images.append(resample(case.images["flair"], small, to_flair))
    if "t1" in case.images:
        images.append(resample(case.images["t1"], small, case.annotations.registration("t1") @ to_flair))
    return images
