"""From true susceptibility to a map as a scanner gives it: dipole field, noise, and the inversion of the field.

References
----------
Marques JP, Bowtell R. Application of a Fourier-based method for rapid calculation of field inhomogeneity due to spatial
variation of magnetic susceptibility. Concepts Magn Reson B 2005;25:65 (the dipole in k-space).
Shmueli K et al. Magnetic susceptibility mapping of brain tissue in vivo using MRI phase data. Magn Reson Med
2009;62:1510 (division with a threshold near the cone where the dipole vanishes). Tang J et al. Improving
susceptibility mapping using a threshold-based k-space/image domain iterative reconstruction approach. Magn Reson Med
2013;69:1396 (filling that cone from what is known of the structures).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from .shapes import FloatArray

_WORKERS = 2


def dipole(shape: tuple[int, int, int], spacing: NDArray[np.float64]) -> FloatArray:
    """Field of a unit dipole in half of k-space, B0 along z: 1/3 - kz^2 / k^2, and 0 at the origin."""
    kz = fft.fftfreq(shape[0], spacing[0])[:, None, None].astype(np.float32) ** 2
    ky = fft.fftfreq(shape[1], spacing[1])[None, :, None].astype(np.float32) ** 2
    kx = fft.rfftfreq(shape[2], spacing[2])[None, None, :].astype(np.float32) ** 2
    square = kx + ky + kz
    square[0, 0, 0] = 1
    kernel = np.float32(1 / 3) - kz / square
    kernel[0, 0, 0] = 0
    return np.asarray(kernel, np.float32)


def measured_map(
    chi_ppb: FloatArray,
    magnitude: FloatArray,
    brain: NDArray[np.bool_],
    tissue: NDArray[np.uint8],
    spacing: NDArray[np.float64],
    rng: np.random.Generator,
    noise_ppb: float,
    threshold: float = 0.1,
) -> FloatArray:
    """Susceptibility as it comes out of field mapping and inversion, in ppb, 0 outside the brain.

    The field of the true susceptibility gets noise in inverse proportion to the magnitude and is divided by the
    dipole; in the cone where that is below `threshold` the data say little, and the values come from the map's own
    means over the tissues. Veins bloom because they fill voxels in part and because the inversion loses some of their
    fine detail.

    Parameters
    ----------
    chi_ppb, magnitude, brain, tissue
        (z, y, x) on one grid; `tissue` is a label map.
    spacing
        (z, y, x) in mm.
    noise_ppb
        SD of the field's noise where the magnitude is that of the median brain.
    """
    shape = tuple(fft.next_fast_len(n + max(8, n // 8), real=True) for n in chi_ppb.shape)
    crop = tuple(slice(0, n) for n in chi_ppb.shape)
    kernel = dipole((shape[0], shape[1], shape[2]), spacing)
    with fft.set_workers(_WORKERS):
        field = fft.irfftn(fft.rfftn(chi_ppb, shape) * kernel, shape)
        level = np.median(magnitude[brain])
        noise = rng.standard_normal(chi_ppb.shape, np.float32) * np.float32(noise_ppb)
        noise *= np.clip(level / np.maximum(magnitude, 1), 0, 4) * brain
        field[crop] += noise
        data = fft.rfftn(field)
        sure = np.clip(np.abs(kernel) / np.float32(threshold), 0, 1) ** 2
        safe = np.where(np.abs(kernel) < threshold, np.copysign(np.float32(threshold), kernel), kernel)
        data /= safe
        data *= sure * _taper((shape[0], shape[1], shape[2]))
        estimate = fft.irfftn(data, shape)[crop]
        missing = 1 - sure
        for _ in range(2):
            prior = _means(estimate, brain, tissue)
            filled = fft.rfftn(prior, shape)
            filled *= missing
            filled += data
            estimate = fft.irfftn(filled, shape)[crop]
    return np.where(brain, estimate, np.float32(0))


def _means(estimate: FloatArray, brain: NDArray[np.bool_], tissue: NDArray[np.uint8]) -> FloatArray:
    labels = tissue[brain]
    counts = np.bincount(labels, minlength=256)
    means = np.bincount(labels, estimate[brain], 256) / np.maximum(counts, 1)
    return means.astype(np.float32)[tissue] * brain


def _taper(shape: tuple[int, int, int]) -> FloatArray:
    """Raised cosine towards the highest frequencies in plane, as reconstructions use against ringing."""
    ky = np.abs(fft.fftfreq(shape[1]))[None, :, None]
    kx = np.abs(fft.rfftfreq(shape[2]))[None, None, :]
    window = (0.5 + 0.5 * np.cos(2 * np.pi * ky)) * (0.5 + 0.5 * np.cos(2 * np.pi * kx))
    return np.asarray(np.sqrt(window), np.float32)
