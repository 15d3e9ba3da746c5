"""Distances and interpolation against formulas and other programs."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from thaliron_napari.phantom import shapes
from thaliron_napari.phantom.interpolation import interpolated

RNG = np.random.default_rng(3)


def some_points(n: int = 400, reach: float = 30) -> shapes.Points:
    x, y, z = RNG.uniform(-reach, reach, (3, n)).astype(np.float32)
    return x, y, z


@given(st.floats(2, 20))
@settings(max_examples=15, derandomize=True, deadline=None)
def test_ellipsoid_with_equal_axes_is_a_sphere(radius: float) -> None:
    points = some_points()
    away = np.sqrt(sum(p.astype(float) ** 2 for p in points))
    np.testing.assert_allclose(shapes.ellipsoid(points, (radius,) * 3), away - radius, atol=1e-3)


@pytest.mark.parametrize("power", [2.0, 2.5])
def test_ellipsoid_distance_is_right_near_its_surface(power: float) -> None:
    axes = np.array([5.0, 12.0, 8.0])
    direction = RNG.normal(size=(3, 300))
    level = ((np.abs(direction) / axes[:, None]) ** power).sum(0) ** (1 / power)
    surface = direction / level
    normal = np.sign(surface) * (np.abs(surface) / axes[:, None]) ** (power - 1) / axes[:, None]
    normal /= np.linalg.norm(normal, axis=0)
    for off in (-0.3, 0.3):
        x, y, z = (surface + off * normal).astype(np.float32)
        np.testing.assert_allclose(shapes.ellipsoid((x, y, z), (5, 12, 8), power), off, atol=0.06)


def test_tube_is_as_far_as_its_nearest_piece() -> None:
    points = some_points()
    path = [(-10.0, 0.0, 0.0), (10.0, 0.0, 0.0), (10.0, 12.0, 5.0)]
    fine = np.concatenate([np.linspace(a, b, 2001) for a, b in pairwise(path)])
    away = np.array([np.linalg.norm(fine - p, axis=1).min() for p in np.stack(points, 1)])
    np.testing.assert_allclose(shapes.tube(points, path, 1.5), away - 1.5, atol=0.01)


def test_polygon_agrees_with_matplotlib_on_what_is_inside() -> None:
    from matplotlib.path import Path

    corners = [(0.0, 0.0), (10.0, 1.0), (12.0, 9.0), (6.0, 4.0), (1.0, 8.0)]
    u, v = RNG.uniform(-3, 15, (2, 2000)).astype(np.float32)
    distance = shapes.polygon(u, v, corners)
    clear = np.abs(distance) > 1e-3
    np.testing.assert_array_equal(
        (distance < 0)[clear], Path([*corners, corners[0]]).contains_points(np.stack([u, v], 1))[clear]
    )


@given(st.floats(-80, 80), st.floats(-80, 80), st.floats(-80, 80))
@settings(max_examples=15, derandomize=True, deadline=None)
def test_a_turned_frame_keeps_distances(yaw: float, pitch: float, roll: float) -> None:
    points = some_points()
    centre = (3.0, -4.0, 5.0)
    there = shapes.rotated(points, centre, yaw, pitch, roll)
    before = np.sqrt(sum((p - c) ** 2 for p, c in zip(points, centre, strict=True)))
    np.testing.assert_allclose(np.sqrt(sum(p**2 for p in there)), before, rtol=1e-4)


def test_smooth_path_passes_through_its_corners() -> None:
    path = [(0.0, 0.0, 0.0), (5.0, 5.0, 0.0), (12.0, 4.0, 3.0)]
    course = np.array(shapes.smooth_path(path, 1.0))
    for corner in path:
        assert np.linalg.norm(course - corner, axis=1).min() < 1e-9
    assert np.linalg.norm(np.diff(course, axis=0), axis=1).max() < 1.6


def test_interpolation_keeps_slopes_and_ends() -> None:
    z, y, x = np.meshgrid(np.arange(6.0), np.arange(7.0), np.arange(8.0), indexing="ij")
    field = (2 * z - y + 0.5 * x).astype(np.float32)
    places = [np.array([1.0, 2.3, 3.9]), np.array([1.5, 4.2]), np.array([-3.0, 1.0, 5.25, 20.0])]
    out = interpolated(field, places)
    want = 2 * places[0][:, None, None] - places[1][:, None] + 0.5 * np.clip(places[2], 0, 7)
    np.testing.assert_allclose(out, want, atol=1e-4)


def test_interpolation_is_near_the_spline_of_scipy_on_a_smooth_field() -> None:
    field = ndimage.gaussian_filter(RNG.standard_normal((12, 14, 16)), 2).astype(np.float32)
    places = [np.linspace(2, 9, 15), np.linspace(2, 11, 20), np.linspace(2, 13, 25)]
    spline = ndimage.map_coordinates(field, np.meshgrid(*places, indexing="ij"), order=3)
    assert np.abs(interpolated(field, places) - spline).max() < 0.03 * np.ptp(field)
