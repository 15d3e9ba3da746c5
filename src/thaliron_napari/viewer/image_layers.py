"""The layers that show a case's images: one below, one over it, on one grid, with their windows."""

from typing import Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from psygnal import Signal

from thaliron_napari.case import ROLE_NAME, Case, Role
from thaliron_napari.imaging import Grid
from thaliron_napari.viewer import presets
from thaliron_napari.viewer.canvas import directions
from thaliron_napari.viewer.comparison import Comparison, checkerboard, edges, swipe
from thaliron_napari.viewer.label_layers import OURS
from thaliron_napari.viewer.on_grid import ORDER, GridName, on_grid
from thaliron_napari.viewer.presets import Limits, Preset
from thaliron_napari.viewer.signed_colours import signed_colours

_EDGE_COLOUR = "yellow"
_IN_PPB: dict[str, tuple[Preset, ...]] = {"qsm": presets.QSM, "signed qsm": presets.SIGNED_QSM}


class ImageLayers:
    """Image layers of one case in one viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    changed = Signal()
    """Another image is in front, or an image has another window."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.case: Case | None = None
        self.below: Role = "qsm"
        self.over: Role | None = None
        self.comparison: Comparison = "blend"
        self._grid_name: GridName = "qsm"
        self._grid: Grid | None = None
        self._layers: dict[str, Image] = {}
        self._values: dict[str, NDArray[np.float32]] = {}
        self._share: dict[GridName, float] = {"qsm": 0.3, "flair": 1.0}
        self._limits: dict[str, Limits] = {}
        """Windows by scale, see :meth:`_scale`."""
        self._relative: dict[str, Limits] = {}
        self._presets: dict[str, tuple[Preset, ...]] = {}
        self._following: dict[str, str] = {}
        """Scale of each layer, where what napari's own controls do to it is followed."""
        self.signed_qsm = False
        self._edges: tuple[NDArray[np.float32], float, NDArray[np.float32]] | None = None
        viewer.scene.camera.events.orientation.connect(self._on_orientation)

    def open(self, case: Case) -> None:
        """Take another case, to be shown next, with the windows of this one.

        They stay in ppb for the QSM; in arbitrary units they stay as they are to the automatic window.
        """
        for scale in [scale for scale in self._presets if scale not in _IN_PPB]:
            low, high = self._presets.pop(scale)[0].limits
            if scale in self._limits:
                first, last = self._limits.pop(scale)
                self._relative[scale] = (first - low) / (high - low), (last - low) / (high - low)
        self._following.clear()
        self.case = case
        self._edges = None
        self.below, self.over, *_ = *self.roles(), None
        self._share["flair"] = 1.0 if self.over == "flair" else 0.0

    def show_first(self, grid_name: GridName, grid: Grid) -> None:
        """Show the lower image alone."""
        for key in list(self._layers):
            self._drop(key)
        self._grid_name, self._grid = grid_name, grid
        self._show("below", self.below)

    def _on_orientation(self, _event: Any = None) -> None:
        if self.comparison == "swipe" and self.complete:
            self.set_comparison("swipe")

    def roles(self) -> list[Role]:
        """The images that there are."""
        return [] if self.case is None else [role for role in ORDER if role in self.case.images]

    @property
    def shown(self) -> bool:
        """Whether there are layers, all of which the user left in the viewer."""
        return bool(self._layers) and self.complete

    @property
    def complete(self) -> bool:
        """Whether the user has deleted none of the layers."""
        return all(layer in self.viewer.layers for layer in self._layers.values())

    def show(self, grid_name: GridName, grid: Grid) -> None:
        """Show the images on a grid."""
        self._grid_name, self._grid = grid_name, grid
        self.refresh()

    def refresh(self) -> None:
        """Show the images as the case has them now."""
        for key, layer in self._layers.items():
            layer.name = key  # for now: of two layers of one name napari numbers the second
        self._show("below", self.below)
        if self.over is None:
            self._drop("over")
        else:
            self._show("over", self.over)
            self.set_share(self.share)
        self.viewer.layers.selection.active = self._layers["below"]

    @property
    def share(self) -> float:
        """How much of the upper image is seen, 0 to 1."""
        return self._share[self._grid_name]

    def set_share(self, share: float) -> None:
        """See more or less of the upper image: its opacity; its side of the line; or the size of the squares."""
        moved = self.comparison in ("checkerboard", "swipe") and share != self.share
        self._share[self._grid_name] = share
        layer = self._layers.get("over")
        if layer is not None:
            layer.opacity = share if self.comparison in ("blend", "edges") else 1.0
            if moved:
                layer.data = self._compared()
        self.changed.emit()

    def set_comparison(self, comparison: Comparison) -> None:
        """Choose how the upper image is compared with the lower one."""
        self.comparison = comparison
        if self.over is not None:
            self._show("over", self.over)
            self.set_share(self.share)

    def set_roles(self, below: Role, over: Role | None) -> None:
        """Choose the two images."""
        self.below, self.over = below, over if over != below else None
        self.refresh()

    def set_signed_qsm(self, signed: bool) -> None:
        """Show the QSM in grey, or in two colours that part at 0 ppb; each has a window of its own."""
        if signed and "signed qsm" not in self._limits:
            low, high = self._limits.get("qsm", presets.QSM[0].limits)
            self._limits["signed qsm"] = (low - high) / 2, (high - low) / 2
        self.signed_qsm = signed
        for key, role in (("below", self.below), ("over", self.over)):
            if role == "qsm" and key in self._layers:
                self._colour(key, role)
        self.changed.emit()

    def layer(self, role: Role | None) -> Image | None:
        """Layer of an image, where it is on show."""
        key = "below" if role == self.below else "over" if role == self.over else ""
        return self._layers.get(key)

    @property
    def front(self) -> Role:
        """The image that shows most."""
        return self.over if self.over is not None and self.share > 0.5 else self.below

    def limits(self, role: Role) -> Limits:
        """Window of an image, in its own values."""
        scale = self._scale(role)
        if scale not in self._limits:
            low, high = self.presets(role)[0].limits
            first, last = self._relative.get(scale, (0.0, 1.0))
            self._limits[scale] = low + first * (high - low), low + last * (high - low)
        return self._limits[scale]

    def set_limits(self, role: Role, low: float, high: float) -> None:
        """Set the window of an image; in colours that part at 0 it becomes as wide about 0."""
        if not low < high:
            return
        scale, half = self._scale(role), (high - low) / 2
        self._limits[scale] = (-half, half) if scale == "signed qsm" else (low, high)
        for key, shown in (("below", self.below), ("over", self.over)):
            if shown == role and key in self._layers:
                self._set_window(key, role)
        self.changed.emit()

    def presets(self, role: Role) -> tuple[Preset, ...]:
        """The usual windows of an image; the first one is where it begins."""
        scale = self._scale(role)
        if scale not in self._presets:
            assert self.case is not None
            self._presets[scale] = _IN_PPB.get(scale) or presets.automatic(self.case.images[role].data)
        return self._presets[scale]

    def use_preset(self, place: int) -> None:
        """Give the image in front one of its usual windows."""
        if self.case is not None:
            self.set_limits(self.front, *self.presets(self.front)[place].limits)

    def in_ppb(self, role: Role) -> bool:
        """Whether the values of an image are ppb, rather than in a unit that nobody knows."""
        return self._scale(role) in _IN_PPB

    def _scale(self, role: Role) -> str:
        """What the values of an image are measured in and shown by: that is what a window belongs to."""
        if role != "qsm":
            return role
        if self.case is not None and not self.case.unit:
            return "qsm of unknown unit"
        return "signed qsm" if self.signed_qsm else "qsm"

    def _set_window(self, key: str, role: Role) -> None:
        """Give a layer the window of its image."""
        self._following.pop(key, None)
        layer, (low, high) = self._layers[key], self.limits(role)
        least, most = layer.contrast_limits_range
        if low < least or high > most:
            layer.contrast_limits_range = min(low, least), max(high, most)
        layer.contrast_limits = low, high
        self._following[key] = self._scale(role)

    def _follow(self, key: str) -> None:
        """Take over the window that napari's own controls gave a layer."""
        role = self.below if key == "below" else self.over
        if role is None or self._following.get(key) != self._scale(role):
            return
        low, high = (float(value) for value in self._layers[key].contrast_limits)
        if (low, high) != self.limits(role):
            self.set_limits(role, low, high)

    def _colour(self, key: str, role: Role) -> None:
        """Give a layer the colours and the window of its image."""
        self._following.pop(key, None)
        layer, (low, high) = self._layers[key], self.limits(role)
        is_edges = key == "over" and self.comparison == "edges"
        is_signed = self._scale(role) == "signed qsm"
        layer.colormap = _EDGE_COLOUR if is_edges else signed_colours() if is_signed else "gray"
        usual_low, usual_high = self.presets(role)[0].limits
        reach = 4 * (usual_high - usual_low)  # of napari's own slider
        layer.contrast_limits_range = (
            min(low, usual_low - (reach if role == "qsm" else 0)),
            max(high, usual_low + reach),
        )
        self._set_window(key, role)

    def values_at(self, index: tuple[int, ...]) -> dict[str, float]:
        """Values of the images on show at an index (z, y, x), by their names."""
        return {layer.name: float(self._values[key][index]) for key, layer in self._layers.items()}

    def _show(self, key: str, role: Role) -> None:
        case, grid = self.case, self._grid
        assert case is not None
        assert grid is not None
        values = self._values[key] = on_grid(case, role, self._grid_name)
        self._following.pop(key, None)
        name = ROLE_NAME[role] + (" (ppb)" if role == "qsm" and case.unit else "")
        shown = values if key == "below" else self._compared()
        layer = self._layers.get(key)
        if layer is not None and layer in self.viewer.layers:
            if layer.data is not shown:
                layer.data = shown
            layer.scale, layer.name = grid.spacing, name
        else:
            layer = self.viewer.add_image(
                shown, name=name, scale=grid.spacing, blending="translucent", units="mm", metadata={OURS: key}
            )
            self._layers[key] = layer
            layer.events.contrast_limits.connect(lambda _event, key=key: self._follow(key))
            place = 0 if key == "below" else 1  # below what is drawn; other plugins' layers stay where they are
            self.viewer.layers.move(len(self.viewer.layers) - 1, min(place, len(self.viewer.layers) - 1))
        self._colour(key, role)

    def _compared(self) -> NDArray[np.float32]:
        """What is seen of the upper image; its edges are kept, which take the better part of a second to find."""
        assert self._grid is not None
        assert self.over is not None
        values, spacing = self._values["over"], self._grid.spacing
        if self.comparison == "checkerboard":
            return checkerboard(values, spacing, self.share)
        if self.comparison == "swipe":
            mirrored = directions(self.viewer)[1]  # the line goes with the slider
            return swipe(values[:, :, ::mirrored], self.share)[:, :, ::mirrored]
        if self.comparison == "blend":
            return values
        brightness = self.limits(self.over)[1]
        if self._edges is None or self._edges[0] is not values or self._edges[1] != brightness:
            self._edges = values, brightness, edges(values, spacing, brightness)
        return self._edges[2]

    def _drop(self, key: str) -> None:
        self._values.pop(key, None)
        layer = self._layers.pop(key, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
