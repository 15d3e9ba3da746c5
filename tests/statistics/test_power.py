"""Power of one correlation against the study's figures, R, simulations, and itself."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.power import achieved_power, power_curve, r_curve, required_n, required_r
from thaliron_napari.statistics.power_plots import draw_detectable_r, draw_power

R = json.loads((Path(__file__).parents[1] / "reference" / "power.json").read_text(encoding="utf-8"))


def test_the_study() -> None:
    assert round(required_r(95, 0.8), 4) == 0.2841
    assert round(achieved_power(95, 0.28), 3) == 0.788
    assert required_n(0.28, 0.8) == 98


def test_tables_of_sample_size() -> None:
    """N for r at alpha .05, two-sided, as the closed form ((z_alpha/2 + z_beta) / atanh r)^2 + 3 rounds up to."""
    known = {(0.1, 0.8): 783, (0.2, 0.8): 194, (0.3, 0.8): 85, (0.4, 0.8): 47, (0.5, 0.8): 30, (0.3, 0.9): 113}
    assert {key: required_n(*key) for key in known} == known


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    n=st.integers(4, 5000), power=st.floats(0.06, 0.999), alpha=st.floats(0.001, 0.05), covariates=st.integers(0, 30)
)
def test_each_is_the_inverse_of_the_others(n: int, power: float, alpha: float, covariates: int) -> None:
    n += covariates
    r = required_r(n, power, alpha, covariates)
    assert achieved_power(n, r, alpha, covariates) == pytest.approx(power, abs=1e-9)
    if r > 1e-3:
        least = required_n(r * (1 + 1e-9), power, alpha, covariates)
        assert least <= n
        assert n == 4 + covariates or achieved_power(n - 1, r, alpha, covariates) < power


def test_no_correlation_is_found_as_often_as_alpha_says() -> None:
    assert achieved_power(50, 0.0, 0.05) == pytest.approx(0.05, rel=1e-12)
    assert achieved_power(50, -0.3) == achieved_power(50, 0.3)
    assert achieved_power(10, 1.0) == 1.0


def test_agrees_with_a_simulation() -> None:
    rng = np.random.default_rng(5)
    n, r, runs = 200, 0.2, 10000
    x = rng.standard_normal((runs, n))
    y = r * x + math.sqrt(1 - r * r) * rng.standard_normal((runs, n))
    x -= x.mean(1, keepdims=True)
    y -= y.mean(1, keepdims=True)
    found = (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))
    detected = np.mean(np.abs(np.arctanh(found)) * math.sqrt(n - 3) > 1.959964)
    assert achieved_power(n, r) == pytest.approx(detected, abs=0.01)


def test_near_rs_other_approximation_of_one_correlation() -> None:
    """pwr.r.test adds a correction for the bias of z and takes the critical value from t."""
    for known in R["pwr_r_test"]:
        assert achieved_power(known["n"], known["r"]) == pytest.approx(known["power"], abs=0.011)


@pytest.mark.parametrize("known", R["simulated"], ids=lambda known: f"n {known['n']}, k {known['covariates']}")
def test_a_coefficient_given_covariates_is_found_as_often_as_in_simulated_cohorts(known: dict) -> None:
    power = achieved_power(known["n"], known["r"], covariates=known["covariates"])
    assert power == pytest.approx(known["power"], abs=0.012 if known["n"] < 50 else 0.007)


def test_below_what_is_promised_to_predictors_set_beforehand() -> None:
    """pwr.f2.test, noncentral F: above this, the more so the larger r and the fewer cases."""
    for known in R["pwr_f2_test"]:
        gain = known["power"] - achieved_power(known["n"], known["r"], covariates=known["covariates"])
        assert 0 < gain < (0.02 if known["r"] < 0.3 else 0.065)
        if known["n"] == 200:
            assert gain < 0.0035


def test_each_covariate_costs_one_case() -> None:
    assert achieved_power(99, 0.28, covariates=4) == achieved_power(95, 0.28)
    assert required_n(0.28, 0.8, covariates=4) == 102
    assert required_r(95, 0.8, covariates=4) == pytest.approx(
        math.tanh((1.959964 + 0.841621) / math.sqrt(88)), abs=1e-6
    )


def test_curves_and_plots_are_of_these_numbers() -> None:
    n, r = range(10, 200, 5), [0.1, 0.28]
    curve = power_curve(n, r, 0.05, 4)
    assert curve.shape == (2, 38)
    assert curve[1, 17] == achieved_power(95, 0.28, 0.05, 4)
    assert (np.diff(curve) > 0).all()
    assert r_curve(n, [0.8])[0, 17] == pytest.approx(0.2841, abs=5e-5)
    left, right = Figure().subplots(1, 2)
    draw_power(left, n, r, covariates=4, at=(95, 0.28))
    np.testing.assert_array_equal(left.lines[2].get_ydata(), curve[1])
    assert left.get_title("left") == "n = 95, r = 0.28: power 0.770"
    draw_detectable_r(right, n, [0.8, 0.9], at=(95, 0.8))
    assert right.get_title("left") == "n = 95, power 0.8: r = 0.2841"
    assert (right.lines[0].get_ydata() < right.lines[1].get_ydata()).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: achieved_power(3, 0.5), "n is 3"),
        (lambda: achieved_power(30, 1.5), "r is 1.5"),
        (lambda: achieved_power(30, math.nan), "r is nan"),
        (lambda: required_n(0.0, 0.8), "correlation of 0"),
        (lambda: required_r(30, 1.0), "power is 1;"),
        (lambda: required_r(30, 0.01), r"between alpha \(0.05\) and 1"),
        (lambda: required_r(30, 0.8, 5.0), "alpha is 5"),
        (lambda: achieved_power(7, 0.5, covariates=4), "n is 7; a correlation given 4 covariates .* from 8 cases on"),
        (lambda: required_n(0.5, 0.8, covariates=-1), "covariates is -1"),
    ],
)
def test_impossible_questions_get_words(call: object, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        call()
