"""A clean CSF circle in the atrium of each lateral ventricle, suggested from the images."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.brain import bright_class, distance_to
from thaliron_napari.annotation.cells import average_cells, to_shape
from thaliron_napari.annotation.midline import midline
from thaliron_napari.annotation.places import fluid_of
from thaliron_napari.annotation.smoothing import smooth_total_variation
from thaliron_napari.annotation.tissue import SMOOTHING_MM, height_above, normal_tissue
from thaliron_napari.errors import AnnotationError

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Side = Literal["left", "right"]

CELL_MM = 1.0
NOISE_MM = 0.8  # smoothing in plane before values are judged (standard deviation)
# Where atria lie: usual, standard deviation, limits. From the midline; behind the brain's front, as a share of its
# length; below its top.
LATERAL_MM = (23.0, 5.0, (11.0, 36.0))
BEHIND = (0.66, 0.035, (0.56, 0.76))
BELOW_TOP_MM = (62.0, 6.0, (46.0, 78.0))
DEPTH_MM = 24.0  # below the brain's surface: what lies nearer is a sulcus, as the Sylvian fissure's end
CORTEX_MM = 12.0  # what reaches up to here below the surface is cortex and sulci
NARROW = 0.03  # of the brain's widest section: narrower ones are not counted to its length and height
TOP_SEEN = 0.3  # of the widest axial section: with a wider one on top the image does not reach the brain's top
DARK = 0.6  # of white matter on the FLAIR: fluid is darker, be the noise as low as it may
OFF_SD = 3.5  # robust standard deviations of smoothed CSF beyond which a value is not CSF's
OFF_PPB = 8.0  # and at least so far
WALL_MM = 1.0  # between the circle and what is not clean; the walls of voxels are hardly known better
ROOM_MM = 4.0  # more room than this around a circle makes it no better
LEAST_RADIUS_MM = 1.5
SHRINK_MM = 0.5
USUAL_MM = 0.5  # of room that a place one standard deviation from the usual one must offer more


@dataclass(frozen=True)
class SuggestedCircle:
    """A circle on one axial slice.

    Attributes
    ----------
    centre : (z, y, x) in voxels
        z is a whole slice.
    radius_mm : float
    """

    centre: tuple[float, float, float]
    radius_mm: float


def suggest_csf(
    qsm_ppb: ArrayLike,
    spacing: ArrayLike,
    *,
    flair: ArrayLike | None = None,
    radius_mm: float = 3.0,
) -> dict[Side, SuggestedCircle]:
    """Suggest a circle of clean CSF in the atrium of each lateral ventricle.

    Parameters
    ----------
    qsm_ppb : float array, shape (z, y, x)
        Susceptibility in ppb; zero or not finite where there is none. x runs to the patient's left.
    spacing : (z, y, x) in mm
    flair : array, shape (z, y, x), optional
        FLAIR on the same grid, in any unit. With it fluid is told from grey matter; a map alone shows both alike.
    radius_mm : float
        Radius wanted. Where an atrium is too narrow, the circle is smaller, down to 1.5 mm.

    Returns
    -------
    dict
        By side. A side without clean CSF is not in it.

    Raises
    ------
    AnnotationError
        If neither side has clean CSF, or an argument cannot be used.

    Notes
    -----
    Fluid is what is dark on the FLAIR in the depth of the brain, as for naming the places of lesions. Without FLAIR it
    is what is not white matter by Otsu's threshold on the map [1]_ and does not hang together with the brain's rim on
    its slice, as cortex does; this is less sure where ventricles are narrow or the map is noisy. Of it, values far
    from fluid's median are left out: choroid plexus, calcified or not, and veins. Distances to all that is left out, in
    plane and across slices, tell where a circle has room. The place with the most room is taken, less what it lies away
    from where atria usually are: 23 mm beside the mid-sagittal plane, two thirds of the brain's length behind its
    front, 62 mm below its top.

    References
    ----------
    .. [1] Otsu N. A threshold selection method from gray-level histograms. IEEE Trans Syst Man Cybern 1979;9:62-66.
    """
    qsm, step, scan = _checked(qsm_ppb, spacing, flair, radius_mm)
    known = np.isfinite(qsm) & (qsm != 0)
    if not known.any():
        raise AnnotationError("The susceptibility map is empty; choose another file.")
    head = _seen(np.where(known, qsm, 0).astype(np.float32), known, step)
    fluid = _fluid_on_map(head) if scan is None else _fluid_on_flair(scan, step, head)
    clean = _clean(head, fluid)
    found: dict[Side, SuggestedCircle] = {}
    for side in ("left", "right"):
        there = head.possible & (head.left == (side == "left"))
        circle = _best(clean, there, head, radius_mm)
        if circle is not None:
            found[side] = circle
    if not found:
        raise AnnotationError("No clean CSF is found in the atria; put the circles down by hand.")
    return found


@dataclass(frozen=True, eq=False)
class _Head:
    """The map on cells, and where in the head atria may be.

    `value` is in ppb and smoothed; `depth_mm` lies below the surface of `inside`, the brain; `left` is left of the
    midline; `possible` for atria; `unusual` tells how far from where they usually are, as the sum of squares in
    standard deviations.
    """

    shape: tuple[int, ...]
    cell_mm: Floats
    value: Array
    inside: Mask
    depth_mm: Floats
    left: Mask
    possible: Mask
    unusual: Floats
    top_seen: bool


def _seen(qsm: Array, known: Mask, spacing: Floats) -> _Head:
    share = average_cells(known, spacing, CELL_MM)
    cell_mm = spacing * qsm.shape / share.shape
    sigma = (0, NOISE_MM / cell_mm[1], NOISE_MM / cell_mm[2])
    value = ndimage.gaussian_filter(average_cells(qsm, spacing, CELL_MM), sigma)
    value /= np.maximum(ndimage.gaussian_filter(share, sigma), 0.5)
    inside = ndimage.binary_fill_holes(share > 0.5)
    depth_mm = np.zeros(share.shape)
    levels = np.flatnonzero(inside.any(axis=(1, 2)))
    if levels.size:
        seen = slice(levels[0], levels[-1] + 1)  # the ends of a slab are no surface
        around = np.pad(inside[seen], ((0, 0), (1, 1), (1, 1)))
        depth_mm[seen] = distance_to(~around, cell_mm)[:, 1:-1, 1:-1]
    z_mm, y_mm, x_mm = ((np.arange(n) + 0.5) * c - s / 2 for n, c, s in zip(share.shape, cell_mm, spacing, strict=True))
    lateral_mm = x_mm - midline(qsm, spacing).at(y_mm[:, None], z_mm[:, None, None])
    length = _extent(inside, 1)
    behind = (np.arange(share.shape[1]) + 0.5 - length.start) / (length.stop - length.start)
    below_top_mm = (_extent(inside, 0).stop - 1 - np.arange(share.shape[0])) * cell_mm[0]
    areas = inside.sum(axis=(1, 2))
    top_seen = bool(levels.size and areas[levels[-1]] < TOP_SEEN * areas.max())
    possible, unusual = depth_mm > DEPTH_MM, np.zeros(share.shape)
    usual = [(np.abs(lateral_mm), LATERAL_MM), (behind[:, None], BEHIND)]
    for place, (middle, spread, (least, most)) in usual + [(below_top_mm[:, None, None], BELOW_TOP_MM)] * top_seen:
        possible = possible & (place > least) & (place < most)
        unusual = unusual + ((place - middle) / spread) ** 2
    return _Head(qsm.shape, cell_mm, value, inside, depth_mm, lateral_mm > 0, possible, unusual, top_seen)


def _extent(inside: Mask, axis: int) -> slice:
    """Where along an axis the brain is more than a tip."""
    along = inside.sum(axis=tuple(a for a in range(3) if a != axis))
    wide = np.flatnonzero(along > NARROW * along.max())
    return slice(int(wide[0]), int(wide[-1]) + 1) if wide.size else slice(0, inside.shape[axis])


def _fluid_on_map(head: _Head) -> Mask:
    """What is not white matter."""
    if not head.top_seen:
        raise AnnotationError(
            "Without a FLAIR atria are found only on a map that reaches up to the top of the brain; add the FLAIR, or "
            "put the circles down by hand."
        )
    values = head.value[head.inside]
    grey = head.inside & (head.value > bright_class(np.clip(values, *np.percentile(values, [1, 99]))))
    shallow = head.depth_mm < CORTEX_MM
    levels = zip(grey, shallow, strict=True)
    return np.stack([_lakes(level, near_rim, head.cell_mm[1:]) for level, near_rim in levels])


def _lakes(grey: Mask, shallow: Mask, cell_mm: Floats) -> Mask:
    """What of grey matter and fluid does not hang together with the brain's rim on an axial slice."""
    core = distance_to(~grey, cell_mm) > WALL_MM
    pieces, _ = ndimage.label(core)
    pieces[np.isin(pieces, np.unique(pieces[core & shallow]))] = 0
    lakes: Mask = grey & (distance_to(pieces > 0, cell_mm) <= WALL_MM + cell_mm.max())
    return lakes


def _fluid_on_flair(flair: NDArray[np.generic], spacing: Floats, head: _Head) -> Mask:
    tissue = normal_tissue(flair, spacing)
    level = to_shape(tissue.level, head.inside.shape)
    cells = average_cells(flair, spacing, CELL_MM)
    height = smooth_total_variation(height_above(cells, level, tissue.spread), head.cell_mm, SMOOTHING_MM)
    fluid, _ = fluid_of(height, head.inside, head.cell_mm)
    return fluid & (cells < DARK * level)


def _clean(head: _Head, fluid: Mask) -> Mask:
    """Fluid without what is too bright or too dark on the map, which fluid is not."""
    core = fluid & head.possible
    core &= distance_to(~fluid, head.cell_mm) > WALL_MM
    if not core.any():
        return core
    values = head.value[core]
    level = float(np.median(values))
    off_ppb = max(OFF_SD * 1.4826 * float(np.median(np.abs(values - level))), OFF_PPB)
    clean: Mask = fluid & (np.abs(head.value - level) < off_ppb)
    return clean


def _best(clean: Mask, where: Mask, head: _Head, radius_mm: float) -> SuggestedCircle | None:
    """The circle with the most room about it, or None where not even a small one has enough."""
    reach = ndimage.find_objects(where.astype(np.uint8))
    if not reach:
        return None
    z, y, x = (slice(max(part.start - 12, 0), part.stop + 12) for part in reach[0])
    dirty, mm = np.pad(~clean[z, y, x], ((1, 1), (0, 0), (0, 0)), constant_values=True), head.cell_mm
    room_mm = distance_to(dirty, mm)[1:-1] - mm.min() / 2
    flat_mm = np.stack([distance_to(level, mm[1:]) for level in dirty[1:-1]]) - mm[1:].min() / 2
    for radius in np.arange(radius_mm, min(LEAST_RADIUS_MM, radius_mm) - 1e-6, -SHRINK_MM):
        fits = where[z, y, x] & (flat_mm >= radius + WALL_MM) & (room_mm > mm[0] / 2)
        if not fits.any():
            continue
        merit = np.minimum(room_mm, radius + ROOM_MM) + np.minimum(flat_mm, radius + ROOM_MM)
        merit -= USUAL_MM * head.unusual[z, y, x]
        at = np.unravel_index(np.where(fits, merit, -np.inf).argmax(), merit.shape)
        cell = np.array([a + part.start for a, part in zip(at, (z, y, x), strict=True)])
        centre = (cell + 0.5) * np.array(head.shape) / clean.shape - 0.5
        return SuggestedCircle((float(round(centre[0])), float(centre[1]), float(centre[2])), float(radius))
    return None


def _checked(
    qsm_ppb: ArrayLike, spacing: ArrayLike, flair: ArrayLike | None, radius_mm: float
) -> tuple[NDArray[np.generic], Floats, NDArray[np.generic] | None]:
    qsm, step = np.asarray(qsm_ppb), np.asarray(spacing, dtype=float)
    if qsm.ndim != 3 or qsm.dtype.kind not in "biuf":
        raise AnnotationError("CSF circles are suggested on a susceptibility map of three axes (z, y, x).")
    if step.shape != (3,) or not np.isfinite(step).all() or (step <= 0).any():
        raise AnnotationError(f"The spacing {spacing!r} must be three positive lengths in mm, (z, y, x).")
    if not (np.isfinite(radius_mm) and radius_mm > 0):
        raise AnnotationError(f"The CSF circle's radius is {radius_mm} mm; give a positive number.")
    scan = None if flair is None else np.asarray(flair)
    if scan is not None and scan.shape != qsm.shape:
        raise AnnotationError(
            f"The FLAIR of {scan.shape} voxels does not lie on the map's grid of {qsm.shape}; resample it."
        )
    return qsm, step, scan
