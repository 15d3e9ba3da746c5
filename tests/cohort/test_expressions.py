"""Conditions and sums over columns: what they come to, and in words what they cannot be."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.cohort.expressions import compute, fulfils
from thaliron_napari.errors import TableError

TABLE = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "age": [30, 50, 51, 70],
        "lesion_ml": [0.0, 1.0, np.e, np.nan],
        "dmt": ["none", "none", None, "interferon"],
        "left ml": [1.0, 2.0, 3.0, 4.0],
    }
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("age <= 50", "ab"),
        ("30 < age < 70", "bc"),
        ("not age <= 50", "cd"),
        ("age <= 50 and lesion_ml > 0", "b"),
        ("age == 70 or lesion_ml == 0", "ad"),
        ("lesion_ml != 1", "ac"),  # what is missing fulfils nothing,
        ("not lesion_ml == 1", "ac"),  # nor the opposite of anything,
        ("lesion_ml == 1 or age == 70", "bd"),  # but what does not hang on it
        ('not (dmt == "none" and age > 30)', "ad"),
        ('dmt == "none"', "ab"),
        ('dmt != "none"', "d"),
        ("`left ml` * 2 >= 6", "cd"),
        ("age - 20 * 2 > 10 ** 1", "cd"),
    ],
)
def test_conditions(words: str, expected: str) -> None:
    assert "".join(TABLE["id"][fulfils(TABLE, words)]) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ln(lesion_ml)", [np.nan, 0, 1, np.nan]),  # zero has no logarithm
        ("1 / lesion_ml", [np.nan, 1, 1 / np.e, np.nan]),
        ("(age - 30) / 2", [0, 10, 10.5, 20]),
        ("-sqrt(`left ml`) + abs(-1)", [0, 1 - 2**0.5, 1 - 3**0.5, -1]),
        ("log10(exp(0) * 100)", [2, 2, 2, 2]),
    ],
)
def test_sums(words: str, expected: list[float]) -> None:
    np.testing.assert_allclose(compute(TABLE, words), expected)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "such as age"),
        ("age", "no condition"),
        ("age <=", "cannot be read"),
        ("height > 3", "no column 'height'"),
        ("age > 'old'", "compares text with a number"),
        ("dmt > 3", "compares text with a number"),
        ("dmt + 1 > 3", "not a number"),
        ("age and age > 3", "no condition"),
        ("`left ml > 3", "backquote"),
        ("__import__('os').system('true') == 0", "holds more than"),
        ("age.max() > 3", "holds more than"),
        ("[age][0] > 3", "holds more than"),
        ("(lambda: 1)() == 1", "holds more than"),
        ("age in (30, 50)", "compare with"),
        ("(" * 400 + "age" + ")" * 400 + " > 1", "such as age"),
        ("(" * 240 + "age" + ")" * 240 + " > 1", "cannot be read"),
        ("age > True", "holds more than"),
    ],
)
def test_what_cannot_be_is_said(words: str, said: str) -> None:
    with pytest.raises(TableError, match=said):
        fulfils(TABLE, words)


def test_a_condition_is_no_sum() -> None:
    with pytest.raises(TableError, match="is a condition"):
        compute(TABLE, "age > 3")
    with pytest.raises(TableError, match="computes with text"):
        compute(TABLE, "dmt")


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=40))
def test_nothing_that_is_typed_does_more_than_arithmetic(words: str) -> None:
    for ask in (fulfils, compute):
        with suppress(TableError):
            assert len(ask(TABLE, words)) == len(TABLE)
