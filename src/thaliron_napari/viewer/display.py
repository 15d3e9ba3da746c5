"""What the canvas shows of a case: one grid at a time, images below, annotations above."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from thaliron_napari.case import Case, Edit, Role
from thaliron_napari.case.case import ROLE_NAME
from thaliron_napari.imaging import Grid
from thaliron_napari.viewer.label_layers import OURS, LabelLayers
from thaliron_napari.viewer.on_grid import GridName, OnGrid, carry

QSM_RANGE_PPB = (-100.0, 200.0)

_AFTER_PICTURE_MS = 150


class Display:
    """Layers of one case in one viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.case: Case | None = None
        self.grid_name: GridName = "qsm"
        self.fused_role: Role = "flair"
        self.labels = LabelLayers(viewer)
        self._layers: dict[str, Image] = {}
        self._later: QTimer | None = None
        self._on_grid = OnGrid()
        self._blend = {"qsm": 0.3, "flair": 1.0}
        self._limits: dict[Role, tuple[float, float]] = {"qsm": QSM_RANGE_PPB}
        self._qsm_colours = "gray"

    # -- which case, on which grid

    @property
    def grid(self) -> Grid:
        """The grid on show."""
        assert self.case is not None
        return self.case.images[self.grid_name].grid

    def open(self, case: Case) -> None:
        """Show another case."""
        self.case = case
        self._on_grid.clear()
        self._limits = {"qsm": self._limits["qsm"]}
        choices: list[Role] = [role for role in ("flair", "t1", "t1ce", "magnitude") if role in case.images]
        self.fused_role = choices[0] if choices else "flair"
        self.grid_name = "qsm" if "qsm" in case.images else "flair"
        for key in list(self._layers):
            self._drop(key)
        self.labels.open(case)
        self._show_base()
        self.viewer.dims.axis_labels = ("slice", "row", "column")
        self._go_to_middle()
        # The picture first: the other layers take napari seconds to make and can come once it is on screen.
        self._later = QTimer()
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._show_rest)
        self._later.start(0)

    def _show_rest(self) -> None:
        assert self._later is not None
        if self._later.interval() == 0:  # the event loop runs now: leave it the time to paint
            self._later.start(_AFTER_PICTURE_MS)
        elif all(layer in self.viewer.layers for layer in self._layers.values()):  # not closed meanwhile
            self.show(self.grid_name)

    def show(self, name: GridName) -> None:
        """Bring everything onto the grid of the QSM or of the FLAIR, at the same place in the patient."""
        case = self.case
        if case is None or name not in case.images:
            return
        if self._later is not None:
            self._later.stop()
        place = carry(case, self.grid.world(self._index_shown()), self.grid_name, name)
        self.grid_name = name
        with self._sliced_once():
            self._show_images()
            self.labels.show(name, self.grid)
        index = np.clip(np.round(self.grid.index(place)), 0, np.array(self.grid.shape) - 1)
        self.go_to(tuple(index))

    @contextmanager
    def _sliced_once(self) -> Iterator[None]:
        """Have napari cut its slices when all layers have their new data and scale, not after each.

        A hidden layer is not cut, and the viewer looks at the layers again when a layer's scale or its own dims speak:
        so these wait, and nobody else is told that layers were hidden. Half a second becomes a fifth.
        """
        if self.viewer.dims.ndim < 3:  # every layer was deleted: the sliders must hear of each change
            yield
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
            self.viewer.layers[0].events.scale()
        for changed in (dims.range, dims.point, dims.current_step):
            changed()
        for layer in seen:
            _set_visible(layer, True)

    # -- images

    def _show_images(self) -> None:
        case = self.case
        assert case is not None
        self._show_base()
        if self.fused_role in case.images:
            self._show_image("fused", self.fused_role, case.images[self.fused_role].data)
        else:
            self._drop("fused")
        self.set_blend(self.blend)
        base = self._layers.get("QSM") or self._layers.get("fused")
        self.viewer.layers.selection.active = base

    def _show_base(self) -> None:
        """Show the QSM, in ppb where its unit is known; the anatomical image where there is none."""
        case = self.case
        assert case is not None
        if "qsm" in case.images:
            self._show_image("QSM", "qsm", case.qsm_ppb if case.unit else case.images["qsm"].data)
        else:
            self._drop("QSM")
            self._show_image("fused", self.fused_role, case.images[self.fused_role].data)

    def _show_image(self, key: str, role: Role, data: NDArray[np.float32]) -> None:
        assert self.case is not None
        values = self._on_grid.values(self.case, role, data, self.grid_name)
        if role not in self._limits:
            self._limits[role] = _robust_range(values)
        limits = self._limits[role]
        layer = self._layers.get(key)
        name = "QSM (ppb)" if role == "qsm" else ROLE_NAME[role]
        if isinstance(layer, Image) and layer in self.viewer.layers:
            layer.data, layer.scale, layer.name = values, self.grid.spacing, name
        else:
            layer = self.viewer.add_image(
                values,
                name=name,
                scale=self.grid.spacing,
                colormap=self._qsm_colours if role == "qsm" else "gray",
                blending="translucent",
                units="mm",
                metadata={OURS: key},
            )
            self._layers[key] = layer
        layer.contrast_limits_range = (min(limits[0], -1000.0) if role == "qsm" else 0, max(limits[1] * 4, 1.0))
        layer.contrast_limits = limits
        self._order()

    @property
    def blend(self) -> float:
        """Share of the anatomical image over the QSM, 0 to 1."""
        return self._blend[self.grid_name]

    def set_blend(self, share: float) -> None:
        """Fade between QSM (0) and the anatomical image (1)."""
        self._blend[self.grid_name] = share
        fused = self._layers.get("fused")
        if fused is not None:
            fused.opacity = share if "QSM" in self._layers else 1.0

    def set_fused(self, role: Role) -> None:
        """Choose the image that is fused with the QSM."""
        self._remember_limits()
        self.fused_role = role
        self._show_images()

    def set_qsm_colours(self, colormap: str) -> None:
        """Show the QSM in one of napari's colour maps: ``gray``, or one with two signs for an overlay."""
        self._qsm_colours = colormap
        layer = self.image_layer("qsm")
        if layer is not None:
            layer.colormap = colormap

    def limits(self, role: Role) -> tuple[float, float]:
        """Window of an image, in its own values."""
        layer = self.image_layer(role)
        return tuple(layer.contrast_limits) if layer is not None else self._limits.get(role, (0.0, 1.0))

    def set_limits(self, role: Role, low: float, high: float) -> None:
        """Set the window of an image."""
        if not low < high:
            return
        self._limits[role] = (low, high)
        layer = self.image_layer(role)
        if layer is not None:
            old = layer.contrast_limits_range
            layer.contrast_limits_range = (min(low, old[0]), max(high, old[1]))
            layer.contrast_limits = (low, high)

    def image_layer(self, role: Role) -> Image | None:
        """Layer of an image, where it is on show."""
        if role == "qsm":
            return self._layers.get("QSM")
        return self._layers.get("fused") if role == self.fused_role else None

    def _remember_limits(self) -> None:
        layer = self._layers.get("fused")
        if layer is not None:
            self._limits[self.fused_role] = tuple(layer.contrast_limits)

    def update(self, edit: Edit) -> None:
        """Show what an edit changed."""
        assert self.case is not None
        if not self.labels.complete or any(layer not in self.viewer.layers for layer in self._layers.values()):
            self.show(self.grid_name)  # the user deleted a layer: it comes back with the next edit
        self.labels.update(edit)
        if edit.touches("registration/") or edit.touches("unit"):
            self._show_images()

    # -- layers

    def owns(self, layer: Layer) -> bool:
        """Whether a layer shows the case, rather than being the user's or another plugin's."""
        return OURS in layer.metadata

    def _drop(self, key: str) -> None:
        layer = self._layers.pop(key, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _order(self) -> None:
        """QSM lowest, the fused image over it, annotations above, other plugins' layers where they are."""
        wanted = [self._layers[k] for k in ("QSM", "fused") if k in self._layers]
        for place, layer in enumerate(wanted):
            if layer in self.viewer.layers and self.viewer.layers.index(layer) != place:
                self.viewer.layers.move(self.viewer.layers.index(layer), place)

    # -- places

    def _index_shown(self) -> NDArray[np.float64]:
        if self.viewer.dims.ndim < 3:  # every layer was deleted
            return np.array(self.grid.shape) / 2
        return np.array(self.viewer.dims.point[-3:]) / self.grid.spacing

    def slice_shown(self) -> int:
        """Axial slice on show."""
        return int(np.clip(round(self._index_shown()[0]), 0, self.grid.shape[0] - 1))

    def scroll(self, slices: int) -> None:
        """Go up or down by slices of the grid on show, along whatever axis the viewer slices."""
        dims = self.viewer.dims
        axis = dims.order[-3]
        along = axis - (dims.ndim - 3)
        size, step = self.grid.shape[along], self.grid.spacing[along]
        index = np.clip(round(dims.point[axis] / step) + slices, 0, size - 1)
        dims.set_point(axis, float(index * step))

    def _go_to_middle(self) -> None:
        self.go_to(tuple(n // 2 for n in self.grid.shape))
        self.viewer.reset_view()

    def go_to(self, index: NDArray[np.float64] | tuple[float, ...]) -> None:
        """Show the axial slice of an index (z, y, x) of the grid on show, centred in the plane on it."""
        point = np.asarray(index, float) * self.grid.spacing
        axes = range(self.viewer.dims.ndim - 3, self.viewer.dims.ndim)
        self.viewer.dims.set_point(list(axes), point.tolist())

    def values_at(self, position: tuple[float, ...]) -> dict[str, float]:
        """Values of the images on show at a position (z, y, x) in mm of the viewer; empty outside."""
        if self.case is None or len(position) < 3:
            return {}
        index = np.round(np.array(position[-3:]) / self.grid.spacing).astype(int)
        if (index < 0).any() or (index >= self.grid.shape).any():
            return {}
        return {layer.name: float(layer.data[tuple(index)]) for layer in self._layers.values()}


def _set_visible(layer: Layer, visible: bool) -> None:
    with layer.events.visible.blocker():
        layer.visible = visible


def _robust_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Window from nothing to the 99.5th percentile of what is not background."""
    inside = values[values > 0]
    if inside.size == 0:
        return 0.0, 1.0
    inside = inside[:: max(1, inside.size // 200_000)]
    return 0.0, float(np.percentile(inside, 99.5)) * 1.1
