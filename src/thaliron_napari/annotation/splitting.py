"""One lesion that is two: cut along a line drawn across it, or parted between seeds.

Both give every voxel of the mask to exactly one part.
"""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import AnnotationError

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]

CRUMB_VOXELS = 3  # fewer of them, cut off where a line enters or leaves, are no part of their own
CORNERS = np.ones((3, 3, 3), bool)
# One of each pair of opposite steps to a neighbour, corners included.
_STEPS = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]


def split_by_line(mask: ArrayLike, path: ArrayLike, z: int) -> Labels:
    """Cut a mask along a line drawn across it on one axial slice, on all its slices.

    Parameters
    ----------
    mask : bool array (z, y, x)
    path : float array (n, 2)
        The line's points as indices (y, x), fractional ones too.
    z : int
        The slice on which it was drawn.

    Returns
    -------
    int array (z, y, x)
        1 is the largest part, then the smaller ones; 0 outside of the mask.

    Raises
    ------
    AnnotationError
        When the line does not part the mask on its slice, or not as a whole.

    Notes
    -----
    Neighbouring voxels, corners included, hang together unless the line runs between their centres, seen along z: so
    the cut has no thickness. On its own slice the line must part the mask as it was drawn; where it ends within the
    mask on another slice, it goes on straight. Pieces of the mask that the line leaves whole, and crumbs, go to the
    part that is nearest.

    Examples
    --------
    >>> import numpy as np
    >>> split_by_line(np.ones((1, 2, 5), bool), [(-1, 2.6), (2, 2.6)], 0)[0]
    array([[1, 1, 1, 2, 2],
           [1, 1, 1, 2, 2]], dtype=int32)
    """
    whole, line = _checked_mask(mask), np.asarray(path, dtype=float)
    if line.ndim != 2 or line.shape[1] != 2 or len(line) < 2 or not np.isfinite(line).all():
        raise AnnotationError("A line needs two points (y, x) at least; draw it from edge to edge.")
    if not 0 <= z < len(whole):
        raise AnnotationError(f"There is no slice {z + 1}; draw the line on a slice of the lesion.")
    # Off the voxels' centres, in a direction that no row, column or diagonal takes: a centre is on one side then.
    line = line + np.array((1.3e-4, 0.7e-4))
    box = _box(whole)
    if box is None or not whole[z].any():
        raise AnnotationError(f"There is nothing of the lesion on slice {z + 1}; draw the line on one of its slices.")
    part, line = whole[box], line - (box[1].start, box[2].start)
    on_slice = part[z - box[0].start][None]
    if not _cut_parts(on_slice, _pieces(on_slice, line), 1):
        raise AnnotationError(f"The line does not part the lesion on slice {z + 1}; draw it from edge to edge.")
    least = min(CRUMB_VOXELS, int(np.count_nonzero(part)) // 2)  # a lesion of few voxels is cut in crumbs
    pieces = _pieces(part, line)
    parts = _cut_parts(part, pieces, least)
    if not parts:
        pieces = _pieces(part, _longer(line, sum(part.shape)))
        parts = _cut_parts(part, pieces, least)
    if not parts:
        raise AnnotationError("The lesion hangs together around the line on other slices; draw the line further.")
    labels = np.zeros(whole.shape, np.int32)
    kept = np.where(np.isin(pieces, parts), pieces, 0)
    labels[box] = _by_size(_to_nearest(part, kept, (1, 1, 1)))
    return labels


def split_by_seeds(mask: ArrayLike, seeds: Sequence[Sequence[int]], spacing: ArrayLike) -> Labels:
    """Part a mask between seeds: each voxel goes to the seed in whose basin it lies.

    Parameters
    ----------
    mask : bool array (z, y, x)
    seeds : sequence of indices (z, y, x)
        Two at least, each within the mask.
    spacing : (z, y, x) in mm

    Returns
    -------
    int array (z, y, x)
        1 for the part of the first seed, and so on; 0 outside of the mask. Pieces of the mask without a seed go to
        the part that is nearest.

    Raises
    ------
    AnnotationError
        When there are fewer than two seeds, or one lies outside of the mask.

    Notes
    -----
    The distance to the edge, upside down, is a relief whose necks are its passes; it is flooded from the seeds (the
    watershed by markers of Beucher and Meyer, in Dougherty (ed.), Mathematical Morphology in Image Processing, 1993),
    so that the parts meet where the mask is narrowest between them.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.ones((1, 1, 6), bool)
    >>> split_by_seeds(mask, [(0, 0, 0), (0, 0, 5)], (1, 1, 1)).ravel()
    array([1, 1, 1, 2, 2, 2], dtype=int32)
    """
    from skimage.segmentation import watershed

    whole = _checked_mask(mask)
    places = [tuple(int(i) for i in seed) for seed in seeds]
    if len(set(places)) < 2:
        raise AnnotationError("To part a lesion between seeds, give two at least.")
    for place in places:
        inside = len(place) == 3 and all(0 <= i < n for i, n in zip(place, whole.shape, strict=True))
        if not inside or not whole[place]:
            raise AnnotationError(f"The seed {place} lies outside of the lesion; click inside it.")
    box = _box(whole)
    assert box is not None, "a seed lies in it"
    part = whole[box]
    depth = ndimage.distance_transform_edt(np.pad(part, 1), np.asarray(spacing, float))[1:-1, 1:-1, 1:-1]
    markers = np.zeros(part.shape, np.int32)
    for number, place in enumerate(places, start=1):
        markers[tuple(i - s.start for i, s in zip(place, box, strict=True))] = number
    labels = np.zeros(whole.shape, np.int32)
    basins = watershed(-depth, markers, connectivity=CORNERS, mask=part)  # type: ignore[no-untyped-call]
    labels[box] = _to_nearest(part, basins, spacing)
    return labels


def _pieces(mask: Mask, line: NDArray[np.float64]) -> Labels:
    """Pieces that hang together by voxels between which the line does not run."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    number = np.full(mask.shape, -1)
    number[mask] = np.arange(np.count_nonzero(mask))
    ends: list[NDArray[np.int64]] = []
    between = {step: _crossed(mask.shape[1:], step, line) for step in {s[1:] for s in _STEPS}}
    for step in _STEPS:
        here, there = _shifted(mask.shape, step)
        flat_here, _ = _shifted(mask.shape[1:], step[1:])
        joined = mask[here] & mask[there] & ~between[step[1:]][flat_here]
        ends.append(np.stack([number[here][joined], number[there][joined]]))
    pairs = np.concatenate(ends, axis=1)
    count = int(np.count_nonzero(mask))
    graph = coo_array((np.ones(pairs.shape[1], bool), (pairs[0], pairs[1])), shape=(count, count))
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = connected_components(graph, directed=False)[1] + 1
    return labels


def _crossed(shape: tuple[int, ...], step: tuple[int, ...], line: NDArray[np.float64]) -> Mask:
    """For each voxel (y, x) of a plane, whether the line runs between its centre and that a step away."""
    at = np.moveaxis(np.indices(shape), 0, -1).astype(float)
    to, crossed = at + step, np.zeros(shape, bool)
    if not any(step):
        return crossed
    for a, b in pairwise(line):
        apart = (_side(a, b, at) > 0) != (_side(a, b, to) > 0)
        if apart.any():
            crossed |= apart & ((_side(at, to, a) > 0) != (_side(at, to, b) > 0))
    return crossed


def _side(a: NDArray[np.float64], b: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive on one side of the line from a to b, negative on the other."""
    way, off = b - a, point - a
    side: NDArray[np.float64] = way[..., 0] * off[..., 1] - way[..., 1] * off[..., 0]
    return side


def _shifted(shape: tuple[int, ...], step: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """All voxels that have a neighbour a step away, and these neighbours."""
    here = tuple(slice(max(0, -d), n - max(0, d)) for n, d in zip(shape, step, strict=True))
    there = tuple(slice(max(0, d), n - max(0, -d)) for n, d in zip(shape, step, strict=True))
    return here, there


def _longer(line: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """The line with straight ends: each goes on in the direction of its last stretch."""
    ends = []
    for way in (line, line[::-1]):
        reach = np.linalg.norm(way - way[0], axis=1)
        inner = way[int(np.argmax(reach >= min(2.0, reach.max())))]  # hands shake: not the last two points
        length = np.linalg.norm(way[0] - inner)
        ends.append(way[0] + (way[0] - inner) / max(float(length), 1e-9) * by)
    return np.concatenate([ends[:1], line, ends[1:]])


def _cut_parts(mask: Mask, pieces: Labels, least: int) -> list[int]:
    """The pieces of at least so many voxels, of what hung together and is in two such pieces or more now."""
    before, count = ndimage.label(mask, CORNERS)
    sizes = np.bincount(pieces[mask])
    parts: dict[int, list[int]] = {number: [] for number in range(1, count + 1)}
    for old, new in np.unique(np.stack([before[mask], pieces[mask]]), axis=1).T.tolist():
        parts[old].append(new)
    found = [[new for new in news if sizes[new] >= least] for news in parts.values()]
    return [new for news in found if len(news) > 1 for new in news]


def _to_nearest(mask: Mask, labels: NDArray[np.int32], spacing: ArrayLike) -> Labels:
    """Labels in which each voxel of the mask that had none has that of the nearest labelled voxel."""
    if (labels[mask] != 0).all():
        return labels.astype(np.int32)
    nearest = ndimage.distance_transform_edt(
        labels == 0, np.asarray(spacing, float), return_distances=False, return_indices=True
    )
    return np.where(mask, labels[tuple(nearest)], 0).astype(np.int32)


def _by_size(labels: Labels) -> Labels:
    """The same parts, numbered from the largest."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    order = [number for number in np.argsort(-sizes, kind="stable").tolist() if sizes[number]]
    renamed = np.zeros(len(sizes), np.int32)
    renamed[order] = np.arange(1, len(order) + 1)
    return renamed[labels]


def _box(mask: Mask) -> tuple[slice, slice, slice] | None:
    found = ndimage.find_objects(mask.view(np.uint8), max_label=1)
    return found[0] if found else None


def _checked_mask(mask: ArrayLike) -> Mask:
    whole = np.ascontiguousarray(mask, dtype=bool)
    if whole.ndim != 3:
        raise AnnotationError(f"A lesion is a mask (z, y, x); this one has {whole.ndim} axes.")
    return whole
