"""Single tools by real mouse and key events, each against what it says it does."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from thaliron_napari.case import SIDES, Case
from thaliron_napari.measurement.csf_check import is_known
from thaliron_napari.viewer.codes import SUGGESTED
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import learn
from thaliron_napari.viewer.scripted_reader import outline, wait_until
from thaliron_napari.viewer.steps.csf import CsfStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep


@pytest.fixture
def hand(panel: Panel) -> Hand:
    QTest.qWait(200)
    return Hand(panel.reading.viewer, panel)


def open_step(panel: Panel, kind: type) -> None:
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, kind)))


def circle(centre: tuple[float, float], radius: float, points: int = 24) -> list[np.ndarray]:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return list(np.array(centre) + radius * np.column_stack([np.sin(angles), np.cos(angles)]))


def drawn(case: Case, z: int, label: int = 1) -> np.ndarray:
    return case.annotations.maps["thalami"][z] == label


def test_a_drawn_circle_becomes_the_contour(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    open_step(panel, ThalamusStep)
    z, spacing = panel.reading.display.slice_shown(), panel.reading.display.grid.spacing[1:]
    hand.drag(circle((100, 122), 10))
    mask = drawn(phantom_case, z)
    area = mask.sum() * spacing.prod()
    assert area == pytest.approx(np.pi * 100, rel=0.08)
    assert np.argwhere(mask).mean(axis=0) * spacing == pytest.approx((100, 122), abs=0.7)
    assert phantom_case.annotations.keys("left") == [z]

    hand.drag(circle((110, 122), 4), modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert drawn(phantom_case, z).sum() > mask.sum()
    hand.key(Qt.Key.Key_E)
    hand.drag(circle((100, 122), 30))
    assert not drawn(phantom_case, z).any()
    assert phantom_case.annotations.keys("left") == []

    for _ in range(3):
        hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not phantom_case.done
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    np.testing.assert_array_equal(drawn(phantom_case, z), mask)


def test_nudge_pushes_out_from_inside_and_in_from_outside(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    open_step(panel, ThalamusStep)
    z = panel.reading.display.slice_shown()
    hand.drag(circle((100, 122), 10))
    before = drawn(phantom_case, z)
    hand.key(Qt.Key.Key_N)
    hand.drag([(100, 122), (100, 128), (100, 132)])
    out = drawn(phantom_case, z)
    assert (out & before).sum() == before.sum()
    assert out.sum() > before.sum()
    hand.drag([(80, 122), (86, 122), (90, 122)])
    pushed_in = drawn(phantom_case, z)
    assert not (pushed_in & ~out).any()
    assert pushed_in.sum() < out.sum()
    assert [edit.words for edit in phantom_case.done[-2:]] == [f"nudge left thalamus, slice {z + 1}"] * 2


@pytest.mark.parametrize("key", [Qt.Key.Key_D, Qt.Key.Key_N])
def test_escape_drops_the_stroke(panel: Panel, phantom_case: Case, hand: Hand, key: Qt.Key) -> None:
    open_step(panel, ThalamusStep)
    z = panel.reading.display.slice_shown()
    hand.drag(circle((100, 122), 10))
    hand.key(key)
    shown = np.array(panel.reading.viewer.layers["thalami"].data)
    tool = panel.reading.tool
    hand.drag([(100, 122), (100, 128), (100, 136), (90, 136)], while_down=lambda: hand.key(Qt.Key.Key_Escape))
    assert len(phantom_case.done) == 1
    np.testing.assert_array_equal(panel.reading.viewer.layers["thalami"].data, shown)
    assert panel.reading.tool == tool
    hand.drag([(100, 122), (100, 128), (100, 136), (90, 136)])
    assert len(phantom_case.done) == 2
    hand.key(Qt.Key.Key_Escape)
    assert panel.reading.tool == "look"
    assert panel.reading.display.slice_shown() == z


def middle_mm(panel: Panel, case: Case) -> float:
    """X of the middle of the head."""
    truth = learn(case)
    return float(np.mean([truth.atria[side][2] for side in SIDES]) * panel.reading.display.grid.spacing[2])


def test_sides_never_overlap(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    open_step(panel, ThalamusStep)
    z, x = panel.reading.display.slice_shown(), middle_mm(panel, phantom_case)
    hand.drag(circle((100, x + 10), 14))
    left = drawn(phantom_case, z)
    assert left.any()
    hand.drag(circle((100, x - 14), 14))
    np.testing.assert_array_equal(drawn(phantom_case, z), left)
    assert drawn(phantom_case, z, 2).any()


def test_the_hands_place_says_which_thalamus_and_near_the_middle_the_key(
    panel: Panel, phantom_case: Case, hand: Hand
) -> None:
    open_step(panel, ThalamusStep)
    x, words = middle_mm(panel, phantom_case), lambda: phantom_case.done[-1].words
    assert panel.reading.side == "left"
    hand.drag(circle((100, x - 15), 8))
    assert words().startswith("draw right thalamus")
    assert panel.reading.side == "right"
    hand.drag(circle((100, x + 15), 8))
    assert words().startswith("draw left thalamus")
    hand.key(Qt.Key.Key_N)
    hand.drag([(100, x - 15), (100, x - 21)])
    assert words().startswith("nudge right thalamus")
    panel.reading.display.scroll(1)
    hand.key(Qt.Key.Key_D)
    for side in ("left", "right"):
        hand.key(Qt.Key.Key_T)
        hand.drag(circle((100, x), 4))
        assert words().startswith(f"draw {side} thalamus") or side == "right", "the other side's voxels stay"
        assert panel.reading.side == side


def test_a_csf_circle_is_placed_moved_and_taken_back(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    truth = learn(phantom_case)
    open_step(panel, CsfStep)
    spacing = panel.reading.display.grid.spacing
    at = np.array(truth.atria["left"])
    hand.scroll_to(round(at[0]), panel.reading.display.slice_shown)
    hand.click(at * spacing)
    placed = phantom_case.annotations.csf("left")
    assert placed is not None
    assert placed.centre == pytest.approx(tuple(at), abs=0.6)
    assert placed.radius_mm == 3
    assert phantom_case.annotations.csf("right") is None

    hand.drag([at * spacing, at * spacing + (0, 2, 1), at * spacing + (0, 4, 2)])
    moved = phantom_case.annotations.csf("left")
    assert moved is not None
    shift = (np.array(moved.centre) - placed.centre) * spacing
    assert shift == pytest.approx((0, 4, 2), abs=0.6)
    panel.reading.undo()
    assert phantom_case.annotations.csf("left") == placed


def test_the_rim_resizes_shift_adds_and_control_takes_away(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    truth = learn(phantom_case)
    open_step(panel, CsfStep)
    notes, spacing = phantom_case.annotations, panel.reading.display.grid.spacing
    at = np.array(truth.atria["left"])
    middle = at * spacing
    hand.scroll_to(round(at[0]), panel.reading.display.slice_shown)
    hand.click(middle)
    hand.drag([middle + np.array((0, y, 0)) for y in (3, 4, 5)])  # from the rim outwards
    (resized,) = notes.csf_circles("left")
    assert resized.radius_mm == pytest.approx(5, abs=0.4)
    assert resized.centre == pytest.approx(tuple(at), abs=0.6)
    assert phantom_case.done[-1].words == f"resize left CSF circle, slice {round(at[0]) + 1}"
    panel.reading.display.scroll(1)
    hand.drag([middle], modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert [round(circle.centre[0]) for circle in notes.csf_circles("left")] == [round(at[0]), round(at[0]) + 1]
    hand.drag([middle], modifiers=Qt.KeyboardModifier.ControlModifier)
    assert notes.csf_circles("left") == (resized,)
    panel.reading.undo()
    assert len(notes.csf_circles("left")) == 2
    wait_until(lambda: "left 2" in panel.step(CsfStep).numbers.text(), "the numbers of both circles", 10)


def test_circles_are_suggested_and_wait_for_the_readers_word(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    truth = learn(phantom_case)
    open_step(panel, CsfStep)
    step, notes = panel.step(CsfStep), phantom_case.annotations
    hand.key(Qt.Key.Key_Q)
    wait_until(lambda: bool(panel.reading.suggested_csf), "the suggestion")
    assert not notes.csf("left")
    assert not notes.csf("right")
    layer = panel.reading.viewer.layers["CSF"]
    assert set(np.unique(layer.data)) == {0, SUGGESTED}
    hand.key(Qt.Key.Key_Escape)
    assert not layer.data.any()
    assert panel.reading.tool == "csf"
    wait_until(step.suggest_button.isEnabled, "the button")
    hand.key(Qt.Key.Key_Q)
    wait_until(lambda: bool(panel.reading.suggested_csf), "the suggestion")
    z = round(truth.atria["left"][0])
    hand.scroll_to(z, panel.reading.display.slice_shown)
    hand.click(np.array(truth.atria["left"]) * panel.reading.display.grid.spacing)
    own = notes.csf("left")
    assert set(panel.reading.suggested_csf) == {"right"}  # hers goes before a suggestion
    hand.key(Qt.Key.Key_Return)
    assert (phantom_case.done[-1].words, notes.csf("left")) == ("take the suggested CSF circle", own)
    panel.reading.undo(2)
    hand.key(Qt.Key.Key_Q)
    wait_until(lambda: len(panel.reading.suggested_csf) == 2, "the suggestion")
    hand.key(Qt.Key.Key_Return)
    assert phantom_case.done[-1].words == "take the suggested CSF circles"
    spacing = panel.reading.display.grid.spacing
    for side, other in (("left", "right"), ("right", "left")):
        centre = np.array(notes.csf(side).centre)
        near, far = (np.linalg.norm((centre - truth.atria[s]) * spacing) for s in (side, other))
        assert near < 20 < far
    assert set(np.unique(layer.data)) == {0, 1, 2}
    assert step.done()
    panel.reading.undo()
    assert not notes.csf("left")


def test_what_speaks_against_a_circle_is_said(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    truth = learn(phantom_case)
    open_step(panel, CsfStep)
    step, spacing = panel.step(CsfStep), panel.reading.display.grid.spacing
    at = np.array(truth.atria["right"])
    hand.scroll_to(round(at[0]), panel.reading.display.slice_shown)
    hand.click(at * spacing)
    wait_until(lambda: is_known(phantom_case), "the map's noise")
    step.refresh()
    assert step.doubts.text() == ""
    hand.drag([at * spacing + np.array((0, y, -5 if y else 0)) for y in (0, -10, -20)])  # into white matter
    wait_until(lambda: "right CSF circle" in step.doubts.text(), "the doubt")


def test_wheel_scrolls_slices_and_control_wheel_zooms(panel: Panel, hand: Hand) -> None:
    z, zoom = panel.reading.display.slice_shown(), panel.reading.viewer.scene.camera.zoom
    hand.wheel(3)
    assert panel.reading.display.slice_shown() == z + 3
    hand.wheel(-5)
    assert panel.reading.display.slice_shown() == z - 2
    assert panel.reading.viewer.scene.camera.zoom == zoom
    hand.wheel(1, Qt.KeyboardModifier.ControlModifier)
    assert panel.reading.viewer.scene.camera.zoom > zoom
    assert panel.reading.display.slice_shown() == z - 2


def test_shift_wheel_changes_the_radius(panel: Panel, hand: Hand) -> None:
    open_step(panel, ThalamusStep)
    hand.key(Qt.Key.Key_N)
    radius = panel.reading.radius_mm["nudge"]
    hand.wheel(2, Qt.KeyboardModifier.ShiftModifier)
    assert panel.reading.radius_mm["nudge"] == radius + 1
    hand.key(Qt.Key.Key_BracketLeft)
    assert panel.reading.radius_mm["nudge"] == radius + 0.5


def test_right_drag_sets_the_window(panel: Panel, hand: Hand) -> None:
    panel.reading.display.images.set_share(0.0)
    low, high = panel.reading.display.images.limits("qsm")
    hand.drag([(100, 60), (100, 90), (100, 100)], button=Qt.MouseButton.RightButton)
    wider = panel.reading.display.images.limits("qsm")
    assert wider[1] - wider[0] > (high - low) * 1.05


def test_registration_brings_the_scans_together(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    import json

    from thaliron_napari.viewer.scripted_reader import wait_until
    from thaliron_napari.viewer.steps.fusion import FusionStep

    open_step(panel, FusionStep)
    step = panel.step(FusionStep)
    hand.press(step.start)
    wait_until(step.done, "the registration")
    source = phantom_case.volume("qsm").source
    assert source is not None
    root = source.path.parents[2]
    truth = json.loads((root / "derivatives/truth/sub-phantom/anat/truth.json").read_text("utf-8"))
    found = phantom_case.annotations.registration("qsm")
    head = phantom_case.volume("qsm").grid.world(np.argwhere(phantom_case.volume("qsm").data != 0)[::5000])
    there = head @ np.array(truth["qsm_to_flair"])[:3, :3].T + np.array(truth["qsm_to_flair"])[:3, 3]
    back = there @ found[:3, :3].T + found[:3, 3]
    assert np.linalg.norm(back - head, axis=1).max() < 1.0


def test_outline_of_a_mask_surrounds_it() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5:15, 4:12] = True
    path = np.array(outline(mask, np.array([1.0, 1.0])))
    assert path.min(axis=0) == pytest.approx((4.5, 3.5), abs=0.6)
    assert path.max(axis=0) == pytest.approx((14.5, 11.5), abs=0.6)
