"""Orientation letters at the edges of the canvas, a scale bar, and where the slice on show lies."""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components.overlays import ScaleBarOverlay, TextOverlay

from thaliron_napari.viewer.canvas import directions
from thaliron_napari.viewer.display import Display

# Index (z, y, x) grows to Superior, Posterior and Left: letters at its start and its end.
_ENDS = (("I", "S"), ("A", "P"), ("R", "L"))
_PLACES = {
    "letter_top": "top_center",
    "letter_bottom": "bottom_center",
    "letter_left": "middle_left",
    "letter_right": "middle_right",
}

_ROOM = "\u2003"
"""Beside the letter at the right edge, for the strip of key slices."""

_WHERE = "slice_place"
_SCALE = "scale_in_mm"


def attach(display: Display) -> Callable[[], None]:
    """Show the letters on a viewer; returns what undoes it."""
    viewer = display.viewer
    overlays = viewer.canvas.overlays
    was, orientation = viewer.canvas.background_color_override, viewer.scene.camera.orientation
    viewer.canvas.background_color_override = "black"  # a reading room is dark, whatever napari's theme
    for name, place in _PLACES.items():
        overlays[name] = TextOverlay(position=place, font_size=14, box=False, color="white", visible=True)

    def update(_event: Any = None) -> None:
        if display.case is None or viewer.dims.ndim < 3 or viewer.dims.ndisplay != 2:
            texts = dict.fromkeys(_PLACES, "")
        else:
            vertical, horizontal = viewer.dims.order[-2:]
            down, across = directions(viewer)
            top, bottom = _ENDS[vertical % 3][::down]
            left, right = _ENDS[horizontal % 3][::across]
            texts = dict(zip(_PLACES, (top, bottom, left, right + _ROOM), strict=True))
        for name, text in texts.items():
            overlays[name].text = text
        overlays[_WHERE].text = where(display)

    overlays[_SCALE] = ScaleBarOverlay(position="bottom_right", visible=True)
    overlays[_WHERE] = TextOverlay(position="bottom_left", font_size=9, box=False, color="white", visible=True)
    sources = (
        viewer.dims.events.order,
        viewer.dims.events.ndisplay,
        viewer.dims.events.point,
        viewer.scene.camera.events.orientation,
    )
    for source in sources:
        source.connect(update)
    update()

    def detach() -> None:
        for source in sources:
            source.disconnect(update)
        viewer.canvas.background_color_override = was
        viewer.scene.camera.orientation = orientation  # nothing stays mirrored without its letters
        for name in (*_PLACES, _WHERE, _SCALE):
            overlays.pop(name, None)

    return detach


def where(display: Display) -> str:
    """Slice number and its height in the patient, such as ``slice 31 of 70   S 12.0 mm``."""
    if display.case is None or display.viewer.dims.ndim < 3 or display.viewer.dims.ndisplay != 2:
        return ""
    z = display.slice_shown()
    return f"slice {z + 1} of {display.grid.shape[0]}   {words_of_point(display.grid.world(display.place()), axes='S')}"


def words_of_point(world: np.ndarray, axes: str = "SAL") -> str:
    """A RAS point in a radiologist's words: ``S 12.0  A 8.5  L 3.2 mm``."""
    letters = {"L": ("R", "L", world[0]), "A": ("A", "P", world[1]), "S": ("S", "I", world[2])}
    parts = [f"{letters[a][0] if letters[a][2] >= 0 else letters[a][1]} {abs(letters[a][2]):.1f}" for a in axes]
    return "  ".join(parts) + " mm"
