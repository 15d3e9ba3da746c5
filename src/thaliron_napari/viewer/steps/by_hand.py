"""Six numbers that place an image: three shifts and three turns, moved by hand."""

from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QGridLayout, QWidget

from thaliron_napari.viewer.steps.step import text

_AXES = ("to R", "to A", "to S")
_TURNS = ("nod", "lean", "turn")
_MOST = (200.0, 180.0)
_STEP = 0.25
_PAUSE_MS = 250


class ByHand(QWidget):
    """Boxes for three shifts (mm) and three turns (degrees).

    A burst of changes is one move: `moved` comes when the hand rests.
    """

    moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_PAUSE_MS)
        self._rest.timeout.connect(self.moved)
        self.shifts = [self._box(grid, 0, place, name, " mm") for place, name in enumerate(_AXES)]
        self.turns = [self._box(grid, 1, place, name, "°") for place, name in enumerate(_TURNS)]
        for column in (1, 3):
            grid.setColumnStretch(column, 1)

    @property
    def is_moving(self) -> bool:
        """Whether a change waits to be told."""
        return self._rest.isActive()

    def values(self) -> tuple[list[float], list[float]]:
        """Shifts (mm) and turns (degrees) as they stand in the boxes."""
        return [box.value() for box in self.shifts], [box.value() for box in self.turns]

    def show_values(self, shifts_mm: Any, turns_deg: Any) -> None:
        """Put numbers into the boxes, without telling."""
        for box, value in zip([*self.shifts, *self.turns], [*shifts_mm, *turns_deg], strict=True):
            box.blockSignals(True)
            box.setValue(float(value))
            box.blockSignals(False)

    def stop(self) -> None:
        """Forget a change that waits to be told."""
        self._rest.stop()

    def _box(self, grid: QGridLayout, row: int, place: int, name: str, unit: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(-_MOST[row], _MOST[row])
        box.setSingleStep(_STEP)
        box.setSuffix(unit)
        box.setKeyboardTracking(False)
        box.setToolTip(
            f"How far the image is moved {name}." if row == 0 else f"The turn about the {'RAS'[place]} axis ({name})."
        )
        box.valueChanged.connect(lambda _value: self._rest.start())
        grid.addWidget(text(name, wraps=False), place, 2 * row)
        grid.addWidget(box, place, 2 * row + 1)
        return box
