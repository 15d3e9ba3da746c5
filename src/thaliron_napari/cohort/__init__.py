"""The table of measured cases: collected, joined with covariates, read and written."""

from thaliron_napari.cohort.collect import collect, collect_dictionary
from thaliron_napari.cohort.delimited import to_clipboard_text
from thaliron_napari.cohort.joining import Joined, append_case, join_covariates
from thaliron_napari.cohort.meanings import describe_columns
from thaliron_napari.cohort.synthetic import is_synthetic, synthetic_cohort, synthetic_dictionary, synthetic_note
from thaliron_napari.cohort.table import TABLE_SUFFIXES, read_table, write_table

__all__ = [
    "TABLE_SUFFIXES",
    "Joined",
    "append_case",
    "collect",
    "collect_dictionary",
    "describe_columns",
    "is_synthetic",
    "join_covariates",
    "read_table",
    "synthetic_cohort",
    "synthetic_dictionary",
    "synthetic_note",
    "to_clipboard_text",
    "write_table",
]
