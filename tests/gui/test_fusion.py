"""The step Fusion by real events: registration with cancel, comparison, moving by hand, and the grid that is shown."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from thaliron_napari.case import Case, open_case
from thaliron_napari.imaging import rigid_matrix
from thaliron_napari.viewer.comparison import checkerboard, edges, swipe
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.fusion import FusionStep

SPACING = np.array([2.0, 1.0, 0.5])


@pytest.fixture
def step(panel: Panel) -> FusionStep:
    QTest.qWait(300)
    panel.open_step(next(i for i, s in enumerate(panel.steps) if isinstance(s, FusionStep)))
    return panel.step(FusionStep)


def choose(box, data) -> None:
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def picture(panel: Panel) -> np.ndarray:
    QTest.qWait(50)
    return np.asarray(panel.reading.viewer.screenshot(canvas_only=True, flash=False)).astype(int)


def test_checkerboard_shows_half_in_squares() -> None:
    values = np.ones((40, 80, 160), np.float32)
    shown = checkerboard(values, SPACING, 0.0)
    assert np.isnan(shown).mean() == pytest.approx(0.5)
    along_x = np.isnan(shown[0, 0])
    assert np.flatnonzero(np.diff(along_x.astype(int))).tolist() == [79]  # 40 mm
    along_z = np.isnan(checkerboard(values, SPACING, 1.0)[:, 0, 0])
    assert np.diff(np.flatnonzero(np.diff(along_z.astype(int)))).tolist()[:3] == [2, 3, 2]  # 5 mm of 2 mm slices
    np.testing.assert_array_equal(shown[~np.isnan(shown)], 1)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_swipe_shows_what_lies_right_of_the_line(share: float) -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 100)).astype(np.float32)
    shown = swipe(values, share)
    assert np.isnan(shown).all(axis=(0, 1)).sum() == 100 * share
    np.testing.assert_array_equal(shown[..., int(100 * share) :], values[..., int(100 * share) :])


def test_edges_run_along_the_rim_of_a_disc() -> None:
    y, x = np.indices((100, 200)) * SPACING[1:, None, None]
    away = np.hypot(y - 50, x - 50)
    values = np.where(away < 30, 100.0, 20.0).astype(np.float32)[None].repeat(2, axis=0)
    lines = ~np.isnan(edges(values, SPACING, 7.0))
    assert (edges(values, SPACING, 7.0)[lines] == 7).all()
    assert np.abs(away[lines[0]] - 30).max() < 1.5
    angles = np.arctan2(y - 50, x - 50)[lines[0]]
    assert np.histogram(angles, 36, (-np.pi, np.pi))[0].min() > 0
    assert not np.isfinite(edges(np.zeros_like(values), SPACING, 7.0)).any()


def test_registration_of_all_images_can_be_cancelled(panel: Panel, phantom_case: Case, step: FusionStep) -> None:
    hand = Hand(panel.reading.viewer, panel)
    hand.press(step.start)
    assert step.cancel.isVisible()
    hand.press(step.cancel)
    wait_until(lambda: not step.cancel.isVisible(), "the end of the registration")
    QTest.qWait(100)
    assert not phantom_case.done
    assert step.start.isVisible()
    hand.press(step.start)
    wait_until(lambda: len(phantom_case.done) == 3, "the registrations")
    assert {f"registration/{role}" for role in ("qsm", "t1", "t1ce")} <= set(phantom_case.annotations.facts)
    wait_until(lambda: "T1 to FLAIR: moved by" in step.result.text(), "the words")


def test_the_hand_moves_the_image_and_undo_takes_it_back(panel: Panel, phantom_case: Case, step: FusionStep) -> None:
    Hand(panel.reading.viewer, panel).press(step.by_hand)
    images = panel.reading.display.images
    assert (images.below, images.over, panel.reading.display.grid_name) == ("qsm", "flair", "flair")
    images.set_share(0.0)
    before = picture(panel)
    step.hand.shifts[0].setValue(3.0)
    step.hand.shifts[0].setValue(6.0)
    step.hand.turns[2].setValue(10.0)
    wait_until(lambda: bool(phantom_case.done), "the move")
    assert [edit.words for edit in phantom_case.done] == ["move QSM by hand"]
    grid = phantom_case.images["flair"].grid
    middle = grid.world((np.array(grid.shape) - 1) / 2)
    expected = np.linalg.inv(rigid_matrix((6, 0, 0), (0, 0, 10), middle))
    np.testing.assert_allclose(phantom_case.annotations.registration("qsm"), expected, atol=1e-9)
    assert np.abs(picture(panel) - before).max() > 50
    panel.reading.undo()
    assert np.abs(picture(panel) - before).max() == 0
    wait_until(lambda: step.hand.values() == ([0, 0, 0], [0, 0, 0]), "the boxes")


def test_ways_to_compare_show_both_images(panel: Panel, step: FusionStep) -> None:
    images = panel.reading.display.images
    images.set_share(0.0)
    below = picture(panel)
    images.set_share(1.0)
    over = picture(panel)
    for comparison in ("checkerboard", "swipe", "edges"):
        choose(step.comparison, comparison)
        step.blend.setValue(50)
        now = picture(panel)
        assert np.abs(now - below).max() > 50, comparison
        assert np.abs(now - over).max() > 50, comparison
        if comparison != "edges":
            same_below, same_over = ((np.abs(now - one).max(axis=2) < 3).mean() for one in (below, over))
            assert same_below > 0.3
            assert same_over > 0.3
    choose(step.comparison, "blend")
    step.blend.setValue(100)
    assert np.abs(picture(panel) - over).max() == 0


def test_any_two_images_can_be_compared_and_keep_their_windows(panel: Panel, step: FusionStep) -> None:
    images = panel.reading.display.images
    images.set_limits("flair", 10, 50)
    choose(step.below, "flair")
    choose(step.over, "t1")
    names = [layer.name for layer in panel.reading.viewer.layers][:2]
    assert names == ["FLAIR", "T1"]
    assert images.limits("flair") == (10, 50)
    assert images.limits("t1") != (10, 50)
    choose(step.below, "qsm")
    choose(step.over, "flair")
    assert [layer.name for layer in panel.reading.viewer.layers][:2] == ["QSM (ppb)", "FLAIR"]
    assert images.limits("flair") == (10, 50)


def test_a_change_of_grid_keeps_the_place_the_layers_and_what_was_drawn(panel: Panel, phantom_case: Case) -> None:
    QTest.qWait(300)
    display, viewer = panel.reading.display, panel.reading.viewer
    panel.open_step(3)
    hand = Hand(viewer, panel)
    hand.drag([(90, 50), (90, 70), (110, 70), (110, 50)])
    hand.wheel(1)
    first, place = picture(panel), display.grid.world(display.place())
    display.show("flair")
    layers, there = list(viewer.layers), display.grid.world(display.place())
    assert np.abs(there - place).max() <= display.grid.spacing.max() / 2 + 0.1
    assert viewer.dims.nsteps == phantom_case.images["flair"].grid.shape
    np.testing.assert_allclose([r.step for r in viewer.dims.range], display.grid.spacing)
    display.show("qsm")
    assert viewer.dims.nsteps == phantom_case.images["qsm"].grid.shape
    assert list(viewer.layers) == layers  # none was made anew
    index = np.rint(display.grid.index(place)).astype(int)
    display.go_to(tuple(index))
    assert np.abs(picture(panel) - first).max() == 0
    viewer.layers["thalami"].visible = False
    display.show("flair")
    display.show("qsm")
    assert not viewer.layers["thalami"].visible


def test_another_case_takes_over_the_layers(panel: Panel, phantom_case: Case, phantom, tmp_path) -> None:
    QTest.qWait(300)
    viewer, display = panel.reading.viewer, panel.reading.display
    panel.open_step(3)
    Hand(viewer, panel).drag([(90, 50), (90, 70), (110, 70), (110, 50)])
    assert np.asarray(viewer.layers["thalami"].data).any()
    layers = {layer.name: layer for layer in viewer.layers}
    panel.reading.open(open_case([], images=phantom, derivatives=tmp_path / "other"))
    assert viewer.layers["thalami"] == layers["thalami"]
    assert not np.asarray(viewer.layers["thalami"].data).any()
    flair = open_case([], images={"flair": phantom["flair"], "t1": phantom["t1"]}, derivatives=tmp_path / "flair")
    panel.reading.open(flair)
    assert [layer.name for layer in viewer.layers][:2] == ["FLAIR", "T1"]
    np.testing.assert_array_equal(np.asarray(viewer.layers["FLAIR"].data), flair.images["flair"].data)
    assert display.images.front == "flair"
    assert viewer.dims.nsteps == flair.images["flair"].grid.shape
    assert {layer.data.shape for layer in viewer.layers} == {flair.images["flair"].grid.shape}
    panel.reading.open(phantom_case)
    assert np.asarray(viewer.layers["thalami"].data).any()
    assert [layer.name for layer in viewer.layers][:2] == ["QSM (ppb)", "FLAIR"]
    assert viewer.dims.nsteps == phantom_case.images["qsm"].grid.shape


def test_a_vendors_scaling_is_said_in_two_numbers(panel: Panel, phantom_case: Case) -> None:
    from thaliron_napari.viewer.steps.study import StudyStep

    panel.open_step(0)
    unit = panel.step(StudyStep).unit
    raw = phantom_case.images["qsm"].data
    choose(unit.choice, "scaled")
    assert unit.scaling.isVisible()
    unit.step.setValue(500)
    unit.zero.setValue(0.25)
    QTest.keyClick(unit.zero, Qt.Key.Key_Return)
    assert phantom_case.unit == "500 ppb, zero at 0.25"
    np.testing.assert_allclose(phantom_case.qsm_ppb, (raw - 0.25) * 500, rtol=1e-5, atol=1e-3)
    panel.reading.undo()
    wait_until(lambda: unit.choice.currentText() == "ppm", "the unit as it was")
    assert not unit.scaling.isVisible()


def test_the_qsm_takes_the_colours_chosen(panel: Panel, step: FusionStep) -> None:
    images = panel.reading.display.images
    choose(step.colours, True)
    layer = panel.reading.viewer.layers["QSM (ppb)"]
    low, middle, high = layer.colormap.map(np.array([0.02, 0.5, 0.98]))
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert middle[:3].max() < 0.1
    signed = layer.colormap.name
    assert layer.contrast_limits == [-150, 150]
    images.set_roles("flair", "qsm")
    assert images.layer("qsm").colormap.name == signed
    assert images.layer("flair").colormap.name == "gray"
    choose(step.colours, False)
    assert images.layer("qsm").colormap.name == "gray"
    assert images.limits("qsm") == (-100, 200)
