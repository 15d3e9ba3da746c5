"""What the left button does: one generator a tool, from press to release.

A tool previews while the hand moves and makes one edit when it is let go; Escape before that drops it (``mouse.py``).
Positions of events are (z, y, x) in mm of the viewer: index times spacing on the grid on show.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.notifications import show_error, show_info
from numpy.typing import NDArray

from thaliron_napari.annotation import cut_veins, drop_crumbs, lesion_in_box, nudge, polygon_mask, push_direction
from thaliron_napari.case import SIDE_LABEL, SIDES, CsfCircle, Side
from thaliron_napari.case import lesions as lesion_edits
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.thalamus import set_contour
from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.on_grid import GridName
from thaliron_napari.viewer.reading import Reading, ToolName

_CLEAR_MM = 5.0  # so far from the middle of the head the middle of a contour tells which thalamus it is of
_NEARER_MM = 2.0  # by so much one thalamus is nearer to the hand than the other, to be the one that is meant

Drag = Iterator[None]
Slice = NDArray[np.bool_]
Point = tuple[float, float]


@dataclass(frozen=True)
class Tool:
    """A tool of the reading.

    Parameters
    ----------
    name : str
    title : str
        What the button says.
    key : str
    tip : str
        How to use it, in one sentence.
    grid : {"qsm", "flair"}
        On which grid it draws.
    drag : callable
        Generator (reading, event), run from press to release.
    """

    name: ToolName
    title: str
    key: str
    tip: str
    grid: GridName
    drag: Callable[[Reading, Any], Drag]


def _draw(reading: Reading, event: Any) -> Drag:
    yield from _outline(reading, event, take_away=False)


def _erase(reading: Reading, event: Any) -> Drag:
    yield from _outline(reading, event, take_away=True)


def _outline(reading: Reading, event: Any, *, take_away: bool) -> Drag:
    """A closed line: the contour of this slice, or what is taken from it; with Shift, added to it."""
    case, z = reading.case, reading.display.slice_shown()
    if case is None:
        return
    adds = "Shift" in event.modifiers
    spacing = reading.display.grid.spacing
    path = [_in_plane(event)]
    yield
    while event.type == "mouse_move":
        point = _in_plane(event)
        if np.hypot(*np.subtract(point, path[-1])) > 0.2:
            path.append(point)
            reading.pen.line(path, closed=True)
        yield
    path.append(_in_plane(event))
    reading.pen.clear()
    _take_side_of(reading, path)
    labels = case.annotations.label_map("thalami")[z]
    now = labels == SIDE_LABEL[reading.side]
    try:
        area = polygon_mask(path, labels.shape, spacing[1:])
    except ThalIronError:
        return  # a click, no line
    if not area.any():
        return
    if take_away:
        new, words = now & ~area, "erase"
    else:
        new, words = (now | area, "add to") if adds else (area, "draw")
    side = reading.side
    reading.make(lambda c: set_contour(c, side, z, new, words))


def _nudge(reading: Reading, event: Any) -> Drag:
    """Push the edge of the contour with a disc: outward from inside, inward from outside; with Alt cut veins."""
    radius = reading.radius_mm["nudge"]
    if "Alt" in event.modifiers:
        yield from _cut_veins(reading, event, radius)
        return
    case, z = reading.case, reading.display.slice_shown()
    if case is None:
        return
    labels = case.annotations.label_map("thalami")[z]
    _take_side_at(reading, labels, _in_plane(event))
    side = reading.side
    before = labels == SIDE_LABEL[side]
    if not before.any():
        show_info(f"There is no {side} thalamus on this slice to nudge; draw it, or fill between two contours.")
        return
    others = (labels != 0) & ~before
    spacing = reading.display.grid.spacing
    push = push_direction(before, _in_plane(event), spacing[1:])
    mask = yield from _sweep(
        reading,
        event,
        radius,
        before,
        lambda mask, at, here: nudge(mask, at, here, radius, spacing[1:], keep_out=others, push=push),
    )
    if push == "in":
        mask = drop_crumbs(before, mask, radius, spacing[1:])
    reading.display.labels.drop_preview()
    if (mask != before).any():
        reading.make(lambda c: set_contour(c, side, z, mask, "nudge"))


def _vein(reading: Reading, event: Any) -> Drag:
    yield from _cut_veins(reading, event, reading.radius_mm["vein"])


def _cut_veins(reading: Reading, event: Any, radius: float) -> Drag:
    """Take out of the contour what a disc goes over and is vein."""
    case, z = reading.case, reading.display.slice_shown()
    if case is None:
        return
    labels = case.annotations.label_map("thalami")[z]
    _take_side_at(reading, labels, _in_plane(event))
    side = reading.side
    before = labels == SIDE_LABEL[side]
    if not before.any():
        show_info(f"There is no {side} thalamus on this slice to cut veins of; draw it, or fill between two contours.")
        return
    veins = reading.veins.mask()
    if veins is None:
        show_info("The veins are still being found; cut them once they are shown.")
        reading.veins.show()
        return
    spacing = reading.display.grid.spacing
    mask = yield from _sweep(
        reading, event, radius, before, lambda mask, at, here: cut_veins(mask, veins[z], at, here, radius, spacing[1:])
    )
    reading.display.labels.drop_preview()
    if (mask != before).any():
        reading.make(lambda c: set_contour(c, side, z, mask, "cut veins of"))


def _sweep(
    reading: Reading, event: Any, radius: float, mask: Slice, move: Callable[[Slice, Point, Point], Slice]
) -> Generator[None, None, Slice]:
    """Go over the contour with a disc, from press to release, and show what it becomes; returns that.

    `move` says what the disc makes of a mask (y, x) on its way from one point (y, x) in mm to another.
    """
    z, label = reading.display.slice_shown(), SIDE_LABEL[reading.side]
    at = _in_plane(event)
    mask = move(mask, at, at)
    while True:
        reading.display.labels.preview_slice(z, mask, label)
        reading.pen.circle(at, radius)
        yield
        # The release has a position of its own, which fast hands reach without a last move.
        here = _in_plane(event)
        mask = move(mask, at, here)
        at = here
        if event.type != "mouse_move":
            break
    reading.pen.clear()
    return mask


def _csf(reading: Reading, event: Any) -> Drag:
    """Put a circle down in the CSF of an atrium, or drag the one that is there."""
    case, z = reading.case, reading.display.slice_shown()
    if case is None:
        return
    spacing = reading.display.grid.spacing
    start = np.array(_in_plane(event))
    side = case.side_of(start[1] / spacing[2])
    radius, grip = reading.radius_mm["csf"], np.zeros(2)
    for name in SIDES:
        circle = case.annotations.csf(name)
        if circle is None or round(circle.centre[0]) != z:
            continue
        centre = np.array(circle.centre[1:]) * spacing[1:]
        if np.hypot(*(start - centre)) <= circle.radius_mm:
            side, radius, grip = name, circle.radius_mm, centre - start
    at = start + grip
    while True:
        reading.pen.circle(at, radius)
        yield
        at = np.array(_in_plane(event)) + grip
        if event.type != "mouse_move":
            break
    reading.pen.clear()
    circle = CsfCircle((float(z), float(at[0] / spacing[1]), float(at[1] / spacing[2])), radius)
    reading.make(lambda c: place_circle(c, side, circle))


def _seed(reading: Reading, event: Any) -> Drag:
    """Grow a lesion from a click; drag up for more of it, down for less. A click on a lesion selects it."""
    case = reading.case
    if case is None:
        return
    flair = case.volume("flair")
    z, y, x = (round(float(v)) for v in np.array(event.position[-3:]) / flair.spacing)
    if not all(0 <= i < n for i, n in zip((z, y, x), flair.grid.shape, strict=True)):
        return
    labels = case.annotations.label_map("lesions")
    if labels[z, y, x]:
        reading.display.labels.select_lesion(int(labels[z, y, x]))
        reading.tool_changed.emit()
        return
    reading.accept_proposed()
    start, sensitivity = event.position[-2], 0.5
    height = 40 / reading.viewer.scene.camera.zoom  # 40 pixels of hand from half to all
    try:
        while True:
            box, mask = lesion_in_box(
                flair.data,
                (z, y, x),
                flair.spacing,
                tissue=case.normal_tissue,
                sensitivity=sensitivity,
                within=labels == 0,
            )
            reading.display.labels.drop_preview()
            reading.display.labels.preview_box("lesions", box, mask, 2)
            yield
            if event.type != "mouse_move":
                break
            sensitivity = float(np.clip(0.5 + (start - event.position[-2]) / height / 2, 0, 1))
    except ThalIronError as error:
        reading.display.labels.drop_preview()
        show_error(str(error))
        return
    reading.display.labels.drop_preview()
    if reading.make(lambda c: lesion_edits.grow(c, (z, y, x), sensitivity=sensitivity)):
        reading.display.labels.select_lesion(max(lesion.number for lesion in case.annotations.lesions()))
        reading.tool_changed.emit()


def _take_side_of(reading: Reading, path: Sequence[Point]) -> None:
    """Take the thalamus in hand on whose side of the head a line lies, where that is plain.

    So no contour of the right thalamus is drawn as one of the left for want of a key.
    """
    assert reading.case is not None
    x = float(np.mean(path, axis=0)[1]) / reading.display.grid.spacing[2]
    side = reading.case.side_of(x, unless_within_mm=_CLEAR_MM)
    if side not in (None, reading.side):
        reading.choose_side(side)


def _take_side_at(reading: Reading, labels: NDArray[Any], at: Point) -> None:
    """Take the thalamus in hand that is plainly the nearer one to a point on a slice (y, x) of labels."""
    spacing = reading.display.grid.spacing[1:]
    away: dict[Side, float] = {}
    for side in SIDES:
        voxels = np.argwhere(labels == SIDE_LABEL[side]) * spacing
        away[side] = float(np.hypot(*(voxels - at).T).min(initial=np.inf))
    nearer = min(away, key=lambda side: away[side])
    if max(away.values()) - away[nearer] > _NEARER_MM and nearer != reading.side:
        reading.choose_side(nearer)


def _in_plane(event: Any) -> Point:
    """Position (y, x) of an event in mm."""
    y, x = event.position[-2:]
    return float(y), float(x)


TOOLS: dict[ToolName, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "draw",
            "Draw",
            "D",
            "Draw round the thalamus: the closed line is its contour on this slice; Shift adds to the contour.",
            "qsm",
            _draw,
        ),
        Tool("erase", "Erase", "E", "Draw round what is to leave the contour on this slice.", "qsm", _erase),
        Tool(
            "nudge",
            "Nudge",
            "N",
            "Press inside the contour and push its edge out, or outside and push it in; with Alt cut veins.",
            "qsm",
            _nudge,
        ),
        Tool(
            "vein",
            "Vein",
            "V",
            "Go over a vein with the disc: of the contour only what is vein is cut. The veins are shown.",
            "qsm",
            _vein,
        ),
        Tool(
            "csf",
            "CSF circle",
            "C",
            "Click into the atrium of each lateral ventricle; drag a circle to move it.",
            "qsm",
            _csf,
        ),
        Tool(
            "seed",
            "Lesion",
            "S",
            "Click a lesion and it grows; drag up for more of it, down for less. The next click accepts it.",
            "flair",
            _seed,
        ),
    )
}
