"""The sagittal and the coronal plane beside the axial one, with one crosshair through all three."""

import math
from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QPointF, QRectF, Qt, QTimer
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QDockWidget, QMainWindow, QSizePolicy, QVBoxLayout, QWidget

from thaliron_napari.viewer import colours
from thaliron_napari.viewer.canvas import directions
from thaliron_napari.viewer.letters import words_of_point
from thaliron_napari.viewer.mouse import dragged_window
from thaliron_napari.viewer.pen import paint_cross
from thaliron_napari.viewer.plane import PLANES, Plane, image_sheet, label_sheet, shows
from thaliron_napari.viewer.reading import Reading

_SOON_MS = 30
_WIDTH = 300
_MARGIN = 0.92  # of the room that a picture takes when it is shown whole


class Planes(QWidget):
    """Both side planes, one above the other.

    Parameters
    ----------
    reading : Reading
    """

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        self.setMinimumWidth(200)
        column = QVBoxLayout(self)
        column.setContentsMargins(2, 2, 2, 2)
        column.setSpacing(2)
        self.views = {name: PlaneView(reading, plane) for name, plane in PLANES.items()}
        for view in self.views.values():
            column.addWidget(view, 1)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._repaint)
        layers = reading.viewer.layers
        layers.events.inserted.connect(self._watch)
        layers.events.removed.connect(self._changed)
        layers.events.reordered.connect(self._changed)
        for layer in layers:
            layer.events.connect(self._changed)
        reading.viewer.scene.camera.events.orientation.connect(self._changed)
        reading.display.moved.connect(self._changed)
        reading.tool_changed.connect(self._changed)
        reading.case_opened.connect(self._show_whole)
        stop = self._stop_watching(layers)
        self.destroyed.connect(lambda *_: stop())

    def sizeHint(self) -> Any:
        """Narrower than the axial plane."""
        hint = super().sizeHint()
        hint.setWidth(_WIDTH)
        return hint

    def _stop_watching(self, layers: Any) -> Any:
        changed, watch = self._changed, self._watch

        orientation = self.reading.viewer.scene.camera.events.orientation

        def stop() -> None:
            orientation.disconnect(changed)
            layers.events.inserted.disconnect(watch)
            layers.events.removed.disconnect(changed)
            layers.events.reordered.disconnect(changed)
            for layer in layers:
                layer.events.disconnect(changed)

        return stop

    def _watch(self, event: Any) -> None:
        event.value.events.connect(self._changed)
        self._changed()

    def _changed(self, _event: Any = None) -> None:
        """Paint anew, soon: once for many changes, and not while the hand draws."""
        if not self._soon.isActive():
            self._soon.start()

    def _repaint(self) -> None:
        if self.reading.stroke == "going on" and self.reading.tool != "look":
            self._soon.start()
            return
        self._show_cross()
        for view in self.views.values():
            view.update()

    def showEvent(self, event: Any) -> None:
        """Take the room beside the axial plane, and show the crosshair there too."""
        super().showEvent(event)
        window, dock = self.window(), self.parentWidget()
        if isinstance(window, QMainWindow) and isinstance(dock, QDockWidget):
            window.resizeDocks([dock], [_WIDTH], Qt.Orientation.Horizontal)
        self._changed()

    def hideEvent(self, event: Any) -> None:
        """Without side planes there is nothing for a crosshair to tell."""
        super().hideEvent(event)
        self.reading.pen.cross(None)

    def _show_cross(self) -> None:
        display = self.reading.display
        shown = display.case is not None and display.viewer.dims.ndim >= 3 and display.is_axial and self.isVisible()
        self.reading.pen.cross((display.place() * display.grid.spacing)[1:] if shown else None)

    def _show_whole(self) -> None:
        for view in self.views.values():
            view.show_whole()


def toggle_planes(panel: QWidget, reading: Reading) -> None:
    """Show the side planes between the canvas and the dock, or the axial plane alone."""
    window = panel.window()
    planes = window.findChild(Planes)
    if planes is not None:
        dock = planes.parentWidget()
        dock.setVisible(not dock.isVisible())
        return
    planes = Planes(reading)
    reading.viewer.window.add_dock_widget(planes, name="Planes", area="right", tabify=False)
    dock, beside = planes.parentWidget(), panel.parentWidget()
    if isinstance(window, QMainWindow) and isinstance(dock, QDockWidget) and isinstance(beside, QDockWidget):
        size = window.size()
        window.splitDockWidget(dock, beside, Qt.Orientation.Horizontal)
        window.resize(size)


class PlaneView(QWidget):
    """One side plane: the hand does what it does on the axial plane without a tool.

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
        """Begin to move the crosshair, or the picture."""
        if self.reading.case is None:
            return
        if event.button() == Qt.MouseButton.LeftButton:
            self.reading.display.go_to(self.index(event.position()))
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._grip = event.position() - self.shift_px
        elif event.button() == Qt.MouseButton.RightButton:
            images = self.reading.display.images
            if images.layer(images.front) is not None:
                self._window = (event.position(), *images.limits(images.front))

    def mouseReleaseEvent(self, event: Any) -> None:
        """End a change of the window."""
        if event.button() == Qt.MouseButton.RightButton:
            self._window = None

    def mouseMoveEvent(self, event: Any) -> None:
        """Move the crosshair with the left button, the picture with the middle one."""
        if self.reading.case is None:
            return
        self._hover = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.reading.display.go_to(self.index(event.position()))
        elif event.buttons() & Qt.MouseButton.MiddleButton and self._grip is not None:
            self.shift_px = event.position() - self._grip
        elif event.buttons() & Qt.MouseButton.RightButton and self._window is not None:
            start, low, high = self._window
            images, moved = self.reading.display.images, event.position() - start
            images.set_limits(images.front, *dragged_window(low, high, moved.x(), moved.y()))
        if event.buttons() or self.reading.tool in self.reading.radius_mm:
            self.update()

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


def _cells(pixels: np.ndarray, length: float, count: int) -> np.ndarray:
    """Which of `count` cells along a length each pixel lies in."""
    return np.clip((pixels / length * count).astype(np.intp), 0, count - 1)
