"""Rows put beside and below each other: covariates joined to measured cases, a case appended to a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thaliron_napari.cohort.table import ID, check_ids
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Joined:
    """Cases with their covariates, and what did not match: by id, in the order of the tables."""

    table: pd.DataFrame
    without_covariates: tuple[str, ...]
    without_case: tuple[str, ...]

    def sentences(self) -> tuple[str, ...]:
        """What did not match, in words; empty where all did."""
        said = []
        if self.without_covariates:
            said.append(f"cases without covariates: {', '.join(self.without_covariates)}")
        if self.without_case:
            said.append(f"covariates without a measured case: {', '.join(self.without_case)}")
        return tuple(said)


def join_covariates(cases: pd.DataFrame, covariates: pd.DataFrame, on: str = ID) -> Joined:
    """Put covariates beside measured cases by id.

    Every case is kept, in its order; covariates of nobody are left out and listed. ``sub-01`` and ``01`` are the same
    case (BIDS writes its names with the prefix and without); ``01`` and ``1`` are not.

    Parameters
    ----------
    cases, covariates : DataFrame
        Each with a column `on` of texts, no value twice.
    on : str
        Column of case names.

    Raises
    ------
    TableError
        Where a table has no such column or a name twice, or both have a column with differing values for a case.
    """
    left, right = _keys(cases, on, "the cases"), _keys(covariates, on, "the covariates")
    aligned = covariates.set_axis(right).reindex(left)
    table = cases.copy()
    for name in covariates.columns:
        if name == on:
            continue
        new = aligned[name].set_axis(table.index)
        if name not in table.columns:
            table[name] = new
            continue
        old = table[name]
        differ = (old.notna() & new.notna() & (old.astype(object) != new.astype(object))).to_numpy()
        if differ.any():
            first = int(differ.argmax())
            raise TableError(
                f"column {name!r} differs between cases and covariates for {table[on].iloc[first]} "
                f"({_plain(old.iloc[first])} and {_plain(new.iloc[first])}); remove it from one of the tables"
            )
        table[name] = old.where(old.notna(), new)
    known, measured = set(right), set(left)
    return Joined(
        table,
        tuple(str(name) for name, key in zip(cases[on], left, strict=True) if key not in known),
        tuple(str(name) for name, key in zip(covariates[on], right, strict=True) if key not in measured),
    )


def append_case(table: pd.DataFrame, record: Mapping[str, object], *, replace: bool = False) -> pd.DataFrame:
    """Cohort with one more row; columns the table does not have yet are added, empty for the others.

    Parameters
    ----------
    table : DataFrame
        With a column ``id``, or without rows.
    record : mapping
        Values by column, ``id`` among them; None is missing.
    replace : bool
        Whether a row with this id is replaced, in its place, by the new one. Values the record does not have are kept.

    Raises
    ------
    TableError
        Where the record has no id, or the cohort has that id already and `replace` is False.
    """
    import pandas as pd

    name = record.get(ID)
    if not isinstance(name, str) or not name.strip():
        raise TableError("a case needs an id to be added to a cohort; name it first")
    known = {column: value for column, value in record.items() if value is not None}
    if len(table) == 0:
        return pd.DataFrame([known], columns=[*dict.fromkeys([*table.columns, *record])])
    if ID not in table.columns:
        raise TableError("the cohort has no column 'id'; name its cases before one is added")
    here = (table[ID].astype(str) == name).to_numpy()
    if here.any():
        if not replace:
            raise TableError(f"the cohort has a case {name} already; remove that row first, or replace it")
        before = {str(k): v for k, v in table.loc[here].iloc[0].items() if not pd.isna(v)}
        known = {**before, **known}
    row = pd.DataFrame([known], columns=[c for c in dict.fromkeys([*table.columns, *known]) if c in known])
    extended = pd.concat([table[~here], row], ignore_index=True)
    if here.any():
        order = list(range(len(extended) - 1))
        order.insert(int(here.argmax()), len(extended) - 1)
        extended = extended.iloc[order].reset_index(drop=True)
    return extended.reindex(columns=[*dict.fromkeys([*table.columns, *record])])


def _keys(table: pd.DataFrame, on: str, where: str) -> list[str]:
    if on not in table.columns:
        raise TableError(
            f"{where}: there is no column {on!r} to join by; columns are {', '.join(map(str, table.columns))}"
        )
    keys = [str(name).strip().removeprefix("sub-") if isinstance(name, str) else name for name in table[on]]
    check_ids(keys, where)
    return keys


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
