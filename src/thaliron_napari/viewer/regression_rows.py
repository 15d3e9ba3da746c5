"""What the regression view shows: one line a coefficient, before and after adjustment, with the fits behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from thaliron_napari.statistics.formula import parse_formula
from thaliron_napari.statistics.logistic import LogisticFit, logistic_before_and_after
from thaliron_napari.statistics.models import Fit, Model, before_and_after
from thaliron_napari.statistics.study import LABELS, StudyTable, age_subgroup, describe, study_columns, study_tables
from thaliron_napari.statistics.text import (
    corrected_ps,
    description_cells,
    fit_cells,
    fit_summary,
    footnotes,
    format_p,
    odds_cells,
    study_cells,
)

COEFFICIENTS = ("", "Before:\ncoefficient", "\n95% CI", "\nP", "\nn", "After:\ncoefficient", "\n95% CI", "\nP", "\nn")
ODDS_RATIOS = tuple(words.replace("coefficient", "odds ratio") for words in COEFFICIENTS)
DESCRIPTIONS = ("", "Mean ± SD,\nor count", "\nRange", "", "\nn", "", "", "", "")
"""Heads of the nine columns."""


@dataclass(frozen=True)
class Line:
    """One line: its nine cells, the coefficient's name, and the fits it is from."""

    cells: tuple[str, ...]
    name: str
    before: Model | None
    after: Model | None

    @property
    def fits(self) -> tuple[Model, ...]:
        """Those that there are."""
        return tuple(fit for fit in (self.before, self.after) if fit is not None)

    @property
    def odds(self) -> bool:
        """Whether these are odds ratios."""
        return any(isinstance(fit, LogisticFit) for fit in self.fits)


@dataclass(frozen=True)
class Results:
    """What a fit or a preset gave: a title, lines, and what stands beneath them."""

    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    head: tuple[str, ...] = COEFFICIENTS


@dataclass(frozen=True)
class Choice:
    """A model as it is chosen in the view.

    Parameters
    ----------
    outcome : str
        A column, or a term such as ``ln(lesion_ml)``.
    predictors, covariates : tuple of str
    logistic : bool
        Whether the outcome is yes or no.
    errors : str
        Of `thaliron_napari.statistics.fit`: ``ols``, ``hc1``, ``hc3`` or ``cluster``.
    cluster : str, optional
        Column by which errors are clustered.
    correction : str, optional
        For the number of tests: ``holm`` or ``fdr``.
    references : mapping
        Reference level by column.
    """

    outcome: str
    predictors: tuple[str, ...]
    covariates: tuple[str, ...] = ()
    logistic: bool = False
    errors: str = "ols"
    cluster: str | None = None
    correction: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)


PRESETS: Mapping[str, Callable[[Any], StudyTable]] = {
    "Table 1": lambda table: study_tables(table)[0],
    "Table 2": lambda table: study_tables(table)[1],
    "Age ≤ 50": age_subgroup,
}


def preset_results(table: Any, name: str, correction: str | None = None) -> Results:
    """One of the study's tables for a cohort."""
    made = PRESETS[name](table)
    lines = tuple(
        Line(cells, (row.before or row.after).name if row.before or row.after else "", row.before_fit, row.after_fit)
        for cells, row in zip(study_cells(made, correction), made.rows, strict=True)
    )
    said = (*footnotes(made, correction), "Errors as least squares has them, as in the study")
    return Results(made.title, lines, said)


def descriptions(table: Any) -> Results:
    """The cohort as a paper describes it: numbers, means, counts; nothing to be plotted."""
    blank = ("",) * 4
    lines = [
        Line((label, middle, spread, "", n, *blank), "", None, None)
        for label, n, middle, spread in description_cells(describe(table))
    ]
    return Results("The cohort", tuple(lines), (), DESCRIPTIONS)


def formula_choice(words: str, chosen: Choice) -> Choice:
    """A model from a formula such as ``ln(lesion_ml) ~ chi_ppb + age + category(site)``; all else as chosen.

    Raises
    ------
    ModelError
        When the formula cannot be read.
    """
    read = parse_formula(words)
    return Choice(
        read.outcome,
        read.predictors,
        (),
        chosen.logistic,
        chosen.errors,
        chosen.cluster,
        chosen.correction,
        read.references,
    )


def model_results(table: Any, choice: Choice) -> Results:
    """Each predictor alone, and all with the covariates in one model.

    Raises
    ------
    ModelError
        When a model cannot be fitted to this cohort.
    """
    work = logistic_before_and_after if choice.logistic else before_and_after
    found = work(
        study_columns(table),
        choice.outcome,
        choice.predictors,
        choice.covariates,
        references=choice.references,
        errors=choice.errors,
        cluster=choice.cluster,
    )
    adjusted = len(choice.predictors) + len(choice.covariates) > 1
    rows = [
        (predictor, alone, coefficient.name)
        for predictor, alone in zip(choice.predictors, found.before, strict=True)
        for coefficient in found.after.of(predictor)
    ]
    before = _cells([alone for _, alone, _ in rows], [name for *_, name in rows], choice.correction)
    after = _cells([found.after] * len(rows), [name for *_, name in rows], choice.correction)
    lines = []
    for (predictor, alone, name), first, second in zip(rows, before, after, strict=True):
        label = _label(found.after, predictor, name)
        cells = (label, *first, *(second if adjusted else ("–",) * 4))
        lines.append(Line(cells, name, alone, found.after if adjusted else None))
    title, head = LABELS.get(choice.outcome, choice.outcome), ODDS_RATIOS if choice.logistic else COEFFICIENTS
    return Results(title, tuple(lines), tuple(_notes(choice, found, adjusted)), head)


def _notes(choice: Choice, found: Any, adjusted: bool) -> list[str]:
    notes = ["* P < .05"]
    if choice.logistic:
        notes.append("Odds ratios")
    if choice.correction:
        notes.append(f"P in brackets: corrected by {choice.correction.upper()}, before and after each a family")
    if choice.covariates:
        notes.append(f"Adjusted for: {', '.join(choice.covariates)}")
    if len(choice.predictors) > 1:
        notes.append(f"After: {', '.join(choice.predictors)} in one model")
    notes += [f"Before: {alone.formula}: {fit_summary(alone)}" for alone in found.before]
    if adjusted:
        notes.append(f"After: {found.after.formula}: {fit_summary(found.after)}")
    if isinstance(found.after, Fit):
        notes += _assumptions(found.after)
    notes += dict.fromkeys(sentence for fit in (*found.before, found.after) for sentence in fit.notes)
    return notes


def _assumptions(fit: Fit) -> list[str]:
    """What the assumptions of the adjusted model are judged by, and the standardized coefficients."""
    from thaliron_napari.statistics.diagnostics import diagnose
    from thaliron_napari.statistics.models import standardized
    from thaliron_napari.statistics.text import diagnostics_in_words

    found = diagnose(fit)
    beta = ", ".join(f"{name} {value:.3f}" for name, value in standardized(fit).items())
    vif = ", ".join(f"{name} {value:.2f}" for name, value in found.vif.items())
    return [f"Standardized coefficients: {beta}", f"VIF: {vif}", *diagnostics_in_words(found)]


def _cells(fits: Sequence[Model], names: Sequence[str], correction: str | None) -> list[tuple[str, str, str, str]]:
    """Coefficient or odds ratio, interval, P and n of each; nothing where a fit does not have the coefficient."""
    found = []
    for fit, name in zip(fits, names, strict=True):
        cells = odds_cells(fit) if isinstance(fit, LogisticFit) else fit_cells(fit)
        row = {cell[0]: cell[1:] for cell in cells}.get(name)
        found.append((*row, str(fit.n_used)) if row else ("–",) * 4)
    coefficients = [fit[name] if name in {c.name for c in fit.coefficients} else None
                    for fit, name in zip(fits, names, strict=True)]  # fmt: skip
    corrected = corrected_ps(coefficients, correction)
    return [
        (estimate, interval, p if other is None else f"{p} [{format_p(other)}]", n)
        for (estimate, interval, p, n), other in zip(found, corrected, strict=True)
    ]


def _label(fit: Model, predictor: str, name: str) -> str:
    label = LABELS.get(predictor, predictor)
    level = name[len(predictor) :].strip("[]")
    return f"{label}: {level} against {fit.references[predictor]}" if level else label
