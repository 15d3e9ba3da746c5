"""The table of results in the regression view."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from thaliron_napari.viewer.regression_rows import COEFFICIENTS


def result_table() -> QTableWidget:
    """An empty table of results, a line of which is clicked to be plotted."""
    table = QTableWidget(0, len(COEFFICIENTS))
    table.setHorizontalHeaderLabels(COEFFICIENTS)
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


def result_cell(words: str, column: int) -> QTableWidgetItem:
    """A cell of it: numbers stand to the right, and what is below .05 in bold."""
    item = QTableWidgetItem(words)
    if column:
        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    if words.endswith("*"):
        font = item.font()
        font.setBold(True)
        item.setFont(font)
    item.setToolTip(words)
    return item
