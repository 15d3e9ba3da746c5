"""White and pial surface of a phantom's hemispheres, as FreeSurfer gives them: one mesh, moved through the cortex."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .conformed import Conformed

Points = NDArray[np.float64]
Faces = NDArray[np.int64]

_MOST_MM, _LEAST_MM = 5.0, 0.5
_STEP_MM = 0.25
# Further out than midway between two banks, the other bank is the nearer one; corners are up to 1 mm apart.
_MIDWAY = 0.88


@dataclass(frozen=True, eq=False)
class Hemisphere:
    """One hemisphere.

    Attributes
    ----------
    white, pial
        float64 (n, 3): (z, y, x) index of the whole conformed grid, not rounded, vertex by vertex the same place.
    faces
        int64 (m, 3), counterclockwise seen from outside the patient's brain, so clockwise in indices.
    thickness_mm, area_mm2
        float32 (n,): of each vertex, the area on the white surface; thickness is 0 where there is no cortex.
    """

    white: Points
    pial: Points
    faces: Faces
    thickness_mm: NDArray[np.float32]
    area_mm2: NDArray[np.float32]

    @property
    def cortex(self) -> NDArray[np.bool_]:
        """Vertices that have cortex."""
        return self.thickness_mm > 0


def hemisphere(head: Conformed, side: str) -> Hemisphere:
    """Find the surfaces of one hemisphere.

    The white surface is that of half a share of what lies inside the cortex. From each vertex the way leads outwards
    along the normal until it leaves the grey matter, meets the plane between the hemispheres, or comes midway to the
    opposite bank of a sulcus, which on voxels of 1 mm is often closed.

    Parameters
    ----------
    head
        From `conform`.
    side
        "lh" or "rh".
    """
    from skimage.measure import marching_cubes

    sign = np.float32(1 if side == "rh" else -1)
    aside = np.clip(sign * head.to_right_mm + np.float32(0.5), 0, 1)
    inside = ndimage.gaussian_filter(head.white * aside, 0.5)
    corners, triangles, *_ = marching_cubes(np.pad(inside, 1), 0.5)  # type: ignore[no-untyped-call]
    white, faces = _largest(corners, triangles)
    white = _smoothed(white - 1, faces, 4)
    normals = _normals(white, faces)
    normals = _averaged(normals, _neighbours(faces, len(white)), 3)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    reached = _way_out(white, normals, head, sign)
    cortex = _without_islands(reached >= _LEAST_MM, faces)
    # No cortex is thinner: where a border has been missed by so little, the neighbours say how far it is.
    reached[cortex] = np.maximum(reached[cortex], _LEAST_MM)
    moved = np.where(cortex, reached, 0)[:, None] * normals
    pial = white + _evened(moved, cortex, faces)
    thickness = np.zeros(len(white))
    to_pial, _ = cKDTree(pial[cortex]).query(white[cortex], workers=2)
    to_white, _ = cKDTree(white[cortex]).query(pial[cortex], workers=2)
    thickness[cortex] = (to_pial + to_white) / 2
    first, areas = np.array(head.first), _areas(white, faces)
    numbers = thickness.astype(np.float32), areas.astype(np.float32)
    return Hemisphere(white + first, pial + first, faces[:, ::-1].copy(), *numbers)


def _way_out(white: Points, normals: Points, head: Conformed, sign: np.float32) -> Points:
    """How far each vertex can go through grey matter, in mm; 0 where there is none."""
    brain = head.white + head.grey
    reached, going = np.zeros(len(white)), np.arange(len(white))
    # Right at the border the voxels are of both; grey matter has to begin within the first mm.
    grey = np.maximum(*(_at(head.grey, white + d * normals) for d in (0.75, 1.25)))
    going = going[grey > 0.4]
    tree = cKDTree(white)
    before: Points = np.ones(len(going))
    for away in np.arange(_STEP_MM, _MOST_MM + _STEP_MM / 2, _STEP_MM):
        place = white[going] + away * normals[going]
        now = _at(brain, place)
        out = now < 0.5
        # Between two steps the border is where the share is a half.
        last = away - _STEP_MM * (1 - np.clip((before - 0.5) / np.maximum(before - now, 1e-6), 0, 1))
        reached[going[out]] = last[out]
        stop = out | (_at(head.to_right_mm, place) * sign < 0.3)
        if away > 1:
            ask = np.flatnonzero(~stop)
            nearest, _ = tree.query(place[ask], distance_upper_bound=_MIDWAY * away, workers=2)
            stop[ask] = np.isfinite(nearest)
        reached[going[~stop]] = away
        going, before = going[~stop], now[~stop]
    return reached


def _at(values: NDArray[np.float32], places: Points) -> Points:
    return np.asarray(ndimage.map_coordinates(values, places.T, np.float64, order=1, mode="nearest"))


def _largest(vertices: Points, faces: NDArray[np.int32]) -> tuple[Points, Faces]:
    """The largest connected piece of a mesh, turned so that its normals point outwards."""
    _, piece = connected_components(_neighbours(faces.astype(np.int64), len(vertices)))
    keep = piece == np.bincount(piece).argmax()
    number = np.cumsum(keep) - 1
    kept = vertices[keep].astype(np.float64)
    out: Faces = number[faces[keep[faces[:, 0]]]].astype(np.int64)
    corners = kept[out]
    volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return kept, out if volume > 0 else out[:, ::-1].copy()


def _neighbours(faces: Faces, count: int) -> sparse.csr_array:
    """1 where an edge joins two vertices."""
    a, b = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).T
    edges = sparse.csr_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), (count, count))
    edges.data[:] = 1
    return edges


def _averaged(values: Points, neighbours: sparse.csr_array, times: int) -> Points:
    each = 1 / np.maximum(neighbours.sum(1), 1)[:, None]
    for _ in range(times):
        values = values / 2 + (neighbours @ values) * each / 2
    return values


def _smoothed(vertices: Points, faces: Faces, times: int) -> Points:
    """Take the steps of the voxels off without shrinking (Taubin, SIGGRAPH 1995: 351)."""
    neighbours = _neighbours(faces, len(vertices))
    each = 1 / np.maximum(neighbours.sum(1), 1)[:, None]
    for _ in range(times):
        for factor in (0.5, -0.53):
            vertices = vertices + factor * ((neighbours @ vertices) * each - vertices)
    return vertices


def _without_islands(cortex: NDArray[np.bool_], faces: Faces) -> NDArray[np.bool_]:
    """Cortex is one piece, and holes in it that are not the large medial wall are cortex as well."""
    edges = _neighbours(faces, len(cortex))
    for value, least in ((True, 2000), (False, 300)):
        chosen = np.flatnonzero(cortex == value)
        _, piece = connected_components(edges[chosen][:, chosen])
        small = np.bincount(piece)[piece] < least
        cortex = cortex.copy()
        cortex[chosen[small]] = not value
    return cortex


def _evened(moved: Points, cortex: NDArray[np.bool_], faces: Faces) -> Points:
    """Movements averaged with those of neighbouring cortex, within the limits."""
    neighbours = _neighbours(faces, len(moved))
    joined = sparse.csr_array(sparse.diags_array(cortex.astype(float)) @ neighbours @ sparse.diags_array(cortex * 1.0))
    out = _averaged(moved, sparse.csr_array(joined + sparse.eye_array(len(moved))), 3)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    limited: Points = out * np.clip(length, _LEAST_MM, _MOST_MM) / np.maximum(length, 1e-9)
    limited[~cortex] = 0
    return limited


def _normals(vertices: Points, faces: Faces) -> Points:
    """Not of unit length: weighted by area, pointing outwards."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    out = np.stack([sum(np.bincount(faces[:, k], across[:, i], len(vertices)) for k in range(3)) for i in range(3)], 1)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9))


def _areas(vertices: Points, faces: Faces) -> NDArray[np.float64]:
    """A third of the triangles at each vertex."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.asarray(sum(np.bincount(faces[:, k], area, len(vertices)) for k in range(3)))
