"""Figures for print: outlines that hold exactly the voxels measured, true sides and lengths, and nobody's name."""

import base64
import getpass
import io
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.path import Path as Line
from PIL import Image
from readings import move_qsm, read_head

from thaliron_napari.case import Case, lesions, open_case, thalamus
from thaliron_napari.case.placing import between
from thaliron_napari.case.veins import find_case_veins, record_veins
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import read_label_map, resample
from thaliron_napari.report.figures import (
    FORMATS,
    Plate,
    draw_plate,
    lesion_plate,
    overview_plate,
    thalamus_plate,
    write_figures,
)
from thaliron_napari.report.pictures import CSF, LEFT, LESION, RIGHT, VEIN, Outline, Panel, crop, montage, pixel_edges
from thaliron_napari.report.slices import on_qsm_slice, showing_every

DPI = 300
RED = "#FF0000"


def _colour(name: str) -> np.ndarray:
    return np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _where(picture: np.ndarray, colour: str, within: float = 0.03) -> np.ndarray:
    return np.abs(picture - _colour(colour)).max(axis=-1) < within


def _decode(data: bytes) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(data))[..., :3]


def _panel(mask: np.ndarray, spacing: tuple[float, float], **how) -> Panel:
    return Panel(np.full(mask.shape, 0.5, np.float32), spacing, (0, 1), "made up", [Outline(mask, RED, **how)])


@pytest.fixture(scope="module")
def case(head) -> Case:
    """The head, read, its QSM moved, and its veins found (it has none, so some are made up)."""
    case = move_qsm(read_head(head, open_case([head.folder], in_memory=True)), 1.0)
    found = find_case_veins(case)
    z = int(np.argmax(np.count_nonzero(case.annotations.maps["thalami"], axis=(1, 2))))
    found.mask[z, 30:40, 31:33] = True
    case.apply(record_veins(case, found))
    return case


@pytest.fixture(scope="module")
def files(case: Case, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_figures(case, tmp_path_factory.mktemp("figures") / "new", formats=FORMATS)


# --- outlines ---------------------------------------------------------------------------------------------------


def _area(line: np.ndarray) -> float:
    """Signed: above zero where the line runs clockwise on the screen (y down)."""
    y, x = line.T.astype(float)
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


@pytest.mark.parametrize("seed", range(5))
def test_lines_hold_exactly_the_pixels_of_any_mask(seed: int) -> None:
    mask = np.random.default_rng(seed).random((13, 17)) < 0.5
    lines = pixel_edges(mask)
    assert sum(map(_area, lines)) == mask.sum()
    middles = np.argwhere(np.ones_like(mask)) + 0.5
    crossings = sum(Line(line, closed=False).contains_points(middles).astype(int) for line in lines)
    assert np.array_equal((crossings % 2).reshape(mask.shape) == 1, mask)
    steps = [np.abs(np.roll(line, -1, axis=0) - line) for line in lines]
    assert all((step > 0).sum(axis=1).max() == 1 for step in steps)  # along one axis at a time


def test_a_hole_runs_the_other_way_and_corners_do_not_join() -> None:
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    assert sorted(map(_area, pixel_edges(ring))) == [-1, 9]
    assert sorted(map(_area, pixel_edges(np.eye(3, dtype=bool)))) == [1, 1, 1]
    assert pixel_edges(np.zeros((3, 3), bool)) == []


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0), (0.6, 0.9)])
def test_the_outline_lies_on_the_rim_of_the_masks_pixels_and_nowhere_else(spacing: tuple[float, float]) -> None:
    mask = np.zeros((14, 15), bool)
    mask[3:6, 4:11] = mask[6:10, 4:7] = mask[11, 13] = True
    picture = _decode(draw_plate(Plate("x", [_panel(mask, spacing)], 1), "png", DPI))
    red = _where(picture, RED, 0.25)
    high, wide = picture.shape[0] / mask.shape[0], picture.shape[1] / mask.shape[1]
    expected = np.zeros(red.shape, bool)
    for line in pixel_edges(mask):
        for (y, x), (to_y, to_x) in zip(line, np.roll(line, -1, axis=0), strict=True):
            rows, columns = sorted((y * high, to_y * high)), sorted((x * wide, to_x * wide))
            middle = round(sum(rows) / 2), round(sum(columns) / 2)
            assert red[middle], "the line is missing there"
            around = [slice(int(low) - 3, int(top) + 4) for low, top in (rows, columns)]
            expected[around[0], around[1]] = True
    assert not (red & ~expected).any()


def test_voxels_lie_within_their_outline() -> None:
    mask = np.zeros((14, 15), bool)
    mask[3:6, 4:11] = mask[6:10, 4:7] = mask[11, 13] = True
    panel = Panel(mask.astype(np.float32), (2.0, 1.0), (-1, 2), "made up", [Outline(mask, RED)])
    for picture in (_decode(draw_plate(Plate("x", [panel], 1), "png", DPI)), _decode(montage([panel]))):
        at = np.ix_(
            *(((np.arange(n) + 0.4) / n * p).astype(int) for n, p in zip(mask.shape, picture.shape, strict=False))
        )
        greys = picture[at][1:-1, 1:-1, 2]  # one dot a voxel, off its middle, without the rim and what is written there
        assert np.array_equal(greys > 0.5, mask[1:-1, 1:-1])


def test_a_filled_mask_is_translucent_inside_and_clear_outside() -> None:
    mask = np.zeros((20, 20), bool)
    mask[8:12, 5:9] = True
    picture = _decode(draw_plate(Plate("x", [_panel(mask, (1.0, 1.0), filled=True)], 1), "png", DPI))
    step = picture.shape[0] / 20
    inside, outside = picture[round(10 * step), round(7 * step)], picture[round(10 * step), round(10 * step)]
    assert inside[0] > inside[1] + 0.2
    assert 0.1 < inside[1] < 0.45
    assert np.ptp(outside) < 0.01


def test_dashes_leave_gaps() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    counts = [_where(_decode(montage([_panel(mask, (1.0, 1.0), dashed=d)])), RED, 0.2).sum() for d in (False, True)]
    assert 0.3 * counts[0] < counts[1] < 0.85 * counts[0]


# --- sides, lengths, dots ---------------------------------------------------------------------------------------


def test_a_mask_on_the_left_only_lies_on_the_right_of_the_picture(head) -> None:
    case = open_case([head.folder], in_memory=True)
    truth = read_label_map(head.thalami).data  # by the file's affine, not by an index
    z = int(np.argmax(np.count_nonzero(truth == 1, axis=(1, 2))))
    case.apply(thalamus.set_contour(case, "left", z, truth[z] == 1, "draw"))
    plate = overview_plate(case)
    assert plate is not None
    picture = _decode(draw_plate(Plate("x", plate.panels[:1], 1), "png", DPI))
    assert np.argwhere(_where(picture, LEFT))[:, 1].min() > picture.shape[1] / 2
    assert not _where(picture, RIGHT).any()


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 0.7)])
def test_the_scale_bar_is_ten_millimetres_long(spacing: tuple[float, float]) -> None:
    panel = _panel(np.zeros((50, 60), bool), spacing)
    picture = _decode(draw_plate(Plate("x", [panel], 1), "png", DPI))
    low = picture[int(0.955 * len(picture)) : int(0.965 * len(picture)) + 1]
    length = (low.min(axis=-1) > 0.97).sum(axis=1).max()
    assert length == pytest.approx(10 * picture.shape[1] / (60 * spacing[1]), abs=1.5)


def test_figures_have_their_size_on_paper(files: list[Path]) -> None:
    pictures = [path for path in files if path.suffix in (".png", ".tiff")]
    assert len(pictures) == 6
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.info["dpi"] == pytest.approx((DPI, DPI), abs=0.01)
            assert picture.size[0] / DPI * 25.4 == pytest.approx(174, abs=0.1)
            assert picture.mode == "RGB"
    one = draw_plate(Plate("x", [_panel(np.eye(9, dtype=bool), (1.0, 1.0))], 1), "png", 600)
    assert _decode(one).shape[1] / 600 * 25.4 == pytest.approx(85, abs=0.1)
    points = 174 / 25.4 * 72
    for path in files:
        if path.suffix == ".pdf":
            box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", path.read_bytes())
            assert box
            assert float(box[1]) == pytest.approx(points, abs=0.1)
        if path.suffix == ".svg":
            width = re.search(r'width="([\d.]+)pt"', path.read_text("utf-8"))
            assert width
            assert float(width[1]) == pytest.approx(points, abs=0.1)


def test_svg_holds_the_voxels_as_they_are_and_the_outline_as_a_line() -> None:
    mask = np.zeros((14, 15), bool)
    mask[3:6, 4:11] = mask[6:10, 4:7] = True
    text = draw_plate(Plate("x", [_panel(mask, (2.0, 1.0))], 1), "svg", DPI).decode()
    image = re.search(r'<image xlink:href="data:image/png;base64,\s*([^"]+)"', text)
    assert image
    assert _decode(base64.b64decode(image[1])).shape[:2] == mask.shape
    line = re.search(r'd="([^"]+)"[^>]*style="fill: none; stroke: #ff0000', text)
    assert line
    points = np.array(re.findall(r"[ML] ([\d.]+) ([\d.]+)", line[1]), float)[:, ::-1]
    size = [float(v) for v in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()]  # type: ignore[union-attr]
    corners = points * (14 / size[1], 15 / size[0])
    (expected,) = pixel_edges(mask)
    assert np.abs(corners[: len(expected)] - expected).max() < 1e-3


# --- what a case's figures show ---------------------------------------------------------------------------------


def test_all_that_is_promised_is_written(case: Case, files: list[Path]) -> None:
    names = [f"{case.name}_figure-{plate}.{f}" for plate in ("thalami", "lesions", "overview") for f in FORMATS]
    assert [path.name for path in files] == [*names, f"{case.name}_figures.txt"]
    assert sorted(files) == sorted(files[0].parent.iterdir())


def test_files_say_nothing_of_who_made_them(head, files: list[Path]) -> None:
    words = ["matplotlib", "creationdate", "<dc:", str(head.folder), str(files[0].parent), getpass.getuser() + "@"]
    for path in files:
        content = path.read_bytes().lower()
        assert not [word for word in words if word.lower().encode() in content], path.name
    within = re.findall(r"base64,\s*([^\"]+)\"", "".join(p.read_text("utf-8") for p in files if p.suffix == ".svg"))
    pngs = [path.read_bytes() for path in files if path.suffix == ".png"] + list(map(base64.b64decode, within))
    assert len(pngs) > 10
    for png in pngs:
        assert not re.findall(rb"tEXt|iTXt|zTXt|tIME|eXIf", png[:200])


def test_the_qsm_has_black_outlines_of_thalami_and_circles(case: Case, files: list[Path]) -> None:
    plate = thalamus_plate(case)
    assert plate is not None
    thalami = case.annotations.maps["thalami"]
    largest = int(np.argmax(np.count_nonzero(thalami, axis=(1, 2))))
    assert plate.panels[0].title.startswith(f"QSM, slice {largest + 1},")
    for outline, label in zip(plate.panels[0].outlines, (1, 2), strict=False):
        assert outline.mask.sum() == (thalami[largest] == label).sum()  # whole, not cropped
        assert outline.colour == "black"
    circles = {round(c.centre[0]) for side in ("left", "right") for c in case.annotations.csf_circles(side)}  # type: ignore[arg-type]
    assert any(plate.panels[-1].title.startswith(f"QSM, slice {z + 1},") for z in circles)
    picture = matplotlib.image.imread(files[0])[..., :3]
    first = picture[:, : picture.shape[1] // 2]
    assert (first.max(axis=-1) < 0.02).sum() > 500


def test_purple_lies_where_the_lesions_lie(case: Case) -> None:
    plate = lesion_plate(case)
    assert plate is not None
    bare, shown = (_decode(draw_plate(Plate("x", [panel], 1), "png", DPI)) for panel in plate.panels[:2])
    changed = np.abs(bare - shown).max(axis=-1) > 0.02
    (outline,) = plate.panels[1].outlines
    assert outline.colour == LESION
    rows = (np.arange(len(changed)) + 0.5) / len(changed) * outline.mask.shape[0]
    columns = (np.arange(changed.shape[1]) + 0.5) / changed.shape[1] * outline.mask.shape[1]
    truth = outline.mask[np.ix_(rows.astype(int), columns.astype(int))]
    assert changed[truth].all()
    assert (changed & ~truth).sum() < 0.1 * truth.sum()  # half the width of the line
    assert _where(shown, LESION).any()


def test_the_overview_shows_six_things_in_their_colours(case: Case, files: list[Path]) -> None:
    plate = overview_plate(case)
    assert plate is not None
    assert len(plate.panels) == 6 or not {"t1", "t1ce"} & set(case.images)
    (path,) = (path for path in files if path.name.endswith("overview.png"))
    picture = matplotlib.image.imread(path)[..., :3]
    for colour in (LEFT, RIGHT, VEIN, LESION, CSF):
        assert _where(picture, colour).sum() > 20, colour
    colourful = [panel.image.ndim == 3 for panel in plate.panels]
    assert colourful.count(True) == 1


def test_the_legend_says_what_each_panel_is(case: Case, files: list[Path]) -> None:
    text = files[-1].read_text("utf-8")
    assert "(A) QSM, slice" in text
    assert "black -100 to white 200 ppb" in text
    assert "(B) FLAIR, slice" in text
    assert "purple" in text
    assert "right (R) is on the left" in text
    assert "Scale bars 10 mm" in text


def test_what_is_not_counted_is_not_shown(head) -> None:
    case = read_head(head, open_case([head.folder], in_memory=True))
    plate = lesion_plate(case)
    assert plate is not None
    z = int(plate.panels[1].title.split("slice ")[1].split(",")[0]) - 1
    labels = case.annotations.maps["lesions"]
    assert plate.panels[1].outlines[0].mask.sum() == (labels[z] == 1).sum()  # 2 is only proposed
    case.apply(lesions.set_state(case, 1, "rejected"))
    assert lesion_plate(case) is None

    proposed = open_case([head.folder], in_memory=True)
    truth = read_label_map(head.thalami).data
    proposed.apply(thalamus.propose(proposed, {"left": truth == 1, "right": truth == 2}, "an atlas"))
    with pytest.raises(CaseError, match="nothing to show"):
        write_figures(proposed, head.folder / "never")
    assert not (head.folder / "never").exists()


@pytest.mark.parametrize("role", ["qsm", "flair"])
def test_a_case_of_one_image(head, tmp_path: Path, role: str) -> None:
    case = open_case(images={role: getattr(head, role)}, in_memory=True)  # type: ignore[dict-item]
    if role == "qsm":
        truth = read_label_map(head.thalami).data
        case.apply(thalamus.set_contour(case, "left", 15, truth[15] == 1, "draw"))
    else:
        case.apply(lesions.grow(case, case.images["flair"].grid.nearest(head.seeds[0])))
        case.apply(lesions.set_state(case, 1, "accepted"))
    plates = [path.stem.split("figure-")[1] for path in write_figures(case, tmp_path, dpi=72)[:-1]]
    assert plates == ["thalami" if role == "qsm" else "lesions", "overview"]


def test_another_image_on_a_slice_is_the_slice_of_the_whole_resampled(case: Case) -> None:
    whole = resample(case.images["flair"], case.images["qsm"].grid, between(case, "qsm", "flair"))
    assert np.allclose(on_qsm_slice(case, "flair", 14), whole[14], atol=1e-3)


def test_slices_are_few_and_show_each_lesion() -> None:
    labels = np.zeros((9, 4, 4), np.int32)
    labels[1:4, 0, 0], labels[3:6, 1, 1], labels[8, 2, 2], labels[8, 3, 3] = 1, 2, 3, 4
    assert showing_every(labels, 12) == [3, 8]
    assert showing_every(labels, 1) in ([3], [8])


def test_a_crop_takes_the_shape_it_is_asked_for() -> None:
    mask = np.zeros((100, 200), bool)
    mask[40:60, 90:110] = True
    assert crop(mask.shape, [mask], (1.0, 0.5), 5) == (slice(35, 65), slice(80, 120))
    y, x = crop(mask.shape, [mask], (1.0, 0.5), 5, aspect=2.0)
    assert (y.stop - y.start) / ((x.stop - x.start) * 0.5) == pytest.approx(2, abs=0.1)
    assert crop(mask.shape, [mask & False], (1.0, 0.5), 5) == (slice(0, 100), slice(0, 200))


def test_a_format_that_is_none_and_a_folder_that_cannot_be(case: Case, tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"'bmp'.*png"):
        write_figures(case, tmp_path, formats=("png", "bmp"))
    for dpi in (0, -300, 1_000_000):
        with pytest.raises(CaseError, match=f"at {dpi} dots per inch"):
            write_figures(case, tmp_path, dpi=dpi)
    (tmp_path / "file").touch()
    with pytest.raises(CaseError, match="cannot be written"):
        write_figures(case, tmp_path / "file" / "in", dpi=50)
