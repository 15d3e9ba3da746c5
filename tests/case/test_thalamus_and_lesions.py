"""The edits of a reading: what each changes, and what it leaves alone."""

import numpy as np
import pytest

from thaliron_napari.case import Case, CsfCircle, lesions, open_case, thalamus
from thaliron_napari.case.csf import csf_mask, place_circle, remove_circle
from thaliron_napari.errors import AnnotationError
from thaliron_napari.imaging import read_label_map


@pytest.fixture
def case(head) -> Case:
    """The head, unread."""
    return open_case([head.folder], in_memory=True)


def _draw_keys(head, case: Case) -> np.ndarray:
    keys = read_label_map(head.keys).data
    for side, label in (("left", 1), ("right", 2)):
        for z in np.flatnonzero((keys == label).any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, z, keys[z] == label, "draw"))
    return keys


def test_a_side_never_takes_voxels_of_the_other(case: Case) -> None:
    labels = case.annotations.maps["thalami"]
    everywhere = np.ones(labels.shape[1:], bool)
    half = everywhere.copy()
    half[:, :20] = False
    case.apply(thalamus.set_contour(case, "left", 5, half, "draw"))
    case.apply(thalamus.set_contour(case, "right", 5, everywhere, "draw"))
    assert np.array_equal(labels[5] == 1, half)
    assert np.array_equal(labels[5] == 2, ~half)
    case.undo()
    assert not (labels == 2).any()
    assert case.annotations.keys("right") == []


def test_filling_comes_near_the_truth_keeps_keys_and_clears_what_no_key_bounds(head, case: Case) -> None:
    keys, truth = _draw_keys(head, case), read_label_map(head.thalami).data
    labels = case.annotations.maps["thalami"]
    for side, label in (("left", 1), ("right", 2)):
        case.apply(thalamus.fill_between(case, side))
        mine, real = labels == label, truth == label
        assert 2 * (mine & real).sum() / (mine.sum() + real.sum()) > 0.9
        drawn = case.annotations.keys(side)
        assert np.array_equal(labels[drawn] == label, keys[drawn] == label)
    whole = labels.copy()
    top = case.annotations.keys("left")[-1]
    case.apply(thalamus.clear_slice(case, "left", top))
    case.apply(thalamus.fill_between(case, "left"))
    lower = case.annotations.keys("left")[-1]
    assert lower < top
    assert not (labels[lower + 1 :] == 1).any()
    case.undo()
    case.undo()
    assert np.array_equal(labels, whole)


def test_filling_needs_two_contours(head, case: Case) -> None:
    with pytest.raises(AnnotationError, match="there are none"):
        thalamus.fill_between(case, "left")


def test_a_lesion_is_grown_regrown_judged_and_deleted_in_single_steps(head, case: Case) -> None:
    labels, grid = case.annotations.maps["lesions"], case.images["flair"].grid
    truth = read_label_map(head.lesions).data
    for number, seed in enumerate(head.seeds, start=1):
        case.apply(lesions.grow(case, grid.nearest(seed)))
        mine, real = labels == number, truth == number
        assert 2 * (mine & real).sum() / (mine.sum() + real.sum()) > 0.9
    before = labels.copy()
    with pytest.raises(AnnotationError, match="belongs to lesion 2 already"):
        lesions.grow(case, grid.nearest(head.seeds[1]))
    with pytest.raises(AnnotationError, match="brighter than normal tissue"):
        lesions.grow(case, grid.nearest((0, 20, -10)))
    case.apply(lesions.regrow(case, 2, 0.0))
    assert (labels == 2).sum() <= (before == 2).sum()
    assert np.array_equal(labels == 1, before == 1)
    assert case.annotations.lesion(2).sensitivity == 0.0
    case.apply(lesions.delete(case, 2))
    assert not (labels == 2).any()
    assert [lesion.number for lesion in case.annotations.lesions()] == [1, 3]
    case.undo()
    case.undo()
    assert np.array_equal(labels, before)
    assert case.annotations.lesion(2).sensitivity == 0.5


def test_circles_are_placed_moved_and_removed(head, case: Case) -> None:
    grid = case.images["qsm"].grid
    index = grid.index(head.atria["right"])
    case.apply(place_circle(case, "right", CsfCircle((round(index[0]), index[1], index[2]), 3.0)))
    first = csf_mask(case)
    assert set(np.unique(first)) == {0, 2}
    area = (first == 2).sum() * np.prod(grid.spacing[1:])
    assert area == pytest.approx(np.pi * 9, rel=0.25)  # voxels of 1.2 mm
    case.apply(place_circle(case, "right", CsfCircle((round(index[0]), index[1] + 2, index[2]), 2.0)))
    assert (csf_mask(case) == 2).sum() < (first == 2).sum()
    case.apply(remove_circle(case, "right"))
    assert case.annotations.csf("right") is None
    assert [edit.words.split(",")[0] for edit in case.done] == [
        "place right CSF circle",
        "move right CSF circle",
        "remove right CSF circle",
    ]
    with pytest.raises(AnnotationError):
        place_circle(case, "left", CsfCircle((0, 0, 0), 3.0))
