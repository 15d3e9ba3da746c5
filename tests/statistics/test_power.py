"""Power of one correlation against the study's figures, a simulation, and itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.power import achieved_power, required_n, required_r


def test_the_study() -> None:
    assert round(required_r(95, 0.8), 4) == 0.2841
    assert round(achieved_power(95, 0.28), 3) == 0.788
    assert required_n(0.28, 0.8) == 98


def test_tables_of_sample_size() -> None:
    """N for r at alpha .05, two-sided, as the closed form ((z_alpha/2 + z_beta) / atanh r)^2 + 3 rounds up to."""
    known = {(0.1, 0.8): 783, (0.2, 0.8): 194, (0.3, 0.8): 85, (0.4, 0.8): 47, (0.5, 0.8): 30, (0.3, 0.9): 113}
    assert {key: required_n(*key) for key in known} == known


@settings(derandomize=True, max_examples=40, deadline=None)
@given(n=st.integers(4, 5000), power=st.floats(0.06, 0.999), alpha=st.floats(0.001, 0.05))
def test_each_is_the_inverse_of_the_others(n: int, power: float, alpha: float) -> None:
    r = required_r(n, power, alpha)
    assert achieved_power(n, r, alpha) == pytest.approx(power, abs=1e-9)
    if r > 1e-3:
        least = required_n(r * (1 + 1e-9), power, alpha)
        assert least <= n
        assert n == 4 or achieved_power(n - 1, r, alpha) < power


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
    ],
)
def test_impossible_questions_get_words(call: object, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        call()
