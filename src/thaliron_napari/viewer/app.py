"""The program: a napari window with the dock in place."""

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QDockWidget

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.case.bids import is_dataset
from thaliron_napari.case.opening import reader_label
from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer import preferences
from thaliron_napari.viewer.opening import Request
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.planes import toggle_planes
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.study import StudyStep

_ENDING_MS = 10_000


def open_window(
    paths: list[Path],
    images: dict[Role, Path],
    derivatives: Path | None = None,
    reader: str = "",
    *,
    asks: bool = True,
) -> int:
    """Open the window, on a patient or the worklist of a dataset where paths are given, and run until it is closed.

    Parameters
    ----------
    paths, images, derivatives
        See :func:`open_case`.
    reader : str
        Who reads; empty: whom the preferences name.
    asks : bool
        Look into the preferences for the name, and ask for it, in the window, where it is not known; else an empty
        name means none.

    Returns
    -------
    int
        The program's exit status.

    Raises
    ------
    CaseError, ImageError, GridError
        When the patient cannot be opened, or the reader's name can name no folder; no window appears then.
    """
    if reader:
        reader_label(reader)
    # Asked of napari before all else, for a tenth of a second: where the reader's work lies depends on it.
    known = preferences.reader() if asks and not reader else reader
    with ThreadPoolExecutor(1) as beside:  # the files are read while napari is imported and makes its window
        opening = beside.submit(_open, paths, images, derivatives, known)
        import napari

        viewer = napari.Viewer(title="ThalIron", show=False)
        # napari collects garbage each time a layer goes, at every change of case: a quarter of a second over all that
        # the imports made. What is there now stays for good and needs no looking at.
        gc.freeze()
        try:
            case = opening.result()
        except ThalIronError:
            viewer.close()
            raise
    panel = make_window(case, reader=known or "", asks=known is None, viewer=viewer)
    study = panel.step(StudyStep)
    viewer.show()
    if case is not None:
        study.opener.shown = Request(paths, images, derivatives)
    elif paths or images:
        study.open(paths, images, derivatives)
    napari.run(gui_exceptions=True)  # a defect is told, and the window lives on
    QThreadPool.globalInstance().waitForDone(_ENDING_MS)  # such as for the next case being read ahead
    return 0


def _open(paths: list[Path], images: dict[Role, Path], derivatives: Path | None, reader: str | None) -> Case | None:
    """The case; None where there is none yet to show, or a list of them to choose from, or the reader to be asked."""
    if reader is None or not (paths or images) or (len(paths) == 1 and not images and is_dataset(paths[0])):
        return None
    return open_case(paths, images=images, derivatives=derivatives, reader=reader)


def make_window(case: Case | None = None, *, reader: str = "", asks: bool = False, viewer: Any = None) -> Panel:
    """A napari window with the dock, napari's own layer list folded away beneath it; shows a case if given.

    With `asks` the reader's name is looked for in the preferences, and asked for, before a case is opened in it.
    """
    import napari

    viewer = viewer or napari.Viewer(title="ThalIron")
    panel = Panel(Reading(viewer, reader=reader))
    panel.step(StudyStep).who.asks = asks
    panel.step(StudyStep).who.refresh()
    viewer.window.add_dock_widget(panel, name="ThalIron", area="right")
    toggle_planes(panel, panel.reading)
    _fold_away_layer_list(panel)
    if case is not None:
        panel.reading.open(case)
    return panel


def _fold_away_layer_list(panel: Panel) -> None:
    """Give the room of napari's layer list and controls to the picture; the menu Window brings them back."""
    for dock in panel.window().findChildren(QDockWidget):
        if dock.windowTitle() in ("layer list", "layer controls"):
            dock.hide()


def run_demo(out: Path | None, offscreen: bool, size: str) -> int:
    """Open the phantom patient and the synthetic cohort; or, offscreen, read it whole and write what comes of it.

    Parameters
    ----------
    out : Path, optional
        Folder for the phantom's files and the results; ``thaliron-demo`` in the working folder by default.
    offscreen : bool
        Perform the scripted reading and return, instead of waiting for a reader.
    size : {"small", "full"}
    """
    from thaliron_napari.viewer.demo import scripted_reading
    from thaliron_napari.viewer.phantom_case import phantom_images

    folder = out or Path("thaliron-demo")
    images = phantom_images(folder, size, freesurfer=True)
    if offscreen:
        return scripted_reading(images, folder)
    return open_window([], images, derivatives=folder / "derivatives" / "thaliron", asks=False)
