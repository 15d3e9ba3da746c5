"""Which cases of a cohort are analysed: those not excluded, and of these the ones that fulfil a condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thaliron_napari.cohort.expressions import fulfils
from thaliron_napari.cohort.table import ID
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

EXCLUDED = "excluded"
"""The column with the reason why a case is not analysed; empty where it is."""


@dataclass(frozen=True)
class Flow:
    """How many cases there were, and what became of them.

    Parameters
    ----------
    seen : int
    excluded : mapping of str to int
        Number by reason, the most frequent first.
    condition : str
        What was asked of the others; may be empty.
    left_out : int
        Of these, how many did not fulfil it.
    analysed : int
    """

    seen: int
    excluded: Mapping[str, int]
    condition: str
    left_out: int
    analysed: int

    def sentence(self) -> str:
        """In words, as a paper states it."""
        said = f"{self.seen} cases"
        if self.excluded:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self.excluded.items())
            said += f", {sum(self.excluded.values())} excluded ({reasons})"
        if self.condition:
            said += f", {self.left_out} not with {self.condition}"
        return f"{said}: {self.analysed} analysed"


def exclude(table: pd.DataFrame, name: str, reason: str) -> pd.DataFrame:
    """Cohort in which a case is not analysed any more, with the reason in the column ``excluded``.

    Raises
    ------
    TableError
        When there is no such case, or no reason is given.
    """
    if not reason.strip():
        raise TableError(f"a reason is needed to exclude {name}, such as image quality")
    return _with_reason(table, name, reason.strip())


def include(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Cohort in which a case that was excluded is analysed again.

    Raises
    ------
    TableError
        When there is no such case.
    """
    return _with_reason(table, name, None)


def included(table: pd.DataFrame, condition: str = "") -> tuple[pd.DataFrame, Flow]:
    """The cases that are analysed, and what became of the others.

    Parameters
    ----------
    table : DataFrame
        With a column ``excluded`` or without.
    condition : str
        As :func:`thaliron_napari.cohort.expressions.fulfils` reads it; empty asks nothing.

    Raises
    ------
    TableError
        When the condition cannot be read.
    """
    reasons = _reasons(table)
    stays = reasons.isna()
    asked = condition.strip()
    fulfilled = fulfils(table, asked) if asked else stays
    counts = reasons.dropna().astype(str).value_counts()
    flow = Flow(
        seen=len(table),
        excluded={str(reason): int(count) for reason, count in counts.items()},
        condition=asked,
        left_out=int((stays & ~fulfilled).sum()),
        analysed=int((stays & fulfilled).sum()),
    )
    return table[stays & fulfilled].drop(columns=EXCLUDED, errors="ignore"), flow


def _with_reason(table: pd.DataFrame, name: str, reason: str | None) -> pd.DataFrame:
    import pandas as pd

    here = (table[ID].astype(str) == name).to_numpy()
    if not here.any():
        raise TableError(f"the cohort has no case {name}; choose one of its rows")
    reasons = _reasons(table).tolist()
    reasons[int(here.argmax())] = reason
    return table.assign(**{EXCLUDED: pd.Series(reasons, index=table.index, dtype=object)})


def _reasons(table: pd.DataFrame) -> pd.Series:
    """Reason by row, missing where the case is analysed; blanks are no reason."""
    import pandas as pd

    if EXCLUDED not in table.columns:
        return pd.Series([None] * len(table), index=table.index, dtype=object)
    return pd.Series([_reason(value) for value in table[EXCLUDED].tolist()], index=table.index, dtype=object)


def _reason(value: object) -> str | None:
    """Why a case is excluded; a table from elsewhere may say 0 for no and 1 for yes."""
    words = "" if value is None or value != value else str(value).strip()
    if words in ("", "0", "0.0", "False", "no"):
        return None
    return "excluded" if words in ("1", "1.0", "True", "yes") else words
