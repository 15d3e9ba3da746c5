"""QSMxT run on a case, by stand-ins that make a map, fail, make none, and hang with a child.

The stand-in takes the command line and writes the files of QSMxT 9, as its documentation and source have them.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thaliron_napari.case import open_case
from thaliron_napari.case.bids import cases_of
from thaliron_napari.case.images import find_in_case
from thaliron_napari.case.qsmxt import find_qsmxt, qsmxt_command, run_qsmxt
from thaliron_napari.errors import MeasurementError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="scripts and process groups of POSIX")

STAND_IN = """
import argparse, fnmatch, os, subprocess, sys, time
from pathlib import Path

if sys.argv[1:] == ["--version"]:
    print("{version}")
    sys.exit()
asked = argparse.ArgumentParser()
asked.add_argument("verb", choices=["run"])
asked.add_argument("bids_dir", type=Path)
asked.add_argument("output_dir", type=Path, nargs="?")
asked.add_argument("--include", nargs="+", default=["*"])
asked.add_argument("--exclude", nargs="+", default=[])
asked = asked.parse_args()
scans = set()
for pattern in ("sub-*/anat/*_part-phase_*.nii*", "sub-*/ses-*/anat/*_part-phase_*.nii*"):
    for phase in asked.bids_dir.glob(pattern):
        *entities, suffix = phase.name.partition(".")[0].split("_")
        kept = [e for e in entities if e.partition("-")[0] not in ("echo", "part")]
        key = "_".join([*kept, suffix])
        if any(fnmatch.fnmatchcase(key, p) for p in asked.include):
            if not any(fnmatch.fnmatchcase(key, p) for p in asked.exclude):
                scans.add((phase.parent.relative_to(asked.bids_dir), "_".join(kept)))
out = (asked.output_dir or asked.bids_dir) / "derivatives" / "qsmxt"
out.mkdir(parents=True, exist_ok=True)

def write(ending):
    import nibabel as nib, numpy as np
    for anat, stem in sorted(scans):
        (out / anat).mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(0).normal(0, 0.05, (20, 20, 20)).astype(np.float32)
        image = out / anat / (stem + ending)
        nib.save(nib.Nifti1Image(values, np.eye(4)), image)
        image.with_suffix(".json").write_text('{"SkullStripped": true, "GeneratedBy": "bids::prov/#reference"}')

{body}
"""
MAKES = """
print("[INFO  qsmxt] Processing", len(scans), "run(s)", flush=True)
for ending in ("_mask.nii", "_part-mag_T2starw.nii", "_Chimap.nii", "_desc-singlepass_Chimap.nii"):
    write(ending)
"""
FAILS = 'print("[ERROR qsmxt] field map: out of memory", file=sys.stderr)\nsys.exit(1)'
FAILS_IN_SILENCE = '(out / "qsmxt.log").write_text("[ERROR qsmxt] no field strength")\nsys.exit(1)'
FINDS_NOTHING = 'print("No QSM-compatible runs found")'
HANGS = """
write("_Chimap.nii")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(out / "child").write_text(str(child.pid))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts a stand-in on a PATH that holds nothing else."""
    folder = tmp_path / "programs here"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(body: str, version: str = "qsmxt 9.1.0\\nqsm-core: 0.38.0 (abc)") -> None:
        script = folder / "stand in.py"
        script.write_text(STAND_IN.replace("{version}", version).replace("{body}", body))
        program = folder / "qsmxt"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        program.chmod(0o755)

    return put


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two subjects whose labels begin alike, the first also with a session."""
    root = tmp_path / "the data set"
    for anat in ("sub-1/anat/sub-1", "sub-1/ses-2/anat/sub-1_ses-2", "sub-10/anat/sub-10"):
        (root / anat).parent.mkdir(parents=True)
        image = nib.Nifti1Image(np.random.default_rng(0).random((20, 20, 20), np.float32), np.eye(4))
        nib.save(image, root / f"{anat}_FLAIR.nii")
        for echo in (1, 2):
            for part in ("mag", "phase"):
                stem = f"{anat}_echo-{echo}_part-{part}_MEGRE"
                nib.save(image, root / f"{stem}.nii.gz")
                (root / f"{stem}.json").write_text(json.dumps({"EchoTime": 0.01 * echo, "MagneticFieldStrength": 3}))
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    return root


def _run(root: Path | None, out: Path, session: str = "", lines: list[str] | None = None) -> Path:
    listen = (lambda _line: None) if lines is None else lines.append
    until = time.monotonic() + 60
    return run_qsmxt(root, "1", session, out, on_line=listen, cancelled=lambda: time.monotonic() > until)


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("qsmxt 9.1.0\\nqsm-core: 0.38.0", "QSMxT 9.1.0"),
        ("QSMxT v8.0.2", "QSMxT 8.0.2"),
        ("what?", "QSMxT"),
        ("", "QSMxT"),
    ],
)
def test_it_is_found_with_its_version(install: Callable[..., None], version: str, found: str) -> None:
    assert find_qsmxt() is None
    install("", version)
    assert find_qsmxt() == found


def test_command_line(install: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="put qsmxt on the PATH"):
        qsmxt_command(tmp_path, "1", "", tmp_path)
    install("")
    root, out = tmp_path / "in here", tmp_path / "out there"
    program, *call = qsmxt_command(root, "1", "2", out)
    assert Path(program).is_absolute()
    assert call == ["run", str(root), str(out), "--include", "sub-1_ses-2_*"]
    call = qsmxt_command(root, "1", "", out)[2:]
    assert call == [str(root), str(out), "--include", "sub-1_*", "--exclude", "sub-1_ses-*"]
    for subject, session in (("", ""), ("../1", ""), ("*", ""), ("1", "a b")):
        with pytest.raises(MeasurementError, match="no label"):
            qsmxt_command(root, subject, session, out)
    install("", "QSMxT v8.0.2")
    with pytest.raises(MeasurementError, match=r"QSMxT 8\.0\.2 is on the PATH.*version 9"):
        qsmxt_command(root, "1", "", out)
    for version in ("qsmxt 0.0.0", "qsmxt 10.2.0", "what?"):
        install("", version)
        assert qsmxt_command(root, "1", "", out)[1] == "run"


@pytest.mark.parametrize("session", ["", "2"])
def test_its_map_becomes_the_qsm_of_this_case_alone(install: Callable[..., None], dataset: Path, session: str) -> None:
    install(MAKES)
    lines: list[str] = []
    made = _run(dataset, dataset, session, lines)
    here = "sub-1/ses-2/anat/sub-1_ses-2" if session else "sub-1/anat/sub-1"
    assert made == dataset / "derivatives" / "qsmxt" / f"{here}_Chimap.nii"
    assert lines == ["[INFO  qsmxt] Processing 1 run(s)"]
    log = dataset / "derivatives" / "qsmxt" / ("sub-1_ses-2_qsmxt.log" if session else "sub-1_qsmxt.log")
    assert log.read_text("utf-8").splitlines() == lines
    for case in cases_of(dataset):
        found = find_in_case(case)
        if (case.subject, case.session) == ("1", session):
            assert found.images["qsm"] == made
            assert "QSM: none among the images; taken from derivatives/qsmxt." in found.notes
        else:
            assert "qsm" not in found.images
        assert not found.questions
    case = open_case([(dataset / here).parent], reader="Ada")
    assert case.qsm_ppb.std() == pytest.approx(50, rel=0.05)  # the sidecar gives no unit


def test_a_map_of_any_release_is_not_made_again(install: Callable[..., None], dataset: Path) -> None:
    install(MAKES)
    made = _run(dataset, dataset)
    with pytest.raises(MeasurementError, match="exists already"):
        _run(dataset, dataset)
    older = dataset / "derivatives" / "qsmxt-2024-05-01-120000" / "sub-1" / "anat" / "sub-1_Chimap.nii.gz"
    older.parent.mkdir(parents=True)
    made.rename(older)
    with pytest.raises(MeasurementError, match=r"qsmxt-2024.*exists already"):
        _run(dataset, dataset)


def test_what_it_could_not_read_is_said_before(install: Callable[..., None], dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="put qsmxt on the PATH"):
        _run(dataset, dataset)
    install(MAKES)
    for root in (None, tmp_path / "none", dataset / "sub-1"):
        with pytest.raises(MeasurementError, match="sub-1 does not lie in a BIDS dataset"):
            _run(root, dataset)
    anat = dataset / "sub-1" / "anat"
    sidecar = anat / "sub-1_echo-2_part-phase_MEGRE.json"
    for content in ("{}", "[1]", "not JSON", '{"EchoTime": "0.02", "MagneticFieldStrength": null}'):
        sidecar.write_text(content)
        with pytest.raises(MeasurementError, match=r"echo-2_part-phase_MEGRE\.json does not give EchoTime and Magn"):
            _run(dataset, dataset)
    sidecar.unlink()
    with pytest.raises(MeasurementError, match="does not give EchoTime and Magn"):
        _run(dataset, dataset)
    (anat / "sub-1_echo-1_part-mag_MEGRE.nii.gz").unlink()
    with pytest.raises(MeasurementError, match="no sub-1_echo-1_part-mag_MEGRE"):
        _run(dataset, dataset)
    for phase in anat.glob("*part-phase*.nii.gz"):
        phase.unlink()
    with pytest.raises(MeasurementError, match="has no phase"):
        _run(dataset, dataset)
    assert not (dataset / "derivatives").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (FAILS, "exit code 1: .*out of memory; see its log .*sub-1_qsmxt.log"),
        (FAILS_IN_SILENCE, r"it said nothing; see its log .*, or QSMxT's own \(.*qsmxt/qsmxt\.log\)\.$"),
        (FINDS_NOTHING, "made no map of sub-1 in .*see its log"),
    ],
)
def test_a_failure_is_said(install: Callable[..., None], dataset: Path, body: str, words: str) -> None:
    install(body)
    with pytest.raises(MeasurementError, match=words):
        _run(dataset, dataset)


def test_when_stopped_it_ends_with_its_child_and_leaves_no_map(install: Callable[..., None], dataset: Path) -> None:
    install(HANGS)
    lines: list[str] = []
    with pytest.raises(CancelledError):
        run_qsmxt(dataset, "1", "", dataset, on_line=lines.append, cancelled=lambda: bool(lines))
    assert lines == ["ready"]
    out = dataset / "derivatives" / "qsmxt"
    child = int((out / "child").read_text())
    until = time.monotonic() + 5
    while time.monotonic() < until and _alive(child):
        time.sleep(0.02)
    assert not _alive(child)
    assert not list(out.rglob("*_Chimap.nii*"))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc/self/stat").exists() else True
