"""The page of a case: complete, true to the record, self-contained, and silent about who the patient is."""

import base64
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from readings import move_qsm, read_head
from scipy import ndimage

from thaliron_napari.case import Case, CsfCircle, lesions, notes, open_case, thalamus
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.veins import VeinSettings, find_case_veins, record_veins
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import read_label_map
from thaliron_napari.measurement import measure_case
from thaliron_napari.measurement.dictionary import dictionary_of
from thaliron_napari.report.case import case_page, write_case_report
from thaliron_napari.report.case_pictures import lesion_pictures, thalamus_pictures
from thaliron_napari.report.pictures import CSF, LEFT, LESION, RIGHT, VEIN


class _Page(HTMLParser):
    """Rows of cells, addresses of what is loaded, and all text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def case(head) -> Case:
    """The head, read: thalami, both circles, three lesions of which one is accepted and one rejected."""
    case = open_case([head.folder], in_memory=True, reader="<b>Me</b>")
    truth = read_label_map(head.thalami).data
    for side, label in (("left", 1), ("right", 2)):
        for z in np.flatnonzero((truth == label).any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, z, truth[z] == label, "draw"))
        index = case.images["qsm"].grid.index(head.atria[side])
        case.apply(place_circle(case, side, CsfCircle((round(index[0]), index[1], index[2]), 4.0)))
    for seed in head.seeds:
        case.apply(lesions.grow(case, case.images["flair"].grid.nearest(seed)))
    case.apply(lesions.set_state(case, 1, "accepted"))
    case.apply(lesions.set_state(case, 2, "rejected"))
    case.apply(lesions.set_enhancing(case, 1, True))
    return case


@pytest.fixture(scope="module")
def text(case: Case) -> str:
    return case_page(case)


@pytest.fixture(scope="module")
def pictures(text: str) -> dict[str, np.ndarray]:
    """RGB pictures of the page by what they are said to show."""
    return _pictures(text)


def _pictures(text: str) -> dict[str, np.ndarray]:
    found = re.findall(r"<img alt='([^']*)' [^>]*src='data:image/png;base64,([^']*)'>", text)
    return {alt: matplotlib.image.imread(io.BytesIO(base64.b64decode(data)))[..., :3] for alt, data in found}


def _has(picture: np.ndarray, colour: str, least: int = 20) -> bool:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return int((np.abs(picture - rgb).max(axis=-1) < 0.03).sum()) >= least


def test_every_number_stands_there_with_its_unit_and_meaning(case: Case, text: str) -> None:
    record, rows = measure_case(case), {row[0]: row[1:] for row in _Page(text).rows if row}
    meanings = dictionary_of(record.values)
    for name, value in record.values.items():
        shown, unit, meaning = rows[name]
        assert float(shown) == pytest.approx(float(value), rel=1e-5)  # type: ignore[arg-type]
        assert unit == meanings[name]["Units"].removeprefix("1")
        assert meaning == meanings[name]["Description"]
    assert float(rows[meanings["chi_ppb"]["Description"]][0]) == pytest.approx(-28, abs=0.6)


def test_lesions_are_listed_with_their_review(head, text: str) -> None:
    rows = {row[0]: row for row in _Page(text).rows if len(row) == 9}
    assert [rows[n][6:8] for n in "123"] == [
        ["yes", "accepted"],
        ["not judged", "rejected"],
        ["not judged", "proposed"],
    ]
    assert all(
        row[4] in ("", "~\u00a0deep white matter", "~\u00a0juxtacortical", "~\u00a0periventricular")
        for row in map(rows.get, "123")
    )
    for n, seed in zip("123", head.seeds, strict=True):
        assert np.allclose([float(v) for v in rows[n][2].split(",")], seed, atol=0.6)


def test_formula_remarks_and_provenance_are_said(head, case: Case, text: str) -> None:
    said = _Page(text).text
    assert "mean over the thalamic VOI minus mean over the CSF ROIs" in said
    assert "1 lesion is proposed but neither accepted nor rejected, and not counted." in said
    assert "were not registered" in said
    for role in ("qsm", "flair"):
        source = case.images[role].source
        assert source is not None
        assert source.sha256 in said
        assert source.path.name in said
    assert "Values of the QSM file are in ppm" in said
    assert re.search(r"by ThalIron \d", said)


def test_pictures_show_what_was_drawn_in_its_colours(pictures: dict[str, np.ndarray]) -> None:
    thalami, csf, flair = pictures.values()
    assert _has(thalami, LEFT)
    assert _has(thalami, RIGHT)
    assert _has(csf, CSF)
    assert _has(flair, LESION)
    assert not _has(flair, CSF, 1)


def test_purple_rings_each_lesion(head) -> None:
    case = read_head(head, open_case([head.folder], in_memory=True))
    case.apply(lesions.set_state(case, 2, "accepted"))
    (picture,) = _pictures(lesion_pictures(case)).values()
    rgb = np.array([int(LESION[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    rings, count = ndimage.label(np.abs(picture - rgb).max(axis=-1) < 0.12, np.ones((3, 3)))
    assert count == 2
    for rows, columns in ndimage.find_objects(rings):
        y, x = (rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2
        assert picture[y - 5 : y + 5, x - 5 : x + 5].min() > 0.7  # lesions are bright
    assert np.median(picture) < 0.6


def test_the_left_thalamus_is_on_the_right_of_the_picture(pictures: dict[str, np.ndarray]) -> None:
    panels, csf = next((_panels(alt), picture) for alt, picture in pictures.items() if "CSF" in alt)
    columns = {}
    for colour in (LEFT, RIGHT):
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        at = np.argwhere(np.abs(csf - rgb).max(axis=-1) < 0.03)
        columns[colour] = np.median(at[:, 1] % (csf.shape[1] / panels))
    assert columns[LEFT] > columns[RIGHT]


def _panels(alt: str) -> int:
    """How many slices a picture says it shows."""
    return len(re.findall(r"\d+", alt))


def test_the_page_needs_nothing_but_itself(text: str) -> None:
    page = _Page(text)
    assert all(address.startswith("data:image/") for address in page.loads)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert not re.search(r"https?://|@import|url\(", re.sub(r"base64,[^']*", "", text))


def test_no_one_is_named_but_by_the_id(head, text: str) -> None:
    assert str(head.folder.parent) not in text
    assert head.qsm.name in text  # a name in BIDS form holds the ID and no more


def test_a_file_that_is_not_named_by_the_id_is_told_by_its_hash(head, tmp_path: Path) -> None:
    loose = {}
    for role in ("qsm", "flair"):
        loose[role] = tmp_path / f"MUSTERMANN_Erika_{role}.nii.gz"
        shutil.copy(getattr(head, role), loose[role])
    case = open_case(images=loose, in_memory=True)  # type: ignore[arg-type]
    text = case_page(Case("007", case.images))
    assert "mustermann" not in text.lower()
    source = case.images["qsm"].source
    assert source is not None
    assert source.sha256 in text


def test_what_is_typed_is_text_and_never_markup(head, case: Case, text: str) -> None:
    typed = "<script>document.title = 'x'</script>\"'&amp;<img src=x>"
    other = open_case([head.folder], in_memory=True, reader=typed)
    other.apply(lesions.grow(other, other.images["flair"].grid.nearest(head.seeds[0])))
    other.apply(lesions.set_note(other, 1, typed))
    other.apply(notes.set_note(other, typed))
    page = _Page(case_page(other))
    assert page.text.count(typed) == 3
    assert not {"script", "b"} & {*page.tags, *_Page(text).tags}
    assert page.tags.count("img") == len([address for address in page.loads if address.startswith("data:")]) == 1


def test_a_reading_without_a_doubt_says_so(head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thaliron_napari.report.case.missing", lambda case: [])
    monkeypatch.setattr("thaliron_napari.report.case.remarks", lambda case, record: [])
    said = _Page(case_page(open_case([head.folder], in_memory=True))).text
    assert "Nothing is missing, and no check of quality found anything." in said
    assert "To be looked at again" not in said


def test_doubts_stand_before_the_numbers(text: str) -> None:
    assert text.index("To be looked at again") < text.index("Main numbers") < text.index("<figure>")


def test_proposed_thalami_are_said_and_dashed_veins_have_their_colour(head) -> None:
    case = open_case([head.folder], in_memory=True)
    truth = read_label_map(head.thalami).data
    found = find_case_veins(case)
    found.mask[np.flatnonzero((truth == 1).any(axis=(1, 2)))[2], 36, 26:32] = True
    case.apply(record_veins(case, found))
    plain = thalamus_pictures(case)
    assert plain == ""
    case.apply(thalamus.propose(case, {"left": truth == 1, "right": truth == 2}, "an atlas"))
    page = thalamus_pictures(case)
    assert "left thalamus, proposed" in page
    assert "dashed" in page
    (picture,) = _pictures(page).values()
    assert _has(picture, VEIN)
    assert "veins" in _Page(page).text


def test_choices_that_numbers_depend_on_are_said(head) -> None:
    case = move_qsm(read_head(head, open_case([head.folder], in_memory=True)), 2.0)
    case.apply(record_veins(case, find_case_veins(case, VeinSettings(80.0, 7.0, 0.5))))
    said = _Page(case_page(case)).text
    assert "QSM to FLAIR: moved by 2.00 mm and 0.00 degrees." in said
    assert "Veins: 80 ppb above their surroundings, 7 mm and longer, margin 0.5 mm; not kept out." in said
    assert "sensitivity of 0.5" in said
    keys = ", ".join(str(z + 1) for z in case.annotations.keys("left"))
    assert f"The left thalamus was drawn or corrected by hand on slices {keys}." in said


def test_each_circle_has_a_row(case: Case, text: str) -> None:
    rows = {row[0]: row for row in _Page(text).rows if len(row) == 7}
    record = measure_case(case).values
    for side in ("left", "right"):
        assert float(rows[f"{side} 1"][4]) == pytest.approx(record[f"csf_{side}_ppb"], abs=0.051)  # type: ignore[arg-type]
        assert float(rows[f"{side} 1"][3]) == 4
    assert int(rows["left 1"][6]) + int(rows["right 1"][6]) == record["csf_n"]


def test_a_case_not_read_says_what_is_missing(head, tmp_path: Path) -> None:
    path = write_case_report(open_case([head.folder], in_memory=True), tmp_path / "new" / "case.html")
    page = _Page(path.read_text("utf-8"))
    assert "The left thalamus is not contoured." in page.text
    assert "Lesions are not read." in page.text
    assert page.loads == []
    assert all(row[1] == "not measured" for row in page.rows if row and row[0].startswith("Relative susceptibility"))


@pytest.mark.parametrize("role", ["qsm", "flair"])
def test_a_case_of_one_image(head, role: str) -> None:
    text = case_page(open_case(images={role: getattr(head, role)}, in_memory=True))  # type: ignore[dict-item]
    assert f"There is no {'FLAIR' if role == 'qsm' else 'QSM'}" in _Page(text).text


def test_a_page_that_cannot_be_written_is_said(head, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CaseError, match="cannot be written"):
        write_case_report(open_case([head.folder], in_memory=True), tmp_path / "file" / "case.html")
