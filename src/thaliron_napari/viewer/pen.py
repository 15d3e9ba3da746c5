"""The line and the circle under the hand, and the crosshair.

They are painted by Qt on a glass over the canvas, not by a layer: a layer's new data would be sliced, thumbnailed and
sent to the graphics card at each mouse move, and would stand in napari's layer list and slider range.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QLineF, QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from thaliron_napari.viewer import colours
from thaliron_napari.viewer.canvas import canvas_widget, to_pixel, to_pixels

Line = tuple[str, np.ndarray]

_ANGLES = np.linspace(0, 2 * np.pi, 49)


class Pen:
    """Shows where the tool is; nothing that it draws is part of the case.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self._glass: _Glass | None = None

    def attach(self, inside: QWidget) -> None:
        """Lay the glass over the canvas of the window that a widget lies in."""
        canvas = canvas_widget(inside)
        if canvas is not None and (self._glass is None or self._glass.parentWidget() is not canvas):
            self._glass = _Glass(self.viewer, canvas)

    def line(self, points_mm: Sequence[Sequence[float]], *, closed: bool = False) -> None:
        """Show a path through points (y, x) in mm; `closed` joins its ends."""
        path = np.asarray(points_mm, float)
        self._show(np.vstack([path, path[:1]]) if closed else path)

    def circle(self, centre_mm: Sequence[float], radius_mm: float) -> None:
        """Show a circle about (y, x) in mm."""
        self._show(np.stack([np.sin(_ANGLES), np.cos(_ANGLES)], axis=1) * radius_mm + np.asarray(centre_mm, float))

    def clear(self) -> None:
        """Show no line and no circle."""
        self._show(np.zeros((0, 2)))

    def lines(self, lines: Sequence[Line]) -> None:
        """Show lines that lie in the plane, each a colour and segments (n, 2, 2) of (y, x) in mm."""
        if self._glass is not None:
            self._glass.show_lines(lines)

    def cross(self, at_mm: Sequence[float] | None) -> None:
        """Show the crosshair at (y, x) in mm, or none."""
        if self._glass is not None:
            self._glass.show_cross(at_mm)

    def _show(self, path: np.ndarray) -> None:
        if self._glass is not None:
            self._glass.show_path(path)


class _Glass(QWidget):
    """A transparent sheet over the canvas that lets the mouse through."""

    def __init__(self, viewer: Any, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._viewer, self._canvas = viewer, canvas
        self._path = np.zeros((0, 2))
        self._cross: Sequence[float] | None = None
        self._lines: Sequence[Line] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        viewer.scene.camera.events.connect(self._follow)

    def show_path(self, path_mm: np.ndarray) -> None:
        """Show a path (n, 2), (y, x) in mm."""
        if len(path_mm) == 0 and len(self._path) == 0:
            return
        self._path = path_mm
        self._follow()

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show lines, each a colour and segments (n, 2, 2) of (y, x) in mm."""
        if lines or self._lines:
            self._lines = lines
            self._follow()

    def show_cross(self, at_mm: Sequence[float] | None) -> None:
        """Show the crosshair at (y, x) in mm, or none."""
        if (None if at_mm is None else tuple(at_mm)) != (None if self._cross is None else tuple(self._cross)):
            self._cross = at_mm
            self._follow()

    def paintEvent(self, _event: Any) -> None:
        """Paint the lines, the path and the crosshair where the camera has them now."""
        painter = QPainter(self)
        for colour, segments in self._lines:
            pixels = to_pixels(self._viewer, self._canvas, segments.reshape(-1, 2))
            paint_segments(painter, pixels.reshape(-1, 2, 2), colour)
        if self._cross is not None:
            paint_cross(painter, to_pixel(self._viewer, self._canvas, self._cross), self.width(), self.height())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colours.PEN), 1.5))
        if len(self._path) > 1:
            # All at once: to ask napari's camera for each of a line's points takes longer than the frame.
            pixels = to_pixels(self._viewer, self._canvas, self._path)
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in pixels.tolist()]))
        painter.end()

    def _follow(self, _event: Any = None) -> None:
        self.setVisible(len(self._path) > 1 or self._cross is not None or bool(self._lines))
        self.setGeometry(self._canvas.rect())
        self.raise_()
        self.update()


def paint_segments(painter: QPainter, pixels: np.ndarray, colour: str) -> None:
    """Paint segments, given by both ends (n, 2, 2) as (x, y) in pixels."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colour), 1.2))
    painter.drawLines([QLineF(x0, y0, x1, y1) for x0, y0, x1, y1 in pixels.reshape(-1, 4).tolist()])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_cross(painter: QPainter, at: QPointF, width: int, height: int) -> None:
    """Paint two thin lines that leave the point itself free."""
    painter.setPen(QPen(QColor(colours.CROSS), 1))
    gap = 9
    x, y = at.x(), at.y()
    painter.drawLine(QPointF(0, y), QPointF(x - gap, y))
    painter.drawLine(QPointF(x + gap, y), QPointF(width, y))
    painter.drawLine(QPointF(x, 0), QPointF(x, y - gap))
    painter.drawLine(QPointF(x, y + gap), QPointF(x, height))
