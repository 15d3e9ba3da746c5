"""The dipole's field against the closed form of a ball, on any voxels and under any tilt."""

import numpy as np
import pytest
from nibabel.eulerangles import euler2mat

from thaliron_napari.errors import MeasurementError
from thaliron_napari.qsm.dipole import b0_direction, box_of, dipole_field, padded_shape, radians_per_ppm, unit_dipole

RADIUS_MM = 9.0


def ball_field(shape: tuple[int, int, int], spacing: np.ndarray, b0: np.ndarray) -> tuple[np.ndarray, ...]:
    """Share of each voxel in a ball of susceptibility 1, distance from its middle, and its field: 0 inside."""
    fine = 4
    middle = (np.array(shape) - 1) / 2
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    at = [(np.arange(n) - m) * h for n, m, h in zip(shape, middle, spacing, strict=True)]
    share = np.zeros(shape)
    for dz, dy, dx in np.array(np.meshgrid(offsets, offsets, offsets)).reshape(3, -1).T * spacing:
        z, y, x = np.meshgrid(at[0] + dz, at[1] + dy, at[2] + dx, indexing="ij")
        share += z**2 + y**2 + x**2 < RADIUS_MM**2
    place = np.stack(np.meshgrid(*at, indexing="ij"))
    away = np.sqrt((place**2).sum(axis=0))
    cosine = np.tensordot(b0, place, 1) / np.maximum(away, 1e-9)
    outside = (RADIUS_MM / np.maximum(away, 1e-9)) ** 3 / 3 * (3 * cosine**2 - 1)
    return share / fine**3, away, np.where(away > RADIUS_MM, outside, 0)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 1.5, 0.75)])
@pytest.mark.parametrize("tilt", [(0.0, 0.0), (0.5, -0.3)])
def test_a_ball_has_no_field_inside_and_a_dipoles_outside(
    spacing: tuple[float, float, float], tilt: tuple[float, float]
) -> None:
    step = np.array(spacing)
    b0 = np.array([np.cos(tilt[0]) * np.cos(tilt[1]), np.sin(tilt[0]) * np.cos(tilt[1]), np.sin(tilt[1])])
    shape = tuple(int(n) for n in np.rint(56 / step))
    share, away, truth = ball_field(shape, step, b0)  # type: ignore[arg-type]
    found = dipole_field(share.astype(np.float32), step, b0)
    inner, outer = away < RADIUS_MM - 3, away > RADIUS_MM + 3
    # At the surface the field is up to 2/3. Voxels that cut the kernel off leave some ringing, which halves with them.
    assert np.sqrt((found[inner] ** 2).mean()) < 0.016
    assert np.abs(found[inner]).max() < 0.045
    assert np.abs(found[outer] - truth[outer]).max() < 0.025
    assert np.sqrt(((found - truth)[outer] ** 2).mean()) < 0.0012
    assert np.corrcoef(found[outer], truth[outer])[0, 1] > 0.999


def test_the_main_field_is_the_worlds_z_however_the_slices_are_tilted() -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, -0.5], [0, -0.5, 0], [2.0, 0, 0]])
    assert b0_direction(affine) == pytest.approx([1, 0, 0])
    turn = euler2mat(0.1, 0.2, 0.3)
    affine[:3, :3] = turn @ affine[:3, :3]
    along = b0_direction(affine)
    assert np.linalg.norm(along) == pytest.approx(1)
    # Back in the world it is z.
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    assert axes @ along == pytest.approx([0, 0, 1], abs=1e-12)


def test_the_kernel_has_a_mean_of_nothing_and_no_direction_is_refused() -> None:
    kernel = unit_dipole((16, 18, 20), (1, 1, 1), (1, 0, 0))
    assert kernel.shape == (16, 18, 11)
    assert kernel.min() == pytest.approx(-2 / 3)
    assert kernel.max() == pytest.approx(1 / 3)
    with pytest.raises(MeasurementError, match="direction of the main field"):
        unit_dipole((4, 4, 4), (1, 1, 1), (0, 0, 0))


def test_three_tesla_turns_a_ppm_by_so_much() -> None:
    assert radians_per_ppm(3.0, 0.020) == pytest.approx(2 * np.pi * 42.577478518 * 3 * 0.020)


def test_boxes_and_shapes() -> None:
    mask = np.zeros((10, 11, 12), bool)
    mask[3:5, 2:9, 11] = True
    assert box_of(mask, 1) == (slice(2, 6), slice(1, 10), slice(10, 12))
    assert all(n >= m for n, m in zip(padded_shape((60, 61, 62), (2, 1, 1), 40), (80, 101, 102), strict=True))
    with pytest.raises(MeasurementError, match="empty"):
        box_of(np.zeros((3, 3, 3), bool))
