"""What the images of a case say of its lesions: where candidates lie, and which take up contrast."""

from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.annotation import Enhancement, enhancement, propose_lesions
from thaliron_napari.case.case import Case
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import resample

_kept: WeakKeyDictionary[Case, dict[tuple[str, bytes], NDArray[np.float32]]] = WeakKeyDictionary()
"""Images on the FLAIR grid by case, until their registration changes."""


def find_proposals(case: Case) -> NDArray[np.int32]:
    """Candidate lesions on the FLAIR grid, one number each; with the T1 where it is registered. Takes seconds.

    Raises
    ------
    CaseError
        When there is no FLAIR.
    AnnotationError
        When no brain is found on it.
    """
    flair = case.volume("flair")
    t1 = _on_flair(case, "t1") if _fits(case, "t1") else None
    return propose_lesions(flair.data, flair.spacing, tissue=case.normal_tissue, t1=t1)


def suggest_enhancing(case: Case) -> dict[int, Enhancement]:
    """What each lesion takes up of contrast, by number. Takes seconds.

    Raises
    ------
    CaseError
        When a T1 is missing, before or after gadolinium.
    AnnotationError
        When no white matter is found on it.
    """
    for role, words in (("t1", "before"), ("t1ce", "after")):
        if role not in case.images:
            raise CaseError(f"There is no T1 {words} gadolinium in this case; choose it in the step Study.")
    labels = case.annotations.label_map("lesions").copy()
    return enhancement(labels, _on_flair(case, "t1"), _on_flair(case, "t1ce"), case.volume("flair").spacing)


def _fits(case: Case, role: Literal["t1", "t1ce"]) -> bool:
    """Whether an image is there and known to lie on the FLAIR: registered, or on the same grid."""
    if role not in case.images:
        return False
    same = case.images[role].grid.same_as(case.volume("flair").grid)
    return same or f"registration/{role}" in case.annotations.facts


def _on_flair(case: Case, role: Literal["t1", "t1ce"]) -> NDArray[np.float32]:
    """Values (z, y, x) of an image on the FLAIR grid."""
    transform = case.annotations.registration(role)
    kept, key = _kept.setdefault(case, {}), (role, transform.tobytes())
    if key not in kept:
        for old in [other for other in kept if other[0] == role]:
            del kept[old]
        kept[key] = resample(case.images[role], case.volume("flair").grid, transform)
    return kept[key]
