"""A window with the susceptibility of every structure of a label map, to look at, copy and export."""

from collections.abc import Sequence
from pathlib import Path

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDialog, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from thaliron_napari.errors import ThalIronError
from thaliron_napari.measurement.dictionary import as_dictionary
from thaliron_napari.measurement.structures import STRUCTURE_COLUMNS, Structure
from thaliron_napari.viewer.steps.step import button, fill_table, table, text

TABLES = "Tables (*.csv *.tsv *.xlsx *.dta *.json)"


class StructuresDialog(QDialog):
    """The structures of one label map on one case.

    Parameters
    ----------
    parent : QWidget
    title : str
        Case and label map.
    structures : sequence of Structure
    """

    def __init__(self, parent: QWidget, title: str, structures: Sequence[Structure]) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(820, 560)
        self._rows = [structure.cells() for structure in structures]
        column = QVBoxLayout(self)
        column.addWidget(
            text(f"{title}. chi: mean of the structure minus mean of the CSF ROIs; higher means more iron.")
        )
        self.table = table(list(STRUCTURE_COLUMNS))
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        fill_table(self.table, [[_words(value) for value in row.values()] for row in self._rows])
        for place, (meaning, unit) in enumerate(STRUCTURE_COLUMNS.values()):
            self.table.horizontalHeaderItem(place).setToolTip(f"{meaning}{f' ({unit})' if unit else ''}")
        column.addWidget(self.table)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button("Copy", "Copy the table, to be pasted into a spreadsheet.", self.copy))
        row.addWidget(button("Export…", "Write the table as CSV, TSV, Excel, Stata or JSON.", self.ask_export))
        row.addWidget(button("Close", "Close this window.", self.close))
        column.addLayout(row)

    def copy(self) -> None:
        """Put the table into the clipboard."""
        from thaliron_napari.cohort import to_clipboard_text

        QApplication.clipboard().setText(to_clipboard_text(self._table()))
        show_info(f"{len(self._rows)} structures are in the clipboard.")

    def ask_export(self) -> None:
        """Let the reader choose where the table goes."""
        path, _ = QFileDialog.getSaveFileName(self, "Export structures", "structures.xlsx", TABLES)
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the table."""
        from thaliron_napari.cohort import write_table

        try:
            write_table(self._table(), path, as_dictionary(STRUCTURE_COLUMNS))
        except ThalIronError as error:
            show_error(f"Not exported: {error}")
        else:
            show_info(f"Structures written to {path}")

    def _table(self):  # type: ignore[no-untyped-def]
        import pandas as pd

        return pd.DataFrame(self._rows, columns=list(STRUCTURE_COLUMNS))


def _words(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)
