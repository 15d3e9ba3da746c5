"""Where the arithmetic of large arrays is done: numpy with scipy's FFT, or a GPU through CuPy or PyTorch."""

import importlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]
Shape = tuple[int, int, int]
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
    slab : int
        Slices to work on at a time where neighbours are looked at: one stays in a processor's cache.
    """

    xp: Any
    fft: Any
    device: str = ""
    slab: int = 1

    def put(self, array: NDArray[Any]) -> Any:
        """Bring a numpy array over, as float32."""
        array = np.ascontiguousarray(array, np.float32)
        if self.device:
            return self.xp.from_numpy(array).to(self.device)
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
        out = self.fft.rfft(array, shape[2], 2)
        out = self.fft.fft(out, shape[1], 1)
        return self.fft.fft(out, shape[0], 0)

    def backward(self, spectrum: Any, shape: Shape, crop: Shape) -> Any:
        """Inverse of :meth:`forward`, of which only the first `crop` voxels along each axis are kept."""
        out = self.fft.ifft(spectrum, shape[0], 0)[: crop[0]]
        out = self.fft.ifft(out, shape[1], 1)[:, : crop[1]]
        return self.fft.irfft(out, shape[2], 2)[:, :, : crop[2]]

    def dot(self, a: Any, b: Any) -> float:
        """Sum of the products of two contiguous arrays."""
        return float(self.xp.dot(a.reshape(-1), b.reshape(-1)))


class _ScipyFft:
    """scipy's transforms on several cores; what is handed over may be overwritten, except by `rfft`."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def rfft(self, array: Any, n: int, axis: int) -> Any:
        return scipy.fft.rfft(array, n, axis, workers=self.workers)

    def irfft(self, array: Any, n: int, axis: int) -> Any:
        return scipy.fft.irfft(array, n, axis, workers=self.workers, overwrite_x=True)

    def fft(self, array: Any, n: int, axis: int) -> Any:
        return scipy.fft.fft(array, n, axis, workers=self.workers, overwrite_x=True)

    def ifft(self, array: Any, n: int, axis: int) -> Any:
        return scipy.fft.ifft(array, n, axis, workers=self.workers, overwrite_x=True)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def arrays(library: str = "numpy", workers: int | None = None) -> Arrays:
    """Choose the array library.

    Parameters
    ----------
    library : str
        ``numpy``, ``cupy`` or ``torch``; PyTorch works on its GPU if it has one, otherwise on the processor.
    workers : int, optional
        Cores for numpy's transforms; without it all that this process may use.

    Raises
    ------
    MeasurementError
        When the library is not installed, or has no GPU to work on.
    """
    if library == "numpy":
        return Arrays(np, _ScipyFft(workers or cores()))
    try:
        if library == "cupy":
            cupy = importlib.import_module("cupy")
            cupy.zeros(1)
            return Arrays(cupy, cupy.fft, slab=10_000)
        if library == "torch":
            torch = importlib.import_module("torch")
            return Arrays(torch, torch.fft, "cuda" if torch.cuda.is_available() else "cpu", 10_000)
    except Exception as error:  # a broken driver shows as errors of many kinds
        raise MeasurementError(f"{library} cannot be used here ({error}); reconstruct with numpy.") from error
    raise MeasurementError(f"There is no array library {library!r}; choose numpy, cupy or torch.")
