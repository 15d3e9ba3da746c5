"""Long work beside the window: in a worker thread, with progress, and with its errors told to the reader."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import count
from threading import Event
from typing import Any

from napari.qt.threading import FunctionWorker
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from thaliron_napari.errors import ThalIronError


class _Progress(QObject):
    share = Signal(float)


@dataclass(frozen=True, eq=False)
class Job:
    """Work that is going on, of which the reader is asked before the window closes on it.

    Parameters
    ----------
    name : str
        What it is, such as "registration".
    window : QWidget
        The main window for which it is done.
    cancel : callable
        Asks it to stop; any thread may call it, more than once.
    """

    name: str
    window: QWidget
    cancel: Callable[[], object]


_jobs: dict[int, Job] = {}
_numbers = count()


def running(window: QWidget) -> list[Job]:
    """Work of a main window that is going on, and can be cancelled."""
    return [job for job in _jobs.values() if job.window is window]


def run_in_background(
    work: Callable[[Callable[[float], None]], Any],
    *,
    owner: QObject,
    finished: Callable[[Any], None],
    progress: Callable[[float], None] = lambda _share: None,
    ended: Callable[[], None] = lambda: None,
    name: str = "",
    cancel: Callable[[], object] = lambda: None,
) -> FunctionWorker:
    """Run `work` in a thread and hand its result to `finished` in the window's.

    Parameters
    ----------
    work : callable
        Is given a function to tell the share that is done (0 to 1).
    owner : QObject
        The widget for which this is done: once it is gone, the work is cancelled and nobody is called any more.
    finished : callable
        Gets the result; not called when the work fails.
    progress : callable
        Gets the share, in the window's thread.
    ended : callable
        Called in any case, last.
    name : str
        What it is, for the question whether the window may close on it; empty: it is short, and nobody is asked.
    cancel : callable
        Asks the work to stop; it raises CancelledError then, or returns early.
    """
    gone = Event()
    owner.destroyed.connect(lambda *_: (gone.set(), cancel()))

    def while_there(call: Callable[..., None]) -> Callable[..., None]:
        return lambda *arguments: None if gone.is_set() else call(*arguments)

    relay = _Progress()
    relay.share.connect(while_there(progress))

    waiting = [work]  # workers are kept; so that none keeps a case and its images, the work is let go

    def guarded() -> tuple[Any, Exception | None]:
        # Beside the result: the worker raises an exception that is returned bare, past the reader.
        try:
            return waiting.pop()(relay.share.emit), None
        except (ThalIronError, CancelledError) as error:
            return None, error

    def returned(outcome: tuple[Any, Exception | None]) -> None:
        result, error = outcome
        if error is None:
            finished(result)
        elif isinstance(error, ThalIronError):
            show_error(str(error))

    # Not by napari's create_worker: at the window's close button it would ask about "Executing <function guarded>", of
    # work that is over in a second too, and it cannot stop any.
    worker = FunctionWorker(guarded)
    if name:
        number = next(_numbers)  # not the job itself: a worker that is kept must not keep the window
        _jobs[number] = Job(name, _main_window(owner), cancel)
        worker.finished.connect(lambda: _jobs.pop(number))
    worker.returned.connect(while_there(returned))
    worker.finished.connect(while_there(ended))
    worker.start()
    return worker


def _main_window(owner: QObject) -> QWidget:
    """The window that holds a widget, its dock or its dialog."""
    above = owner
    while (parent := above.parent()) is not None:
        above = parent
    assert isinstance(above, QWidget)
    return above
