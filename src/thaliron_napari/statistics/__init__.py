"""Regression models, the study's tables, their diagnostics and power; knows data frames, not images."""

from thaliron_napari.statistics.models import BeforeAndAfter, Coefficient, Fit, before_and_after, fit
from thaliron_napari.statistics.study import StudyRow, StudyTable, age_subgroup, describe, study_columns, study_tables
from thaliron_napari.statistics.text import format_descriptions, format_fit, format_tables

__all__ = [
    "BeforeAndAfter",
    "Coefficient",
    "Fit",
    "StudyRow",
    "StudyTable",
    "age_subgroup",
    "before_and_after",
    "describe",
    "fit",
    "format_descriptions",
    "format_fit",
    "format_tables",
    "study_columns",
    "study_tables",
]
