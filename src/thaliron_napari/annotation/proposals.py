"""All lesions of a case at once, proposed from the FLAIR, for a reader to accept or reject one by one.

A voxel speaks for a lesion where it is brighter than normal tissue of its neighbourhood and brighter than nearly all
cortex, in the spreads of each, and where it is not in the cortex: near the outer fluid the same height counts for less.
Each piece of such voxels is grown from its brightest point as a click there would grow it, and dropped where it is
too small or lies in fluid rather than beside it, as choroid plexus and septum do. Nothing is learnt from other images.

That lesions are outliers against normal tissue, and that cortex is the chief error, is known from Van Leemput et al.
(IEEE TMI 2001) and Schmidt et al. (NeuroImage 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.brain import distance_to
from thaliron_napari.annotation.cells import average_cells, to_shape
from thaliron_napari.annotation.lesions import lesion_in_box
from thaliron_napari.annotation.places import fluid_of
from thaliron_napari.annotation.smoothing import smooth_total_variation
from thaliron_napari.annotation.tissue import (
    SMOOTHING_MM,
    NormalTissue,
    checked_image,
    height_above,
    normal_tissue,
)
from thaliron_napari.errors import AnnotationError

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Index = tuple[int, ...]

CELL_MM = 1.0  # finer images are searched on cells of this size, and grown on their own voxels
EVIDENCE = 2.4  # standard deviations above normal tissue that make a candidate
EVIDENCE_MM3 = 5.0  # in how much of it
LEAST_CELLS = 3  # of it as well, where cells are large: one or two of many are bright by noise
TYPICAL = 1.8  # of which half of a proposal must have this much
CORTEX_MM = (1.5, 4.5)  # distance to outer fluid up to which nothing counts, and from which all counts
SHELL_MM = (1.0, 3.5)  # where cortex is taken to lie, to learn how bright it is
LESS_IN_CORTEX = 0.5  # this much less is asked for against cortex: what passes for it is not all cortex
APART_MM = 4.0  # between two seeds
AROUND_MM, IN_FLUID = 2.0, 0.35  # no more than this share of the shell this thick around a proposal is fluid
CORNERS = ndimage.generate_binary_structure(3, 3)


def propose_lesions(
    flair: ArrayLike,
    spacing: ArrayLike,
    *,
    tissue: NormalTissue | None = None,
    t1: ArrayLike | None = None,
    within: ArrayLike | None = None,
    least_ml: float = 0.01,
) -> NDArray[np.int32]:
    """Propose the T2 lesions of a case.

    Parameters
    ----------
    flair : array_like
        FLAIR image (z, y, x), any unit, skull-stripped or not.
    spacing : array_like
        Voxel size (z, y, x) in mm.
    tissue : NormalTissue, optional
        What `normal_tissue` says of this image; estimated by the call where it is not given.
    t1 : array_like, optional
        T1-weighted image before contrast on the FLAIR's grid, any unit. It shows the fluid of narrow sulci, and with
        it where cortex is, which the FLAIR shows less well; where that is good, the T1 changes little.
    within : array_like of bool, optional
        Brain or white matter mask of the image's shape; nothing outside it is proposed.
    least_ml : float, optional
        Smallest volume of a proposal in ml.

    Returns
    -------
    ndarray of int32
        Labels (z, y, x) of the image's shape: 0 nothing, then 1, 2, ... from the proposal with the strongest evidence
        to the weakest. Proposals do not touch each other.

    Raises
    ------
    AnnotationError
        Where an image, a mask or an option is not what it should be.
    """
    image, spacing_mm = checked_image(flair, spacing)
    if not 0 <= least_ml < np.inf:
        raise AnnotationError(f"The smallest volume is {least_ml} ml: choose a volume from 0 ml on.")
    allowed = None if within is None else np.asarray(within, dtype=bool)
    if allowed is not None and allowed.shape != image.shape:
        raise AnnotationError(f"The mask has shape {allowed.shape} and the FLAIR {image.shape}: give one of its shape.")
    if tissue is None:
        tissue = normal_tissue(image, spacing_mm)
    elif tissue.shape != image.shape:
        raise AnnotationError(
            f"The tissue is that of an image of shape {tissue.shape}, not {image.shape}: estimate it anew."
        )
    scene = _look(image, spacing_mm, tissue, _checked_t1(t1, image.shape))
    if allowed is not None:
        scene.evidence[average_cells(allowed, spacing_mm, CELL_MM) < 0.5] = 0
    evidence = to_shape(scene.evidence, image.shape)
    room = evidence > 0 if allowed is None else (evidence > 0) & allowed
    tried, proposed = np.zeros_like(room), np.zeros_like(room)
    fluid = to_shape(scene.fluid.astype(np.float32), image.shape)
    for seed in _seeds(scene, image, room):
        if tried[seed]:
            continue
        try:
            box, grown = lesion_in_box(image, seed, spacing_mm, tissue=tissue, within=room)
        except AnnotationError:  # nothing at the seed is brighter than normal tissue on the image's own voxels
            continue
        tried[box] |= grown
        if np.median(evidence[box][grown]) >= TYPICAL and _share_around(fluid, grown, box, spacing_mm) <= IN_FLUID:
            proposed[box] |= grown
    return _numbered(proposed, evidence, 1000 * least_ml / float(np.prod(spacing_mm)))


@dataclass(frozen=True, eq=False)
class _Scene:
    """What speaks for lesions and what is fluid, on cells."""

    cell_mm: NDArray[np.float64]
    evidence: Array
    fluid: Mask


def _look(
    image: NDArray[np.generic], spacing_mm: NDArray[np.float64], tissue: NormalTissue, t1: Array | None
) -> _Scene:
    cells = average_cells(image, spacing_mm, CELL_MM)
    if not np.all(np.isfinite(cells)):
        raise AnnotationError("The FLAIR has values that are not numbers: repair the image first.")
    cell_mm = spacing_mm * image.shape / cells.shape
    brain = to_shape(tissue.brain, cells.shape) > 0.5
    evidence = np.zeros(cells.shape, dtype=np.float32)
    found = ndimage.find_objects(brain.astype(np.uint8))
    if not found:
        return _Scene(cell_mm, evidence, np.zeros(cells.shape, dtype=bool))
    box = tuple(slice(max(part.start - 2, 0), part.stop + 2) for part in found[0])
    level, usual, scatter = (
        to_shape(field, cells.shape)[box] for field in (tissue.level, tissue.usual, tissue.scatter)
    )
    inside = brain[box]
    height = height_above(cells[box], level, tissue.spread)
    height = smooth_total_variation(height, cell_mm, SMOOTHING_MM)
    t1_cells = None if t1 is None else average_cells(t1, spacing_mm, CELL_MM)[box]
    fluid, ventricles = fluid_of(height, inside, cell_mm, t1_cells)
    outer = (fluid | ~inside) & ~ventricles
    depth = distance_to(outer, cell_mm)
    shell = height[inside & ~fluid & (depth > SHELL_MM[0]) & (depth < SHELL_MM[1])]
    above = (height - usual) / scatter
    if shell.size > 100:
        grey = float(np.median(shell))
        spread = max(float(np.percentile(shell, 84)) - grey, 0.3)
        above = np.minimum(above, (height - grey) / spread + LESS_IN_CORTEX)
    counts = np.clip((depth - CORTEX_MM[0]) / (CORTEX_MM[1] - CORTEX_MM[0]), 0, 1)
    evidence[box] = np.where(inside, above * counts, 0)
    everywhere = np.zeros(cells.shape, dtype=bool)
    everywhere[box] = fluid
    return _Scene(cell_mm, evidence, everywhere)


def _seeds(scene: _Scene, image: NDArray[np.generic], room: Mask) -> list[Index]:
    """Brightest voxels of the cells where the evidence peaks, the strongest first; several in what is long."""
    candidates, _ = ndimage.label(scene.evidence >= EVIDENCE, CORNERS)
    large = np.bincount(candidates.ravel()) >= max(EVIDENCE_MM3 / float(np.prod(scene.cell_mm)), LEAST_CELLS)
    large[0] = False
    smooth = ndimage.gaussian_filter(scene.evidence, 0.5 / scene.cell_mm)
    window = tuple(int(n) for n in 2 * np.round(APART_MM / scene.cell_mm) + 1)
    peaks = large[candidates] & (smooth >= ndimage.maximum_filter(smooth, window))
    places = np.argwhere(peaks)[np.argsort(-smooth[peaks], kind="stable")]
    ratio = np.array(image.shape) / scene.evidence.shape
    seeds = []
    for first, last in zip(places * ratio + 1e-6, (places + 1) * ratio - 1e-6, strict=True):
        box = tuple(slice(int(a), int(np.ceil(b))) for a, b in zip(first, last, strict=True))
        signal = np.where(room[box], image[box], -np.inf)
        best = np.unravel_index(signal.argmax(), signal.shape)
        if signal[best] > -np.inf:
            seeds.append(tuple(int(i) + part.start for i, part in zip(best, box, strict=True)))
    return seeds


def _share_around(what: Array, mask: Mask, box: tuple[slice, ...], spacing_mm: NDArray[np.float64]) -> float:
    """Share of something in the shell around a mask."""
    margin = [int(np.ceil(AROUND_MM / step)) for step in spacing_mm]
    room = tuple(
        slice(max(part.start - n, 0), min(part.stop + n, size))
        for part, n, size in zip(box, margin, what.shape, strict=True)
    )
    inner = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, room, strict=True))
    inside = np.zeros([part.stop - part.start for part in room], dtype=bool)
    inside[inner] = mask
    shell = (distance_to(inside, spacing_mm) <= AROUND_MM) & ~inside
    return float(what[room][shell].mean()) if shell.any() else 0.0


def _numbered(proposed: Mask, evidence: Array, least: float) -> NDArray[np.int32]:
    """Number the pieces that are not too small, the strongest evidence first."""
    labels, count = ndimage.label(proposed, CORNERS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    strength = np.asarray(ndimage.maximum(evidence, labels, np.arange(1, count + 1)), dtype=np.float64)
    kept = [int(number) + 1 for number in np.argsort(-strength, kind="stable") if sizes[number + 1] >= least - 1e-6]
    numbers = np.zeros(count + 1, dtype=np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    numbered: NDArray[np.int32] = numbers[labels]
    return numbered


def _checked_t1(t1: ArrayLike | None, shape: Index) -> Array | None:
    if t1 is None:
        return None
    array = np.asarray(t1)
    if array.shape != shape or array.dtype.kind not in "biuf":
        raise AnnotationError(
            f"The T1 holds {array.dtype} values of shape {array.shape}, the FLAIR has shape {shape}: "
            "bring the T1 onto the FLAIR's grid first."
        )
    if not np.all(np.isfinite(array)):
        raise AnnotationError("The T1 has values that are not numbers: repair the image first.")
    return array.astype(np.float32)
