"""The cohort's page and folder: they say what the fits say, need no network, and never break on a poor cohort."""

import csv
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thaliron_napari.cohort import read_table, synthetic_cohort
from thaliron_napari.errors import TableError
from thaliron_napari.report.cohort import write_cohort_report
from thaliron_napari.report.regression import write_regression
from thaliron_napari.statistics import fit, study_tables
from thaliron_napari.statistics.diagnostics import diagnose
from thaliron_napari.statistics.text import study_cells


class Page(HTMLParser):
    """Rows of all tables, the text, the addresses, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.text = ""
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += "" if self.open and self.open[-1] == "style" else data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("regression") / "new" / "out"
    written = write_regression(synthetic_cohort(), out)
    assert sorted(written) == sorted(out.iterdir())
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_page_has_the_rows_of_both_tables(page: Page) -> None:
    for table in study_tables(synthetic_cohort()):
        for row in study_cells(table):
            assert list(row) in page.rows


def test_page_needs_nothing_but_itself(page: Page) -> None:
    assert len(page.addresses) == 7
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)


def test_page_says_what_it_must(page: Page) -> None:
    for words in (
        "95 cases: 95 analysed",
        "All 95 cases are synthetic",
        "mean over both thalami minus the mean over the CSF ROIs",
        "Adjusted for: age, sex, duration, dmt",
        "Adjusted: enhancing, age, sex, dmt, duration in one model",
        "75 of 95 cases are 50 or younger",
        "chi_ppb ~ enhancing + age + sex + dmt + duration",
    ):
        assert words in page.text


SMALL = ["id", "chi_ppb", "thickness_mm", "lesion_ml"]


def test_same_cohort_same_page(tmp_path: Path) -> None:
    pages = [write_cohort_report(synthetic_cohort()[SMALL], tmp_path / name) for name in ("a.html", "b.html")]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_tables_hold_every_digit(folder: Path) -> None:
    for number, table in enumerate(study_tables(synthetic_cohort()), start=1):
        with (folder / f"table{number}.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        for line, row in zip(lines, table.rows, strict=True):
            assert row.after is not None
            assert float(line["after_coefficient"]) == row.after.estimate
            assert float(line["after_p"]) == row.after.p
            assert (line["before_n"], line["before_residual_df"], line["after_residual_df"]) == ("95", "93", "89")


def test_diagnostics_are_by_case_and_model(folder: Path) -> None:
    table = pd.read_csv(folder / "diagnostics.csv")
    part = table[table["model"] == "ln(lesion_ml) ~ chi_ppb + age + sex + duration + dmt"]
    d = diagnose(fit(synthetic_cohort(), "ln(lesion_ml)", ["chi_ppb"], ["age", "sex", "duration", "dmt"]))
    assert part["id"].tolist() == synthetic_cohort()["id"].tolist()
    np.testing.assert_array_equal(part["cooks_distance"], d.cooks_distance)
    assert len(table) == 5 * 95


def test_pictures_are_whole(folder: Path) -> None:
    from matplotlib.image import imread

    pictures = sorted(folder.glob("*.png"))
    assert [p.name for p in pictures] == [
        "associations.png",
        "diagnostics_chi_ppb.png",
        "diagnostics_gm_mm3.png",
        "diagnostics_ln_lesion_ml.png",
        "diagnostics_thalamus_mm3.png",
        "diagnostics_thickness_mm.png",
        "forest.png",
    ]
    for picture in pictures[:-1]:
        pixels = imread(picture)
        assert pixels.shape[1] == 1260
        # Every quarter holds a plot: neither empty nor filled.
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        for y in (0, height):
            for x in (0, width):
                ink = (pixels[y : y + height, x : x + width, :3].min(axis=2) < 0.9).mean()
                assert 0.01 < ink < 0.4


def test_a_real_cohort_is_not_called_synthetic_and_its_text_is_inert(tmp_path: Path) -> None:
    table = synthetic_cohort()[SMALL]
    rng = np.random.default_rng(1)
    for column in SMALL[1:]:
        table[column] *= rng.uniform(1.01, 1.05, len(table))
    table.loc[7, "lesion_ml"] = 0.0
    table["id"] = [f"<script>alert({i})</script>" for i in range(len(table))]
    text = write_cohort_report(table, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "zero in 1 row (&lt;script&gt;alert(7)&lt;/script&gt;)" in text
    assert "ynthetic" not in Page(text).text


POOR = {
    "one measured case": lambda t: t.iloc[:1],
    "three cases": lambda t: t.iloc[:3],
    "nothing of the study": lambda t: t[["id"]],
    "no susceptibility": lambda t: t.drop(columns="chi_ppb"),
    "only text": lambda t: t.assign(chi_ppb="high"),
    "gaps": lambda t: t[SMALL].mask(np.random.default_rng(2).random((95, 4)) < 0.2).assign(id=t["id"]),
}


@pytest.mark.parametrize("name", list(POOR))
def test_poor_cohorts_give_a_page_that_says_what_is_missing(tmp_path: Path, name: str) -> None:
    written = write_regression(POOR[name](synthetic_cohort()), tmp_path)
    made = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert {"table1.csv", "table2.csv", "age50.csv", "report.html", "tables.txt"} <= {p.name for p in written}
    assert "No adjusted model could be fitted; the notes under the tables say why." in made.text
    words = {
        "one measured case": "1 row cannot carry 2 coefficients",
        "three cases": "3 rows cannot carry",
        "nothing of the study": "column 'chi_ppb' is not in the table",
        "no susceptibility": "column 'chi_ppb' is not in the table",
        "only text": "'chi_ppb'",
        "gaps": "the other cases miss a value of that model",
    }[name]
    assert words in made.text


def test_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(TableError, match="out cannot be made"):
        write_regression(synthetic_cohort(), tmp_path / "out")


def test_written_tables_are_tables(folder: Path) -> None:
    described = read_table(folder / "descriptives.csv").set_index("column")
    assert described.loc["chi_ppb", "mean"] == pytest.approx(synthetic_cohort()["chi_ppb"].mean(), rel=1e-15)
    assert described.loc["dmt", "count"] == 57
