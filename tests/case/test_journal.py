"""The journal: what was finished is never lost, and what is damaged is said."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from thaliron_napari.case import Case
from thaliron_napari.case.edits import Edit, fact_change, voxel_change
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Grid, Source, SourceGrid, Volume

SHAPE = (3, 4, 5)
AFFINE = np.eye(4)


def _volume(digest: str) -> Volume:
    return Volume(
        np.zeros(SHAPE, np.float32),
        Grid(SHAPE, AFFINE[[2, 1, 0, 3]]),
        Source(Path("image.nii"), digest, SourceGrid((5, 4, 3), AFFINE)),
    )


def _case(folder: Path, qsm: str | None = "a1", flair: str | None = "b1") -> Case:
    images = {"qsm": qsm and _volume(qsm), "flair": flair and _volume(flair)}
    return Case("x", {role: volume for role, volume in images.items() if volume}, folder=folder)  # type: ignore[misc]


def _say(case: Case, value: int) -> None:
    notes = case.annotations
    changes = fact_change(notes, "n", value) + voxel_change(notes, "thalami", (1, 1, 1), np.full((1, 2, 2), value))
    case.apply(Edit(f"say {value}", changes))


def _journal(folder: Path) -> Path:
    return folder / "sub-x_desc-edits.jsonl"


def test_a_line_torn_anywhere_costs_that_line_only(tmp_path: Path) -> None:
    case = _case(tmp_path)
    for value in (1, 2, 3):
        _say(case, value)
    whole = _journal(tmp_path).read_bytes()
    start = whole[:-1].rfind(b"\n") + 1
    for cut in (start + 1, (start + len(whole)) // 2, len(whole) - 1):
        _journal(tmp_path).write_bytes(whole[:cut])
        again = _case(tmp_path)
        assert again.annotations.facts["n"] == 2
        _say(again, 7)
        assert [e.words for e in _case(tmp_path).done] == ["say 1", "say 2", "say 7"]
        assert _case(tmp_path).annotations.maps["thalami"][1, 1, 1] == 7


def test_a_torn_first_line_is_an_empty_journal(tmp_path: Path) -> None:
    _say(_case(tmp_path), 1)
    _journal(tmp_path).write_bytes(_journal(tmp_path).read_bytes()[:9])
    case = _case(tmp_path)
    assert case.done == []
    _say(case, 2)
    assert _case(tmp_path).annotations.facts["n"] == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [lines[0], b"\x00\x00\x00", *lines[2:]],
        lambda lines: [lines[0], lines[1][:40], *lines[2:]],
        lambda lines: [lines[0], b"[]", *lines[2:]],
        lambda lines: [b'{"something": "else"}', *lines[1:]],
        lambda lines: [lines[0], lines[1].replace(b'"after":"', b'"after":"AAAA'), *lines[2:]],
        lambda lines: [lines[0], lines[1].replace(b'"changes"', b'"chances"'), *lines[2:]],
        lambda lines: [lines[0], lines[1].replace(b'"shape":[1,2,2]', b'"shape":[9,9,9]'), *lines[2:]],
    ],
    ids=["zeros", "cut", "no object", "other file", "labels", "no edit", "box"],
)
def test_damage_before_the_end_is_said_and_the_file_kept(tmp_path: Path, damage: object) -> None:
    case = _case(tmp_path)
    for value in (1, 2, 3):
        _say(case, value)
    lines = _journal(tmp_path).read_bytes().splitlines()
    damaged = b"\n".join(damage(lines)) + b"\n"  # type: ignore[operator]
    assert damaged != _journal(tmp_path).read_bytes()
    _journal(tmp_path).write_bytes(damaged)
    with pytest.raises(CaseError, match=r"(damaged|not a journal)"):
        _case(tmp_path)
    assert _journal(tmp_path).read_bytes() == damaged


def test_edits_made_on_other_images_are_refused(tmp_path: Path) -> None:
    _say(_case(tmp_path), 1)
    with pytest.raises(CaseError, match="another QSM file"):
        _case(tmp_path, qsm="a2")
    with pytest.raises(CaseError, match="another FLAIR file"):
        _case(tmp_path, flair="b2")


def test_an_image_that_joins_later_is_known_again_too(tmp_path: Path) -> None:
    first = _case(tmp_path, flair=None)
    _say(first, 1)
    _say(_case(tmp_path), 2)
    assert _case(tmp_path).annotations.facts["n"] == 2
    with pytest.raises(CaseError, match="another FLAIR file"):
        _case(tmp_path, flair="b2")


def test_edits_on_an_image_that_is_not_there_now_are_refused_in_words(tmp_path: Path) -> None:
    _say(_case(tmp_path), 1)
    with pytest.raises(CaseError, match="no QSM in this case"):
        _case(tmp_path, qsm=None)


def test_what_cannot_be_written_waits_and_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = _case(tmp_path)
    _say(case, 1)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        _say(case, 2)
        _say(case, 3)
        case.undo()
        assert case.journal is not None
        assert case.journal.problem == "No space left on device"
        assert case.annotations.facts["n"] == 2
    _say(case, 4)
    assert case.journal.problem == ""
    assert [e.words for e in _case(tmp_path).done] == ["say 1", "say 2", "say 4"]
    kinds = [next(iter(json.loads(line))) for line in _journal(tmp_path).read_text("utf-8").splitlines()]
    assert kinds == ["thaliron-journal", "do", "do", "do", "undo", "do"]


def test_a_folder_that_cannot_be_made_keeps_the_edits_in_memory(tmp_path: Path) -> None:
    case = _case(tmp_path / "file" / "below")
    (tmp_path / "file").write_text("in the way")
    _say(case, 1)
    assert case.journal is not None
    assert case.journal.problem
    assert case.annotations.facts["n"] == 1
    (tmp_path / "file").unlink()
    case.journal.flush()
    assert case.journal.problem == ""
    assert _case(tmp_path / "file" / "below").annotations.facts["n"] == 1


def test_opening_writes_nothing(tmp_path: Path) -> None:
    _case(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
