"""Sums over the columns of a table, and conditions on them, as a reader types them: ``age <= 50 and sex == 1``.

Python's own parser reads the words; what is computed is only what is named here, so that nothing typed can do more
than arithmetic on columns.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

_SUMS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "ln": np.log,
    "log10": np.log10,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
_LONGEST = 500  # letters of an expression


def compute(table: pd.DataFrame, words: str) -> pd.Series:
    """Column computed from others, such as ``fs_thalamus_left_ml + fs_thalamus_right_ml`` or ``ln(lesion_ml)``.

    Parameters
    ----------
    table : DataFrame
    words : str
        Columns (in backquotes where a name is no plain word), numbers, ``+ - * / **``, brackets, and ``ln``, ``log10``,
        ``exp``, ``sqrt`` and ``abs``.

    Returns
    -------
    Series of float64
        Missing where a column used is missing, or the sum has no value there: the logarithm of zero, division by zero.

    Raises
    ------
    TableError
        When the words cannot be read, name no column of the table, or compute with text.
    """
    import pandas as pd

    with np.errstate(all="ignore"):
        value = _Reader(table, words).value()
    if _is_condition(value) or isinstance(value, bool | str):
        raise TableError(f"{words!r} is a condition or a text where a number is expected")
    try:
        numbers = pd.Series(value, index=table.index, dtype="float64")
    except (TypeError, ValueError):
        raise TableError(f"{words!r} computes with text; name columns of numbers") from None
    return numbers.where(np.isfinite(numbers))


def fulfils(table: pd.DataFrame, words: str) -> pd.Series:
    """Rows of a table that fulfil a condition, such as ``age <= 50 and dmt == "none"``.

    Parameters
    ----------
    table : DataFrame
    words : str
        As for :func:`compute`, with ``< <= > >= == !=``, ``and``, ``or``, ``not``, and texts in quotes.

    Returns
    -------
    Series of bool
        What hangs on a missing value is not fulfilled, nor is its opposite.

    Raises
    ------
    TableError
        As :func:`compute`; and when the words are no condition.
    """
    import pandas as pd

    with np.errstate(all="ignore"):
        value = _Reader(table, words).value()
    if not (isinstance(value, pd.Series) and _is_condition(value)):
        raise TableError(f"{words!r} is no condition; compare a column with something, such as age <= 50")
    return value.fillna(False).astype(bool)


class _Reader:
    """Reads one expression over one table."""

    def __init__(self, table: pd.DataFrame, words: str) -> None:
        self.table, self.words = table, words.strip()
        self.quoted: dict[str, str] = {}

    def value(self) -> Any:
        """What the words come to."""
        if not self.words or len(self.words) > _LONGEST:
            raise TableError("type a condition or a sum over columns, such as age <= 50")
        parts = self.words.split("`")
        if len(parts) % 2 == 0:
            raise TableError(f"{self.words!r}: a backquote is missing; they enclose the name of a column")
        for place in range(1, len(parts), 2):
            name = f"quoted_{place}"
            self.quoted[name] = parts[place]
            parts[place] = name
        try:
            tree = ast.parse("".join(parts), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise TableError(f"{self.words!r} cannot be read; write it as age <= 50 and sex == 1") from None
        try:
            return self._of(tree.body)
        except (TypeError, ValueError, OverflowError):
            raise TableError(f"{self.words!r} mixes text with numbers") from None

    def _of(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() | str() as constant) if not isinstance(constant, bool):
                return float(constant) if isinstance(constant, int) else constant
            case ast.Name(id=name):
                return self._column(self.quoted.get(name, name))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _SUMS:
                return _SUMS[type(op)](self._number(left), self._number(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._number(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._number(operand)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ~self._condition(operand)
            case ast.BoolOp(op=op, values=values):
                conditions = [self._condition(value) for value in values]
                join = operator.and_ if isinstance(op, ast.And) else operator.or_
                joined = conditions[0]
                for condition in conditions[1:]:
                    joined = join(joined, condition)
                return joined
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compare(left, ops, others)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
                return _FUNCTIONS[name](self._number(argument))
        raise TableError(
            f"{self.words!r} holds more than columns, numbers, + - * / **, comparisons, and, or, not, "
            f"{', '.join(_FUNCTIONS)}"
        )

    def _number(self, node: ast.expr) -> Any:
        value = self._of(node)
        if isinstance(value, str) or _is_condition(value) or _is_of(value, object):
            raise TableError(f"{self.words!r} computes with {ast.unparse(node)!r}, which is not a number")
        return value

    def _condition(self, node: ast.expr) -> Any:
        value = self._of(node)
        if not _is_condition(value):
            raise TableError(f"{self.words!r}: {ast.unparse(node)!r} is no condition; compare it with something")
        return value

    def _compare(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> Any:
        import pandas as pd

        if any(type(op) not in _COMPARISONS for op in ops):
            raise TableError(f"{self.words!r}: compare with <, <=, >, >=, == or !=")
        values = [self._of(left), *(self._of(other) for other in others)]
        fulfilled = pd.Series(True, index=self.table.index, dtype="boolean")  # of three values: yes, no, not known
        for one, op, other in zip(values, ops, values[1:], strict=False):
            texts = [isinstance(value, str) or _is_of(value, object) for value in (one, other)]
            if texts[0] != texts[1]:
                raise TableError(f"{self.words!r} compares text with a number; texts stand in quotes, numbers do not")
            known = pd.Series(True, index=self.table.index)
            for value in (one, other):
                if isinstance(value, pd.Series):
                    known &= value.notna()
            compared = pd.Series(_COMPARISONS[type(op)](one, other), index=self.table.index).astype("boolean")
            fulfilled &= compared.where(known)
        return fulfilled

    def _column(self, name: str) -> Any:
        import pandas as pd

        if name not in self.table.columns:
            raise TableError(f"there is no column {name!r}; columns are {', '.join(map(str, self.table.columns))}")
        column = self.table[name]
        if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
            return column.astype("float64")
        return column.astype(object)


def _is_condition(value: Any) -> bool:
    """Whether a value is a column of yes, no and not known."""
    return str(getattr(value, "dtype", "")) == "boolean"


def _is_of(value: Any, kind: type) -> bool:
    """Whether a value is a column of a kind."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and bool(dtype == np.dtype(kind))
