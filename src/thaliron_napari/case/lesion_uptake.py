"""Which lesions of a case take up contrast, by its T1 before and after gadolinium."""

from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np

from thaliron_napari.annotation import Enhancement, Uptake, find_uptake, lesion_enhancement
from thaliron_napari.annotation.each_lesion import Kept, each_lesion
from thaliron_napari.case.annotations import Index
from thaliron_napari.case.case import Case
from thaliron_napari.case.on_flair import fits, on_flair
from thaliron_napari.errors import CaseError

_AIM_MM = 1.6  # how far beside the click a lesion may be

_found: WeakKeyDictionary[Case, tuple[bytes, Uptake, Kept[Enhancement]]] = WeakKeyDictionary()
"""By case: the registrations it was found with, the uptake, and that of each lesion."""
_finding = Lock()


def can_measure(case: Case) -> bool:
    """Whether both images are there and lie on the FLAIR for certain."""
    return "flair" in case.images and fits(case, "t1") and fits(case, "t1ce")


def uptakes(case: Case) -> dict[int, Enhancement]:
    """Uptake of each lesion by number. Takes seconds the first time, then no time.

    Raises
    ------
    CaseError
        When a T1 is missing, before or after gadolinium.
    AnnotationError
        When no white matter is found on it.
    """
    uptake_of(case)
    return known_uptakes(case)


def known_uptakes(case: Case) -> dict[int, Enhancement]:
    """As :func:`uptakes`, without waiting: nothing before that was asked once."""
    if not _is_known(case):
        return {}
    _, uptake, kept = _found[case]
    return each_lesion(
        case.annotations.label_map("lesions"), lambda mask, corner: lesion_enhancement(mask, corner, uptake), kept
    )


def uptake_of(case: Case) -> Uptake:
    """Uptake of contrast on the FLAIR grid, found once and kept until a registration changes; errors as `uptakes`."""
    for role, words in (("t1", "before"), ("t1ce", "after")):
        if role not in case.images:
            raise CaseError(f"There is no T1 {words} gadolinium in this case; choose it in the step Study.")
    with _finding:  # the window and the files may both ask first
        if not _is_known(case):
            lesions = case.annotations.label_map("lesions").copy()
            uptake = find_uptake(
                on_flair(case, "t1"), on_flair(case, "t1ce"), case.volume("flair").spacing, lesions=lesions
            )
            _found[case] = (_stamp(case), uptake, {})
    return _found[case][1]


def takes_up(case: Case, place: Index) -> bool:
    """Whether there is uptake at a voxel (z, y, x) of the FLAIR or beside it; False while it is not known."""
    if not _is_known(case):
        return False
    uptake = _found[case][1]
    half = np.ceil(_AIM_MM / uptake.spacing).astype(int)
    around = tuple(slice(max(i - int(n), 0), i + int(n) + 1) for i, n in zip(place, half, strict=True))
    return bool(np.percentile(uptake.ratio[around], 75) > uptake.threshold)


def _is_known(case: Case) -> bool:
    return case in _found and _found[case][0] == _stamp(case)


def _stamp(case: Case) -> bytes:
    return b"".join(case.annotations.registration(role).tobytes() for role in ("t1", "t1ce"))
