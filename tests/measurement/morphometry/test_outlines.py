"""Outlines against circles, as closed loops, and on grids that lie askew."""

import numpy as np
import pytest
from meshes import octahedron

from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging import Grid
from thaliron_napari.measurement.morphometry.outlines import (
    join_segments,
    outline,
    slice_segments,
    slices_of_surface,
    to_index,
)
from thaliron_napari.measurement.morphometry.surfaces import Surface


def _lengths(segments: np.ndarray) -> np.ndarray:
    return np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)


def _assert_closed(segments: np.ndarray) -> None:
    """Each end point is shared by exactly two segments, to the last bit, and no segment is there twice."""
    ends, counts = np.unique(segments.reshape(-1, segments.shape[-1]) + 0.0, axis=0, return_counts=True)
    assert len(ends) == len(segments) > 2
    assert (counts == 2).all()
    assert len(np.unique(np.sort(segments + 0.0, axis=1), axis=0)) == len(segments)
    assert _lengths(segments).min() > 0


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("height", [0.0, 0.25, 0.5, 0.75, 0.9, -0.6])
def test_a_sphere_is_cut_in_a_circle(axis: int, height: float) -> None:
    points, faces = octahedron(7)
    radius = 40.0
    segments = slice_segments(radius * points, faces, axis, radius * height)
    _assert_closed(segments)
    circle = radius * np.sqrt(1 - height**2)
    assert _lengths(segments).sum() == pytest.approx(2 * np.pi * circle, rel=1e-3)
    np.testing.assert_allclose(np.linalg.norm(segments, axis=-1), circle, rtol=2e-3)
    assert len(join_segments(segments)) == 1


def test_vertices_on_the_plane_make_neither_gaps_nor_doubles() -> None:
    points, faces = octahedron(4)
    levels = np.unique(points[:, 2])
    assert len(levels) > 20
    for level in levels[1:-1]:  # each goes through vertices
        _assert_closed(outline(Surface(points, faces), (0, 0, level), (0, 0, 1)))
    for pole, sign in ((1, 1), (-1, -1), (1, -1), (-1, 1)):  # what only touches is no outline
        assert len(outline(Surface(points, faces), (0, 0, pole), (0, 0, sign))) == 0
    assert len(slice_segments(points, faces, 0, 1.5)) == 0


def test_a_box_with_faces_in_the_plane() -> None:
    corners = np.array([[z, y, x] for z in (0.0, 1) for y in (0.0, 1) for x in (0.0, 1)])
    lower = [[0, 1, 3], [0, 3, 2], [0, 4, 5], [0, 5, 1], [0, 2, 6], [0, 6, 4]]
    upper = [[4, 6, 7], [4, 7, 5], [2, 3, 7], [2, 7, 6], [1, 5, 7], [1, 7, 3]]
    faces = np.array([*lower, *upper])
    for axis in range(3):
        for at in (0.3, 1.0):  # its upper face lies in the plane: once around it
            segments = slice_segments(corners, faces, axis, at)
            _assert_closed(segments)
            assert _lengths(segments).sum() == pytest.approx(4)
        assert len(slice_segments(corners, faces, axis, 0.0)) == 0  # its lower face: nothing is below


def test_random_planes_through_bumps_are_closed() -> None:
    rng = np.random.default_rng(4)
    points, faces = octahedron(5)
    bumpy = points * (1 + 0.3 * np.sin(9 * points[:, :1]) * np.cos(7 * points[:, 1:2]))
    for _ in range(30):
        normal, point = rng.normal(size=3), rng.uniform(-0.4, 0.4, 3)
        segments = outline(Surface(bumpy, faces), point, normal)
        _assert_closed(segments)
        np.testing.assert_allclose((segments - point) @ normal, 0, atol=1e-12)
        lines = join_segments(segments)
        assert all((line[0] == line[-1]).all() for line in lines)
        assert sum(len(line) - 1 for line in lines) == len(segments)
        lengths = sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in lines)
        assert lengths == pytest.approx(_lengths(segments).sum())
        for line in lines:  # it runs along segments that there are
            steps = np.sort(np.stack([line[:-1], line[1:]], axis=1), axis=1)
            there = {tuple(s) for s in np.sort(segments + 0.0, axis=1).reshape(-1, 6).tolist()}
            assert {tuple(s) for s in steps.reshape(-1, 6).tolist()} <= there


def test_two_spheres_and_an_open_sheet() -> None:
    points, faces = octahedron(4)
    two = np.vstack([points, points + 3]), np.vstack([faces, faces + len(points)])
    lines = join_segments(outline(Surface(*two), (1.5, 1.5, 1.5), (1, -1, 0)))
    assert len(lines) == 2
    assert all((line[0] == line[-1]).all() for line in lines)
    upper = faces[(points[faces][..., 2] >= 0).all(axis=1)]
    (line,) = join_segments(slice_segments(points, upper, 0, 0.1))
    assert (line[0] != line[-1]).any()
    np.testing.assert_allclose(np.sort(line[[0, -1], 1]), 0, atol=1e-12)
    assert join_segments(np.zeros((0, 2, 2))) == []


def test_segments_lie_on_the_slices_of_a_grid_that_is_askew() -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [2.5, 0.9, 1.1], (-20, 30, 7)
    grid = Grid((40, 60, 50), affine)
    shift = np.eye(4)
    shift[:3, 3] = (3, -4, 5)
    points, faces = octahedron(6)
    centre = grid.world((20.3, 30.6, 25.1))
    surface = Surface(15 * points + centre - shift[:3, 3], faces)
    slices = slices_of_surface(surface, grid, shift)
    np.testing.assert_allclose(grid.world(to_index(surface, grid, shift)), 15 * points + centre, atol=1e-9)
    for axis, at in ((0, 22), (1, 35.0), (2, 20)):
        segments = slices.segments(axis, at)
        _assert_closed(segments)
        world = grid.world(np.insert(segments, axis, at, axis=-1))
        np.testing.assert_allclose(np.linalg.norm(world - centre, axis=-1), 15, rtol=2e-3)
        away = (at - (20.3, 30.6, 25.1)[axis]) * grid.spacing[axis]
        length = np.linalg.norm(world[:, 1] - world[:, 0], axis=1).sum()
        assert length == pytest.approx(2 * np.pi * np.sqrt(15**2 - away**2), rel=1e-3)
        # the same plane in the world, cut there
        same = outline(Surface(surface.vertices + shift[:3, 3], faces), world[0, 0], turn[:, axis])
        assert np.linalg.norm(same[:, 1] - same[:, 0], axis=1).sum() == pytest.approx(length, rel=1e-6)


def test_a_plane_without_direction_is_refused() -> None:
    with pytest.raises(MeasurementError, match="no direction"):
        outline(Surface(*octahedron(1)), (0, 0, 0), (0, 0, 0))
