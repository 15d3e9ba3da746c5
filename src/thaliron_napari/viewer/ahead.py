"""The case that will be wanted next, opened before it is asked for: going on then waits for no disk.

What is read ahead is a :class:`Case` that nobody has claimed: it holds no lock and writes nothing, and it is thrown
away where a file of it, or its journal, is another by the time it is wanted.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from qtpy.QtCore import QObject, QTimer

from thaliron_napari.case import Case, Role
from thaliron_napari.case.bids import image_files
from thaliron_napari.case.images import Found, Variant
from thaliron_napari.case.opening import default_derivatives, journal_of, look_for, open_found
from thaliron_napari.viewer.on_grid import make_ready

_QUIET_MS = 2500
_AGAIN_MS = 1000
_LOWEST_PRIORITY = 19


@dataclass(frozen=True)
class Wanted:
    """A case of a dataset as it will be asked for.

    Parameters
    ----------
    folder : Path
        Of the subject or session.
    derivatives : Path, optional
        Folder for the reader's work, where it is not the usual one.
    reader : str
    prefer : mapping
        Kind of scan by role that the reader chose where there are several.
    """

    folder: Path
    derivatives: Path | None
    reader: str
    prefer: Mapping[Role, Variant] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Read:
    images: Mapping[Role, Path]
    stamp: object
    case: Case


class Ahead(QObject):
    """Reads one case ahead, never more.

    Parameters
    ----------
    wanted : callable
        Tells which case will be wanted next; None: none.
    is_busy : callable
        Whether the window has better things to do now.
    parent : QObject
    """

    def __init__(self, wanted: Callable[[], Wanted | None], is_busy: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._wanted, self._is_busy = wanted, is_busy
        self._now: Wanted | None = None
        self._read: Future[_Read | None] | None = None
        self._thread: threading.Thread | None = None
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.timeout.connect(self._begin)

    @property
    def ready(self) -> str:
        """Folder of the case that has been read ahead; empty while there is none."""
        is_read = self._now is not None and self._read is not None and self._read.done()
        return str(self._now.folder) if self._now is not None and is_read else ""

    def plan(self) -> None:
        """Look again which case is next, once the window has been quiet for some seconds."""
        self._quiet.start(_QUIET_MS)

    def drop(self) -> None:
        """Forget what was read."""
        self._now = self._read = None

    def take(self, wanted: Wanted, found: Found) -> Case | None:
        """The case read ahead, where it is the one wanted and still as its files are; waits while it is being read.

        To be called where nobody waits: it looks at the files. The case is the caller's from then on.
        """
        if wanted != self._now or self._read is None:
            return None
        reading, self._now, self._read = self._read, None, None
        read = reading.result()
        if read is None or read.images != found.images or read.stamp != _stamp(wanted, found):
            return None
        return read.case

    def _begin(self) -> None:
        if self._is_busy() or (self._thread is not None and self._thread.is_alive()):
            self._quiet.start(_AGAIN_MS)  # two at a time would be two in memory
            return
        wanted = self._wanted()
        if wanted == self._now:
            return
        self.drop()
        if wanted is None:
            return
        self._now, self._read = wanted, Future()
        # Not from the pool of threads: there the low priority would stay with the thread, for the next work.
        self._thread = threading.Thread(target=_read_ahead, args=(wanted, self._read), daemon=True)
        self._thread.start()


def _read_ahead(wanted: Wanted, read: "Future[_Read | None]") -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
    outcome = None
    try:
        found = look_for([wanted.folder], derivatives=wanted.derivatives, reader=wanted.reader, prefer=wanted.prefer)
        if not found.questions:
            stamp = _stamp(wanted, found)
            case = open_found(found, derivatives=wanted.derivatives, reader=wanted.reader)
            make_ready(case)
            outcome = _Read(dict(found.images), stamp, case)
    except Exception:
        outcome = None
    finally:
        read.set_result(outcome)


def _stamp(wanted: Wanted, found: Found) -> object:
    """What changes when any file does that the case was made from."""
    work = wanted.derivatives or default_derivatives(wanted.folder, wanted.reader)
    paths = {*image_files(wanted.folder), *found.images.values()}
    paths |= {path.with_name(f"{path.name.removesuffix('.gz').rsplit('.', 1)[0]}.json") for path in paths}
    if found.case is not None:
        paths.add(journal_of(work, found.case.subject, found.case.session))
    return {path: _state(path) for path in paths}


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
