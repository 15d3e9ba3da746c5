"""Step 7: every number of the case, to look at, copy and export."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QApplication, QCheckBox, QFileDialog, QPushButton

from thaliron_napari.case import Case
from thaliron_napari.errors import CaseError, ThalIronError
from thaliron_napari.measurement import Record, measure_case
from thaliron_napari.measurement.dictionary import dictionary_of
from thaliron_napari.measurement.regions import with_reverse
from thaliron_napari.measurement.structures import structures_of_case
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.note import NoteBox
from thaliron_napari.viewer.steps.step import Step, button, fill_table, narrow, table, text
from thaliron_napari.viewer.structures_dialog import TABLES, StructuresDialog
from thaliron_napari.viewer.work import run_in_background

_FORMULA = "Relative susceptibility (chi) is mean of the thalamus minus mean of CSF; higher means more iron."
_MAPS = "Label maps (*.nii *.nii.gz *.mgz *.mgh)"


class MeasurementStep(Step):
    """The record of the case."""

    title = "Measurements"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.headline = text()
        self.column.addWidget(self.headline)
        self.numbers = table(["Number", "Value", "Unit"])
        self.numbers.setMinimumHeight(240)
        self.column.addWidget(self.numbers)
        self.reverse = QCheckBox("CSF minus thalamus, too")
        self.reverse.setToolTip("State the reverse as well, under a name of its own; thalamus minus CSF stays.")
        self.reverse.toggled.connect(lambda _on: self.refresh())
        save = button("Save  Ctrl+S", "Write label maps and measurements into the case's folder.", reading.save_now)
        self.add_row(self.reverse, save)
        self.report_button = button(
            "Report…", "Write one page with pictures and numbers of this case.", self.ask_report
        )
        self.figures_button = button("Figures…", "Write the figures at print resolution, 300 dpi.", self.ask_figures)
        self.dicom_button = button(
            "DICOM…", "Write SEG and SR for the archive that the images came from.", self.ask_dicom
        )
        self.structures_button = button(
            "Others…", "Measure every structure of a label map: caudate, pallidum, red nucleus ...", self.ask_labels
        )
        self.add_row(
            *narrow(
                button("Export…", "Write these numbers as CSV, TSV, Excel, Stata or JSON.", self.ask_export),
                button("Lesions…", "Write the lesions, one a row.", self.ask_lesions),
                button("Copy", "Copy these numbers, to be pasted into a spreadsheet.", self.copy),
                button("3D  Y", "See in 3D what is drawn, and the plane again. Key Y.", reading.surfaces_asked.emit),
            )
        )
        self.add_row(*narrow(self.report_button, self.figures_button, self.dicom_button, self.structures_button))
        self.note = NoteBox(reading)
        self.column.addWidget(self.note)
        self.column.addWidget(text(_FORMULA))

    def ask_export(self) -> None:
        """Let the reader choose where the table goes."""
        path = self._ask_name("Export measurements", "_measurements.xlsx", TABLES)
        if path:
            self.export(path)

    def export(self, path: Path) -> None:
        """Write the record as a table of one row."""
        from thaliron_napari.report.export import write_record_table

        record = self._record()
        if record is None:
            return
        try:
            write_record_table(record, path)
        except (ThalIronError, OSError) as error:
            show_error(f"Not exported: {error}")
        else:
            show_info(f"Measurements written to {path}")

    def ask_lesions(self) -> None:
        """Let the reader choose where the table of lesions goes, and write it beside the window."""
        path, case = self._ask_name("Export lesions", "_lesions.xlsx", TABLES), self.reading.case
        if path and case is not None:
            run_in_background(
                lambda _progress: _write_lesions(case, path),
                owner=self,
                finished=lambda _done: show_info(f"Lesions written to {path}"),
            )

    def copy(self) -> None:
        """Put the record into the clipboard, a line of names and one of values."""
        from thaliron_napari.cohort import to_clipboard_text
        from thaliron_napari.report.export import record_table

        record = self._record()
        if record is not None:
            QApplication.clipboard().setText(to_clipboard_text(record_table(record)))
            show_info(f"{len(record.values)} numbers of {record.id} are in the clipboard.")

    def ask_report(self) -> None:
        """Let the reader choose where the report goes."""
        path = self._ask_name("Report of this case", ".html", "Pages (*.html)")
        if path:
            self.report(path)

    def report(self, path: Path) -> None:
        """Write the page of this case."""
        self._beside(
            self.report_button,
            lambda case: _write_report(case, path),
            lambda _done: show_info(f"Report written to {path}"),
        )

    def ask_figures(self) -> None:
        """Let the reader choose where the figures go."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for the figures")
        if folder:
            self.figures(Path(folder))

    def figures(self, folder: Path) -> None:
        """Write the figures of this case."""
        from thaliron_napari.report.figures import write_figures

        self._beside(
            self.figures_button,
            lambda case: write_figures(case, folder),
            lambda written: show_info(f"{len(written)} figures written to {folder}"),
        )

    def ask_dicom(self) -> None:
        """Let the reader choose where the DICOM of this patient lies, and where SEG and SR go."""
        source = QFileDialog.getExistingDirectory(self, "Folder of the DICOM that the images came from")
        if not source:
            return
        # Not beside the case: they name the patient, as the scanner's own images do.
        folder = QFileDialog.getExistingDirectory(self, "Folder for SEG and SR, which name the patient")
        if folder:
            self.dicom(Path(source), Path(folder))

    def dicom(self, source: Path, folder: Path) -> None:
        """Write SEG and SR of this case."""
        from thaliron_napari.report.dicom import ExportedDicom, export_dicom

        def said(made: ExportedDicom) -> None:
            show_info(" ".join((f"{len(made.files)} DICOM files written to {folder}.", *made.left_out)))

        self._beside(self.dicom_button, lambda case: export_dicom(case, source, folder), said)

    def ask_labels(self) -> None:
        """Let the reader choose a label map, and show what its structures measure."""
        path, _ = QFileDialog.getOpenFileName(self, "Label map of structures to be measured", "", _MAPS)
        if path:
            self.structures(Path(path))

    def structures(self, path: Path) -> None:
        """Measure every structure of a label map and show them."""

        def show(found: Any) -> None:
            case = self.reading.case
            title = f"{case.name if case else ''}: {path.name}"
            self.shown_structures = StructuresDialog(self, title, found)
            self.shown_structures.show()

        self._beside(self.structures_button, lambda case: structures_of_case(case, path), show)

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        record = self._record()
        if record is None:
            return
        meaning = dictionary_of(record.values)
        rows = []
        for name, value in record.values.items():
            shown = "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
            rows.append([name, shown, meaning.get(name, {}).get("Units", "")])
        fill_table(self.numbers, rows)
        for row, name in enumerate(record.values):
            for column in range(3):
                self.numbers.item(row, column).setToolTip(meaning.get(name, {}).get("Description", ""))
        chi, error = record.values.get("chi_ppb"), record.values.get("chi_se_ppb")
        words = "not measured yet"
        if isinstance(chi, float):
            words = f"<b>{chi:.1f} ppb</b>" + (f" (SE {error:.2f})" if isinstance(error, float) else "")
        self.headline.setText(f"Relative susceptibility of the thalami: {words}")

    def done(self) -> bool:
        """Whether the case has its main number and its files are written."""
        case = self.reading.case
        if case is None or self.reading.unsaved:
            return False
        return isinstance((self._record(quiet=True) or Record("", {})).values.get("chi_ppb"), float)

    def missing(self) -> str:
        """What is missing, in short."""
        return "not saved" if self.reading.unsaved else ""

    def next(self) -> str:
        """What is missing."""
        return "check the numbers and save" if self.reading.unsaved else ""

    def _record(self, *, quiet: bool = False) -> Record | None:
        if self.reading.case is None:
            return None
        try:
            record = measure_case(self.reading.case)
        except ThalIronError as error:
            if not quiet:
                self.headline.setText(str(error))
            return None
        if self.reverse.isChecked():
            return Record(record.id, with_reverse(record.values), record.qsm_unit)
        return record

    def _ask_name(self, title: str, ending: str, kinds: str) -> Path | None:
        name = self.reading.case.name if self.reading.case else "case"
        path, _ = QFileDialog.getSaveFileName(self, title, f"{name}{ending}", kinds)
        return Path(path) if path else None

    def _beside(self, asked: QPushButton, work: Callable[[Case], Any], finished: Callable[[Any], None]) -> None:
        """Do long work on the case beside the window; meanwhile its button says so."""
        case, words = self.reading.case, asked.text()
        if case is None:
            return
        asked.setEnabled(False)
        asked.setText("Working …")

        def ended() -> None:
            asked.setEnabled(True)
            asked.setText(words)

        run_in_background(
            lambda _progress: work(case), owner=self, finished=finished, ended=ended, name=words.rstrip("…").lower()
        )


def _write_report(case: Case, path: Path) -> None:
    from thaliron_napari.report.case import write_case_report

    try:
        write_case_report(case, path)
    except OSError as error:
        raise CaseError(f"The report cannot be written to {path} ({error.strerror}); choose another place.") from error


def _write_lesions(case: Case, path: Path) -> None:
    from thaliron_napari.report.export import write_lesion_table

    write_lesion_table(case, path)
