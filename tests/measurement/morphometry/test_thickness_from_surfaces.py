"""Thickness against shells whose thickness is known, distances against every triangle in turn, files of a subject."""

from pathlib import Path

import nibabel.freesurfer as fs
import numpy as np
import pytest
from meshes import octahedron

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.surface_distance import Triangles
from thaliron_napari.measurement.morphometry.surfaces import Surface
from thaliron_napari.measurement.morphometry.thickness_from_surfaces import (
    compare_thickness,
    cortical_thickness,
    mean_thickness,
    measure_hemisphere,
    thickness_by_side,
    vertex_areas,
)


def _to_triangle(point: np.ndarray, triangle: np.ndarray) -> float:
    """Distance to one triangle by its planes and edges, in another way than the program's."""
    normal = np.cross(triangle[1] - triangle[0], triangle[2] - triangle[0])
    best = np.inf
    if np.linalg.norm(normal) > 1e-9:
        normal /= np.linalg.norm(normal)
        foot = point - ((point - triangle[0]) @ normal) * normal
        sides = [
            np.cross(np.roll(triangle, -1, axis=0)[k] - triangle[k], foot - triangle[k]) @ normal for k in range(3)
        ]
        if min(sides) >= 0:
            best = abs((point - triangle[0]) @ normal)
    for k in range(3):
        start, end = triangle[k], triangle[(k + 1) % 3]
        length = (end - start) @ (end - start)
        share = np.clip((point - start) @ (end - start) / length, 0, 1) if length else 0.0
        best = min(best, float(np.linalg.norm(point - start - share * (end - start))))
    return float(best)


@pytest.mark.parametrize("seed", range(6))
def test_distances_against_every_triangle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(rng.integers(4, 40), 3)) * rng.choice([0.1, 1, 5], 3)
    faces = rng.integers(0, len(vertices), (rng.integers(1, 60), 3))  # long, thin, crossing, some degenerate
    points = rng.normal(size=(25, 3)) * rng.choice([0.1, 1, 20])
    truth = [min(_to_triangle(point, triangle) for triangle in vertices[faces]) for point in points]
    target = Triangles(vertices, faces)
    np.testing.assert_allclose(target.distance(points), truth, atol=1e-6)
    limit = rng.uniform(0, 2, len(points))
    np.testing.assert_allclose(target.distance(points, at_most=limit), np.minimum(truth, limit), atol=1e-6)
    facing = rng.normal(size=points.shape)
    seen = [
        min(
            (_to_triangle(p, t) for t, n in zip(vertices[faces], target.normals, strict=True) if n @ f > 0),
            default=np.inf,
        )
        for p, f in zip(points, facing, strict=True)
    ]
    np.testing.assert_allclose(target.distance(points, facing=facing), seen, atol=1e-6)


def test_no_triangle_is_missed_on_a_mesh_with_large_and_small_ones() -> None:
    rng = np.random.default_rng(11)
    points, faces = octahedron(3)
    vertices = np.vstack([points * [30, 20, 25], [[90.0, 0, 0], [0, 90, 0], [0, 0, 90]]])
    faces = np.vstack([faces, [len(points), len(points) + 1, len(points) + 2]])
    asked = rng.uniform(-60, 60, (4000, 3))
    target = Triangles(vertices, faces)
    every = np.repeat(np.arange(len(faces))[None], len(asked), axis=0)
    squared = target._squared(np.repeat(asked, len(faces), axis=0), every.ravel()).reshape(every.shape)
    np.testing.assert_array_equal(target.distance(asked), np.sqrt(squared.min(axis=1)))


@pytest.mark.parametrize("thickness", [1.0, 2.5, 4.0])
def test_concentric_spheres(thickness: float) -> None:
    points, faces = octahedron(6)  # edges of some 1 mm
    turn = np.array([[np.cos(0.03), -np.sin(0.03), 0], [np.sin(0.03), np.cos(0.03), 0], [0, 0, 1]])
    outer = (40 + thickness) * points @ turn.T  # so that no vertex lies right above another
    found = cortical_thickness(Surface(40 * points, faces), Surface(outer, faces))
    assert found.mean() == pytest.approx(thickness, rel=0.01)
    assert np.abs(found - thickness).max() < 0.02


def test_ellipsoids() -> None:
    points, faces = octahedron(6)
    inner, outer = np.array([42.0, 36, 30]), np.array([45.0, 38, 33.5])
    found = cortical_thickness(Surface(inner * points, faces), Surface(outer * points, faces))
    some = np.random.default_rng(1).integers(0, len(points), 60)
    fine, fine_faces = octahedron(8)  # the truth: the same bodies in triangles of a sixteenth
    there = Triangles(outer * fine, fine_faces).distance(inner * points[some])
    back = Triangles(inner * fine, fine_faces).distance(outer * points[some])
    truth = (there + back) / 2
    assert found[some].mean() == pytest.approx(truth.mean(), rel=0.01)
    assert np.abs(found[some] - truth).max() < 0.03


def test_the_opposite_bank_of_a_sulcus_is_another_cortex() -> None:
    y, x = (k.ravel().astype(float) for k in np.mgrid[:30, :30])
    flat = [(r * 30 + c, r * 30 + c + 1, r * 30 + c + 30) for r in range(29) for c in range(29)]
    flat += [(r * 30 + c + 1, r * 30 + c + 31, r * 30 + c + 30) for r in range(29) for c in range(29)]
    one = np.array(flat)
    faces = np.vstack([one, one[:, ::-1] + 900])  # two banks that face each other and all but touch

    def bank(low: float, high: float) -> np.ndarray:
        return np.vstack([np.stack([np.full(900, z), y, x], axis=1) for z in (low, high)])

    found = cortical_thickness(Surface(bank(0.0, 5.1), faces), Surface(bank(3.0, 3.1), faces))
    np.testing.assert_allclose(found, np.repeat([3.0, 2.0], 900), atol=1e-9)


def test_the_cap_and_surfaces_of_two_hemispheres() -> None:
    points, faces = octahedron(3)
    white = Surface(40 * points, faces)
    np.testing.assert_allclose(cortical_thickness(white, Surface(50 * points, faces)), 5)
    np.testing.assert_allclose(cortical_thickness(white, Surface(50 * points, faces), cap_mm=20), 10, atol=0.6)
    np.testing.assert_array_equal(cortical_thickness(white, white), 0)
    with pytest.raises(MeasurementError, match=r"258 and 66 vertices"):
        cortical_thickness(white, Surface(*octahedron(2)))


def test_areas_and_means() -> None:
    points, faces = octahedron(6)
    areas = vertex_areas(Surface(10 * points, faces))
    assert areas.sum() == pytest.approx(4 * np.pi * 100, rel=1e-3)
    tetrahedron = Surface(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), np.array([[0, 1, 2]]))
    np.testing.assert_allclose(vertex_areas(tetrahedron), [1 / 6, 1 / 6, 1 / 6, 0])
    thickness, weights = np.array([0.0, 1, 2, 4]), np.array([5.0, 1, 1, 2])
    assert mean_thickness(thickness) == pytest.approx(7 / 3)
    assert mean_thickness(thickness, weights) == pytest.approx(11 / 4)
    assert mean_thickness(thickness, weights, np.array([True, True, False, False])) == pytest.approx(1 / 6)
    with pytest.raises(MeasurementError, match="No vertex"):
        mean_thickness(np.zeros(3))
    with pytest.raises(MeasurementError, match="differ"):
        mean_thickness(thickness, weights[:2])


def _subject(folder: Path) -> Path:
    """Left 2.5 mm and right 3 mm thick; on the left the medial wall is a third of the vertices."""
    points, faces = octahedron(5)
    (folder / "surf").mkdir()
    wall = points[:, 0] > 1 / 3
    for name, thickness in (("lh", 2.5), ("rh", 3.0)):
        fs.write_geometry(folder / "surf" / f"{name}.white", 30 * points, faces)
        outer = 30 + np.where(wall & (name == "lh"), 0, thickness)
        fs.write_geometry(folder / "surf" / f"{name}.pial", outer[:, None] * points, faces)
        made = np.where(wall & (name == "lh"), 0, thickness) + 0.2 * points[:, 1] * ~wall
        fs.write_morph_data(folder / "surf" / f"{name}.thickness", made)
    return folder


def _label(path: Path, vertices: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = "".join(f"{n}  0.0  0.0  0.0 0.0\n" for n in vertices)
    path.write_text(f"#!ascii label  , from subject  vox2ras=TkReg\n{len(vertices)}\n{lines}")


def test_a_subject(tmp_path: Path) -> None:
    folder = _subject(tmp_path)
    points, _ = octahedron(5)
    far = points[:, 0] < 0.2  # away from the wall and its step
    left = measure_hemisphere(folder, "left")
    np.testing.assert_array_equal(left.cortex, points[:, 0] <= 1 / 3)  # ?h.thickness is zero beyond
    _label(folder / "label" / "lh.cortex.label", np.flatnonzero(far))
    left = measure_hemisphere(folder, "left")
    np.testing.assert_array_equal(left.cortex, far)
    assert left.mean_mm == pytest.approx(2.5, rel=0.01)
    assert left.plain_mean_mm == pytest.approx(2.5, rel=0.01)
    means = thickness_by_side(folder)
    assert means["right"] == pytest.approx(3.0, rel=0.01)
    share = left.areas_mm2[far].sum() / (left.areas_mm2[far].sum() + left.areas_mm2.sum())
    assert means["both"] == pytest.approx(share * means["left"] + (1 - share) * means["right"])
    for vertices in (np.array([0, 99999]), np.array([], int)):
        _label(folder / "label" / "lh.cortex.label", vertices)
        with pytest.raises(MeasurementError, match="cut off"):
            measure_hemisphere(folder, "left")


def test_beside_freesurfers_own(tmp_path: Path) -> None:
    empty = compare_thickness(tmp_path)
    assert [check.agrees for check in empty] == [True, True]
    assert all("surf/" in check.words and "is not there" in check.words for check in empty)
    folder = _subject(tmp_path)
    rng = np.random.default_rng(0)
    ours = measure_hemisphere(folder, "left")
    for shift, noise, agrees in ((0.02, 0.01, True), (0.3, 0.01, False), (0.0, 2.0, False)):
        theirs = ours.thickness_mm + (shift + noise * rng.normal(size=len(ours.cortex))) * ours.cortex
        fs.write_morph_data(folder / "surf" / "lh.thickness", theirs)
        check = compare_thickness(folder)[0]
        assert check.agrees == agrees, check.words
        assert "left" in check.words
        assert "r = " in check.words
    (folder / "surf" / "rh.thickness").unlink()
    assert "rh.thickness is not there to compare" in compare_thickness(folder)[1].words
    fs.write_morph_data(folder / "surf" / "rh.thickness", np.ones(7))
    assert not compare_thickness(folder)[1].agrees
    (folder / "surf" / "rh.pial").write_bytes(b"\xff\xff\xfe\n")
    damaged = compare_thickness(folder)[1]
    assert "cannot be computed" in damaged.words
    assert not damaged.agrees
