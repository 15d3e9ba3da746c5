"""Step 5: click the T2 lesions, have them proposed, accept or reject them, correct them, say which enhance."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QSlider

from thaliron_napari.case import Case, Edit, lesions
from thaliron_napari.case.lesion_places import places
from thaliron_napari.case.lesion_search import find_proposals
from thaliron_napari.case.lesion_uptake import can_measure, known_uptakes, uptake_of, uptakes
from thaliron_napari.errors import AnnotationError
from thaliron_napari.measurement.lesion_table import lesion_rows
from thaliron_napari.measurement.lesions import lesion_totals
from thaliron_napari.viewer.lesion_list import fill_lesions, lesion_table, row_of, selected_numbers
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import Step, button, narrow, text, tool_button
from thaliron_napari.viewer.work import run_in_background

_PROPOSE = "Propose all"
_SUGGEST = "Suggest"
_TAKE = "Take suggested"
_FROM_MASK = "From mask"


class LesionStep(Step):
    """The review list of lesions."""

    title = "Lesions"
    tools = ("seed", "retouch", "split")

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._prepared: Case | None = None
        self._proposing = False
        self._noted: tuple[Case | None, int] = (None, 0)  # whose note stands in the box
        self.add_row(
            *narrow(
                *(tool_button(reading, name) for name in ("seed", "retouch", "split")),
                button("Merge", "Make the lesions whose rows are selected one (Ctrl+click selects rows).", self.merge),
            )
        )
        self.reject = button(
            "Reject", "Keep it in the list, but do not count it.", lambda: reading.review.judge("rejected")
        )
        self.flag = button(
            "Flag", "Keep it to come back to; it does not count yet.", lambda: reading.review.judge("flagged")
        )
        self.add_row(
            *narrow(
                button(
                    "Accept  ⏎", "Accept the selected lesion. Key Enter; the next click accepts, too.", reading.accept
                ),
                self.reject,
                self.flag,
                button("Delete  Del", "Delete the selected lesion. Key Delete.", reading.review.delete),
            )
        )
        self.propose_button = button(
            _PROPOSE, "Find all candidate lesions, to be accepted or rejected one by one.", self.propose
        )
        self.mask_button = button(
            _FROM_MASK, "Propose the lesions of another program's mask (LST-AI, SAMSEG, nnU-Net).", self.propose_mask
        )
        self.add_row(
            *narrow(
                self.propose_button,
                self.mask_button,
                button(
                    "Fill holes", "Fill what the selected lesion surrounds.", lambda: self._change(lesions.fill_holes)
                ),
                button(
                    "Islands",
                    "Drop islands: keep of the selected lesion only what hangs together with its seed.",
                    lambda: self._change(lesions.drop_islands),
                ),
            )
        )
        row = QHBoxLayout()
        row.addWidget(text("tight", wraps=False))
        self.sensitivity = QSlider(Qt.Orientation.Horizontal)
        self.sensitivity.setRange(0, 20)
        self.sensitivity.setToolTip("How far the selected lesion grows. Keys [ and ], or Shift+wheel.")
        self.sensitivity.sliderReleased.connect(self._regrow)
        row.addWidget(self.sensitivity, 1)
        row.addWidget(text("generous", wraps=False))
        self.column.addLayout(row)
        self.list = lesion_table()
        self.list.itemSelectionChanged.connect(self._select_row)
        self.column.addWidget(self.list)
        self.enhancing = QComboBox()
        for words, value in (("Gd: not judged", None), ("enhancing", True), ("not enhancing", False)):
            self.enhancing.addItem(words, value)
        self.enhancing.setToolTip("Whether the selected lesion enhances after gadolinium. Key G.")
        self.enhancing.activated.connect(self._say_enhancing)
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note on this lesion")
        self.note.editingFinished.connect(self._write_note)
        self.suggest_button = button(
            _SUGGEST,
            "Measure the uptake of each lesion from the T1 before and after gadolinium; then, take what it suggests "
            "for all lesions that you have not judged.",
            self.suggest,
        )
        self.add_row(self.enhancing, self.suggest_button)
        self.column.addWidget(self.note)
        self.totals = text()
        self.column.addWidget(self.totals)
        reading.tool_changed.connect(self._show_selection)
        reading.leaving.connect(self._write_note)

    def enter(self) -> None:
        """Show the FLAIR's grid and take the seed; learn normal tissue in the background before the first click."""
        self.reading.display.show("flair")
        super().enter()
        case = self.reading.case
        known = self._prepared is case and "normal_tissue" in vars(case)
        if case is None or "flair" not in case.images or known:
            return
        self._prepared = case
        run_in_background(
            lambda _progress: _prepare(case), owner=self, finished=lambda _done: self._show_what_is_found()
        )

    def _show_what_is_found(self) -> None:
        """Places and uptake of the lesions have become known."""
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Show the list and the totals."""
        case = self.reading.case
        if case is None or "flair" not in case.images:
            self.totals.setText("There is no FLAIR in this case to read lesions on.")
            return
        rows = lesion_rows(case, wait=False)
        fill_lesions(self.list, rows)
        if self.suggest_button.text() in (_SUGGEST, _TAKE):
            self.suggest_button.setText(_TAKE if any(row.uptake for row in rows) else _SUGGEST)
        accepted = [row for row in rows if row.lesion.state == "accepted"]
        totals = lesion_totals([row.measure.ml for row in accepted if row.measure])
        words = f"<b>{totals['lesion_ml']:.2f} ml</b> in {totals['lesion_count']} accepted lesions"
        if totals["log_lesion_ml"] is not None:
            words += f", ln {totals['log_lesion_ml']:.2f}; median {totals['lesion_median_ml']:.2f}, "
            words += f"largest {totals['lesion_largest_ml']:.2f} ml"
        enhancing = sum(row.lesion.enhancing is True for row in accepted)
        words += f"; {enhancing} enhancing" if enhancing else ""
        words += f"; {self._waiting()} waiting for your word" if self._waiting() else ""
        self.totals.setText(words)
        self._show_selection()

    def merge(self) -> None:
        """Make the lesions whose rows are selected one."""
        numbers = selected_numbers(self.list)
        if len(numbers) < 2:
            show_info("Select the rows of two lesions or more (Ctrl+click) to merge them.")
        elif self.reading.make(lambda case: lesions.merge(case, numbers)):
            self.reading.review.select(numbers[0])

    def propose(self) -> None:
        """Find all candidate lesions beside the window."""
        self._run(find_proposals, "detector")

    def propose_mask(self) -> None:
        """Let the reader choose another program's mask, and propose what is in it."""
        kinds = "Masks (*.nii *.nii.gz *.mgz *.mgh)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Lesion mask of another program", "", kinds)
        if chosen:
            self._run(lambda case: lesions.mask_as_proposals(case, Path(chosen)), Path(chosen).name)

    def suggest(self) -> None:
        """Measure the uptake of all lesions beside the window; once that is done, take what it suggests."""
        case, does = self.reading.case, self.suggest_button.text()
        if case is None or does not in (_SUGGEST, _TAKE):
            return
        if does == _TAKE:
            found = {number: uptake.enhancing for number, uptake in known_uptakes(case).items()}
            self.reading.make(lambda case: lesions.judge_enhancing(case, found))
            return

        def finished(_found: object) -> None:
            if case is self.reading.case:
                bright = [f"{n} (ratio {u.ratio:.2f})" for n, u in known_uptakes(case).items() if u.enhancing]
                show_info(f"Lesions that seem to enhance: {', '.join(bright) or 'none'}. Your word counts: key G.")

        def ended() -> None:
            self.suggest_button.setText(_SUGGEST)
            self.refresh()

        self.suggest_button.setText("Looking …")
        run_in_background(lambda _progress: uptakes(case), owner=self, finished=finished, ended=ended)

    def done(self) -> bool:
        """Whether lesions were read and none waits."""
        case = self.reading.case
        states = [lesion.state for lesion in case.annotations.lesions()] if case is not None else []
        return bool(states) and not {"proposed", "flagged"} & set(states)

    def missing(self) -> str:
        """What is missing, in short."""
        case = self.reading.case
        if case is None or "flair" not in case.images or self.done():
            return ""
        return f"{self._waiting()} not accepted" if self._waiting() else "none clicked"

    def next(self) -> str:
        """What is missing."""
        if not self.missing():
            return ""
        return "accept (Enter), reject or delete the lesions that wait" if self._waiting() else "click each T2 lesion"

    def _waiting(self) -> int:
        """Lesions that wait for the reader's word."""
        case = self.reading.case
        states = [lesion.state for lesion in case.annotations.lesions()] if case is not None else []
        return sum(state in ("proposed", "flagged") for state in states)

    def _run(self, find: Callable[[Case], np.ndarray], source: str) -> None:
        """Find candidate lesions in a worker, and propose them."""
        case = self.reading.case
        if case is None or self._proposing or not self.reading.may_change():
            return
        before = {lesion.number for lesion in case.annotations.lesions()}

        def finished(found: np.ndarray) -> None:
            if case is not self.reading.case or not self.reading.make(
                lambda case: lesions.propose(case, found, source)
            ):
                return
            new = [lesion.number for lesion in case.annotations.lesions() if lesion.number not in before]
            show_info(f"{len(new)} lesions are proposed: Enter accepts one and goes to the next, Delete takes it away.")
            if new:
                self.reading.review.show(new[0])

        def ended() -> None:
            self._proposing = False
            self.propose_button.setText(_PROPOSE)

        self._proposing = True
        self.propose_button.setText("Finding …")
        run_in_background(lambda _progress: find(case), owner=self, finished=finished, ended=ended)

    def _change(self, edit: Callable[[Case, int], Edit]) -> None:
        """Make an edit of the selected lesion."""
        number = self.reading.review.in_hand()
        if number is not None:
            self.reading.make(lambda case: edit(case, number))

    def _regrow(self) -> None:
        share = self.sensitivity.value() / self.sensitivity.maximum()
        self._change(lambda case, number: lesions.regrow(case, number, share))

    def _say_enhancing(self, _index: int) -> None:
        value = self.enhancing.currentData()
        self._change(lambda case, number: lesions.set_enhancing(case, number, value))

    def _write_note(self) -> None:
        """Make what is typed the note of the lesion it was typed for, whichever is selected by now."""
        words, case, number = self.note.text().strip(), self._noted[0], self._noted[1]
        if case is None or case is not self.reading.case or f"lesion/{number}" not in case.annotations.facts:
            return
        if words != case.annotations.lesion(number).note:
            self.reading.make(lambda case: lesions.set_note(case, number, words))

    def _select_row(self) -> None:
        numbers = selected_numbers(self.list)
        if len(numbers) == 1 and numbers[0] != self.reading.display.labels.selected_lesion:
            self.reading.review.show(numbers[0])

    def _show_selection(self) -> None:
        lesion = self.reading.review.lesion
        row = None if lesion is None else row_of(self.list, lesion.number)
        if len(selected_numbers(self.list)) < 2:  # rows chosen to be merged stay chosen
            self.list.blockSignals(True)
            self.list.clearSelection()
            if row is not None:
                self.list.selectRow(row)
                self.list.scrollToItem(self.list.item(row, 0))
            self.list.blockSignals(False)
        for widget in (self.sensitivity, self.enhancing, self.note):
            widget.setEnabled(lesion is not None)
        if lesion is not None:
            self.sensitivity.setValue(round(lesion.sensitivity * self.sensitivity.maximum()))
            self.enhancing.setCurrentIndex(self.enhancing.findData(lesion.enhancing))
        noted = (None, 0) if lesion is None else (self.reading.case, lesion.number)
        if noted != self._noted:
            self._write_note()
            self._noted = noted
            self.note.setText("" if lesion is None else lesion.note)
        elif not self.note.hasFocus():
            self.note.setText("" if lesion is None else lesion.note)


def _prepare(case: Case) -> None:
    """Find what the first click, the places and the uptake of lesions need; what cannot be found is said when asked."""
    with suppress(AnnotationError):
        _ = case.normal_tissue
        places(case)
    if can_measure(case):
        with suppress(AnnotationError):
            uptake_of(case)
