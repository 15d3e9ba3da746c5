"""What is drawn in 3D by real key and mouse events: the right place and side, and the plane again as it was."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Surface
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from thaliron_napari.case import SIDE_LABEL, SIDES, Case, lesions
from thaliron_napari.case.edits import Edit, fact_change, voxel_change
from thaliron_napari.case.fusion import move_by_hand
from thaliron_napari.case.thalamus import set_contour
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import learn
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.measurements import MeasurementStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

pytestmark = pytest.mark.filterwarnings("ignore:Contours are not displayed")
"""What napari says of its own way to 3D."""

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def hand(panel: Panel) -> Hand:
    wait_until(lambda: "CSF" in panel.reading.viewer.layers, "the layers of what is drawn")
    open_step(panel, MeasurementStep)
    return Hand(panel.reading.viewer, panel)


def open_step(panel: Panel, kind: type) -> None:
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, kind)))


def draw(case: Case, labels: NDArray[Any]) -> None:
    """Both thalami at once."""
    new = voxel_change(case.annotations, "thalami", (0, 0, 0), labels)
    case.apply(Edit("draw both thalami", new))


def surfaces(panel: Panel) -> dict[str, Surface]:
    return {layer.name: layer for layer in panel.reading.viewer.layers if isinstance(layer, Surface)}


def in_mm(layer: Surface) -> NDArray[np.float64]:
    """Vertices in mm of the viewer."""
    return np.asarray(layer.data[0]) * layer.scale


def seen(panel: Panel) -> tuple[Any, ...]:
    """All that tells one view from another."""
    viewer = panel.reading.viewer
    camera = viewer.scene.camera
    return (
        [(id(layer), layer.visible, layer.opacity, getattr(layer, "contour", 0)) for layer in viewer.layers],
        viewer.layers.selection.active,
        viewer.dims.ndisplay,
        tuple(viewer.dims.point),
        tuple(viewer.dims.order),
        tuple(np.round(camera.center[-2:], 3)),
        round(camera.zoom, 3),
        camera.synced,
        panel.reading.display.place().tolist(),
    )


def show(panel: Panel, hand: Hand) -> None:
    hand.key(Qt.Key.Key_Y)
    wait_until(lambda: panel.surfaces.shown, "the surfaces")


def box(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([places.min(axis=0), places.max(axis=0)])


def test_what_is_drawn_stands_where_it_was_drawn_and_the_plane_comes_back(
    panel: Panel, hand: Hand, phantom_case: Case
) -> None:
    reading, viewer, truth = panel.reading, panel.reading.viewer, learn(phantom_case)
    phantom_case.apply(move_by_hand(phantom_case, "qsm", (3, -5, 2), (0, 0, 9)))
    draw(phantom_case, truth.thalami)
    for seed, _ in truth.lesions[:3]:
        phantom_case.apply(lesions.grow(phantom_case, seed))
    phantom_case.apply(lesions.set_state(phantom_case, 1, "accepted"))
    phantom_case.apply(lesions.set_state(phantom_case, 2, "rejected"))
    theirs = viewer.add_labels(np.zeros((9, 20, 20), int), name="theirs", opacity=0.4)
    theirs.contour = 2
    viewer.layers["CSF"].visible = False
    reading.display.go_to((15, 60, 50))
    viewer.layers.selection.active = viewer.layers["thalami"]
    hand.wheel(4, CONTROL)
    hand.drag([(100, 90), (110, 100), (120, 105)], button=Qt.MouseButton.MiddleButton)
    QTest.qWait(100)
    before = seen(panel)

    show(panel, hand)
    wait_until(lambda: "veins" in surfaces(panel), "the veins")
    assert viewer.dims.ndisplay == 3
    assert set(surfaces(panel)) == {"left thalamus", "right thalamus", "accepted lesions", "proposed lesions", "veins"}
    assert {layer.name for layer in viewer.layers if layer.visible} == set(surfaces(panel))
    qsm, flair = phantom_case.volume("qsm"), phantom_case.volume("flair")
    for side in SIDES:
        wanted = np.argwhere(truth.thalami == SIDE_LABEL[side]) * qsm.spacing
        at = in_mm(surfaces(panel)[f"{side} thalamus"])
        np.testing.assert_allclose(box(at), box(wanted), atol=1.6)
        np.testing.assert_allclose(at.mean(axis=0), wanted.mean(axis=0), atol=1.5)
    to_qsm = phantom_case.annotations.registration("qsm")
    assert not np.allclose(to_qsm, np.eye(4), atol=0.1)
    for number, name in ((1, "accepted lesions"), (3, "proposed lesions")):
        voxels = np.argwhere(phantom_case.annotations.maps["lesions"] == number)
        world = flair.grid.world(voxels) @ to_qsm[:3, :3].T + to_qsm[:3, 3]
        wanted = qsm.grid.index(world) * qsm.spacing
        np.testing.assert_allclose(in_mm(surfaces(panel)[name]).mean(axis=0), wanted.mean(axis=0), atol=0.7)
    veins = reading.veins.found
    assert veins is not None
    np.testing.assert_allclose(box(in_mm(surfaces(panel)["veins"])), box(np.argwhere(veins) * qsm.spacing), atol=1.6)
    assert surfaces(panel)["proposed lesions"].opacity < surfaces(panel)["accepted lesions"].opacity == 1

    angles = viewer.scene.camera.angles
    hand.canvas.setFocus()
    edits = len(phantom_case.done)
    hand.drag([(100, 90), (120, 110), (130, 130)])
    hand.wheel(3)
    QTest.qWait(100)
    assert not np.allclose(viewer.scene.camera.angles, angles)
    assert len(phantom_case.done) == edits
    hand.key(Qt.Key.Key_Y)
    QTest.qWait(100)
    assert seen(panel) == before
    # Napari's own key leads to 3D without surfaces, and out of it with them.
    hand.key(Qt.Key.Key_Y, CONTROL)
    assert (viewer.dims.ndisplay, surfaces(panel)) == (3, {})
    hand.key(Qt.Key.Key_Y, CONTROL)
    before = seen(panel)
    show(panel, hand)
    hand.key(Qt.Key.Key_Y, CONTROL)
    QTest.qWait(100)
    assert seen(panel) == before
    assert not surfaces(panel)


@pytest.mark.parametrize("neurological", [False, True])
def test_superior_is_up_left_is_left_and_front_hides_what_is_behind(
    panel: Panel, hand: Hand, phantom_case: Case, neurological: bool
) -> None:
    """The left ball lies higher; on the side of the reader a lesion covers the middle of the right one."""
    panel.reading.display.set_neurological(neurological)
    grid = phantom_case.volume("qsm").grid
    at = np.moveaxis(np.indices(grid.shape), 0, -1) * grid.spacing
    middle = (np.array(grid.shape) - 1) * grid.spacing / 2
    balls = np.zeros(grid.shape, np.int32)
    apart = np.array((10.0, 0.0, 20.0))
    left, right = middle + apart, middle - apart
    balls[np.linalg.norm(at - left, axis=-1) < 9] = SIDE_LABEL["left"]
    balls[np.linalg.norm(at - right, axis=-1) < 9] = SIDE_LABEL["right"]
    draw(phantom_case, balls)
    view = np.array((-0.25, -1.0 if neurological else 1.0, 0.3))
    flair = phantom_case.volume("flair").grid
    to_flair = np.linalg.inv(phantom_case.annotations.registration("qsm"))
    blobs = np.zeros(flair.shape, np.int32)
    places = flair.world(np.moveaxis(np.indices(flair.shape), 0, -1))
    for number, side in ((1, -1), (2, 1)):  # before the right ball, as the reader sees it, and behind the left one
        ball = right if number == 1 else left
        centre = grid.world((ball + side * 20 * view / np.linalg.norm(view)) / grid.spacing)
        blobs[np.linalg.norm(places - (to_flair[:3, :3] @ centre + to_flair[:3, 3]), axis=-1) < 4.5] = number
    new = voxel_change(phantom_case.annotations, "lesions", (0, 0, 0), blobs)
    for number in (1, 2):
        fact = lesions.Lesion(number, "accepted", (0, 0, 0), 0.5).to_fact()
        new += fact_change(phantom_case.annotations, f"lesion/{number}", fact)
    phantom_case.apply(Edit("grow two lesions", new))
    show(panel, hand)
    wait_until(lambda: "veins" in surfaces(panel), "the veins")  # they come later, and are violet
    for layer in surfaces(panel).values():
        layer.visible = layer.name != "veins"
    QTest.qWait(300)
    rgb = panel.reading.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    sky = np.argwhere((blue - red > 60) & (green > red))
    orange = np.argwhere((red - blue > 60) & (green > blue))
    pink = np.argwhere((red > green + 25) & (blue > green + 10))
    assert min(len(sky), len(orange), len(pink)) > 200
    assert sky.mean(axis=0)[0] < orange.mean(axis=0)[0] - 20
    assert (sky.mean(axis=0)[1] > orange.mean(axis=0)[1] + 20) == (not neurological)
    np.testing.assert_allclose(pink.mean(axis=0), orange.mean(axis=0), atol=8)  # the other one is hidden
    panel.surfaces.back()


def test_nothing_drawn_is_said(panel: Panel, hand: Hand, told: Callable[[], list[str]]) -> None:
    before = seen(panel)
    hand.key(Qt.Key.Key_Y)
    QTest.qWait(100)
    assert seen(panel) == before
    assert told() == ["Nothing is drawn yet that could be seen in 3D; draw a thalamus or grow a lesion first."]


def test_whatever_changes_leads_back_to_the_plane(panel: Panel, hand: Hand, phantom_case: Case) -> None:
    reading, viewer, truth = panel.reading, panel.reading.viewer, learn(phantom_case)
    z = int(np.flatnonzero((truth.thalami == SIDE_LABEL["left"]).any(axis=(1, 2))).mean())
    drawn = truth.thalami[z] == SIDE_LABEL["left"]
    phantom_case.apply(set_contour(phantom_case, "left", z, drawn, "draw"))
    reading.display.go_to((z + 3, 60, 50))

    def is_plane() -> bool:
        images = [layer for layer in viewer.layers if isinstance(layer, Image)]
        kinds = all(isinstance(layer, Image | Labels) for layer in viewer.layers)
        return viewer.dims.ndisplay == 2 and kinds and all(layer.visible for layer in images)

    show(panel, hand)
    hand.key(Qt.Key.Key_Z, CONTROL)  # undo
    assert is_plane()
    assert reading.display.slice_shown() == z
    hand.key(Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    show(panel, hand)
    open_step(panel, ThalamusStep)
    assert is_plane()
    show(panel, hand)
    hand.key(Qt.Key.Key_D)  # a tool
    assert is_plane()
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    hand.drag(np.array((100, 60)) + 10 * np.column_stack([np.sin(turns), np.cos(turns)]))
    assert phantom_case.annotations.maps["thalami"][z].sum() != drawn.sum()
    hand.key(Qt.Key.Key_Escape)

    show(panel, hand)
    for layer in list(surfaces(panel).values()):  # the user deletes what she sees
        viewer.layers.remove(layer)
    hand.key(Qt.Key.Key_Y)
    assert is_plane()
    hand.key(Qt.Key.Key_Y)
    hand.key(Qt.Key.Key_Y)  # before they are made: she does not want them
    QTest.qWait(1500)
    assert is_plane()
    QTest.keyPress(hand.canvas, Qt.Key.Key_H)
    show(panel, hand)
    QTest.keyRelease(hand.canvas, Qt.Key.Key_H)
    assert {layer.name for layer in viewer.layers if layer.visible} == set(surfaces(panel))
    open_step(panel, MeasurementStep)
    assert is_plane()
    assert viewer.layers["thalami"].visible
    button = next(b for b in panel.step(MeasurementStep).findChildren(QPushButton) if b.text().startswith("3D"))
    hand.press(button)
    wait_until(lambda: panel.surfaces.shown, "the surfaces")
    hand.press(button)
    assert is_plane()

    show(panel, hand)
    reading.open(phantom_case)  # another case, or this one anew
    QTest.qWait(200)
    assert is_plane()
    hand.key(Qt.Key.Key_Y, CONTROL)
    show(panel, hand)  # from napari's own 3D
    hand.key(Qt.Key.Key_Y)
    assert is_plane()
