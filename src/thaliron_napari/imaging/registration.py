"""Rigid registration across contrasts."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import GridError
from thaliron_napari.imaging.averaged_copies import Copy, averaged, robust_range, smoothed
from thaliron_napari.imaging.bias_field import without_bias_fields
from thaliron_napari.imaging.grid import Affine
from thaliron_napari.imaging.mutual_information import BINS, MutualInformation, climb, interpolate, to_bins
from thaliron_napari.imaging.registration_trust import doubts, shared
from thaliron_napari.imaging.transforms import turn_angle_deg
from thaliron_napari.imaging.volume import Volume

# Voxel size (mm) of the copies on which is searched, and how many points are compared on each.
_COARSE = ((8.0, 10_000), (4.0, 30_000))
_FINE = (1.5, 150_000)
# Smoothing the coarsest by a voxel more than doubles the reach; smoothing the others would cost accuracy.
_SMOOTHED = {8.0: 8.0}

Range = tuple[float, float]


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
        Share of what the smaller image shows that lies in the other (0 to 1).
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
    and 1.5 mm, without the coils' shading on the last (see :func:`without_bias_fields`). The same input gives the same
    result, bit for bit.

    A rigid motion is an average over the whole head. Where the truth is known, copies of 1 mm gain 0.015 mm over these
    and take half as long again.

    On the finest copies the rims of skull-stripped or masked images do not count. Two images that were cut by one mask
    could be brought together by its rim alone, but that tells where an earlier registration had put them, right or
    wrong, and not where the anatomy lies; and masks made one by one differ.
    """
    begin = np.eye(4) if start is None else np.array(start, dtype=np.float64)
    if max(fixed.grid.overlap(moving.grid, begin), moving.grid.overlap(fixed.grid, np.linalg.inv(begin))) == 0:
        raise GridError("The two images do not overlap in space; check that they are of one patient and one visit.")
    stages = len(_COARSE) + 3

    def tell(stage: int) -> None:
        if cancelled is not None and cancelled():
            raise CancelledError
        if progress is not None:
            progress(stage / stages)

    tell(0)
    fixed_copy, moving_copy = (averaged(Copy(v.data, v.grid.affine), _FINE[0]) for v in (fixed, moving))
    matrix, coarse = begin, []
    for stage, (size_mm, points) in enumerate(_COARSE, start=1):
        tell(stage)
        coarse.append(_coarse_metric(fixed_copy, moving_copy, points, size_mm))
        matrix, _ = climb(coarse[-1], matrix, size_mm)
    tell(stages - 2)
    size_mm, points = _FINE
    fixed_copy, moving_copy = without_bias_fields(fixed_copy, moving_copy, matrix)
    ranges = robust_range(fixed_copy), robust_range(moving_copy)
    fine = _metric(fixed_copy, moving_copy, _without_rim(fixed_copy), points, *ranges)
    shown = _without_rim(moving_copy)
    before = fine.within(begin, shown).at(begin)
    if before.total >= fine.within(matrix, shown).at(matrix).total:
        matrix = begin
    for _ in range(2):  # the second time with the samples that belong to where the first arrived
        held = fine.within(matrix, shown)
        matrix, after = climb(held, matrix, size_mm)
    tell(stages - 1)
    centre = fixed.grid.world((np.array(fixed.grid.shape) - 1) / 2)
    shift_mm = float(np.linalg.norm(matrix[:3, :3] @ centre + matrix[:3, 3] - centre))
    angle_deg = turn_angle_deg(matrix)
    overlap = shared(fixed_copy, moving_copy, matrix)
    warnings = doubts([*coarse, held], matrix, overlap, shift_mm, angle_deg)
    tell(stages)
    return Registration(matrix, shift_mm, angle_deg, before.excess, after.excess, overlap, warnings)


def _coarse_metric(fixed: Copy, moving: Copy, points: int, size_mm: float) -> MutualInformation:
    fixed, moving = (averaged(image, size_mm) for image in (fixed, moving))
    smooth, other = (Copy(smoothed(image, _SMOOTHED.get(size_mm, 0.0)), image.affine) for image in (fixed, moving))
    return _metric(smooth, other, fixed.data != 0, points, robust_range(fixed), robust_range(moving))


def _metric(
    fixed: Copy, moving: Copy, shown: NDArray[np.bool_], points: int, fixed_range: Range, moving_range: Range
) -> MutualInformation:
    """Mutual information at scattered points of the fixed copy.

    The points lie off the voxels' centres, so that neither lattice is favoured (on the lattice interpolation
    sharpens the match, which draws towards whole voxels).
    """
    chosen = np.flatnonzero(shown)
    random = np.random.default_rng(points)
    if len(chosen) > points:
        chosen = np.sort(random.choice(chosen, points, replace=False))
    index = np.stack(np.unravel_index(chosen, fixed.data.shape)) + random.uniform(-0.5, 0.5, (3, len(chosen)))
    inside, values, _ = interpolate(fixed.data, index.astype(np.float32))
    index = index[:, inside]
    places = np.stack([row[0] * index[0] + row[1] * index[1] + row[2] * index[2] + row[3] for row in fixed.affine[:3]])
    low, high = fixed_range
    bins = np.clip((values - low) * (BINS / (high - low)), 0, BINS - 1).astype(np.int32)
    low, high = moving_range
    data = to_bins(moving.data, min(low, 0.0), high)
    return MutualInformation(places.astype(np.float32), bins, data, np.linalg.inv(moving.affine).astype(float))


def _without_rim(image: Copy) -> NDArray[np.bool_]:
    """Where an image shows something, without the voxels where a mask may have cut."""
    shown: NDArray[np.bool_] = ndimage.binary_erosion(image.data != 0, border_value=1)
    return shown
