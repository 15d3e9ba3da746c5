"""What the left button does to the contour of a thalamus: draw, polygon, paint, erase, nudge, cut veins, propose.

Each is a generator from press to release that previews while the hand moves and makes one edit at the end. Positions
of events are (z, y, x) in mm; an event of a side plane says in `across` which axis its plane cuts.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.notifications import show_info
from numpy.typing import NDArray

from thaliron_napari.annotation import cut_veins, drop_crumbs, nudge, polygon_mask, push_direction
from thaliron_napari.case import SIDE_LABEL, SIDES, Case, Edit, Side
from thaliron_napari.case.thalamus import set_contour, set_on_plane
from thaliron_napari.case.veins import keeps_out, record_veins
from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.reading import Reading

_CLEAR_MM = 5.0  # so far from the middle of the head the middle of a contour tells which thalamus it is of
_NEARER_MM = 2.0  # by so much one thalamus is nearer to the hand than the other, to be the one that is meant
_AGAIN_PX = 6.0  # a corner so near to the first or the last one closes the polygon

Drag = Iterator[None]
Slice = NDArray[np.bool_]
Point = tuple[float, float]


@dataclass(frozen=True)
class Cut:
    """The slice that the hand is on.

    Parameters
    ----------
    across : int
        Axis of (z, y, x) that it cuts: 0 on the canvas.
    index : int
    spacing : tuple of float
        In mm, of the other two axes.
    """

    across: int
    index: int
    spacing: Point

    def of(self, volume: NDArray[Any]) -> NDArray[Any]:
        """The slice of an array (z, y, x)."""
        return volume[(slice(None),) * self.across + (self.index,)]

    def point(self, event: Any) -> Point:
        """Where an event is on the slice, in mm."""
        if self.across == 0:
            first, second = event.position[-2:]  # all that a canvas without layers knows
        else:
            first, second = np.delete(event.position, self.across)
        return float(first), float(second)


def draw(reading: Reading, event: Any) -> Drag:
    """A closed line: the contour of this slice; with Shift, added to it."""
    yield from _outline(reading, event, take_away=False)


def erase(reading: Reading, event: Any) -> Drag:
    """A closed line: what is taken from the contour of this slice."""
    yield from _outline(reading, event, take_away=True)


def _outline(reading: Reading, event: Any, *, take_away: bool) -> Drag:
    adds = "Shift" in event.modifiers
    cut = cut_at(reading, event)
    path = [cut.point(event)]
    yield
    while event.type == "mouse_move":
        point = cut.point(event)
        if np.hypot(*np.subtract(point, path[-1])) > 0.2:
            path.append(point)
            reading.pen.line(path, closed=True)
        yield
    path.append(cut.point(event))
    reading.pen.clear()
    close_line(reading, cut.index, path, "erase" if take_away else "add to" if adds else "draw")


def polygon(reading: Reading, event: Any) -> Drag:
    """A corner of a polygon; near the first or the last one it closes it."""
    cut = cut_at(reading, event)
    yield
    while event.type == "mouse_move":
        yield
    corner, corners = cut.point(event), reading.corners
    near_mm = _AGAIN_PX / reading.viewer.scene.camera.zoom
    again = [other for other in (corners[:1] + corners[-1:]) if np.hypot(*np.subtract(corner, other)) < near_mm]
    if again and len(corners) > 2:
        close_polygon(reading)
    elif not again:
        if not corners:
            reading.corners_add = "Shift" in event.modifiers
        corners.append(corner)
        reading.pen.line(corners, closed=True)


def close_polygon(reading: Reading) -> None:
    """Make the polygon whose corners were clicked the contour of this slice."""
    corners, words = list(reading.corners), "add to" if reading.corners_add else "draw"
    reading.drop_corners()
    close_line(reading, reading.display.slice_shown(), corners, words)


def close_line(reading: Reading, z: int, path: Sequence[Point], words: str) -> None:
    """Make what a closed line surrounds the contour of an axial slice, add it to it ("add to"), or "erase" it."""
    case = reading.case
    assert case is not None
    _take_side_of(reading, float(np.mean(path, axis=0)[1]))
    labels = case.annotations.label_map("thalami")[z]
    now = labels == SIDE_LABEL[reading.side]
    try:
        area = polygon_mask(path, labels.shape, reading.display.grid.spacing[1:])
    except ThalIronError:
        return  # a click, no line
    if not area.any():
        return
    if words == "erase":
        new = now & ~area
    else:
        new = area & (case.annotations.maps["veins"][z] == 0) if keeps_out(case) else area
        new = now | new if words == "add to" else new
    side = reading.side
    reading.make(lambda c: set_contour(c, side, z, new, words))


def paint(reading: Reading, event: Any) -> Drag:
    """Add to the contour what a disc goes over, or with Shift take it away."""
    cut, wipes = cut_at(reading, event), "Shift" in event.modifiers
    case, radius = reading.case, reading.radius_mm["paint"]
    assert case is not None
    labels = cut.of(case.annotations.label_map("thalami"))
    _take_side_at(reading, cut, labels, cut.point(event))
    if not labels.any():
        _take_side_of(reading, event.position[-1])
    before = labels == SIDE_LABEL[reading.side]
    nothing, closed = np.zeros_like(before), _closed(case, cut, labels, before)

    def move(mask: Slice, at: Point, here: Point) -> Slice:
        disc = nudge(nothing, at, here, radius, cut.spacing, push="out")
        return mask & ~disc if wipes else mask | (disc & ~closed)

    mask = yield from sweep(reading, cut, event, radius, before, move, _layer(reading))
    _finish(reading, cut, before, mask, "wipe" if wipes else "paint")


def nudge_edge(reading: Reading, event: Any) -> Drag:
    """Push the edge of the contour with a disc: outward from inside, inward from outside; with Alt cut veins."""
    radius = reading.radius_mm["nudge"]
    if "Alt" in event.modifiers:
        yield from _cut_veins(reading, event, radius)
        return
    cut = cut_at(reading, event)
    before = _in_hand(reading, cut, event, "nudge")
    case = reading.case
    if before is None or case is None:
        return
    closed = _closed(case, cut, cut.of(case.annotations.label_map("thalami")), before)
    push = push_direction(before, cut.point(event), cut.spacing)
    mask = yield from sweep(
        reading,
        cut,
        event,
        radius,
        before,
        lambda mask, at, here: nudge(mask, at, here, radius, cut.spacing, keep_out=closed, push=push),
        _layer(reading),
    )
    if push == "in":
        mask = drop_crumbs(before, mask, radius, cut.spacing)
    _finish(reading, cut, before, mask, "nudge")


def vein(reading: Reading, event: Any) -> Drag:
    """Take out of the contour what a disc goes over and is vein."""
    yield from _cut_veins(reading, event, reading.radius_mm["vein"])


def _cut_veins(reading: Reading, event: Any, radius: float) -> Drag:
    cut = cut_at(reading, event)
    before = _in_hand(reading, cut, event, "cut veins of")
    if before is None:
        return
    found = reading.veins.current
    if found is None:
        show_info("The veins are still being found; cut them once they are shown.")
        reading.veins.show()
        return
    veins = cut.of(found.mask)
    mask = yield from sweep(
        reading,
        cut,
        event,
        radius,
        before,
        lambda mask, at, here: cut_veins(mask, veins, at, here, radius, cut.spacing),
        _layer(reading),
    )
    _finish(reading, cut, before, mask, "cut veins of", lambda case: record_veins(case, found))


def propose(reading: Reading, event: Any) -> Drag:
    """Ask for a first contour of the thalamus that is clicked."""
    yield
    while event.type == "mouse_move":
        yield
    case, grid = reading.case, reading.display.grid
    assert case is not None
    z, y, x = (round(float(v)) for v in np.array(event.position[-3:]) / grid.spacing)
    if all(0 <= i < n for i, n in zip((z, y, x), grid.shape, strict=True)):
        side = case.side_of(x) or reading.side
        reading.choose_side(side)
        reading.proposal_asked.emit(side, (z, y, x))


def cut_at(reading: Reading, event: Any) -> Cut:
    """The slice that an event is on."""
    display, across = reading.display, getattr(event, "across", 0)
    first, second = (float(step) for axis, step in enumerate(display.grid.spacing) if axis != across)
    index = display.slice_shown() if across == 0 else round(float(display.place()[across]))
    return Cut(across, index, (first, second))


def _in_hand(reading: Reading, cut: Cut, event: Any, verb: str) -> Slice | None:
    """The contour that a disc is put on; None, and words for it, where there is none."""
    assert reading.case is not None
    labels = cut.of(reading.case.annotations.label_map("thalami"))
    _take_side_at(reading, cut, labels, cut.point(event))
    mask: Slice = labels == SIDE_LABEL[reading.side]
    if mask.any():
        return mask
    show_info(f"There is no {reading.side} thalamus on this slice to {verb}; draw it, or fill between two contours.")
    return None


def _closed(case: Case, cut: Cut, labels: NDArray[Any], own: Slice) -> Slice:
    """Where a contour does not go: into the other thalamus, and into veins that are kept out."""
    closed: Slice = (labels != 0) & ~own
    return closed | (cut.of(case.annotations.maps["veins"]) != 0) if keeps_out(case) else closed


def _layer(reading: Reading) -> tuple[str, int]:
    return "thalami", SIDE_LABEL[reading.side]


def sweep(
    reading: Reading,
    cut: Cut,
    event: Any,
    radius: float,
    mask: Slice,
    move: Callable[[Slice, Point, Point], Slice],
    layer: tuple[str, int],
) -> Generator[None, None, Slice]:
    """Go over a mask with a disc, from press to release, and show what it becomes; returns that.

    `move` says what the disc makes of a mask on its way from one point in mm to another; `layer` names the label layer
    and the code in which the mask is shown.
    """
    name, code = layer
    at = cut.point(event)
    mask = move(mask, at, at)
    while True:
        reading.display.labels.preview_slice(name, cut.across, cut.index, mask, code)
        if cut.across == 0:
            reading.pen.circle(at, radius)
        yield
        # The release has a position of its own, which fast hands reach without a last move.
        here = cut.point(event)
        mask = move(mask, at, here)
        at = here
        if event.type != "mouse_move":
            break
    reading.pen.clear()
    return mask


def _finish(
    reading: Reading,
    cut: Cut,
    before: Slice,
    mask: Slice,
    words: str,
    first: Callable[[Case], Edit] = lambda _case: Edit("", ()),
) -> None:
    """Make the edit of a stroke, where it changed anything, together with what must come before it."""
    reading.display.labels.drop_preview()
    side = reading.side

    def edit(case: Case) -> Edit:
        made = set_on_plane(case, side, cut.across, cut.index, mask, words)
        return Edit(made.words, (*first(case).changes, *made.changes))

    if (mask != before).any():
        reading.make(edit)


def _take_side_of(reading: Reading, x_mm: float) -> None:
    """Take the thalamus in hand on whose side of the head something is drawn, where that is plain.

    So no contour of the right thalamus is drawn as one of the left for want of a key.
    """
    assert reading.case is not None
    side = reading.case.side_of(x_mm / reading.display.grid.spacing[2], unless_within_mm=_CLEAR_MM)
    if side is not None and side != reading.side:
        reading.choose_side(side)


def _take_side_at(reading: Reading, cut: Cut, labels: NDArray[Any], at: Point) -> None:
    """Take the thalamus in hand that is plainly the nearer one to a point on a slice of labels."""
    away: dict[Side, float] = {}
    for side in SIDES:
        voxels = np.argwhere(labels == SIDE_LABEL[side]) * cut.spacing
        away[side] = float(np.hypot(*(voxels - at).T).min(initial=np.inf))
    nearer = min(away, key=lambda side: away[side])
    if max(away.values()) - away[nearer] > _NEARER_MM and nearer != reading.side:
        reading.choose_side(nearer)
