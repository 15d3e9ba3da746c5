"""What the canvas shows of a case: one grid at a time, images below, annotations above."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from thaliron_napari.case import Case, Edit, Side
from thaliron_napari.case.annotations import LABEL_MAPS, Annotations
from thaliron_napari.case.edits import VoxelChange
from thaliron_napari.imaging import Grid
from thaliron_napari.viewer.image_layers import ImageLayers
from thaliron_napari.viewer.label_layers import OURS, LabelLayers, labels_imported
from thaliron_napari.viewer.on_grid import GridName, carry

_AFTER_PICTURE_MS = 150


class Display:
    """Layers of one case in one viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    moved = Signal()
    """The crosshair is elsewhere, or another slice on show."""
    brought_onto_grid = Signal()
    """Another case or grid is about to be shown: what else lies over the images has to follow now."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.case: Case | None = None
        self._cross_mm = np.zeros(3)
        viewer.dims.events.point.connect(self._on_point)
        self.grid_name: GridName = "qsm"
        self.images = ImageLayers(viewer)
        self.labels = LabelLayers(viewer)
        self.aside: tuple[Layer, ...] = ()
        """Layers that gave the canvas to surfaces; the side planes go on showing them."""
        self._later: QTimer | None = None

    # -- which case, on which grid

    @property
    def grid(self) -> Grid:
        """The grid on show."""
        assert self.case is not None
        return self.case.images[self.grid_name].grid

    def open(self, case: Case) -> None:
        """Show another case."""
        self.case = case
        self.grid_name = "qsm" if "qsm" in case.images else "flair"
        self.images.open(case)
        self.labels.open(case)
        middle = tuple(n // 2 for n in self.grid.shape)
        if self._later is not None:
            self._later.stop()
        if self.images.shown:
            with self._sliced_once(middle):
                self.images.show(self.grid_name, self.grid)
                self.labels.show(self.grid_name, self.grid)
                self.brought_onto_grid.emit()
            self.viewer.reset_view()
            return
        self.images.show_first(self.grid_name, self.grid)
        self.viewer.dims.axis_labels = ("slice", "row", "column")
        self.go_to(middle)
        self.viewer.reset_view()
        # The picture first: for the other layers napari imports for two seconds, and can do so beside the window.
        self._later = QTimer()
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._show_rest)
        self._later.start(0)

    def _show_rest(self) -> None:
        assert self._later is not None
        if self._later.interval() == 0 or not labels_imported():  # the event loop runs now: leave it the time to paint
            self._later.start(_AFTER_PICTURE_MS)
        elif self.images.complete:  # not closed meanwhile
            self.show(self.grid_name)

    def show(self, name: GridName) -> None:
        """Bring everything onto the grid of the QSM or of the FLAIR, at the same place in the patient."""
        case = self.case
        if case is None or name not in case.images:
            return
        if self._later is not None:
            self._later.stop()
        place = carry(case, self.grid.world(self.place()), self.grid_name, name)
        self.grid_name = name
        index = np.clip(np.round(self.grid.index(place)), 0, np.array(self.grid.shape) - 1)
        with self._sliced_once(tuple(index)):
            self.images.show(name, self.grid)
            if labels_imported():
                self.labels.show(name, self.grid)
            elif self._later is not None:
                self._later.start(_AFTER_PICTURE_MS)
            if labels_imported():
                self.brought_onto_grid.emit()

    @contextmanager
    def _sliced_once(self, index: tuple[float, ...]) -> Iterator[None]:
        """Have napari cut its slices when all layers have their new data and scale, at an index, not after each.

        A hidden layer is not cut, and the viewer looks at the layers again when a layer's scale or its own dims speak:
        so these wait, and nobody else is told that layers were hidden. Half a second becomes a fifth.
        """
        if self.viewer.dims.ndim < 3:  # every layer was deleted: the sliders must hear of each change
            yield
            self.go_to(index)
            return
        seen = [layer for layer in self.viewer.layers if layer.visible]
        for layer in seen:
            _set_visible(layer, False)
        dims = self.viewer.dims.events
        with dims.blocker_all():
            with ExitStack() as silence:
                for layer in self.viewer.layers:
                    silence.enter_context(layer.events.scale.blocker())
                yield
            self.viewer.layers[0].events.scale()  # the viewer learns of the new extent
            self.go_to(index)
        for changed in (dims.range, dims.point, dims.current_step):
            changed()
        for layer in seen:
            _set_visible(layer, True)

    def update(self, edit: Edit) -> None:
        """Show what an edit changed."""
        assert self.case is not None
        if not (self.images.complete and self.labels.complete):
            self.show(self.grid_name)  # the user deleted a layer: it comes back with the next edit
        self.labels.update(edit)
        if edit.touches("registration/") or edit.touches("unit"):
            self.images.refresh()

    def set_neurological(self, neurological: bool) -> None:
        """Show the patient's left on the left of the picture, or on its right; the depth goes with it.

        With all three axes napari's own display is a mirror image of the patient: seen from the feet, as axial slices
        are, Superior is away from the reader.
        """
        self.viewer.scene.camera.orientation = (
            ("towards", "down", "left") if neurological else ("away", "down", "right")
        )

    def show_veins(self, veins: NDArray[np.bool_] | None) -> None:
        """Show veins (z, y, x) on the QSM grid of the case; None: hide them."""
        self.labels.show_veins(veins)
        if veins is not None:
            self.labels.show(self.grid_name, self.grid)

    def owns(self, layer: Layer) -> bool:
        """Whether a layer shows the case, rather than being the user's or another plugin's."""
        return OURS in layer.metadata

    @property
    def is_axial(self) -> bool:
        """Whether the canvas shows one axial plane upright: not 3D, not turned, not layers side by side."""
        dims = self.viewer.dims
        if dims.ndim < 3:  # every layer was deleted: they come back with the next edit, as they were
            return True
        in_plane = list(dims.order[-2:]) == [dims.ndim - 2, dims.ndim - 1]
        return dims.ndisplay == 2 and in_plane and not self.viewer.canvas.grid.enabled

    # -- places

    def place(self) -> NDArray[np.float64]:
        """Index (z, y, x) of the crosshair on the grid on show."""
        if self.viewer.dims.ndim < 3:  # every layer was deleted
            return np.array(self.grid.shape) / 2
        return self._cross_mm / self.grid.spacing

    def slice_shown(self) -> int:
        """Axial slice on show."""
        return int(np.clip(round(self.place()[0]), 0, self.grid.shape[0] - 1))

    def scroll(self, slices: int) -> None:
        """Go up or down by slices of the grid on show, along whatever axis the viewer slices."""
        dims = self.viewer.dims
        axis = dims.order[-3]
        along = axis - (dims.ndim - 3)
        size, step = self.grid.shape[along], self.grid.spacing[along]
        index = np.clip(round(dims.point[axis] / step) + slices, 0, size - 1)
        dims.set_point(axis, float(index * step))

    def go_to(self, index: NDArray[np.float64] | tuple[float, ...]) -> None:
        """Put the crosshair at an index (z, y, x) of the grid on show, and show the slice that it lies in.

        The viewer is told of the slice alone: of any other coordinate napari would cut all layers anew.
        """
        self._cross_mm = np.asarray(index, float) * self.grid.spacing
        axis, along = self._sliced_axis()
        if along is not None and self.viewer.dims.point[axis] != self._cross_mm[along]:
            self.viewer.dims.set_point(axis, float(self._cross_mm[along]))
        self.moved.emit()

    def _sliced_axis(self) -> tuple[int, int | None]:
        """The viewer's axis that is sliced, and which of (z, y, x) that is; None: another layer's."""
        dims = self.viewer.dims
        if dims.ndim < 3:
            return 0, None
        axis = int(dims.order[-3])
        along = axis - (dims.ndim - 3)
        return axis, along if along >= 0 else None

    def _on_point(self, _event: Any = None) -> None:
        """Follow the viewer's slider."""
        axis, along = self._sliced_axis()
        if self.case is not None and along is not None and self._cross_mm[along] != self.viewer.dims.point[axis]:
            self._cross_mm[along] = self.viewer.dims.point[axis]
            self.moved.emit()

    def look_at(self, edit: Edit) -> None:
        """Go to the slice that an edit changed, where it is one of the grid on show: nothing changes unseen."""
        slices = [z for grid_name, z in _slices_of(edit) if grid_name == self.grid_name]
        if slices and self.slice_shown() not in slices:
            index = self.place()
            index[0] = sorted(slices)[len(slices) // 2]
            self.go_to(index)

    def values_at(self, position: tuple[float, ...]) -> dict[str, float]:
        """Values of the images on show at a position (z, y, x) in mm of the viewer; empty outside."""
        if self.case is None or len(position) < 3:
            return {}
        index = np.round(np.array(position[-3:]) / self.grid.spacing).astype(int)
        if (index < 0).any() or (index >= self.grid.shape).any():
            return {}
        return self.images.values_at(tuple(index))


def _slices_of(edit: Edit) -> Iterator[tuple[GridName, int]]:
    """Grid and axial slice of everything that an edit changes in the picture."""
    for change in edit.changes:
        if isinstance(change, VoxelChange):
            for z in range(change.corner[0], change.corner[0] + change.shape[0]):
                yield LABEL_MAPS[change.name], z
        elif change.name.startswith("csf/"):
            for fact in (change.before, change.after):
                side: Side = "left" if change.name == "csf/left" else "right"
                for circle in Annotations(facts={change.name: fact or []}).csf_circles(side):
                    yield "qsm", round(circle.centre[0])


def _set_visible(layer: Layer, visible: bool) -> None:
    with layer.events.visible.blocker():
        layer.visible = visible
