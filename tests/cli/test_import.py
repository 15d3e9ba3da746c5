"""``thaliron import`` lists what a DICOM folder holds, and converts what was named or is likely."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import pytest
from dicom_files import PLANES, Made, write_classic

from thaliron_napari.case import open_case

Run = Callable[..., str]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient's folder, never written to: T1s, FLAIR, raw gradient echo, map, one with a gap, and a localizer."""
    folder = tmp_path_factory.mktemp("study") / "DOE_JANE"
    gre = {"spacing": (1.0, 1.0, 2.0), "corner": (-7.0, -6.0, -6.0)}
    map_tags = {"PixelRepresentation": 1, "RescaleType": "ppb"}
    for n, made in enumerate(
        [
            Made("t1_mprage"),
            Made("t1_mprage +C"),
            Made("flair"),
            Made("gre 3 echo", kinds="MP", echoes_ms=(5.0, 10.0, 15.0), **gre),
            Made("QSM", tags=map_tags, **gre),
            Made("flair 2", slices=[0, 1, 3, 4]),
        ],
        start=1,
    ):
        write_classic(folder, replace(made, number=n))
    for plane in PLANES:
        write_classic(folder / plane, Made("loc", 7, plane=plane, uid="1.2.3.8"))
    return folder


def rows(said: str) -> dict[str, str]:
    """Lines of the table by the series' label."""
    return {line.split()[0]: line for line in said.splitlines()[1:]}


def test_the_list_names_every_series_and_writes_nothing(study: Path, done: Run) -> None:
    listed = rows(done("import", study, "--list"))
    assert list(listed) == ["1", "2", "3", "4a", "4b", "5", "6", "7"]
    assert re.search(r"14x12x6 +2.00x3.00x4.00 +3 +T1 +t1_mprage$", listed["1"])
    assert re.search(r"5-15 +GRE phase +gre 3 echo \[phase\]$", listed["4b"])
    assert "1 slice is missing between" in listed["6"]
    assert "3 different directions" in listed["7"]
    assert sorted(p.name for p in study.parent.iterdir()) == ["DOE_JANE"]


def test_the_likely_series_become_a_case_that_opens(study: Path, done: Run, out: Path) -> None:
    said = done("import", study, "--out", out, "--subject", "014", "--session", "02")
    anat = out / "sub-014" / "ses-02" / "anat"
    stem = "sub-014_ses-02"
    ends = ["Chimap", "FLAIR", "T1w", "ce-gadolinium_T1w"]
    ends += [f"echo-{n}_part-{part}_MEGRE" for n in (1, 2, 3) for part in ("mag", "phase")]
    assert sorted(p.name for p in anat.glob("*.nii.gz")) == sorted(f"{stem}_{end}.nii.gz" for end in ends)
    assert re.search(rf"^QSM +{re.escape(str(anat))}/{stem}_Chimap.nii.gz$", said, re.MULTILINE)
    assert "JANE" not in said
    case = open_case([out / "sub-014" / "ses-02"], in_memory=True)
    assert set(case.images) == {"qsm", "flair", "t1", "t1ce", "magnitude"}
    assert (case.subject, case.session, case.unit) == ("014", "02", "ppb")


def test_only_what_was_named_is_converted(study: Path, done: Run, out: Path) -> None:
    said = done("import", study, "--out", out, "--flair", "1", "--phase", "4b")
    names = {p.name for p in out.rglob("*.nii.gz")}
    assert names == {"sub-01_FLAIR.nii.gz", *(f"sub-01_echo-{n}_part-phase_MEGRE.nii.gz" for n in (1, 2, 3))}
    assert re.search(r"^1 .* FLAIR +t1_mprage$", said, re.MULTILINE)
    assert re.search(r"^3 .* \(FLAIR\) +flair$", said, re.MULTILINE)


REFUSED = [
    (["--flair", "4"], "There are several series 4; give --flair as 4a or 4b"),
    (["--flair", "77"], "There is no series 77 (--flair); there are 1, 2, 3, 4a, 4b, 5, 6, 7"),
    (["--flair", "6"], "Series 6 (flair 2) cannot be imported: 1 slice is missing"),
    (["--t1", "4a"], "Series 4a (gre 3 echo) holds 3 echoes; T1 is one image"),
    (["--flair", "3", "--t1", "3"], "is chosen as"),
    (["--subject", "J. Doe"], "letters and digits"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_a_choice_that_cannot_be_is_refused_in_one_line(arguments, words, study: Path, refused: Run, out: Path) -> None:
    assert words in refused("import", study, "--out", out, *arguments)
    assert not out.exists()


def test_what_is_there_stays_without_overwrite(study: Path, done: Run, refused: Run, out: Path) -> None:
    done("import", study, "--out", out, "--flair", "3")
    assert "--overwrite" in refused("import", study, "--out", out, "--flair", "3")
    done("import", study, "--out", out, "--flair", "3", "--overwrite")


def test_bad_places_are_refused(tmp_path: Path, study: Path, refused: Run, out: Path) -> None:
    assert "give --out DIR" in refused("import", study)
    assert "There is no DICOM image in empty" in refused("import", _made(tmp_path / "empty"), "--out", out)
    assert "check the path" in refused("import", tmp_path / "missing", "--out", out)
    (tmp_path / "file").write_text("in the way")
    assert "file" in refused("import", study, "--out", tmp_path / "file", "--flair", "3")
    assert "choose by the numbers listed" in refused("import", study / "axial", study / "sagittal", "--out", out)


def test_two_patients_are_not_mixed(study: Path, tmp_path: Path, done: Run, refused: Run, out: Path) -> None:
    write_classic(tmp_path / "other", Made("flair", 9, tags={"PatientID": "OTHER"}))
    both = (study, tmp_path / "other")
    assert "more than one patient" in refused("import", *both, "--out", out)
    assert "more than one patient" in refused("import", *both, "--out", out, "--flair", "9", "--t1", "1")
    listed = rows(done("import", *both, "--list"))
    assert {listed[n].rsplit("(", 1)[1] for n in ("1", "9")} == {"patient 1)", "patient 2)"}
    done("import", *both, "--out", out, "--flair", "9")


@pytest.mark.parametrize("name", ["ge_fieldmap", "siemens_xa30_gre_phase", "enhanced_mr"])
def test_each_real_folder_converts(name: str, shared_data: Path, done: Run, out: Path) -> None:
    said = done("import", shared_data / "dicom" / name, "--out", out)
    (image,) = out.rglob("*.nii.gz")
    assert str(image) in said
    assert nib.load(image).shape[2] in (16, 33, 10)
    assert ("left and right are unknown" in said) == (name == "enhanced_mr")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
