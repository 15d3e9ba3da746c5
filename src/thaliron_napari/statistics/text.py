"""Tables as a person reads them: the study's layout and its way of rounding, for the terminal and for pages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from thaliron_napari.statistics.models import Coefficient, Fit
from thaliron_napari.statistics.study import Description, StudyTable

SIGNIFICANT = 0.05
HEADER = ("", "Coefficient", "95% CI", "P", "n", "Coefficient", "95% CI", "P", "n")


def format_number(value: float, decimals: int, significant: int = 1) -> str:
    """A number with at least so many decimals and at least so many significant digits.

    Examples
    --------
    >>> format_number(16.396, 2, 2), format_number(-0.0372, 2, 2), format_number(-0.00008, 3, 1)
    ('16.40', '-0.037', '-0.00008')
    """
    if not math.isfinite(value):
        return "-"
    if value != 0:
        needed = significant - 1 - math.floor(math.log10(abs(value)))
        if needed > decimals + 6:
            return f"{value:.{significant - 1}e}"
        decimals = max(decimals, needed)
    return f"{value:.{decimals}f}"


def format_p(p: float) -> str:
    """P as the study prints it: no zero before the point, three decimals below .1 (no trailing zero), else two.

    Examples
    --------
    >>> [format_p(p) for p in (0.634, 0.0374, 0.0397, 0.0993, 0.0004, 0.999)]
    ['.63', '.037', '.04', '.099', '<.001', '>.99']
    """
    if not math.isfinite(p):
        return "-"
    if p < 0.001:
        return "<.001"
    if p > 0.99:
        return ">.99"
    text = f"{p:.3f}".rstrip("0") if p < 0.0995 else f"{p:.2f}"
    return text.lstrip("0")


def p_in_words(p: float) -> str:
    """P with its sign, to stand after the letter: ``= .037``, ``< .001``."""
    text = format_p(p)
    return f"{text[0]} {text[1:]}" if text[0] in "<>" else f"= {text}"


def coefficient_cells(coefficient: Coefficient | None, digits: tuple[int, int]) -> tuple[str, str, str, str]:
    """Coefficient, 95% CI, P (marked with * below .05) and n as text; dashes where there is none."""
    if coefficient is None:
        return ("-", "-", "-", "-")
    c = coefficient
    interval = f"{format_number(c.ci_low, *digits)}, {format_number(c.ci_high, *digits)}"
    star = "*" if c.p < SIGNIFICANT else ""
    return (format_number(c.estimate, *digits), interval, format_p(c.p) + star, str(c.n))


def study_cells(table: StudyTable) -> list[tuple[str, ...]]:
    """Cells of a study table under `HEADER`: label, then before and after adjustment."""
    return [
        (row.label, *coefficient_cells(row.before, row.digits), *coefficient_cells(row.after, row.digits))
        for row in table.rows
    ]


def footnotes(table: StudyTable) -> tuple[str, ...]:
    """What stands under a study table: the mark of significance, the adjustment set, what could not be computed."""
    notes = [f"* P < {SIGNIFICANT:.2f}".replace("0.", ".")]
    if table.adjustment:
        notes.append(f"Adjusted for: {', '.join(table.adjustment)}" if _one_predictor(table) else _together(table))
    fits = [fit for row in table.rows for fit in (row.before_fit, row.after_fit) if fit and fit.n_missing]
    if fits:
        notes.append(
            f"Where n is below {fits[0].n_used + fits[0].n_missing}, the other cases miss a value of that model"
        )
    return (*notes, *table.notes)


def format_tables(*tables: StudyTable, notes: Sequence[str] = ()) -> str:
    """Study tables as aligned plain text, each with its footnotes, after any notes that hold for all."""
    blocks = ["\n".join(notes)] if notes else []
    for table in tables:
        lines = [table.title]
        if table.rows:
            cells = study_cells(table)
            widths = _widths([HEADER, *cells])
            before = sum(widths[1:5]) + 6
            lines.append(" " * (widths[0] + 2) + "Before adjustment".ljust(before + 4) + "After adjustment")
            lines += [_line(row, widths) for row in (HEADER, *cells)]
        lines += [f"  {note}" for note in footnotes(table)] if table.rows else [f"  {note}" for note in table.notes]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def description_cells(descriptions: Sequence[Description]) -> list[tuple[str, str, str, str]]:
    """Cells label, n, mean with SD or count with percent, range."""
    cells = []
    for d in descriptions:
        if d.count is not None and d.percent is not None:
            cells.append((d.label, str(d.n), f"{d.count} ({d.percent:.0f}%)", ""))
        elif d.mean is not None and d.low is not None and d.high is not None:
            sd = f" ± {d.sd:.{d.decimals}f}" if d.sd is not None else ""
            low, high = (format_number(value, max(d.decimals, int(value % 1 != 0))) for value in (d.low, d.high))
            cells.append((d.label, str(d.n), f"{d.mean:.{d.decimals}f}{sd}", f"{low} to {high}"))
    return cells


def format_descriptions(descriptions: Sequence[Description]) -> str:
    """Descriptives as aligned plain text."""
    cells = [("", "n", "mean ± SD, or count", "range"), *description_cells(descriptions)]
    widths = _widths(cells)
    lines = [_line(row, widths) for row in cells]
    missing = [f"{d.label} missing in {d.n_missing}" for d in descriptions if d.n_missing]
    return "\n".join(["Cohort", *lines, *[f"  {sentence}" for sentence in missing]]) + "\n"


def fit_cells(fit: Fit) -> list[tuple[str, str, str, str]]:
    """Cells name, coefficient, 95% CI, P of a whole model, with digits that follow each standard error."""
    return [(c.name, *coefficient_cells(c, _digits_from_error(c.standard_error))[:3]) for c in fit.coefficients]


def format_fit(fit: Fit) -> str:
    """A whole model as aligned plain text."""
    cells = [("", "Coefficient", "95% CI", "P"), *fit_cells(fit)]
    widths = _widths(cells)
    return "\n".join([fit.formula, *[_line(row, widths) for row in cells], f"  {fit_summary(fit)}"]) + "\n"


def fit_summary(fit: Fit) -> str:
    """n, rows left out, residual degrees of freedom and R squared in one line."""
    left_out = f" ({fit.n_missing} left out for missing values)" if fit.n_missing else ""
    references = "".join(f"; {column}: against {level}" for column, level in fit.references.items())
    return f"n = {fit.n_used}{left_out}, {fit.residual_df} residual df, R2 = {fit.r_squared:.3f}{references}"


def _digits_from_error(standard_error: float) -> tuple[int, int]:
    if not math.isfinite(standard_error) or standard_error <= 0:
        return (3, 3)
    return (min(max(0, 1 - math.floor(math.log10(standard_error))), 8), 2)


def _one_predictor(table: StudyTable) -> bool:
    return len({row.predictor for row in table.rows}) == 1


def _together(table: StudyTable) -> str:
    return f"Adjusted: {', '.join(table.adjustment)} in one model"


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """First cell to the left, the others to the right; a wider gap after each block of four."""
    parts = [cells[0].ljust(widths[0])]
    for i, (cell, width) in enumerate(zip(cells[1:], widths[1:], strict=True), start=1):
        parts.append(("    " if i == 5 else "  ") + cell.rjust(width))
    return "".join(parts).rstrip()
