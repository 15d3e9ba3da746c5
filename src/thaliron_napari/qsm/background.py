"""Fields from outside the brain, taken out: what is left is from the brain's own susceptibility.

References
----------
PDF: Liu T et al. A novel background field removal method for MRI using projection onto dipole fields. NMR Biomed
2011;24:1129. V-SHARP: Schweser F et al. Quantitative imaging of intrinsic magnetic tissue properties using MRI signal
phase. NeuroImage 2011;54:2789; Wu B, Li W, Guidon A, Liu C. Whole brain susceptibility mapping using compressed
sensing. Magn Reson Med 2012;67:137 (spheres that grow smaller towards the brain's rim).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .arrays import Arrays, FloatArray, Mask, Shape, arrays
from .dipole import k_squared, padded_shape, unit_dipole


def pdf(
    field: FloatArray,
    noise: FloatArray,
    mask: Mask,
    spacing: ArrayLike,
    b0: ArrayLike,
    *,
    iterations: int = 200,
    tolerance: float = 0.002,
    margin_mm: float = 40.0,
    on: Arrays | None = None,
    step: Callable[[float], None] = lambda share: None,
) -> FloatArray:
    """Projection onto dipole fields: sources outside the mask that explain most of the field inside.

    Least squares with weights of 1 / noise, by conjugate gradients, which are stopped early: the first steps find the
    smooth fields of strong sources. At a tolerance of 0.02 twice as much of them is left as at 0.002.

    Parameters
    ----------
    field : float32 array (z, y, x)
        Relative field (any unit), unwrapped.
    noise : float32 array (z, y, x)
        Its standard deviation.
    mask : bool array (z, y, x)
        Brain.
    spacing, b0 : arrays (3,)
        (z, y, x) in mm; direction of B0.
    iterations, tolerance : int, float
        It stops after so many steps or when the gradient has fallen to this share.
    margin_mm : float
        Room beyond the image that may hold sources too.
    on : Arrays, optional
    step : callable
        Called with the share done before each step; what it raises ends the work.

    Returns
    -------
    float32 array (z, y, x)
        Field of the brain, 0 outside the mask.
    """
    on = on or arrays()
    crop: Shape = (field.shape[0], field.shape[1], field.shape[2])
    shape = padded_shape(crop, spacing, margin_mm)
    kernel = on.put(unit_dipole(shape, spacing, b0))
    square = on.put(noise_weights(noise, mask) ** 2)
    # Sources lie anywhere in the padded grid but in the brain, which stands in its first corner.
    outside = np.ones(shape, np.float32)
    outside[: crop[0], : crop[1], : crop[2]] = ~mask
    free = on.put(outside)
    del outside

    def inside_of(sources: Any, weight: Any = None) -> Any:
        return on.convolve(sources, kernel, shape, crop, weight)

    def at_sources(values: Any) -> Any:
        return on.convolve(values, kernel, shape, shape, free)

    residual = at_sources(square * on.put(field))
    direction = residual * 1
    sources = residual * 0
    size = first = on.dot(residual, residual)
    for i in range(iterations):
        if size <= tolerance**2 * first or size == 0:
            break
        step(i / iterations)
        seen = at_sources(inside_of(direction, square))
        length = size / on.dot(direction, seen)
        sources += length * direction
        seen *= length
        residual -= seen
        del seen
        size, before = on.dot(residual, residual), size
        direction *= size / before
        direction += residual
    local = field - on.get(inside_of(sources))
    local[~mask] = 0
    return local


def v_sharp(
    field: FloatArray,
    mask: Mask,
    spacing: ArrayLike,
    *,
    largest_mm: float = 12.0,
    threshold: float = 0.05,
    on: Arrays | None = None,
    step: Callable[[float], None] = lambda share: None,
) -> tuple[FloatArray, Mask]:
    """Mean over a sphere taken off, for a field from outside equals its own mean over any sphere inside the brain.

    Each voxel uses the largest sphere that lies in the brain; what that takes off the brain's own field is put back by
    a division in k-space with the largest sphere's response, down to a threshold. The spheres' responses are those of
    continuous balls, so that the voxels' shape does not matter.

    Parameters
    ----------
    field : float32 array (z, y, x)
        Relative field (any unit), unwrapped.
    mask : bool array (z, y, x)
    spacing : array (3,)
        (z, y, x) in mm.
    largest_mm : float
        Radius of the largest sphere; each next is smaller by the largest voxel edge, down to that edge.
    threshold : float
        Of the division.

    Returns
    -------
    local, within : arrays (z, y, x)
        The field and the mask in which it is known; one voxel's edge is lost at the rim.
    """
    on = on or arrays()
    h = np.asarray(spacing, float)
    smallest = float(h.max())
    radii = np.arange(max(largest_mm, smallest), smallest * 0.99, -smallest)
    crop: Shape = (field.shape[0], field.shape[1], field.shape[2])
    shape = padded_shape(crop, h, 2 * float(radii[0]))
    # What lies beyond the image counts as outside, too.
    room = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=h)[1:-1, 1:-1, 1:-1].astype(np.float32)
    k = np.asarray(2 * np.pi * np.sqrt(k_squared(shape, h)), np.float32)
    spectrum = on.forward(on.put(field * mask), shape)
    out = np.zeros(crop, np.float32)
    done = np.zeros(crop, bool)
    for i, radius in enumerate(radii):
        step(i / radii.size)
        here = (room > radius) & ~done
        if here.any():
            part = spectrum * on.put(1 - _ball(k * np.float32(radius)))
            out[here] = on.get(on.backward(part, shape, crop))[here]
            done |= here
    response = 1 - _ball(k * np.float32(radii[0]))
    inverse = np.where(response > threshold, 1 / np.maximum(response, np.float32(threshold)), 0)
    spectrum = on.forward(on.put(out), shape)
    spectrum *= on.put(inverse)
    local = on.get(on.backward(spectrum, shape, crop))
    return np.asarray(local * done, np.float32), done


def noise_weights(noise: FloatArray, mask: Mask) -> FloatArray:
    """1 / noise with a mean of 1 in the mask, and 0 outside."""
    out = np.zeros(mask.shape, np.float32)
    known = mask & (noise > 0)
    out[known] = 1 / noise[known]
    # A few voxels of huge signal would otherwise be all that counts.
    np.minimum(out, np.float32(5 * np.median(out[known])) if known.any() else 0, out=out)
    out /= max(float(out[mask].mean()), 1e-30)
    return out


def _ball(q: FloatArray) -> FloatArray:
    """Transform of a ball of unit volume by k times its radius: 3 (sin q - q cos q) / q^3."""
    small = q < 0.1
    safe = np.where(small, np.float32(1), q)
    return np.asarray(np.where(small, 1 - q * q / 10, 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3), np.float32)
