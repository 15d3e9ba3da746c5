"""Tables as lines of text: CSV, TSV, and what is put on the clipboard for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thaliron_napari.cohort.cells import Value, escape
from thaliron_napari.cohort.files import read_text, write_text
from thaliron_napari.cohort.rows import Rows, plain_values
from thaliron_napari.errors import TableError

if TYPE_CHECKING:
    import pandas as pd


def read_delimited(path: Path) -> Rows:
    """Cells of a text file. The separator is found from its first line; with semicolons, a comma is the decimal sign.

    Raises
    ------
    TableError
        Where the file is missing, empty or no table.
    """
    separator, text = _separator(read_text(path))
    header: list[str] | None = None
    rows: list[list[Value]] = []
    places: list[str] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = row
                while not header[-1].strip():
                    header.pop()
                continue
            if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
                raise TableError(
                    f"{path}, line {reader.line_num}: {len(row)} cells where the first line names "
                    f"{len(header)} columns; is a separator or a quote missing?"
                )
            rows.append([*row[: len(header)]])
            places.append(f"line {reader.line_num}")
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: not a table ({error})") from None
    return Rows(header or [], rows, places, decimal_comma=separator == ";")


def write_delimited(path: Path, names: Sequence[str], columns: Sequence[Sequence[Value]]) -> None:
    """Write TSV where the name ends in .tsv, with n/a for what is missing, as BIDS has it; else CSV.

    Raises
    ------
    TableError
        Where the file cannot be written.
    """
    missing, delimiter = ("n/a", "\t") if path.suffix.lower() == ".tsv" else ("", ",")
    write_text(path, _lines(names, columns, missing, delimiter))


def to_clipboard_text(table: pd.DataFrame) -> str:
    """Table as text to paste into a spreadsheet or Stata's editor: tabs between cells, one line a row, a header.

    Text that a spreadsheet would run is escaped as in a CSV file. A line end or tab within a text becomes a blank,
    since editors other than spreadsheets would start a new cell there.
    """
    names = [" ".join(str(name).split()) for name in table.columns]
    columns = [plain_values(table.iloc[:, i]) for i in range(table.shape[1])]
    plain = [[_on_one_line(value) for value in column] for column in columns]
    return _lines(names, plain, "", "\t")


def _on_one_line(value: Value) -> Value:
    return " ".join(value.split()) if isinstance(value, str) and any(c in value for c in "\t\r\n\v\f") else value


def _lines(names: Sequence[str], columns: Sequence[Sequence[Value]], missing: str, delimiter: str) -> str:
    rows: Iterable[Sequence[Value]] = (names, *zip(*columns, strict=True))
    return "".join(_line([_cell(value, missing) for value in row], delimiter) for row in rows)


def _cell(value: Value, missing: str) -> str:
    if value is None:
        return missing
    return escape(value) if isinstance(value, str) else repr(value)


def _line(cells: Sequence[str], delimiter: str) -> str:
    """One line of the file. The csv module quotes a line end within a cell only if it is one of its own: hence both."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"


def _separator(text: str) -> tuple[str, str]:
    """Separator that gives the first line the most columns, and the text without a spreadsheet's own ``sep=`` line."""
    text = text.lstrip("\r\n")
    first, _, rest = text.partition("\n")
    named = first.strip().strip('"')
    if named.lower().startswith("sep=") and len(named) == 5:
        return named[4], rest
    return max((",", ";", "\t", "|"), key=lambda separator: _width(text, separator)), text


def _width(text: str, separator: str) -> int:
    """Cells in the first line, which may go on behind a line end within quotes."""
    try:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), []))
    except csv.Error:
        return 0
