"""Disks that fail while a reader draws: no edit is lost, what lies on disk can be opened at any moment, and it is said.

Each operation on the case's folder is made to fail once, and then from some moment on until the disk is well again.
"""

import errno
import itertools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from broken_disk import ALL_CHANGES, FULL, READ_ONLY, broken_disk, small_disk

from thaliron_napari.case import Case
from thaliron_napari.case.edits import Edit, fact_change, voxel_change
from thaliron_napari.imaging import Grid, Volume

SHAPE = (3, 40, 50)
WORDS = ["say 0", "say 1", "say 2", "say 3", "say 5", "say 6", "say 7"]


def _case(folder: Path) -> Case:
    volume = Volume(np.zeros(SHAPE, np.float32), Grid(SHAPE, np.eye(4)[[2, 1, 0, 3]]))
    return Case("x", {"qsm": volume}, folder=folder, reader="Anna")


def _say(case: Case, value: int) -> None:
    notes = case.annotations
    noise = np.random.default_rng(value).integers(0, 3, (1, 30, 40))
    case.apply(Edit(f"say {value}", fact_change(notes, "n", value) + voxel_change(notes, "thalami", (1, 5, 5), noise)))


def _work(case: Case, beside: Path) -> None:
    """Some edits; after each, what is on disk is what a crash would leave."""
    for value in range(8):
        _say(case, value)
        if value == 4:
            case.undo()
        _assert_a_crash_leaves_a_beginning(case, beside)


def _assert_a_crash_leaves_a_beginning(case: Case, beside: Path) -> None:
    assert case.folder is not None
    file = case.folder / "sub-x_desc-edits.jsonl"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    if file.exists():
        shutil.copy(file, beside / file.name)
    left = _case(beside)
    assert left.journal.damage is None
    now = [edit.words for edit in case.done]
    words = [edit.words for edit in left.done]
    assert words in (now[: len(words)], [*now[: len(words) - 1], "say 4"])


def _assert_all_there(folder: Path, case: Case) -> None:
    again = _case(folder)
    assert [edit.words for edit in again.done] == WORDS
    assert again.annotations.facts == case.annotations.facts
    assert again.annotations.maps["thalami"].tobytes() == case.annotations.maps["thalami"].tobytes()
    left = [
        path for path in folder.iterdir() if not path.name.startswith(".")
    ]  # a lock that could not be removed hides
    assert [path.name for path in left] == ["sub-x_desc-edits.jsonl"]


def test_each_operation_that_fails_once_costs_nothing(tmp_path: Path) -> None:
    errors = itertools.cycle((errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS))
    failed = set()
    for at in itertools.count(1):
        folder = tmp_path / str(at) / "anat"
        with broken_disk(tmp_path / str(at), at, next(errors), kinds=ALL_CHANGES) as faults:
            case = _case(folder)
            _work(case, tmp_path / "crash")
            assert case.close(20)
        if not faults.failed:
            break
        failed.update(kind for kind, _path in faults.failed)
        _assert_all_there(folder, case)
    assert {"open", "mkdir", "write", "fsync"} <= failed


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ESTALE])
def test_a_disk_that_stays_bad_keeps_the_work_in_memory_until_it_is_well(tmp_path: Path, error: int) -> None:
    kinds = FULL if error == errno.ENOSPC else READ_ONLY if error in (errno.EACCES, errno.EROFS) else ALL_CHANGES
    for at in itertools.count(1, 3):
        folder = tmp_path / str(at) / "anat"
        with broken_disk(tmp_path / str(at), at, error, lasting=True, kinds=kinds) as faults:
            case = _case(folder)
            _work(case, tmp_path / "crash")
            safe = case.journal.wait(0.05)
            assert case.journal.mirror is not None
            assert safe or case.journal.mirror.problem
            if not safe:
                assert not case.close(0.0)
        assert case.close(20)
        _assert_all_there(folder, case)
        if not faults.failed:
            break


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        folder = disk.folder / "anat"
        case = _case(folder)
        _say(case, 0)
        mirror = case.journal.mirror
        assert mirror is not None
        assert case.journal.wait(10)
        disk.leave(0)
        for value in range(1, 8):
            _say(case, value)
            if value == 4:
                case.undo()
        assert not case.journal.wait(0.1), "there was room after all"
        assert mirror.problem == "disk full"
        assert case.annotations.facts["n"] == 7
        disk.leave(2**17)
        assert case.journal.wait(10)
        assert mirror.problem == ""
        assert case.close()
        _assert_all_there(folder, case)


def test_a_read_only_disk_shows_the_case_and_keeps_what_is_drawn_in_memory(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        folder = disk.folder / "anat"
        first = _case(folder)
        _say(first, 0)
        assert first.close(10)
        with disk.read_only():
            case = _case(folder)
            assert case.annotations.facts["n"] == 0
            case.claim()
            assert case.journal.mirror is not None
            assert case.journal.mirror.problem == "the disk is read-only"
            _say(case, 1)
            assert not case.close(0.05)
            copy = case.journal.copy_to(os.fspath(tmp_path.parent / f"{tmp_path.name}-copy"))
        assert case.close(10)
        assert [edit.words for edit in _case(folder).done] == ["say 0", "say 1"]
        assert [edit.words for edit in _case(copy.parent).done] == ["say 0", "say 1"]


def test_a_damaged_journal_on_a_read_only_disk_is_recovered_once_and_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thaliron_napari.case.case._SNAPSHOT_EVERY", 4)
    first = _case(tmp_path)
    for value in range(8):
        _say(first, value)
    assert first.close(10)
    journal = tmp_path / "sub-x_desc-edits.jsonl"
    lines = journal.read_bytes().split(b"\n")
    lines[3] = lines[3][:40]
    journal.write_bytes(b"\n".join(lines))
    with broken_disk(tmp_path, 1, errno.EROFS, lasting=True, kinds=READ_ONLY):
        case = _case(tmp_path)
        case.claim()
        assert case.annotations.facts["n"] == 7
        _say(case, 8)
        _say(case, 9)
        assert not case.close(0.05)
    assert case.close(20)
    again = _case(tmp_path)
    assert again.annotations.facts == case.annotations.facts == {"n": 9}
    assert again.annotations.maps["thalami"].tobytes() == case.annotations.maps["thalami"].tobytes()
    assert sum("recover" in edit.words for edit in again.done) == 1
    assert len(list(tmp_path.glob("*_damaged-*"))) == 1
