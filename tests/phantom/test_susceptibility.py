"""The dipole against the sphere's known field, and the inversion against what went in."""

import numpy as np
from scipy import fft

from thaliron_napari.phantom.susceptibility import dipole, measured_map

SPACING = np.array([1.5, 1.0, 1.0])
SHAPE = (64, 96, 96)


def ball(radius_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of each voxel in a ball in the middle, distance from it in mm, and height over it in mm."""
    z, y, x = ((np.arange(n) - n // 2) * s for n, s in zip(SHAPE, SPACING, strict=True))
    away = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    return np.clip(0.5 + radius_mm - away, 0, 1).astype(np.float32), away, z[:, None, None] + 0 * away


def test_field_of_a_ball_is_the_textbook_one() -> None:
    share, away, height = ball(8)
    field = fft.irfftn(fft.rfftn(share) * dipole(SHAPE, SPACING), SHAPE)
    outside = (away > 10) & (away < 20)
    # Field round a sphere of radius a: (a / r)^3 (3 cos^2 - 1) / 3 of its susceptibility; within it none (Lorentz).
    textbook = (8 / away[outside]) ** 3 * (3 * (height[outside] / away[outside]) ** 2 - 1) / 3
    assert np.abs(field[outside] - textbook).max() < 0.02
    assert abs(field[away < 6].mean()) < 0.01


def test_inversion_gives_back_a_ball_in_a_brain() -> None:
    share, away, _ = ball(8)
    brain = away < 40
    tissue = np.where(share > 0.5, 2, brain).astype(np.uint8)
    magnitude = np.full(SHAPE, 100.0, np.float32)
    out = measured_map(100 * share, magnitude, brain, tissue, SPACING, np.random.default_rng(0), noise_ppb=1.0)
    contrast = out[away < 6].mean() - out[(away > 14) & (away < 35)].mean()
    assert abs(contrast - 100) < 3
    assert (out[~brain] == 0).all()


def test_noise_grows_where_the_magnitude_is_low() -> None:
    brain = np.ones(SHAPE, bool)
    magnitude = np.full(SHAPE, 100.0, np.float32)
    magnitude[..., : SHAPE[2] // 2] = 50
    nothing = np.zeros(SHAPE, np.float32)
    out = measured_map(nothing, magnitude, brain, brain.astype(np.uint8), SPACING, np.random.default_rng(0), 2.0)
    assert 1.6 < out[..., 8:40].std() / out[..., 56:88].std() < 2.2
