"""The slices of a case that pictures are made of, and what is drawn on them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import SIDE_LABEL, SIDES, Case, Role
from thaliron_napari.case.placing import between
from thaliron_napari.case.thalamus import proposed
from thaliron_napari.imaging import Grid, resample
from thaliron_napari.report.pictures import LEFT, RIGHT, VEIN, Outline

QSM_WINDOW_PPB = (-100.0, 200.0)
SIDE_COLOUR = dict(zip(SIDES, (LEFT, RIGHT), strict=True))


def qsm_window_words() -> str:
    """The window of the QSM in words."""
    return f"black {QSM_WINDOW_PPB[0]:.0f} to white {QSM_WINDOW_PPB[1]:.0f} ppb"


def in_plane(case: Case, role: Role) -> tuple[float, float]:
    """Spacing (y, x) of an image in mm."""
    spacing = case.images[role].spacing
    return float(spacing[1]), float(spacing[2])


def used_slices(mask: NDArray[Any]) -> list[int]:
    """Slices of a mask or label map (z, y, x) that hold anything, from inferior to superior."""
    found: list[int] = np.flatnonzero(mask.any(axis=(1, 2))).tolist()
    return found


def fullest_slice(mask: NDArray[np.bool_]) -> int:
    """Slice of a mask (z, y, x) that holds most of it."""
    return int(np.argmax(np.count_nonzero(mask, axis=(1, 2))))


def evenly(slices: list[int], most: int) -> list[int]:
    """At most so many of the slices, evenly, with the first and the last."""
    if len(slices) <= most:
        return slices
    return [slices[i] for i in np.linspace(0, len(slices) - 1, most).round().astype(int).tolist()]


def showing_every(labels: NDArray[Any], most: int) -> list[int]:
    """Slices, few and from inferior to superior, that show each label once; where too many, those that show most."""
    shown = {z: set(np.unique(labels[z][labels[z] > 0]).tolist()) for z in used_slices(labels)}
    left: set[int] = set().union(*shown.values())
    chosen: list[int] = []
    while left and len(chosen) < most:
        best = max(shown, key=lambda z: (len(shown[z] & left), np.count_nonzero(np.isin(labels[z], list(left)))))
        chosen.append(best)
        left -= shown[best]
    return sorted(chosen)


def brain_window(data: NDArray[np.float32]) -> tuple[float, float]:
    """Black to white so that normal brain is a middle grey and lesions stand out of it."""
    head = data[data > 0.25 * np.percentile(data, 99.5)]
    middle = float(np.median(head)) if head.size else 1.0
    return 0.1 * middle, 1.9 * middle


def lesions_in(case: Case, states: Iterable[str]) -> NDArray[np.int32]:
    """The lesions (z, y, x) in some states of review, by number."""
    labels: NDArray[np.int32] = case.annotations.maps["lesions"]
    wanted = [lesion.number for lesion in case.annotations.lesions() if lesion.state in states]
    return np.where(np.isin(labels, wanted), labels, 0)


def thalamus_outlines(case: Case, z: int, box: tuple[slice, slice]) -> list[Outline]:
    """Both thalami on a slice of the QSM, in their colours; dashed where they are only proposed."""
    labels = case.annotations.maps["thalami"][z][box]
    return [Outline(labels == SIDE_LABEL[side], SIDE_COLOUR[side], proposed(case, side)) for side in SIDES]


def vein_outlines(case: Case, z: int, box: tuple[slice, slice]) -> list[Outline]:
    """The veins on a slice of the QSM, where the reader had them found."""
    if "veins" not in case.annotations.facts:
        return []
    return [Outline(case.annotations.maps["veins"][z][box] != 0, VEIN)]


def on_qsm_slice(case: Case, role: Role, z: int) -> NDArray[np.float32]:
    """Values (y, x) of an image on a slice of the QSM, by the registrations of the case."""
    plane = one_slice(case.volume("qsm").grid, z)
    values: NDArray[np.float32] = resample(case.volume(role), plane, between(case, "qsm", role))[0]
    return values


def one_slice(grid: Grid, z: int) -> Grid:
    """The grid of one axial slice."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.world((z, 0, 0))
    return Grid((1, *grid.shape[1:]), affine)
