"""Another program's segmentation over the picture, and its surfaces as lines: made in a worker, shown, hidden."""

from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QObject

from thaliron_napari.case import Case, Edit
from thaliron_napari.case.morphometry import result_of
from thaliron_napari.measurement.morphometry import SurfaceSlices, grey_matter
from thaliron_napari.report.segmentation import GREY_MATTER, SURFACE_COLOUR, label_hex, segmented
from thaliron_napari.viewer.codes import colormap
from thaliron_napari.viewer.display import Display
from thaliron_napari.viewer.label_layers import OURS
from thaliron_napari.viewer.on_grid import GridName
from thaliron_napari.viewer.work import run_in_background

Overlay = Literal["", "segmentation", "grey matter"]

_NAME = "segmentation"
_FILLED, _OUTLINED = 0.35, 0.9
_MOST = 255  # codes of a byte


@dataclass(frozen=True, eq=False)
class _Ready:
    """All that is needed to show a result on one grid.

    Parameters
    ----------
    codes : uint8 array (z, y, x)
        A small number for each label that there is.
    labels : tuple of int
        Labels of the codes 1, 2, ...
    grey : uint8 array (z, y, x)
        Grey matter is 1.
    surfaces : dict
        Pial and white surfaces of both sides.
    """

    codes: NDArray[np.uint8]
    labels: tuple[int, ...]
    grey: NDArray[np.uint8]
    surfaces: dict[str, SurfaceSlices]


class Segmentation:
    """What FreeSurfer or its kin made of the patient on show, over the images.

    Parameters
    ----------
    display : Display
    """

    changed = Signal()
    """It is shown, hidden, being prepared or ready; or other lines are to be painted."""

    def __init__(self, display: Display) -> None:
        self.display = display
        self.overlay: Overlay = ""
        """What the reader wants to see, in the next case too."""
        self.surfaces = False
        """Whether the reader wants to see the surfaces, in the next case too."""
        self.hidden = False
        self._layer: Labels | None = None
        self._owner: QObject | None = None
        self._ready: WeakKeyDictionary[Case, dict[tuple[Any, ...], _Ready]] = WeakKeyDictionary()
        self._failed: WeakKeyDictionary[Case, tuple[Any, ...]] = WeakKeyDictionary()
        self._prepared: WeakSet[Case] = WeakSet()
        display.brought_onto_grid.connect(self._on_grid)
        display.viewer.dims.events.ndisplay.connect(self._on_ndisplay)

    def attach(self, owner: QObject) -> None:
        """Name the widget for which it is prepared: once it is gone, nobody waits."""
        self._owner = owner

    @property
    def being_prepared(self) -> bool:
        """Whether that of the open case is being read and brought onto the grid."""
        return self.display.case in self._prepared

    def show(self, overlay: Overlay) -> None:
        """Show the segmentation or its grey matter as soon as it is ready, or neither."""
        self.overlay = overlay
        self.lay()

    def show_surfaces(self, shown: bool) -> None:
        """Show the pial and white surfaces as lines on every plane as soon as they are ready, or hide them."""
        self.surfaces = shown
        self.lay()

    def hide(self, hidden: bool) -> None:
        """Hide the lines for a moment, as long as a key is held."""
        self.hidden = hidden
        self.changed.emit()

    def update(self, edit: Edit) -> None:
        """Follow an edit: another result, or images that lie elsewhere."""
        if edit.touches("registration/") or edit.touches("morphometry"):
            self.lay()

    def again(self) -> None:
        """Read the files again, which may be others now."""
        case = self.display.case
        if case is not None:
            self._ready.pop(case, None)
            self._failed.pop(case, None)
            self.lay()

    def lay(self) -> None:
        """Have the picture show it as it stands."""
        ready = self._now() if self.overlay or self.surfaces else None
        self._show(ready)
        self.changed.emit()

    def set_outlines(self, outlines: bool) -> None:
        """Show it as outlines, or filled."""
        if self._layer is not None:
            self._layer.contour = 1 if outlines and self.display.viewer.dims.ndisplay == 2 else 0
            self._layer.opacity = _OUTLINED if outlines else _FILLED

    def _on_ndisplay(self, _event: object = None) -> None:
        """Back from 3D, where napari has no outlines."""
        self.set_outlines(self.display.labels.outlines)

    def lines(self, across: int, index: int) -> list[tuple[str, NDArray[np.float64]]]:
        """Colour and segments (n, 2, 2) of each surface on a slice of the grid on show.

        Parameters
        ----------
        across : int
            Axis of (z, y, x) that is cut.
        index : int

        Returns
        -------
        list of (str, array)
            Ends as indices along the two other axes, in their order.
        """
        ready = None if self.hidden or not self.surfaces else self._known()
        if ready is None:
            return []
        return [
            (SURFACE_COLOUR[name.partition(".")[2]], surface.segments(across, index))
            for name, surface in ready.surfaces.items()
        ]

    # -- what is ready

    def _key(self, case: Case) -> tuple[Any, ...] | None:
        """What it depends on; None where there is nothing to show."""
        result = result_of(case)
        if result is None:
            return None
        there = [case.annotations.registration(role).tobytes() for role in ("qsm", "t1")]
        return (self.display.grid_name, result, *there)

    def _known(self) -> _Ready | None:
        case = self.display.case
        return None if case is None else self._ready.get(case, {}).get(self._key(case) or ())

    def _now(self) -> _Ready | None:
        """What is ready for the grid on show; None: it is being prepared from now, or there is none."""
        known, case = self._known(), self.display.case
        if known is None and case is not None:
            self._prepare(case)
        return known

    def _prepare(self, case: Case) -> None:
        key = self._key(case)
        if self._owner is None or key is None or case in self._prepared or self._failed.get(case) == key:
            return
        grid_name: GridName = self.display.grid_name

        def finished(ready: _Ready) -> None:
            kept = self._ready.setdefault(case, {})
            for old in list(kept)[:-1]:  # the other grid's stays
                kept.pop(old)
            kept[key] = ready

        def ended() -> None:
            self._prepared.discard(case)
            if key not in self._ready.get(case, {}):
                self._failed[case] = key  # the reader was told why
            if case is self.display.case:
                self.lay()

        self._prepared.add(case)
        run_in_background(
            lambda _progress: _make_ready(case, grid_name), owner=self._owner, finished=finished, ended=ended
        )

    # -- the layer

    def _show(self, ready: _Ready | None) -> None:
        if ready is None or not self.overlay:
            if self._layer is not None:
                self._layer.visible = False
            return
        is_grey = self.overlay == "grey matter"
        own = {code: label_hex(label) for code, label in enumerate(ready.labels[:_MOST], 1)}
        colours = {1: GREY_MATTER} if is_grey else own
        layer = self._layer
        if layer is None or layer not in self.display.viewer.layers:
            layer = self._make(colours)
        layer.colormap = colormap(colours)
        layer.data = ready.grey if is_grey else ready.codes
        layer.scale = self.display.grid.spacing
        layer.visible = True

    def _make(self, colours: dict[int, str]) -> Labels:
        viewer, grid = self.display.viewer, self.display.grid
        active = viewer.layers.selection.active
        layer = viewer.add_labels(
            np.zeros(grid.shape, np.uint8),
            name=_NAME,
            scale=grid.spacing,
            colormap=colormap(colours),
            units="mm",
            metadata={OURS: _NAME},
        )
        layer.editable = False
        # Below what the reader draws.
        drawn = [place for place, other in enumerate(viewer.layers) if isinstance(other, Labels)]
        viewer.layers.move(len(viewer.layers) - 1, drawn[0])
        if active is not None:
            viewer.layers.selection.active = active
        self._layer = layer
        self.set_outlines(self.display.labels.outlines)
        return layer

    def _on_grid(self) -> None:
        """The viewer shows another grid or case: the layer follows, empty until it is ready for that."""
        layer, grid = self._layer, self.display.grid
        if layer is not None and layer in self.display.viewer.layers:
            ready = self._known()
            if ready is None and tuple(layer.data.shape) != tuple(grid.shape):
                layer.data = np.zeros(grid.shape, np.uint8)
                layer.scale = grid.spacing
            elif ready is None:
                layer.visible = False
        self.lay()


def _make_ready(case: Case, grid_name: GridName) -> _Ready:
    """Bring the segmentation of a case onto a grid. Takes seconds; any thread may ask."""
    brain = segmented(case, grid_name)
    present = [label for label in np.unique(brain.labels).tolist() if label > 0]
    grey = grey_matter(brain.labels).view(np.uint8)
    return _Ready(_as_codes(brain.labels, present), tuple(present), grey, brain.surfaces)


def _as_codes(labels: NDArray[np.int32], present: list[int]) -> NDArray[np.uint8]:
    """Rank, from 1 on, of each voxel's label among those that there are; 0 stays."""
    table = np.zeros(max(present, default=0) + 1, np.uint8)
    table[present] = np.arange(len(present)) % _MOST + 1
    return table[np.maximum(labels, 0)]
