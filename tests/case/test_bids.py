"""Files of BIDS datasets are told apart by entities and suffix, for every layout that datasets come in."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from thaliron_napari.case.bids import (
    case_around,
    cases_of,
    dataset_root,
    identify,
    is_dataset,
    natural,
    parse_name,
    scan_times,
)
from thaliron_napari.case.images import find_in_case, guess_role, variant_of
from thaliron_napari.case.opening import find_images, look_for
from thaliron_napari.errors import CaseError


def make(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def subject(*names: str, folder: str = "anat") -> list[str]:
    """Files of sub-01 by what follows its name."""
    return [f"sub-01/{folder}/sub-01_{name}" for name in names]


@pytest.mark.parametrize(
    ("name", "entities", "suffix"),
    [
        ("sub-01_FLAIR.nii.gz", {"sub": "01"}, "FLAIR"),
        ("sub-01_ses-pre_acq-3D_ce-GD_T1w.nii", {"sub": "01", "ses": "pre", "acq": "3D", "ce": "GD"}, "T1w"),
        ("sub-A+B_echo-1_part-mag_MEGRE.json", {"sub": "A+B", "echo": "1", "part": "mag"}, "MEGRE"),
    ],
)  # fmt: skip
def test_a_name_is_its_entities_and_its_suffix(name: str, entities: dict[str, str], suffix: str) -> None:
    parsed = parse_name(name)
    assert parsed is not None
    assert (dict(parsed.entities), parsed.suffix) == (entities, suffix)


@pytest.mark.parametrize(
    "name",
    ["FLAIR.nii.gz", "sub-01.nii", "sub-01_FLAIR_brain.nii", "ses-1_sub-01_T1w.nii", "sub-01_acq-_T1w.nii",
     "sub-MS_014_FLAIR.nii", "sub-01_acq-a_acq-b_T1w.nii", "sub-01_acq-2.5mm_T1w.nii", ""],
)  # fmt: skip
def test_a_name_that_bids_does_not_know_says_nothing(name: str) -> None:
    assert parse_name(name) is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            subject("Chimap.nii.gz", "FLAIR.nii.gz", "T1w.nii.gz", "ce-gadolinium_T1w.nii.gz"),
            {"qsm": "Chimap.nii.gz", "flair": "FLAIR.nii.gz", "t1": "T1w.nii.gz", "t1ce": "ce-gadolinium_T1w.nii.gz"},
            id="the usual",
        ),
        pytest.param(
            subject("Chimap.nii", "FLAIR.nii", "ce-anything_T1w.nii"),
            {"qsm": "Chimap.nii", "flair": "FLAIR.nii", "t1ce": "ce-anything_T1w.nii"},
            id="unpacked; any contrast agent",
        ),
        pytest.param(
            subject("acq-postgad_T1w.nii", "acq-mprage_T1w.nii", "FLAIR.nii"),
            {"flair": "FLAIR.nii", "t1": "acq-mprage_T1w.nii", "t1ce": "acq-postgad_T1w.nii"},
            id="contrast said by acq",
        ),
        pytest.param(
            subject("FLAIR.nii", *(f"echo-{e}_part-{p}_MEGRE.nii" for e in (10, 2, 1) for p in ("phase", "mag"))),
            {"flair": "FLAIR.nii", "magnitude": "echo-1_part-mag_MEGRE.nii"},
            id="first echo of the magnitude",
        ),
        pytest.param(
            subject("FLAIR.nii", "echo-01_MEGRE.nii", "echo-02_MEGRE.nii"),
            {"flair": "FLAIR.nii", "magnitude": "echo-01_MEGRE.nii"},
            id="magnitude without a word",
        ),
        pytest.param(
            subject("FLAIR.nii", "echo-1_MEGRE.nii", "echo-1_part-phase_MEGRE.nii"),
            {"flair": "FLAIR.nii"},
            id="no word and a phase beside: not told",
        ),
        pytest.param(
            [*subject("FLAIR.nii"), *subject("part-mag_GRE.nii", "part-phase_GRE.nii", "swi.nii", folder="swi")],
            {"flair": "FLAIR.nii", "magnitude": "part-mag_GRE.nii"},
            id="folder swi",
        ),
        pytest.param(
            [*subject("FLAIR.nii"), *subject("T2starw.nii", folder="gre")],
            {"flair": "FLAIR.nii", "magnitude": "T2starw.nii"},
            id="folder gre",
        ),
        pytest.param(
            [*subject("FLAIR.nii"), *subject("magnitude1.nii", "acq-b0_MEGRE.nii", folder="fmap"),
             *subject("task-rest_bold.nii", "T1w.nii", folder="func"), *subject("dwi.nii", folder="dwi")],
            {"flair": "FLAIR.nii"},
            id="field maps, function and diffusion are not ours",
        ),
        pytest.param(
            subject("FLAIR.nii", "dseg.nii", "label-lesion_mask.nii", "T1map.nii", "T2starmap.nii", "R2starmap.nii",
                    "inplaneT1.nii", "T2w.nii", "FLAIR_mask.nii"),
            {"flair": "FLAIR.nii"},
            id="label maps and other maps are not images",
        ),
        pytest.param(
            subject("acq-2D_FLAIR.nii", "FLAIR.nii", "rec-norm_FLAIR.nii", "acq-2D_rec-norm_FLAIR.nii"),
            {"flair": "FLAIR.nii"},
            id="the plainest of several kinds",
        ),
        pytest.param(
            subject("run-1_FLAIR.nii", "run-2_FLAIR.nii", "run-10_FLAIR.nii"),
            {"flair": "run-10_FLAIR.nii"},
            id="the last run",
        ),
        pytest.param(
            subject("FLAIR.nii", "run-1_Chimap.nii", "run-2_Chimap.nii", "run-1_part-mag_MEGRE.nii",
                    "run-2_part-mag_MEGRE.nii", "run-3_part-mag_MEGRE.nii"),
            {"flair": "FLAIR.nii", "qsm": "run-2_Chimap.nii", "magnitude": "run-2_part-mag_MEGRE.nii"},
            id="the magnitude of the QSM's run",
        ),
        pytest.param(
            subject("FLAIR.nii", "acq-wb_Chimap.nii", "acq-wb_echo-1_MEGRE.nii", "acq-cord_echo-1_MEGRE.nii"),
            {"flair": "FLAIR.nii", "qsm": "acq-wb_Chimap.nii", "magnitude": "acq-wb_echo-1_MEGRE.nii"},
            id="the magnitude of the QSM's acquisition",
        ),
        pytest.param(
            subject("FLAIR.nii", "T1w.nii", "space-MNI152_T1w.nii", "desc-brain_T1w.nii", "UNIT1.nii"),
            {"flair": "FLAIR.nii", "t1": "T1w.nii"},
            id="as acquired before computed",
        ),
        pytest.param(
            subject("FLAIR.nii", "FLAIR.nii.gz"), {"flair": "FLAIR.nii.gz"}, id="unpacked beside itself"
        ),
        pytest.param(
            subject("FLAIR.nii", "QSM.nii.gz"), {"flair": "FLAIR.nii", "qsm": "QSM.nii.gz"}, id="suffix that labs use"
        ),
        pytest.param(
            ["sub-01/anat/sub-01_FLAIR.nii", "sub-01/anat/qsm_final.nii", "sub-01/anat/FLAIR_reg.nii"],
            {"flair": "FLAIR.nii", "qsm": "qsm_final.nii"},
            id="plain names fill what is left",
        ),
        pytest.param(
            ["sub-01/scan1/nifti/FLAIR.nii", "sub-01/scan1/nifti/QSM.nii"],
            {"flair": "FLAIR.nii", "qsm": "QSM.nii"},
            id="plain names far below",
        ),
        pytest.param(
            [*subject("FLAIR.nii"), "derivatives/pipe/sub-01/anat/sub-01_desc-a_Chimap.nii",
             "derivatives/pipe/sub-01/anat/sub-01_space-MNI_Chimap.nii",
             "derivatives/pipe/sub-02/anat/sub-02_Chimap.nii",
             "derivatives/thaliron-me/sub-01/anat/sub-01_Chimap.nii"],
            {"flair": "FLAIR.nii", "qsm": "desc-a_Chimap.nii"},
            id="QSM of a pipeline, not resampled, not ours, not another's",
        ),
        pytest.param(
            [*subject("FLAIR.nii", "Chimap.nii"), "derivatives/pipe/sub-01/anat/sub-01_Chimap.nii"],
            {"flair": "FLAIR.nii", "qsm": "Chimap.nii"},
            id="the dataset's own QSM first",
        ),
    ],
)  # fmt: skip
def test_images_of_a_subject(tmp_path: Path, files: Sequence[str], expected: dict[str, str]) -> None:
    make(tmp_path, *files)
    found = find_images([tmp_path / "sub-01"])
    assert {role: path.name.removeprefix("sub-01_") for role, path in found.items()} == expected
    # The dataset with this case alone, a folder in it, and one file stand for the same.
    assert find_images([tmp_path]) == found
    if (tmp_path / "sub-01" / "anat").is_dir():
        assert find_images([tmp_path / "sub-01" / "anat"]) == found
    assert find_images([found["flair"]]) == found


def test_a_qsm_of_a_pipeline_is_said_to_be_one(tmp_path: Path) -> None:
    make(tmp_path, *subject("FLAIR.nii"), "derivatives/pipe-1.2/sub-01/anat/sub-01_Chimap.nii")
    assert look_for([tmp_path / "sub-01"]).notes == ["QSM: none among the images; taken from derivatives/pipe-1.2."]


@pytest.mark.parametrize(
    ("times", "taken"),
    [
        ({"1": "2020-05-01T10:30:00", "2": "2020-05-01T10:10:00"}, "1"),
        ({"1": "2020-05-01T10:10:00", "2": "2020-05-01T10:30:00"}, "2"),
        ({"1": "2020-05-01T10:30:00", "2": "n/a"}, "2"),
        ({}, "2"),
    ],
)
def test_of_two_runs_the_one_acquired_last(tmp_path: Path, times: dict[str, str], taken: str) -> None:
    make(tmp_path, *subject("run-1_FLAIR.nii", "run-2_FLAIR.nii"))
    rows = [f"anat/sub-01_run-{run}_FLAIR.nii\t0\t{time}" for run, time in times.items()]
    (tmp_path / "sub-01" / "sub-01_scans.tsv").write_text("\n".join(["filename\tx\tacq_time", *rows, "broken", ""]))
    found = look_for([tmp_path / "sub-01"])
    assert found.images["flair"].name == f"sub-01_run-{taken}_FLAIR.nii"
    assert len(scan_times(tmp_path / "sub-01")) == sum("T" in time for time in times.values())
    (note,) = found.notes
    assert f"run-{taken}" in note
    assert "2 runs" in note


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param(subject("acq-a_FLAIR.nii", "acq-b_FLAIR.nii"), r"could be the FLAIR \(sub-01_acq-a_F", id="acq"),
        pytest.param(subject("FLAIR.nii", "acq-a_T1w.nii", "rec-b_T1w.nii"), "2 files could be the T1 ", id="acq, rec"),
        pytest.param(
            [*subject("FLAIR.nii"), *(f"derivatives/{p}/sub-01/anat/sub-01_Chimap.nii" for p in "ab")],
            r"2 files could be the QSM \(a/sub-01/anat/sub-01_Chimap.nii, b/",
            id="two pipelines",
        ),
        pytest.param(
            [*subject("FLAIR.nii"), *subject("FLAIR.nii", folder="swi")], "2 files could be the FLAIR", id="two folders"
        ),
        pytest.param(subject("T1w.nii"), "No QSM and no FLAIR", id="neither"),
        pytest.param(["sub-01/anat/sub-02_FLAIR.nii"], "is of sub-02 by its name", id="another's file"),
        pytest.param(
            ["sub-01/ses-a/anat/sub-01_ses-a_FLAIR.nii", "sub-01/ses-b/anat/sub-01_ses-b_FLAIR.nii"],
            r"2 sessions \(ses-a, ses-b\)",
            id="two sessions",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_asked(tmp_path: Path, files: Sequence[str], words: str) -> None:
    make(tmp_path, *files)
    with pytest.raises(CaseError, match=words):
        find_images([tmp_path / "sub-01"])


def test_the_readers_choice_decides_in_the_cases_to_come(tmp_path: Path) -> None:
    for sub in ("01", "02"):
        make(tmp_path, *(f"sub-{sub}/anat/sub-{sub}_acq-{acq}_run-{r}_FLAIR.nii" for acq in "ab" for r in "12"))
    first, second = cases_of(tmp_path)
    (a, b) = find_in_case(first).questions["flair"]
    assert (a.name, b.name) == ("sub-01_acq-a_run-2_FLAIR.nii", "sub-01_acq-b_run-2_FLAIR.nii")
    variant = variant_of(b)
    assert variant is not None
    found = find_in_case(second, prefer={"flair": variant})
    assert found.images["flair"].name == "sub-02_acq-b_run-2_FLAIR.nii"
    assert found.preferred == {"flair"}
    assert find_in_case(first, known={"flair": a}).images["flair"] == a


def test_cases_of_a_dataset(tmp_path: Path) -> None:
    make(
        tmp_path, "dataset_description.json", "sub-10/anat/x.nii", "sub-2/ses-10/anat/x.nii", "sub-2/ses-9/anat/x.nii",
        "sub-MS_014/anat/x.nii", "derivatives/pipe/sub-99/anat/x.nii", "sourcedata/sub-98/x.dcm", "sub-7.nii",
        "code/sub-3/x.nii",
    )  # fmt: skip
    assert [case.name for case in cases_of(tmp_path)] == ["sub-2_ses-9", "sub-2_ses-10", "sub-10", "sub-MS014"]
    assert all(case.root == tmp_path for case in cases_of(tmp_path))
    with pytest.raises(CaseError, match=r"holds 4 cases; choose one of them"):
        find_images([tmp_path])


@pytest.mark.parametrize(
    ("files", "folder", "is_one"),
    [
        (["sub-01/x.nii"], ".", True),
        (["dataset_description.json"], ".", True),
        (["FLAIR.nii", "QSM.nii"], ".", False),
        (["sub-01/ses-01/anat/x.nii"], "sub-01", False),
        (["sub-01_FLAIR.nii"], ".", False),
        ([], "nowhere", False),
    ],
)
def test_what_is_a_dataset(tmp_path: Path, files: list[str], folder: str, is_one: bool) -> None:
    assert is_dataset(make(tmp_path, *files) / folder) == is_one


def test_whose_a_file_is(tmp_path: Path) -> None:
    root = tmp_path
    file = "sub-01/ses-2/anat/sub-01_ses-2_FLAIR.nii"
    make(root, file, "sub-02/ses-1/x.nii", "sub-02/ses-2/x.nii", "derivatives/pipe/sub-01/ses-2/anat/q.nii")
    for path in (root / file, (root / file).parent, root / "sub-01" / "ses-2", root / "sub-01"):
        case = case_around(path)
        assert case is not None
        assert (case.name, case.folder, case.root) == ("sub-01_ses-2", root / "sub-01" / "ses-2", root)
    assert case_around(root / "sub-02") is None
    assert case_around(root) is None
    assert dataset_root(root / "derivatives/pipe/sub-01/ses-2/anat/q.nii") == root
    assert dataset_root(root) is None
    assert identify(root / "derivatives/pipe/sub-01/ses-2/anat/q.nii") == ("01", "2")


def test_relative_paths_mean_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, *subject("FLAIR.nii"), "sub-02/ses-1/x.nii", "sub-02/ses-2/x.nii")
    whole = cases_of(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cases_of(Path()) == whole
    assert look_for([Path("sub-01")]).case == whole[0]
    monkeypatch.chdir(tmp_path / "sub-02")
    with pytest.raises(CaseError, match="2 sessions"):
        find_images([Path()])


def test_a_dataset_of_links_keeps_its_names(tmp_path: Path) -> None:
    store = make(tmp_path / "store", "SHA256E-s1--0af.nii").resolve()
    anat = tmp_path / "study" / "sub-01" / "anat"
    anat.mkdir(parents=True)
    link = anat / "sub-01_FLAIR.nii"
    link.symlink_to(store / "SHA256E-s1--0af.nii")
    assert find_images([tmp_path / "study" / "sub-01"]) == {"flair": link}
    assert identify(link) == ("01", "")
    assert dataset_root(link) == tmp_path / "study"


def test_numbers_in_names_count() -> None:
    assert sorted(["sub-10", "sub-9", "sub-a2", "sub-a10"], key=natural) == ["sub-9", "sub-10", "sub-a2", "sub-a10"]


@pytest.mark.parametrize(
    ("name", "role"),
    [("sub-qsm_bold.nii", None), ("sub-01_acq-flair_dwi.nii", None), ("sub-01_T2starmap.nii", None),
     ("sub-01_part-phase_T2starw.nii", None), ("sub-flair1_T1w.nii", "t1"), ("sub-01_FLAIR_brain.nii", "flair")],
)  # fmt: skip
def test_one_name(name: str, role: str | None) -> None:
    assert guess_role(Path(name)) == role
