"""Division by the dipole, with a threshold: the quickest map, streaked.

References
----------
Shmueli K et al. Magnetic susceptibility mapping of brain tissue in vivo using MRI phase data. Magn Reson Med
2009;62:1510. Schweser F et al. Toward online reconstruction of quantitative susceptibility maps: superfast dipole
inversion. Magn Reson Med 2013;69:1581 (what the threshold takes off the values is put back).
"""

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Arrays, FloatArray, Mask, Shape, arrays
from .dipole import padded_shape, unit_dipole


def tkd(
    field: FloatArray,
    mask: Mask,
    spacing: ArrayLike,
    b0: ArrayLike,
    *,
    threshold: float = 0.19,
    margin_mm: float = 40.0,
    on: Arrays | None = None,
) -> FloatArray:
    """Thresholded k-space division.

    Parameters
    ----------
    field : float32 array (z, y, x)
        Local field; the map has its unit.
    mask : bool array (z, y, x)
    spacing, b0 : arrays (3,)
        (z, y, x) in mm; direction of B0.
    threshold : float
        Where the dipole's size is below this, this is divided by.

    Returns
    -------
    float32 array (z, y, x)
        Susceptibility, 0 outside the mask.
    """
    on = on or arrays()
    crop: Shape = (field.shape[0], field.shape[1], field.shape[2])
    shape = padded_shape(crop, spacing, margin_mm)
    kernel = unit_dipole(shape, spacing, b0)
    inverse = np.where(np.abs(kernel) < threshold, np.copysign(np.float32(threshold), kernel), kernel)
    np.divide(1, inverse, out=inverse)
    # A point source comes out smaller by the mean of this over k-space.
    kept = float((kernel * inverse).mean(dtype=float))
    spectrum = on.forward(on.put(field * mask), shape)
    spectrum *= on.put(inverse / np.float32(kept))
    chi = on.get(on.backward(spectrum, shape, crop))
    return np.asarray(chi * mask, np.float32)
