"""The field that a susceptibility makes: a convolution with the unit dipole.

References
----------
Salomir R, de Senneville BD, Moonen CTW. A fast calculation method for magnetic field inhomogeneity due to an arbitrary
distribution of bulk susceptibility. Concepts Magn Reson B 2003;19:26. Marques JP, Bowtell R. Application of a
Fourier-based method for rapid calculation of field inhomogeneity due to spatial variation of magnetic susceptibility.
Concepts Magn Reson B 2005;25:65.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from thaliron_napari.errors import MeasurementError

from .arrays import Arrays, Box, FloatArray, Mask, Shape, arrays

PROTON_HZ_PER_T = 42.577478518e6  # CODATA 2018, gamma / 2 pi of the proton


def radians_per_ppm(field_t: float, time_s: float) -> float:
    """Phase that a relative field of 1 ppm gains in a time."""
    return 2 * np.pi * PROTON_HZ_PER_T * 1e-6 * field_t * time_s


def b0_direction(affine: ArrayLike) -> NDArray[np.float64]:
    """Direction of the scanner's main field along the index axes (z, y, x) of an image, of length 1.

    The field runs along the bore, which is the world's z axis of a scanner's affine however the slices are tilted.

    Parameters
    ----------
    affine : array (4, 4)
        From an index (z, y, x) to a RAS+ point in mm.
    """
    columns = np.asarray(affine, float)[:3, :3]
    along = columns[2] / np.sqrt((columns**2).sum(axis=0))
    return np.asarray(along / np.linalg.norm(along))


def padded_shape(shape: Shape, spacing: ArrayLike, margin_mm: float) -> Shape:
    """Next shape with a margin along each axis that is quick to transform.

    A transform repeats the image for ever; the margin keeps a source from the field of its own repetition.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x).
    spacing : array (3,)
        (z, y, x) in mm.
    margin_mm : float
        At least this much is added to each axis.
    """
    wanted = [n + int(np.ceil(margin_mm / h)) for n, h in zip(shape, np.asarray(spacing, float), strict=True)]
    z, y, x = (int(fft.next_fast_len(n, real=axis == 2)) for axis, n in enumerate(wanted))
    return z, y, x


def k_squared(shape: Shape, spacing: ArrayLike) -> FloatArray:
    """Square of the spatial frequency (1/mm^2) in the layout of :func:`scipy.fft.rfftn`."""
    kz, ky, kx = (k.astype(np.float32) ** 2 for k in _frequencies(shape, spacing))
    return np.asarray(kz + ky + kx, np.float32)


def unit_dipole(shape: Shape, spacing: ArrayLike, b0: ArrayLike) -> FloatArray:
    """Field of a unit dipole in half of k-space, 1/3 - (k . B0)^2 / k^2, and 0 at the origin.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x) of the image that is transformed.
    spacing : array (3,)
        (z, y, x) in mm.
    b0 : array (3,)
        Direction of B0 along the axes (z, y, x); any length.

    Returns
    -------
    float32 array
        In the layout of :func:`scipy.fft.rfftn`, (z, y, x // 2 + 1).
    """
    direction = np.asarray(b0, float)
    length = float(np.linalg.norm(direction))
    if direction.shape != (3,) or not np.isfinite(length) or length < 1e-6:
        raise MeasurementError("The direction of the main field is not known; give the image with its affine.")
    direction = direction / length
    ks = _frequencies(shape, spacing)
    # The highest frequency of an even length has no sign; products of two axes leave it out, for a symmetric kernel.
    signed = []
    for axis, (k, n) in enumerate(zip(ks, shape, strict=True)):
        k = k.copy()
        if n % 2 == 0:
            k[tuple(n // 2 if i == axis else 0 for i in range(3))] = 0
        signed.append(k)
    along: Any = sum((float(b) * k) ** 2 for b, k in zip(direction, ks, strict=True))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        along = along + 2 * float(direction[i] * direction[j]) * signed[i] * signed[j]
    square = k_squared(shape, spacing)
    square[0, 0, 0] = 1
    kernel = np.float32(1 / 3) - np.asarray(along, np.float32) / square
    kernel[0, 0, 0] = 0
    return np.asarray(kernel, np.float32)


def dipole_field(
    chi: FloatArray,
    spacing: ArrayLike,
    b0: ArrayLike,
    *,
    margin_mm: float | None = None,
    on: Arrays | None = None,
) -> FloatArray:
    """Relative field of a susceptibility, in the susceptibility's own unit.

    Parameters
    ----------
    chi : float32 array (z, y, x)
    spacing : array (3,)
        (z, y, x) in mm.
    b0 : array (3,)
        Direction of B0 along (z, y, x).
    margin_mm : float, optional
        Zeros added round the image; without it the image's own size, so that nothing comes round.
    on : Arrays, optional
        Where to calculate.
    """
    on = on or arrays()
    own = float((np.asarray(chi.shape) * np.asarray(spacing, float)).max())
    shape = padded_shape((chi.shape[0], chi.shape[1], chi.shape[2]), spacing, own if margin_mm is None else margin_mm)
    spectrum = on.forward(on.put(chi), shape)
    spectrum *= on.put(unit_dipole(shape, spacing, b0))
    return on.get(on.backward(spectrum, shape, (chi.shape[0], chi.shape[1], chi.shape[2])))


def box_of(mask: Mask, margin: int = 0) -> Box:
    """Smallest box that holds a mask, with some voxels more on each side where the image has them.

    Raises
    ------
    MeasurementError
        When the mask is empty.
    """
    if not mask.any():
        raise MeasurementError("The brain mask is empty; give a mask that holds the brain.")
    slices = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(i for i in range(3) if i != axis)))
        slices.append(slice(max(0, int(used[0]) - margin), min(mask.shape[axis], int(used[-1]) + 1 + margin)))
    return slices[0], slices[1], slices[2]


def _frequencies(shape: Shape, spacing: ArrayLike) -> list[NDArray[np.float64]]:
    """Frequencies in 1/mm along each axis, to be broadcast."""
    z, y, x = (float(h) for h in np.asarray(spacing, float))
    return [
        fft.fftfreq(shape[0], z)[:, None, None],
        fft.fftfreq(shape[1], y)[None, :, None],
        fft.rfftfreq(shape[2], x)[None, None, :],
    ]
