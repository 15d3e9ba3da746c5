"""The cohort table as a file: one row a case, CSV or TSV, with a data dictionary in JSON beside it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thaliron_napari.cohort.cells import escape, is_escaped, is_missing, to_number, unescape
from thaliron_napari.cohort.files import read_text, write_text
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

ID = "id"

# What other systems call the column of case names, in lower case.
_ID_NAMES = ("id", "participant_id", "subject", "subject_id", "case", "case_id", "patient", "patient_id", "record_id")
_NUMERIC = ("age", "duration", "edss", "lesion_count")
_NUMERIC_ENDINGS = ("_ppb", "_ml", "_mm", "_mm3")
_KNOWN = (*_NUMERIC, "sex", "dmt", "enhancing", "chi_ppb", "lesion_ml", "thalamus_ml", "gm_ml", "thickness_mm")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a cohort or covariate table.

    The separator (comma, semicolon, tab, bar) is found from the first line; with semicolons, a comma is the decimal
    sign. Empty cells, NA, n/a, NaN, null and . are missing. The column of case names is called ``id`` whatever it is
    called in the file (participant_id, subject ...) and stays text with its leading zeros; so does any other column
    that holds text or numbers with leading zeros.

    Returns
    -------
    DataFrame
        Number columns int64 or, with decimals or missing values, float64; text columns with None or NaN where missing.

    Raises
    ------
    TableError
        Where the file is missing, empty or no table; a case is there twice or has no name; or a column known to hold
        numbers (age, duration, edss, and all that end in a unit: _ppb, _ml, _mm, _mm3) holds text.
    """
    import pandas as pd

    path = Path(path)
    text = read_text(path)
    separator, text = _separator(text)
    header, rows, lines = _rows(path, text, separator)
    names = _names(path, header)
    columns = {
        name: _column(path, name, [row[i] for row in rows], lines, decimal_comma=separator == ";")
        for i, name in enumerate(names)
    }
    table = pd.DataFrame(columns)
    if ID in columns:
        check_ids(columns[ID], str(path))
    return table


def write_table(
    table: pd.DataFrame, path: str | Path, dictionary: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Path]:
    """Write a table as CSV or, where the name ends in .tsv, TSV, in UTF-8; reads back equal by `read_table`.

    Text that a spreadsheet would run as a formula is written so that it does not. Missing values are empty in CSV and
    n/a in TSV, as BIDS has it. The file is written beside and renamed into place.

    Parameters
    ----------
    table : DataFrame
    path : path
    dictionary : mapping, optional
        Column descriptions (BIDS: Description, Units, Levels), written as JSON beside the table.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    TableError
        Where the name ends in neither .csv nor .tsv, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv"):
        raise TableError(f"{path}: a table is written as .csv or .tsv; give it one of these endings")
    missing = "n/a" if suffix == ".tsv" else ""
    delimiter = "\t" if suffix == ".tsv" else ","
    header = [escape(str(name)) for name in table.columns]
    rows = zip(*(_cells(table.iloc[:, i], missing) for i in range(table.shape[1])), strict=True)
    write_text(path, "".join(_line(row, delimiter) for row in (header, *rows)))
    written = [path]
    if dictionary is not None:
        beside = path.with_suffix(".json")
        write_text(beside, json.dumps(dictionary, indent=2, ensure_ascii=False) + "\n")
        written.append(beside)
    return written


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


def _separator(text: str) -> tuple[str, str]:
    """Separator that gives the first line the most columns, and the text without a spreadsheet's own ``sep=`` line."""
    first, _, rest = text.lstrip("\r\n").partition("\n")
    named = first.strip().strip('"')
    if named.lower().startswith("sep=") and len(named) == 5:
        return named[4], rest
    counts = {sep: len(next(csv.reader([first], delimiter=sep), [])) for sep in (",", ";", "\t", "|")}
    return max(counts, key=lambda sep: counts[sep]), text


def _rows(path: Path, text: str, separator: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows of as many cells as the header has, and the line of the file each row ends on."""
    header: list[str] | None = None
    rows, lines = [], []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = row
                while not header[-1].strip():
                    header.pop()
                continue
            if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
                raise TableError(
                    f"{path}, line {reader.line_num}: {len(row)} cells where the first line names "
                    f"{len(header)} columns; is a separator or a quote missing?"
                )
            rows.append(row[: len(header)])
            lines.append(reader.line_num)
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: not a table ({error})") from None
    if header is None or not rows:
        raise TableError(f"{path} has no rows; it needs a line of column names and one line a case")
    return header, rows, lines


def _names(path: Path, header: Sequence[str]) -> list[str]:
    """Column names, with the column of case names called id and those of the study in lower case."""
    names = [unescape(name) if is_escaped(name) else name.strip() for name in header]
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


def _column(path: Path, name: str, cells: Sequence[str], lines: Sequence[int], *, decimal_comma: bool) -> Any:
    import numpy as np

    if name == ID:
        return [unescape(cell) if is_escaped(cell) else cell.strip() for cell in cells]
    numbers: list[float | int] = []
    whole = True
    for cell, line in zip(cells, lines, strict=True):
        if is_missing(cell):
            numbers.append(math.nan)
            whole = False
            continue
        value = None if is_escaped(cell) else to_number(cell, decimal_comma=decimal_comma)
        if value is None:
            if name in _NUMERIC or name.endswith(_NUMERIC_ENDINGS):
                raise TableError(
                    f"{path}, line {line}: column {name!r} holds {cell.strip()!r} where a number is expected"
                )
            return [None if is_missing(c) else unescape(c) if is_escaped(c) else c.strip() for c in cells]
        whole = whole and isinstance(value, int)
        numbers.append(value)
    return np.array(numbers, dtype=np.int64 if whole else np.float64)


def _line(cells: Sequence[str], delimiter: str) -> str:
    """One line of the file. The csv module quotes a line end within a cell only if it is one of its own: hence both."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"


def _cells(column: pd.Series, missing: str) -> list[str]:
    """Cells of a column as text. Floats keep every digit; where only missing values made them so, they lose .0."""
    import numpy as np
    import pandas as pd

    absent = column.isna().to_numpy()
    whole = False
    if pd.api.types.is_float_dtype(column.dtype) and absent.any():
        known = column[~absent].to_numpy(dtype=np.float64)
        whole = bool((np.mod(known, 1) == 0).all() and (np.abs(known) < 1e15).all())
    cells = []
    for value, is_absent in zip(column.tolist(), absent, strict=True):
        if is_absent:
            cells.append(missing)
        elif isinstance(value, bool):
            cells.append(str(int(value)))
        elif isinstance(value, float | int):
            cells.append(str(int(value)) if whole else repr(value))
        else:
            cells.append(escape(str(value)))
    return cells
