"""What the left button does to CSF circles: put down, move, resize, add, take away."""

from typing import Any

import numpy as np
from napari.utils.notifications import show_info

from thaliron_napari.case import Case, CsfCircle, Edit, Side
from thaliron_napari.case.csf import CircleHit, add_circle, circle_at, place_circle, remove_circle
from thaliron_napari.viewer.contour_tools import Drag
from thaliron_napari.viewer.reading import Reading

_SMALLEST_MM = 0.5


def circle(reading: Reading, event: Any) -> Drag:
    """Put a circle down in the CSF of an atrium, or drag one: its middle to move it, its rim to resize it.

    With Shift a click adds a circle to those of its side, with Ctrl it takes the one under it away.
    """
    case, z = reading.case, reading.display.slice_shown()
    if case is None:
        return
    spacing = reading.display.grid.spacing
    start = _point(event)
    hit = circle_at(case.annotations, (z, *(start / spacing[1:])), spacing)
    if "Control" in event.modifiers:
        yield from _until_release(event)
        if hit is None:
            show_info("There is no CSF circle here to take away.")
        else:
            reading.make(lambda c: remove_circle(c, hit.side, hit.number))
        return
    adds = "Shift" in event.modifiers
    centre, radius = start, reading.radius_mm["csf"]
    grip = np.zeros(2)
    if hit is not None and not adds:
        centre, radius = np.array(hit.circle.centre[1:]) * spacing[1:], hit.circle.radius_mm
        grip = centre - start
    while True:
        reading.pen.circle(centre, radius)
        yield
        here = _point(event)
        if hit is not None and not adds and hit.part == "rim":
            radius = max(hit.circle.radius_mm + float(np.hypot(*(here - centre)) - np.hypot(*grip)), _SMALLEST_MM)
        else:
            centre = here + grip
        if event.type != "mouse_move":
            break
    reading.pen.clear()
    y, x = centre / spacing[1:]
    made = CsfCircle((float(z), float(y), float(x)), float(radius))
    if hit is not None and hit.part == "rim" and not adds:
        made = CsfCircle(hit.circle.centre, round(float(radius), 2))
    if reading.make(lambda c: _edit(c, made, hit, adds=adds)) and reading.suggested_csf:
        own = _side(case, made)  # the reader's own circle goes before one that is only suggested
        reading.suggest_csf({side: other for side, other in reading.suggested_csf.items() if side != own})


def _edit(case: Case, made: CsfCircle, hit: CircleHit | None, *, adds: bool) -> Edit:
    """What a stroke that ended in a circle does; a click beside the only circle of a side moves that one there."""
    if hit is not None and not adds:
        return place_circle(case, hit.side, made, hit.number)
    side = _side(case, made)
    if adds or len(case.annotations.csf_circles(side)) > 1:
        return add_circle(case, side, made)
    return place_circle(case, side, made)


def _side(case: Case, made: CsfCircle) -> Side:
    side = case.side_of(made.centre[2])
    assert side is not None
    return side


def _until_release(event: Any) -> Drag:
    yield
    while event.type == "mouse_move":
        yield


def _point(event: Any) -> np.ndarray:
    """Position (y, x) of an event in mm."""
    return np.array([float(v) for v in event.position[-2:]])
