"""What a file's header says is read without its voxels, doubted where it contradicts itself, and repeated as it is."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging import read_header, read_volume, rigid_matrix, write_label_map

SHAPE = (6, 7, 5)
AFFINE = rigid_matrix((3, -8, 12), (5, -7, 10)) @ np.diag([-0.8, 0.9, 2.0, 1.0])


def saved(path, *, sform=AFFINE, qform=AFFINE, codes=(1, 1), kind=nib.Nifti1Image, change=None):
    """A NIfTI file with the forms and codes given; `change` has the last word on its header."""
    image = kind(np.arange(210, dtype=np.int16).reshape(SHAPE), None)
    image.header.set_qform(qform, codes[0], strip_shears=True)
    image.header.set_sform(sform, codes[1])
    if change is not None:
        change(image.header)
    nib.save(image, path)
    return path


# name: (header, words of the note or of the refusal, whether it is refused)
FORMS = {
    "both agree": ({}, "", False),
    "sform alone": ({"codes": (0, 1)}, "", False),
    "qform alone": ({"codes": (1, 0)}, "", False),
    "rounding apart": ({"qform": rigid_matrix((0.01, 0, 0), (0, 0, 0)) @ AFFINE}, "", False),
    "3 mm apart": ({"qform": rigid_matrix((0, 3, 0), (0, 0, 0)) @ AFFINE}, "3.0 mm apart; the sform is used", False),
    "10 degrees apart": ({"qform": rigid_matrix((0, 0, 0), (10, 0, 0)) @ AFFINE}, "apart", False),
    "sform sheared": ({"sform": AFFINE @ (np.eye(4) + 0.1 * np.eye(4, k=1))}, "apart", False),
    "voxel size elsewhere wrong": (
        {"codes": (0, 1), "change": lambda h: h["pixdim"].__setitem__(slice(1, 4), (1, 1, 1))},
        "voxel size",
        False,
    ),
    "mirrored": ({"sform": np.diag([-1, 1, 1, 1]) @ AFFINE}, "left and right differently", True),
    "half a turn apart": (
        {"sform": rigid_matrix((0, 0, 0), (0, 0, 180)) @ AFFINE},
        "left and right differently",
        True,
    ),
    "no codes": ({"codes": (0, 0)}, "does not say where left and right are", True),
    "no third axis": ({"sform": AFFINE * np.array([1, 1, 0, 1])}, "claims voxels of", True),
    "flat sform": ({"sform": AFFINE[:, [0, 1, 1, 3]], "codes": (0, 1)}, "flat affine", True),
    "in metres": ({"sform": AFFINE / 1000, "codes": (0, 1)}, "not in mm", True),
    "a number that is none": (
        {"change": lambda h: h["srow_x"].__setitem__(0, np.nan)},
        "not numbers",
        True,
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_forms_that_disagree_are_noted_or_refused(case, tmp_path):
    header, words, refused = FORMS[case]
    path = saved(tmp_path / "scan.nii", **header)
    for read in (read_header, read_volume):
        if refused:
            with pytest.raises(ImageError, match=words) as caught:
                read(path)
            assert "scan.nii" in str(caught.value)
            continue
        found = read(path)
        notes = found.notes if read is read_header else found.source.notes
        assert len(notes) == (1 if words else 0)
        assert words in "".join(notes)


@pytest.mark.parametrize("case", [name for name, (_, _, refused) in FORMS.items() if not refused])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_label_map_repeats_the_forms_of_its_image(case, kind, tmp_path):
    path = saved(tmp_path / "scan.nii", kind=kind, **FORMS[case][0])
    volume = read_volume(path)
    write_label_map(tmp_path / "mask.nii.gz", volume.data > 100, volume)
    source, mask = nib.load(path), nib.load(tmp_path / "mask.nii.gz")
    assert type(mask) is type(source)
    assert (mask.affine == source.affine).all()
    for form in ("get_sform", "get_qform"):
        ours, theirs = (getattr(image.header, form)(coded=True) for image in (mask, source))
        assert ours[1] == theirs[1]
        assert ours[0] is theirs[0] is None or (ours[0] == theirs[0]).all()
    assert mask.header.get_xyzt_units() == source.header.get_xyzt_units()
    assert (np.asarray(mask.dataobj) == (np.asarray(source.dataobj) > 100)).all()
    if case != "sform sheared" and kind is nib.Nifti1Image:  # ITK knows neither shear nor NIfTI-2
        other, same = sitk.ReadImage(str(path)), sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
        assert same.GetOrigin() == other.GetOrigin()
        assert same.GetDirection() == other.GetDirection()
        assert same.GetSpacing() == other.GetSpacing()


def test_nothing_but_the_geometry_of_a_header_is_repeated(tmp_path):
    def name(header):
        header["descrip"], header["db_name"], header["aux_file"] = b"Doe^Jane 1961", b"Doe", b"Jane"

    path = saved(tmp_path / "scan.nii", change=name)
    volume = read_volume(path)
    write_label_map(tmp_path / "mask.nii", volume.data > 100, volume)
    written = (tmp_path / "mask.nii").read_bytes()
    assert b"Jane" in path.read_bytes()
    assert b"Jane" not in written
    assert b"Doe" not in written


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mgh", ".mgz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_header_is_read_without_the_voxels(suffix, kind, tmp_path):
    path = tmp_path / f"scan{suffix}"
    data = np.random.default_rng(0).integers(0, 30000, (70, 60, 50)).astype(np.int16)
    nib.save((nib.MGHImage if "mg" in suffix else kind)(data, AFFINE), path)
    whole = read_volume(path)
    path.write_bytes(path.read_bytes()[:90_000])  # most voxels are gone
    header = read_header(path)
    assert header.grid.shape == (70, 60, 50)
    assert header.dtype.newbyteorder("=") == np.int16
    assert header.grid.grid().same_as(whole.grid)
    with pytest.raises(ImageError, match="cut off"):
        read_volume(path)


def test_an_mgh_file_without_a_place_is_refused(tmp_path):
    content = bytearray(nib.MGHImage(np.ones(SHAPE, np.float32), AFFINE).to_bytes())
    content[28:30] = bytes(2)  # goodRASFlag
    (tmp_path / "scan.mgh").write_bytes(content)
    with pytest.raises(ImageError, match="left and right"):
        read_volume(tmp_path / "scan.mgh")


def test_a_header_that_claims_fewer_voxels_than_there_are_is_not_believed(tmp_path):
    content = bytearray(saved(tmp_path / "scan.nii").read_bytes())
    content[46] = 4  # dim[3], 5 in truth
    (tmp_path / "scan.nii").write_bytes(content)
    with pytest.raises(ImageError, match="more voxels than its header says"):
        read_volume(tmp_path / "scan.nii")


@pytest.mark.parametrize("magic", [b"ni1\0", b"n+3\0", bytes(4)], ids=["of a pair", "unknown", "Analyze"])
def test_other_magics_are_refused(magic, tmp_path):
    content = bytearray(saved(tmp_path / "scan.nii").read_bytes())
    content[344:348] = magic
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(ImageError, match="not a NIfTI"):
        read_volume(tmp_path / "scan.nii.gz")


def test_every_real_image_has_a_header_that_agrees_with_its_voxels(shared_data: Path):
    files = [*shared_data.rglob("*.nii.gz"), *shared_data.rglob("*.mgz")]
    assert len(files) >= 9
    for path in files:
        header, image = read_header(path), nib.load(path)
        assert header.grid.shape == image.shape
        np.testing.assert_allclose(header.grid.affine, image.affine, atol=1e-6)
