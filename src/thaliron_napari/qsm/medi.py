"""Morphology-enabled dipole inversion: of all maps that explain the field, the one whose edges are the magnitude's.

References
----------
Liu J et al. Morphology enabled dipole inversion for quantitative susceptibility mapping using structural consistency
between the magnitude image and the susceptibility map. NeuroImage 2012;59:2560. Liu T et al. Nonlinear formulation of
the magnetic field to source relationship for robust quantitative susceptibility mapping. Magn Reson Med 2013;69:467
(the data term in the complex exponential; the reweighting MERIT). Liu Z et al. MEDI+0: morphology enabled dipole
inversion with automatic uniform cerebrospinal fluid zero reference for quantitative susceptibility mapping. Magn Reson
Med 2018;79:2795.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from thaliron_napari.errors import MeasurementError

from .arrays import Arrays, FloatArray, Mask, Shape, arrays
from .background import noise_weights
from .dipole import box_of, padded_shape, unit_dipole


@dataclass(frozen=True)
class MediSettings:
    """What governs the inversion.

    Parameters
    ----------
    data_weight : float
        Of the data term beside the L1 norm of the gradient, both in radians (lambda of the papers). What suits depends
        on the time in which the phase is gained: in four times the time, a quarter of it does the same.
    edge_share : float
        Share of the brain's gradients that are edges of the magnitude, where the map may jump for nothing.
    steps, tolerance : int, float
        Gauss-Newton stops after so many steps, or when a step changes the map by less than this share.
    inner_steps, inner_tolerance : int, float
        The same for the conjugate gradients within each step; by the size of the residual.
    reweight : bool
        MERIT: voxels whose misfit is beyond six standard deviations weigh less from then on.
    csf_weight : float
        MEDI+0: of the variance within CSF, if a CSF mask is given.
    margin_mm : float
        Zeros round the brain.
    """

    data_weight: float = 500.0
    edge_share: float = 0.3
    steps: int = 6
    tolerance: float = 0.05
    inner_steps: int = 60
    inner_tolerance: float = 0.1
    reweight: bool = True
    csf_weight: float = 100.0
    margin_mm: float = 30.0


_SMOOTH = 1e-6  # (rad / mm)^2 under the root, so that the L1 norm has a slope everywhere
# Removing the background also takes off what of the brain's field sources outside could have made. They are put back by
# leaving the voxels outside nearly free: with the brain's own penalty there the thalamus came out 3 ppb too low.
_OUTSIDE = 0.02


def medi(
    field_rad: FloatArray,
    noise_rad: FloatArray,
    magnitude: FloatArray,
    mask: Mask,
    spacing: ArrayLike,
    b0: ArrayLike,
    settings: MediSettings | None = None,
    *,
    csf: Mask | None = None,
    start_rad: FloatArray | None = None,
    on: Arrays | None = None,
    step: Callable[[float], None] = lambda share: None,
    reached: Callable[[FloatArray], None] | None = None,
) -> FloatArray:
    """Susceptibility of a local field.

    Minimises data_weight |W (exp(i D chi) - exp(i field))|^2 + |M grad chi|_1. A Gauss-Newton step solves
    (grad' M V M grad + 2 data_weight D W^2 D) dx = -(grad' M V M grad chi + 2 data_weight D W^2 sin(D chi - field)):
    the complex exponential leaves no more than a sine in it, so that all arrays are real. The unknowns are the voxels
    of the box round the brain.

    Parameters
    ----------
    field_rad : float32 array (z, y, x)
        Local field as phase (radians in some unit of time); whole turns left in it do no harm.
    noise_rad : float32 array (z, y, x)
        Its standard deviation; only ratios between voxels count.
    magnitude : float32 array (z, y, x)
        Image whose edges are the map's.
    mask : bool array (z, y, x)
        Where the field is known.
    spacing, b0 : arrays (3,)
        (z, y, x) in mm; direction of B0.
    settings : MediSettings, optional
    csf : bool array (z, y, x), optional
        Ventricular CSF: made uniform, and its mean is 0 in the result.
    start_rad : float32 array (z, y, x), optional
        Map to begin from: that of a run that was stopped.
    on : Arrays, optional
        Where to calculate.
    step : callable
        Called before each step of the conjugate gradients with the share done; what it raises ends the work.
    reached : callable, optional
        Gets the map after each Gauss-Newton step, fit to be the next `start_rad`.

    Returns
    -------
    float32 array (z, y, x)
        Susceptibility in the field's unit, 0 outside the mask.

    Raises
    ------
    MeasurementError
        When the mask or the CSF in it is empty.
    """
    s, on = settings or MediSettings(), on or arrays()
    xp = on.xp
    h = np.asarray(spacing, float)
    box = box_of(mask, 1)
    inside = mask[box]
    crop: Shape = (inside.shape[0], inside.shape[1], inside.shape[2])
    shape = padded_shape(crop, h, s.margin_mm)
    kernel = on.put(unit_dipole(shape, h, b0))
    weights = noise_weights(noise_rad[box], inside)
    smooth = [on.put(part) for part in smoothness(magnitude[box], inside, h, s.edge_share)]
    field = on.put(field_rad[box])
    reference = None
    if csf is not None:
        reference = on.put(csf[box] & inside)
        if not (csf & mask).any():
            raise MeasurementError("The CSF mask does not lie in the brain mask; mark ventricular CSF.")
        n_csf = float(reference.sum())

    def dipole(x: Any, weight: Any = None) -> Any:
        return on.convolve(x, kernel, shape, crop, weight)

    def uniform(x: Any) -> Any:
        return reference * (x - float((reference * x).sum()) / n_csf)

    chi = on.put(np.where(inside, start_rad[box], 0) if start_rad is not None else np.zeros(crop))
    for outer in range(s.steps):
        bend = _bend(on, chi, smooth, h)
        square = on.put(weights * weights * np.float32(2 * s.data_weight))
        residual = dipole(chi)
        residual -= field
        residual = dipole(square * xp.sin(residual))
        if reference is not None:
            residual += 2 * s.csf_weight * uniform(chi)
        _add_gradient_term(on, chi, bend, residual)
        residual *= -1
        # Conjugate gradients
        change = xp.zeros_like(chi)
        direction = residual * 1
        size = first = on.dot(residual, residual)
        for inner in range(s.inner_steps):
            if size <= s.inner_tolerance**2 * first or size == 0:
                break
            step((outer + inner / s.inner_steps) / s.steps)
            seen = dipole(dipole(direction, square))
            if reference is not None:
                seen += 2 * s.csf_weight * uniform(direction)
            length = size / _add_gradient_term(on, direction, bend, seen)
            size, before = _move(on, length, direction, seen, change, residual), size
            _turn(on, direction, size / before, residual)
        chi += change
        if reached is not None:
            so_far = np.zeros(mask.shape, np.float32)
            so_far[box] = on.get(chi) * inside
            reached(so_far)
        moved, whole = on.dot(change, change), on.dot(chi, chi)
        if moved <= s.tolerance**2 * whole:
            break
        if s.reweight:
            left = dipole(chi)
            left -= field
            _merit(weights, on.get(left), inside)
    out = np.zeros(mask.shape, np.float32)
    found = on.get(chi)
    if csf is not None:
        found = found - found[csf[box] & inside].mean()
    out[box] = found * inside
    return out


def smoothness(magnitude: FloatArray, mask: Mask, spacing: ArrayLike, edge_share: float) -> list[FloatArray]:
    """Where along each axis the map is to be smooth: 0 at the magnitude's edges, its largest differences per mm.

    Parameters
    ----------
    magnitude : float32 array (z, y, x)
    mask : bool array (z, y, x)
    spacing : array (3,)
        (z, y, x) in mm.
    edge_share : float
        Of the differences in the mask, of all axes together, that are edges.

    Returns
    -------
    list of three float32 arrays
        By axis; each shorter by one along it. The mask's own rim is an edge; beyond it there is little weight.
    """
    slopes = [np.abs(np.diff(magnitude, axis=axis)) / float(h) for axis, h in enumerate(np.asarray(spacing, float))]
    both = [mask[_from(axis, 1)] & mask[_upto(axis)] for axis in range(3)]
    within = np.concatenate([slope[pair] for slope, pair in zip(slopes, both, strict=True)])
    level = np.quantile(within, 1 - edge_share) if within.size else 0
    out = []
    for axis, (slope, pair) in enumerate(zip(slopes, both, strict=True)):
        keep = np.where(pair, slope <= level, np.float32(_OUTSIDE)).astype(np.float32)
        keep[mask[_from(axis, 1)] != mask[_upto(axis)]] = 0
        out.append(keep)
    return out


def _bend(on: Arrays, chi: Any, smooth: list[Any], spacing: Any) -> list[Any]:
    """Weight of each squared difference to the next voxel that makes it the L1 norm's: M V M / h^2.

    By axis, as one row of voxels, and 0 where there is no next.
    """
    out = []
    for axis, (keep, h) in enumerate(zip(smooth, spacing, strict=True)):
        slope = chi[_from(axis, 1)] - chi[_upto(axis)]
        slope *= slope
        slope *= 1 / h**2
        slope += _SMOOTH
        slope = keep / slope**0.5
        slope *= 1 / h**2
        bend = on.xp.zeros_like(chi)
        bend[_upto(axis)] = slope
        out.append(bend.reshape(-1))
    return out


def _add_gradient_term(on: Arrays, x: Any, bend: list[Any], out: Any) -> float:
    """Add grad' bend grad x, and return the sum of the products of x with all that is then in `out`."""
    steps = (x.shape[1] * x.shape[2], x.shape[2], 1)  # from a voxel to its next, in one row of all
    x, out = x.reshape(-1), out.reshape(-1)
    n = x.shape[0]

    def work(a: int, b: int) -> float:
        for step, weight in zip(steps, bend, strict=True):
            first, last = max(a - step, 0), min(b, n - step)
            flow = x[first + step : last + step] - x[first:last]
            flow *= weight[first:last]
            out[first + step : b] += flow[: max(b - first - step, 0)]
            out[a : max(last, a)] -= flow[a - first :]
        return on.dot(x[a:b], out[a:b])

    return sum(on.over(n, work))


def _move(on: Arrays, length: float, direction: Any, seen: Any, change: Any, residual: Any) -> float:
    """Go along the direction, whose left side was `seen` (which is used up); return the new residual's size."""
    direction, seen, change, residual = (part.reshape(-1) for part in (direction, seen, change, residual))

    def work(a: int, b: int) -> float:
        left, part = residual[a:b], seen[a:b]
        part *= length
        left -= part
        change[a:b] += on.xp.multiply(direction[a:b], length, out=part)
        return on.dot(left, left)

    return sum(on.over(residual.shape[0], work))


def _turn(on: Arrays, direction: Any, share: float, residual: Any) -> None:
    """Keep a share of the direction and add the residual."""
    direction, residual = direction.reshape(-1), residual.reshape(-1)

    def work(a: int, b: int) -> None:
        part = direction[a:b]
        part *= share
        part += residual[a:b]

    on.over(direction.shape[0], work)


def _merit(weights: FloatArray, left: FloatArray, inside: Mask) -> None:
    """Reduce the weights of what the model cannot explain (MERIT)."""
    misfit = weights * (2 * np.abs(np.sin(left / 2)))  # |exp(i D chi) - exp(i field)|
    limit = 6 * float(misfit[inside].std())
    beyond = inside & (misfit > limit)
    weights[beyond] *= (limit / misfit[beyond]) ** 2
    weights /= max(float(weights[inside].mean()), 1e-30)


def _from(axis: int, start: int) -> tuple[slice, ...]:
    return tuple(slice(start, None) if i == axis else slice(None) for i in range(3))


def _upto(axis: int) -> tuple[slice, ...]:
    return tuple(slice(None, -1) if i == axis else slice(None) for i in range(3))
