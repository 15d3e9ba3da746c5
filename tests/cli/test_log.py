"""The audit trail: who did what when, and whether the saved label maps are what the journal leads to."""

import re
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import pytest
from readings import read_head

from thaliron_napari.case import Case, open_case
from thaliron_napari.case.files import save

Run = Callable[..., str]


@pytest.fixture
def read(head, tmp_path: Path) -> Case:
    """A whole reading by Anna, saved and closed."""
    case = open_case([head.folder], derivatives=tmp_path / "derivatives" / "thaliron-Anna", reader="Anna")
    read_head(head, case)
    case.undo()
    case.redo()
    save(case)
    assert case.close()
    return case


def test_the_log_says_who_did_what_when(done: Run, head, read: Case) -> None:
    derivatives = read.folder.parents[1]
    lines = done("log", head.folder, "--derivatives", derivatives, "--reader", "Anna").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  Anna {10}\S", line) for line in lines)
    words = [line[36:] for line in lines]
    assert re.fullmatch(r"open on \S+ with version \S+", words[0])
    edits = [edit.words for edit in read.done]
    assert words[1:] == [*edits, f"undo: {edits[-1]}", f"redo: {edits[-1]}", "close"]
    assert [line[:20] for line in lines] == sorted(line[:20] for line in lines)
    for other in (read.folder, read.journal.path):
        assert done("log", other).splitlines() == lines


def test_the_saved_label_maps_are_those_of_the_journal_bit_for_bit(done: Run, refused: Run, head, read: Case) -> None:
    command = ("log", head.folder, "--derivatives", read.folder.parents[1], "--reader", "Anna", "--check")
    said = [line for line in done(*command).splitlines() if line.endswith(".nii.gz")]
    assert len(said) == 3
    assert all(line.startswith("the same  ") for line in said)

    path = read.folder / "sub-ball_space-QSM_desc-thalamus_dseg.nii.gz"
    image = nib.load(path)
    labels = image.get_fdata()
    labels[tuple(i // 2 for i in labels.shape)] = 7
    nib.save(nib.Nifti1Image(labels.astype("uint8"), image.affine), path)
    assert "are not what the journal leads to" in refused(*command)


def test_what_has_no_journal_or_a_damaged_one_is_said(refused: Run, head, read: Case, tmp_path: Path) -> None:
    assert "There is no journal" in refused("log", head.folder, "--derivatives", tmp_path / "none")
    journal = read.journal.path
    lines = journal.read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b"Anna", b"Hans")
    journal.write_bytes(b"\n".join(lines))
    assert "is damaged in line 4" in refused("log", journal)
