"""Where a surface of triangles cuts a plane: the lines drawn over a slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging import Grid
from thaliron_napari.measurement.morphometry.surfaces import Surface

Points = NDArray[np.float64]
Faces = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SurfaceSlices:
    """A surface made ready to be cut along the slices of a grid.

    Parameters
    ----------
    vertices : array (n, 3)
        Indices (z, y, x) of the grid.
    faces : int array (m, 3)
    low, high : array (3, m)
        Where each triangle begins and ends along z, y and x.
    """

    vertices: Points
    faces: Faces
    low: Points
    high: Points

    def segments(self, axis: int, at: float) -> Points:
        """Segments (k, 2, 2) of the cut at one index along an axis (0 is z), in the other two axes' indices."""
        hit = np.flatnonzero((self.low[axis] < at) & (self.high[axis] >= at))
        corners = self.vertices[self.faces[hit]]
        others = [k for k in range(3) if k != axis]
        return _cut(corners[..., others], corners[..., axis] - at)


def to_index(surface: Surface, grid: Grid, world_to_world: ArrayLike | None = None) -> Points:
    """Vertices (n, 3) of a surface as fractional indices (z, y, x) of a grid.

    Parameters
    ----------
    surface : Surface
    grid : Grid
    world_to_world : array (4, 4), optional
        From the surface's world to the grid's, RAS+ mm; without it they are one.
    """
    points = surface.vertices
    if world_to_world is not None:
        matrix = np.asarray(world_to_world, float)
        points = points @ matrix[:3, :3].T + matrix[:3, 3]
    return grid.index(points)


def slices_of_surface(surface: Surface, grid: Grid, world_to_world: ArrayLike | None = None) -> SurfaceSlices:
    """Make a surface ready to be cut along the slices of a grid; parameters as of :func:`to_index`."""
    return _prepared(to_index(surface, grid, world_to_world), surface.faces)


def slice_segments(vertices_index: Points, faces: Faces, axis: int, at: float) -> Points:
    """Cut a surface at one index along one axis of a grid; for one cut, :class:`SurfaceSlices` for many.

    Parameters
    ----------
    vertices_index : array (n, 3)
        Indices (z, y, x).
    faces : int array (m, 3)
    axis : {0, 1, 2}
    at : float
        Index along the axis.

    Returns
    -------
    array (k, 2, 2)
        Both ends of each segment, in the indices of the other two axes.
    """
    return _prepared(vertices_index, faces).segments(axis, at)


def outline(surface: Surface, point: ArrayLike, normal: ArrayLike) -> Points:
    """Cut a surface by any plane.

    A vertex on the plane counts as above it. So each edge is cut or not, the same for both triangles at it, and the cut
    of a closed surface is closed; segments without length are left out.

    Parameters
    ----------
    surface : Surface
    point, normal : array (3,)
        A point of the plane, RAS+ mm, and its direction, of any length.

    Returns
    -------
    array (k, 2, 3)
        Both ends of each segment, RAS+ mm.

    Raises
    ------
    MeasurementError
        When the normal has no direction.
    """
    direction = np.asarray(normal, float)
    if not np.linalg.norm(direction) > 0:
        raise MeasurementError("The plane's normal is 0, 0, 0, which is no direction; give another.")
    height = (surface.vertices - np.asarray(point, float)) @ direction
    above = height >= 0
    count = above[surface.faces].sum(axis=1)
    hit = surface.faces[(count > 0) & (count < 3)]
    return _cut(surface.vertices[hit], height[hit])


def join_segments(segments: Points) -> list[Points]:
    """Join segments (k, 2, d) that share ends to lines, each (points, d); a closed line ends where it began.

    Where more than two segments meet, lines may be divided either way.
    """
    if not len(segments):
        return []
    ends, which = np.unique(segments.reshape(-1, segments.shape[-1]) + 0.0, axis=0, return_inverse=True)
    pairs = which.reshape(-1, 2).tolist()
    at: list[list[int]] = [[] for _ in ends]
    for number, (one, other) in enumerate(pairs):
        at[one].append(number)
        at[other].append(number)
    free = [True] * len(pairs)
    # Lines that end somewhere are begun at their ends, or they would come in two pieces.
    starts = [point for point, here in enumerate(at) if len(here) % 2] + list(range(len(ends)))
    lines = []
    for start in starts:
        line = [start]
        while (step := next((number for number in at[line[-1]] if free[number]), None)) is not None:
            free[step] = False
            one, other = pairs[step]
            line.append(other if one == line[-1] else one)
        if len(line) > 1:
            lines.append(ends[line])
    return lines


def _prepared(vertices: Points, faces: Faces) -> SurfaceSlices:
    along = np.ascontiguousarray(vertices.T)[:, faces]
    return SurfaceSlices(vertices, faces, along.min(axis=2), along.max(axis=2))


def _cut(corners: Points, height: Points) -> Points:
    """Segments (k, 2, d) in triangles (k, 3, d) whose corners lie on both sides of height (k, 3) zero.

    The odd corner out is joined to the other two. A point on an edge is reckoned from its upper to its lower end, so
    that both triangles at it find the very same numbers, and a corner on the plane finds itself.
    """
    above = height >= 0
    odd = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), above.argmin(axis=1))
    rows = np.arange(len(corners))
    points = []
    for step in (1, 2):
        upper, lower = odd, (odd + step) % 3
        swap = ~above[rows, odd]
        upper, lower = np.where(swap, lower, upper), np.where(swap, upper, lower)
        top, bottom = height[rows, upper], height[rows, lower]
        share = (top / (top - bottom))[:, None]
        points.append(corners[rows, upper] + share * (corners[rows, lower] - corners[rows, upper]))
    segments = np.stack(points, axis=1)
    whole: Points = segments[(segments[:, 0] != segments[:, 1]).any(axis=1)]
    return whole
