"""What was drawn, in 3D: surfaces of the thalami, the lesions and the veins in the place of the axial plane."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from napari.layers import Labels, Layer, Surface
from napari.utils.colormaps.standardize_color import transform_color
from napari.utils.notifications import show_info
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from scipy import ndimage

from thaliron_napari.case import SIDE_LABEL, SIDES, Case
from thaliron_napari.viewer.canvas import directions
from thaliron_napari.viewer.codes import COLOURS
from thaliron_napari.viewer.label_layers import OURS, VEINS
from thaliron_napari.viewer.on_grid import GridName, carry
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.surface import SMOOTH_MM, brightness, surface
from thaliron_napari.viewer.work import run_in_background

_MAKING = "Making the surfaces …"
_VEINS_SMOOTH_MM = 0.5
_LESION_CODE = {"accepted": 1, "proposed": 2, "flagged": 5}
_FROM_FRONT = (-0.25, 1.0, 0.3)  # (z, y, x): to Posterior, somewhat from above and from one side
_FROM_BEHIND = (-0.25, -1.0, 0.3)
_SUPERIOR = (1.0, 0.0, 0.0)

Mesh = tuple[NDArray[np.float64], NDArray[np.intp]]
Piece = tuple[NDArray[np.bool_], tuple[int, int, int]]
"""A mask (z, y, x) and the index of its first voxel."""


@dataclass(frozen=True)
class Body:
    """What becomes one surface layer.

    Parameters
    ----------
    name : str
    colour : str
        Translucent where its alpha says so.
    grid_name : {"qsm", "flair"}
        Grid on which it lives.
    spacing : (z, y, x) in mm
    pieces : tuple of (bool array, (z, y, x))
        Masks, each with the index of its first voxel.
    smooth_mm : float
    """

    name: str
    colour: str
    grid_name: GridName
    spacing: NDArray[np.float64]
    pieces: tuple[Piece, ...]
    smooth_mm: float = SMOOTH_MM

    def mesh(self) -> Mesh:
        """Its surface: vertices as indices (z, y, x) of its grid, and faces. Takes a moment; any thread may ask."""
        vertices, faces, count = [], [], 0
        for mask, corner in self.pieces:
            its_vertices, its_faces = surface(mask, self.spacing, smooth_mm=self.smooth_mm)
            vertices.append(its_vertices + corner)
            faces.append(its_faces + count)
            count += len(its_vertices)
        return np.concatenate(vertices), np.concatenate(faces)


def drawn_bodies(case: Case) -> list[Body]:
    """The thalami and the lesions of a case, as far as they are drawn and not rejected."""
    maps, bodies = case.annotations.maps, []
    if "thalami" in maps:
        spacing = case.volume("qsm").spacing
        for side in SIDES:
            pieces = _pieces(maps["thalami"] == SIDE_LABEL[side])
            bodies.append(Body(f"{side} thalamus", COLOURS["thalami"][SIDE_LABEL[side]], "qsm", spacing, pieces))
    if "lesions" in maps:
        spacing = case.volume("flair").spacing
        boxes = ndimage.find_objects(maps["lesions"])
        for state, code in _LESION_CODE.items():
            numbers = [lesion.number for lesion in case.annotations.lesions() if lesion.state == state]
            pieces = tuple(
                (maps["lesions"][box] == number, (box[0].start, box[1].start, box[2].start))
                for number in numbers
                if number <= len(boxes) and (box := boxes[number - 1]) is not None
            )
            bodies.append(Body(f"{state} lesions", COLOURS["lesions"][code], "flair", spacing, pieces))
    return [body for body in bodies if body.pieces]


def vein_body(case: Case, veins: NDArray[np.bool_]) -> Body | None:
    """The veins (z, y, x) of a case, each connected piece by itself; None where there are none."""
    numbered, _ = ndimage.label(veins, np.ones((3, 3, 3)))
    pieces = tuple(
        (numbered[box] == number, (box[0].start, box[1].start, box[2].start))
        for number, box in enumerate(ndimage.find_objects(numbered), start=1)
    )
    spacing = case.volume("qsm").spacing
    return Body(VEINS, COLOURS[VEINS][1], "qsm", spacing, pieces, _VEINS_SMOOTH_MM) if pieces else None


def _pieces(mask: NDArray[np.bool_]) -> tuple[Piece, ...]:
    """A mask as one piece, cut to its bounding box; none where it is empty."""
    return tuple(
        (np.array(mask[box]), (box[0].start, box[1].start, box[2].start))
        for box in ndimage.find_objects(mask.view(np.uint8))
    )


@dataclass(frozen=True)
class _Before:
    """What the canvas showed before the surfaces."""

    layers: tuple[Layer, ...]
    contours: tuple[tuple[Labels, int], ...]
    active: Layer | None
    synced: bool


class Surfaces:
    """Shows surfaces in the place of the axial plane, and the plane again as it was.

    They are made in a worker. While they are on show every other layer is hidden; an edit, another step or another
    case leads back to the plane, so that no surface is older than what was drawn.

    Parameters
    ----------
    reading : Reading
    owner : QObject
        The widget for which they are made: once it is gone, nobody waits for them.
    """

    def __init__(self, reading: Reading, owner: QObject) -> None:
        self.reading, self.viewer = reading, reading.viewer
        self._owner = owner
        self._before: _Before | None = None
        self._layers: list[Surface] = []
        self._wish: object | None = None
        """Stands for the last time that they were asked for, and is gone with what leads back to the plane."""
        reading.leaving.connect(self.back)
        reading.changed.connect(lambda _edit: self.back())
        reading.tool_changed.connect(self._on_tool)
        reading.veins.changed.connect(self._on_veins)
        self.viewer.dims.events.ndisplay.connect(self._on_ndisplay)

    @property
    def shown(self) -> bool:
        """Whether surfaces are on show."""
        return self._before is not None

    def toggle(self) -> None:
        """Show what was drawn in 3D, or the plane again."""
        if self.shown or self._wish is not None:
            self.back()
            return
        case = self.reading.case
        if case is None:
            show_info("No patient is open; choose the images in the step Study.")
            return
        bodies = drawn_bodies(case)
        if not bodies:
            show_info("Nothing is drawn yet that could be seen in 3D; draw a thalamus or grow a lesion first.")
            return
        self._wish = object()
        veins = self.reading.veins.mask() if case.unit is not None and "qsm" in case.images else None
        self.viewer.status = _MAKING
        self._make(case, bodies, veins)

    def back(self) -> None:
        """Show the plane again, as it was before; whatever is being made is not shown."""
        self._wish = None
        if self.shown:
            self.viewer.dims.ndisplay = 2

    def _make(self, case: Case, bodies: list[Body], veins: NDArray[np.bool_] | None) -> None:
        wish = self._wish

        def work(_progress: object) -> list[tuple[Body, Mesh]]:
            found = vein_body(case, veins) if veins is not None else None
            return [(body, body.mesh()) for body in (*bodies, *([found] if found is not None else []))]

        def finished(made: list[tuple[Body, Mesh]]) -> None:
            if self._wish is wish and not self.reading.stroke:
                self._show(case, made)

        def ended() -> None:
            if self._wish is wish and not self.shown:  # such as while the hand draws
                self._wish = None
            if self.viewer.status == _MAKING:
                self.viewer.status = ""

        run_in_background(work, owner=self._owner, finished=finished, ended=ended)

    def _show(self, case: Case, made: list[tuple[Body, Mesh]]) -> None:
        """Put surfaces into the viewer, in the place of all else where they are the first."""
        first = not self.shown
        if first:
            self._leave_plane()
        there = [layer.metadata[OURS] for layer in self._layers]
        for body, (vertices, faces) in made:
            if body.name not in there:  # such as veins, of which more than one can speak
                self._add(case, body, vertices, faces)
        self.viewer.layers.selection.active = self._layers[0] if self._layers else None
        if first:
            self.viewer.scene.camera.set_view_direction(self._view(), _SUPERIOR)
            self.viewer.fit_to_view(layers=self._layers, margin=0.15)
            self._on_veins()  # they may have been found meanwhile

    def _leave_plane(self) -> None:
        """Remember what is on show, hide it and turn to 3D."""
        self.reading.hide_annotations(False)  # of a key that is held: else they would come back into the 3D view
        display, camera = self.reading.display, self.viewer.scene.camera
        if not display.images.complete:  # the user deleted layers, and without any there is nothing to come back to
            display.show(display.grid_name)
        seen = tuple(layer for layer in self.viewer.layers if layer.visible)
        outlined = [layer for layer in self.viewer.layers if isinstance(layer, Labels) and layer.contour]
        self._before = _Before(
            seen,
            tuple((layer, layer.contour) for layer in outlined if not display.owns(layer)),
            self.viewer.layers.selection.active,
            camera.synced,
        )
        # Each of 2D and 3D with its own place and zoom: else napari takes the slice from where its camera looked in 3D.
        camera.synced = False
        display.aside = seen
        for layer in seen:
            layer.visible = False
        for layer in outlined:
            layer.contour = 0  # napari warns of outlines in 3D, of hidden layers too
        self.viewer.dims.ndisplay = 3

    def _view(self) -> tuple[float, float, float]:
        """From where they are first seen: so that left is where it is on the planes."""
        return _FROM_FRONT if directions(self.viewer)[1] > 0 else _FROM_BEHIND

    def _add(self, case: Case, body: Body, vertices: NDArray[np.float64], faces: NDArray[np.intp]) -> None:
        display = self.reading.display
        own, grid = case.images[body.grid_name].grid, display.grid
        places = carry(case, own.world(vertices), body.grid_name, display.grid_name)
        index = grid.index(places)
        # napari's own light comes from behind a surface where an axis is flipped, as the depth is here.
        shade = 0.25 + 0.75 * brightness(index * grid.spacing, faces, np.subtract(_SUPERIOR, self._view()))
        *colour, alpha = transform_color(body.colour)[0]
        layer = self.viewer.add_surface(
            (index, faces),
            name=body.name,
            scale=grid.spacing,  # as all layers have it, so that the viewer's slider keeps its steps
            vertex_colors=np.column_stack([np.outer(shade, colour), np.ones(len(shade))]),
            opacity=float(alpha),
            shading="none",
            units="mm",
            metadata={OURS: body.name},
        )
        self._layers.append(layer)

    def _on_tool(self) -> None:
        if self.reading.tool != "look":  # it draws on a plane
            self.back()

    def _on_veins(self) -> None:
        """Add the veins where they are found only now; keep the layer of veins on the planes out of the 3D view."""
        case, veins = self.reading.case, self.reading.veins.found
        if self._before is None or case is None:
            return
        back = tuple(self._others())
        for layer in back:
            layer.visible = False
        self._before = replace(self._before, layers=(*self._before.layers, *back))
        if veins is not None and all(layer.metadata[OURS] != VEINS for layer in self._layers):
            self._make(case, [], veins)

    def _others(self) -> Iterator[Layer]:
        for layer in self.viewer.layers:
            if layer.visible and layer not in self._layers and self.reading.display.owns(layer):
                yield layer

    def _on_ndisplay(self, _event: object = None) -> None:
        """Show the plane as it was, whoever leads back to it: our key, or napari's own."""
        before = self._before
        if before is None or self.viewer.dims.ndisplay == 3:
            return
        self._before, self._wish = None, None
        for layer in self._layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self._layers.clear()
        self.viewer.scene.camera.synced = before.synced
        self.reading.display.aside = ()
        for layer, width in before.contours:
            layer.contour = width
        for layer in before.layers:
            layer.visible = True
        if before.active in self.viewer.layers:
            self.viewer.layers.selection.active = before.active
