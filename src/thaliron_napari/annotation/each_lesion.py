"""What is true of each lesion, found anew only for those that changed: a reader waits for it after every click."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Found = TypeVar("_Found")

Kept = dict[int, tuple[bytes, _Found]]
"""By number of lesion: where its voxels were, and what was found."""


def each_lesion(
    labels: NDArray[np.int32], find: Callable[[NDArray[np.bool_], tuple[int, ...]], _Found], kept: Kept[_Found]
) -> dict[int, _Found]:
    """Find something of each lesion.

    Parameters
    ----------
    labels : int array (z, y, x)
        One number a lesion, 0 elsewhere.
    find : callable
        Is given a lesion as a mask in a box, and the box's first voxel (z, y, x).
    kept : dict
        What was found before; brought up to date.

    Returns
    -------
    dict
        By number, in order.
    """
    at = np.flatnonzero(labels != 0)
    numbers = labels.ravel()[at]
    by_number = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[by_number], prepend=0))
    found: dict[int, _Found] = {}
    for voxels in np.split(at[by_number], starts[1:]) if at.size else ():
        number, where = int(labels.ravel()[voxels[0]]), voxels.tobytes()
        entry = kept.get(number)
        if entry is None or entry[0] != where:
            places = np.stack(np.unravel_index(voxels, labels.shape), axis=-1)
            corner = places.min(axis=0)
            mask = np.zeros(places.max(axis=0) - corner + 1, bool)
            mask[tuple((places - corner).T)] = True
            kept[number] = entry = (where, find(mask, tuple(corner.tolist())))
        found[number] = entry[1]
    for gone in set(kept) - found.keys():
        kept.pop(gone, None)  # the thread that writes the files may have done so
    return found
