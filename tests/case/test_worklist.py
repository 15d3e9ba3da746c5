"""The worklist says what the files say: after real edits, after a crash, for broken cases and other readers."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from thaliron_napari.case import Case, CsfCircle, Edit, open_case
from thaliron_napari.case.bids import cases_of
from thaliron_napari.case.csf import place_circle, remove_circle
from thaliron_napari.case.edits import fact_change
from thaliron_napari.case.files import save
from thaliron_napari.case.glance import glance
from thaliron_napari.case.lesions import grow, set_state
from thaliron_napari.case.opening import choose_image, journal_of
from thaliron_napari.case.thalamus import set_contour
from thaliron_napari.case.worklist import WorklistEntry, finish, flag, read_entry, read_worklist
from thaliron_napari.errors import CaseError


def image(path: Path, value: float = 0.01) -> Path:
    """A tiny image with values of a susceptibility in ppm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(0).normal(value, 0.02, (12, 12, 8)).astype(np.float32)
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2.0, 2.0, 1.0])), path)
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Subjects with one session, two, a FLAIR alone, nothing, and an empty file."""
    root = tmp_path / "study"
    for name in ("sub-1/anat/sub-1", "sub-2/ses-a/anat/sub-2_ses-a", "sub-2/ses-b/anat/sub-2_ses-b"):
        image(root / f"{name}_Chimap.nii.gz")
        image(root / f"{name}_FLAIR.nii.gz")
    image(root / "sub-3" / "anat" / "sub-3_FLAIR.nii.gz")
    (root / "sub-4" / "anat").mkdir(parents=True)
    image(root / "sub-10" / "anat" / "sub-10_Chimap.nii.gz")
    (root / "sub-10" / "anat" / "sub-10_FLAIR.nii.gz").touch()
    return root


def listed(root: Path, **options: Any) -> dict[str, WorklistEntry]:
    return {entry.case.name: entry for entry in read_worklist(root, **options)}


def contour(case: Case, side: Any, z: int) -> None:
    mask = np.zeros(case.volume("qsm").grid.shape[1:], bool)
    mask[3:6, slice(7, 10) if side == "left" else slice(2, 5)] = True
    case.apply(set_contour(case, side, z, mask, "draw"))


def circle(case: Case, side: Any) -> None:
    case.apply(place_circle(case, side, CsfCircle((4.0, 6.0, 6.0), 3.0)))


def lesion(case: Case, state: str, number: int = 1) -> None:
    fact = {"state": state, "seed": [1, 1, 1], "sensitivity": 0.5, "enhancing": None}
    case.apply(Edit("lesion", fact_change(case.annotations, f"lesion/{number}", fact)))


def test_cases_and_images_of_a_dataset(dataset: Path) -> None:
    entries = listed(dataset)
    assert list(entries) == ["sub-1", "sub-2_ses-a", "sub-2_ses-b", "sub-3", "sub-4", "sub-10"]
    assert {name: entry.images for name, entry in entries.items()} == {
        "sub-1": ("qsm", "flair"), "sub-2_ses-a": ("qsm", "flair"), "sub-2_ses-b": ("qsm", "flair"),
        "sub-3": ("flair",), "sub-4": (), "sub-10": ("qsm", "flair"),
    }  # fmt: skip
    assert {entry.state for entry in entries.values()} == {"not begun"}
    assert {name: entry.problem for name, entry in entries.items() if entry.problem} == {
        "sub-4": "There is neither a QSM nor a FLAIR.",
        "sub-10": "The file of the FLAIR is empty.",
    }
    assert list(entries["sub-3"].parts) == ["lesions"]
    assert entries["sub-1"].missing == ("fusion", "thalami", "CSF", "lesions")


def test_the_state_follows_the_edits(dataset: Path) -> None:
    def now() -> WorklistEntry:
        return read_entry(place)

    place = cases_of(dataset)[1]
    case = open_case([dataset / "sub-2" / "ses-a"], reader="")
    assert case.name == place.name == "sub-2_ses-a"
    assert now().state == "not begun"
    case.apply(Edit("unit", fact_change(case.annotations, "unit", "ppb")))
    assert (now().state, now().changed) == ("not begun", None)  # said of a file, not read of a patient

    contour(case, "left", 2)
    assert (now().state, now().missing) == ("in progress", ("fusion", "thalami", "CSF", "lesions"))
    contour(case, "left", 5)
    assert now().missing == ("fusion", "right thalamus", "CSF", "lesions")
    contour(case, "right", 2)
    contour(case, "right", 5)
    circle(case, "right")
    assert now().missing == ("fusion", "left CSF", "lesions")
    circle(case, "left")
    lesion(case, "proposed")
    assert now().missing == ("fusion", "lesions")
    case.apply(set_state(case, 1, "accepted"))
    matrix = np.eye(4).tolist()
    found = {"matrix": matrix, "shift_mm": 0.0, "angle_deg": 0.0, "warnings": []}
    case.apply(Edit("register", fact_change(case.annotations, "registration/qsm", found)))
    assert (now().missing, now().state) == ((), "in progress")

    case.apply(finish(case))
    assert now().state == "done"
    case.undo()
    assert now().state == "in progress"
    case.redo()
    case.apply(remove_circle(case, "left"))
    assert (now().state, now().missing) == ("done", ("left CSF",))  # the reader's word stands, and what is not there
    case.apply(finish(case, False))
    assert now().state == "in progress"
    changed = now().changed
    assert changed is not None
    assert timedelta(0) <= datetime.now(UTC) - changed < timedelta(minutes=1)
    while case.undo() is not None:
        pass
    assert (now().state, now().changed) == ("not begun", None)
    assert now().parts == read_entry(cases_of(dataset)[2]).parts


def test_a_flag_has_a_reason_and_is_an_edit_like_any_other(dataset: Path) -> None:
    def now() -> tuple[str, str]:
        entry = read_entry(place)
        return entry.state, entry.reason

    place = cases_of(dataset)[0]
    case = open_case([dataset / "sub-1"])
    case.apply(flag(case, " motion\nin both  "))
    assert case.done[-1].words == "flag the case: motion in both"
    assert now() == ("flagged", "motion in both")
    case.apply(finish(case))
    assert now() == ("done", "")
    case.undo()
    assert now() == ("flagged", "motion in both")
    case.apply(flag(case, ""))
    assert now() == ("flagged", "")
    case.apply(flag(case, None))
    assert now() == ("not begun", "")
    case.apply(finish(case))
    case.apply(flag(case, "motion"))  # a reading that is done can be doubted later
    assert now() == ("flagged", "motion")
    assert "finished" not in case.annotations.facts
    edits = len(case.done)
    case.apply(flag(case, "motion"))
    assert len(case.done) == edits


def test_a_patient_without_lesions_can_be_done(dataset: Path) -> None:
    case = open_case([dataset / "sub-3"])
    case.apply(finish(case))
    save(case)
    assert listed(dataset)["sub-3"].state == "done"
    # Opened again, it says so too, and what others measure of it is as before.
    assert open_case([dataset / "sub-3"]).annotations.facts == {"finished": True}


def test_facts_at_a_glance_are_those_of_the_case(head, tmp_path: Path) -> None:
    case = open_case([head.folder], derivatives=tmp_path, reader="Anna")
    for number, seed in enumerate(head.seeds, start=1):
        case.apply(grow(case, case.volume("flair").grid.nearest(seed)))
        case.apply(set_state(case, number, "accepted"))
    contour(case, "left", 10)
    case.undo()
    case.undo()
    contour(case, "right", 11)
    case.undo()
    case.redo()
    assert case.journal is not None
    seen = glance(case.journal.path)
    assert seen.facts == case.annotations.facts
    assert (seen.edits, seen.readers) == (len(case.done), ("Anna",))
    torn = case.journal.path.read_bytes() + b'{"do":{"wor'
    case.journal.path.write_bytes(torn)
    assert glance(case.journal.path) == seen


def test_readers_do_not_see_each_others_work_as_theirs(dataset: Path, tmp_path: Path) -> None:
    case = open_case([dataset / "sub-1"], reader="Dr. Anna")
    circle(case, "left")
    case.apply(finish(case))
    mine, hers = listed(dataset)["sub-1"], listed(dataset, reader="Dr. Anna")["sub-1"]
    assert (mine.state, mine.also_read, mine.readers) == ("not begun", ("thaliron-DrAnna",), ())
    assert (hers.state, hers.also_read, hers.readers) == ("done", (), ("Dr. Anna",))
    elsewhere = open_case([dataset / "sub-1"], derivatives=tmp_path / "work")
    circle(elsewhere, "left")
    assert listed(dataset, derivatives=tmp_path / "work")["sub-1"].state == "in progress"
    assert listed(dataset)["sub-1"].state == "not begun"


def test_the_folder_of_ones_own_is_never_anothers(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = open_case([dataset / "sub-1"], reader="Müller")
    circle(case, "left")
    monkeypatch.chdir(dataset)
    for own in (dataset / "derivatives" / "thaliron-Müller", Path("derivatives", "thaliron-Müller")):
        assert listed(dataset, derivatives=own)["sub-1"].also_read == ()
    assert listed(dataset, reader="李明")["sub-1"].also_read == ("thaliron-Müller",)


@pytest.mark.parametrize("folder", ["thaliron", "thaliron-Anna", "thaliron-李明"])
def test_what_a_reader_left_is_never_an_image(dataset: Path, folder: str) -> None:
    """Even where it is named as one, and the case has none of its own."""
    image(dataset / "derivatives" / folder / "sub-3" / "anat" / "sub-3_Chimap.nii.gz")
    image(dataset / "derivatives" / folder / "sub-3" / "anat" / "sub-3_desc-x_FLAIR.nii.gz")
    assert listed(dataset)["sub-3"].images == ("flair",)
    for path in (dataset / "sub-3", dataset / "sub-3" / "anat" / "sub-3_FLAIR.nii.gz"):
        case = open_case([path], reader="Ben")
        assert {role: path_of(case, role) for role in case.images} == {
            "flair": dataset / "sub-3" / "anat" / "sub-3_FLAIR.nii.gz"
        }
    plain = image(dataset.parent / "loose" / "FLAIR.nii.gz").parent
    image(plain / "derivatives" / folder / "sub-loose" / "anat" / "sub-loose_Chimap.nii.gz")
    assert list(open_case([plain], reader="Ben").images) == ["flair"]


def test_what_another_reader_drew_and_saved_is_no_image(dataset: Path) -> None:
    hers = open_case([dataset / "sub-1"], reader="Anna")
    contour(hers, "left", 3)
    circle(hers, "left")
    save(hers)
    his = open_case([dataset / "sub-1"], reader="Ben")
    assert {path_of(his, role).parent for role in his.images} == {dataset / "sub-1" / "anat"}
    assert not his.annotations.facts
    with pytest.raises(CaseError, match="No QSM and no FLAIR"):
        open_case([dataset / "derivatives" / "thaliron-Anna" / "sub-1"], reader="Ben")


@pytest.mark.parametrize("content", [b"{\n", b"not a journal\nx\n", b'{"thaliron-journal":1,"images":{}}\n{"do":{}}\n'])
def test_a_damaged_journal_stops_nothing(dataset: Path, content: bytes) -> None:
    journal = journal_of(dataset / "derivatives" / "thaliron", "1")
    journal.parent.mkdir(parents=True)
    journal.write_bytes(content)
    entries = listed(dataset)
    assert entries["sub-1"].problem == "The journal of this reading is damaged."
    assert entries["sub-3"].problem == ""


def test_other_broken_cases_are_said_and_nothing_names_a_file(dataset: Path) -> None:
    shutil.copy(dataset / "sub-1/anat/sub-1_FLAIR.nii.gz", dataset / "sub-3/anat/sub-1_FLAIR.nii.gz")
    (dataset / "sub-3/anat/sub-3_FLAIR.nii.gz").unlink()
    (dataset / "sub-1/anat/sub-1_FLAIR.nii.gz").unlink()
    (dataset / "sub-1/anat/sub-1_FLAIR.nii.gz").symlink_to(dataset / "store" / "Jane_Doe.nii.gz")
    entries = listed(dataset)
    assert entries["sub-3"].problem == "A file of another subject lies in the folder."
    assert "not fetched" in entries["sub-1"].problem
    assert not any("Jane" in entry.problem for entry in entries.values())


def test_a_folder_without_subjects_is_said(tmp_path: Path) -> None:
    (tmp_path / "dataset_description.json").write_text("{}")
    with pytest.raises(CaseError, match=r"holds no folder of a subject"):
        list(read_worklist(tmp_path))


def test_a_file_chosen_by_hand_is_remembered(dataset: Path) -> None:
    anat = dataset / "sub-1" / "anat"
    plain, other = image(anat / "sub-1_T1w.nii.gz"), image(anat / "sub-1_acq-other_T1w.nii.gz", 0.5)
    case = open_case([dataset / "sub-1"])
    assert path_of(case, "t1") == plain
    case.apply(choose_image(case, "t1", other))
    assert case.annotations.facts == {"image/t1": "sub-1/anat/sub-1_acq-other_T1w.nii.gz"}
    assert path_of(open_case([dataset / "sub-1"]), "t1") == other
    assert path_of(open_case([dataset / "sub-1"], images={"t1": plain}), "t1") == plain
    assert listed(dataset)["sub-1"].state == "not begun"
    other.unlink()
    assert path_of(open_case([dataset / "sub-1"]), "t1") == plain


def test_a_reading_goes_on_with_the_file_it_was_begun_on(dataset: Path) -> None:
    anat = dataset / "sub-1" / "anat"
    case = open_case([dataset / "sub-1"])
    circle(case, "left")
    first = path_of(case, "qsm")
    image(anat / "sub-1_run-2_Chimap.nii.gz", 0.02)
    assert path_of(open_case([dataset / "sub-1"], in_memory=True), "qsm").name == "sub-1_run-2_Chimap.nii.gz"
    again = open_case([dataset / "sub-1"])
    assert path_of(again, "qsm") == first
    assert again.annotations.csf("left") is not None
    with pytest.raises(CaseError, match="another QSM file"):
        open_case([dataset / "sub-1"], images={"qsm": anat / "sub-1_run-2_Chimap.nii.gz"})


def test_images_of_two_patients_are_refused(dataset: Path) -> None:
    qsm, flair = dataset / "sub-1/anat/sub-1_Chimap.nii.gz", dataset / "sub-3/anat/sub-3_FLAIR.nii.gz"
    for ways in ({"paths": [qsm, flair]}, {"images": {"qsm": qsm, "flair": flair}}):
        with pytest.raises(CaseError, match=r"images of 2 patients \(sub-1_Chimap.nii.gz, sub-3_FLAIR.nii.gz\)"):
            open_case(**ways)
    with pytest.raises(CaseError, match="2 patients"):
        open_case([dataset / "sub-1"], images={"flair": flair})


def test_the_work_of_a_case_with_a_pipelines_qsm_goes_to_the_dataset(dataset: Path) -> None:
    image(dataset / "derivatives" / "pipe" / "sub-3" / "anat" / "sub-3_Chimap.nii.gz")
    case = open_case([dataset / "sub-3"])
    assert case.folder == dataset / "derivatives" / "thaliron" / "sub-3" / "anat"
    circle(case, "left")
    assert read_entry(cases_of(dataset)[3]).images == ("qsm", "flair")
    assert read_entry(cases_of(dataset)[3]).state == "in progress"


def path_of(case: Case, role: Any) -> Path:
    source = case.volume(role).source
    assert source is not None
    return source.path
