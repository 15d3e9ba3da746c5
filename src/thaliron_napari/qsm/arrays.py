"""Where the arithmetic of large arrays is done: numpy with scipy's FFT, or a GPU through CuPy or PyTorch."""

import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError

from . import slabs
from .slabs import FloatArray as FloatArray
from .slabs import Result
from .slabs import Shape as Shape

Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Arrays:
    """An array library, by the few names that the three share.

    Parameters
    ----------
    xp : module
        Elementwise functions.
    fft : module
        One-dimensional transforms, called as ``rfft(array, n, axis)``.
    device : str
        Where PyTorch keeps the arrays; empty with the others.
    pool : executor
        Of the cores, each of which works on slabs that stay in its cache; none where the library divides the work.
    """

    xp: Any
    fft: Any
    device: str = ""
    pool: ThreadPoolExecutor | None = None

    def put(self, array: NDArray[Any]) -> Any:
        """Bring a numpy array over, as float32."""
        array = np.ascontiguousarray(array, np.float32)
        if self.device:
            return self.xp.tensor(array, device=self.device)
        return self.xp.asarray(array)

    def get(self, array: Any) -> FloatArray:
        """Bring an array back to numpy."""
        if self.device:
            array = array.cpu().numpy()
        elif hasattr(array, "get"):
            array = array.get()
        return np.asarray(array, np.float32)

    def forward(self, array: Any, shape: Shape) -> Any:
        """Half the spectrum of an array padded with zeros at its ends.

        One axis after the other, so that lines that hold padding only are never transformed: with a third more voxels
        along each axis that is a fifth less work than transforming the padded array.
        """
        if self.pool is not None:
            return slabs.forward(array, shape, self.pool)
        out = self.fft.rfft(array, shape[2], 2)
        out = self.fft.fft(out, shape[1], 1)
        return self.fft.fft(out, shape[0], 0)

    def backward(self, spectrum: Any, shape: Shape, crop: Shape) -> Any:
        """Inverse of :meth:`forward`, of which only the first `crop` voxels along each axis are kept.

        What is returned is contiguous; the spectrum may be overwritten.
        """
        if self.pool is not None:
            return slabs.backward(spectrum, shape, crop, self.pool)
        out = self.fft.ifft(spectrum, shape[0], 0)[: crop[0]]
        out = self.fft.ifft(out, shape[1], 1)[:, : crop[1]]
        out = self.fft.irfft(out, shape[2], 2)[:, :, : crop[2]]
        return out.contiguous() if self.device else self.xp.ascontiguousarray(out)

    def convolve(self, array: Any, kernel: Any, shape: Shape, crop: Shape, weight: Any = None) -> Any:
        """:meth:`forward`, times the kernel (laid out as the spectrum), :meth:`backward`; quicker than one by one.

        What comes out is multiplied by `weight`, if that is given.
        """
        if self.pool is not None:
            return slabs.convolve(array, kernel, shape, crop, weight, self.pool)
        spectrum = self.forward(array, shape)
        spectrum *= kernel
        out = self.backward(spectrum, shape, crop)
        return out if weight is None else out * weight

    def over(self, n: int, work: Callable[[int, int], Result]) -> list[Result]:
        """Do some work on n voxels, on some from a first up to a last at a time; no two may write the same."""
        if self.pool is None:
            return [work(0, n)]
        return slabs.over_slabs(n, 4, self.pool, lambda some: work(some.start, some.stop))

    def dot(self, a: Any, b: Any) -> float:
        """Sum of the products of two contiguous arrays."""
        return float(self.xp.dot(a.reshape(-1), b.reshape(-1)))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed_libraries() -> list[str]:
    """Those of ``cupy`` and ``torch`` that are installed; whether they have a GPU is told when one is chosen."""
    return [name for name in ("cupy", "torch") if importlib.util.find_spec(name) is not None]


def arrays(library: str = "numpy", workers: int | None = None) -> Arrays:
    """Choose the array library.

    Parameters
    ----------
    library : str
        ``numpy``, ``cupy`` or ``torch``; PyTorch works on its GPU if it has one, otherwise on the processor.
    workers : int, optional
        Cores for numpy; without it all that this process may use.

    Raises
    ------
    MeasurementError
        When the library is not installed, or has no GPU to work on.
    """
    if library == "numpy":
        return Arrays(np, scipy.fft, pool=ThreadPoolExecutor(workers or cores()))
    try:
        if library == "cupy":
            cupy = importlib.import_module("cupy")
            cupy.zeros(1)
            return Arrays(cupy, cupy.fft)
        if library == "torch":
            torch = importlib.import_module("torch")
            return Arrays(torch, torch.fft, "cuda" if torch.cuda.is_available() else "cpu")
    except Exception as error:  # a broken driver shows as errors of many kinds
        raise MeasurementError(f"{library} cannot be used here ({error}); reconstruct with numpy.") from error
    raise MeasurementError(f"There is no array library {library!r}; choose numpy, cupy or torch.")
