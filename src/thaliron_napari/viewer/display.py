"""The layers that show a case: one grid at a time, images below, annotations above.

The layers show copies of the annotations. What a tool previews is written into the copy only, and comes into the
Case when the stroke is finished, as an edit; so nothing but edits ever changes a Case.
"""

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from thaliron_napari.case import Case, Edit, Role
from thaliron_napari.case.case import ROLE_NAME
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.edits import VoxelChange
from thaliron_napari.imaging import Grid
from thaliron_napari.viewer.codes import COLOURS, GENERATED, colormap, lesion_codes, thalamus_codes
from thaliron_napari.viewer.on_grid import GridName, OnGrid, carry

Box = tuple[slice, slice, slice]

QSM_RANGE_PPB = (-100.0, 200.0)
OURS = "thaliron"
"""Key in the metadata of our layers."""

_AFTER_PICTURE_MS = 150
_FILLED = 0.7


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
        self.selected_lesion: int | None = None
        self.outlines = True
        self._layers: dict[str, Layer] = {}
        self._later: QTimer | None = None
        self._previewed: tuple[str, Box] | None = None
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
        self.selected_lesion = None
        choices: list[Role] = [role for role in ("flair", "t1", "t1ce", "magnitude") if role in case.images]
        self.fused_role = choices[0] if choices else "flair"
        self.grid_name = "qsm" if "qsm" in case.images else "flair"
        for key in list(self._layers):
            self._drop(key)
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
        self._show_images()
        for layer in ("thalami", "CSF", "lesions"):
            self._show_labels(layer)
        index = np.clip(np.round(self.grid.index(place)), 0, np.array(self.grid.shape) - 1)
        self.go_to(tuple(index))

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
        limits = self._limits.setdefault(role, _robust_range(values))
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

    # -- annotations

    def update(self, edit: Edit) -> None:
        """Show what an edit changed."""
        assert self.case is not None
        if any(layer not in self.viewer.layers for layer in self._layers.values()):
            self.show(self.grid_name)  # the user deleted a layer: it comes back with the next edit
            return
        for change in edit.changes:
            if isinstance(change, VoxelChange):
                self._copy(change.name, change.slices)
            elif change.name.startswith("key/"):
                z = int(change.name.rsplit("/", 1)[1])
                self._copy("thalami", (slice(z, z + 1), slice(None), slice(None)))
        if edit.touches("csf/"):
            self._show_labels("CSF")
        if edit.touches("lesion/"):
            self._show_labels("lesions")
        if edit.touches("registration/") or edit.touches("unit"):
            self._show_images()
        self.refresh()

    def preview_slice(self, z: int, side_mask: NDArray[np.bool_], code: int) -> None:
        """Show a thalamus on one slice as it would become, without changing the case."""
        layer = self._labels("thalami")
        if layer is None:
            return
        self._previewed = "thalami", (slice(z, z + 1), slice(None), slice(None))
        shown = layer.data[z]
        shown[(shown == code) | (shown == code + GENERATED)] = 0
        shown[side_mask & (shown == 0)] = code
        layer.refresh()

    def preview_box(self, name: str, box: Box, mask: NDArray[np.bool_], code: int) -> None:
        """Show some voxels of a label layer as they would become, without changing the case."""
        layer = self._labels(name)
        if layer is not None:
            self._previewed = name, box
            layer.data[box][mask] = code
            layer.refresh()

    def drop_preview(self) -> None:
        """Show what was previewed as the case has it."""
        if self._previewed is not None:
            self._copy(*self._previewed)
            self._previewed = None
            self.refresh()

    def select_lesion(self, number: int | None) -> None:
        """Mark one lesion."""
        self.selected_lesion = number
        self._show_labels("lesions")
        self.refresh()

    def set_outlines(self, outlines: bool) -> None:
        """Show annotations as outlines, or filled."""
        self.outlines = outlines
        for name in COLOURS:
            layer = self._labels(name)
            if layer is not None:
                layer.contour = 1 if outlines else 0
                layer.opacity = 1.0 if outlines else _FILLED

    def recolour(self, name: str, colour: str | None = None) -> None:
        """Show all of a label layer in one colour, or in its own again."""
        layer = self._labels(name)
        if layer is not None:
            codes = {code: colour or own for code, own in COLOURS[name].items()}
            layer.colormap = colormap(codes)

    def refresh(self) -> None:
        """Redraw the label layers."""
        for name in COLOURS:
            layer = self._labels(name)
            if layer is not None:
                layer.refresh()

    def _labels(self, name: str) -> Labels | None:
        layer = self._layers.get(name)
        return layer if isinstance(layer, Labels) else None

    def _show_labels(self, name: str) -> None:
        """Make a label layer show the case on this grid, or take it away where it lives on the other."""
        case = self.case
        assert case is not None
        if (name == "lesions") != (self.grid_name == "flair"):
            self._drop(name)
            return
        layer = self._layers.get(name)
        if not (isinstance(layer, Labels) and layer in self.viewer.layers and layer.data.shape == self.grid.shape):
            self._drop(name)
            layer = self.viewer.add_labels(
                np.zeros(self.grid.shape, np.uint8),
                name=name,
                scale=self.grid.spacing,
                colormap=colormap(COLOURS[name]),
                opacity=1.0 if self.outlines else _FILLED,
                units="mm",
                metadata={OURS: name},
            )
            layer.contour = 1 if self.outlines else 0
            layer.editable = False  # napari's brush would draw past the log of edits
            self._layers[name] = layer
            self.viewer.layers.selection.active = self._layers.get("QSM") or self._layers.get("fused")
            self._order()
        if name == "CSF":
            layer.data[:] = csf_mask(case)
        else:
            self._copy(name, (slice(None), slice(None), slice(None)))

    def _copy(self, name: str, box: Box) -> None:
        """Copy labels of a box from the case into the layer, as the codes that have colours."""
        layer, case = self._labels(name), self.case
        if layer is None or case is None:
            return
        labels = case.annotations.maps[name][box]
        if name == "lesions":
            layer.data[box] = lesion_codes(case, self.selected_lesion)[labels]
            return
        shown = thalamus_codes(case, labels, box[0].start or 0)
        layer.data[box] = shown

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
        for axis in range(3):
            self.viewer.dims.set_point(axis, float(index[axis] * self.grid.spacing[axis]))

    def values_at(self, position: tuple[float, ...]) -> dict[str, float]:
        """Values of the images on show at a position (z, y, x) in mm of the viewer; empty outside."""
        if self.case is None or len(position) < 3:
            return {}
        index = np.round(np.array(position[-3:]) / self.grid.spacing).astype(int)
        if (index < 0).any() or (index >= self.grid.shape).any():
            return {}
        shown = {k: layer for k, layer in self._layers.items() if isinstance(layer, Image)}
        return {layer.name: float(layer.data[tuple(index)]) for layer in shown.values()}


def _robust_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Window from nothing to the 99.5th percentile of what is not background."""
    inside = values[values > 0]
    if inside.size == 0:
        return 0.0, 1.0
    inside = inside[:: max(1, inside.size // 200_000)]
    return 0.0, float(np.percentile(inside, 99.5)) * 1.1
