"""A file kept the same as a growing byte string in memory, so that no disk can hold up the hand or lose the work.

What is appended is handed to the system at once, by the caller: a program that is killed after that loses nothing. To
see it safe on the disk (fsync) takes up to a tenth of a second, and on a share that went away it may take for ever:
that is left to a thread, which lives only as long as there is something to make safe. The whole content stays in
memory, so that a write that failed, or a file that vanished, is simply written again from what is known to be safe.
"""

import contextlib
import errno
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

_RETRY_S = 2.0
_TURN_S = 0.1  # that the hand waits at most while the thread writes
_SILENT_S = 1.0  # a disk that takes longer than this is not asked to write in the caller's time

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_RIGHT = {errno.EACCES, errno.EPERM}
_OUT_OF_REACH = {
    errno.EIO,
    errno.EEXIST,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ESTALE,
    errno.ENODEV,
    errno.ENXIO,
    errno.ETIMEDOUT,
}


class Mirror:
    """A file that is made to hold what is appended here.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    on_disk : bytes
        What the file holds already, or as much of it as is good: the first write cuts off what follows.
    hold : callable
        Called before the file is opened for writing, in whichever thread; an OSError of it is taken as one of the disk.
    """

    def __init__(self, path: Path, on_disk: bytes = b"", hold: Callable[[], object] = lambda: None) -> None:
        self.path = path
        self.problem = ""
        """Why what was appended last is not safe on the disk, in a few words; empty where there is no trouble."""
        self.saved_at: float | None = None
        """When all was safe on the disk last, in seconds of :func:`time.monotonic`; None: nothing was written yet."""
        self._content = bytearray(on_disk)
        self._safe = self._written = len(on_disk)
        self._hold = hold
        self._file: int | None = None
        self._broken = False  # the file must be opened anew, which the thread does
        self._cut = False  # what follows our last byte in the file has to go
        self._writing = threading.Lock()  # over the file and how much of it is written
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()  # over the thread
        self._hurry = threading.Event()
        self._asked_at: float | None = None

    @property
    def silent_s(self) -> float:
        """For how long the disk has not answered."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else time.monotonic() - asked_at

    @property
    def saved(self) -> bool:
        """Whether all that was appended is safe on the disk."""
        return self._safe == len(self._content)

    @property
    def safe_content(self) -> bytes:
        """As much of what the file should hold as is safe on the disk."""
        return bytes(self._content[: self._safe])

    def grown(self, more: bytes) -> None:
        """Take in what was written to the end of the file by somebody else; for a file that holds all of ours."""
        self._content += more
        self._safe = self._written = len(self._content)

    def lost(self) -> None:
        """Know that the file is gone: all of it is to be written again."""
        self._safe = self._written = 0

    def cannot(self, error: OSError) -> None:
        """Know beforehand that nothing can be written."""
        self.problem = plain_words(error)

    def append(self, more: bytes) -> None:
        """Add to the file; returns soon, whatever the disk does."""
        self._content += more
        # The thread has the file for no longer than a write takes, and may have looked at what there is to write just
        # before this came. Where the disk is in trouble only the thread may wait.
        if not self.problem and self.silent_s < _SILENT_S and self._writing.acquire(timeout=_TURN_S):
            try:
                self._write()
            except OSError as error:
                self._failed(error)
            finally:
                self._writing.release()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._make_safe, name=f"saving {self.path.name}", daemon=True)
                self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until all is safe on the disk, no longer than that; returns whether it is. Tries again at once."""
        self._hurry.set()
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self.saved

    def close(self) -> None:
        """Let go of the file, once all is safe."""
        with self._writing:
            self._let_go()

    def _make_safe(self) -> None:
        """What the thread does: write what is not written and see it on the disk, until nothing is left to do."""
        while True:
            self._hurry.clear()
            self._asked_at = time.monotonic()
            try:
                with self._writing:
                    if self._broken:
                        self._let_go()
                    self._write()
                    file, written = self._file, self._written
                if file is not None:
                    os.fsync(file)  # meanwhile more may be written; this thread alone closes the file
                    self._see_it_there(file)
            except OSError as error:
                self._failed(error)
                self._asked_at = None
                self._hurry.wait(_RETRY_S)
                continue
            self._asked_at = None
            self._safe = max(self._safe, written)
            self.saved_at = time.monotonic()
            self.problem = ""
            with self._starting:
                if self.saved:
                    self._thread = None
                    return

    def _write(self) -> None:
        if self._file is None:
            self._open()
        assert self._file is not None
        while self._written < len(self._content):
            os.lseek(self._file, self._written, os.SEEK_SET)
            self._written += os.write(self._file, bytes(self._content[self._written :]))
        if self._cut:
            os.ftruncate(self._file, self._written)
            self._cut = False

    def _open(self) -> None:
        self._hold()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        self._file, self._broken = file, False
        self._closer = weakref.finalize(self, os.close, file)
        size = os.fstat(file).st_size
        if size < self._safe:  # not the file it was
            self._safe = 0
        self._written = self._safe
        if self._safe:
            os.ftruncate(file, self._safe)
        # Of a file that is written anew from its start only what is behind the end goes, and only then: much of it is
        # most likely what will be there.
        self._cut = not self._safe
        if is_new:
            _sync_folder(self.path.parent)

    def _failed(self, error: OSError) -> None:
        self.problem = plain_words(error)
        self._broken = True
        self._written = self._safe  # the system may have dropped what was written and not yet safe

    def _see_it_there(self, file: int) -> None:
        """Refuse a file that was removed, or replaced, since it was opened: what is written into it goes nowhere."""
        ours = os.fstat(file)
        try:
            there = os.stat(self.path)
            # The size too: on some network shares a file's number is another each time it is asked for.
            same = os.path.samestat(there, ours) or there.st_size == ours.st_size
        except FileNotFoundError:
            same = False
        if not same:
            self._safe = 0
            raise OSError(errno.ENOENT, "the file was removed")

    def _let_go(self) -> None:
        if self._file is not None:
            self._file = None
            with contextlib.suppress(OSError):
                self._closer()


def plain_words(error: OSError) -> str:
    """Why a disk did not do what it was asked to, in a few words."""
    if error.errno in _DISK_FULL:
        return "disk full"
    if error.errno in _NO_RIGHT:
        return "no right to write there"
    if error.errno == errno.EROFS:
        return "the disk is read-only"
    if error.errno in _OUT_OF_REACH:
        return "the folder cannot be reached"
    return error.strerror or str(error)


def _sync_folder(folder: Path) -> None:
    """See the name of a new file on the disk too, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
