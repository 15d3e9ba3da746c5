"""A lesion from one click: grown on the FLAIR to the half height between the lesion and its own surroundings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.tissue import NormalTissue, checked_image, normal_tissue
from thaliron_napari.errors import AnnotationError

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Index = tuple[int, ...]
Box = tuple[slice, ...]

SMOOTH_MM = 0.6
NECK_MM = 1.2
FIRST_RADIUS_MM = 12.0


def grow_lesion(
    flair: ArrayLike,
    seed: Sequence[int],
    spacing: ArrayLike,
    *,
    tissue: NormalTissue | None = None,
    also: Iterable[Sequence[int]] = (),
    outside: Iterable[Sequence[int]] = (),
    sensitivity: float = 0.5,
    max_radius_mm: float = 30.0,
    within: ArrayLike | None = None,
) -> Mask:
    """Grow the lesion at a seed, as a mask of the whole image.

    Parameters and errors are those of `lesion_in_box`, which does the work and spares the whole image.

    Returns
    -------
    ndarray of bool
        The lesion, of the image's shape (z, y, x): connected, without holes, with the seed in it.
    """
    box, crop = lesion_in_box(
        flair,
        seed,
        spacing,
        tissue=tissue,
        also=also,
        outside=outside,
        sensitivity=sensitivity,
        max_radius_mm=max_radius_mm,
        within=within,
    )
    mask = np.zeros(np.shape(flair), dtype=bool)
    mask[box] = crop
    return mask


def lesion_in_box(
    flair: ArrayLike,
    seed: Sequence[int],
    spacing: ArrayLike,
    *,
    tissue: NormalTissue | None = None,
    also: Iterable[Sequence[int]] = (),
    outside: Iterable[Sequence[int]] = (),
    sensitivity: float = 0.5,
    max_radius_mm: float = 30.0,
    within: ArrayLike | None = None,
) -> tuple[Box, Mask]:
    """Grow the lesion at a seed, in a box around it: what a preview needs.

    Parameters
    ----------
    flair : array_like
        FLAIR image (z, y, x), any unit.
    seed : sequence of int
        Index (z, y, x) of a voxel anywhere inside the lesion.
    spacing : array_like
        Voxel size (z, y, x) in mm.
    tissue : NormalTissue, optional
        What `normal_tissue` says of this image; estimated by the call where it is not given, which takes seconds.
    also : iterable of indices, optional
        Further voxels (z, y, x) of the same lesion.
    outside : iterable of indices, optional
        Voxels (z, y, x) that must not be part of it.
    sensitivity : float, optional
        0 (tight) to 1 (generous); the masks are nested. 0.5 stops at half height.
    max_radius_mm : float, optional
        No voxel further than this from the nearest seed is taken.
    within : array_like of bool, optional
        Brain or white matter mask of the image's shape; nothing outside it is taken.

    Returns
    -------
    box : tuple of slice
        Where the lesion lies in the image.
    crop : ndarray of bool
        The lesion inside the box.

    Raises
    ------
    AnnotationError
        Where a seed lies outside the image or the mask, the image has values that are not numbers there, or
        nothing at the seed is brighter than normal tissue.
    """
    image, spacing_mm = checked_image(flair, spacing)
    inside = [_checked_index(index, image.shape, "seed") for index in (seed, *also)]
    barred = [_checked_index(index, image.shape, "outside point") for index in outside]
    _check_options(inside, barred, sensitivity, max_radius_mm)
    allowed = None if within is None else np.asarray(within, dtype=bool)
    if allowed is not None:
        if allowed.shape != image.shape:
            raise AnnotationError(
                f"The mask has shape {allowed.shape} and the FLAIR {image.shape}: give one of its shape."
            )
        for index in inside:
            if not allowed[index]:
                raise AnnotationError(
                    f"The seed {index} lies outside the given mask: click inside it, or leave out the mask."
                )
    if tissue is None:
        tissue = normal_tissue(image, spacing_mm, within=allowed)
    elif tissue.shape != image.shape:
        raise AnnotationError(
            f"The tissue is that of an image of shape {tissue.shape}, not {image.shape}: estimate it anew."
        )
    radius_mm = min(FIRST_RADIUS_MM, max_radius_mm)
    while True:
        box = _box(inside, radius_mm, spacing_mm, image.shape)
        crop, complete = _grow_in(image, box, inside, barred, spacing_mm, tissue, sensitivity, radius_mm, allowed)
        if complete or radius_mm >= max_radius_mm:
            return box, crop
        radius_mm = min(2 * radius_mm, max_radius_mm)


def _grow_in(
    image: NDArray[np.generic],
    box: Box,
    inside: list[Index],
    barred: list[Index],
    spacing_mm: NDArray[np.float64],
    tissue: NormalTissue,
    sensitivity: float,
    radius_mm: float,
    allowed: Mask | None,
) -> tuple[Mask, bool]:
    """Grow in one box; also say whether the most generous growth stays clear of the radius."""
    part = image[box].astype(np.float32)
    if not np.all(np.isfinite(part)):
        raise AnnotationError(
            f"The FLAIR has values that are not numbers near the seed {inside[0]}: repair the image first."
        )
    seeds = [tuple(i - s.start for i, s in zip(index, box, strict=True)) for index in inside]
    bars = [tuple(i - s.start for i, s in zip(index, box, strict=True)) for index in barred if _holds(box, index)]
    distance_mm = np.min([_distance(part.shape, seed, spacing_mm) for seed in seeds], axis=0)
    reach = distance_mm <= radius_mm
    if allowed is not None:
        reach &= allowed[box]
    cortex = tissue.in_box(tissue.cortex, box)
    height = ndimage.gaussian_filter(part, SMOOTH_MM / np.maximum(spacing_mm, SMOOTH_MM), truncate=3.0)
    height -= tissue.in_box(tissue.level, box)
    height -= cortex * np.float32(tissue.grey)
    height /= np.float32(tissue.spread)
    floor = 1.0 + 0.5 * cortex
    full = _lesion_height(height, seeds, inside, spacing_mm)
    score = np.where(reach, (height - floor) / max(full - 1.0, 1.0), -1.0)
    for seed in seeds:
        score[seed] = max(score[seed], 1.0)
    limit = 0.75 - 0.6 * sensitivity
    grown = _component(score, limit, seeds, bars, spacing_mm)
    widest = _component(score, 0.15, seeds, bars, spacing_mm) if sensitivity < 1 else grown
    edge = distance_mm > radius_mm - 2 * spacing_mm.max()
    return grown, not bool((widest & edge).any())


def _lesion_height(height: Array, seeds: list[Index], clicked: list[Index], spacing_mm: NDArray[np.float64]) -> float:
    """Height of the lesion above normal tissue, in its spreads: what is bright within 2.5 mm of a seed."""
    near = np.concatenate([height[_distance(height.shape, seed, spacing_mm) <= 2.5] for seed in seeds])
    full = float(np.percentile(near, 75))
    if full < 1.5:
        raise AnnotationError(
            f"Nothing at {clicked[0]} is brighter than normal tissue: click on the bright part of a lesion."
        )
    return full


def _component(
    score: Array, limit: float, seeds: list[Index], bars: list[Index], spacing_mm: NDArray[np.float64]
) -> Mask:
    """What is above the limit and hangs together with the first seed by more than a thin neck."""
    bright = score >= limit
    for bar in bars:
        bright &= _distance(score.shape, bar, spacing_mm) > 2.0
    start = np.zeros_like(bright)
    for seed in seeds:
        start |= _distance(score.shape, seed, spacing_mm) <= NECK_MM
    core = ndimage.distance_transform_edt(np.pad(bright, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1] > NECK_MM
    core = _reached(core | start & bright, seeds[0])
    opened = bright & (ndimage.distance_transform_edt(~core, sampling=spacing_mm) <= NECK_MM + 0.5 * spacing_mm.min())
    return _reached(ndimage.binary_fill_holes(_reached(opened, seeds[0])), seeds[0])


def _reached(mask: Mask, seed: Index) -> Mask:
    mask = mask.copy()
    mask[seed] = True
    labels, _ = ndimage.label(mask)
    reached: Mask = labels == labels[seed]
    return reached


def _distance(shape: tuple[int, ...], index: Index, spacing_mm: NDArray[np.float64]) -> Array:
    squares = [((np.arange(n) - i) * step) ** 2 for n, i, step in zip(shape, index, spacing_mm, strict=True)]
    distance: Array = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2]).astype(np.float32)
    return distance


def _box(seeds: list[Index], radius_mm: float, spacing_mm: NDArray[np.float64], shape: tuple[int, ...]) -> Box:
    margin = np.ceil(radius_mm / spacing_mm).astype(int) + 2
    lower = np.maximum(np.min(seeds, axis=0) - margin, 0)
    upper = np.minimum(np.max(seeds, axis=0) + margin + 1, shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(lower, upper, strict=True))


def _holds(box: Box, index: Index) -> bool:
    return all(part.start <= i < part.stop for part, i in zip(box, index, strict=True))


def _checked_index(index: Sequence[int], shape: tuple[int, ...], what: str) -> Index:
    numbers = np.asarray(index)
    if numbers.shape != (3,) or numbers.dtype.kind not in "iuf" or not np.all(np.isfinite(numbers)):
        raise AnnotationError(f"The {what} {index!r} is not a voxel index: give three whole numbers (z, y, x).")
    whole = tuple(int(i) for i in np.round(numbers))
    if any(not 0 <= i < n for i, n in zip(whole, shape, strict=True)):
        raise AnnotationError(f"The {what} {whole} lies outside the FLAIR of shape {shape}: click inside the image.")
    return whole


def _check_options(inside: list[Index], barred: list[Index], sensitivity: float, max_radius_mm: float) -> None:
    if not 0 <= sensitivity <= 1:
        raise AnnotationError(f"The sensitivity is {sensitivity}: choose a number from 0 (tight) to 1 (generous).")
    if not 0 < max_radius_mm < np.inf:
        raise AnnotationError(f"The largest radius is {max_radius_mm} mm: choose a length above 0.")
    both = set(inside) & set(barred)
    if both:
        raise AnnotationError(f"The voxel {both.pop()} is marked as lesion and as outside: remove one of the two.")
