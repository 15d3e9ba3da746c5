"""The study's regressions of a cohort as a folder of files: tables, diagnostics, and the page that shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thaliron_napari.cohort.files import write_bytes, write_text
from thaliron_napari.cohort.table import write_table
from thaliron_napari.errors import TableError
from thaliron_napari.report.analysis import CohortAnalysis, analyse_cohort
from thaliron_napari.report.cohort import cohort_page
from thaliron_napari.report.docx import word_document
from thaliron_napari.report.figure_files import KINDS, Kind, figure_bytes
from thaliron_napari.report.latex import latex_tables
from thaliron_napari.report.r_script import r_script
from thaliron_napari.report.replication import replication
from thaliron_napari.report.sheets import study_sheets
from thaliron_napari.report.stata_script import stata_script
from thaliron_napari.report.workbook import workbook
from thaliron_napari.statistics.study import StudyTable
from thaliron_napari.statistics.text import format_descriptions, format_fit, format_tables

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def write_regression(
    table: pd.DataFrame, out: str | Path, condition: str = "", *, figures: Sequence[Kind] = KINDS
) -> list[Path]:
    """Write the study's analysis of a cohort into a folder, which is made where it is not there.

    Written are, of the cases that are not excluded and fulfil the condition:

    - ``table1.csv``, ``table2.csv``, ``age50.csv`` and ``descriptives.csv`` with every digit, ``diagnostics.csv`` (one
      row a case and model);
    - the tables as printed: ``tables.txt``, ``tables.xlsx``, ``tables.docx``, ``tables.tex``;
    - ``associations``, ``forest`` and ``diagnostics_<outcome>``, each in every kind of figure;
    - ``cohort.csv`` and ``cohort.dta`` with the columns of the models, and ``tables.R`` and ``tables.do``, which fit
      the models again from these;
    - ``report.html``, which says what each of these files is.

    Parameters
    ----------
    table : DataFrame
        A cohort table, as for `analyse_cohort`.
    out : path
    condition : str
        Which cases are analysed, such as ``edss < 4``; empty asks nothing.
    figures : sequence of {"svg", "png", "pdf"}

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    TableError
        Where the condition cannot be read, or the folder or a file cannot be written.
    """
    out = Path(out)
    made = analyse_cohort(table, condition)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TableError(f"{out} cannot be made: {error.strerror or error}") from None
    meanings: dict[str, str] = {}

    def keep(name: str, content: str | bytes | pd.DataFrame, meaning: str) -> None:
        if isinstance(content, str):
            write_text(out / name, content)
        elif isinstance(content, bytes):
            write_bytes(out / name, content)
        else:
            write_table(content, out / name)
        meanings[name] = meaning

    sheets = study_sheets(made)
    for name, sheet in zip(("table1.csv", "table2.csv", "age50.csv"), sheets, strict=True):
        keep(name, study_frame(sheet.table), f"{sheet.name} with every digit")
    keep("descriptives.csv", _descriptives(made), "the cohort's descriptives with every digit")
    if made.models:
        keep("diagnostics.csv", diagnostics_frame(made), "residuals and influence, one row a case and model")
    keep("tables.txt", _text(made), "the tables and the adjusted models as text")
    keep("tables.xlsx", workbook(sheets), "the tables as a workbook, a sheet each")
    keep("tables.docx", word_document(sheets), "the tables as a Word document")
    keep("tables.tex", latex_tables(sheets), "the tables for LaTeX, to be taken in by \\input (package booktabs)")
    for name, figure, meaning in _figures(made):
        for kind in figures:
            keep(f"{name}.{kind}", figure_bytes(figure, kind), meaning)
    if again := replication(made):
        note = f" ({made.synthetic})" if made.synthetic else ""
        keep("cohort.csv", again.data, f"the cases analysed, with the columns of the models{note}")
        write_table(again.data, out / "cohort.dta", again.dictionary)
        meanings["cohort.dta"] = "the same for Stata"
        keep("tables.R", r_script(again, "cohort.csv"), "fits every model again in R and prints the tables")
        keep("tables.do", stata_script(again, "cohort.dta"), "fits every model again in Stata")
    write_text(out / "report.html", cohort_page(made, meanings.items()))
    return [out / name for name in (*meanings, "report.html")]


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


def _text(made: CohortAnalysis) -> str:
    parts = [
        format_tables(made.first, made.second, made.young, notes=made.notes),
        format_descriptions(made.described),
        *[format_fit(model.fit) for model in made.models],
    ]
    return "\n".join(parts)


def _figures(made: CohortAnalysis) -> Iterator[tuple[str, Figure, str]]:
    """Name, drawing and meaning."""
    if made.associations is not None:
        yield "associations", made.associations, "each outcome against susceptibility"
    if made.forest is not None:
        yield "forest", made.forest, "Table 1 on one axis, in standard deviations"
    for model in made.models:
        plain = re.sub(r"\W+", "_", model.fit.outcome).strip("_")
        yield f"diagnostics_{plain}", model.figure, f"diagnostic plots of {model.fit.formula}"
