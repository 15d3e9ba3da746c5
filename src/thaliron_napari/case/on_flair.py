"""The T1-weighted images of a case on the grid of its FLAIR, where lesions lie."""

from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case.case import Case
from thaliron_napari.imaging import resample

T1Role = Literal["t1", "t1ce"]

_kept: WeakKeyDictionary[Case, dict[tuple[str, bytes], NDArray[np.float32]]] = WeakKeyDictionary()
"""Images on the FLAIR grid by case, until their registration changes."""


def fits(case: Case, role: T1Role) -> bool:
    """Whether an image is there and known to lie on the FLAIR: registered, or on the same grid."""
    if role not in case.images:
        return False
    same = case.images[role].grid.same_as(case.volume("flair").grid)
    return same or f"registration/{role}" in case.annotations.facts


def on_flair(case: Case, role: T1Role) -> NDArray[np.float32]:
    """Values (z, y, x) of an image on the FLAIR grid, as its registration has it."""
    transform = case.annotations.registration(role)
    kept, key = _kept.setdefault(case, {}), (role, transform.tobytes())
    if key not in kept:
        for old in [other for other in kept if other[0] == role]:
            del kept[old]
        kept[key] = resample(case.images[role], case.volume("flair").grid, transform)
    return kept[key]
