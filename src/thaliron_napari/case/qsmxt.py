"""A susceptibility map made by QSMxT, a program of others, of the gradient echo of a case.

Command line and files as QSMxT 9 has them, the rewrite in Rust (github.com/QSMxT/QSMxT): its documentation, "Running
noninteractively", and its source, src/cli.rs, src/commands/run.rs, src/bids/discovery.rs and derivatives.rs. It reads
``<dataset>/sub-*/[ses-*/]anat/*_part-phase_*.nii*`` and writes
``<out>/derivatives/qsmxt/sub-*/[ses-*/]anat/*_Chimap.nii``. QSMxT 8 and older bear the same name, but are called in
another way.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path

from thaliron_napari.case.bids import case_name, is_dataset, parse_name
from thaliron_napari.errors import MeasurementError
from thaliron_napari.running import run_program

_NAME = "QSMxT"
_ANSWER_S = 20.0  # how long it may take to say its version
_VERSION = re.compile(r"qsmxt\W+v?(\d+(\.\d+)*)", re.IGNORECASE)
_FIRST = 9
_LABEL = re.compile(r"[A-Za-z0-9+]+")
_NEEDED = ("EchoTime", "MagneticFieldStrength")


def find_qsmxt() -> str | None:
    """QSMxT with its version, as in ``QSMxT 9.1.0``; without where it does not say; None when it is not on the PATH."""
    program = shutil.which("qsmxt")
    if program is None:
        return None
    said = ""
    with suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run(
            [program, "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=_ANSWER_S, check=False
        )
        said = (answer.stdout + b"\n" + answer.stderr).decode(errors="replace")
    version = _VERSION.search(said)
    return f"{_NAME} {version[1]}" if version else _NAME


def qsmxt_command(dataset_root: Path, subject: str, session: str, out: Path) -> list[str]:
    """QSMxT's command line for one case: its own defaults on the scans of one subject and session.

    Parameters
    ----------
    dataset_root : Path
        The BIDS dataset.
    subject, session : str
        Labels; without a session those scans that are of none.
    out : Path
        Folder in which ``derivatives/qsmxt`` is made.

    Raises
    ------
    MeasurementError
        When QSMxT is not on the PATH, is older than 9, or a label is none.
    """
    program, found = shutil.which("qsmxt"), find_qsmxt()
    if program is None or found is None:
        raise MeasurementError(
            f"{_NAME} is not found on this computer; install version {_FIRST} or newer and put qsmxt on the PATH."
        )
    major = re.search(r"\d+", found)
    if major and 0 < int(major[0]) < _FIRST:  # 0.0.0 is one that was built from its source
        raise MeasurementError(
            f"{found} is on the PATH, which is called in another way; install version {_FIRST} or newer."
        )
    for label in (subject, *([session] if session else [])):
        if not _LABEL.fullmatch(label):
            raise MeasurementError(f"{label!r} is no label of BIDS; rename the subject's files.")
    # Its patterns are matched against the whole of a scan's name, such as sub-1_ses-2_acq-x_MEGRE.
    only = ["--include", f"{case_name(subject, session)}_*"]
    if not session:
        only += ["--exclude", f"{case_name(subject)}_ses-*"]
    return [str(Path(program).absolute()), "run", str(dataset_root.absolute()), str(out.absolute()), *only]


def run_qsmxt(
    dataset_root: Path | None,
    subject: str,
    session: str,
    out: Path,
    *,
    on_line: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Path:
    """Run QSMxT on one case of a BIDS dataset; its map is found as the case's QSM when the case is opened again.

    Parameters
    ----------
    dataset_root : Path or None
        The dataset of the case, None where it has none.
    subject, session : str
        Labels; the session's may be empty.
    out : Path
        Folder in which QSMxT makes ``derivatives/qsmxt``: the dataset itself, where the map is to be found again.
    on_line : callable
        Given each line that it prints.
    cancelled : callable
        Asked several times a second; once it says yes, QSMxT is ended, and this ends with CancelledError. What it
        wrote so far stays, since it may go on from there, but for a map, which may be half written.

    Returns
    -------
    Path
        The map, in ppm; of several scans the one written last.

    Raises
    ------
    MeasurementError
        When QSMxT is not on the PATH or older than 9, the case lies in no dataset or has no magnitude and phase that
        QSMxT can read, a map of QSMxT is there already, the log cannot be written, or QSMxT fails or makes no map.
    """
    name = case_name(subject, session)
    if dataset_root is None or not is_dataset(dataset_root):
        raise MeasurementError(f"{name} does not lie in a BIDS dataset, which {_NAME} needs; put its files into one.")
    call = qsmxt_command(dataset_root, subject, session, out)
    _check_scans(dataset_root / _anat(subject, session))
    if made := _maps(out, subject, session):
        raise MeasurementError(
            f"{made[-1]} exists already; open the case again to read it, or move it away before another is made."
        )
    folder, said = out / "derivatives" / "qsmxt", False

    def listen(line: str) -> None:
        nonlocal said
        said = True
        on_line(line)

    log = folder / f"{name}_qsmxt.log"
    try:
        if run_program(call, log, on_line=listen, cancelled=cancelled):
            raise CancelledError
    except MeasurementError as error:
        own = folder / "qsmxt.log"
        if said or not own.is_file():
            raise
        # The first releases of version 9 print nothing into a pipe, not even why they fail.
        raise MeasurementError(f"{str(error).removesuffix('.')}, or {_NAME}'s own ({own}).") from error
    except BaseException:
        for path in _maps(out, subject, session):  # none was there before
            with suppress(OSError):
                path.unlink()
        raise
    made = _maps(out, subject, session)
    if not made:  # it ends well when it finds nothing to do
        raise MeasurementError(f"{_NAME} made no map of {name} in {folder}; see its log ({log}).")
    return made[-1]


def _anat(subject: str, session: str) -> Path:
    """The only folder of a case in which QSMxT looks and writes."""
    return Path(f"sub-{subject}", f"ses-{session}" if session else "", "anat")


def _maps(out: Path, subject: str, session: str) -> list[Path]:
    """Maps of a case by any release of QSMxT, the newest last; 8 wrote into ``qsmxt-<date>``."""
    found = out.glob(f"derivatives/qsmxt*/{_anat(subject, session).as_posix()}/*_Chimap.nii*")
    names = ((path, parse_name(path.name)) for path in found)
    maps = [path for path, name in names if name is not None and "desc" not in name.entities]
    return sorted(maps, key=lambda path: (path.stat().st_mtime, path.name))


def _check_scans(anat: Path) -> None:
    """Say what QSMxT would miss: it takes phase by name, and each needs a sidecar of its own beside it."""
    phases = sorted(path for path in anat.glob("sub-*_part-phase_*") if path.name.endswith((".nii", ".nii.gz")))
    if not phases:
        raise MeasurementError(
            f"{anat} has no phase (part-phase in its name), which {_NAME} needs; convert it from DICOM with its phase, "
            "or rename it as BIDS says."
        )
    for phase in phases:
        magnitude = phase.with_name(phase.name.replace("_part-phase_", "_part-mag_"))
        if not magnitude.is_file():
            raise MeasurementError(
                f"There is no {magnitude.name} beside {phase}; {_NAME} looks for the magnitude by that name."
            )
        sidecar = phase.with_name(phase.name.partition(".nii")[0] + ".json")
        try:
            about = json.loads(sidecar.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            about = None
        lacks = [key for key in _NEEDED if not (isinstance(about, dict) and isinstance(about.get(key), int | float))]
        if lacks:
            raise MeasurementError(
                f"{sidecar} does not give {' and '.join(lacks)}, which {_NAME} reads there; write it into that file."
            )
