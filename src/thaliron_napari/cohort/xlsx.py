"""Tables as workbooks: a sheet of data, and a sheet that says what the columns are.

Text is always written as text, never as a formula. Text that a spreadsheet would take for something else once its cell
is edited (a formula, a number) has the mark for that which a spreadsheet sets where an apostrophe is typed before it.
"""

from __future__ import annotations

import re
import sys
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thaliron_napari.cohort.cells import Cell, Text, Value, escape, is_missing, to_number
from thaliron_napari.cohort.files import OLD_WORKBOOK, read_bytes, write_bytes
from thaliron_napari.cohort.meanings import levels_of, sentence_of
from thaliron_napari.cohort.rows import Rows, check_numbers
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    from openpyxl.cell import Cell as SheetCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet
    from openpyxl.worksheet.worksheet import Worksheet

_DATA, _DICTIONARY = "data", "dictionary"
_MOST_ROWS, _MOST_COLUMNS, _MOST_CHARACTERS = 1_048_576, 16_384, 32_767
# XML has no such characters, or changes them; a workbook spells them _x000D_ (ECMA-376 part 1, 22.9.2.19, ST_Xstring).
_SPELLED = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_SPELLING = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_xlsx(path: Path) -> Rows:
    """Cells of the sheet called "data" or, where there is none, of the first that is not hidden.

    Of a formula its value as last computed is read.

    Raises
    ------
    TableError
        Where the file is missing, damaged, has a password, or is no table; or a cell holds an error or a formula that
        was never computed.
    """
    content = read_bytes(path)
    if content.startswith(OLD_WORKBOOK):
        raise TableError(f"{path} has a password or is of the old kind (.xls); save it as .xlsx without a password")
    try:
        sheet, uncomputed = _open(content)
    except Exception as error:  # a damaged workbook fails in the zip file, the XML or openpyxl, each in its own way
        raise TableError(f"{path} is no workbook or is damaged ({error}); save it as .xlsx anew") from None
    found: dict[int, dict[int, Cell]] = {}
    # not iter_rows: where a cell at a sheet's far end has a colour, that goes through a million empty rows
    for (row, column), cell in sorted(sheet._cells.items()):
        value = _read(path, cell, uncomputed)
        if value is not None:
            found.setdefault(row, {})[column] = value
    if not found:
        return Rows([], [], [])
    first = min(found)
    names = found.pop(first)
    width = max(names)
    for row, cells in found.items():
        if max(cells) > width:
            raise TableError(
                f"{path}, row {row}: {max(cells)} cells where row {first} names {width} columns; "
                "the column names must be the first row, in cells that are not merged"
            )
    header = [names.get(column, "") for column in range(1, width + 1)]
    return Rows(
        [name if isinstance(name, str) else str(name) for name in header],
        [[cells.get(column) for column in range(1, width + 1)] for cells in found.values()],
        [f"row {row}" for row in found],
    )


def write_xlsx(
    path: Path, names: Sequence[str], columns: Sequence[Sequence[Value]], meanings: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write the sheets "data", each column's meaning as a comment on its name, and "dictionary".

    Raises
    ------
    TableError
        Where the table is larger than a sheet can be, a text longer than a cell can hold, or a number cannot be held;
        or the file cannot be written.
    """
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    _check_size(path, names, columns)
    check_numbers(path, names, columns, sys.float_info.max)
    book = Workbook(write_only=True)
    data = book.create_sheet(_DATA)
    data.freeze_panes = "B2"  # the names of columns and of cases
    header = []
    for number, name in enumerate(names, start=1):
        cell = _text(data, name)
        cell.font = Font(bold=True)
        if meaning := sentence_of(meanings[name]):
            cell.comment = Comment(_spell(meaning), "ThalIron", height=90, width=260)
        header.append(cell)
        data.column_dimensions[get_column_letter(number)].width = min(max(len(name) + 2, 10), 40)
    data.append(header)
    for row in zip(*columns, strict=True):
        data.append([_write(data, value) for value in row])

    dictionary = book.create_sheet(_DICTIONARY)
    dictionary.freeze_panes = "A2"
    for letter, width in zip("ABCD", (26, 90, 12, 40), strict=True):
        dictionary.column_dimensions[letter].width = width
    head = [_text(dictionary, name) for name in ("name", "description", "unit", "levels")]
    for cell in head:
        cell.font = Font(bold=True)
    dictionary.append(head)
    for name in names:
        entry = meanings[name]
        levels = "; ".join(f"{value} = {level}" for value, level in levels_of(entry).items())
        texts = (name, str(entry.get("Description", "")), str(entry.get("Units", "")), levels)
        dictionary.append([_write(dictionary, text[:_MOST_CHARACTERS] or None) for text in texts])
    content = BytesIO()
    book.save(content)
    write_bytes(path, content.getvalue())


def _open(content: bytes) -> tuple[Worksheet, frozenset[str]]:
    """The sheet with the table, and its cells with a formula that no spreadsheet computed yet.

    openpyxl gives either values or formulas, and what was never computed as empty: hence a second look where need be.
    """
    sheet = _sheet(content, values=True)
    with zipfile.ZipFile(BytesIO(content)) as packed:
        sheets = [name for name in packed.namelist() if name.startswith("xl/worksheets/") and name.endswith(".xml")]
        if not any(b"<f" in packed.read(name) for name in sheets):
            return sheet, frozenset()
    formulas = {at for at, cell in _sheet(content, values=False)._cells.items() if cell.data_type == "f"}
    values = [sheet._cells[at] for at in formulas]
    # an empty text is a value too: openpyxl then leaves the type as the file has it
    return sheet, frozenset(cell.coordinate for cell in values if cell.value is None and cell.data_type != "str")


def _sheet(content: bytes, *, values: bool) -> Worksheet:
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of pictures, filters and the like, which are not read
        sheets = load_workbook(BytesIO(content), data_only=values).worksheets
    shown = [sheet for sheet in sheets if sheet.sheet_state == "visible"]
    if not shown:
        raise ValueError("no sheet of cells is shown")
    return next((sheet for sheet in shown if sheet.title.lower() == _DATA), shown[0])


def _read(path: Path, cell: Any, uncomputed: frozenset[str]) -> Cell:
    value = cell.value
    if value is None:
        if cell.coordinate in uncomputed:
            raise TableError(
                f"{path}: cell {cell.coordinate} is a formula without a value; open and save it in a spreadsheet"
            )
        return None
    if cell.data_type == "e":
        if is_missing(str(value)):
            return None
        raise TableError(f"{path}: cell {cell.coordinate} holds the error {value}; correct or empty it")
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        text = _SPELLING.sub(lambda found: chr(int(found[1], 16)), value)
        return Text(text) if cell.quotePrefix else text if text.strip() else None
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date().isoformat()
    return str(value)


def _write(sheet: WriteOnlyWorksheet, value: Value) -> Any:
    if isinstance(value, str):
        return _text(sheet, value)
    if isinstance(value, float):  # openpyxl rounds to 16 digits, and 17 are needed
        from openpyxl.cell import WriteOnlyCell

        cell = WriteOnlyCell(sheet, repr(value).upper())
        cell.data_type = "n"
        return cell
    return value


def _text(sheet: WriteOnlyWorksheet, text: str) -> SheetCell:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, _spell(text))
    cell.data_type = "s"  # openpyxl takes what begins with = for a formula, and #N/A for an error
    if escape(text) != text or is_missing(text) or to_number(text) is not None:
        cell.quotePrefix = True
    return cell


def _spell(text: str) -> str:
    return _SPELLED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _check_size(path: Path, names: Sequence[str], columns: Sequence[Sequence[Value]]) -> None:
    if len(names) > _MOST_COLUMNS or any(len(column) >= _MOST_ROWS for column in columns):
        raise TableError(f"{path}: the table is larger than a sheet can be; write it as .csv")
    for name, column in zip(names, columns, strict=True):
        for number, value in enumerate((name, *column)):
            if isinstance(value, str) and len(value) > _MOST_CHARACTERS // 7 and len(_spell(value)) > _MOST_CHARACTERS:
                raise TableError(
                    f"{path}: column {name[:40]!r}, row {number}, holds more text than a cell can; write it as .csv"
                )
