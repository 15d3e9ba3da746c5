"""First contours of the thalami, found beside the window: from a click, or from another program's label map."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from napari.utils.notifications import show_info
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from thaliron_napari.case import Case, Edit, Side
from thaliron_napari.case.first_contour import contour_from_click, contours_from_label_map, find_label_map
from thaliron_napari.case.thalamus import propose
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.work import run_in_background

_SAID = "A contour is proposed, shown paler: Enter accepts it, and every slice can be corrected before or after."


class Proposing:
    """Proposes thalami of the open case.

    Parameters
    ----------
    reading : Reading
    owner : QWidget
        The widget for which it is done.
    """

    changed = Signal()
    """It goes on, or has ended."""

    def __init__(self, reading: Reading, owner: QWidget) -> None:
        self.reading, self.owner = reading, owner
        self.going_on = False
        reading.proposal_asked.connect(self.from_click)

    def from_click(self, side: Side, index: tuple[int, int, int]) -> None:
        """Propose the thalamus of a side about an index (z, y, x) of the QSM."""
        case = self.reading.case
        if case is not None:
            self._run(case, lambda: {side: contour_from_click(case, side, index)}, "a click")

    def from_label_map(self) -> None:
        """Propose both thalami from the label map that lies beside the case, or from one that the reader chooses."""
        case = self.reading.case
        if case is None or self.going_on or not self.reading.may_change():
            return
        found: list[Path | None] = []

        def ask() -> None:
            path = next(iter(found), None)
            if path is None:
                kinds = "Label maps (*.nii *.nii.gz *.mgz *.mgh)"
                title = "Label map of FreeSurfer, FastSurfer or SynthSeg"
                chosen, _ = QFileDialog.getOpenFileName(self.owner, title, "", kinds)
                path = Path(chosen) if chosen else None
            if path is not None and case is self.reading.case:
                self._run(case, lambda: contours_from_label_map(case, path), path.name)

        run_in_background(lambda _progress: find_label_map(case), owner=self.owner, finished=found.append, ended=ask)

    def _run(self, case: Case, work: Callable[[], dict[Side, NDArray[np.bool_]]], how: str) -> None:
        if self.going_on:
            return

        def finished(masks: dict[Side, NDArray[np.bool_]]) -> None:
            def edit(case: Case) -> Edit:
                return propose(case, masks, how)

            if case is self.reading.case and self.reading.make(edit):
                show_info(_SAID)

        def ended() -> None:
            self.going_on = False
            self.changed.emit()

        self.going_on = True
        self.changed.emit()
        run_in_background(lambda _progress: work(), owner=self.owner, finished=finished, ended=ended)
