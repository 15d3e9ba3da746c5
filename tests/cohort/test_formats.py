"""Tables written as each kind of file and read back: equal, whatever is in them, and described."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thaliron_napari.cohort import (
    TABLE_SUFFIXES,
    collect,
    collect_dictionary,
    read_table,
    synthetic_cohort,
    synthetic_dictionary,
    to_clipboard_text,
    write_table,
)
from thaliron_napari.errors import TableError

NASTY = [
    *(
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        '=HYPERLINK("http://x","y")',
        "=cmd|' /C calc'!A0",
    ),
    *("'=1", "''=1", "'s-Hertogenbosch", "'", "NA", "n/a", ".", "#N/A", "#DIV/0!", "TRUE", "nan", " x ", "a,b", "a;b"),
    *(
        'say "hello"',
        '"',
        "two\nlines",
        "two\r\nlines",
        "a\rb",
        "a\tb",
        "007",
        "08",
        "1e5x",
        "_x000D_",
        "_x005F_x000D_",
    ),
    *(
        "Zürich",
        "é",
        "e\u0301",
        "患者一",
        "😀🧠",
        "مريض",
        "א",
        "\u200fabc",
        "\x0b",
        "\x1f",
        "\x7f",
        "\ufffe",
        "\ufeffx",
    ),
    *("sub-01", "SUB-01", "<b>&amp;</b>", "</characteristics>", "{}", "null", "x" * 3000, "ü" * 1500, "%s"),
]
# A text of digits is a number in CSV, which has no way to say otherwise; so a column of texts has one that is none.
TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12),
)
FLOATS = st.floats(-1e300, 1e300, allow_nan=False)
ROWS = st.lists(
    st.tuples(
        TEXTS,
        st.one_of(st.none(), FLOATS),
        st.integers(-(10**12), 10**12),
        st.booleans(),
        st.one_of(st.none(), TEXTS),
        st.one_of(st.none(), st.integers(-500, 500)),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[0],
)


def again(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    write_table(table, path)
    return read_table(path)


def equal(found: pd.DataFrame, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, table, check_dtype=False, check_exact=True)


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
@settings(derandomize=True, max_examples=40, deadline=None)
@given(rows=ROWS, name=TEXTS)
@example(rows=[(text, None, 0, True, text, None) for text in NASTY], name="=1+1")
@example(rows=[(text, 0.1 + 0.2, 2**40, True, None, 1) for text in NASTY], name="_x000D_")
def test_what_was_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, rows: list, name: str
) -> None:
    last = f"{name}~"  # none of the names that the program knows, in lower case or not
    table = pd.DataFrame(rows, columns=["id", "lesion_ml", "count", "yes", "note", last])
    table["lesion_ml"] = table["lesion_ml"].astype("float64")
    table[last] = table[last].astype("float64")
    table["note"] = ["none of digits" if i == 0 else text for i, text in enumerate(table["note"])]
    equal(again(table, tmp_path_factory.mktemp("table") / f"t{suffix}"), table)


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_ten_thousand_rows_read_back_equal(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(8)
    n = 10_000
    ids = [f"{text} {i}" if i >= len(NASTY) else text for i, text in enumerate(NASTY * (n // len(NASTY) + 1))][:n]
    table = pd.DataFrame({"id": ids, "site": [NASTY[i % 20] for i in range(n)], "sex": rng.integers(0, 2, n)})
    for k in range(6):
        values = rng.normal(size=n) * 10.0 ** rng.integers(-12, 12, n)
        table[f"measure{k}_ppb"] = np.where(rng.random(n) < 0.1, np.nan, values)
    equal(again(table, tmp_path / f"t{suffix}"), table)


@pytest.mark.parametrize("suffix", [".xlsx", ".dta", ".json"])
def test_files_that_tell_texts_from_numbers_keep_texts_of_digits(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"id": ["1", "2"], "scanner": ["3", "1.5"], "gone": [np.nan, np.nan], "n": [2**31, -(2**53)]})
    found = again(table, tmp_path / f"t{suffix}")
    equal(found, table)
    assert found["scanner"].tolist() == ["3", "1.5"]


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_shipped_cohort_reads_back_equal_with_its_types(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    write_table(synthetic_cohort(), path, synthetic_dictionary())
    pd.testing.assert_frame_equal(read_table(path), synthetic_cohort())


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_missing_is_never_zero_nor_a_text(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame(
        {"id": ["a", "b"], "lesion_ml": [None, 1.5], "note": [None, ""], "enhancing": pd.array([1, None], "Int64")}
    )
    found = again(table, tmp_path / f"t{suffix}")
    assert found.isna().to_numpy().tolist() == [[False, True, True, False], [False, False, True, True]]
    assert found["enhancing"].iloc[0] == 1


def test_no_kind_of_file_holds_a_formula(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": NASTY, "=1+1": NASTY[::-1]})
    write_table(table, tmp_path / "t.xlsx", {"=1+1": {"Description": "=2+2", "Levels": {"=3": "=4"}}})
    with zipfile.ZipFile(tmp_path / "t.xlsx") as packed:
        sheets = [packed.read(f"xl/worksheets/sheet{i}.xml").decode() for i in (1, 2)]
        styles = packed.read("xl/styles.xml").decode()
    assert not any("<f>" in sheet or "<f " in sheet or 't="e"' in sheet for sheet in sheets)
    marked = [
        i
        for i, form in enumerate(re.findall("<xf .*?/>", styles.partition("<cellXfs")[2]))
        if 'quotePrefix="1"' in form
    ]
    for sheet in sheets:
        for style, text in re.findall(r'<c r="[A-Z0-9]+"(?: s="(\d+)")? t="inlineStr"><is><t[^>]*>(.)', sheet):
            assert text not in "=+-@＝" or int(style) in marked
    lines = to_clipboard_text(table).removesuffix("\n").split("\n")
    assert len(lines) == len(table) + 1
    assert all(len(line.split("\t")) == 2 for line in lines)
    assert not [cell for line in lines for cell in line.split("\t") if cell[:1] in tuple("=+-@＝")]


def test_clipboard_has_a_header_numbers_and_nothing_where_a_value_is_missing() -> None:
    table = pd.DataFrame(
        {"id": ["007", "é\n2"], "chi_ppb": [-29.5, np.nan], "n": [1.0, np.nan], "note": ['a "b"', None]}
    )
    assert to_clipboard_text(table) == 'id\tchi_ppb\tn\tnote\n007\t-29.5\t1\t"a ""b"""\né 2\t\t\t\n'


BIDS_KEYS = {"LongName": str, "Description": str, "Units": str, "Levels": dict, "TermURL": str}


@pytest.mark.parametrize("suffix", [".tsv", ".csv"])
def test_dictionary_beside_is_of_bids_form_and_leaves_no_column_out(tmp_path: Path, suffix: str) -> None:
    anat = tmp_path / "sub-01" / "anat"
    anat.mkdir(parents=True)
    stated = {"chi_ppb": {"Description": "Thalami minus CSF", "Units": "ppb"}}
    record = {"id": "sub-01", "values": {"chi_ppb": -29.5, "lesion_ml": None, "new": 1}, "dictionary": stated}
    (anat / "sub-01_desc-measurements.json").write_text(json.dumps(record))
    table = collect(tmp_path).assign(age=[31], sex=[1])
    _, beside = write_table(table, tmp_path / f"cohort{suffix}", collect_dictionary(tmp_path))
    dictionary = json.loads(beside.read_text("utf-8"))
    assert list(dictionary) == list(table.columns)
    for entry in dictionary.values():
        assert entry["Description"]
        assert all(isinstance(value, BIDS_KEYS[key]) for key, value in entry.items())
    assert dictionary["chi_ppb"] == stated["chi_ppb"]
    assert dictionary["lesion_ml"]["Units"] == "ml"  # though this case's record does not say it
    assert dictionary["age"]["Units"] == "year"


def test_a_table_and_a_dictionary_do_not_take_each_others_place(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a"], "age": [31]})
    write_table(table, tmp_path / "cohort.tsv", {})
    with pytest.raises(TableError, match=r"cohort\.json is there and is no table"):
        write_table(table, tmp_path / "cohort.json")
    with pytest.raises(TableError, match=r'cohort\.json holds no list of "records"'):
        read_table(tmp_path / "cohort.json")
    write_table(table, tmp_path / "table.json")
    write_table(table.assign(age=[32]), tmp_path / "table.json")
    with pytest.raises(TableError, match=r"table\.json is no dictionary, and that of table\.csv would replace it"):
        write_table(table, tmp_path / "table.csv", {})
    assert not (tmp_path / "table.csv").exists()
    assert read_table(tmp_path / "table.json")["age"].tolist() == [32]


def test_json_says_what_its_columns_are_and_reads_from_a_plain_list(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["é", "b"], "chi_ppb": [-29.5, np.nan]})
    write_table(table, tmp_path / "t.json")
    content = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert content["records"] == [{"id": "é", "chi_ppb": -29.5}, {"id": "b", "chi_ppb": None}]
    assert content["dictionary"]["chi_ppb"]["Units"] == "ppb"
    (tmp_path / "list.json").write_text('[{"subject": 7, "age": 31, "ok": true}, {"subject": "08", "note": "x"}]')
    found = read_table(tmp_path / "list.json")
    assert found["id"].tolist() == ["7", "08"]
    assert found["age"].tolist()[0] == 31
    assert found["ok"].tolist()[0] == 1
    assert found["note"].isna().tolist() == [True, False]


SUFFIX_ERRORS = {
    "no JSON": ("t.json", b'{"records": [', "cannot be read as JSON"),
    "no records": ("t.json", b'{"records": {"a": 1}}', 'holds no list of "records"'),
    "records of nothing": ("t.json", b"[1, 2]", 'holds no list of "records"'),
    "an empty list": ("t.json", b"[]", "has no rows"),
    "a list in a record": ("t.json", b'[{"id": "a", "age": [1]}]', "record 1, 'age', is neither a number nor a text"),
    "text for a number": ("t.json", b'[{"id": "a", "age": "old"}]', "record 1: column 'age' holds 'old' where"),
    "no workbook": ("t.xlsx", b"id,age\n1,2\n", "is no workbook or is damaged"),
    "a password": ("t.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "has a password or is of the old kind"),
    "half a workbook": ("t.xlsx", b"PK\x03\x04" + b"\0" * 40, "is no workbook or is damaged"),
    "no Stata file": ("t.dta", b"id,age\n1,2\n", "is no Stata file or is damaged"),
    "half a Stata file": ("t.dta", b"<stata_dta><header><release>118</release>", "is no Stata file or is damaged"),
    "an empty workbook": ("t.xlsx", b"", "is empty"),
    "an empty Stata file": ("t.dta", b"", "is empty"),
}


@pytest.mark.parametrize("name", list(SUFFIX_ERRORS))
def test_files_that_are_not_what_they_are_called_are_refused_in_words(tmp_path: Path, name: str) -> None:
    file, content, words = SUFFIX_ERRORS[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(TableError, match=words) as error:
        read_table(tmp_path / file)
    assert str(tmp_path / file) in str(error.value)


@pytest.mark.parametrize("suffix", [".xlsx", ".dta"])
def test_damaged_files_are_refused_or_read_but_never_raise_anything_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    write_table(pd.DataFrame({"id": ["a", "é" * 3000], "x y": [1.5, np.nan], "n": [1, 2]}), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(8)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.5 else whole)
        for at in rng.integers(0, len(damaged), 3):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        try:
            read_table(path)
        except TableError:
            refused += 1
    assert refused > 20  # at least most of those that were cut off


UNWRITABLE = {
    "a zero byte": (pd.DataFrame({"id": ["a\0b"]}), TABLE_SUFFIXES, "column 'id', row 1, holds a character that no"),
    "half a character": (pd.DataFrame({"id": ["\ud800"]}), TABLE_SUFFIXES, "column 'id', row 1, holds a character"),
    "a name with a zero byte": (pd.DataFrame({"a\0": [1]}), TABLE_SUFFIXES, "the name of column 1 holds a character"),
    "no name": (pd.DataFrame({"": [1]}), TABLE_SUFFIXES, "column 1 has no name"),
    "one name twice": (
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        TABLE_SUFFIXES,
        "more than one column is called 'a'",
    ),
    "infinity": (pd.DataFrame({"x": [1, -np.inf]}), [".xlsx", ".dta", ".json"], r"column 'x', row 2, is -inf, more"),
    "too many digits": (pd.DataFrame({"x": [2**53 + 1]}), [".xlsx", ".dta", ".json"], "column 'x', row 1, is 9007"),
    "more than Stata's most": (pd.DataFrame({"x": [1.7e308]}), [".dta"], "column 'x', row 1, is 1.7e"),
    "more text than a cell holds": (pd.DataFrame({"x": ["a" * 32_768]}), [".xlsx"], "holds more text than a cell can"),
    "so much once it is spelled": (pd.DataFrame({"x": ["\r" * 5_000]}), [".xlsx"], "holds more text than a cell can"),
    "too many columns": (pd.DataFrame([range(16_385)]), [".xlsx"], "larger than a sheet can be"),
}


@pytest.mark.parametrize("name", list(UNWRITABLE))
def test_what_cannot_be_written_is_refused_in_words_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    table, suffixes, words = UNWRITABLE[name]
    for suffix in suffixes:
        with pytest.raises(TableError, match=words):
            write_table(table, tmp_path / f"t{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"cohort{suffix}"
    write_table(pd.DataFrame({"id": ["old"]}), path)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TableError, match="cannot be written: No space left"):
        write_table(pd.DataFrame({"id": ["new"]}), path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert read_table(path)["id"].tolist() == ["old"]
