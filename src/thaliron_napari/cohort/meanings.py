"""What the columns of a table mean: a data dictionary as BIDS has it, in which no column is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Of columns that no measurement gives: the case and its covariates.
_OTHERS: dict[str, tuple[str, str]] = {
    "id": ("Name of the case", ""),
    "age": ("Age at the examination", "year"),
    "sex": ("Sex, in the code of the table of covariates", ""),
    "duration": ("Time since the first symptom of the disease", "year"),
    "dmt": ("Disease-modifying therapy, in the code of the table of covariates", ""),
    "edss": ("Expanded Disability Status Scale score", ""),
}
UNDESCRIBED = "No description was given with this column"


def describe_columns(
    names: Iterable[str], given: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """Description, and where known unit and levels, of every column.

    Parameters
    ----------
    names : iterable of str
        Columns of the table.
    given : mapping, optional
        Entries that go before the program's own, in BIDS' form: LongName, Description, Units, Levels.
    """
    from thaliron_napari.measurement.dictionary import dictionary_of

    names = list(names)
    others = {
        name: {"Description": text, "Units": unit} if unit else {"Description": text}
        for name, (text, unit) in _OTHERS.items()
    }
    known: dict[str, Mapping[str, Any]] = {**others, **dictionary_of(names), **(given or {})}
    return {name: {"Description": UNDESCRIBED, **known.get(name, {})} for name in names}


def sentence_of(entry: Mapping[str, Any]) -> str:
    """Description of a column with its unit in brackets; nothing where there is no description."""
    text, unit = str(entry.get("Description", "")), entry.get("Units")
    if text == UNDESCRIBED and not unit:
        return ""
    return f"{text} [{unit}]" if unit else text


def levels_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """What each value of a column stands for, by the value as text; BIDS lets a level be a text or described."""
    levels = entry.get("Levels")
    if not isinstance(levels, Mapping):
        return {}
    return {
        str(value): str(level.get("Description", value) if isinstance(level, Mapping) else level)
        for value, level in levels.items()
    }
