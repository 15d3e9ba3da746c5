"""Echoes from a file each or all from one, wherever the file's axes point; and files that are none."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from thaliron_napari.errors import GridError, ImageError
from thaliron_napari.imaging.echoes import read_echoes
from thaliron_napari.imaging.files import read_header, read_volume

SHAPE = (5, 7, 6)
AXES = ["LPS", "RAS", "PIR", "SRA", "ASL"]


def lps_affine(tilt_deg: float = 0.0) -> np.ndarray:
    """Of an array (x, y, z) in the program's orientation; RAS mm."""
    angle = np.deg2rad(tilt_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-0.9, -1.0, 2.0])
    affine[:3, 3] = (3, 4, -8)
    return affine


def saved(path: Path, data: np.ndarray, axes: str = "LPS", tilt_deg: float = 0.0) -> Path:
    """Write (echo, z, y, x) or (z, y, x) with the file's axes running as named."""
    affine = lps_affine(tilt_deg)
    image = nib.Nifti1Image(data.transpose(*range(data.ndim)[::-1]), affine)
    image = image.as_reoriented(ornt_transform(io_orientation(affine), axcodes2ornt(axes)))
    nib.save(image, path)
    return path


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.random.default_rng(4).normal(0, 100, (3, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("tilt_deg", [0, 14])
@pytest.mark.parametrize("axes", AXES)
def test_one_file_with_all_and_a_file_each_are_the_same(axes: str, tilt_deg: float, truth, tmp_path: Path) -> None:
    whole = saved(tmp_path / "all.nii.gz", truth, axes, tilt_deg)
    each = [saved(tmp_path / f"{n}.nii", echo, axes, tilt_deg) for n, echo in enumerate(truth)]
    for files in ([whole], each, [str(each[0]), *each[1:]]):
        found = read_echoes(files)
        assert found.data.dtype == np.float32
        assert found.data.flags["C_CONTIGUOUS"]
        assert np.array_equal(found.data, truth)
        assert np.allclose(found.grid.affine, lps_affine(tilt_deg)[:, [2, 1, 0, 3]], atol=1e-5)
        assert [source.path for source in found.sources] == [Path(file) for file in files]
        assert found.notes == ()
    assert [place[1] for place in read_echoes([whole]).places] == [0, 1, 2]
    assert read_echoes(each).places == tuple((path, 0) for path in each)
    volume = read_volume(each[1])
    assert np.array_equal(volume.data, truth[1])
    assert volume.grid.same_as(read_echoes(each).grid)


def test_files_of_both_sorts_stand_in_the_order_given(truth, tmp_path: Path) -> None:
    pair, one = saved(tmp_path / "pair.nii", truth[1:]), saved(tmp_path / "one.nii.gz", truth[0])
    found = read_echoes([pair, one])
    assert np.array_equal(found.data, truth[[1, 2, 0]])
    assert found.places == ((pair, 0), (pair, 1), (one, 0))


def test_echoes_may_lie_along_the_fifth_axis(truth, tmp_path: Path) -> None:
    data = truth.transpose(3, 2, 1, 0)[:, :, :, None]
    nib.save(nib.Nifti1Image(data, lps_affine()), tmp_path / "five.nii")
    assert np.array_equal(read_echoes([tmp_path / "five.nii"]).data, truth)
    nib.save(nib.MGHImage(truth.transpose(3, 2, 1, 0), lps_affine()), tmp_path / "frames.mgz")
    assert np.array_equal(read_echoes([tmp_path / "frames.mgz"]).data, truth)


def test_a_scale_is_applied_to_every_echo(tmp_path: Path) -> None:
    stored = np.random.default_rng(1).integers(0, 4096, (3, *SHAPE)).astype(np.int16)
    image = nib.Nifti1Image(stored.transpose(3, 2, 1, 0), lps_affine())
    image.header.set_slope_inter(2, -4096)
    nib.save(image, tmp_path / "scaled.nii")
    assert np.array_equal(read_echoes([tmp_path / "scaled.nii"]).data, 2.0 * stored - 4096)


def test_voxels_that_are_not_numbers_become_zero_and_are_counted(truth, tmp_path: Path) -> None:
    wrong = truth.copy()
    wrong[0, 0], wrong[2, 1, 1, 1], wrong[2, 1, 1, 2] = np.nan, np.inf, -np.inf
    files = [saved(tmp_path / "whole.nii.gz", wrong[:2]), saved(tmp_path / "last.nii.gz", wrong[2])]
    found = read_echoes(files)
    assert np.array_equal(found.data, np.where(np.isfinite(wrong), wrong, 0))
    assert found.notes == (
        "whole.nii.gz: 42 voxels that are not numbers are taken as 0",
        "last.nii.gz: 2 voxels that are not numbers are taken as 0",
    )


def test_what_the_header_contradicts_is_noted(truth, tmp_path: Path) -> None:
    image = nib.Nifti1Image(truth.transpose(3, 2, 1, 0), lps_affine())
    moved = lps_affine()
    moved[2, 3] += 5
    image.set_qform(moved, 1)
    nib.save(image, tmp_path / "two places.nii")
    (note,) = read_echoes([tmp_path / "two places.nii"]).notes
    assert note.startswith("two places.nii: its sform and its qform place it up to 5.0 mm apart")


def test_other_readers_still_want_one_volume(truth, tmp_path: Path) -> None:
    path = saved(tmp_path / "all.nii", truth)
    for read in (read_volume, read_header):
        with pytest.raises(ImageError, match="has 4 dimensions"):
            read(path)
    assert read_header(path, several=True).volumes == 3


def cut(path: Path) -> Path:
    saved(path, np.random.default_rng(0).normal(size=(3, 9, 9, 9)).astype(np.float32))
    path.write_bytes(path.read_bytes()[:-1500])
    return path


def longer(path: Path) -> Path:
    whole = saved(path.with_name("whole.nii"), np.ones((3, *SHAPE), np.float32)).read_bytes()
    path.write_bytes(gzip.compress(whole + bytes(2000)))
    return path


def huge(path: Path) -> Path:
    header = nib.Nifti1Header()
    header.set_data_shape((512, 512, 512, 600))
    header.set_sform(lps_affine(), 1)
    path.write_bytes(header.binaryblock + bytes(4))
    return path


def flat(path: Path) -> Path:
    nib.save(nib.Nifti1Image(np.ones((3, 4), np.float32), lps_affine()), path)
    return path


def six(path: Path) -> Path:
    nib.save(nib.Nifti1Image(np.ones((3, 4, 5, 2, 3), np.float32), lps_affine()), path)
    return path


BAD = {
    "missing": (lambda path: path, "There is no file"),
    "cut off": (cut, "cut off or damaged"),
    "longer than it says": (longer, "holds more voxels"),
    "text": (lambda path: path.write_text("a,b\n") and path, "is not a NIfTI"),
    "huge": (huge, "its header is damaged"),
    "two dimensions": (flat, r"has 2 dimensions \(3 x 4\)"),
    "five dimensions": (six, "has 5 dimensions"),
    "complex": (lambda path: saved(path, np.ones((3, *SHAPE), np.complex64)), "colours or complex"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named(case: str, tmp_path: Path) -> None:
    make, words = BAD[case]
    path = make(tmp_path / "echoes.nii.gz" if case != "text" else tmp_path / "echoes.nii")
    with pytest.raises(ImageError, match=words) as caught:
        read_echoes([path])
    assert "echoes.nii" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_is_refused() -> None:
    with pytest.raises(ImageError, match="No file of the gradient echo"):
        read_echoes([])


@pytest.mark.parametrize("other", ["shape", "place"])
def test_files_on_different_grids_are_refused_before_their_voxels_are_read(other: str, truth, tmp_path: Path) -> None:
    first = saved(tmp_path / "first.nii.gz", truth[0])
    second = saved(tmp_path / "second.nii.gz", truth[1][:-1] if other == "shape" else truth[1], tilt_deg=3)
    second.write_bytes(second.read_bytes()[:-100])
    with pytest.raises(GridError, match=r"second.nii.gz \(.*\) lies on another grid than first.nii.gz \(5 x 7 x 6\)"):
        read_echoes([first, second])
