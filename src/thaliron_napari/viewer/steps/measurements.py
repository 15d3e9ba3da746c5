"""Step 6: every number of the case, to look at, copy and export."""

from pathlib import Path

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QFileDialog

from thaliron_napari.case import Case
from thaliron_napari.errors import CaseError, ThalIronError
from thaliron_napari.measurement import Record, measure_case
from thaliron_napari.measurement.dictionary import dictionary_of
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.note import NoteBox
from thaliron_napari.viewer.steps.step import Step, button, fill_table, table, text
from thaliron_napari.viewer.work import run_in_background

_REPORT = "Report…"


class MeasurementStep(Step):
    """The record of the case."""

    title = "Measurements"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.headline = text()
        self.column.addWidget(self.headline)
        self.numbers = table(["Number", "Value", "Unit"])
        self.numbers.setMinimumHeight(260)
        self.column.addWidget(self.numbers)
        self.report_button = button(_REPORT, "Write one page with pictures and numbers of this case.", self.ask_report)
        self.add_row(
            button("Export CSV…", "Write these numbers as a table of one row.", self.ask_export),
            button("Save  Ctrl+S", "Write label maps and measurements into the case's folder.", reading.save_now),
            self.report_button,
            button("3D  Y", "See in 3D what is drawn, and the plane again. Key Y.", reading.surfaces_asked.emit),
        )
        self.note = NoteBox(reading)
        self.column.addWidget(self.note)
        self.column.addWidget(text("Relative susceptibility is thalamus minus CSF; higher means more iron."))

    def ask_export(self) -> None:
        """Let the reader choose where the table goes."""
        name = f"{self.reading.case.name}.csv" if self.reading.case else "case.csv"
        path, _ = QFileDialog.getSaveFileName(self, "Export measurements", name, "Tables (*.csv *.tsv)")
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the record as a table of one row."""
        import pandas as pd

        from thaliron_napari.cohort import write_table

        record = self._record()
        if record is None:
            return
        try:
            write_table(pd.DataFrame([{"id": record.id, **record.values}]), path)
        except (ThalIronError, OSError) as error:
            show_error(f"Not exported: {error}")
        else:
            show_info(f"Measurements written to {path}")

    def ask_report(self) -> None:
        """Let the reader choose where the report goes."""
        name = f"{self.reading.case.name}.html" if self.reading.case else "case.html"
        path, _ = QFileDialog.getSaveFileName(self, "Report of this case", name, "Pages (*.html)")
        if path:
            self.report(Path(path))

    def report(self, path: Path) -> None:
        """Write the page of this case."""
        case = self.reading.case
        if case is None:
            return
        self.report_button.setEnabled(False)
        self.report_button.setText("Writing …")

        def ended() -> None:
            self.report_button.setEnabled(True)
            self.report_button.setText(_REPORT)

        run_in_background(
            lambda _progress: _write_report(case, path),
            owner=self,
            finished=lambda _done: show_info(f"Report written to {path}"),
            ended=ended,
            name="report",
        )

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
        chi = record.values.get("chi_ppb")
        words = f"<b>{chi:.1f} ppb</b>" if isinstance(chi, float) else "not measured yet"
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
            return measure_case(self.reading.case)
        except ThalIronError as error:
            if not quiet:
                self.headline.setText(str(error))
            return None


def _write_report(case: Case, path: Path) -> None:
    from thaliron_napari.report.case import write_case_report

    try:
        write_case_report(case, path)
    except OSError as error:
        raise CaseError(f"The report cannot be written to {path} ({error.strerror}); choose another place.") from error
