"""A lesion from one click, grown on the FLAIR.

Within a box around the seeds the image becomes a map of heights above normal white matter, in the spreads of normal
tissue, smoothed by total variation. A voxel belongs to the lesion where its height exceeds both

- a share of the way from the usual height of normal tissue there up to the height of the lesion at its seeds
  (0.4 at the default sensitivity: seeds lie where a lesion is brightest, so this is the half height of all of it), and
- what normal tissue reaches there by chance: one standard deviation above its mean at the seed, 1.6 from 5 mm on and 2
  from 15 mm on, for the further from the click, the less likely it is that the reader meant it;

and where it hangs together with a seed by more than a thread. Both thresholds fall as sensitivity rises, and all that
follows preserves inclusion, so that the masks are nested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.smoothing import smooth_total_variation
from thaliron_napari.annotation.tissue import SMOOTHING_MM, NormalTissue, checked_image, height_above, normal_tissue
from thaliron_napari.errors import AnnotationError

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Index = tuple[int, ...]
Box = tuple[slice, ...]

NECK_MM = 1.2  # half the thickness of what is a thread
SEED_MM = 1.6  # the reader's aim: the lesion's height is read this far around a seed
CORE_MM = (3.0, 4.5, 6.0)  # and in a rim this far out where the seed lies in a dark core
ALSO_MM = 4.0  # how far a further seed makes its own height known
OUTSIDE_MM = 3.0  # how far a point marked as outside makes its height the usual one
THICK_MM = 1.5  # scale on which bright tissue is thick or a neck
POINT_MM = 1.2  # what a point marked as outside excludes for certain
REACH_MM = (8.0, 12.0, 18.0, 27.0, 40.0)  # boxes tried one after another
SIDES = ndimage.generate_binary_structure(3, 1)
CORNERS = ndimage.generate_binary_structure(3, 3)


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
        tissue = normal_tissue(image, spacing_mm)
    elif tissue.shape != image.shape:
        raise AnnotationError(
            f"The tissue is that of an image of shape {tissue.shape}, not {image.shape}: estimate it anew."
        )
    for reach_mm in REACH_MM:
        radius_mm = min(reach_mm, max_radius_mm)
        last = radius_mm >= max_radius_mm or reach_mm == REACH_MM[-1]
        if last:
            radius_mm = max_radius_mm
        scene = _look(image, inside, barred, spacing_mm, tissue, radius_mm, allowed)
        mask = _grow(scene, 0.5)
        # The default growth alone chooses the box, so that all sensitivities see the same one and remain nested.
        if last or not (mask & (scene.distance_mm > 0.75 * radius_mm)).any():
            break
    return scene.box, mask if sensitivity == 0.5 else _grow(scene, sensitivity)


@dataclass(frozen=True, eq=False)
class _Scene:
    """All that growing needs to know of a box, whatever the sensitivity."""

    box: Box
    height: Array
    usual: Array  # of normal tissue, raised around points marked as outside
    lesion: Array  # height of the lesion
    chance: Array  # what normal tissue reaches by chance above its usual height
    start: Mask  # the seeds and what is next to them
    reach: Mask
    distance_mm: Array
    seeds: list[Index]
    spacing: NDArray[np.float64]


def _look(
    image: NDArray[np.generic],
    inside: list[Index],
    outside: list[Index],
    spacing_mm: NDArray[np.float64],
    tissue: NormalTissue,
    radius_mm: float,
    allowed: Mask | None,
) -> _Scene:
    box = _box(inside, radius_mm, spacing_mm, image.shape)
    part = image[box].astype(np.float32)
    if not np.all(np.isfinite(part)):
        raise AnnotationError(f"The FLAIR has values that are not numbers near {inside[0]}: repair the image first.")
    height = height_above(part, tissue.in_box(tissue.level, box), tissue.spread)
    height = smooth_total_variation(height, spacing_mm, SMOOTHING_MM)
    usual, scatter = tissue.in_box(tissue.usual, box), tissue.in_box(tissue.scatter, box)

    seeds = [_shift(index, box) for index in inside]
    distances = [_distance(height.shape, seed, spacing_mm) for seed in seeds]
    distance_mm: Array = np.minimum.reduce(distances)
    level, extent_mm = _height_at_click(height, usual[seeds[0]], scatter[seeds[0]], distances[0], inside[0])
    start = distances[0] <= extent_mm
    doubt = _doubt(distances[0])
    lesion = np.full_like(height, level)
    weight = np.ones_like(height)
    for seed, away in zip(seeds[1:], distances[1:], strict=True):
        start |= away <= NECK_MM
        doubt = np.minimum(doubt, _doubt(away))
        level = float(np.percentile(height[away <= SEED_MM], 75))
        if level > usual[seed] + scatter[seed]:
            nearness = 3 * np.exp(-0.5 * (away / ALSO_MM) ** 2)
            lesion += nearness * np.float32(level)
            weight += nearness
    lesion /= weight

    barred = np.zeros(height.shape, dtype=bool)
    points = []
    for index in outside:
        if all(part.start <= i < part.stop for part, i in zip(box, index, strict=True)):
            point = _shift(index, box)
            points.append(point)
            away = _distance(height.shape, point, spacing_mm)
            width_mm = min(OUTSIDE_MM, float(distance_mm[point]) / 2)
            kernel = np.exp(-0.5 * (away / width_mm) ** 2)
            usual = usual + kernel * np.maximum(height[point] - usual, 0)
            barred |= away <= min(POINT_MM, float(distance_mm[point]) / 2)
            barred[point] = True
    for seed in seeds:
        barred[seed] = False

    reach = distance_mm <= radius_mm
    if allowed is not None:
        reach &= allowed[box]
    brain = tissue.in_box(tissue.brain, box) > 0.25
    if all(brain[seed] for seed in seeds):
        reach &= brain
    if points:
        barred |= _nearer_to(points, seeds, height, lesion, spacing_mm) & ~start
    reach &= ~barred
    chance = scatter * doubt
    return _Scene(box, height, usual, lesion, chance, start & reach, reach, distance_mm, seeds, spacing_mm)


def _nearer_to(
    points: list[Index], seeds: list[Index], height: Array, lesion: Array, spacing_mm: NDArray[np.float64]
) -> Mask:
    """What belongs to points marked outside in the thick of bright tissue, most often a lesion that touches this one.

    The box is flooded from them and from the seeds, necks last. Points at a rim are left out: what they tell, the
    usual height around them, is enough, and flooding from a slope would take too much.
    """
    sigma = THICK_MM / np.maximum(spacing_mm, THICK_MM)
    thickness = ndimage.gaussian_filter(np.clip(height / lesion, 0, 1), sigma, truncate=3.0)
    markers = np.zeros(height.shape, dtype=np.int16)
    for point in points:
        if thickness[point] > 0.7:
            markers[point] = 2
    if not markers.any():
        return np.zeros(height.shape, dtype=bool)
    for seed in seeds:
        markers[seed] = 1
    flooded = ndimage.watershed_ift(np.round((1 - thickness) * 65535).astype(np.uint16), markers, SIDES)
    nearer: Mask = flooded == 2
    return nearer


def _doubt(away_mm: Array) -> Array:
    """How many standard deviations above the usual a voxel must be, this far from a click."""
    doubt: Array = np.interp(away_mm, [0.0, 5.0, 15.0], [1.0, 1.6, 2.0]).astype(np.float32)
    return doubt


def _height_at_click(height: Array, usual: float, scatter: float, away: Array, clicked: Index) -> tuple[float, float]:
    """Height of the lesion at its first seed, and how far around it all belongs to it: far only in a dark core."""
    level = float(np.percentile(height[away <= SEED_MM], 75))
    if level > usual + scatter:
        return level, NECK_MM
    for radius_mm in CORE_MM:
        shell = height[(away <= radius_mm) & (away > radius_mm - 1.5)]
        if shell.size and np.percentile(shell, 40) > usual + 1.5 * scatter:
            return float(np.median(shell)), radius_mm - 0.75
    raise AnnotationError(
        f"Nothing at {clicked} is brighter than normal tissue: click on the bright part of a lesion, or paint it."
    )


def _grow(scene: _Scene, sensitivity: float) -> Mask:
    share = np.float32(np.interp(sensitivity, [0, 0.5, 1], [0.75, 0.4, 0.15]))
    caution = np.float32(np.interp(sensitivity, [0, 0.5, 1], [1.6, 1.0, 0.4]))
    rise = np.maximum(share * np.maximum(scene.lesion - scene.usual, np.float32(0.3)), caution * scene.chance)
    bright = ((scene.height >= scene.usual + rise) & scene.reach) | scene.start
    bright = _with_seeds(bright, scene.seeds)
    thick = ndimage.binary_erosion(bright, _ball(NECK_MM, scene.spacing)) | scene.start
    thick = _with_seeds(thick, scene.seeds, CORNERS)
    opened = bright & ndimage.binary_dilation(thick, _ball(NECK_MM + 0.5 * scene.spacing.min(), scene.spacing))
    filled = ndimage.binary_fill_holes(_with_seeds(opened, scene.seeds))
    return _with_seeds(filled & scene.reach, scene.seeds)


def _with_seeds(mask: Mask, seeds: list[Index], neighbours: Mask = SIDES) -> Mask:
    """The pieces of a mask that hold a seed."""
    labels, count = ndimage.label(mask, neighbours)
    keep = np.zeros(count + 1, dtype=bool)
    keep[[labels[seed] for seed in seeds]] = True
    keep[0] = False
    kept: Mask = keep[labels]
    return kept


def _ball(radius_mm: float, spacing_mm: NDArray[np.float64]) -> Mask:
    half = (radius_mm / spacing_mm + 1e-6).astype(int)
    return _distance(tuple(2 * half + 1), tuple(half), spacing_mm) <= radius_mm + 1e-5


def _shift(index: Index, box: Box) -> Index:
    return tuple(i - part.start for i, part in zip(index, box, strict=True))


def _distance(shape: tuple[int, ...], index: Index, spacing_mm: NDArray[np.float64]) -> Array:
    squares = [((np.arange(n) - i) * step) ** 2 for n, i, step in zip(shape, index, spacing_mm, strict=True)]
    distance: Array = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2]).astype(np.float32)
    return distance


def _box(seeds: list[Index], radius_mm: float, spacing_mm: NDArray[np.float64], shape: tuple[int, ...]) -> Box:
    margin = np.ceil(radius_mm / spacing_mm).astype(int) + 2
    lower = np.maximum(np.min(seeds, axis=0) - margin, 0)
    upper = np.minimum(np.max(seeds, axis=0) + margin + 1, shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(lower, upper, strict=True))


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
