"""Terms: a column or one of its nine transforms, in a model, and in words where a value has none."""

import numpy as np
import pandas as pd
import pytest

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.models import fit
from thaliron_napari.statistics.transforms import LADDER, number, term

TABLE = pd.DataFrame(
    {
        "id": [f"sub-{i:02d}" for i in range(12)],
        "v": [0.5, 2, 3.5, 4, 7, 8, 10, 12, 15, 16, 20, np.nan],
        "zero": [0.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        "below": [-1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -12],
        "both": [-1.0, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        "y": [3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8],
        "site": ["a", "b"] * 6,
    },
    index=range(100, 112),
)
EXPECTED = {
    "cube(v)": 8.0,
    "square(v)": 4.0,
    "v": 2.0,
    "sqrt(v)": 2**0.5,
    "ln(v)": 0.6931471805599453,
    "1/sqrt(v)": 0.5**0.5,
    "1/v": 0.5,
    "1/square(v)": 0.25,
    "1/cube(v)": 0.125,
}


def test_there_are_nine_and_each_is_written_its_own_way() -> None:
    assert [transform.term("v") for transform in LADDER] == list(EXPECTED)
    for transform in LADDER:
        assert transform.column(transform.term("lesion (ml)")) == "lesion (ml)"
    assert [transform.name for transform in LADDER if transform.column("1/sqrt(v)") == "v"] == ["1/(square root)"]


@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_transform_is_a_column_of_its_own(name: str) -> None:
    column = term(TABLE, name)
    assert column.name == name
    assert column[101] == pytest.approx(EXPECTED[name], rel=1e-15)
    assert column.index.tolist() == TABLE.index.tolist()
    assert column.isna().tolist() == TABLE["v"].isna().tolist()
    assert column.dtype == np.float64
    assert TABLE["v"][101] == 2.0  # the table is as it was


@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_transform_can_be_predictor_and_outcome(name: str) -> None:
    by_hand = TABLE.assign(made=term(TABLE, name))
    ours, expected = fit(TABLE, "y", [name]), fit(by_hand, "y", ["made"])
    assert ours[name].estimate == expected["made"].estimate
    assert (ours.n_used, ours.n_missing) == (11, 1)
    assert fit(TABLE, name, ["y"])["y"].p == fit(by_hand, "made", ["y"])["y"].p


def test_numbers_written_as_text_have_transforms() -> None:
    assert term(pd.DataFrame({"v": ["4", " ", "9"]}), "sqrt(v)").tolist()[::2] == [2.0, 3.0]


def test_a_column_that_is_called_like_a_transform_is_taken_as_it_stands() -> None:
    table = TABLE.assign(**{"sqrt(v)": 7.0, "1/v": 8.0})
    assert (term(table, "sqrt(v)") == 7.0).all()
    assert (term(table, "1/v") == 8.0).all()
    assert term(table, "cube(sqrt(v))")[101] == 343.0


WORDS = [
    ("ln(zero)", r"'zero' is zero in 1 row \(sub-00\), which has no logarithm; leave those rows out or use the column"),
    ("ln(both)", r"'both' is zero or negative in 2 rows \(sub-00, sub-01\), which has no logarithm"),
    ("sqrt(below)", r"'below' is negative in 2 rows \(sub-00, sub-11\), which has no square root"),
    ("1/sqrt(zero)", r"'zero' is zero in 1 row \(sub-00\), which has no inverse square root"),
    ("1/zero", r"'zero' is zero in 1 row \(sub-00\), which has no inverse;"),
    ("1/square(zero)", r"which has no inverse square;"),
    ("1/cube(both)", r"'both' is zero in 1 row \(sub-01\), which has no inverse cube"),
    ("sqrt(site)", r"'site' holds text \(such as 'a'\) where numbers are needed"),
    ("sqrt(nothing)", r"no column 'sqrt\(nothing\)' in the table, which has: id, v"),
    ("root(v)", r"no column 'root\(v\)'"),
    ("sqrt()", r"no column 'sqrt\(\)'"),
    ("1/", r"no column '1/'"),
]


@pytest.mark.parametrize(("name", "words"), WORDS)
def test_what_has_no_transform_gets_words(name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        term(TABLE, name)


def test_defined_for_negative_values_where_the_transform_is() -> None:
    assert term(TABLE, "sqrt(zero)")[100] == 0.0
    assert term(TABLE, "1/below")[100] == -1.0
    assert term(TABLE, "cube(both)")[100] == -1.0


@pytest.mark.parametrize(("name", "value"), [("cube(v)", 1e110), ("1/cube(v)", 1e-110), ("square(v)", -1e200)])
def test_beyond_the_largest_number_gets_words(name: str, value: float) -> None:
    table = TABLE.assign(v=[value, *range(1, 12)])
    with pytest.raises(ModelError, match=r"is too large a number in 1 row \(sub-00\); give 'v' in another unit"):
        number(table, name)
