"""Run another program line by line, into a log, so that it can be stopped with all that it started."""

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from thaliron_napari.errors import MeasurementError

LONGEST_LINE = 10_000  # bytes; what is longer is cut, so that output without an end of line fills no memory
_STOP_S = 5.0  # how long a program may take to end when asked to
_LEFT_OPEN_S = 2.0  # how long its output is waited for when it has ended and a child of it has not
_POLL_S = 0.1
_CANCELLED = -15
_LICENCE = re.compile(
    r"licen[sc]e.*(not found|missing|invalid|expired|cannot|could not)|no .*licen[sc]e", re.IGNORECASE
)
_TELLING = re.compile(r"error|fatal|exception|cannot|could not|no such file|not found|out of memory", re.IGNORECASE)
_HOLLOW = re.compile(r"exited with ERRORS|for more details, see|to report a problem|see the log", re.IGNORECASE)


def run_program(
    command: list[str],
    log: Path,
    *,
    on_line: Callable[[str], None],
    cancelled: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a program without a shell, and wait for it.

    Parameters
    ----------
    command : list of str
    log : Path
        All it prints is added to this file; its folder is made where there is none.
    on_line : callable
        Given each line as it comes, without its end; called in the caller's thread.
    cancelled : callable
        Asked several times a second. Once it says yes, the program and all its children are asked to end, and made
        to after some seconds.
    environment : mapping, optional
        Variables to set beside those of this program.

    Returns
    -------
    int
        0 when it is done, -15 when it was cancelled.

    Raises
    ------
    MeasurementError
        When the log cannot be written, the program cannot be started, or it fails.
    """
    name = Path(command[0]).name
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = log.open("ab")
    except OSError as error:
        raise MeasurementError(f"The log {log} cannot be written ({error.strerror}); choose another folder.") from error
    with file:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise MeasurementError(
                f"{name} cannot be started ({error.strerror}); check how it is installed."
            ) from error
        last: deque[str] = deque(maxlen=300)
        try:
            for line in _lines(process, cancelled):
                file.write(line.encode() + b"\n")
                file.flush()
                last.append(line)
                on_line(line)
            if cancelled() and process.poll() is None:
                _stop(process)
                return _CANCELLED
            code = process.wait()
        except OSError as error:
            raise MeasurementError(f"The log {log} cannot be written ({error.strerror}); free some space.") from error
        finally:
            if process.poll() is None or cancelled():
                _stop(process)
    if code:
        raise MeasurementError(_failure(name, code, list(last), log))
    return 0


def _lines(process: subprocess.Popen[bytes], cancelled: Callable[[], bool]) -> Iterator[str]:
    """Lines of a program's output, until it ends or is to be stopped."""
    assert process.stdout is not None
    chunks: queue.Queue[bytes] = queue.Queue(64)  # a bound, so that a slow reader holds the program back
    done = threading.Event()
    threading.Thread(target=_read, args=(process.stdout, chunks, done), daemon=True).start()
    begun, cutting, ended = b"", False, None
    try:
        while not cancelled():
            try:
                chunk = chunks.get(timeout=_POLL_S)
            except queue.Empty:
                if process.poll() is None:
                    continue
                ended = ended or time.monotonic()
                if time.monotonic() - ended < _LEFT_OPEN_S:
                    continue
                _signal(process, "SIGTERM")  # a child it left behind holds its output open
                chunk = b""
            if not chunk:
                break
            *lines, begun = (begun + chunk).replace(b"\r", b"\n").split(b"\n")
            for line in lines:
                if not cutting and line.strip():
                    yield _text(line)
                cutting = False
            if len(begun) > LONGEST_LINE:
                if not cutting:
                    yield _text(begun)
                begun, cutting = b"", True
        if begun.strip() and not cutting:
            yield _text(begun)
    finally:
        done.set()


def _text(line: bytes) -> str:
    return line[:LONGEST_LINE].decode("utf-8", errors="replace").rstrip()


def _read(pipe: BinaryIO, chunks: "queue.Queue[bytes]", done: threading.Event) -> None:
    """Put what comes into the queue, at last an empty chunk; end with the pipe, or when nobody listens any more."""
    chunk = b"."
    with pipe:
        while chunk and not done.is_set():
            try:
                chunk = os.read(pipe.fileno(), 65536)
            except OSError:
                chunk = b""
            while not done.is_set():
                with suppress(queue.Full):
                    chunks.put(chunk, timeout=_POLL_S)
                    break


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and its children: ask, wait, then force."""
    _signal(process, "SIGTERM")
    until = time.monotonic() + _STOP_S
    while time.monotonic() < until and _alive(process):
        time.sleep(0.02)
    _signal(process, "SIGKILL")
    process.wait()


def _alive(process: subprocess.Popen[bytes]) -> bool:
    """Whether the program, or a child in its group, still runs."""
    ended = process.poll() is not None  # also takes an ended leader out of the group
    if os.name != "posix":
        return not ended
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group of which nothing but the dead is left
        return not ended
    return True


def _signal(process: subprocess.Popen[bytes], name: str) -> None:
    if os.name != "posix":
        process.terminate()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, getattr(signal, name))


def _failure(name: str, code: int, lines: list[str], log: Path) -> str:
    said = [line.strip() for line in reversed(lines) if line.strip() and not _HOLLOW.search(line)]
    licence = next((line for line in said if _LICENCE.search(line)), None)
    telling = licence or next((line for line in said if _TELLING.search(line)), said[0] if said else "it said nothing")
    how = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
    what = "put the licence file where it looks for it" if licence else "see its log"
    return f"{name} {how}: {telling[:300]}; {what} ({log})."
