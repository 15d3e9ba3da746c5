"""Choose from the series of a DICOM folder what becomes which image of the case, and convert it."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from qtpy.QtCore import QRegularExpression, Qt, Signal
from qtpy.QtGui import QRegularExpressionValidator
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from thaliron_napari.case import ROLE_NAME
from thaliron_napari.errors import ThalIronError
from thaliron_napari.imaging import Imported, Series, SeriesRole, choose_series, find_series, import_series
from thaliron_napari.viewer.steps.step import table, text
from thaliron_napari.viewer.work import run_in_background

_COLUMNS = ["Series", "Description", "Images", "Voxels", "mm", "TE, ms", "Is", "Look at"]
_ROLE_COLUMN, _PROBLEM_COLUMN = 6, 7
_NAMES: dict[SeriesRole, str] = {
    **ROLE_NAME,
    "phase": "GRE phase",
    "real": "GRE real part",
    "imaginary": "GRE imaginary part",
}
_LABEL = QRegularExpression("[A-Za-z0-9]*")


class ImportDialog(QDialog):
    """The series of a DICOM folder, each with what it is; the chosen ones become files of one patient.

    Parameters
    ----------
    folder : Path
        Holds the DICOM files, itself or below.
    parent : QWidget, optional
    """

    imported = Signal(object)
    """Emitted with the patient's folder (Path) when there is something to open."""

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import DICOM")
        self.folder = folder
        self.series: tuple[Series, ...] = ()
        self.subject_folder: Path | None = None
        self._stop = Event()
        self._is_running = False
        self._closes = False
        stop = self._stop
        self.destroyed.connect(lambda *_: stop.set())

        column = QVBoxLayout(self)
        self.table = table(_COLUMNS)
        self.table.setMinimumSize(1000, 300)
        header = self.table.horizontalHeader()
        header.setStretchLastSection(True)
        column.addWidget(self.table, 1)

        form = QGridLayout()
        out = folder.resolve().parent / "bids"
        self.subject = _label_edit(_free_subject(out), "ID of the patient in the files' names, as you choose.")
        self.session = _label_edit("", "Where a patient has several examinations; may stay empty.")
        self.out = QLineEdit(str(out))
        self.out.setToolTip("BIDS dataset into which the images are written.")
        browse = QPushButton("Choose…")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._choose_out)
        self.overwrite = QCheckBox("replace images that are there")
        form.addWidget(text("Patient sub-", wraps=False), 0, 0)
        form.addWidget(self.subject, 0, 1)
        form.addWidget(text("Session ses-", wraps=False), 0, 2)
        form.addWidget(self.session, 0, 3)
        form.addWidget(text("Into folder", wraps=False), 1, 0)
        form.addWidget(self.out, 1, 1, 1, 3)
        form.addWidget(browse, 1, 4)
        form.addWidget(self.overwrite, 2, 1, 1, 3)
        column.addLayout(form)

        self.note = text()
        column.addWidget(self.note)
        row = QHBoxLayout()
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        row.addWidget(self.progress, 1)
        self.start = QPushButton("Import")
        self.start.setDefault(True)
        self.start.clicked.connect(self._start)
        self.cancel = QPushButton("Cancel")
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.reject)
        row.addWidget(self.start)
        row.addWidget(self.cancel)
        column.addLayout(row)
        for edit in (self.subject, self.session, self.out):
            edit.textChanged.connect(self._refresh)
        self.scan()

    def scan(self) -> None:
        """Look what is in the folder."""

        def found(series: tuple[Series, ...]) -> None:
            self.series = series
            self._fill()

        self.note.setText("Looking for DICOM series…")
        self._run(lambda progress: find_series(self.folder, progress=progress, cancelled=self._stop.is_set), found)

    def chosen(self) -> dict[SeriesRole, Series]:
        """The series that are to be imported, by what they are."""
        roles = {self.role_box(row).currentData(): one for row, one in enumerate(self.series)}
        return {role: one for role, one in roles.items() if role is not None}

    def role_box(self, row: int) -> QComboBox:
        """The choice of what a series is."""
        return self.table.cellWidget(row, _ROLE_COLUMN)

    def convert(self) -> None:
        """Import what is chosen."""
        chosen, out = self.chosen(), Path(self.out.text()).expanduser()
        subject, session, overwrite = self.subject.text(), self.session.text(), self.overwrite.isChecked()

        def work(progress: Callable[[float], None]) -> Imported:
            return import_series(
                chosen, out, subject=subject, session=session, overwrite=overwrite,
                progress=progress, cancelled=self._stop.is_set,
            )  # fmt: skip

        self.note.setText("Converting…")
        self._run(work, self._imported)

    def reject(self) -> None:
        """Stop what runs, then close."""
        if self._is_running:
            self._stop.set()
            self._closes = True
            self.note.setText("Stopping…")
        else:
            super().reject()

    def closeEvent(self, event: Any) -> None:
        """As Cancel."""
        if self._is_running:
            event.ignore()
        self.reject()

    def _run(self, work: Callable[[Callable[[float], None]], Any], finished: Callable[[Any], None]) -> None:
        self._is_running = True
        self._refresh()
        outcome: list[Any] = []

        def guarded(progress: Callable[[float], None]) -> Any:
            try:
                return work(progress)
            except (ThalIronError, OSError) as error:  # said here, for the window's own notices lie behind
                return error

        def ended() -> None:
            self._is_running = False
            self._stop.clear()
            self.progress.setValue(0)
            self._refresh()
            if self._closes:
                super(ImportDialog, self).reject()
            for result in outcome:
                if isinstance(result, OSError):
                    where = result.filename or "A file"
                    self.note.setText(f"{where}: {result.strerror}; check the folder and its rights.")
                elif isinstance(result, ThalIronError):
                    self.note.setText(str(result))
                elif not self._closes:
                    finished(result)

        run_in_background(
            guarded,
            owner=self,
            finished=outcome.append,
            progress=lambda share: self.progress.setValue(int(1000 * share)),
            ended=ended,
            name="import",
            cancel=self._stop.set,
        )

    def _fill(self) -> None:
        note = "Say what each series is; the likely ones are chosen."
        try:
            guesses = {one.label: role for role, one in choose_series(self.series).items()}
        except ThalIronError as error:
            guesses, note = {}, str(error)
        self.note.setText(note)
        self.table.setRowCount(len(self.series))
        for row, one in enumerate(self.series):
            for column, words in enumerate(_cells(one)):
                item = QTableWidgetItem(words)
                item.setToolTip(words)
                if one.problem and column != _PROBLEM_COLUMN:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
                self.table.setItem(row, column, item)
            box = QComboBox()
            box.addItem("–", None)
            for role, name in _NAMES.items():
                box.addItem(name, role)
            box.setCurrentIndex(box.findData(guesses.get(one.label)))
            box.setEnabled(not one.problem)
            box.setToolTip("What this series is; – leaves it out.")
            box.activated.connect(lambda _index, row=row: self._one_each(row))
            self.table.setCellWidget(row, _ROLE_COLUMN, box)
        self.table.resizeColumnsToContents()
        self.table.setColumnWidth(1, min(260, self.table.columnWidth(1)))
        self._refresh()

    def _one_each(self, row: int) -> None:
        """Of the series that are one image only the last chosen stays."""
        role = self.role_box(row).currentData()
        for other in range(self.table.rowCount()):
            if other != row and role is not None and self.role_box(other).currentData() == role:
                self.role_box(other).setCurrentIndex(0)
        self._refresh()

    def _refresh(self) -> None:
        is_filled = bool(self.series) and self.table.rowCount() == len(self.series)
        is_ready = is_filled and bool(self.chosen()) and bool(self.subject.text()) and bool(self.out.text())
        self.start.setEnabled(not self._is_running and (is_ready or self.subject_folder is not None))
        self.table.setEnabled(not self._is_running)
        self.progress.setVisible(self._is_running)

    def _start(self) -> None:
        if self.subject_folder is not None:
            self._finish()
        else:
            self.convert()

    def _imported(self, made: Imported) -> None:
        self.subject_folder = made.folder if made.files else None
        if made.failed:
            self.note.setText("\n".join(made.failed.values()))
            if made.files:  # not closed over what went wrong: the reader sees it and goes on
                self.start.setText("Open the others")
        else:
            self._finish()

    def _finish(self) -> None:
        self.imported.emit(self.subject_folder)
        self.accept()

    def _choose_out(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Dataset to write into", self.out.text())
        if folder:
            self.out.setText(folder)


def _cells(one: Series) -> list[str]:
    grid = one.source_grid
    echoes = dict.fromkeys(one.echo_times_ms[:1] + one.echo_times_ms[-1:])
    kind = "" if one.kind == "magnitude" else f" ({one.kind})"
    return [
        one.label,
        one.description + kind,
        str(one.images),
        " × ".join(str(n) for n in grid.shape) if grid else "",
        " × ".join(f"{mm:.2f}".rstrip("0").rstrip(".") for mm in one.spacing_mm),
        " – ".join(f"{ms:g}" for ms in echoes),
        "",
        one.problem or one.notice,
    ]


def _label_edit(words: str, tip: str) -> QLineEdit:
    made = QLineEdit(words)
    made.setValidator(QRegularExpressionValidator(_LABEL))
    made.setToolTip(f"{tip} Letters and digits.")
    return made


def _free_subject(out: Path) -> str:
    """The first number that no patient of the dataset bears."""
    taken = {int(n) for path in out.glob("sub-*") if (n := path.name.removeprefix("sub-")).isdigit()}
    return next(f"{n:02d}" for n in range(1, len(taken) + 2) if n not in taken)
