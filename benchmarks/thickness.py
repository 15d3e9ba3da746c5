"""Cortical thickness from surfaces beside what is known and beside others; seconds; and outlines on slices.

    python benchmarks/thickness.py [--levels 7]

"Shells": closed surfaces with edges of some 1 mm whose distance is known (of the ellipsoids by the same measure on
meshes of a sixteenth of the triangles), and a folded one. "fsaverage5" comes with nilearn (`pip install nilearn`; no
download). Its thickness is the mean of that of 40 people, carried over, while its surfaces are the mean of their
surfaces: no way to measure between these surfaces can give that very map, so the ways are to be compared with each
other. They are: to the triangles that face the same way (the program), to all triangles, to the nearest vertex (what a
plain k-d tree gives), to the nearest vertex that faces the same way and lies outwards (as mris_thickness does within
20 rings of neighbours), and straight from vertex to vertex. Seconds are for two folded
hemispheres of 163,842 vertices each; the peer is the plain k-d tree, nearest vertex both ways, with two workers, and
trimesh's closest point on the triangles, if it is installed, on a part of the points.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.spatial import cKDTree

from thaliron_napari.imaging import Grid
from thaliron_napari.measurement.morphometry.outlines import join_segments, outline, slices_of_surface
from thaliron_napari.measurement.morphometry.surface_distance import Triangles
from thaliron_napari.measurement.morphometry.surfaces import Surface
from thaliron_napari.measurement.morphometry.thickness_from_surfaces import cortical_thickness

CAP_MM = 5.0
Pair = tuple[Surface, Surface]


def sphere(levels: int) -> tuple[np.ndarray, np.ndarray]:
    """The unit sphere from an icosahedron, 10 * 4 ** levels + 2 vertices."""
    g = (1 + np.sqrt(5)) / 2
    points = np.array([[s, t * g, 0.0] for s in (-1, 1) for t in (-1, 1)])
    points = np.vstack([np.roll(points, k, axis=1) for k in range(3)])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    near = np.isclose(apart, 2)
    found = [
        (a, b, c) for a in range(12) for b in range(a) for c in range(b) if near[a, b] and near[b, c] and near[a, c]
    ]
    faces = np.array([(a, b, c) if np.linalg.det(points[[a, b, c]]) > 0 else (a, c, b) for a, b, c in found])
    for _ in range(levels):
        edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        unique, which = np.unique(edges, axis=0, return_inverse=True)
        ab, bc, ca = (which.reshape(-1, 3) + len(points)).T
        points = np.vstack([points, points[unique].mean(axis=1)])
        a, b, c = faces.T
        faces = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return points / np.linalg.norm(points, axis=1)[:, None], faces


def folded(levels: int, seed: int) -> Pair:
    """A hemisphere-like pair: a sphere of 60 mm with folds of 8 mm, and 1.7 to 3.3 mm along its normals another."""
    points, faces = sphere(levels)

    def bumps(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        waves = rng.normal(size=(40, 3))
        waves *= (rng.uniform(14, 26, 40) / np.linalg.norm(waves, axis=1))[:, None]
        return np.cos(points @ waves.T + rng.uniform(0, 6, 40)).sum(axis=1) / np.sqrt(20)

    white = points * (60 + 4 * np.tanh(2 * bumps(seed)))[:, None]
    normals = Triangles(white, faces).vertex_normals()
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    thick = 2.5 + 0.8 * np.tanh(bumps(seed + 100))
    return Surface(white, faces), Surface(white + thick[:, None] * normals, faces)


def to_all_triangles(white: Surface, pial: Surface) -> np.ndarray:
    return _both(white, pial, lambda start, end: Triangles(end.vertices, end.faces).distance(start.vertices))


def to_vertices(white: Surface, pial: Surface) -> np.ndarray:
    return _both(white, pial, lambda start, end: cKDTree(end.vertices).query(start.vertices, workers=2)[0])


def to_facing_vertices(white: Surface, pial: Surface) -> np.ndarray:
    normals = Triangles(pial.vertices, pial.faces).vertex_normals()
    straight_mm = straight(white, pial)

    def way(start: Surface, end: Surface) -> np.ndarray:
        far, near = cKDTree(end.vertices).query(start.vertices, k=50, workers=2)
        out = (end.vertices[near] - start.vertices[:, None]) * (1 if end is pial else -1)
        facing = np.einsum("nkj,nj->nk", normals[near], normals) >= 0
        far[~facing | (np.einsum("nkj,nj->nk", out, normals) < 0)] = np.inf
        return np.minimum(far.min(axis=1), straight_mm)

    return _both(white, pial, way)


def straight(white: Surface, pial: Surface) -> np.ndarray:
    return np.minimum(np.linalg.norm(white.vertices - pial.vertices, axis=1), CAP_MM)


def _both(white: Surface, pial: Surface, way: Callable[[Surface, Surface], np.ndarray]) -> np.ndarray:
    return (np.minimum(way(white, pial), CAP_MM) + np.minimum(way(pial, white), CAP_MM)) / 2


WAYS: dict[str, Callable[[Surface, Surface], np.ndarray]] = {
    "to facing triangles": cortical_thickness,
    "to all triangles": to_all_triangles,
    "to facing vertices": to_facing_vertices,
    "to vertices": to_vertices,
    "straight": straight,
}


def shells() -> None:
    points, faces = sphere(6)
    fine, fine_faces = sphere(8)
    turn = np.array([[np.cos(0.02), -np.sin(0.02), 0], [np.sin(0.02), np.cos(0.02), 0], [0, 0, 1]])
    some = np.random.default_rng(1).choice(len(points), 2000, replace=False)
    print("Shells: thickness in mm, in the mean, its error, and the largest error at a vertex")
    print(f"  {'':24}{'known':>8}{'found':>8}{'error':>9}{'largest':>9}{'to vertices, error':>20}")
    bodies = [(np.full(3, 60.0), np.full(3, 60.0 + t), f"spheres 60 and {60 + t:g} mm") for t in (1.0, 2.5, 4.0)]
    bodies.append((np.array([66.0, 58, 50]), np.array([69.5, 60, 53]), "ellipsoids"))
    for inner, outer, name in bodies:
        outside = points @ turn.T if np.ptp(inner) == 0 else points  # so that no vertex lies right above another
        pair = Surface(inner * points, faces), Surface(outer * outside, faces)
        found, plain = cortical_thickness(*pair), to_vertices(*pair)
        if np.ptp(inner) == 0:
            known, at = np.full(len(points), outer[0] - inner[0]), np.arange(len(points))
        else:
            there = Triangles(outer * fine, fine_faces).distance(inner * points[some])
            known, at = (there + Triangles(inner * fine, fine_faces).distance(outer * points[some])) / 2, some
        print(_row(name, known, found[at], plain[at]))
    white, pial = folded(7, 1)
    edges = np.linalg.norm(white.vertices[white.faces[:, 0]] - white.vertices[white.faces[:, 1]], axis=1)
    print(f"\nFolded, 163,842 vertices, edges of {edges.mean():.2f} mm: mean thickness in mm by each way")
    means = {name: way(white, pial).mean() for name, way in WAYS.items()}
    for name, mean in means.items():
        print(f"  {name:24}{mean:8.3f}{100 * (mean / means['to facing triangles'] - 1):+8.2f}%")


def _row(name: str, known: np.ndarray, found: np.ndarray, plain: np.ndarray) -> str:
    error = 100 * (found.mean() / known.mean() - 1)
    largest = np.abs(found - known).max()
    other = 100 * (plain.mean() / known.mean() - 1)
    return f"  {name:24}{known.mean():8.3f}{found.mean():8.3f}{error:+8.2f}%{largest:9.3f}{other:+19.2f}%"


def fsaverage5() -> None:
    try:
        import nilearn.datasets
    except ImportError:
        print("\nfsaverage5: nilearn is not here; pip install nilearn")
        return
    print("\nfsaverage5: edges of 2.9 mm; against its own map (a mean of 40 people), where that is above zero")
    print(f"  {'':24}{'':6}{'r':>8}{'mean mm':>9}{'theirs':>8}{'':9}")
    folder = Path(nilearn.datasets.__file__).parent / "data" / "fsaverage5"
    for side in ("left", "right"):
        white, pial = (
            Surface(*(np.asarray(part.data, kind) for part, kind in zip(image.darrays, (float, np.int64), strict=True)))
            for image in (nib.load(folder / f"{of}_{side}.gii.gz") for of in ("white", "pial"))
        )
        theirs = np.asarray(nib.load(folder / f"thick_{side}.gii.gz").darrays[0].data, float)
        cortex = theirs > 0
        for name, way in WAYS.items():
            ours = way(white, pial)[cortex]
            r, mean, known = np.corrcoef(ours, theirs[cortex])[0, 1], ours.mean(), theirs[cortex].mean()
            print(f"  {name:24}{side:6}{r:8.3f}{mean:9.3f}{known:8.3f}{100 * (mean / known - 1):+8.2f}%")


def seconds(levels: int) -> None:
    pairs = [folded(levels, seed) for seed in (1, 2)]
    print(f"\nSeconds for both hemispheres of {len(pairs[0][0].vertices):,} vertices")
    print(f"  {'':28}{'wall':>8}{'processor':>11}")
    plain, plain_cpu = _timed_both(lambda: [to_vertices(*pair) for pair in pairs])
    ours, ours_cpu = _timed_both(lambda: [cortical_thickness(*pair) for pair in pairs])
    times = f"{ours_cpu / plain_cpu:8.1f} times the k-d tree's"
    print(f"  {'to facing triangles':28}{ours:8.2f}{ours_cpu:11.2f}{times}")
    print(f"  {'k-d tree, to vertices':28}{plain:8.2f}{plain_cpu:11.2f}")
    try:
        import trimesh
    except ImportError:
        print("  trimesh is not here; pip install trimesh rtree")
    else:
        white, pial = pairs[0]
        few = white.vertices[:: len(white.vertices) // 5000]
        mesh = trimesh.Trimesh(pial.vertices, pial.faces, process=False)
        slow = _timed(lambda: trimesh.proximity.closest_point(mesh, few)) * 4 * len(white.vertices) / len(few)
        same = trimesh.proximity.closest_point(mesh, few)[1]
        off = np.abs(same - Triangles(pial.vertices, pial.faces).distance(few)).max()
        print(f"  {'trimesh, to all triangles':28}{slow:8.0f} (from {len(few):,} points; differs by {off:.1e} mm)")


def outlines(levels: int) -> None:
    _, pial = folded(levels, 1)
    grid = Grid((160, 160, 160), np.array([[0, 0, -1.0, 80], [0, -1, 0, 80], [1, 0, 0, -80], [0, 0, 0, 1]]))
    print(f"\nOutlines of {len(pial.faces):,} triangles, milliseconds")
    print(f"  {'made ready for a grid':32}{1000 * _timed(lambda: slices_of_surface(pial, grid)):8.1f}")
    slices = slices_of_surface(pial, grid)
    for axis, name in enumerate(("axial", "coronal", "sagittal")):
        many = [(axis, at) for at in range(20, 140)]
        each = _timed(lambda many=many: [slices.segments(*one) for one in many]) / len(many)
        count = max(len(slices.segments(*one)) for one in many)
        print(f"  {name + ' slice, mean of 120':32}{1000 * each:8.2f}   up to {count:,} segments")
    print(f"  {'any plane':32}{1000 * _timed(lambda: outline(pial, (3, 4, 5), (1, 2, 3))):8.1f}")
    segments = slices.segments(0, 80)
    print(f"  {f'joined, {len(segments):,} segments':32}{1000 * _timed(lambda: join_segments(segments)):8.1f}")


def _timed(what: Callable[[], object]) -> float:
    return _timed_both(what)[0]


def _timed_both(what: Callable[[], object]) -> tuple[float, float]:
    """Least wall and least processor seconds of three runs."""
    runs = []
    for _ in range(3):
        start = time.perf_counter(), time.process_time()
        what()
        runs.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return min(wall for wall, _ in runs), min(processor for _, processor in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", type=int, default=7, help="how often the mesh that is timed is divided")
    levels = parser.parse_args().levels
    shells()
    fsaverage5()
    seconds(levels)
    outlines(levels)


if __name__ == "__main__":
    main()
