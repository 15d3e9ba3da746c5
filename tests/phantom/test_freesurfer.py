"""The phantom as FreeSurfer would leave it: segmentation, surfaces and tables agree with the truth and each other."""

import hashlib
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from thaliron_napari.phantom import Patient, write_freesurfer
from thaliron_napari.phantom.painting import _CORTEX_MM

from .conftest import voxel, world

LEFT_RIGHT = [(2, 41), (3, 42), (4, 43), (7, 46), (8, 47), (11, 50), (12, 51), (13, 52), (28, 60), (31, 63)]


@pytest.fixture(scope="module")
def subject(patient: Patient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_freesurfer(patient, tmp_path_factory.mktemp("bids"))


@pytest.fixture(scope="module")
def aseg(subject: Path) -> nib.MGHImage:
    return nib.load(subject / "mri" / "aseg.mgz")


@pytest.fixture(scope="module")
def labels(aseg: nib.MGHImage) -> np.ndarray:
    return np.asarray(aseg.dataobj).astype(np.int32)


@pytest.fixture(scope="module")
def meshes(subject: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Vertices in scanner RAS mm by the footer's own words, and faces."""
    out = {}
    for name in ("lh.white", "lh.pial", "rh.white", "rh.pial"):
        own, faces, place = nib.freesurfer.read_geometry(subject / "surf" / name, read_metadata=True)
        axes = np.stack([place["xras"], place["yras"], place["zras"]], 1)
        # FreeSurfer's own world has the same middle as the volume, columns to Left, rows down, slices to Anterior.
        columns_rows_slices = own @ np.array([[-1, 0, 0], [0, 0, 1], [0, -1, 0.0]])
        out[name] = columns_rows_slices @ axes.T + place["cras"], faces
    return out


@pytest.fixture(scope="module")
def borders(patient: Patient) -> tuple[np.ndarray, np.ndarray]:
    """RAS mm of faces between grey and white voxels of the true T1 grid, and between grey matter and CSF."""
    tissue, names = patient.truth.tissue_t1, patient.truth.tissue_names
    grey = tissue == names.index("grey matter")
    found = []
    for others in (("white matter", "lesion", "claustrum"), ("csf", "vein")):
        other, places = np.isin(tissue, [names.index(n) for n in others]), []
        for axis in range(3):
            a, b = (tuple(slice(*s) if k == axis else slice(None) for k in range(3)) for s in ((None, -1), (1, None)))
            touching = grey[a] & other[b] | grey[b] & other[a]
            places.append(np.argwhere(touching) + 0.5 * np.eye(3)[axis])
        found.append(world(patient.images["t1"], np.concatenate(places)))
    return found[0], found[1]


def measure(path: Path, name: str) -> float:
    return float(re.search(rf"^# Measure \S+ {name}, .*, (\S+), \S+$", path.read_text(), re.MULTILINE)[1])


def test_true_tissue_is_on_the_t1_grid(patient: Patient) -> None:
    tissue, t1, names = patient.truth.tissue_t1, patient.images["t1"], patient.truth.tissue_names
    assert tissue.shape == t1.data.shape
    assert tissue.dtype == np.uint8
    white = t1.data[tissue == names.index("white matter")].mean()
    grey, csf = (t1.data[tissue == names.index(name)].mean() for name in ("grey matter", "csf"))
    assert csf < 0.6 * grey < 0.6 * 0.85 * white


def test_volumes_lie_as_freesurfers_do(patient: Patient, subject: Path) -> None:
    t1 = patient.images["t1"]
    middle = world(t1, (np.array([t1.data.shape]) - 1) / 2)[0]
    for name, kind in (("aseg", np.int32), ("aparc+aseg", np.int32), ("brain", np.uint8)):
        image = nib.load(subject / "mri" / f"{name}.mgz")
        assert image.shape == (256, 256, 256)
        assert image.get_data_dtype().newbyteorder("=") == kind
        assert nib.aff2axcodes(image.affine) == ("L", "I", "A")
        np.testing.assert_allclose(np.abs(image.affine[:3, :3]).sum(0), 1)
        np.testing.assert_allclose((image.affine @ [128, 128, 128, 1])[:3], middle, atol=1e-3)


def test_labels_are_the_truths_where_they_lie(patient: Patient, aseg: nib.MGHImage, labels: np.ndarray) -> None:
    """Deep in a tissue of the T1's grid, FreeSurfer's label at the same place in the scanner is that tissue's."""
    tissue, names = patient.truth.tissue_t1, patient.truth.tissue_names
    asked = {
        "white matter": {2, 41}, "grey matter": {3, 42}, "thalamus left": {10}, "thalamus right": {49},
        "putamen": {12, 51}, "caudate": {11, 50}, "brain stem": {16}, "cerebellar white": {7, 46}, "lesion": {77},
        "scalp": {0}, "bone": {0},
    }  # fmt: skip
    back = np.linalg.inv(aseg.affine)
    for name, allowed in asked.items():
        deep = np.argwhere(ndimage.binary_erosion(tissue == names.index(name)))
        assert len(deep) > 5, name
        points = world(patient.images["t1"], deep)
        found = labels[tuple(np.rint(points @ back[:3, :3].T + back[:3, 3]).astype(int).T)]
        assert np.isin(found, list(allowed)).mean() > 0.995, name


def test_left_is_the_patients_left(aseg: nib.MGHImage, labels: np.ndarray) -> None:
    # Columns run to the left; counts by label and column.
    right_mm = aseg.affine[0, 0] * np.arange(256) + aseg.affine[0, 3]
    columns = np.stack([np.bincount(sheet.ravel(), minlength=80) for sheet in labels], 1)
    present, mean_mm = columns > 0, columns @ right_mm / np.maximum(columns.sum(1), 1)
    assert right_mm[present[10]].max() < right_mm[present[49]].min()
    midline = (mean_mm[10] + mean_mm[49]) / 2
    for left, right in LEFT_RIGHT:
        assert mean_mm[left] < midline - 4, left
        assert mean_mm[right] > midline + 4, right
        assert 0.8 < columns[left].sum() / columns[right].sum() < 1.25, left


def test_thalamic_volumes_are_the_truths(patient: Patient, labels: np.ndarray) -> None:
    for side, label in (("left", 10), ("right", 49)):
        assert (labels == label).sum() / 1000 == pytest.approx(patient.truth.volumes_ml[side], rel=0.1)


def test_ventricles_hold_the_true_atria(patient: Patient, aseg: nib.MGHImage, labels: np.ndarray) -> None:
    for side, label in (("left", 4), ("right", 43)):
        point = patient.truth.qsm_to_flair @ [*patient.truth.atria_mm[side], 1]
        where = np.rint(np.linalg.inv(aseg.affine) @ point).astype(int)[:3]
        assert labels[tuple(where)] == label
        _, pieces = ndimage.label(labels == label)
        assert pieces < 20  # one ventricle and crumbs, no CSF from anywhere else


def test_parcels_divide_the_cortex_and_nothing_else(subject: Path, labels: np.ndarray) -> None:
    parcels = np.asarray(nib.load(subject / "mri" / "aparc+aseg.mgz").dataobj).astype(np.int32)
    undivided = np.r_[np.arange(1000), np.full(1000, 3), np.full(1000, 42)]
    np.testing.assert_array_equal(undivided[parcels], labels)
    counts = np.bincount(parcels.ravel(), minlength=3000)
    assert [(counts[first : first + 1000] > 1000).sum() for first in (1000, 2000)] == [6, 6]
    assert not counts[[3, 42]].any()


def test_tables_hold_the_counts_of_the_maps(subject: Path, labels: np.ndarray) -> None:
    text = (subject / "stats" / "aseg.stats").read_text()
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    counts = np.bincount(labels.ravel(), minlength=256)
    counts[[0, 2, 3, 41, 42]] = 0  # which the table leaves out
    assert {int(row[1]): int(row[2]) for row in rows if row[2] != "0"} == {n: counts[n] for n in np.flatnonzero(counts)}
    assert all(float(row[3]) == int(row[2]) for row in rows)
    assert f"# NRows {len(rows)} " in text
    grey = np.isin(labels, [3, 42, 8, 47, 10, 11, 12, 13, 28, 49, 50, 51, 52, 60]).sum()
    assert measure(subject / "stats" / "aseg.stats", "TotalGrayVol") == grey
    parcels = np.asarray(nib.load(subject / "mri" / "aparc+aseg.mgz").dataobj)
    for side, first in (("lh", 1000), ("rh", 2000)):
        text = (subject / "stats" / f"{side}.aparc.stats").read_text()
        rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
        counts = np.bincount(parcels.ravel(), minlength=3000)[first : first + 1000]
        assert sorted(int(row[3]) for row in rows) == sorted(counts[counts > 0])


def test_tables_of_the_cortex_hold_the_means_over_its_vertices(subject: Path) -> None:
    for side in ("lh", "rh"):
        thickness, area = (
            nib.freesurfer.read_morph_data(subject / "surf" / f"{side}.{n}") for n in ("thickness", "area")
        )
        path = subject / "stats" / f"{side}.aparc.stats"
        cortex = thickness > 0
        assert measure(path, "MeanThickness") == pytest.approx(thickness[cortex].mean(dtype=float), abs=1e-5)
        assert measure(path, "WhiteSurfArea") == pytest.approx(area[cortex].sum(dtype=float), abs=0.06)
        assert measure(path, "NumVert") == cortex.sum()
        rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
        assert sum(int(row[1]) for row in rows) == cortex.sum()


def test_mean_thickness_is_that_of_the_painted_cortex(subject: Path) -> None:
    """Closed sulci are divided midway, so half of their CSF counts as cortex; where a sulcus is open, nothing does."""
    for side in ("lh", "rh"):
        mean = measure(subject / "stats" / f"{side}.aparc.stats", "MeanThickness")
        assert mean == pytest.approx(_CORTEX_MM, abs=0.25)


def test_white_surface_lies_on_the_true_border(
    subject: Path, meshes: dict, borders: tuple[np.ndarray, np.ndarray]
) -> None:
    for side in ("lh", "rh"):
        cortex = nib.freesurfer.read_morph_data(subject / "surf" / f"{side}.thickness") > 0
        away, _ = cKDTree(borders[0]).query(meshes[f"{side}.white"][0][cortex])
        assert np.median(away) < 0.6
        assert (away < 1.2).mean() > 0.98


def test_pial_surface_lies_in_csf_or_midway_between_banks(
    subject: Path, meshes: dict, borders: tuple[np.ndarray, np.ndarray]
) -> None:
    for side in ("lh", "rh"):
        cortex = nib.freesurfer.read_morph_data(subject / "surf" / f"{side}.thickness") > 0
        white, pial = (meshes[f"{side}.{name}"][0] for name in ("white", "pial"))
        outer, _ = cKDTree(borders[1]).query(pial[cortex])
        assert np.median(outer) < 0.8
        moved = np.linalg.norm(pial - white, axis=1)
        assert moved[cortex].min() > 0.499
        assert moved[cortex].max() < 5.001
        assert not moved[~cortex].any()
        assert 0.9 < cortex.mean() < 0.99


def test_surfaces_are_closed_and_face_outwards(patient: Patient, meshes: dict) -> None:
    centre = {}
    for name, (vertices, faces) in meshes.items():
        assert len(vertices) < 200_000
        assert np.unique(faces).size == len(vertices)
        # In a closed mesh with one outside, each edge is walked once in each direction.
        start, end = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64).T
        there, back = np.sort(start * len(vertices) + end), np.sort(end * len(vertices) + start)
        np.testing.assert_array_equal(there, back)
        assert (np.diff(there) > 0).all()
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        volume_ml = np.einsum("ij,ij->", a, np.cross(b, c)) / 6000
        assert volume_ml > 200, name
        centre[name] = vertices.mean(0)
        at = np.rint(voxel(patient.images["t1"], vertices)).astype(int)
        assert np.isin(patient.truth.tissue_t1[tuple(at.T)], [0, 1, 2, 3, 4]).mean() < 0.02  # scalp, bone and outside
    assert centre["lh.white"][0] < centre["rh.white"][0] - 30


def test_faces_of_white_and_pial_are_the_same(meshes: dict) -> None:
    for side in ("lh", "rh"):
        np.testing.assert_array_equal(meshes[f"{side}.white"][1], meshes[f"{side}.pial"][1])


def test_areas_add_up_to_the_mesh(subject: Path, meshes: dict) -> None:
    for side in ("lh", "rh"):
        vertices, faces = meshes[f"{side}.white"]
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        total = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
        area = nib.freesurfer.read_morph_data(subject / "surf" / f"{side}.area")
        assert area.sum(dtype=float) == pytest.approx(total, rel=1e-4)


def test_the_same_patient_gives_the_same_bytes(patient: Patient, subject: Path, tmp_path: Path) -> None:
    again = write_freesurfer(patient, tmp_path)

    def sums(folder: Path) -> dict[str, str]:
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    assert len(sums(again)) == 15
    assert sums(again) == sums(subject)
