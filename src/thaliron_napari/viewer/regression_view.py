"""The wide view of the regressions: the cohort, what is fitted and what came out, and its plot, side by side."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.checks import Checks, scrolled
from thaliron_napari.viewer.cohort_part import CohortPart
from thaliron_napari.viewer.cohort_table import meaning
from thaliron_napari.viewer.regression_lines import result_cell, result_table
from thaliron_napari.viewer.regression_plot import RegressionPlot
from thaliron_napari.viewer.regression_rows import (
    PRESETS,
    Choice,
    Results,
    descriptions,
    formula_choice,
    model_results,
    preset_results,
)
from thaliron_napari.viewer.steps.step import button, text

_BEFORE_CELLS = range(1, 5)
_ERRORS = {"usual errors": "ols", "robust errors (HC1)": "hc1", "robust errors (HC3)": "hc3"}
_CLUSTER = "errors by "
_CORRECTIONS = {"P as it is": None, "P by Holm": "holm", "P by FDR": "fdr"}
_DESCRIBE = "Describe"


class RegressionView(QWidget):
    """Cohort table, models and plot.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    edited = Signal(object)
    """A cell was typed into, or a row removed: the new table."""
    undo_wanted = Signal()
    case_wanted = Signal(str)
    """The images of a case are wanted, by its name: its point in a plot was clicked."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.results: Results | None = None
        self._again: Callable[[], Results] | None = None
        self._note = ""
        self.part = CohortPart()
        self.cohort = self.part.cases
        self.part.edited.connect(self.edited)
        self.part.undo_wanted.connect(self.undo_wanted)
        self.part.narrowed.connect(self._fit_again)
        self.plot = RegressionPlot(viewer)
        self.plot.case_picked.connect(self._on_case_picked)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        for part, share in ((self.part, 3), (self._model_part(), 5), (self.plot, 4)):
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
        self.part.show_table(table, another=another)
        if another:
            self._again = None
        self._offer(study_columns(self.part.analysed))
        self._fit_again()

    def _fit_again(self) -> None:
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
        if self.part.table is None:
            show_error("There is no cohort to fit a model to; load one, or add this case.")
            return False
        self.outcome.setCurrentText(outcome)
        self.log.setChecked(log)
        self.predictors.choose(predictors)
        self.covariates.choose(covariates)
        name = f"ln({outcome})" if log else outcome
        choice = self._choice(name, tuple(predictors), tuple(covariates))
        return self._try(lambda: model_results(self.part.analysed, choice))

    def open_ladder(self) -> None:
        """Show the ladder of powers of the outcome; a click on it takes a transform."""
        from thaliron_napari.statistics.transforms import number
        from thaliron_napari.viewer.ladder_dialog import LadderDialog

        if self.part.table is None:
            show_error("There is no cohort to look at; load one, or add this case.")
            return
        column = self.outcome.currentText()
        try:
            values = number(self._prepared(), column).dropna().to_numpy()
            self.ladder = LadderDialog(self, column, values, self.plot.theme)
        except ThalIronError as error:
            show_error(str(error))
            return
        self.ladder.picked.connect(self.fit_outcome)
        self.ladder.show()

    def fit_outcome(self, term: str) -> bool:
        """Fit the chosen model with another outcome, such as a transform picked from the ladder of powers."""
        if self.part.table is None:
            return False
        choice = self._choice(term, tuple(self.predictors.chosen()), tuple(self.covariates.chosen()))
        self.log.setChecked(term.startswith("ln("))
        return self._try(lambda: model_results(self.part.analysed, choice))

    def fit_formula(self, words: str) -> bool:
        """Fit the model of a formula such as ``ln(lesion_ml) ~ chi_ppb + age``."""
        if self.part.table is None:
            show_error("There is no cohort to fit a model to; load one, or add this case.")
            return False
        return self._try(lambda: model_results(self.part.analysed, formula_choice(words, self._choice("", ()))))

    def fit_chosen(self) -> bool:
        """Fit the model that is chosen."""
        return self.fit(
            self.outcome.currentText(), self.predictors.chosen(), self.covariates.chosen(), log=self.log.isChecked()
        )

    def preset(self, name: str) -> bool:
        """Show one of the study's tables: "Table 1", "Table 2" or "Age ≤ 50"."""
        if self.part.table is None:
            show_error("There is no cohort to make the study's tables of; load one, or add this case.")
            return False
        correction = _CORRECTIONS[self.correction.currentText()]
        return self._try(lambda: preset_results(self.part.analysed, name, correction))

    def describe(self) -> bool:
        """Show the cohort as a paper describes it."""
        if self.part.table is None:
            show_error("There is no cohort to describe; load one, or add this case.")
            return False
        return self._try(lambda: descriptions(self.part.analysed))

    def result_rows(self) -> list[list[str]]:
        """Text of the results as shown, one list a line: name, then coefficient, CI, P, n before and after."""
        table = self.result
        return [[table.item(r, c).text() for c in range(table.columnCount())] for r in range(table.rowCount())]

    def _choice(self, outcome: str, predictors: tuple[str, ...], covariates: tuple[str, ...] = ()) -> Choice:
        """A model with the kind, errors and correction that are chosen."""
        words = self.errors.currentText()
        cluster = words.removeprefix(_CLUSTER) if words.startswith(_CLUSTER) else None
        return Choice(
            outcome,
            predictors,
            covariates,
            logistic=self.kind.currentIndex() == 1,
            errors="cluster" if cluster else _ERRORS[words],
            cluster=cluster,
            correction=_CORRECTIONS[self.correction.currentText()],
        )

    def _on_case_picked(self, label: Any) -> None:
        """Go to the row of a case whose point was clicked, and ask for its images."""
        self.case_wanted.emit(self.part.go_to(label))

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
        row.addWidget(button("Ladder…", "Nine transforms of the outcome: a click takes one.", self.open_ladder))
        self.fit_button = button("Fit", "Fit the chosen model, before and after adjustment.", self.fit_chosen)
        row.addWidget(self.fit_button)
        self.preset_buttons = {
            name: button(name, f"The study's analysis: {name}", lambda name=name: self.preset(name)) for name in PRESETS
        }
        for made in self.preset_buttons.values():
            row.addWidget(made)
        row.addWidget(button(_DESCRIBE, "Describe the cohort: means, counts, ranges.", self.describe))
        column.addLayout(row)
        self.kind, self.errors, self.correction, self.formula = QComboBox(), QComboBox(), QComboBox(), QLineEdit()
        self.kind.addItems(["linear", "logistic"])
        self.kind.setToolTip("Linear regression, or logistic for an outcome that is yes or no.")
        self.errors.addItems(list(_ERRORS))
        self.errors.setToolTip("Standard errors: usual, robust to unequal spread, or by groups of rows.")
        self.correction.addItems(list(_CORRECTIONS))
        self.correction.setToolTip("Show P corrected for the number of tests in brackets beside the raw P.")
        self.formula.setPlaceholderText("or a formula: ln(lesion_ml) ~ chi_ppb + age + category(site)")
        self.formula.returnPressed.connect(lambda: self.fit_formula(self.formula.text()))
        row = QHBoxLayout()
        for box in (self.kind, self.errors, self.correction):
            box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            row.addWidget(box)
        row.addWidget(self.formula, 1)
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
        self.result = result_table()
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
        self._offer_clusters(table)
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

    def _offer_clusters(self, table: Any) -> None:
        """Offer the columns by which rows fall into groups."""
        chosen = self.errors.currentText()
        groups = [name for name in table.columns if name != "id" and 1 < table[name].nunique() <= len(table) // 2]
        self.errors.clear()
        self.errors.addItems([*_ERRORS, *(f"{_CLUSTER}{name}" for name in groups)])
        self.errors.setCurrentText(chosen)

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
        self.result.setHorizontalHeaderLabels(results.head)
        self.result.setRowCount(len(results.lines))
        for r, line in enumerate(results.lines):
            for c, cell in enumerate(line.cells):
                self.result.setItem(r, c, result_cell(cell, c))
        self._fit_height()
        row = place[0] if 0 <= place[0] < len(results.lines) else 0
        if results.lines:
            self.result.setCurrentCell(row, max(place[1], 0))
        self.result.blockSignals(False)
        notes = [
            escape(note) for note in ((self.part.flow,) if self.part.flow and results.lines else ()) + results.notes
        ]
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
        after, synthetic = column not in _BEFORE_CELLS, bool(self._note)
        self.plot.show_line(line, self.results, self._prepared(), after=after, synthetic=synthetic)

    def _prepared(self) -> Any:
        """The analysed cases with the study's columns, as the models have them."""
        from thaliron_napari.statistics import study_columns

        return None if self.part.analysed is None else study_columns(self.part.analysed)


def _column() -> tuple[QWidget, QVBoxLayout]:
    part = QWidget()
    column = QVBoxLayout(part)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    return part, column
