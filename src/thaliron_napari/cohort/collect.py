"""A cohort collected from the files that its cases left behind: the files are the truth, the table is made anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thaliron_napari.cohort.table import ID, check_ids
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd


def collect(derivatives: str | Path) -> pd.DataFrame:
    """One row a case from every ``sub-*/**/anat/*_desc-measurements.json`` of a derivatives folder, in order of id.

    Columns are ``id``, then the measured values in the order in which the first case to have them lists them; what a
    case does not have is missing. A second session is a case of its own (``sub-01_ses-02``).

    Raises
    ------
    TableError
        Where the folder is missing or holds no measurements, a file is not a record of measurements, or two files
        measure the same case.
    """
    import pandas as pd

    rows, columns = [], {ID: None}
    for path, record in _records(Path(derivatives)):
        values = {str(name): _value(path, str(name), value) for name, value in record["values"].items() if name != ID}
        rows.append({ID: _case_name(path, record), **values})
        columns.update(dict.fromkeys(values))
    rows.sort(key=lambda row: str(row[ID]))
    check_ids([row[ID] for row in rows], str(derivatives))
    return pd.DataFrame(rows, columns=list(columns))


def collect_dictionary(derivatives: str | Path) -> dict[str, dict[str, Any]]:
    """Description and unit of every column that `collect` gives, as the cases' own files state them."""
    dictionary: dict[str, dict[str, Any]] = {ID: {"Description": "Name of the case"}}
    for _path, record in _records(Path(derivatives)):
        stated = record.get("dictionary")
        for name, entry in (stated if isinstance(stated, dict) else {}).items():
            if isinstance(entry, dict):
                dictionary.setdefault(name, entry)
    return dictionary


def _records(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    if not folder.is_dir():
        raise TableError(f"{folder} is not a folder; give the derivatives folder that holds the sub-* folders")
    found = []
    for path in sorted(folder.glob("sub-*/**/anat/*_desc-measurements.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TableError(f"{path} cannot be read as JSON ({error}); measure the case again") from None
        if not isinstance(record, dict) or not isinstance(record.get("values"), dict):
            raise TableError(
                f'{path} is not a record of measurements: it has no object "values"; measure the case again'
            )
        found.append((path, record))
    if not found:
        raise TableError(
            f"{folder} holds no measured case (no sub-*/**/anat/*_desc-measurements.json); measure one first"
        )
    return found


def _case_name(path: Path, record: dict[str, Any]) -> str:
    """Id of the record, or the folders' names; with the session where the id does not say it."""
    session = next((part for part in path.parts[::-1] if part.startswith("ses-")), None)
    name = record.get(ID) or next(part for part in path.parts[::-1] if part.startswith("sub-"))
    return f"{name}_{session}" if session and session not in str(name) else str(name)


def _value(path: Path, name: str, value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, int | float | str):
        return value
    raise TableError(f"{path}: the value of {name!r} is neither a number nor a text; measure the case again")
