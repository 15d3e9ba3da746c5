"""The list of all keys and of what the mouse does, in a small window that can stay open beside the picture."""

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from thaliron_napari.viewer.keys import MOUSE, key_groups
from thaliron_napari.viewer.reading import Reading

_SHOWN = {"Control": "Ctrl", "PageDown": "Page Down", "PageUp": "Page Up"}
_COLUMNS = (("Tools", "Case"), ("Picture", "Mouse"))
_SIZE = (920, 580)


class KeySheet(QWidget):
    """All keys with their words; Escape or ? closes it.

    Parameters
    ----------
    reading : Reading
    parent : QWidget
        Whose window it stays above.
    """

    def __init__(self, reading: Reading, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Tool)
        self.setWindowTitle("Keys and mouse")
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        groups = {
            title: {shown(key): action.words for key, action in group.items()}
            for title, group in key_groups(reading).items()
        }
        self.groups = groups | {"Mouse": MOUSE}
        """What is written, by group."""
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setHorizontalSpacing(24)
        for place, titles in enumerate(_COLUMNS):
            column = QVBoxLayout()
            for title in titles:
                label = QLabel(_table(title, self.groups[title]))
                label.setWordWrap(True)
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
                column.addWidget(label)
            column.addStretch(1)
            grid.addLayout(column, 0, place)
            grid.setColumnStretch(place, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(scroll)
        for key in ("Escape", "F1"):  # the shortcut ? of the window that this one belongs to is heard here too
            QShortcut(QKeySequence(key), self, self.hide)
        self.resize(*_SIZE)


def shown(key: str) -> str:
    """A key as it is written on the keyboard, from napari's name for it."""
    return " + ".join(_SHOWN.get(part, part) for part in key.split("-"))


def _table(title: str, rows: dict[str, str]) -> str:
    cells = (
        f"<td style='padding-right: 12px; white-space: nowrap'><b>{escape(key)}</b></td><td>{escape(words)}</td>"
        for key, words in rows.items()
    )
    return f"<h3>{title}</h3><table cellspacing='3'>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
