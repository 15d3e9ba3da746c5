"""A disc under the hand, on one slice: it pushes the edge of a contour, or cuts the veins out of it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import AnnotationError

Bool2D = NDArray[np.bool_]
Window = tuple[slice, slice]

# Pieces cut off by a stroke count as crumbs below these shares of the disc and of the piece they were cut from.
CRUMB_OF_DISC = 0.25
CRUMB_OF_PIECE = 0.1


def nudge(
    mask2d: ArrayLike,
    start: Sequence[float],
    stop: Sequence[float],
    radius_mm: float,
    spacing2d: ArrayLike,
    *,
    keep_out: ArrayLike | None = None,
    push: Literal["out", "in"] | None = None,
) -> Bool2D:
    """Push the edge of a mask with a disc that moves from one point to another.

    The disc is swept along the straight line between the points, so fast mouse movement leaves no gaps. A stroke
    that begins inside the mask pushes its edge outward (the swept disc is added), one that begins outside pushes it
    in (the swept disc is taken away). A stroke of several movements keeps the direction of its press: ask
    `push_direction` at the press and hand the answer to each movement.

    Parameters
    ----------
    mask2d : bool array, shape (y, x)
        The mask on the slice; it is not changed.
    start, stop : (y, x) in mm
        Where the disc's centre moves from and to. The centre of voxel (i, j) lies at (i, j) * spacing2d.
    radius_mm : float
        Radius of the disc.
    spacing2d : (y, x) in mm
    keep_out : bool array, shape (y, x), optional
        Voxels that are not entered, such as veins. They are a wall: what lies behind them, seen from the mask, is
        not entered either. Voxels of the mask that already lie there stay.
    push : {"out", "in"}, optional
        The direction; without it, `start` decides.

    Returns
    -------
    bool array, shape (y, x)

    Raises
    ------
    AnnotationError
        If the arrays, the points, the radius or the spacing cannot be used.

    Notes
    -----
    Adding and taking away a disc is the robust form of the sculpting tool known from clinical workstations: contours
    cannot fold as they do when vertices are pushed one by one, and the result does not depend on how the stroke was cut
    into movements. `drop_crumbs` tidies what a whole stroke inwards has cut off.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((9, 9), bool)
    >>> mask[3:6, 3:6] = True
    >>> int(nudge(mask, (4, 4), (4, 6), 1.0, (1, 1)).sum())
    13
    """
    mask, spacing = _checked(mask2d, spacing2d)
    if push not in (None, "out", "in"):
        raise AnnotationError(f"The nudge pushes 'out' or 'in', not {push!r}.")
    wall = None if keep_out is None else _fitting(keep_out, mask, "keep-out mask")
    window, swept = _swept_disc(mask.shape, start, stop, radius_mm, spacing)
    direction = push or push_direction(mask, start, spacing2d)
    result = mask.copy()
    if direction == "in":
        result[window] &= ~swept
        return result
    if wall is not None and wall[window].any():
        window, swept = _before_the_wall(mask, wall, window, swept)
    result[window] |= swept
    return result


def cut_veins(
    mask2d: ArrayLike,
    veins2d: ArrayLike,
    start: Sequence[float],
    stop: Sequence[float],
    radius_mm: float,
    spacing2d: ArrayLike,
) -> Bool2D:
    """Take the veins out of a mask, as far as a disc reaches that moves from one point to another.

    The disc is swept as that of :func:`nudge`; of the mask only what is vein goes, so that the hand need not be exact.

    Parameters
    ----------
    mask2d, veins2d : bool array, shape (y, x)
        The mask on the slice, and the veins there; neither is changed.
    start, stop : (y, x) in mm
        Where the disc's centre moves from and to. The centre of voxel (i, j) lies at (i, j) * spacing2d.
    radius_mm : float
        Radius of the disc.
    spacing2d : (y, x) in mm

    Returns
    -------
    bool array, shape (y, x)

    Raises
    ------
    AnnotationError
        If the arrays, the points, the radius or the spacing cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> mask, veins = np.ones((9, 9), bool), np.zeros((9, 9), bool)
    >>> veins[4] = True
    >>> int((~cut_veins(mask, veins, (4, 2), (4, 4), 1.0, (1, 1))).sum())
    5
    """
    mask, spacing = _checked(mask2d, spacing2d)
    veins = _fitting(veins2d, mask, "mask of the veins")
    window, swept = _swept_disc(mask.shape, start, stop, radius_mm, spacing)
    result = mask.copy()
    result[window] &= ~(swept & veins[window])
    return result


def push_direction(mask2d: ArrayLike, start: Sequence[float], spacing2d: ArrayLike) -> Literal["out", "in"]:
    """Say which way a stroke pushes that is pressed at a point: "out" from inside the mask, "in" from outside.

    Parameters
    ----------
    mask2d : bool array, shape (y, x)
    start : (y, x) in mm
        Where the mouse was pressed; outside of the image counts as outside of the mask.
    spacing2d : (y, x) in mm
    """
    mask, spacing = _checked(mask2d, spacing2d)
    y, x = np.floor(_point(start, "start") / spacing + 0.5).astype(int)
    inside = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and bool(mask[y, x])
    return "out" if inside else "in"


def drop_crumbs(before: ArrayLike, after: ArrayLike, radius_mm: float, spacing2d: ArrayLike) -> Bool2D:
    """Take away the crumbs that a whole stroke inwards has cut off and left behind.

    A crumb is a piece of the mask that hung together with a larger piece before the stroke, is apart from it now, has
    lost voxels or neighbours to the stroke, and is both under a quarter of the disc's area and under a tenth of the
    largest piece left of what it was cut from. Pieces that stood alone before the stroke are never crumbs,
    and nothing is taken where nothing was pushed in.

    Parameters
    ----------
    before, after : bool array, shape (y, x)
        The mask at the press and at the release.
    radius_mm : float
        The disc's radius.
    spacing2d : (y, x) in mm

    Returns
    -------
    bool array, shape (y, x)
        `after` without its crumbs.
    """
    old, spacing = _checked(before, spacing2d)
    new = np.array(after, dtype=bool)
    if new.shape != old.shape:
        raise AnnotationError(f"The masks before and after a stroke differ in shape: {old.shape} and {new.shape}.")
    if not (old & ~new).any():
        return new
    rows, columns = np.flatnonzero((old | new).any(axis=1)), np.flatnonzero((old | new).any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    new[box] &= ~_crumbs(old[box], new[box], radius_mm, spacing)
    return new


def _crumbs(old: Bool2D, new: Bool2D, radius_mm: float, spacing: NDArray[np.float64]) -> Bool2D:
    gone = old & ~new
    # Only what hung together with a voxel that is gone can have been cut off by the stroke.
    old_pieces, _ = ndimage.label(old | new, structure=np.ones((3, 3)))
    touched = np.unique(old_pieces[gone])
    rest = new & np.isin(old_pieces, touched)
    pieces, count = ndimage.label(rest)
    if count < 2:
        return np.zeros_like(new)
    areas = np.bincount(pieces.ravel(), minlength=count + 1) * float(spacing.prod())
    parent = np.zeros(count + 1, dtype=old_pieces.dtype)
    parent[pieces] = old_pieces
    largest = np.zeros(int(old_pieces.max()) + 1)
    np.maximum.at(largest, parent[1:], areas[1:])
    beside = np.unique(pieces[ndimage.binary_dilation(gone, np.ones((3, 3)))])
    crumb = np.zeros(count + 1, dtype=bool)
    crumb[beside] = True
    crumb &= (areas < CRUMB_OF_DISC * np.pi * radius_mm**2) & (areas < CRUMB_OF_PIECE * largest[parent])
    crumb[0] = False
    return np.asarray(crumb[pieces])


def _swept_disc(
    shape: tuple[int, ...],
    start: Sequence[float],
    stop: Sequence[float],
    radius_mm: float,
    spacing: NDArray[np.float64],
) -> tuple[Window, Bool2D]:
    """Rasterise the swept disc within its bounding box: voxels whose centre is at most the radius from the line."""
    a, b = _point(start, "start"), _point(stop, "stop")
    if not (np.isfinite(radius_mm) and radius_mm > 0):
        raise AnnotationError(f"The disc's radius is {radius_mm} mm; give a positive number.")
    low = np.clip(np.ceil((np.minimum(a, b) - radius_mm) / spacing - 1e-9), 0, shape).astype(int)
    high = np.clip(np.floor((np.maximum(a, b) + radius_mm) / spacing + 1e-9) + 1, low, shape).astype(int)
    window = (slice(low[0], high[0]), slice(low[1], high[1]))
    dy = (np.arange(low[0], high[0]) * spacing[0] - a[0])[:, None]
    dx = (np.arange(low[1], high[1]) * spacing[1] - a[1])[None, :]
    way_y, way_x = b - a
    length2 = way_y * way_y + way_x * way_x
    if length2 > 0:
        along = np.clip((dy * way_y + dx * way_x) / length2, 0.0, 1.0)
        dy, dx = dy - along * way_y, dx - along * way_x
    return window, dy * dy + dx * dx <= radius_mm * radius_mm * (1 + 1e-9)


def _before_the_wall(mask: Bool2D, wall: Bool2D, window: Window, swept: Bool2D) -> tuple[Window, Bool2D]:
    """Of the swept disc keep what can be reached from the mask without crossing the wall."""
    ring = tuple(slice(max(s.start - 1, 0), min(s.stop + 1, n)) for s, n in zip(window, mask.shape, strict=True))
    wider: Window = (ring[0], ring[1])
    inner = tuple(slice(s.start - r.start, s.stop - r.start) for s, r in zip(window, wider, strict=True))
    free = np.zeros(mask[wider].shape, dtype=bool)
    free[inner] = swept
    free &= ~wall[wider]
    seeds = mask[wider] & ~wall[wider]
    pieces, count = ndimage.label(free | seeds)
    reached = np.zeros(count + 1, dtype=bool)
    reached[pieces[seeds]] = True
    return wider, free & reached[pieces]


def _checked(mask2d: ArrayLike, spacing2d: ArrayLike) -> tuple[Bool2D, NDArray[np.float64]]:
    mask = np.asarray(mask2d, dtype=bool)
    spacing = np.asarray(spacing2d, dtype=float)
    if mask.ndim != 2:
        raise AnnotationError(f"A disc works on one slice; the mask has {mask.ndim} axes instead of 2.")
    if spacing.shape != (2,) or not np.isfinite(spacing).all() or (spacing <= 0).any():
        raise AnnotationError(f"The slice's spacing {spacing2d!r} must be two positive lengths in mm, (y, x).")
    return mask, spacing


def _fitting(other: ArrayLike, mask: Bool2D, name: str) -> Bool2D:
    fitting = np.asarray(other, dtype=bool)
    if fitting.shape != mask.shape:
        raise AnnotationError(f"The {name} is {fitting.shape}, the slice {mask.shape}; give one of that shape.")
    return fitting


def _point(point: Sequence[float], name: str) -> NDArray[np.float64]:
    values = np.asarray(point, dtype=float)
    if values.shape != (2,) or not np.isfinite(values).all():
        raise AnnotationError(f"The stroke's {name} {point} must be a point (y, x) in mm.")
    return values
