"""Where the brain is on a FLAIR, skull-stripped or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.annotation.cells import average_cells, to_shape

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

ROUGH_MM = 3.0
SCALP_MM = 3.0  # half of what scalp, muscle and meninges are thick at most
FOLD_MM = 10.0  # folds and ventricles up to twice as wide belong to the brain
LEAST_SHARE, LEAST_MM3 = 0.2, 1e5  # of an image, of all brains that are scanned


def find_brain(cells: Array, cell_mm: NDArray[np.float64]) -> tuple[Mask, Mask]:
    """Find the brain (with its folds and ventricles) and, in it, what is tissue and not fluid.

    Tissue is the bright class of the image; of it the largest piece that is more than a sheet, which leaves scalp and
    muscle behind, for bone is dark on every FLAIR. A closing adds folds and ventricles. A small bright class in a small
    image is no brain but a lesion: then all is brain.
    """
    rough = average_cells(cells, cell_mm, ROUGH_MM)
    rough_mm = cell_mm * cells.shape / rough.shape
    threshold = bright_class(rough.ravel())
    bright = rough > threshold
    if bright.mean() < LEAST_SHARE and bright.sum() * np.prod(rough_mm) < LEAST_MM3:
        everything = np.ones(cells.shape, dtype=bool)
        return everything, everything
    pad = int(np.ceil(FOLD_MM / rough_mm.min())) + 1
    inner = (slice(pad, -pad),) * 3
    bright = np.pad(bright, pad)
    core = _largest(distance_to(~bright, rough_mm) > SCALP_MM)
    if core.any():
        bright &= distance_to(core, rough_mm) <= SCALP_MM + rough_mm.max()
    closed = distance_to(distance_to(bright, rough_mm) > FOLD_MM, rough_mm) > FOLD_MM
    brain = to_shape(ndimage.binary_fill_holes(closed | bright)[inner], cells.shape) > 0.5
    return brain, brain & (cells > threshold) & (to_shape(bright[inner], cells.shape) > 0)


def outer_fluid(brain: Mask, tissue: Mask, cell_mm: NDArray[np.float64]) -> Mask:
    """All that is not tissue, without the ventricles: lakes of fluid in the depth of the brain."""
    depth = distance_to(~np.pad(brain, 1), cell_mm)[1:-1, 1:-1, 1:-1]
    fluid = ~tissue
    lake = (distance_to(tissue, cell_mm) > 2.2) & fluid & (depth > 20.0)
    if not lake.any():
        return fluid
    outer: Mask = fluid & ~((distance_to(lake, cell_mm) <= 6.0) & (depth > 16.0))
    return outer


def distance_to(mask: Mask, cell_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in mm of each cell to the nearest cell of a mask; infinite where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(~mask, sampling=cell_mm)
    return distance


def bright_class(values: NDArray[np.floating]) -> float:
    """Threshold between dark and bright with the largest variance between them (Otsu 1979)."""
    low, high = np.percentile(values, [0.1, 99.9])
    if not high > low:
        return float(np.min(values)) if low > np.min(values) else float(np.nextafter(low, -np.inf))
    counts, edges = np.histogram(values, bins=256, range=(low, high))
    middle = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(edges[1:-1][np.nanargmax(between)])


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    largest: Mask = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return largest
