"""The study's two tables from the shipped cohort, and what happens where a cohort lacks part of it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.statistics import StudyRow, age_subgroup, describe, fit, format_tables, study_tables
from thaliron_napari.statistics.text import format_number, format_p, study_cells

REFERENCE = Path(__file__).parents[1] / "reference"
with (REFERENCE / "study_tables.csv").open(encoding="utf-8") as file:
    PRINTED = list(csv.DictReader(file))

# The study's table prints .02 where its text, and every rounding of the interval printed beside it, says .028.
PRINTED_OTHERWISE = {("chi_ppb", "age", "after_p"): ".028"}


def printed_rows(number: int) -> list[dict[str, str]]:
    return [row for row in PRINTED if row["table"] == str(number)]


@pytest.mark.parametrize("number", [1, 2])
def test_published_tables_digit_for_digit(number: int) -> None:
    table = study_tables(synthetic_cohort())[number - 1]
    expected = []
    for row in printed_rows(number):
        cells = []
        for when in ("before", "after"):
            p = PRINTED_OTHERWISE.get((row["outcome"], row["predictor"], f"{when}_p"), row[f"{when}_p"])
            star = "*" if float(p) < 0.05 else ""
            cells += [row[f"{when}_coefficient"], f"{row[f'{when}_ci_low']}, {row[f'{when}_ci_high']}", p + star, "95"]
        expected.append(tuple(cells))
    assert [row[1:] for row in study_cells(table)] == expected
    assert [(row.outcome, row.predictor) for row in table.rows] == [
        (row["outcome"], row["predictor"]) for row in printed_rows(number)
    ]


def test_seventy_one_of_seventy_two_printed_numbers() -> None:
    """By the numbers, without our way of printing them: within half a unit of the last printed digit."""
    within = {}
    for number, table in enumerate(study_tables(synthetic_cohort()), start=1):
        for printed, row in zip(printed_rows(number), table.rows, strict=True):
            for when, coefficient in (("before", row.before), ("after", row.after)):
                assert coefficient is not None
                for name in ("estimate", "ci_low", "ci_high", "p"):
                    text = printed[f"{when}_{'coefficient' if name == 'estimate' else name}"]
                    unit = 10.0 ** -len(text.partition(".")[2])
                    off = abs(getattr(coefficient, name) - float(text))
                    within[row.outcome, row.predictor, when, name] = off <= 0.5 * unit * (1 + 1e-9)
    assert len(within) == 72
    assert [key for key, yes in within.items() if not yes] == [("chi_ppb", "age", "after", "p")]


def test_adjusted_models_are_those_of_the_study() -> None:
    first, second = study_tables(synthetic_cohort())
    assert first.adjustment == ("age", "sex", "duration", "dmt")
    assert set(second.adjustment) == {"enhancing", "age", "sex", "dmt", "duration"}
    for row in (*first.rows, *second.rows):
        assert row.before_fit is not None
        assert row.after_fit is not None
        assert (row.before_fit.residual_df, row.after_fit.residual_df) == (93, 89)
    assert len({id(row.after_fit) for row in second.rows}) == 1
    assert first.notes == second.notes == ()


def test_age_subgroup_is_the_fit_of_those_rows() -> None:
    table = synthetic_cohort()
    young = table[table["age"] <= 50]
    part = age_subgroup(table)
    expected = fit(young, "ln(lesion_ml)", ["chi_ppb"], ["age", "sex", "duration", "dmt"])
    assert part.rows[0].after == expected["chi_ppb"]
    assert part.notes == (f"{len(young)} of 95 cases are 50 or younger",)
    table.loc[table.index[table["age"] <= 50][0], "age"] = np.nan
    assert age_subgroup(table).notes == (f"{len(young) - 1} of 95 cases are 50 or younger; 1 without an age left out",)


def test_descriptives_are_those_of_the_study() -> None:
    """Means, SD and ranges as the study's text gives them; the one maximum of EDSS is the cohort's own."""
    found = {d.column: d for d in describe(synthetic_cohort())}
    measures = {
        "age": (42, 10, 25, 71, 0),
        "edss": (2.2, 2.2, 0, 8.0, 1),
        "duration": (8.9, 7.8, 0.3, 33.7, 1),
        "lesion_ml": (11.0, 15.8, 0.1, 122.4, 1),
        "thalamus_ml": (14.0, 2.1, 8.4, 20.0, 1),
        "chi_ppb": (-29.0, 11.7, -61.5, 6.4, 1),
        "gm_ml": (607, 67, 411, 784, 0),
        "thickness_mm": (2.40, 0.16, 1.92, 2.68, 2),
    }
    for column, (*values, decimals) in measures.items():
        d = found[column]
        assert [round(value, decimals) for value in (d.mean, d.sd, d.low, d.high)] == values
        assert d.n == 95
    counts = {"dmt": (57, 60), "enhancing": (9, 9), "sex": (64, 67)}
    assert {column: (found[column].count, round(found[column].percent)) for column in counts} == counts


def coefficients(rows: tuple[StudyRow, ...]) -> dict[tuple[str, str], tuple[bool, bool]]:
    return {(row.outcome, row.predictor): (row.before is not None, row.after is not None) for row in rows}


def test_missing_columns_are_named_and_the_rest_is_computed() -> None:
    table = synthetic_cohort().drop(columns=["gm_ml", "dmt"]).assign(enhancing=0)
    first, second = study_tables(table)
    assert coefficients(first.rows)["gm_mm3", "chi_ppb"] == (False, False)
    assert coefficients(first.rows)["thickness_mm", "chi_ppb"] == (True, True)
    assert first.adjustment == ("age", "sex", "duration")
    assert "column 'gm_ml' is not in the table: no total grey matter volume (mm³)" in first.notes
    assert "column 'dmt' is not in the table: left out of the models" in first.notes
    assert coefficients(second.rows)["chi_ppb", "enhancing"] == (False, False)
    assert coefficients(second.rows)["chi_ppb", "age"] == (True, True)
    assert "column 'enhancing' is 0 in every case: left out of the models" in second.notes
    expected = fit(table, "chi_ppb", ["age", "sex", "duration"])
    assert second.rows[1].after == expected["age"]


def test_nothing_to_adjust_for_leaves_the_adjusted_side_empty() -> None:
    first, second = study_tables(synthetic_cohort()[["id", "chi_ppb", "thickness_mm", "enhancing"]])
    assert coefficients(first.rows)["thickness_mm", "chi_ppb"] == (True, False)
    assert coefficients(second.rows)["chi_ppb", "enhancing"] == (True, False)
    assert first.adjustment == second.adjustment == ()
    assert "no covariate to adjust for" in first.notes


def test_no_susceptibility_leaves_nothing_and_says_so() -> None:
    for table in study_tables(synthetic_cohort().drop(columns="chi_ppb")):
        assert all(row.before is None and row.after is None for row in table.rows)
        assert any("'chi_ppb' is not in the table" in note for note in table.notes)


def test_a_case_without_lesions_is_named() -> None:
    table = synthetic_cohort()
    table.loc[3, "lesion_ml"] = 0.0
    first, _ = study_tables(table)
    assert coefficients(first.rows)["ln(lesion_ml)", "chi_ppb"] == (False, False)
    assert any("'lesion_ml' is zero in 1 row (S004)" in note for note in first.notes)


def test_words_for_sex_and_therapy_are_read() -> None:
    table = synthetic_cohort()
    words = table.assign(sex=table["sex"].map({1: "F", 0: "m"}), dmt=table["dmt"].map({1: "yes", 0: "No"}))
    for ours, theirs in zip(study_tables(words), study_tables(table), strict=True):
        assert study_cells(ours) == study_cells(theirs)


def test_sex_of_one_and_two_is_said() -> None:
    first, _ = study_tables(synthetic_cohort().assign(sex=lambda t: t["sex"] + 1))
    assert "column 'sex' holds 1, 2, not 0 and 1: its coefficient is for one step of these numbers" in first.notes


def test_text_is_aligned_and_says_what_was_adjusted_for() -> None:
    table = synthetic_cohort()
    table.loc[:4, "thalamus_ml"] = np.nan
    text = format_tables(*study_tables(table), notes=["A note."])
    lines = text.splitlines()
    assert lines[0] == "A note."
    assert "  Adjusted for: age, sex, duration, dmt" in lines
    assert "  Adjusted: enhancing, age, sex, dmt, duration in one model" in lines
    assert "  Where n is below 95, the other cases miss a value of that model" in lines
    rows = [line for line in lines if line.startswith(("Thalamic", "Total", "Cortical", "T2"))]
    assert len({len(line) for line in rows}) == 1
    assert rows[0].endswith("  90")
    assert rows[1].endswith("  95")


def test_numbers_at_the_edges_of_rounding() -> None:
    assert [format_p(p) for p in (0.0, 0.00099, 0.001, 0.0496, 0.0994, 0.0996, 0.5, 0.9949, 1.0, float("nan"))] == [
        "<.001", "<.001", ".001", ".05", ".099", ".10", ".50", ">.99", ">.99", "-",
    ]  # fmt: skip
    assert [format_number(v, 2, 2) for v in (0.0, -0.001, 1234.5, float("inf"))] == ["0.00", "-0.0010", "1234.50", "-"]
    assert format_number(3.2e-12, 2, 2) == "3.2e-12"


def test_the_thalamic_volume_is_freesurfers_as_in_the_study_where_it_is_there_for_all() -> None:
    table = synthetic_cohort()
    whole = table.assign(fs_thalamus_ml=table["thalamus_ml"], thalamus_ml=table["thalamus_ml"].iloc[::-1].to_numpy())
    first, _ = study_tables(whole)
    (said,) = [note for note in first.notes if "fs_thalamus_ml" in note]
    assert said == "thalamic volume is that of column 'fs_thalamus_ml'; 95 of 95 cases have 'fs_thalamus_ml'"
    assert first.rows[0].before == study_tables(table)[0].rows[0].before
    some = whole.assign(fs_thalamus_ml=whole["fs_thalamus_ml"].where(whole.index < 50))
    first, _ = study_tables(some)
    assert "thalamic volume is that of column 'thalamus_ml'; 50 of 95 cases have 'fs_thalamus_ml'" in first.notes
    assert first.rows[0].before_fit.n_used == 95


def test_brain_measures_of_several_programs_are_said() -> None:
    table = synthetic_cohort()
    programs = np.where(table.index < 90, "FreeSurfer 5.1.0", "SynthSeg 2.0")
    first, _ = study_tables(table.assign(morphometry=programs))
    assert (
        "brain measures come from several programs, whose values differ: FreeSurfer 5.1.0 (90), SynthSeg 2.0 (5)"
        in first.notes
    )
    one, _ = study_tables(table.assign(morphometry="FreeSurfer 5.1.0"))
    assert not [note for note in one.notes if "programs" in note]
