"""Tables as Stata data sets (format 118, which Stata 14 and later read), with labels, notes and the columns' own names.

Stata's names are short and of plain letters. The name that a column has elsewhere is kept in a characteristic of the
variable, the place that Stata has for such things, and its whole description in a note (Stata's command ``notes``),
since a label holds 80 characters. pandas leaves the characteristics out: they are put into the file here. For the
format see Stata's ``help dta``, sections 5.2 (map) and 5.9 (characteristics).
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thaliron_napari.cohort.cells import Cell, Text, Value
from thaliron_napari.cohort.files import read_bytes, write_bytes
from thaliron_napari.cohort.meanings import levels_of, sentence_of
from thaliron_napari.cohort.rows import Rows, check_numbers
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 2.0**1023  # what is more is one of Stata's missing values
_MOST_LABEL, _MOST_NAME, _MOST_BYTES = 80, 32, 2045
_NAME = "thaliron_name"
_CHARACTERISTICS = 8  # their place in the map of the file's parts
# Reserved by Stata or by its Mata.
_RESERVED = re.compile(
    "aggregate|array|boolean|break|byte|case|catch|class|colvector|complex|const|continue|default|delegate|delete|do|"
    "double|else|eltypedef|end|enum|explicit|export|external|float|for|friend|function|global|goto|if|inline|int|local|"
    "long|NULL|pragma|protected|quad|rowvector|short|typedef|typename|virtual|_all|_N|_skip|_b|_pi|in|_pred|strL|_coef|"
    "_rc|using|_cons|_se|with|_n|str[0-9]+"
)


def read_stata(path: Path) -> Rows:
    """Cells of a Stata file of any version; of values with labels the values. Texts are texts, even of digits.

    Raises
    ------
    TableError
        Where the file is missing, damaged, or none of Stata's.
    """
    import pandas as pd

    content = read_bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnicodeWarning)  # old files in another encoding are read as western
            table = pd.read_stata(BytesIO(content), convert_categoricals=False)
        own = _own_names(content)
    except Exception as error:  # a damaged file fails in pandas in any of many ways
        reason = " ".join(str(error).split()) or type(error).__name__
        raise TableError(f"{path} is no Stata file or is damaged ({reason}); save it from Stata anew") from None
    header: list[str] = [Text(own.get(str(name), str(name))) for name in table.columns]
    columns = [_cells(table.iloc[:, i]) for i in range(table.shape[1])]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Rows(header, rows, [f"observation {number}" for number in range(1, len(rows) + 1)])


def write_stata(
    path: Path, names: Sequence[str], columns: Sequence[Sequence[Value]], meanings: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write a data set: descriptions and units as labels of variables, levels as labels of values.

    Raises
    ------
    TableError
        Where a number is more than Stata holds, or the file cannot be written.
    """
    import numpy as np
    import pandas as pd

    check_numbers(path, names, columns, _LARGEST)
    variables = stata_names(names)
    made: dict[str, Any] = {}
    long_texts = []
    for variable, column in zip(variables, columns, strict=True):
        if any(isinstance(value, str) for value in column):
            made[variable] = pd.Series(["" if value is None else value for value in column], dtype=object)
            if max(len(str(value).encode()) for value in column) > _MOST_BYTES:
                long_texts.append(variable)
        elif column and all(isinstance(value, int) and abs(value) < 2**31 for value in column):
            made[variable] = np.array(column, np.int64)
        else:
            made[variable] = np.array([np.nan if value is None else value for value in column], np.float64)
    table = pd.DataFrame(made, columns=variables)
    described = list(zip(variables, names, strict=True))
    value_labels = {variable: _value_labels(meanings[name]) for variable, name in described if variable in table}
    data = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        table.to_stata(
            data,
            write_index=False,
            version=118,
            variable_labels={variable: _label(name, meanings[name]) for variable, name in described},
            value_labels={
                variable: labels
                for variable, labels in value_labels.items()
                if labels and table[variable].dtype.kind in "if"
            },
            convert_strl=long_texts,
        )
    notes = []
    for variable, name in described:
        if variable != name:
            # with the name it stands for: a variable that was renamed in Stata has its new name here too
            notes.append((variable, _NAME, f"{variable} {name}"))
        if note := sentence_of(meanings[name]):
            notes += [(variable, "note0", "1"), (variable, "note1", note)]
    write_bytes(path, _with_characteristics(data.getvalue(), notes))


def stata_names(names: Sequence[str]) -> list[str]:
    """Names that Stata allows, each another: of plain letters, digits and underscores, 32 at most, none reserved.

    Examples
    --------
    >>> stata_names(["chi_ppb", "2nd score", "int"])
    ['chi_ppb', '_2nd_score', 'int_']
    """
    made: list[str] = []
    taken = {name for name in names if _valid(name) == name}
    for name in names:
        valid, number = _valid(name), 1
        base = valid
        while valid != name and valid in taken:
            number += 1
            valid = f"{base[: _MOST_NAME - 1 - len(str(number))]}_{number}"
        taken.add(valid)
        made.append(valid)
    return made


def _valid(name: str) -> str:
    valid = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not valid or valid[0].isdigit():
        valid = f"_{valid}"
    if _RESERVED.fullmatch(valid):
        valid += "_"
    return valid[:_MOST_NAME]


def _label(name: str, entry: Mapping[str, Any]) -> str:
    """Description with the unit, cut so that the unit stays; the column's name where it is not described."""
    whole = " ".join((sentence_of(entry) or name).split())
    if len(whole) <= _MOST_LABEL:
        return whole
    unit = f" [{entry['Units']}]" if entry.get("Units") else ""
    return f"{whole[: max(_MOST_LABEL - 1 - len(unit), 0)]}…{unit}"[:_MOST_LABEL]


def _value_labels(entry: Mapping[str, Any]) -> dict[float, str]:
    """Levels whose values are integers that Stata can label, as all of a column's or none."""
    levels = levels_of(entry)
    if not all(re.fullmatch(r"-?[0-9]{1,9}", value) for value in levels):
        return {}
    return {int(value): level for value, level in levels.items()}


def _cells(column: pd.Series) -> list[Cell]:
    if column.dtype.kind in "iu":
        return [int(value) for value in column.tolist()]
    return [_cell(value) for value in column.tolist()]


def _cell(value: Any) -> Cell:
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        return Text(value)
    if value is None or value != value:  # a date that is missing
        return None
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date().isoformat()
    return str(value)


def _with_characteristics(data: bytes, characteristics: Sequence[tuple[str, str, str]]) -> bytes:
    """File with characteristics (variable, name, contents), and the map of where its parts are set right."""
    order, at, offsets = _map(data)
    start = offsets[_CHARACTERISTICS] + len(b"<characteristics>")
    added = b"".join(_characteristic(order, *texts) for texts in characteristics)
    moved = [*offsets[: _CHARACTERISTICS + 1], *(o + len(added) for o in offsets[_CHARACTERISTICS + 1 :])]
    data = data[:at] + struct.pack(f"{order}14Q", *moved) + data[at + 14 * 8 :]
    return data[:start] + added + data[start:]


def _characteristic(order: str, variable: str, name: str, contents: str) -> bytes:
    fields = variable.encode().ljust(129, b"\0") + name.encode().ljust(129, b"\0")
    content = fields + contents.encode()[:67_000].decode(errors="ignore").encode() + b"\0"
    return b"<ch>" + struct.pack(f"{order}I", len(content)) + content + b"</ch>"


def _own_names(data: bytes) -> dict[str, str]:
    """Names that columns have elsewhere, by variable, from the characteristics of a file of format 118 or 119."""
    found: dict[str, str] = {}
    if data[28:31] not in (b"118", b"119"):
        return found
    order, _at, offsets = _map(data)
    at = offsets[_CHARACTERISTICS] + len(b"<characteristics>")
    while data[at : at + 4] == b"<ch>":
        (size,) = struct.unpack_from(f"{order}I", data, at + 4)
        content = data[at + 8 : at + 8 + size]
        variable, name, contents = (
            part.partition(b"\0")[0] for part in (content[:129], content[129:258], content[258:])
        )
        if name == _NAME.encode():
            stands_for, _, own = contents.decode().partition(" ")
            if stands_for == variable.decode():
                found[stands_for] = own
        at += 8 + size + len(b"</ch>")
    return found


def _map(data: bytes) -> tuple[str, int, tuple[int, ...]]:
    """Byte order, where the map's numbers begin, and these: where each of the file's parts begins."""
    order = "<" if b"<byteorder>LSF" in data[:70] else ">"
    at = data.index(b"<map>") + len(b"<map>")
    return order, at, struct.unpack_from(f"{order}14Q", data, at)
