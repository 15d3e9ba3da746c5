"""Regression models, the study's tables, their diagnostics and power; knows data frames, not images."""

from thaliron_napari.statistics.formula import Formula, parse_formula
from thaliron_napari.statistics.logistic import LogisticFit, fit_logistic, logistic_before_and_after
from thaliron_napari.statistics.models import (
    BeforeAndAfter,
    Coefficient,
    Fit,
    Model,
    before_and_after,
    fit,
    fit_formula,
    standardized,
    with_errors,
)
from thaliron_napari.statistics.multiple import corrected
from thaliron_napari.statistics.study import StudyRow, StudyTable, age_subgroup, describe, study_columns, study_tables
from thaliron_napari.statistics.text import format_descriptions, format_fit, format_tables

__all__ = [
    "BeforeAndAfter",
    "Coefficient",
    "Fit",
    "Formula",
    "LogisticFit",
    "Model",
    "StudyRow",
    "StudyTable",
    "age_subgroup",
    "before_and_after",
    "corrected",
    "describe",
    "fit",
    "fit_formula",
    "fit_logistic",
    "format_descriptions",
    "format_fit",
    "format_tables",
    "logistic_before_and_after",
    "parse_formula",
    "standardized",
    "study_columns",
    "study_tables",
    "with_errors",
]
