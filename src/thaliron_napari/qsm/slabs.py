"""Transforms of padded arrays, some slices at a time: a slab stays in a processor's cache, each core has its own."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Shape = tuple[int, int, int]
FloatArray = NDArray[np.float32]
ComplexArray = NDArray[np.complex64]
Result = TypeVar("Result")

_BYTES = 2**20  # in a slab: half of what many a core's own cache holds


def over_slabs(n: int, each: int, pool: Executor, work: Callable[[slice], Result]) -> list[Result]:
    """Do some work on each slab, on several cores.

    Parameters
    ----------
    n, each : int
        Slices, and bytes in each.
    pool : executor
        Of the cores.
    work : callable
        Gets the slab as a slice; no two may write to the same place.
    """
    size = max(1, _BYTES // max(each, 1))
    slabs = [slice(i, min(i + size, n)) for i in range(0, n, size)]
    return list(pool.map(work, slabs)) if len(slabs) > 1 else [work(slab) for slab in slabs]


def forward(array: FloatArray, shape: Shape, pool: Executor) -> ComplexArray:
    """Half the spectrum of an array padded with zeros at its ends, as :func:`scipy.fft.rfftn` gives it.

    One axis after the other, so that lines that hold padding only are never transformed.
    """
    out = np.empty((shape[0], shape[1], shape[2] // 2 + 1), np.complex64)
    _into_planes(array, shape, pool, out)

    def columns(y: slice) -> None:
        out[:, y] = fft.fft(out[: array.shape[0], y], shape[0], 0)

    over_slabs(shape[1], 8 * out.shape[0] * out.shape[2], pool, columns)
    return out


def backward(spectrum: ComplexArray, shape: Shape, crop: Shape, pool: Executor) -> FloatArray:
    """Inverse of :func:`forward`, of which only the first `crop` voxels along each axis are kept.

    The spectrum is overwritten.
    """

    def columns(y: slice) -> None:
        spectrum[: crop[0], y] = fft.ifft(spectrum[:, y], shape[0], 0)[: crop[0]]

    over_slabs(shape[1], 8 * spectrum.shape[0] * spectrum.shape[2], pool, columns)
    return _from_planes(spectrum, shape, crop, pool)


def convolve(
    array: FloatArray, kernel: FloatArray, shape: Shape, crop: Shape, weight: FloatArray | None, pool: Executor
) -> FloatArray:
    """:func:`forward`, times the kernel, :func:`backward`, times the weight; never holds the whole spectrum."""
    planes = np.empty((max(array.shape[0], crop[0]), shape[1], shape[2] // 2 + 1), np.complex64)
    _into_planes(array, shape, pool, planes)

    def columns(y: slice) -> None:
        part = fft.fft(planes[: array.shape[0], y], shape[0], 0)
        part *= kernel[:, y]
        planes[: crop[0], y] = fft.ifft(part, shape[0], 0, overwrite_x=True)[: crop[0]]

    over_slabs(shape[1], 8 * shape[0] * planes.shape[2], pool, columns)
    return _from_planes(planes, shape, crop, pool, weight)


def _into_planes(array: FloatArray, shape: Shape, pool: Executor, out: ComplexArray) -> None:
    """Transform along x and y the planes that the array has."""
    rows = array.shape[1]

    def planes(z: slice) -> None:
        part = out[z]
        part[:, :rows] = fft.rfft(array[z], shape[2], 2)
        part[:, rows:] = 0
        done = fft.fft(part, shape[1], 1, overwrite_x=True)
        if done is not part:  # it may be written over, but need not
            part[...] = done

    over_slabs(array.shape[0], 8 * out.shape[1] * out.shape[2], pool, planes)


def _from_planes(
    planes: ComplexArray, shape: Shape, crop: Shape, pool: Executor, weight: FloatArray | None = None
) -> FloatArray:
    """Transform the planes that are kept back along y and x; they are overwritten."""
    out = np.empty(crop, np.float32)

    def rows(z: slice) -> None:
        lines = fft.ifft(planes[z], shape[1], 1, overwrite_x=True)[:, : crop[1]]
        values = fft.irfft(lines, shape[2], 2)[:, :, : crop[2]]
        if weight is None:
            out[z] = values
        else:
            np.multiply(values, weight[z], out=out[z])

    over_slabs(crop[0], 8 * planes.shape[1] * planes.shape[2], pool, rows)
    return out
