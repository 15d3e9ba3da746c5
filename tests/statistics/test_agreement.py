"""Agreement of numbers against R and the worked example of Shrout and Fleiss; of masks against counts by hand."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from thaliron_napari.errors import GridError, ModelError
from thaliron_napari.statistics.agreement import (
    Estimate,
    bland_altman,
    dice,
    intraclass,
    match_lesions,
    surface_distance_mm,
)
from thaliron_napari.statistics.agreement_plots import draw_bland_altman, draw_identity

R = json.loads((Path(__file__).parents[1] / "reference" / "agreement.json").read_text(encoding="utf-8"))
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def three(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high]


@pytest.mark.parametrize("known", R["sets"], ids=lambda known: known["name"])
def test_agrees_with_r(known: dict) -> None:
    readings = np.array(known["readings"])
    icc = intraclass(readings)
    np.testing.assert_allclose(three(icc.agreement), known["agreement"], rtol=1e-10)
    np.testing.assert_allclose(three(icc.consistency), known["consistency"], rtol=1e-10)
    assert (icc.n, icc.k, icc.n_missing) == (*readings.shape, 0)
    if "differences" not in known:
        return
    found = bland_altman(readings[:, 0], readings[:, 1])
    d = known["differences"]
    for name in ("bias", "low", "high", "intercept", "slope"):
        np.testing.assert_allclose(three(getattr(found, name)), d[name], rtol=1e-10)
    assert found.sd == pytest.approx(d["sd"], rel=1e-12)
    assert found.slope_p == pytest.approx(d["slope_p"], rel=1e-10)
    exact = bland_altman(readings[:, 0], readings[:, 1], exact=True)
    np.testing.assert_allclose(three(exact.low)[1:], d["exact_low"], rtol=1e-9)
    np.testing.assert_allclose(three(exact.high)[1:], d["exact_high"], rtol=1e-9)
    assert (exact.low.value, exact.bias, exact.sd) == (found.low.value, found.bias, found.sd)


def test_the_worked_example_of_shrout_and_fleiss() -> None:
    icc = intraclass(JUDGES)
    assert (round(icc.agreement.value, 2), round(icc.consistency.value, 2)) == (0.29, 0.71)
    # From their analysis of variance: 11.24 between targets, 32.49 between judges, 1.02 residual
    assert icc.consistency.value == pytest.approx((11.2417 - 1.0194) / (11.2417 + 3 * 1.0194), abs=1e-4)
    assert icc.agreement.value == pytest.approx(
        (11.2417 - 1.0194) / (11.2417 + 3 * 1.0194 + 4 * (32.4861 - 1.0194) / 6), abs=1e-4
    )


readings = st.integers(3, 12).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=2), min_size=n, max_size=n
    )
)  # fmt: skip


@settings(derandomize=True, max_examples=80, deadline=None)
@given(x=readings.map(np.array), shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
def test_unit_and_order_of_readers_and_cases_do_not_matter(x: np.ndarray, shift: float, scale: float) -> None:
    if (x == x[0]).all():
        return
    icc = intraclass(x)
    for other in (x[:, ::-1], x[::-1], scale * x + shift):
        again = intraclass(other)
        np.testing.assert_allclose(three(again.agreement), three(icc.agreement), atol=1e-7)
        np.testing.assert_allclose(three(again.consistency), three(icc.consistency), atol=1e-7)
    assert icc.consistency.low - 1e-12 <= icc.consistency.value <= icc.consistency.high + 1e-12
    assert icc.agreement.value <= 1
    a, b = bland_altman(x[:, 0], x[:, 1]), bland_altman(x[:, 1], x[:, 0])
    np.testing.assert_allclose(three(a.low), [-v for v in (b.high.value, b.high.high, b.high.low)], atol=1e-9)
    assert a.low.low <= a.low.value <= a.low.high
    assert a.sd == pytest.approx(b.sd)


def test_a_shift_counts_against_agreement_but_not_against_consistency() -> None:
    one = np.array([0.1, 0.7, 0.35, 1.9])
    icc = intraclass(np.column_stack([one, one + 0.3]))
    np.testing.assert_allclose(three(icc.consistency), 1)
    assert icc.agreement.value < 0.95
    found = bland_altman(one + 0.3, one)
    assert three(found.bias) == pytest.approx([0.3] * 3)
    assert (found.sd, found.slope.value) == (0, 0)  # not the rounding of the shift
    assert math.isnan(found.slope_p)
    same = intraclass(np.column_stack([one, one]))
    assert three(same.agreement) == three(same.consistency) == [1, 1, 1]


def test_a_bias_that_grows_with_the_number_is_found() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(1, 30, 60)
    found = bland_altman(1.2 * truth + rng.normal(0, 0.2, 60), truth)
    assert found.slope.value == pytest.approx(0.2 / 1.1, abs=0.01)
    assert found.slope_p < 1e-10


def test_intervals_of_limits_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    runs, n = 800, 20
    held = {False: 0, True: 0}
    for d in rng.normal(0.5, 2.0, (runs, n)):
        for exact in held:
            high = bland_altman(d, np.zeros(n), exact=exact).high
            held[exact] += high.low <= 0.5 + 1.959964 * 2.0 <= high.high
    assert held[True] / runs == pytest.approx(0.95, abs=0.02)
    assert held[False] / runs == pytest.approx(0.95, abs=0.03)


def test_intervals_of_icc_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(8)
    runs, held = 2000, 0
    for _ in range(runs):
        x = rng.normal(0, 2, (25, 1)) + rng.normal(0, 1, (25, 2)) + [0, 0.7]
        interval = intraclass(x).consistency
        held += interval.low <= 0.8 <= interval.high
    assert held / runs == pytest.approx(0.95, abs=0.015)


def test_cases_without_a_reading_are_left_out_and_counted() -> None:
    a, b = [1.0, math.nan, 3.0, 5.0, 2.0], [1.5, 2.0, 2.0, 5.5, math.nan]
    found = bland_altman(a, b)
    assert found.rows.tolist() == [0, 2, 3]
    assert (found.n, found.n_missing) == (3, 2)
    assert found.difference.tolist() == [-0.5, 1, -0.5]
    icc = intraclass(np.column_stack([a, b]))
    assert (icc.n, icc.n_missing) == (3, 2)


def test_of_one_mean_there_is_no_slope() -> None:
    found = bland_altman([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    assert math.isnan(found.slope.value)
    assert found.sd == 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: intraclass([[1, 2], [3, 4]]), "2 cases have all readings; agreement needs 3"),
        (lambda: intraclass([[1, 2], [3, math.nan], [4, 4], [math.nan, 2]]), "2 cases have all readings"),
        (lambda: intraclass([[1], [2], [3]]), "at least two readings"),
        (lambda: intraclass([1, 2, 3]), "at least two readings"),
        (lambda: intraclass([[4, 5]] * 6), "cases do not differ"),
        (lambda: intraclass([[0.1 + 0.2, 1], [0.3, 1], [0.3, 1]]), "cases do not differ"),
        (lambda: intraclass([[1, 2], [3, math.inf], [4, 4]]), "a reading is infinite"),
        (lambda: bland_altman([1, 2, 3], [1, 2]), "3 and 2 values"),
        (lambda: bland_altman([], []), "0 cases have all readings"),
        (lambda: bland_altman([1.0], [2.0]), "1 case has all readings"),
        (lambda: bland_altman([1, math.inf, 2], [1, 2, 3]), "a reading is infinite"),
    ],
)
def test_impossible_questions_get_words(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        call()


def box(*bounds: tuple[int, int], shape: tuple[int, int, int] = (12, 14, 16)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*bound) for bound in bounds)] = True
    return mask


def test_dice_by_hand() -> None:
    a, b = box((2, 6), (2, 6), (2, 6)), box((2, 6), (2, 6), (3, 7))
    assert dice(a, b) == 2 * 48 / 128
    assert dice(a, a) == 1
    assert dice(a, ~a) == 0
    assert dice(a, np.zeros_like(a)) == 0
    assert math.isnan(dice(np.zeros_like(a), np.zeros_like(a)))


def test_distance_of_surfaces_by_hand() -> None:
    spacing = (3.0, 0.5, 2.0)
    plate, other = box((4, 5), (2, 8), (2, 9)), box((6, 7), (2, 8), (2, 9))
    assert surface_distance_mm(plate, other, spacing) == 6.0
    assert surface_distance_mm(plate, plate, spacing) == 0
    wide = box((4, 5), (2, 8), (2, 12))  # three columns more, 2, 4 and 6 mm from the plate
    assert surface_distance_mm(plate, wide, spacing) == pytest.approx(6 * (2 + 4 + 6) / (6 * 7 + 6 * 10))
    cube, edge = box((2, 7), (2, 7), (2, 7)), box((0, 12), (0, 14), (0, 16))
    assert surface_distance_mm(cube, edge, (1, 1, 1)) == surface_distance_mm(edge, cube, (1, 1, 1)) > 1
    assert math.isnan(surface_distance_mm(plate, np.zeros_like(plate), spacing))


def test_lesions_split_missed_and_shared() -> None:
    a, b = np.zeros((1, 4, 20), int), np.zeros((1, 4, 20), int)
    a[0, 0, 0:6] = 7  # B splits it in two
    b[0, 0, 0:2], b[0, 0, 4:6] = 1, 2
    a[0, 2, 0:4], b[0, 2, 3:7] = 3, 9  # one voxel in common, of seven
    a[0, 2, 15:18] = 12  # A's alone
    b[0, 3, 10] = 4  # B's alone
    found = match_lesions(a, b)
    assert found.pairs == ((3, 9, 1 / 7), (7, 1, 2 / 6), (7, 2, 2 / 6))
    assert (found.only_a, found.only_b) == ((12,), (4,))
    assert (found.n_a, found.both_a, found.n_b, found.both_b) == (3, 2, 4, 3)
    assert found.f1 == pytest.approx(2 * (2 / 3) * (3 / 4) / (2 / 3 + 3 / 4))
    assert match_lesions(b, a).f1 == pytest.approx(found.f1)
    strict = match_lesions(a, b, least_iou=0.2)
    assert (strict.only_a, strict.only_b) == ((3, 12), (4, 9))
    assert match_lesions(a, b, least_iou=0.5).f1 == 0
    none = np.zeros_like(a)
    assert match_lesions(a, none).f1 == 0
    assert math.isnan(match_lesions(none, none).f1)


def test_masks_of_other_shapes_are_refused() -> None:
    a, b = np.zeros((3, 4, 5), bool), np.zeros((5, 4, 3), bool)
    for call in (dice, match_lesions, lambda a, b: surface_distance_mm(a, b, (1, 1, 1))):
        with pytest.raises(GridError, match="grids of 3 x 4 x 5 and 5 x 4 x 3 voxels"):
            call(a, b)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.05, 0.6))
def test_measures_of_masks_do_not_know_first_from_second(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 5, 6, 7)) < share
    assert dice(a, b) == dice(b, a)
    if a.any() and b.any():
        assert surface_distance_mm(a, b, (2, 1, 1)) == pytest.approx(surface_distance_mm(b, a, (2, 1, 1)))


@pytest.mark.parametrize("ground", ["white", "#262930"])
def test_plots_show_the_numbers(ground: str) -> None:
    x = np.array(next(known for known in R["sets"] if known["name"] == "two readers")["readings"])
    figure = Figure((9, 4), facecolor=ground)
    left, right = figure.subplots(1, 2, subplot_kw={"facecolor": ground})
    found = bland_altman(x[:, 0], x[:, 1])
    names = [f"sub-{i}" for i in range(len(x))]
    draw_bland_altman(left, found, "chi (ppb)", readers=("Anna", "Ben"), names=names, show_slope=True)
    draw_identity(right, x[:, 0], x[:, 1], "chi (ppb)")
    heights = [line.get_ydata()[0] for line in left.lines]
    for estimate in (found.bias, found.low, found.high):
        assert estimate.value in heights
    np.testing.assert_array_equal(left.collections[-1].get_offsets(), np.column_stack([found.mean, found.difference]))
    outside = np.flatnonzero((found.difference < found.low.value) | (found.difference > found.high.value))
    named = {text.get_text() for text in left.texts}
    assert {f"sub-{i}" for i in outside} <= named
    assert len(named) == len(outside) + 3
    assert "Anna − Ben" in left.get_ylabel()
    np.testing.assert_array_equal(right.collections[-1].get_offsets(), x)
    assert right.get_xlim() == right.get_ylim()
    figure.canvas.draw()
    draw_identity(Figure().subplots(), [math.nan], [1.0], "nothing in common")
