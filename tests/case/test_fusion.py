"""The motions that bring a case's images together: found, moved by hand, kept, and taken back."""

from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.case import Case, files, fusion, open_case
from thaliron_napari.imaging import Volume, read_itk_transform, read_matrix, rigid_matrix
from thaliron_napari.imaging.registration import Registration

MOTION = rigid_matrix((2.5, -4, 1.5), (3, -2, 4))
FOUND = Registration(MOTION, 4.9, 5.4, 0.1, 0.4, 0.9, ("Look at it.",))


@pytest.fixture
def case(head, tmp_path: Path) -> Case:
    return open_case([head.folder], derivatives=tmp_path)


def balls(shift: float = 0) -> Volume:
    """A bright ball beside two smaller ones, on a grid whose origin is shifted."""
    from thaliron_napari.imaging import Grid

    affine = np.array([[0, 0, -2.0, 40], [0, -2.0, 0, 40], [2.0, 0, 0, -40], [0, 0, 0, 1]])
    z, y, x = np.indices((40, 40, 40))
    data = np.zeros((40, 40, 40), np.float32)
    for middle, radius, value in (((20, 20, 20), 15, 100), ((26, 14, 24), 5, 160), ((14, 24, 13), 4, 40)):
        data[(z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2 < radius**2] = value
    affine[:3, 3] += shift
    return Volume(data, Grid((40, 40, 40), affine))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.tuples(*[st.floats(-30, 30)] * 3),
    st.tuples(st.floats(-80, 80), st.floats(-80, 80), st.floats(-80, 80)),
)
def test_a_position_is_where_the_hand_put_it(shifts, turns):
    case = Case("01", {"qsm": balls(), "flair": balls()})
    case.apply(fusion.move_by_hand(case, "qsm", shifts, turns))
    there = fusion.position(case, "qsm")
    np.testing.assert_allclose(there[0], shifts, atol=1e-6)
    np.testing.assert_allclose(there[1], turns, atol=1e-6)


def test_a_shift_to_the_right_moves_the_picture_to_the_right():
    from thaliron_napari.imaging import resample

    case = Case("01", {"qsm": balls(), "flair": balls()})
    case.apply(fusion.move_by_hand(case, "qsm", (4, 0, 0), (0, 0, 0)))
    grid = case.images["flair"].grid
    shown = resample(case.images["qsm"], grid, case.annotations.registration("qsm"))
    before, after = (grid.world(np.argwhere(values > 150).mean(axis=0)) for values in (case.images["qsm"].data, shown))
    np.testing.assert_allclose(after - before, (4, 0, 0), atol=1e-6)
    fact = case.annotations.facts["registration/qsm"]
    assert fact["shift_mm"] == pytest.approx(4)
    assert fact["by"] == "hand"
    assert fact["warnings"] == []
    case.apply(fusion.move_by_hand(case, "qsm", (60, 0, 0), (0, 0, 0)))
    assert "lies in the other" in case.annotations.facts["registration/qsm"]["warnings"][0]


def test_what_moves_and_what_stays():
    image = balls()
    both = Case("01", {"qsm": image, "flair": image, "t1": image, "magnitude": image})
    assert fusion.fixed_image(both) == "flair"
    assert fusion.movable(both) == ("qsm", "t1")
    without = Case("01", {"qsm": image, "t1": image, "t1ce": image})
    assert fusion.fixed_image(without) == "qsm"
    assert fusion.movable(without) == ("t1", "t1ce")
    assert fusion.movable(Case("01", {"flair": image})) == ()


def test_each_image_is_registered_to_the_flair_and_the_qsm_by_its_magnitude():
    flat = replace(balls(), data=np.random.default_rng(0).normal(0, 1, (40, 40, 40)).astype(np.float32))
    case = Case("01", {"qsm": flat, "magnitude": balls(shift=3), "flair": balls(), "t1": balls(shift=-2)})
    for role, shift in (("qsm", 3), ("t1", -2)):
        found = fusion.register(case, role)
        case.apply(fusion.correct_registration(case, found, role))
        there = case.annotations.registration(role)
        np.testing.assert_allclose(there, rigid_matrix((shift,) * 3, (0, 0, 0)), atol=0.15)
    with pytest.raises(CancelledError):
        fusion.register(case, "t1", cancelled=lambda: True)


def test_registrations_come_back_with_the_case_and_go_when_they_are_forgotten(head, case: Case, tmp_path: Path) -> None:
    case.apply(fusion.correct_registration(case, FOUND))
    case.close()
    again = open_case([head.folder], derivatives=tmp_path)
    np.testing.assert_array_equal(again.annotations.registration("qsm"), MOTION)
    assert again.annotations.facts["registration/qsm"]["warnings"] == ["Look at it."]
    again.undo()
    np.testing.assert_array_equal(again.annotations.registration("qsm"), np.eye(4))
    again.redo()
    again.apply(fusion.forget_registration(again))
    np.testing.assert_array_equal(again.annotations.registration("qsm"), np.eye(4))


def test_transforms_are_kept_for_other_programs(head, case: Case) -> None:
    case.apply(fusion.correct_registration(case, FOUND))
    written = {path.name: path for path in files.save(case)}
    stem = "sub-ball_from-QSM_to-FLAIR_mode-image_xfm"
    np.testing.assert_allclose(read_itk_transform(written[f"{stem}.tfm"]), MOTION, atol=1e-9)
    np.testing.assert_allclose(read_matrix(written[f"{stem}.mat"]), MOTION)
    assert '"FoundBy": "mutual information"' in written[f"{stem}.json"].read_text("utf-8")

    # ITK resamples the QSM onto the FLAIR as the window does.
    from thaliron_napari.imaging import resample

    qsm, flair = sitk.ReadImage(str(head.qsm)), sitk.ReadImage(str(head.flair))
    moved = sitk.Resample(qsm, flair, sitk.ReadTransform(str(written[f"{stem}.tfm"])), sitk.sitkLinear, 0.0)
    ours = resample(case.images["qsm"], case.images["flair"].grid, case.annotations.registration("qsm"))
    source = case.images["flair"].source
    assert source is not None
    theirs = source.grid.to_ours(sitk.GetArrayFromImage(moved).transpose(2, 1, 0))
    inner = (slice(4, -4),) * 3
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-4)

    case.apply(fusion.forget_registration(case))
    files.save(case)
    assert not [path for path in written.values() if path.name.startswith(stem) and path.exists()]
