"""What a statistician takes away: Word, LaTeX, workbook, figures, and scripts that give the same numbers again."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thaliron_napari.cohort import read_table, synthetic_cohort
from thaliron_napari.cohort.inclusion import included
from thaliron_napari.cohort.stata import stata_names
from thaliron_napari.errors import TableError
from thaliron_napari.report.analysis import analyse_cohort
from thaliron_napari.report.docx import word_document
from thaliron_napari.report.latex import latex_escaped, latex_tables
from thaliron_napari.report.r_script import r_text
from thaliron_napari.report.regression import write_regression
from thaliron_napari.report.sheets import study_sheets
from thaliron_napari.report.stata_script import stata_text
from thaliron_napari.statistics import age_subgroup, study_tables
from thaliron_napari.statistics.text import format_number, study_cells

FLOW = "95 cases, 5 excluded (image quality 4, motion 1), 17 not with edss < 5: 73 analysed"
CONDITION = "edss < 5"
DRUGS = np.array(["=none", "+", 'β-"interferon"', "NA", "it's $x `y' \\n"])


def as_given() -> pd.DataFrame:
    """The synthetic cohort as a hospital's table may have it: words, gaps, excluded cases, and who the patients are."""
    rng = np.random.default_rng(4)
    table = synthetic_cohort()
    table["sex"] = np.where(table["sex"] == 1, "F", "M")
    table["dmt"] = DRUGS[rng.integers(0, len(DRUGS), len(table))]
    table["excluded"] = [*["image quality"] * 4, *[None] * 90, "motion"]
    table["chi_ppb"] *= rng.uniform(0.9, 1.1, len(table))
    for column in ("age", "chi_ppb", "gm_ml", "dmt"):
        table.loc[rng.choice(len(table), 6, replace=False), column] = None
    return table.assign(patient="Ada Verysecret", birth_date="1961-02-03")


COHORTS = {
    "synthetic": (synthetic_cohort, ""),
    "as given": (as_given, CONDITION),
    "another unit": (lambda: synthetic_cohort().assign(chi_ppb=lambda t: t["chi_ppb"] * 1e9), ""),
    "no covariates": (lambda: synthetic_cohort()[["id", "chi_ppb", "lesion_ml"]], ""),
}


@pytest.fixture(scope="module", params=list(COHORTS))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    """A folder of files, and the tables that they are to show."""
    make, condition = COHORTS[request.param]
    folder = tmp_path_factory.mktemp("files")
    write_regression(make(), folder, condition, figures=())
    table = included(make(), condition)[0]
    return folder, [*study_tables(table), age_subgroup(table)]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    assert sorted(write_regression(as_given(), folder, CONDITION)) == sorted(folder.iterdir())
    return folder


def packed(path: Path) -> str:
    """Text of a file, of a zip file that of all its parts."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes().decode("utf-8", "replace")
    with zipfile.ZipFile(path) as parts:
        return "".join(parts.read(name).decode("utf-8", "replace") for name in parts.namelist())


# R


def run_r(folder: Path, locale: str = "C.UTF-8") -> str:
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not here (Debian's package r-base-core)")
    run = subprocess.run(
        ["Rscript", "--vanilla", "tables.R"], cwd=folder, capture_output=True, check=False, env={"LC_ALL": locale}
    )
    assert run.returncode == 0, run.stderr.decode()
    assert run.stderr == b""
    return run.stdout.decode()


def printed_rows(text: str) -> list[tuple[str, ...]]:
    """Lines of R's tables that are rows: a label, and eight cells at least two blanks apart."""
    lines = [tuple(re.split(r"\s{2,}", line.strip())) for line in text.splitlines()]
    return [cells for cells in lines if len(cells) == 9]


def test_r_prints_the_same_tables(written: tuple[Path, list]) -> None:
    folder, tables = written
    assert printed_rows(run_r(folder)) == [row for table in tables for row in study_cells(table)]


def test_r_needs_no_locale(given: Path) -> None:
    """A server's R may know ASCII only: then letters are spelled, and the numbers stay."""
    rows = [[cells[1:] for cells in printed_rows(run_r(given, locale))] for locale in ("C", "C.UTF-8")]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 4 + 8 + 1


def test_r_prints_them_as_the_text_file_has_them(tmp_path: Path) -> None:
    write_regression(synthetic_cohort(), tmp_path, figures=())
    text = (tmp_path / "tables.txt").read_text("utf-8")
    for line in run_r(tmp_path).splitlines():
        assert line in text.splitlines() or line.startswith("  All 95 cases are synthetic")


def test_r_fits_what_the_data_hold(tmp_path: Path) -> None:
    """Other data beside the same script give other numbers: those of these data."""
    write_regression(synthetic_cohort(), tmp_path, figures=())
    other = read_table(tmp_path / "cohort.csv").iloc[:80]
    other.to_csv(tmp_path / "cohort.csv", index=False)
    assert printed_rows(run_r(tmp_path)) == [
        row for table in (*study_tables(other), age_subgroup(other)) for row in study_cells(table)
    ]


@pytest.mark.parametrize("text", ["mm³ β", "a \"b\" \\ 'c' `d` $e %s {f}", "tab\tand\nline", "\U0001f9e0"])
def test_r_reads_back_any_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "tables.R").write_text(f"cat({r_text(text)})", encoding="ascii")
    assert run_r(tmp_path) == text


# Stata


class DoFile:
    """Just so much of Stata as the do-file needs, in numpy; anything else in it is an error."""

    def __init__(self, folder: Path) -> None:
        self.lines = (folder / "tables.do").read_text("utf-8").replace("///\n", "").splitlines()
        self.folder = folder
        self.shown: list[tuple[str, str]] = []  # what a fit gives, and what the do-file says that the table has
        self.estimates: list[str] = []
        program = self.lines.index("end")
        for line in self.lines[program + 1 :]:
            if line.strip():
                verb, _, rest = line.partition(" ")
                getattr(self, f"do_{verb}")(rest)

    def do_use(self, rest: str) -> None:
        assert rest == '"cohort.dta", clear'
        self.data = pd.read_stata(self.folder / "cohort.dta", convert_categoricals=False)

    def do_encode(self, rest: str) -> None:
        source, name = re.fullmatch(r"(\w+), generate\((\w+)\)", rest).groups()
        texts = self.data[source].replace("", None)
        levels = sorted(texts.dropna().unique(), key=lambda text: text.encode())
        self._new(name, texts.map({level: number for number, level in enumerate(levels, 1)}))

    def do_label(self, rest: str) -> None:
        assert re.fullmatch(r'list \w+|variable \w+ "[^"`$]{1,80}"', rest)
        assert rest.split()[1] in self.data

    def do_generate(self, rest: str) -> None:
        name, thousand, column = re.fullmatch(r"double (\w+) = (?:(1000) \* (\w+)|ln\(\w+\))", rest).groups()
        if thousand:
            self._new(name, 1000 * self.data[column])
        else:
            self._new(name, np.log(self.data[re.search(r"ln\((\w+)\)", rest)[1]]))

    def _new(self, name: str, values: pd.Series) -> None:
        assert name not in self.data
        assert stata_names([name]) == [name]
        self.data[name] = values.astype("float64")

    def do_regress(self, rest: str) -> None:
        words, _, condition = rest.partition(" if ")
        outcome, *terms = words.split()
        rows = self.data
        if condition:
            assert condition == "age <= 50"
            rows = rows[rows["age"] <= 50]
        rows = rows.dropna(subset=[outcome, *[term.rpartition(".")[2] for term in terms]])
        design = {"_cons": np.ones(len(rows))}
        for term in terms:
            base, _, name = term.rpartition(".")
            if base:
                for code in sorted(set(rows[name]) - {float(base.removeprefix("ib"))}):
                    design[f"{code:g}.{name}"] = (rows[name] == code).to_numpy(float)
            else:
                design[name] = rows[name].to_numpy(float)
        x, y = np.column_stack(list(design.values())), rows[outcome].to_numpy(float)
        scale = np.abs(x).max(axis=0)
        estimates = np.linalg.lstsq(x / scale, y, rcond=None)[0] / scale
        self.df = len(x) - x.shape[1]
        left = y - x @ estimates
        variance = np.linalg.inv((x / scale).T @ (x / scale)) * (left @ left) / self.df
        self.b = dict(zip(design, estimates, strict=True))
        self.se = dict(zip(design, np.sqrt(np.diag(variance)) / scale, strict=True))
        self.n = len(x)

    def do_estimates(self, rest: str) -> None:
        if rest.startswith("store "):
            self.estimates.append(rest.removeprefix("store "))
        else:
            names, options = re.fullmatch(r"table ([\w ]+),(.*)", rest).groups()
            assert names.split() == self.estimates
            assert options.split() == ["b(%12.0g)", "se(%12.0g)", "p(%6.4f)", "stats(N", "df_r", "r2)"]
            self.estimates = []

    def do_display(self, rest: str) -> None:
        assert re.fullmatch(r'(_newline )?as (result|text) "[^"`$]*"', rest)

    def do_thaliron_row(self, rest: str) -> None:
        from scipy.stats import t

        name, *formats, said = re.fullmatch(r'(\S+) (\S+) (\S+) (\S+) "([^"`$]*)"', rest).groups()
        b, half = self.b[name], t.ppf(0.975, self.df) * self.se[name]
        numbers = list(zip(formats, (b, b - half, b + half), strict=True))
        # Stata shows a number that its format is too narrow for in another
        assert all(len(f % value) == int(re.search(r"\d+", f)[0]) for f, value in numbers)
        estimate, low, high = (f % value for f, value in numbers)
        p = float(2 * t.sf(abs(b / self.se[name]), self.df))
        shown = f"{estimate.strip()} ({low.strip()}, {high.strip()}), P {p:.6f}, n {self.n}"
        self.shown.append((shown, said))


def test_do_file_has_the_models_of_the_tables(written: tuple[Path, list]) -> None:
    folder, tables = written
    shown = DoFile(folder).shown
    expected = []
    for table in tables:
        for row, cells in zip(table.rows, study_cells(table), strict=True):
            for c, (b, ci, _, n) in ((row.before, cells[1:5]), (row.after, cells[5:])):
                if c is not None:
                    expected.append(f"{b} ({ci}), P {c.p:.6f}, n {n}")
    assert sorted(made for made, _ in shown) == sorted(expected)
    for made, said in shown:
        assert made.partition(" P ")[0] in said


def test_do_file_defines_its_program_before_it_is_used(given: Path) -> None:
    text = (given / "tables.do").read_text("utf-8")
    assert text.startswith("* ")
    assert text.index("version 14") < text.index("program define thaliron_row") < text.index("\nend\n")
    for macro in re.findall(r"`(\w+)'", text):
        assert re.search(rf"(args|tempname)( \w+)* {macro}\b", text)


def test_stata_gets_no_macro_and_no_end_of_a_text() -> None:
    assert stata_text("it's $x `y' \"z\" \\n\nmm³") == "\"it's x 'y' 'z' /n mm³\""


def test_data_set_says_what_its_columns_are(given: Path) -> None:
    with pd.io.stata.StataReader(given / "cohort.dta") as reader:
        labels, values = reader.variable_labels(), reader.value_labels()
    assert "chi_ppb" in labels
    assert "[ppb]" in labels["chi_ppb"]
    assert values["sex"] == {0: "male", 1: "female"}
    assert stata_names(list(labels)) == list(labels)


# Word, LaTeX, workbook


def test_word_document_has_the_study_s_layout(written: tuple[Path, list]) -> None:
    from docx import Document

    folder, tables = written
    document = Document(str(folder / "tables.docx"))
    shown = [table for table in tables if table.rows]
    assert len(document.tables) == len(shown)
    page = document.sections[0]
    assert page.page_width > page.page_height
    for made, table in zip(document.tables, shown, strict=True):
        groups, head, *rows = [[cell.text for cell in row.cells] for row in made.rows]
        assert groups == ["", *["Before adjustment"] * 4, *["After adjustment"] * 4]
        assert head == ["", *["Coefficient", "95% CI", "P", "n"] * 2]
        assert [tuple(row) for row in rows] == study_cells(table)
        assert [row._tr.trPr.find("{*}tblHeader") is not None for row in made.rows] == [True] * 2 + [False] * len(rows)
        assert sum(column.width.mm for column in made.columns) <= page.page_width.mm - 40
        for properties in made._tbl.iter("{*}tcPr"):  # Word takes a file for damaged where they are in another order
            order = [re.sub(".*}", "", child.tag) for child in properties]
            assert order == [name for name in ("tcW", "gridSpan", "tcBorders") if name in order]
    captions = [paragraph.text for paragraph in document.paragraphs if paragraph.style.name == "Caption"]
    assert captions == [table.title for table in tables]


def test_word_document_names_nobody(given: Path) -> None:
    from docx import Document

    about = Document(str(given / "tables.docx")).core_properties
    assert (about.author, about.last_modified_by, about.comments) == ("ThalIron", "ThalIron", "")


def test_control_characters_do_not_break_word(tmp_path: Path) -> None:
    from docx import Document

    table = as_given()
    table.loc[50, "dmt"] = "a\x07b\x0bc"
    (tmp_path / "tables.docx").write_bytes(word_document(study_sheets(analyse_cohort(table))))
    assert "a b c against" in "".join(
        cell.text for row in Document(str(tmp_path / "tables.docx")).tables[1].rows for cell in row.cells
    )


def test_workbook_has_numbers_that_look_as_printed(written: tuple[Path, list]) -> None:
    from openpyxl import load_workbook

    folder, tables = written
    book = load_workbook(folder / "tables.xlsx")
    assert book.sheetnames == ["Table 1", "Table 2", "Age 50 or younger"]
    assert book.properties.creator == "ThalIron"
    for page, table in zip(book.worksheets, tables, strict=True):
        assert page["A1"].value == table.title
        if not table.rows:
            continue
        assert {str(area) for area in page.merged_cells.ranges} == {"B2:E2", "F2:I2"}
        for line, (row, cells) in enumerate(zip(table.rows, study_cells(table), strict=True), start=4):
            for column, c in ((2, row.before), (6, row.after)):
                estimate, ci, p, n = (page.cell(line, column + i) for i in range(4))
                shown = cells[column - 1 : column + 3]
                assert (ci.value, p.value, str(n.value)) == shown[1:]
                if c is None:
                    assert estimate.value == "-"
                    continue
                assert estimate.value == c.estimate
                mantissa, power, _ = estimate.number_format.partition("E")
                decimals = len(mantissa.partition(".")[2])
                assert f"{estimate.value:.{decimals}{'e' if power else 'f'}}" == shown[0]


def test_latex_has_nine_cells_a_row(written: tuple[Path, list]) -> None:
    folder, tables = written
    text = (folder / "tables.tex").read_text("utf-8")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    rows = [line for line in text.splitlines() if line.startswith(r"\raggedright ")]
    assert len(rows) == sum(len(table.rows) for table in tables)
    assert all(len(re.findall(r"(?<!\\)&", row)) == 8 and row.endswith(r" \\") for row in rows)


def test_latex_prints_any_text_as_it_stands() -> None:
    assert latex_escaped("a_b & 5% #1 {x} $y ~ ^ \\ <.05* [1]") == (
        r"a\_b \& 5\% \#1 \{x\} \$y \textasciitilde{} \textasciicircum{} \textbackslash{} \textless{}.05{*} {[}1{]}"
    )


@pytest.mark.parametrize("name", list(COHORTS))
def test_latex_compiles_within_a_paper(tmp_path: Path, name: str) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not here (Debian's package texlive-latex-recommended)")
    make, condition = COHORTS[name]
    table = make().replace('β-"interferon"', 'b-"interferon"')  # pdflatex has no Greek without a package
    (tmp_path / "tables.tex").write_text(latex_tables(study_sheets(analyse_cohort(table, condition))), "utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass[a4paper]{article}\\usepackage{booktabs}\\begin{document}\\input{tables}\\end{document}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout.decode("latin-1")
    assert (tmp_path / "paper.pdf").stat().st_size > 20_000


# Who is analysed, what is said, what is left out


def test_flow_is_said_with_every_table(given: Path) -> None:
    for name in ("report.html", "tables.txt", "tables.docx", "tables.xlsx", "tables.tex", "tables.R", "tables.do"):
        text = packed(given / name).replace("&lt;", "<").replace(r"\textless{}", "<")
        assert text.count(FLOW) >= (1 if name == "tables.txt" else 3), name
    assert len(read_table(given / "cohort.csv")) == 73
    assert len(read_table(given / "cohort.dta")) == 73


def test_report_says_that_all_were_analysed(tmp_path: Path) -> None:
    write_regression(synthetic_cohort(), tmp_path, figures=())
    assert "95 cases: 95 analysed" in (tmp_path / "report.html").read_text("utf-8")
    assert "95 cases: 95" not in (tmp_path / "tables.txt").read_text("utf-8")


def test_numbers_are_those_of_the_included(given: Path) -> None:
    first = study_tables(included(as_given(), CONDITION)[0])[0]
    line = read_table(given / "table1.csv").iloc[3]
    assert line["before_coefficient"] == first.rows[3].before.estimate
    assert line["before_n"] < 73  # some have no susceptibility


def test_a_condition_that_cannot_be_read_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no column 'agee'"):
        write_regression(synthetic_cohort(), tmp_path / "out", "agee < 50")
    assert not (tmp_path / "out").exists()


def test_a_cohort_of_which_all_are_excluded_is_said_in_words(tmp_path: Path) -> None:
    written = write_regression(synthetic_cohort().assign(excluded="motion"), tmp_path)
    assert "95 cases, 95 excluded (motion 95): 0 analysed" in (tmp_path / "report.html").read_text("utf-8")
    assert not {"tables.R", "tables.do", "cohort.csv"} & {path.name for path in written}  # there is no model


def test_report_lists_every_file(given: Path) -> None:
    page = (given / "report.html").read_text("utf-8")
    for path in given.iterdir():
        assert path.name == "report.html" or f"<li>{path.name}: " in page


def test_nothing_says_who_a_patient_is_or_where_it_was_made(given: Path) -> None:
    for path in given.iterdir():
        text = packed(path)
        for word in ("Verysecret", "1961-02-03", "birth_date", str(given), str(Path.home())):
            assert word not in text, (path.name, word)


def test_figures_come_as_svg_png_and_pdf(given: Path) -> None:
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    names = {path.stem for path in given.glob("*.png")}
    assert {"associations", "forest", "diagnostics_ln_lesion_ml", "diagnostics_chi_ppb"} <= names
    for name in names:
        for kind, start in starts.items():
            content = (given / f"{name}.{kind}").read_bytes()
            assert content.startswith(start)
            assert len(content) > 5000
            assert b"CreationDate" not in content
            assert b"<dc:date>" not in content


def test_figures_are_those_asked_for(tmp_path: Path) -> None:
    table = synthetic_cohort()[["id", "chi_ppb", "lesion_ml"]]
    write_regression(table, tmp_path, figures=("pdf",))
    figures = {path.name for path in tmp_path.iterdir() if path.suffix in (".svg", ".png", ".pdf")}
    assert figures == {"associations.pdf", "forest.pdf"}


def test_another_unit_is_printed_in_powers_of_ten() -> None:
    """The cohort in another unit is there for this: its digits are printed so by all the files."""
    table = study_tables(COHORTS["another unit"][0]())[0]
    assert re.fullmatch(r"\S+e-\d+", format_number(table.rows[3].before.estimate, *table.rows[3].digits))
