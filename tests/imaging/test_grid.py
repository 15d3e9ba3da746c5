"""Grids: where voxels lie, and how two grids lie to each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.errors import GridError, ImageError
from thaliron_napari.imaging import Grid, Volume, guess_unit, rigid_matrix
from thaliron_napari.imaging.units import background, parse_unit, to_ppb, unit_from_sidecar, unit_of_file, vendor_unit

AFFINE = np.array([[0, 0, -0.5, 80], [0, -0.6, 0, 90], [2, 0, 0, -60], [0, 0, 0, 1.0]])
GRID = Grid((60, 300, 320), AFFINE)
numbers = st.floats(-50, 50)


def test_spacing_and_volume_of_a_voxel():
    np.testing.assert_allclose(GRID.spacing, [2, 0.6, 0.5])
    assert GRID.voxel_ml == pytest.approx(0.0006)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers))
def test_index_undoes_world_on_any_grid(shifts, turns, point):
    grid = Grid((5, 6, 7), rigid_matrix(shifts, turns) @ AFFINE)
    np.testing.assert_allclose(grid.world(grid.index(point)), point, atol=1e-9)


def test_a_point_belongs_to_the_voxel_whose_centre_is_nearest():
    assert GRID.nearest(GRID.world((3, 4, 5)) + np.array([0.24, -0.29, 0.99])) == (3, 4, 5)
    assert GRID.nearest(GRID.world((0, 0, 0)) + np.array([0, 0, -0.99])) == (0, 0, 0)
    with pytest.raises(GridError, match="outside"):
        GRID.nearest(GRID.world((0, 0, 0)) + np.array([0, 0, -1.01]))


def test_rounding_in_a_header_makes_no_other_grid_but_a_tenth_of_a_millimetre_does():
    assert GRID.same_as(Grid(GRID.shape, AFFINE.astype(np.float32)))
    assert not GRID.same_as(Grid(GRID.shape, rigid_matrix((0, 0, 0.1), (0, 0, 0)) @ AFFINE))
    assert not GRID.same_as(Grid((60, 300, 319), AFFINE))


@pytest.mark.parametrize(
    ("shift_mm", "share"),
    [
        ((0, 0, 0), 1.0),
        ((80, 0, 0), 0.5),
        ((0, 90, 0), 0.5),
        ((80, 90, 0), 0.25),
        ((0, 0, 121), 0.0),
        ((500, 0, 0), 0.0),
    ],
)
def test_overlap_is_the_share_of_the_box(shift_mm, share):
    moved = Grid(GRID.shape, rigid_matrix(shift_mm, (0, 0, 0)) @ AFFINE)
    assert GRID.overlap(moved) == pytest.approx(share, abs=0.05)
    assert GRID.overlap(moved, rigid_matrix(shift_mm, (0, 0, 0))) == 1.0


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)], ids=["zero", "NaN", "3 x 3"])
def test_an_affine_that_places_nothing_is_refused(affine):
    with pytest.raises(GridError):
        Grid((2, 2, 2), affine)


def test_an_array_of_another_shape_is_refused():
    with pytest.raises(GridError, match="2 x 2 x 2"):
        Volume(np.zeros((2, 2, 2), np.float32), GRID)


@pytest.mark.parametrize(
    ("high", "unit"), [(0.1, "ppm"), (0.3, "ppm"), (1.5, "ppm"), (5, None), (15, None), (40, "ppb"), (300, "ppb")]
)
def test_unit_is_guessed_from_the_robust_range(high, unit):
    rng = np.random.default_rng(1)
    brain = np.clip(rng.normal(0, high / 3, (20, 50, 50)), -high, high).astype(np.float32)
    brain[:, :20] = 0  # outside the brain
    brain[0, 30, :3] = 1e4  # a few wild voxels at the mask's rim
    assert guess_unit(brain) == unit


@pytest.mark.parametrize(("spread", "zero"), [(50, 2048), (0.05, 1), (5000, 0)], ids=["offset", "of 1", "too wide"])
def test_a_vendors_scaling_is_not_guessed(spread, zero):
    data = np.random.default_rng(1).normal(zero, spread, (20, 50, 50)).astype(np.float32)
    data[:, :20] = zero
    assert guess_unit(data) is None
    assert background(data) == zero


@pytest.mark.parametrize(
    ("unit", "value", "ppb"),
    [
        ("ppm", 0.05, 50),
        ("ppb", 50, 50),
        ("0.1 ppb", 500, 50),
        ("1 ppb, zero at 2048", 2098, 50),
        ("ppb, zero at -4096", -4146, -50),
        ("0.001 ppm", 50, 50),
        ("-1 ppb", -50, 50),
    ],
)
def test_a_unit_says_how_many_ppb_a_value_is(unit, value, ppb):
    np.testing.assert_allclose(to_ppb(np.float32([value]), unit), [ppb], rtol=1e-5)
    assert parse_unit(vendor_unit(*parse_unit(unit))) == parse_unit(unit)


@pytest.mark.parametrize("text", ["", "T", "ppt", "0 ppb", "1e400 ppb", "ppb, zero at", "nan ppb"])
def test_what_is_no_unit_is_refused(text):
    with pytest.raises(ImageError, match="unit"):
        parse_unit(text)


def test_the_common_units_have_their_names():
    assert vendor_unit(1) == "ppb"
    assert vendor_unit(1000) == "ppm"
    assert vendor_unit(0.1, 2048) == "0.1 ppb, zero at 2048"
    with pytest.raises(ImageError):
        vendor_unit(0)


@pytest.mark.parametrize(
    ("stated", "spread", "unit"),
    [
        ("ppm", 0.05, "ppm"),
        ("ppb", 0.05, None),
        ("ppm", 50, None),
        ("ppb", 3, "ppb"),
        ("0.1 ppb", 400, "0.1 ppb"),
        ("T", 50, "ppb"),
    ],
)
def test_a_sidecar_that_the_values_contradict_is_not_believed(stated, spread, unit, tmp_path):
    (tmp_path / "sub-01_Chimap.json").write_text(f'{{"Units": "{stated}"}}')
    data = np.random.default_rng(1).normal(0, spread, (20, 50, 50)).astype(np.float32)
    assert unit_of_file(tmp_path / "sub-01_Chimap.nii.gz", data) == unit


def test_a_map_of_nothing_has_no_unit():
    assert guess_unit(np.zeros((3, 3, 3), np.float32)) is None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ('{"Units": "ppm"}', "ppm"),
        ('{"Units": "ppb"}', "ppb"),
        ('{"Units": "T"}', None),
        ("[1]", None),
        ("{", None),
        (None, None),
    ],
)
def test_a_sidecar_states_the_unit(text, unit, tmp_path):
    if text is not None:
        (tmp_path / "sub-01_Chimap.json").write_text(text)
    assert unit_from_sidecar(tmp_path / "sub-01_Chimap.nii.gz") == unit
