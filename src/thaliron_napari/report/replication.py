"""What another statistics program needs to fit the study's tables again: the data, and each model in its words.

The data are the cases analysed and of their columns those that the tables are made of; all else, which may say who a
patient is, is left out. Names are such that Stata and R take them as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thaliron_napari.cohort.stata import stata_names
from thaliron_napari.errors import ModelError
from thaliron_napari.report.analysis import CohortAnalysis
from thaliron_napari.report.sheets import Sheet, study_sheets
from thaliron_napari.statistics.models import Coefficient, Fit
from thaliron_napari.statistics.study import LABELS, StudyRow, study_columns
from thaliron_napari.statistics.transforms import term

if TYPE_CHECKING:
    import pandas as pd

_LN = re.compile(r"ln\((?P<column>\w+)\)")
_ML = re.compile(r"(?P<structure>\w+)_mm3")

# Columns whose words `study_columns` turns into 0 and 1.
_CODES = {"sex": ("male", "female"), "dmt": ("no", "yes"), "enhancing": ("no", "yes")}


@dataclass(frozen=True)
class Made:
    """A variable that the scripts compute: `function` ("ln" or none, "") of `factor` times the variable `source`."""

    name: str
    label: str
    source: str
    factor: int
    function: str


@dataclass(frozen=True)
class Replication:
    """Everything that the scripts are written from.

    Parameters
    ----------
    data : DataFrame
        ``id`` where there is one, and the columns of the models, under plain names.
    dictionary : mapping
        Of its columns, as far as they are not known to the program.
    made : tuple of Made
    levels : mapping of str to tuple of str
        Levels of the variables that are text, in the order of their codes.
    sheets : tuple of Sheet
        The tables, the last of which is that of the younger.
    names : mapping of str to str
        Variable by what a model calls it.
    """

    data: pd.DataFrame
    dictionary: Mapping[str, Mapping[str, Any]]
    made: tuple[Made, ...]
    levels: Mapping[str, tuple[str, ...]]
    sheets: tuple[Sheet, Sheet, Sheet]
    names: Mapping[str, str]

    def terms(self, fit: Fit) -> list[str]:
        """Variables of a model's right side."""
        return [self.names[name] for name in (*fit.predictors, *fit.covariates)]

    def code(self, variable: str, level: str) -> int:
        """Number of a level of a text variable, from 1."""
        return self.levels[variable].index(level) + 1

    def code_of(self, row: StudyRow, coefficient: Coefficient) -> int | None:
        """Number of the level that a row's coefficient is of, None where its variable is numbers."""
        variable = self.names[row.predictor]
        return self.code(variable, coefficient.name[len(row.predictor) + 1 : -1]) if variable in self.levels else None


def replication(made: CohortAnalysis) -> Replication | None:
    """Data and models of the study's tables; None where there is no model to fit again."""
    sheets = study_sheets(made)
    fits = [fit for s in sheets for row in s.table.rows for fit in (row.before_fit, row.after_fit) if fit is not None]
    if not fits:
        return None
    given = made.table
    coded = study_columns(given)
    used = [name for name in LABELS if any(name in (f.outcome, *f.predictors, *f.covariates) for f in fits)]
    wanted = [name for name in LABELS if name in given.columns]  # what is only described is there too
    columns: dict[str, Any] = {"id": given["id"]} if "id" in given.columns else {}
    variables = dict(zip(wanted, stata_names(wanted), strict=True))
    for name in wanted:
        try:
            columns[variables[name]] = _whole(term(coded, name))
        except ModelError:
            continue  # no model has it
    computed = []
    for name in used:
        if name not in given.columns:
            computed.append(_made(name))
            variables[name] = computed[-1].name
    import pandas as pd

    data = pd.DataFrame(columns)
    texts = [name for name in used if variables[name] in data and data[variables[name]].dtype.kind not in "if"]
    return Replication(
        data=data,
        dictionary={name: _entry(*codes) for name, codes in _coded(given, coded).items()},
        made=tuple(computed),
        levels={variables[name]: _levels(data[variables[name]]) for name in texts},
        sheets=sheets,
        names=variables,
    )


def _made(name: str) -> Made:
    if found := _LN.fullmatch(name):
        return Made(f"ln_{found['column']}", LABELS[name], found["column"], 1, "ln")
    found = _ML.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no column and no transform that the study has")
    return Made(name, LABELS[name], f"{found['structure']}_ml", 1000, "")


def _whole(column: pd.Series) -> pd.Series:
    """Whole numbers as such."""
    if column.dtype == np.float64 and column.notna().all() and (column == column.round()).all():
        return column.astype(np.int64) if (column.abs() < 2**31).all() else column
    return column


def _levels(column: pd.Series) -> tuple[str, ...]:
    """In the order of their characters' codes, in which Stata numbers them and a model takes them."""
    return tuple(sorted({str(value) for value in column.dropna()}))


def _coded(given: pd.DataFrame, coded: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Label and words for 0 and 1 of the columns that were given as words."""
    return {
        name: (LABELS[name].partition(" (")[0], *words)
        for name, words in _CODES.items()
        if name in given.columns and _is_text(given, name) and not _is_text(coded, name)
    }


def _is_text(table: pd.DataFrame, name: str) -> bool:
    try:
        return bool(term(table, name).dtype != np.float64)
    except ModelError:
        return True


def _entry(label: str, no: str, yes: str) -> dict[str, Any]:
    return {"Description": label, "Levels": {"0": no, "1": yes}}
