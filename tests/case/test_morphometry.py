"""Which result of another program belongs to a case, and the mark that a reader checked it by eye."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from ball_subject import write_ball_subject

from thaliron_napari.case import Case, open_case
from thaliron_napari.case.morphometry import (
    check_by_eye,
    checked_by,
    find_results,
    is_as_checked,
    label_map_of,
    result_of,
    surfaces_of,
    take_result,
)
from thaliron_napari.errors import CaseError

SYNTHSEG = "subject,total intracranial,left thalamus,right thalamus\nsub-01_T1w.nii.gz,1400000,7000,7100\n"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A patient of a dataset, by reader Ada."""
    anat = tmp_path / "data" / "sub-01" / "anat"
    anat.mkdir(parents=True)
    (tmp_path / "data" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    rng = np.random.default_rng(0)
    for name in ("FLAIR", "T1w"):
        nib.save(nib.Nifti1Image(rng.random((20, 20, 20), np.float32), np.eye(4)), anat / f"sub-01_{name}.nii.gz")
    return open_case([anat], reader="Ada")


def _folder(case: Case, name: str) -> Path:
    source = case.images["flair"].source
    assert source is not None
    return source.path.parents[2] / "derivatives" / name


def test_a_freesurfer_folder_goes_before_a_table_of_synthseg(case: Case) -> None:
    assert find_results(case) == []
    assert result_of(case) is None
    table = _folder(case, "synthseg") / "sub-01" / "sub-01_synthseg.csv"
    table.parent.mkdir(parents=True)
    table.write_text(SYNTHSEG)
    assert find_results(case) == [table]
    assert result_of(case) == table
    subject = write_ball_subject(_folder(case, "freesurfer") / "sub-01", (10, 10, 10))
    assert find_results(case) == [subject, table]
    assert result_of(case) == subject
    assert label_map_of(subject) == subject / "mri" / "aparc+aseg.mgz"
    assert list(surfaces_of(subject)) == ["lh.white", "rh.white", "lh.pial", "rh.pial"]


def test_another_patient_s_folder_and_our_own_derivatives_are_passed_over(case: Case) -> None:
    write_ball_subject(_folder(case, "freesurfer") / "sub-02", (10, 10, 10))
    write_ball_subject(_folder(case, "thaliron-eve") / "sub-01", (10, 10, 10))
    assert find_results(case) == []


def test_a_result_below_subjects_dir_is_found(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = write_ball_subject(tmp_path / "subjects" / "sub-01", (10, 10, 10))
    monkeypatch.setenv("SUBJECTS_DIR", str(subject.parent))
    assert find_results(case) == [subject]


def test_the_result_taken_stays_when_the_case_is_opened_again_and_can_be_taken_back(case: Case, tmp_path: Path) -> None:
    write_ball_subject(_folder(case, "freesurfer") / "sub-01", (10, 10, 10))
    other = write_ball_subject(tmp_path / "elsewhere", (10, 10, 10))
    found = result_of(case)
    case.apply(take_result(case, other))
    assert result_of(case) == other
    case.close()
    source = case.images["flair"].source
    assert source is not None
    again = open_case([source.path.parent], reader="Ada")
    assert result_of(again) == other
    again.undo()
    assert result_of(again) == found
    with pytest.raises(CaseError, match="There is no"):
        take_result(again, tmp_path / "nowhere")


def test_a_dataset_that_moved_keeps_the_result_taken_in_it(case: Case, tmp_path: Path) -> None:
    second = write_ball_subject(_folder(case, "other") / "sub-01", (10, 10, 10))
    write_ball_subject(_folder(case, "freesurfer") / "sub-01", (10, 10, 10))
    case.apply(take_result(case, second))
    case.close()
    moved = tmp_path / "moved"
    (tmp_path / "data").rename(moved)
    again = open_case([moved / "sub-01" / "anat"], reader="Ada")
    assert result_of(again) == moved / "derivatives" / "other" / "sub-01"


def test_the_mark_says_who_and_goes_with_the_files_it_was_given_for(case: Case) -> None:
    with pytest.raises(CaseError, match="no morphometry of sub-01"):
        check_by_eye(case)
    subject = write_ball_subject(_folder(case, "freesurfer") / "sub-01", (10, 10, 10))
    find_results(case)
    assert checked_by(case) is None
    case.apply(check_by_eye(case))
    assert checked_by(case) == "Ada"
    surface = subject / "surf" / "lh.pial"
    good = surface.read_bytes()
    surface.write_bytes(good[:-4] + b"abcd")
    assert checked_by(case) is None
    assert not is_as_checked(case)
    surface.write_bytes(good)
    assert checked_by(case) == "Ada"
    case.apply(check_by_eye(case, False))
    assert checked_by(case) is None
    assert is_as_checked(case)
    case.undo()
    assert checked_by(case) == "Ada"


def test_the_mark_of_a_result_that_is_gone_does_not_hold(case: Case, tmp_path: Path) -> None:
    subject = write_ball_subject(_folder(case, "freesurfer") / "sub-01", (10, 10, 10))
    find_results(case)
    case.apply(check_by_eye(case))
    subject.rename(tmp_path / "away")
    find_results(case)
    assert checked_by(case) is None
    assert not is_as_checked(case)
