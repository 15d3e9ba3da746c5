"""The cohort on screen: one row a case, its cells to be typed into."""

from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QTableView

from thaliron_napari.cohort.cells import is_missing, to_number
from thaliron_napari.errors import TableError


def set_cell(table: Any, row: int, column: str, words: str) -> Any:
    """A cohort with another value in one cell.

    Parameters
    ----------
    table : DataFrame
    row : int
        Place of the case, from 0.
    column : str
    words : str
        What was typed. Nothing, NA and the like are missing; F, male, yes and the like are 1 or 0 where they are known.

    Returns
    -------
    DataFrame
        Another one; `table` is as it was.

    Raises
    ------
    TableError
        When text is typed into a column of numbers, or an id is missing or there already.
    """
    import numpy as np
    import pandas as pd

    from thaliron_napari.cohort.table import ID, check_ids

    words = words.strip()
    values = table[column].tolist()
    if column == ID:
        values[row] = words
        check_ids(values, "the cohort")
        return table.assign(**{column: values})
    if not pd.api.types.is_numeric_dtype(table[column].dtype):
        values[row] = None if is_missing(words) else words
        return table.assign(**{column: pd.Series(values, index=table.index, dtype=object)})
    value = np.nan if is_missing(words) else _to_number(column, words)
    if value is None or not (np.isnan(value) or np.isfinite(value)):
        raise TableError(f"column {column!r} takes numbers, with a point for decimals; {words!r} was not entered")
    values[row] = value
    numbers = np.array(values, dtype=np.float64)
    whole = pd.api.types.is_integer_dtype(table[column].dtype) and float(value).is_integer()
    return table.assign(**{column: numbers.astype(np.int64) if whole else numbers})


def _to_number(column: str, words: str) -> float | None:
    """Number that was typed, or that a word such as F or yes stands for in a column of the study."""
    import pandas as pd

    from thaliron_napari.statistics import study_columns

    number = to_number(words)
    if number is not None:
        return float(number)
    value = study_columns(pd.DataFrame({column: [words]}))[column].iloc[0]
    return None if isinstance(value, str) else float(value)


def cell_text(value: Any) -> str:
    """A cell for the eye: six digits of a number, nothing where a value is missing."""
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def meaning(column: str) -> str:
    """What a column is, in words, with its unit; its name where that is all that is known."""
    from thaliron_napari.measurement.dictionary import dictionary_of
    from thaliron_napari.statistics.study import LABELS

    if column in LABELS:
        return LABELS[column]
    known = dictionary_of([column]).get(column)
    unit = f" ({known['Units']})" if known and "Units" in known else ""
    return f"{known['Description']}{unit}" if known else column


class CohortModel(QAbstractTableModel):
    """A data frame as Qt's table; what is typed gives a new frame, told by `edited`."""

    edited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.table: Any = None

    def set_table(self, table: Any) -> None:
        """Show another table; one of the same shape keeps the place in it."""
        same = self.table is not None and list(self.table.columns) == list(table.columns)
        if same and len(self.table) == len(table):
            self.table = table
            if table.size:
                self.dataChanged.emit(self.index(0, 0), self.index(len(table) - 1, len(table.columns) - 1))
            return
        self.beginResetModel()
        self.table = table
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Cases."""
        return 0 if self.table is None or (parent is not None and parent.isValid()) else len(self.table)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Columns of the cohort."""
        return 0 if self.table is None or (parent is not None and parent.isValid()) else len(self.table.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text of a cell, to read or to edit."""
        value = self.table.iat[index.row(), index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(value)
        if role == Qt.ItemDataRole.EditRole:
            return "" if value is None or value != value else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name of a column; what it is, on its tool tip."""
        if orientation != Qt.Orientation.Horizontal or self.table is None:
            return None
        name = str(self.table.columns[section])
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        return meaning(name) if role == Qt.ItemDataRole.ToolTipRole else None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Every cell can be typed into."""
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take what was typed; what cannot be taken is told to the reader and changes nothing."""
        if role != Qt.ItemDataRole.EditRole or str(value).strip() == self.data(index, role):
            return False
        try:
            table = set_cell(self.table, index.row(), str(self.table.columns[index.column()]), str(value))
        except TableError as error:
            show_error(str(error))
            return False
        self.edited.emit(table)
        return True


class CohortTable(QTableView):
    """The cohort, to look at and to type into; Delete empties a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cohort = CohortModel()
        self.setModel(self.cohort)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(22)
        self.horizontalHeader().setResizeContentsPrecision(40)  # cells looked at; every one of 10,000 takes seconds
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.cohort.modelReset.connect(self._fit_columns)

    def show_table(self, table: Any) -> None:
        """Show a cohort."""
        self.cohort.set_table(table)

    def choose_case(self, row: int) -> None:
        """Go to a case, at its first value that is missing, ready to type it."""
        missing = self.cohort.table.iloc[row].isna()
        self.setCurrentIndex(self.cohort.index(row, int(missing.argmax())))
        self.resizeColumnToContents(0)  # its id may be longer than those before
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Empty the cell on Delete; undo is left to the view around."""
        if event.matches(QKeySequence.StandardKey.Undo):
            event.ignore()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.currentIndex().isValid():
            self.cohort.setData(self.currentIndex(), "")
        else:
            super().keyPressEvent(event)

    def _fit_columns(self) -> None:
        self.resizeColumnsToContents()
        for column in range(self.cohort.columnCount()):
            self.setColumnWidth(column, min(self.columnWidth(column) + 6, 140))
