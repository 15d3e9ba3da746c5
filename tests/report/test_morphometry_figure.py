"""The six panels of morphometry, of a brain of two balls: each panel shows what is known to be there."""

from pathlib import Path

import numpy as np
import pytest
from ball_subject import APART_MM, PIAL_MM, THALAMUS_MM, WHITE_MM, write_ball_subject
from readings import read_head

from thaliron_napari.case import Case, open_case
from thaliron_napari.case.morphometry import take_result
from thaliron_napari.case.placing import between
from thaliron_napari.errors import CaseError
from thaliron_napari.report.figures import legend, write_figures
from thaliron_napari.report.morphometry import morphometry_plate, shown_on, thalamic_level
from thaliron_napari.report.pictures import Panel
from thaliron_napari.report.segmentation import SURFACE_COLOUR, Segmented, label_colour, segmented

MIDDLE = (2.0, -3.0, 4.0)
LEFT = (MIDDLE[0] - APART_MM, *MIDDLE[1:])


@pytest.fixture(scope="module")
def case(head, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A head with QSM and FLAIR, thalami contoured, and the balls as its brain."""
    case = read_head(head, open_case([head.folder], in_memory=True))
    case.apply(take_result(case, write_ball_subject(tmp_path_factory.mktemp("brain") / "sub-ball", MIDDLE)))
    return case


@pytest.fixture(scope="module")
def brain(case: Case) -> Segmented:
    return segmented(case, shown_on(case))


def place_in(panel: Panel, brain: Segmented, ras: tuple[float, float, float]) -> tuple[int, int]:
    """Row and column of a panel at a point of the world on show; the box is found by the outer ends of the labels."""
    grid = brain.case.images[brain.role].grid
    there = np.any(brain.labels > 0, axis=0)
    rows, columns = (np.flatnonzero(there.any(axis=1 - axis)) for axis in (0, 1))
    margin = 6.0 / grid.spacing[1:]
    _z, y, x = grid.index(ras)
    top, left = max(0, round(rows[0] - margin[0])), max(0, round(columns[0] - margin[1]))
    return round(y - top), round(x - left)


def test_each_panel_shows_what_is_there(case: Case, brain: Segmented) -> None:
    panels = morphometry_plate(brain).panels
    assert len(panels) == 6
    z = thalamic_level(brain)
    grid = case.images[brain.role].grid
    height = grid.world((z, 0, 0))[2] - grid.world(grid.index(LEFT))[2]
    assert abs(height) < 6  # through the thalami, as far as the slices are tilted
    plain, grey, labels = panels[0], panels[1], panels[2]
    at = place_in(plain, brain, LEFT)
    shell = place_in(plain, brain, (LEFT[0], LEFT[1] + (WHITE_MM + PIAL_MM) / 2, LEFT[2]))
    white = place_in(plain, brain, (LEFT[0], LEFT[1] + THALAMUS_MM + 6, LEFT[2]))
    assert plain.image.ndim == 2
    blue = grey.image[..., 2] - grey.image[..., 0]
    assert blue[at] > 0.2
    assert blue[shell] > 0.2
    assert abs(blue[white]) < 0.01
    green = np.array(label_colour(10)) / 255
    shade = labels.image[at] - 0.5 * green  # half of it is the image in grey
    assert shade == pytest.approx([shade[0]] * 3, abs=0.01)


def test_left_is_on_the_right_of_the_picture(brain: Segmented) -> None:
    z = thalamic_level(brain)
    assert np.argwhere(brain.labels[z] == 10)[:, 1].mean() > np.argwhere(brain.labels[z] == 49)[:, 1].mean() + 20


def test_the_surfaces_are_where_the_labels_end(brain: Segmented) -> None:
    (lines,) = [panel.lines for panel in morphometry_plate(brain).panels if panel.lines]
    assert {one.colour for one in lines} == set(SURFACE_COLOUR.values())
    grid, z = brain.case.images[brain.role].grid, thalamic_level(brain)
    for name, surface in brain.surfaces.items():
        side = -1 if name.startswith("lh") else 1
        middle = (MIDDLE[0] + side * APART_MM, *MIDDLE[1:])
        radius = WHITE_MM if name.endswith("white") else PIAL_MM
        ends = surface.segments(0, z)
        world = grid.world(np.concatenate([np.full((*ends.shape[:2], 1), z), ends], axis=-1))
        assert np.linalg.norm(world - middle, axis=-1) == pytest.approx(radius, abs=0.1)


def test_the_qsm_is_at_the_same_place_with_the_thalami_as_contoured(case: Case, brain: Segmented) -> None:
    (panel,) = [panel for panel in morphometry_plate(brain).panels if panel.title.startswith("QSM")]
    grid, z = case.images[brain.role].grid, thalamic_level(brain)
    way = between(case, brain.role, "qsm")
    ras = grid.world((z, grid.shape[1] // 2, grid.shape[2] // 2))
    there = case.images["qsm"].grid.nearest(way[:3, :3] @ ras + way[:3, 3])
    near = case.qsm_ppb[tuple(slice(max(0, k - 1), k + 2) for k in there)]
    assert near.min() <= panel.image[place_in(panel, brain, ras)] <= near.max()
    assert any(outline.mask.any() for outline in panel.outlines)
    assert "contoured" in panel.title


def test_it_is_among_the_figures_of_a_case_with_a_segmentation_only(head, case: Case, tmp_path: Path) -> None:
    names = [path.name for path in write_figures(case, tmp_path / "a", dpi=60)]
    assert "sub-ball_figure-morphometry.png" in names
    assert "Pial boundary" in (tmp_path / "a" / "sub-ball_figures.txt").read_text("utf-8")
    other = read_head(head, open_case([head.folder], in_memory=True))
    assert not [path for path in write_figures(other, tmp_path / "b", dpi=60) if "morphometry" in path.name]


def test_the_legend_says_each_panel(brain: Segmented) -> None:
    words = legend(morphometry_plate(brain))
    assert [f"({letter})" in words for letter in "ABCDEF"] == [True] * 6
    assert "right (R) is on the left" in words


def test_a_segmentation_of_another_place_is_refused(head, tmp_path: Path) -> None:
    case = open_case([head.folder], in_memory=True)
    with pytest.raises(CaseError, match="no segmentation"):
        segmented(case, "flair")
    case.apply(take_result(case, write_ball_subject(tmp_path / "far", (500.0, 0, 0))))
    with pytest.raises(CaseError, match="choose this patient's"):
        segmented(case, "flair")
