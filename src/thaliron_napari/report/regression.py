"""The study's regressions of a cohort as a folder of files: tables, diagnostics, and the page that shows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from thaliron_napari.cohort.synthetic import synthetic_note
from thaliron_napari.cohort.table import write_table
from thaliron_napari.errors import TableError
from thaliron_napari.report.cohort import (
    adjusted_fits,
    associations_figure,
    diagnostics_figure,
    names_of,
    write_cohort_report,
)
from thaliron_napari.statistics.diagnostics import diagnose
from thaliron_napari.statistics.study import StudyTable, age_subgroup, describe, study_tables
from thaliron_napari.statistics.text import format_descriptions, format_fit, format_tables

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def write_regression(table: pd.DataFrame, out: str | Path) -> list[Path]:
    """Write the study's analysis of a cohort into a folder, which is made where it is not there.

    Written are ``table1.csv``, ``table2.csv``, ``age50.csv`` and ``descriptives.csv`` with every digit, ``tables.txt``
    as printed, ``diagnostics.csv`` (one row a case and model), ``associations.png``, ``diagnostics_<outcome>.png`` and
    ``report.html``.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    TableError
        Where the folder or a file cannot be written.
    """
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TableError(f"{out} cannot be made: {error.strerror or error}") from None
    first, second = study_tables(table)
    young = age_subgroup(table)
    fits = adjusted_fits(first, second)
    written: list[Path] = []
    for name, part in (("table1", first), ("table2", second), ("age50", young)):
        written += write_table(study_frame(part), out / f"{name}.csv")
    written += write_table(_descriptives(table), out / "descriptives.csv")
    note = synthetic_note(table)
    text = [
        format_tables(first, second, young, notes=[note] if note else []),
        format_descriptions(describe(table)),
        *[format_fit(fit) for fit in fits],
    ]
    written.append(_write_text(out / "tables.txt", "\n".join(text)))
    rows = [row for row in first.rows if row.before is not None]
    if rows:
        written.append(_write_png(associations_figure(rows), out / "associations.png"))
    if fits:
        written += write_table(diagnostics_frame(table, first, second), out / "diagnostics.csv")
    for fit in fits:
        figure = diagnostics_figure(fit, diagnose(fit), names_of(table, fit))
        plain = re.sub(r"\W+", "_", fit.outcome).strip("_")
        written.append(_write_png(figure, out / f"diagnostics_{plain}.png"))
    written.append(write_cohort_report(table, out / "report.html"))
    return written


def study_frame(table: StudyTable) -> pd.DataFrame:
    """A study table as numbers: one row a line of it, before and after adjustment, with n, df and the formulas."""
    import pandas as pd

    rows = []
    for row in table.rows:
        line: dict[str, object] = {"label": row.label, "outcome": row.outcome, "predictor": row.predictor}
        for when, coefficient, fit in (("before", row.before, row.before_fit), ("after", row.after, row.after_fit)):
            line |= {
                f"{when}_coefficient": coefficient.estimate if coefficient else None,
                f"{when}_standard_error": coefficient.standard_error if coefficient else None,
                f"{when}_ci_low": coefficient.ci_low if coefficient else None,
                f"{when}_ci_high": coefficient.ci_high if coefficient else None,
                f"{when}_p": coefficient.p if coefficient else None,
                f"{when}_n": fit.n_used if fit else None,
                f"{when}_left_out": fit.n_missing if fit else None,
                f"{when}_residual_df": fit.residual_df if fit else None,
                f"{when}_formula": fit.formula if fit else None,
            }
        rows.append(line)
    return pd.DataFrame(rows)


def diagnostics_frame(table: pd.DataFrame, first: StudyTable, second: StudyTable) -> pd.DataFrame:
    """Fitted value, residuals, leverage and Cook's distance of every case in every adjusted model."""
    import pandas as pd

    parts = []
    for fit in adjusted_fits(first, second):
        d = diagnose(fit)
        parts.append(
            pd.DataFrame(
                {
                    "model": fit.formula,
                    "id": names_of(table, fit),
                    "fitted": d.fitted,
                    "residual": d.residuals,
                    "standardized_residual": d.standardized,
                    "leverage": d.leverage,
                    "cooks_distance": d.cooks_distance,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _descriptives(table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    names = ("column", "label", "n", "n_missing", "mean", "sd", "low", "high", "count", "percent")
    return pd.DataFrame([{name: getattr(d, name) for name in names} for d in describe(table)], columns=list(names))


def _write_text(path: Path, text: str) -> Path:
    from thaliron_napari.cohort.files import write_text

    write_text(path, text)
    return path


def _write_png(figure: Figure, path: Path) -> Path:
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}") from None
    return path
