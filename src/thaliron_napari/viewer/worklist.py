"""The worklist on screen: the cases of a dataset, what is there of each, and how far this reader is."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QFont, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from thaliron_napari.case import ROLE_NAME, Role
from thaliron_napari.case.bids import BidsCase, natural
from thaliron_napari.case.worklist import State, WorklistEntry
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.steps.step import text

COLUMNS = ("Case", "Images", "State", "Last", "Also")
_OTHERS = COLUMNS.index("Also")
MARK: dict[Role, str] = {"qsm": "Q", "flair": "F", "t1": "T1", "t1ce": "Gd", "magnitude": "M"}
_SHORT = {"left thalamus": "thal. L", "right thalamus": "thal. R", "left CSF": "CSF L", "right CSF": "CSF R"}
_COLOUR: dict[State, str] = {"done": colours.CSF, "flagged": colours.PEN}
_RANK: tuple[State, ...] = ("not begun", "in progress", "flagged", "done")
_REASONS = ("motion", "artefact", "wrong or missing image", "second opinion")
_PAGES = (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)


def images_text(entry: WorklistEntry) -> str:
    """The images that are there as short marks: ``Q F T1 Gd M``."""
    return " ".join(mark for role, mark in MARK.items() if role in entry.images)


def state_text(entry: WorklistEntry) -> str:
    """The state of a reading in few words; of one in progress what is missing."""
    if entry.problem:
        return "⚠ problem"
    if entry.state == "in progress":
        there = f"{sum(entry.parts.values())}/{len(entry.parts)}"
        missing = ", ".join(_SHORT.get(part, part) for part in entry.missing)
        return f"{there} no {missing}" if missing else f"{there} all there"
    if entry.state == "flagged":
        return f"⚑ flagged: {entry.reason}" if entry.reason else "⚑ flagged"
    return {"done": "✓ done", "not begun": "not begun"}[entry.state]


def others_text(entry: WorklistEntry) -> str:
    """Who else has read a case, by the names of their folders."""
    return ", ".join(folder.removeprefix("thaliron").removeprefix("-") or "no name" for folder in entry.also_read)


def state_tip(entry: WorklistEntry, blinded: bool = True) -> str:
    """All that is known of a reading, a line each; blinded, nothing of who reads."""
    there = ", ".join(part for part, is_there in entry.parts.items() if is_there)
    lines = [
        entry.problem,
        f"This reading is {entry.state}{f': {entry.reason}' if entry.reason else ''}." if not entry.problem else "",
        f"There: {there}." if there else "",
        f"Not there: {', '.join(entry.missing)}." if entry.missing and entry.state != "not begun" else "",
        f"Last changed {entry.changed.astimezone():%d %b %Y, %H:%M}." if entry.changed else "",
        f"Read by {', '.join(entry.readers)}." if entry.readers and not blinded else "",
        f"Also read by {others_text(entry)}." if entry.also_read and not blinded else "",
    ]
    return "\n".join(line for line in lines if line)


def ago(changed: datetime | None, now: datetime | None = None) -> str:
    """How long ago a time is, short; the date when it is more than a week."""
    if changed is None:
        return ""
    minutes = int(((now or datetime.now(UTC)) - changed).total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 60 * 24:
        return f"{minutes // 60} h"
    if minutes < 60 * 24 * 7:
        return f"{minutes // (60 * 24)} d"
    return f"{changed.astimezone():%d %b %y}"


class WorklistModel(QAbstractTableModel):
    """Entries of a worklist as Qt's table; the row of the open case is bold."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[WorklistEntry] = []
        self.open_name = ""
        self.blinded = True

    def set_entries(self, entries: Iterable[WorklistEntry]) -> None:
        """Show another list."""
        self.beginResetModel()
        self.entries = list(entries)
        self.endResetModel()

    def set_entry(self, entry: WorklistEntry) -> None:
        """Show one case as it is now."""
        for row, old in enumerate(self.entries):
            if old.case == entry.case:
                self.entries[row] = entry
                self._tell(row)

    def set_open(self, name: str) -> None:
        """Say which case is open."""
        before, self.open_name = self.open_name, name
        for row, entry in enumerate(self.entries):
            if entry.case.name in (before, name):
                self._tell(row)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of cases."""
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Case, images, state, last change, other readers."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name of a column; what its marks mean, on its tool tip."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            marks = "\n".join(f"{mark}: {ROLE_NAME[image]}" for image, mark in MARK.items())
            states = "Parts that are there, and what is not; done or flagged when the reader says so."
            return {1: marks, 2: states, _OTHERS: "Who else has read the case."}.get(section)
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, tool tip and colour of a cell."""
        entry, column = self.entries[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            others = "" if self.blinded else others_text(entry)
            return (entry.case.name, images_text(entry), state_text(entry), ago(entry.changed), others)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return state_tip(entry, self.blinded)
        if role == Qt.ItemDataRole.FontRole and entry.case.name == self.open_name:
            font = QFont()
            font.setBold(True)
            return font
        if role == Qt.ItemDataRole.ForegroundRole and column == 2:
            colour = colours.WARNING if entry.problem else _COLOUR.get(entry.state)
            return QColor(colour) if colour else None
        return None

    def _tell(self, row: int) -> None:
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))


class _Order(QSortFilterProxyModel):
    """Sorts as people count, and shows the cases that hold every word of the filter."""

    words: tuple[str, ...] = ()

    def set_words(self, text: str) -> None:
        """Show the cases that hold every word."""
        self.words = tuple(text.lower().split())
        self.invalidateFilter()

    def filterAcceptsRow(self, row: int, _parent: QModelIndex) -> bool:
        """Whether a case holds every word, in its name, its state or its images."""
        entry = self.sourceModel().entries[row]
        shown = f"{entry.case.name} {entry.state} {state_text(entry)} {images_text(entry)}".lower()
        return all(word in shown for word in self.words)

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Whether a case comes before another, by the column clicked and then by name."""
        entries = self.sourceModel().entries
        return _key(entries[left.row()], left.column()) < _key(entries[right.row()], right.column())


def _key(entry: WorklistEntry, column: int) -> tuple[Any, ...]:
    name = natural(entry.case.name)
    if column == 1:
        return len(entry.images), images_text(entry), name
    if column == 2:
        begun = _RANK.index(entry.state)
        return not entry.problem, begun, sum(entry.parts.values()), name
    if column == 3:
        return entry.changed.timestamp() if entry.changed else 0.0, name
    if column == _OTHERS:
        return len(entry.also_read), others_text(entry), name
    return (name,)


class _Table(QTableView):
    """The table; Enter opens the row, and the keys that go from case to case are left to the window."""

    opened = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open on Enter; leave what is pressed with Ctrl to the window."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers() & _CONTROL:
            self.opened.emit()
        elif event.modifiers() & _CONTROL:
            event.ignore()
        else:
            super().keyPressEvent(event)


_CONTROL = Qt.KeyboardModifier.ControlModifier


class Worklist(QWidget):
    """The table with its filter.

    Attributes
    ----------
    chosen : Signal
        Emitted with the :class:`BidsCase` that the reader wants to open.
    order_changed : Signal
        Emitted when other cases follow each other: sorted, filtered, or listed anew.
    """

    chosen = Signal(object)
    order_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model = WorklistModel()
        self.order = _Order()
        self.order.setDynamicSortFilter(False)  # a row stays where it is when its state changes
        self.order.setSourceModel(self.model)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter: 014, not begun, no CSF")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        self.count = text(wraps=False)
        self.table = _Table()
        self.table.setModel(self.order)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.table.setSortingEnabled(True)
        self.table.setWordWrap(False)
        self.table.setShowGrid(False)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(22)
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setMinimumHeight(240)
        self.table.setColumnHidden(_OTHERS, True)
        self.table.doubleClicked.connect(lambda _index: self.open_row())
        self.table.opened.connect(self.open_row)
        self.filter.returnPressed.connect(self.open_row)
        for signal in (self.order.layoutChanged, self.order.modelReset, self.filter.textChanged):
            signal.connect(lambda *_: self.order_changed.emit())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.addWidget(self.filter, 1)
        row.addWidget(self.count)
        column.addLayout(row)
        column.addWidget(self.table)

    @property
    def cases(self) -> list[BidsCase]:
        """Every case, filtered out or not."""
        return [entry.case for entry in self.model.entries]

    def set_entries(self, entries: Iterable[WorklistEntry]) -> None:
        """Show another list, sorted by name."""
        self.model.set_entries(entries)
        self.filter.clear()
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        header = self.table.horizontalHeader()
        for place in (0, 1, 3):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_OTHERS, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(_OTHERS, 60)  # the tool tip has all names; the state needs the room
        self._show_count()

    def set_blinded(self, blinded: bool) -> None:
        """Show nothing of other readers, or who of them has read each case."""
        self.model.blinded = blinded
        self.table.setColumnHidden(_OTHERS, blinded)

    def set_entry(self, entry: WorklistEntry) -> None:
        """Show one case as it is now."""
        self.model.set_entry(entry)
        self._show_count()

    def set_open(self, name: str) -> None:
        """Say which case is open, and bring it into sight."""
        self.model.set_open(name)
        row = self._row_of(name)
        if row is not None:
            self.table.selectRow(row)
            self.table.scrollTo(self.order.index(row, 0), QAbstractItemView.ScrollHint.PositionAtCenter)

    def entry(self, name: str) -> WorklistEntry | None:
        """The entry of a case by its name."""
        return next((entry for entry in self.model.entries if entry.case.name == name), None)

    def open_row(self) -> None:
        """Open the selected case, or the only one that the filter leaves."""
        rows = self.table.selectionModel().selectedRows()
        if not rows and self.order.rowCount() == 1:
            rows = [self.order.index(0, 0)]
        if rows:
            self.chosen.emit(self._shown(rows[0].row()).case)

    def unread(self, step: int, start: str) -> BidsCase | None:
        """The next case not done, not flagged, that can be read, in the table's order, from the one named `start`.

        Parameters
        ----------
        step : {1, -1}
            Downwards or upwards.
        start : str
            Where it is not in the table, from its upper or lower end.
        """
        rows = range(self.order.rowCount())[::step]
        here = self._row_of(start)
        later = [row for row in rows if here is None or (row - here) * step > 0]
        entries = map(self._shown, later)
        return next((entry.case for entry in entries if _is_unread(entry)), None)

    def _shown(self, row: int) -> WorklistEntry:
        return self.model.entries[self.order.mapToSource(self.order.index(row, 0)).row()]

    def _row_of(self, name: str) -> int | None:
        return next((row for row in range(self.order.rowCount()) if self._shown(row).case.name == name), None)

    def _filter(self, words: str) -> None:
        self.order.set_words(words)
        self._show_count()

    def _show_count(self) -> None:
        entries, shown = self.model.entries, self.order.rowCount()
        done, flagged = (sum(entry.state == state for entry in entries) for state in ("done", "flagged"))
        some = f"{shown} of " if shown != len(entries) else ""
        self.count.setText(f"{some}{len(entries)} cases, {done} done" + (f", {flagged} flagged" if flagged else ""))

    @property
    def reasons(self) -> list[str]:
        """Reasons for a flag: those that this list holds already, then the usual ones."""
        given = sorted({entry.reason for entry in self.model.entries if entry.reason}, key=str.lower)
        return list(dict.fromkeys([*given, *_REASONS]))


def _is_unread(entry: WorklistEntry) -> bool:
    return entry.state not in ("done", "flagged") and not entry.problem
