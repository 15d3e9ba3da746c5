"""Areas of a structure's slices: how it tapers."""

import numpy as np
from numpy.typing import NDArray

Float3D = NDArray[np.float32]


def expected_areas(drawn: NDArray[np.bool_], slices: NDArray[np.intp]) -> NDArray[np.float64]:
    """Interpolate the drawn slices' areas, in voxels, over all slices, by monotone cubics; shape (z,)."""
    from scipy.interpolate import PchipInterpolator  # a third of what importing this package would cost

    return np.asarray(PchipInterpolator(slices, drawn[slices].sum(axis=(1, 2)))(np.arange(len(drawn))))


def with_areas(level: Float3D, areas: NDArray[np.floating]) -> Float3D:
    """Raise or lower each slice until as many voxels as wanted lie above zero.

    Parameters
    ----------
    level : float array, shape (z, y, x)
        Positive inside.
    areas : float array, shape (z,)
        Voxels wanted inside; at least one is left, and at least one outside.

    Returns
    -------
    float array, shape (z, y, x)
    """
    result = np.empty_like(level)
    for k, (own, area) in enumerate(zip(level, areas, strict=True)):
        flat = own.ravel()
        outside = len(flat) - min(max(int(area), 1), len(flat) - 1)
        least, most = np.partition(flat, (outside - 1, outside))[outside - 1 : outside + 1]
        result[k] = own - (least + most) / 2
    return result
