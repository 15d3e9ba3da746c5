"""Disks that fail: faults at a chosen operation on the files below a folder, and a real disk that is full or read-only.

:func:`broken_disk` counts every operation that Python makes below a folder and lets one of them, or all from one on,
fail with an error of the operating system. What C++ code writes by itself it cannot see; :func:`small_disk` is a real
file system of a few kilobytes for that.
"""

import builtins
import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest

KINDS = ("read", "list", "open", "mkdir", "rename", "chmod", "unlink", "truncate", "write", "fsync", "close")
"""What can fail: opening to read, listing a folder, opening to write, and so on."""
FULL = ("open", "mkdir", "write", "fsync", "close")
"""What fails on a full disk."""
READ_ONLY = ("open", "mkdir", "rename", "chmod", "unlink", "truncate")
"""What fails in a folder that may not be written to."""
ALL_CHANGES = tuple(kind for kind in KINDS if kind not in ("read", "list"))

_EVENTS = {
    "os.listdir": "list",
    "os.scandir": "list",
    "os.mkdir": "mkdir",
    "os.rename": "rename",
    "os.link": "rename",
    "os.symlink": "rename",
    "os.chmod": "chmod",
    "os.remove": "unlink",
    "os.rmdir": "unlink",
    "os.truncate": "truncate",
}


@dataclass
class Faults:
    """What happens below a folder, and what of it fails.

    Parameters
    ----------
    folder : Path
    at : int
        The operation that fails, counted from 1; 0: none.
    error : int
        As in the module errno.
    lasting : bool
        Whether all after it fail too.
    kinds : collection of str
        What is counted and can fail, of `KINDS`.
    """

    folder: Path
    at: int
    error: int
    lasting: bool
    kinds: Collection[str]
    seen: list[tuple[str, Path]] = field(default_factory=list)
    """Every operation so far, with its file; of a renaming the file that is replaced."""
    failed: list[tuple[str, Path]] = field(default_factory=list)
    """Those of them that failed; empty where there were fewer operations than `at`."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def covers(self, path: object) -> bool:
        """Whether a path, of any type that Python's functions take, lies below the folder."""
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return Path(os.path.abspath(os.fsdecode(path))).is_relative_to(self.folder)

    def meet(self, kind: str, path: object, before: Callable[[], object] = lambda: None) -> None:
        """Count an operation; where it is one that fails, do what comes `before` and raise."""
        if kind not in self.kinds or not self.covers(path):
            return
        with self._lock:
            operation = (kind, Path(os.fsdecode(path)))
            self.seen.append(operation)
            fails = len(self.seen) == self.at or (self.lasting and 0 < self.at < len(self.seen))
            if fails:
                self.failed.append(operation)
        if fails:
            before()
            raise OSError(self.error, os.strerror(self.error), str(operation[1]))


_now: Faults | None = None
_hooked = False


@contextmanager
def broken_disk(
    folder: Path, at: int = 0, error: int = 0, *, lasting: bool = False, kinds: Collection[str] = KINDS
) -> Iterator[Faults]:
    """Let an operation on the files below a folder fail, in every thread; see :class:`Faults`.

    A write that fails has put down half of its bytes before, and a close that fails has closed the file: so do real
    disks and network shares. Nothing waits for the disk meanwhile (fsync only counts), so that thousands of faults take
    seconds.
    """
    global _now, _hooked
    if not _hooked:  # Python cannot take a hook away again: there is one, and it sleeps between the tests
        sys.addaudithook(_on_event)
        _hooked = True
    assert _now is None, "one broken disk at a time"
    with (
        mock.patch.object(builtins, "open", _open),
        mock.patch.object(io, "open", _open),
        mock.patch.object(os, "write", _os_write),
        mock.patch.object(os, "fsync", _os_fsync),
    ):
        _now = Faults(Path(os.path.abspath(folder)), at, error, lasting, kinds)
        try:
            yield _now
        finally:
            _now = None


@dataclass(frozen=True)
class SmallDisk:
    """A real file system of its own."""

    folder: Path
    """Where to write."""
    _mount: Path

    def leave(self, free_bytes: int) -> None:
        """Fill it up so that only so many bytes are free, rounded to whole pages."""
        filler = self._mount / "filler"
        filler.unlink(missing_ok=True)
        stat = os.statvfs(self._mount)
        fill = (stat.f_bavail - -(-free_bytes // stat.f_frsize)) * stat.f_frsize
        assert fill >= 0, "the disk is smaller than that"
        with filler.open("wb") as file:
            if fill:
                os.posix_fallocate(file.fileno(), 0, fill)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Make the whole disk read-only."""
        subprocess.run(["mount", "-o", "remount,ro", self._mount], check=True)
        try:
            yield
        finally:
            subprocess.run(["mount", "-o", "remount,rw", self._mount], check=True)


@contextmanager
def small_disk(folder: Path, size_bytes: int = 2**20) -> Iterator[SmallDisk]:
    """Mount a disk in memory over a folder, or skip the test where that is not allowed; what is in there comes back."""
    if shutil.which("mount") is None:
        pytest.skip("there is no program here to mount a small disk with")
    options = ["-t", "tmpfs", "-o", f"size={size_bytes}"]
    done = subprocess.run(["mount", *options, "tmpfs", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("a small disk can only be mounted by root (such as in: unshare -rm pytest)")
    try:
        (folder / "files").mkdir()
        yield SmallDisk(folder / "files", folder)
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user without rights to what root owns, or skip the test where that cannot be had.

    What is imported in here may not be found; import it before.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("there is no other user to be on this system")
    if os.geteuid() != 0:  # is one already
        yield
        return
    try:
        os.seteuid(65534)
    except OSError:
        pytest.skip("there is no other user to be in this container")
    try:
        yield
    finally:
        os.seteuid(0)


class _File(io.FileIO):
    """A file whose writes, and whose closing, are counted and can fail."""

    def write(self, data: object) -> int:
        whole = memoryview(data).cast("B")  # type: ignore[arg-type]
        _meet("write", self.name, lambda: super(_File, self).write(whole[: len(whole) // 2]))
        return super().write(whole)

    def truncate(self, size: int | None = None) -> int:
        _meet("truncate", self.name)
        return super().truncate(size)

    def close(self) -> None:
        if not self.closed:
            super().close()
            _meet("close", self.name)


def _open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):  # type: ignore[no-untyped-def]
    """As Python's own, which writes in C where nobody sees it."""
    if _now is None or not set(mode) & set("wax+") or not _now.covers(file):
        return _real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    raw = _File(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    if buffering == 0:
        return raw
    binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
    return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline, buffering == 1)


def _os_write(fd: int, data: bytes) -> int:
    _meet("write", _path_of(fd), lambda: _real_write(fd, bytes(data)[: len(data) // 2]))
    return _real_write(fd, data)


def _os_fsync(fd: int) -> None:
    _meet("fsync", _path_of(fd))


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    """Python's own report of an operation that is about to be made."""
    if _now is None:
        return
    if event == "open":
        path, _mode, flags = arguments
        assert isinstance(flags, int)
        _meet("open" if flags & (os.O_WRONLY | os.O_RDWR) else "read", path)
    elif event in _EVENTS:
        path = arguments[1 if _EVENTS[event] == "rename" else 0]
        _meet(_EVENTS[event], _path_of(path) if isinstance(path, int) else path)


def _meet(kind: str, path: object, before: Callable[[], object] = lambda: None) -> None:
    if _now is not None:
        _now.meet(kind, path, before)


def _path_of(fd: int) -> str | None:
    """File of a descriptor, on Linux; None where it is not known."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None


_real_open, _real_write = io.open, os.write
