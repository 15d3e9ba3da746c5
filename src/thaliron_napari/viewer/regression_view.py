"""The wide view of the regressions: the cohort, what is fitted and what came out, and its plot, side by side."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.checks import Checks, scrolled
from thaliron_napari.viewer.cohort_table import CohortTable, meaning
from thaliron_napari.viewer.regression_plot import RegressionPlot
from thaliron_napari.viewer.regression_rows import PRESETS, Results, model_results, preset_results
from thaliron_napari.viewer.steps.step import button, text

_HEADER = ("", "Before:\ncoefficient", "\n95% CI", "\nP", "\nn", "After:\ncoefficient", "\n95% CI", "\nP", "\nn")
_BEFORE_CELLS = range(1, 5)


class RegressionView(QWidget):
    """Cohort table, models and plot.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    edited = Signal(object)
    """A cell was typed into, or a row removed: the new table."""
    undo_wanted = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.results: Results | None = None
        self._table: Any = None
        self._again: Callable[[], Results] | None = None
        self._note = ""
        self.cohort = CohortTable()
        self.cohort.cohort.edited.connect(self.edited)
        self.plot = RegressionPlot(viewer)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        for part, share in ((self._cohort_part(), 3), (self._model_part(), 5), (self.plot, 4)):
            self._split.addWidget(part)
            self._split.setStretchFactor(self._split.count() - 1, share)
        self._split.setSizes([280, 660, 310])
        self._split.setChildrenCollapsible(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 4, 6, 4)
        row.addWidget(self._split)

    def sizeHint(self) -> QSize:
        """Wide, and half a small screen high."""
        return QSize(1240, 410)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Undo here is the cohort's, and plain keys typed here are kept from the tools of the canvas."""
        if event.matches(QKeySequence.StandardKey.Undo):
            self.undo_wanted.emit()
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
        else:
            event.accept()

    def show_table(self, table: Any, note: str = "", *, another: bool = False) -> None:
        """Show a cohort and fit the last model again; another cohort starts without one.

        Parameters
        ----------
        table : DataFrame
        note : str
            What must be said with anything made from this cohort.
        another : bool
            Whether this is another cohort, not the same one changed.
        """
        from thaliron_napari.statistics import study_columns

        self._note = note
        self._table = table
        self.cohort.show_table(table)
        self._offer(study_columns(table))
        if another:
            self._again = None
        if self._again is None:
            self._show(Results("", (), ()))
            return
        try:
            self._show(self._again())
        except ThalIronError as error:
            self._show(Results("", (), (str(error),)))

    def fit(
        self, outcome: str, predictors: Sequence[str], covariates: Sequence[str] = (), *, log: bool = False
    ) -> bool:
        """Choose a model, fit it and show it; what cannot be fitted is told to the reader.

        Parameters
        ----------
        outcome : str
            A column of numbers.
        predictors, covariates : sequence of str
            Columns.
        log : bool
            Whether the natural logarithm of the outcome is taken.

        Returns
        -------
        bool
            Whether there is a result.
        """
        if self._table is None:
            show_error("There is no cohort to fit a model to; load one, or add this case.")
            return False
        self.outcome.setCurrentText(outcome)
        self.log.setChecked(log)
        self.predictors.choose(predictors)
        self.covariates.choose(covariates)
        name = f"ln({outcome})" if log else outcome
        return self._try(lambda: model_results(self._table, name, list(predictors), list(covariates)))

    def fit_chosen(self) -> bool:
        """Fit the model that is chosen."""
        return self.fit(
            self.outcome.currentText(), self.predictors.chosen(), self.covariates.chosen(), log=self.log.isChecked()
        )

    def preset(self, name: str) -> bool:
        """Show one of the study's tables: "Table 1", "Table 2" or "Age ≤ 50"."""
        if self._table is None:
            show_error("There is no cohort to make the study's tables of; load one, or add this case.")
            return False
        return self._try(lambda: preset_results(self._table, name))

    def result_rows(self) -> list[list[str]]:
        """Text of the results as shown, one list a line: name, then coefficient, CI, P, n before and after."""
        table = self.result
        return [[table.item(r, c).text() for c in range(table.columnCount())] for r in range(table.rowCount())]

    def _cohort_part(self) -> QWidget:
        part, column = _column()
        column.addWidget(self.cohort, 1)
        row = QHBoxLayout()
        row.addWidget(button("Undo change", "Take back the last change. Ctrl+Z in this view.", self.undo_wanted.emit))
        row.addWidget(button("Remove case", "Take the case of the chosen row out of this cohort.", self._remove))
        row.addStretch(1)
        column.addLayout(row)
        return part

    def _model_part(self) -> QWidget:
        part, column = _column()
        row = QHBoxLayout()
        row.addWidget(QLabel("Outcome"))
        self.outcome = QComboBox()
        self.outcome.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.outcome.activated.connect(lambda _place: self.log.setChecked(self.outcome.currentText() == "lesion_ml"))
        row.addWidget(self.outcome, 1)
        self.log = QCheckBox("natural log")
        self.log.setToolTip("Take the natural logarithm of the outcome; the study does so for the lesion volume.")
        self.log.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row.addWidget(self.log)
        self.fit_button = button("Fit", "Fit the chosen model, before and after adjustment.", self.fit_chosen)
        row.addWidget(self.fit_button)
        self.preset_buttons = {
            name: button(name, f"The study's analysis: {name}", lambda name=name: self.preset(name)) for name in PRESETS
        }
        for made in self.preset_buttons.values():
            row.addWidget(made)
        column.addLayout(row)
        self.predictors, self.covariates = Checks("Predictors"), Checks("Adjust for")
        self.predictors.checked.connect(self.covariates.uncheck)
        self.covariates.checked.connect(self.predictors.uncheck)
        row = QHBoxLayout()
        row.addWidget(self.predictors)
        row.addWidget(self.covariates)
        column.addLayout(row, 1)
        self.title = text()
        column.addWidget(self.title)
        self.result = _result_table()
        self.result.currentCellChanged.connect(self._plot_cell)
        self.result.horizontalHeader().sectionResized.connect(self._fit_height)
        column.addWidget(self.result)
        self.notes = text()
        self.notes.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(scrolled(self.notes), 1)
        return part

    def _offer(self, table: Any) -> None:
        """Offer the columns of a cohort; what was chosen stays chosen where it is still there."""
        import pandas as pd

        names = [str(name) for name in table.columns if name != "id"]
        numbers = [name for name in names if pd.api.types.is_numeric_dtype(table[name].dtype)]
        offered = [self.outcome.itemText(place) for place in range(self.outcome.count())]
        if offered == numbers and sorted(self.predictors.boxes) == sorted(names):
            return
        first = not offered
        outcome = self.outcome.currentText()
        self.outcome.clear()
        self.outcome.addItems(numbers)
        for place, name in enumerate(numbers):
            self.outcome.setItemData(place, meaning(name), Qt.ItemDataRole.ToolTipRole)
        for checks, usual in ((self.predictors, ("chi_ppb",)), (self.covariates, ("age", "sex", "duration", "dmt"))):
            chosen = usual if first else checks.chosen()
            checks.offer(sorted(names, key=lambda name: name not in usual))
            checks.choose([name for name in chosen if name in names])
        if first and "lesion_ml" in numbers:
            outcome = "lesion_ml"
            self.log.setChecked(True)
        if outcome in numbers:
            self.outcome.setCurrentText(outcome)

    def _try(self, work: Callable[[], Results]) -> bool:
        try:
            results = work()
        except ThalIronError as error:
            show_error(str(error))
            return False
        self._again = work
        self._show(results)
        return True

    def _show(self, results: Results) -> None:
        self.results = results
        self.title.setText(f"<b>{results.title}</b>")
        self.title.setVisible(bool(results.title))
        place = (self.result.currentRow(), self.result.currentColumn())
        self.result.blockSignals(True)
        self.result.setRowCount(len(results.lines))
        for r, line in enumerate(results.lines):
            for c, cell in enumerate(line.cells):
                self.result.setItem(r, c, _cell(cell, c))
        self._fit_height()
        row = place[0] if 0 <= place[0] < len(results.lines) else 0
        if results.lines:
            self.result.setCurrentCell(row, max(place[1], 0))
        self.result.blockSignals(False)
        notes = [escape(note) for note in results.notes]
        if self._note and results.lines:
            notes.insert(0, f"<b>{escape(self._note)}</b>")
        self.notes.setText("<br>".join(notes))
        self._plot_cell(row, self.result.currentColumn())

    def _fit_height(self, *_section: int) -> None:
        """As high as its lines, so that the choices above get the rest."""
        table = self.result
        table.resizeRowsToContents()
        lines = sum(table.rowHeight(row) for row in range(table.rowCount()))
        bar = table.horizontalScrollBar()
        extra = bar.sizeHint().height() if bar.isVisible() else 0
        table.setFixedHeight(min(table.horizontalHeader().height() + lines + extra + 4, 220))

    def _plot_cell(self, row: int, column: int, *_before: int) -> None:
        lines = self.results.lines if self.results else ()
        line = lines[row] if 0 <= row < len(lines) else None
        self.plot.show_line(line, after=column not in _BEFORE_CELLS, synthetic=bool(self._note))

    def _remove(self) -> None:
        row = self.cohort.currentIndex().row()
        if self._table is None or row < 0:
            show_error("No case is chosen; click a row of the cohort first.")
            return
        self.edited.emit(self._table.drop(self._table.index[row]).reset_index(drop=True))


def _column() -> tuple[QWidget, QVBoxLayout]:
    part = QWidget()
    column = QVBoxLayout(part)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    return part, column


def _result_table() -> QTableWidget:
    table = QTableWidget(0, len(_HEADER))
    table.setHorizontalHeaderLabels(_HEADER)
    table.verticalHeader().setVisible(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    table.setToolTip("Click a line to plot it; its cells of before or after adjustment choose which fit.")
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setMinimumSectionSize(24)
    return table


def _cell(words: str, column: int) -> QTableWidgetItem:
    item = QTableWidgetItem(words)
    if column:
        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    if words.endswith("*"):
        font = item.font()
        font.setBold(True)
        item.setFont(font)
    item.setToolTip(words)
    return item
