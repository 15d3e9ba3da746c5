"""The study's tables as they are printed, for whatever kind of file prints them."""

from __future__ import annotations

from dataclasses import dataclass

from thaliron_napari.report.analysis import CohortAnalysis
from thaliron_napari.statistics.study import StudyTable
from thaliron_napari.statistics.text import HEADER, footnotes, study_cells

GROUPS = ("Before adjustment", "After adjustment")
"""What stands above each four columns of `HEADER`."""
FIRST_AFTER = 5
"""The column at which the second group begins."""


@dataclass(frozen=True)
class Sheet:
    """One table: `cells` are its lines under `HEADER`, `notes` its footnotes; `name` is short, for a tab or a file."""

    name: str
    table: StudyTable
    cells: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What stands above the table."""
        return self.table.title


def study_sheets(made: CohortAnalysis) -> tuple[Sheet, Sheet, Sheet]:
    """Table 1, Table 2 and the table of the younger, each with what must be said under it."""

    def sheet(name: str, table: StudyTable) -> Sheet:
        under = footnotes(table) if table.rows else table.notes
        return Sheet(name, table, tuple(study_cells(table)), (*under, *made.notes))

    return sheet("Table 1", made.first), sheet("Table 2", made.second), sheet("Age 50 or younger", made.young)


def is_significant(cell: str) -> bool:
    """Whether a cell of P bears the mark of significance."""
    return cell.partition(" ")[0].endswith("*")


def decimals_of(number: str) -> int:
    """Decimals of a printed number, of one in powers of ten those before the power."""
    return len(number.partition("e")[0].partition(".")[2])


__all__ = ["FIRST_AFTER", "GROUPS", "HEADER", "Sheet", "decimals_of", "is_significant", "study_sheets"]
