"""The edits of the thalamus step: draw, nudge or erase a key contour, fill between keys, copy, mirror, clear."""

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.annotation import fill_between_contours
from thaliron_napari.annotation.midline import mirrored
from thaliron_napari.case.annotations import SIDE_LABEL, SIDES, Side
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Change, Edit, FactChange, VoxelChange, fact_change, voxel_change
from thaliron_napari.case.veins import kept_out
from thaliron_napari.errors import AnnotationError
from thaliron_napari.imaging import Grid
from thaliron_napari.imaging.resampling import resample

Box = tuple[slice, slice, slice]

_AROUND_MM = 10.0  # of the image about the contours, so that the surroundings can be learned
_SPARE_MM = 6.0  # more of it is kept, for contours that are drawn larger later
_PLANE_NAME = ("slice", "coronal slice", "sagittal slice")


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
    return set_on_plane(case, side, 0, z, mask, words)


def set_on_plane(case: Case, side: Side, across: int, index: int, mask: NDArray[np.bool_], words: str) -> Edit:
    """Edit that makes `mask` the thalamus of a side on an axial, coronal or sagittal slice.

    An axial slice becomes a key by it; by a change on another plane, each axial slice that it reaches into does.

    Parameters
    ----------
    case : Case
    side : {"left", "right"}
    across : int
        Axis of (z, y, x) that the plane cuts.
    index : int
        Which slice along it.
    mask : bool array
        Over the other two axes, in their order. The other side's voxels are kept.
    words : str
        What was done, such as ``nudge``; side and slice are added.
    """
    labels, own = case.annotations.label_map("thalami"), SIDE_LABEL[side]
    corner = (index if across == 0 else 0, index if across == 1 else 0, index if across == 2 else 0)
    slab = labels[tuple(slice(c, c + 1) if axis == across else slice(None) for axis, c in enumerate(corner))]
    new = np.where(slab == own, 0, slab)
    new[np.expand_dims(mask, across) & (new == 0)] = own
    changes: tuple[Change, ...] = voxel_change(case.annotations, "thalami", corner, new)
    touched = [index] if across == 0 else np.flatnonzero((new != slab).any(axis=(1, 2))).tolist()
    for z in touched:
        now, then = (new[0], slab[0]) if across == 0 else (new[z], slab[z])
        elsewhere = across != 0 and np.count_nonzero(labels[z] == own) > np.count_nonzero(then == own)
        is_key = True if elsewhere or (now == own).any() else None
        changes += fact_change(case.annotations, f"key/{side}/{z}", is_key)
    return Edit(f"{words} {side} thalamus, {_PLANE_NAME[across]} {index + 1}", changes)


def fill_between(case: Case, *sides: Side) -> Edit:
    """Edit that fills thalami between their key contours, from their shapes and from QSM, FLAIR and T1.

    Raises
    ------
    AnnotationError
        When a side has fewer than two keys.
    """
    keys = {side: case.annotations.keys(side) for side in sides}
    for side, drawn in keys.items():
        if len(drawn) < 2:
            raise AnnotationError(
                f"Filling between needs two contours of the {side} thalamus, its upper and lower border; there "
                f"{'is one' if drawn else 'are none'}."
            )
    new = case.annotations.label_map("thalami").copy()
    for side in sides:
        new[new == SIDE_LABEL[side]] = 0  # a second fill may be smaller than the first
    changes: tuple[Change, ...] = ()
    for side in sides:
        box, filled = _filled(case, side)
        part = new[box]
        part[filled & (part == 0)] = SIDE_LABEL[side]
        changes += fact_change(case.annotations, f"proposed/{side}", None)
    words = f"fill {' and '.join(sides)} thalamus between contours"
    return Edit(words, (*voxel_change(case.annotations, "thalami", (0, 0, 0), new), *changes))


def refill(case: Case, around: Mapping[Side, set[int]]) -> Edit:
    """Edit that fills thalami anew around slices whose contour was changed, up to the keys next to them.

    Keys stay as they are; what lies beyond the outermost of them, where one was taken away, goes.

    Parameters
    ----------
    case : Case
    around : mapping
        By side, axial slices that were drawn on, or are no keys any more; see :func:`to_refill`.
    """
    new, words = case.annotations.label_map("thalami").copy(), []
    for side, slices in around.items():
        keys, own = case.annotations.keys(side), SIDE_LABEL[side]
        if not slices or not keys:
            continue
        low = max((key for key in keys if key < min(slices)), default=0)
        high = min((key for key in keys if key > max(slices)), default=len(new) - 1)
        stretch = [z for z in range(low, high + 1) if z not in keys]
        for z in stretch:
            new[z][new[z] == own] = 0
        if len(keys) > 1 and any(keys[0] < z < keys[-1] for z in stretch):
            box, filled = _filled(case, side)
            for z in stretch:
                if keys[0] < z < keys[-1]:
                    part = new[z][box[1:]]
                    part[filled[z - box[0].start] & (part == 0)] = own
        words.append(f"{side} thalamus about slice {sorted(slices)[len(slices) // 2] + 1}")
    return Edit(f"fill {' and '.join(words)} anew", voxel_change(case.annotations, "thalami", (0, 0, 0), new))


def to_refill(case: Case, edit: Edit) -> dict[Side, set[int]]:
    """Around which slices an edit just made wants thalami to be filled anew (see :func:`refill`).

    A thalamus that is not filled yet, or only proposed, does not.
    """
    changed: dict[Side, set[int]] = {side: set() for side in SIDES}
    for change in edit.changes:
        if isinstance(change, FactChange):
            kind, _, rest = change.name.partition("/")
            if kind == "key":
                side_name, _, z = rest.partition("/")
                changed["left" if side_name == "left" else "right"].add(int(z))
        elif isinstance(change, VoxelChange) and change.name == "thalami":
            before, after = change.labels()
            at = np.nonzero(change.changed())[0] + change.corner[0]
            for side in SIDES:
                touched = at[(before == SIDE_LABEL[side]) | (after == SIDE_LABEL[side])]
                changed[side] |= set(np.unique(touched).tolist()) & set(case.annotations.keys(side))
    wanted = {side: slices for side, slices in changed.items() if slices}
    return {side: slices for side, slices in wanted.items() if generated(case, side) and not proposed(case, side)}


def clear_slice(case: Case, side: Side, z: int) -> Edit:
    """Edit that removes a thalamus from a slice, which is then no key.

    Raises
    ------
    AnnotationError
        When the slice is filled between two keys: it would only be filled again.
    """
    keys = case.annotations.keys(side)
    if keys and z not in keys and keys[0] < z < keys[-1] and not proposed(case, side) and z in generated(case, side):
        low, high = max(k for k in keys if k < z), min(k for k in keys if k > z)
        raise AnnotationError(
            f"Slice {z + 1} of the {side} thalamus is filled between slices {low + 1} and {high + 1}; draw on it, or "
            "clear one of these."
        )
    return set_contour(case, side, z, np.zeros(case.annotations.label_map("thalami").shape[1:], bool), "clear")


def copy_contour(case: Case, side: Side, z: int, to: int) -> Edit:
    """Edit that makes the contour of one slice that of another, as a start there.

    Raises
    ------
    AnnotationError
        When there is nothing on the slice, or the other lies outside of the image.
    """
    labels = case.annotations.label_map("thalami")
    if not 0 <= to < len(labels):
        raise AnnotationError(f"Slice {z + 1} is the outermost; there is none beyond it to copy a contour to.")
    mask = _on_slice(case, side, z)
    return set_contour(case, side, to, mask, f"copy slice {z + 1} of")


def mirror_contour(case: Case, side: Side, z: int) -> Edit:
    """Edit that makes the mirror image of a contour, across the middle of the head, that of the other thalamus.

    Raises
    ------
    AnnotationError
        When there is nothing on the slice.
    """
    mask = mirrored(_on_slice(case, side, z), case.midline, z, case.volume("qsm").spacing)
    other: Side = "right" if side == "left" else "left"
    return set_contour(case, other, z, mask & ~_on_slice_of(case, side, z), f"mirror the {side} onto the")


def propose(case: Case, masks: Mapping[Side, NDArray[np.bool_]], how: str) -> Edit:
    """Edit that makes masks the first contours of thalami, to be accepted by the reader.

    Parameters
    ----------
    case : Case
    masks : mapping
        By side, bool arrays (z, y, x) on the QSM grid. Veins that are kept out are left out.
    how : str
        Where they came from, for the files: ``a click``, or the name of a label map's file.

    Raises
    ------
    AnnotationError
        When a mask is empty, or slices of that thalamus were drawn by hand.
    """
    new, veins = case.annotations.label_map("thalami").copy(), kept_out(case)
    changes: tuple[Change, ...] = ()
    for side, mask in masks.items():
        if not mask.any():
            raise AnnotationError(f"No {side} thalamus was found from {how}; draw its contour.")
        if case.annotations.keys(side):
            raise AnnotationError(f"The {side} thalamus is drawn already; clear its slices to have a contour proposed.")
        new[new == SIDE_LABEL[side]] = 0
        new[mask & (new == 0) if veins is None else mask & (new == 0) & ~veins] = SIDE_LABEL[side]
        changes += fact_change(case.annotations, f"proposed/{side}", how)
    changes = (*voxel_change(case.annotations, "thalami", (0, 0, 0), new), *changes)
    return Edit(f"propose {' and '.join(masks)} thalamus from {how}", changes)


def accept_contours(case: Case) -> Edit:
    """Edit that accepts the proposed contours: their slices are keys from then on, as if drawn by hand."""
    sides = [side for side in SIDES if proposed(case, side)]
    changes: tuple[Change, ...] = ()
    for side in sides:
        changes += fact_change(case.annotations, f"proposed/{side}", None)
        for z in generated(case, side):
            changes += fact_change(case.annotations, f"key/{side}/{z}", True)
    return Edit(f"accept contour of the {' and '.join(sides)} thalamus", changes)


def generated(case: Case, side: Side) -> list[int]:
    """Slices of a thalamus that were filled between keys, or proposed, and not touched by hand."""
    used = (case.annotations.label_map("thalami") == SIDE_LABEL[side]).any(axis=(1, 2))
    keys = set(case.annotations.keys(side))
    return [z for z in np.flatnonzero(used).tolist() if z not in keys]


def proposed(case: Case, side: Side) -> bool:
    """Whether a thalamus is a proposal that the reader has not accepted."""
    return f"proposed/{side}" in case.annotations.facts


def empty_slices(case: Case, side: Side) -> list[int]:
    """Slices between the outermost of a thalamus that hold nothing of it: it is not filled between its contours."""
    used = (case.annotations.label_map("thalami") == SIDE_LABEL[side]).any(axis=(1, 2))
    there = np.flatnonzero(used)
    return [z for z in range(int(there[0]), int(there[-1]) + 1) if not used[z]] if there.size else []


def _on_slice(case: Case, side: Side, z: int) -> NDArray[np.bool_]:
    """A contour that there must be."""
    mask = _on_slice_of(case, side, z)
    if not mask.any():
        raise AnnotationError(f"There is no {side} thalamus on slice {z + 1}; draw it first.")
    return mask


def _on_slice_of(case: Case, side: Side, z: int) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = case.annotations.label_map("thalami")[z] == SIDE_LABEL[side]
    return mask


def _filled(case: Case, side: Side) -> tuple[Box, NDArray[np.bool_]]:
    """A thalamus filled between its keys, in a box of the QSM grid; without the veins, where they are kept out."""
    labels, spacing = case.annotations.label_map("thalami"), case.volume("qsm").spacing
    drawn = case.annotations.keys(side)
    contours = np.zeros((drawn[-1] - drawn[0] + 1, *labels.shape[1:]), bool)
    at = np.subtract(drawn, drawn[0])
    contours[at] = labels[drawn] == SIDE_LABEL[side]
    _, rows, columns = _box_around(contours, spacing)
    box = (slice(drawn[0], drawn[-1] + 1), rows, columns)
    contours = contours[:, rows, columns]
    filled = fill_between_contours(contours, spacing, images=images_on_qsm_grid(case, box))
    veins = kept_out(case)
    if veins is not None:
        filled &= ~veins[box]
        filled[at] = contours[at]
        filled = _hanging_together(filled, contours)
    return box, filled


def _hanging_together(filled: NDArray[np.bool_], contours: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What hangs together with a key: not the slivers that lie beyond a vein."""
    pieces, _ = ndimage.label(filled)
    kept: NDArray[np.bool_] = np.isin(pieces, np.unique(pieces[contours & filled]))
    return kept & filled


def _box_around(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> Box:
    """Bounding box of a mask with some of its surroundings in the plane."""
    slices = []
    for axis in range(3):
        along = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        pad = 0 if axis == 0 else int(np.ceil(_AROUND_MM / spacing[axis]))
        slices.append(slice(max(0, int(along[0]) - pad), min(mask.shape[axis], int(along[-1]) + 1 + pad)))
    return slices[0], slices[1], slices[2]


_kept: WeakKeyDictionary[Case, tuple[Box, bytes, list[NDArray[Any]]]] = WeakKeyDictionary()
"""The images about the thalami, once resampled: a contour is moved many times."""


def images_on_qsm_grid(case: Case, box: Box) -> list[NDArray[Any]]:
    """QSM and the other images, resampled, in a box of the QSM grid, for the fill to read the margins from."""
    qsm = case.volume("qsm")
    to_flair = np.linalg.inv(case.annotations.registration("qsm"))
    to_t1 = case.annotations.registration("t1") @ to_flair
    placed = to_flair.tobytes() + to_t1.tobytes()
    kept = _kept.get(case)
    if kept is None or kept[1] != placed or not _holds(kept[0], box):
        wide = _wider(box, qsm.grid)
        affine = qsm.grid.affine.copy()
        affine[:3, 3] = qsm.grid.world([part.start for part in wide])
        images: list[NDArray[Any]] = [qsm.data[wide]]
        small = Grid(images[0].shape, affine)
        if "flair" in case.images:
            images.append(resample(case.images["flair"], small, to_flair))
        if "t1" in case.images:
            images.append(resample(case.images["t1"], small, to_t1))
        kept = _kept[case] = (wide, placed, images)
    corner = [part.start for part in kept[0]]
    z, y, x = (slice(part.start - c, part.stop - c) for part, c in zip(box, corner, strict=True))
    return [image[z, y, x] for image in kept[2]]


def _holds(outer: Box, inner: Box) -> bool:
    return all(o.start <= i.start and i.stop <= o.stop for o, i in zip(outer, inner, strict=True))


def _wider(box: Box, grid: Grid) -> Box:
    pads = [int(np.ceil(_SPARE_MM / step)) for step in grid.spacing]
    z, y, x = (
        slice(max(part.start - pad, 0), min(part.stop + pad, n))
        for part, pad, n in zip(box, pads, grid.shape, strict=True)
    )
    return z, y, x
