"""The nudge and the cut of veins: their promises hold for any mask, stroke, keep-out and veins."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thaliron_napari.annotation import cut_veins, drop_crumbs, nudge, push_direction
from thaliron_napari.errors import AnnotationError

SHAPE = (24, 20)
SPACING = (0.5, 0.8)
points = st.tuples(st.floats(-2, 14), st.floats(-2, 18))
radii = st.floats(0.1, 6)
masks = arrays(bool, SHAPE)
quick = settings(derandomize=True, max_examples=60, deadline=None)


def disc(centre, radius_mm, shape=SHAPE, spacing=SPACING):
    y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij")
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius_mm**2 * (1 + 1e-9)


@quick
@given(masks, points, points, radii, st.none() | masks)
def test_pushing_out_never_removes_and_never_enters_the_keep_out(mask, start, stop, radius, keep_out):
    before = mask.copy()
    after = nudge(mask, start, stop, radius, SPACING, keep_out=keep_out, push="out")
    assert not (mask & ~after).any()
    if keep_out is not None:
        assert not (after & ~mask & keep_out).any()
    np.testing.assert_array_equal(mask, before)


@quick
@given(masks, points, points, radii, st.none() | masks)
def test_pushing_in_never_adds(mask, start, stop, radius, keep_out):
    after = nudge(mask, start, stop, radius, SPACING, keep_out=keep_out, push="in")
    assert not (after & ~mask).any()
    assert not (after & disc(stop, radius)).any()


@quick
@given(masks, points, points, radii, st.sampled_from(["out", "in"]))
def test_the_swept_disc_is_the_union_of_dense_steps(mask, start, stop, radius, push):
    swept = np.zeros(SHAPE, bool)
    for t in np.linspace(0, 1, 150):
        swept |= disc((1 - t) * np.array(start) + t * np.array(stop), radius)
    after = nudge(mask, start, stop, radius, SPACING, push=push)
    expected = mask | swept if push == "out" else mask & ~swept
    # Between two steps at most 0.17 mm apart the union of discs is narrower than the sweep, by less than this.
    narrower = radius - 0.085 if radius < 0.17 else np.sqrt(radius**2 - 0.085**2)
    sure = nudge(np.zeros(SHAPE, bool), start, stop, max(narrower, 1e-3) * (1 - 1e-9), SPACING, push="out")
    doubtful = nudge(np.zeros(SHAPE, bool), start, stop, radius, SPACING, push="out") & ~sure
    np.testing.assert_array_equal(after[~doubtful], expected[~doubtful])


@quick
@given(masks, points, points, points, radii, st.sampled_from(["out", "in"]))
def test_a_stroke_gives_the_same_however_it_is_cut_into_movements(mask, start, middle, stop, radius, push):
    step = np.array(middle), (np.array(middle) + np.array(stop)) / 2, np.array(stop)
    once = nudge(nudge(mask, start, middle, radius, SPACING, push=push), middle, stop, radius, SPACING, push=push)
    cut = nudge(mask, start, middle, radius, SPACING, push=push)
    for a, b in pairwise(step):
        cut = nudge(cut, a, b, radius, SPACING, push=push)
    assert (once != cut).sum() <= 2  # rounding on the rim


def test_the_press_decides_the_direction():
    mask = disc((6, 8), 4)
    assert push_direction(mask, (6, 8), SPACING) == "out"
    assert push_direction(mask, (6, 1), SPACING) == "in"
    assert push_direction(mask, (-50, 8), SPACING) == "in"
    pushed_out = nudge(mask, (6, 8), (6, 11), 3, SPACING)
    np.testing.assert_array_equal(pushed_out, mask | nudge(mask, (6, 8), (6, 11), 3, SPACING, push="out"))
    assert pushed_out.sum() > mask.sum()
    pushed_in = nudge(mask, (6, 1), (6, 4), 3, SPACING)
    assert 0 < pushed_in.sum() < mask.sum()
    assert push_direction(pushed_in, (6, 4), SPACING) == "in"


def test_radius_is_in_mm_on_voxels_that_are_not_square():
    empty = np.zeros((101, 101), bool)
    pressed = nudge(empty, (10, 30), (10, 30), 5, (0.2, 0.6), push="out")
    rows, columns = np.flatnonzero(pressed.any(1)), np.flatnonzero(pressed.any(0))
    assert (rows[0] * 0.2, rows[-1] * 0.2) == pytest.approx((5, 15))
    assert (columns[0] * 0.6, columns[-1] * 0.6) == pytest.approx((25.2, 34.8))
    assert pressed.sum() * 0.12 == pytest.approx(np.pi * 25, rel=0.03)


def test_a_vein_is_a_wall_that_the_disc_does_not_reach_over():
    mask = np.zeros((30, 30), bool)
    mask[:, :10] = True
    vein = np.zeros_like(mask)
    vein[:, 12] = True
    after = nudge(mask, (15, 8), (15, 11), 6, (1, 1), keep_out=vein)
    assert after[15, 11]
    assert not after[:, 12:].any()


def test_a_mask_that_lies_in_the_keep_out_stays_there():
    mask = disc((6, 8), 4)
    after = nudge(mask, (6, 8), (6, 11), 3, SPACING, keep_out=mask)
    assert after[mask].all()


def test_crumbs_cut_off_go_and_halves_cut_apart_stay():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 5:35] = True
    mask[12, 35] = True  # a spur that hangs on by its side
    cut = mask.copy()
    cut[:, 34] = False
    tidy = drop_crumbs(mask, cut, 5, (1, 1))
    assert not tidy[12, 35]
    np.testing.assert_array_equal(tidy[:, :34], cut[:, :34])
    halves = mask.copy()
    halves[:, 20] = False
    np.testing.assert_array_equal(drop_crumbs(mask, halves, 5, (1, 1)), halves)


def test_a_small_piece_that_stood_alone_is_no_crumb():
    mask = np.zeros((40, 40), bool)
    mask[5:30, 5:25] = True
    mask[10:13, 30:33] = True
    after = mask.copy()
    after[10:13, 30] = False
    after[:, 5] = False
    np.testing.assert_array_equal(drop_crumbs(mask, after, 5, (1, 1)), after)


@quick
@given(masks, masks, radii)
def test_tidying_only_takes_away_and_only_after_a_push_in(mask, other, radius):
    assert not (drop_crumbs(mask, mask & other, radius, SPACING) & ~(mask & other)).any()
    np.testing.assert_array_equal(drop_crumbs(mask, mask | other, radius, SPACING), mask | other)


@quick
@given(masks, masks, points, points, radii)
def test_cutting_takes_veins_and_nothing_else_and_only_where_the_disc_was(mask, veins, start, stop, radius):
    before = mask.copy(), veins.copy()
    after = cut_veins(mask, veins, start, stop, radius, SPACING)
    gone = mask & ~after
    assert not (after & ~mask).any()
    assert not (gone & ~veins).any()
    swept = nudge(np.zeros(SHAPE, bool), start, stop, radius, SPACING, push="out")
    np.testing.assert_array_equal(gone, mask & veins & swept)
    np.testing.assert_array_equal((mask, veins), before)
    again = cut_veins(after, veins, start, stop, radius, SPACING)
    np.testing.assert_array_equal(again, after)


@quick
@given(masks, masks, points, points, radii)
def test_a_cut_is_the_union_of_dense_steps(mask, veins, start, stop, radius):
    after = cut_veins(mask, veins, start, stop, radius, SPACING)
    steps = mask
    for t in np.linspace(0, 1, 40):
        at = (1 - t) * np.array(start) + t * np.array(stop)
        steps = cut_veins(steps, veins, at, at, radius, SPACING)
    assert not (after & ~steps).any()
    # Between two steps, at most 0.65 mm apart, discs leave free what the sweep covers: only near its rim.
    slack = np.sqrt(max(radius**2 - 0.33**2, 0))
    inner = cut_veins(mask, veins, start, stop, max(slack, 1e-3) * (1 - 1e-9), SPACING)
    if radius > 0.33:
        assert not (steps & ~inner).any()


def test_what_lies_behind_a_vein_is_left():
    mask = disc((6, 8), 4)
    vein = disc((6, 8), 1.5)
    after = cut_veins(mask, vein, (6, 8), (6, 8), 3, SPACING)
    np.testing.assert_array_equal(after, mask & ~vein)
    np.testing.assert_array_equal(cut_veins(mask, np.zeros_like(mask), (6, 8), (6, 8), 3, SPACING), mask)
    half = cut_veins(mask, vein, (6, 5), (6, 5), 3, SPACING)
    assert (mask & vein & half).any()
    assert not (half & vein & disc((6, 5), 3)).any()


def test_veins_of_another_shape_are_refused():
    with pytest.raises(AnnotationError, match="mask of the veins"):
        cut_veins(np.zeros((4, 5), bool), np.zeros((5, 4), bool), (0, 0), (0, 0), 1, (1, 1))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((3, 4, 5), bool), (0, 0), (0, 0), 1, (1, 1)), "one slice"),
        ((np.zeros((4, 5), bool), (0, np.nan), (0, 0), 1, (1, 1)), "start"),
        ((np.zeros((4, 5), bool), (0, 0), (0, 0), 0, (1, 1)), "radius"),
        ((np.zeros((4, 5), bool), (0, 0), (0, 0), 1, (1, 0)), "spacing"),
    ],
)
def test_input_that_cannot_be_used_is_named(arguments, words):
    with pytest.raises(AnnotationError, match=words):
        nudge(*arguments)
