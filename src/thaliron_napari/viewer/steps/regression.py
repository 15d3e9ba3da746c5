"""Step 8: the cohort this case belongs to, and its regressions in a wide view of their own."""

import importlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import QApplication, QDockWidget, QFileDialog

from thaliron_napari.case.derivative import root_of
from thaliron_napari.errors import TableError, ThalIronError
from thaliron_napari.viewer import cohorts
from thaliron_napari.viewer.cohorts import Cohort
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import Step, button, text
from thaliron_napari.viewer.work import run_in_background

_TABLES = "Tables (*.csv *.tsv *.xlsx *.dta *.json)"
_KEPT = 50  # changes of the cohort that can be taken back


class RegressionStep(Step):
    """Regression."""

    title = "Regression"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.cohort: Cohort | None = None
        self._before: list[Cohort] = []
        self._view: Any = None
        self._imports = threading.Thread(target=_import_statistics, name="statistics")
        self.export_button = button(
            "Export tables…", "Write tables, plots, a report, and what fits them again in R and Stata.", self.ask_export
        )
        self.add_row(
            button("Load cohort…", "Read a table of measured cases: CSV, TSV, Excel, Stata or JSON.", self.ask_load),
            button("Synthetic cohort", "The cohort that comes with the program: nobody's data.", self.use_synthetic),
        )
        self.add_row(
            button("Add this case", "Put the numbers of the open case into the cohort, or renew them.", self.add_case),
            button("Save cohort…", "Write the cohort as CSV, TSV, Excel, Stata or JSON.", self.ask_save),
        )
        self.add_row(
            button(
                "Collect cases…", "Make the cohort of the measured cases in a derivatives folder.", self.ask_collect
            ),
            button("Join covariates…", "Put the columns of another table beside the cases, by ID.", self.ask_join),
        )
        self.add_row(
            button("Open wide view", "The cohort, its models and their plots, side by side.", self.open_view),
            self.export_button,
        )
        self.add_row(
            button("Power…", "Of n, r and power, find the missing one.", self.open_power),
            button("Agreement…", "Compare two readers, or two readings, of the same cases.", self.ask_agreement),
        )
        self.count = text()
        self.note = text()
        self.column.addWidget(self.count)
        self.column.addWidget(self.note)

    @property
    def table(self) -> Any:
        """The cohort's table, None where there is none."""
        return self.cohort.table if self.cohort else None

    @property
    def view(self) -> Any:
        """The wide view, made when it is first asked for."""
        if self._view is None:
            self._wait_for_statistics()
            from thaliron_napari.viewer.regression_view import RegressionView

            self._view = RegressionView(self.reading.viewer)
            self._view.edited.connect(self._on_edit)
            self._view.undo_wanted.connect(self.take_back)
            self._view.case_wanted.connect(self.reading.case_asked.emit)
            if self.cohort is not None:
                self._view.show_table(self.cohort.table, self.cohort.note, another=True)
        return self._view

    def ask_load(self) -> None:
        """Let the reader choose a cohort."""
        path, _ = QFileDialog.getOpenFileName(self, "Load a cohort", "", f"{_TABLES};;All files (*)")
        if path:
            self.load(Path(path))

    def load(self, source: Any) -> bool:
        """Take a cohort in hand and open the wide view.

        Parameters
        ----------
        source : path or DataFrame

        Returns
        -------
        bool
            Whether it could be read; if not, the reader is told and the cohort before stays.
        """
        return self._change(lambda: cohorts.loaded(source), another=True)

    def ask_collect(self) -> None:
        """Let the reader choose the derivatives folder whose cases are collected."""
        case = self.reading.case
        start = "" if case is None or case.folder is None else str(root_of(case.folder))
        folder = QFileDialog.getExistingDirectory(self, "Derivatives with measured cases", start)
        if folder:
            self.collect(Path(folder))

    def collect(self, folder: Path) -> bool:
        """Take the measured cases of a derivatives folder in hand as a cohort."""
        return self._change(lambda: cohorts.collected(folder), another=True)

    def ask_join(self) -> None:
        """Let the reader choose a table of covariates."""
        path, _ = QFileDialog.getOpenFileName(self, "Covariates by ID", "", f"{_TABLES};;All files (*)")
        if path:
            self.join(Path(path))

    def join(self, path: Path) -> bool:
        """Put covariates beside the cases of the cohort by ID, and say which did not match."""
        now, said = self.cohort, list[str]()
        if now is None:
            show_error("There is no cohort to join covariates to; load one, collect one, or add this case.")
            return False
        if not self._change(lambda: cohorts.joined(now, path, said.append)):
            return False
        show_info(f"Joined with {path.name}; " + ("; ".join(said) or "every case has its covariates") + ".")
        return True

    def use_synthetic(self) -> bool:
        """Take the cohort that comes with the program."""
        return self._change(cohorts.synthetic, another=True)

    def add_case(self) -> bool:
        """Put the open case's record into the cohort; a row of the same id is renewed and keeps what was typed."""
        case = self.reading.case
        if case is None:
            show_error("No patient is open; choose the images in the step Study.")
            return False
        now = self.cohort
        if not self._change(lambda: cohorts.with_case(now, case)):
            return False
        self.view.cohort.choose_case(self.table["id"].tolist().index(case.name))
        return True

    def take_back(self) -> None:
        """Take back the last change of the cohort."""
        if not self._before:
            show_info("There is no change of the cohort to take back.")
            return
        self.cohort = self._before.pop()
        self._show()

    def ask_save(self) -> None:
        """Let the reader choose where the cohort goes."""
        if self.cohort is None:
            show_error("There is no cohort to save; load one, or add this case.")
            return
        name = str(self.cohort.path or "cohort.csv")
        path, _ = QFileDialog.getSaveFileName(self, "Save the cohort", name, _TABLES)
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> bool:
        """Write the cohort, and beside it what its columns are, where no file says so yet."""
        if self.cohort is None:
            show_error("There is no cohort to save; load one, or add this case.")
            return False
        path = Path(path) if Path(path).suffix else Path(path).with_suffix(".csv")
        try:
            from thaliron_napari.cohort import write_table

            write_table(
                self.cohort.table, path, None if path.with_suffix(".json").exists() else cohorts.dictionary(self.cohort)
            )
        except (ThalIronError, OSError) as error:
            show_error(f"Not saved: {error}")
            return False
        self.cohort = replace(self.cohort, path=path, saved=True)
        self.refresh()
        self.reading.cohort_changed.emit()
        show_info(f"Cohort written to {path}")
        return True

    def fit(self, outcome: str, predictors: Sequence[str], covariates: Sequence[str] = (), log: bool = False) -> bool:
        """Fit a model in the wide view; see `RegressionView.fit`."""
        self.open_view()
        with _Waiting():
            return self.view.fit(outcome, predictors, covariates, log=log)

    def preset(self, name: str) -> bool:
        """Show one of the study's tables in the wide view: "Table 1", "Table 2" or "Age ≤ 50"."""
        self.open_view()
        with _Waiting():
            return self.view.preset(name)

    def ask_export(self) -> None:
        """Let the reader choose a folder for the tables, and write them beside the window."""
        folder = QFileDialog.getExistingDirectory(self, "Export the tables into a folder")
        if folder and self.cohort is not None:
            self._wait_for_statistics()
            table, asked, out = self.cohort.table, self._asked(), Path(folder)
            self.export_button.setEnabled(False)
            run_in_background(
                lambda _progress: _write(table, out, asked),
                owner=self,
                finished=lambda written: show_info(f"{len(written)} files written to {out}, report.html among them"),
                ended=lambda: self.export_button.setEnabled(True),
                name="export of tables",
            )

    def export(self, folder: Path) -> bool:
        """Write what ``thaliron regress`` writes into a folder, and wait for it."""
        if self.cohort is None:
            show_error("There is no cohort to export tables of; load one, or add this case.")
            return False
        try:
            with _Waiting():
                self._wait_for_statistics()
                written = _write(self.cohort.table, folder, self._asked())
        except ThalIronError as error:
            show_error(f"Not exported: {error}")
            return False
        show_info(f"{len(written)} files written to {folder}, report.html among them")
        return True

    def _asked(self) -> str:
        """The condition that analysed cases fulfil."""
        return self._view.part.asked if self._view is not None else ""

    def open_power(self) -> None:
        """Open the power of a correlation, for as many cases as the cohort has."""
        with _Waiting():
            self._wait_for_statistics()
            from thaliron_napari.viewer.power_dialog import PowerDialog

            cases = len(self.table) if self.table is not None else 95
            self.power = PowerDialog(self, str(self.reading.viewer.theme), cases)
        self.power.show()

    def ask_agreement(self) -> None:
        """Let the reader choose the folders of two readings."""
        folders = []
        for which in ("first", "second"):
            folder = QFileDialog.getExistingDirectory(self, f"Derivatives of the {which} reading")
            if not folder:
                return
            folders.append(Path(folder))
        self.compare(folders[0], folders[1])

    def compare(self, first: Path, second: Path) -> None:
        """Compare two readings beside the window, and show how they agree."""

        def show(found: Any) -> None:
            from thaliron_napari.viewer.agreement_dialog import AgreementDialog

            readers = (first.name, second.name)
            self.agreement = AgreementDialog(self, str(self.reading.viewer.theme), readers, found)
            self.agreement.show()

        self._wait_for_statistics()
        run_in_background(lambda _progress: _compare(first, second), owner=self, finished=show, name="agreement")

    def open_view(self) -> None:
        """Open the wide view, also where it was closed."""
        view = self.view
        dock = view.parent()
        if not isinstance(dock, QDockWidget):
            dock = self.reading.viewer.window.add_dock_widget(view, name="Regression", area="bottom")
        dock.show()
        dock.raise_()
        view.show()

    def enter(self) -> None:
        """Put the tools down, get the statistics ready, open the wide view where there is a cohort."""
        super().enter()
        if not self._imports.is_alive() and self._imports.ident is None:
            self._imports.start()
        if self.cohort is not None:
            self.open_view()

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the canvas its place back when another step opens."""
        dock = self._view.parent() if self._view is not None else None
        if not event.spontaneous() and isinstance(dock, QDockWidget) and not dock.isFloating():
            dock.hide()
        super().hideEvent(event)

    def refresh(self) -> None:
        """Say what the cohort is."""
        if self.cohort is None:
            self.count.setText("No cohort yet: load one, or begin one with this case.")
            self.note.setVisible(False)
            return
        cases = len(self.cohort.table)
        where = f" · {self.cohort.path.name}" if self.cohort.path else ""
        unsaved = "" if self.cohort.saved else " · ⚠ not saved"
        self.count.setText(f"<b>{cases} case{'s' * (cases != 1)}</b>{where}{unsaved}")
        self.note.setText(f"⚠ {self.cohort.note}")
        self.note.setVisible(bool(self.cohort.note))

    def done(self) -> bool:
        """Whether a model was fitted to a cohort that is saved."""
        fitted = self._view is not None and self._view.results is not None and bool(self._view.results.lines)
        return fitted and self.cohort is not None and self.cohort.saved

    def next(self) -> str:
        """What is missing."""
        if self.cohort is None:
            return "load a cohort, or add this case to one"
        return "" if self.cohort.saved else "save the cohort"

    def _change(self, make: Callable[[], Cohort], *, another: bool = False) -> bool:
        """Take another cohort in hand, or tell why not."""
        try:
            with _Waiting():
                self._wait_for_statistics()
                made = make()
                from thaliron_napari.cohort import synthetic_note

                made = replace(made, note=synthetic_note(made.table) or "")
        except (ThalIronError, OSError) as error:
            show_error(str(error))
            return False
        self._remember()
        self.cohort = made
        self._show(another=another)
        self.open_view()
        return True

    def _on_edit(self, table: Any) -> None:
        assert self.cohort is not None
        self._remember()
        self.cohort = replace(self.cohort, table=table, saved=False)
        self._show()

    def _remember(self) -> None:
        if self.cohort is not None:
            self._before = [*self._before[-_KEPT + 1 :], self.cohort]

    def _show(self, *, another: bool = False) -> None:
        if self._view is not None and self.cohort is not None:
            with _Waiting():
                self._view.show_table(self.cohort.table, self.cohort.note, another=another)
        self.refresh()
        self.reading.cohort_changed.emit()

    def _wait_for_statistics(self) -> None:
        # Two threads that import one package at a time can see it half made, so the import under way ends first.
        if self._imports.is_alive():
            self._imports.join()


def _write(table: Any, folder: Path, condition: str) -> list[Path]:
    from thaliron_napari.report.regression import write_regression

    try:
        return write_regression(table, folder, condition)
    except OSError as error:
        raise TableError(f"the tables cannot be written to {folder} ({error.strerror or error})") from error


def _compare(first: Path, second: Path) -> Any:
    from thaliron_napari.cohort.agreement import compare_readings

    return compare_readings(first, second)


class _Waiting:
    """The busy cursor, for as long as something takes."""

    def __enter__(self) -> None:
        QApplication.setOverrideCursor(Qt.CursorShape.BusyCursor)

    def __exit__(self, *_error: object) -> None:
        QApplication.restoreOverrideCursor()


def _import_statistics() -> None:
    """Import what takes seconds to import, so that the first fit does not wait for it."""
    for name in ("pandas", "statsmodels.regression.linear_model", "matplotlib.figure"):
        importlib.import_module(name)
