"""Which lesions take up contrast, from T1-weighted images before and after gadolinium.

Both images are divided by the level of normal white matter around the place, which takes the gains of the two scans
and their coil profiles out of the ratio after / before. A lesion enhances where the ratio is well above that of white
matter in more than a few voxels that hang together; the number stands beside the suggestion, for a reader to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.brain import bright_class, find_brain
from thaliron_napari.annotation.cells import average_cells, to_shape
from thaliron_napari.annotation.each_lesion import each_lesion
from thaliron_napari.annotation.places import checked_labels
from thaliron_napari.annotation.tissue import NormalTissue, checked_image
from thaliron_napari.errors import AnnotationError

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

CELL_MM = 2.0
FIELD_MM = 12.0  # how fast the gain of a coil may change through the head
SMOOTH_MM = 0.8  # standard deviation; averages noise over a few voxels of 1 mm
DARKEST = 0.5  # of white matter: fluid and bone are taken for this bright, or their ratio would be one of noise
LEAST_RATIO, SPREADS = 1.25, 4.0  # what enhances is above both
LEAST_MM3 = 10.0  # of it in one piece; a fifth of a ball of 5 mm
THICK_MM = 3.0  # it is as thick as this somewhere, as the smallest lesions are that count; veins in lesions are thinner
PERCENTILE = 95.0
CORNERS = ndimage.generate_binary_structure(3, 3)


@dataclass(frozen=True, eq=False)
class Uptake:
    """Uptake of contrast through the head, found once a case.

    Attributes
    ----------
    ratio : ndarray of float32
        Signal after over before contrast (z, y, x), smoothed a little, in that of white matter around: 1 is none.
    threshold : float
        Ratio from which on a voxel counts: 1.25, or 4 robust standard deviations of white matter above 1.
    spacing : ndarray
        Voxel size (z, y, x) in mm.
    tissue : NormalTissue
        What normal tissue looks like on `ratio`, for `lesion_in_box`: a lesion that enhances and is not bright on the
        FLAIR is grown on this.
    """

    ratio: Array
    threshold: float
    spacing: NDArray[np.float64]
    tissue: NormalTissue


@dataclass(frozen=True)
class Enhancement:
    """Uptake of contrast in one lesion.

    Attributes
    ----------
    ratio : float
        95th percentile of the uptake's ratio in the lesion.
    volume_mm3 : float
        Largest connected part of the lesion above the uptake's threshold, of those that are 3 mm thick somewhere (or
        as thick as the lesion): the vein in the middle of a lesion takes up contrast as well, and is thinner.
    enhancing : bool
        The suggestion: whether `volume_mm3` is at least 10 mm3, or half of a lesion smaller than 20 mm3.
    """

    ratio: float
    volume_mm3: float
    enhancing: bool


def find_uptake(
    t1: ArrayLike,
    t1_post: ArrayLike,
    spacing: ArrayLike,
    *,
    white: ArrayLike | None = None,
    lesions: ArrayLike | None = None,
) -> Uptake:
    """Find how much contrast each voxel takes up, relative to normal white matter. Takes seconds.

    Parameters
    ----------
    t1, t1_post : array_like
        T1-weighted images (z, y, x) before and after gadolinium, registered and on the same grid. Any unit, but 0
        means no signal: a factor changes nothing, an offset would.
    spacing : array_like
        Voxel size (z, y, x) in mm.
    white : array_like of bool, optional
        White matter mask of the same shape. Estimated from `t1` where it is not given, as the brain's brighter class.
    lesions : array_like, optional
        What is not zero is left out of white matter. Few that are not known of do no harm: what enhances lies far
        from the usual ratio, and is left out for that.

    Raises
    ------
    AnnotationError
        Where images and masks do not fit together, are not finite, or no white matter is found.
    """
    before, spacing_mm = checked_image(t1, spacing)
    before = _checked_image(before, before.shape, "T1 before contrast")
    after = _checked_image(t1_post, before.shape, "T1 after contrast")
    before_cells, after_cells = (average_cells(image, spacing_mm, CELL_MM) for image in (before, after))
    cell_mm = spacing_mm * before.shape / before_cells.shape
    if white is None:
        chosen = _white_matter(before_cells, cell_mm)
    else:
        chosen = average_cells(_checked_mask(white, before.shape, "white matter"), spacing_mm, CELL_MM) > 0.99
    if lesions is not None:
        chosen &= average_cells(_checked_mask(lesions, before.shape, "lesions"), spacing_mm, CELL_MM) < 0.01
    chosen &= (before_cells > 0) & (after_cells > 0)
    chosen = _usual(after_cells, before_cells, chosen)
    if chosen.sum() < 50:
        raise AnnotationError(
            "No white matter is found on the T1 before contrast: choose that of a head, or give a white matter mask."
        )
    level_before, level_after = (_around(cells, chosen, FIELD_MM / cell_mm) for cells in (before_cells, after_cells))
    ratios = after_cells / level_after / np.maximum(before_cells / level_before, DARKEST)
    middle = float(np.median(ratios[chosen]))
    spread = 1.4826 * float(np.median(np.abs(ratios[chosen] - middle)))
    one, two = (
        ndimage.gaussian_filter(image, SMOOTH_MM / spacing_mm, truncate=3.0) / to_shape(level, before.shape)
        for image, level in ((before, level_before), (after, level_after))
    )
    ratio: Array = two / np.maximum(one, DARKEST) / np.float32(middle)
    threshold = max(LEAST_RATIO, 1 + SPREADS * spread)
    return Uptake(ratio, threshold, spacing_mm, _flat(before_cells, cell_mm, before.shape, spacing_mm, threshold))


def enhancement(labels: ArrayLike, uptake: Uptake) -> dict[int, Enhancement]:
    """Measure the uptake of contrast in each lesion and suggest which enhance.

    Parameters
    ----------
    labels : array_like of int
        One number a lesion (z, y, x), 0 elsewhere.
    uptake : Uptake

    Returns
    -------
    dict of int to Enhancement
        By number of lesion, in order.

    Raises
    ------
    AnnotationError
        Where labels and uptake do not lie on one grid.
    """
    numbers, _ = checked_labels(labels, uptake.spacing)
    if numbers.shape != uptake.ratio.shape:
        raise AnnotationError(
            f"The lesions have shape {numbers.shape}, the T1 {uptake.ratio.shape}: bring both onto one grid first."
        )
    return each_lesion(numbers, lambda lesion, corner: lesion_enhancement(lesion, corner, uptake), {})


def lesion_enhancement(lesion: Mask, corner: tuple[int, ...], uptake: Uptake) -> Enhancement:
    """Measure the uptake of one lesion, as `enhancement` does.

    Parameters
    ----------
    lesion : ndarray of bool
        The lesion in a box of the image.
    corner : tuple of int
        Index (z, y, x) of the box's first voxel.
    uptake : Uptake
    """
    ratio = uptake.ratio[tuple(slice(start, start + n) for start, n in zip(corner, lesion.shape, strict=True))]
    volume = _largest_mm3(lesion & (ratio > uptake.threshold), lesion, uptake.spacing)
    enough = min(LEAST_MM3, float(lesion.sum() * np.prod(uptake.spacing)) / 2)
    return Enhancement(float(np.percentile(ratio[lesion], PERCENTILE)), volume, volume >= enough)


def _flat(
    cells: Array, cell_mm: NDArray[np.float64], shape: tuple[int, ...], spacing_mm: NDArray[np.float64], least: float
) -> NormalTissue:
    """Normal tissue of the ratio: 1 everywhere, with the least ratio that counts two spreads above."""
    brain, _ = find_brain(cells, cell_mm)
    ones = np.ones_like(cells)
    inside = brain.astype(np.float32) if brain.any() else ones
    return NormalTissue(shape, spacing_mm, 1.0, (least - 1) / 2, ones, 0 * ones, ones, inside)


def _largest_mm3(bright: Mask, lesion: Mask, spacing_mm: NDArray[np.float64]) -> float:
    """Volume of the largest piece that is as thick somewhere as 3 mm, or as the lesion where that is thinner."""
    depth, most = (
        ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
        for mask in (bright, lesion)
    )
    pieces, count = ndimage.label(bright, CORNERS)
    thick = np.asarray(ndimage.maximum(depth, pieces, np.arange(count + 1))) >= min(THICK_MM / 2, float(most.max()))
    thick[0] = False
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[thick]
    return float(sizes.max() * np.prod(spacing_mm)) if sizes.size else 0.0


def _white_matter(cells: Array, cell_mm: NDArray[np.float64]) -> Mask:
    """The brighter class of the brain on a T1, without its rim."""
    _, tissue = find_brain(cells, cell_mm)
    if tissue.sum() < 100:
        return np.zeros_like(tissue)
    white: Mask = ndimage.binary_erosion(tissue & (cells > bright_class(cells[tissue])))
    return white


def _usual(after: Array, before: Array, chosen: Mask) -> Mask:
    """The chosen cells without those that vessels or meninges brighten, and without others that are far off."""
    if not chosen.any():
        return chosen
    ratio = np.divide(after, before, out=np.zeros_like(after), where=chosen)
    middle = np.median(ratio[chosen])
    spread = 1.4826 * np.median(np.abs(ratio[chosen] - middle))
    usual: Mask = chosen & (np.abs(ratio - middle) <= 4 * spread + 1e-6 * middle)
    return usual


def _around(values: Array, which: Mask, sigma: NDArray[np.float64]) -> Array:
    """Mean of the chosen cells around each cell, drawn to their mean far from all of them."""
    mean = np.float32(values[which].mean())
    weight = ndimage.gaussian_filter(which.astype(np.float32), sigma) + np.float32(1e-3)
    total = ndimage.gaussian_filter(np.where(which, values, 0).astype(np.float32), sigma) + np.float32(1e-3) * mean
    around: Array = total / weight
    return around


def _checked_image(image: ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    array = np.asarray(image)
    if array.shape != shape or array.dtype.kind not in "biuf":
        raise AnnotationError(
            f"The {name} holds {array.dtype} values of shape {array.shape} where {shape} is needed: "
            "bring all onto one grid first."
        )
    if not np.all(np.isfinite(array)):
        raise AnnotationError(f"The {name} has values that are not numbers: repair the image first.")
    return array.astype(np.float32)


def _checked_mask(mask: ArrayLike, shape: tuple[int, ...], name: str) -> Mask:
    array: Mask = np.asarray(mask).astype(bool)
    if array.shape != shape:
        raise AnnotationError(f"The mask of {name} has shape {array.shape}, the T1 {shape}: give both on one grid.")
    return array
