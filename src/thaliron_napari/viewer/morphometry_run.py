"""Computing morphometry from the open case's T1: by ANTs in the background, or by a program installed here."""

from collections import deque
from pathlib import Path
from threading import Event

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QPlainTextEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from thaliron_napari.case import Case
from thaliron_napari.measurement.morphometry.for_case import compute_by_ants, has_lesions, run_for_case
from thaliron_napari.measurement.morphometry.programs import Program, find_programs
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import add_row, button, narrow, text
from thaliron_napari.viewer.work import run_in_background

_ANTS = "ANTs, here"
_ANTS_WORDS = (
    "Grey matter volume and cortical thickness by N4, Atropos and DiReCT, without FreeSurfer; about a quarter of an "
    "hour. Absolute values differ from FreeSurfer's and have names of their own."
)
_LINES = 5000  # of the log that are kept in the window; all are in its file


class MorphometryRun(QWidget):
    """Which way, whether lesions are filled, start, progress, log, cancel.

    Parameters
    ----------
    reading : Reading
    """

    ended = Signal()
    """A result is there."""
    _line = Signal(str)
    _stage = Signal(str)

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        self._stop: Event | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.way = QComboBox()
        self.fill = QCheckBox("fill lesions")
        self.fill.setToolTip("Paint the accepted lesions on the T1 with the white matter around them before.")
        self.fill.setChecked(True)
        self.start = button("Compute", "Compute volumes and thickness from the T1.", self.run)
        self.cancel = button("Cancel", "Stop; what is half done is left out.", self.stop)
        self.log_button = button("Log", "What the program says.", self.show_log)
        self.brain = button("Brain…", "Choose a brain mask for ANTs, where the T1 has its skull.", self.ask_brain)
        self.mask: Path | None = None
        self._mask_of: Case | None = None
        add_row(column, *narrow(self.way, self.fill))
        add_row(column, *narrow(self.brain, self.start, self.cancel, self.log_button))
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        column.addWidget(self.progress)
        self.said = text()
        self.said.setVisible(False)
        column.addWidget(self.said)
        self.log: deque[str] = deque(maxlen=_LINES)
        self._line.connect(self._take_line)
        self._stage.connect(self.said.setText)
        self.way.currentIndexChanged.connect(lambda _i: self._name_way())
        self.way.addItem(_ANTS, None)
        self.look_for_programs()
        self._name_way()

    def refresh(self) -> None:
        """Show what can be computed of the open case."""
        case = self.reading.case
        if case is not self._mask_of:  # it was another patient's
            self.mask, self._mask_of = None, case
        self.brain.setText("Brain…" if self.mask is None else f"Brain: {self.mask.name}")
        self.fill.setEnabled(case is not None and has_lesions(case))
        self.start.setEnabled(self._stop is None and case is not None and "t1" in case.images)
        self.start.setToolTip(
            "Compute volumes and thickness from the T1." if self.start.isEnabled() else "There is no T1 in this case."
        )

    def ask_brain(self) -> None:
        """Let the reader choose a brain mask."""
        path, _ = QFileDialog.getOpenFileName(self, "Brain mask", "", "Masks (*.nii *.nii.gz *.mgz *.mgh)")
        if path:
            self.mask, self._mask_of = Path(path), self.reading.case
            self.refresh()

    def run(self) -> None:
        """Begin."""
        case = self.reading.case
        if case is None or not self.reading.may_change():
            return
        self._stop = stop = Event()
        program: Program | None = self.way.currentData()
        fill, mask = self.fill.isChecked() and has_lesions(case), self.mask
        self.log.clear()
        self._show()

        def work(progress: object) -> Path:
            if program is None:

                def stage(share: float, words: str) -> None:
                    progress(share)  # type: ignore[operator]
                    self._stage.emit(words)

                return compute_by_ants(case, fill=fill, progress=stage, cancelled=stop.is_set, mask=mask)
            return run_for_case(case, program, fill=fill, on_line=self._line.emit, cancelled=stop.is_set)

        run_in_background(
            work,
            owner=self,
            finished=lambda path: self._finished(case, path),
            progress=lambda share: self.progress.setValue(round(100 * share)),
            ended=self._ended,
            name="morphometry",
            cancel=stop.set,
        )

    def stop(self) -> None:
        """Ask the work to end."""
        if self._stop is not None:
            self._stop.set()
            self.said.setText("Stopping …")

    def show_log(self) -> None:
        """Show what the program said so far, and what it says from now."""
        dialog = LogDialog(self, "\n".join(self.log))
        self._line.connect(dialog.add)
        dialog.show()

    def _finished(self, case: Case, path: Path) -> None:
        show_info(f"Morphometry of {case.name} is in {path}")
        if case is self.reading.case:
            self.ended.emit()

    def _ended(self) -> None:
        if self._stop is not None and self._stop.is_set():
            show_info("Morphometry was stopped; what a program wrote so far is left where it is.")
        self._stop = None
        self._show()
        self.refresh()

    def _take_line(self, line: str) -> None:
        self.log.append(line)
        self.said.setText(line)

    def _show(self) -> None:
        goes_on = self._stop is not None
        is_program = self.way.currentData() is not None
        for widget in (self.way, self.fill, self.start):
            widget.setVisible(not goes_on)
        self.brain.setVisible(not goes_on and not is_program)
        self.cancel.setVisible(goes_on)
        self.log_button.setVisible(is_program and (goes_on or bool(self.log)))
        self.progress.setVisible(goes_on)
        self.progress.setRange(0, 0 if is_program else 100)
        self.said.setVisible(goes_on)

    def look_for_programs(self) -> None:
        """Offer what is installed now."""
        there = [self.way.itemText(row) for row in range(self.way.count())]
        for program in find_programs():
            if program.name not in there:
                self.way.addItem(program.name, program)

    def _name_way(self) -> None:
        program: Program | None = self.way.currentData()
        self.way.setToolTip(_ANTS_WORDS if program is None else program.gives)
        self._show()


class LogDialog(QDialog):
    """What a program says, as it comes."""

    def __init__(self, parent: QWidget, words: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("Log")
        self.resize(820, 480)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)  # else each that was opened goes on listening
        self.lines = QPlainTextEdit(words)
        self.lines.setReadOnly(True)
        self.lines.setMaximumBlockCount(_LINES)
        self.lines.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        column = QVBoxLayout(self)
        column.addWidget(self.lines)
        column.addWidget(button("Close", "Close this window; the program goes on.", self.close))

    def add(self, line: str) -> None:
        """Add a line at the end."""
        self.lines.appendPlainText(line)
