"""Filling between the contours, beside the window: at the reader's word, and anew around a contour that was changed."""

from dataclasses import replace

from psygnal import Signal
from qtpy.QtCore import QObject

from thaliron_napari.case import SIDES, Case, Edit, Side
from thaliron_napari.case.thalamus import fill_between, refill, to_refill
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.work import run_in_background


class Filling:
    """Fills the thalami of the open case; it takes up to a second.

    What was drawn while it went on is filled again. Slices that are filled anew because a contour was changed are one
    action with that change: undo takes both back.

    Parameters
    ----------
    reading : Reading
    owner : QObject
        The widget for which it is done.
    """

    changed = Signal()
    """It goes on, or has ended."""

    def __init__(self, reading: Reading, owner: QObject) -> None:
        self.reading, self.owner = reading, owner
        self._case: Case | None = None
        self._whole = False
        self._around: dict[Side, set[int]] = {}
        reading.fill_asked.connect(self.fill)
        reading.made.connect(self._on_made)
        reading.leaving.connect(self._end_now)

    @property
    def going_on(self) -> bool:
        """Whether the open case is being filled."""
        return self._case is not None

    @property
    def whole(self) -> bool:
        """Whether the whole thalami are being filled, at the reader's word."""
        return self._whole and self.going_on

    def fill(self) -> None:
        """Fill each thalamus that has two contours at least."""
        if self.reading.may_change():
            self._whole = True
            self._begin()

    def _on_made(self, edit: Edit) -> None:
        case = self.reading.case
        if case is None or edit.joined:
            return
        for side, slices in to_refill(case, edit).items():
            self._around.setdefault(side, set()).update(slices)
        if self._around:
            self._begin()

    def _begin(self) -> None:
        case = self.reading.case
        if case is None or self._case is not None:
            return
        self._case, lines = case, len(case.journal)
        whole, around, in_hand = self._whole, dict(self._around), self.reading.side

        def finished(edit: Edit) -> None:
            if self._case is case and len(case.journal) == lines and (whole or not self._whole):
                self._forget()
                self._make(case, edit, whole)

        def ended() -> None:
            drawn_on = self._case is case and (len(case.journal) != lines or self._whole != whole)
            self._case = None
            if case.undone:
                self._around = {}  # to fill anew would take the chance to redo away
            if not drawn_on:
                self._forget()
            elif self._whole or self._around:
                self._begin()
            self.changed.emit()

        self.changed.emit()
        run_in_background(
            lambda _progress: _edit(case, whole, around, in_hand), owner=self.owner, finished=finished, ended=ended
        )

    def _make(self, case: Case, edit: Edit, whole: bool) -> None:
        last = next(iter(case.done[-1:]), None)
        joined = not whole and last is not None and (last.touches("thalami") or last.touches("key/"))
        self.reading.make(lambda _case: replace(edit, joined=joined))

    def _forget(self) -> None:
        self._case, self._whole, self._around = None, False, {}

    def _end_now(self) -> None:
        """End the filling that is going on, in the case that is about to be left."""
        case, whole, around = self._case, self._whole, self._around
        self._forget()
        if case is not None and case is self.reading.case:
            self._make(case, _edit(case, whole, around, self.reading.side), whole)


def _edit(case: Case, whole: bool, around: dict[Side, set[int]], in_hand: Side) -> Edit:
    """Edit that fills; where no thalamus can be filled, the error says what the one in hand needs."""
    if not whole:
        return refill(case, around)
    drawn = [side for side in SIDES if len(case.annotations.keys(side)) > 1]
    return fill_between(case, *(drawn or [in_hand]))
