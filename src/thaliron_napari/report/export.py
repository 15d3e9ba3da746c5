"""The tables of a case: its record in one row, its lesions in one row each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from thaliron_napari.case import Case
from thaliron_napari.cohort import write_table
from thaliron_napari.errors import TableError
from thaliron_napari.measurement import Record, measure_case
from thaliron_napari.measurement.dictionary import as_dictionary, dictionary_of
from thaliron_napari.measurement.lesion_table import LESION_COLUMNS, as_cells, lesion_rows
from thaliron_napari.measurement.regions import with_reverse

if TYPE_CHECKING:
    import pandas as pd


def record_table(record: Record, *, reverse: bool = False) -> pd.DataFrame:
    """Record of a case as a table of one row; with `reverse`, CSF minus thalamus stands in it too."""
    import pandas as pd

    values = with_reverse(record.values) if reverse else record.values
    return pd.DataFrame([{"id": record.id, **values}])


def write_record_table(record: Record, path: Path, *, reverse: bool = False) -> None:
    """Write a record as a table of one row, with what its columns are; errors as `export_tables`."""
    table = record_table(record, reverse=reverse)
    write_table(table, path, {"id": {"Description": "Name of the case"}, **dictionary_of(map(str, table.columns))})


def lesion_table(case: Case) -> pd.DataFrame:
    """Lesions of a case, one a row, by the names of `LESION_COLUMNS`; the case's name first."""
    import pandas as pd

    rows = [{"case": case.name, **as_cells(row)} for row in lesion_rows(case)]
    return pd.DataFrame(rows, columns=["case", *LESION_COLUMNS])


def export_tables(case: Case, folder: Path, suffix: str, *, reverse: bool = False) -> list[Path]:
    """Write record and lesions into a folder.

    Parameters
    ----------
    case : Case
    folder : Path
        Made where it is missing.
    suffix : str
        ``.csv``, ``.tsv``, ``.xlsx``, ``.dta`` or ``.json``.
    reverse : bool
        Whether CSF minus thalamus is stated too.

    Returns
    -------
    list of Path
        The tables, without the dictionaries beside CSV and TSV.

    Raises
    ------
    CaseError
        When the unit of the QSM is ambiguous.
    TableError
        When a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TableError(f"{folder} cannot be made ({error.strerror}); choose another folder") from error
    record = folder / f"{case.name}_measurements{suffix}"
    write_record_table(measure_case(case), record, reverse=reverse)
    if next(case.annotations.lesions(), None) is None:
        return [record]
    lesions = folder / f"{case.name}_lesions{suffix}"
    write_lesion_table(case, lesions)
    return [record, lesions]


def write_lesion_table(case: Case, path: Path) -> None:
    """Write the lesions of a case, one a row, in the format that the name ends in; errors as `export_tables`."""
    table = lesion_table(case)
    if table.empty:
        raise TableError(f"{case.name} has no lesions in its list; click or propose them first")
    write_table(table, path, {"case": {"Description": "Name of the case"}, **as_dictionary(LESION_COLUMNS)})
