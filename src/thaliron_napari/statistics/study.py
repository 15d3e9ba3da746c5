"""The study's analysis as a preset: its two tables, the analysis of patients of 50 or younger, and its descriptives.

The tables are read in the one way in which their printed confidence intervals are consistent with each other:

- Table 1: thalamic volume (mm3), total grey matter volume (mm3), cortical thickness (mm) and the natural log of the
  lesion volume (ml) are each regressed on the relative susceptibility of the thalami (ppb), alone and together with
  age, sex, disease duration and therapy.
- Table 2: the relative susceptibility is regressed on each of presence of enhancing lesions, age, sex, therapy and
  disease duration alone, and on all five in one model.

Relative susceptibility is thalamus minus CSF: higher means more iron.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.models import Coefficient, Fit, fit
from thaliron_napari.statistics.transforms import term

if TYPE_CHECKING:
    import pandas as pd

SUSCEPTIBILITY = "chi_ppb"
COVARIATES = ("age", "sex", "duration", "dmt")
CHARACTERISTICS = ("enhancing", "age", "sex", "dmt", "duration")

LABELS: Mapping[str, str] = {
    "thalamus_mm3": "Thalamic volume (mm³)",
    "gm_mm3": "Total grey matter volume (mm³)",
    "thickness_mm": "Cortical thickness (mm)",
    "ln(lesion_ml)": "T2 lesion volume (ln ml)",
    "chi_ppb": "Relative susceptibility of the thalami (ppb)",
    "enhancing": "Presence of enhancing lesions",
    "age": "Age (years)",
    "sex": "Sex (female)",
    "dmt": "Use of disease-modifying therapy",
    "duration": "Disease duration (years)",
    "edss": "Expanded Disability Status Scale",
    "lesion_ml": "T2 lesion volume (ml)",
    "thalamus_ml": "Thalamic volume (ml)",
    "gm_ml": "Total grey matter volume (ml)",
}

# How the study rounds: at least so many decimals, and at least so many significant digits.
_DIGITS: Mapping[str, tuple[int, int]] = {
    "thalamus_mm3": (1, 2),
    "gm_mm3": (0, 2),
    "thickness_mm": (3, 1),
    "ln(lesion_ml)": (3, 2),
    "chi_ppb": (2, 2),
}

_DESCRIBED: Mapping[str, int] = {
    "age": 0,
    "duration": 1,
    "edss": 1,
    "chi_ppb": 1,
    "lesion_ml": 1,
    "thalamus_ml": 1,
    "gm_ml": 0,
    "thickness_mm": 2,
}
_COUNTED = ("sex", "dmt", "enhancing")

_WORDS = {
    "sex": {"f": 1.0, "female": 1.0, "w": 1.0, "woman": 1.0, "m": 0.0, "male": 0.0, "man": 0.0},
    "dmt": {"yes": 1.0, "y": 1.0, "true": 1.0, "no": 0.0, "n": 0.0, "false": 0.0},
    "enhancing": {"yes": 1.0, "y": 1.0, "true": 1.0, "no": 0.0, "n": 0.0, "false": 0.0},
}


@dataclass(frozen=True)
class StudyRow:
    """One line of a table: one coefficient before and after adjustment, each None where it could not be computed."""

    label: str
    outcome: str
    predictor: str
    before: Coefficient | None
    after: Coefficient | None
    before_fit: Fit | None
    after_fit: Fit | None
    digits: tuple[int, int]


@dataclass(frozen=True)
class StudyTable:
    """A table of the study. `adjustment` names the columns of the adjusted models, `notes` what could not be done."""

    title: str
    rows: tuple[StudyRow, ...]
    adjustment: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """What a column holds: mean, SD (n - 1) and range of a measure, or count and percent of those with a 1."""

    column: str
    label: str
    n: int
    n_missing: int
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    count: int | None = None
    percent: float | None = None
    decimals: int = 1


def study_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Copy of a cohort table with the study's volumes in mm3 beside those in ml, and words such as F, yes as 1 or 0.

    The thalamic volume is FreeSurfer's, as in the study, where at least as many cases have it as one by contour.
    """
    table = table.copy()
    for new, column in (("thalamus_mm3", _thalamic_column(table)), ("gm_mm3", "gm_ml")):
        if column in table.columns and new not in table.columns:
            try:
                millilitres = term(table, column)
            except ModelError:
                continue  # said where the column is used
            if millilitres.dtype == np.float64:
                table[new] = 1000.0 * millilitres
    for column, words in _WORDS.items():
        if column in table.columns:
            table[column] = _words_as_numbers(table[column], words)
    return table


def _thalamic_column(table: pd.DataFrame) -> str:
    ours, theirs = (
        int(table[name].notna().sum()) if name in table.columns else 0 for name in ("thalamus_ml", "fs_thalamus_ml")
    )
    return "fs_thalamus_ml" if theirs and theirs >= ours else "thalamus_ml"


def _on_morphometry(table: pd.DataFrame) -> list[str]:
    """What the reader has to know of where brain measures came from."""
    notes = []
    if "fs_thalamus_ml" in table.columns and "thalamus_mm3" not in table.columns:
        column = _thalamic_column(table)
        n = int(table["fs_thalamus_ml"].notna().sum())
        notes.append(f"thalamic volume is that of column {column!r}; {n} of {len(table)} cases have 'fs_thalamus_ml'")
    if "morphometry" in table.columns:
        programs = table["morphometry"].dropna().value_counts()
        if len(programs) > 1:
            each = ", ".join(f"{name} ({n})" for name, n in programs.items())
            notes.append(f"brain measures come from several programs, whose values differ: {each}")
    return notes


def study_tables(table: pd.DataFrame) -> tuple[StudyTable, StudyTable]:
    """Table 1 and Table 2 of the study from a cohort table.

    What cannot be computed is left empty and said in the notes of the table; all else is computed.

    Parameters
    ----------
    table : DataFrame
        One row a case; columns chi_ppb, thalamus_ml, gm_ml, thickness_mm, lesion_ml, enhancing, age, sex (1 female),
        dmt, duration, as far as they are there.
    """
    whence = _on_morphometry(table)
    table = study_columns(table)
    notes = _not_binary(table)
    outcomes = ("thalamus_mm3", "gm_mm3", "thickness_mm", "ln(lesion_ml)")
    return (
        _on_susceptibility(
            table, outcomes, "Table 1. Brain measures on the relative susceptibility of the thalami", [*whence, *notes]
        ),
        _of_susceptibility(table, notes),
    )


def age_subgroup(table: pd.DataFrame, oldest: float = 50.0) -> StudyTable:
    """Lesion volume on susceptibility among patients not older than `oldest` years, as in Table 1.

    The study repeats this one regression so, since white matter lesions of age could stand behind the association.
    """
    table = study_columns(table)
    title = f"Age {oldest:g} or younger. T2 lesion volume on the relative susceptibility of the thalami"
    try:
        age = term(table, "age")
    except ModelError as error:
        return StudyTable(title, (), (), (str(error),))
    if age.dtype != np.float64:
        return StudyTable(title, (), (), ("column 'age' holds text where numbers are needed",))
    young = (age <= oldest).to_numpy()
    unknown = int(age.isna().sum())
    note = f"{int(young.sum())} of {len(table)} cases are {oldest:g} or younger"
    if unknown:
        note += f"; {unknown} without an age left out"
    return _on_susceptibility(table[young], ("ln(lesion_ml)",), title, (note, *_not_binary(table)))


def describe(table: pd.DataFrame) -> tuple[Description, ...]:
    """Mean, SD and range of the study's measures, count and percent of its yes-or-no columns; absent ones left out."""
    table = study_columns(table)
    found = []
    for column in (
        "age",
        "sex",
        "duration",
        "dmt",
        "enhancing",
        *[c for c in _DESCRIBED if c not in ("age", "duration")],
    ):
        try:
            values = term(table, column)
        except ModelError:
            continue
        known = values.dropna()
        if values.dtype != np.float64 or known.empty:
            continue
        missing = int(len(values) - len(known))
        label = LABELS.get(column, column)
        if column in _COUNTED and set(known.unique()) <= {0.0, 1.0}:
            count = int(known.sum())
            found.append(
                Description(
                    column, label, len(known), missing, count=count, percent=100.0 * count / len(known), decimals=0
                )
            )
        else:
            found.append(
                Description(
                    column,
                    label,
                    len(known),
                    missing,
                    mean=float(known.mean()),
                    sd=float(known.std(ddof=1)) if len(known) > 1 else None,
                    low=float(known.min()),
                    high=float(known.max()),
                    decimals=_DESCRIBED.get(column, 2),
                )
            )
    return tuple(found)


def _on_susceptibility(table: pd.DataFrame, outcomes: Sequence[str], title: str, notes: Sequence[str]) -> StudyTable:
    """Each outcome ~ susceptibility, alone and with the covariates."""
    covariates, left_out = _usable(table, COVARIATES)
    problems = [*notes, *left_out] if covariates else [*notes, *left_out, "no covariate to adjust for"]
    rows: list[StudyRow] = []
    for outcome in outcomes:
        before = _try_fit(table, outcome, [SUSCEPTIBILITY], (), problems)
        adjust = before is not None and bool(covariates)
        after = _try_fit(table, outcome, [SUSCEPTIBILITY], covariates, problems) if adjust else None
        rows.extend(_rows(LABELS[outcome], outcome, SUSCEPTIBILITY, before, after))
    return StudyTable(title, tuple(rows), covariates, _unique(problems))


def _of_susceptibility(table: pd.DataFrame, notes: Sequence[str]) -> StudyTable:
    """Susceptibility ~ each characteristic alone, and all of them in one model."""
    title = "Table 2. Relative susceptibility of the thalami on baseline characteristics"
    usable, left_out = _usable(table, CHARACTERISTICS)
    problems = [*notes, *left_out]
    together = _try_fit(table, SUSCEPTIBILITY, usable, (), problems) if len(usable) > 1 else None
    rows: list[StudyRow] = []
    for name in CHARACTERISTICS:
        alone = _try_fit(table, SUSCEPTIBILITY, [name], (), problems) if name in usable else None
        rows.extend(_rows(LABELS[name], SUSCEPTIBILITY, name, alone, together if name in usable else None))
    return StudyTable(title, tuple(rows), usable if together else (), _unique(problems))


def _rows(label: str, outcome: str, predictor: str, before: Fit | None, after: Fit | None) -> list[StudyRow]:
    """One row, or one for each level where the predictor is a column of texts."""
    fitted = before or after
    names = [c.name for c in fitted.of(predictor)] if fitted else [predictor]
    rows = []
    for name in names:
        level = name[len(predictor) :].strip("[]")
        rows.append(
            StudyRow(
                label=f"{label}: {level} against {fitted.references[predictor]}" if level and fitted else label,
                outcome=outcome,
                predictor=predictor,
                before=_coefficient(before, name),
                after=_coefficient(after, name),
                before_fit=before,
                after_fit=after,
                digits=_DIGITS[outcome],
            )
        )
    return rows


def _coefficient(fitted: Fit | None, name: str) -> Coefficient | None:
    return next((c for c in fitted.coefficients if c.name == name), None) if fitted else None


def _usable(table: pd.DataFrame, names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Columns that can enter a model, and a sentence for each that cannot."""
    usable, said = [], []
    for name in names:
        try:
            known = term(table, name).dropna()
        except ModelError as error:
            missing = name not in table.columns
            said.append(f"column {name!r} is not in the table: left out of the models" if missing else str(error))
            continue
        if known.empty:
            said.append(f"column {name!r} has no values: left out of the models")
        elif known.nunique() == 1:
            said.append(f"column {name!r} is {_plain(known.iloc[0])} in every case: left out of the models")
        else:
            usable.append(name)
    return tuple(usable), said


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _try_fit(
    table: pd.DataFrame, outcome: str, predictors: Sequence[str], covariates: Sequence[str], problems: list[str]
) -> Fit | None:
    absent = [name for name in (outcome, *predictors) if name not in table.columns and not name.startswith("ln(")]
    if absent:
        source = absent[0].replace("_mm3", "_ml")
        problems.append(f"column {source!r} is not in the table: no {LABELS[outcome][0].lower()}{LABELS[outcome][1:]}")
        return None
    try:
        return fit(table, outcome, predictors, covariates)
    except ModelError as error:
        problems.append(f"{LABELS[outcome]}: {error}")
        return None


def _words_as_numbers(column: pd.Series, words: Mapping[str, float]) -> pd.Series:
    """1 and 0 for the words known; the column unchanged where it holds any other text."""
    texts = {value for value in column.dropna().unique() if isinstance(value, str)}
    known = {text: words[text.strip().lower()] for text in texts if text.strip().lower() in words}
    if not texts or len(known) < len(texts) or len(texts) < column.dropna().nunique():
        return column
    return column.map(known).astype("float64")


def _not_binary(table: pd.DataFrame) -> tuple[str, ...]:
    """A sentence for each yes-or-no column that holds other numbers, such as a sex of 1 and 2."""
    said = []
    for name in _COUNTED:
        if name in table.columns:
            try:
                values = term(table, name).dropna()
            except ModelError:
                continue
            if values.dtype == np.float64 and not set(values.unique()) <= {0.0, 1.0}:
                found = ", ".join(f"{value:g}" for value in sorted(values.unique())[:4])
                said.append(
                    f"column {name!r} holds {found}, not 0 and 1: its coefficient is for one step of these numbers"
                )
    return tuple(said)


def _unique(sentences: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentences))
