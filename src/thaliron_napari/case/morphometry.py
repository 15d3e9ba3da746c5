"""Which result of FreeSurfer, FastSurfer or SynthSeg belongs to a case, and whether the reader checked it by eye."""

import hashlib
import os
from collections.abc import Iterator
from os.path import exists, isdir, isfile  # unlike Path's, false where one may not look
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from thaliron_napari.case.bids import dataset_root
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Edit, fact_change
from thaliron_napari.case.journal import now
from thaliron_napari.case.other_programs import files_like, subject_folders
from thaliron_napari.errors import CaseError

TAKEN = "morphometry"
"""Fact: the path of the result that the reader chose; relative where it lies in the case's dataset."""

CHECKED = "morphometry/checked"
"""Fact: who checked it by eye, when, and the SHA-256 of the files that were looked at."""

_LABEL_MAPS = (
    "mri/aparc+aseg.mgz",
    "mri/aparc.DKTatlas+aseg.mapped.mgz",
    "mri/aparc.DKTatlas+aseg.deep.mgz",
    "mri/aseg.mgz",
    "mri/aseg.auto_noCCseg.mgz",
)
_STATS = ("stats/aseg.stats", "stats/aseg+DKT.stats", "stats/lh.aparc.stats", "stats/rh.aparc.stats")
_SURFACES = ("surf/lh.white", "surf/rh.white", "surf/lh.pial", "surf/rh.pial")

_found: WeakKeyDictionary[Case, list[Path]] = WeakKeyDictionary()
_digests: dict[tuple[str, int, int], str] = {}


def ants_result_path(case: Case) -> Path | None:
    """Where the numbers of our own way without FreeSurfer stand, whether they do or not; None: case in memory."""
    return None if case.folder is None else case.folder / f"{case.stem}_desc-ants_morphometry.json"


def find_results(case: Case) -> list[Path]:
    """Results for this patient among the derivatives and below ``SUBJECTS_DIR``: folders first, then SynthSeg's tables.

    Looked for anew at each call; :func:`result_of` remembers the last.
    """
    folders = list(subject_folders(case))
    if "SUBJECTS_DIR" in os.environ:
        folders += [
            Path(os.environ["SUBJECTS_DIR"]) / name for name in dict.fromkeys((case.stem, f"sub-{case.subject}"))
        ]
    whole = [folder for folder in folders if any(isfile(folder / name) for name in (*_STATS[:2], *_LABEL_MAPS))]
    tables = [path for folder in folders for path in files_like(case, folder, "*synthseg*.csv")]
    _found[case] = [*dict.fromkeys(whole), *dict.fromkeys(tables)]
    return _found[case]


def result_of(case: Case) -> Path | None:
    """The result that the reader took, else the first found; it may have gone since."""
    taken = case.annotations.facts.get(TAKEN)
    if taken is not None:
        return _root(case) / str(taken)
    if case not in _found:
        find_results(case)
    return next(iter(_found[case]), None)


def take_result(case: Case, path: Path) -> Edit:
    """Take another result than the one found.

    Raises
    ------
    CaseError
        When nothing is there.
    """
    if not exists(path):
        raise CaseError(f"There is no {path}; choose the folder of one subject, or SynthSeg's table.")
    said = path.absolute()
    root = _root(case)
    words = said.relative_to(root).as_posix() if said.is_relative_to(root) else str(said)
    return Edit(f"take morphometry of {path.name}", fact_change(case.annotations, TAKEN, words))


def label_map_of(result: Path) -> Path | None:
    """The label map that belongs to a result, the one with the parcels of cortex first; None where there is none."""
    if isdir(result):
        return next((result / name for name in _LABEL_MAPS if isfile(result / name)), None) or _synthseg_map(result)
    return _synthseg_map(result.parent)


def surfaces_of(result: Path) -> dict[str, Path]:
    """Pial and white surfaces of a result by the names of their files, such as ``lh.white``."""
    return {Path(name).name: result / name for name in _SURFACES if isfile(result / name)}


def check_by_eye(case: Case, checked: bool = True) -> Edit:
    """Say that masks and surfaces were checked by eye, or take that back.

    The mark holds for the files as they are now: once the program has run again, they are to be looked at again.

    Raises
    ------
    CaseError
        When there is nothing to be checked, or it cannot be read.
    """
    if not checked:
        return Edit("morphometry is not checked", fact_change(case.annotations, CHECKED, None))
    files = _looked_at(case)
    if not files:
        raise CaseError(f"There is no morphometry of {case.name} to be checked; choose a result or compute one.")
    said: dict[str, Any] = {"reader": case.reader, "time": now(), "files": {k: _digest(p) for k, p in files.items()}}
    return Edit("morphometry is checked by eye", fact_change(case.annotations, CHECKED, said))


def checked_by(case: Case) -> str | None:
    """Name of who checked by eye what is there now; None when nobody did, or the files were others then."""
    said = case.annotations.facts.get(CHECKED)
    if said is None or not is_as_checked(case):
        return None
    return str(said["reader"]) or "a reader without a name"


def is_as_checked(case: Case) -> bool:
    """Whether the files are those that the mark was given for; true without a mark."""
    said = case.annotations.facts.get(CHECKED)
    try:
        return said is None or said["files"] == {name: _digest(path) for name, path in _looked_at(case).items()}
    except CaseError:
        return False


def _looked_at(case: Case) -> dict[str, Path]:
    """What the eye judges and what the numbers come from, by name."""
    return {path.name: path for path in _parts(case) if isfile(path)}


def _parts(case: Case) -> Iterator[Path]:
    result, own = result_of(case), ants_result_path(case)
    if result is not None:
        yield from (result / name for name in (*_STATS, *_SURFACES)) if isdir(result) else (result,)
        labels = label_map_of(result)
        if labels is not None:
            yield labels
    if own is not None:
        yield own


def _synthseg_map(folder: Path) -> Path | None:
    if not isdir(folder):
        return None
    return next((path for ending in (".nii.gz", ".mgz") for path in sorted(folder.glob(f"*synthseg*{ending}"))), None)


def _root(case: Case) -> Path:
    source = next((volume.source for volume in case.images.values() if volume.source is not None), None)
    root = None if source is None else dataset_root(source.path)
    return root if root is not None else Path.cwd() if source is None else source.path.parent


def _digest(path: Path) -> str:
    """SHA-256 of a file, computed again only when its time or size is another."""
    try:
        about = path.stat()
        key = (str(path), about.st_mtime_ns, about.st_size)
        if key not in _digests:
            with path.open("rb") as file:
                _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return _digests[key]
    except OSError as error:
        raise CaseError(f"{path} cannot be read ({error.strerror}); look after the disk or the network.") from error
