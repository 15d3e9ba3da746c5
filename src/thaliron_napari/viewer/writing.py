"""A case's files, written beside the window: a slow disk or a share that hangs must not stop the hand."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from thaliron_napari.case import Case
from thaliron_napari.case.files import save
from thaliron_napari.measurement import write_lesions, write_record


@dataclass(frozen=True, eq=False)
class Writing:
    """Files of a case on their way to the disk.

    Parameters
    ----------
    case : Case
    lines : int
        Lines of the journal when it began. With more of them when it is done, the files may hold half of an edit:
        they are to be written again.
    asked : bool
        Whether the reader waits to hear of it.
    tells : bool
        Whether the reader hears of it when it fails.
    written : Future
        What was written.
    """

    case: Case
    lines: int
    asked: bool
    tells: bool
    written: "Future[list[Path]]"


def begin_writing(case: Case, *, asked: bool = False, tells: bool = True) -> Writing:
    """Write label maps and tables of a case."""
    writing = Writing(case, len(case.journal), asked, tells, Future())
    # A daemon: where a share never answers, the program can still end.
    threading.Thread(target=_write, args=(case, writing.written), daemon=True).start()
    return writing


def _write(case: Case, written: "Future[list[Path]]") -> None:
    try:
        files = save(case)
        if "flair" in case.images:
            files.append(write_lesions(case))
        files.append(write_record(case))  # last: it alone needs the unit of the QSM
    except BaseException as error:
        written.set_exception(error)
    else:
        written.set_result(files)
