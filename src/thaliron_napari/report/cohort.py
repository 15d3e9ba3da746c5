"""One page a cohort: its descriptives, the study's tables, the fits behind them and how far they can be trusted."""

from __future__ import annotations

import base64
import io
import platform
from collections.abc import Sequence
from html import escape
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.cohort.files import write_text
from thaliron_napari.cohort.synthetic import synthetic_note
from thaliron_napari.report.page import html_notes, html_page, html_table
from thaliron_napari.statistics.diagnostics import Diagnostics, diagnose, fit_line
from thaliron_napari.statistics.models import Fit
from thaliron_napari.statistics.plots import draw_diagnostics, draw_line
from thaliron_napari.statistics.study import LABELS, StudyRow, StudyTable, age_subgroup, describe, study_tables
from thaliron_napari.statistics.text import (
    description_cells,
    fit_cells,
    fit_summary,
    footnotes,
    format_number,
    format_p,
    study_cells,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def write_cohort_report(table: pd.DataFrame, path: str | Path) -> Path:
    """Write the page of a cohort: one HTML file that needs nothing but itself.

    Parameters
    ----------
    table : DataFrame
        A cohort table, as for `study_tables`.
    path : path
        The file to write.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    TableError
        Where it cannot be written.
    """
    path = Path(path)
    write_text(path, cohort_page(table))
    return path


def cohort_page(table: pd.DataFrame) -> str:
    """The page as text."""
    first, second = study_tables(table)
    young = age_subgroup(table)
    fits = adjusted_fits(first, second)
    note = synthetic_note(table)
    count = f"{len(table)} case{'s' * (len(table) != 1)}"
    body = [
        "<header><p class='kicker'>ThalIron</p><h1>Thalamic susceptibility: cohort report</h1>",
        f"<p class='lead'>{count}</p></header>",
        f"<p class='synthetic'><strong>Synthetic.</strong> {escape(note)}</p>" if note else "",
        "<h2>Cohort</h2>",
        _descriptives(table),
        "<h2>Regressions</h2>",
        *[_study_table(part) for part in (first, second, young)],
        "<h2>Associations with susceptibility</h2>",
        _associations(first),
        "<h2>Adjusted models in full, and their diagnostics</h2>",
        *[_model(fit, names_of(table, fit)) for fit in fits],
        "<h2>How these numbers came about</h2>",
        _methods(first, second),
    ]
    return html_page("Thalamic susceptibility: cohort report", body)


def adjusted_fits(first: StudyTable, second: StudyTable) -> tuple[Fit, ...]:
    """The adjusted models behind both tables, each once."""
    fits: dict[str, Fit] = {}
    for row in (*first.rows, *second.rows):
        if row.after_fit is not None:
            fits.setdefault(row.after_fit.formula, row.after_fit)
    return tuple(fits.values())


def names_of(table: pd.DataFrame, fit: Fit) -> list[str]:
    """Names of the cases a fit used, in its order: their ids, or the rows' labels where there are none."""
    labels = table.loc[fit.design.index, "id"] if "id" in table.columns else fit.design.index
    return [str(label) for label in labels]


def diagnostics_figure(fit: Fit, diagnostics: Diagnostics, names: Sequence[str] | None = None) -> Figure:
    """The four diagnostic plots of a fit in one figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 6.2), layout="constrained")
    draw_diagnostics(list(figure.subplots(2, 2).flat), diagnostics, names)
    return figure


def associations_figure(rows: Sequence[StudyRow]) -> Figure:
    """Each outcome against susceptibility with its unadjusted line and band, two plots a line."""
    from matplotlib.figure import Figure

    lines = (len(rows) + 1) // 2
    figure = Figure(figsize=(8.4, 3.1 * lines), layout="constrained")
    axes = np.atleast_1d(figure.subplots(lines, min(2, len(rows)), squeeze=False).ravel())
    for ax, row in zip(axes, rows, strict=False):
        if row.before_fit is None or row.before is None:
            continue
        draw_line(ax, fit_line(row.before_fit, row.before.name), LABELS[row.predictor], row.label)
        p = format_p(row.before.p)
        ax.set_title(f"n = {row.before.n}, P {p}" if p[0] in "<>" else f"n = {row.before.n}, P = {p}", fontsize="small")
    for ax in axes[len(rows) :]:
        ax.set_visible(False)
    return figure


def _descriptives(table: pd.DataFrame) -> str:
    descriptions = describe(table)
    if not descriptions:
        return "<p>None of the study's columns is in this table.</p>"
    cells = [("", "n", "Mean ± SD, or count", "Range"), *description_cells(descriptions)]
    missing = [f"{d.label}: missing in {d.n_missing}" for d in descriptions if d.n_missing]
    return html_table(cells) + html_notes(missing)


def _study_table(table: StudyTable) -> str:
    title = f"<h3>{escape(table.title)}</h3>"
    if not table.rows:
        return title + html_notes(table.notes)
    groups = "<tr><td></td><th colspan='4'>Before adjustment</th><th colspan='4'>After adjustment</th></tr>"
    cells = [("", *("Coefficient", "95% CI", "P", "n") * 2), *study_cells(table)]
    return title + html_table(cells, groups=groups, gap=5) + html_notes(footnotes(table))


def _associations(table: StudyTable) -> str:
    rows = [row for row in table.rows if row.before is not None]
    if not rows:
        return "<p>None of the outcomes could be regressed on the susceptibility; the notes under Table 1 say why.</p>"
    alt = "; ".join(f"{row.label} against relative susceptibility" for row in rows)
    caption = "Line of the unadjusted regression with the 95% confidence band of the mean."
    return _figure(associations_figure(rows), alt, caption)


def _model(fit: Fit, names: Sequence[str]) -> str:
    d = diagnose(fit)
    cells = [
        ("", "Coefficient", "95% CI", "P", "VIF"),
        *[(*row, format_number(d.vif[row[0]], 2) if row[0] in d.vif else "") for row in fit_cells(fit)],
    ]
    spread = f"Breusch-Pagan chi2({d.breusch_pagan.df}) = {d.breusch_pagan.chi2:.2f}, P {_equals(d.breusch_pagan.p)}"
    worst = int(np.nanargmax(d.cooks_distance)) if np.isfinite(d.cooks_distance).any() else None
    cook = f"; largest Cook's distance {d.cooks_distance[worst]:.2f} ({names[worst]})" if worst is not None else ""
    return (
        f"<section><h3 class='formula'>{escape(fit.formula)}</h3>"
        + html_table(cells)
        + html_notes([fit_summary(fit), spread + cook])
        + _figure(diagnostics_figure(fit, d, names), f"Diagnostic plots of {fit.formula}")
        + "</section>"
    )


def _methods(first: StudyTable, second: StudyTable) -> str:
    models = ", ".join(f"{row.outcome} ~ {row.predictor}" for row in first.rows)
    covariates = ", ".join(first.adjustment) or "none of the covariates, which are not in this table"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("thaliron-napari", "statsmodels", "numpy"))
    sentences = [
        "Relative susceptibility (chi_ppb) is the mean over both thalami minus the mean over the CSF ROIs, in ppb. "
        "Higher means more iron.",
        f"Table 1: {models}; each alone, and adjusted for {covariates}. Volumes enter in mm³, lesion volume as the "
        "natural log of ml.",
        "Table 2: chi_ppb on each characteristic alone, and on "
        f"{', '.join(second.adjustment) or 'none of them, which are not in this table'} in one model.",
        "Ordinary least squares with a constant; two-sided P and 95% confidence intervals of Student's t. A row with a "
        "missing value is left out of the models that need it. P values are not corrected for multiple testing.",
        "Breusch-Pagan is the score test on the fitted values. Named points are the three most extreme of each plot.",
        f"{versions}, Python {platform.python_version()}.",
    ]
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _figure(figure: Figure, alt: str, caption: str = "") -> str:
    from matplotlib import rc_context

    out = io.BytesIO()
    # Same numbers, same file: no date, and ids in the drawing that do not change from run to run.
    with rc_context({"svg.hashsalt": "thaliron", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None}, dpi=150)
    data = base64.b64encode(out.getvalue()).decode("ascii")
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure><img alt='{escape(alt)}' src='data:image/svg+xml;base64,{data}'>{said}</figure>"


def _equals(p: float) -> str:
    text = format_p(p)
    return text.replace("<", "< ").replace(">", "> ") if text[0] in "<>" else f"= {text}"
