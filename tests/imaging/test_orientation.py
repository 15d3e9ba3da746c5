"""Whatever the axis order of a file, voxels and their places in the patient survive reading and writing."""

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from thaliron_napari.imaging import rigid_matrix
from thaliron_napari.imaging.files import read_label_map, read_volume, write_image, write_label_map
from thaliron_napari.imaging.grid import Grid
from thaliron_napari.imaging.volume import Volume

SHAPE = (7, 9, 5)
SPACING = (0.5, 0.7, 2.0)
SHIFT = (-11.5, 23.25, 4.75)


def axes(order, signs, turns=(0, 0, 0)):
    """Affine of a file whose axes run along `order` of R, A, S with `signs`, then all turned."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        affine[world, axis] = sign * SPACING[axis]
    affine[:3, 3] = SHIFT
    return rigid_matrix((0, 0, 0), turns) @ affine


CASES = {
    "".join("RAS"[w] if s > 0 else "LPI"[w] for w, s in zip(order, signs, strict=True)): axes(order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
}
CASES["oblique LPS"] = axes((0, 1, 2), (-1, -1, 1), turns=(12, -7, 20))
CASES["oblique sagittal"] = axes((1, 2, 0), (1, -1, 1), turns=(-9, 14, 5))
CASES["nearly 45 degrees"] = axes((0, 1, 2), (1, 1, 1), turns=(0, 0, 43))


def test_the_table_has_every_order_and_flip():
    assert len(CASES) == 48 + 3
    assert {"".join(nib.aff2axcodes(affine)) for name, affine in CASES.items() if len(name) == 3} == set(CASES) - {
        name for name in CASES if len(name) > 3
    }


@pytest.fixture(params=CASES, ids=str)
def file(request, tmp_path):
    """An image of distinct values in one of the axis orders."""
    data = np.random.default_rng(3).permutation(np.prod(SHAPE)).reshape(SHAPE).astype(np.int16)
    image = nib.Nifti1Image(data, CASES[request.param])
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "image.nii.gz")
    return tmp_path / "image.nii.gz"


def test_voxels_keep_their_place_in_the_patient(file):
    volume = read_volume(file)
    source = nib.load(file)
    there = np.random.default_rng(4).integers(0, SHAPE, (100, 3))
    world = nib.affines.apply_affine(source.affine, there)
    index = volume.grid.index(world)
    nearest = np.rint(index).astype(int)
    assert np.abs(volume.grid.world(nearest) - world).max() < 1e-4
    assert (volume.data[tuple(nearest.T)] == np.asarray(source.dataobj)[tuple(there.T)]).all()


def test_axes_run_to_superior_posterior_left(file):
    affine = read_volume(file).grid.affine
    assert np.abs(affine[:3, :3]).argmax(axis=0).tolist() == [2, 1, 0]
    assert affine[2, 0] > 0  # z to Superior
    assert affine[1, 1] < 0  # y to Posterior
    assert affine[0, 2] < 0  # x to Left


def test_a_bead_at_the_patients_left_lies_at_the_end_of_x_and_comes_back(file, tmp_path):
    volume = read_volume(file)
    bead = np.zeros(volume.data.shape, np.uint8)
    bead[volume.data.shape[0] // 2, volume.data.shape[1] // 2, -1] = 1
    write_label_map(tmp_path / "bead.nii.gz", bead, volume)

    source, written = nib.load(file), nib.load(tmp_path / "bead.nii.gz")
    place = nib.affines.apply_affine(written.affine, np.argwhere(np.asarray(written.dataobj))[0])
    middle = nib.affines.apply_affine(source.affine, (np.array(SHAPE) - 1) / 2)
    assert place[0] < middle[0]  # Left is negative in RAS


def test_what_is_drawn_comes_back_bit_for_bit_on_the_files_own_grid(file, tmp_path):
    volume = read_volume(file)
    write_label_map(tmp_path / "mask.nii.gz", (volume.data > 150) * 7, volume)
    write_image(tmp_path / "values.nii.gz", volume.data, volume)

    source = nib.load(file)
    mask, values = nib.load(tmp_path / "mask.nii.gz"), nib.load(tmp_path / "values.nii.gz")
    for written in (mask, values):
        assert written.shape == source.shape
        assert (written.affine == source.affine).all()
        assert written.header.get_xyzt_units() == source.header.get_xyzt_units()
    assert (np.asarray(mask.dataobj) == (np.asarray(source.dataobj) > 150) * 7).all()
    assert (np.asarray(values.dataobj) == np.asarray(source.dataobj)).all()
    again = read_label_map(tmp_path / "mask.nii.gz", like=volume.grid)
    assert (again.data == (volume.data > 150) * 7).all()


def test_another_reader_sees_the_same_place(file, tmp_path):
    volume = read_volume(file)
    write_label_map(tmp_path / "mask.nii.gz", volume.data > 150, volume)
    source, mask = sitk.ReadImage(str(file)), sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    assert mask.GetSize() == source.GetSize()
    for ours, theirs in (
        (mask.GetOrigin(), source.GetOrigin()),
        (mask.GetSpacing(), source.GetSpacing()),
        (mask.GetDirection(), source.GetDirection()),
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for index in np.random.default_rng(5).integers(0, SHAPE, (20, 3)).tolist():
        ras = np.array(source.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1]
        assert volume.data[volume.grid.nearest(ras)] == source[index]
        assert np.abs(volume.grid.world(volume.grid.nearest(ras)) - ras).max() < 1e-4


@pytest.mark.parametrize("kind", ["nii", "nii.gz", "mgz", "NIfTI-2", "big-endian", "4D of one", "float64", "int64"])
def test_every_kind_of_file_gives_the_same_values(kind, tmp_path):
    data = np.random.default_rng(6).integers(0, 1000, SHAPE).astype(np.int32)
    affine = CASES["oblique LPS"]
    path = tmp_path / f"image.{kind if kind in ('nii', 'nii.gz', 'mgz') else 'nii'}"
    if kind == "mgz":
        image = nib.MGHImage(data, affine)
    elif kind == "NIfTI-2":
        image = nib.Nifti2Image(data, affine)
    elif kind == "big-endian":
        image = nib.Nifti1Image(data, affine, nib.Nifti1Header(endianness=">"))
    elif kind == "4D of one":
        image = nib.Nifti1Image(data[..., None], affine)
    else:
        stored = {"float64": np.float64, "int64": np.int64}.get(kind, np.int32)
        image = nib.Nifti1Image(data.astype(stored), affine, dtype=stored)
    nib.save(image, path)
    volume = read_volume(path)
    assert volume.data.dtype == np.float32
    expected = Volume(data.transpose(2, 1, 0), Grid(SHAPE[::-1], affine[:, [2, 1, 0, 3]]))
    assert (volume.data == expected.data).all()
    np.testing.assert_allclose(volume.grid.affine, expected.grid.affine, atol=1e-4)
    assert (read_label_map(path).data == expected.data).all()


def test_scaled_integers_are_read_in_their_unit(tmp_path):
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), CASES["LPS"])
    image.header.set_slope_inter(0.25, -3)
    nib.save(image, tmp_path / "image.nii")
    expected = nib.load(tmp_path / "image.nii").get_fdata()
    np.testing.assert_allclose(read_volume(tmp_path / "image.nii").data, expected.transpose(2, 1, 0), rtol=1e-6)


def test_the_digest_is_that_of_the_file(tmp_path):
    import hashlib

    path = tmp_path / "image.nii.gz"
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.int16), CASES["LPS"]), path)
    source = read_volume(path).source
    assert source is not None
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.path == path.resolve()


def test_an_image_does_not_change_with_its_file(tmp_path):
    path = tmp_path / "image.nii"
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.float32), CASES["LPS"]), path)
    volume = read_volume(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert (volume.data == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        volume.data[0, 0, 0] = 2


def test_the_raw_scan_of_a_patient_lies_where_other_readers_see_it(shared_data: Path):
    path = shared_data / "open_ms" / "patient01_raw_FLAIR.nii.gz"
    volume, other = read_volume(path), sitk.ReadImage(str(path))
    for index in np.random.default_rng(7).integers(0, other.GetSize(), (100, 3)).tolist():
        ras = np.array(other.TransformIndexToPhysicalPoint(index)) * [-1, -1, 1]
        nearest = volume.grid.nearest(ras)
        assert np.abs(volume.grid.world(nearest) - ras).max() < 1e-3
        assert volume.data[nearest] == other[index]
