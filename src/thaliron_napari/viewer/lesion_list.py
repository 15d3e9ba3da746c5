"""The list of lesions to review: one row each, sorted as the reader likes."""

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QTableWidget

from thaliron_napari.case import Case
from thaliron_napari.measurement.lesions import LesionMeasure
from thaliron_napari.viewer.steps.step import fill_table, number, table

COLUMNS = ("No", "ml", "State", "Gd", "S mm", "slices", "FLAIR", "Note")
_MARK = {"accepted": "✓ accepted", "proposed": "… proposed", "rejected": "✗ rejected", "flagged": "⚑ flagged"}
_WORD = {True: "yes", False: "no", None: ""}


def lesion_table() -> QTableWidget:
    """An empty list; several rows can be selected, to be merged."""
    made = table(list(COLUMNS))
    made.setMinimumHeight(190)
    made.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    made.setSortingEnabled(True)
    made.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
    return made


def fill_lesions(
    shown: QTableWidget, case: Case, measures: Sequence[LesionMeasure], suggested: dict[int, bool]
) -> None:
    """Show the lesions of a case; `suggested` says which enhance, where the reader has not said it."""
    known = {measure.number: measure for measure in measures}
    rows = []
    for lesion in case.annotations.lesions():
        measure = known.get(lesion.number)
        enhancing = _WORD[lesion.enhancing]
        if lesion.enhancing is None and lesion.number in suggested:
            enhancing = "yes?" if suggested[lesion.number] else "no?"
        rows.append(
            [
                str(lesion.number),
                f"{measure.ml:.3f}" if measure else "0",
                _MARK[lesion.state],
                enhancing,
                number(measure.centre_mm[2], 0) if measure else "",
                str(measure.slices) if measure else "",
                number(measure.mean, 0) if measure else "",
                lesion.note,
            ]
        )
    fill_table(shown, rows)


def selected_numbers(shown: QTableWidget) -> list[int]:
    """Numbers of the lesions whose rows are selected."""
    return sorted(int(shown.item(index.row(), 0).text()) for index in shown.selectionModel().selectedRows())


def row_of(shown: QTableWidget, lesion: int) -> int | None:
    """Where a lesion stands in the list."""
    rows = (row for row in range(shown.rowCount()) if shown.item(row, 0).text() == str(lesion))
    return next(rows, None)
