"""The window: the only package that knows napari and Qt."""

from typing import Any


def make_dock(napari_viewer: Any = None) -> Any:
    """The ThalIron dock of a viewer, by default the current one; the manifest's widget command.

    A viewer has one: where the dock was closed, it comes back as it was left, with its case and its edits.
    """
    import napari
    from qtpy.QtWidgets import QApplication

    from thaliron_napari.viewer.panel import Panel
    from thaliron_napari.viewer.reading import Reading

    viewer = napari_viewer if napari_viewer is not None else napari.current_viewer()
    for widget in QApplication.allWidgets():
        if isinstance(widget, Panel) and _bare(widget.reading.viewer) is _bare(viewer):
            if widget.parent() is not None:  # under another name, or the menu would only show and hide it
                viewer.window.remove_dock_widget(widget)
            return widget
    return Panel(Reading(viewer))


def _bare(viewer: Any) -> Any:
    """The viewer without the proxy in which napari hands it to plugins."""
    return getattr(viewer, "__wrapped__", viewer)
