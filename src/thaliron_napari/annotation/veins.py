"""Veins on a susceptibility map: bright, tubular and connected."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import AnnotationError

MARGIN_MM = 6.0  # context around `within`, so that a vein or a nucleus at its border is seen whole
NOISE_MM = 0.35  # smoothing in plane
BOX_MM = (6.0, 2.5, 2.5)  # (z, y, x): no deep vein holds a box of this size, whichever way it runs
FAINT_SD = 5.0  # top-hat of a vein's voxels over that of the tissue, in robust standard deviations
CORE_PPB = 90.0  # top-hat somewhere along a vein: a voxel half filled with venous blood, some 200 ppb above tissue
LENGTH_MM = 6.0  # shorter pieces are noise
NUCLEUS_PPB = 60.0  # half of what the fainter iron-rich nuclei stand above the tissue
NUCLEUS_MM = 1.5  # radius of a ball that fits into a nucleus
NUCLEUS_SPREAD_MM = 1.2  # a nucleus spreads (standard deviation) at least so far in two directions,
NUCLEUS_ELONGATION = 2.2  # and at most this many times as far in the third; the vein of Galen is longer
BLUR_MM = 1.0  # of a nucleus's surface


def find_veins(qsm_ppb: ArrayLike, spacing: ArrayLike, *, within: ArrayLike | None = None) -> NDArray[np.bool_]:
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
    Veins are thin and bright against what lies around them, so they stand out in the white top-hat: the map minus
    its opening [1]_, here by a box into which no deep vein fits. Faint voxels, which a vein fills in part, are taken
    where they are connected with some as bright as venous blood; short pieces are dropped. What is faint is measured
    against the spread of the top-hat in the tissue itself, that is the noise and texture of this map.

    Iron-rich nuclei (pallidum, red nucleus, substantia nigra) have thin rims too. They are recognised as bright
    bodies that hold a ball, by distances in mm, and are not as elongated as a large vein; they are left out with
    their surface.

    References
    ----------
    .. [1] Serra J. Image Analysis and Mathematical Morphology. London: Academic Press; 1982.
    """
    qsm = np.asarray(qsm_ppb)
    step = np.asarray(spacing, dtype=float)
    if qsm.ndim != 3:
        raise AnnotationError(f"Veins are found on an image of three axes (z, y, x), not {qsm.ndim}.")
    if step.shape != (3,) or not np.isfinite(step).all() or (step <= 0).any():
        raise AnnotationError(f"The spacing {spacing!r} must be three positive lengths in mm, (z, y, x).")
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
    smooth = ndimage.gaussian_filter(qsm, (0, NOISE_MM / spacing[1], NOISE_MM / spacing[2]))
    odd = tuple(2 * int(mm / step / 2 + 1e-6) + 1 for mm, step in zip(BOX_MM, spacing, strict=True))
    top_hat = smooth - ndimage.maximum_filter(ndimage.minimum_filter(smooth, odd), odd)
    middle, spread = _middle_and_spread(top_hat[region])
    faint = known & (top_hat > middle + FAINT_SD * spread)
    faint &= ~_nuclei(known & (smooth > float(np.median(smooth[region])) + NUCLEUS_PPB), spacing)
    return _pieces(faint, faint & (top_hat > CORE_PPB), spacing)


def _middle_and_spread(values: NDArray[np.float32]) -> tuple[float, float]:
    """Median, and the standard deviation that the median absolute deviation stands for in a normal distribution."""
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))


def _nuclei(bright: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Bodies that hold a ball and are no tubes, with their surface."""
    nothing = np.zeros_like(bright)
    deep = np.asarray(ndimage.distance_transform_edt(bright, sampling=spacing) > NUCLEUS_MM)
    if not deep.any():
        return nothing
    opened = ndimage.distance_transform_edt(~deep, sampling=spacing) <= NUCLEUS_MM
    bodies, count = ndimage.label(opened)
    nucleus = np.zeros(count + 1, dtype=bool)
    for number, box in enumerate(ndimage.find_objects(bodies), start=1):
        points_mm = np.argwhere(bodies[box] == number) * spacing
        if len(points_mm) < 4:
            continue
        _, second, longest = np.sqrt(np.clip(np.linalg.eigvalsh(np.cov(points_mm.T)), 0, None))
        nucleus[number] = second > NUCLEUS_SPREAD_MM and longest < NUCLEUS_ELONGATION * second
    deep &= nucleus[bodies]
    if not deep.any():
        return nothing
    return np.asarray(ndimage.distance_transform_edt(~deep, sampling=spacing) <= NUCLEUS_MM + BLUR_MM)


def _pieces(mask: NDArray[np.bool_], core: NDArray[np.bool_], spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Keep connected pieces that hold a core and whose bounding box has at least the length as its diagonal."""
    pieces, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    keep = np.zeros(count + 1, dtype=bool)
    keep[np.unique(pieces[core])] = True
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        if keep[number]:
            size_mm = np.array([s.stop - s.start for s in box]) * spacing
            keep[number] = float(np.sqrt((size_mm**2).sum())) >= LENGTH_MM
    keep[0] = False
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
