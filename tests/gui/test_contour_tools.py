"""Contours by real mouse and key events: polygon, paint, filling that follows, copies, veins, proposals, the strip."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from thaliron_napari.case import SIDE_LABEL, SIDES, Case, Side
from thaliron_napari.case.thalamus import generated, proposed, set_contour
from thaliron_napari.case.veins import kept_out
from thaliron_napari.imaging import write_label_map
from thaliron_napari.measurement import measure_case
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.key_strip import KeyStrip
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import learn
from thaliron_napari.viewer.plane_view import PlaneView
from thaliron_napari.viewer.planes import Planes
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
CORNERS = [(92, 112), (92, 132), (108, 132), (108, 112)]


@pytest.fixture
def hand(panel: Panel) -> Hand:
    """On the thalamus step, with all layers there."""
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, ThalamusStep)))
    wait_until(lambda: "thalami" in [layer.name for layer in panel.reading.viewer.layers], "the layers")
    QTest.qWait(300)
    return Hand(panel.reading.viewer, panel)


@pytest.fixture
def truth(phantom_case: Case) -> NDArray[np.uint8]:
    return learn(phantom_case).thalami


def mine(case: Case, side: Side = "left") -> NDArray[np.bool_]:
    return case.annotations.maps["thalami"] == SIDE_LABEL[side]


def draw_keys(case: Case, truth: NDArray[np.uint8], side: Side = "left", count: int = 3) -> list[int]:
    """Draw true contours on slices spread over a thalamus; returns them."""
    used = np.flatnonzero((truth == SIDE_LABEL[side]).any(axis=(1, 2)))
    slices = np.linspace(used[0], used[-1], count).round().astype(int).tolist()
    for z in slices:
        case.apply(set_contour(case, side, z, truth[z] == SIDE_LABEL[side], "draw"))
    return slices


def fill(panel: Panel, hand: Hand, side: Side = "left") -> None:
    case = panel.reading.case
    assert case is not None
    hand.key(Qt.Key.Key_F)
    wait_until(lambda: bool(generated(case, side)) and not panel.step(ThalamusStep).filling.going_on, "the fill")


def middle_of(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """A point well inside of a slice's mask, in mm."""
    places = np.argwhere(mask)
    return places[np.hypot(*(places - places.mean(axis=0)).T).argmin()] * spacing


# -- polygon


@pytest.mark.parametrize("closing", ["Enter", "double click", "the first corner"])
def test_a_polygon_is_the_area_between_its_corners(panel: Panel, phantom_case: Case, hand: Hand, closing: str) -> None:
    hand.key(Qt.Key.Key_L)
    z, step = panel.reading.display.slice_shown(), panel.reading.display.grid.spacing[1:]
    for corner in CORNERS:
        hand.click(corner)
    assert not phantom_case.done
    if closing == "Enter":
        hand.key(Qt.Key.Key_Return)
    else:
        hand.click(CORNERS[-1] if closing == "double click" else CORNERS[0])
    assert [edit.words for edit in phantom_case.done] == [f"draw left thalamus, slice {z + 1}"]
    assert mine(phantom_case)[z].sum() * step.prod() == pytest.approx(16 * 20, rel=0.08)
    assert not panel.reading.corners


def test_backspace_takes_a_corner_back_and_escape_all(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    hand.key(Qt.Key.Key_L)
    step = panel.reading.display.grid.spacing[1:]
    for corner in (*CORNERS, (120, 122)):
        hand.click(corner)
    hand.key(Qt.Key.Key_Backspace)
    hand.key(Qt.Key.Key_Return)
    z = panel.reading.display.slice_shown()
    before = mine(phantom_case)[z].copy()
    assert before.sum() * step.prod() == pytest.approx(16 * 20, rel=0.08)
    for corner in CORNERS:
        hand.click(corner)
    hand.key(Qt.Key.Key_Escape)
    assert panel.reading.tool == "polygon"
    hand.key(Qt.Key.Key_Return)
    assert len(phantom_case.done) == 1
    hand.drag([(108, 122)], modifiers=SHIFT)
    for corner in ((118, 128), (118, 116)):
        hand.click(corner)
    hand.key(Qt.Key.Key_Return)
    added = mine(phantom_case)[z]
    assert (added & before).sum() == before.sum() < added.sum()


def test_corners_are_of_one_slice(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    hand.key(Qt.Key.Key_L)
    for corner in CORNERS:
        hand.click(corner)
    hand.wheel(1)
    hand.key(Qt.Key.Key_Return)
    assert not phantom_case.done


# -- paint, here and on the side planes


def test_paint_adds_what_the_disc_goes_over_and_shift_wipes_it_away(
    panel: Panel, phantom_case: Case, hand: Hand
) -> None:
    hand.key(Qt.Key.Key_B)
    z, step = panel.reading.display.slice_shown(), panel.reading.display.grid.spacing[1:]
    hand.drag([(95, 122), (100, 122), (105, 122)])
    painted, radius = mine(phantom_case)[z].copy(), panel.reading.radius_mm["paint"]
    assert painted.sum() * step.prod() == pytest.approx(np.pi * radius**2 + 2 * radius * 10, rel=0.1)
    hand.drag([(105, 122), (105, 123)], modifiers=SHIFT)
    wiped = mine(phantom_case)[z]
    assert not (wiped & ~painted).any()
    assert 0 < wiped.sum() < painted.sum()
    assert [edit.words.split(",")[0] for edit in phantom_case.done] == ["paint left thalamus", "wipe left thalamus"]


def drag_on_plane(view: PlaneView, start: NDArray[np.float64], stop: NDArray[np.float64]) -> None:
    """Drag from one index (z, y, x) to another."""
    QTest.mouseMove(view, view.pixel(start).toPoint())
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=view.pixel(start).toPoint())
    for share in np.linspace(0.2, 1, 6):
        QTest.mouseMove(view, view.pixel(start + share * (stop - start)).toPoint())
        QTest.qWait(15)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=view.pixel(stop).toPoint())
    QTest.qWait(15)


@pytest.mark.parametrize(("name", "along"), [("sagittal", 1), ("coronal", 2)])
def test_a_nudge_on_a_side_plane_is_one_edit_there(
    panel: Panel, phantom_case: Case, hand: Hand, truth: NDArray[np.uint8], name: str, along: int
) -> None:
    drawn = draw_keys(phantom_case, truth)
    fill(panel, hand)
    before, edits = mine(phantom_case).copy(), len(phantom_case.done)
    centre = np.argwhere(before).mean(axis=0).round()
    panel.reading.display.go_to(tuple(centre))
    hand.key(Qt.Key.Key_N)
    QTest.qWait(300)  # the side planes follow
    view = panel.window().findChild(Planes).views[name]
    step, across = panel.reading.display.grid.spacing[along], 3 - along

    def on_plane(volume: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.take(volume, int(centre[across]), axis=across)

    edge = np.flatnonzero(on_plane(before)[int(centre[0])])[-1]
    start, stop = centre.copy(), centre.copy()
    start[along], stop[along] = edge - 5 / step, edge + 2.5 / step
    drag_on_plane(view, start, stop)
    assert phantom_case.done[edits].words.startswith(f"nudge left thalamus, {name} slice")
    wait_until(lambda: not panel.step(ThalamusStep).filling.going_on, "the fill")
    after = mine(phantom_case)
    reached = sorted(set(phantom_case.annotations.keys("left")) - set(drawn))
    assert reached, "the slices that the disc reached are keys"
    assert not (on_plane(before) & ~on_plane(after))[reached].any()
    assert (on_plane(after) & ~on_plane(before))[reached].any(axis=1).all()
    assert len(phantom_case.actions(9)) == len(phantom_case.done) - 1, "what was filled anew belongs to the stroke"
    hand.key(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(mine(phantom_case), before)

    place = panel.reading.display.place()
    far = np.array(panel.reading.display.grid.shape) * 0.85
    drag_on_plane(view, far, far)
    assert np.abs(panel.reading.display.place() - place).max() > 3, "away from a thalamus it is the crosshair"


# -- filling that follows


def test_a_changed_key_and_what_is_filled_anew_are_one_action(
    panel: Panel, phantom_case: Case, hand: Hand, truth: NDArray[np.uint8]
) -> None:
    slices = draw_keys(phantom_case, truth)
    fill(panel, hand)
    before = mine(phantom_case).copy()
    z, step = slices[1], panel.reading.display.grid.spacing
    hand.scroll_to(z, panel.reading.display.slice_shown)
    hand.key(Qt.Key.Key_N)
    at = middle_of(before[z], step[1:])
    edge = np.argwhere(before[z])[np.argwhere(before[z])[:, 1].argmax()] * step[1:]
    hand.drag([at, (at + edge) / 2, edge, edge + np.array((0, 3))])
    wait_until(lambda: not panel.step(ThalamusStep).filling.going_on, "the fill")
    after = mine(phantom_case).copy()
    changed = np.flatnonzero((after != before).any(axis=(1, 2)))
    assert set(changed) - {z}
    assert slices[0] < changed.min()
    assert changed.max() < slices[-1]
    assert [edit.words for edit in phantom_case.actions(1)] == [f"nudge left thalamus, slice {z + 1}"]
    panel.refresh()
    assert panel.undo_button.text() == f"Undo: nudge left thalamus, slice {z + 1}"

    hand.key(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(mine(phantom_case), before)
    hand.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    np.testing.assert_array_equal(mine(phantom_case), after)
    assert not phantom_case.undone


def test_a_cleared_key_is_filled_again_and_the_strip_shows_it(
    panel: Panel, phantom_case: Case, hand: Hand, truth: NDArray[np.uint8]
) -> None:
    slices = draw_keys(phantom_case, truth)
    fill(panel, hand)
    strip = panel.window().findChild(KeyStrip)
    z = slices[1]
    assert strip.isVisible()
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(4, round(strip.pixel_of(z))))
    assert panel.reading.display.slice_shown() == z
    assert strip.words(z) == f"slice {z + 1}: left drawn, right empty"
    hand.key(Qt.Key.Key_Backspace)
    wait_until(lambda: z in generated(phantom_case, "left"), "the fill")
    assert strip.words(z) == f"slice {z + 1}: left filled between, right empty"
    assert phantom_case.annotations.keys("left") == [slices[0], slices[2]]
    drawn, again = truth[z] == 1, mine(phantom_case)[z]
    assert 2 * (drawn & again).sum() / (drawn.sum() + again.sum()) > 0.8


# -- copy, mirror, clear


def test_a_contour_is_copied_up_and_down_and_mirrored(
    panel: Panel, phantom_case: Case, hand: Hand, truth: NDArray[np.uint8]
) -> None:
    z = int((truth == 1).sum(axis=(1, 2)).argmax())
    phantom_case.apply(set_contour(phantom_case, "left", z, truth[z] == 1, "draw"))
    hand.scroll_to(z, panel.reading.display.slice_shown)
    hand.key(Qt.Key.Key_Period)
    assert panel.reading.display.slice_shown() == z + 1
    np.testing.assert_array_equal(mine(phantom_case)[z + 1], truth[z] == 1)
    hand.scroll_to(z, panel.reading.display.slice_shown)
    hand.key(Qt.Key.Key_Comma)
    assert panel.reading.display.slice_shown() == z - 1
    assert phantom_case.annotations.keys("left") == [z - 1, z, z + 1]
    hand.key(Qt.Key.Key_Backspace)
    assert phantom_case.annotations.keys("left") == [z, z + 1]
    hand.scroll_to(z, panel.reading.display.slice_shown)
    hand.key(Qt.Key.Key_M)
    wait_until(lambda: phantom_case.annotations.keys("right") == [z], "the mirror image")
    other, real = mine(phantom_case, "right")[z], truth[z] == 2
    assert 2 * (other & real).sum() / (other.sum() + real.sum()) > 0.7


def test_what_cannot_be_copied_is_said_and_changes_nothing(
    panel: Panel, phantom_case: Case, hand: Hand, told: Callable[[], list[str]]
) -> None:
    z = panel.reading.display.slice_shown()
    for key in (Qt.Key.Key_Period, Qt.Key.Key_M):
        hand.key(key)
    wait_until(lambda: len(told()) == 2, "the words")
    assert told() == [f"There is no left thalamus on slice {z + 1}; draw it first."] * 2
    assert not phantom_case.done


# -- veins kept out


def test_nothing_that_is_made_enters_veins_that_are_kept_out(
    panel: Panel, phantom_case: Case, hand: Hand, truth: NDArray[np.uint8]
) -> None:
    for side in SIDES:
        draw_keys(phantom_case, truth, side)
    step = panel.step(ThalamusStep)
    hand.press(step.keep_out)
    wait_until(lambda: kept_out(phantom_case) is not None, "the veins")
    assert step.keep_out.isChecked()
    veins = kept_out(phantom_case)
    assert veins is not None
    fill(panel, hand)
    for side in SIDES:
        assert not (mine(phantom_case, side) & veins)[generated(phantom_case, side)].any()

    left = veins.copy()
    left[:, :, : veins.shape[2] // 2] = False
    z = int(left.sum(axis=(1, 2)).argmax())
    spacing = panel.reading.display.grid.spacing[1:]
    at = middle_of(left[z], spacing)
    hand.scroll_to(z, panel.reading.display.slice_shown)
    hand.key(Qt.Key.Key_B)
    hand.drag([at - np.array((6, 0)), at, at + np.array((6, 0))])
    painted = (phantom_case.annotations.maps["thalami"][z] > 0) & (truth[z] == 0)
    assert painted.any()
    assert not (phantom_case.annotations.maps["thalami"][z][veins[z]] > 0).any()
    hand.press(step.keep_out)
    assert kept_out(phantom_case) is None
    hand.drag([at - np.array((6, 0)), at, at + np.array((6, 0))])
    assert (phantom_case.annotations.maps["thalami"][z][veins[z]] > 0).any()


def test_settings_of_the_veins_change_what_is_shown_and_measured(
    panel: Panel, phantom_case: Case, hand: Hand, truth: NDArray[np.uint8]
) -> None:
    draw_keys(phantom_case, truth)
    fill(panel, hand)
    step, veins = panel.step(ThalamusStep), panel.reading.veins
    hand.press(step.keep_out)
    wait_until(lambda: kept_out(phantom_case) is not None, "the veins")
    few = int(kept_out(phantom_case).sum())
    values = measure_case(phantom_case).values
    assert values["thalamus_left_veins_out_ml"] <= values["thalamus_left_veins_in_ml"]
    step.margin.setValue(1.5)
    wait_until(lambda: veins.settings.margin_mm == 1.5 and not veins.sought, "the veins with a margin")
    assert int(kept_out(phantom_case).sum()) > few
    assert phantom_case.done[-1].words == "find veins above 90 ppb, 6 mm and longer, with a margin of 1.5 mm"
    hand.key(Qt.Key.Key_Z, CONTROL)
    assert int(kept_out(phantom_case).sum()) == few
    assert step.margin.value() == 0


# -- a first contour for nothing


def test_a_map_is_proposed_and_measured_once_it_is_accepted(
    panel: Panel,
    phantom_case: Case,
    hand: Hand,
    truth: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "aseg.nii.gz"
    write_label_map(path, np.array([0, 10, 49], np.int32)[truth], phantom_case.volume("qsm"))
    monkeypatch.setattr("thaliron_napari.viewer.proposing.QFileDialog.getOpenFileName", lambda *_args: (str(path), ""))
    step = panel.step(ThalamusStep)
    hand.press(step.map_button)
    wait_until(lambda: all(proposed(phantom_case, side) for side in SIDES), "the proposal")
    np.testing.assert_array_equal(phantom_case.annotations.maps["thalami"], truth)
    assert phantom_case.done[-1].words == "propose left and right thalamus from aseg.nii.gz"
    assert "thalamus_ml" not in measure_case(phantom_case).values
    assert not step.done()
    hand.key(Qt.Key.Key_Return)
    assert not any(proposed(phantom_case, side) for side in SIDES)
    assert step.done()
    volume = phantom_case.volume("qsm")
    ml = (truth > 0).sum() * volume.spacing.prod() / 1000
    assert measure_case(phantom_case).values["thalamus_ml"] == pytest.approx(ml)
    hand.key(Qt.Key.Key_Z, CONTROL)
    hand.key(Qt.Key.Key_Z, CONTROL)
    assert not phantom_case.annotations.maps["thalami"].any()


def test_a_click_into_each_thalamus_proposes_it(
    panel: Panel, phantom_case: Case, hand: Hand, truth: NDArray[np.uint8]
) -> None:
    hand.key(Qt.Key.Key_A)
    spacing = panel.reading.display.grid.spacing[1:]
    for side in SIDES:
        own = truth == SIDE_LABEL[side]
        z = int(own.sum(axis=(1, 2)).argmax())
        hand.scroll_to(z, panel.reading.display.slice_shown)
        hand.click(middle_of(own[z], spacing))
        wait_until(lambda side=side: proposed(phantom_case, side), "the proposal")
        found = mine(phantom_case, side)
        assert 2 * (found & own).sum() / (found.sum() + own.sum()) > 0.75
    hand.key(Qt.Key.Key_Return)
    for side in SIDES:
        assert phantom_case.annotations.keys(side) == np.flatnonzero(mine(phantom_case, side).any(axis=(1, 2))).tolist()
