"""Echoes as a scanner would give them, from a known susceptibility: the ground of tests, and of a demo."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .arrays import FloatArray
from .dipole import dipole_field, radians_per_ppm


def simulate_echoes(
    chi_ppm: FloatArray,
    signal: FloatArray,
    echo_times_s: Sequence[float],
    field_t: float,
    spacing: ArrayLike,
    b0: ArrayLike,
    rng: np.random.Generator,
    *,
    r2star_hz: FloatArray | float = 20.0,
    initial_rad: FloatArray | float = 0.0,
    noise: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Magnitude and phase of a multi-echo gradient echo.

    Parameters
    ----------
    chi_ppm : float32 array (z, y, x)
        Susceptibility of all that is in the image, air and bone as well, relative to what is beyond it.
    signal : float32 array (z, y, x)
        Magnitude at time 0.
    echo_times_s : sequence of float
    field_t : float
        Tesla.
    spacing, b0 : arrays (3,)
        (z, y, x) in mm; direction of B0.
    rng : numpy Generator
    r2star_hz, initial_rad : arrays or float
        Decay, and phase at time 0.
    noise : float
        Standard deviation in each of real and imaginary part, in units of `signal`.

    Returns
    -------
    magnitude, phase : float32 arrays (echo, z, y, x)
        Phase in radians, -pi to pi, growing with the field.
    """
    field = dipole_field(np.asarray(chi_ppm, np.float32), spacing, b0)
    magnitude = np.empty((len(echo_times_s), *field.shape), np.float32)
    phase = np.empty_like(magnitude)
    for e, t in enumerate(echo_times_s):
        size = signal * np.exp(np.float32(-t) * np.asarray(r2star_hz, np.float32))
        angle = np.float32(radians_per_ppm(field_t, t)) * field + np.asarray(initial_rad, np.float32)
        real, imaginary = size * np.cos(angle), size * np.sin(angle)
        if noise:
            real += np.float32(noise) * rng.standard_normal(field.shape, np.float32)
            imaginary += np.float32(noise) * rng.standard_normal(field.shape, np.float32)
        magnitude[e], phase[e] = np.hypot(real, imaginary), np.arctan2(imaginary, real)
    return magnitude, phase
