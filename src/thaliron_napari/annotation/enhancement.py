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
from thaliron_napari.annotation.places import checked_labels
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


@dataclass(frozen=True)
class Enhancement:
    """Uptake of contrast in one lesion.

    Attributes
    ----------
    ratio : float
        95th percentile in the lesion of the signal after over before contrast, in that of white matter around it: 1
        is no uptake.
    volume_mm3 : float
        Largest connected part of the lesion above `threshold`, of those that are 3 mm thick somewhere (or as thick as
        the lesion): the vein in the middle of a lesion takes up contrast as well, and is thinner.
    threshold : float
        Ratio from which on a voxel counts: 1.25, or 4 robust standard deviations of white matter above 1.
    enhancing : bool
        The suggestion: whether `volume_mm3` is at least 10 mm3, or half of a lesion smaller than 20 mm3.
    """

    ratio: float
    volume_mm3: float
    threshold: float
    enhancing: bool


def enhancement(
    labels: ArrayLike, t1: ArrayLike, t1_post: ArrayLike, spacing: ArrayLike, *, white: ArrayLike | None = None
) -> dict[int, Enhancement]:
    """Measure the uptake of contrast in each lesion and suggest which enhance.

    Parameters
    ----------
    labels : array_like of int
        One number a lesion (z, y, x), 0 elsewhere.
    t1, t1_post : array_like
        T1-weighted images before and after gadolinium, registered and on the same grid. Any unit, but 0 means no
        signal: a factor changes nothing, an offset would.
    spacing : array_like
        Voxel size (z, y, x) in mm.
    white : array_like of bool, optional
        White matter mask of the same shape; lesions in it are left out. Estimated from `t1` where it is not given,
        as the brighter class of the brain.

    Returns
    -------
    dict of int to Enhancement
        By number of lesion, in order.

    Raises
    ------
    AnnotationError
        Where images, labels or mask do not fit together, are not finite, or no white matter is found.
    """
    numbers, spacing_mm = checked_labels(labels, spacing)
    before = _checked_image(t1, numbers.shape, "T1 before contrast")
    after = _checked_image(t1_post, numbers.shape, "T1 after contrast")
    before_cells, after_cells = (average_cells(image, spacing_mm, CELL_MM) for image in (before, after))
    cell_mm = spacing_mm * numbers.shape / before_cells.shape
    free = average_cells(numbers > 0, spacing_mm, CELL_MM) < 0.01
    if white is None:
        chosen = _white_matter(before_cells, cell_mm) & free
    else:
        mask = np.asarray(white).astype(bool)
        if mask.shape != numbers.shape:
            raise AnnotationError(
                f"The white matter has shape {mask.shape}, the lesions {numbers.shape}: give one grid."
            )
        chosen = (average_cells(mask, spacing_mm, CELL_MM) > 0.99) & free
    chosen &= (before_cells > 0) & (after_cells > 0)
    chosen = _usual(after_cells, before_cells, chosen)
    if chosen.sum() < 50:
        raise AnnotationError(
            "No white matter is found on the T1 before contrast: choose that of a head, or give a white matter mask."
        )
    sigma = SMOOTH_MM / spacing_mm
    level_before, level_after = (_around(cells, chosen, FIELD_MM / cell_mm) for cells in (before_cells, after_cells))
    ratios = after_cells / level_after / np.maximum(before_cells / level_before, DARKEST)
    middle = float(np.median(ratios[chosen]))
    spread = 1.4826 * float(np.median(np.abs(ratios[chosen] - middle)))
    threshold = max(LEAST_RATIO, 1 + SPREADS * spread)
    found = {}
    margin = np.ceil(3 * sigma).astype(int)
    whole = [to_shape(level, numbers.shape) for level in (level_before, level_after)]
    for number, box in enumerate(ndimage.find_objects(numbers), 1):
        if box is None:
            continue
        room = tuple(
            slice(max(part.start - int(n), 0), part.stop + int(n)) for part, n in zip(box, margin, strict=True)
        )
        lesion = numbers[room] == number
        one, two = (
            ndimage.gaussian_filter(image[room], sigma, truncate=3.0) / level[room]
            for image, level in zip((before, after), whole, strict=True)
        )
        ratio = two / np.maximum(one, DARKEST) / np.float32(middle)
        volume = _largest_mm3(lesion & (ratio > threshold), lesion, spacing_mm)
        enough = min(LEAST_MM3, float(lesion.sum() * np.prod(spacing_mm)) / 2)
        found[number] = Enhancement(
            ratio=float(np.percentile(ratio[lesion], PERCENTILE)),
            volume_mm3=volume,
            threshold=threshold,
            enhancing=volume >= enough,
        )
    return found


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
            f"The {name} holds {array.dtype} values of shape {array.shape}, the lesions have shape {shape}: "
            "bring both onto one grid first."
        )
    if not np.all(np.isfinite(array)):
        raise AnnotationError(f"The {name} has values that are not numbers: repair the image first.")
    return array.astype(np.float32)
