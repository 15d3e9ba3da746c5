"""Resampling: against SciPy, against what can be said without interpolating, and at the borders."""

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.errors import GridError
from thaliron_napari.imaging import Grid, Volume, resample, rigid_matrix

rng = np.random.default_rng(8)
SHEARED = np.array([[0.1, 0.05, -0.9, 8], [0.02, -0.8, 0.1, 9], [1.5, 0.1, 0.05, -7], [0, 0, 0, 1.0]])
VOLUME = Volume(rng.normal(size=(11, 23, 19)).astype(np.float32), Grid((11, 23, 19), SHEARED))
TARGET = Grid(
    (15, 16, 17),
    rigid_matrix((1, 2, -3), (5, -8, 11)) @ np.array([[0, 0, -1.1, 8], [0, -1, 0, 5], [1, 0, 0, -6], [0, 0, 0, 1.0]]),
)
MOTION = rigid_matrix((0.7, -1.3, 0.4), (3, 6, -9), (1, 2, 3))


@pytest.mark.parametrize("motion", [None, np.eye(4)], ids=["none", "identity"])
@pytest.mark.parametrize("order", [0, 1])
def test_on_its_own_grid_an_image_keeps_every_bit(motion, order):
    found = resample(VOLUME, VOLUME.grid, motion, order=order)
    assert found.dtype == np.float32
    assert found.tobytes() == VOLUME.data.tobytes()


def test_rounding_in_a_header_blurs_nothing():
    grid = Grid(VOLUME.grid.shape, SHEARED.astype(np.float32))
    assert resample(VOLUME, grid).tobytes() == VOLUME.data.tobytes()


def test_a_crop_keeps_its_values_and_says_where_nothing_is():
    affine = SHEARED.copy()
    affine[:3, 3] = VOLUME.grid.world((2, -3, 5))
    found = resample(VOLUME, Grid((5, 10, 20), affine), outside=-9)
    np.testing.assert_allclose(found[:, 3:, :14], VOLUME.data[2:7, :7, 5:], atol=1e-6)
    assert (found[:, :3] == -9).all()
    assert (found[:, :, 14:] == -9).all()


@pytest.mark.parametrize("order", [0, 1])
def test_values_are_those_of_scipy_at_the_same_points(order):
    found = resample(VOLUME, TARGET, MOTION, order=order)
    index = np.indices(TARGET.shape).reshape(3, -1).T
    world = TARGET.world(index) @ MOTION[:3, :3].T + MOTION[:3, 3]
    there = VOLUME.grid.index(world).T
    expected = ndimage.map_coordinates(VOLUME.data, there, order=order, mode="nearest").reshape(TARGET.shape)
    beyond = ((there < -0.5) | (there > np.array(VOLUME.grid.shape)[:, None] - 0.5)).any(axis=0).reshape(TARGET.shape)
    assert 0.2 < beyond.mean() < 0.8
    np.testing.assert_allclose(found, np.where(beyond, 0, expected), atol=2e-4)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.int32])
def test_labels_stay_labels(kind):
    labels = Volume((rng.random(VOLUME.grid.shape) > 0.7).astype(kind), VOLUME.grid)
    found = resample(labels, TARGET, MOTION, order=0)
    assert found.dtype == kind
    assert set(np.unique(found)) == {0, 1}


def test_a_moved_image_is_found_where_it_went():
    centre = VOLUME.grid.world((5, 11, 9))
    to = MOTION[:3, :3] @ centre + MOTION[:3, 3]  # the transform takes the grid's world to the image's
    bead = np.zeros(VOLUME.grid.shape, np.float32)
    bead[VOLUME.grid.nearest(to)] = 1
    fine = Grid(
        (40, 40, 40),
        np.array(
            [[0, 0, -0.25, centre[0] + 5], [0, -0.25, 0, centre[1] + 5], [0.25, 0, 0, centre[2] - 5], [0, 0, 0, 1]]
        ),
    )
    found = resample(Volume(bead, VOLUME.grid), fine, MOTION)
    middle = fine.world(ndimage.center_of_mass(found))
    back = np.linalg.inv(MOTION)
    expected = back[:3, :3] @ VOLUME.grid.world(VOLUME.grid.nearest(to)) + back[:3, 3]
    np.testing.assert_allclose(middle, expected, atol=0.05)


@pytest.mark.parametrize(
    "transform", [np.eye(3), np.zeros((4, 4)), np.full((4, 4), np.nan)], ids=["3 x 3", "zero", "NaN"]
)
def test_a_transform_that_is_none_is_refused(transform):
    with pytest.raises(GridError, match="4 x 4"):
        resample(VOLUME, TARGET, transform)
