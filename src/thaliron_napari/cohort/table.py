"""The cohort table as a file: one row a case, as CSV, TSV, workbook, Stata data set or JSON, with a data dictionary."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thaliron_napari.cohort.cells import Cell, Text, name_in, number_in, text_in
from thaliron_napari.cohort.delimited import read_delimited, write_delimited
from thaliron_napari.cohort.files import write_text
from thaliron_napari.cohort.json_table import is_dictionary, is_json_table, read_json_table, write_json_table
from thaliron_napari.cohort.meanings import describe_columns
from thaliron_napari.cohort.rows import Rows, check_numbers, check_values, plain_values
from thaliron_napari.cohort.stata import read_stata, write_stata
from thaliron_napari.cohort.xlsx import read_xlsx, write_xlsx
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

ID = "id"
TABLE_SUFFIXES = (".csv", ".tsv", ".xlsx", ".dta", ".json")

# What other systems call the column of case names, in lower case.
_ID_NAMES = ("id", "participant_id", "subject", "subject_id", "case", "case_id", "patient", "patient_id", "record_id")
_NUMERIC = ("age", "duration", "edss", "lesion_count")
_NUMERIC_ENDINGS = ("_ppb", "_ml", "_mm", "_mm3")
_KNOWN = (*_NUMERIC, "sex", "dmt", "enhancing", "chi_ppb", "lesion_ml", "thalamus_ml", "gm_ml", "thickness_mm")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a cohort or covariate table.

    A name that ends in .xlsx is read as a workbook (the sheet "data", or the first), .dta as a Stata data set, .json as
    records, and anything else as lines of text: their separator (comma, semicolon, tab, bar) is found from the first
    line; with semicolons, a comma is the decimal sign. Empty cells, NA, n/a, NaN, null and . are missing. The column of
    case names is called ``id`` whatever it is called in the file (participant_id, subject ...) and stays text with its
    leading zeros; so does any other column that holds text or numbers with leading zeros.

    Returns
    -------
    DataFrame
        Number columns int64 or, with decimals or missing values, float64; text columns with None or NaN where missing.

    Raises
    ------
    TableError
        Where the file is missing, empty, damaged or no table; a case is there twice or has no name; or a column known
        to hold numbers (age, duration, edss, and all that end in a unit: _ppb, _ml, _mm, _mm3) holds text.
    """
    import pandas as pd

    path = Path(path)
    readers = {".xlsx": read_xlsx, ".dta": read_stata, ".json": read_json_table}
    found = readers.get(path.suffix.lower(), read_delimited)(path)
    if not found.rows or not found.header:
        raise TableError(f"{path} has no rows; it needs a line of column names and one line a case")
    names = _names(path, found.header)
    columns = {name: _column(path, name, [row[i] for row in found.rows], found) for i, name in enumerate(names)}
    table = pd.DataFrame(columns)
    if ID in columns:
        check_ids(columns[ID], str(path))
    return table


def write_table(
    table: pd.DataFrame, path: str | Path, dictionary: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Path]:
    """Write a table as what its name ends in: .csv, .tsv, .xlsx, .dta or .json; reads back equal by `read_table`.

    Text that a spreadsheet would run as a formula is written so that it does not. Missing values are empty (n/a in TSV,
    as BIDS has it; ``.`` in Stata; null in JSON), and an empty text is missing. A workbook has a sheet, and Stata's
    variables have labels and notes, that say what each column is; JSON has its dictionary in it. In these, columns of
    which `dictionary` says nothing are described as far as the program knows them. The file is written beside and
    renamed into place.

    Parameters
    ----------
    table : DataFrame
    path : path
    dictionary : mapping, optional
        Column descriptions (BIDS: Description, Units, Levels). With CSV and TSV they are written, for every column, as
        JSON beside the table; without them nothing is.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    TableError
        Where the name has another ending, two columns have one name, a value is none that the kind of file can hold,
        a JSON table would take the place of another file, or a dictionary that of any other JSON, or it cannot be
        written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise TableError(f"{path}: a table is written as {', '.join(TABLE_SUFFIXES)}; give it one of these endings")
    names = [str(name) for name in table.columns]
    columns = [plain_values(table.iloc[:, i]) for i in range(table.shape[1])]
    check_values(path, names, columns)
    if suffix in (".csv", ".tsv") and dictionary is None:
        write_delimited(path, names, columns)
        return [path]
    meanings = describe_columns(names, dictionary)
    if suffix in (".csv", ".tsv"):
        beside = path.with_suffix(".json")
        if beside.exists() and not is_dictionary(beside):
            raise TableError(f"{beside} is no dictionary, and that of {path.name} would replace it; rename either")
        write_delimited(path, names, columns)
        write_text(beside, json.dumps(meanings, indent=2, ensure_ascii=False) + "\n")
        return [path, beside]
    if suffix == ".xlsx":
        write_xlsx(path, names, columns, meanings)
    elif suffix == ".dta":
        write_stata(path, names, columns, meanings)
    else:
        if path.exists() and not is_json_table(path):
            raise TableError(f"{path} is there and is no table but perhaps a table's dictionary; give another name")
        check_numbers(path, names, columns, sys.float_info.max)
        write_json_table(path, names, columns, meanings)
    return [path]


def check_ids(ids: Sequence[object], where: str) -> None:
    """Raise TableError where a case has no name or two have the same."""
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for number, name in enumerate(ids, start=1):
        if not isinstance(name, str) or not name:
            raise TableError(f"{where}: the case in row {number} has no id; give each case a name of its own")
        if name in seen:
            twice[name] = None
        seen.add(name)
    if twice:
        names = ", ".join(islice(twice, 3)) + (", ..." if len(twice) > 3 else "")
        raise TableError(f"{where}: more than one row has the id {names}; give each case one row")


def _names(path: Path, header: Sequence[str]) -> list[str]:
    """Column names, with the column of case names called id and those of the study in lower case."""
    names = [name_in(name) for name in header]
    for i, name in enumerate(names):
        if not name:
            raise TableError(f"{path}: column {i + 1} has no name in the first line; name it or remove it")
        if name.lower() in _KNOWN and name.lower() not in names:
            names[i] = name.lower()
    lower = [name.lower() for name in names]
    if ID not in names:
        found = next((lower.index(alias) for alias in _ID_NAMES if alias in lower), None)
        if found is not None:
            names[found] = ID
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"{path}: more than one column is called {name!r}; rename all but one")
    return names


def _column(path: Path, name: str, cells: Sequence[Cell], found: Rows) -> Any:
    import numpy as np

    if name == ID:
        return [name_in(cell) for cell in cells]
    must = name in _NUMERIC or name.endswith(_NUMERIC_ENDINGS)
    numbers: list[float | int] = []
    for cell, place in zip(cells, found.places, strict=True):
        # where a number must be, digits are one, though the file has them as text
        looked_at = str(cell) if must and isinstance(cell, Text) else cell
        value = number_in(looked_at, decimal_comma=found.decimal_comma)
        if value is None:
            if must:
                raise TableError(
                    f"{path}, {place}: column {name!r} holds {str(cell).strip()!r} where a number is expected"
                )
            return [text_in(cell) for cell in cells]
        numbers.append(value)
    whole = all(isinstance(value, int) for value in numbers)
    return np.array(numbers, dtype=np.int64 if whole else np.float64)
