"""The edits of the lesion step: grow from a click, propose many, accept, reject, flag, delete, say what is known.

Those of a lesion's shape alone are in `lesion_shapes`, another program's lesions in `lesion_masks`; both are had here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.annotation import NormalTissue, lesion_in_box
from thaliron_napari.annotation import split_by_seeds as split_mask
from thaliron_napari.case.annotations import Index, Lesion, LesionState
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Change, Edit, fact_change, voxel_change
from thaliron_napari.case.lesion_masks import mask_as_proposals
from thaliron_napari.case.lesion_shapes import (
    begin,
    deepest,
    drop_islands,
    fill_holes,
    lesion_of,
    merge,
    next_number,
    relabel,
    set_on_plane,
    split_by_line,
    split_by_seeds,
)
from thaliron_napari.case.lesion_uptake import takes_up, uptake_of
from thaliron_napari.errors import AnnotationError

__all__ = [
    "add_seed",
    "begin",
    "delete",
    "drop_islands",
    "fill_holes",
    "grow",
    "judge_enhancing",
    "mask_as_proposals",
    "merge",
    "preview",
    "propose",
    "regrow",
    "set_enhancing",
    "set_note",
    "set_on_plane",
    "set_state",
    "split_by_line",
    "split_by_seeds",
]

Mask = NDArray[np.bool_]
Box = tuple[slice, ...]
On = Literal["flair", "t1ce"]


def preview(
    case: Case, seed: Index, *, sensitivity: float = 0.5, also: Sequence[Index] = (), outside: Sequence[Index] = ()
) -> tuple[Box, Mask, On]:
    """What would grow from a seed voxel of the FLAIR grid, in a box, and on what.

    That is the FLAIR; where the seed is not bright on it but takes up contrast, the T1 after gadolinium.

    Raises
    ------
    AnnotationError
        When the seed lies in another lesion, or on tissue that is not bright.
    """
    labels = case.annotations.label_map("lesions")
    taken = int(labels[seed])
    if taken:
        raise AnnotationError(f"This voxel belongs to lesion {taken} already; delete that lesion to grow it anew.")
    on: On = "flair"
    try:
        box, grown = _in_box(case, on, seed, labels == 0, sensitivity, also, outside)
    except AnnotationError:
        if not takes_up(case, seed):
            raise
        on = "t1ce"
        box, grown = _in_box(case, on, seed, labels == 0, sensitivity, also, outside)
    return box, grown, on


def grow(
    case: Case, seed: Index, *, sensitivity: float = 0.5, also: Sequence[Index] = (), outside: Sequence[Index] = ()
) -> Edit:
    """Edit that grows a new lesion, not yet accepted, from a voxel of the FLAIR grid; errors as :func:`preview`."""
    labels = case.annotations.label_map("lesions")
    box, grown, on = preview(case, seed, sensitivity=sensitivity, also=also, outside=outside)
    number = next_number(case)
    lesion = Lesion(number, "proposed", seed, sensitivity, also=tuple(also), outside=tuple(outside), on=on)
    corner = (box[0].start, box[1].start, box[2].start)
    changes: tuple[Change, ...] = voxel_change(
        case.annotations, "lesions", corner, np.where(grown, number, labels[box])
    )
    changes += fact_change(case.annotations, f"lesion/{number}", lesion.to_fact())
    where = " on the T1 after gadolinium" if on == "t1ce" else ""
    return Edit(f"grow lesion {number}{where}", changes)


def set_state(case: Case, number: int, state: LesionState) -> Edit:
    """Edit that accepts a lesion, rejects it, flags it for another look, or makes it a proposal again."""
    lesion = replace(lesion_of(case, number), state=state)
    verb = {"accepted": "accept", "rejected": "reject", "flagged": "flag", "proposed": "reopen"}[state]
    return Edit(f"{verb} lesion {number}", fact_change(case.annotations, f"lesion/{number}", lesion.to_fact()))


def set_enhancing(case: Case, number: int, enhancing: bool | None) -> Edit:
    """Edit that records the reader's word on whether a lesion enhances."""
    lesion = replace(lesion_of(case, number), enhancing=enhancing)
    word = {True: "enhancing", False: "not enhancing", None: "not judged for enhancement"}[enhancing]
    return Edit(f"lesion {number} is {word}", fact_change(case.annotations, f"lesion/{number}", lesion.to_fact()))


def judge_enhancing(case: Case, words: Mapping[int, bool]) -> Edit:
    """Edit that records for several lesions at once whether they enhance; those judged already are left."""
    changes: tuple[Change, ...] = ()
    count = 0
    for number, enhancing in words.items():
        lesion = lesion_of(case, number)
        if lesion.enhancing is None:
            fact = replace(lesion, enhancing=enhancing).to_fact()
            changes += fact_change(case.annotations, f"lesion/{number}", fact)
            count += 1
    return Edit(f"take the suggested enhancement of {count} lesion{'' if count == 1 else 's'}", changes)


def set_note(case: Case, number: int, note: str) -> Edit:
    """Edit that notes something on a lesion, in the reader's words; nothing takes the note away."""
    note = " ".join(note.split())
    lesion = replace(lesion_of(case, number), note=note)
    words = f"note on lesion {number}: {note}" if note else f"take the note on lesion {number} away"
    return Edit(words, fact_change(case.annotations, f"lesion/{number}", lesion.to_fact()))


def delete(case: Case, number: int) -> Edit:
    """Edit that removes a lesion and its voxels."""
    changes = relabel(case, case.annotations.label_map("lesions") == number, 0)
    changes += fact_change(case.annotations, f"lesion/{number}", None)
    return Edit(f"delete lesion {number}", changes)


def regrow(case: Case, number: int, sensitivity: float) -> Edit:
    """Edit that grows a lesion anew from its seeds, tighter or more generous, kept out of the points outside.

    Raises
    ------
    AnnotationError
        As :func:`grow`.
    """
    lesion = replace(lesion_of(case, number), sensitivity=sensitivity)
    grown = _grown(case, lesion)
    return _reshaped(case, lesion, grown, f"regrow lesion {number} at sensitivity {sensitivity:.2f}")


def add_seed(case: Case, number: int, index: Index, *, outside: bool = False) -> Edit:
    """Edit that grows a lesion with one more seed, or with one more point kept out of it.

    Only what the point changes in the growth is changed in the lesion: what was painted or cut by hand stays.

    Parameters
    ----------
    case : Case
    number : int
    index : tuple of int
        The point (z, y, x) on the FLAIR grid.
    outside : bool
        Whether it must not be part of the lesion.

    Raises
    ------
    AnnotationError
        As :func:`grow`; when a seed lies in another lesion; when a point outside is the lesion's first seed.
    """
    old, labels = lesion_of(case, number), case.annotations.label_map("lesions")
    if not all(0 <= i < n for i, n in zip(index, labels.shape, strict=True)):
        raise AnnotationError("The point lies outside of the FLAIR; click inside the image.")
    if not outside and labels[index] not in (0, number):
        raise AnnotationError(f"This voxel belongs to lesion {labels[index]}; merge the two, or click elsewhere.")
    if outside and index == old.seed:
        raise AnnotationError(f"Lesion {number} was grown from this very voxel; keep out a point beside it.")
    also = tuple(point for point in old.also if point != index)
    barred = tuple(point for point in old.outside if point != index)
    lesion = replace(
        old,
        also=also if outside or index == old.seed else (*also, index),
        outside=(*barred, index) if outside else barred,
    )
    after = _grown(case, lesion)
    try:
        before = _grown(case, old)
    except AnnotationError:
        before = np.zeros_like(after)  # another program's lesion, on tissue that is not bright
    mask = (labels == number) & ~(before & ~after) | (after & ~before)
    if outside and mask[index]:  # painted, not grown: what lies about the point goes, up to the necks
        seeds = [point for point in (lesion.seed, *lesion.also) if mask[point]]
        if seeds:
            mask &= split_mask(mask, [*seeds, index], case.volume("flair").spacing) <= len(seeds)
        mask[index] = False
    mask[index] |= not outside
    words = f"keep a point out of lesion {number}" if outside else f"add a seed to lesion {number}"
    return _reshaped(case, lesion, mask, words)


def propose(case: Case, labels: NDArray[Any], source: str) -> Edit:
    """Edit that makes each number of a label map a new lesion, not yet accepted; without changes where there is none.

    What lies mostly in a lesion that is in the list already is left out, and no lesion loses voxels.

    Parameters
    ----------
    case : Case
    labels : int array (z, y, x)
        On the FLAIR grid; 0 is none. The lesions come into the list in the order of the numbers.
    source : str
        Where they came from: ``detector``, or the name of a file.

    Raises
    ------
    AnnotationError
        When the labels lie on another grid than the FLAIR.
    """
    now, spacing = case.annotations.label_map("lesions"), case.volume("flair").spacing
    if labels.shape != now.shape:
        raise AnnotationError("The proposed lesions lie on another grid than the FLAIR; propose them on it.")
    present = np.unique(labels[labels > 0])
    ranks = np.zeros(labels.shape, np.int32)
    ranks[labels > 0] = np.searchsorted(present, labels[labels > 0]) + 1
    new, number, facts = now.copy(), next_number(case), case.annotations
    changes: tuple[Change, ...] = ()
    first = number
    for rank, box in enumerate(ndimage.find_objects(ranks), start=1):
        part = ranks[box] == rank
        free = part & (now[box] == 0)
        if 2 * np.count_nonzero(free) < np.count_nonzero(part):
            continue
        z, y, x = (i + s.start for i, s in zip(deepest(free, spacing), box, strict=True))
        new[box][free] = number
        lesion = Lesion(number, "proposed", (z, y, x), source=source)
        changes += fact_change(facts, f"lesion/{number}", lesion.to_fact())
        number += 1
    count = number - first
    words = f"propose {count} lesion{'' if count == 1 else 's'} from {source}"
    return Edit(words, (*voxel_change(facts, "lesions", (0, 0, 0), new), *changes))


def _grown(case: Case, lesion: Lesion) -> Mask:
    """What grows from a lesion's seeds, of the whole FLAIR; other lesions are left."""
    labels = case.annotations.label_map("lesions")
    within = (labels == 0) | (labels == lesion.number)
    if not within[lesion.seed]:
        raise AnnotationError(
            f"The first seed of lesion {lesion.number} lies in lesion {labels[lesion.seed]} now; paint it, or merge."
        )
    seeds = [point for point in lesion.also if within[point]]
    outside = [point for point in lesion.outside if point not in (lesion.seed, *seeds)]
    box, grown = _in_box(case, lesion.on, lesion.seed, within, lesion.sensitivity, seeds, outside)
    mask = np.zeros(labels.shape, bool)
    mask[box] = grown
    return mask


def _in_box(
    case: Case,
    on: On,
    seed: Index,
    within: Mask,
    sensitivity: float,
    also: Sequence[Index],
    outside: Sequence[Index],
) -> tuple[Box, Mask]:
    """What grows from seeds on one of the images, on the FLAIR grid."""
    flair = case.volume("flair")
    image: NDArray[np.float32] = flair.data
    tissue: NormalTissue
    if on == "flair":
        tissue = case.normal_tissue
    else:
        uptake = uptake_of(case)
        image, tissue = uptake.ratio, uptake.tissue
    return lesion_in_box(
        image,
        seed,
        flair.spacing,
        tissue=tissue,
        also=also,
        outside=outside,
        sensitivity=sensitivity,
        within=within,
    )


def _reshaped(case: Case, lesion: Lesion, mask: Mask, words: str) -> Edit:
    """Edit that gives a lesion these voxels, none of which is another lesion's."""
    changes = relabel(case, mask, lesion.number, also_clear=lesion.number)
    changes += fact_change(case.annotations, f"lesion/{lesion.number}", lesion.to_fact())
    return Edit(words, changes)
