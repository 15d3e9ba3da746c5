"""Veins of a case: where they are looked for, and how long what was found holds."""

import numpy as np
import pytest

from thaliron_napari.case import Case, open_case
from thaliron_napari.case.thalamus import set_contour
from thaliron_napari.case.veins import NEAR_MM, REACH_MM, THALAMI_MM, find_case_veins
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import read_label_map


@pytest.fixture
def case(head) -> Case:
    """The head, with a vein of 3 mm across above each thalamus."""
    made = open_case([head.folder], in_memory=True)
    world = made.volume("qsm").grid.world(np.moveaxis(np.indices(made.volume("qsm").grid.shape), 0, -1))
    for x, y, z in ((12, -2, 12), (-12, -2, 12)):
        tube = (np.hypot(world[..., 0] - x, world[..., 2] - z) < 1.6) & (np.abs(world[..., 1] - y) < 8)
        made.qsm_ppb[tube] = 170
    return made


def test_veins_are_looked_for_about_the_thalami_drawn_or_not(head, case: Case) -> None:
    grid = case.volume("qsm").grid
    found = find_case_veins(case)
    for side in (-1, 1):
        z, y, x = (round(float(i)) for i in grid.index((side * 12, -2, 12)))
        assert found.mask[z, y, x]
    size_mm = [(part.stop - part.start) * step for part, step in zip(found.box, grid.spacing, strict=True)]
    whole_mm = np.array(grid.shape) * grid.spacing
    wanted = np.minimum(np.array(THALAMI_MM) + 2 * REACH_MM, whole_mm)
    np.testing.assert_allclose(size_mm, wanted, atol=2.5 * grid.spacing.max())
    outside = np.ones(grid.shape, bool)
    outside[found.box] = False
    assert not found.mask[outside].any()

    labels = read_label_map(head.thalami).data
    z = int((labels == 1).sum(axis=(1, 2)).argmax())
    case.apply(set_contour(case, "left", z, labels[z] == 1, "draw"))
    assert found.hold_for(case)
    again = find_case_veins(case)
    drawn = np.argwhere(case.annotations.maps["thalami"])
    for axis, part in enumerate(again.box):
        reach = np.ceil(REACH_MM / grid.spacing[axis])
        assert part.start == max(0, drawn[:, axis].min() - reach)
        assert part.stop == min(grid.shape[axis], drawn[:, axis].max() + 1 + reach)
    assert again.mask[grid.nearest((-12, -2, 12))]


def test_what_was_found_holds_until_a_contour_comes_near_its_border_or_the_unit_changes(case: Case) -> None:
    shape, spacing = case.volume("qsm").grid.shape, case.volume("qsm").spacing
    middle = np.zeros(shape[1:], bool)
    middle[shape[1] // 2, shape[2] // 2] = True
    case.apply(set_contour(case, "left", shape[0] // 2, middle, "draw"))
    found = find_case_veins(case)
    assert found.hold_for(case)
    row = found.box[1].start + int(np.ceil(NEAR_MM / spacing[1]))
    for y, holds in ((row, True), (row - 1, False)):
        point = np.zeros(shape[1:], bool)
        point[y, shape[2] // 2] = True
        case.apply(set_contour(case, "right", shape[0] // 2, point, "draw"))
        assert found.hold_for(case) == holds
        case.undo()
    assert found.hold_for(case)
    case.annotations.facts["unit"] = "ppb" if case.unit == "ppm" else "ppm"
    assert not found.hold_for(case)


def test_without_a_qsm_there_is_nothing_to_find(case: Case) -> None:
    with pytest.raises(CaseError, match="no QSM"):
        find_case_veins(Case("ball", {"flair": case.volume("flair")}))
