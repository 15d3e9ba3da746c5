"""Programs of others for brain morphometry: which are here, how they are called, and running one so it can be stopped.

Flags as in the help of recon-all (FreeSurfer 7), run_fastsurfer.sh (FastSurfer 2) and mri_synthseg (SynthSeg 2.0 in
FreeSurfer 7.4).
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from thaliron_napari.errors import MeasurementError

_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Program:
    """A program that is installed beside this one, or not.

    Parameters
    ----------
    name : str
        As its authors write it.
    executables : tuple of str
        Names of the command, the first that is found is used.
    homes : tuple of (str, str)
        Where it may lie when it is not on the PATH: an environment variable, and the folder in what that names.
    gives : str
        What it gives and how long it takes, in a sentence for the reader.
    """

    name: str
    executables: tuple[str, ...]
    homes: tuple[tuple[str, str], ...]
    gives: str


RECON_ALL = Program(
    "FreeSurfer recon-all",
    ("recon-all",),
    (("FREESURFER_HOME", "bin"),),
    "Volumes and cortical thickness as in the study; 3 to 10 hours a patient on a processor, needs a licence file.",
)
FASTSURFER = Program(
    "FastSurfer",
    ("run_fastsurfer.sh",),
    (("FASTSURFER_HOME", "."),),
    "Volumes and cortical thickness in FreeSurfer's files; 1 to 2 hours a patient, needs FreeSurfer and its licence.",
)
SYNTHSEG = Program(
    "SynthSeg",
    ("mri_synthseg",),
    (("FREESURFER_HOME", "bin"),),
    "Volumes only, from an image of any contrast; some minutes a patient, needs FreeSurfer 7.3 or newer.",
)
PROGRAMS = (RECON_ALL, FASTSURFER, SYNTHSEG)
"""All that can be run, the study's own first."""


def executable(program: Program) -> Path | None:
    """The program's command on the PATH or in its home, or None."""
    for name in program.executables:
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path).absolute()
        for variable, folder in program.homes:
            home = os.environ.get(variable)
            found = shutil.which(name, path=os.path.join(home, folder)) if home else None
            if found:
                return Path(os.path.normpath(found)).absolute()
    return None


def find_programs() -> list[Program]:
    """Those of `PROGRAMS` that can be started here."""
    return [program for program in PROGRAMS if executable(program) is not None]


def result_path(program: Program, out: Path, subject: str) -> Path:
    """The folder the program will leave: ``out/subject``.

    Of recon-all and FastSurfer it is a FreeSurfer subject; of SynthSeg it holds ``<subject>_synthseg.nii.gz`` and
    ``<subject>_synthseg.csv``.
    """
    return out / subject


def command(program: Program, t1: Path, out: Path, subject: str, threads: int) -> list[str]:
    """The program's command line, checked so that nothing of the user's is written over.

    Parameters
    ----------
    program : Program
    t1 : Path
        T1 image of the whole head.
    out : Path
        The folder of subjects (FreeSurfer's SUBJECTS_DIR); it must exist.
    subject : str
        Name of the new folder in it.
    threads : int

    Raises
    ------
    MeasurementError
        When the program or the T1 is not there, the name cannot be a folder's, or the subject's folder exists.
    """
    path = executable(program)
    if path is None:
        homes = " or ".join(f"${variable}" for variable, _ in program.homes)
        raise MeasurementError(
            f"{program.name} is not found on this computer; install it and put {program.executables[0]} on the PATH, "
            f"or set {homes}."
        )
    if not _SUBJECT.fullmatch(subject):
        raise MeasurementError(
            f"{subject!r} cannot be a subject's folder; use letters, digits, dots, dashes and underscores."
        )
    if not t1.is_file():
        raise MeasurementError(f"There is no T1 image {t1}; check the path.")
    if not out.is_dir():
        raise MeasurementError(f"There is no folder {out} for the results of {program.name}; make it first.")
    folder = result_path(program, out, subject)
    if folder.exists() or folder.is_symlink():
        raise MeasurementError(
            f"{folder} exists already, and {program.name} would write over it; read the result that is there, choose "
            "another name, or move that folder away."
        )
    if threads < 1:
        raise MeasurementError(f"{program.name} cannot run with {threads} threads; give one or more.")
    source, target, count = str(t1.absolute()), str(out.absolute()), str(threads)
    if program == RECON_ALL:
        hemispheres = ["-parallel"] if threads > 1 else []
        return [str(path), "-i", source, "-s", subject, "-sd", target, "-all", "-openmp", count, *hemispheres]
    if program == FASTSURFER:
        return [str(path), "--t1", source, "--sid", subject, "--sd", target, "--threads", count]
    stem = str(folder.absolute() / f"{subject}_synthseg")
    return [str(path), "--i", source, "--o", f"{stem}.nii.gz", "--parc", "--vol", f"{stem}.csv", "--threads", count]
