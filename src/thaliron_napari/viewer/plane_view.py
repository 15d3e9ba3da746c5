"""One side plane: painted by Qt from the layers' arrays, with a hand that does there what it does on the canvas."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QApplication, QSizePolicy, QWidget

from thaliron_napari.viewer import colours
from thaliron_napari.viewer.canvas import directions
from thaliron_napari.viewer.letters import words_of_point
from thaliron_napari.viewer.mouse import dragged_window, may_begin, stroke
from thaliron_napari.viewer.pen import paint_cross, paint_segments
from thaliron_napari.viewer.plane import Plane, image_sheet, label_sheet, shows
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.tools import TOOLS

_REACH_MM = 3.0  # beyond the disc: nearer to a thalamus than this a drag is a stroke
_MARGIN = 0.92  # of the room that a picture takes when it is shown whole


@dataclass(eq=False)
class PlaneEvent:
    """What a tool is told of the hand on a side plane, as napari tells it of the hand on the canvas.

    Parameters
    ----------
    type : str
        ``mouse_press``, ``mouse_move`` or ``mouse_release``.
    position : float array
        (z, y, x) in mm.
    modifiers : tuple of str
        ``Shift``, ``Alt``.
    across : int
        Axis of (z, y, x) that the plane cuts.
    """

    type: str
    position: np.ndarray
    modifiers: tuple[str, ...]
    across: int
    handled: bool = False


class PlaneView(QWidget):
    """One side plane: the hand does there what it does on the axial plane without a tool, and with one of a disc.

    Parameters
    ----------
    reading : Reading
    plane : Plane
    """

    def __init__(self, reading: Reading, plane: Plane) -> None:
        super().__init__()
        self.reading, self.plane = reading, plane
        self.zoom = 1.0
        self.shift_px = QPointF(0, 0)
        self._grip: QPointF | None = None
        self._window: tuple[QPointF, float, float] | None = None
        self._hover: QPointF | None = None
        self._press: QMouseEvent | None = None
        self._drag: tuple[Iterator[None], PlaneEvent] | None = None
        self.setMinimumSize(120, 100)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the reading's keys stay with the canvas
        self.setMouseTracking(True)

    # -- where things lie

    @property
    def is_mirrored(self) -> bool:
        """Whether the patient's left and right change place, as they do on the axial plane."""
        return self.plane.along == 2 and directions(self.reading.viewer)[1] < 0

    def show_whole(self) -> None:
        """Show the whole plane, in the middle."""
        self.zoom, self.shift_px = 1.0, QPointF(0, 0)
        self.update()

    def pixel(self, index: Any) -> QPointF:
        """Where an index (z, y, x) of the grid on show lies, whatever its depth."""
        picture = self._picture()
        shape = self.reading.display.grid.shape
        along = self.plane.along
        share = (index[along] + 0.5) / shape[along]
        return QPointF(
            picture.left() + (1 - share if self.is_mirrored else share) * picture.width(),
            picture.bottom() - (index[0] + 0.5) / shape[0] * picture.height(),
        )

    def index(self, pixel: QPointF) -> np.ndarray:
        """Index (z, y, x) that lies at a pixel, at the depth of the crosshair, kept inside the grid."""
        picture, display = self._picture(), self.reading.display
        shape = np.array(display.grid.shape)
        index = display.place()
        share = (pixel.x() - picture.left()) / picture.width()
        index[self.plane.along] = (1 - share if self.is_mirrored else share) * shape[self.plane.along] - 0.5
        index[0] = (picture.bottom() - pixel.y()) / picture.height() * shape[0] - 0.5
        return np.clip(index, 0, shape - 1)

    def _picture(self) -> QRectF:
        """The rectangle that the slice fills."""
        grid = self.reading.display.grid
        size_mm = np.array(grid.shape) * grid.spacing
        width_mm, height_mm = size_mm[self.plane.along], size_mm[0]
        scale = _MARGIN * min(self.width() / width_mm, self.height() / height_mm) * self.zoom
        width, height = width_mm * scale, height_mm * scale
        middle = QPointF(self.width() / 2, self.height() / 2) + self.shift_px
        return QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)

    # -- painting

    def paintEvent(self, _event: Any) -> None:
        """Paint the slice, the crosshair, the letters and where this is."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        display = self.reading.display
        if display.case is not None and display.viewer.dims.ndim >= 3:
            self._paint_layers(painter)
            self._paint_surfaces(painter)
            self._paint_cross(painter)
            self._paint_words(painter)
        painter.end()

    def _paint_layers(self, painter: QPainter) -> None:
        display, picture = self.reading.display, self._picture()
        shape = display.grid.shape
        index = round(float(display.place()[self.plane.across]))
        seen = picture.intersected(QRectF(self.rect()))
        left, top = math.floor(seen.left()), math.floor(seen.top())
        right, bottom = math.ceil(seen.right()), math.ceil(seen.bottom())
        columns = _cells(np.arange(left, right) + 0.5 - picture.left(), picture.width(), shape[self.plane.along])
        columns = shape[self.plane.along] - 1 - columns if self.is_mirrored else columns
        rows = _cells(np.arange(top, bottom) + 0.5 - picture.top(), picture.height(), shape[0])
        for layer in self.reading.viewer.layers:
            if not shows(layer, shape, display.aside) or not len(rows) or not len(columns):
                continue
            is_image = isinstance(layer, Image)
            sheet = (
                image_sheet(layer, self.plane, index)
                if is_image
                else label_sheet(layer, self.plane, index, rows, columns, outlined=self._outlined(layer))
            )
            if sheet.opacity == 0:
                continue
            pixels = np.ascontiguousarray(sheet.rgba[:, ::-1] if is_image and self.is_mirrored else sheet.rgba)
            height, width = pixels.shape[:2]
            image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
            painter.setOpacity(sheet.opacity)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, sheet.smooth)
            painter.setCompositionMode(
                QPainter.CompositionMode.CompositionMode_Plus
                if sheet.adds
                else QPainter.CompositionMode.CompositionMode_SourceOver
            )
            where = picture if is_image else QRectF(left, top, right - left, bottom - top)
            painter.drawImage(where, image)
        painter.setOpacity(1.0)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)

    def _paint_surfaces(self, painter: QPainter) -> None:
        """Paint where the surfaces of a segmentation cut this plane."""
        display, picture, plane = self.reading.display, self._picture(), self.plane
        index = round(float(display.place()[plane.across]))
        shape = display.grid.shape
        for colour, segments in self.reading.segmentation.lines(plane.across, index):
            shares = (segments + 0.5) / (shape[0], shape[plane.along])  # of (z, the other axis)
            across = 1 - shares[..., 1] if self.is_mirrored else shares[..., 1]
            pixels = np.stack(
                [picture.left() + across * picture.width(), picture.bottom() - shares[..., 0] * picture.height()], -1
            )
            paint_segments(painter, pixels, colour)

    def _outlined(self, layer: Any) -> bool:
        """Whether labels are shown as outlines; while they stand aside for surfaces, napari has none."""
        display = self.reading.display
        return bool(layer.contour > 0 or (layer in display.aside and display.owns(layer) and display.labels.outlines))

    def _paint_cross(self, painter: QPainter) -> None:
        at = self.pixel(self.reading.display.place())
        paint_cross(painter, at, self.width(), self.height())
        radius_mm = self.reading.radius_mm.get(self.reading.tool)
        if radius_mm is not None and self._hover is not None:
            grid = self.reading.display.grid
            scale = self._picture().width() / (grid.shape[self.plane.along] * grid.spacing[self.plane.along])
            painter.setPen(QPen(QColor(colours.PEN), 1.2))
            painter.drawEllipse(self._hover, radius_mm * scale, radius_mm * scale)

    def _paint_words(self, painter: QPainter) -> None:
        display = self.reading.display
        painter.setPen(QColor("white"))
        top, bottom, left, right = self.plane.letters
        left, right = (right, left) if self.is_mirrored else (left, right)
        room, flag = self.rect().adjusted(5, 2, -5, -2), Qt.AlignmentFlag
        for letter, where in (
            (top, flag.AlignTop | flag.AlignHCenter),
            (bottom, flag.AlignBottom | flag.AlignHCenter),
            (left, flag.AlignLeft | flag.AlignVCenter),
            (right, flag.AlignRight | flag.AlignVCenter),
        ):
            painter.drawText(room, where, letter)
        place = display.place()
        number, of = round(float(place[self.plane.across])) + 1, display.grid.shape[self.plane.across]
        axis = "A" if self.plane.across == 1 else "L"
        where = words_of_point(display.grid.world(place), axes=axis)
        painter.drawText(room, flag.AlignTop | flag.AlignLeft, f"{number} of {of}")
        painter.drawText(room, flag.AlignBottom | flag.AlignLeft, where)

    # -- the hand

    def mousePressEvent(self, event: Any) -> None:
        """Begin to move the crosshair or the picture, to change the window, or a stroke."""
        if self.reading.case is None:
            return
        if event.button() == Qt.MouseButton.LeftButton:
            if self._draws_at(event.position()):
                self._press = event.clone()  # a stroke once the hand moves; let go before that, it is a click
            else:
                self.reading.display.go_to(self.index(event.position()))
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._grip = event.position() - self.shift_px
        elif event.button() == Qt.MouseButton.RightButton:
            images = self.reading.display.images
            if images.layer(images.front) is not None:
                self._window = (event.position(), *images.limits(images.front))

    def mouseReleaseEvent(self, event: Any) -> None:
        """End a stroke, or a change of the window."""
        if event.button() == Qt.MouseButton.RightButton:
            self._window = None
        if event.button() == Qt.MouseButton.LeftButton:
            if self._drag is not None:
                self._go_on("mouse_release", event)
                self._drag = None
            elif self._press is not None:
                self.reading.display.go_to(self.index(event.position()))
            self._press = None

    def mouseMoveEvent(self, event: Any) -> None:
        """Go on with the stroke, move the crosshair with the left button, the picture with the middle one."""
        if self.reading.case is None:
            return
        self._hover = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton:
            if self._press is None:
                self.reading.display.go_to(self.index(event.position()))
            else:
                self._stroke(event)
        elif event.buttons() & Qt.MouseButton.MiddleButton and self._grip is not None:
            self.shift_px = event.position() - self._grip
        elif event.buttons() & Qt.MouseButton.RightButton and self._window is not None:
            start, low, high = self._window
            images, moved = self.reading.display.images, event.position() - start
            images.set_limits(images.front, *dragged_window(low, high, moved.x(), moved.y()))
        if event.buttons() or self.reading.tool in self.reading.radius_mm:
            self.update()

    def _draws_at(self, pixel: QPointF) -> bool:
        """Whether the tool in hand draws on this plane, with what it changes in reach; elsewhere is the crosshair."""
        tool, display = TOOLS.get(self.reading.tool), self.reading.display
        if tool is None or not tool.on_planes or display.grid_name != tool.grid or display.case is None:
            return False
        place, grid = self.index(pixel), display.grid
        across = self.plane.across
        drawn = display.case.annotations.label_map("thalami" if tool.grid == "qsm" else "lesions")
        labels = np.take(drawn, round(float(place[across])), axis=across)
        there = [axis for axis in range(3) if axis != across]
        away_mm = (np.argwhere(labels) - place[there]) * grid.spacing[there]
        reach_mm = self.reading.radius_mm[self.reading.tool] + _REACH_MM
        return bool(np.hypot(*away_mm.T).min(initial=np.inf) < reach_mm)

    def _stroke(self, event: Any) -> None:
        if self._drag is None:
            assert self._press is not None
            moved = event.position() - self._press.position()
            tool = TOOLS[self.reading.tool]
            if math.hypot(moved.x(), moved.y()) < QApplication.startDragDistance() / 2:
                return
            if not may_begin(self.reading, tool):
                self._press = None
                return
            first = PlaneEvent("mouse_press", self._position(self._press), _modifiers(event), self.plane.across)
            self._drag = stroke(self.reading, tool.drag(self.reading, first), first), first
            next(self._drag[0], None)
        self._go_on("mouse_move", event)

    def _go_on(self, kind: Literal["mouse_move", "mouse_release"], event: Any) -> None:
        assert self._drag is not None
        drag, what = self._drag
        what.type, what.position = kind, self._position(event)
        next(drag, None)
        self.update()

    def _position(self, event: Any) -> np.ndarray:
        """Where an event is, (z, y, x) in mm."""
        return self.index(event.position()) * self.reading.display.grid.spacing

    def leaveEvent(self, _event: Any) -> None:
        """Take the tool's circle away."""
        self._hover = None
        self.update()

    def wheelEvent(self, event: Any) -> None:
        """Scroll through the slices; with Ctrl, zoom about the cursor."""
        if self.reading.case is None:
            return
        step = 1 if event.angleDelta().y() > 0 else -1
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            factor = 1.15**step
            middle = QPointF(self.width() / 2, self.height() / 2)
            away = event.position() - middle - self.shift_px
            self.zoom *= factor
            self.shift_px -= away * (factor - 1)
            self.update()
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.reading.change_radius(0.5 * step)
        else:
            display = self.reading.display
            place = display.place()
            place[self.plane.across] = np.clip(
                round(place[self.plane.across]) + step, 0, display.grid.shape[self.plane.across] - 1
            )
            display.go_to(place)
        event.accept()

    def mouseDoubleClickEvent(self, _event: Any) -> None:
        """Show the whole plane again."""
        self.show_whole()


def _modifiers(event: Any) -> tuple[str, ...]:
    names = {"Shift": Qt.KeyboardModifier.ShiftModifier, "Alt": Qt.KeyboardModifier.AltModifier}
    return tuple(name for name, flag in names.items() if event.modifiers() & flag)


def _cells(pixels: np.ndarray, length: float, count: int) -> np.ndarray:
    """Which of `count` cells along a length each pixel lies in."""
    return np.clip((pixels / length * count).astype(np.intp), 0, count - 1)
