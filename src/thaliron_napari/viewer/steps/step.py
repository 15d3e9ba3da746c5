"""What the steps have in common, and small pieces of forms."""

from collections.abc import Callable
from typing import ClassVar

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from thaliron_napari.viewer.reading import Reading, ToolName
from thaliron_napari.viewer.tools import TOOLS

IMAGE_FILES = "Images (*.nii *.nii.gz *.mgz *.mgh)"


class Step(QWidget):
    """One step of the reading.

    Parameters
    ----------
    reading : Reading
    """

    title: ClassVar[str]
    tools: ClassVar[tuple[ToolName, ...]] = ()
    """Tools of this step. Opened with none of them in hand it offers the first; taking one up opens the step."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(10, 6, 6, 10)
        self.column.setSpacing(6)

    def enter(self) -> None:
        """Get ready: the grid and the tool of this step."""
        if self.reading.tool not in self.tools:
            self.reading.choose_tool(self.tools[0] if self.tools else "look")

    def leave(self) -> None:
        """Another step opens: give back what this one changed in the picture."""

    def refresh(self) -> None:
        """Show the numbers as they are now."""

    def done(self) -> bool:
        """Whether nothing is missing."""
        return False

    def missing(self) -> str:
        """What is missing, in two or three words beside the step's title; empty when nothing is."""
        return ""

    def next(self) -> str:
        """What to do next in this step, in one line; empty when it is done."""
        return ""

    def add_row(self, *widgets: QWidget) -> None:
        """Add widgets side by side."""
        add_row(self.column, *widgets)


def add_row(column: QVBoxLayout, *widgets: QWidget) -> None:
    """Add widgets side by side to a column."""
    row = QHBoxLayout()
    row.setSpacing(4)
    for widget in widgets:
        row.addWidget(widget)
    column.addLayout(row)


def button(text: str, tip: str, action: Callable[[], object]) -> QPushButton:
    """A push button; it takes no keyboard focus, so that keys stay with the canvas."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    made.clicked.connect(lambda _checked=False: action())
    return made


def tool_button(reading: Reading, name: ToolName) -> QPushButton:
    """A button that takes a tool in hand and shows whether it is."""
    tool = TOOLS[name]
    made = QPushButton(f"{tool.title}  {tool.key}")
    made.setToolTip(f"{tool.tip} Key {tool.key}.")
    made.setCheckable(True)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    made.clicked.connect(lambda _checked=False: reading.choose_tool("look" if reading.tool == name else name))
    reading.tool_changed.connect(lambda: made.setChecked(reading.tool == name))
    made.setChecked(reading.tool == name)
    return made


def narrow(*widgets: QWidget) -> tuple[QWidget, ...]:
    """Widgets that share the width there is, whatever their style would like."""
    for widget in widgets:
        widget.setSizePolicy(QSizePolicy.Policy.Ignored, widget.sizePolicy().verticalPolicy())
    return widgets


def text(words: str = "", *, wraps: bool = True) -> QLabel:
    """A label."""
    made = QLabel(words)
    made.setWordWrap(wraps)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def table(columns: list[str]) -> QTableWidget:
    """A table to read, whole rows selectable."""
    made = QTableWidget(0, len(columns))
    made.setHorizontalHeaderLabels(columns)
    made.verticalHeader().setVisible(False)
    made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    made.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    made.horizontalHeader().setStretchLastSection(True)
    return made


class _Cell(QTableWidgetItem):
    """A cell of a table; numbers stand to the right and are sorted by their value."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        is_number = words.lstrip("-+").replace(".", "", 1).isdigit()
        self.value = float(words) if is_number else None
        if is_number:
            self.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        theirs = getattr(other, "value", None)
        if self.value is not None and theirs is not None:
            return self.value < theirs
        return self.text() < other.text()


def fill_table(widget: QTableWidget, rows: list[list[str]]) -> None:
    """Put rows of text into a table; where it is sorted, it stays so."""
    sorts = widget.isSortingEnabled()
    widget.blockSignals(True)
    widget.setSortingEnabled(False)  # else rows move while they are filled
    widget.setRowCount(len(rows))
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            widget.setItem(r, c, _Cell(cell))
    widget.setSortingEnabled(sorts)
    widget.blockSignals(False)


def number(value: object, decimals: int = 1, unit: str = "") -> str:
    """A number for the eye; nothing where there is none."""
    if not isinstance(value, int | float) or value != value:
        return "–"
    return f"{value:.{decimals}f}{' ' + unit if unit else ''}"
