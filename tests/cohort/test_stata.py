"""Stata data sets: labels, notes and names, and files that Stata itself may have written."""

import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thaliron_napari.cohort import read_table, write_table
from thaliron_napari.cohort.stata import stata_names
from thaliron_napari.errors import TableError


def labels(path: Path) -> tuple[dict, dict]:
    with pd.io.stata.StataReader(path) as reader:
        return reader.variable_labels(), reader.value_labels()


def test_variables_have_labels_with_units_and_values_have_theirs(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"id": ["a", "b"], "enhancing": [1, np.nan], "long": [1.5, 2], "x": ["", "y"], "sex": ["m", "f"]}
    )
    given = {
        "enhancing": {"Description": "Whether one enhances", "Levels": {"0": "no", "1": "yes"}},
        "long": {"Description": "é" * 100, "Units": "ppb"},
        "sex": {"Description": "Sex", "Levels": {"0": "male", "1": "female"}},
    }
    path = tmp_path / "t.dta"
    write_table(table, path, given)
    variables, values = labels(path)
    assert variables == {
        "id": "Name of the case",
        "enhancing": "Whether one enhances",
        "long_": "é" * 73 + "… [ppb]",
        "x": "x",
        "sex": "Sex",
    }
    assert values == {"enhancing": {0: "no", 1: "yes"}}
    assert path.read_bytes()[28:31] == b"118"
    assert ("é" * 100 + " [ppb]\0").encode() in path.read_bytes()  # the note has it whole
    raw = pd.read_stata(path, convert_missing=True, convert_categoricals=False)
    assert str(raw["enhancing"][1]) == "."


def test_the_map_of_the_files_parts_is_right(tmp_path: Path) -> None:
    path = tmp_path / "t.dta"
    write_table(pd.DataFrame({"id": ["a", "b" * 3000], "x y": [1, 2], "enhancing": [0, 1]}), path)
    data = path.read_bytes()
    at = data.index(b"<map>") + 5
    parts = struct.unpack_from("<14Q" if b"LSF" in data[:70] else ">14Q", data, at)
    names = (
        *("stata_dta", "map", "variable_types", "varnames", "sortlist", "formats", "value_label_names"),
        *("variable_labels", "characteristics", "data", "strls", "value_labels", "/stata_dta"),
    )
    for part, name in zip(parts, names, strict=False):
        assert data[part:].startswith(f"<{name}>".encode()), name
    assert parts[-1] == len(data)


NAMES = {
    "chi_ppb": "chi_ppb",
    "2nd score": "_2nd_score",
    "int": "int_",
    "case": "case_",
    "str12": "str12_",
    "größe": "gr__e",
    "gr__e": "gr__e",
    "a" * 40: "a" * 32,
    "a" * 41: "a" * 30 + "_2",
    "患者": "__",
    "=": "_",
    "+": "__2",
}


def test_names_are_valid_and_each_another(tmp_path: Path) -> None:
    made = dict(zip(NAMES, stata_names(list(NAMES)), strict=True))
    assert len(set(made.values())) == len(made)
    assert made == NAMES | {"größe": "gr__e_2", "+": made["+"]}
    table = pd.DataFrame([range(len(NAMES))], columns=list(NAMES))
    table.insert(0, "id", ["a"])
    write_table(table, tmp_path / "t.dta")
    assert pd.read_stata(tmp_path / "t.dta").columns.tolist() == ["id", *made.values()]
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.dta"), table, check_dtype=False)


def test_a_variable_renamed_in_stata_keeps_its_new_name(tmp_path: Path) -> None:
    path = tmp_path / "t.dta"
    write_table(pd.DataFrame({"id": ["a"], "my score": [1]}), path)
    assert read_table(path).columns.tolist() == ["id", "my score"]
    old, new = (name.ljust(129, b"\0") for name in (b"my_score", b"points"))
    path.write_bytes(path.read_bytes().replace(old, new))  # Stata's rename changes the names, not the contents
    assert read_table(path).columns.tolist() == ["id", "points"]


@pytest.mark.parametrize("version", [114, 117, 118, 119])
def test_files_of_other_programs(tmp_path: Path, version: int) -> None:
    table = pd.DataFrame(
        {
            "Subject": [7, 8],
            "sex": pd.Categorical(["f", "m"]),
            "visit": pd.to_datetime(["2020-05-01", None]),
            "age": np.array([31.5, np.nan], np.float32),
            "site": ["Zürich", ""],
        }
    )
    table.to_stata(tmp_path / "t.dta", write_index=False, version=version, convert_dates={"visit": "td"})
    found = read_table(tmp_path / "t.dta")
    assert found["id"].tolist() == ["7", "8"]
    assert found["sex"].tolist() == [0, 1]
    assert found["visit"].tolist()[0] == "2020-05-01"
    assert found["age"].tolist()[0] == 31.5
    assert found["site"].tolist()[0] == "Zürich"
    assert found[["visit", "age", "site"]].isna().to_numpy().tolist() == [[False] * 3, [True] * 3]


def test_text_for_a_number_is_refused_and_digits_are_taken(tmp_path: Path) -> None:
    pd.DataFrame({"id": ["a", "b"], "age": ["31", ""]}).to_stata(tmp_path / "t.dta", write_index=False)
    assert read_table(tmp_path / "t.dta")["age"].tolist()[0] == 31
    pd.DataFrame({"id": ["a", "b"], "age": ["31", "old"]}).to_stata(tmp_path / "t.dta", write_index=False)
    with pytest.raises(TableError, match="observation 2: column 'age' holds 'old' where a number"):
        read_table(tmp_path / "t.dta")
