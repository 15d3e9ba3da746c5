"""Veins on a susceptibility map: bright, tubular and connected."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import AnnotationError

MARGIN_MM = 6.0  # context around `within`, so that a vein or a nucleus at its border is seen whole
BRIGHT_SD = 3.0  # brightness over the tissue around, in robust standard deviations of that tissue,
BRIGHT_PPB = 60.0  # and at least this: venous blood lies some 200 ppb above the tissue, half-filled voxels 100
NUCLEUS_MM = 2.0  # what holds a ball of this radius is a nucleus
SURFACE_MM = 1.0  # blurred surface of a nucleus
LENGTH_MM = 6.0  # shorter pieces are noise


def find_veins(qsm_ppb: ArrayLike, spacing: Sequence[float], *, within: ArrayLike | None = None) -> NDArray[np.bool_]:
    """Find the deep veins on a susceptibility map.

    Parameters
    ----------
    qsm_ppb : float array, shape (z, y, x)
        Susceptibility in ppb; zero or not finite where there is none.
    spacing : (z, y, x) in mm
    within : bool array, shape (z, y, x), optional
        Where to look; the tissue there is what "bright" is measured against. Without it, everywhere.

    Returns
    -------
    bool array, shape (z, y, x)

    Raises
    ------
    AnnotationError
        If an array does not fit, or nothing is left to look at.

    Notes
    -----
    Veins and iron-rich nuclei are both bright; they differ in how thick they are. Voxels that stand out from the
    tissue around are split by the ball that fits into them: where it has a radius of 2 mm or more the bright region is
    a nucleus (pallidum, red nucleus) and is taken away with its surface (an opening, by two distance transforms
    in mm, which makes it exact and quick on anisotropic voxels). What is left is thin; pieces that are connected over
    some length are veins.
    """
    qsm = np.asarray(qsm_ppb)
    step = np.asarray(spacing, dtype=float)
    if qsm.ndim != 3:
        raise AnnotationError(f"Veins are found on an image of three axes (z, y, x), not {qsm.ndim}.")
    if step.shape != (3,) or not np.isfinite(step).all() or (step <= 0).any():
        raise AnnotationError(f"The spacing {tuple(spacing)} must be three positive lengths in mm, (z, y, x).")
    known = np.isfinite(qsm) & (qsm != 0)
    if within is not None:
        region = np.asarray(within, dtype=bool)
        if region.shape != qsm.shape:
            raise AnnotationError(f"The region of {region.shape} voxels does not lie on the map's grid of {qsm.shape}.")
    else:
        region = known
    if not (region & known).any():
        raise AnnotationError("The region in which to look for veins holds no susceptibility; choose another.")
    box = _box(region, step)
    found = np.zeros(qsm.shape, dtype=bool)
    picture = np.where(known[box], qsm[box], 0).astype(np.float32)
    found[box] = _veins(picture, known[box], region[box] & known[box], step) & region[box]
    return found


def _veins(
    qsm: NDArray[np.float32], known: NDArray[np.bool_], region: NDArray[np.bool_], spacing: NDArray[np.float64]
) -> NDArray[np.bool_]:
    tissue = qsm[region]
    middle = float(np.median(tissue))
    spread = 1.4826 * float(np.median(np.abs(tissue - middle)))
    contrast = np.where(known, qsm - middle, 0).astype(np.float32)
    bright = contrast > max(BRIGHT_SD * spread, BRIGHT_PPB)
    depth_mm = ndimage.distance_transform_edt(bright, sampling=spacing)
    nucleus = depth_mm > NUCLEUS_MM
    if nucleus.any():
        bright &= ndimage.distance_transform_edt(~nucleus, sampling=spacing) > NUCLEUS_MM + SURFACE_MM
    return _long_pieces(bright, spacing, LENGTH_MM)


def _long_pieces(mask: NDArray[np.bool_], spacing: NDArray[np.float64], length_mm: float) -> NDArray[np.bool_]:
    """Keep connected pieces whose bounding box has at least this diagonal."""
    pieces, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    keep = np.zeros(count + 1, dtype=bool)
    for i, box in enumerate(ndimage.find_objects(pieces), start=1):
        size = np.array([s.stop - s.start for s in box]) * spacing
        keep[i] = float(np.sqrt((size**2).sum())) >= length_mm
    kept: NDArray[np.bool_] = keep[pieces]
    return kept


def _box(region: NDArray[np.bool_], spacing: NDArray[np.float64]) -> tuple[slice, slice, slice]:
    """Bounding box of the region with a margin."""
    box = []
    for axis, (n, step) in enumerate(zip(region.shape, spacing, strict=True)):
        used = np.flatnonzero(region.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(MARGIN_MM / step))
        box.append(slice(max(int(used[0]) - margin, 0), min(int(used[-1]) + margin + 1, n)))
    return box[0], box[1], box[2]
