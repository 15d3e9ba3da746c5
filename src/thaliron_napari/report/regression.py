"""The study's regressions of a cohort as a folder of files: tables, diagnostics, and the page that shows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from thaliron_napari.cohort.files import write_text
from thaliron_napari.cohort.table import write_table
from thaliron_napari.errors import TableError
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.report.analysis import CohortAnalysis, analyse_cohort
from thaliron_napari.report.cohort import cohort_page
from thaliron_napari.statistics.study import StudyTable
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
    made = analyse_cohort(table)
    written: list[Path] = []
    for name, part in (("table1", made.first), ("table2", made.second), ("age50", made.young)):
        written += write_table(study_frame(part), out / f"{name}.csv")
    written += write_table(_descriptives(made), out / "descriptives.csv")
    text = [
        format_tables(made.first, made.second, made.young, notes=[made.synthetic] if made.synthetic else []),
        format_descriptions(made.described),
        *[format_fit(model.fit) for model in made.models],
    ]
    write_text(out / "tables.txt", "\n".join(text))
    written.append(out / "tables.txt")
    if made.associations is not None:
        written.append(_write_png(made.associations, out / "associations.png"))
    if made.models:
        written += write_table(diagnostics_frame(made), out / "diagnostics.csv")
    for model in made.models:
        plain = re.sub(r"\W+", "_", model.fit.outcome).strip("_")
        written.append(_write_png(model.figure, out / f"diagnostics_{plain}.png"))
    write_text(out / "report.html", cohort_page(made))
    written.append(out / "report.html")
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


def diagnostics_frame(made: CohortAnalysis) -> pd.DataFrame:
    """Fitted value, residuals, leverage and Cook's distance of every case in every adjusted model."""
    import pandas as pd

    parts = []
    for model in made.models:
        d = model.diagnostics
        parts.append(
            pd.DataFrame(
                {
                    "model": model.fit.formula,
                    "id": list(model.names),
                    "fitted": d.fitted,
                    "residual": d.residuals,
                    "standardized_residual": d.standardized,
                    "leverage": d.leverage,
                    "cooks_distance": d.cooks_distance,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _descriptives(made: CohortAnalysis) -> pd.DataFrame:
    import pandas as pd

    names = ("column", "label", "n", "n_missing", "mean", "sd", "low", "high", "count", "percent")
    return pd.DataFrame([{name: getattr(d, name) for name in names} for d in made.described], columns=list(names))


def _write_png(figure: Figure, path: Path) -> Path:
    try:
        replace_file(path, lambda beside: figure.savefig(beside, format="png", dpi=150))
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}") from None
    return path
