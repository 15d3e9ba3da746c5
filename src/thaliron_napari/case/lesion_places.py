"""Where the lesions of a case lie, by another program's segmentation where there is one."""

from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.annotation import Landmarks, Place, guess_landmarks, landmarks_of_masks, place_lesion
from thaliron_napari.annotation.each_lesion import Kept, each_lesion
from thaliron_napari.case.case import Case
from thaliron_napari.case.first_contour import find_label_map
from thaliron_napari.case.placing import between, image_of
from thaliron_napari.imaging import read_label_map, resample

# FreeSurfer's colour table, which FastSurfer and SynthSeg use too. From 1000 on: cortex by region.
_VENTRICLES = (4, 5, 14, 43, 44, 31, 63)  # lateral, their inferior horns, the third, and the choroid plexus in them
_CORTEX = (3, 42)
_INFRATENTORIAL = (7, 8, 15, 16, 46, 47)  # cerebellum, fourth ventricle, brain stem

_found: WeakKeyDictionary[Case, tuple[Landmarks, Kept[Place]]] = WeakKeyDictionary()
_finding = Lock()


def places(case: Case) -> dict[int, Place]:
    """Place of each lesion by number. Takes seconds the first time, then no time.

    Raises
    ------
    CaseError
        When there is no FLAIR.
    AnnotationError
        When no brain is found on it.
    """
    with _finding:  # the window and the files may both ask first
        if case not in _found:
            _found[case] = (_landmarks(case), {})
    return known_places(case)


def known_places(case: Case) -> dict[int, Place]:
    """As :func:`places`, without waiting: nothing before that was asked once."""
    if case not in _found:
        return {}
    landmarks, kept = _found[case]
    return each_lesion(
        case.annotations.label_map("lesions"), lambda mask, corner: place_lesion(mask, corner, landmarks), kept
    )


def _landmarks(case: Case) -> Landmarks:
    flair, path = case.volume("flair"), find_label_map(case)
    if path is not None:
        labels = read_label_map(path)
        way = between(case, "flair", image_of(case, labels.grid, roles=("flair", "t1", "qsm")))
        found: NDArray[np.int32] = resample(labels, flair.grid, way, order=0)
        ventricles, cortex = np.isin(found, _VENTRICLES), np.isin(found, _CORTEX) | (found >= 1000)
        if ventricles.any() and cortex.any():
            below = np.isin(found, _INFRATENTORIAL)
            return landmarks_of_masks(flair.spacing, ventricles=ventricles, cortex=cortex, infratentorial=below)
    return guess_landmarks(flair.data, flair.spacing, tissue=case.normal_tissue)
