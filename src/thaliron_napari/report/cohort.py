"""One page a cohort: its descriptives, the study's tables, the fits behind them and how far they can be trusted."""

from __future__ import annotations

import base64
import platform
from collections.abc import Iterable, Sequence
from html import escape
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari import __version__
from thaliron_napari.cohort.files import write_text
from thaliron_napari.report.analysis import CohortAnalysis, Model, analyse_cohort
from thaliron_napari.report.figure_files import figure_bytes
from thaliron_napari.report.page import html_list, html_notes, html_page, html_table
from thaliron_napari.statistics.study import Description, StudyTable
from thaliron_napari.statistics.text import (
    description_cells,
    fit_cells,
    fit_summary,
    footnotes,
    format_number,
    p_in_words,
    study_cells,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def write_cohort_report(table: pd.DataFrame, path: str | Path) -> Path:
    """Write the page of a cohort, without its excluded cases: one HTML file that needs nothing but itself.

    Parameters
    ----------
    table : DataFrame
        A cohort table, as for `analyse_cohort`.
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
    write_text(path, cohort_page(analyse_cohort(table)))
    return path


def cohort_page(made: CohortAnalysis, files: Iterable[tuple[str, str]] = ()) -> str:
    """The page as text; `files` are names and meanings of the files that lie beside it."""
    beside = [f"{name}: {meaning}" for name, meaning in files]
    parts = [
        "<header><p class='kicker'>ThalIron</p><h1>Thalamic susceptibility: cohort report</h1>",
        f"<p class='lead'>{escape(made.flow.sentence())}</p></header>",
        f"<p class='synthetic'><strong>Synthetic.</strong> {escape(made.synthetic)}</p>" if made.synthetic else "",
        "<h2>Cohort</h2>",
        _descriptives(made.described),
        "<h2>Regressions</h2>",
        *[_study_table(part, made.flow_notes) for part in (made.first, made.second, made.young)],
        "<h2>Associations with susceptibility</h2>",
        _associations(made),
        _forest(made),
        "<h2>Adjusted models in full, and their diagnostics</h2>",
        *[_model(model) for model in made.models],
        "" if made.models else "<p>No adjusted model could be fitted; the notes under the tables say why.</p>",
        "<h2>How these numbers came about</h2>",
        _methods(made.first, made.second),
        f"<h2>Files beside this page</h2>{html_list(beside)}" if beside else "",
    ]
    return html_page("Thalamic susceptibility: cohort report", parts)


def _descriptives(descriptions: Sequence[Description]) -> str:
    if not descriptions:
        return "<p>None of the study's columns is in this table.</p>"
    cells = [("", "n", "Mean ± SD, or count", "Range"), *description_cells(descriptions)]
    missing = [f"{d.label}: missing in {d.n_missing}" for d in descriptions if d.n_missing]
    return html_table(cells) + html_notes(missing)


def _study_table(table: StudyTable, notes: Sequence[str]) -> str:
    title = f"<h3>{escape(table.title)}</h3>"
    if not table.rows:
        return title + html_notes([*table.notes, *notes])
    groups = "<tr><td></td><th colspan='4'>Before adjustment</th><th colspan='4'>After adjustment</th></tr>"
    cells = [("", *("Coefficient", "95% CI", "P", "n") * 2), *study_cells(table)]
    return title + html_table(cells, groups=groups, gap=5) + html_notes([*footnotes(table), *notes])


def _associations(made: CohortAnalysis) -> str:
    if made.associations is None:
        return "<p>None of the outcomes could be regressed on the susceptibility; the notes under Table 1 say why.</p>"
    labels = [row.label for row in made.first.rows if row.before is not None]
    alt = "; ".join(f"{label} against relative susceptibility" for label in labels)
    return _picture(made.associations, alt, "Line of the unadjusted regression with the 95% band of the mean.")


def _forest(made: CohortAnalysis) -> str:
    if made.forest is None:
        return ""
    return _picture(
        made.forest,
        "Standardized coefficients of susceptibility before and after adjustment",
        "Table 1 on one axis: coefficients and 95% intervals in standard deviations of the outcome for one of the "
        "relative susceptibility, these taken as known. Filled where the interval leaves out 0.",
    )


def _model(model: Model) -> str:
    fit, d = model.fit, model.diagnostics
    cells = [
        ("", "Coefficient", "95% CI", "P", "VIF"),
        *[(*row, format_number(d.vif[row[0]], 2) if row[0] in d.vif else "") for row in fit_cells(fit)],
    ]
    test = d.breusch_pagan
    spread = f"Breusch-Pagan chi2({test.df}) = {test.chi2:.2f}, P {p_in_words(test.p)}"
    worst = int(np.argmax(np.nan_to_num(d.cooks_distance)))
    cook = f"largest Cook's distance {d.cooks_distance[worst]:.2f} ({model.names[worst]})"
    return (
        f"<section><h3 class='formula'>{escape(fit.formula)}</h3>"
        + html_table(cells)
        + html_notes([fit_summary(fit), f"{spread}; {cook}"])
        + _picture(model.figure, f"Diagnostic plots of {fit.formula}")
        + "</section>"
    )


def _methods(first: StudyTable, second: StudyTable) -> str:
    models = ", ".join(f"{row.outcome} ~ {row.predictor}" for row in first.rows)
    covariates = ", ".join(first.adjustment) or "none of the covariates, which are not in this table"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "scipy", "pandas"))
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
        f"thaliron-napari {__version__}, {versions}, Python {platform.python_version()}.",
    ]
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _picture(figure: Figure, alt: str, caption: str = "") -> str:
    data = base64.b64encode(figure_bytes(figure, "svg")).decode("ascii")
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure><img alt='{escape(alt)}' src='data:image/svg+xml;base64,{data}'>{said}</figure>"
