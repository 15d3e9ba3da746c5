"""The field from the phases of several echoes, with what it is worth in each voxel.

References
----------
Kressler B et al. Nonlinear regularization for per voxel estimation of magnetic susceptibility distributions from MRI
field maps. IEEE Trans Med Imaging 2010;29:273 (weights from the magnitude). Liu T et al. Nonlinear formulation of the
magnetic field to source relationship for robust quantitative susceptibility mapping. Magn Reson Med 2013;69:467 (the
fit of the complex signal, whose noise is Gaussian, not of the phase).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError

from .arrays import FloatArray, Mask, cores

_CHUNK = 100_000  # voxels at a time: some megabytes, which a processor's cache holds
_STEPS = 5


@dataclass(frozen=True)
class FieldFit:
    """A field, as the phase it gains in one unit of time.

    Parameters
    ----------
    field_rad : float32 array (z, y, x)
        Phase in `unit_s`; wrapped (-pi to pi) unless the fit began from an unwrapped field. 0 outside the mask.
    initial_rad : float32 array (z, y, x)
        Phase at time 0. 0 with one echo.
    noise_rad : float32 array (z, y, x)
        Standard deviation of `field_rad` by the noise of the images. 0 outside the mask.
    unit_s : float
        Shortest time between echoes; with one echo its echo time.
    """

    field_rad: FloatArray
    initial_rad: FloatArray
    noise_rad: FloatArray
    unit_s: float


def echo_unit_s(echo_times_s: Sequence[float]) -> float:
    """Shortest time between echoes; with one echo its echo time.

    Raises
    ------
    MeasurementError
        When the times do not increase, or are not in seconds.
    """
    times = np.asarray(echo_times_s, float)
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all() or times[0] <= 0:
        raise MeasurementError("Echo times are missing; give one for each echo, in seconds.")
    if (np.diff(times) <= 0).any():
        raise MeasurementError("The echo times do not increase; give them and the echoes in the order of the scan.")
    if times[-1] > 0.5:
        raise MeasurementError(f"An echo time of {times[-1]:g} s is too long; give echo times in seconds.")
    return float(np.diff(times).min()) if times.size > 1 else float(times[0])


def is_even(echo_times_s: Sequence[float]) -> bool:
    """Whether every gap between echoes is a whole number of the shortest, so that wraps are alike in all."""
    gaps = np.diff(np.asarray(echo_times_s, float)) / echo_unit_s(echo_times_s)
    return bool((np.abs(gaps - np.rint(gaps)) < 0.02).all())


def fit_field(
    magnitude: FloatArray,
    phase: FloatArray,
    echo_times_s: Sequence[float],
    mask: Mask,
    *,
    start_rad: FloatArray | None = None,
    workers: int | None = None,
) -> FieldFit:
    """Fit initial phase and field to the complex signal of each voxel by least squares.

    Sum over echoes of |m exp(i phase) - m exp(i (initial + field t))|^2, by Gauss-Newton steps: the weight of an echo
    is the square of its magnitude, and its misfit the sine of the phase that is left. The start is the phase between
    echoes that lie the shortest time apart.

    Parameters
    ----------
    magnitude, phase : float32 arrays (echo, z, y, x)
        Phase in radians, wrapped or not; it grows with the field.
    echo_times_s : sequence of float
        Increasing; gaps need not be equal.
    mask : bool array (z, y, x)
        Where to fit.
    start_rad : float32 array (z, y, x), optional
        Field to begin from, in radians a unit. Where gaps are uneven an unwrapped start leads to the right turn.
    workers : int, optional
        Threads.

    Returns
    -------
    FieldFit

    Raises
    ------
    MeasurementError
        When arrays, mask and echo times do not belong together.
    """
    times = np.asarray(echo_times_s, float)
    unit_s = echo_unit_s(echo_times_s)
    if magnitude.ndim != 4 or magnitude.shape != phase.shape or magnitude.shape[0] != times.size:
        raise MeasurementError(
            f"There are {times.size} echo times for magnitude {magnitude.shape} and phase {phase.shape}; give as many "
            "volumes of both as echo times, on one grid."
        )
    if mask.shape != magnitude.shape[1:]:
        raise MeasurementError("The brain mask lies on another grid than the echoes; bring it onto theirs.")
    inside = np.flatnonzero(mask)
    if inside.size == 0:
        raise MeasurementError("The brain mask is empty; give a mask that holds the brain.")
    t = np.asarray(times / unit_s, np.float32)
    m, p = magnitude.reshape(t.size, -1), phase.reshape(t.size, -1)
    start = None if start_rad is None else start_rad.reshape(-1)
    outs = [np.zeros(mask.size, np.float32) for _ in range(3)]
    chunks = np.array_split(inside, max(1, inside.size // _CHUNK))

    def work(where: NDArray[np.intp]) -> tuple[float, int]:
        first = None if start is None else start[where]
        field, initial, spread, misfit = _fit(m[:, where].astype(np.float32), p[:, where], t, first)
        for out, values in zip(outs, (field, initial, spread), strict=True):
            out[where] = values
        return float(np.median(misfit)), where.size

    with ThreadPoolExecutor(workers or cores()) as pool:
        misfits = list(pool.map(work, chunks))
    if t.size > 2:
        # The median of chi^2 with n degrees of freedom, by Wilson and Hilferty, brings the misfit to a variance.
        freedom = t.size - 2
        median = np.average([v for v, _ in misfits], weights=[n for _, n in misfits])
        outs[2] *= np.float32(np.sqrt(median / (freedom * (1 - 2 / (9 * freedom)) ** 3)))
    else:  # nothing is left over between the echoes: between neighbours, then
        outs[2] *= np.float32(
            _spread_between_neighbours(outs[0].reshape(mask.shape), outs[2].reshape(mask.shape), mask)
        )
    field, initial, noise = (out.reshape(mask.shape) for out in outs)
    return FieldFit(field, initial, noise, unit_s)


def _fit(m: FloatArray, p: FloatArray, t: FloatArray, start: FloatArray | None) -> tuple[FloatArray, ...]:
    """Field, initial phase, noise of the field by a noise of 1 in the images, and sum of squared misfits."""
    finite = np.isfinite(m) & np.isfinite(p)
    if not finite.all():
        m, p = np.where(finite, m, np.float32(0)), np.where(finite, p, np.float32(0))
    weight = m * m
    total = weight.sum(axis=0)
    floor = np.float32(1e-6) * max(float(total.max()), 1e-30)  # so that voxels without signal divide by something
    if t.size == 1:
        turns = np.zeros_like(p[0]) if start is None else np.rint((start - p[0]) / np.float32(2 * np.pi))
        field = p[0] + np.float32(2 * np.pi) * turns if start is not None else _wrapped(p[0])
        return field, np.zeros_like(field), 1 / np.sqrt(total + floor), np.zeros_like(field)
    if start is None:
        gaps = np.diff(t)
        shortest = np.flatnonzero(gaps < 1.02)
        real, imaginary = np.zeros_like(total), np.zeros_like(total)
        for e in shortest:
            step = p[e + 1] - p[e]
            both = m[e + 1] * m[e]
            real += both * np.cos(step)
            imaginary += both * np.sin(step)
        field = np.arctan2(imaginary, real)
    else:
        field = start.astype(np.float32)
    mean_t = (t @ weight) / (total + floor)
    dt = t[:, None] - mean_t
    curvature = (weight * dt * dt).sum(axis=0) + floor
    # Phase at the weighted mean of the echo times: of the field it is independent, so that both are fitted singly.
    left = p - dt * field
    middle = np.arctan2((weight * np.sin(left)).sum(axis=0), (weight * np.cos(left)).sum(axis=0))
    for _ in range(_STEPS):
        left = weight * np.sin(p - dt * field - middle)
        field = field + (dt * left).sum(axis=0) / curvature
        middle = middle + left.sum(axis=0) / (total + floor)
    misfit = (weight * np.sin(p - dt * field - middle) ** 2).sum(axis=0)
    initial = _wrapped(middle - mean_t * field)
    if start is None:
        field = _wrapped(field)
    return field, initial, 1 / np.sqrt(curvature), misfit


def _spread_between_neighbours(field: FloatArray, relative: FloatArray, mask: Mask) -> float:
    """Noise of the field in units of `relative`: from second differences along x, which smooth fields hardly make."""
    first, middle, last = (np.s_[..., i : field.shape[2] - 2 + i] for i in range(3))
    known = mask[first] & mask[middle] & mask[last]
    if not known.any():
        return 1.0
    bend = _wrapped(field[first][known] - 2 * field[middle][known] + field[last][known])
    expected = np.sqrt(relative[first] ** 2 + 4 * relative[middle] ** 2 + relative[last] ** 2)[known]
    return float(np.median(np.abs(bend) / expected)) / 0.6745


def _wrapped(angle: FloatArray) -> FloatArray:
    turn = np.float32(2 * np.pi)
    return np.asarray(angle - turn * np.rint(angle / turn), np.float32)
