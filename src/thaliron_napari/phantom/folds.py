"""The folded surface of the brain, as smooth fields on a 2 mm grid.

The hull of a hemisphere is an analytic solid. On it a labyrinth of sulci grows by local activation and wider
inhibition (the mechanism of Turing patterns), kept on the surface by the closest point method: after every step each
voxel takes the value of the hull's nearest point, so the pattern is the same all along a normal and the sulci cut in
at right angles to the surface. What is kept are fields without kinks (depth under the hull, signed distance to the
middle of the nearest sulcus, how deep sulci reach), which cubic interpolation brings to any grid; the kinks of a thin
sulcus are made there, at full sharpness.

References
----------
Turing AM. The chemical basis of morphogenesis. Phil Trans R Soc B 1952;237:37.
Ruuth SJ, Merriman B. A simple embedding method for solving partial differential equations on surfaces. J Comput Phys
2008;227:1943.
"""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .interpolation import interpolated
from .shapes import FloatArray, Points, difference, ellipsoid, rotated, tube, union
from .ventricles import lateral_ventricle

STEP_MM = 2.0
SHAPE = (84, 102, 85)
# (z, y, x) index to canonical RAS mm: z up, y backwards, x to the left.
AFFINE = np.array([[0, 0, -STEP_MM, 84], [0, -STEP_MM, 0, 84], [STEP_MM, 0, 0, -76], [0, 0, 0, 1]], float)
_MIDLINE = 42
_MARGIN = 4  # nodes kept beyond the midline when one hemisphere is made
_FOLD_MM = 21.0  # wavelength of the pattern; a sulcus lies at every half


@dataclass(frozen=True)
class Fields:
    """Smooth fields over the head, float32, shape `SHAPE`, in mm; distances are negative inside.

    Attributes
    ----------
    hull
        Signed distance to the unfolded surface of the hemispheres.
    sulcus
        Signed distance to the middle sheet of the nearest sulcus.
    reach
        How deep under the hull sulci go here.
    cerebellum, brainstem, skull, head
        Signed distances to their surfaces; that of the skull is its inner table, that of the head the skin.
    ventricle
        Signed distance to the walls of the lateral ventricles.
    across
        Its zero sheets cross the sulci where veins run down them; signed distance, roughly.
    texture
        Slow unevenness of white matter, of mean 0 and SD 1 (no unit).
    points
        Shape (3, z, y, x): canonical point (x, y, z) of the anatomy at each node.
    """

    hull: FloatArray
    sulcus: FloatArray
    reach: FloatArray
    cerebellum: FloatArray
    brainstem: FloatArray
    skull: FloatArray
    head: FloatArray
    ventricle: FloatArray
    across: FloatArray
    texture: FloatArray
    points: FloatArray


def make_fields(rng: np.random.Generator) -> tuple[Fields, FloatArray]:
    """Grow the folds of both hemispheres of one patient.

    Returns
    -------
    Fields
        In canonical space.
    warp
        float32 (3, z, y, x): what to add to a point (x, y, z) of the patient's head to get its canonical point, in mm.
    """
    seeds = rng.spawn(3)
    with ThreadPoolExecutor(2) as pool:
        right, left = pool.map(_hemisphere, seeds[:2])
    hull, sulcus, reach = (_join(a, b) for a, b in zip(right, left, strict=True))
    nodes = _nodes()
    cerebellum, brainstem = cerebellum_hull(nodes), brainstem_hull(nodes)
    whole = np.minimum(hull, np.minimum(cerebellum, brainstem))
    skull = ndimage.gaussian_filter(whole, 2.0) - np.float32(1.8)
    skin = np.minimum(skull, ndimage.gaussian_filter(np.minimum(whole, _face(nodes)), 3.0)) - np.float32(8.5)
    texture = ndimage.gaussian_filter(seeds[2].standard_normal(SHAPE, np.float32), 2.0)
    texture /= texture.std()
    x, y, z = nodes
    ventricle = lateral_ventricle((np.abs(x), y, z))
    across = np.sin(0.31 * x + 1) + np.sin(0.27 * y + 0.09 * z) + np.sin(0.29 * z - 0.08 * x + 2)
    fields = (hull, sulcus, reach, cerebellum, brainstem, skull, skin, ventricle, across / np.float32(0.42), texture)
    return Fields(*fields, np.stack(nodes)), _warp(seeds[2])


def posed(fields: Fields, warp: FloatArray, to_head: NDArray[np.float64]) -> Fields:
    """Bring canonical fields to a scanner's world, on nodes along its axes.

    Parameters
    ----------
    to_head
        4 x 4, RAS mm of the world to RAS mm of the patient's head.
    """
    back = np.linalg.inv(AFFINE) @ to_head @ AFFINE
    place = _affine_nodes(back)
    sparse = place[:, ::2, ::2, ::2]  # the warp is slow enough to be looked up at every other node
    between = [np.arange(n) / 2 for n in SHAPE]
    warped = np.stack([interpolated(_at(w, sparse), between) for w in warp])
    points = _affine_nodes(to_head @ AFFINE) + warped
    place += np.stack([warped[2], -warped[1], -warped[0]]) / np.float32(STEP_MM)
    names = [field.name for field in dataclasses.fields(fields) if field.name != "points"]
    with ThreadPoolExecutor(2) as pool:
        moved = dict(zip(names, pool.map(lambda name: _at(getattr(fields, name), place), names), strict=True))
    return Fields(**moved, points=points)


def on_grid(field: FloatArray, affine: NDArray[np.float64], shape: tuple[int, int, int]) -> FloatArray:
    """Bring a field to an image's grid along the same axes (`affine`: (z, y, x) index to RAS mm)."""
    to_node = np.linalg.inv(AFFINE) @ affine
    return interpolated(field, [to_node[i, i] * np.arange(n) + to_node[i, 3] for i, n in enumerate(shape)])


def _at(field: FloatArray, place: FloatArray) -> FloatArray:
    return np.asarray(ndimage.map_coordinates(field, place, order=1, mode="nearest"))


def _affine_nodes(matrix: NDArray[np.float64]) -> FloatArray:
    z, y, x = (np.arange(n, dtype=np.float32) for n in SHAPE)
    z, y = z[:, None, None], y[:, None]
    m = matrix.astype(np.float32)
    return np.stack([m[i, 0] * z + m[i, 1] * y + m[i, 2] * x + m[i, 3] for i in range(3)])


def _nodes() -> Points:
    x, y, z = _affine_nodes(AFFINE)
    return x, y, z


def _join(right: FloatArray, left: FloatArray) -> FloatArray:
    """Put two half heads, both from the side to the midline, next to each other."""
    return np.concatenate([right[..., : _MIDLINE + 1], left[..., :_MIDLINE][..., ::-1]], axis=-1)


def _hemisphere(rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Hull, sulci and their reach of a hemisphere written as the right one, from the side to just past the midline."""
    points = tuple(np.ascontiguousarray(p[..., : _MIDLINE + 1 + _MARGIN]) for p in _nodes())
    solid = hemisphere_hull((points[0], points[1], points[2])) < 0
    half = STEP_MM / 2
    outside = ndimage.distance_transform_edt(~solid, sampling=STEP_MM)
    inside = ndimage.distance_transform_edt(solid, sampling=STEP_MM)
    hull = ndimage.gaussian_filter(np.where(solid, half - inside, outside - half).astype(np.float32), 0.9)
    normal = np.stack(np.gradient(ndimage.gaussian_filter(hull, 1.0)))
    normal /= np.maximum(np.sqrt((normal**2).sum(0)), 1e-3)
    surface = np.indices(hull.shape, np.float32) - normal * (hull / STEP_MM)

    coarse_surface = surface[:, ::2, ::2, ::2] / 2
    pattern = rng.standard_normal(coarse_surface.shape[1:], np.float32)
    narrow = 0.2 * _FOLD_MM / (2 * STEP_MM)
    for _ in range(14):
        pattern = ndimage.map_coordinates(pattern, coarse_surface, order=1, mode="nearest")
        pattern = ndimage.gaussian_filter(pattern, narrow) - ndimage.gaussian_filter(pattern, 1.6 * narrow)
        pattern = np.tanh(pattern * np.float32(3 / pattern.std()))
    pattern = ndimage.gaussian_filter(pattern, 0.8)
    pattern = ndimage.map_coordinates(pattern, surface / 2, order=3, mode="nearest")
    pattern = ndimage.gaussian_filter(pattern, 0.7)
    slope = np.sqrt(sum(g**2 for g in np.gradient(pattern, STEP_MM)))
    wave = np.float32(_FOLD_MM / (2 * np.pi))
    sulcus = wave * np.arctan2(pattern, wave * slope)

    uneven = ndimage.gaussian_filter(rng.standard_normal(coarse_surface.shape[1:], np.float32), 1.6)
    uneven = ndimage.map_coordinates(uneven / uneven.std(), surface / 2, order=1, mode="nearest")
    reach = np.clip(15.5 + 5 * uneven, 5, 24)
    # Sulci bend more the deeper they go.
    bend = ndimage.gaussian_filter(rng.standard_normal(coarse_surface.shape[1:], np.float32), 1.2)
    bend = interpolated(bend / bend.std(), [np.arange(n) / 2 for n in hull.shape])
    sulcus += np.float32(1.6) * bend * np.clip(-hull / 8, 0, 1.5)
    # No sulcus comes near the deep nuclei and the ventricles.
    core = ellipsoid(rotated((points[0], points[1], points[2]), (18, -18, 8)), (26, 58, 23), 2.5)
    return hull, sulcus, np.minimum(reach, core - 5 - hull).astype(np.float32)


def _warp(rng: np.random.Generator) -> FloatArray:
    """Smooth displacement of about 1 mm, mostly the same on both sides, so that shapes are nobody's ellipsoid."""
    coarse = rng.standard_normal((3, 21, 25, 21), np.float32)
    coarse = ndimage.gaussian_filter(coarse, (0, 2.2, 2.2, 2.2), mode="nearest")
    mirror = coarse[..., ::-1] * np.array([-1, 1, 1], np.float32)[:, None, None, None]
    coarse = 0.65 * coarse + 0.45 * mirror
    coarse *= np.float32(1.0) / coarse.std()
    places = [np.linspace(0, k - 1, n) for n, k in zip(SHAPE, coarse.shape[1:], strict=True)]
    return np.stack([interpolated(c, places) for c in coarse])


def hemisphere_hull(points: Points) -> FloatArray:
    """Unfolded surface of the right hemisphere (x > 0)."""
    x, y, z = points
    narrowing = 1 - 0.00009 * np.clip(y + 22, 0, None) ** 1.65
    main = ellipsoid((x / narrowing, y + 17, np.where(z > 6, z - 6, (z - 6) * np.float32(70 / 30))), (65, 86, 70), 2.35)
    temporal = tube(points, [(39, 10, -25), (46, -8, -23), (49, -32, -13), (44, -58, -5)], [14, 17.5, 17.5, 16], 5)
    hull = union(main, temporal, 7)
    hull = difference(hull, ellipsoid(rotated(points, (0, -22, -17)), (23, 25, 17)), 4)  # cisterns round the midbrain
    hull = difference(hull, ellipsoid(rotated(points, (0, 6, -20)), (17, 14, 12)), 4)  # chiasmatic cistern
    hull = difference(hull, cerebellum_hull(points) - 3, 4)
    return np.maximum(hull, 1 - x)


def _face(points: Points) -> FloatArray:
    """What fills the head under the skull's base."""
    face = ellipsoid(rotated(points, (0, 14, -42)), (52, 50, 46), 2.6)
    return union(face, ellipsoid(rotated(points, (0, -52, -62)), (50, 42, 46), 2.6), 20)


def cerebellum_hull(points: Points) -> FloatArray:
    """Unfolded surface of the cerebellum."""
    x, y, z = points
    lobes = ellipsoid(rotated((np.abs(x), y, z), (22, -64, -34), yaw=12), (29, 29, 20), 2.4)
    vermis = ellipsoid(rotated(points, (0, -62, -28)), (16, 24, 20))
    return union(lobes, vermis, 8)


def brainstem_hull(points: Points) -> FloatArray:
    """Midbrain with its peduncles, pons and medulla."""
    x, y, z = points
    aside = (np.abs(x), y, z)
    midbrain = ellipsoid(rotated(points, (0, -27, -9), pitch=-15), (15, 11, 12))
    peduncle = tube(aside, [(13, -14, -2), (10, -18, -14), (6, -22, -24)], [7, 5.5, 6], 3)
    pons = ellipsoid(rotated(points, (0, -27, -31), pitch=-12), (17, 13, 13.5), 2.3)
    medulla = tube(points, [(0, -33, -42), (0, -40, -56), (0, -48, -80)], [9, 7.5, 6])
    arms = tube(aside, [(10, -30, -32), (24, -48, -36)], [7.5, 7], 2)
    return union(union(union(union(midbrain, peduncle, 4), pons, 4), medulla, 6), arms, 6)
