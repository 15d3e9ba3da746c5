"""The page of a case as a browser shows and prints it: whole, legible, silent on the network, true to the record."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from readings import move_qsm, read_head

from thaliron_napari.case import Case, lesions, notes, open_case
from thaliron_napari.case.veins import find_case_veins, record_veins
from thaliron_napari.measurement import measure_case
from thaliron_napari.measurement.dictionary import dictionary_of
from thaliron_napari.report.case import write_case_report
from thaliron_napari.report.pictures import CSF, LEFT, LESION, RIGHT, VEIN

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium (Debian's package chromium, which script/setup --dev installs as root)"
)

A4_TEXT_PX = 680
"""Width of A4 between margins of 15 mm, in CSS pixels."""

TYPED = "<script>document.title = 'taken'</script>\"'&amp;"

# Runs when all is loaded and leaves what it saw as JSON in the page, which --dump-dom then prints.
_PROBE = """<script>
const errors = [];
addEventListener('error', e => errors.push(e.message || e.target.src), true);
addEventListener('load', () => {
  const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top + scrollY, r.width, r.height]; };
  if (location.hash === '#print') for (const rule of [...document.styleSheets].flatMap(s => [...s.cssRules]))
    if (rule.media && rule.media.mediaText === 'print') rule.media.mediaText = 'all';
  const found = {
    errors, title: document.title, lang: document.documentElement.lang,
    headings: [...document.querySelectorAll('h1, h2')].map(h => h.tagName + ' ' + h.textContent),
    images: [...document.images].map(i => ({alt: i.alt, width: i.naturalWidth, height: i.naturalHeight, box: box(i)})),
    tables: [...document.querySelectorAll('table')].map(t => ({
      caption: t.caption ? t.caption.textContent : '', box: box(t),
      rows: [...t.rows].map(r => [...r.cells].map(c => c.textContent))})),
    loaded: performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('data:')),
    wide: document.documentElement.scrollWidth, high: document.documentElement.scrollHeight,
    text: document.body.innerText,
  };
  document.body.textContent = 'FOUND' + JSON.stringify(found) + 'DNUOF';
});
</script>"""


@dataclass(frozen=True)
class Page:
    """A page on disk as written, and beside it the same with the probe in it."""

    case: Case
    path: Path
    probe: Path


def _chromium(profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    fixed = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", f"--user-data-dir={profile}",
    )  # fmt: skip
    return subprocess.run([str(CHROMIUM), *fixed, *arguments], capture_output=True, text=True, timeout=120, check=True)


def _seen(profile: Path, url: str, width: int) -> dict[str, Any]:
    out = _chromium(profile, f"--window-size={width},1000", "--dump-dom", url).stdout
    (found,) = re.findall("<body>FOUND(.*)DNUOF", out, re.DOTALL)
    return dict(json.loads(unescape(found)))


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chromium")


@pytest.fixture(scope="module")
def page(head, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The head, read, with veins, notes and words that are dangerous where they are not escaped."""
    case = move_qsm(read_head(head, open_case([head.folder], in_memory=True, reader=TYPED)), 1.0)
    found = find_case_veins(case)
    found.mask[int(np.flatnonzero(case.annotations.maps["thalami"].any(axis=(1, 2)))[2]), 36, 26:34] = True
    case.apply(record_veins(case, found))
    case.apply(lesions.set_note(case, 1, f"{TYPED} and a note that goes on for as long as notes do " + "x" * 90))
    case.apply(notes.set_note(case, TYPED))
    folder = tmp_path_factory.mktemp("page")
    path = write_case_report(case, folder / "case.html")
    policy = re.compile(r"<meta http-equiv=.Content-Security-Policy.[^>]*>")
    text = path.read_text("utf-8")
    assert policy.search(text)
    (folder / "probe.html").write_text(policy.sub(lambda _: _PROBE, text), "utf-8")
    return Page(case, path, folder / "probe.html")


@pytest.fixture(scope="module")
def seen(page: Page, profile: Path) -> dict[str, Any]:
    return _seen(profile, page.probe.as_uri(), 1280)


def test_every_picture_is_there_and_says_what_it_shows(seen: dict[str, Any]) -> None:
    assert [image["alt"].split(",")[0] for image in seen["images"]] == ["Axial QSM", "Axial QSM", "Axial FLAIR"]
    for image in seen["images"]:
        left, _top, wide, high = image["box"]
        assert image["width"] > 300
        assert image["height"] / image["width"] == pytest.approx(high / wide, rel=0.02)
        assert 0 <= left < left + wide <= 1280


def test_nothing_is_loaded_and_nothing_fails(seen: dict[str, Any]) -> None:
    assert seen["errors"] == []
    assert seen["loaded"] == []


def test_typed_text_is_shown_as_typed(page: Page, seen: dict[str, Any]) -> None:
    assert seen["title"] == f"{page.case.name}: case report"
    assert seen["text"].count(TYPED) == 3


def test_headings_and_language_guide_a_screen_reader(seen: dict[str, Any]) -> None:
    assert seen["lang"] == "en"
    assert [h for h in seen["headings"] if h.startswith("H1")] == ["H1 sub-ball"]
    wanted = ["Main numbers", "Thalami", "CSF", "Lesions", "All numbers", "What this came from"]
    assert [h[3:] for h in seen["headings"] if h[3:] in wanted] == wanted


def _table(seen: dict[str, Any], first: str) -> dict[str, Any]:
    (found,) = (table for table in seen["tables"] if table["rows"][0][0] == first)
    return dict(found)


def test_the_tables_hold_the_record(page: Page, seen: dict[str, Any]) -> None:
    record, table = measure_case(page.case), _table(seen, "Name")
    meanings = dictionary_of(record.values)
    assert table["rows"][0] == ["Name", "Value", "Unit", "Meaning"]
    rows = {row[0]: row[1:] for row in table["rows"][1:]}
    assert len(table["rows"]) == 1 + len(record.values)
    assert list(rows) == list(record.values)
    for name, value in record.values.items():
        shown, unit, meaning = rows[name]
        if value is None:
            assert shown == "not measured"
        else:
            assert float(shown) == pytest.approx(float(value), rel=1e-5)
        assert (unit or "1", meaning) == (meanings[name]["Units"], meanings[name]["Description"])
    main = _table(seen, "Number")
    for name in ("chi_ppb", "chi_left_ppb", "chi_right_ppb"):
        (row,) = (row for row in main["rows"] if row[0] == meanings[name]["Description"])
        assert row[1:] == [f"{record.values[name]:.1f}", "ppb"]
    for caption in (table["caption"], main["caption"]):
        assert "mean over the thalamic VOI minus mean over the CSF ROIs" in caption


def test_every_table_has_its_rows_and_columns(page: Page, seen: dict[str, Any]) -> None:
    sizes = {table["rows"][0][0]: [len(row) for row in table["rows"]] for table in seen["tables"]}
    assert sizes["Lesion"] == [9] * (1 + len(list(page.case.annotations.lesions())))
    assert sizes["Circle"] == [7] * 3
    assert sizes["Image"] == [5] * (1 + len(page.case.images))
    assert all(table["caption"] for table in seen["tables"])


@pytest.mark.parametrize(("part", "width"), [("", 1280), ("", 1024), ("#print", A4_TEXT_PX)])
def test_no_table_is_cut_off(page: Page, profile: Path, part: str, width: int) -> None:
    found = _seen(profile, page.probe.as_uri() + part, width)
    assert found["wide"] <= width
    for table in found["tables"]:
        left, _top, wide, _high = table["box"]
        assert left + wide <= width + 1, table["caption"]


def test_the_screen_shows_what_was_drawn_where_it_was_drawn(page: Page, profile: Path, seen: dict[str, Any]) -> None:
    shot = profile / "shot.png"
    done = _chromium(profile, f"--window-size=1280,{seen['high']}", f"--screenshot={shot}", page.path.as_uri())
    assert "CONSOLE" not in done.stderr  # where Chromium logs what a page does wrong
    screen = matplotlib.image.imread(shot)[..., :3]

    def has(image: dict[str, Any], colour: str) -> bool:
        left, top, wide, high = map(round, image["box"])
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        part = screen[top : top + high, left : left + wide]
        return int((np.abs(part - rgb).max(axis=-1) < 0.06).sum()) >= 8

    thalami, csf, flair = seen["images"]
    assert [has(thalami, c) for c in (LEFT, RIGHT, VEIN, LESION)] == [True, True, True, False]
    assert [has(csf, c) for c in (CSF, LESION)] == [True, False]
    assert [has(flair, c) for c in (LESION, LEFT, RIGHT, CSF, VEIN)] == [True, False, False, False, False]


def test_it_prints_on_a4(page: Page, profile: Path) -> None:
    path = profile / "page.pdf"
    done = _chromium(profile, "--no-pdf-header-footer", f"--print-to-pdf={path}", page.path.as_uri())
    assert "CONSOLE" not in done.stderr
    pages = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", path.read_bytes())
    assert 2 <= len(pages) <= 8
    for wide, high in pages:
        assert (float(wide), float(high)) == pytest.approx((210 / 25.4 * 72, 297 / 25.4 * 72), abs=1)


def test_a_page_that_did_wrong_would_be_seen(profile: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.html"
    rows = "<tr>" + "".join(f"<td style='min-width: 400px'>{n}</td>" for n in range(9)) + "</tr>"
    body = f"<img src='https://example.org/a.png'><table>{rows}</table><script>nothing.at.all</script>"
    path.write_text(f"<html><head>{_PROBE}</head><body>{body}</body></html>", "utf-8")
    found = _seen(profile, path.as_uri(), 1280)
    assert len(found["errors"]) == 2
    assert found["images"][0]["width"] == 0
    assert found["loaded"] == ["https://example.org/a.png"]
    assert found["wide"] > 1280
