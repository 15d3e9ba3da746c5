"""Where a head's left meets its right, and a contour taken to the other side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, optimize

from thaliron_napari.annotation.cells import average_cells
from thaliron_napari.errors import AnnotationError

CELL_MM = 3.0  # symmetry is judged on cells of this size: sulci differ between the sides, the large forms do not
SMOOTHING_MM = 3.0  # standard deviation
TAIL = 0.02  # share of the values at either end that counts as no brighter or darker than the rest
SHIFTS_MM = np.arange(-24.0, 25.0, 4.0)  # where the search starts, from the centre of mass
ANGLES_DEG = (-12.0, -6.0, 0.0, 6.0, 12.0)
BACKGROUND = 0.3  # of the brightest: what is darker in a scan counts as outside of the head in part
LEAST_CELLS = 100  # of head
LEAST_OVERLAP = 0.5  # share of the head that must have a mirror image within the picture


Array = NDArray[np.float32]


@dataclass(frozen=True)
class Midline:
    """The mid-sagittal plane of a head: x as a linear function of y and z, all in mm.

    Places are index times spacing, so that the centre of voxel (0, 0, 0) lies at 0.

    Attributes
    ----------
    x_mm : float
        Where the plane crosses y = 0, z = 0.
    per_y, per_z : float
        How far it moves in x with each mm in y (yaw) and in z (roll).
    """

    x_mm: float
    per_y: float = 0.0
    per_z: float = 0.0

    def at(self, y_mm: ArrayLike, z_mm: ArrayLike) -> NDArray[np.float64]:
        """Give the plane's x in mm at places (y, z) in mm."""
        return np.asarray(self.x_mm + self.per_y * np.asarray(y_mm) + self.per_z * np.asarray(z_mm), dtype=float)


def midline(image: ArrayLike, spacing: ArrayLike) -> Midline:
    """Find the mid-sagittal plane of a head as the plane about which the image is most like its reflection.

    Parameters
    ----------
    image : array, shape (z, y, x)
        Any image of a head or brain: QSM, FLAIR, T1; zero or not finite where there is nothing. The head may be turned
        and tilted by some 15 degrees.
    spacing : (z, y, x) in mm

    Returns
    -------
    Midline

    Raises
    ------
    AnnotationError
        If the image or the spacing cannot be used, or the image shows nothing.

    Notes
    -----
    The measure is the correlation of the image with its reflection [1]_, here on coarse cells, plus that of the mask of
    what is not zero: a susceptibility map has little form at its rim, and its mask has. Both are taken over the cells
    whose mirror image lies in the picture. From the best of a grid of shifts and angles about the centre of mass,
    Nelder and Mead's search goes on.

    References
    ----------
    .. [1] Ardekani BA, Kershaw J, Braun M, Kanno I. Automatic detection of the mid-sagittal plane in 3-D brain images.
       IEEE Trans Med Imaging 1997;16:947-952.
    """
    picture = np.asarray(image)
    step = np.asarray(spacing, dtype=float)
    if picture.ndim != 3 or picture.dtype.kind not in "biuf":
        raise AnnotationError("A midline is found on an image of real numbers with three axes (z, y, x).")
    if step.shape != (3,) or not np.isfinite(step).all() or (step <= 0).any():
        raise AnnotationError(f"The spacing {spacing!r} must be three positive lengths in mm, (z, y, x).")
    channels, cell_mm = _seen(picture, step)
    head = channels[-1] > 0.5
    index = np.stack(np.nonzero(ndimage.binary_dilation(head, iterations=2)))
    index = index[:, (index % 2 == 0).all(axis=0)]  # of what is so smooth, every other cell tells the same
    weight = channels[-1][tuple(index)]
    middle = (index * weight).sum(axis=1) / weight.sum() * cell_mm
    points_mm = index * cell_mm[:, None] - middle[:, None]
    most = np.array(head.shape)[:, None] - 1
    here = [c[tuple(index)] for c in channels]

    def unlike(plane: NDArray[np.float64]) -> float:
        """Minus the correlations with the reflection about x = plane . (1, y / 100, z / 100), about the middle."""
        x, per_y, per_z = plane[0], plane[1] / 100, plane[2] / 100
        away = (points_mm[2] - x - per_y * points_mm[1] - per_z * points_mm[0]) / (1 + per_y**2 + per_z**2)
        mirror = points_mm - 2 * away * np.array([-per_z, -per_y, 1.0])[:, None]
        at = (mirror + middle[:, None]) / cell_mm[:, None]
        within = ((at >= 0) & (at <= most)).all(axis=0)
        if within.mean() < LEAST_OVERLAP:
            return 0.0
        there = [ndimage.map_coordinates(c, at[:, within], order=1) for c in channels]
        return -sum(_correlation(a[within], b) for a, b in zip(here, there, strict=True))

    tangents = 100 * np.tan(np.deg2rad(ANGLES_DEG))
    best = min((np.array([x, 0, 0]) for x in SHIFTS_MM), key=unlike)
    best = min((np.array([best[0], turn, tilt]) for turn in tangents for tilt in tangents), key=unlike)
    simplex = best + np.array([[0, 0, 0], [3, 0, 0], [0, 5, 0], [0, 0, 5]], dtype=float)
    found = optimize.minimize(
        unlike, best, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 0.05, "fatol": 1e-5}
    ).x
    per_y, per_z = found[1] / 100, found[2] / 100
    # From the middle of the head to the centre of the first voxel; a cell's centre is not that of its first voxel.
    first = (cell_mm - step) / 2
    z, y, x = middle + first
    return Midline(float(x + found[0] - per_y * y - per_z * z), float(per_y), float(per_z))


def _seen(picture: NDArray[np.generic], spacing: NDArray[np.float64]) -> tuple[list[Array], NDArray[np.float64]]:
    """What symmetry is judged on, smooth and on cells: the image, and its head last; and the size of the cells."""
    known = np.isfinite(picture) & (picture != 0)
    share = average_cells(known, spacing, CELL_MM)
    cell_mm = spacing * picture.shape / share.shape
    value = average_cells(np.where(known, picture, 0), spacing, CELL_MM)
    inside = share > 0.5
    if min(share.shape) < 8 or inside.sum() < LEAST_CELLS:
        raise AnnotationError("The image shows too little of a head to find its midline; choose another.")
    value = np.where(inside, value / np.maximum(share, 0.5), 0)
    low, high = np.quantile(value[inside], [TAIL, 1 - TAIL])
    if low < 0:
        level = np.where(inside, np.clip(value, low, high) - value[inside].mean(), 0)
        head = share
    else:
        # A scan's background is dark; what is known of it has the form of the scan and not that of the head.
        level = np.clip(value, 0, high)
        head = np.clip(level / max(BACKGROUND * high, 1e-9), 0, 1)
    return [np.asarray(ndimage.gaussian_filter(c, SMOOTHING_MM / cell_mm)) for c in (level, head)], cell_mm


def mirrored(mask2d: ArrayLike, plane: Midline, z: int, spacing: ArrayLike) -> NDArray[np.bool_]:
    """Reflect a contour on one slice about the midline there.

    Parameters
    ----------
    mask2d : bool array, shape (y, x)
    plane : Midline
    z : int
        Index of the slice.
    spacing : (z, y, x) in mm

    Returns
    -------
    bool array, shape (y, x)
        What would fall out of the image is cut off.

    Raises
    ------
    AnnotationError
        If the mask or the spacing cannot be used.

    Notes
    -----
    The signed distance to the edge is reflected, and not the mask, so that edges stay as smooth as they are. The
    contour stays on its slice. Where the head is rolled, its true counterpart lies on another one: 24 mm apart, as the
    thalami's middles are, by 2 mm at 5 degrees.
    """
    mask = np.asarray(mask2d, dtype=bool)
    step = np.asarray(spacing, dtype=float)
    if mask.ndim != 2:
        raise AnnotationError(f"A contour is mirrored on one slice; the mask has {mask.ndim} axes instead of 2.")
    if step.shape != (3,) or not np.isfinite(step).all() or (step <= 0).any():
        raise AnnotationError(f"The spacing {spacing!r} must be three positive lengths in mm, (z, y, x).")
    if not mask.any():
        return mask.copy()
    padded = np.pad(mask, 1)
    level_mm = ndimage.distance_transform_edt(padded, sampling=step[1:])
    level_mm -= ndimage.distance_transform_edt(~padded, sampling=step[1:])
    y_mm, x_mm = np.meshgrid(*(np.arange(n) * s for n, s in zip(mask.shape, step[1:], strict=True)), indexing="ij")
    away = (x_mm - plane.at(y_mm, z * step[0])) / (1 + plane.per_y**2)
    there = np.stack([(y_mm + 2 * away * plane.per_y) / step[1], (x_mm - 2 * away) / step[2]])
    return np.asarray(ndimage.map_coordinates(level_mm, there + 1, order=1, mode="nearest") > 0)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 1e-6 else 0.0
