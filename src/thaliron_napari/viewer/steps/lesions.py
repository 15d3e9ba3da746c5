"""Step 5: click the T2 lesions, accept or reject them, say which enhance."""

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHBoxLayout, QSlider

from thaliron_napari.case import Case
from thaliron_napari.case.lesions import regrow, set_enhancing, set_state
from thaliron_napari.measurement.lesions import measure_lesions
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import Step, button, fill_table, number, table, text, tool_button
from thaliron_napari.viewer.work import run_in_background

_MARK = {"accepted": "✓ accepted", "proposed": "… proposed", "rejected": "✗ rejected"}


class LesionStep(Step):
    """The review list of lesions."""

    title = "Lesions"
    tools = ("seed",)

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._prepared: Case | None = None
        self.add_row(
            tool_button(reading, "seed"),
            button(
                "Accept",
                "Accept the selected lesion. Enter accepts what was just grown.",
                lambda: self._set("accepted"),
            ),
            button("Reject", "Keep the lesion in the list, but do not count it.", lambda: self._set("rejected")),
            button("Delete", "Delete the selected lesion. Key Delete.", reading.delete_selected),
        )
        row = QHBoxLayout()
        row.addWidget(text("tight", wraps=False))
        self.sensitivity = QSlider(Qt.Orientation.Horizontal)
        self.sensitivity.setRange(0, 20)
        self.sensitivity.setToolTip("How far the selected lesion grows.")
        self.sensitivity.sliderReleased.connect(self._regrow)
        row.addWidget(self.sensitivity, 1)
        row.addWidget(text("generous", wraps=False))
        self.column.addLayout(row)
        self.list = table(["No", "ml", "FLAIR", "S mm", "State", "Gd"])
        self.list.setMinimumHeight(190)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.itemSelectionChanged.connect(self._select_row)
        self.column.addWidget(self.list)
        self.enhancing = QComboBox()
        for words, value in (("not judged", None), ("enhancing", True), ("not enhancing", False)):
            self.enhancing.addItem(words, value)
        self.enhancing.setToolTip("Whether the selected lesion enhances after gadolinium.")
        self.enhancing.activated.connect(self._say_enhancing)
        self.add_row(text("Selected lesion after gadolinium", wraps=False), self.enhancing)
        self.totals = text()
        self.column.addWidget(self.totals)
        reading.tool_changed.connect(self._show_selection)

    def enter(self) -> None:
        """Show the FLAIR's grid and take the seed; learn normal tissue in the background before the first click."""
        self.reading.display.show("flair")
        super().enter()
        case = self.reading.case
        if case is None or "flair" not in case.images or self._prepared is case:
            return
        self._prepared = case
        run_in_background(lambda _progress: case.normal_tissue, owner=self, finished=lambda _tissue: None)

    def refresh(self) -> None:
        """Show the list and the totals."""
        case = self.reading.case
        if case is None or "flair" not in case.images:
            self.totals.setText("There is no FLAIR in this case to read lesions on.")
            return
        flair = case.images["flair"]
        measures = {m.number: m for m in measure_lesions(flair.data, case.annotations.maps["lesions"], flair.grid)}
        rows, accepted = [], []
        for lesion in case.annotations.lesions():
            measure = measures.get(lesion.number)
            ml = measure.ml if measure else 0.0
            enhancing = {True: "yes", False: "no", None: ""}[lesion.enhancing]
            height = number(measure.centre_mm[2], 0) if measure else ""
            mean = number(measure.mean, 0) if measure else ""
            rows.append([str(lesion.number), f"{ml:.3f}", mean, height, _MARK[lesion.state], enhancing])
            if lesion.state == "accepted":
                accepted.append(ml)
        fill_table(self.list, rows)
        waiting = self._waiting()
        total = sum(accepted)
        words = f"<b>{total:.2f} ml</b> in {len(accepted)} accepted lesions"
        words += f", ln {np.log(total):.2f}" if total > 0 else ""
        words += f"; {waiting} waiting for your word" if waiting else ""
        self.totals.setText(words)
        self._show_selection()

    def done(self) -> bool:
        """Whether lesions were read and none waits."""
        case = self.reading.case
        states = [lesion.state for lesion in case.annotations.lesions()] if case is not None else []
        return bool(states) and "proposed" not in states

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
        return "accept (Enter) or delete the lesion just grown" if self._waiting() else "click each T2 lesion"

    def _waiting(self) -> int:
        """Lesions that wait for the reader's word."""
        case = self.reading.case
        return sum(lesion.state == "proposed" for lesion in case.annotations.lesions()) if case is not None else 0

    def _set(self, state) -> None:
        number = self.reading.display.labels.selected_lesion
        if number is not None:
            self.reading.make(lambda case: set_state(case, number, state))

    def _regrow(self) -> None:
        number = self.reading.display.labels.selected_lesion
        share = self.sensitivity.value() / self.sensitivity.maximum()
        if number is not None:
            self.reading.make(lambda case: regrow(case, number, share))

    def _say_enhancing(self, _index: int) -> None:
        number, value = self.reading.display.labels.selected_lesion, self.enhancing.currentData()
        if number is not None:
            self.reading.make(lambda case: set_enhancing(case, number, value))

    def _select_row(self) -> None:
        rows = self.list.selectionModel().selectedRows()
        case = self.reading.case
        if not rows or case is None:
            return
        number = int(self.list.item(rows[0].row(), 0).text())
        if number == self.reading.display.labels.selected_lesion:
            return
        self.reading.display.labels.select_lesion(number)
        self.reading.display.go_to(case.annotations.lesion(number).seed)
        self._show_selection()

    def _show_selection(self) -> None:
        number, case = self.reading.display.labels.selected_lesion, self.reading.case
        self.list.blockSignals(True)
        self.list.clearSelection()
        for row in range(self.list.rowCount()):
            if number is not None and self.list.item(row, 0).text() == str(number):
                self.list.selectRow(row)
                self.list.scrollToItem(self.list.item(row, 0))
        self.list.blockSignals(False)
        known = case is not None and number is not None and f"lesion/{number}" in case.annotations.facts
        self.sensitivity.setEnabled(known)
        self.enhancing.setEnabled(known)
        if known:
            lesion = case.annotations.lesion(number)
            self.sensitivity.setValue(round(lesion.sensitivity * self.sensitivity.maximum()))
            self.enhancing.setCurrentIndex(self.enhancing.findData(lesion.enhancing))
