"""The reading on screen: which case, which step, which tool. Steps and tools meet here."""

from collections.abc import Callable
from concurrent import futures
from typing import Any, Literal

import numpy as np
from napari.layers import Image, Layer
from napari.utils.notifications import show_error, show_info
from psygnal import Signal

from thaliron_napari.annotation import csf_roi
from thaliron_napari.case import SIDES, Case, CsfCircle, Edit, Side
from thaliron_napari.case.csf import take_circles
from thaliron_napari.case.thalamus import accept_contours, clear_slice, copy_contour, proposed
from thaliron_napari.case.worklist import FINISHED, finish
from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.display import Display
from thaliron_napari.viewer.pen import Pen
from thaliron_napari.viewer.review import Review
from thaliron_napari.viewer.segmentation import Segmentation
from thaliron_napari.viewer.veins import Veins
from thaliron_napari.viewer.writing import Writing, begin_writing

ToolName = Literal[
    "look", "draw", "polygon", "paint", "erase", "nudge", "vein", "propose", "csf", "seed", "retouch", "split"
]


class Reading:
    """One reader at one viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    reader : str
        The reader's name; may be empty.
    """

    case_opened = Signal()
    changed = Signal(Edit)
    made = Signal(Edit)
    """The reader made an edit, or made one again; unlike `changed`, not where one was taken back."""
    tool_changed = Signal()
    """Tool, side or radius is another."""
    blend_changed = Signal()
    saved = Signal(Case)
    """The files of a case, open or left, were written as far as could be."""
    leaving = Signal()
    """The case is about to be left: what is half done there must become an edit now."""
    cohort_changed = Signal()
    morphometry_read = Signal()
    """Another program's files were read anew, and may be others."""
    opening_changed = Signal()
    keys_asked = Signal()
    """The list of keys is wanted, or no longer."""
    planes_asked = Signal()
    """The side planes are wanted, or no longer."""
    surfaces_asked = Signal()
    """The 3D view is wanted, or no longer."""
    fill_asked = Signal()
    """The thalami are to be filled between their contours."""
    proposal_asked = Signal(str, tuple)
    """A first contour of the thalamus of a side is wanted, about an index (z, y, x) of the QSM."""
    csf_asked = Signal()
    """A circle in each atrium is to be suggested."""
    mirror_asked = Signal()
    """The contour on show is wanted on the other thalamus too."""
    unread_asked = Signal(int)
    """The unread case after this one (1) or before it (-1) is wanted."""
    case_asked = Signal(str)
    """A case of the dataset is wanted, by its name."""
    flag_asked = Signal()
    """The case is to be flagged and the next unread one opened."""

    def __init__(self, viewer: Any, *, reader: str = "") -> None:
        self.viewer = viewer
        self.reader = reader
        self.display = Display(viewer)
        self.pen = Pen(viewer)
        self.veins = Veins(self.display, self.make)
        self.segmentation = Segmentation(self.display)
        self.review = Review(self.display, self.make)
        self.review.changed.connect(self.tool_changed.emit)
        self.case: Case | None = None
        self.tool: ToolName = "look"
        self.last_tools: list[ToolName] = []
        """The last two tools in hand, the later one first."""
        self._hidden: list[Layer] = []
        self.side: Side = "left"
        self.radius_mm: dict[str, float] = {"paint": 3.0, "nudge": 4.0, "vein": 3.0, "csf": 3.0, "retouch": 2.0}
        self.corners: list[tuple[float, float]] = []
        """Of the polygon that is being drawn on the slice on show, (y, x) in mm."""
        self.corners_add = False
        """Whether it is to be added to the contour."""
        self.suggested_csf: dict[Side, CsfCircle] = {}
        """Circles that wait for the reader's word."""
        self.split_seed: tuple[int, int, int] | None = None
        """The first of two places, (z, y, x) of the FLAIR, between which a lesion is to be split."""
        self.display.moved.connect(self._on_moved)
        self.segmentation.changed.connect(self._show_lines)
        viewer.dims.events.ndisplay.connect(self._show_lines)
        viewer.dims.events.order.connect(self._show_lines)
        self.opening = ""
        """Name of the case that is being opened in the background; empty for none."""
        self.stale: list[Case] = []
        """Cases whose files are older than their last edit, which the journal has in any case."""
        self.read_only = ""
        """Why this case can only be looked at, such as who has it open; mostly empty."""
        self.waiting: list[Case] = []
        """Cases that were left before all of their work was on disk."""
        self._writing: list[Writing] = []
        self.stroke: Literal["", "going on", "dropped"] = ""
        """Where a drag on the canvas stands."""

    def open(self, case: Case) -> None:
        """Show a case, and take the right to change it; the one before is saved and let go.

        A case of which not all could be written stays ours in :attr:`waiting` until it is, and is the one shown when
        it is opened again: what it holds is newer than its files.
        """
        if self.case is not None:
            # The same patient with other images follows what was just done to it; else nobody waits for a disk.
            self.leave(wait_s=2.0 if self.case.folder == case.folder else 0.0)
            self.case.changed.disconnect(self._on_edit)
        if case.folder is not None:
            case = next((left for left in self.waiting if left.folder == case.folder), case)
        self.waiting = [left for left in self.waiting if left is not case]
        self.case = case
        self.split_seed, self.suggested_csf = None, {}
        self.read_only = ""
        case.changed.connect(self._on_edit)
        self.display.open(case)
        try:
            case.claim()
        except ThalIronError as error:
            self.read_only = str(error)
        if case.notice and not self.read_only and case not in self.stale:
            self.stale.append(case)  # its files may be older than the journal
        self.case_opened.emit()

    @property
    def unsaved(self) -> bool:
        """Whether the open case's files are older than its last edit."""
        return self.case in self.stale

    def leave(self, wait_s: float = 0.0) -> bool:
        """Save the case, and let others have it; returns whether all edits are on disk, of earlier cases too."""
        self.leaving.emit()
        if self.case is not None and self.case not in self.waiting:
            self.waiting.append(self.case)
        self.write_left(tells=True)
        return self.let_go(wait_s)

    def write_left(self, *, tells: bool = False) -> None:
        """Begin to write the files, where they are behind, of the cases that were left."""
        under_way = [writing.case for writing in self._writing]
        for case in self.waiting:
            if case in self.stale and case.folder is not None and case not in under_way:
                self._writing.append(begin_writing(case, tells=tells))

    def let_go(self, wait_s: float = 0.0) -> bool:
        """Let go of the cases left of which all is written; returns whether their edits, at least, are on disk."""
        futures.wait([writing.written for writing in self._writing], wait_s)
        for writing in [writing for writing in self._writing if writing.written.done()]:
            self._writing.remove(writing)
            self._take_note(writing)
        # A case with files that are behind is not closed in order, so that they are written when it is opened again.
        self.waiting = [case for case in self.waiting if case in self.stale or not case.close(wait_s)]
        return all(case.journal.wait(wait_s) for case in self.waiting)

    def set_opening(self, name: str) -> None:
        """Say which case is being opened; empty when that has ended."""
        self.opening = name
        self.opening_changed.emit()

    @property
    def finished(self) -> bool:
        """Whether the reader said that this reading is done."""
        return self.case is not None and FINISHED in self.case.annotations.facts

    def toggle_finished(self) -> None:
        """Say that this reading is done, or take that back."""
        self.make(lambda case: finish(case, not self.finished))

    def finish_and_go_on(self) -> None:
        """Say that this reading is done, and go to the next unread case."""
        if self.finished or self.make(finish):
            self.unread_asked.emit(1)

    def may_change(self) -> bool:
        """Whether the open case can be changed now; says why not. What another window did meanwhile is taken in."""
        if self.case is None:
            show_info("No patient is open; choose the images in the step Study.")
            return False
        try:
            self.case.claim()
        except ThalIronError as error:
            self.read_only = str(error)
            show_error(self.read_only)
            return False
        self.read_only = ""
        return True

    def make(self, edit: Callable[[Case], Edit]) -> bool:
        """Make an edit and apply it; what goes wrong is told to the reader and changes nothing."""
        if not self.may_change():
            return False
        assert self.case is not None
        try:
            made = edit(self.case)
            self.case.apply(made)
        except ThalIronError as error:
            show_error(str(error))
            return False
        if made.changes:
            self.made.emit(made)
        return True

    def undo(self, times: int = 1) -> None:
        """Take the last edits back."""
        self._step("took back", "There is nothing to undo.", times)

    def redo(self, times: int = 1) -> None:
        """Make the edits taken back last again."""
        self._step("made again", "There is nothing to redo.", times)

    def choose_tool(self, tool: ToolName) -> None:
        """Take a tool in hand."""
        self.tool = tool
        if tool != "look":
            self.last_tools = [tool, *(other for other in self.last_tools if other != tool)][:2]
        self.drop_corners()
        if tool == "vein":
            self.veins.show()
        self.tool_changed.emit()

    def escape(self) -> None:
        """Drop the stroke or the polygon that is going on; without one, put the tool down."""
        if self.stroke:
            self.stroke = "dropped"
        elif self.suggested_csf:
            self.suggest_csf({})
        elif self.corners or self.split_seed is not None:
            self.drop_corners()
        else:
            self.choose_tool("look")

    def drop_corners(self) -> None:
        """Forget the polygon, or the split, that is going on."""
        self.corners, self.split_seed = [], None
        self.pen.clear()

    def swap_tools(self) -> None:
        """Take the tool before this one in hand again, or the last one where none is in hand."""
        before = [tool for tool in self.last_tools if tool != self.tool]
        if before:
            self.choose_tool(before[0])

    def hide_annotations(self, hidden: bool) -> None:
        """Hide all that is drawn over the images, or show again what was seen before."""
        if hidden:
            drawn = (layer for layer in self.viewer.layers if self.display.owns(layer) and not isinstance(layer, Image))
            self._hidden += [layer for layer in drawn if layer.visible]
        for layer in self._hidden:
            layer.visible = not hidden
        self.segmentation.hide(hidden)
        if not hidden:
            self._hidden = []

    def turn_outlines(self) -> None:
        """Show what is drawn as outlines, or filled, and a segmentation with it."""
        outlines = not self.display.labels.outlines
        self.display.labels.set_outlines(outlines)
        self.segmentation.set_outlines(outlines)

    def choose_side(self, side: Side) -> None:
        """Choose which thalamus is drawn."""
        self.side = side
        self.tool_changed.emit()

    def set_radius(self, radius_mm: float) -> None:
        """Set the radius of the tool in hand, where it has one."""
        if self.tool in self.radius_mm:
            self.radius_mm[self.tool] = min(max(round(radius_mm * 2) / 2, 0.5), 20.0)
            self.tool_changed.emit()

    def change_radius(self, by_mm: float) -> None:
        """Make the tool in hand larger or smaller, where it has a radius; with the seed, the selected lesion."""
        if self.tool in self.radius_mm:
            self.set_radius(self.radius_mm[self.tool] + by_mm)
        elif self.tool == "seed":
            self.review.grow(0.05 if by_mm > 0 else -0.05)

    def flip_blend(self) -> None:
        """Show the lower image alone, or the upper alone when that is what is shown."""
        images = self.display.images
        images.set_share(0.0 if images.share > 0.5 else 1.0)
        self.blend_changed.emit()

    def suggest_csf(self, circles: dict[Side, CsfCircle]) -> None:
        """Show suggested CSF circles, to be accepted or dropped; none: drop those that are shown."""
        self.suggested_csf = circles
        shape, spacing = self.display.grid.shape, self.display.grid.spacing
        masks = [csf_roi(shape, circle.centre, circle.radius_mm, spacing) for circle in circles.values()]
        self.display.labels.suggest_csf(np.logical_or.reduce(masks) if masks else None)
        self.tool_changed.emit()

    def accept(self) -> None:
        """Accept what is proposed: circles or thalami where they are on show, else the selected lesion; go on then."""
        if self.suggested_csf and self.display.grid_name == "qsm":
            if self.make(lambda case: take_circles(case, self.suggested_csf)):
                self.suggest_csf({})
            return
        waiting = self.case is not None and any(proposed(self.case, side) for side in SIDES)
        if waiting and self.display.grid_name == "qsm":
            self.make(accept_contours)
            return
        self.review.judge("accepted")

    def copy_contour(self, by: int) -> None:
        """Copy the contour on show to the next slice above (1) or below (-1), and go there."""
        z, side = self.display.slice_shown(), self.side
        if self.make(lambda case: copy_contour(case, side, z, z + by)):
            self.display.scroll(by)

    def clear_slice(self) -> None:
        """Take the last corner of the polygon back; without one, remove the thalamus in hand from the slice on show."""
        if self.corners:
            self.corners.pop()
            self.pen.line(self.corners, closed=True)
            return
        z, side = self.display.slice_shown(), self.side
        self.make(lambda case: clear_slice(case, side, z))

    def save_now(self) -> None:
        """Write the case's files at the reader's word, and say where."""
        if self.case is None:
            return
        if self.read_only:
            show_error(f"Not saved: {self.read_only}")
            return
        self._writing.append(begin_writing(self.case, asked=True))

    def _take_note(self, writing: Writing) -> None:
        """Tell what became of files that were written, and whether they are behind; write again what was drawn on."""
        case, error = writing.case, writing.written.exception()
        if len(case.journal) != writing.lines:
            self._writing.append(begin_writing(case, asked=writing.asked, tells=writing.tells))
            return
        if error is None and writing.asked:
            show_info(f"Saved in {writing.written.result()[0].parent}")
        elif error is not None and writing.tells:
            show_error(f"Not all files of {case.name} are written: {error}")
        lasts = isinstance(error, OSError) or isinstance(getattr(error, "__cause__", None), OSError)
        if not lasts:  # what no disk mends is not tried again
            self.stale = [other for other in self.stale if other is not case]
        self.saved.emit(case)

    def _step(self, verb: Literal["took back", "made again"], nothing: str, times: int) -> None:
        if not self.may_change():
            return
        case = self.case
        assert case is not None
        for _ in range(times):
            edit = case.undo() if verb == "took back" else case.redo()
            if edit is None:
                show_info(nothing)
                return
            self.viewer.status = f"{verb}: {edit.words}"
            if verb == "made again" and not case.undone:
                self.made.emit(edit)
        self.display.look_at(edit)

    def _on_edit(self, edit: Edit) -> None:
        if self.case is not None and self.case not in self.stale:
            self.stale.append(self.case)
        self.display.update(edit)
        if edit.touches("veins"):
            self.veins.lay()
        self.segmentation.update(edit)
        self.changed.emit(edit)

    def _show_lines(self, _event: object = None) -> None:
        """Show where the surfaces of a segmentation cut the axial slice on show."""
        if self.display.case is None:
            return
        axial, step = self.display.is_axial, self.display.grid.spacing[1:]
        lines = self.segmentation.lines(0, self.display.slice_shown()) if axial else []
        self.pen.lines([(colour, segments * step) for colour, segments in lines])

    def _on_moved(self) -> None:
        self._show_lines()
        if self.corners:
            self.drop_corners()  # they lie on another slice
        elif self.split_seed is not None:
            self.pen.clear()  # the place holds, its mark lies on another slice
