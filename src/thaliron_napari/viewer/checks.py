"""Columns to choose from by check boxes."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFrame, QGridLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from thaliron_napari.viewer.cohort_table import meaning

_NARROW = 130  # names up to this many pixels stand in two columns


class Checks(QWidget):
    """Columns to choose any number of, by check boxes.

    Parameters
    ----------
    title : str
    """

    checked = Signal(str)
    """A column was chosen by hand."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.boxes: dict[str, QCheckBox] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self._title = title
        self._heading = QLabel(title)
        self._heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column.addWidget(self._heading)
        self._scroll = scrolled(QWidget())
        self._scroll.setMinimumHeight(70)
        column.addWidget(self._scroll, 1)

    def offer(self, names: Sequence[str]) -> None:
        """Offer these columns, none of them chosen."""
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(4, 2, 4, 2)
        grid.setSpacing(2)
        widest = max((self.fontMetrics().horizontalAdvance(name) for name in names), default=0)
        columns = 1 if widest > _NARROW else 2
        self.boxes = {}
        for place, name in enumerate(names):
            box = QCheckBox(name)
            box.setToolTip(meaning(name))
            box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            box.clicked.connect(lambda on, name=name: self.checked.emit(name) if on else None)
            box.toggled.connect(self._name_chosen)
            grid.addWidget(box, place // columns, place % columns)
            self.boxes[name] = box
        grid.setRowStretch(len(names), 1)
        self._scroll.setWidget(inside)
        self._name_chosen()

    def choose(self, names: Sequence[str]) -> None:
        """Choose these and no others."""
        for name, box in self.boxes.items():
            box.setChecked(name in names)

    def chosen(self) -> list[str]:
        """What is chosen, in the order offered."""
        return [name for name, box in self.boxes.items() if box.isChecked()]

    def _name_chosen(self, _on: bool = False) -> None:
        chosen = ", ".join(self.chosen())
        self._heading.setText(f"{self._title}: {chosen}" if chosen else self._title)
        self._heading.setToolTip(chosen)

    def uncheck(self, name: str) -> None:
        """Choose one no longer."""
        if name in self.boxes:
            self.boxes[name].setChecked(False)


def scrolled(inside: QWidget) -> QScrollArea:
    """A widget in a frameless area that scrolls."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(inside)
    return area
