"""The window: the only package that knows napari and Qt."""

from typing import Any


def make_dock(napari_viewer: Any) -> Any:
    """The ThalIron dock for a viewer; the manifest's widget command."""
    from thaliron_napari.viewer.panel import Panel
    from thaliron_napari.viewer.reading import Reading

    return Panel(Reading(napari_viewer))
