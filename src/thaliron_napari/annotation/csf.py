"""The circular CSF ROI: a disc on one slice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thaliron_napari.errors import AnnotationError


def csf_roi(shape: Sequence[int], centre: Sequence[float], radius_mm: float, spacing: ArrayLike) -> NDArray[np.bool_]:
    """Make the mask of a circle on one axial slice, such as the study's ROI in the atrium of a lateral ventricle.

    Parameters
    ----------
    shape : (z, y, x)
        Shape of the image.
    centre : (z, y, x) in voxels
        Centre of the circle; y and x may lie between voxels, z is rounded to the nearest slice.
    radius_mm : float
    spacing : (z, y, x) in mm

    Returns
    -------
    bool array of `shape`
        True for voxels of that slice whose centre is at most `radius_mm` away.

    Raises
    ------
    AnnotationError
        If the circle reaches over the edge of the image, holds no voxel centre, or cannot be understood.

    Examples
    --------
    >>> int(csf_roi((3, 9, 9), (1, 4, 4), 1.0, (2.0, 0.5, 0.5)).sum())
    13
    """
    size = np.asarray(shape, dtype=int)
    middle = np.asarray(centre, dtype=float)
    step = np.asarray(spacing, dtype=float)
    if size.shape != (3,) or (size <= 0).any():
        raise AnnotationError(f"A CSF circle needs an image of three axes; this shape is {tuple(shape)}.")
    if step.shape != (3,) or not np.isfinite(step).all() or (step <= 0).any():
        raise AnnotationError(f"The spacing {spacing!r} must be three positive lengths in mm, (z, y, x).")
    if middle.shape != (3,) or not np.isfinite(middle).all():
        raise AnnotationError(f"The centre {tuple(centre)} of the CSF circle must be a point (z, y, x) in voxels.")
    if not (np.isfinite(radius_mm) and radius_mm > 0):
        raise AnnotationError(f"The CSF circle's radius is {radius_mm} mm; give a positive number.")
    z = int(np.floor(middle[0] + 0.5))
    reach = radius_mm / step[1:]
    if not 0 <= z < size[0] or (middle[1:] - reach < -0.5).any() or (middle[1:] + reach > size[1:] - 0.5).any():
        raise AnnotationError(
            f"The CSF circle of {radius_mm:g} mm at voxel {tuple(float(c) for c in middle)} reaches over the edge of "
            f"the image of {tuple(int(n) for n in size)} voxels; move it inwards or make it smaller."
        )
    dy = (np.arange(size[1]) - middle[1]) * step[1]
    dx = (np.arange(size[2]) - middle[2]) * step[2]
    disc = dy[:, None] ** 2 + dx[None, :] ** 2 <= radius_mm**2 * (1 + 1e-9)
    if not disc.any():
        raise AnnotationError(
            f"The CSF circle of {radius_mm:g} mm lies between the voxels of {step[1]:g} x {step[2]:g} mm and holds "
            "none; make it larger."
        )
    mask = np.zeros(tuple(size), dtype=bool)
    mask[z] = disc
    return mask
