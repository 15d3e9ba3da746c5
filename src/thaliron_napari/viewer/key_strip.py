"""A strip at the edge of the picture: on which slices the thalami are drawn, filled between, or only proposed."""

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QEvent, QRectF, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QToolTip, QWidget

from thaliron_napari.case import SIDES, Case, Side
from thaliron_napari.case.thalamus import generated, proposed
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.canvas import canvas_widget
from thaliron_napari.viewer.reading import Reading

_COLUMN_PX = 5
_COLOUR = {"left": colours.LEFT, "right": colours.RIGHT}


@dataclass(frozen=True)
class _Slices:
    """Where one thalamus is."""

    keys: frozenset[int]
    generated: frozenset[int]
    proposed: bool


class KeyStrip(QWidget):
    """One column of slices a thalamus, as a scroll bar at the right edge, superior on top; a click goes there.

    Full are the slices drawn by hand (keys), pale those filled between, hollow those only proposed.

    Parameters
    ----------
    reading : Reading
    inside : QWidget
        Any widget of the viewer's window.
    """

    def __init__(self, reading: Reading, inside: QWidget) -> None:
        canvas = canvas_widget(inside)
        super().__init__(canvas)
        self.reading = reading
        self._thalami: dict[Side, _Slices] = {}
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setMouseTracking(True)
        if canvas is not None:
            canvas.installEventFilter(self)
        reading.display.moved.connect(self._follow)
        reading.changed.connect(self.refresh)
        reading.case_opened.connect(self.refresh)
        self.refresh()

    def refresh(self, _edit: Any = None) -> None:
        """Show the slices as they are now."""
        case = self.reading.case
        self._thalami = (
            {} if case is None or "qsm" not in case.images else {side: _slices(case, side) for side in SIDES}
        )
        self._place()
        self.update()

    def slice_at(self, y_px: float) -> int:
        """Which slice lies at a pixel."""
        count = self.reading.display.grid.shape[0]
        return min(max(int((1 - y_px / self.height()) * count), 0), count - 1)

    def pixel_of(self, z: int) -> float:
        """Where the middle of a slice lies."""
        return (1 - (z + 0.5) / self.reading.display.grid.shape[0]) * self.height()

    def words(self, z: int) -> str:
        """What is on a slice."""
        said = []
        for side, there in self._thalami.items():
            what = "drawn" if z in there.keys else "proposed" if there.proposed else "filled between"
            said.append(f"{side} {what}" if z in there.keys | there.generated else f"{side} empty")
        return f"slice {z + 1}: {', '.join(said)}"

    def eventFilter(self, canvas: Any, event: Any) -> bool:
        """Keep to the canvas's right edge."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _follow(self) -> None:
        """Show where the reading is, and go where another grid or a view in 3D is on show."""
        if self._wanted() == self.isHidden():
            self._place()
        self.update()

    def paintEvent(self, _event: Any) -> None:
        """Paint a column for each thalamus, and where the slice on show is."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0, 150))
        step = self.height() / self.reading.display.grid.shape[0]
        for place, (side, there) in enumerate(self._thalami.items()):
            full, pale = QColor(_COLOUR[side]), QColor(_COLOUR[side])
            pale.setAlpha(110)
            left = 2 + place * (_COLUMN_PX + 1)
            for z in there.keys | there.generated:
                box = QRectF(left, self.pixel_of(z) - step / 2 + 0.5, _COLUMN_PX, max(step - 1, 1))
                if z in there.keys:
                    painter.fillRect(box, full)
                elif there.proposed:
                    painter.setPen(full)
                    painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
                else:
                    painter.fillRect(box, pale)
        here = self.pixel_of(self.reading.display.slice_shown())
        painter.fillRect(QRectF(0, here - 1, self.width(), 2), QColor(colours.PEN))
        painter.end()

    def mousePressEvent(self, event: Any) -> None:
        """Go to a slice."""
        self._go(event)

    def mouseMoveEvent(self, event: Any) -> None:
        """Say what is on a slice; with the button down, go there."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event)
        QToolTip.showText(event.globalPosition().toPoint(), self.words(self.slice_at(event.position().y())), self)

    def _go(self, event: Any) -> None:
        display = self.reading.display
        display.scroll(self.slice_at(event.position().y()) - display.slice_shown())

    def _wanted(self) -> bool:
        """Whether there is anything to show, and the plane on which it lies is on show."""
        drawn = any(there.keys or there.generated for there in self._thalami.values())
        display = self.reading.display
        return drawn and display.grid_name == "qsm" and display.viewer.dims.ndisplay == 2

    def _place(self) -> None:
        canvas, shown = self.parentWidget(), self._wanted()
        self.setVisible(canvas is not None and shown)
        if canvas is not None and shown:
            width = 3 + 2 * (_COLUMN_PX + 1)
            self.setGeometry(canvas.width() - width, 0, width, canvas.height())
            self.raise_()


def _slices(case: Case, side: Side) -> _Slices:
    return _Slices(frozenset(case.annotations.keys(side)), frozenset(generated(case, side)), proposed(case, side))
