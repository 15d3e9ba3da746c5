"""Rigid registration across contrasts."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import GridError
from thaliron_napari.imaging.grid import Affine
from thaliron_napari.imaging.mutual_information import BINS, Floats, Match, MutualInformation, interpolate, to_bins
from thaliron_napari.imaging.transforms import rigid_matrix, turn_angle_deg
from thaliron_napari.imaging.volume import Volume

# Voxel size of the copies on which is searched, and how many points are compared on each.
_COARSE = ((8.0, 10_000), (4.0, 30_000))
_FINE = (1.5, 150_000)
_MOST_STEPS = 40
_SMOOTHING = 0.5  # of a copy's voxel: takes off the kinks that interpolation leaves in the metric
_ROBUST_PERCENT = (0.5, 99.5)

_LITTLE_OVERLAP = 0.5
_LARGE_SHIFT_MM = 25.0
_LARGE_ANGLE_DEG = 25.0
_BESIDE_MM = 4.0


@dataclass(frozen=True, eq=False)
class Registration:
    """What a registration found.

    Parameters
    ----------
    matrix : array (4, 4)
        From the fixed image's world to the moving image's world, RAS+ mm.
    shift_mm : float
        How far the centre of the fixed image moves.
    angle_deg : float
        How far the head turns.
    metric_before, metric_after : float
        Mutual information in nats, at the start and at the end; more is better.
    overlap : float
        Share of the smaller of both boxes that lies in the other (0 to 1).
    warnings : tuple of str
        Why the result is not to be trusted without looking at it; empty when nothing speaks against it.
    """

    matrix: Affine
    shift_mm: float
    angle_deg: float
    metric_before: float
    metric_after: float
    overlap: float
    warnings: tuple[str, ...] = ()


def register_rigid(
    fixed: Volume,
    moving: Volume,
    *,
    start: ArrayLike | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Registration:
    """Find the rigid motion that brings two images of one head together, whatever their contrasts.

    Parameters
    ----------
    fixed, moving : Volume
        Such as FLAIR and QSM (or its magnitude).
    start : array (4, 4), optional
        Where to start, from the fixed image's world to the moving image's, RAS+ mm; the scanner's geometry when absent.
    progress : callable, optional
        Is told the share that is done (0 to 1).
    cancelled : callable, optional
        Is asked between steps whether to stop.

    Raises
    ------
    GridError
        When the images do not overlap in space at all, or one of them shows nothing.
    concurrent.futures.CancelledError
        When `cancelled` said so.

    Notes
    -----
    Maximises mutual information by Fisher's scoring (see :class:`MutualInformation`) on copies averaged to some 8, 4
    and 1.5 mm. A rigid motion is an average over the whole head, so that full resolution takes many times as long and
    gains nothing. On the finest copies the rims of skull-stripped or masked images do not count: where a mask ends
    differs from image to image, and would pull. The same input gives the same result, bit for bit.
    """
    begin = np.eye(4) if start is None else np.array(start, dtype=np.float64)
    if _overlap(fixed, moving, begin) == 0:
        raise GridError("The two images do not overlap in space; check that they are of one patient and one visit.")
    stages = len(_COARSE) + 2

    def tell(stage: int) -> None:
        if cancelled is not None and cancelled():
            raise CancelledError
        if progress is not None:
            progress(stage / stages)

    tell(0)
    fixed_copy, moving_copy = (_copy(_Copy(v.data, v.grid.affine), _FINE[0]) for v in (fixed, moving))
    matrix = begin
    for stage, (size_mm, points) in enumerate(_COARSE, start=1):
        tell(stage)
        coarse = _metric(_copy(fixed_copy, size_mm), _copy(moving_copy, size_mm), points, size_mm, rims=True)
        matrix, _ = _climb(coarse, matrix, size_mm)
    tell(stages - 1)
    size_mm, points = _FINE
    fine = _metric(fixed_copy, moving_copy, points, size_mm, rims=False)
    before = fine.at(begin)
    if before.value >= fine.at(matrix).value:
        matrix = begin
    matrix, after = _climb(fine, matrix, size_mm)
    tell(stages)
    is_match = after.value > 2 * after.by_chance and _is_peak(coarse, matrix)
    return _judged(matrix, fixed, moving, before, after, is_match)


@dataclass(frozen=True, eq=False)
class _Copy:
    """Voxels (z, y, x) and the affine from their index to RAS mm."""

    data: NDArray[np.floating]
    affine: Affine


def _copy(image: _Copy, size_mm: float) -> _Copy:
    """Means over blocks of voxels of about `size_mm`; never finer than the image, and at least two along each axis."""
    data, affine = image.data, image.affine.copy()
    if min(data.shape) < 2:
        raise GridError("An image of a single slice cannot be registered; give one with at least two along each axis.")
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    for axis, n in enumerate(data.shape):
        block = int(np.clip(round(size_mm / spacing[axis]), 1, n // 2))
        if block == 1:
            continue
        ahead = (slice(None),) * axis
        total = data[*ahead, 0 : n - n % block : block].astype(np.float32)
        for offset in range(1, block):
            total += data[*ahead, offset : n - n % block : block]
        data = total / np.float32(block)
        affine[:3, 3] += affine[:3, axis] * (block - 1) / 2
        affine[:3, axis] *= block
    return _Copy(data.astype(np.float32, copy=False), affine)


def _metric(fixed: _Copy, moving: _Copy, points: int, size_mm: float, *, rims: bool) -> MutualInformation:
    """Mutual information at scattered points of the fixed copy where it shows something.

    The points lie off the voxels' centres, so that neither lattice is favoured (on the lattice interpolation
    sharpens the match, which draws towards whole voxels).
    """
    seen = fixed.data != 0
    if not rims:
        seen = ndimage.binary_erosion(seen)
    chosen = np.flatnonzero(seen)
    random = np.random.default_rng(points)
    if len(chosen) > points:
        chosen = np.sort(random.choice(chosen, points, replace=False))
    index = np.stack(np.unravel_index(chosen, fixed.data.shape)) + random.uniform(-0.5, 0.5, (3, len(chosen)))
    inside, values, _ = interpolate(_smooth(fixed, size_mm), index.astype(np.float32))
    index = index[:, inside]
    places = np.stack([row[0] * index[0] + row[1] * index[1] + row[2] * index[2] + row[3] for row in fixed.affine[:3]])
    low, high = _robust_range(fixed)
    bins = np.clip((values - low) * (BINS / (high - low)), 0, BINS - 1).astype(np.int32)
    low, high = _robust_range(moving)
    data = to_bins(_smooth(moving, size_mm), min(low, 0.0), high)
    if not rims:
        data[~ndimage.binary_erosion(moving.data != 0, border_value=1)] = np.nan
    return MutualInformation(places.astype(np.float32), bins, data, np.linalg.inv(moving.affine).astype(float))


def _smooth(image: _Copy, size_mm: float) -> Floats:
    spacing = np.sqrt((image.affine[:3, :3] ** 2).sum(axis=0))
    smooth: Floats = ndimage.gaussian_filter(image.data, _SMOOTHING * size_mm / spacing, truncate=3.0)
    return smooth


def _robust_range(image: _Copy) -> tuple[float, float]:
    """Between which values nearly all voxels lie that show something."""
    shown = image.data[image.data != 0]
    low, high = np.percentile(shown, _ROBUST_PERCENT) if shown.size else (0.0, 0.0)
    if not high > low:
        raise GridError("One of the two images shows nothing (all its voxels have one value); choose another image.")
    return float(low), float(high)


def _climb(metric: MutualInformation, matrix: Affine, size_mm: float) -> tuple[Affine, Match]:
    """Go uphill by Fisher's scoring until steps are far below a voxel."""
    here = metric.at(matrix)
    for _ in range(_MOST_STEPS):
        damping = 1e-6 * np.trace(here.information) * np.eye(6)
        step = np.linalg.solve(here.information + damping, here.score)
        step *= min(1.0, size_mm / max(float(np.abs(step).max()), 1e-9))
        while np.abs(step).max() > 1e-3 * size_mm:
            there = _moved_by(step, matrix, metric)
            match = metric.at(there)
            if match.value > here.value:
                break
            step /= 3
        else:
            break
        matrix, here = there, match
    return matrix, here


def _moved_by(step: NDArray[np.float64], matrix: Affine, metric: MutualInformation) -> Affine:
    """The pose after a small motion: three turns (mm at the head's radius) about its centre, and three shifts (mm)."""
    centre = matrix[:3, :3] @ metric.centre + matrix[:3, 3]
    moved: Affine = rigid_matrix(step[3:], np.rad2deg(step[:3] / metric.radius_mm), centre) @ matrix
    return moved


def _is_peak(metric: MutualInformation, matrix: Affine) -> bool:
    """Whether the images match less well when one is moved a little, either way, by any of the six parameters."""
    here = metric.at(matrix).value
    steps = np.vstack([np.eye(6), -np.eye(6)]) * _BESIDE_MM
    return all(metric.at(_moved_by(step, matrix, metric)).value < here for step in steps)


def _judged(matrix: Affine, fixed: Volume, moving: Volume, before: Match, after: Match, is_match: bool) -> Registration:
    centre = fixed.grid.world((np.array(fixed.grid.shape) - 1) / 2)
    shift_mm = float(np.linalg.norm(matrix[:3, :3] @ centre + matrix[:3, 3] - centre))
    angle_deg = turn_angle_deg(matrix)
    overlap = _overlap(fixed, moving, matrix)
    warnings = []
    if overlap < _LITTLE_OVERLAP:
        warnings.append(f"Only {overlap:.0%} of the smaller image lies in the other.")
    if not is_match:
        warnings.append("The images match hardly better here than elsewhere; they may not show the same head.")
    if shift_mm > _LARGE_SHIFT_MM or angle_deg > _LARGE_ANGLE_DEG:
        warnings.append(
            f"The head would have moved by {shift_mm:.0f} mm and {angle_deg:.0f} degrees between the scans."
        )
    return Registration(matrix, shift_mm, angle_deg, before.value, after.value, overlap, tuple(warnings))


def _overlap(fixed: Volume, moving: Volume, matrix: Affine) -> float:
    there = fixed.grid.overlap(moving.grid, matrix)
    return max(there, moving.grid.overlap(fixed.grid, np.linalg.inv(matrix)))
