"""What a reader set for good: the name, whether to read blinded to others, the display. napari keeps it and shows it.

The settings are declared in the manifest (``configurations``), appear in napari's Preferences, and are stored beside
napari's own, in ``thaliron-napari.yaml``.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.settings import get_plugin_settings, get_settings
from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject

from thaliron_napari.case.opening import reader_label
from thaliron_napari.errors import CaseError

_PLUGIN = "thaliron-napari"


def reader() -> str | None:
    """Name of the reader; empty: wants to read without one; None: was not asked yet."""
    settings = _reading()
    if settings is None:
        return None
    name = " ".join(settings.reader.split())
    if name:
        with contextlib.suppress(CaseError):
            reader_label(name)
            return name
        return None  # what was typed into the Preferences can name no folder: ask
    return None if settings.ask else ""


def set_reader(name: str) -> None:
    """Keep the name of the reader, empty for none, so that it is not asked for again."""
    settings = _reading()
    try:
        if settings is not None:
            settings.update({"reader": name, "ask": False})
    except OSError as error:
        show_warning(f"The reader's name could not be kept in the preferences ({error.strerror}): {error.filename}")


def is_blinded() -> bool:
    """Whether nothing of other readers may be shown; so it is where the preferences cannot be read."""
    settings = _reading()
    return True if settings is None else bool(settings.blinded)


def follow_blinded(owner: QObject, show: Callable[[bool], None]) -> None:
    """Call `show` with :func:`is_blinded`, now and at each change of it while `owner` lives."""
    _follow("blinded", owner, lambda: show(is_blinded()))


def is_neurological() -> bool:
    """Whether the patient's left is to be on the left of the picture; so it is not where nobody said so."""
    settings = _reading()
    return settings is not None and settings.display == "neurological"


def follow_neurological(owner: QObject, show: Callable[[bool], None]) -> None:
    """Call `show` with :func:`is_neurological`, now and at each change of it while `owner` lives."""
    _follow("display", owner, lambda: show(is_neurological()))


def _follow(name: str, owner: QObject, show: Callable[[], None]) -> None:
    """Call `show` now and at each change of a setting while `owner` lives."""
    show()
    settings = _reading()
    if settings is not None:

        def changed(_event: Any) -> None:
            show()

        emitter = getattr(settings.events, name)
        emitter.connect(changed)
        owner.destroyed.connect(lambda *_: emitter.disconnect(changed))


def _reading() -> Any:
    """The settings; None where napari has none for this plugin, such as when it was disabled there."""
    try:
        return get_plugin_settings(_PLUGIN).reading
    except KeyError:
        return None
    except Exception:  # whatever a damaged file leads to in napari's reading of it must not stop a reading
        return _without_damaged_file()


def _without_damaged_file() -> Any:
    """The settings anew, with the damaged file moved aside: napari's Preferences could not open with it either."""
    try:
        folder = Path(str(get_settings().config_path)).parent
        file = folder / f"{_PLUGIN}.yaml"
        file.replace(file.with_suffix(".damaged.yaml"))
        return get_plugin_settings(_PLUGIN).reading
    except Exception:
        return None
