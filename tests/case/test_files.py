"""What a case leaves behind, read by other programs: on the image's own grid and axis order, with its story beside."""

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from readings import read_head

from thaliron_napari.case import Case, files, open_case
from thaliron_napari.errors import CaseError


@pytest.fixture
def read_case(head, tmp_path: Path) -> Case:
    """The head, read: thalami drawn as they are, both circles, the first two lesions."""
    return read_head(head, open_case([head.folder], derivatives=tmp_path, reader="me"))


def test_label_maps_lie_on_the_files_own_grid_for_other_programs(head, read_case: Case) -> None:
    anat = {path.name: path for path in files.save(read_case)}
    for name, source, axes in (
        ("sub-ball_space-QSM_desc-thalamus_dseg.nii.gz", head.qsm, "PIR"),
        ("sub-ball_space-QSM_desc-csf_mask.nii.gz", head.qsm, "PIR"),
        ("sub-ball_space-FLAIR_desc-lesions_dseg.nii.gz", head.flair, "LAS"),
    ):
        written, image = nib.load(anat[name]), nib.load(source)
        assert written.shape == image.shape
        assert np.array_equal(written.affine, image.affine)
        assert "".join(nib.aff2axcodes(written.affine)) == axes
        by_itk, itk_source = sitk.ReadImage(str(anat[name])), sitk.ReadImage(str(source))
        assert by_itk.GetSize() == itk_source.GetSize()
        assert np.allclose(by_itk.GetDirection(), itk_source.GetDirection(), atol=1e-6)
        assert np.allclose(by_itk.GetOrigin(), itk_source.GetOrigin(), atol=1e-4)
        assert np.array_equal(sitk.GetArrayFromImage(by_itk).transpose(2, 1, 0), np.asarray(written.dataobj))


def test_labels_are_where_they_were_drawn(head, read_case: Case) -> None:
    anat = {path.name: path for path in files.save(read_case)}
    thalami = np.asarray(nib.load(anat["sub-ball_space-QSM_desc-thalamus_dseg.nii.gz"]).dataobj)
    assert np.array_equal(thalami, np.asarray(nib.load(head.thalami).dataobj))
    image = nib.load(anat["sub-ball_space-FLAIR_desc-lesions_dseg.nii.gz"])
    for number, seed in enumerate(head.seeds[:2], start=1):
        voxels = np.argwhere(np.asarray(image.dataobj) == number)
        assert np.allclose(nib.affines.apply_affine(image.affine, voxels).mean(axis=0), seed, atol=0.6)
    csf = nib.load(anat["sub-ball_space-QSM_desc-csf_mask.nii.gz"])
    for label, side in ((1, "left"), (2, "right")):
        voxels = np.argwhere(np.asarray(csf.dataobj) == label)
        middle = nib.affines.apply_affine(csf.affine, voxels).mean(axis=0)
        assert np.allclose(middle[:2], head.atria[side][:2], atol=0.7)
        assert abs(middle[2] - head.atria[side][2]) <= 1.2


def test_sidecars_say_what_it_came_from(head, read_case: Case, tmp_path: Path) -> None:
    anat = {path.name: path for path in files.save(read_case)}
    digest = hashlib.sha256(head.qsm.read_bytes()).hexdigest()
    beside = json.loads(anat["sub-ball_space-QSM_desc-thalamus_dseg.json"].read_text("utf-8"))
    uri = f"bids:raw:sub-ball/anat/{head.qsm.name}"
    assert (beside["SpatialReference"], beside["Sources"][0], beside["SourceHashes"][uri]) == (uri, uri, digest)
    assert (beside["Reader"], beside["Labels"]["1"]) == ("me", "left thalamus")
    circles = json.loads(anat["sub-ball_space-QSM_desc-csf_mask.json"].read_text("utf-8"))["Circles"]
    assert np.allclose(circles["left"][0]["CentreRasMm"][:2], head.atria["left"][:2], atol=0.01)
    review = json.loads(anat["sub-ball_space-FLAIR_desc-lesions_dseg.json"].read_text("utf-8"))["Lesions"]
    assert {number: lesion["state"] for number, lesion in review.items()} == {"1": "accepted", "2": "proposed"}
    assert json.loads((tmp_path / "dataset_description.json").read_text("utf-8"))["DatasetType"] == "derivative"


def test_an_untouched_case_says_where_it_cannot_save(head) -> None:
    with pytest.raises(CaseError, match="without a folder"):
        files.save(open_case([head.folder], in_memory=True))


def test_a_full_disk_leaves_the_files_that_were_there(
    read_case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in files.save(read_case)}
    read_case.undo()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib, "save", full)
    with pytest.raises(CaseError, match="No space left"):
        files.save(read_case)
    assert {path: path.read_bytes() for path in before} == before
    assert list(tmp_path.rglob(".writing-*")) == []
