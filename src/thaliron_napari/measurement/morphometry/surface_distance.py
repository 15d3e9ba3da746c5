"""The exact shortest distance from points to a surface of triangles, for hundreds of thousands of each."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Points = NDArray[np.float64]
Faces = NDArray[np.int64]

_NEIGHBOURS = 6  # of 150,000 folded vertices all but some hundredths are settled within so many corners
_AT_ONCE = 40_000  # points: their pairs with triangles still lie in the processor's cache


class Triangles:
    """A surface made ready to be asked for distances.

    Near a point's nearest point on a triangle with longest edge L there is always a corner v of it with
    ``|q - v|^2 <= d^2 + L^2 / 3``: inside a triangle the way to the surface is perpendicular to it and no point is
    further than L / sqrt(3) from all corners; on an edge it is perpendicular to the edge, and a corner is within
    L / 2. So ``|q - v|^2 - L^2 / 3``, with L the longest edge at v, bounds from below what the triangles at v can give,
    and corners are asked in the order of that bound until it passes the best distance found: no triangle is missed.
    The order comes from a k-d tree of four coordinates, where the fourth of a corner is
    ``sqrt(max L^2 / 3 - L^2 / 3)`` and that of a point asked for is 0.

    Parameters
    ----------
    vertices : array (n, 3)
    faces : array (m, 3)
        Degenerate triangles are allowed.
    """

    def __init__(self, vertices: Points, faces: Faces) -> None:
        self._faces, self._n = faces, len(vertices)
        corner, one, other = (vertices[faces[:, k]] for k in range(3))
        along, across = one - corner, other - corner
        self._corner, self._along, self._across = corner, along, across
        aa, bb, ab = _dot(along, along), _dot(across, across), _dot(along, across)
        self._squares = np.stack([aa, bb, ab, aa + bb - 2 * ab], axis=1)
        self.normals = np.cross(along, across)
        reach = np.maximum(np.maximum(aa, bb), self._squares[:, 3]) / 3
        flat = faces.ravel()
        self._order = np.argsort(flat, kind="stable") // 3
        used, self._start, self._count = np.unique(
            flat[np.argsort(flat, kind="stable")], return_index=True, return_counts=True
        )
        self._reach = np.maximum.reduceat(reach[self._order], self._start)
        self._most = float(self._reach.max())
        self._tree = cKDTree(np.column_stack([vertices[used], np.sqrt(self._most - self._reach)]))

    def vertex_normals(self) -> Points:
        """Direction (n, 3) at each vertex, the sum over its triangles by area; of no particular length."""
        return np.column_stack(
            [np.bincount(self._faces.ravel(), np.repeat(self.normals[:, k], 3), minlength=self._n) for k in range(3)]
        )

    def distance(
        self, points: Points, *, at_most: Points | None = None, facing: Points | None = None, workers: int = 1
    ) -> Points:
        """Shortest distance of each point to the surface.

        Parameters
        ----------
        points : array (n, 3)
        at_most : array (n,), optional
            A distance known to be reached, or beyond which the answer does not matter; it is the answer there.
        facing : array (n, 3), optional
            Only triangles whose normal is less than 90 degrees from this direction count.
        workers : int
            Threads for the search.

        Returns
        -------
        array (n,)
            Infinite where no triangle faces the right way and `at_most` is not given.
        """
        best = np.full(len(points), np.inf) if at_most is None else at_most**2
        lifted = np.column_stack([points, np.zeros(len(points))])
        left, asked, k = np.arange(len(points)), 0, min(_NEIGHBOURS, self._tree.n)
        while left.size:
            far, near = self._tree.query(lifted[left], k=np.arange(asked + 1, k + 1), workers=workers)
            bound = far**2 - self._most - 1e-9
            for at in range(0, left.size, _AT_ONCE):
                part = slice(at, at + _AT_ONCE)
                self._settle(points, best, facing, left[part], near[part], bound[part])
            left = left[bound[:, -1] < best[left]]
            if k == self._tree.n:
                break
            asked, k = k, min(4 * k, self._tree.n)
        distance: Points = np.sqrt(best)
        return distance

    def _settle(
        self,
        points: Points,
        best: Points,
        facing: Points | None,
        rows: NDArray[np.int64],
        near: NDArray[np.int64],
        bound: Points,
    ) -> None:
        """Lower `best` of these rows by the triangles at their corners, in the order of the bounds."""
        for nth in range(near.shape[1]):
            open_ = bound[:, nth] < best[rows]
            rows, near, bound = rows[open_], near[open_], bound[open_]
            if not rows.size:
                return
            corner = near[:, nth]
            count = self._count[corner]
            first = np.cumsum(count) - count
            triangle = self._order[np.arange(count.sum()) + np.repeat(self._start[corner] - first, count)]
            of = np.repeat(rows, count)
            squared = self._squared(points[of], triangle)
            if facing is not None:
                squared[_dot(self.normals[triangle], facing[of]) <= 0] = np.inf
            best[rows] = np.minimum(best[rows], np.minimum.reduceat(squared, first))

    def _squared(self, points: Points, triangle: NDArray[np.int64]) -> Points:
        """Squared distance of each point to its triangle: over its inside where the foot lies there, or its edges."""
        away = points - self._corner[triangle]
        a, b, square = _dot(away, self._along[triangle]), _dot(away, self._across[triangle]), _dot(away, away)
        aa, bb, ab, cc = self._squares[triangle].T
        with np.errstate(divide="ignore", invalid="ignore"):
            s, t, whole = bb * a - ab * b, aa * b - ab * a, aa * bb - ab * ab
            inside = square - (s * a + t * b) / whole
            inside[~((s >= 0) & (t >= 0) & (s + t <= whole) & (whole > 0))] = np.inf
            edges = np.minimum(_edge(square, a, aa), _edge(square, b, bb))
            edges = np.minimum(edges, _edge(square - 2 * a + aa, b - a - ab + aa, cc))
        squared: Points = np.maximum(np.minimum(inside, edges), 0)
        return squared


def _edge(square: Points, along: Points, length: Points) -> Points:
    """Squared distance to an edge, from those to its start, and along it, times its length; all squared."""
    share = np.clip(along / np.maximum(length, 1e-300), 0, 1)
    squared: Points = square - share * (2 * along - share * length)
    return squared


def _dot(a: Points, b: Points) -> Points:
    product: Points = np.einsum("ij,ij->i", a, b)
    return product
