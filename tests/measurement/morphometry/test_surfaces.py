"""Surfaces against nibabel, a volume whose place is known, and in words for files that are none."""

from pathlib import Path

import nibabel as nib
import nibabel.freesurfer as fs
import numpy as np
import pytest
from nibabel.gifti import GiftiCoordSystem, GiftiDataArray, GiftiImage

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.surfaces import read_per_vertex, read_surface

FACES = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])
VOXELS = np.array([[10.0, 20, 30], [100, 20, 7], [128, 128, 128], [3, 200, 250]])


def _volume(oblique: bool = True) -> nib.MGHImage:
    """A conformed volume, its axes turned by some degrees about each axis, its middle far from the origin."""
    turn = np.eye(3)
    for axis, angle in enumerate((0.2, -0.15, 0.3) if oblique else ()):
        one, other = (k for k in range(3) if k != axis)
        plane = np.eye(3)
        plane[[one, one, other, other], [one, other, one, other]] = (
            np.cos(angle),
            -np.sin(angle),
            np.sin(angle),
            np.cos(angle),
        )
        turn = turn @ plane
    affine = np.eye(4)
    affine[:3, :3] = turn @ [[-1, 0, 0], [0, 0, 1], [0, -1, 0]]
    affine[:3, 3] = np.array([5.0, -17, 11]) - affine[:3, :3] @ [128, 128, 128]
    return nib.MGHImage(np.zeros((256, 256, 256), np.uint8), affine)


def _geometry(volume: nib.MGHImage) -> dict[str, object]:
    header = volume.header
    return {
        "head": np.array([2, 0, 20], np.int32),
        "valid": "1  # volume info valid",
        "filename": "../mri/filled.mgz",
        "volume": np.array(volume.shape),
        "voxelsize": np.array(volume.header.get_zooms()[:3]),
        **{f"{axis}ras": header["Mdc"][k] for k, axis in enumerate("xyz")},
        "cras": header["Pxyz_c"],
    }


def _tkr(volume: nib.MGHImage) -> np.ndarray:
    return nib.affines.apply_affine(volume.header.get_vox2ras_tkr(), VOXELS)


@pytest.mark.parametrize("oblique", [True, False])
def test_a_vertex_lies_where_its_voxel_does(tmp_path: Path, oblique: bool) -> None:
    volume = _volume(oblique)
    truth = nib.affines.apply_affine(volume.header.get_vox2ras(), VOXELS)
    (tmp_path / "surf").mkdir()
    path = tmp_path / "surf" / "lh.white"
    fs.write_geometry(path, _tkr(volume), FACES, volume_info=_geometry(volume))
    surface = read_surface(path)
    np.testing.assert_allclose(surface.vertices, truth, atol=1e-4)
    np.testing.assert_array_equal(surface.faces, FACES)
    np.testing.assert_allclose(read_surface(path, placed=False).vertices, _tkr(volume), atol=1e-4)

    bare = tmp_path / "surf" / "lh.pial"
    fs.write_geometry(bare, _tkr(volume), FACES)
    with pytest.raises(MeasurementError, match="does not say where it lies"):
        read_surface(bare)
    (tmp_path / "mri").mkdir()
    nib.save(volume, tmp_path / "mri" / "aseg.mgz")
    np.testing.assert_allclose(read_surface(bare).vertices, truth, atol=1e-4)
    elsewhere = nib.MGHImage(np.zeros((4, 4, 4), np.uint8), np.eye(4))
    nib.save(elsewhere, tmp_path / "other.mgz")
    moved = read_surface(path, tmp_path / "other.mgz").vertices  # what is given counts for more than the file
    to_world = elsewhere.header.get_vox2ras() @ np.linalg.inv(elsewhere.header.get_vox2ras_tkr())
    np.testing.assert_allclose(moved, nib.affines.apply_affine(to_world, _tkr(volume)), atol=1e-4)
    # a subject of which orig.mgz is there too is placed by that one
    nib.save(elsewhere, tmp_path / "mri" / "orig.mgz")
    np.testing.assert_allclose(read_surface(bare).vertices, moved, atol=1e-6)


def test_a_file_in_the_scanners_world_is_left_there(tmp_path: Path) -> None:
    path = tmp_path / "lh.white"
    fs.write_geometry(path, VOXELS, FACES, volume_info=_geometry(_volume()))
    path.write_bytes(path.read_bytes().replace(b"\0\0\0\2\0\0\0\0\0\0\0\x14", b"\0\0\0\2\0\0\0\1\0\0\0\x14"))
    np.testing.assert_array_equal(read_surface(path).vertices, VOXELS)


@pytest.mark.parametrize("new", [False, True])
def test_quadrangles_as_nibabel_reads_them(tmp_path: Path, new: bool) -> None:
    quads = np.array([[0, 1, 2, 3], [1, 0, 3, 2], [4, 5, 6, 7], [7, 0, 1, 2]])
    rng = np.random.default_rng(5)
    points = rng.integers(-9000, 9000, (8, 3))
    packed = b"".join(int(n).to_bytes(3, "big") for n in quads.ravel())
    body = (points / 100).astype(">f4").tobytes() if new else points.astype(">i2").tobytes()
    magic = b"\xff\xff\xfd" if new else b"\xff\xff\xff"
    path = tmp_path / "lh.orig"
    path.write_bytes(magic + (8).to_bytes(3, "big") + (4).to_bytes(3, "big") + body + packed)
    vertices, faces = fs.read_geometry(path)
    surface = read_surface(path, placed=False)
    np.testing.assert_allclose(surface.vertices, vertices, rtol=1e-12)
    np.testing.assert_array_equal(surface.faces, faces)


@pytest.mark.parametrize("named", [True, False])
def test_gifti_with_and_without_freesurfers_volume(tmp_path: Path, named: bool) -> None:
    volume = _volume()
    meta = {}
    if named:
        rows = np.vstack([volume.header["Mdc"], volume.header["Pxyz_c"]])
        meta = {f"VolGeom{a}_{to}": f"{rows[k, n]:f}" for k, a in enumerate("XYZC") for n, to in enumerate("RAS")}
    points = GiftiDataArray(_tkr(volume).astype(np.float32), "pointset", meta=nib.gifti.GiftiMetaData(meta))
    points.coordsys = GiftiCoordSystem(0, 0)
    path = tmp_path / "lh.surf.gii"
    nib.save(GiftiImage(darrays=[points, GiftiDataArray(FACES.astype(np.int32), "triangle")]), path)
    truth = nib.affines.apply_affine(volume.header.get_vox2ras(), VOXELS) if named else _tkr(volume)
    surface = read_surface(path)
    np.testing.assert_allclose(surface.vertices, truth, atol=1e-3)
    np.testing.assert_array_equal(surface.faces, FACES)
    whole = path.read_bytes()
    for part in (b"", b"garbage", whole[: len(whole) // 2], whole.replace(b"pointset".upper(), b"SHAPE")):
        path.write_bytes(part)
        with pytest.raises(MeasurementError):
            read_surface(path)


def test_whatever_is_cut_off_or_changed_gives_our_error_or_a_whole_surface(tmp_path: Path) -> None:
    path = tmp_path / "lh.white"
    volume = _volume()
    fs.write_geometry(path, _tkr(volume), FACES, create_stamp="made", volume_info=_geometry(volume))
    whole = path.read_bytes()
    for length in range(len(whole) - 12):  # of the last line some digits may go unseen
        path.write_bytes(whole[:length])
        with pytest.raises(MeasurementError):
            read_surface(path)
    rng = np.random.default_rng(8)
    read = 0
    for _ in range(500):
        damaged = bytearray(whole)
        for at in rng.integers(0, 130, rng.integers(1, 4)):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            surface = read_surface(path)
        except MeasurementError:
            continue
        read += 1
        assert surface.faces.min() >= 0
        assert surface.faces.max() < len(surface.vertices)
        assert np.isfinite(surface.vertices).all()
    assert 50 < read < 450  # so that both were met


@pytest.mark.parametrize(
    ("vertex", "corner", "words"),
    [(np.nan, 2, "nowhere"), (1e9, 2, "nowhere"), (np.inf, 2, "nowhere"), (1.0, 4, "faces"), (1.0, -1, "faces")],
)
def test_impossible_surfaces(tmp_path: Path, vertex: float, corner: int, words: str) -> None:
    vertices, faces = VOXELS.copy(), FACES.copy()
    vertices[1, 1], faces[2, 0] = vertex, corner
    fs.write_geometry(tmp_path / "lh.white", vertices, faces)
    with pytest.raises(MeasurementError, match=words):
        read_surface(tmp_path / "lh.white")


def test_what_is_no_surface(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="cannot be read"):
        read_surface(tmp_path / "none")
    with pytest.raises(MeasurementError, match="cannot be read"):
        read_surface(tmp_path)
    path = tmp_path / "lh.white"
    # counts in the header of thousands of millions must not be believed
    for content in (b"hello, world", b"\xff\xff\xfe\n\n\x7f\xff\xff\xff\x7f\xff\xff\xff", b"\xff\xff\xff" * 4):
        path.write_bytes(content)
        with pytest.raises(MeasurementError):
            read_surface(path, placed=False)
    fs.write_geometry(path, VOXELS, FACES)
    with pytest.raises(MeasurementError):
        read_surface(path, tmp_path / "none.mgz")
    (tmp_path / "bad.mgz").write_bytes(b"no volume")
    with pytest.raises(MeasurementError):
        read_surface(path, tmp_path / "bad.mgz")


def test_one_number_a_vertex_as_nibabel_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "lh.thickness"
    values = np.random.default_rng(2).uniform(0, 5, 50).astype(np.float32)
    fs.write_morph_data(path, values, 96)
    np.testing.assert_array_equal(read_per_vertex(path), values)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(MeasurementError):
            read_per_vertex(path)
    fs.write_morph_data(path, np.where(values > 4, np.nan, values))
    with pytest.raises(MeasurementError, match="one number a vertex"):
        read_per_vertex(path)
    old = tmp_path / "lh.old"
    old.write_bytes((3).to_bytes(3, "big") + (2).to_bytes(3, "big") + np.array([250, 0, 499], ">i2").tobytes())
    np.testing.assert_allclose(read_per_vertex(old), [2.5, 0, 4.99])
    np.testing.assert_allclose(fs.read_morph_data(old), [2.5, 0, 4.99])
    fs.write_geometry(path, VOXELS, FACES)
    with pytest.raises(MeasurementError, match="one number a vertex"):
        read_per_vertex(path)


def test_a_real_subjects_thickness(shared_data: Path) -> None:
    folder = shared_data / "freesurfer" / "subject1" / "surf"
    thickness, area = read_per_vertex(folder / "lh.thickness"), read_per_vertex(folder / "lh.area")
    assert len(thickness) == len(area) == 149244
    assert thickness[thickness > 0].mean() == pytest.approx(2.548, abs=5e-4)
    assert thickness.max() == 5.0
