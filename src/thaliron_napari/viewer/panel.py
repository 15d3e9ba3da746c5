"""The dock: which case, whether it is saved, the steps one open at a time, what to do next, what undo takes back."""

import time
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from thaliron_napari.viewer import keys, letters, mouse
from thaliron_napari.viewer.letters import words_of_point
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.csf import CsfStep
from thaliron_napari.viewer.steps.fusion import FusionStep
from thaliron_napari.viewer.steps.lesions import LesionStep
from thaliron_napari.viewer.steps.measurements import MeasurementStep
from thaliron_napari.viewer.steps.regression import RegressionStep
from thaliron_napari.viewer.steps.step import Step, button
from thaliron_napari.viewer.steps.study import StudyStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

_STEPS: tuple[type[Step], ...] = (
    StudyStep,
    FusionStep,
    ThalamusStep,
    CsfStep,
    LesionStep,
    MeasurementStep,
    RegressionStep,
)


class Panel(QWidget):
    """The ThalIron dock.

    Parameters
    ----------
    reading : Reading
    """

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        self.setMinimumWidth(390)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(4)
        self.case_label = QLabel("<b>No patient is open</b>")
        self.saved_label = QLabel()
        head = QHBoxLayout()
        head.addWidget(self.case_label, 1)
        head.addWidget(self.saved_label)
        column.addLayout(head)

        inside = QWidget()
        steps_column = QVBoxLayout(inside)
        steps_column.setContentsMargins(0, 0, 0, 0)
        steps_column.setSpacing(2)
        self.steps = [make(reading) for make in _STEPS]
        self.headers: list[QPushButton] = []
        for place, step in enumerate(self.steps):
            header = QPushButton()
            header.setCheckable(True)
            header.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            header.setStyleSheet("text-align: left; padding: 5px 8px; font-weight: bold;")
            header.clicked.connect(lambda _checked=False, place=place: self.open_step(place))
            steps_column.addWidget(header)
            steps_column.addWidget(step)
            step.setVisible(False)
            self.headers.append(header)
        steps_column.addStretch(1)
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        column.addWidget(scroll, 1)

        self.next_label = QLabel()
        self.next_label.setWordWrap(True)
        self.cursor_label = QLabel()
        self.cursor_label.setWordWrap(True)
        self.cursor_label.setMinimumHeight(34)
        column.addWidget(self.next_label)
        column.addWidget(self.cursor_label)
        column.addWidget(self.step(StudyStep).steps)
        foot = QHBoxLayout()
        self.undo_button = button("Undo", "Take the last edit back. Ctrl+Z", reading.undo)
        self.redo_button = button("Redo", "Make it again. Ctrl+Shift+Z", reading.redo)
        foot.addWidget(self.undo_button, 1)
        foot.addWidget(self.redo_button)
        column.addLayout(foot)

        self.open_place = 0
        self._continued = ""
        self._saved_at = time.monotonic()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(60)
        self._soon.timeout.connect(self.refresh)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._show_saved)
        self._clock.start()

        reading.tool_changed.connect(lambda: reading.pen.attach(self))
        reading.case_opened.connect(self._on_case)
        reading.opening_changed.connect(self._show_case)
        reading.changed.connect(self._on_edit)
        reading.saved.connect(lambda: self._soon.start())
        reading.cohort_changed.connect(lambda: self._soon.start())
        reading.viewer.cursor.events.position.connect(self._show_cursor)
        self._detach = [mouse.attach(reading), keys.attach(reading), letters.attach(reading.display)]
        self.destroyed.connect(lambda _object=None, undo=tuple(self._detach): [detach() for detach in undo])
        self.open_step(0)

    def open_step(self, place: int) -> None:
        """Open one step and close the others."""
        self.open_place = place
        for i, (step, header) in enumerate(zip(self.steps, self.headers, strict=True)):
            step.setVisible(i == place)
            header.setChecked(i == place)
        self.steps[place].enter()
        self.refresh()
        QTimer.singleShot(0, self._bring_into_sight)

    def step(self, kind: type[Step]) -> Any:
        """The step of a kind."""
        return next(step for step in self.steps if isinstance(step, kind))

    def refresh(self) -> None:
        """Show where the reading stands."""
        for place, (step, header) in enumerate(zip(self.steps, self.headers, strict=True)):
            state = "now" if place == self.open_place else "done" if step.done() else ""
            mark = {"done": "✓", "now": "▸", "": "  "}[state]
            header.setText(f"{mark}  {place + 1}  {step.title}")
        self.steps[self.open_place].refresh()
        hints = (step.next() for step in (self.steps[self.open_place], *self.steps))
        hint = next((h for h in hints if h), "all steps are done")
        self.next_label.setText(f"<b>next:</b> {hint}" if self.reading.case else "open a patient to begin")
        case = self.reading.case
        done = case.done[-1].words if case is not None and case.done else ""
        self.undo_button.setText(f"Undo: {done}" if done else "Undo")
        self.undo_button.setEnabled(bool(done))
        self.redo_button.setEnabled(case is not None and bool(case.undone))
        self._show_saved()

    def closeEvent(self, event: Any) -> None:
        """Write the files before the dock goes."""
        self.reading.save_quietly()
        super().closeEvent(event)

    def _bring_into_sight(self) -> None:
        """Scroll so that the open step shows from its header on; its last rows may lie below the edge."""
        self._scroll.ensureWidgetVisible(self.steps[self.open_place], 0, 0)
        self._scroll.ensureWidgetVisible(self.headers[self.open_place], 0, 0)
        self._scroll.horizontalScrollBar().setValue(0)

    def _on_case(self) -> None:
        case = self.reading.case
        assert case is not None
        self._saved_at = time.monotonic()
        self._continued = f"  continued, {len(case.done)} edits" if case.done else ""
        self._show_case()
        self.open_step(self.open_place)

    def _show_case(self) -> None:
        """Say which case is open, and which is being opened."""
        case, opening = self.reading.case, self.reading.opening
        words = f"<b>{case.name if case is not None else 'No patient is open'}</b>"
        self.case_label.setText(f"{words}  opening {opening} …" if opening else words + self._continued)

    def _on_edit(self, _edit: Any) -> None:
        self._saved_at = time.monotonic()
        self._soon.start()

    def _show_saved(self) -> None:
        case = self.reading.case
        if case is None:
            self.saved_label.setText("")
        elif case.journal is None:
            self.saved_label.setText("in memory only")
        elif case.journal.problem:
            self.saved_label.setText(f"<span style='color:#E69F00'>not saved: {case.journal.problem}</span>")
        else:
            self.saved_label.setText(f"saved {_ago(time.monotonic() - self._saved_at)}" if case.done else "")

    def _show_cursor(self, _event: Any = None) -> None:
        display = self.reading.display
        position = self.reading.viewer.cursor.position
        if display.case is None or len(position) < 3:
            return
        values = display.values_at(position)
        world = display.grid.world(np.array(position[-3:]) / display.grid.spacing)
        parts = [f"{name} {value:.0f}" for name, value in values.items()]
        self.cursor_label.setText(words_of_point(world) + ("   " + "   ".join(parts) if parts else ""))


def _ago(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago"
