"""A lesion from one click, grown on the FLAIR.

Within a box around the seeds the image becomes a map of heights above normal white matter, in the spreads of normal
tissue, smoothed by total variation. A voxel belongs to the lesion where its height exceeds both

- a share of the way from the usual height of normal tissue there up to the height of the lesion (half of it at the
  default sensitivity). The lesion's height is first that at its seeds, then the median of what grew from it, for seeds
  lie where a lesion is brightest, and thick slices and old lesions are brighter in the middle; and
- what normal tissue reaches there by chance: one standard deviation above its mean at the seed and 1.6 from 5 mm on,
  for away from the click it is less likely that the reader meant it;

and where it hangs together with a seed by more than a thread. Where a small lesion at least doubles at one step as the
thresholds fall, it has leaked into cortex or joined the next lesion, and the default stays before that step. The
thresholds fall as sensitivity rises, and all that follows preserves inclusion, so that the masks are nested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.pieces import CORNERS, SIDES, ball, eroded, holes_filled, pieces_with
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
REACH_MM = (9.0, 13.0, 18.0, 26.0, 40.0)  # of a box beyond the seeds, each of its faces by itself
FULL = 0.8  # share of the reach that a lesion may fill
DOUBT = (1.0, 1.6)  # standard deviations above the usual that a voxel must be, at a click and from 5 mm on
LEAK, LEAK_ML, SMALL_ML = 2.0, 0.05, 0.5  # a leak: growth by a factor and a volume, from something small
CORRECTION = (0.8, 3.0)  # of the lesion's height by what grew; little downwards, or cortex that joined draws in more
TIGHTER = (0.4, 0.3, 0.2)  # sensitivities asked for leaks


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
    steps = np.zeros((3, 2), dtype=int)
    while True:
        reach_mm = np.minimum(np.where(steps < len(REACH_MM) - 1, np.array(REACH_MM)[steps], np.inf), max_radius_mm)
        box = _box(inside, reach_mm, spacing_mm, image.shape)
        scene = _look(image, inside, barred, spacing_mm, tissue, box, max_radius_mm, allowed)
        default, mask = _before_leak(scene)
        near = _near_faces(mask, scene, reach_mm) & (reach_mm < max_radius_mm)
        if not near.any():
            scene = _with_height_of(scene, mask)
            default, mask = _before_leak(scene)
            near = _near_faces(mask, scene, reach_mm) & (reach_mm < max_radius_mm)
        # The default growth alone chooses the box, so that all sensitivities see the same one and remain nested.
        if not near.any():
            break
        steps[near] += 2 if mask.mean() > 0.6 else 1  # what fills a box is far larger
        steps = np.minimum(steps, len(REACH_MM) - 1)
    if sensitivity == 0.5:
        return scene.box, mask
    return scene.box, _grow(scene, float(np.interp(sensitivity, [0, 0.5, 1], [0, default, 1])))


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
    seeds: list[Index]
    spacing: NDArray[np.float64]


def _look(
    image: NDArray[np.generic],
    inside: list[Index],
    outside: list[Index],
    spacing_mm: NDArray[np.float64],
    tissue: NormalTissue,
    box: Box,
    radius_mm: float,
    allowed: Mask | None,
) -> _Scene:
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
    return _Scene(box, height, usual, lesion, chance, start & reach, reach, seeds, spacing_mm)


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
    doubt: Array = np.interp(away_mm, [0.0, 5.0], DOUBT).astype(np.float32)
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
    share = np.float32(np.interp(sensitivity, [0, 0.5, 1], [0.75, 0.5, 0.15]))
    caution = np.float32(np.interp(sensitivity, [0, 0.5, 1], [1.6, 1.0, 0.4]))
    rise = np.maximum(share * np.maximum(scene.lesion - scene.usual, np.float32(0.3)), caution * scene.chance)
    bright = pieces_with(scene.seeds, ((scene.height >= scene.usual + rise) & scene.reach) | scene.start)
    # The rest costs by the size of what is bright and not by that of the box; a margin of one voxel closes it off.
    room = ndimage.find_objects(bright.astype(np.uint8))[0]
    part, start = (np.pad(mask[room], 1) for mask in (bright, scene.start))
    seeds = [tuple(i + 1 for i in _shift(seed, room)) for seed in scene.seeds]
    thick = pieces_with(seeds, eroded(part, ball(NECK_MM, scene.spacing)) | start, CORNERS)
    opened = part & ~eroded(~thick, ball(NECK_MM + 0.5 * scene.spacing.min(), scene.spacing))
    filled = holes_filled(pieces_with(seeds, opened))
    grown = np.zeros_like(bright)
    barred = filled & ~np.pad(scene.reach[room], 1)
    if barred.any():
        filled = pieces_with(seeds, filled & ~barred)
    grown[room] = filled[1:-1, 1:-1, 1:-1]
    return grown


def _before_leak(scene: _Scene) -> tuple[float, Mask]:
    """The default growth, or the last before a small lesion leaks, and the sensitivity that gives it."""
    ml = float(np.prod(scene.spacing)) / 1000
    default, mask = 0.5, _grow(scene, 0.5)
    tightest = _grow(scene, TIGHTER[-1])
    if tightest.sum() * ml >= SMALL_ML:  # then none between is small: spares large lesions the time
        return default, mask
    volume_ml = mask.sum() * ml
    for sensitivity in TIGHTER:
        tighter = tightest if sensitivity == TIGHTER[-1] else _grow(scene, sensitivity)
        tighter_ml = tighter.sum() * ml
        if tighter_ml < SMALL_ML and volume_ml > max(LEAK * tighter_ml, tighter_ml + LEAK_ML):
            default, mask = sensitivity, tighter
        volume_ml = tighter_ml
    return default, mask


def _with_height_of(scene: _Scene, mask: Mask) -> _Scene:
    """The same with the lesion as high, on the whole, as what grew."""
    high = float(np.median((scene.height - scene.usual)[mask]))
    assumed = float(np.median(np.maximum(scene.lesion - scene.usual, np.float32(0.3))[mask]))
    ratio = np.float32(np.clip(high / assumed, *CORRECTION))
    return replace(scene, lesion=scene.usual + (scene.lesion - scene.usual) * ratio)


def _near_faces(mask: Mask, scene: _Scene, reach_mm: NDArray[np.float64]) -> Mask:
    """Which faces (axis, lower or upper) of a box a mask comes close to."""
    found = ndimage.find_objects(mask.astype(np.uint8))[0]
    lower, upper = np.min(scene.seeds, axis=0), np.max(scene.seeds, axis=0)
    away = [[low - part.start, part.stop - 1 - high] for low, high, part in zip(lower, upper, found, strict=True)]
    near: Mask = np.array(away) * scene.spacing[:, None] > FULL * reach_mm
    return near


def _shift(index: Index, box: Box) -> Index:
    return tuple(i - part.start for i, part in zip(index, box, strict=True))


def _distance(shape: tuple[int, ...], index: Index, spacing_mm: NDArray[np.float64]) -> Array:
    squares = [((np.arange(n) - i) * step) ** 2 for n, i, step in zip(shape, index, spacing_mm, strict=True)]
    distance: Array = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2]).astype(np.float32)
    return distance


def _box(
    seeds: list[Index], reach_mm: NDArray[np.float64], spacing_mm: NDArray[np.float64], shape: tuple[int, ...]
) -> Box:
    margin = np.ceil(reach_mm / spacing_mm[:, None]).astype(int) + 2
    lower = np.maximum(np.min(seeds, axis=0) - margin[:, 0], 0)
    upper = np.minimum(np.max(seeds, axis=0) + margin[:, 1] + 1, shape)
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
