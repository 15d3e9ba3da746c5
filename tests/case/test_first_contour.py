"""First contours of a case: from a click, and from another program's label map, of this patient and session only."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.case import SIDE_LABEL, SIDES, Case, open_case, thalamus
from thaliron_napari.case.first_contour import contour_from_click, contours_from_label_map, find_label_map
from thaliron_napari.case.veins import find_case_veins, keep_out, kept_out
from thaliron_napari.errors import AnnotationError, CaseError
from thaliron_napari.imaging import read_label_map
from thaliron_napari.phantom import Patient, make_patient, write_patient

FREESURFER = {"left": 10, "right": 49}


@pytest.fixture(scope="module")
def patient() -> Patient:
    return make_patient("small", 7)


@pytest.fixture(scope="module")
def phantom(patient: Patient, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The phantom's QSM and FLAIR as scanned: not registered, some millimetres apart. Left as it was found."""
    folder = tmp_path_factory.mktemp("phantom")
    paths = write_patient(patient, folder)
    return open_case(images={"qsm": paths["qsm"], "flair": paths["flair"]}, in_memory=True)


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def _aseg(head, path: Path, labels: dict[str, int] = FREESURFER) -> Path:
    """The head's thalami as FreeSurfer writes them: another grid, axes flipped and turned, and tilted."""
    truth = nib.load(head.thalami)
    data = np.asarray(truth.dataobj)
    turn = np.deg2rad(9.0)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    affine[:3, :3] = affine[:3, :3] @ np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    shape = (96, 96, 96)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    at = np.linalg.inv(truth.affine) @ affine
    place = np.round(np.moveaxis(np.indices(shape), 0, -1) @ at[:3, :3].T + at[:3, 3]).astype(int)
    inside = ((place >= 0) & (place < data.shape)).all(axis=-1)
    place = np.where(inside[..., None], place, 0)
    seen = np.where(inside, data[tuple(np.moveaxis(place, -1, 0))], 0)
    map_ = np.full(shape, 2, np.uint8)  # white matter
    for side, label in labels.items():
        map_[seen == SIDE_LABEL[side]] = label
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.MGHImage(map_, affine) if path.suffix == ".mgz" else nib.Nifti1Image(map_, affine)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("side", SIDES)
def test_a_click_proposes_the_thalamus_of_its_side(phantom: Case, patient: Patient, side) -> None:
    truth = patient.truth.thalami == SIDE_LABEL[side]
    z, y, x = np.round(np.argwhere(truth).mean(axis=0)).astype(int).tolist()
    mask = contour_from_click(phantom, side, (z, y, x))
    assert mask.shape == phantom.volume("qsm").grid.shape
    assert mask[z, y, x]
    assert _dice(mask, truth) > 0.8
    edit = thalamus.propose(phantom, {side: mask}, "a click")
    phantom.apply(edit)
    assert thalamus.proposed(phantom, side)
    phantom.undo()


def test_a_click_keeps_out_the_veins_that_are_kept_out(phantom: Case, patient: Patient) -> None:
    z, y, x = np.round(np.argwhere(patient.truth.thalami == 1).mean(axis=0)).astype(int).tolist()
    phantom.apply(keep_out(phantom, find_case_veins(phantom)))
    veins = kept_out(phantom)
    assert veins is not None
    mask = contour_from_click(phantom, "left", (z, y, x))
    assert ndimage.binary_dilation(mask, iterations=2)[veins].any(), "some run along it"
    assert not (mask & veins).any()
    phantom.undo()


def test_a_click_on_the_other_side_is_refused(phantom: Case, patient: Patient) -> None:
    z, y, x = np.round(np.argwhere(patient.truth.thalami == 1).mean(axis=0)).astype(int).tolist()
    with pytest.raises(AnnotationError, match="other side of the midline"):
        contour_from_click(phantom, "right", (z, y, x))


def test_a_map_on_another_grid_gives_each_side_its_thalamus(head, tmp_path: Path) -> None:
    case = open_case([head.folder], in_memory=True)
    truth = read_label_map(head.thalami).data
    masks = contours_from_label_map(case, _aseg(head, tmp_path / "aseg.mgz"))
    assert set(masks) == set(SIDES)
    for side, mask in masks.items():
        assert _dice(mask, truth == SIDE_LABEL[side]) > 0.9
        other = SIDE_LABEL["right" if side == "left" else "left"]
        assert not (mask & (truth == other)).any()


@pytest.mark.parametrize("labels", [{"left": 10}, {"right": 49}, {"left": 1, "right": 2}, {}])
def test_a_map_without_both_thalami_is_refused(head, tmp_path: Path, labels: dict[str, int]) -> None:
    case = open_case([head.folder], in_memory=True)
    with pytest.raises(CaseError, match=r"aseg\.mgz holds no (left|right) thalamus"):
        contours_from_label_map(case, _aseg(head, tmp_path / "aseg.mgz", labels))


def test_a_map_that_lies_elsewhere_is_refused(head, tmp_path: Path) -> None:
    case = open_case([head.folder], in_memory=True)
    path = _aseg(head, tmp_path / "aseg.nii.gz")
    image = nib.load(path)
    affine = image.affine.copy()
    affine[:3, 3] += 500
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    with pytest.raises(CaseError, match="lies outside of the QSM"):
        contours_from_label_map(case, path)


def test_freesurfers_map_of_this_subject_is_found_and_no_other_subjects(head, tmp_path: Path) -> None:
    for subject in ("ball", "ball2"):
        shutil.copytree(head.folder / "anat", tmp_path / f"sub-{subject}" / "anat")
    case = open_case([tmp_path / "sub-ball"], in_memory=True)
    assert find_label_map(case) is None
    _aseg(head, tmp_path / "derivatives" / "freesurfer" / "sub-ball2" / "mri" / "aseg.mgz")
    assert find_label_map(case) is None
    half = _aseg(head, tmp_path / "derivatives" / "fastsurfer" / "sub-ball" / "mri" / "aseg.mgz", {"left": 10})
    assert find_label_map(case) is None, "a map of one thalamus does not do"
    own = _aseg(head, tmp_path / "derivatives" / "freesurfer" / "sub-ball" / "mri" / "aseg.mgz")
    assert half.parents[2].name < own.parents[2].name, "it is looked at first"
    assert find_label_map(case) == own


def test_no_other_sessions_map_is_taken(head, tmp_path: Path) -> None:
    root = tmp_path / "ses-of-old"  # a dataset's own folder may have any name
    for session in ("1", "10"):
        anat = root / "sub-ball" / f"ses-{session}" / "anat"
        anat.mkdir(parents=True)
        for path in (head.qsm, head.flair):
            shutil.copy(path, anat / path.name.replace("sub-ball_", f"sub-ball_ses-{session}_"))
    case = open_case([root / "sub-ball" / "ses-1"], in_memory=True)
    assert case.session == "1"
    _aseg(head, root / "derivatives" / "freesurfer" / "sub-ball_ses-10" / "mri" / "aseg.mgz")
    _aseg(head, root / "derivatives" / "synthseg" / "sub-ball" / "ses-10" / "anat" / "sub-ball_ses-10_dseg.nii.gz")
    assert find_label_map(case) is None
    own = _aseg(head, root / "derivatives" / "freesurfer" / "sub-ball_ses-1" / "mri" / "aseg.mgz")
    assert find_label_map(case) == own
    own.unlink()
    own = _aseg(head, root / "derivatives" / "synthseg" / "sub-ball" / "ses-1" / "anat" / "sub-ball_ses-1_dseg.nii.gz")
    assert find_label_map(case) == own
