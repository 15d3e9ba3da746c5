"""A phantom patient on disk for the tests of the window, and what was told to the reader."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QThreadPool

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.label_layers import labels_imported
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import phantom_images


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    """Image files of the small phantom; never written to."""
    return phantom_images(tmp_path_factory.mktemp("phantom"), "small")


@pytest.fixture(scope="session")
def imports() -> None:
    """What napari imports for its first label layer, which in a window comes some seconds later."""
    while not labels_imported():
        time.sleep(0.05)


@pytest.fixture
def phantom_case(phantom: dict[Role, Path], tmp_path: Path) -> Case:
    """The phantom's case, nothing drawn yet, its files below the test's folder."""
    return open_case([], images=phantom, derivatives=tmp_path / "thaliron")


@pytest.fixture
def panel(make_napari_viewer_proxy: Callable[..., Any], phantom_case: Case, imports: None) -> Iterator[Panel]:
    """The window with the phantom's case open."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1280, 800)
    made = make_window(phantom_case, viewer=viewer)
    yield made
    QThreadPool.globalInstance().waitForDone(30_000)


@pytest.fixture
def told() -> Iterator[Callable[[], list[str]]]:
    """What the reader was told since the test began."""
    notification_manager.records.clear()
    yield lambda: [record.message for record in notification_manager.records]
    notification_manager.records.clear()
