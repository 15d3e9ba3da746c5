"""The ladder of powers against what Stata prints and R computes, and its plots against the numbers they draw."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backend_bases import MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.special import ndtri

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.ladder import ladder
from thaliron_napari.statistics.ladder_plots import draw_gladder, draw_qladder, transform_of
from thaliron_napari.statistics.normality import skewness_kurtosis
from thaliron_napari.statistics.plots import DARK, LIGHT
from thaliron_napari.statistics.transforms import LADDER, term

REFERENCE = Path(__file__).parents[1] / "reference"
STATA = json.loads((REFERENCE / "ladder_stata.json").read_text(encoding="utf-8"))
R = json.loads((REFERENCE / "ladder.json").read_text(encoding="utf-8"))
CARS = pd.read_csv(REFERENCE / "ladder.csv")
NAMES = [transform.name for transform in LADDER]


def column(name: str) -> pd.Series:
    return CARS[name] if name in CARS.columns else synthetic_cohort()[name]


def test_prints_what_stata_prints() -> None:
    found = {rung.name: round(rung.chi2, 2) for rung in ladder(CARS["mpg"])}
    assert found == STATA["ladder mpg"]
    assert list(found) == list(STATA["ladder mpg"])  # in Stata's order too


@pytest.mark.parametrize("name", list(R["ladders"]))
def test_agrees_with_r(name: str) -> None:
    for rung in ladder(column(name)):
        r = R["ladders"][name][rung.name]
        assert rung.chi2 == pytest.approx(r["chi2_adjusted"], rel=1e-9), rung.name
        assert rung.p == pytest.approx(r["p"], rel=1e-8), rung.name


def test_values_are_the_column_that_the_term_makes() -> None:
    table = synthetic_cohort()
    for rung in ladder(table["lesion_ml"]):
        np.testing.assert_allclose(rung.values, term(table, rung.transform.term("lesion_ml")), rtol=1e-15)


NOT_OFFERED = {
    "zero": ([0.0, *range(1, 20)], NAMES[4:], "no logarithm of zero values"),
    "negative": ([-0.5, *range(1, 20)], NAMES[3:6], "no logarithm of negative values"),
    "both": ([0.0, -0.5, *range(1, 20)], NAMES[3:], "no logarithm of zero or negative values"),
}


@pytest.mark.parametrize("case", list(NOT_OFFERED))
def test_what_is_undefined_for_a_value_is_not_offered(case: str) -> None:
    values, missing, why = NOT_OFFERED[case]
    rungs = ladder(values)
    assert [rung.name for rung in rungs if rung.chi2 is None] == missing
    assert rungs[4].reason == why
    for rung in rungs:
        assert (rung.values is None) == (rung.chi2 is None) == (rung.p is None) == bool(rung.reason)


def test_a_transform_that_makes_all_values_the_same_is_not_offered() -> None:
    rungs = {rung.name: rung for rung in ladder([-2.0, 2.0] * 10)}
    assert rungs["square"].reason == "the square is the same for all values"
    assert rungs["cubic"].chi2 == pytest.approx(rungs["identity"].chi2, rel=1e-12)


def test_a_transform_beyond_all_numbers_is_not_offered() -> None:
    rungs = {rung.name: rung for rung in ladder([1e-110 * (1 + i) for i in range(20)])}
    assert rungs["1/cubic"].reason == "the inverse cube is too large a number"
    assert rungs["inverse"].chi2 is not None
    assert rungs["cubic"].reason == "the cube is the same for all values"  # all are less than any number above zero


@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    values=st.lists(st.floats(0.5, 100).map(lambda v: round(v, 3)), min_size=8, max_size=60).filter(
        lambda values: np.ptp(values) > 0.5
    ),
    factor=st.floats(0.01, 100),
)
def test_another_unit_changes_no_rung_and_another_zero_not_the_identity(values: list[float], factor: float) -> None:
    x = np.array(values)
    rungs = ladder(x)
    np.testing.assert_allclose([r.chi2 for r in ladder(factor * x)], [r.chi2 for r in rungs], rtol=1e-6, atol=1e-7)
    assert ladder(factor * x + 7)[2].chi2 == pytest.approx(rungs[2].chi2, rel=1e-6, abs=1e-7)
    assert rungs[2].chi2 == skewness_kurtosis(x).chi2_adjusted
    # Climbed from the inverse, it is the same ladder upside down.
    np.testing.assert_allclose([r.chi2 for r in ladder(1 / x)], [r.chi2 for r in rungs[::-1]], rtol=1e-6, atol=1e-6)


def test_missing_values_are_left_out() -> None:
    gaps = pd.concat([CARS["mpg"], pd.Series([np.nan] * 3)])
    assert ladder(gaps) == ladder(CARS["mpg"])
    assert all(len(rung.values) == 74 for rung in ladder(gaps))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([4.0] * 30, "all 30 values are 4"),
        (range(7), "the ladder of powers needs at least 8 values; here are 7"),
        ([np.nan] * 30, r"here are 0 \(30 missing\)"),
        ([1.0, -np.inf, *range(20)], "1 of the 22 values is infinite"),
        (["a"] * 10, "the values hold text"),
    ],
)
def test_degenerate_input_gets_words(values, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        ladder(values)


@pytest.mark.parametrize("draw", [draw_qladder, draw_gladder])
@pytest.mark.parametrize(("ground", "expected"), [("white", LIGHT), ("#262930", DARK)])
def test_plots_say_chi_squared_and_p_in_the_colours_of_the_ground(draw, ground: str, expected) -> None:
    figure = Figure(facecolor=ground, layout="constrained")
    axes = draw(figure, ladder(CARS["mpg"]))
    titles = [ax.get_title(loc="left") for ax in axes]
    assert titles[3] == "square root\nχ² 4.94, P .084"
    assert titles[0] == "cubic\nχ² 43.59, P <.001"
    assert {ax.title.get_color() for ax in axes} | {ax._left_title.get_color() for ax in axes} >= {expected.ink}
    FigureCanvasAgg(figure).draw()
    assert len(figure.axes) == 9


def test_quantile_plots_show_each_value_against_its_normal_quantile() -> None:
    rungs = ladder(CARS["mpg"])
    for ax, rung in zip(draw_qladder(Figure(), rungs), rungs, strict=True):
        x, y = ax.collections[0].get_offsets().T
        np.testing.assert_array_equal(y, np.sort(rung.values))
        expected = rung.values.mean() + rung.values.std(ddof=1) * ndtri(np.arange(1, 75) / 75)
        np.testing.assert_allclose(x, expected, rtol=1e-12)
        line = ax.lines[0].get_xydata()
        np.testing.assert_array_equal(line[:, 0], line[:, 1])


def test_histograms_hold_every_value_under_a_curve_of_the_same_area() -> None:
    rungs = ladder(CARS["mpg"])
    for ax, rung in zip(draw_gladder(Figure(), rungs), rungs, strict=True):
        assert len(ax.patches) == 8  # as Stata's histogram of these 74 values
        area = sum(bar.get_width() * bar.get_height() for bar in ax.patches)
        assert area == pytest.approx(1, rel=1e-9)
        assert ax.patches[0].get_x() == pytest.approx(rung.values.min(), rel=1e-9)
        grid, height = ax.lines[0].get_data()
        assert np.trapezoid(height, grid) == pytest.approx(1, abs=0.01)
        assert grid[np.argmax(height)] == pytest.approx(rung.values.mean(), abs=rung.values.std() / 10)


@pytest.mark.parametrize("draw", [draw_qladder, draw_gladder])
def test_a_click_on_a_plot_tells_its_transform(draw) -> None:
    figure = Figure(layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = draw(figure, ladder([0.0, -0.5, *range(1, 20)]))
    canvas.draw()
    for ax, transform in zip(axes, LADDER, strict=True):
        x, y = ax.transAxes.transform((0.4, 0.6))
        assert transform_of(MouseEvent("button_press_event", canvas, x, y).inaxes) is transform
    assert transform_of(MouseEvent("button_press_event", canvas, 0, 0).inaxes) is None
    assert transform_of(Figure().add_subplot()) is None


@pytest.mark.parametrize("draw", [draw_qladder, draw_gladder])
def test_a_transform_that_is_not_offered_says_why_in_its_place(draw) -> None:
    axes = draw(Figure(), ladder([0.0, *range(1, 20)]))
    assert axes[4].get_title(loc="left") == "log"
    assert axes[4].texts[0].get_text().replace("\n", " ") == "no logarithm of zero values"
    assert not axes[4].lines
    assert not axes[3].texts


def test_many_values_are_drawn_as_pixels() -> None:
    axes = draw_qladder(Figure(), ladder(np.random.default_rng(2).gamma(2.0, size=2000)))
    assert all(ax.collections[0].get_rasterized() for ax in axes)
