"""Tables as JSON: one object a row, beside what the columns mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thaliron_napari.cohort.cells import Cell, Text, Value
from thaliron_napari.cohort.files import read_text, write_text
from thaliron_napari.cohort.rows import Rows
from thaliron_napari.errors import TableError


def is_json_table(path: Path) -> bool:
    """Whether a file is a table as :func:`write_json_table` writes it, and not a data dictionary or anything else."""
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and isinstance(content.get("records"), list)


def is_dictionary(path: Path) -> bool:
    """Whether a file is a data dictionary: an object of objects, one a column."""
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and all(isinstance(entry, dict) for entry in content.values())


def read_json_table(path: Path) -> Rows:
    """Rows of an object with a list of "records", or of a list alone.

    Raises
    ------
    TableError
        Where the file is missing, not JSON, or holds no records of numbers and texts.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise TableError(f"{path} cannot be read as JSON ({error}); export the table again") from None
    records = content.get("records") if isinstance(content, dict) else content
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise TableError(f'{path} holds no list of "records", so it is no table; give the .csv, .tsv or .xlsx file')
    header = list(dict.fromkeys(name for record in records for name in record))
    rows = [
        [_cell(path, f"record {number}, {name!r}", record.get(name)) for name in header]
        for number, record in enumerate(records, start=1)
    ]
    return Rows([Text(name) for name in header], rows, [f"record {number}" for number in range(1, len(rows) + 1)])


def write_json_table(
    path: Path, names: Sequence[str], columns: Sequence[Sequence[Value]], meanings: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write ``{"dictionary": {...}, "records": [...]}``, each record on a line; null where a value is missing.

    Raises
    ------
    TableError
        Where the file cannot be written.
    """
    records = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in zip(*columns, strict=True))
    dictionary = json.dumps(meanings, ensure_ascii=False, indent=2).replace("\n", "\n  ")
    lines = ",\n    ".join(records)
    write_text(path, f'{{\n  "dictionary": {dictionary},\n  "records": [\n    {lines}\n  ]\n}}\n')


def _cell(path: Path, place: str, value: Any) -> Cell:
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return Text(value)
    raise TableError(f"{path}, {place}, is neither a number nor a text; export the table again")
