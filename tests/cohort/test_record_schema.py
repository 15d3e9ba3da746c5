"""The schema of a case's record that ships: what the program writes is valid by it, and what is wrong is not."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from ball_subject import write_ball_subject
from jsonschema import Draft202012Validator
from readings import read_head

from thaliron_napari.case import open_case
from thaliron_napari.case.files import signature
from thaliron_napari.case.morphometry import take_result
from thaliron_napari.cohort import describe_columns
from thaliron_napari.measurement import dictionary, write_record
from thaliron_napari.measurement.from_files import measure_files
from thaliron_napari.measurement.record import Record

SCHEMA = json.loads(
    (resources.files("thaliron_napari.measurement") / "data" / "record.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)
ALL = list(dictionary._NUMBERS)


def errors(record: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(json.loads(json.dumps(record)))]


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_record_of_a_reading_is_valid_and_leaves_no_value_undescribed(head, tmp_path: Path) -> None:
    case = read_head(head, open_case([head.folder], derivatives=tmp_path, reader="me"))
    record = json.loads(write_record(case).read_text("utf-8"))
    assert errors(record) == []
    assert list(record["dictionary"]) == list(record["values"])
    parts = set(SCHEMA["properties"])
    assert set(record) == parts - {"came_from"}, "the schema and the file have the same parts"
    case.apply(take_result(case, write_ball_subject(tmp_path / "brain", (0, 0, 0))))
    record = json.loads(write_record(case).read_text("utf-8"))
    assert errors(record) == []
    assert list(record["dictionary"]) == list(record["values"])
    assert set(record) == parts
    assert set(record["came_from"]) == set(dictionary.NUMBERS) <= set(record["values"])


def test_record_of_files_is_valid(head) -> None:
    record, sources = measure_files(
        qsm=head.qsm, thalami=head.thalami, csf=head.csf, flair=head.flair, lesions=head.lesions
    )
    assert errors(record.to_json() | signature(sources)) == []
    assert list(record.to_json()["dictionary"]) == list(record.values)


@pytest.mark.parametrize("value", [1, None])
def test_every_number_that_the_program_knows_fits_the_schema(value: int | None) -> None:
    assert len(ALL) > 40
    assert errors(Record("sub-01", dict.fromkeys(ALL, value)).to_json()) == []
    assert describe_columns(ALL) == dictionary.dictionary_of(ALL)


@pytest.mark.parametrize("name", ALL)
def test_units_are_those_that_the_end_of_a_name_says(name: str) -> None:
    ending = name.rpartition("_")[2]
    if ending in ("ppb", "mm", "ml"):
        assert dictionary.unit_of(name) in (ending, f"ln({ending})")


WRONG = {
    "no id": {"id": ""},
    "text for a measure": {"values": {"chi_ppb": "-29.5"}},
    "half a voxel": {"values": {"csf_n": 1.5}},
    "a list": {"values": {"chi_ppb": [1]}},
    "true": {"values": {"enhancing": True}},
    "a name with a blank": {"values": {"chi ppb": 1}},
    "another unit": {"dictionary": {"chi_ppb": {"Description": "x", "Units": "ppm"}}},
    "no unit": {"dictionary": {"chi_ppb": {"Description": "x"}}},
    "no description": {"dictionary": {"lesion_count": {"Units": "lesions"}}},
    "a checksum cut off": {"SourceHashes": {"bids::x": "abc"}},
}


@pytest.mark.parametrize("name", list(WRONG))
def test_what_is_wrong_is_not_valid(name: str) -> None:
    right = Record("sub-01", {"chi_ppb": -29.5}, "ppb").to_json()
    assert errors(right) == []
    assert len(errors(right | WRONG[name])) == 1


@pytest.mark.parametrize("part", ["id", "values", "dictionary"])
def test_no_part_may_be_left_out(part: str) -> None:
    right = Record("sub-01", {}).to_json()
    assert len(errors({name: content for name, content in right.items() if name != part})) == 1
