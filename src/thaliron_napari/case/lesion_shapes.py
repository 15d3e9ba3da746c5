"""The edits of a lesion's shape: merge, split, fill, drop islands, and drawing by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari import annotation
from thaliron_napari.case.annotations import Index, Lesion
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Change, Edit, fact_change, voxel_change
from thaliron_napari.errors import AnnotationError

_Any = TypeVar("_Any")

Box = tuple[slice, slice, slice]

_CORNERS = np.ones((3, 3, 3), bool)
_PLANE_NAME = ("slice", "coronal slice", "sagittal slice")


def merge(case: Case, numbers: Iterable[int]) -> Edit:
    """Edit that makes several lesions one, under the lowest of their numbers and in that one's state.

    It keeps the seeds of all. It enhances where one of them does; their notes stand one after another.

    Raises
    ------
    AnnotationError
        When there are fewer than two.
    """
    lesions = [lesion_of(case, number) for number in sorted(set(numbers))]
    if len(lesions) < 2:
        raise AnnotationError("To merge lesions, choose two at least.")
    first, others = lesions[0], lesions[1:]
    labels = case.annotations.label_map("lesions")
    merged = np.isin(labels, [lesion.number for lesion in lesions])
    words = [lesion.enhancing for lesion in lesions]
    also = (*first.also, *(point for lesion in others for point in (lesion.seed, *lesion.also)))
    one = replace(
        first,
        also=_once(point for point in also if point != first.seed),
        outside=_once(point for lesion in lesions for point in lesion.outside if not merged[point]),
        enhancing=True if True in words else None if None in words else False,
        note="; ".join(_once(lesion.note for lesion in lesions if lesion.note)),
    )
    changes = relabel(case, merged, first.number)
    changes += fact_change(case.annotations, f"lesion/{one.number}", one.to_fact())
    for lesion in others:
        changes += fact_change(case.annotations, f"lesion/{lesion.number}", None)
    names = [str(lesion.number) for lesion in lesions]
    return Edit(f"merge lesions {', '.join(names[:-1])} and {names[-1]}", changes)


def split_by_line(case: Case, number: int, path: ArrayLike, z: int) -> Edit:
    """Edit that cuts a lesion along a line on an axial slice, on all its slices.

    The largest part keeps the number; each other is a new lesion in the same state.

    Parameters
    ----------
    case : Case
    number : int
    path : float array (n, 2)
        The line's points as indices (y, x) of the FLAIR grid.
    z : int
        The slice on which it was drawn.

    Raises
    ------
    AnnotationError
        When the line does not cut the lesion.
    """
    box, mask = _in_box(case, number)
    line = np.asarray(path, float) - (box[1].start, box[2].start)
    if not box[0].start <= z < box[0].stop:
        raise AnnotationError(f"There is nothing of lesion {number} on slice {z + 1}; draw the line on one of its own.")
    parts = annotation.split_by_line(mask, line, z - box[0].start)
    return _split(case, number, box, parts, f"split lesion {number}, slice {z + 1}")


def split_by_seeds(case: Case, number: int, seeds: Sequence[Index]) -> Edit:
    """Edit that parts a lesion between seeds, where it is narrowest between them.

    The largest part keeps the number; each other is a new lesion in the same state.

    Raises
    ------
    AnnotationError
        When there are fewer than two seeds, or one lies outside of the lesion.
    """
    box, mask = _in_box(case, number)
    for seed in seeds:
        if not _holds(box, mask, seed):
            raise AnnotationError(f"The seed {tuple(seed)} lies outside of lesion {number}; click inside it.")
    inner = [tuple(i - s.start for i, s in zip(seed, box, strict=True)) for seed in seeds]
    parts = annotation.split_by_seeds(mask, inner, case.volume("flair").spacing)
    return _split(case, number, box, parts, f"split lesion {number} between {len(set(seeds))} seeds")


def fill_holes(case: Case, number: int) -> Edit:
    """Edit that fills what a lesion surrounds, in space or on an axial slice; other lesions there are left."""
    box, mask = _in_box(case, number)
    now = case.annotations.label_map("lesions")[box]
    filled = ndimage.binary_fill_holes(mask)
    for z in range(len(mask)):
        filled[z] |= ndimage.binary_fill_holes(mask[z])
    new = np.where(filled & (now == 0), number, now)
    return Edit(f"fill holes of lesion {number}", voxel_change(case.annotations, "lesions", _corner(box), new))


def drop_islands(case: Case, number: int) -> Edit:
    """Edit that keeps of a lesion the piece with its seed, else the largest; pieces hang together by corners too."""
    box, mask = _in_box(case, number)
    now, seed = case.annotations.label_map("lesions")[box], lesion_of(case, number).seed
    pieces, _ = ndimage.label(mask, _CORNERS)
    with_seed = pieces[tuple(i - s.start for i, s in zip(seed, box, strict=True))] if _holds(box, mask, seed) else 0
    kept = int(with_seed) or int(np.bincount(pieces[mask]).argmax())
    new = np.where(mask & (pieces != kept), 0, now)
    return Edit(f"drop islands of lesion {number}", voxel_change(case.annotations, "lesions", _corner(box), new))


def set_on_plane(case: Case, number: int, across: int, index: int, mask: NDArray[np.bool_], words: str) -> Edit:
    """Edit that makes `mask` a lesion on an axial, coronal or sagittal slice.

    A lesion that loses its last voxel by it is taken from the list.

    Parameters
    ----------
    case : Case
    number : int
    across : int
        Axis of (z, y, x) that the plane cuts.
    index : int
        Which slice along it.
    mask : bool array
        Over the other two axes, in their order. Other lesions' voxels are kept.
    words : str
        What was done, such as ``paint``; lesion and slice are added.
    """
    lesion_of(case, number)
    corner, now, new = _slab(case, number, across, index, mask)
    changes: tuple[Change, ...] = voxel_change(case.annotations, "lesions", corner, new)
    all_of_it = np.count_nonzero(case.annotations.label_map("lesions") == number)
    if not (new == number).any() and np.count_nonzero(now == number) == all_of_it:
        changes += fact_change(case.annotations, f"lesion/{number}", None)
    return Edit(f"{words} lesion {number}, {_PLANE_NAME[across]} {index + 1}", changes)


def begin(case: Case, place: Index, across: int, index: int, mask: NDArray[np.bool_]) -> Edit:
    """Edit that begins a lesion by hand, not yet accepted: `mask` on one slice, as :func:`set_on_plane` has it.

    Parameters
    ----------
    case : Case
    place : tuple of int
        Where the hand began, (z, y, x): the painted voxel next to it is the lesion's seed.
    across, index, mask
        As in :func:`set_on_plane`.

    Raises
    ------
    AnnotationError
        When all of `mask` belongs to other lesions.
    """
    number = next_number(case)
    corner, _, new = _slab(case, number, across, index, mask)
    painted = np.argwhere(new == number) + corner
    if not len(painted):
        raise AnnotationError("Nothing new was painted: all of it belongs to lesions already.")
    z, y, x = painted[((painted - place) ** 2).sum(axis=1).argmin()].tolist()
    changes: tuple[Change, ...] = voxel_change(case.annotations, "lesions", corner, new)
    changes += fact_change(case.annotations, f"lesion/{number}", Lesion(number, "proposed", (z, y, x)).to_fact())
    return Edit(f"begin lesion {number}, {_PLANE_NAME[across]} {index + 1}", changes)


def next_number(case: Case) -> int:
    """The number of the next lesion."""
    return max((lesion.number for lesion in case.annotations.lesions()), default=0) + 1


def lesion_of(case: Case, number: int) -> Lesion:
    """A lesion that there must be."""
    if f"lesion/{number}" not in case.annotations.facts:
        raise AnnotationError(f"There is no lesion {number} any more; choose one of the list.")
    return case.annotations.lesion(number)


def deepest(mask: NDArray[np.bool_], spacing: ArrayLike) -> tuple[int, ...]:
    """Index of the voxel that lies furthest from a mask's edge."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), np.asarray(spacing, float))
    return tuple(int(i) - 1 for i in np.unravel_index(int(depth.argmax()), depth.shape))


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """Bounding box of a mask, or None where it is empty: lesions are small, and the hand does not wait."""
    found = ndimage.find_objects(mask.view(np.uint8), max_label=1)
    return found[0] if found else None


def relabel(case: Case, mask: NDArray[np.bool_], number: int, *, also_clear: int = 0) -> tuple[Change, ...]:
    """Change that gives voxels a number; voxels of the number `also_clear` that are not among them lose theirs."""
    labels = case.annotations.label_map("lesions")
    box = box_of(mask | (labels == also_clear) if also_clear else mask)
    if box is None:
        return ()
    now = labels[box]
    new = np.where(now == also_clear, 0, now) if also_clear else now.copy()
    new[mask[box]] = number
    return voxel_change(case.annotations, "lesions", _corner(box), new)


def _corner(box: Box) -> Index:
    return box[0].start, box[1].start, box[2].start


def _in_box(case: Case, number: int) -> tuple[Box, NDArray[np.bool_]]:
    """A lesion that there must be, in its bounding box."""
    lesion_of(case, number)
    mask: NDArray[np.bool_] = case.annotations.label_map("lesions") == number
    box = box_of(mask)
    if box is None:
        raise AnnotationError(f"Lesion {number} has no voxels; delete it, or paint it.")
    return box, mask[box]


def _holds(box: Box, mask: NDArray[np.bool_], point: Sequence[int]) -> bool:
    """Whether a voxel of the whole image is in a mask of a box of it."""
    inner = tuple(i - s.start for i, s in zip(point, box, strict=True))
    return all(0 <= i < n for i, n in zip(inner, mask.shape, strict=True)) and bool(mask[inner])


def _slab(
    case: Case, number: int, across: int, index: int, mask: NDArray[np.bool_]
) -> tuple[Index, NDArray[np.int32], NDArray[np.int32]]:
    """Where a slice starts, its labels now, and with `mask` as a lesion, as far as no other lesion is there."""
    labels = case.annotations.label_map("lesions")
    corner = (index if across == 0 else 0, index if across == 1 else 0, index if across == 2 else 0)
    slab = labels[tuple(slice(c, c + 1) if axis == across else slice(None) for axis, c in enumerate(corner))]
    new = np.where(slab == number, 0, slab)
    new[np.expand_dims(mask, across) & (new == 0)] = number
    return corner, slab, new


def _split(case: Case, number: int, box: Box, parts: NDArray[np.int32], words: str) -> Edit:
    """Edit that makes parts, numbered in a box, lesions of their own; the largest keeps the number."""
    old, new = case.annotations.lesion(number), case.annotations.label_map("lesions")[box].copy()
    sizes = np.bincount(parts[parts > 0])
    kept, following = int(sizes.argmax()), next_number(case)
    changes: tuple[Change, ...] = ()
    for part in [kept, *(n for n in np.flatnonzero(sizes).tolist() if n != kept)]:
        mask = parts == part
        seeds = [point for point in (old.seed, *old.also) if _holds(box, mask, point)]
        if not seeds:
            z, y, x = (i + s.start for i, s in zip(deepest(mask, case.volume("flair").spacing), box, strict=True))
            seeds = [(z, y, x)]
        outside = tuple(point for point in old.outside if not _holds(box, mask, point))
        lesion = replace(old, seed=seeds[0], also=tuple(seeds[1:]), outside=outside)
        if part != kept:
            # Which part of a lesion enhances was not said; that none does holds for each.
            lesion = replace(lesion, number=following, enhancing=False if old.enhancing is False else None)
            following += 1
        new[mask] = lesion.number
        changes += fact_change(case.annotations, f"lesion/{lesion.number}", lesion.to_fact())
    return Edit(words, (*voxel_change(case.annotations, "lesions", _corner(box), new), *changes))


def _once(items: Iterable[_Any]) -> tuple[_Any, ...]:
    """Each item once, in the order of their first."""
    return tuple(dict.fromkeys(items))
