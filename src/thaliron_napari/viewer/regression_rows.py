"""What the regression view shows: one line a coefficient, before and after adjustment, with the fits behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thaliron_napari.statistics.models import Fit, before_and_after
from thaliron_napari.statistics.study import LABELS, StudyTable, age_subgroup, study_columns, study_tables
from thaliron_napari.statistics.text import fit_cells, fit_summary, footnotes, study_cells


@dataclass(frozen=True)
class Line:
    """One line: its nine cells, the coefficient's name, and the fits it is from."""

    cells: tuple[str, ...]
    name: str
    before: Fit | None
    after: Fit | None


@dataclass(frozen=True)
class Results:
    """What a fit or a preset gave: a title, lines, and what stands beneath them."""

    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


PRESETS: Mapping[str, Callable[[Any], StudyTable]] = {
    "Table 1": lambda table: study_tables(table)[0],
    "Table 2": lambda table: study_tables(table)[1],
    "Age ≤ 50": age_subgroup,
}


def preset_results(table: Any, name: str) -> Results:
    """One of the study's tables for a cohort."""
    made = PRESETS[name](table)
    lines = tuple(
        Line(cells, (row.before or row.after).name if row.before or row.after else "", row.before_fit, row.after_fit)
        for cells, row in zip(study_cells(made), made.rows, strict=True)
    )
    return Results(made.title, lines, footnotes(made))


def model_results(table: Any, outcome: str, predictors: Sequence[str], covariates: Sequence[str]) -> Results:
    """Each predictor alone, and all with the covariates in one model.

    Raises
    ------
    ModelError
        When a model cannot be fitted to this cohort.
    """
    found = before_and_after(study_columns(table), outcome, predictors, covariates)
    adjusted = len(predictors) + len(covariates) > 1
    lines = []
    for predictor, alone in zip(predictors, found.before, strict=True):
        for coefficient in found.after.of(predictor):
            before = _cells(alone, coefficient.name)
            after = _cells(found.after, coefficient.name) if adjusted else ("–",) * 4
            label = _label(found.after, predictor, coefficient.name)
            lines.append(Line((label, *before, *after), coefficient.name, alone, found.after if adjusted else None))
    notes = ["* P < .05"]
    if covariates:
        notes.append(f"Adjusted for: {', '.join(covariates)}")
    if len(predictors) > 1:
        notes.append(f"After: {', '.join(predictors)} in one model")
    notes += [f"Before: {alone.formula}: {fit_summary(alone)}" for alone in found.before]
    if adjusted:
        notes.append(f"After: {found.after.formula}: {fit_summary(found.after)}")
    return Results(LABELS.get(outcome, outcome), tuple(lines), tuple(notes))


def _cells(fit: Fit, name: str) -> tuple[str, str, str, str]:
    """Coefficient, interval, P and n; nothing where this fit does not have the coefficient."""
    found = {row[0]: row[1:] for row in fit_cells(fit)}.get(name)
    return (*found, str(fit.n_used)) if found else ("–",) * 4


def _label(fit: Fit, predictor: str, name: str) -> str:
    label = LABELS.get(predictor, predictor)
    level = name[len(predictor) :].strip("[]")
    return f"{label}: {level} against {fit.references[predictor]}" if level else label
