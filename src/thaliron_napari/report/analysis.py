"""The study's analysis of one cohort, computed and drawn once for the page and the files that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thaliron_napari.cohort.inclusion import Flow, included
from thaliron_napari.cohort.synthetic import synthetic_note
from thaliron_napari.statistics.diagnostics import Diagnostics, diagnose, fit_line
from thaliron_napari.statistics.forest import forest_rows
from thaliron_napari.statistics.models import Fit
from thaliron_napari.statistics.plots import draw_diagnostics, draw_forest, draw_line
from thaliron_napari.statistics.study import (
    LABELS,
    SUSCEPTIBILITY,
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

OLDEST = 50.0
"""Age in years up to which the study repeats a regression."""


@dataclass(frozen=True)
class Model:
    """An adjusted model behind the tables, with its diagnostics, their plots, and the names of the cases it used."""

    fit: Fit
    diagnostics: Diagnostics
    names: tuple[str, ...]
    figure: Figure


@dataclass(frozen=True)
class CohortAnalysis:
    """All that is shown of a cohort.

    `table` holds the cases analysed, as they were given; `flow` says what became of the others. `associations` and
    `forest` are None where no outcome could be regressed on susceptibility.
    """

    table: pd.DataFrame
    flow: Flow
    synthetic: str | None
    described: tuple[Description, ...]
    first: StudyTable
    second: StudyTable
    young: StudyTable
    associations: Figure | None
    forest: Figure | None
    models: tuple[Model, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What holds for all tables: that cases are synthetic, and how many were analysed where not all were."""
        return (*([self.synthetic] if self.synthetic else []), *self.flow_notes)

    @property
    def flow_notes(self) -> tuple[str, ...]:
        """How many cases were analysed, where not all were."""
        return (self.flow.sentence(),) if self.flow.analysed < self.flow.seen else ()


def analyse_cohort(table: pd.DataFrame, condition: str = "") -> CohortAnalysis:
    """Fit and draw the study's analysis of the cases of a cohort that are not excluded and fulfil a condition.

    Parameters
    ----------
    table : DataFrame
        A cohort table, as for `study_tables`; with a column ``excluded`` or without.
    condition : str
        Such as ``edss < 4``; see :func:`thaliron_napari.cohort.inclusion.included`.

    Raises
    ------
    TableError
        Where the condition cannot be read.
    """
    table, flow = included(table, condition)
    first, second = study_tables(table)
    note = synthetic_note(table)
    rows = [row for row in first.rows if row.before is not None]
    fits = {row.after_fit.formula: row.after_fit for row in (*first.rows, *second.rows) if row.after_fit is not None}
    return CohortAnalysis(
        table=table,
        flow=flow,
        synthetic=note,
        described=describe(table),
        first=first,
        second=second,
        young=age_subgroup(table, OLDEST),
        associations=_associations(rows, synthetic=note is not None) if rows else None,
        forest=_forest(rows, synthetic=note is not None) if rows else None,
        models=tuple(_model(table, fit, synthetic=note is not None) for fit in fits.values()),
    )


def _model(table: pd.DataFrame, fit: Fit, *, synthetic: bool) -> Model:
    from matplotlib.figure import Figure

    labels = table.loc[fit.design.index, "id"] if "id" in table.columns else fit.design.index
    names = tuple(str(label) for label in labels)
    diagnostics = diagnose(fit)
    figure = Figure(figsize=(8.4, 6.2))
    draw_diagnostics(list(figure.subplots(2, 2).flat), diagnostics, names)
    if synthetic:  # a file of its own may be shown without the page that says so
        figure.suptitle("synthetic data", fontsize="small")
    return Model(fit, diagnostics, names, _laid_out(figure))


def _forest(rows: Sequence[StudyRow], *, synthetic: bool) -> Figure:
    """Table 1 on one axis, in standard deviations: each outcome on susceptibility before and after adjustment."""
    from matplotlib.figure import Figure

    fits, names = [], []
    for row in rows:
        for fit, name in ((row.before_fit, "before adjustment"), (row.after_fit, "after adjustment")):
            if fit is not None:
                fits.append(fit)
                names.append(name)
    lines = forest_rows(fits, predictors=[SUSCEPTIBILITY], standardize=True, labels=LABELS, model_names=names)
    figure = Figure(figsize=(8.4, 1.0 + 0.35 * len(lines)))
    ax = figure.subplots()
    draw_forest(ax, lines, "SD of the outcome for one SD of susceptibility, 95% CI")
    if synthetic:
        ax.set_title("synthetic data", fontsize="small")
    return _laid_out(figure)


def _associations(rows: Sequence[StudyRow], *, synthetic: bool) -> Figure:
    """Each outcome against susceptibility with its unadjusted line and band, two plots a line."""
    from matplotlib.figure import Figure

    lines = (len(rows) + 1) // 2
    figure = Figure(figsize=(8.4, 3.1 * lines))
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
    """The figure with its layout found once: a figure that has a layout engine is drawn twice for each file of it."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.09).execute(figure)
    return figure
