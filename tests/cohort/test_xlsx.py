"""Workbooks: what a reader of one finds in ours, and ours of others'."""

import datetime
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from thaliron_napari.cohort import read_table, write_table
from thaliron_napari.errors import TableError


def saved(tmp_path: Path, rows: list, name: str = "Sheet1", **more: list) -> Path:
    book = openpyxl.Workbook()
    for title, content in {name: rows, **more}.items():
        sheet = book.create_sheet(title)
        for row in content:
            sheet.append(row)
    book.remove(book["Sheet"])
    book.save(tmp_path / "t.xlsx")
    return tmp_path / "t.xlsx"


def computed(path: Path, cell: str, value: str) -> None:
    """Put a value beside a formula, as a spreadsheet does when it saves; openpyxl writes none."""
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    start = sheet.index(f'<c r="{cell}"')
    stop = sheet.index("</c>", start)
    formula = sheet[sheet.index("<f>", start) : sheet.index("</f>", start) + 4]
    kind = "" if value.replace(".", "").isdigit() else ' t="str"'
    parts["xl/worksheets/sheet1.xml"] = (
        f'{sheet[:start]}<c r="{cell}"{kind}>{formula}<v>{value}</v>{sheet[stop:]}'.encode()
    )
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)


def test_workbook_has_numbers_a_frozen_header_and_says_what_the_columns_are(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"id": ["007", "b"], "chi_ppb": [-29.5, np.nan], "enhancing": [True, False], "other": ["x", "y"]}
    )
    given = {"enhancing": {"Description": "Whether one enhances", "Levels": {"0": "no", "1": {"Description": "yes"}}}}
    assert write_table(table, tmp_path / "t.xlsx", given) == [tmp_path / "t.xlsx"]
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert book.sheetnames == ["data", "dictionary"]
    data, dictionary = book["data"], book["dictionary"]
    assert [[cell.value for cell in row] for row in data] == [
        ["id", "chi_ppb", "enhancing", "other"],
        ["007", -29.5, 1, "x"],
        ["b", None, 0, "y"],
    ]
    assert [cell.data_type for cell in data[2]] == ["s", "n", "n", "s"]
    assert data.freeze_panes == "B2"
    rows = {row[0]: row[1:] for row in dictionary.values}
    assert rows["name"] == ("description", "unit", "levels")
    assert rows["enhancing"] == ("Whether one enhances", None, "0 = no; 1 = yes")
    description, unit, _ = rows["chi_ppb"]
    assert unit == "ppb"
    assert "minus" in description
    assert data["B1"].comment.text == f"{description} [ppb]"
    assert data["D1"].comment is None


def test_workbook_of_another_program(tmp_path: Path) -> None:
    rows = [
        ["Participant_ID", "Age", "visit", "ok", "site", "score", None],
        [7, "31.5", datetime.datetime(2020, 5, 1), True, " Zürich ", "NA", None],
        [None] * 7,
        ["08", 40, None, False, "NA", 3, " "],
    ]
    path = saved(tmp_path, rows)
    book = openpyxl.load_workbook(path)
    book["Sheet1"]["C1048576"].font = openpyxl.styles.Font(bold=True)  # a stray format at a sheet's far end
    book.save(path)
    found = read_table(path)
    expected = pd.DataFrame(
        {
            "id": ["7", "08"],
            "age": [31.5, 40.0],
            "visit": ["2020-05-01", None],
            "ok": [1, 0],
            "site": ["Zürich", None],
            "score": [np.nan, 3],
        }
    )
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_sheet_called_data_goes_before_the_first_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    first, second = [["id", "age"], ["a", 1]], [["id", "age"], ["b", 2]]
    assert read_table(saved(tmp_path, first, Other=second))["id"].tolist() == ["a"]
    assert read_table(saved(tmp_path, first, Data=second))["id"].tolist() == ["b"]
    path = saved(tmp_path, first, Other=second)
    book = openpyxl.load_workbook(path)
    book["Sheet1"].sheet_state = "hidden"
    book.active = 1
    book.save(path)
    assert read_table(path)["id"].tolist() == ["b"]


def test_formulas_are_read_as_their_values(tmp_path: Path) -> None:
    path = saved(tmp_path, [["id", "age", "note"], ["a", "=30+1", '=IF(1,"","x")'], ["b", 2, "y"]])
    with pytest.raises(TableError, match="cell B2 is a formula without a value; open and save it"):
        read_table(path)
    computed(path, "B2", "31")
    with pytest.raises(TableError, match="cell C2 is a formula without a value"):
        read_table(path)
    computed(path, "C2", "")
    found = read_table(path)
    assert found["age"].tolist() == [31, 2]
    assert found["note"].isna().tolist() == [True, False]


REFUSED = {
    "a title above the names": (
        [["Our cohort"], ["id", "age"], ["a", 1]],
        "row 2: 2 cells where row 1 names 1 columns",
    ),
    "a name left out": ([["id", None, "age"], ["a", 1, 2]], "column 2 has no name"),
    "an error": ([["id", "age"], ["a", "#DIV/0!"]], "cell B2 holds the error #DIV/0!; correct or empty it"),
    "no rows": ([["id", "age"]], "has no rows"),
    "no cells": ([], "has no rows"),
    "the same id twice": ([["id"], ["a"], ["a"]], "more than one row has the id a"),
    "no id": ([["id", "age"], [None, 1]], "the case in row 1 has no id"),
    "text for a number": ([["id", "age"], ["a", 1], ["b", "old"]], "row 3: column 'age' holds 'old' where a number"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, name: str) -> None:
    rows, words = REFUSED[name]
    with pytest.raises(TableError, match=words):
        read_table(saved(tmp_path, rows))


def test_merged_names_are_refused_in_words(tmp_path: Path) -> None:
    path = saved(tmp_path, [["id", "volumes", "x"], ["a", 1, 2]])
    book = openpyxl.load_workbook(path)
    book["Sheet1"].merge_cells("B1:C1")
    book.save(path)
    with pytest.raises(TableError, match="in cells that are not merged"):
        read_table(path)


def test_not_available_is_missing(tmp_path: Path) -> None:
    assert np.isnan(read_table(saved(tmp_path, [["id", "age"], ["a", "#N/A"], ["b", 1]]))["age"][0])
