"""Whatever is done to napari's layers, views and docks, the reading goes on: what is drawn lands where the hand was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boxes import answer
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDockWidget

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.viewer import make_dock
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.saved import ClosingGuard
from thaliron_napari.viewer.steps.csf import CsfStep
from thaliron_napari.viewer.steps.fusion import FusionStep
from thaliron_napari.viewer.steps.lesions import LesionStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep
from thaliron_napari.viewer.work import running

CENTRE_MM, RADIUS_MM = np.array((100.0, 60.0)), 10.0
CONTROL = Qt.KeyboardModifier.ControlModifier


def open_step(panel: Panel, kind: type) -> None:
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, kind)))


def circle(radius_mm: float = RADIUS_MM) -> list[NDArray[np.float64]]:
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return list(CENTRE_MM + radius_mm * np.column_stack([np.sin(angles), np.cos(angles)]))


def disc(case: Case) -> NDArray[np.bool_]:
    """What a circle encloses on a slice of the QSM."""
    volume = case.volume("qsm")
    at = np.indices(volume.grid.shape[1:]) * np.asarray(volume.spacing[1:])[:, None, None]
    return np.asarray(np.hypot(*(at - CENTRE_MM[:, None, None])) < RADIUS_MM)


def goes_on(panel: Panel) -> None:
    """A circle drawn on the canvas becomes a contour there and on no other slice, is shown, and can be undone."""
    reading = panel.reading
    case = reading.case
    assert case is not None
    if reading.tool != "draw":
        reading.choose_tool("draw")
    hand = Hand(reading.viewer, panel)
    labels = case.annotations.maps["thalami"]
    before, z, edits = labels.copy(), reading.display.slice_shown(), len(case.done)
    hand.drag(circle())
    assert len(case.done) == edits + 1
    drawn = (labels != before).any(axis=(1, 2))
    assert np.flatnonzero(drawn).tolist() == [z]
    wanted = disc(case)
    overlap = 2 * (wanted & (labels[z] > 0)).sum() / (wanted.sum() + (labels[z] > 0).sum())
    assert overlap > 0.9
    shown = next(layer for layer in reading.viewer.layers if layer.metadata.get("thaliron") == "thalami")
    np.testing.assert_array_equal(np.asarray(shown.data[z]) > 0, labels[z] > 0)
    assert shown in reading.viewer.layers
    hand.key(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(np.asarray(shown.data[z]) > 0, before[z] > 0)


def ours(panel: Panel) -> list[Any]:
    return [layer for layer in panel.reading.viewer.layers if panel.reading.display.owns(layer)]


@pytest.fixture
def reading_panel(panel: Panel) -> Panel:
    QTest.qWait(300)
    for step in (LesionStep, CsfStep, ThalamusStep):  # every layer is there
        open_step(panel, step)
    panel.reading.display.go_to((15, 100, 100))
    return panel


def test_layers_renamed_reordered_hidden_and_deleted(reading_panel: Panel, phantom_case: Case) -> None:
    panel, layers = reading_panel, reading_panel.reading.viewer.layers
    goes_on(panel)
    for name in ("thalami", "QSM (ppb)"):
        layers[name].name = "mine now"
        goes_on(panel)
    layers.reverse()
    goes_on(panel)
    layers.selection.clear()
    goes_on(panel)
    for layer in list(layers):
        layer.visible = False
    goes_on(panel)
    for layer in list(layers):
        layer.visible = True
    layers.selection = set(layers)
    goes_on(panel)
    for name in [layer.metadata["thaliron"] for layer in ours(panel)]:
        layers.remove(next(layer for layer in ours(panel) if layer.metadata["thaliron"] == name))
        goes_on(panel)
    layers.clear()
    goes_on(panel)
    assert {layer.metadata["thaliron"] for layer in ours(panel)} >= {"below", "over", "thalami"}
    layers.clear()
    open_step(panel, LesionStep)
    open_step(panel, ThalamusStep)
    goes_on(panel)


def test_other_plugins_layers_of_any_shape(reading_panel: Panel, phantom_case: Case) -> None:
    panel, viewer = reading_panel, reading_panel.reading.viewer
    rng = np.random.default_rng(0)
    added = [
        viewer.add_image(rng.random((40, 50)), name="flat"),
        viewer.add_image(rng.random((30, 40, 50, 3)), rgb=True, name="colours", scale=(3, 2, 2), translate=(5, -20, 7)),
        viewer.add_labels(np.zeros((10, 20, 30), int), scale=(0.5, 0.5, 0.5), name="thalami"),
        viewer.add_points(np.array([[10.0, 100, 60]]), name="points"),
        viewer.add_shapes([np.array([[90.0, 50], [90, 70], [110, 70]])], shape_type="polygon", name="shapes"),
    ]
    for layer in added:
        viewer.layers.selection.active = layer
        goes_on(panel)
    assert viewer.layers["thalami"].data.max() == 0 or panel.reading.display.owns(viewer.layers["thalami"])
    for layer in added:
        viewer.layers.remove(layer)
        goes_on(panel)
    times = viewer.add_image(rng.random((4, 20, 60, 60)), scale=(1, 2, 2, 2), name="time")
    assert viewer.dims.ndim == 4
    goes_on(panel)
    viewer.dims.set_point(0, 2)
    goes_on(panel)
    open_step(panel, LesionStep)
    open_step(panel, ThalamusStep)
    goes_on(panel)
    viewer.layers.selection.active = times
    goes_on(panel)
    viewer.layers.remove(times)
    goes_on(panel)


def test_views_turned_themes_changed_and_back(reading_panel: Panel, phantom_case: Case) -> None:
    panel, viewer = reading_panel, reading_panel.reading.viewer
    viewer.theme = "light"
    goes_on(panel)
    viewer.theme = "dark"
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    goes_on(panel)
    for turn, times in ((viewer.dims.roll, 3), (viewer.dims.transpose, 2)):
        for _ in range(times):
            turn()
            if list(viewer.dims.order) != [0, 1, 2]:
                Hand(viewer, panel).drag(circle())
                assert not phantom_case.done
        goes_on(panel)
    viewer.canvas.grid.enabled = True
    QTest.qWait(100)
    Hand(viewer, panel).drag(circle())
    assert not phantom_case.done
    viewer.canvas.grid.enabled = False
    QTest.qWait(100)
    goes_on(panel)


def dock_of(panel: Panel) -> QDockWidget:
    above = panel.parentWidget()
    while not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above


def test_the_dock_closed_and_opened_again_has_the_case_and_its_edits(
    panel: Panel, phantom_case: Case, make_napari_viewer_proxy: Callable[..., Any], told: Callable[[], list[str]]
) -> None:
    QTest.qWait(300)
    open_step(panel, ThalamusStep)
    viewer, hand = panel.reading.viewer, Hand(panel.reading.viewer, panel)
    hand.drag(circle())
    labels = phantom_case.annotations.maps["thalami"].copy()
    assert labels.any()

    viewer.window.remove_dock_widget(panel)
    QTest.qWait(50)
    assert not panel.isVisible()
    again = make_dock(viewer)
    viewer.window.add_dock_widget(again, name="ThalIron", area="right")
    QTest.qWait(50)
    assert again is panel
    assert panel.isVisible()
    assert panel.reading.case is phantom_case
    np.testing.assert_array_equal(phantom_case.annotations.maps["thalami"], labels)
    panel.reading.display.scroll(2)
    goes_on(panel)
    hand.key(Qt.Key.Key_Z, CONTROL)
    assert not phantom_case.annotations.maps["thalami"].any()
    hand.key(Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    dock_of(panel).close()
    dock_of(panel).show()
    QTest.qWait(300)  # the canvas gives the dock its room
    panel.reading.display.scroll(2)  # off the contour that undo and redo went to: drawing it again is no edit
    goes_on(panel)

    # A second viewer has a reading of its own, and only looks on at the same case.
    other = make_napari_viewer_proxy(show=True)
    other.window.resize(900, 800)
    second = make_dock(other)
    assert second is not panel
    other.window.add_dock_widget(second, name="ThalIron", area="right")
    images: dict[Role, Path] = {role: v.source.path for role, v in phantom_case.images.items() if v.source is not None}
    assert phantom_case.folder is not None
    same = open_case([], images=images, derivatives=phantom_case.folder.parents[1])
    second.reading.open(same)
    QTest.qWait(300)
    assert "is open" in second.reading.read_only
    np.testing.assert_array_equal(same.annotations.maps["thalami"], labels)
    open_step(second, ThalamusStep)
    Hand(other, second).drag(circle(6))
    np.testing.assert_array_equal(same.annotations.maps["thalami"], labels)
    assert any("is open" in words for words in told())
    edits = len(phantom_case.done)
    goes_on(panel)
    assert len(phantom_case.done) == edits


def test_closing_on_a_registration_asks_and_cancels(panel: Panel, phantom_case: Case) -> None:
    window = panel.window()
    asked: list[str] = []

    open_step(panel, FusionStep)
    Hand(panel.reading.viewer, panel).press(panel.step(FusionStep).start)
    assert [job.name for job in running(window)] == ["registration"]
    QTimer.singleShot(0, lambda: answer("Stay", asked))
    assert not window.close()
    assert window.isVisible()
    assert running(window)
    QTimer.singleShot(0, lambda: answer("Cancel it", asked))
    guard = window.findChild(ClosingGuard)
    assert not guard.eventFilter(window, QCloseEvent())  # it may close now
    assert asked == ["The registration is still going on."] * 2
    assert not running(window)
    assert not phantom_case.done
    assert not phantom_case.journal.held  # another window can have the case
