"""The journal: what was finished is never lost, and what is damaged is said."""

import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thaliron_napari.case import Case
from thaliron_napari.case.edits import Edit, fact_change, voxel_change
from thaliron_napari.case.mirror import Mirror
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


def _after(folder: Path, *values: int) -> bytes:
    """The journal of a case that was closed after these edits."""
    case = _case(folder)
    for value in values:
        _say(case, value)
    assert case.close()
    return _journal(folder).read_bytes()


def _words(folder: Path) -> list[str]:
    return [edit.words for edit in _case(folder).done]


def _journal(folder: Path) -> Path:
    return folder / "sub-x_desc-edits.jsonl"


def test_a_line_torn_anywhere_costs_that_line_only(tmp_path: Path) -> None:
    case = _case(tmp_path)
    for value in (1, 2, 3):
        _say(case, value)
    assert case.journal.mirror is not None
    assert case.journal.mirror.wait(10)
    whole = _journal(tmp_path).read_bytes()
    case.close()
    start = whole[:-1].rfind(b"\n") + 1
    for cut in (start + 1, (start + len(whole)) // 2, len(whole) - 1):
        _journal(tmp_path).write_bytes(whole[:cut])
        again = _case(tmp_path)
        assert again.annotations.facts["n"] == 2
        assert again.notice == "The program was cut off here; all 2 edits are there."
        _say(again, 7)
        again.close()
        assert _words(tmp_path) == ["say 1", "say 2", "say 7"]
        assert _case(tmp_path).annotations.maps["thalami"][1, 1, 1] == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == [_journal(tmp_path).name]


def test_a_torn_first_line_is_an_empty_journal(tmp_path: Path) -> None:
    _journal(tmp_path).write_bytes(_after(tmp_path, 1)[:9])
    case = _case(tmp_path)
    assert list(case.done) == []
    _say(case, 2)
    case.close()
    assert _words(tmp_path) == ["say 2"]


def _swapped(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


# The lines are: head, open, say 1, say 2, say 3, close.
DAMAGE = {
    "zeros": lambda lines: [*lines[:3], b"\x00\x00\x00", *lines[4:]],
    "cut": lambda lines: [*lines[:3], lines[3][:40], *lines[4:]],
    "no object": lambda lines: [*lines[:3], b"[]", *lines[4:]],
    "one digit": lambda lines: [*lines[:3], lines[3].replace(b'"after":2', b'"after":8'), *lines[4:]],
    "other words": lambda lines: [*lines[:3], lines[3].replace(b"say 2", b"say 9"), *lines[4:]],
    "lost": lambda lines: [*lines[:3], *lines[4:]],
    "doubled": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "order": _swapped,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_journal_damaged_in_the_middle_opens_up_to_there_and_the_rest_is_kept(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]]
) -> None:
    lines = _after(tmp_path, 1, 2, 3).splitlines()
    damaged = b"".join(line + b"\n" for line in damage(lines))
    _journal(tmp_path).write_bytes(damaged)
    case = _case(tmp_path)
    assert [edit.words for edit in case.done] == ["say 1"]
    assert "damaged in line 4: 1 edits are here" in case.notice
    assert _journal(tmp_path).read_bytes() == damaged, "looking changes nothing"
    _say(case, 7)
    case.close()
    assert _words(tmp_path) == ["say 1", "say 7"]
    (rest,) = tmp_path.glob("*damaged*")
    assert rest.name in case.notice
    assert damaged.endswith(rest.read_bytes())
    assert damaged[: -len(rest.read_bytes())] == b"".join(line + b"\n" for line in lines[:3])


def test_what_a_snapshot_behind_the_damage_holds_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thaliron_napari.case.case._SNAPSHOT_EVERY", 10)
    whole = _after(tmp_path, *range(1, 26))
    state = _case(tmp_path).annotations
    lines = whole.splitlines()
    assert sum(line.startswith(b'{"snapshot"') for line in lines) == 2
    lines[4] = lines[4][:30] + b"#" + lines[4][31:]
    _journal(tmp_path).write_bytes(b"\n".join(lines) + b"\n")
    case = _case(tmp_path)
    case.claim()
    assert [edit.words for edit in case.done][:2] == ["say 1", "say 2"]
    assert "recover" in case.done[2].words
    for again in (case.annotations, _closed(case, tmp_path).annotations):
        assert again.facts == state.facts
        assert again.maps["thalami"].tobytes() == state.maps["thalami"].tobytes()


def _closed(case: Case, folder: Path) -> Case:
    assert case.close()
    return _case(folder)


def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path: Path) -> None:
    for content in (b'{"something": "else"}\n', b"a,b\n1,2\n", b'{"thaliron-journal":9,"images":{}}\n'):
        _journal(tmp_path).write_bytes(content)
        with pytest.raises(CaseError, match="not a journal of this program"):
            _case(tmp_path)
        assert _journal(tmp_path).read_bytes() == content


def test_a_journal_without_sums_is_read_and_continued(tmp_path: Path) -> None:
    """As versions before 0.2 wrote them."""
    lines = [json.loads(line) for line in _after(tmp_path, 1, 2).splitlines()]
    for line in lines:
        del line["sum"]
    lines[0]["thaliron-journal"] = 1
    old = [line for line in lines if "open" not in line and "close" not in line]
    _journal(tmp_path).write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in old), "utf-8")
    case = _case(tmp_path)
    _say(case, 3)
    case.close()
    assert _words(tmp_path) == ["say 1", "say 2", "say 3"]
    whole = _journal(tmp_path).read_bytes()
    _journal(tmp_path).write_bytes(whole.replace(b"say 3", b"say 4"))
    assert _words(tmp_path) == ["say 1", "say 2"]


def test_edits_made_on_other_images_are_refused(tmp_path: Path) -> None:
    _after(tmp_path, 1)
    with pytest.raises(CaseError, match="another QSM file"):
        _case(tmp_path, qsm="a2")
    with pytest.raises(CaseError, match="another FLAIR file"):
        _case(tmp_path, flair="b2")


def test_an_image_that_joins_later_is_known_again_too(tmp_path: Path) -> None:
    first = _case(tmp_path, flair=None)
    _say(first, 1)
    first.close()
    _after(tmp_path, 2)
    assert _case(tmp_path).annotations.facts["n"] == 2
    with pytest.raises(CaseError, match="another FLAIR file"):
        _case(tmp_path, flair="b2")


def test_edits_on_an_image_that_is_not_there_now_are_refused_in_words(tmp_path: Path) -> None:
    _after(tmp_path, 1)
    with pytest.raises(CaseError, match="no QSM in this case"):
        _case(tmp_path, qsm=None)


def _fail(number: int) -> Callable[..., None]:
    def refuse(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


TROUBLE = [
    ("write", errno.ENOSPC, "disk full"),
    ("fsync", errno.ENOSPC, "disk full"),
    ("fsync", errno.EIO, "the folder cannot be reached"),
    ("write", errno.EROFS, "the disk is read-only"),
    ("write", errno.EACCES, "no right to write there"),
    ("write", errno.ESTALE, "the folder cannot be reached"),
]


@pytest.mark.parametrize(("call", "number", "words"), TROUBLE)
def test_what_cannot_be_written_waits_and_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, words: str
) -> None:
    case = _case(tmp_path)
    _say(case, 1)
    mirror = case.journal.mirror
    assert mirror is not None
    assert mirror.wait(10)
    with monkeypatch.context() as disk:
        disk.setattr(os, call, _fail(number))
        _say(case, 2)
        _say(case, 3)
        case.undo()
        _until(lambda: mirror.problem == words)
        assert not mirror.saved
        assert case.annotations.facts["n"] == 2
        assert not case.close(0.01), "a case whose work is not safe stays ours"
    assert mirror.wait(10)
    assert mirror.problem == ""
    _say(case, 4)
    case.close()
    assert _words(tmp_path) == ["say 1", "say 2", "say 4"]
    kinds = [next(iter(json.loads(line))) for line in _journal(tmp_path).read_text("utf-8").splitlines()]
    assert kinds == ["thaliron-journal", "open", "do", "do", "do", "undo", "close", "open", "do", "close"]


def test_a_folder_that_cannot_be_made_keeps_the_edits_in_memory(tmp_path: Path) -> None:
    case = _case(tmp_path / "file" / "below")
    (tmp_path / "file").write_text("in the way")
    _say(case, 1)
    mirror = case.journal.mirror
    assert mirror is not None
    assert mirror.problem == "the folder cannot be reached"
    assert case.annotations.facts["n"] == 1
    (tmp_path / "file").unlink()
    assert mirror.wait(10)
    case.close()
    assert _case(tmp_path / "file" / "below").annotations.facts["n"] == 1


def test_a_folder_that_vanishes_while_the_case_is_open_gets_the_whole_journal_again(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    case = _case(folder)
    _say(case, 1)
    mirror = case.journal.mirror
    assert mirror is not None
    assert mirror.wait(10)
    shutil.rmtree(folder)
    _say(case, 2)
    _until(lambda: mirror.wait(10) and _journal(folder).exists())
    case.close()
    assert _words(folder) == ["say 1", "say 2"]


def test_a_journal_that_is_gone_before_the_next_edit_is_written_again(tmp_path: Path) -> None:
    _after(tmp_path, 1)
    case = _case(tmp_path)
    _journal(tmp_path).unlink()
    _say(case, 2)
    case.close()
    assert _words(tmp_path) == ["say 1", "say 2"]


def test_opening_writes_nothing_and_closing_leaves_nothing(tmp_path: Path) -> None:
    case = _case(tmp_path / "some" / "folder")
    assert list(tmp_path.iterdir()) == []
    case.claim()
    case.close()
    assert list(tmp_path.iterdir()) == []


def _until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_line_is_handed_to_the_system_though_the_thread_has_the_file_at_that_moment(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "journal")
    mirror.append(b"first\n")
    assert mirror.wait(10)
    mirror._writing.acquire()  # as the thread does for the time of a write
    threading.Timer(0.02, mirror._writing.release).start()
    mirror.append(b"second\n")
    assert mirror.path.read_bytes() == b"first\nsecond\n"
    assert mirror.wait(10)
    mirror.close()
