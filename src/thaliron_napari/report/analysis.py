"""The study's analysis of one cohort, computed and drawn once for the page and the files that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thaliron_napari.cohort.synthetic import synthetic_note
from thaliron_napari.statistics.diagnostics import Diagnostics, diagnose, fit_line
from thaliron_napari.statistics.models import Fit
from thaliron_napari.statistics.plots import draw_diagnostics, draw_line
from thaliron_napari.statistics.study import (
    LABELS,
    Description,
    StudyRow,
    StudyTable,
    age_subgroup,
    describe,
    study_tables,
)
from thaliron_napari.statistics.text import p_in_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Model:
    """An adjusted model behind the tables, with its diagnostics, their plots, and the names of the cases it used."""

    fit: Fit
    diagnostics: Diagnostics
    names: tuple[str, ...]
    figure: Figure


@dataclass(frozen=True)
class CohortAnalysis:
    """All that is shown of a cohort. `associations` is None where no outcome could be regressed on susceptibility."""

    n: int
    synthetic: str | None
    described: tuple[Description, ...]
    first: StudyTable
    second: StudyTable
    young: StudyTable
    associations: Figure | None
    models: tuple[Model, ...]


def analyse_cohort(table: pd.DataFrame) -> CohortAnalysis:
    """Fit and draw the study's analysis of a cohort table."""
    first, second = study_tables(table)
    note = synthetic_note(table)
    rows = [row for row in first.rows if row.before is not None]
    fits = {row.after_fit.formula: row.after_fit for row in (*first.rows, *second.rows) if row.after_fit is not None}
    return CohortAnalysis(
        n=len(table),
        synthetic=note,
        described=describe(table),
        first=first,
        second=second,
        young=age_subgroup(table),
        associations=_associations(rows, synthetic=note is not None) if rows else None,
        models=tuple(_model(table, fit) for fit in fits.values()),
    )


def _model(table: pd.DataFrame, fit: Fit) -> Model:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    labels = table.loc[fit.design.index, "id"] if "id" in table.columns else fit.design.index
    names = tuple(str(label) for label in labels)
    diagnostics = diagnose(fit)
    figure = Figure(figsize=(8.4, 6.2), layout=ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.09))
    draw_diagnostics(list(figure.subplots(2, 2).flat), diagnostics, names)
    return Model(fit, diagnostics, names, _laid_out(figure))


def _associations(rows: Sequence[StudyRow], *, synthetic: bool) -> Figure:
    """Each outcome against susceptibility with its unadjusted line and band, two plots a line."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    lines = (len(rows) + 1) // 2
    figure = Figure(figsize=(8.4, 3.1 * lines), layout=ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.09))
    axes = list(figure.subplots(lines, 2, squeeze=False).flat)
    for ax, row in zip(axes, rows, strict=False):
        if row.before_fit is None or row.before is None:
            continue
        draw_line(ax, fit_line(row.before_fit, row.before.name), LABELS[row.predictor], row.label)
        said = f"n = {row.before.n}, P {p_in_words(row.before.p)}"
        ax.set_title(f"{said}; synthetic data" if synthetic else said, fontsize="small")
    for ax in axes[len(rows) :]:
        ax.set_visible(False)
    return _laid_out(figure)


def _laid_out(figure: Figure) -> Figure:
    """The figure with its layout found once, which takes as long as drawing it: each file made of it is then quick."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure
