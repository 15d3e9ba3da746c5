"""What the left button does to lesions: grow one from a click, add to it, keep it out, paint, split.

As in `contour_tools`, each is a generator from press to release that previews while the hand moves and makes one edit.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from napari.utils.notifications import show_error, show_info

from thaliron_napari.annotation import nudge
from thaliron_napari.case import Case, Edit, lesions
from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.codes import SELECTED
from thaliron_napari.viewer.contour_tools import Drag, Point, Slice, cut_at, sweep
from thaliron_napari.viewer.reading import Reading

_ALL_OF_IT_PX = 40  # of hand from the usual sensitivity to the most
_CLICK_MM = 1.0  # a shorter line is a click

Index = tuple[int, int, int]


def seed(reading: Reading, event: Any) -> Drag:
    """Grow a lesion from a click; drag up for more of it, down for less. A click on a lesion selects it.

    With Shift a click adds a seed to the selected lesion, with Ctrl it keeps a point out of it.
    """
    case, place = reading.case, _voxel(reading, event)
    if case is None or place is None:
        return
    if "Shift" in event.modifiers or "Control" in event.modifiers:
        yield from _further_seed(reading, event, place, outside="Control" in event.modifiers)
        return
    labels = case.annotations.label_map("lesions")
    if labels[place]:
        reading.review.select(int(labels[place]))
        return
    reading.review.accept_grown()
    shown = reading.display.labels
    start, sensitivity = event.position[-2], 0.5
    height = _ALL_OF_IT_PX / reading.viewer.scene.camera.zoom
    try:
        while True:
            box, mask, _ = lesions.preview(case, place, sensitivity=sensitivity)
            shown.drop_preview()
            shown.preview_box("lesions", box, mask, 2)
            yield
            if event.type != "mouse_move":
                break
            sensitivity = float(np.clip(0.5 + (start - event.position[-2]) / height / 2, 0, 1))
    except ThalIronError as error:
        shown.drop_preview()
        show_error(str(error))
        return
    shown.drop_preview()
    if reading.make(lambda c: lesions.grow(c, place, sensitivity=sensitivity)):
        reading.review.select(max(lesion.number for lesion in case.annotations.lesions()))


def _further_seed(reading: Reading, event: Any, place: Index, *, outside: bool) -> Drag:
    yield
    while event.type == "mouse_move":
        yield
    number = reading.review.in_hand()
    if number is not None:
        reading.make(lambda case: lesions.add_seed(case, number, place, outside=outside))


def retouch(reading: Reading, event: Any) -> Drag:
    """Add to the selected lesion what a disc goes over, or with Shift take it away; without one, begin a new one."""
    case, cut, wipes = reading.case, cut_at(reading, event), "Shift" in event.modifiers
    place = _voxel(reading, event)
    if case is None or place is None:
        return
    labels = cut.of(case.annotations.label_map("lesions"))
    number = reading.display.labels.selected_lesion
    if number is None and wipes:
        show_info("No lesion is selected to be wiped; click one with the tool Lesion.")
        return
    before = labels == number if number is not None else np.zeros(labels.shape, bool)
    nothing, taken, radius = np.zeros_like(before), (labels != 0) & ~before, reading.radius_mm["retouch"]

    def move(mask: Slice, at: Point, here: Point) -> Slice:
        disc = nudge(nothing, at, here, radius, cut.spacing, push="out")
        return mask & ~disc if wipes else mask | (disc & ~taken)

    mask = yield from sweep(reading, cut, event, radius, before, move, ("lesions", SELECTED))
    reading.display.labels.drop_preview()
    if (mask == before).all():
        return

    def edit(case: Case) -> Edit:
        if number is None:
            return lesions.begin(case, place, cut.across, cut.index, mask)
        return lesions.set_on_plane(case, number, cut.across, cut.index, mask, "wipe" if wipes else "paint")

    if reading.make(edit) and number is None:
        reading.review.select(max(lesion.number for lesion in case.annotations.lesions()))


def split(reading: Reading, event: Any) -> Drag:
    """Cut the lesion that a line crosses most of, on all its slices; or between two places that are clicked in it."""
    case, cut, place = reading.case, cut_at(reading, event), _voxel(reading, event)
    path = [cut.point(event)]
    yield
    while event.type == "mouse_move":
        path.append(cut.point(event))
        reading.pen.line(path)
        yield
    path.append(cut.point(event))
    reading.pen.clear()
    if case is None:
        return
    if np.ptp(path, axis=0).max() < _CLICK_MM:
        if place is not None:
            _split_between(reading, case, place, path[0])
        return
    points = np.array(path) / cut.spacing
    labels = case.annotations.label_map("lesions")[cut.index]
    number = _most_crossed(labels, points)
    if number is None:
        show_info("The line crosses no lesion; draw it across one.")
        return
    if reading.make(lambda c: lesions.split_by_line(c, number, points, cut.index)):
        reading.review.select(number)


def _split_between(reading: Reading, case: Case, place: Index, point: Point) -> None:
    """Remember the first place clicked in a lesion; at the second, also on another slice, split it between the two."""
    labels, first = case.annotations.label_map("lesions"), reading.split_seed
    number = int(labels[place])
    if not number:
        show_info("There is no lesion here: click two places in one, or draw a line across it.")
    elif first is None or labels[first] != number or first == place:
        reading.split_seed = place
        reading.review.select(number)
        reading.pen.circle(point, _CLICK_MM)
        show_info(f"Click the place in lesion {number} that is to become another lesion.")
    else:
        reading.split_seed = None
        if reading.make(lambda c: lesions.split_by_seeds(c, number, [first, place])):
            reading.review.select(number)


def _most_crossed(labels: np.ndarray, points: np.ndarray) -> int | None:
    """The lesion on a slice that has most of a path through indices (y, x)."""
    steps = np.concatenate([np.linspace(a, b, 50) for a, b in pairwise(points)])
    rows, columns = np.clip(steps.round().astype(int), 0, np.array(labels.shape) - 1).T
    crossed = np.bincount(labels[rows, columns])
    crossed[0] = 0
    return int(crossed.argmax()) if crossed.any() else None


def _voxel(reading: Reading, event: Any) -> Index | None:
    """Index (z, y, x) of the FLAIR's voxel that an event is on; None: beside the image."""
    if reading.case is None or len(event.position) < 3:
        return None
    flair = reading.case.volume("flair")
    z, y, x = (round(float(v)) for v in np.array(event.position[-3:]) / flair.spacing)
    return (z, y, x) if all(0 <= i < n for i, n in zip((z, y, x), flair.grid.shape, strict=True)) else None
