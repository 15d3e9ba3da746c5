"""The sagittal and the coronal plane beside the axial one, with one crosshair through all three."""

from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from thaliron_napari.viewer.plane import PLANES
from thaliron_napari.viewer.plane_view import PlaneView
from thaliron_napari.viewer.reading import Reading

_SOON_MS = 30
_WIDTH = 300


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
        reading.segmentation.changed.connect(self._changed)
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
