"""Disks that fill up, refuse or break while a case is saved: each file is the old or the new one, and the reader told.

Each operation that saving makes is made to fail once, see the helper; nothing of this counts on how the program
writes, only on what is found on disk afterwards.
"""

import errno
import itertools
import os
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from broken_disk import FULL, KINDS, READ_ONLY, as_nobody, broken_disk, small_disk
from readings import move_qsm, read_head, wipe

from thaliron_napari.case import Case, files, lesions, open_case
from thaliron_napari.case.fusion import forget_registration
from thaliron_napari.errors import CaseError
from thaliron_napari.measurement import write_lesions, write_record

Files = dict[Path, bytes]
ERRORS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS)


def save_all(case: Case) -> None:
    files.save(case)
    write_record(case)
    write_lesions(case)


def in_folder(root: Path) -> Files:
    """Every file below a folder, those left beside too."""
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def put_back(root: Path, content: Files) -> None:
    wipe(root)
    for path, data in content.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def beside(content: Files) -> list[Path]:
    return [path for path in content if path.name.startswith(".writing-")]


def assert_each_is_old_or_new(found: Files, old: Files, new: Files) -> None:
    whole = {path: data for path, data in found.items() if path not in beside(found)}
    for path in {*old, *new, *whole}:
        assert whole.get(path) in (old.get(path), new.get(path)), f"{path} is neither the old nor the new one"


def assert_told(raised: pytest.ExceptionInfo[CaseError], case: Case, error: int) -> None:
    words = str(raised.value)
    assert str(case.folder) in words
    assert os.strerror(error) in words
    assert words.endswith(".")
    assert ". " not in words


class Readings:
    """One case, and the files it leaves before and after a change that takes one away and rewrites most."""

    def __init__(self, case: Case, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.case, self.root = case, root
        self.case.folder = root / "sub-ball" / "anat"
        self._monkeypatch = monkeypatch
        self._change = [
            forget_registration(case),
            lesions.set_state(case, 2, "rejected"),
            lesions.grow(case, (20, 20, 20)),
        ]
        self._first = self._saved(2001)
        for edit in self._change:
            case.apply(edit)
        self._second = self._saved(2002)
        assert len(set(self._first) - set(self._second)) == 3
        assert sum(self._first.get(path) != data for path, data in self._second.items()) >= 6

    def turn(self, before: str) -> tuple[Files, Files]:
        """What is there and what is to be, with the case as it is then: the first reading, or the change on it."""
        if before == "a reading":
            return self._first, self._second
        for _edit in self._change:
            self.case.undo()
        self._stop_clock(2001)
        return {}, self._first

    def _saved(self, year: int) -> Files:
        self._stop_clock(year)
        wipe(self.root)
        save_all(self.case)
        return in_folder(self.root)

    def _stop_clock(self, year: int) -> None:
        class Then(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:
                return datetime(year, 1, 1, tzinfo=UTC)

        self._monkeypatch.setattr(files, "datetime", Then)


@pytest.fixture
def readings(head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Readings:
    """Without a journal, which is written in its own time and tested elsewhere."""
    (root := tmp_path / "disk" / "files").mkdir(parents=True)
    case = move_qsm(read_head(head, open_case([head.folder], in_memory=True)), 1.5)
    return Readings(case, root, monkeypatch)


BEFORE = pytest.mark.parametrize("before", ["nothing", "a reading"])


@BEFORE
def test_any_one_operation_fails(readings: Readings, before: str) -> None:
    (old, new), root = readings.turn(before), readings.root
    kinds: set[str] = set()
    for at, error in zip(itertools.count(1), itertools.cycle(ERRORS)):
        put_back(root, old)
        with broken_disk(root, at, error) as faults:
            try:
                save_all(readings.case)
            except CaseError as raised:
                told = pytest.ExceptionInfo.from_exception(raised)
            else:
                told = None
        kinds |= {kind for kind, _path in faults.failed}
        found = in_folder(root)
        assert_each_is_old_or_new(found, old, new)
        assert beside(found) == []
        if told is not None:
            assert_told(told, readings.case, error)
            with broken_disk(root):  # without a fault
                save_all(readings.case)
        assert in_folder(root) == new
        if not faults.failed:
            break
    assert at > 60
    assert kinds >= {"open", "mkdir", "write", "fsync", "close", "rename"}
    assert "read" in kinds or before == "nothing"
    assert "unlink" in kinds or before == "nothing"


@pytest.mark.parametrize(
    ("error", "kinds"), [(errno.ENOSPC, FULL), (errno.EROFS, READ_ONLY), (errno.EIO, KINDS), (errno.ESTALE, KINDS)]
)
def test_all_fail_from_one_on(readings: Readings, error: int, kinds: tuple[str, ...]) -> None:
    (old, new), root = readings.turn("a reading"), readings.root
    for at in itertools.count(1, 5):
        put_back(root, old)
        with broken_disk(root, at, error, lasting=True, kinds=kinds) as faults:
            try:
                save_all(readings.case)
            except CaseError as raised:
                assert_told(pytest.ExceptionInfo.from_exception(raised), readings.case, error)
        found = in_folder(root)
        assert_each_is_old_or_new(found, old, new)
        assert len(beside(found)) <= (1 if "unlink" in kinds else 0)
        if not faults.failed:
            break
    assert at > 15
    assert found == new


@BEFORE
def test_full_disk_at_every_page(readings: Readings, tmp_path: Path, before: str) -> None:
    """A real file system, which also refuses what is written past Python."""
    (old, new), root = readings.turn(before), readings.root
    with small_disk(tmp_path / "disk") as disk:
        for pages in itertools.count():
            disk.leave(2**19)
            put_back(root, old)
            disk.leave(pages * 4096)
            try:
                save_all(readings.case)
            except CaseError as raised:
                assert_told(pytest.ExceptionInfo.from_exception(raised), readings.case, errno.ENOSPC)
            else:
                break
            found = in_folder(root)
            assert_each_is_old_or_new(found, old, new)
            assert beside(found) == []
            disk.leave(2**19)
            save_all(readings.case)
            assert in_folder(root) == new
        assert in_folder(root) == new
        assert pages >= (10 if before == "nothing" else 1)


def test_read_only_disk(readings: Readings, tmp_path: Path) -> None:
    (old, new), root = readings.turn("a reading"), readings.root
    with small_disk(tmp_path / "disk") as disk:
        put_back(root, old)
        with disk.read_only(), pytest.raises(CaseError) as raised:
            save_all(readings.case)
        assert_told(raised, readings.case, errno.EROFS)
        assert in_folder(root) == old
        save_all(readings.case)
        assert in_folder(root) == new


def test_folder_of_somebody_else(readings: Readings) -> None:
    old, _new = readings.turn("a reading")
    root = Path(tempfile.mkdtemp())  # pytest's own may not be entered by others
    try:
        root.chmod(0o755)
        put_back(root, old)
        readings.case.folder = root / "sub-ball" / "anat"
        for folder in (root, root / "sub-ball", readings.case.folder):
            folder.chmod(0o555)
        for write in (files.save, write_record, write_lesions):
            with as_nobody(), pytest.raises(CaseError) as raised:
                write(readings.case)
            assert_told(raised, readings.case, errno.EACCES)
        assert in_folder(root) == old
    finally:
        for folder in (readings.case.folder, root / "sub-ball", root):
            folder.chmod(0o755)
        shutil.rmtree(root)


def test_what_a_crash_left_beside_is_swept_when_it_is_old(readings: Readings) -> None:
    anat = readings.case.folder
    left = {name: anat / name for name in (".writing-old.nii.gz", ".writing-new.nii.gz", ".mine")}
    for path in left.values():
        path.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86_400
    for name in (".writing-old.nii.gz", ".mine"):
        os.utime(left[name], (two_days_ago, two_days_ago))
    files.save(readings.case)
    assert {name for name, path in left.items() if path.exists()} == {".writing-new.nii.gz", ".mine"}


def test_helper_fails_where_it_is_told(tmp_path: Path) -> None:
    """Each kind of operation, once in every way that Python has for it; outside the folder nothing."""
    (folder := tmp_path / "in").mkdir()
    (out := tmp_path / "out").mkdir()

    def work(where: Path) -> None:
        (where / "a").mkdir()
        with (where / "a" / "file").open("wb", buffering=0) as file:
            file.write(b"abcdef")
            os.fsync(file.fileno())
        fd = os.open(where / "low", os.O_CREAT | os.O_WRONLY)
        try:
            os.write(fd, b"abcdef")
        finally:
            os.close(fd)
        (where / "low").replace(where / "high")
        (where / "high").chmod(0o600)
        with (where / "high").open("r+b", buffering=0) as file:
            file.truncate(3)
        (where / "high").read_bytes()
        list(where.iterdir())
        (where / "high").unlink()

    with broken_disk(folder) as faults:
        work(folder)
        kinds = "mkdir open write fsync close open write rename chmod open truncate close read list unlink"
        assert " ".join(kind for kind, _path in faults.seen) == kinds
    for at, (kind, path) in enumerate(faults.seen, start=1):
        wipe(folder)
        wipe(out)
        with broken_disk(folder, at, errno.EIO) as broken:
            work(out)
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                work(folder)
        assert broken.failed == [(kind, path)]
        if kind == "write":
            assert path.read_bytes() == b"abc", "half of it"
