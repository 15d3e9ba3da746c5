"""A first contour of a thalamus from one click: a usual thalamus, laid where the images show edges all around it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.cells import average_cells, to_shape
from thaliron_napari.annotation.margins import follow_margins
from thaliron_napari.annotation.midline import Midline, midline
from thaliron_napari.annotation.thalamus_shape import (
    HALF_AXES_MM,
    MIDDLE_LATERAL_MM,
    SPREAD,
    USUAL,
    depth_mm,
    surface,
)
from thaliron_napari.errors import AnnotationError

Bool3D = NDArray[np.bool_]
Float3D = NDArray[np.float32]
Floats = NDArray[np.float64]
Seen = Callable[[Floats, Floats, Floats], list[Float3D]]

REACH_MM = 40.0  # of the images about the click that are looked at
HALF_WIDTHS_MM = (28.0, 40.0)  # about where the midline is expected, for finding it
FARTHEST_LATERAL_MM = 26.0  # no thalamus reaches so far from the midline

CELL_MM = 1.0
FLUID = 0.5  # of the brightness of what lies near, in a scan: what is darker is CSF or air
NEAR_MM = 22.0  # what lies so near to the click gives the images their middle and spread
SQUASHED = 2.0  # robust standard deviations from the middle beyond which brighter makes hardly a difference
NOISE_MM = 0.7
CLICK_LATERAL_MM = 3.0  # how far from a thalamus's middle it is clicked on, sideways (standard deviation)
CLICK_DEPTH = 0.15  # share of the half-axis that a click lies below the surface at least

DIRECTIONS = 240
SECTORS = 16
AWAY_MM = np.array([-4.0, -2.5, -1.0, 1.0, 2.5, 4.0])
LEAST_VARIANCE = 0.03
ENOUGH = 0.15  # separation of a sector's inside and outside beyond which it counts little more
EVIDENCE = 120.0  # weight of the mean separation against the usual pose, as log-likelihood

TRIED = 900  # poses, at first
STARTS = 3  # of the best that are pursued, if they lie apart
APART_MM = 5.0
FOLLOWED = 150  # poses in each round
BEST = 25
ROUNDS = 6
COOLING = 4.0

OUTSIDE_MM = 12.0  # what lies further from the fitted shape is not looked at
SHAPE_SD_MM = 2.0  # how far a thalamus's surface lies from the fitted shape
ROUNDS_AT_THE_MARGIN = 2
LEAST_ML, MOST_ML = 3.0, 12.0
SMOOTHING_MM = 0.8


def first_contour(
    click: Sequence[int],
    spacing: ArrayLike,
    images: Sequence[ArrayLike] | NDArray[np.floating],
    *,
    side: str,
    avoid: ArrayLike | None = None,
) -> Bool3D:
    """Propose a whole thalamus from one click in it, for a reader to accept and correct.

    Parameters
    ----------
    click : (z, y, x)
        Index of a voxel well inside of the thalamus, best at its middle.
    spacing : (z, y, x) in mm
    images : sequence of arrays, shape (z, y, x)
        One or several images on one grid, in any unit: QSM, FLAIR, T1. z runs to superior, y to posterior, x to the
        patient's left, about: the head may be turned and tilted by some 15 degrees.
    side : {"left", "right"}
        The patient's.
    avoid : bool array, shape (z, y, x), optional
        What is never taken and not looked at, such as veins.

    Returns
    -------
    bool array, shape (z, y, x)
        One piece that holds the click and stays on its side of the midline.

    Raises
    ------
    AnnotationError
        If nothing like a thalamus is found about the click, or an argument does not fit.

    Notes
    -----
    Where the thalamus may lie is known from the click, from the mid-sagittal plane near it (`midline.midline`) and
    from what thalami usually look like (`thalamus_shape`). Of such poses, the one is searched that parts the images
    best: the surface is divided into sectors, and in each, what lies just inside and just outside are described by two
    normal distributions instead of one, as active contours with local statistics do [1]_, so that no image's contrast
    needs to be known. What a single sector can add is limited: a thalamus shows some edge nearly all around, other
    structures one strong edge. The search draws poses, keeps the best and draws again about them (cross-entropy
    method [2]_), with fixed random numbers. The margin is then followed within some millimetres as if this shape had
    been drawn (`margins.follow_margins`).

    References
    ----------
    .. [1] Lankton S, Tannenbaum A. Localizing region-based active contours. IEEE Trans Image Process 2008;17:2029-2039.
    .. [2] Rubinstein RY, Kroese DP. The Cross-Entropy Method. New York: Springer; 2004.
    """
    at, step, pictures, veins = _checked(click, spacing, images, side, avoid)
    box = tuple(
        slice(max(c - int(np.ceil(REACH_MM / s)), 0), c + int(np.ceil(REACH_MM / s)) + 1)
        for c, s in zip(at.tolist(), step, strict=True)
    )
    here = at - [part.start for part in box]
    parts = [picture[box] for picture in pictures]
    near_veins = None if veins is None else veins[box]
    _refuse_fluid(here, step, parts, side)
    head = _Head.about(here * step, step, parts, side)
    cells = _cells(parts, near_veins, step, here * step)
    cell_mm = step * parts[0].shape / cells[0].shape
    pose = _best_pose(head, _sampler(head, cells, (cell_mm - step) / 2, cell_mm))
    inside = _at_the_margin(head, pose, cells, (cell_mm - step) / 2, cell_mm, step, parts[0].shape)
    size_ml = np.count_nonzero(inside) * float(step.prod()) / 1000
    if not LEAST_ML < size_ml < MOST_ML:
        raise AnnotationError(
            f"What looks most like a {side} thalamus near voxel {tuple(at.tolist())} has {size_ml:.1f} ml, which no "
            "thalamus has; click nearer to its middle, or draw it."
        )
    if near_veins is not None:
        inside &= ~near_veins
    pieces, _ = ndimage.label(inside)
    if not pieces[tuple(here)]:
        raise AnnotationError(
            f"What looks most like a {side} thalamus near voxel {tuple(at.tolist())} does not hold it; click nearer to "
            "the middle of the thalamus."
        )
    mask = np.zeros(pictures[0].shape, bool)
    mask[box] = pieces == pieces[tuple(here)]
    return mask


def _refuse_fluid(click: NDArray[np.intp], spacing: Floats, images: Sequence[NDArray[np.generic]], side: str) -> None:
    """Raise an error where a scan is as dark at the click as CSF and air are in FLAIR and T1.

    A susceptibility map has values below zero, and CSF looks like any tissue in it.
    """
    for image in images:
        tissue = image[np.isfinite(image) & (image != 0)]
        if tissue.size == 0 or tissue.min() < 0:
            continue
        about = tuple(
            slice(max(c - int(1 / s), 0), c + int(1 / s) + 1) for c, s in zip(click.tolist(), spacing, strict=True)
        )
        if float(np.median(image[about].astype(float))) < FLUID * float(np.median(tissue.astype(float))):
            raise AnnotationError(
                f"The image is as dark as fluid at the click; click into the middle of the {side} thalamus."
            )


class _Head(NamedTuple):
    """The click's place, and how the head lies about it.

    `axes` holds unit vectors to superior, posterior and lateral in (z, y, x) of the image.
    """

    click_mm: Floats
    axes: Floats
    lateral_mm: float

    @classmethod
    def about(cls, click_mm: Floats, spacing: Floats, images: Sequence[NDArray[np.generic]], side: str) -> "_Head":
        """Find the midline near the click; of several found, the one that a thalamus's middle lies best to."""
        to_side = 1.0 if side == "left" else -1.0
        expected = click_mm[2] - to_side * MIDDLE_LATERAL_MM
        found = []
        for image in images:
            for width in HALF_WIDTHS_MM:
                first = max(int((expected - width) / spacing[2]), 0)
                plane = midline(image[:, :, first : int((expected + width) / spacing[2]) + 1], spacing)
                found.append(Midline(plane.x_mm + first * spacing[2], plane.per_y, plane.per_z))
        away = [to_side * (click_mm[2] - float(plane.at(click_mm[1], click_mm[0]))) for plane in found]
        best = int(np.argmin(np.abs(np.array(away) - MIDDLE_LATERAL_MM)))
        if not 0 < away[best] < FARTHEST_LATERAL_MM:
            where = "on the other side of" if away[best] <= 0 else f"{away[best]:.0f} mm from"
            raise AnnotationError(f"The click lies {where} the midline; click into the middle of the {side} thalamus.")
        normal = np.array([-found[best].per_z, -found[best].per_y, 1.0])
        length = float(np.sqrt((normal * normal).sum()))
        lateral = normal / length
        up = np.array([1.0, 0, 0]) - lateral[0] * lateral
        up /= np.sqrt((up * up).sum())
        back = np.cross(lateral, up)  # of a left-handed order of axes
        back *= np.sign(back[1])
        return cls(click_mm, np.stack([up, back, to_side * lateral]), away[best] / length)


def _cells(
    images: Sequence[NDArray[np.generic]], avoid: Bool3D | None, spacing: Floats, click_mm: Floats
) -> list[Float3D]:
    """The images on cells of about 1 mm: smooth, without their unit, nothing very bright or dark, and without veins."""
    known = [np.isfinite(image) if avoid is None else np.isfinite(image) & ~avoid for image in images]
    cells = []
    for image, there in zip(images, known, strict=True):
        share = average_cells(there, spacing, CELL_MM)
        value = average_cells(np.where(there, image, 0), spacing, CELL_MM) / np.maximum(share, 0.5)
        if (share < 0.5).any():
            nearest = ndimage.distance_transform_edt(share < 0.5, return_distances=False, return_indices=True)
            value = value[tuple(nearest)]
        cell_mm = spacing * image.shape / share.shape
        place = [np.arange(n) * c + (c - s) / 2 for n, c, s in zip(share.shape, cell_mm, spacing, strict=True)]
        z, y, x = np.ix_(*[(p - c) ** 2 for p, c in zip(place, click_mm, strict=True)])
        near = z + y + x < NEAR_MM**2
        middle = float(np.median(value[near]))
        spread = SQUASHED * 1.4826 * float(np.median(np.abs(value[near] - middle))) + 1e-9
        value = np.tanh((value - middle) / spread)
        value = (value - value[near].mean()) / (value[near].std() + 1e-9)
        cells.append(np.asarray(ndimage.gaussian_filter(value, NOISE_MM / cell_mm), dtype=np.float32))
    return cells


def _sampler(head: _Head, cells: Sequence[Float3D], first_mm: Floats, cell_mm: Floats) -> Seen:
    shape = cells[0].shape
    flat = [cell.ravel() for cell in cells]

    def seen(superior: Floats, posterior: Floats, lateral: Floats) -> list[Float3D]:
        """Give the cells at places in the head."""
        at = np.zeros(superior.shape, dtype=np.intp)
        for axis, n in enumerate(shape):
            up, back, out = head.axes[:, axis] / cell_mm[axis]
            start = (head.click_mm[axis] - first_mm[axis]) / cell_mm[axis] - out * head.lateral_mm + 0.5
            index = (superior * up + posterior * back + lateral * out + start).astype(np.intp)
            at = at * n + np.clip(index, 0, n - 1)
        return [values[at] for values in flat]

    return seen


def _best_pose(head: _Head, seen: Seen) -> Floats:
    usual, spread = USUAL.copy(), SPREAD.copy()
    trust = np.array([SPREAD[2], CLICK_LATERAL_MM]) ** -2.0
    usual[2] = (trust * [MIDDLE_LATERAL_MM, head.lateral_mm]).sum() / trust.sum()
    spread[2] = trust.sum() ** -0.5
    directions, starts = _sectors()
    rng = np.random.default_rng(0)

    def worth(poses: Floats) -> Floats:
        unusual = (((poses - usual) / spread) ** 2).sum(axis=1) / 2
        share = depth_mm(poses, np.zeros(1), np.zeros(1), np.full(1, head.lateral_mm)) / HALF_AXES_MM[1]
        outside = (np.clip(CLICK_DEPTH - share, 0, None) / CLICK_DEPTH) ** 2
        evidence = _separation(seen(*surface(poses, directions, AWAY_MM)), starts)
        return np.asarray(EVIDENCE * evidence - unusual - outside)

    poses = usual + spread * rng.standard_normal((TRIED, len(usual)))
    best, most = usual, -np.inf
    for middle in _apart(poses[np.argsort(-worth(poses), kind="stable")]):
        reach = spread / 2
        for _ in range(ROUNDS):
            poses = middle + reach * rng.standard_normal((FOLLOWED, len(usual)))
            poses[0] = middle
            value = worth(poses)
            chosen = np.argsort(-value, kind="stable")[:BEST]
            weight = np.exp((value[chosen] - value[chosen[0]]) / COOLING)
            weight /= weight.sum()
            middle = (weight[:, None] * poses[chosen]).sum(axis=0)
            reach = np.sqrt((weight[:, None] * (poses[chosen] - middle) ** 2).sum(axis=0))
            reach = 1.1 * np.maximum(reach, 0.1 * spread)
        value = worth(middle[None])
        if value[0] > most:
            best, most = middle, float(value[0])
    return best


def _apart(poses: Floats) -> list[Floats]:
    """The first few poses whose middles lie apart."""
    kept: list[Floats] = []
    for pose in poses:
        if all(((pose[:2] - other[:2]) ** 2).sum() > APART_MM**2 for other in kept):
            kept.append(pose)
        if len(kept) == STARTS:
            break
    return kept


def _sectors() -> tuple[Floats, NDArray[np.intp]]:
    """Directions all over a sphere, in the order of their sectors, and where each sector starts."""
    directions = _spiral(DIRECTIONS)
    sector = np.argmax((directions[:, None] * _spiral(SECTORS)).sum(axis=-1), axis=1)
    order = np.argsort(sector, kind="stable")
    return directions[order], np.searchsorted(sector[order], np.arange(SECTORS))


def _spiral(n: int) -> Floats:
    """Points that cover the unit sphere evenly, along a spiral of the golden angle."""
    height = 1 - 2 * (np.arange(n) + 0.5) / n
    turn = np.pi * (1 + np.sqrt(5)) * (np.arange(n) + 0.5)
    width = np.sqrt(1 - height**2)
    return np.stack([np.cos(turn) * width, np.sin(turn) * width, height], axis=1)


def _separation(values: Sequence[Float3D], starts: NDArray[np.intp]) -> Floats:
    """How much better the two sides of a surface are told apart than together, as log-likelihood for one point.

    `values` are of shape (poses, directions, distances), the inner half of the distances first. The mean over sectors
    and images, each of which counts little more beyond `ENOUGH`.
    """
    half = len(AWAY_MM) // 2
    count = np.diff(starts, append=values[0].shape[1]) * half
    total = np.zeros(len(values[0]))
    for seen in values:
        moments = []
        for part in (seen[..., :half], seen[..., half:]):
            mean = np.add.reduceat(part.sum(axis=-1), starts, axis=1) / count
            square = np.add.reduceat((part * part).sum(axis=-1), starts, axis=1) / count
            moments.append((mean, np.maximum(square - mean * mean, 0) + LEAST_VARIANCE))
        (mean_in, var_in), (mean_out, var_out) = moments
        together = (var_in + var_out) / 2 + (mean_in - mean_out) ** 2 / 4
        gain = (2 * np.log(together) - np.log(var_in) - np.log(var_out)) / 4
        total += (gain * ENOUGH / (gain + ENOUGH)).mean(axis=1)
    return total / len(values)


def _at_the_margin(
    head: _Head,
    pose: Floats,
    cells: Sequence[Float3D],
    first_mm: Floats,
    cell_mm: Floats,
    spacing: Floats,
    shape: tuple[int, ...],
) -> Bool3D:
    """The shape with its surface moved to where the images show the margin, on the images' voxels."""

    def places(n: Sequence[int], start: Floats, step: Floats) -> tuple[Floats, Floats, Floats]:
        z, y, x = np.ix_(*[np.arange(k) * s + f - c for k, s, f, c in zip(n, step, start, head.click_mm, strict=True)])
        superior, posterior, lateral = (axis[0] * z + axis[1] * y + axis[2] * x for axis in head.axes)
        return superior, posterior, lateral + head.lateral_mm

    level = np.maximum(depth_mm(pose, *places(cells[0].shape, first_mm, cell_mm)), -OUTSIDE_MM).astype(np.float32)
    box = ndimage.find_objects((level > -OUTSIDE_MM).astype(np.uint8))[0]
    around, pictures = level[box], [cell[box] for cell in cells]
    taken = around > 0
    sd = np.full(len(around), SHAPE_SD_MM, dtype=np.float32)
    for _ in range(ROUNDS_AT_THE_MARGIN):
        slices = np.flatnonzero(taken.any(axis=(1, 2)))
        taken = follow_margins(around, sd, taken, slices, cell_mm, pictures) > 0
    signed = np.full(level.shape, -OUTSIDE_MM, dtype=np.float32)
    signed[box] = ndimage.distance_transform_edt(taken, sampling=cell_mm)
    signed[box] -= ndimage.distance_transform_edt(~taken, sampling=cell_mm)
    smooth = ndimage.gaussian_filter(signed, SMOOTHING_MM / cell_mm)
    own_side = places(shape, np.zeros(3), spacing)[2] > 0
    return np.asarray((to_shape(smooth, shape) > 0) & own_side)


def _checked(
    click: Sequence[int],
    spacing: ArrayLike,
    images: Sequence[ArrayLike] | NDArray[np.floating],
    side: str,
    avoid: ArrayLike | None,
) -> tuple[NDArray[np.intp], Floats, list[NDArray[np.generic]], Bool3D | None]:
    step = np.asarray(spacing, dtype=float)
    if step.shape != (3,) or not np.isfinite(step).all() or (step <= 0).any():
        raise AnnotationError(f"The spacing {spacing!r} must be three positive lengths in mm, (z, y, x).")
    if side not in ("left", "right"):
        raise AnnotationError(f'The side {side!r} must be "left" or "right".')
    if isinstance(images, np.ndarray) and images.ndim == 3:
        images = (images,)
    pictures = [np.asarray(image) for image in images]
    if not pictures or any(p.ndim != 3 or p.dtype.kind not in "biuf" for p in pictures):
        raise AnnotationError("A first contour needs images of real numbers with three axes (z, y, x); load one first.")
    shape = pictures[0].shape
    veins = None if avoid is None else np.asarray(avoid, dtype=bool)
    for other in (*pictures, *(() if veins is None else (veins,))):
        if other.shape != shape:
            raise AnnotationError(f"An array of {other.shape} voxels does not lie on the grid of {shape}; resample it.")
    at = np.asarray(click)
    if at.shape != (3,) or at.dtype.kind not in "iu" or (at < 0).any() or (at >= shape).any():
        raise AnnotationError(
            f"The click {tuple(click)} must be a voxel (z, y, x) of the image of {shape}; click in it."
        )
    place = tuple(at.tolist())
    if veins is not None and veins[place]:
        raise AnnotationError(f"The click at voxel {place} is on a vein; click into the thalamus beside it.")
    if not any(np.isfinite(p[place]) and p[place] != 0 for p in pictures):
        raise AnnotationError(f"There is nothing in the images at voxel {place}; click into the {side} thalamus.")
    return at.astype(np.intp), step, pictures, veins
