"""One window at a time writes a case: the lock on it, and who holds it.

The lock is the operating system's, on a hidden file beside the journal: when a program crashes the system lets go of
it, so that no stale lock blocks anybody. Who holds it stands in a second file, for the words to whoever comes next.
"""

import contextlib
import errno
import getpass
import json
import os
import socket
import weakref
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thaliron_napari.errors import CaseHeldError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class CaseLock:
    """The right to write one case.

    Parameters
    ----------
    journal : Path
        The case's journal.
    """

    def __init__(self, journal: Path) -> None:
        name = journal.name.removesuffix("_desc-edits.jsonl")
        self._file = journal.parent / f".{name}_open.lock"
        self._about = journal.parent / f".{name}_open.json"
        self._case = name
        self._let_go: weakref.finalize[..., CaseLock] | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        return self._let_go is not None and self._let_go.alive

    def take(self, reader: str) -> None:
        """Take the lock; nothing happens where it is ours already.

        Raises
        ------
        CaseHeldError
            When another window, of this program or another, has it.
        OSError
            When the folder cannot be written to.
        """
        if self.held:
            return
        from filelock import FileLock, Timeout

        made = [folder for folder in self._file.parents if not folder.exists()]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._file, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            words = f"{self._case} is open {self._holder()}"
            raise CaseHeldError(f"{words}; it can be looked at here, and changed once it is closed there.") from None
        except OSError as error:
            # Some network shares know no locks: that work is saved there matters more than to keep a second window out.
            if error.errno not in _WITHOUT_LOCKS:
                raise
        # Also when this object is forgotten, and at the end of the program.
        self._let_go = weakref.finalize(self, _let_go, lock, (self._about, self._file), made)
        with contextlib.suppress(OSError):  # words only; the lock holds without them
            self._about.write_text(json.dumps(_about_us(reader)), "utf-8")

    def release(self) -> None:
        """Let another window have it, and leave nothing behind: no folder either that was made for the lock alone."""
        if self._let_go is not None:
            self._let_go()

    def _holder(self) -> str:
        """Such as ``with Anna on ws-12 since 14:05``."""
        try:
            about = json.loads(self._about.read_text("utf-8"))
            since = datetime.fromisoformat(about["time"]).astimezone()
            today = since.date() == datetime.now().astimezone().date()
            words = f"{since:%H:%M}" if today else f"{since:%Y-%m-%d %H:%M}"
            return f"with {about['reader'] or about['account']} on {about['host']} since {words}"
        except (OSError, ValueError, KeyError, TypeError):
            return "in another window"


def _let_go(lock: "BaseFileLock", files: Iterable[Path], folders: Iterable[Path]) -> None:
    for file in files:  # a lock file that is gone by the time its lock is had is noticed by filelock
        with contextlib.suppress(OSError):
            file.unlink()
    with contextlib.suppress(OSError):  # the share may be gone; the system ends our hold when the program does
        lock.release()
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where it is empty


def _about_us(reader: str) -> dict[str, Any]:
    """Who we are, to tell others."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError):
        account = ""
    return {
        "reader": reader,
        "account": account,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
