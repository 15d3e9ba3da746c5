"""Which file is which image, whose it is, and where the reader's work goes."""

import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.case import open_case
from thaliron_napari.case.annotations import CsfCircle
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.opening import default_derivatives, find_images, identify, reader_label
from thaliron_napari.errors import CaseError, GridError, ImageError

BIDS = "sub-01/ses-02/anat/sub-01_ses-02_"


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(
            [f"{BIDS}Chimap.nii.gz", f"{BIDS}FLAIR.nii.gz", f"{BIDS}T1w.nii.gz", f"{BIDS}ce-GD_T1w.nii.gz"],
            {"qsm": f"{BIDS}Chimap.nii.gz", "flair": f"{BIDS}FLAIR.nii.gz", "t1": f"{BIDS}T1w.nii.gz",
             "t1ce": f"{BIDS}ce-GD_T1w.nii.gz"},
            id="bids",
        ),
        pytest.param(
            [f"{BIDS}FLAIR.nii.gz", f"{BIDS}echo-2_part-mag_MEGRE.nii.gz", f"{BIDS}echo-10_part-mag_MEGRE.nii.gz",
             f"{BIDS}echo-1_part-mag_MEGRE.nii.gz", f"{BIDS}echo-1_part-phase_MEGRE.nii.gz"],
            {"flair": f"{BIDS}FLAIR.nii.gz", "magnitude": f"{BIDS}echo-1_part-mag_MEGRE.nii.gz"},
            id="bids, echoes",
        ),
        pytest.param(
            ["FLAIR.nii.gz", "T1.nii.gz", "T1POST.nii.gz", "lesions_consensus.nii.gz"],
            {"flair": "FLAIR.nii.gz", "t1": "T1.nii.gz", "t1ce": "T1POST.nii.gz"},
            id="loose",
        ),
        pytest.param(["QSM.nii", "Mag.nii", "Phase.nii"], {"qsm": "QSM.nii", "magnitude": "Mag.nii"}, id="gre"),
        pytest.param(
            ["qsm.nii", "derivatives/thaliron/sub-1/qsm.nii", "qsm_mask.nii", ".qsm.nii", "notes.txt"],
            {"qsm": "qsm.nii"},
            id="what is no image is left",
        ),
        pytest.param(
            ["sub-qsm01_FLAIR.nii", "sub-qsm01_space-MNI_T1w.nii"],
            {"flair": "sub-qsm01_FLAIR.nii", "t1": "sub-qsm01_space-MNI_T1w.nii"},
            id="names of subjects and spaces mean nothing",
        ),
        pytest.param(["3D_T2_FLAIR.mgz", "mprage.mgz"], {"flair": "3D_T2_FLAIR.mgz", "t1": "mprage.mgz"}, id="mgz"),
    ],
)  # fmt: skip
def test_images_of_a_folder_are_told_by_their_names(tmp_path: Path, names: list[str], expected: dict[str, str]) -> None:
    _touch(tmp_path, *names)
    found = find_images([tmp_path])
    assert {role: path.relative_to(tmp_path).as_posix() for role, path in found.items()} == expected


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a/FLAIR.nii", "b/FLAIR.nii"], r"2 files could be the FLAIR"),
        (["T1.nii"], r"No QSM and no FLAIR"),
        ([], r"No QSM and no FLAIR"),
    ],
)
def test_a_folder_that_is_no_case_is_said(tmp_path: Path, names: list[str], sentence: str) -> None:
    _touch(tmp_path, *names)
    with pytest.raises(CaseError, match=sentence):
        find_images([tmp_path])


def test_files_named_one_by_one_are_never_left_out_silently(tmp_path: Path) -> None:
    _touch(tmp_path, "FLAIR.nii", "scan.nii", "other.nii")
    assert find_images([tmp_path / "scan.nii"]) == {"flair": tmp_path / "scan.nii"}
    with pytest.raises(CaseError, match=r"name of scan.nii does not say"):
        find_images([tmp_path / "FLAIR.nii", tmp_path / "scan.nii"])
    with pytest.raises(CaseError, match="There is no file or folder"):
        find_images([tmp_path / "missing.nii"])
    known = find_images([tmp_path / "FLAIR.nii"], {"flair": tmp_path / "other.nii", "qsm": tmp_path / "scan.nii"})
    assert known == {"flair": tmp_path / "other.nii", "qsm": tmp_path / "scan.nii"}


@pytest.mark.parametrize(
    ("path", "who", "derivatives"),
    [
        ("/d/sub-01/anat/sub-01_FLAIR.nii.gz", ("01", ""), "/d/derivatives/thaliron"),
        ("/d/sub-01/ses-02/anat/sub-01_ses-02_FLAIR.nii.gz", ("01", "02"), "/d/derivatives/thaliron"),
        ("/d/patient 26/FLAIR.nii.gz", ("patient26", ""), "/d/patient 26/derivatives/thaliron"),
    ],
)
def test_whose_an_image_is(path: str, who: tuple[str, str], derivatives: str) -> None:
    assert identify(Path(path)) == who
    assert default_derivatives(Path(path), "") == Path(derivatives)
    assert default_derivatives(Path(path), "Dr. No") == Path(f"{derivatives}-DrNo")


def test_a_case_is_opened_from_its_folder(head, tmp_path: Path) -> None:
    case = open_case([head.folder], derivatives=tmp_path, reader="me")
    assert (case.name, case.unit, sorted(case.images)) == ("sub-ball", "ppm", ["flair", "qsm"])
    assert case.folder == tmp_path / "sub-ball" / "anat"
    assert list(tmp_path.iterdir()) == []


def test_images_that_do_not_belong_together_are_refused(head, tmp_path: Path) -> None:
    import nibabel as nib

    image = nib.load(head.flair)
    away = image.affine.copy()
    away[:3, 3] += 1000
    nib.save(nib.Nifti1Image(image.get_fdata(), away), tmp_path / "FLAIR.nii.gz")
    with pytest.raises(GridError, match="do not overlap in space"):
        open_case(images={"qsm": head.qsm, "flair": tmp_path / "FLAIR.nii.gz"}, in_memory=True)
    with pytest.raises(ImageError, match="There is no file"):
        open_case(images={"qsm": tmp_path / "none.nii"}, in_memory=True)


def test_another_file_under_the_same_name_is_noticed(head, tmp_path: Path) -> None:
    import nibabel as nib

    shutil.copy(head.qsm, tmp_path / "qsm.nii.gz")
    case = open_case([tmp_path / "qsm.nii.gz"], derivatives=tmp_path / "d")
    index = case.images["qsm"].grid.index(head.atria["left"])
    case.apply(place_circle(case, "left", CsfCircle((round(index[0]), index[1], index[2]), 3.0)))
    image = nib.load(head.qsm)
    nib.save(nib.Nifti1Image(image.get_fdata() + 0.001, image.affine), tmp_path / "qsm.nii.gz")
    with pytest.raises(CaseError, match="another QSM file"):
        open_case([tmp_path / "qsm.nii.gz"], derivatives=tmp_path / "d")


def test_sides_are_the_patients(head) -> None:
    case = open_case(images={"qsm": head.qsm}, in_memory=True)
    for side, point in head.atria.items():
        assert (point[0] < 0) == (side == "left")
        assert case.side_of(case.images["qsm"].grid.index(point)[2]) == side


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Anna", "Anna"),
        ("Dr. Anna Müller", "DrAnnaMüller"),
        ("Ä", "Ä"),
        ("A\N{COMBINING DIAERESIS}", "Ä"),
        ("A.\N{COMBINING DIAERESIS}", "A"),
        ("李明", "李明"),
        ("राम", "राम"),
        ("रमा", "रमा"),
        ("Ольга-2", "Ольга2"),
        ("٣", "٣"),
        ("../../etc", "etc"),
        ("R\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}", "R"),
    ],
)
def test_a_readers_folder_is_named_in_the_readers_own_script(name: str, label: str) -> None:
    assert reader_label(name) == label
    folder = default_derivatives(Path("/d/sub-01/anat/sub-01_FLAIR.nii.gz"), name)
    assert folder == Path(f"/d/derivatives/thaliron-{label}")


@pytest.mark.parametrize("name", ["!?", " ", "\N{COMBINING DIAERESIS}", "/", "\udcff"])
def test_a_name_without_a_letter_or_digit_is_refused(name: str, head) -> None:
    with pytest.raises(CaseError, match="neither letter nor digit"):
        reader_label(name)
    with pytest.raises(CaseError, match="neither letter nor digit"):
        open_case([head.folder], reader=name)


@settings(derandomize=True, max_examples=200)
@given(st.text(max_size=60))
def test_a_readers_label_is_one_folder_or_refused(name: str) -> None:
    try:
        label = reader_label(name)
    except CaseError:
        assert not any(sign.isalnum() for sign in name)
        return
    assert unicodedata.is_normalized("NFC", label)
    assert reader_label(label) == label == reader_label(unicodedata.normalize("NFD", name))
    assert not set(label) & set('/\\.:*?"<>|-_ \0\n')
    assert len(f"thaliron-{label}".encode()) <= 255


def test_a_name_too_long_for_a_folder_is_refused() -> None:
    assert len(reader_label("李" * 60)) == 60
    with pytest.raises(CaseError, match="too long"):
        reader_label("a" * 300)
