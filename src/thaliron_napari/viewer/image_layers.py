"""The layers that show a case's images: one below, one over it, on one grid, with their windows."""

from typing import Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from thaliron_napari.case import ROLE_NAME, Case, Role
from thaliron_napari.imaging import Grid
from thaliron_napari.viewer.comparison import Comparison, checkerboard, edges, swipe
from thaliron_napari.viewer.label_layers import OURS
from thaliron_napari.viewer.on_grid import GridName, on_grid

QSM_RANGE_PPB = (-100.0, 200.0)
ORDER: tuple[Role, ...] = ("qsm", "flair", "t1", "t1ce", "magnitude")
_EDGE_COLOUR = "yellow"


class ImageLayers:
    """Image layers of one case in one viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    """

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
        self._limits: dict[Role, tuple[float, float]] = {"qsm": QSM_RANGE_PPB}
        self._qsm_colours = "gray"
        self._edges: tuple[NDArray[np.float32], float, NDArray[np.float32]] | None = None

    def open(self, case: Case) -> None:
        """Take another case, to be shown next; the window on the QSM stays."""
        self._limits = {"qsm": self.limits("qsm")}
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

    def set_comparison(self, comparison: Comparison) -> None:
        """Choose how the upper image is compared with the lower one."""
        self.comparison = comparison
        if self.over is not None:
            self._show("over", self.over)
            self.set_share(self.share)

    def set_roles(self, below: Role, over: Role | None) -> None:
        """Choose the two images."""
        self.remember_limits()
        self.below, self.over = below, over if over != below else None
        self.refresh()

    def set_qsm_colours(self, colormap: str) -> None:
        """Show the QSM in one of napari's colour maps: ``gray``, or one with two signs for an overlay."""
        self._qsm_colours = colormap
        layer = self.layer("qsm")
        if layer is not None:
            layer.colormap = colormap

    def layer(self, role: Role | None) -> Image | None:
        """Layer of an image, where it is on show."""
        key = "below" if role == self.below else "over" if role == self.over else ""
        return self._layers.get(key)

    @property
    def front(self) -> Role:
        """The image that shows most."""
        return self.over if self.over is not None and self.share > 0.5 else self.below

    def limits(self, role: Role) -> tuple[float, float]:
        """Window of an image, in its own values."""
        layer = self.layer(role)
        if layer is not None:
            low, high = layer.contrast_limits
            return float(low), float(high)
        return self._limits.get(role, (0.0, 1.0))

    def set_limits(self, role: Role, low: float, high: float) -> None:
        """Set the window of an image."""
        if not low < high:
            return
        self._limits[role] = (low, high)
        layer = self.layer(role)
        if layer is not None:
            old = layer.contrast_limits_range
            layer.contrast_limits_range = (min(low, old[0]), max(high, old[1]))
            layer.contrast_limits = (low, high)

    def remember_limits(self) -> None:
        """Keep the windows as they are now, which napari's own controls may have changed."""
        for role in (self.below, self.over):
            if role is not None and self.layer(role) is not None:
                self._limits[role] = self.limits(role)

    def values_at(self, index: tuple[int, ...]) -> dict[str, float]:
        """Values of the images on show at an index (z, y, x), by their names."""
        return {layer.name: float(self._values[key][index]) for key, layer in self._layers.items()}

    def _show(self, key: str, role: Role) -> None:
        case, grid = self.case, self._grid
        assert case is not None
        assert grid is not None
        values = self._values[key] = on_grid(case, role, self._grid_name)
        if role not in self._limits:
            self._limits[role] = _robust_range(values)
        limits = self._limits[role]
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
            place = 0 if key == "below" else 1  # below what is drawn; other plugins' layers stay where they are
            self.viewer.layers.move(len(self.viewer.layers) - 1, min(place, len(self.viewer.layers) - 1))
        is_edges = key == "over" and self.comparison == "edges"
        layer.colormap = _EDGE_COLOUR if is_edges else self._qsm_colours if role == "qsm" else "gray"
        layer.contrast_limits_range = (min(limits[0], -1000.0) if role == "qsm" else 0, max(limits[1] * 4, 1.0))
        layer.contrast_limits = limits

    def _compared(self) -> NDArray[np.float32]:
        """What is seen of the upper image; its edges are kept, which take the better part of a second to find."""
        assert self._grid is not None
        assert self.over is not None
        values, spacing = self._values["over"], self._grid.spacing
        if self.comparison == "checkerboard":
            return checkerboard(values, spacing, self.share)
        if self.comparison == "swipe":
            return swipe(values, self.share)
        if self.comparison == "blend":
            return values
        brightness = self._limits[self.over][1]
        if self._edges is None or self._edges[0] is not values or self._edges[1] != brightness:
            self._edges = values, brightness, edges(values, spacing, brightness)
        return self._edges[2]

    def _drop(self, key: str) -> None:
        self._values.pop(key, None)
        layer = self._layers.pop(key, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)


def _robust_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Window from nothing to the 99.5th percentile of what is not background."""
    inside = values[values > 0]
    if inside.size == 0:
        return 0.0, 1.0
    inside = inside[:: max(1, inside.size // 200_000)]
    return 0.0, float(np.percentile(inside, 99.5)) * 1.1
