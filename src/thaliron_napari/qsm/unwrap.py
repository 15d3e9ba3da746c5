"""Whole turns taken out of a phase in three dimensions, and those that are left counted.

Reference
---------
Abdul-Rahman HS et al. Fast and robust three-dimensional best path phase unwrapping algorithm. Appl Opt 2007;46:6623
(the sorting by reliability that scikit-image implements).
"""

from typing import Any

import numpy as np
from scipy import ndimage

from .arrays import FloatArray, Mask
from .dipole import box_of


def unwrap(phase: FloatArray, mask: Mask) -> FloatArray:
    """Unwrap a phase inside a mask.

    Parameters
    ----------
    phase : float32 array (z, y, x)
        Radians.
    mask : bool array (z, y, x)

    Returns
    -------
    float32 array
        0 outside the mask; the median inside is within half a turn of 0.
    """
    from skimage.restoration import unwrap_phase  # heavy

    box = box_of(mask)
    inside = mask[box]
    found: Any = unwrap_phase(np.ma.array(phase[box], mask=~inside), rng=0)  # type: ignore[no-untyped-call]
    out = np.zeros(phase.shape, np.float32)
    out[box] = np.where(inside, np.ma.getdata(found), 0)
    turn = 2 * np.pi
    out[mask] -= np.float32(turn * np.rint(np.median(out[mask]) / turn))
    return out


def count_wraps(phase: FloatArray, mask: Mask, erosion: int = 2) -> int:
    """Pairs of neighbouring voxels in the mask's core between which the phase jumps by more than half a turn.

    Parameters
    ----------
    phase : float32 array (z, y, x)
        Radians, unwrapped.
    mask : bool array (z, y, x)
    erosion : int
        Voxels taken off the mask; beyond the image there is no mask.
    """
    core = ndimage.binary_erosion(mask, iterations=erosion) if erosion else mask
    count = 0
    for axis in range(3):
        jump = np.abs(np.diff(phase, axis=axis)) > np.pi
        first, second = (np.take(core, np.arange(core.shape[axis])[s], axis) for s in (slice(-1), slice(1, None)))
        count += int((jump & first & second).sum())
    return count
