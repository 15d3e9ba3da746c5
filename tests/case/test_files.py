"""What a case leaves behind, read by other programs: on the image's own grid and axis order, with its story beside."""

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from thaliron_napari.case import Case, CsfCircle, files, lesions, open_case, thalamus
from thaliron_napari.case.csf import place_circle
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import read_label_map


@pytest.fixture
def read_case(head, tmp_path: Path) -> Case:
    """The head, read: thalami drawn as they are, both circles, the first two lesions."""
    case = open_case([head.folder], derivatives=tmp_path, reader="me")
    truth = read_label_map(head.thalami).data
    for side, label in (("left", 1), ("right", 2)):
        for z in np.flatnonzero((truth == label).any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, z, truth[z] == label, "draw"))
        index = case.images["qsm"].grid.index(head.atria[side])
        case.apply(place_circle(case, side, CsfCircle((round(index[0]), index[1], index[2]), 3.0)))
    for seed in head.seeds[:2]:
        case.apply(lesions.grow(case, case.images["flair"].grid.nearest(seed)))
    case.apply(lesions.set_state(case, 1, "accepted"))
    return case


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
    assert {"File": head.qsm.name, "SHA256": digest} in beside["Sources"]
    assert (beside["Reader"], beside["Labels"]["1"]) == ("me", "left thalamus")
    circles = json.loads(anat["sub-ball_space-QSM_desc-csf_mask.json"].read_text("utf-8"))["Circles"]
    assert np.allclose(circles["left"]["CentreRasMm"][:2], head.atria["left"][:2], atol=0.01)
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
