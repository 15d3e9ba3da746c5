"""The study's tables as an R script that fits every model again, with nothing but R itself."""

from __future__ import annotations

from collections.abc import Sequence

from thaliron_napari.cohort.cells import escape
from thaliron_napari.report.analysis import OLDEST
from thaliron_napari.report.replication import Replication
from thaliron_napari.report.sheets import Sheet
from thaliron_napari.statistics.models import Coefficient, Fit
from thaliron_napari.statistics.study import StudyRow


def r_script(made: Replication, data: str) -> str:
    """The script, in ASCII; `data` is the name of the file (CSV) beside it with `made.data`."""
    first, second, young = made.sheets
    lines = [_HEAD.replace("DATA", data), *_data(made, data), _FUNCTIONS]
    for sheet, frame in ((first, "d"), (second, "d"), (young, "young")):
        lines += ["", *_table(made, sheet, frame)]
    return "\n".join(lines) + "\n"


def r_text(text: str) -> str:
    r"""Text as R reads it from a script in ASCII.

    Examples
    --------
    >>> print(r_text('mm³ "quoted" \\'))
    "mm\u00b3 \"quoted\" \\"
    """
    return f'"{"".join(map(_r_character, text))}"'


def _r_character(character: str) -> str:
    code = ord(character)
    if character in '\\"':
        return f"\\{character}"
    if 32 <= code < 127:
        return character
    return f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"


def _data(made: Replication, data: str) -> list[str]:
    texts = [*(["id"] if "id" in made.data else []), *made.levels]
    classes = ", ".join(f'{name} = "character"' for name in texts)
    lines = [
        f'd <- read.csv({r_text(data)}, na.strings = "", encoding = "UTF-8"'
        + (f", colClasses = c({classes}))" if classes else ")")
    ]
    for name, levels in made.levels.items():
        # as the file has them: with an apostrophe where a spreadsheet would take them for something else
        written = ", ".join(r_text(escape(level)) for level in levels)
        # by number, since a coefficient called after a text is not found where R has no letters for it
        lines.append(f"d${name} <- factor(match(d${name}, c({written})), seq_len({len(levels)}))")
    for variable in made.made:
        value = f"{variable.factor} * d${variable.source}" if variable.factor != 1 else f"d${variable.source}"
        lines.append(f"d${variable.name} <- {f'log({value})' if variable.function == 'ln' else value}")
    if any(row.before_fit or row.after_fit for row in made.sheets[2].table.rows):
        lines.append(f"young <- subset(d, age <= {OLDEST:g})")
    return lines


def _table(made: Replication, sheet: Sheet, frame: str) -> list[str]:
    """The call that prints one table; a model of several rows is fitted once, before it."""
    lines = []
    models: dict[str, str] = {}
    for row in sheet.table.rows:
        for fit in (row.before_fit, row.after_fit):
            if fit is not None and fit.formula not in models:
                models[fit.formula] = f"m{len(models) + 1}"
                right = " + ".join(made.terms(fit))
                formula = f"{made.names[fit.outcome]} ~ {right}"
                lines.append(f"{models[fit.formula]} <- lm({formula}, data = {frame}, na.action = na.omit)")
    rows = [_row(made, row, models) for row in sheet.table.rows]
    notes = ", ".join(r_text(note) for note in sheet.notes)
    arguments = [r_text(sheet.title), f"c({notes})", *rows]
    return [*lines, f"show_table({_several(arguments)})"]


def _row(made: Replication, row: StudyRow, models: dict[str, str]) -> str:
    decimals, significant = row.digits
    cells = [
        _cells(made, row, coefficient, fit, models)
        for coefficient, fit in ((row.before, row.before_fit), (row.after, row.after_fit))
    ]
    return f"c({r_text(row.label)}, {', '.join(f'cells({cell}, {decimals}, {significant})' for cell in cells)})"


def _cells(
    made: Replication, row: StudyRow, coefficient: Coefficient | None, fit: Fit | None, models: dict[str, str]
) -> str:
    if coefficient is None or fit is None:
        return "NULL, NULL"
    code = made.code_of(row, coefficient)
    name = made.names[row.predictor] + ("" if code is None else str(code))
    return f"{models[fit.formula]}, {r_text(name)}"


def _several(arguments: Sequence[str]) -> str:
    return "\n  " + ",\n  ".join(arguments)


_HEAD = """\
# The tables of report.html, fitted again by R's own lm and printed with the same digits.
# Needs R and no packages. Run it in its folder, where DATA is:  Rscript tables.R
"""

# As `statistics.text` has them: format_number, format_p, coefficient_cells and format_tables.
_FUNCTIONS = """
# At least so many decimals, and at least so many significant digits.
as_number <- function(x, decimals, significant) {
  if (!is.finite(x)) return("-")
  if (x != 0) {
    needed <- significant - 1 - floor(log10(abs(x)))
    if (needed > decimals + 6) return(sprintf("%.*e", as.integer(significant - 1), x))
    decimals <- max(decimals, needed)
  }
  sprintf("%.*f", as.integer(decimals), x)
}

# No zero before the point; three decimals below .1 (no trailing zero), else two.
as_p <- function(p) {
  if (!is.finite(p)) return("-")
  if (p < 0.001) return("<.001")
  if (p > 0.99) return(">.99")
  sub("^0", "", if (p < 0.0995) sub("0+$", "", sprintf("%.3f", p)) else sprintf("%.2f", p))
}

# Coefficient, 95% confidence interval, P, n.
cells <- function(model, name, decimals, significant) {
  if (is.null(model)) return(rep("-", 4))
  limits <- confint(model, name, level = 0.95)
  p <- summary(model)$coefficients[name, 4]
  c(as_number(coef(model)[[name]], decimals, significant),
    paste0(as_number(limits[1], decimals, significant), ", ", as_number(limits[2], decimals, significant)),
    paste0(as_p(p), if (isTRUE(p < 0.05)) "*"),
    as.character(nobs(model)))
}

show_table <- function(title, notes, ...) {
  cat("\\n", title, "\\n", sep = "")
  rows <- list(...)
  if (length(rows)) {
    rows <- rbind(c("", rep(c("Coefficient", "95% CI", "P", "n"), 2)), do.call(rbind, rows))
    rows <- cbind(format(rows[, 1]), apply(rows[, -1], 2, format, justify = "right"))
    before <- sum(nchar(rows[1, 2:5])) + 6
    cat(strrep(" ", nchar(rows[1, 1]) + 2), formatC("Before adjustment", width = -before), "    After adjustment\\n",
        sep = "")
    rows[, 6] <- paste0("  ", rows[, 6])
    cat(apply(rows, 1, paste, collapse = "  "), sep = "\\n")
  }
  cat(paste0("  ", notes, "\\n"), sep = "")
}"""
