"""Which programs for morphometry are found, and how they are called."""

import os
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

posix = pytest.mark.skipif(os.name != "posix", reason="scripts of POSIX")


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
