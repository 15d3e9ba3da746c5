r"""The study's tables for LaTeX, to be taken into a paper by ``\input``."""

from __future__ import annotations

from collections.abc import Sequence

from thaliron_napari.report.sheets import FIRST_AFTER, GROUPS, HEADER, Sheet, is_significant

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a row it would be the argument of the \\ before
    "]": "{]}",
    "*": "{*}",  # so would this
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
    "±": r"\(\pm\)",
    "≤": r"\(\leq\)",
    "≥": r"\(\geq\)",
    "−": r"\(-\)",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex_escaped(text: str) -> str:
    r"""Text as LaTeX prints it, whatever it holds.

    Examples
    --------
    >>> latex_escaped("R&D_1 < 5% (mm³)")
    'R\\&D\\_1 \\textless{} 5\\% (mm\\textsuperscript{3})'
    """
    printable = (character if character.isprintable() else " " for character in text)
    return "".join(_ESCAPED.get(character, character) for character in printable)


def latex_tables(sheets: Sequence[Sheet]) -> str:
    """A snippet with a ``table`` for each; the paper needs the package booktabs and nothing else."""
    head = "% Needs \\usepackage{booktabs}; taken into a paper by \\input{tables}. UTF-8.\n"
    return head + "\n".join(_table(sheet) for sheet in sheets)


def _table(sheet: Sheet) -> str:
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{latex_escaped(_without_number(sheet.title))}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{2.5pt}",
    ]
    if sheet.cells:
        groups = [rf"\multicolumn{{4}}{{c}}{{{latex_escaped(group)}}}" for group in GROUPS]
        lines += [
            r"\begin{tabular}{@{}p{0.2\linewidth}rrrr@{\quad}rrrr@{}}",
            r"\toprule",
            _row(["", *groups]),
            rf"\cmidrule(r){{2-{FIRST_AFTER}}}\cmidrule{{{FIRST_AFTER + 1}-{len(HEADER)}}}",
            _row([_head(name) for name in HEADER]),
            r"\midrule",
            *[_row([r"\raggedright " + latex_escaped(row[0]), *map(_cell, row[1:])]) for row in sheet.cells],
            r"\bottomrule",
            r"\end{tabular}",
        ]
    # a box of its own width: footnotes wrap under the table
    notes = r"\\ ".join(latex_escaped(note) for note in sheet.notes)
    if notes:
        lines.append(rf"\par\smallskip\begin{{minipage}}{{\linewidth}}\raggedright {notes}\end{{minipage}}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _without_number(title: str) -> str:
    """LaTeX numbers tables itself."""
    number, point, rest = title.partition(". ")
    return rest if point and number.removeprefix("Table ").isdigit() else title


def _head(name: str) -> str:
    return "Coef." if name == "Coefficient" else latex_escaped(name)


def _cell(text: str) -> str:
    said = latex_escaped(text)
    if text.startswith("-") and text != "-":
        said = rf"\(-\){said[1:]}"
    said = said.replace(", -", r", \(-\)")
    return rf"\textbf{{{said}}}" if is_significant(text) else said


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
