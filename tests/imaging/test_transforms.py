"""Rigid transforms as numbers and as files that other programs read."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from thaliron_napari.errors import GridError, ImageError
from thaliron_napari.imaging import (
    read_itk_transform,
    read_matrix,
    rigid_matrix,
    rigid_parameters,
    write_itk_transform,
    write_matrix,
)
from thaliron_napari.imaging.transforms import turn_angle_deg

triple = st.tuples(*[st.floats(-80, 80)] * 3)
MATRIX = rigid_matrix((3, -4, 5), (10, 20, -30), (7, 8, 9))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(triple, triple, triple)
def test_shifts_and_turns_come_back(shifts, turns, centre):
    matrix = rigid_matrix(shifts, turns, centre)
    found_shifts, found_turns = rigid_parameters(matrix, centre)
    np.testing.assert_allclose(found_shifts, shifts, atol=1e-9)
    np.testing.assert_allclose(found_turns, turns, atol=1e-6)
    np.testing.assert_allclose(matrix @ [*centre, 1], [*(np.array(centre) + shifts), 1], atol=1e-9)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(triple)
def test_turns_are_those_of_scipy(turns):
    turn = Rotation.from_euler("xyz", turns, degrees=True)
    np.testing.assert_allclose(rigid_matrix((0, 0, 0), turns)[:3, :3], turn.as_matrix(), atol=1e-12)
    assert turn_angle_deg(turn.as_matrix()) == pytest.approx(np.rad2deg(turn.magnitude()), abs=1e-6)


def test_a_turn_about_superior_takes_right_to_anterior():
    np.testing.assert_allclose(rigid_matrix((0, 0, 0), (0, 0, 90)) @ [1, 0, 0, 1], [0, 1, 0, 1], atol=1e-12)


@pytest.mark.parametrize("name", ["fusion.tfm", "fusion.txt"])
def test_an_itk_transform_comes_back_and_itk_moves_points_alike(name, tmp_path):
    write_itk_transform(tmp_path / name, MATRIX)
    np.testing.assert_allclose(read_itk_transform(tmp_path / name), MATRIX, atol=1e-12)
    transform = sitk.ReadTransform(str(tmp_path / name))
    for ras in np.random.default_rng(0).normal(0, 50, (5, 3)):
        lps = np.array(transform.TransformPoint((ras * [-1, -1, 1]).tolist()))
        np.testing.assert_allclose(lps * [-1, -1, 1], (MATRIX @ [*ras, 1])[:3], atol=1e-9)


def test_transforms_that_itk_wrote_are_read(tmp_path):
    euler = sitk.Euler3DTransform((10.0, 20.0, -5.0), 0.1, -0.2, 0.3, (1.0, 2.0, 3.0))
    sitk.WriteTransform(
        sitk.CompositeTransform([euler, sitk.TranslationTransform(3, (4, 5, 6))]), str(tmp_path / "a.tfm")
    )
    sitk.WriteTransform(euler, str(tmp_path / "b.tfm"))
    for name, shift in (("a.tfm", (4, 5, 6)), ("b.tfm", (0, 0, 0))):
        lps = np.array(euler.TransformPoint((np.array([7.0, 8.0, 9.0]) + shift).tolist()))
        found = read_itk_transform(tmp_path / name) @ [-7, -8, 9, 1]
        np.testing.assert_allclose(found[:3], lps * [-1, -1, 1], atol=1e-9)


def test_a_plain_matrix_comes_back_bit_for_bit(tmp_path):
    write_matrix(tmp_path / "fusion.mat", MATRIX)
    assert (read_matrix(tmp_path / "fusion.mat") == MATRIX).all()
    assert (np.loadtxt(tmp_path / "fusion.mat") == MATRIX).all()


@pytest.mark.parametrize("read", [read_itk_transform, read_matrix])
@pytest.mark.parametrize(
    "text", [None, "", "not a transform\n", "1 0 0 0\n0 1 0 0\n0 0 1\n", "0 0 0 0\n" * 4, "nan 0 0 0\n" * 4]
)
def test_a_bad_file_is_named(read, text, tmp_path):
    if text is not None:
        (tmp_path / "fusion.txt").write_text(text)
    with pytest.raises(ImageError, match=r"fusion\.txt.*\.$"):
        read(tmp_path / "fusion.txt")


def test_what_bends_space_is_refused(tmp_path):
    bend = sitk.BSplineTransform(3)
    sitk.WriteTransform(bend, str(tmp_path / "bend.tfm"))
    with pytest.raises(ImageError, match=r"bend\.tfm bends space"):
        read_itk_transform(tmp_path / "bend.tfm")


def test_only_matrices_and_names_that_itk_knows_are_written(tmp_path):
    with pytest.raises(GridError):
        write_matrix(tmp_path / "a.txt", np.eye(3))
    with pytest.raises(ImageError, match=r"\.tfm or \.txt"):
        write_itk_transform(tmp_path / "fusion.xfm", MATRIX)
    assert not list(tmp_path.iterdir())
