"""Contours: an outline to a mask, and the slices between drawn ones filled in."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.annotation.areas import expected_areas, with_areas
from thaliron_napari.annotation.carrying import carried_distance_mm
from thaliron_napari.annotation.margins import BAND_MM, follow_margins, standardised
from thaliron_napari.annotation.walking import walked
from thaliron_napari.errors import AnnotationError

MARGIN_MM = 8.0  # around the keys' bounding box, in plane, so that the shape may bulge between keys
ALIGNMENT = 0.5  # share of the way that overlapping keys are moved onto a common centre before interpolating
CARRIED = 0.5  # weight of the contours carried along the images, against those interpolated from the keys alone
AREA = 0.5  # share of the way that a slice's area is moved to the one interpolated from the keys' areas
HEARD = 0.5  # share of their weight that voxels' looks have before the random walk, which hears the images again
DRAWN_SD = 0.6  # uncertainty of a drawn edge, in voxels in plane
SMOOTHING_MM = (0.8, 0.5, 0.5)  # (z, y, x) of an edge that follows an image
USUAL_SD = 0.3  # and of an interpolated one, in mm for each mm to the nearest key


def polygon_mask(points_mm: ArrayLike, shape2d: Sequence[int], spacing2d: ArrayLike) -> NDArray[np.bool_]:
    """Fill a closed outline: the voxels whose centres lie inside it.

    Parameters
    ----------
    points_mm : float array, shape (n, 2)
        Corners of the outline, (y, x) in mm, closed from the last to the first. The centre of voxel (i, j) lies at
        (i, j) * spacing2d. Parts outside of the image are cut off.
    shape2d : (y, x)
    spacing2d : (y, x) in mm

    Returns
    -------
    bool array of `shape2d`
        Empty if the outline surrounds no voxel centre.

    Raises
    ------
    AnnotationError
        If there are fewer than three points or one of them is not finite.

    Notes
    -----
    Inside is where the winding number is not zero, so an outline drawn by hand whose end overlaps its start, or
    that crosses itself, has no holes.

    Examples
    --------
    >>> int(polygon_mask([(0.5, 0.5), (0.5, 3.5), (2.5, 3.5), (2.5, 0.5)], (5, 5), (1, 1)).sum())
    6
    """
    points = np.asarray(points_mm, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise AnnotationError("An outline needs at least three points (y, x) in mm; draw it further around.")
    if not np.isfinite(points).all():
        raise AnnotationError("The outline has a point that is not a number; draw it again.")
    rows, columns = int(shape2d[0]), int(shape2d[1])
    y, x = (points / np.asarray(spacing2d, dtype=float)).T
    y2, x2 = np.roll(y, -1), np.roll(x, -1)
    # Each edge crosses the rows of its half-open span; from the crossing rightwards the winding number changes by one.
    first = np.clip(np.ceil(np.minimum(y, y2)), 0, rows).astype(int)
    last = np.clip(np.ceil(np.maximum(y, y2)), 0, rows).astype(int)
    edge = np.repeat(np.arange(len(y)), last - first)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(last - first) - (last - first), last - first) + first[edge]
    crossing = x[edge] + (row - y[edge]) * (x2 - x)[edge] / (y2 - y)[edge]
    column = np.clip(np.ceil(crossing), 0, columns).astype(int)
    steps = np.zeros((rows, columns + 1), dtype=np.int32)
    np.add.at(steps, (row, column), np.where(y2 > y, 1, -1)[edge])
    mask: NDArray[np.bool_] = steps.cumsum(axis=1)[:, :columns] != 0
    return mask


def fill_between_contours(
    keys: ArrayLike, spacing: ArrayLike, images: Sequence[ArrayLike] | NDArray[np.floating] = ()
) -> NDArray[np.bool_]:
    """Fill the slices between drawn ones: the shape from the drawn slices, the margins from the images.

    Parameters
    ----------
    keys : bool array, shape (z, y, x)
        One structure, drawn on at least two slices (the keys); all other slices are empty.
    spacing : (z, y, x) in mm
    images : sequence of arrays of that shape, optional
        None, one or several images, in any unit, that show the structure's margin.

    Returns
    -------
    bool array, shape (z, y, x)
        The keys exactly as drawn, the slices between them filled, nothing above or below the outermost keys.

    Raises
    ------
    AnnotationError
        If fewer than two slices are drawn or an array does not fit.

    Notes
    -----
    The shape is the zero level of the keys' signed distances in mm [2]_, interpolated over the slices by monotone
    cubics [1]_ after moving the keys part of the way onto a common centre (all the way where they hardly overlap).
    Distances alone make ends too thin: the inside of a small key is shallow, the outside around it deep. So the areas
    are interpolated as well, and each slice goes half of the way to the area that this tells.

    Where there are images, the shape is the mean of this one and of the keys' contours carried along the images
    (`carrying.carried_distance_mm`): the former knows how structures taper, the latter how this one bends. How well
    the shape can be trusted is learned by leaving out each inner key in turn. The edge is then moved by what the
    images show inside, outside and at the margin (`margins.follow_margins`), and at last to where neighbouring voxels
    differ (`walking.walked`). A random walk draws edges together, so the areas from before it are kept.

    References
    ----------
    .. [1] Fritsch FN, Butland J. A method for constructing local monotone piecewise cubic interpolants.
       SIAM J Sci Stat Comput 1984;5:300-304.
    .. [2] Herman GT, Zheng J, Bucholtz CA. Shape-based interpolation. IEEE Comput Graph Appl 1992;12(3):69-79.
    """
    drawn = np.asarray(keys, dtype=bool)
    step = np.asarray(spacing, dtype=float)
    if drawn.ndim != 3:
        raise AnnotationError(f"Key contours need an array of three axes (z, y, x), not {drawn.ndim}.")
    if step.shape != (3,) or not np.isfinite(step).all() or (step <= 0).any():
        raise AnnotationError(f"The spacing {spacing!r} must be three positive lengths in mm, (z, y, x).")
    if isinstance(images, np.ndarray) and images.ndim == 3:
        images = (images,)
    pictures = [np.asarray(image) for image in images]
    for picture in pictures:
        if picture.shape != drawn.shape:
            raise AnnotationError(
                f"An image of {picture.shape} voxels does not lie on the contours' grid of {drawn.shape}; resample it."
            )
    slices = np.flatnonzero(drawn.any(axis=(1, 2)))
    if len(slices) < 2:
        raise AnnotationError(
            f"{len(slices)} of two slices needed are drawn; draw at least the upper and the lower border first."
        )
    result = drawn.copy()
    if slices[-1] - slices[0] + 1 == len(slices):
        return result
    crop = (slice(slices[0], slices[-1] + 1), *_in_plane_box(drawn, step))
    inside, rows = drawn[crop], slices - slices[0]
    level_mm = _interpolated_distance_mm(inside, rows, step)
    if pictures:
        near = np.abs(level_mm) < BAND_MM
        pictures = [standardised(p[crop], near) for p in pictures]
        path = _path(inside, rows, np.arange(len(inside)))
        level_mm += CARRIED * (carried_distance_mm(level_mm[rows], rows, path, near, step, pictures) - level_mm)
    level_mm += AREA * (with_areas(level_mm, expected_areas(inside, rows)) - level_mm)
    if pictures:
        level_mm = _along_images(level_mm, inside, rows, step, pictures)
    filled = level_mm > 0
    filled[rows] = inside[rows]
    if pictures:
        filled = _connected_with(inside, filled)
    result[crop] = filled
    return result


def _along_images(
    level_mm: NDArray[np.float32],
    drawn: NDArray[np.bool_],
    slices: NDArray[np.intp],
    spacing: NDArray[np.float64],
    pictures: Sequence[NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Move the edge to the margins in the images; signed distance in mm."""
    odds = follow_margins(level_mm, _edge_sd_mm(drawn, slices, spacing), drawn, slices, spacing, pictures, HEARD)
    probability = (1 / (1 + np.exp(-np.clip(odds, -20, 20)))).astype(np.float32)
    probability[slices] = drawn[slices]
    near = np.abs(level_mm) < BAND_MM
    free = near.copy()
    free[slices] = False
    settled = walked(probability, free, near, spacing, pictures) - np.float32(0.5)
    settled = with_areas(settled, (odds > 0).sum(axis=(1, 2)))
    return _smoothed(settled > 0, drawn, slices, spacing)


def _in_plane_box(drawn: NDArray[np.bool_], spacing: NDArray[np.float64]) -> tuple[slice, slice]:
    box = []
    for axis, other in ((1, (0, 2)), (2, (0, 1))):
        used = np.flatnonzero(drawn.any(axis=other))
        margin = int(np.ceil(MARGIN_MM / spacing[axis]))
        box.append(slice(max(int(used[0]) - margin, 0), min(int(used[-1]) + margin + 1, drawn.shape[axis])))
    return box[0], box[1]


def signed_distance_mm(mask2d: NDArray[np.bool_], spacing2d: NDArray[np.float64]) -> NDArray[np.float32]:
    """Distance to the edge in mm, positive inside, from voxel centre to nearest voxel centre on the other side."""
    inside = ndimage.distance_transform_edt(mask2d, sampling=spacing2d)
    outside = ndimage.distance_transform_edt(~mask2d, sampling=spacing2d)
    distance: NDArray[np.float32] = (inside - outside).astype(np.float32)
    return distance


def _interpolated_distance_mm(
    drawn: NDArray[np.bool_], slices: NDArray[np.intp], spacing: NDArray[np.float64], only: int | None = None
) -> NDArray[np.float32]:
    """Interpolate the keys' signed distances over all slices, or only one; on a key it is the key's own."""
    from scipy.interpolate import PchipInterpolator  # a third of what importing this package would cost

    own = np.stack([signed_distance_mm(drawn[k], spacing[1:]) for k in slices])
    z = np.arange(len(drawn)) if only is None else np.array([only])
    path, centre = _path(drawn, slices, z), _path(drawn, slices, slices)
    level = np.empty((len(z), *drawn.shape[1:]), dtype=np.float32)
    for row, k in enumerate(z.tolist()):
        if k in slices:
            level[row] = own[slices == k][0]
            continue
        moved = [ndimage.shift(d, path[row] - c, order=1, mode="nearest") for d, c in zip(own, centre, strict=True)]
        level[row] = PchipInterpolator(slices, np.stack(moved), axis=0)(k)
    return level


def _path(drawn: NDArray[np.bool_], slices: NDArray[np.intp], z: NDArray[np.intp]) -> NDArray[np.float64]:
    """How the structure moves in plane: its place (y, x) on the slices `z`, shape (len(z), 2), in voxels."""
    from scipy.interpolate import PchipInterpolator

    centre = np.array([ndimage.center_of_mass(drawn[k]) for k in slices])
    # Keys that lie beside each other instead of above must meet, or nothing would be filled in halfway.
    overlap = min(
        (drawn[a] & drawn[b]).sum() / min(drawn[a].sum(), drawn[b].sum()) for a, b in pairwise(slices.tolist())
    )
    share = ALIGNMENT + (1 - ALIGNMENT) * max(0.0, 1 - 2 * overlap)
    return np.asarray(share * PchipInterpolator(slices, centre, axis=0)(z))


def _smoothed(
    filled: NDArray[np.bool_], drawn: NDArray[np.bool_], slices: NDArray[np.intp], spacing: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Signed distances of the slices, smoothed: in distance, unlike in odds, this moves a smooth edge nowhere."""
    level = np.stack([signed_distance_mm(mask, spacing[1:]) for mask in filled])
    level[slices] = np.stack([signed_distance_mm(drawn[k], spacing[1:]) for k in slices])
    return np.asarray(ndimage.gaussian_filter(level, np.array(SMOOTHING_MM) / spacing))


def _connected_with(drawn: NDArray[np.bool_], filled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What hangs together with a key; specks that only look like the structure go."""
    pieces, count = ndimage.label(filled, structure=np.ones((3, 3, 3)))
    keep = np.zeros(count + 1, dtype=bool)
    keep[pieces[drawn]] = True
    return np.asarray(keep[pieces])


def _edge_sd_mm(
    drawn: NDArray[np.bool_], slices: NDArray[np.intp], spacing: NDArray[np.float64]
) -> NDArray[np.float32]:
    """How far off the interpolated edge may be on each slice (standard deviation), learned from the keys.

    Each key but the outermost is left out in turn and interpolated from the others: how far that is from what was
    drawn, for each mm to the next key, says how well this shape can be interpolated. A usual value counts as one more.
    """
    rates = [USUAL_SD]
    for k, key in enumerate(slices[1:-1].tolist(), start=1):
        others = np.delete(slices, k)
        own = signed_distance_mm(drawn[key], spacing[1:])
        edge = np.abs(own) <= 1.01 * spacing[1:].max()
        guess = _interpolated_distance_mm(drawn, others, spacing, only=key)
        gap_mm = np.abs(others - key).min() * spacing[0]
        rates.append(float(np.sqrt((guess[0][edge] ** 2).mean())) / gap_mm)
    rate = float(np.exp(np.mean(np.log(rates))))
    away_mm = np.abs(np.arange(len(drawn))[:, None] - slices[None, :]).min(axis=1) * spacing[0]
    return np.asarray(DRAWN_SD * spacing[1:].mean() + rate * away_mm, dtype=np.float32)
