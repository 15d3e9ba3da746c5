"""Tables as a person reads them: the study's layout and its way of rounding, for the terminal and for pages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from thaliron_napari.statistics.diagnostics import Diagnostics
from thaliron_napari.statistics.logistic import LogisticFit
from thaliron_napari.statistics.models import CONSTANT, Coefficient, Fit, Model, standardized
from thaliron_napari.statistics.multiple import CORRECTIONS, corrected
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


def coefficient_cells(
    coefficient: Coefficient | None, digits: tuple[int, int], corrected_p: float | None = None
) -> tuple[str, str, str, str]:
    """Coefficient, 95% CI, P (marked with * below .05) and n as text; dashes where there is none.

    A corrected P stands in brackets after the raw one, which keeps its mark.
    """
    if coefficient is None:
        return ("-", "-", "-", "-")
    c = coefficient
    interval = f"{format_number(c.ci_low, *digits)}, {format_number(c.ci_high, *digits)}"
    star = "*" if c.p < SIGNIFICANT else ""
    p = format_p(c.p) + star + (f" [{format_p(corrected_p)}]" if corrected_p is not None else "")
    return (format_number(c.estimate, *digits), interval, p, str(c.n))


def corrected_ps(coefficients: Sequence[Coefficient | None], method: str | None) -> list[float | None]:
    """P of each coefficient, corrected as one family by `corrected`; None for each without a method or coefficient."""
    if method is None:
        return [None] * len(coefficients)
    found = corrected([c.p if c else math.nan for c in coefficients], method)
    return [float(p) if c else None for c, p in zip(coefficients, found, strict=True)]


def study_cells(table: StudyTable, correction: str | None = None) -> list[tuple[str, ...]]:
    """Cells of a study table under `HEADER`: label, then before and after adjustment.

    With a correction ("holm" or "fdr") the P of the column before, and those of the column after, are one family each.
    """
    before = corrected_ps([row.before for row in table.rows], correction)
    after = corrected_ps([row.after for row in table.rows], correction)
    return [
        (row.label, *coefficient_cells(row.before, row.digits, b), *coefficient_cells(row.after, row.digits, a))
        for row, b, a in zip(table.rows, before, after, strict=True)
    ]


def footnotes(table: StudyTable, correction: str | None = None) -> tuple[str, ...]:
    """What stands under a study table: the mark of significance, the adjustment set, what could not be computed."""
    notes = [f"* P < {SIGNIFICANT:.2f}".replace("0.", ".")]
    if correction is not None:
        before, after = sum(r.before is not None for r in table.rows), sum(r.after is not None for r in table.rows)
        notes.append(_correction_note(correction, f"{before} before and {after} after adjustment"))
    if table.adjustment:
        notes.append(f"Adjusted for: {', '.join(table.adjustment)}" if _one_predictor(table) else _together(table))
    fits = [fit for row in table.rows for fit in (row.before_fit, row.after_fit) if fit]
    if short := [fit for fit in fits if fit.n_missing]:
        notes.append(
            f"Where n is below {short[0].n_used + short[0].n_missing}, the other cases miss a value of that model"
        )
    notes += dict.fromkeys(note for fit in fits for note in fit.notes)
    return (*notes, *table.notes)


def format_tables(*tables: StudyTable, notes: Sequence[str] = (), correction: str | None = None) -> str:
    """Study tables as aligned plain text, each with its footnotes, after any notes that hold for all."""
    blocks = ["\n".join(notes)] if notes else []
    for table in tables:
        lines = [table.title]
        if table.rows:
            cells = study_cells(table, correction)
            widths = _widths([HEADER, *cells])
            before = sum(widths[1:5]) + 6
            lines.append(" " * (widths[0] + 2) + "Before adjustment".ljust(before + 4) + "After adjustment")
            lines += [_line(row, widths) for row in (HEADER, *cells)]
        lines += [f"  {note}" for note in (footnotes(table, correction) if table.rows else table.notes)]
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


def fit_cells(fit: Model, correction: str | None = None) -> list[tuple[str, str, str, str]]:
    """Cells name, coefficient, 95% CI, P of a whole model, with digits that follow each standard error.

    With a correction, all coefficients but the constant are one family of tests.
    """
    ps = corrected_ps([None if c.name == CONSTANT else c for c in fit.coefficients], correction)
    return [_named_cells(c, p) for c, p in zip(fit.coefficients, ps, strict=True)]


def odds_cells(fit: LogisticFit, correction: str | None = None) -> list[tuple[str, str, str, str]]:
    """Cells name, odds ratio, 95% CI, P of a logistic model."""
    ps = corrected_ps(fit.odds_ratios, correction)
    return [_named_cells(c, p) for c, p in zip(fit.odds_ratios, ps, strict=True)]


def format_fit(fit: Model, correction: str | None = None) -> str:
    """A whole model as aligned plain text: coefficients, and standardized coefficients or odds ratios."""
    cells = [("", "Coefficient", "SE", "95% CI", "P"), *_with_errors(fit, fit_cells(fit, correction))]
    head: tuple[str, ...] = ()
    more: dict[str, tuple[str, ...]] = {}
    if isinstance(fit, LogisticFit):
        head, more = ("Odds ratio", "95% CI"), {row[0]: row[1:3] for row in odds_cells(fit)}
    elif isinstance(fit, Fit):
        head, more = ("Beta",), {name: (format_number(beta, 3),) for name, beta in standardized(fit).items()}
    none = ("",) * len(head)
    extras = [head, *[more.get(c.name, none) for c in fit.coefficients]]
    rows = [(*row, *extra) for row, extra in zip(cells, extras, strict=True)]
    widths = _widths(rows)
    lines = [fit.formula, *[_line(row, widths) for row in rows], f"  {fit_summary(fit)}"]
    if correction is not None:
        lines.append(f"  {_correction_note(correction, str(len(fit.coefficients) - 1))}")
    return "\n".join([*lines, *[f"  {note}" for note in fit.notes]]) + "\n"


def fit_summary(fit: Model) -> str:
    """n, rows left out, fit, reference levels and kind of standard errors in one line."""
    left_out = f" ({fit.n_missing} left out for missing values)" if fit.n_missing else ""
    words = [f"n = {fit.n_used}{left_out}"]
    if isinstance(fit, Fit):
        words += [f"{fit.residual_df} residual df", f"R2 = {fit.r_squared:.3f}"]
    if isinstance(fit, LogisticFit):
        words += [
            f"{fit.n_events} with {fit.outcome} = {fit.event} against {fit.other}",
            f"log likelihood = {fit.log_likelihood:.3f}",
            f"pseudo R2 = {fit.pseudo_r2:.3f}",
            f"chi2({fit.chi2_df}) = {fit.chi2:.2f}, P {p_in_words(fit.chi2_p)}",
        ]
    more = [f"{column}: against {level}" for column, level in fit.references.items()]
    if errors := errors_in_words(fit):
        more.append(errors)
    return "; ".join([", ".join(words), *more])


def errors_in_words(fit: Model) -> str:
    """The kind of standard errors, where it is not the model's own: what they allow for, and clusters and t's df."""
    if fit.errors == "cluster":
        t = f", t with {fit.error_df} df" if isinstance(fit, Fit) else ""
        return f"standard errors clustered by {fit.cluster} ({fit.n_clusters} clusters{t})"
    if fit.errors == "ols":
        return ""
    return f"robust standard errors ({fit.errors.upper()})" if isinstance(fit, Fit) else "robust standard errors"


def diagnostics_in_words(d: Diagnostics) -> tuple[str, ...]:
    """Sentences on the tests of constant variance and of left-out curvature, and the largest variance inflation."""
    spread, reset = d.breusch_pagan, d.reset
    said = []
    if math.isfinite(spread.p):
        said.append(f"Breusch-Pagan chi2({spread.df}) = {spread.chi2:.2f}, P {p_in_words(spread.p)}")
    else:
        said.append("Breusch-Pagan: nothing is left over or nothing explained, so there is no variance to test")
    if math.isfinite(reset.p):
        said.append(f"RESET F({reset.df}, {reset.residual_df}) = {reset.f:.2f}, P {p_in_words(reset.p)}")
    else:
        said.append("RESET: the fitted values take too few levels for a curve through them to be tested")
    if d.vif:
        name = max(d.vif, key=lambda column: d.vif[column])
        said.append(f"largest variance inflation {d.vif[name]:.2f} ({name})")
    return tuple(said)


def _named_cells(c: Coefficient, corrected_p: float | None) -> tuple[str, str, str, str]:
    return (c.name, *coefficient_cells(c, _digits_from_error(c.standard_error), corrected_p)[:3])


def _with_errors(fit: Model, cells: Sequence[tuple[str, str, str, str]]) -> list[tuple[str, ...]]:
    """The cells with the standard error after each coefficient."""
    errors = [format_number(c.standard_error, *_digits_from_error(c.standard_error)) for c in fit.coefficients]
    return [(*row[:2], error, *row[2:]) for row, error in zip(cells, errors, strict=True)]


def _correction_note(correction: str, tests: str) -> str:
    return f"P in brackets: corrected for the number of tests ({CORRECTIONS[correction]}; {tests})"


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
