"""A hand that reads as a person does: real mouse and key events on the canvas of a real window, counted.

The scripted demo, the screenshots and the tests of the window share it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from thaliron_napari.viewer.canvas import canvas_widget, to_pixel

# vispy drops moves that follow each other faster than 10 ms, and napari throttles once more.
_BETWEEN_MOVES_MS = 15


class Hand:
    """Mouse and keys on the canvas of a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    inside : QWidget
        Any widget of the viewer's window, such as the dock.

    Attributes
    ----------
    step : str
        What the hand is at.
    acts : Counter
        How often it clicked, dragged, pressed a key or turned the wheel by a notch, by step and kind.
    """

    def __init__(self, viewer: Any, inside: QWidget) -> None:
        self.viewer = viewer
        canvas = canvas_widget(inside)
        assert canvas is not None, "the widget lies in no viewer's window"
        self.canvas = canvas
        self.step = ""
        self.acts: Counter[tuple[str, str]] = Counter()

    def move(self, point_mm: Sequence[float]) -> None:
        """Move the mouse without a button."""
        self._send(QEvent.Type.MouseMove, point_mm, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)

    def click(self, point_mm: Sequence[float]) -> None:
        """Press and release the left button."""
        self.drag([point_mm])

    def drag(
        self,
        path_mm: Iterable[Sequence[float]],
        *,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        while_down: Callable[[], None] = lambda: None,
    ) -> None:
        """Press at the first point, move through the others, release at the last."""
        points = list(path_mm)
        self._count("drag" if len(points) > 1 else "click")
        self.move(points[0])
        self._send(QEvent.Type.MouseButtonPress, points[0], button, button, modifiers)
        for point in points[1:]:
            self._send(QEvent.Type.MouseMove, point, Qt.MouseButton.NoButton, button, modifiers)
        while_down()
        self._send(QEvent.Type.MouseButtonRelease, points[-1], button, Qt.MouseButton.NoButton, modifiers)

    def wheel(self, notches: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Turn the wheel over the middle of the canvas; positive is away from the hand."""
        self._count("notch", abs(notches))
        middle = QPointF(self.canvas.width() / 2, self.canvas.height() / 2)
        for _ in range(abs(notches)):
            event = QWheelEvent(
                middle,
                QPointF(self.canvas.mapToGlobal(middle.toPoint())),
                QPoint(0, 0),
                QPoint(0, 120 if notches > 0 else -120),
                Qt.MouseButton.NoButton,
                modifiers,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            QApplication.sendEvent(self.canvas, event)
            QTest.qWait(_BETWEEN_MOVES_MS)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key over the canvas."""
        self._count("key")
        QTest.keyClick(self.canvas, key, modifiers)
        QTest.qWait(_BETWEEN_MOVES_MS)

    def press(self, push_button: QWidget) -> None:
        """Click a button of the dock."""
        self._count("click")
        QTest.mouseClick(push_button, Qt.MouseButton.LeftButton)
        QTest.qWait(_BETWEEN_MOVES_MS)

    def click_plane(self, view: QWidget, pixel: QPoint) -> None:
        """Click a side plane: the crosshair, and with it the slice, goes there."""
        self._count("click")
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=pixel)
        QTest.qWait(_BETWEEN_MOVES_MS)

    def scroll_to(self, z: int, now: Callable[[], int]) -> None:
        """Turn the wheel until an axial slice is on show, as `now` tells."""
        self.wheel(z - now())

    def _count(self, kind: str, times: int = 1) -> None:
        self.acts[self.step, kind] += times

    def _send(
        self,
        kind: QEvent.Type,
        point_mm: Sequence[float],
        button: Qt.MouseButton,
        buttons: Qt.MouseButton,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        local = to_pixel(self.viewer, self.canvas, point_mm)
        everywhere = QPointF(self.canvas.mapToGlobal(local.toPoint()))
        QApplication.sendEvent(self.canvas, QMouseEvent(kind, local, everywhere, button, buttons, modifiers))
        QTest.qWait(_BETWEEN_MOVES_MS)
