"""The layers that show what was drawn: thalami, CSF circles and lesions, each on the grid of its own image; and veins.

They show copies of the annotations. What a tool previews is written into the copy only, and comes into the Case when
the stroke is finished, as an edit; so nothing but edits ever changes a Case.
"""

import threading
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from thaliron_napari.case import Case, Edit
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.edits import FactChange, VoxelChange
from thaliron_napari.imaging import Grid
from thaliron_napari.viewer.codes import COLOURS, GENERATED, SUGGESTED, colormap, lesion_codes, thalamus_codes
from thaliron_napari.viewer.on_grid import GridName

Box = tuple[slice, slice, slice]
OURS = "thaliron"
"""Key in the metadata of our layers."""

VEINS = "veins"
"""The layer that nobody drew: it is there from when veins are first shown."""

_LIVES_ON: dict[str, GridName] = {"thalami": "qsm", "CSF": "qsm", "lesions": "flair", VEINS: "qsm"}
_EVERYWHERE: Box = (slice(None), slice(None), slice(None))
_FILLED = 0.7
_BLINK_MS = 180


_imports = threading.Thread(target=lambda: Labels(np.zeros((1, 1), np.uint8)), daemon=True)


def labels_imported() -> bool:
    """Whether napari has imported what its first label layer needs, pandas among it; begins with that in a thread."""
    if _imports.ident is None:
        _imports.start()
    return not _imports.is_alive()


class LabelLayers:
    """Label layers of one case in one viewer.

    A layer stays in the viewer when another grid is shown, blank where it does not live there: to make a layer takes
    napari half a second, to give it other data a few milliseconds.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.case: Case | None = None
        self.outlines = True
        self.selected_lesion: int | None = None
        self._layers: dict[str, Labels] = {}
        self._codes: dict[str, NDArray[np.uint8]] = {}
        self._blank: dict[tuple[int, ...], NDArray[np.uint8]] = {}
        self._previewed: tuple[str, Box] | None = None
        self._suggested: NDArray[np.bool_] | None = None
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)

    def open(self, case: Case) -> None:
        """Take another case, to be shown next."""
        self.case = case
        self.selected_lesion = None
        self._previewed = self._suggested = None
        self._codes.clear()
        self._blank.clear()

    @property
    def _contour(self) -> int:
        """Width of outlines; none in 3D, where napari cannot show them and warns."""
        return 1 if self.outlines and self.viewer.dims.ndisplay == 2 else 0

    @property
    def _opacity(self) -> float:
        return 1.0 if self.outlines else _FILLED

    def _on_ndisplay(self, _event: Any = None) -> None:
        for layer in self._layers.values():
            layer.contour = self._contour

    @property
    def complete(self) -> bool:
        """Whether the user has deleted none of the layers."""
        return all(layer in self.viewer.layers for layer in self._layers.values())

    def show(self, grid_name: GridName, grid: Grid) -> None:
        """Show all that lives on a grid; make what lives on the other too, blank, or the hand waits for it later."""
        case = self.case
        assert case is not None
        for name, home in _LIVES_ON.items():
            here = home == grid_name and (name != VEINS or name in self._codes)
            if here and name not in self._codes:
                self._codes[name] = np.zeros(grid.shape, np.uint8)
                self._copy(name)
            if here or name in self._layers or (name != VEINS and home in case.images):
                codes = (
                    self._codes[name] if here else self._blank.setdefault(grid.shape, np.zeros(grid.shape, np.uint8))
                )
                self._show(name, codes, grid)

    def _show(self, name: str, codes: NDArray[np.uint8], grid: Grid) -> None:
        layer = self._layers.get(name)
        if layer is not None and layer in self.viewer.layers:
            if layer.data is not codes:
                layer.data = codes
                layer.scale = grid.spacing
            return
        active = self.viewer.layers.selection.active
        layer = self.viewer.add_labels(
            codes,
            name=name,
            scale=grid.spacing,
            colormap=colormap(COLOURS[name]),
            opacity=self._opacity,
            units="mm",
            metadata={OURS: name},
        )
        layer.contour = self._contour
        layer.editable = False  # napari's brush would draw past the log of edits
        self._layers[name] = layer
        if active is not None:
            self.viewer.layers.selection.active = active

    def update(self, edit: Edit) -> None:
        """Show what an edit changed."""
        touched = []
        for change in edit.changes:
            if isinstance(change, VoxelChange) and change.name != VEINS:  # these come by show_veins
                touched.append((change.name, change.slices))
            elif isinstance(change, FactChange) and change.name.startswith("key/"):
                z = int(change.name.rsplit("/", 1)[1])
                touched.append(("thalami", (slice(z, z + 1), slice(None), slice(None))))
        for facts, name in (("csf/", "CSF"), ("lesion/", "lesions")):
            if edit.touches(facts):  # its colours may be others everywhere
                touched = [(other, box) for other, box in touched if other != name] + [(name, _EVERYWHERE)]
        for name, box in touched:
            self._copy(name, box)
        for name in dict.fromkeys(name for name, _box in touched):
            self._refresh(name)

    def preview_slice(self, name: str, across: int, index: int, mask: NDArray[np.bool_], code: int) -> None:
        """Show a thalamus or a lesion on one slice as it would become, without changing the case.

        Parameters
        ----------
        name : {"thalami", "lesions"}
        across : int
            Axis of (z, y, x) that the slice cuts.
        index : int
        mask : bool array
            Over the other two axes.
        code : int
            Of the thalamus, or of the lesion as it is shown.
        """
        if name not in self._codes:
            return
        box = (*_EVERYWHERE[:across], slice(index, index + 1), *_EVERYWHERE[across + 1 :])
        self._previewed = name, (box[0], box[1], box[2])
        shown = self._codes[name][box].ravel()
        own, generated = shown == code, (shown == code + GENERATED) & (name == "thalami")
        wanted = mask.ravel() & (own | generated | (shown == 0))
        # Flat: eight times as fast as over rows and columns. What was filled between becomes drawn.
        changed = np.flatnonzero((own != wanted) | generated if across == 0 else (own | generated) != wanted)
        rows, columns = np.divmod(changed, mask.shape[1])
        places = [rows, columns]
        places.insert(across, np.full(rows.shape, index))
        self._set(name, tuple(places), np.where(wanted[changed], code, 0).astype(np.uint8))

    def preview_box(self, name: str, box: Box, mask: NDArray[np.bool_], code: int) -> None:
        """Show some voxels of a label layer as they would become, without changing the case."""
        if name in self._codes:
            self._previewed = name, box
            places = tuple(along + part.start for along, part in zip(np.nonzero(mask), box, strict=True))
            self._set(name, places, np.full(places[0].shape, code, np.uint8))

    def show_veins(self, veins: NDArray[np.bool_] | None) -> None:
        """Take veins (z, y, x) on the QSM grid to be shown next, and let them be seen; None: hide them."""
        layer, known = self._layers.get(VEINS), self._codes.get(VEINS)
        if veins is not None and (known is None or known.base is not veins):  # the same again is no new data to napari
            self._codes[VEINS] = veins.view(np.uint8)
        if layer is not None:
            layer.visible = veins is not None

    def suggest_csf(self, mask: NDArray[np.bool_] | None) -> None:
        """Show CSF ROIs (z, y, x) that wait for the reader's word, paler than those that are hers; None: none do."""
        self._suggested = mask
        self._copy("CSF")
        self._refresh("CSF")

    def drop_preview(self) -> None:
        """Show what was previewed as the case has it."""
        if self._previewed is not None:
            self._copy(*self._previewed)
            self._refresh(self._previewed[0])
            self._previewed = None

    def select_lesion(self, number: int | None) -> None:
        """Mark one lesion."""
        self.selected_lesion = number
        self._copy("lesions")
        self._refresh("lesions")

    def blink(self, name: str) -> None:
        """Take a layer out of sight for a moment, so that the eye finds what is there."""
        layer = self._layers.get(name)
        if layer is not None:
            layer.opacity = 0.0
            QTimer.singleShot(_BLINK_MS, lambda: setattr(layer, "opacity", self._opacity))

    def set_outlines(self, outlines: bool) -> None:
        """Show annotations as outlines, or filled."""
        self.outlines = outlines
        for layer in self._layers.values():
            layer.contour = self._contour
            layer.opacity = self._opacity

    def recolour(self, name: str, colour: str | None = None) -> None:
        """Show all of a label layer in one colour, or in its own again."""
        if name in self._layers:
            codes = {code: colour or own for code, own in COLOURS[name].items()}
            self._layers[name].colormap = colormap(codes)

    def _refresh(self, name: str) -> None:
        if name in self._layers:
            self._layers[name].refresh(thumbnail=False, extent=False)  # these cost more than the picture

    def _set(self, name: str, places: tuple[NDArray[np.intp], ...], codes: NDArray[np.uint8]) -> None:
        """Change some voxels of a layer and paint only these: the whole layer takes too long under a moving hand."""
        layer = self._layers.get(name)
        if layer is not None and layer.data is self._codes[name]:
            layer.data_setitem(places, codes)
        else:
            self._codes[name][places] = codes

    def _copy(self, name: str, box: Box = _EVERYWHERE) -> None:
        """Copy labels of a box from the case, as the codes that have colours."""
        case = self.case
        if name not in self._codes or case is None:
            return  # never shown so far: copied whole when it is
        if name == "CSF":
            self._codes[name][:] = csf_mask(case)
            if self._suggested is not None:
                self._codes[name][self._suggested & (self._codes[name] == 0)] = SUGGESTED
            return
        labels, codes = case.annotations.maps[name][box], self._codes[name][box]
        codes[:] = 0
        there = np.unravel_index(np.flatnonzero(labels != 0), labels.shape)  # few of millions
        if name == "lesions":
            codes[there] = lesion_codes(case, labels[there], self.selected_lesion)
        else:
            codes[there] = thalamus_codes(case, labels[there], there[0] + (box[0].start or 0))
