"""The study's tables as a Stata do-file that fits every model again."""

from __future__ import annotations

from thaliron_napari.report.analysis import OLDEST
from thaliron_napari.report.replication import Replication
from thaliron_napari.report.sheets import FIRST_AFTER, Sheet, decimals_of
from thaliron_napari.statistics.models import Coefficient, Fit
from thaliron_napari.statistics.study import StudyRow

_UNSAFE = str.maketrans({'"': "'", "`": "'", "$": "", "\\": "/"})


def stata_script(made: Replication, data: str) -> str:
    """The do-file; `data` is the name of the data set (.dta) beside it with `made.data`."""
    first, second, young = made.sheets
    lines = [_HEAD.replace("DATA", data), *_data(made, data)]
    conditions = ("", "", f" if age <= {OLDEST:g}")
    for number, (sheet, condition) in enumerate(zip((first, second, young), conditions, strict=True), start=1):
        if sheet.cells:
            lines += ["", *_table(made, sheet, number, condition)]
    return "\n".join(lines) + "\n"


def stata_text(text: str) -> str:
    """Text in quotes; a sign that Stata would take for a macro or the end of the text is another or left out.

    Examples
    --------
    >>> print(stata_text('a "b" $c'))
    "a 'b' c"
    """
    plain = "".join(character if character.isprintable() else " " for character in text)
    return f'"{plain.translate(_UNSAFE)}"'


def _data(made: Replication, data: str) -> list[str]:
    lines = [f'use "{data}", clear']
    for name in made.levels:
        lines += [f"encode {name}, generate({_coded(name)})", f"label list {_coded(name)}"]
    for variable in made.made:
        value = f"{variable.factor} * {variable.source}" if variable.factor != 1 else variable.source
        lines += [
            f"generate double {variable.name} = {f'ln({value})' if variable.function == 'ln' else value}",
            f"label variable {variable.name} {stata_text(variable.label)}",
        ]
    return lines


def _table(made: Replication, sheet: Sheet, number: int, condition: str) -> list[str]:
    """Each model once, with the lines of the table that it gives, then all of them beside each other."""
    lines = [f"display _newline as result {stata_text(sheet.title)}"]
    shown: dict[str, list[str]] = {}
    fits: dict[str, Fit] = {}
    for row, cells in zip(sheet.table.rows, sheet.cells, strict=True):
        for coefficient, fit, printed in (
            (row.before, row.before_fit, cells[1:FIRST_AFTER]),
            (row.after, row.after_fit, cells[FIRST_AFTER:]),
        ):
            if coefficient is not None and fit is not None:
                fits[fit.formula] = fit
                shown.setdefault(fit.formula, []).append(_line(made, row, coefficient, fit, printed))
    names = []
    for place, (formula, fit) in enumerate(fits.items(), start=1):
        names.append(f"table{number}_model{place}")
        right = " ".join(_term(made, fit, name) for name in (*fit.predictors, *fit.covariates))
        lines += [
            f"regress {made.names[fit.outcome]} {right}{condition}",
            f"estimates store {names[-1]}",
            *shown[formula],
        ]
    if names:
        lines += [f"estimates table {' '.join(names)}, ///", "    b(%12.0g) se(%12.0g) p(%6.4f) stats(N df_r r2)"]
    return [*lines, *[f"display as text {stata_text(note)}" for note in sheet.notes]]


def _line(made: Replication, row: StudyRow, coefficient: Coefficient, fit: Fit, printed: tuple[str, ...]) -> str:
    """The call that shows a coefficient with as many decimals as the table, and beside it what the table has."""
    estimate, interval, p, n = printed
    low, _, high = interval.partition(", ")
    code = made.code_of(row, coefficient)
    variable = made.names[row.predictor]
    name = variable if code is None else f"{code}.{_coded(variable)}"
    formats = " ".join(_format(text) for text in (estimate, low, high))
    said = f"{row.label}: {estimate} ({interval}), P {p.rstrip('*')}, n {n}"
    return f"thaliron_row {name} {formats} {stata_text(said)}"


def _format(text: str) -> str:
    """A display format that shows a number with the digits of this text, and is wide enough for it."""
    return f"%{max(12, len(text) + 1)}.{decimals_of(text)}{'e' if 'e' in text else 'f'}"


def _term(made: Replication, fit: Fit, name: str) -> str:
    """A variable on the right side; of texts the codes, against the level that the table has them against."""
    variable = made.names[name]
    if variable not in made.levels:
        return variable
    return f"ib{made.code(variable, fit.references[name])}.{_coded(variable)}"


def _coded(variable: str) -> str:
    """Variable that numbers the levels of one of texts."""
    return f"{variable}_code"


_HEAD = """\
* The tables of report.html, fitted again by Stata (14 or later).
* Run it in its folder, where DATA is:  do tables.do
* Under each model stands what it gives, and under that what report.html has.
version 14

* Coefficient, 95% confidence interval and P of a variable of the model just fitted:
* thaliron_row VARIABLE FORMAT FORMAT FORMAT "what the table has"
capture program drop thaliron_row
program define thaliron_row
    args variable shown_b shown_low shown_high table
    tempname b half p
    scalar `b' = _b[`variable']
    scalar `half' = invttail(e(df_r), 0.025) * _se[`variable']
    scalar `p' = 2 * ttail(e(df_r), abs(_b[`variable'] / _se[`variable']))
    display as result `shown_b' (`b') " (" `shown_low' (`b' - `half') ", " `shown_high' (`b' + `half') ")" ///
        ", P " %6.4f (`p') ", n " e(N)
    display as text "`table'"
end
"""
