"""Surfaces against balls and tubes, which are known exactly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from thaliron_napari.viewer.surface import brightness, surface

SPACING = np.array((2.0, 1.0, 1.0))


def ball(centre_mm: NDArray[np.float64], radius_mm: float, spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    shape = np.ceil((centre_mm + radius_mm + 3) / spacing).astype(int)
    away = np.indices(shape) * spacing[:, None, None, None] - centre_mm[:, None, None, None]
    return np.asarray((away**2).sum(axis=0) < radius_mm**2)


def volume(vertices_mm: NDArray[np.float64], faces: NDArray[np.intp]) -> float:
    """Signed: positive where the faces turn their front outwards."""
    a, b, c = (vertices_mm[faces[:, corner]] for corner in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("spacing", [(2.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 0.5, 0.5)])
@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_a_ball_has_its_volume_and_its_place(spacing: tuple[float, ...], offset: float) -> None:
    step, radius = np.array(spacing), 12.0
    centre = np.array((16.0, 17.0, 18.0)) + offset * step
    vertices, faces = surface(ball(centre, radius, step), step)
    at = vertices * step
    assert volume(at - centre, faces) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)
    away = np.linalg.norm(at - centre, axis=1)
    assert np.abs(away - radius).max() < 1.0
    np.testing.assert_allclose(at.mean(axis=0), centre, atol=0.2)
    # Smooth: its faces stand square to the radius though the slices are steps.
    corners = at[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area, outward = np.linalg.norm(normal, axis=1), corners.mean(axis=1) - centre
    tilt = np.abs((normal * outward).sum(axis=1)) / np.maximum(area * np.linalg.norm(outward, axis=1), 1e-12)
    assert (area * np.degrees(np.arccos(np.clip(tilt, 0, 1)))).sum() / area.sum() < 6


@pytest.mark.parametrize("spacing", [(3.0, 0.9, 0.9), (1.0, 1.0, 1.0)])
def test_what_is_small_or_thin_keeps_its_volume(spacing: tuple[float, ...]) -> None:
    step = np.array(spacing)
    masks = [ball(np.array((9.0, 9.0, 9.0)), 3.0, step)]
    tube = np.zeros((20, 20, 30), bool)
    tube[8:10, 8:10, 3:27] = True
    masks.append(tube)
    for mask in masks:
        vertices, faces = surface(mask, step, smooth_mm=0.5)
        middle = vertices.mean(axis=0)
        assert volume((vertices - middle) * step, faces) == pytest.approx(mask.sum() * step.prod(), rel=0.06)


def test_a_mask_at_the_end_of_its_array_is_closed() -> None:
    mask = np.ones((4, 5, 6), bool)
    vertices, faces = surface(mask, SPACING)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, times = np.unique(edges, axis=0, return_counts=True)
    assert (times == 2).all()
    assert (vertices.min(axis=0) < 0).all()
    single = np.zeros((3, 3, 3), bool)
    single[1, 1, 1] = True
    vertices, faces = surface(single, SPACING)
    np.testing.assert_allclose(vertices.mean(axis=0), (1, 1, 1), atol=0.1)
    assert volume((vertices - 1) * SPACING, faces) == pytest.approx(SPACING.prod(), rel=0.5)


def test_what_faces_the_light_is_bright() -> None:
    centre = np.array((16.0, 17.0, 18.0))
    vertices, faces = surface(ball(centre, 12.0, SPACING), SPACING)
    light = np.array((1.0, 0.0, 1.0)) / np.sqrt(2)
    outward = (vertices * SPACING - centre) / 12
    shade = brightness(vertices * SPACING, faces, 5 * light)
    np.testing.assert_allclose(shade, 0.5 + 0.5 * outward @ light, atol=0.15)
