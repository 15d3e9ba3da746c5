"""Keys of the reading, bound on the viewer and on each of our layers, where napari's own bindings cannot take them."""

from collections.abc import Callable
from typing import Any

from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.tools import TOOLS


def key_actions(reading: Reading) -> dict[str, tuple[str, Callable[[], None]]]:
    """Every key with its words and what it does."""
    actions: dict[str, tuple[str, Callable[[], None]]] = {
        tool.key: (tool.tip, lambda name=tool.name: reading.choose_tool(name)) for tool in TOOLS.values()
    }
    actions |= {
        "T": ("the other side's thalamus", lambda: reading.choose_side("right" if reading.side == "left" else "left")),
        "F": ("fill between the contours", reading.fill_between),
        "X": ("flip between QSM and anatomy", reading.flip_blend),
        "O": ("outlines or filled", lambda: reading.display.labels.set_outlines(not reading.display.labels.outlines)),
        "[": ("smaller tool", lambda: reading.change_radius(-0.5)),
        "]": ("larger tool", lambda: reading.change_radius(0.5)),
        "Enter": ("accept the lesion", reading.accept_proposed),
        "Delete": ("delete the selected lesion", reading.delete_selected),
        "Escape": ("drop the stroke, or put the tool down", reading.escape),
        "Control-Z": ("undo", reading.undo),
        "Control-Shift-Z": ("redo", reading.redo),
        "Control-S": ("save", reading.save_now),
        "Control-PageDown": ("next unread case", lambda: reading.unread_asked.emit(1)),
        "Control-PageUp": ("unread case before this one", lambda: reading.unread_asked.emit(-1)),
        "Control-Enter": ("reading finished, on to the next unread case", reading.finish_and_go_on),
    }
    return actions


def attach(reading: Reading) -> Callable[[], None]:
    """Bind the keys; returns what undoes it."""
    actions = key_actions(reading)

    def bind(target: Any) -> None:
        for key, (_words, action) in actions.items():
            target.bind_key(key, lambda _t, action=action: action(), overwrite=True)

    def on_layer(event: Any) -> None:
        if reading.display.owns(event.value):
            bind(event.value)

    bind(reading.viewer)
    reading.viewer.layers.events.inserted.connect(on_layer)

    def detach() -> None:
        reading.viewer.layers.events.inserted.disconnect(on_layer)
        for key in actions:
            reading.viewer.bind_key(key, None, overwrite=True)

    return detach
