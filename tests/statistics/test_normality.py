"""Tests of normality against what Stata prints and R computes, by properties, and in words for what has no answer."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import normaltest, shapiro

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.normality import shapiro_francia, shapiro_wilk, skewness_kurtosis

REFERENCE = Path(__file__).parents[1] / "reference"
STATA = json.loads((REFERENCE / "ladder_stata.json").read_text(encoding="utf-8"))
R = json.loads((REFERENCE / "ladder.json").read_text(encoding="utf-8"))
CARS = pd.read_csv(REFERENCE / "ladder.csv")
COLUMNS = {"mpg": CARS["mpg"], "trunk": CARS["trunk"]}
COLUMNS |= {name: synthetic_cohort()[name] for name in ("lesion_ml", "thalamus_ml")}
UNTIED = [name for name, ladder in R["ladders"].items() if ladder["identity"]["untied"]]


def test_the_cars_are_those_of_stata() -> None:
    assert CARS["mpg"].mean() == pytest.approx(21.29730, abs=5e-6)
    assert CARS["mpg"].std() == pytest.approx(5.785503, abs=5e-7)


@pytest.mark.parametrize("name", ["mpg", "trunk"])
def test_prints_what_stata_prints(name: str) -> None:
    test, printed = skewness_kurtosis(CARS[name]), STATA["sktest"][name]
    assert test.n == 74
    assert round(test.p_skewness, 4) == printed["p_skewness"]
    assert round(test.p_kurtosis, 4) == printed["p_kurtosis"]
    assert round(test.chi2_adjusted, 2) == printed["chi2"]
    assert round(test.p, 4) == printed["p"]
    for shapiro_test, command in ((shapiro_wilk, "swilk"), (shapiro_francia, "sfrancia")):
        found, printed = shapiro_test(CARS[name]), STATA[command][name]
        assert (round(found.w, 5), round(found.z, 3), round(found.p, 5)) == tuple(printed.values())


def test_ties_of_a_column_of_two_values_are_weighed_nearly_as_stata_does() -> None:
    found, printed = shapiro_wilk([0] * 52 + [1] * 22), STATA["swilk foreign"]
    assert round(found.w, 5) == printed["w"]
    assert found.z == pytest.approx(printed["z"], abs=0.0015)
    assert found.p == pytest.approx(printed["p"], abs=1e-4)


@pytest.mark.parametrize("name", list(R["ladders"]))
def test_skewness_and_kurtosis_agree_with_r(name: str) -> None:
    test, r = skewness_kurtosis(COLUMNS[name]), R["ladders"][name]["identity"]
    assert test.n == r["n"]
    # R has 1 minus a probability there, which is good to 1e-15 but has few digits where it is small.
    assert test.p_skewness == pytest.approx(r["p_skewness"], rel=1e-10, abs=1e-15)
    assert test.p_kurtosis == pytest.approx(r["p_kurtosis"], rel=1e-10, abs=1e-15)
    assert test.chi2_unadjusted == pytest.approx(r["chi2_unadjusted"], rel=1e-11)
    assert test.chi2_adjusted == pytest.approx(r["chi2_adjusted"], rel=1e-11)
    assert test.p == pytest.approx(r["p"], rel=1e-10)


def test_some_column_of_the_reference_has_no_ties() -> None:
    assert UNTIED


@pytest.mark.parametrize("name", UNTIED)
def test_shapiro_tests_agree_with_r_where_nothing_is_tied(name: str) -> None:
    r = R["ladders"][name]["identity"]
    wilk, francia = shapiro_wilk(COLUMNS[name]), shapiro_francia(COLUMNS[name])
    assert (wilk.w, wilk.p) == (pytest.approx(r["wilk_w"], rel=1e-11), pytest.approx(r["wilk_p"], rel=1e-8))
    assert (francia.w, francia.p) == (pytest.approx(r["francia_w"], rel=1e-11), pytest.approx(r["francia_p"], rel=1e-8))


@pytest.mark.parametrize("small", R["wilk_small"], ids=lambda small: str(len(small["values"])))
def test_shapiro_wilk_of_few_values_agrees_with_r(small: dict) -> None:
    found = shapiro_wilk(small["values"])
    assert found.w == pytest.approx(small["w"], rel=1e-11)
    assert found.p == pytest.approx(small["p"], rel=1e-8)


samples = st.lists(st.floats(-100, 100).map(lambda v: round(v, 3)), min_size=8, max_size=60).filter(
    lambda values: np.ptp(values) > 0.1
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(values=samples)
def test_without_adjustment_it_is_scipys(values: list[float]) -> None:
    test, scipys = skewness_kurtosis(values), normaltest(values)
    assert test.chi2_unadjusted == pytest.approx(scipys.statistic, rel=1e-8, abs=1e-8)
    assert test.p_unadjusted == pytest.approx(scipys.pvalue, rel=1e-7, abs=1e-12)
    assert test.p == pytest.approx(math.exp(-test.chi2_adjusted / 2), rel=1e-9, abs=1e-300)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(values=samples, factor=st.floats(0.001, 1000), offset=st.floats(-1000, 1000))
def test_another_unit_and_another_zero_change_nothing(values: list[float], factor: float, offset: float) -> None:
    x = np.array(values)
    same, turned = skewness_kurtosis(x * factor + offset), skewness_kurtosis(-x)
    assert same.chi2_adjusted == pytest.approx(skewness_kurtosis(x).chi2_adjusted, rel=1e-5, abs=1e-6)
    assert turned.chi2_adjusted == pytest.approx(skewness_kurtosis(x).chi2_adjusted, rel=1e-8, abs=1e-8)
    francia, rescaled = shapiro_francia(x), shapiro_francia(x * factor)
    assert rescaled.w == pytest.approx(francia.w, rel=1e-9)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(values=st.lists(st.integers(-5000, 5000), min_size=4, max_size=60, unique=True))
def test_shapiro_wilk_without_ties_is_scipys(values: list[int]) -> None:
    found, scipys = shapiro_wilk(values), shapiro(values)
    assert found.w == pytest.approx(scipys.statistic, rel=1e-8)
    assert found.p == pytest.approx(scipys.pvalue, rel=1e-4, abs=1e-12)


def test_missing_values_are_left_out() -> None:
    mpg = CARS["mpg"].astype(float)
    gaps = pd.concat([mpg, pd.Series([np.nan, np.nan])])
    assert skewness_kurtosis(gaps) == skewness_kurtosis(mpg)
    assert shapiro_wilk(gaps) == shapiro_wilk(mpg)


def test_far_from_normal_still_has_numbers() -> None:
    test = skewness_kurtosis([*range(4999), 1e300])
    assert test.chi2_adjusted > 1000
    assert test.p == pytest.approx(0, abs=1e-200)
    assert shapiro_wilk([*range(4999), 1e300]).w < 0.01


LINE = list(range(10))
WORDS = [
    (skewness_kurtosis, [1.0] * 20, "all 20 values are 1, so there is no distribution to judge"),
    (skewness_kurtosis, [1e9 + 1e-6 * i for i in range(20)], "all 20 values are 1e"),
    (skewness_kurtosis, [0.0] * 9, "all 9 values are 0"),
    (skewness_kurtosis, LINE[:7], "the skewness and kurtosis test needs at least 8 values; here are 7"),
    (skewness_kurtosis, [*LINE[:7], math.nan], r"here are 7 \(1 missing\)"),
    (skewness_kurtosis, [], "here are 0"),
    (skewness_kurtosis, [*LINE, math.inf], "1 of the 11 values is infinite"),
    (skewness_kurtosis, ["low", "high"] * 5, "needs numbers, and the values hold text"),
    (shapiro_wilk, LINE[:3], "the Shapiro-Wilk test needs at least 4 values; here are 3"),
    (shapiro_wilk, [0] * 7 + [1], "too many of the 8 values are the same for the Shapiro-Wilk test"),
    (shapiro_wilk, range(5001), "at most 5000 values; here are 5001"),
    (shapiro_francia, LINE[:4], "the Shapiro-Francia test needs at least 5 values; here are 4"),
    (shapiro_francia, [3] * 30, "all 30 values are 3"),
]


@pytest.mark.parametrize(("test", "values", "words"), WORDS)
def test_degenerate_input_gets_words(test, values, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        test(values)
