"""The dock: which case, whether it is saved, the steps one open at a time, what to do next, what undo takes back."""

from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from thaliron_napari.viewer import colours, keys, letters, mouse, preferences
from thaliron_napari.viewer.key_strip import KeyStrip
from thaliron_napari.viewer.letters import words_of_point
from thaliron_napari.viewer.planes import toggle_planes
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.saved import ClosingGuard, saved_words
from thaliron_napari.viewer.steps.csf import CsfStep
from thaliron_napari.viewer.steps.fusion import FusionStep
from thaliron_napari.viewer.steps.lesions import LesionStep
from thaliron_napari.viewer.steps.measurements import MeasurementStep
from thaliron_napari.viewer.steps.morphometry import MorphometryStep
from thaliron_napari.viewer.steps.qsm import QsmStep
from thaliron_napari.viewer.steps.regression import RegressionStep
from thaliron_napari.viewer.steps.step import Step, button
from thaliron_napari.viewer.steps.study import StudyStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep
from thaliron_napari.viewer.surfaces import Surfaces
from thaliron_napari.viewer.window_level import WindowRow

_STEPS: tuple[type[Step], ...] = (
    StudyStep,
    QsmStep,
    FusionStep,
    ThalamusStep,
    CsfStep,
    LesionStep,
    MorphometryStep,
    MeasurementStep,
    RegressionStep,
)

_LISTED = 20  # edits in the menu
_BESIDE_WORDS_PX = 20  # of a button
_RETRY_TICKS = 20  # quarters of a second between two tries to write what could not be written of earlier cases


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
        self.saved_label.setToolTip(
            "Every edit goes into the case's journal on disk as it is made. Label maps and tables are written from it "
            "when you leave the case, or with Ctrl+S."
        )
        head = QHBoxLayout()
        head.addWidget(self.case_label, 1)
        head.addWidget(self.saved_label)
        column.addLayout(head)
        self.notice_label = QLabel()
        """One line on how the case was found, such as after a crash, or why it cannot be changed."""
        self.notice_label.setWordWrap(True)
        self.notice_label.setVisible(False)
        column.addWidget(self.notice_label)

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
        self.window_row = WindowRow(reading)
        column.addWidget(self.window_row)
        column.addWidget(self.step(StudyStep).steps)
        foot = QHBoxLayout()
        self.undo_button = button("Undo", "Take the last edit back. Ctrl+Z", reading.undo)
        self.redo_button = button("Redo", "Make it again. Ctrl+Shift+Z", reading.redo)
        self.history = QToolButton()
        self.history.setText("▾")
        self.history.setFixedWidth(28)
        self.history.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.history.setToolTip("The last edits: take back all down to one of them.")
        self.history.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.history.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.history.setMenu(QMenu(self.history))
        self.history.menu().aboutToShow.connect(self._list_edits)
        foot.addWidget(self.undo_button, 1)
        foot.addWidget(self.history)
        foot.addWidget(self.redo_button)
        column.addLayout(foot)

        self.open_place = 0
        self._continued = ""
        self._edited = False  # since this case was opened
        self._guard: ClosingGuard | None = None
        self._strip: KeyStrip | None = None
        self._ticks = 0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(60)
        self._soon.timeout.connect(self.refresh)
        self._clock = QTimer(self)
        self._clock.setInterval(250)
        self._clock.timeout.connect(self._tick)
        self._clock.start()

        self.step(QsmStep).made.connect(lambda folder, qsm: self.step(StudyStep).open_with_qsm(folder, qsm))
        self.surfaces = Surfaces(reading, self)
        reading.surfaces_asked.connect(self.surfaces.toggle)
        reading.tool_changed.connect(self._on_tool)
        reading.planes_asked.connect(lambda: toggle_planes(self, reading))
        reading.case_opened.connect(self._on_case)
        reading.opening_changed.connect(self._show_case)
        reading.changed.connect(self._on_edit)
        reading.saved.connect(lambda _case: self._soon.start())
        reading.cohort_changed.connect(lambda: self._soon.start())
        reading.morphometry_read.connect(lambda: self._soon.start())
        reading.viewer.cursor.events.position.connect(self._show_cursor)
        self._detach = [mouse.attach(reading), keys.attach(reading), letters.attach(reading.display)]
        preferences.follow_neurological(self, reading.display.set_neurological)
        self.destroyed.connect(lambda _object=None, undo=tuple(self._detach): [detach() for detach in undo])
        self.open_step(0)

    def open_step(self, place: int) -> None:
        """Open one step and close the others."""
        self.surfaces.back()
        if place != self.open_place:
            self.steps[self.open_place].leave()
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
            missing = step.missing()
            header.setText(f"{mark}  {place + 1}  {step.title}" + (f"  –  {missing}" if missing else ""))
        self.steps[self.open_place].refresh()
        hints = (step.next() for step in (self.steps[self.open_place], *self.steps))
        hint = next((h for h in hints if h), "all steps are done")
        self.next_label.setText(f"<b>next:</b> {hint}" if self.reading.case else "open a patient to begin")
        case = self.reading.case
        done = next((edit.words for edit in case.actions(1)), "") if case is not None else ""
        metrics, room_px = self.undo_button.fontMetrics(), self.undo_button.width() - _BESIDE_WORDS_PX
        self.undo_button.setText(
            metrics.elidedText(f"Undo: {done}" if done else "Undo", Qt.TextElideMode.ElideRight, room_px)
        )
        self.undo_button.setEnabled(bool(done))
        again = case.undone[-1].words if case is not None and case.undone else ""
        self.redo_button.setEnabled(bool(again))
        self.redo_button.setToolTip(f"Make it again: {again}. Ctrl+Shift+Z" if again else "Ctrl+Shift+Z")
        self.undo_button.setToolTip(f"Take it back: {done}. Ctrl+Z" if done else "Ctrl+Z")
        self.history.setEnabled(bool(done))
        self._show_notice()
        self._show_saved()

    def showEvent(self, event: Any) -> None:
        """Stand guard at the window that the dock is in."""
        if self._guard is None or self._guard.parent() is not self.window():
            self._guard = ClosingGuard(self.reading, self.window())
            self.reading.pen.attach(self)
            if self._strip is not None:
                self._strip.deleteLater()
            self._strip = KeyStrip(self.reading, self)
        super().showEvent(event)

    def closeEvent(self, event: Any) -> None:
        """Write the files before the dock goes."""
        self.reading.leave(wait_s=2.0)
        super().closeEvent(event)

    def _bring_into_sight(self) -> None:
        """Scroll so that the open step shows from its header on; its last rows may lie below the edge."""
        self._scroll.ensureWidgetVisible(self.steps[self.open_place], 0, 0)
        self._scroll.ensureWidgetVisible(self.headers[self.open_place], 0, 0)
        self._scroll.horizontalScrollBar().setValue(0)

    def _on_case(self) -> None:
        case = self.reading.case
        assert case is not None
        self._edited = False
        self._continued = f"  continued, {len(case.done)} edits" if case.done else ""
        self._show_case()
        self.open_step(self.open_place)

    def _show_case(self) -> None:
        """Say which case is open, and which is being opened."""
        case, opening = self.reading.case, self.reading.opening
        words = f"<b>{case.name if case is not None else 'No patient is open'}</b>"
        self.case_label.setText(f"{words}  opening {opening} …" if opening else words + self._continued)

    def _on_tool(self) -> None:
        """Open the step that the tool in hand belongs to, by which its image comes on show too."""
        self.reading.pen.attach(self)
        if self.reading.tool not in ("look", *self.steps[self.open_place].tools):
            self.open_step(next(i for i, step in enumerate(self.steps) if self.reading.tool in step.tools))

    def _on_edit(self, _edit: Any) -> None:
        self._edited = True
        self._soon.start()

    def _tick(self) -> None:
        self._ticks += 1
        if self._ticks % _RETRY_TICKS == 0:
            self.reading.write_left()
        self.reading.let_go()
        self._show_saved()

    def _show_saved(self) -> None:
        words, trouble = saved_words(self.reading)
        shown = f"<span style='color:{colours.WARNING}'>{words}</span>" if trouble else words
        if shown != self.saved_label.text():
            self.saved_label.setText(shown)

    def _show_notice(self) -> None:
        case = self.reading.case
        words = self.reading.read_only or (case.notice if case is not None and not self._edited else "")
        self.notice_label.setText(f"<span style='color:{colours.WARNING}'>{words}</span>")
        self.notice_label.setVisible(bool(words))

    def _list_edits(self) -> None:
        """Fill the menu of the last edits, the last one on top."""
        menu, case = self.history.menu(), self.reading.case
        menu.clear()
        for times, edit in enumerate(case.actions(_LISTED) if case is not None else [], start=1):
            menu.addAction(f"Undo: {edit.words}", lambda times=times: self.reading.undo(times))

    def _show_cursor(self, _event: Any = None) -> None:
        display = self.reading.display
        position = self.reading.viewer.cursor.position
        if display.case is None or len(position) < 3:
            return
        values = display.values_at(position)
        world = display.grid.world(np.array(position[-3:]) / display.grid.spacing)
        parts = [f"{name} {value:.0f}" for name, value in values.items()]
        self.cursor_label.setText(words_of_point(world) + ("   " + "   ".join(parts) if parts else ""))
