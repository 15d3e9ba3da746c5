"""The cohort in hand, and where it comes from: a file, a folder of cases, the synthetic one, the open case."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from thaliron_napari.case import Case
from thaliron_napari.errors import TableError

_COVARIATES = ("age", "sex", "duration", "dmt", "edss")


@dataclass(frozen=True)
class Cohort:
    """The table of cases (a DataFrame), the file it is from or in, whether that file has it all, and its caveat."""

    table: Any
    path: Path | None = None
    saved: bool = True
    note: str = ""


def loaded(source: Any) -> Cohort:
    """A cohort from a file, or from a DataFrame.

    Raises
    ------
    TableError
        When the file cannot be read, or does not name its cases.
    """
    from thaliron_napari.cohort import read_table

    if not isinstance(source, str | Path):
        return Cohort(source.reset_index(drop=True), saved=False)
    table = read_table(source)
    if "id" not in table.columns:
        raise TableError(f"{source} has no column 'id' with a name for each case; add one")
    return Cohort(table, path=Path(source))


def collected(folder: Path) -> Cohort:
    """A cohort of the measured cases of a derivatives folder; errors as `thaliron_napari.cohort.collect`."""
    from thaliron_napari.cohort import collect

    return Cohort(collect(folder), saved=False)


def synthetic() -> Cohort:
    """The cohort that comes with the program."""
    from thaliron_napari.cohort import synthetic_cohort

    return Cohort(synthetic_cohort())


def joined(cohort: Cohort, path: Path, tell: Callable[[str], object]) -> Cohort:
    """A cohort with the covariates of a file beside its cases; `tell` is given what did not match, a sentence each.

    Raises
    ------
    TableError
        When the file cannot be read, or contradicts the cohort.
    """
    from thaliron_napari.cohort import join_covariates, read_table

    found = join_covariates(cohort.table, read_table(path))
    for sentence in found.sentences():
        tell(sentence)
    return replace(cohort, table=found.table, saved=False)


def with_case(cohort: Cohort | None, case: Case) -> Cohort:
    """A cohort with the record of a case, new or renewed; what was typed into its row stays.

    Raises
    ------
    CaseError
        When the case cannot be measured.
    """
    import pandas as pd

    from thaliron_napari.cohort import append_case
    from thaliron_napari.measurement import measure_case

    record = measure_case(case)
    now = cohort or Cohort(pd.DataFrame(columns=["id", *_COVARIATES], dtype=float))
    table = append_case(now.table, {"id": record.id, **record.values}, replace=True)
    return replace(now, table=table, saved=False)


def dictionary(cohort: Cohort) -> dict[str, dict[str, Any]]:
    """What the columns of a cohort are, as far as it is known."""
    from thaliron_napari.cohort import synthetic_dictionary
    from thaliron_napari.measurement.dictionary import dictionary_of
    from thaliron_napari.statistics.study import LABELS

    names = [str(name) for name in cohort.table.columns]
    known: dict[str, dict[str, Any]] = {name: {"Description": LABELS[name]} for name in names if name in LABELS}
    known |= dictionary_of(names)
    if cohort.note:
        known |= {name: entry for name, entry in synthetic_dictionary().items() if name in names}
        known["id"] = {"Description": cohort.note}
    return {name: known[name] for name in names if name in known}
