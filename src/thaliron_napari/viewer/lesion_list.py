"""The list of lesions to review: one row each, sorted as the reader likes."""

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QTableWidget

from thaliron_napari.annotation import Enhancement, Place
from thaliron_napari.measurement.lesion_table import LesionRow
from thaliron_napari.viewer.steps.step import fill_table, number, table

COLUMNS = ("No", "ml", "State", "Place", "Gd", "S mm", "slices", "FLAIR", "Note")
_MARK = {"accepted": "✓ accepted", "proposed": "… proposed", "rejected": "✗ rejected", "flagged": "⚑ flagged"}
_PLACE = {
    "periventricular": "periv.",
    "juxtacortical": "juxtac.",
    "infratentorial": "infrat.",
    "deep white matter": "deep",
}
_PLACE_TIP = (
    "Periventricular, juxtacortical, infratentorial, or deep white matter: by the gap to ventricles and cortex; "
    "~ is an estimate, where no segmentation is there."
)
_GD_TIP = (
    "Your word on whether it enhances; with a question mark what the T1 before and after gadolinium suggests, and the "
    "uptake: 1 is that of normal white matter."
)


def lesion_table() -> QTableWidget:
    """An empty list; several rows can be selected, to be merged."""
    made = table(list(COLUMNS))
    made.setMinimumHeight(190)
    made.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    made.setSortingEnabled(True)
    made.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
    for name, tip in (("Place", _PLACE_TIP), ("Gd", _GD_TIP)):
        made.horizontalHeaderItem(COLUMNS.index(name)).setToolTip(tip)
    return made


def fill_lesions(shown: QTableWidget, rows: Sequence[LesionRow]) -> None:
    """Show the lesions of a case."""
    fill_table(shown, [_cells(row) for row in rows])


def _cells(row: LesionRow) -> list[str]:
    lesion, measure = row.lesion, row.measure
    return [
        str(lesion.number),
        f"{measure.ml:.3f}" if measure else "0",
        _MARK[lesion.state],
        _place(row.place),
        _enhancing(lesion.enhancing, row.uptake),
        number(measure.centre_mm[2], 0) if measure else "",
        str(measure.slices) if measure else "",
        number(measure.mean, 0) if measure else "",
        lesion.note,
    ]


def _place(place: Place | None) -> str:
    if place is None:
        return ""
    return f"{'~ ' if place.estimated else ''}{_PLACE[place.name]}"


def _enhancing(said: bool | None, uptake: Enhancement | None) -> str:
    ratio = "" if uptake is None else f" {uptake.ratio:.2f}"
    if said is not None:
        return f"{'yes' if said else 'no'}{ratio}"
    return "" if uptake is None else f"{'yes?' if uptake.enhancing else 'no?'}{ratio}"


def selected_numbers(shown: QTableWidget) -> list[int]:
    """Numbers of the lesions whose rows are selected."""
    return sorted(int(shown.item(index.row(), 0).text()) for index in shown.selectionModel().selectedRows())


def row_of(shown: QTableWidget, lesion: int) -> int | None:
    """Where a lesion stands in the list."""
    rows = (row for row in range(shown.rowCount()) if shown.item(row, 0).text() == str(lesion))
    return next(rows, None)
