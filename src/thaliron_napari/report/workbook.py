"""The study's tables as a workbook, a sheet each. Coefficients are numbers with every digit, shown as printed."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, cast

from thaliron_napari.report.sheets import FIRST_AFTER, GROUPS, HEADER, Sheet, decimals_of, is_significant

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

    from thaliron_napari.statistics.models import Coefficient


def workbook(sheets: Sequence[Sheet]) -> bytes:
    """The file (.xlsx) of some tables."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.creator = "ThalIron"
    for sheet in sheets:
        _fill(book.create_sheet(sheet.name), sheet)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _fill(page: Worksheet, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Border, Font, Side
    from openpyxl.worksheet.properties import PageSetupProperties

    bold, right, rule = Font(bold=True), Alignment(horizontal="right"), Side(style="thin")
    _write(page, 1, 1, sheet.title).font = bold
    last = 1
    if sheet.cells:
        for group, start in zip(GROUPS, (2, FIRST_AFTER + 1), strict=True):
            page.merge_cells(start_row=2, start_column=start, end_row=2, end_column=start + 3)
            cell = _write(page, 2, start, group)
            cell.font, cell.alignment = bold, Alignment(horizontal="center")
        for column, name in enumerate(HEADER, start=1):
            cell = _write(page, 3, column, name)
            cell.font, cell.alignment, cell.border = bold, right, Border(bottom=rule)
        for line, (cells, row) in enumerate(zip(sheet.cells, sheet.table.rows, strict=True), start=4):
            for column, text in enumerate(cells, start=1):
                cell = _write(page, line, column, text)
                cell.alignment = right if column > 1 else Alignment()
                cell.font = Font(bold=is_significant(text))
            _as_numbers(page, line, 2, row.before, cells[1])
            _as_numbers(page, line, FIRST_AFTER + 1, row.after, cells[FIRST_AFTER])
        last = 3 + len(sheet.cells)
        for column in range(1, len(HEADER) + 1):
            page.cell(last, column).border = Border(bottom=rule)
        widths = [max(map(len, column)) + 2 for column in zip(HEADER, *sheet.cells, strict=True)]
        for place, width in enumerate(widths):
            page.column_dimensions["ABCDEFGHI"[place]].width = width
    for line, note in enumerate(sheet.notes, start=last + 1):
        _write(page, line, 1, note).font = Font(italic=True)
    page.page_setup.orientation = "landscape"
    page.page_setup.paperSize = page.PAPERSIZE_A4
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _as_numbers(page: Worksheet, line: int, column: int, coefficient: Coefficient | None, shown: str) -> None:
    """Put the coefficient and n into their cells as numbers, with the format that shows them as printed."""
    if coefficient is None or shown == "-":
        return
    cell = _write(page, line, column, repr(coefficient.estimate).upper())  # openpyxl rounds to 16 digits
    cell.data_type = "n"
    decimals = decimals_of(shown)
    cell.number_format = "0" + ("." + "0" * decimals if decimals else "") + ("E+00" if "e" in shown else "")
    page.cell(line, column + 3, coefficient.n).number_format = "0"


def _write(page: Worksheet, line: int, column: int, text: str) -> Cell:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell = cast("Cell", page.cell(line, column))
    cell.value = ILLEGAL_CHARACTERS_RE.sub(" ", text)
    cell.data_type = "s"  # text as it stands, also where it begins like a formula
    return cell
