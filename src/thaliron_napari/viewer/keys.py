"""Keys of the reading, bound on the viewer and on each of its layers, where napari's own bindings cannot take them.

napari asks the active layer before the viewer, and of either its own bindings before those of its kind. So every layer
has them, another plugin's too: whichever is active, the keys of the reading do what they say.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from qtpy.QtWidgets import QApplication

from thaliron_napari.viewer.contour_tools import close_polygon
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.tools import TOOLS


@dataclass(frozen=True)
class KeyAction:
    """What a key does.

    Parameters
    ----------
    words : str
    press : callable
        Run when the key goes down, once however long it is held.
    release : callable, optional
        Run when the key comes up, or when the keyboard goes elsewhere before that.
    """

    words: str
    press: Callable[[], None]
    release: Callable[[], None] | None = None


def key_groups(reading: Reading) -> dict[str, dict[str, KeyAction]]:
    """Every key by napari's name for it, with its words and what it does, in the groups of the key sheet."""
    display = reading.display
    images = display.images
    tools = {
        tool.key: KeyAction(f"{tool.title}. {tool.tip}", lambda name=tool.name: reading.choose_tool(name))
        for tool in TOOLS.values()
    }
    presets = {
        str(place + 1): KeyAction(words, lambda place=place: images.use_preset(place))
        for place, words in enumerate(
            (
                "window of the image in front: QSM −100 … 200 ppb, others automatic",
                "QSM −50 … 100 ppb, others narrow",
                "QSM −150 … 150 ppb, others their whole range",
            )
        )
    }
    return {
        "Tools": tools
        | {
            "Space": KeyAction("the tool before this one, and back", reading.swap_tools),
            "T": KeyAction(
                "the other thalamus: near the middle of the head, where the hand alone does not say which",
                lambda: reading.choose_side("right" if reading.side == "left" else "left"),
            ),
            "[": KeyAction("smaller tool, or a tighter lesion", lambda: reading.change_radius(-0.5)),
            "]": KeyAction("larger tool, or a more generous lesion", lambda: reading.change_radius(0.5)),
            "F": KeyAction("fill both thalami between their contours", reading.fill_asked.emit),
            "Enter": KeyAction(
                "close the polygon; accept the suggested circles, the proposed contours, or the selected lesion",
                lambda: close_polygon(reading) if reading.corners else reading.accept(),
            ),
            "Backspace": KeyAction(
                "take the last corner back; without a polygon, clear this slice of the thalamus in hand",
                reading.clear_slice,
            ),
            ".": KeyAction("copy the contour to the slice above, and go there", lambda: reading.copy_contour(1)),
            ",": KeyAction("copy the contour to the slice below, and go there", lambda: reading.copy_contour(-1)),
            "Q": KeyAction("suggest a CSF circle in each atrium; Enter accepts them", reading.csf_asked.emit),
            "M": KeyAction("mirror the contour onto the other thalamus", reading.mirror_asked.emit),
            "G": KeyAction(
                "the selected lesion enhances after gadolinium, or does not; three states in turn",
                reading.review.turn_enhancing,
            ),
            "PageDown": KeyAction("the next lesion of the list", lambda: reading.review.next(1)),
            "PageUp": KeyAction("the lesion before this one", lambda: reading.review.next(-1)),
            "Delete": KeyAction("delete the selected lesion", reading.review.delete),
            "Escape": KeyAction("drop the stroke that is going on, or put the tool down", reading.escape),
        },
        "Picture": {
            "X": KeyAction("flip between the lower image and the upper one, such as QSM and FLAIR", reading.flip_blend),
            **presets,
            "P": KeyAction("the three planes, or the axial one alone", reading.planes_asked.emit),
            "Y": KeyAction("in 3D what is drawn, and the plane again", reading.surfaces_asked.emit),
            "O": KeyAction("outlines or filled", reading.turn_outlines),
            "H": KeyAction(
                "hides all that is drawn, while it is held",
                lambda: reading.hide_annotations(True),
                lambda: reading.hide_annotations(False),
            ),
        },
        "Case": {
            "Control-Z": KeyAction("undo", reading.undo),
            "Control-Shift-Z": KeyAction("redo", reading.redo),
            "Control-S": KeyAction("save", reading.save_now),
            "Control-PageDown": KeyAction("the next unread case of the list", lambda: reading.unread_asked.emit(1)),
            "Control-PageUp": KeyAction("the unread case before this one", lambda: reading.unread_asked.emit(-1)),
            "Control-Enter": KeyAction("reading finished, on to the next unread case", reading.finish_and_go_on),
            "Control-Shift-Enter": KeyAction("flag the case, on to the next unread case", reading.flag_asked.emit),
            "F1": KeyAction("this list of keys; ? too", reading.keys_asked.emit),
        },
    }


MOUSE = {
    "left button": "what the tool in hand says; without a tool, the crosshair",
    "Shift + left drag": "with Draw and Polygon: add to the contour; with Paint and Retouch: wipe away",
    "Shift + click": "with Lesion: add what is there to the selected lesion",
    "Ctrl + click": "with Lesion: keep what is there out of the selected lesion",
    "left drag on a side plane": "with Nudge, Vein, Paint and Retouch: the same there; elsewhere the crosshair",
    "Shift + click, Ctrl + click": "with CSF circle: add one, take one away",
    "Alt + left drag": "with Nudge: cut the veins under the disc out of the contour",
    "right drag": "window of the image in front: sideways its width, up and down its level",
    "middle drag": "move the picture",
    "wheel": "through the slices",
    "Ctrl + wheel": "zoom about the cursor",
    "Shift + wheel": "radius of the tool; with Lesion, how far the selected one grows",
}
"""What the mouse does on the picture."""


def attach(reading: Reading) -> Callable[[], None]:
    """Bind the keys; returns what undoes it."""
    bindings: dict[str, Callable[[Any], Any]] = {}
    releases: list[Callable[[], None]] = []
    for group in key_groups(reading).values():
        for key, action in group.items():
            if action.release is None:
                bindings[key] = _once(action.press)
            else:
                bindings[key] = _held(action.press, action.release)
                releases.append(action.release)
    replaced: list[tuple[Any, str, Any]] = []

    def bind(target: Any) -> None:
        for key, function in bindings.items():
            replaced.append((target, key, target.bind_key(key, function, overwrite=True)))

    def on_layer(event: Any) -> None:
        bind(event.value)

    def off_layer(event: Any) -> None:
        give_back(event.value)

    def give_back(*targets: Any) -> None:
        for target, key, before in [entry for entry in replaced if entry[0] in targets]:
            target.bind_key(key, before, overwrite=True)
        replaced[:] = [entry for entry in replaced if entry[0] not in targets]

    def on_focus(_old: Any, _new: Any) -> None:
        for release in releases:  # the key's coming up will be told to another
            release()

    viewer, application = reading.viewer, QApplication.instance()
    bind(viewer)
    for layer in viewer.layers:
        bind(layer)
    viewer.layers.events.inserted.connect(on_layer)
    viewer.layers.events.removed.connect(off_layer)
    application.focusChanged.connect(on_focus)

    def detach() -> None:
        viewer.layers.events.inserted.disconnect(on_layer)
        viewer.layers.events.removed.disconnect(off_layer)
        application.focusChanged.disconnect(on_focus)
        give_back(viewer, *viewer.layers)

    return detach


def _once(press: Callable[[], None]) -> Callable[[Any], None]:
    return lambda _target: press()


def _held(press: Callable[[], None], release: Callable[[], None]) -> Callable[[Any], Iterator[None]]:
    def while_down(_target: Any) -> Iterator[None]:
        press()
        yield
        release()

    return while_down
