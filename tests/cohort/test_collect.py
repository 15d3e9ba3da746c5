"""A cohort collected from the records that cases leave behind."""

import json
from pathlib import Path

import pandas as pd
import pytest

from thaliron_napari.cohort import collect, collect_dictionary
from thaliron_napari.errors import TableError


def leave(folder: Path, where: str, record: object, name: str = "x") -> Path:
    path = folder / where / "anat" / f"{name}_desc-measurements.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record if isinstance(record, str) else json.dumps(record), encoding="utf-8")
    return path


def test_one_row_a_case_in_order_with_the_columns_of_all(tmp_path: Path) -> None:
    leave(tmp_path, "sub-10", {"id": "sub-10", "values": {"chi_ppb": -29.5, "enhancing": True, "note": "ok"}})
    leave(
        tmp_path,
        "sub-02",
        {
            "id": "sub-02",
            "values": {"chi_ppb": None, "lesion_ml": 3},
            "dictionary": {"lesion_ml": {"Description": "Volume of the lesions", "Units": "mL"}},
        },
    )
    leave(tmp_path, "sub-02/ses-b", {"id": "sub-02", "values": {"chi_ppb": -20.0}})
    (tmp_path / "sub-02" / "anat" / "sub-02_desc-edits.jsonl").write_text("{}")
    table = collect(tmp_path)
    assert table["id"].tolist() == ["sub-02", "sub-02_ses-b", "sub-10"]
    assert table.columns.tolist() == ["id", "chi_ppb", "lesion_ml", "enhancing", "note"]
    assert table["chi_ppb"].tolist()[1:] == [-20.0, -29.5]
    assert pd.isna(table["chi_ppb"].iloc[0])
    assert table["enhancing"].tolist()[2] == 1
    dictionary = collect_dictionary(tmp_path)
    assert dictionary["lesion_ml"] == {"Description": "Volume of the lesions", "Units": "mL"}
    assert list(dictionary) == ["id", "lesion_ml"]


BAD = {
    "half": ('{"id": "sub-01", "values": {', "cannot be read as JSON"),
    "a list": ([1, 2], 'has no object "values"'),
    "no values": ({"id": "sub-01"}, 'has no object "values"'),
    "a list as value": ({"values": {"chi_ppb": [1]}}, "value of 'chi_ppb' is neither a number nor a text"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_records_are_named(tmp_path: Path, name: str) -> None:
    record, words = BAD[name]
    path = leave(tmp_path, "sub-01", record)
    with pytest.raises(TableError, match=words) as error:
        collect(tmp_path)
    assert str(path) in str(error.value)


def test_two_records_of_a_case_nothing_and_nowhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="holds no measured case"):
        collect(tmp_path)
    with pytest.raises(TableError, match="is not a folder"):
        collect(tmp_path / "nowhere")
    leave(tmp_path, "sub-01", {"values": {"chi_ppb": 1}}, "a")
    leave(tmp_path, "sub-01", {"values": {"chi_ppb": 2}}, "b")
    with pytest.raises(TableError, match="more than one row has the id sub-01"):
        collect(tmp_path)
