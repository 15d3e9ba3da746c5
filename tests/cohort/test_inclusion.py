"""Who is analysed and why not: as the study counts it, through a file and back."""

from pathlib import Path

import pandas as pd
import pytest

from thaliron_napari.cohort import read_table, write_table
from thaliron_napari.cohort.inclusion import EXCLUDED, exclude, include, included
from thaliron_napari.errors import TableError


def cohort(n: int = 100) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"sub-{i:03d}" for i in range(n)], "age": [20 + i % 60 for i in range(n)]})


def test_a_hundred_seen_five_excluded_for_image_quality(tmp_path: Path) -> None:
    table = cohort()
    for place in (3, 14, 15, 92, 65):
        table = exclude(table, f"sub-{place:03d}", "image quality")
    analysed, flow = included(table)
    assert len(analysed) == flow.analysed == 95
    assert EXCLUDED not in analysed.columns
    assert not set(analysed["id"]) & {"sub-003", "sub-014"}
    assert flow.sentence() == "100 cases, 5 excluded (image quality 5): 95 analysed"
    write_table(table, tmp_path / "cohort.csv")
    again, same = included(read_table(tmp_path / "cohort.csv"))
    assert same == flow
    assert again["id"].tolist() == analysed["id"].tolist()
    back = include(table, "sub-014")
    assert included(back)[1].analysed == 96


def test_a_condition_counts_those_that_do_not_fulfil_it() -> None:
    table = exclude(exclude(cohort(), "sub-000", "motion"), "sub-059", "withdrew")
    analysed, flow = included(table, " age <= 50 ")
    assert (analysed["age"] <= 50).all()
    assert flow.excluded == {"motion": 1, "withdrew": 1}
    assert flow.analysed + flow.left_out == 98
    assert flow.sentence().endswith(f", {flow.left_out} not with age <= 50: {flow.analysed} analysed")


def test_flags_of_another_table_are_understood() -> None:
    table = cohort(4).assign(**{EXCLUDED: [0, 1, 0, 1]})
    assert included(table)[0]["id"].tolist() == ["sub-000", "sub-002"]
    assert included(cohort(4).assign(**{EXCLUDED: [None, " ", "motion", float("nan")]}))[1].analysed == 3


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(TableError, match="reason is needed"):
        exclude(cohort(3), "sub-001", " ")
    with pytest.raises(TableError, match="no case sub-777"):
        exclude(cohort(3), "sub-777", "motion")
    with pytest.raises(TableError, match="no condition"):
        included(cohort(3), "age")
