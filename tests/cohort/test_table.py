"""Tables read whatever program wrote them, written so that they read back equal, and refused in words."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thaliron_napari.cohort import read_table, synthetic_cohort, synthetic_dictionary, write_table
from thaliron_napari.cohort.cells import escape, is_missing, unescape
from thaliron_napari.errors import TableError


def read(tmp_path: Path, content: str | bytes, name: str = "cohort.csv") -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


EXPECTED = pd.DataFrame({"id": ["007", "08"], "age": [31.5, np.nan], "sex": [1, 0], "site": ["Zürich", None]})
FORMS = {
    "comma": "id,age,sex,site\n007,31.5,1,Zürich\n08,,0,\n",
    "windows line ends and a mark": "\ufeffid,age,sex,site\r\n007,31.5,1,Zürich\r\n08,NA,0,NA\r\n",
    "semicolon and decimal comma": "id;age;sex;site\n007;31,5;1;Zürich\n08;;0;\n",
    "a spreadsheet's own first line": "sep=;\nid;age;sex;site\n007;31,5;1;Zürich\n08;;0;\n",
    "tabs": "id\tage\tsex\tsite\n007\t31.5\t1\tZürich\n08\tn/a\t0\tn/a\n",
    "quotes": '"id","age","sex","site"\n"007","31.5","1","Zürich"\n"08","","0",""\n',
    "blanks": " id , age ,sex,site\n\n 007 , 31.5 ,1,Zürich \n08, . ,0,\n,,,\n",
    "other names": "Participant_ID,Age,SEX,site\n007,31.5,1,Zürich\n08,nan,0,null\n",
    "empty columns to the right": "id,age,sex,site,,\n007,31.5,1,Zürich,,\n08,,0,,,\n",
}


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_one_table_in_many_forms(tmp_path: Path, form: str, encoding: str) -> None:
    text = FORMS[form] if encoding == "utf-8" else FORMS[form].removeprefix("\ufeff")
    table = read(tmp_path, text.encode(encoding))
    pd.testing.assert_frame_equal(table, EXPECTED, check_dtype=False)
    assert table["age"].dtype == np.float64
    assert table["sex"].dtype == np.int64


def test_columns_of_numbers_with_leading_zeros_stay_text(tmp_path: Path) -> None:
    table = read(tmp_path, "id,scanner,ratio\n1,01,0.5\n2,02,00.5\n")
    assert table["id"].tolist() == ["1", "2"]
    assert table["scanner"].tolist() == ["01", "02"]
    assert table["ratio"].tolist() == [0.5, 0.5]


def test_typographic_minus_and_exponents_are_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, "id,chi_ppb\na,−29.5\nb,1e-2\nc,+3\n")["chi_ppb"].tolist() == [-29.5, 0.01, 3.0]


REFUSED = {
    "empty": (b"", r"is empty"),
    "blank": (b"\n \n", r"is empty"),
    "no rows": (b"id,age\n", r"has no rows"),
    "the same id twice": (b"id,age\na,1\nb,2\na,3\n", r"more than one row has the id a;"),
    "a case without id": (b"id,age\na,1\n,2\n", r"row 2 has no id"),
    "text where numbers are": (b"id,age\na,31\nb,forty\n", r"line 3: column 'age' holds 'forty' where a number"),
    "text in a measure": (b"id,lesion_ml\na,<0.1\n", r"column 'lesion_ml' holds '<0.1'"),
    "formula in a measure": (b"id,chi_left_ppb\na,=1+1\n", r"column 'chi_left_ppb' holds '=1\+1'"),
    "too few cells": (b"id,age,sex\na,31\n", r"line 2: 2 cells where the first line names 3 columns"),
    "too many cells": (b"id,age\na,31,5\n", r"line 2: 3 cells where the first line names 2 columns"),
    "a column without name": (b"id,,sex\na,31,1\n", r"column 2 has no name"),
    "two columns of a name": (b"id,age,age\na,31,32\n", r"more than one column is called 'age'"),
    "a workbook": (b"PK\x03\x04" + b"\x00" * 50, r"is a workbook, not text; save it as \.xlsx or \.csv"),
    "not text": (b"id\x00\x01\x02", r"is not a text file"),
    "half of a character": b"\xff\xfei\x00d\x00\x00\xd8"
    and (b"\xff\xfei\x00d\x00\x00\xd8", r"is not text in the encoding"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, name: str) -> None:
    content, words = REFUSED[name]
    with pytest.raises(TableError, match=words):
        read(tmp_path, content)


def test_missing_file_and_folder_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"nowhere\.csv cannot be read: No such file"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(TableError, match="is a folder"):
        read_table(tmp_path)


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_text_that_a_spreadsheet_would_run_is_written_as_text(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"id": FORMULAS, "=note": ["'=1", "''=1", "'s-Hertogenbosch", "NA", " x", "", *"abc"]})
    path = tmp_path / f"cohort{suffix}"
    write_table(table, path)
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file, delimiter="\t" if suffix == ".tsv" else ",") for cell in row]
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r\n＝＋－＠" and cell]
    again = read_table(path)
    assert again["id"].tolist() == FORMULAS
    assert again["=note"].tolist()[:5] == table["=note"].tolist()[:5]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(text=st.text(max_size=12))
@example("'")
@example("''")
@example("'NA")
def test_escaping_has_an_inverse_and_never_starts_a_formula(text: str) -> None:
    cell = escape(text)
    assert unescape(cell) == text
    assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
    assert not is_missing(cell) or not text


LABELS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=10)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            LABELS,
            st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
            st.integers(-(10**12), 10**12),
            LABELS,
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0],
    ),
    suffix=st.sampled_from([".csv", ".tsv"]),
)
def test_written_tables_read_back_equal(tmp_path_factory: pytest.TempPathFactory, rows: list, suffix: str) -> None:
    table = pd.DataFrame(rows, columns=["id", "lesion_ml", "count", "note"])
    table["lesion_ml"] = table["lesion_ml"].astype("float64")
    table["note"] = "x" + table["note"]  # a column of digits alone is numbers, whoever wrote it
    path = tmp_path_factory.mktemp("table") / f"t{suffix}"
    write_table(table, path)
    again = read_table(path)
    pd.testing.assert_frame_equal(again, table, check_dtype=False, check_exact=True)


def test_numbers_keep_their_kind(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"id": ["a", "b"], "whole": [1, 2], "half": [1.0, 2.0], "gap": [1.0, np.nan], "yes": [True, False]}
    )
    write_table(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "id,whole,half,gap,yes\na,1,1.0,1,1\nb,2,2.0,,0\n"
    again = read_table(tmp_path / "t.csv")
    assert [str(dtype) for dtype in again.dtypes[1:]] == ["int64", "float64", "float64", "int64"]


def test_missing_values_in_tsv_are_those_of_bids_and_the_dictionary_is_beside(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a"], "age": [np.nan]})
    written = write_table(table, tmp_path / "new" / "cohort.tsv", {"age": {"Description": "Age", "Units": "year"}})
    assert written == [tmp_path / "new" / "cohort.tsv", tmp_path / "new" / "cohort.json"]
    assert written[0].read_text() == "id\tage\na\tn/a\n"
    assert json.loads(written[1].read_text()) == {
        "id": {"Description": "Name of the case"},
        "age": {"Description": "Age", "Units": "year"},
    }


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cohort.csv"
    write_table(pd.DataFrame({"id": ["old"]}), path)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TableError, match="cannot be written: No space left"):
        write_table(pd.DataFrame({"id": ["new"]}), path)
    assert [p.name for p in tmp_path.iterdir()] == ["cohort.csv"]
    assert read_table(path)["id"].tolist() == ["old"]


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"written as \.csv, \.tsv, \.xlsx, \.dta, \.json; give it one of these"):
        write_table(pd.DataFrame({"id": ["a"]}), tmp_path / "cohort.xls")


def test_shipped_cohort_is_the_one_described(tmp_path: Path) -> None:
    table, dictionary = synthetic_cohort(), synthetic_dictionary()
    assert list(table.columns) == list(dictionary)
    assert table.shape == (95, 12)
    assert all("synthetic" in entry["Description"] for entry in dictionary.values())
    for column, entry in dictionary.items():
        if "Levels" in entry:
            assert {str(value) for value in table[column].unique()} == set(entry["Levels"])
    write_table(table, tmp_path / "again.tsv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "again.tsv"), table)


def test_shipped_cohort_is_the_shared_one(shared_data: Path) -> None:
    pd.testing.assert_frame_equal(synthetic_cohort(), read_table(shared_data / "cohort95" / "cohort95.csv"))
