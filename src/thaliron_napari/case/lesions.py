"""The edits of the lesion step: grow from a click, accept, reject, delete, say whether it enhances."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.annotation import lesion_in_box
from thaliron_napari.case.annotations import Lesion, LesionState
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Change, Edit, fact_change, voxel_change
from thaliron_napari.errors import AnnotationError

Index = tuple[int, int, int]


def grow(
    case: Case, seed: Index, *, sensitivity: float = 0.5, also: Sequence[Index] = (), outside: Sequence[Index] = ()
) -> Edit:
    """Edit that grows a new lesion, not yet accepted, from a seed voxel of the FLAIR grid.

    Raises
    ------
    AnnotationError
        When the seed lies in another lesion or on tissue that is not bright.
    """
    labels = case.annotations.label_map("lesions")
    taken = int(labels[seed])
    if taken:
        raise AnnotationError(f"This voxel belongs to lesion {taken} already; delete that lesion to grow it anew.")
    flair = case.volume("flair")
    box, grown = lesion_in_box(
        flair.data,
        seed,
        flair.spacing,
        tissue=case.normal_tissue,
        also=also,
        outside=outside,
        sensitivity=sensitivity,
        within=labels == 0,
    )
    number = max((lesion.number for lesion in case.annotations.lesions()), default=0) + 1
    lesion = Lesion(number, "proposed", seed, sensitivity)
    corner = (box[0].start, box[1].start, box[2].start)
    changes: tuple[Change, ...] = voxel_change(
        case.annotations, "lesions", corner, np.where(grown, number, labels[box])
    )
    changes += fact_change(case.annotations, f"lesion/{number}", lesion.to_fact())
    return Edit(f"grow lesion {number}", changes)


def set_state(case: Case, number: int, state: LesionState) -> Edit:
    """Edit that accepts a lesion, rejects it, or makes it a proposal again."""
    lesion = replace(case.annotations.lesion(number), state=state)
    verb = {"accepted": "accept", "rejected": "reject", "proposed": "reopen"}[state]
    return Edit(f"{verb} lesion {number}", fact_change(case.annotations, f"lesion/{number}", lesion.to_fact()))


def accept_proposed(case: Case) -> Edit:
    """Edit that accepts every lesion that waits for it; without changes where none does."""
    waiting = [lesion for lesion in case.annotations.lesions() if lesion.state == "proposed"]
    changes: tuple[Change, ...] = ()
    for lesion in waiting:
        accepted = replace(lesion, state="accepted")
        changes += fact_change(case.annotations, f"lesion/{lesion.number}", accepted.to_fact())
    numbers = ", ".join(str(lesion.number) for lesion in waiting)
    return Edit(f"accept lesion{'s' if len(waiting) > 1 else ''} {numbers}", changes)


def set_enhancing(case: Case, number: int, enhancing: bool | None) -> Edit:
    """Edit that records the reader's word on whether a lesion enhances."""
    lesion = replace(case.annotations.lesion(number), enhancing=enhancing)
    word = {True: "enhancing", False: "not enhancing", None: "not judged for enhancement"}[enhancing]
    return Edit(f"lesion {number} is {word}", fact_change(case.annotations, f"lesion/{number}", lesion.to_fact()))


def delete(case: Case, number: int) -> Edit:
    """Edit that removes a lesion and its voxels."""
    labels = case.annotations.label_map("lesions")
    changes: tuple[Change, ...] = voxel_change(
        case.annotations, "lesions", (0, 0, 0), np.where(labels == number, 0, labels)
    )
    changes += fact_change(case.annotations, f"lesion/{number}", None)
    return Edit(f"delete lesion {number}", changes)


def regrow(case: Case, number: int, sensitivity: float) -> Edit:
    """Edit that grows a lesion anew from its seed, tighter or more generous.

    Raises
    ------
    AnnotationError
        As :func:`grow`.
    """
    old = case.annotations.lesion(number)
    labels = case.annotations.label_map("lesions")
    flair = case.volume("flair")
    box, grown = lesion_in_box(
        flair.data,
        old.seed,
        flair.spacing,
        tissue=case.normal_tissue,
        sensitivity=sensitivity,
        within=(labels == 0) | (labels == number),
    )
    # One box that holds the old lesion and the new one, so that what is given up is cleared in the same change.
    was = _extent(labels == number)
    both = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, was or box, strict=True))
    new = np.where(labels[both] == number, 0, labels[both])
    inner = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, both, strict=True))
    new[inner][grown] = number
    changes: tuple[Change, ...] = voxel_change(
        case.annotations, "lesions", (both[0].start, both[1].start, both[2].start), new
    )
    lesion = replace(old, sensitivity=sensitivity)
    changes += fact_change(case.annotations, f"lesion/{number}", lesion.to_fact())
    return Edit(f"regrow lesion {number} at sensitivity {sensitivity:.2f}", changes)


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    """Bounding box of a mask, or None where it is empty."""
    found = ndimage.find_objects(mask.view(np.uint8), max_label=1)
    return found[0] if found else None
