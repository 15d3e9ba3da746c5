"""The study's tables as a Word document: one landscape page of A4 each, in the layout of a journal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from thaliron_napari.report.sheets import FIRST_AFTER, GROUPS, HEADER, Sheet, is_significant

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table, _Cell

# XML has no such characters.
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LABEL_MM, _WIDTHS_MM = 69.0, (27.0, 36.0, 18.0, 13.0)
_THICK, _THIN = 12, 4  # eighths of a typographic point


def word_document(sheets: Sequence[Sheet]) -> bytes:
    """The file (.docx) of some tables, each with its caption above and its footnotes below."""
    from docx import Document as new_document
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm, Pt

    document = new_document()
    page = document.sections[0]
    page.orientation = WD_ORIENT.LANDSCAPE  # nine columns
    page.page_width, page.page_height = Mm(297), Mm(210)
    page.left_margin = page.right_margin = Mm(20)
    page.top_margin = page.bottom_margin = Mm(20)
    normal: Any = document.styles["Normal"]
    normal.font.size = Pt(10)
    normal.paragraph_format.space_after = Pt(0)
    about, now = document.core_properties, datetime.now(UTC)
    about.author = about.last_modified_by = "ThalIron"
    about.title, about.comments = "Regression tables", ""
    about.created = about.modified = now
    for place, sheet in enumerate(sheets):
        _add(document, sheet, new_page=place > 0)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def _add(document: Document, sheet: Sheet, *, new_page: bool) -> None:
    from docx.shared import Pt, RGBColor

    caption = document.add_paragraph(style="Caption")
    caption.paragraph_format.page_break_before = new_page
    caption.paragraph_format.keep_with_next = True
    caption.paragraph_format.space_after = Pt(6)
    run = caption.add_run(_plain(sheet.title))
    run.font.size, run.font.color.rgb = Pt(11), RGBColor(0, 0, 0)
    if sheet.cells:
        _fill(document.add_table(rows=2 + len(sheet.cells), cols=len(HEADER)), sheet)
    for place, note in enumerate(sheet.notes):
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_before = Pt(0 if place else 4)
        paragraph.add_run(_plain(note)).font.size = Pt(8.5)


def _fill(table: Table, sheet: Sheet) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.shared import Mm

    table.alignment = WD_TABLE_ALIGNMENT.LEFT
    table.autofit = False
    widths = (_LABEL_MM, *_WIDTHS_MM, *_WIDTHS_MM)
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    # A row's list of cells is made anew, slowly, each time it is asked for.
    rows = [list(row.cells) for row in table.rows]
    lines = [("", GROUPS[0], "", "", "", GROUPS[1], "", "", ""), HEADER, *sheet.cells]
    for number, (cells, texts) in enumerate(zip(rows, lines, strict=True)):
        for column, (cell, text, width) in enumerate(zip(cells, texts, widths, strict=True)):
            cell.width = Mm(width)
            paragraph = cell.paragraphs[0]
            if column:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            if text:
                run = paragraph.add_run(_plain(text))
                run.bold = number < 2 or is_significant(text)
            top = {0: _THICK, 1: _THIN if column else 0, 2: _THIN}.get(number, 0)
            _rule(cell, top=top, bottom=_THICK if number == len(rows) - 1 else 0)
    for start in (1, FIRST_AFTER):
        merged = rows[0][start].merge(rows[0][start + 3])
        for empty in merged.paragraphs[1:]:
            empty._element.getparent().remove(empty._element)
        merged.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
    for row in table.rows:
        row_properties = row._tr.get_or_add_trPr()
        row_properties.append(OxmlElement("w:cantSplit"))
        if row._index < 2:  # a table that goes on over the page has its head there too
            row_properties.append(OxmlElement("w:tblHeader"))


def _rule(cell: _Cell, *, top: int, bottom: int) -> None:
    """Lines above and below a cell, in eighths of a point."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    borders = OxmlElement("w:tcBorders")
    for side, size in (("top", top), ("bottom", bottom)):
        if size:
            line = OxmlElement(f"w:{side}")
            for name, value in (("val", "single"), ("sz", str(size)), ("space", "0"), ("color", "000000")):
                line.set(qn(f"w:{name}"), value)
            borders.append(line)
    if len(borders):
        cell._tc.get_or_add_tcPr().append(borders)


def _plain(text: str) -> str:
    return _ILLEGAL.sub(" ", text)
