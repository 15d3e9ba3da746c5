"""The edits of the CSF step: put circles down in the atria, move, resize and remove them, take a suggestion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from thaliron_napari.annotation import csf_roi, suggest_csf
from thaliron_napari.case.annotations import SIDES, Annotations, CsfCircle, Side
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Edit, FactChange, fact_change
from thaliron_napari.case.on_qsm import flair_on_qsm
from thaliron_napari.errors import CaseError

_RIM = 1 / 3  # of the radius: no more of a small circle's inside is rim


def place_circle(case: Case, side: Side, circle: CsfCircle, number: int | None = None) -> Edit:
    """Edit that makes `circle` a CSF ROI of a side in place of one that is there: moves it, resizes it or both.

    Parameters
    ----------
    case : Case
    side : {"left", "right"}
    circle : CsfCircle
        What it is to be.
    number : int, optional
        Which, from 1. Without it the first, put down where there is none.

    Raises
    ------
    AnnotationError
        When the circle leaves the image.
    CaseError
        When the side has no circle of that number.
    """
    _check(case, circle)
    circles = list(case.annotations.csf_circles(side))
    if number is None and not circles:
        return Edit(f"place {_name(side)}, {_slice(circle)}", _set(case.annotations, side, [circle]))
    place = _place(case.annotations, side, 1 if number is None else number)
    verb = "resize" if circle == replace(circles[place], radius_mm=circle.radius_mm) else "move"
    circles[place] = circle
    name = _name(side, place + 1, len(circles))
    return Edit(f"{verb} {name}, {_slice(circle)}", _set(case.annotations, side, circles))


def add_circle(case: Case, side: Side, circle: CsfCircle) -> Edit:
    """Edit that puts one more circle down on a side.

    Raises
    ------
    AnnotationError
        When the circle leaves the image.
    """
    _check(case, circle)
    circles = [*case.annotations.csf_circles(side), circle]
    name = _name(side, len(circles), len(circles))
    return Edit(f"place {name}, {_slice(circle)}", _set(case.annotations, side, circles))


def remove_circle(case: Case, side: Side, number: int | None = None) -> Edit:
    """Edit that removes one circle of a side by its number, from 1, or all of them; those behind it move up.

    Raises
    ------
    CaseError
        When the side has no circle of that number.
    """
    circles = list(case.annotations.csf_circles(side))
    if number is None:
        several = "all " if len(circles) > 1 else ""
        return Edit(f"remove {several}{_name(side)}{several and 's'}", _set(case.annotations, side, []))
    name = _name(side, number, len(circles))
    del circles[_place(case.annotations, side, number)]
    return Edit(f"remove {name}", _set(case.annotations, side, circles))


def find_circles(case: Case, radius_mm: float = 3.0) -> dict[Side, CsfCircle]:
    """Suggest a circle in the atrium of each side, from the QSM and, where it is known to lie on it, the FLAIR.

    Takes seconds; changes nothing. See :func:`thaliron_napari.annotation.suggest_csf`.

    Raises
    ------
    CaseError
        When there is no QSM, or its unit is ambiguous.
    AnnotationError
        When no clean CSF is found on either side.
    """
    spacing, flair = case.volume("qsm").spacing, flair_on_qsm(case)
    found = suggest_csf(case.qsm_ppb, spacing, flair=flair, radius_mm=radius_mm)
    return {side: CsfCircle(found[side].centre, found[side].radius_mm) for side in SIDES if side in found}


def take_circles(case: Case, circles: Mapping[Side, CsfCircle]) -> Edit:
    """Edit that makes suggested circles those of their sides, in place of any that are there; one action to undo.

    Raises
    ------
    AnnotationError
        When a circle leaves the image.
    """
    changes: tuple[FactChange, ...] = ()
    for side, circle in circles.items():
        _check(case, circle)
        changes += _set(case.annotations, side, [circle])
    return Edit(f"take the suggested CSF circle{'s' if len(circles) > 1 else ''}", changes)


@dataclass(frozen=True)
class CircleHit:
    """A circle under the mouse.

    Parameters
    ----------
    side : {"left", "right"}
    number : int
        From 1.
    part : {"centre", "rim"}
        A drag of the centre moves the circle, one of the rim resizes it.
    circle : CsfCircle
    """

    side: Side
    number: int
    part: Literal["centre", "rim"]
    circle: CsfCircle


def circle_at(
    annotations: Annotations, point: Sequence[float], spacing: npt.ArrayLike, *, tolerance_mm: float = 1.0
) -> CircleHit | None:
    """Which circle lies at a point of its slice; of several the one whose centre is nearest for its size.

    Parameters
    ----------
    annotations : Annotations
    point : (z, y, x)
        Index on the QSM grid; y and x may lie between voxels.
    spacing : (z, y, x) in mm
    tolerance_mm : float
        What lies so near to the rim, on either side of it, is the rim; inside a small circle only its outer third.
    """
    step = np.asarray(spacing, dtype=float)
    hits: list[tuple[float, CircleHit]] = []
    for side in SIDES:
        for number, circle in enumerate(annotations.csf_circles(side), start=1):
            if round(circle.centre[0]) != round(point[0]):
                continue
            away_mm = float(np.hypot(*((np.asarray(point[1:]) - circle.centre[1:]) * step[1:])))
            if away_mm <= circle.radius_mm + tolerance_mm:
                inner_mm = circle.radius_mm - min(tolerance_mm, circle.radius_mm * _RIM)
                hit = CircleHit(side, number, "centre" if away_mm <= inner_mm else "rim", circle)
                hits.append((away_mm / circle.radius_mm, hit))
    return min(hits, key=lambda found: found[0])[1] if hits else None


def csf_mask(case: Case) -> npt.NDArray[np.uint8]:
    """All CSF ROIs as a label map on the QSM grid: 1 left, 2 right."""
    volume = case.volume("qsm")
    mask = np.zeros(volume.grid.shape, np.uint8)
    for label, side in enumerate(SIDES, start=1):
        for circle in case.annotations.csf_circles(side):
            mask[csf_roi(volume.grid.shape, circle.centre, circle.radius_mm, volume.spacing)] = label
    return mask


def both_placed(annotations: Annotations) -> bool:
    """Whether each atrium has a circle."""
    return all(annotations.csf(side) for side in SIDES)


def _set(annotations: Annotations, side: Side, circles: Sequence[CsfCircle]) -> tuple[FactChange, ...]:
    if tuple(circles) == annotations.csf_circles(side):
        return ()
    return fact_change(annotations, f"csf/{side}", [circle.to_fact() for circle in circles] or None)


def _check(case: Case, circle: CsfCircle) -> None:
    volume = case.volume("qsm")
    csf_roi(volume.grid.shape, circle.centre, circle.radius_mm, volume.spacing)


def _place(annotations: Annotations, side: Side, number: int) -> int:
    """Where in the list a circle stands."""
    count = len(annotations.csf_circles(side))
    if not 1 <= number <= count:
        raise CaseError(f"The {side} side has {count} CSF circles and no number {number}; choose one of those.")
    return number - 1


def _name(side: Side, number: int = 1, count: int = 1) -> str:
    return f"{side} CSF circle" + (f" {number}" if count > 1 else "")


def _slice(circle: CsfCircle) -> str:
    return f"slice {round(circle.centre[0]) + 1}"
