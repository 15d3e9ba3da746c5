"""One window at a time changes a case: the second looks on, and goes on where the first left off."""

import errno
import gc
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from thaliron_napari.case import Case
from thaliron_napari.case.edits import Edit, fact_change, voxel_change
from thaliron_napari.errors import CaseError, CaseHeldError
from thaliron_napari.imaging import Grid, Volume

SHAPE = (3, 4, 5)


def _case(folder: Path, reader: str = "Anna") -> Case:
    volume = Volume(np.zeros(SHAPE, np.float32), Grid(SHAPE, np.eye(4)[[2, 1, 0, 3]]))
    return Case("x", {"qsm": volume}, folder=folder, reader=reader)


def _say(case: Case, value: int) -> None:
    notes = case.annotations
    changes = fact_change(notes, "n", value) + voxel_change(notes, "thalami", (1, 1, 1), np.full((1, 2, 2), value))
    case.apply(Edit(f"say {value}", changes))


def test_the_second_window_looks_on_and_is_told_who_has_the_case(tmp_path: Path) -> None:
    first, second = _case(tmp_path), _case(tmp_path, "Ben")
    first.claim()
    for act in (second.claim, lambda: _say(second, 2)):
        with pytest.raises(CaseHeldError, match=r"sub-x is open with Anna on \S+ since \d\d:\d\d") as told:
            act()
    assert "changed once it is closed there" in str(told.value)
    assert "n" not in second.annotations.facts


def test_once_the_first_is_closed_the_second_goes_on_with_all_that_it_did(tmp_path: Path) -> None:
    first, second = _case(tmp_path), _case(tmp_path, "Ben")
    heard: list[str] = []
    second.changed.connect(lambda edit: heard.append(edit.words))
    _say(first, 1)
    _say(first, 5)
    first.undo()
    with pytest.raises(CaseHeldError):
        _say(second, 2)
    first.close()
    with pytest.raises(CaseError, match="changed this case meanwhile"):
        _say(second, 3)  # it was prepared without the first window's edits
    assert second.annotations.facts["n"] == 1
    _say(second, 3)
    assert heard == ["say 1", "say 5", "say 5", "say 3"]
    assert second.annotations.maps["thalami"][1, 1, 1] == 3
    second.undo()
    assert second.annotations.facts["n"] == 1
    with pytest.raises(CaseHeldError, match="with Ben"):
        _say(first, 4)
    second.close()
    last = _case(tmp_path)
    assert [edit.words for edit in last.done] == ["say 1"]
    assert last.notice == ""


def test_a_journal_that_was_exchanged_meanwhile_is_not_continued(tmp_path: Path) -> None:
    other = _case(tmp_path / "other")
    _say(other, 8)
    other.close()
    first = _case(tmp_path / "own")
    _say(first, 1)
    first.close()
    waiting = _case(tmp_path / "own")
    (journal,) = (tmp_path / "own").glob("*.jsonl")
    journal.write_bytes(next((tmp_path / "other").glob("*.jsonl")).read_bytes())
    with pytest.raises(CaseError, match="changed since it was read"):
        _say(waiting, 2)
    assert [edit.words for edit in _case(tmp_path / "own").done] == ["say 8"]


HOLDER = """
    import sys, time
    sys.path.insert(0, sys.argv[2])
    from pathlib import Path
    from victim import open_victim, do
    case = open_victim(Path(sys.argv[1]))
    do(case, 3)
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_another_program_holds_the_case_and_lets_go_when_it_dies(tmp_path: Path, how: str) -> None:
    from victim import open_victim

    folder = tmp_path / "anat"
    code = textwrap.dedent(HOLDER if how == "killed" else HOLDER.replace("time.sleep(60)", "sys.stdin.read()"))
    helpers = str(Path(__file__).parents[1] / "helpers")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder), helpers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "holding\n"
        case = open_victim(folder)
        with pytest.raises(CaseHeldError, match="open with Anna"):
            case.claim()
        os.kill(program.pid, signal.SIGKILL) if how == "killed" else program.communicate("")
    case.claim()
    assert len(case.done) == 1
    case.close()
    hidden = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert hidden == []


def test_who_holds_it_is_said_even_when_that_cannot_be_read(tmp_path: Path) -> None:
    first, second = _case(tmp_path), _case(tmp_path)
    first.claim()
    (about,) = tmp_path.glob(".*.json")
    for content in ("", "{", "[]", "{}"):
        about.write_text(content)
        with pytest.raises(CaseHeldError, match=re.escape("sub-x is open in another window;")):
            second.claim()


def test_a_share_without_locks_is_no_reason_not_to_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    flock = fcntl.flock

    def refuse(file: int, operation: int) -> None:
        if operation & fcntl.LOCK_EX:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        flock(file, operation)  # locks of other tests are let go of, whenever that comes

    monkeypatch.setattr(fcntl, "flock", refuse)
    case = _case(tmp_path)
    _say(case, 1)
    assert case.close()
    assert [edit.words for edit in _case(tmp_path).done] == ["say 1"]


def test_a_lock_that_cannot_be_let_go_of_does_not_keep_a_case_from_being_closed_or_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    closed, forgotten = _case(tmp_path / "closed"), _case(tmp_path / "forgotten")
    _say(closed, 1)
    _say(forgotten, 1)
    errors: list[object] = []

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(sys, "unraisablehook", errors.append)
        patch.setattr(sys, "excepthook", lambda *about: errors.append(about))
        patch.setattr(fcntl, "flock", refuse)
        assert closed.close()
        del forgotten
        gc.collect()
    assert errors == []
