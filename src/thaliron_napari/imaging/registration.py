"""Rigid registration across contrasts."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thaliron_napari.errors import GridError
from thaliron_napari.imaging.grid import Affine
from thaliron_napari.imaging.transforms import turn_angle_deg
from thaliron_napari.imaging.volume import Volume

# Voxel size of the copies on which is searched, from coarse to fine, and the optimizer's first step in mm.
_LEVELS = ((4.0, 2.0), (2.0, 0.5))
_MOST_STEPS = 60
_BINS = 32

_LITTLE_OVERLAP = 0.5
_LARGE_SHIFT_MM = 25.0
_LARGE_ANGLE_DEG = 25.0


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
        When the images do not overlap in space at all.
    concurrent.futures.CancelledError
        When `cancelled` said so.

    Notes
    -----
    Maximises mutual information (Mattes et al., IEEE Trans Med Imaging 2003) on copies averaged to some 4 and then
    2 mm: full resolution takes ten times as long and gains nothing, since a rigid motion is an average over the head.
    """
    import SimpleITK as sitk

    matrix = np.eye(4) if start is None else np.asarray(start, float)
    if _overlap(fixed, moving, matrix) == 0:
        raise GridError("The two images do not overlap in space; check that they are of one patient and one visit.")
    centre = fixed.grid.world((np.array(fixed.grid.shape) - 1) / 2)
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(matrix[:3, :3].ravel().tolist(), 1e-3)
    transform.SetTranslation((matrix[:3, :3] @ centre + matrix[:3, 3] - centre).tolist())
    images = _itk_image(fixed), _itk_image(moving)
    before = after = 0.0
    for level, (size_mm, step_mm) in enumerate(_LEVELS):
        copies = [_shrunk(image, size_mm) for image in images]
        search = _search(copies[0], step_mm)
        stopped = _watch(search, level, progress, cancelled)
        if level == len(_LEVELS) - 1:
            search.SetInitialTransform(_transform_of(matrix), True)
            before = -search.MetricEvaluate(*copies)
        search.SetInitialTransform(transform, True)
        search.Execute(*copies)
        if stopped():
            raise CancelledError
        after = -search.GetMetricValue()
    return _judged(_matrix_of(transform), fixed, moving, before, after)


def _search(fixed: Any, step_mm: float) -> Any:
    """ITK's registration, set up so that the same input gives the same result."""
    import SimpleITK as sitk

    search = sitk.ImageRegistrationMethod()
    search.SetMetricAsMattesMutualInformation(_BINS)
    search.SetMetricFixedMask(fixed != 0)
    search.SetInterpolator(sitk.sitkLinear)
    search.SetOptimizerAsRegularStepGradientDescent(
        step_mm, 0.01, _MOST_STEPS, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-8
    )
    search.SetOptimizerScalesFromPhysicalShift()
    return search


def _watch(
    search: Any, level: int, progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None
) -> Callable[[], bool]:
    """Report each step, and stop when asked; the result tells whether it was."""
    import SimpleITK as sitk

    asked = False

    def step() -> None:
        nonlocal asked
        if progress is not None:
            progress((level + min(search.GetOptimizerIteration() / _MOST_STEPS, 1.0)) / len(_LEVELS))
        if cancelled is not None and cancelled():
            asked = True
            search.StopRegistration()

    search.AddCommand(sitk.sitkIterationEvent, step)
    return lambda: asked


def _judged(matrix: Affine, fixed: Volume, moving: Volume, before: float, after: float) -> Registration:
    centre = fixed.grid.world((np.array(fixed.grid.shape) - 1) / 2)
    shift_mm = float(np.linalg.norm(matrix[:3, :3] @ centre + matrix[:3, 3] - centre))
    angle_deg = turn_angle_deg(matrix)
    overlap = _overlap(fixed, moving, matrix)
    warnings = []
    if overlap < _LITTLE_OVERLAP:
        warnings.append(f"Only {overlap:.0%} of the smaller image lies in the other.")
    if after <= before:
        warnings.append("The images do not match better than before.")
    if shift_mm > _LARGE_SHIFT_MM or angle_deg > _LARGE_ANGLE_DEG:
        warnings.append(
            f"The head would have moved by {shift_mm:.0f} mm and {angle_deg:.0f} degrees between the scans."
        )
    return Registration(matrix, shift_mm, angle_deg, before, after, overlap, tuple(warnings))


def _overlap(fixed: Volume, moving: Volume, matrix: Affine) -> float:
    there = fixed.grid.overlap(moving.grid, matrix)
    return max(there, moving.grid.overlap(fixed.grid, np.linalg.inv(matrix)))


def _itk_image(volume: Volume) -> Any:
    """The image for ITK, with RAS mm as its physical space (ITK does not mind which way the axes are named)."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(volume.data.astype(np.float32, copy=False))
    spacing = volume.spacing[::-1]
    image.SetSpacing(spacing.tolist())
    image.SetDirection((volume.grid.affine[:3, 2::-1] / spacing).ravel().tolist())
    image.SetOrigin(volume.grid.affine[:3, 3].tolist())
    return image


def _shrunk(image: Any, size_mm: float) -> Any:
    """Copy averaged over blocks of voxels to about `size_mm`, never finer than the image itself."""
    import SimpleITK as sitk

    factors = [
        max(1, min(round(size_mm / spacing), n)) for spacing, n in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return sitk.BinShrink(image, factors)


def _matrix_of(transform: Any) -> Affine:
    points = np.array([transform.TransformPoint(point) for point in np.vstack([np.zeros(3), np.eye(3)]).tolist()])
    matrix = np.eye(4)
    matrix[:3, 3] = points[0]
    matrix[:3, :3] = (points[1:] - points[0]).T
    return matrix


def _transform_of(matrix: NDArray[np.float64]) -> Any:
    import SimpleITK as sitk

    return sitk.AffineTransform(matrix[:3, :3].ravel().tolist(), matrix[:3, 3].tolist())
