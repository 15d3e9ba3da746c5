"""Other programs, by stand-ins that print, fail, hang and leave children behind."""

import os
import sys
import time
from pathlib import Path

import pytest

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.programs import (
    FASTSURFER,
    PROGRAMS,
    RECON_ALL,
    SYNTHSEG,
    command,
    find_programs,
    result_path,
)
from thaliron_napari.measurement.morphometry.running import LONGEST_LINE, run_program

posix = pytest.mark.skipif(os.name != "posix", reason="scripts and process groups of POSIX")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PATH with one empty folder, which is returned."""
    folder = tmp_path / "programs here"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for variable in ("FREESURFER_HOME", "FASTSURFER_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def _executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


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


@posix
def test_programs_are_found_on_the_path_and_in_their_homes(
    nothing_installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_programs() == []
    (nothing_installed / "recon-all").write_text("not executable")
    assert find_programs() == []
    _executable(nothing_installed / "mri_synthseg")
    assert find_programs() == [SYNTHSEG]
    _executable(tmp_path / "fs" / "bin" / "recon-all")
    monkeypatch.setenv("FREESURFER_HOME", str(tmp_path / "fs"))
    _executable(tmp_path / "fast" / "run_fastsurfer.sh")
    monkeypatch.setenv("FASTSURFER_HOME", str(tmp_path / "fast"))
    assert find_programs() == list(PROGRAMS)


@posix
def test_command_lines(nothing_installed: Path, tmp_path: Path) -> None:
    for name in ("recon-all", "run_fastsurfer.sh", "mri_synthseg"):
        _executable(nothing_installed / name)
    t1, out = tmp_path / "a T1.nii.gz", tmp_path / "out here"
    t1.touch()
    out.mkdir()
    here, stem = str(nothing_installed), str(out / "sub-01" / "sub-01_synthseg")
    assert [part.replace(here, "BIN") for part in command(RECON_ALL, t1, out, "sub-01", 2)] == [
        *("BIN/recon-all", "-i", str(t1), "-s", "sub-01", "-sd", str(out), "-all", "-openmp", "2", "-parallel"),
    ]
    assert "-parallel" not in command(RECON_ALL, t1, out, "sub-01", 1)
    assert command(FASTSURFER, t1, out, "sub-01", 2)[1:] == [
        *("--t1", str(t1), "--sid", "sub-01", "--sd", str(out), "--threads", "2"),
    ]
    assert command(SYNTHSEG, t1, out, "sub-01", 2)[1:] == [
        *("--i", str(t1), "--o", f"{stem}.nii.gz", "--parc", "--vol", f"{stem}.csv", "--threads", "2"),
    ]
    for subject in ("", "../x", "-all", "a b", "a/b"):
        with pytest.raises(MeasurementError, match="cannot be a subject"):
            command(RECON_ALL, t1, out, subject, 1)
    with pytest.raises(MeasurementError, match="no T1"):
        command(RECON_ALL, tmp_path / "none.nii", out, "sub-01", 1)
    with pytest.raises(MeasurementError, match="no folder"):
        command(RECON_ALL, t1, tmp_path / "none", "sub-01", 1)
    result_path(RECON_ALL, out, "sub-01").mkdir()
    for program in PROGRAMS:
        with pytest.raises(MeasurementError, match="exists already"):
            command(program, t1, out, "sub-01", 1)


def test_what_is_not_installed_is_said(nothing_installed: Path, tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"run_fastsurfer\.sh on the PATH, or set \$FASTSURFER_HOME"):
        command(FASTSURFER, tmp_path, tmp_path, "x", 1)
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
    monkeypatch.setattr("thaliron_napari.measurement.morphometry.running._STOP_S", 0.5)
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
    monkeypatch.setattr("thaliron_napari.measurement.morphometry.running._LEFT_OPEN_S", 0.3)
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
