"""From slices to a stack: their order, their grid, and what is wrong where they make none."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging.dicom.header import DicomImage
from thaliron_napari.imaging.grid import SourceGrid, describe_shape

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
_MOST_VOXELS = 2**30
# Directions of two slices of one stack differ by the rounding of their six cosines alone.
_SAME_DIRECTION = 2e-3
# Scanners space slices evenly; 5% is rounding in the headers, not a slice left out.
_EVEN_WITHIN = 0.05


def same_voxels(one: SourceGrid, other: SourceGrid, within_mm: float) -> bool:
    """Whether two grids hold the same voxels, however their axes are turned: all corners agree within some mm."""
    if not np.isfinite(other.affine).all():
        return False
    step = np.linalg.inv(one.affine) @ other.affine
    turn = np.rint(step[:3, :3])
    is_turn = (np.abs(turn).sum(axis=0) == 1).all() and (np.abs(turn).sum(axis=1) == 1).all()
    if not is_turn or tuple(np.abs(turn) @ other.shape) != one.shape:
        return False
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in other.shape])).reshape(3, -1).T
    there = corners @ turn.T + np.where(turn.sum(axis=1) < 0, np.array(one.shape) - 1, 0)
    apart = there @ one.affine[:3, :3].T + one.affine[:3, 3] - corners @ other.affine[:3, :3].T - other.affine[:3, 3]
    return bool(np.abs(apart).max() <= within_mm)


def grid_of_echoes(stacks: Sequence[list[DicomImage]]) -> tuple[SourceGrid | None, list[list[DicomImage]]]:
    """The grid that all echoes of a series share, and their images in order of the slices.

    Parameters
    ----------
    stacks : sequence of lists of DicomImage
        The images of each echo, in any order.

    Returns
    -------
    grid : SourceGrid or None
        Columns, rows, slices; RAS+ mm. None where one file holds all slices and says nothing of where they lie.
    stacks : list of lists of DicomImage

    Raises
    ------
    ImageError
        A clause that says what is wrong with the series.
    """
    everything = [image for stack in stacks for image in stack]
    problems = [image.problem for image in everything if image.problem]
    if problems:
        count = f"{len(problems)} of {len(everything)} images: " if len(problems) < len(everything) else ""
        raise ImageError(f"{count}{problems[0]}")
    placed = [image for image in everything if image.position is not None and image.orientation is not None]
    if not placed and len({image.path for image in everything}) == 1 and len(everything) > 1:
        return None, list(stacks)
    if len(placed) < len(everything):
        raise ImageError("does not say where its slices lie in the patient")
    grids, ordered = [], []
    for stack in stacks:
        grid, order = _grid_of(stack)
        grids.append(grid)
        ordered.append([stack[n] for n in order])
    if not all(grid.shape == grids[0].shape and same_voxels(grids[0], grid, 0.05) for grid in grids):
        raise ImageError("its echoes differ in place or size")
    return grids[0], ordered


def _grid_of(images: list[DicomImage]) -> tuple[SourceGrid, list[int]]:
    """Grid of a stack, and the order of its slices along their normal."""
    sizes = sorted({(image.columns, image.rows) for image in images})
    if len(sizes) > 1:
        raise ImageError(f"its slices differ in size ({', '.join(describe_shape(size) for size in sizes[:3])})")
    columns, rows = sizes[0]
    if columns * rows * len(images) > _MOST_VOXELS or min(sizes[0]) < 1:
        raise ImageError(f"claims a size of {describe_shape((columns, rows, len(images)))} voxels")
    turns = np.array([image.orientation for image in images], float)
    spacings = np.array([(np.nan, np.nan) if i.spacing is None else i.spacing for i in images], float)
    if np.isnan(spacings).any() or (spacings < 1e-3).any() or (spacings > 1e3).any():
        raise ImageError("does not say how far apart its pixels are")
    across, down = turns[0, :3], turns[0, 3:]
    if np.abs([across @ across - 1, down @ down - 1, across @ down]).max() > 0.01:
        raise ImageError("states a direction of its slices that cannot be")
    directions = _count_apart(turns, _SAME_DIRECTION)
    if directions > 1:
        raise ImageError(f"its slices lie in {directions} different directions, as those of a localizer do")
    if _count_apart(spacings, 1e-3) > 1:
        raise ImageError("its slices differ in pixel spacing")
    if len(images) == 1:
        raise ImageError("is one single slice")
    across, down = across / np.linalg.norm(across), down / np.linalg.norm(down)
    normal = np.cross(across, down)
    places = np.array([image.position for image in images], float)
    order = np.argsort(places @ normal, kind="stable")
    places = places[order]
    middle = (across * spacings[0, 1] * (columns - 1) + down * spacings[0, 0] * (rows - 1)) / 2
    _check_even(places + middle, places @ normal, normal)
    along = (places[-1] - places[0]) / (len(places) - 1)
    if np.linalg.norm(along - normal * (along @ normal)) * (len(places) - 1) > 0.5 * spacings[0].min():
        raise ImageError("its slices do not stand above one another")
    affine = np.eye(4)
    affine[:3, :3] = _LPS_TO_RAS @ np.column_stack([across * spacings[0, 1], down * spacings[0, 0], along])
    affine[:3, 3] = _LPS_TO_RAS @ places[0]
    return SourceGrid((columns, rows, len(images)), affine), order.tolist()


def _count_apart(rows: NDArray[np.float64], within: float) -> int:
    """How many rows differ from one another by more than `within`."""
    kinds: list[NDArray[np.float64]] = []
    for row in np.unique(np.round(rows, 4), axis=0):
        if all(np.abs(row - kind).max() > within for kind in kinds):
            kinds.append(row)
    return len(kinds)


def _check_even(middles: NDArray[np.float64], along_mm: NDArray[np.float64], normal: NDArray[np.float64]) -> None:
    """Refuse doubled, missing and unevenly spaced slices, and say where they are."""
    steps = np.diff(along_mm)
    if (steps < 0.01).any():
        most = int(np.unique(np.round(along_mm, 2), return_counts=True)[1].max())
        raise ImageError(
            f"has up to {most} images at one place (repeats, directions of diffusion, or copies), where one volume is "
            "needed"
        )
    usual = float(np.median(steps[steps < 1.5 * steps.min()]))  # not of all: every second slice may be missing
    wide = np.flatnonzero(steps > (1 + _EVEN_WITHIN) * usual + 0.01)
    if (steps > 1.5 * usual).any():
        gaps = [n for n in wide if steps[n] > 1.5 * usual]
        missing = sum(round(steps[n] / usual) - 1 for n in gaps)
        ends = [(_at(middles[n], normal), _at(middles[n + 1], normal)) for n in gaps[:3]]
        where = " and ".join(f"between {one} and {other} mm" for one, other in ends)
        more = f" and {len(gaps) - 3} more" if gaps[3:] else ""
        raise ImageError(f"{missing} {'slice is' if missing == 1 else 'slices are'} missing {where}{more}")
    if wide.size or (steps < (1 - _EVEN_WITHIN) * usual - 0.01).any():
        raise ImageError(f"its slices are unevenly spaced ({steps.min():.2f} to {steps.max():.2f} mm)")


def _at(place: NDArray[np.float64], normal: NDArray[np.float64]) -> str:
    """Where the middle of a slice lies along the axis it is stacked on, such as ``S 12.0``."""
    axis = int(np.abs(normal).argmax())
    mm = float((_LPS_TO_RAS @ place)[axis])
    return f"{('RL', 'AP', 'SI')[axis][mm < 0]} {abs(mm):.1f}"
