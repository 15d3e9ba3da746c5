"""What normal tissue looks like on a FLAIR, estimated once a case from the whole brain.

Estimated around a click it would be learnt from the lesion itself where lesions are confluent. On FLAIR alone cortex
and white matter share one description of a neighbourhood, for many a lesion is no brighter than cortex. A T1 tells
them apart: each then has its own level and scatter, so that growth goes closer to a lesion's rim in white matter and
stops earlier at cortex. Lesions can be as dark as cortex on T1, hence depth under the brain's surface has half the say.

All maps are made on a grid of cells of about 1.5 mm that lies symmetrically in the image, so that the cost is that of
the head and not of the resolution, and so that flips and transpositions of the image change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse

from thaliron_napari.annotation.brain import bright_class, distance_to, find_brain, outer_fluid
from thaliron_napari.annotation.cells import along_axis, average_cells, interpolation
from thaliron_napari.annotation.smoothing import smooth_total_variation
from thaliron_napari.errors import AnnotationError

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

CELL_MM = 1.5
CORTEX_MM = 3.5  # cortex is 2.5 mm thick on average, 4.5 at most; more in oblique cuts
FIELD_MM = 15.0  # how fast the level of normal white matter may change through the head (coil profile)
CORTEX_ENDS_MM = (3.5, 5.5)  # from cortex for certain to white matter, where depth alone is asked
AROUND_MM = 6.0  # the neighbourhood in which normal tissue is described
SMOOTHING_MM = 0.2  # total variation, in heights times mm
DARKEST, BRIGHTEST = -2.5, 60.0  # heights are clipped to these: fluid and vessels must not weigh on what is beside them


@dataclass(frozen=True, eq=False)
class NormalTissue:
    """Normal tissue of one FLAIR image.

    Heights are signal above `level` in units of `spread`. The maps lie on a coarse grid; `in_box` gives their voxels.

    Attributes
    ----------
    shape : tuple of int
        Shape (z, y, x) of the image.
    spacing : ndarray
        Its voxel size (z, y, x) in mm.
    white, spread : float
        Level of normal white matter in the image's units and its robust standard deviation.
    level : ndarray
        Level of normal white matter in the image's units, following the coil's profile.
    usual, scatter : ndarray
        Mean and standard deviation of the height of normal tissue (cortex as well) in the neighbourhood.
    brain : ndarray
        Share of brain (with its ventricles), 0 to 1.
    """

    shape: tuple[int, ...]
    spacing: NDArray[np.float64]
    white: float
    spread: float
    level: Array
    usual: Array
    scatter: Array
    brain: Array

    def in_box(self, field: Array, box: tuple[slice, ...]) -> Array:
        """Return one of the coarse maps on the image's own voxels inside a box (linear interpolation)."""
        for axis, (part, matrix) in enumerate(zip(box, self._to_voxels, strict=True)):
            field = along_axis(matrix[part.start : part.stop], field, axis)
        return field

    @cached_property
    def _to_voxels(self) -> list[sparse.csr_matrix]:
        return [interpolation(n, m) for n, m in zip(self.shape, self.level.shape, strict=True)]


def normal_tissue(
    flair: ArrayLike, spacing: ArrayLike, *, within: ArrayLike | None = None, t1: ArrayLike | None = None
) -> NormalTissue:
    """Estimate what normal tissue looks like on a FLAIR image, skull-stripped or not.

    Parameters
    ----------
    flair : array_like
        FLAIR image (z, y, x), any unit.
    spacing : array_like
        Voxel size (z, y, x) in mm.
    within : array_like of bool, optional
        Brain (or white matter) mask of the same shape; found from the image where it is not given.
    t1 : array_like, optional
        T1 image (z, y, x), any unit, resampled onto the FLAIR's grid; tells white matter from cortex.

    Returns
    -------
    NormalTissue

    Raises
    ------
    AnnotationError
        Where an image is not a finite 3D image, the T1 is not on the FLAIR's grid, or nothing could be a brain.
    """
    image, spacing_mm = checked_image(flair, spacing)
    cells = _finite_cells(image, spacing_mm, "FLAIR")
    t1_cells = None
    if t1 is not None:
        t1_image, _ = checked_image(t1, spacing_mm, "T1")
        if t1_image.shape != image.shape:
            raise AnnotationError(
                f"The T1 has shape {t1_image.shape}, the FLAIR {image.shape}: bring the T1 onto the FLAIR's grid first."
            )
        t1_cells = _finite_cells(t1_image, spacing_mm, "T1")
    cell_mm = spacing_mm * image.shape / cells.shape
    if within is None:
        brain, tissue = find_brain(cells, cell_mm)
    else:
        mask = np.asarray(within, dtype=bool)
        if mask.shape != image.shape:
            raise AnnotationError(f"The mask has shape {mask.shape}, the FLAIR {image.shape}: give one of its shape.")
        brain = average_cells(mask, spacing_mm, CELL_MM) > 0.5
        tissue = brain & (cells > bright_class(cells[brain])) if brain.sum() > 100 else brain
    if tissue.sum() < 50:
        raise AnnotationError("No brain is found on this FLAIR: choose a FLAIR image of a head, or give a brain mask.")
    near = ndimage.find_objects(brain.astype(np.uint8))[0]
    room = tuple(slice(max(part.start - 3, 0), part.stop + 3) for part in near)
    t1_room = None if t1_cells is None else t1_cells[room]
    white, spread, maps = _describe(cells[room], brain[room], tissue[room], cell_mm, t1_room)
    beyond = [(part.start, max(n - part.stop, 0)) for part, n in zip(room, cells.shape, strict=True)]
    level, usual, scatter = (np.pad(field, beyond, mode="edge") for field in maps)
    return NormalTissue(
        shape=image.shape,
        spacing=spacing_mm,
        white=white,
        spread=spread,
        level=level,
        usual=usual,
        scatter=scatter,
        brain=brain.astype(np.float32),
    )


def checked_image(
    flair: ArrayLike, spacing: ArrayLike, name: str = "FLAIR"
) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    """Return image and spacing as arrays, or say what is wrong with them (values are not looked at)."""
    image = np.asarray(flair)
    if image.ndim != 3 or min(image.shape, default=0) < 1:
        raise AnnotationError(f"The {name} has {image.ndim} dimensions (shape {image.shape}): a 3D image is needed.")
    if image.dtype.kind not in "biuf":
        raise AnnotationError(f"The {name} holds {image.dtype} values: an image of real numbers is needed.")
    steps = np.asarray(spacing, dtype=np.float64)
    if steps.shape != (3,) or not np.all(np.isfinite(steps)) or np.any(steps <= 0):
        raise AnnotationError(f"The spacing {spacing!r} is not three lengths in mm: give (z, y, x), each above 0.")
    return image, steps


def _finite_cells(image: NDArray[np.generic], spacing_mm: NDArray[np.float64], name: str) -> Array:
    cells = average_cells(image, spacing_mm, CELL_MM)
    if not np.all(np.isfinite(cells)):
        raise AnnotationError(f"The {name} has values that are not numbers: repair the image first.")
    return cells


def _describe(
    cells: Array, brain: Mask, tissue: Mask, cell_mm: NDArray[np.float64], t1: Array | None
) -> tuple[float, float, tuple[Array, Array, Array]]:
    """Level and spread of white matter; maps of its level and of the usual height and scatter of normal tissue."""
    depth = distance_to(outer_fluid(brain, tissue, cell_mm), cell_mm) - cell_mm.min() / 2
    inside = tissue & ndimage.binary_erosion(tissue)
    deep = inside & (depth > CORTEX_MM + 1.5)
    if deep.sum() < 50:
        deep = inside if inside.sum() >= 50 else tissue
    white, spread = _mode(cells[deep])
    shell = inside & (depth <= CORTEX_MM)
    level = np.full(cells.shape, white, dtype=np.float32)
    lesion = np.zeros_like(brain)
    for _ in range(2):
        normal = deep & ~lesion & (np.abs(cells - level) < 2.5 * spread)
        level = np.float32(white) + _mean_around(cells - np.float32(white), normal, 0.0, 0.02, FIELD_MM / cell_mm)
        height = height_above(cells, level, spread)
        grey, grey_spread = _mode(height[shell], above=True) if shell.sum() >= 50 else (0.0, 1.0)
        lesion = _thick_and_bright(height, inside, depth > CORTEX_MM - 0.5, max(0.75 * grey, 1.5), cell_mm)
    height = smooth_total_variation(height, cell_mm, SMOOTHING_MM)
    brightest = np.where(depth <= CORTEX_MM + 1.0, max(grey + 2.0 * grey_spread, -DARKEST), -DARKEST)
    normal = brain & (height > DARKEST) & (height < brightest) & ~lesion
    if normal.sum() < 50:
        normal = inside
    sigma = AROUND_MM / cell_mm
    if t1 is None:
        usual, scatter = _usual(height, normal.astype(np.float32), sigma)
    else:
        share: Array = np.float32(0.5) * (_depth_share(depth) + _white_on_t1(t1, deep & ~lesion, shell, cell_mm))
        in_white, in_grey = (_usual(height, np.where(normal, part, 0), sigma) for part in (share, 1 - share))
        usual, scatter = (share * a + (np.float32(1) - share) * b for a, b in zip(in_white, in_grey, strict=True))
    return white, spread, (level, usual, np.sqrt(scatter))


def _usual(height: Array, weight: Array, sigma: NDArray[np.float64]) -> tuple[Array, Array]:
    """Mean height and its variance around each cell, over cells that count by their weight."""
    total = float(weight.sum()) or 1.0
    mean, square = float((height * weight).sum()) / total, float((height**2 * weight).sum()) / total
    usual = _mean_around(height, weight, mean, 0.05, sigma)
    return usual, np.maximum(_mean_around(height**2, weight, square, 0.05, sigma) - usual**2, np.float32(0.05))


def _depth_share(depth: NDArray[np.float64]) -> Array:
    begins, ends = CORTEX_ENDS_MM
    share: Array = np.clip((depth - begins) / (ends - begins), 0, 1).astype(np.float32)
    return share


def _white_on_t1(t1: Array, deep: Mask, shell: Mask, cell_mm: NDArray[np.float64]) -> Array:
    """How much each cell is white matter on T1: 1 at its level, 0 at the median of what lies as deep as cortex."""
    white, spread = _mode(t1[deep]) if deep.sum() >= 50 else (float(np.median(t1)), 1.0)
    normal = deep & (np.abs(t1 - white) < 2.5 * spread)
    level = np.float32(white) + _mean_around(t1 - np.float32(white), normal, 0.0, 0.02, FIELD_MM / cell_mm)
    grey = float(np.median((t1 - level)[shell])) if shell.any() else 0.0
    share: Array = np.clip(1 - (t1 - level) / np.float32(grey or 1.0), 0, 1)
    return share


def height_above(signal: Array, level: Array, spread: float) -> Array:
    """Height of a signal above normal white matter, in its spreads, clipped to what tells tissues apart."""
    height: Array = np.clip((signal - level) / np.float32(spread), DARKEST, BRIGHTEST)
    return height


def _thick_and_bright(
    height: Array, inside: Mask, below_cortex: Mask, least: float, cell_mm: NDArray[np.float64]
) -> Mask:
    """Tissue that is bright over several mm in the depth of the brain, and what is near it: hardly normal."""
    average = _mean_around(height, inside, 0.0, 0.02, 3.0 / cell_mm)
    bright = (average > least) & below_cortex
    near: Mask = distance_to(bright, cell_mm) < 3.0
    return near


def _mode(values: NDArray[np.floating], above: bool = False) -> tuple[float, float]:
    """Mode and spread (on its cleaner side) of a peak with other tissue in its tails, after Tukey's biweight."""
    values = values.astype(np.float64)
    low, high = np.percentile(values, [2, 98])
    centre = float(np.median(values))
    width = float(np.subtract(*np.percentile(values, [75, 25]))) / 1.349
    least = float(high - low) / 100 or float(np.ptp(values)) / 100 or 1.0
    if width < least:
        return centre, least
    for _ in range(30):
        scaled = (values - centre) / (4.0 * width)
        weight = np.clip(1 - scaled**2, 0, None) ** 2
        centre = float((weight * values).sum() / weight.sum())
        away = (values - centre) if above else (centre - values)
        away = away[(away >= 0) & (away < 4 * width)]
        if away.size < 10:
            break
        width = max(float(np.median(away)) * 1.4826, width * 0.7, least)
    return centre, width


def _mean_around(values: Array, which: Mask | Array, default: float, pull: float, sigma: NDArray[np.float64]) -> Array:
    """Mean of the chosen (or weighted) cells around each cell, drawn to the default where they are few."""
    chosen = which.astype(np.float32)
    weight = ndimage.gaussian_filter(chosen, sigma, truncate=2.5)
    total = ndimage.gaussian_filter(np.where(which, values * chosen, 0).astype(np.float32), sigma, truncate=2.5)
    mean: Array = (total + np.float32(pull * default)) / (weight + np.float32(pull))
    return mean
