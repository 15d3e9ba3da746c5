"""Covariates joined and cases appended: every case kept, nothing guessed, what did not match listed."""

import numpy as np
import pandas as pd
import pytest

from thaliron_napari.cohort import append_case, is_synthetic, join_covariates, synthetic_cohort, synthetic_note
from thaliron_napari.errors import TableError


def cases() -> pd.DataFrame:
    return pd.DataFrame({"id": ["sub-02", "sub-01", "sub-10"], "chi_ppb": [-30.0, -20.0, -25.0]}, index=[5, 6, 7])


def test_covariates_go_to_their_case_and_the_rest_is_listed() -> None:
    covariates = pd.DataFrame(
        {"id": ["01", "02", "1", "sub-99"], "age": [31, 42, 53, 64], "site": ["a", "b", "c", "d"]}
    )
    joined = join_covariates(cases(), covariates)
    assert joined.table["id"].tolist() == cases()["id"].tolist()
    assert joined.table.index.tolist() == [5, 6, 7]
    np.testing.assert_array_equal(joined.table["age"], [42, 31, np.nan])
    assert joined.table["site"].tolist()[:2] == ["b", "a"]
    assert joined.without_covariates == ("sub-10",)
    assert joined.without_case == ("1", "sub-99")
    assert joined.sentences() == (
        "cases without covariates: sub-10",
        "covariates without a measured case: 1, sub-99",
    )


def test_all_matched_says_nothing() -> None:
    assert join_covariates(cases(), cases()[["id"]].assign(age=1)).sentences() == ()


def test_a_column_of_both_is_filled_where_it_is_empty_and_refused_where_it_differs() -> None:
    left = cases().assign(enhancing=[1.0, np.nan, np.nan])
    joined = join_covariates(left, pd.DataFrame({"id": ["01", "02"], "enhancing": [0, 1]}))
    np.testing.assert_array_equal(joined.table["enhancing"], [1, 0, np.nan])
    with pytest.raises(TableError, match=r"'enhancing' differs between cases and covariates for sub-02 \(1 and 0\)"):
        join_covariates(left, pd.DataFrame({"id": ["02"], "enhancing": [0]}))


def test_what_cannot_be_joined_gets_words() -> None:
    with pytest.raises(TableError, match="the covariates: there is no column 'id' to join by; columns are name"):
        join_covariates(cases(), pd.DataFrame({"name": ["01"]}))
    with pytest.raises(TableError, match="the covariates: more than one row has the id 01"):
        join_covariates(cases(), pd.DataFrame({"id": ["01", "sub-01"]}))


def test_appended_case_is_the_last_row_with_its_own_columns() -> None:
    table = synthetic_cohort()
    before = table.copy()
    record = {"id": "sub-01", "chi_ppb": -21.5, "chi_left_ppb": -22.0, "lesion_ml": 3.5, "enhancing": None}
    longer = append_case(table, record)
    pd.testing.assert_frame_equal(table, before)
    assert list(longer.columns) == [*table.columns, "chi_left_ppb"]
    assert longer["id"].tolist() == [*table["id"], "sub-01"]
    last = longer.iloc[-1]
    assert (last["chi_ppb"], last["chi_left_ppb"], last["lesion_ml"]) == (-21.5, -22.0, 3.5)
    assert last[["age", "enhancing", "gm_ml"]].isna().all()
    pd.testing.assert_frame_equal(longer.iloc[:-1][table.columns], table, check_dtype=False)


def test_first_case_of_an_empty_cohort() -> None:
    table = append_case(pd.DataFrame(), {"id": "a", "chi_ppb": -1.0, "enhancing": None})
    assert table.columns.tolist() == ["id", "chi_ppb", "enhancing"]
    assert append_case(table, {"id": "b", "chi_ppb": -2.0})["chi_ppb"].tolist() == [-1.0, -2.0]


def test_a_case_measured_again_replaces_its_row_only_when_told_to() -> None:
    table = synthetic_cohort().iloc[:3]
    with pytest.raises(TableError, match="has a case S002 already"):
        append_case(table, {"id": "S002", "chi_ppb": 0.0})
    again = append_case(table, {"id": "S002", "chi_ppb": 0.0, "age": None}, replace=True)
    assert again["id"].tolist() == ["S001", "S002", "S003"]
    assert again["chi_ppb"].tolist() == [table["chi_ppb"].iloc[0], 0.0, table["chi_ppb"].iloc[2]]
    assert again["age"].tolist() == table["age"].tolist()


@pytest.mark.parametrize("record", [{}, {"id": " "}, {"id": None, "chi_ppb": 1.0}])
def test_a_case_without_name_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(TableError, match="needs an id"):
        append_case(synthetic_cohort(), record)


def test_synthetic_rows_are_known_again_whatever_their_names() -> None:
    table = synthetic_cohort().assign(id=[f"patient-{i}" for i in range(95)])
    assert is_synthetic(table).all()
    table.loc[10:, "age"] += 0.5
    assert is_synthetic(table).sum() == 10
    assert synthetic_note(table).startswith("Of the 95 cases, 10 are synthetic")
    assert synthetic_note(table.iloc[10:]) is None
    assert synthetic_note(synthetic_cohort()).startswith("All 95 cases are synthetic")
    assert synthetic_note(pd.DataFrame({"id": ["S001"], "age": [31.21]})) is None
