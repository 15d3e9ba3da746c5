"""Inversion with the square of the gradient as penalty: one division in k-space, smooth and quick.

Reference
---------
Bilgic B et al. Fast image reconstruction with L2-regularization. J Magn Reson Imaging 2014;40:181.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from .arrays import Arrays, FloatArray, Mask, Shape, arrays
from .dipole import padded_shape, unit_dipole


def closed_form(
    field: FloatArray,
    mask: Mask,
    spacing: ArrayLike,
    b0: ArrayLike,
    *,
    weight_mm2: float = 0.01,
    margin_mm: float = 40.0,
    on: Arrays | None = None,
) -> FloatArray:
    """Least squares of the field with a penalty on the gradient: chi = D f / (D^2 + weight |E|^2).

    Parameters
    ----------
    field : float32 array (z, y, x)
        Local field; the map has its unit.
    mask : bool array (z, y, x)
    spacing, b0 : arrays (3,)
        (z, y, x) in mm; direction of B0.
    weight_mm2 : float
        Of the squared gradient, which is taken per mm.

    Returns
    -------
    float32 array (z, y, x)
        Susceptibility, 0 outside the mask.
    """
    on = on or arrays()
    crop: Shape = (field.shape[0], field.shape[1], field.shape[2])
    shape = padded_shape(crop, spacing, margin_mm)
    kernel = unit_dipole(shape, spacing, b0)
    penalty = gradient_power(shape, spacing)
    penalty *= np.float32(weight_mm2)
    penalty += kernel * kernel
    penalty[0, 0, 0] = 1
    kernel /= penalty
    spectrum = on.forward(on.put(field * mask), shape)
    spectrum *= on.put(kernel)
    chi = on.get(on.backward(spectrum, shape, crop))
    return np.asarray(chi * mask, np.float32)


def gradient_power(shape: Shape, spacing: ArrayLike) -> FloatArray:
    """Square of the response of differences between neighbours, per mm, in the layout of :func:`scipy.fft.rfftn`."""
    power: Any = 0
    for axis, (n, h) in enumerate(zip(shape, np.asarray(spacing, float), strict=True)):
        k = fft.rfftfreq(n) if axis == 2 else fft.fftfreq(n)
        one = (4 * np.sin(np.pi * k) ** 2 / h**2).astype(np.float32)
        power = power + one.reshape([-1 if i == axis else 1 for i in range(3)])
    return np.asarray(power, np.float32)
