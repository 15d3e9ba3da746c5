"""Other programs, by stand-ins that print, fail, hang and leave children behind."""

import os
import sys
import time
from pathlib import Path

import pytest

from thaliron_napari.errors import MeasurementError
from thaliron_napari.running import LONGEST_LINE, run_program

posix = pytest.mark.skipif(os.name != "posix", reason="scripts and process groups of POSIX")


def _script(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "stand in.py"
    path.write_text(body)
    return [sys.executable, str(path), str(tmp_path / "left behind")]


def _run(call: list[str], log: Path, stop_after_s: float = 60.0) -> tuple[int, list[str]]:
    lines: list[str] = []
    until = time.monotonic() + stop_after_s
    code = run_program(call, log, on_line=lines.append, cancelled=lambda: time.monotonic() > until)
    return code, lines


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc/self/stat").exists() else True


def _gone(pid: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until and _alive(pid):
        time.sleep(0.02)
    return not _alive(pid)


def test_what_cannot_be_started_is_said(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="cannot be started"):
        _run([str(tmp_path / "none")], tmp_path / "log.txt")


def test_output_comes_line_by_line_and_stands_in_the_log(tmp_path: Path) -> None:
    call = _script(
        tmp_path,
        "import sys\n"
        "sys.stdout.buffer.write(b'one\\r\\ntw\\xff\\xc3\\xb6\\n\\n10%\\r20%\\r')\n"
        "sys.stdout.flush()\nprint('to stderr', file=sys.stderr)\nprint('last', end='')\n",
    )
    log = tmp_path / "new folder" / "log.txt"
    code, lines = _run(call, log)
    assert (code, lines) == (0, ["one", "tw\ufffd\u00f6", "10%", "20%", "to stderr", "last"])
    assert log.read_text("utf-8").splitlines() == lines
    _run(call, log)
    assert len(log.read_text("utf-8").splitlines()) == 2 * len(lines)  # nothing of an earlier run is lost


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    call = _script(tmp_path, "for _ in range(400): print('x' * 65536, end='')\nprint('end')\nprint('next')\n")
    _, lines = _run(call, tmp_path / "log.txt")
    assert [len(line) for line in lines] == [LONGEST_LINE, 4]
    assert (tmp_path / "log.txt").stat().st_size < 2 * LONGEST_LINE


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("ERROR: FreeSurfer license file /x/license.txt not found.\nIf you are\noutside", "license.txt not found"),
        ("fine\nmri_x: could not open a.nii\nTo report a problem, x\nx exited with ERRORS", "could not open a.nii"),
        ("just this", "just this"),
        ("", "it said nothing"),
    ],
)
def test_a_failure_says_the_telling_line_and_where_the_log_is(tmp_path: Path, said: str, found: str) -> None:
    call = _script(tmp_path, f"print({said!r})\nraise SystemExit(3)\n")
    with pytest.raises(MeasurementError) as caught:
        _run(call, tmp_path / "log.txt")
    assert found in str(caught.value)
    assert "exit code 3" in str(caught.value)
    assert str(tmp_path / "log.txt") in str(caught.value)
    assert "\n" not in str(caught.value)


CHILD = """
import os, signal, subprocess, sys, time
child = "import signal, time; {ignore}; print('up', flush=True); time.sleep(60)"
process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
process.stdout.readline()
open(sys.argv[1], "w").write(str(process.pid))
print("ready", flush=True)
time.sleep({wait})
"""


@posix
@pytest.mark.parametrize("ignore", ["pass", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_cancelling_ends_the_program_and_its_children(
    tmp_path: Path, ignore: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thaliron_napari.running._STOP_S", 0.5)
    call = _script(tmp_path, CHILD.format(ignore=ignore, wait=60))
    ready: list[str] = []
    code = run_program(call, tmp_path / "log.txt", on_line=ready.append, cancelled=lambda: bool(ready))
    assert (code, ready) == (-15, ["ready"])
    assert _gone(int((tmp_path / "left behind").read_text()))


@posix
def test_a_reader_that_fails_ends_the_program(tmp_path: Path) -> None:
    call = _script(tmp_path, CHILD.format(ignore="pass", wait=60))

    def fail(line: str) -> None:
        raise RuntimeError(line)

    with pytest.raises(RuntimeError, match="ready"):
        run_program(call, tmp_path / "log.txt", on_line=fail, cancelled=lambda: False)
    assert _gone(int((tmp_path / "left behind").read_text()))


@posix
def test_a_child_left_behind_does_not_keep_the_caller_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thaliron_napari.running._LEFT_OPEN_S", 0.3)
    body = CHILD.format(ignore="pass", wait=0).replace(", stdout=subprocess.PIPE", "").replace(
        "process.stdout.readline()", "pass"
    )  # fmt: skip
    code, lines = _run(_script(tmp_path, body), tmp_path / "log.txt", 30)
    assert code == 0
    assert "ready" in lines
    assert _gone(int((tmp_path / "left behind").read_text()))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights do not bind the administrator")
def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(MeasurementError, match=r"log .* cannot be written"):
        _run([sys.executable, "-c", "pass"], tmp_path / "closed" / "log.txt")


def test_a_log_that_is_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"log .* cannot be written"):
        _run([sys.executable, "-c", "pass"], tmp_path)
