"""Long work beside the window: in a worker thread, with progress, and with its errors told to the reader."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from threading import Event
from typing import Any

from napari.qt.threading import FunctionWorker, GeneratorWorker, create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from thaliron_napari.errors import ThalIronError


class _Progress(QObject):
    share = Signal(float)


def run_in_background(
    work: Callable[[Callable[[float], None]], Any],
    *,
    owner: QObject,
    finished: Callable[[Any], None],
    progress: Callable[[float], None] = lambda _share: None,
    ended: Callable[[], None] = lambda: None,
) -> FunctionWorker | GeneratorWorker:
    """Run `work` in a thread and hand its result to `finished` in the window's.

    Parameters
    ----------
    work : callable
        Is given a function to tell the share that is done (0 to 1).
    owner : QObject
        The widget for which this is done: once it is gone, nobody is called any more.
    finished : callable
        Gets the result; not called when the work fails.
    progress : callable
        Gets the share, in the window's thread.
    ended : callable
        Called in any case, last.
    """
    gone = Event()
    owner.destroyed.connect(lambda *_: gone.set())

    def while_there(call: Callable[..., None]) -> Callable[..., None]:
        return lambda *arguments: None if gone.is_set() else call(*arguments)

    relay = _Progress()
    relay.share.connect(while_there(progress))

    waiting = [work]  # napari keeps its workers; so that none keeps a case and its images, the work is let go

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

    worker = create_worker(guarded, _start_thread=False)
    worker.returned.connect(while_there(returned))
    worker.finished.connect(while_there(ended))
    worker.start()
    return worker
