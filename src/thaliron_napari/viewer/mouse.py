"""Mouse on the canvas: tools with the left button, window and level with the right, pan with the middle, scroll."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.utils.notifications import show_info

from thaliron_napari.case import ROLE_NAME
from thaliron_napari.viewer.canvas import directions
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.tools import TOOLS, Tool

_ON_THE_MARGIN = ("draw", "erase", "polygon")
"""Tools whose strokes end on the margin; where those of others end is what to look at."""


def attach(reading: Reading) -> Callable[[], None]:
    """Bind the mouse of a viewer to a reading; returns what undoes it."""

    def on_drag(_viewer: Any, event: Any) -> Iterator[None]:
        if reading.case is None or not reading.display.is_axial:
            return
        if event.button == 1 and reading.tool in TOOLS:
            tool = TOOLS[reading.tool]
            if not may_begin(reading, tool):  # said before the stroke, not after it
                event.handled = True
                return
            yield from stroke(reading, tool.drag(reading, event), event)
            if tool.name not in _ON_THE_MARGIN:
                _point_to(reading, event)
        elif event.button == 1:
            yield from stroke(reading, _point(reading, event), event)
        elif event.button == 2:
            yield from stroke(reading, _window_level(reading, event), event)
        elif event.button == 3:
            yield from stroke(reading, _pan(reading, event), event)

    def on_move(_viewer: Any, event: Any) -> None:
        if reading.corners and not event.is_dragging:
            reading.pen.line([*reading.corners, event.position[-2:]], closed=True)
        if reading.case is None or reading.tool not in reading.radius_mm or event.is_dragging:
            return
        if not reading.display.is_axial:
            return
        reading.pen.circle(event.position[-2:], reading.radius_mm[reading.tool])

    def on_wheel(_viewer: Any, event: Any) -> None:
        if reading.case is None or reading.viewer.dims.ndisplay != 2:
            for function in napari_own:
                function(_viewer, event)
            return
        step = 1 if event.delta[1] > 0 else -1
        if "Shift" in event.modifiers and (reading.tool in reading.radius_mm or reading.tool == "seed"):
            reading.change_radius(0.5 * step)
        elif "Control" in event.modifiers:
            _zoom(reading, event, 1.15**step)
        else:
            reading.display.scroll(step)
        event.handled = True

    viewer = reading.viewer
    # napari scrolls slices with Ctrl+wheel whatever another callback has done; here Ctrl+wheel zooms.
    napari_own = list(viewer.mouse_wheel_callbacks)
    for function in napari_own:
        viewer.mouse_wheel_callbacks.remove(function)
    bound = [
        (viewer.mouse_drag_callbacks, on_drag),
        (viewer.mouse_move_callbacks, on_move),
        (viewer.mouse_wheel_callbacks, on_wheel),
    ]
    for callbacks, function in bound:
        callbacks.insert(0, function)

    def detach() -> None:
        for callbacks, function in bound:
            if function in callbacks:
                callbacks.remove(function)
        viewer.mouse_wheel_callbacks.extend(napari_own)

    return detach


def may_begin(reading: Reading, tool: Tool) -> bool:
    """Whether a stroke of a tool can begin; says why not."""
    return reading.may_change() and _on_its_image(reading, tool)


def _on_its_image(reading: Reading, tool: Tool) -> bool:
    """Whether the grid on show is the one that a tool draws on; brings that on show, and says so, where it is not."""
    display = reading.display
    if display.grid_name == tool.grid:
        return True
    assert reading.case is not None
    if tool.grid in reading.case.images:
        display.show(tool.grid)
        show_info(f"{tool.title} draws on the {ROLE_NAME[tool.grid]}, which is on show now.")
    else:
        show_info(f"{tool.title} needs a {ROLE_NAME[tool.grid]}, and this case has none; choose it in the step Study.")
    return False


def stroke(reading: Reading, drag: Iterator[None], event: Any) -> Iterator[None]:
    """Run a drag, telling napari's camera at each step that this event is ours; Escape drops it."""
    reading.stroke = "going on"
    for _ in drag:
        event.handled = True
        yield
        if reading.stroke == "dropped":
            reading.pen.clear()
            reading.display.labels.drop_preview()
            while event.type == "mouse_move":
                event.handled = True
                yield
            break
    reading.stroke = ""
    event.handled = True


def _point(reading: Reading, event: Any) -> Iterator[None]:
    """Left button without a tool: the crosshair goes with the hand."""
    while True:
        _point_to(reading, event)
        yield
        if event.type != "mouse_move":
            return


def _point_to(reading: Reading, event: Any) -> None:
    """Put the crosshair where the mouse is."""
    display = reading.display
    index = np.array(event.position[-3:]) / display.grid.spacing
    display.go_to(np.clip(index, 0, np.array(display.grid.shape) - 1))


def _window_level(reading: Reading, event: Any) -> Iterator[None]:
    """Right drag: sideways the width of the window, up and down its level, of the image that shows most."""
    images = reading.display.images
    role = images.front
    if images.layer(role) is None:
        return
    low, high = images.limits(role)
    start = np.array(event.pos, float)
    yield
    while event.type == "mouse_move":
        images.set_limits(role, *dragged_window(low, high, *(np.array(event.pos, float) - start)))
        yield


def dragged_window(low: float, high: float, right_px: float, down_px: float) -> tuple[float, float]:
    """Window after a drag of so many pixels: to the right it is wider, downwards its level is higher."""
    per_pixel = (high - low) / 300
    width = max(high - low + right_px * per_pixel, (high - low) / 100)
    level = (high + low) / 2 + down_px * per_pixel
    return level - width / 2, level + width / 2


def _pan(reading: Reading, event: Any) -> Iterator[None]:
    """Middle drag: move the picture with the hand."""
    camera = reading.viewer.scene.camera
    start, centre = np.array(event.pos, float), np.array(camera.center[-2:])
    yield
    while event.type == "mouse_move":
        moved_px = (np.array(event.pos, float) - start)[::-1]
        camera.center = (0.0, *(centre - moved_px / camera.zoom * directions(reading.viewer)))
        yield


def _zoom(reading: Reading, event: Any, factor: float) -> None:
    """Zoom about the place under the cursor."""
    camera = reading.viewer.scene.camera
    here = np.array(event.position[-2:])
    centre = np.array(camera.center[-2:])
    camera.zoom *= factor
    camera.center = (0.0, *(here + (centre - here) / factor))
