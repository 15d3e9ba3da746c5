"""The left part of the regression view: the cases of the cohort, which of them are analysed, and derived columns."""

from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QInputDialog, QLineEdit, QVBoxLayout, QWidget

from thaliron_napari.errors import TableError, ThalIronError
from thaliron_napari.viewer.cohort_table import CohortTable
from thaliron_napari.viewer.steps.step import button, text

_REASONS = ["image quality", "motion", "no consent", ""]


class CohortPart(QWidget):
    """The cohort, what is typed into it, and the condition that cases must fulfil to be analysed."""

    edited = Signal(object)
    """A cell was typed into, a case removed, excluded or taken in again, a column added: the new table."""
    narrowed = Signal()
    """Other cases are analysed than before."""
    undo_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table: Any = None
        self.analysed: Any = None
        """Of the table, what is neither excluded nor left out by the condition, under the same index."""
        self.flow = ""
        """How many cases there were and what became of them; empty where all are analysed."""
        self.cases = CohortTable()
        self.cases.cohort.edited.connect(self.edited)
        self.condition = QLineEdit()
        self.condition.setPlaceholderText("Only cases with …, such as age <= 50")
        self.condition.setClearButtonEnabled(True)
        self.condition.editingFinished.connect(self._narrow)
        self.words = text()
        self.words.setVisible(False)
        self._condition = self._refused = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.cases, 1)
        column.addWidget(self.condition)
        column.addWidget(self.words)
        row = QHBoxLayout()
        row.setSpacing(4)
        for made in (
            button("Undo", "Take back the last change of the cohort. Ctrl+Z in this view.", self.undo_wanted.emit),
            button("Exclude…", "Leave the chosen case out, with a reason, or take it in again.", self.ask_exclude),
            button("Remove", "Take the case of the chosen row out of this cohort.", self.remove),
            button("Derive…", "Add a column computed from others: total_ml = left_ml + right_ml.", self.ask_derive),
        ):
            row.addWidget(made)
        row.addStretch(1)
        column.addLayout(row)

    @property
    def asked(self) -> str:
        """The condition in force; empty where there is none."""
        return self._condition

    def show_table(self, table: Any, *, another: bool = False) -> None:
        """Show a cohort; another one starts without a condition."""
        self.table, self._refused = table, ""
        if another:
            self._condition = ""
        self.cases.show_table(table)
        if not self._select(self._condition):  # a column it asks for is gone
            self._condition = ""
            self._select("")
        self.condition.setText(self._condition)

    def narrow_to(self, condition: str) -> bool:
        """Analyse only the cases that fulfil a condition such as ``age <= 50``; empty: all that are not excluded.

        Returns
        -------
        bool
            Whether it could be read; if not, the reader is told and the one before stays.
        """
        self.condition.setText(condition)
        return self._narrow()

    def exclude(self, name: str, reason: str) -> bool:
        """Leave a case out of the analysis for a reason; with none, take it in again."""
        from thaliron_napari.cohort.inclusion import exclude, include

        try:
            table = exclude(self.table, name, reason) if reason.strip() else include(self.table, name)
        except ThalIronError as error:
            show_error(str(error))
            return False
        self.edited.emit(table)
        return True

    def derive(self, words: str) -> bool:
        """Add a column: ``name = sum over columns``."""
        from thaliron_napari.cohort.expressions import compute

        name, _, expression = (part.strip() for part in words.partition("="))
        try:
            if self.table is None:
                raise TableError("There is no cohort to add a column to; load one, or add this case.")
            if not name.isidentifier() or not expression:
                raise TableError(f"{words!r}: write it as name = sum, such as total_ml = left_ml + right_ml")
            if name in self.table.columns:
                raise TableError(f"there is a column {name!r} already; give the new one another name")
            table = self.table.assign(**{name: compute(self.table, expression)})
        except ThalIronError as error:
            show_error(str(error))
            return False
        self.edited.emit(table)
        return True

    def remove(self) -> None:
        """Take the chosen case out of the cohort."""
        if self._chosen() is not None:
            row = self.cases.currentIndex().row()
            self.edited.emit(self.table.drop(self.table.index[row]).reset_index(drop=True))

    def ask_exclude(self) -> None:
        """Let the reader give a reason to exclude the chosen case."""
        name = self._chosen()
        if name is not None:
            ask = "Reason (empty: take it in again)"
            reason, given = QInputDialog.getItem(self, f"Exclude {name}", ask, _REASONS, 0, True)
            if given:
                self.exclude(name, reason)

    def ask_derive(self) -> None:
        """Let the reader type a column to be added."""
        ask = "name = sum over columns, with + - * / **, ln, sqrt, exp"
        words, given = QInputDialog.getText(self, "Add a column", ask)
        if given and words.strip():
            self.derive(words)

    def go_to(self, label: Any) -> str:
        """Choose the row with a label of the table's index; returns the name of its case."""
        row = self.table.index.get_loc(label)
        self.cases.setCurrentIndex(self.cases.cohort.index(row, 0))
        return str(self.table["id"].iloc[row]) if "id" in self.table.columns else str(label)

    def _narrow(self) -> bool:
        asked = self.condition.text().strip()
        if self.table is None or asked == self._condition:
            return True
        if asked == self._refused:  # Enter and the loss of the keyboard both come here
            return False
        if not self._select(asked):
            self._refused = asked
            return False
        self._condition, self._refused = asked, ""
        self.narrowed.emit()
        return True

    def _select(self, condition: str) -> bool:
        """Choose the cases that are analysed, and say how many there are."""
        from thaliron_napari.cohort.inclusion import included

        try:
            self.analysed, flow = included(self.table, condition)
        except ThalIronError as error:
            show_error(str(error))
            return False
        self.flow = flow.sentence() if flow.excluded or flow.condition else ""
        self.words.setText(self.flow)
        self.words.setVisible(bool(self.flow))
        return True

    def _chosen(self) -> str | None:
        row = self.cases.currentIndex().row()
        if self.table is None or row < 0:
            show_error("No case is chosen; click a row of the cohort first.")
            return None
        return str(self.table["id"].iloc[row])
