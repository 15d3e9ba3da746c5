"""Morphometry computed from the T1 of a case, into the case's folder or beside it."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import Case
from thaliron_napari.case.bids import dataset_root
from thaliron_napari.case.derivative import root_of
from thaliron_napari.case.files import provenance, writing_to
from thaliron_napari.case.morphometry import ants_result_path, label_map_of, result_of
from thaliron_napari.case.placing import between, image_of
from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging import Volume, read_label_map, resample, write_image
from thaliron_napari.measurement.morphometry.from_t1 import morphometry_from_t1, write_ants_result
from thaliron_napari.measurement.morphometry.lesion_filling import fill_lesions
from thaliron_napari.measurement.morphometry.programs import (
    FASTSURFER,
    RECON_ALL,
    SYNTHSEG,
    Program,
    command,
    result_path,
)
from thaliron_napari.running import run_program

_FOLDER = {RECON_ALL: "freesurfer", FASTSURFER: "fastsurfer", SYNTHSEG: "synthseg"}
_THREADS = 2


def has_lesions(case: Case) -> bool:
    """Whether the reader accepted any lesion, which could be filled on the T1."""
    return any(lesion.state == "accepted" for lesion in case.annotations.lesions())


def lesions_on_t1(case: Case) -> NDArray[np.bool_]:
    """The accepted lesions of a case (z, y, x) on the grid of its T1: voxels at least half lesion."""
    numbers = [lesion.number for lesion in case.annotations.lesions() if lesion.state == "accepted"]
    accepted = np.isin(case.annotations.label_map("lesions"), numbers).astype(np.float32)
    flair, t1 = case.volume("flair"), case.volume("t1")
    return np.asarray(resample(Volume(accepted, flair.grid), t1.grid, between(case, "t1", "flair")) >= 0.5)


def filled_t1(case: Case) -> Volume:
    """The T1 of a case with its accepted lesions painted with the white matter around them."""
    t1 = case.volume("t1")
    return Volume(fill_lesions(t1.data, lesions_on_t1(case), t1.spacing), t1.grid, t1.source)


def compute_by_ants(
    case: Case,
    *,
    fill: bool,
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
    mask: Path | None = None,
) -> Path:
    """Grey matter volume and cortical thickness without FreeSurfer, written into the case's folder.

    Parameters
    ----------
    case : Case
    fill : bool
        Fill the accepted lesions before.
    progress : callable
        Told the share that is done (0 to 1) and what comes now.
    cancelled : callable
        Asked often; once it says yes, the work ends with CancelledError.
    mask : Path, optional
        Brain mask, on the grid or in the world of one of the images. Without it another program's label map says where
        the brain is, and where there is none the T1 must be skull-stripped.

    Returns
    -------
    Path
        The file with the numbers.

    Raises
    ------
    CaseError
        When there is no T1, the case is in memory, or its folder cannot be written to.
    MeasurementError
        When ANTs is not installed, or the brain is not found.
    """
    t1, path = case.volume("t1"), ants_result_path(case)
    if path is None:
        raise MeasurementError(f"{case.name} has no folder for its files; open it from images on disk.")
    lesions = lesions_on_t1(case) if fill else None
    result = morphometry_from_t1(t1, mask=_brain(case, mask), lesions=lesions, progress=progress, cancelled=cancelled)
    with writing_to(case):
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_ants_result(result, path, provenance(case, ("t1", "flair") if fill else ("t1",)))


def run_for_case(
    case: Case, program: Program, *, fill: bool, on_line: Callable[[str], None], cancelled: Callable[[], bool]
) -> Path:
    """Run a program installed beside this one on the T1 of a case; its result stands among the derivatives.

    Parameters
    ----------
    case : Case
    program : Program
    fill : bool
        Give it the T1 with the accepted lesions filled.
    on_line : callable
        Given each line that it prints.
    cancelled : callable
        Asked several times a second; once it says yes, the program is ended. What it wrote so far stays, since it may
        go on from there, and this ends with CancelledError.

    Returns
    -------
    Path
        What it made.

    Raises
    ------
    CaseError
        When there is no T1, or a folder cannot be written to.
    MeasurementError
        When the program is not installed, its result is there already, or it fails.
    """
    t1 = case.volume("t1")
    if t1.source is None or case.folder is None:
        raise MeasurementError(f"{case.name} has no files of its own; open it from images on disk.")
    dataset = dataset_root(t1.source.path)
    out = (dataset / "derivatives" if dataset else root_of(case.folder).parent) / _FOLDER[program]
    image = t1.source.path
    with writing_to(case):
        out.mkdir(parents=True, exist_ok=True)
        call = command(program, image, out, case.stem, _THREADS)  # refuses before anything is written
        if fill:
            image = case.folder / f"{case.stem}_desc-filled_T1w.nii.gz"
            write_image(image, filled_t1(case).data, t1)
            call = command(program, image, out, case.stem, _THREADS)
    if run_program(call, out / f"{case.stem}_{_FOLDER[program]}.log", on_line=on_line, cancelled=cancelled):
        raise CancelledError
    return result_path(program, out, case.stem)


def _brain(case: Case, mask: Path | None) -> NDArray[np.bool_] | None:
    """Brain (z, y, x) on the T1 by a mask that was given, else by another program's label map, where there is one."""
    result = result_of(case)
    path = mask or (None if result is None else label_map_of(result))
    if path is None:
        return None
    labels, t1 = read_label_map(path), case.volume("t1")
    here = resample(labels, t1.grid, between(case, "t1", image_of(case, labels.grid)), order=0)
    if mask is not None and not here.any():
        raise MeasurementError(f"No brain of {path.name} lies on the T1; choose this patient's mask.")
    return np.asarray(here > 0) if here.any() else None
