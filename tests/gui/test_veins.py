"""The deep veins in the window, and the tool that cuts them, by real mouse and key events."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from scipy import ndimage

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.case.thalamus import set_contour
from thaliron_napari.case.veins import FoundVeins, VeinSettings, find_case_veins
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.planes import Planes
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.study import StudyStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

CONTROL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier


@pytest.fixture
def hand(panel: Panel) -> Hand:
    QTest.qWait(300)
    return Hand(panel.reading.viewer, panel)


def open_step(panel: Panel, kind: type) -> None:
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, kind)))


def circle(centre: NDArray[np.float64], radius: float) -> list[NDArray[np.float64]]:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return list(centre + radius * np.column_stack([np.sin(angles), np.cos(angles)]))


def layer(panel: Panel) -> Any:
    """The layer of the veins; None where there is none."""
    return next((a for a in panel.reading.viewer.layers if a.metadata.get("thaliron") == "veins"), None)


def show_veins(panel: Panel) -> NDArray[np.bool_]:
    """Have the veins shown, and return them."""
    panel.reading.veins.show()
    wait_until(lambda: layer(panel) is not None, "the veins")
    mask = panel.reading.veins.mask()
    assert mask is not None
    return mask


def draw_over_a_vein(panel: Panel, hand: Hand, veins: NDArray[np.bool_]) -> tuple[int, NDArray[np.float64]]:
    """Have both thalami share the largest vein of the left half; slice, and a point of the vein (y, x) in mm."""
    reading, case = panel.reading, panel.reading.case
    assert case is not None
    spacing = reading.display.grid.spacing
    left = veins.copy()
    left[:, :, : round(veins.shape[2] / 2 + 5 / spacing[2])] = False
    z = int(left.sum(axis=(1, 2)).argmax())
    pieces, count = ndimage.label(left[z])
    largest = 1 + int(np.argmax(ndimage.sum_labels(left[z], pieces, range(1, count + 1))))
    places = np.argwhere(pieces == largest)
    at = places[np.hypot(*(places - places.mean(axis=0)).T).argmin()] * spacing[1:]
    open_step(panel, ThalamusStep)
    hand.key(Qt.Key.Key_D)
    hand.scroll_to(z, reading.display.slice_shown)
    hand.drag(circle(at, 6))
    others = swept(panel, [at + np.array((0, 7))], 5.5)
    both = case.annotations.maps["thalami"][z] == 1
    reading.make(lambda c: set_contour(c, "left", z, both & ~others, "erase"))
    reading.make(lambda c: set_contour(c, "right", z, others, "draw"))
    return z, at


def swept(panel: Panel, path: list[NDArray[np.float64]], radius_mm: float) -> NDArray[np.bool_]:
    """What a disc goes over on a path, a little inside of its rim: a pixel of the screen may go missing."""
    grid = panel.reading.display.grid
    at = np.moveaxis(np.indices(grid.shape[1:]), 0, -1) * grid.spacing[1:]
    points = [a + (b - a) * t for a, b in pairwise(path) for t in np.linspace(0, 1, 30)] or path
    return np.min([np.hypot(*np.moveaxis(at - p, -1, 0)) for p in points], axis=0) <= radius_mm


def test_the_tool_shows_the_veins_and_h_hides_them(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    step = panel.step(ThalamusStep)
    assert layer(panel) is None
    hand.key(Qt.Key.Key_N)
    assert (step.radius_label.text(), step.radius.value()) == ("Nudge radius", 4.0)
    hand.key(Qt.Key.Key_V)
    assert panel.reading.tool == "vein"
    assert (step.radius_label.text(), step.radius.value()) == ("Vein radius", 3.0)
    step.radius.setValue(2.0)
    hand.wheel(1, Qt.KeyboardModifier.ShiftModifier)
    assert panel.reading.radius_mm["vein"] == step.radius.value() == 2.5
    assert step.isVisible()
    assert step.veins.isChecked()
    assert step.veins.text() == "Finding …"
    wait_until(lambda: layer(panel) is not None, "the veins")
    QTest.qWait(50)
    assert step.veins.text() == "Veins"
    veins = panel.reading.veins.mask()
    np.testing.assert_array_equal(np.asarray(layer(panel).data) > 0, veins)
    assert not phantom_case.done

    planes = panel.window().findChild(Planes)
    z, y, x = (int(v) for v in np.argwhere(veins)[veins.sum() // 2])
    panel.reading.display.go_to((z, y, x))
    QTest.qWait(100)
    coronal = planes.views["coronal"]
    violet = np.array([int(colours.VEIN[i : i + 2], 16) for i in (1, 3, 5)])

    def seen() -> int:
        image = coronal.grab().toImage()
        pixels = [image.pixelColor(i, j).getRgb()[:3] for j in range(image.height()) for i in range(image.width())]
        return int((np.abs(np.array(pixels) - violet).max(axis=1) < 20).sum())

    assert seen() > 3
    QTest.keyPress(hand.canvas, Qt.Key.Key_H)
    QTest.qWait(100)
    assert not layer(panel).visible
    assert seen() == 0
    QTest.keyRelease(hand.canvas, Qt.Key.Key_H)
    assert layer(panel).visible

    hand.press(step.veins)
    assert not layer(panel).visible
    hand.press(step.veins)  # at once, from what was found
    assert layer(panel).visible
    assert step.veins.text() == "Veins"
    np.testing.assert_array_equal(np.asarray(layer(panel).data) > 0, veins)
    open_step(panel, StudyStep)
    panel.reading.display.show("flair")
    assert not np.asarray(layer(panel).data).any()
    open_step(panel, ThalamusStep)
    assert np.asarray(layer(panel).data).any()


@pytest.mark.parametrize(("tool", "key", "modifiers"), [("vein", "V", None), ("nudge", "N", ALT)])
def test_of_the_contour_only_the_vein_under_the_disc_is_cut(
    panel: Panel, phantom_case: Case, hand: Hand, tool: str, key: str, modifiers: Any
) -> None:
    veins = show_veins(panel)
    z, at = draw_over_a_vein(panel, hand, veins)
    labels = phantom_case.annotations.maps["thalami"]
    before, edits = labels.copy(), len(phantom_case.done)
    hand.key(Qt.Key[f"Key_{key}"])
    panel.reading.set_radius(2.5)
    path = [at + np.array(way) for way in ((0, 0), (0.5, 0.5), (1.5, 1.0))]
    modifiers = modifiers or Qt.KeyboardModifier.NoModifier
    shown = np.array(panel.reading.viewer.layers["thalami"].data)
    hand.drag(path, modifiers=modifiers, while_down=lambda: hand.key(Qt.Key.Key_Escape))
    far = np.argwhere(ndimage.distance_transform_edt(~veins[z]) > 20)[0] * panel.reading.display.grid.spacing[1:]
    hand.drag([far, far + 1], modifiers=modifiers)  # beside every vein
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(panel.reading.viewer.layers["thalami"].data, shown)
    assert len(phantom_case.done) == edits
    assert panel.reading.tool == tool

    seen: list[NDArray[np.uint8]] = []
    hand.drag(
        path,
        modifiers=modifiers,
        while_down=lambda: seen.append(np.array(panel.reading.viewer.layers["thalami"].data[z])),
    )
    gone = labels != before
    assert (before[z] == 2)[veins[z] & swept(panel, path, 2.4)].any()  # of the other side, and stays
    assert np.flatnonzero(gone.any(axis=(1, 2))).tolist() == [z]
    assert (before[gone] == 1).all()
    assert not (gone[z] & ~veins[z]).any()
    assert not (labels[z] == 1)[veins[z] & swept(panel, path, 2.4)].any()
    assert not gone[z][~swept(panel, path, 2.6)].any()
    assert len(phantom_case.done) == edits + 1
    assert phantom_case.done[-1].words == f"cut veins of left thalamus, slice {z + 1}"
    np.testing.assert_array_equal(seen[0] > 0, labels[z] > 0)  # shown while the hand went over it
    after = labels.copy()
    hand.key(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(panel.reading.viewer.layers["thalami"].data[z] > 0, before[z] > 0)
    hand.key(Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    np.testing.assert_array_equal(labels, after)


def test_before_the_veins_are_found_or_a_contour_is_there_a_cut_is_refused_in_words(
    panel: Panel,
    phantom_case: Case,
    hand: Hand,
    told: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = Event()

    def found_late(case: Case, settings: VeinSettings) -> FoundVeins:
        assert go_on.wait(30)
        return find_case_veins(case, settings)

    monkeypatch.setattr("thaliron_napari.viewer.veins.find_case_veins", found_late)
    path = [(100, 60), (100, 62)]
    open_step(panel, ThalamusStep)
    hand.drag(circle(np.array(path[0]), 8))
    before = phantom_case.annotations.maps["thalami"].copy()
    refused = "The veins are still being found; cut them once they are shown."
    hand.key(Qt.Key.Key_N)
    hand.drag(path, modifiers=ALT)
    assert told() == [refused]
    hand.key(Qt.Key.Key_V)
    hand.drag(path)
    assert told() == [refused] * 2
    assert len(phantom_case.done) == 1
    np.testing.assert_array_equal(phantom_case.annotations.maps["thalami"], before)
    go_on.set()
    wait_until(lambda: layer(panel) is not None, "the veins")
    hand.drag(path)
    assert len(told()) == 2
    while phantom_case.annotations.maps["thalami"].any():
        hand.key(Qt.Key.Key_Z, CONTROL)
    hand.drag(path)
    assert told()[2].startswith(f"There is no {panel.reading.side} thalamus on this slice")
    assert not phantom_case.done


def test_another_case_has_its_own_veins(
    panel: Panel, hand: Hand, phantom: dict[Role, Path], tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    veins = show_veins(panel)
    open_step(panel, StudyStep)
    other = open_case([], images=phantom, derivatives=tmp_path / "other")
    volume = other.images["qsm"]
    volume.data.flags.writeable = True
    volume.data[:, :, : volume.grid.shape[2] // 2] *= 0.1  # no veins on the right
    panel.reading.open(other)
    assert not np.asarray(layer(panel).data).any()
    open_step(panel, ThalamusStep)
    assert panel.step(ThalamusStep).veins.isChecked()
    wait_until(lambda: np.asarray(layer(panel).data).any(), "the veins of the other case")
    now = np.asarray(layer(panel).data) > 0
    assert (now != veins).any()
    np.testing.assert_array_equal(now, panel.reading.veins.mask())

    empty = open_case([], images=phantom, derivatives=tmp_path / "empty")
    empty.qsm_ppb[:] = 0
    panel.reading.open(empty)  # veins are sought: their step is open
    wait_until(lambda: not panel.reading.veins.sought, "the end of the search")
    assert len(told()) == 1
    assert "holds no susceptibility" in told()[0]
    assert not panel.step(ThalamusStep).veins.isChecked()
    assert not np.asarray(layer(panel).data).any()


def test_veins_are_found_anew_where_what_is_drawn_leaves_their_box_and_a_deleted_layer_comes_back(
    panel: Panel, hand: Hand
) -> None:
    reading = panel.reading
    veins = show_veins(panel)
    reading.viewer.layers.remove(layer(panel))
    hand.key(Qt.Key.Key_D)
    hand.drag(circle(np.array((20.0, 60.0)), 5))
    np.testing.assert_array_equal(np.asarray(layer(panel).data) > 0, veins)
    assert reading.veins.mask() is None
    assert layer(panel).visible  # those of before, until the others are there
    wait_until(lambda: reading.veins.mask() is not None, "the veins around what was drawn")
    assert not reading.veins.sought
    np.testing.assert_array_equal(np.asarray(layer(panel).data) > 0, reading.veins.mask())
