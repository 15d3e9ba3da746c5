"""One cell of a table's file: what is missing, what is a number, and text that a spreadsheet must not run.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-``, ``@`` (also in their full-width forms), a tab or a line
end for a formula. Such text is written with an apostrophe before it, which makes it text there, and read back
without; so is text that would otherwise read back as missing or lose its outer blanks.

CSV has nothing but texts, of which some are numbers. Workbooks, Stata and JSON tell the two apart: what is text there
whatever it looks like is a `Text`.
"""

from __future__ import annotations

import math
import re


class Text(str):
    """Text whatever it looks like, from a file that tells texts from numbers."""

    __slots__ = ()


Value = str | int | float | None  # as a table holds it
Cell = Value  # as a file holds it: here a str that is no Text may be a number, missing, or escaped

MISSING = frozenset({"", ".", "na", "n/a", "nan", "#n/a", "null"})

_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
_LEADING_ZERO = re.compile(r"0[0-9]+")


def escape(text: str) -> str:
    """Text as it is written into a cell.

    Examples
    --------
    >>> escape("=1+1"), escape("sub-01"), escape("'s-Hertogenbosch")
    ("'=1+1", 'sub-01', "'s-Hertogenbosch")
    """
    return f"'{text}" if _must_be_escaped(text) else text


def unescape(cell: str) -> str:
    """The inverse of `escape`; any other cell as it is."""
    return cell[1:] if is_escaped(cell) else cell


def is_escaped(cell: str) -> bool:
    """Whether a cell was written by `escape` with an apostrophe, and so is text whatever it looks like."""
    return cell.startswith("'") and _must_be_escaped(cell[1:])


def is_missing(cell: str) -> bool:
    """Whether a cell holds no value: empty, or one of the words and signs that files use for that."""
    return cell.strip().lower() in MISSING


def to_number(cell: str, *, decimal_comma: bool = False) -> float | int | None:
    """Number in a cell, or None where it is text: also where a leading zero says that it is a name (007)."""
    text = cell.strip().replace("−", "-")
    if decimal_comma and "." not in text:
        text = text.replace(",", ".", 1)
    if _LEADING_ZERO.fullmatch(text) or not _NUMBER.fullmatch(text):
        return None
    return int(text) if _INTEGER.fullmatch(text) else float(text)


def number_in(cell: Cell, *, decimal_comma: bool = False) -> float | int | None:
    """Number in a cell, NaN where it holds nothing, and None where it holds text."""
    if isinstance(cell, Text):
        return None if cell else math.nan
    if isinstance(cell, str):
        if is_missing(cell):
            return math.nan
        return None if is_escaped(cell) else to_number(cell, decimal_comma=decimal_comma)
    if cell is None:
        return math.nan
    return float(cell) if abs(cell) >= 2**63 else cell


def text_in(cell: Cell) -> str | None:
    """Text in a cell, None where it holds nothing; of a number its digits."""
    if cell is None or cell != cell or cell == "":
        return None
    if isinstance(cell, Text):
        return str(cell)
    if isinstance(cell, str):
        return None if is_missing(cell) else unescape(cell) if is_escaped(cell) else cell.strip()
    return repr(cell)


def name_in(cell: Cell) -> str:
    """Name of a case or column in a cell: never missing for the words it consists of, and 7 for the number 7.0."""
    if isinstance(cell, str):
        return str(cell) if isinstance(cell, Text) else unescape(cell) if is_escaped(cell) else cell.strip()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return text_in(cell) or ""


def _must_be_escaped(text: str) -> bool:
    # Apostrophes before it are looked through, so that text which begins with one comes back with just as many.
    core = text.lstrip("'")
    return bool(core) and (core.startswith(_RUNS) or core != core.strip() or core.lower() in MISSING)
