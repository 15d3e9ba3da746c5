"""What a folder of DICOM files holds: its series, each with its place in the patient, from the headers alone."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging.dicom.header import DicomImage, NotReadable, is_dicom, read_images
from thaliron_napari.imaging.dicom.role import Kind, SeriesRole, guess_series_role, preference
from thaliron_napari.imaging.dicom.stack import grid_of_echoes, same_voxels
from thaliron_napari.imaging.dicom.values import quiet_pydicom
from thaliron_napari.imaging.files import is_image_path
from thaliron_napari.imaging.grid import Grid, SourceGrid

Slices = tuple[tuple[Path, int], ...]
_PARTS: set[SeriesRole | None] = {"real", "imaginary"}
_OF_GRE: set[SeriesRole | None] = {"magnitude", "phase", *_PARTS}
_KINDS: tuple[Kind, ...] = ("magnitude", "phase", "real", "imaginary", "field map")


@dataclass(frozen=True, eq=False)
class Series:
    """One stack of images of a DICOM study, or several of its echoes on one grid. Says nothing of who the patient is.

    Parameters
    ----------
    label : str
        What to choose it by: the series number, with a letter where several bear the same.
    number : int
        The scanner's series number; 0 where there is none.
    description : str
        The scanner's words, with the patient's and staff's names, IDs and dates of birth left out.
    manufacturer : str
        GE, Siemens, Philips and so on, or empty.
    kind : str
        magnitude, phase, real, imaginary or field map.
    images : int
        Slices in all echoes.
    echo_times_ms : tuple of float
        Ascending; empty where not said.
    is_multi_frame : bool
        Whether many slices lie in one (enhanced) file.
    unit : str or None
        ppm or ppb, where the header says so.
    source_grid : SourceGrid or None
        Grid of one echo by the headers: columns, rows, slices. None where there is no (sound) geometry.
    role : SeriesRole or None
        What it most likely is; of several alike :func:`choose_series` takes one.
    problem : str
        Why it cannot be used; empty for a series that can.
    notice : str
        What to know before it is used.
    patient, study : int
        Count the patients and the studies among the files from 0, studies by date.
    rank : tuple of float
        See :func:`thaliron_napari.imaging.dicom.role.preference`.
    echoes : tuple of tuple of (Path, int)
        File and frame (from 0) of each slice of each echo, in order along the normal.
    takes_apart : bool
        Whether the frames must be taken out of their files to be converted.
    """

    label: str
    number: int
    description: str
    manufacturer: str
    kind: Kind
    images: int
    echo_times_ms: tuple[float, ...]
    is_multi_frame: bool
    unit: str | None
    source_grid: SourceGrid | None
    role: SeriesRole | None
    problem: str
    notice: str
    patient: int
    study: int
    rank: tuple[float, ...] = field(default=(), repr=False)
    echoes: tuple[Slices, ...] = field(default=(), repr=False)
    takes_apart: bool = False

    @property
    def grid(self) -> Grid | None:
        """The grid in the program's axis order."""
        return None if self.source_grid is None else self.source_grid.grid()

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Distance between neighbouring voxels along columns, rows and slices; empty without a grid."""
        if self.source_grid is None:
            return ()
        return tuple(np.sqrt((self.source_grid.affine[:3, :3] ** 2).sum(axis=0)).tolist())

    @property
    def name(self) -> str:
        """Label and description, for messages."""
        return f"series {self.label}" + (f" ({self.description})" if self.description else "")


def find_series(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Series, ...]:
    """The series among DICOM files, from their headers; no pixel is read.

    Parameters
    ----------
    paths : path or iterable of paths
        Folders, searched with all below them, and files. A DICOM file is told by its content. Other files, DICOMDIR
        and objects that are no images are passed over.
    progress : callable, optional
        Gets the share that is done (0 to 1).
    cancelled : callable, optional
        Asked at each file whether to stop.

    Returns
    -------
    tuple of Series
        By study, number and kind. Those with a `problem` cannot be converted. Files too damaged to say to which series
        they belong make up a last one, labelled ``?``.

    Raises
    ------
    ImageError
        When a path is missing, or no DICOM image is found.
    concurrent.futures.CancelledError
        When `cancelled` said so.

    Notes
    -----
    Images belong together by SeriesInstanceUID, and within it by kind (magnitude, phase, real, imaginary) and echo;
    where two then lie at one place, by ImageType. Slices are sorted by where they lie along the normal of the slices
    (DICOM PS3.3 C.7.6.2), never by name or number.
    """
    given = [Path(p) for p in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    files = _files(given)
    images: list[DicomImage] = []
    seen: set[str] = set()
    alike: dict[Hashable, DicomImage] = {}
    damaged = 0
    with quiet_pydicom():
        for done, path in enumerate(files):
            if cancelled is not None and cancelled():
                raise CancelledError
            if progress is not None and done % 16 == 0:
                progress(done / len(files))
            try:
                found = read_images(path, alike)
            except NotReadable:
                damaged += 1
                continue
            if found and found[0].instance not in seen:
                seen.add(found[0].instance)
                images += found
    if not images:
        what = "are only damaged DICOM files" if damaged else "is no DICOM image"
        where = f"{given[0].name or given[0]}" + (" and the other paths" if given[1:] else "")
        raise ImageError(f"There {what} in {where}; give the folder that the scanner or the archive wrote.")
    series = _labelled(_series_of(images))
    return (*series, _damaged(damaged)) if damaged else series


def holds_dicom_only(folder: Path) -> bool:
    """Whether a folder holds DICOM files, itself or below, and no NIfTI or MGZ image."""
    files = _files([folder])
    return not any(is_image_path(path) for path in files) and any(is_dicom(path) for path in files)


def choose_series(series: Iterable[Series]) -> dict[SeriesRole, Series]:
    """One series for each role, of those that can be used: the best guess for a patient.

    Of several studies the one with most roles is taken, of equals the latest. A magnitude and a phase on the QSM's
    grid are preferred to others. A real and an imaginary part are taken together, and only where there is no phase. A
    series that does not say where it lies is taken only where no other has a role.

    Raises
    ------
    ImageError
        When the series come from more than one patient.
    """
    fit = [s for s in series if s.role is not None and not s.problem]
    if len({s.patient for s in fit}) > 1:
        raise ImageError("These files come from more than one patient; choose series of one, or give one's folder.")
    fit = [s for s in fit if s.source_grid is not None] or fit
    studies = {s.study for s in fit}
    latest = max(studies, key=lambda n: (len({s.role for s in fit if s.study == n} - _PARTS), n), default=0)
    chosen: dict[SeriesRole, Series] = {}
    for role in get_args(SeriesRole):
        candidates = [s for s in fit if s.role == role and s.study == latest]
        beside = chosen.get("qsm") or chosen.get("magnitude") if role in _OF_GRE else None
        if candidates:
            chosen[role] = max(candidates, key=lambda s: (_lies_as(s, beside), s.rank))
    if "phase" in chosen or not set(chosen) >= _PARTS:
        return {role: one for role, one in chosen.items() if role not in _PARTS}
    return chosen


def _lies_as(series: Series, other: Series | None) -> bool:
    if other is None or series.source_grid is None or other.source_grid is None:
        return False
    return same_voxels(series.source_grid, other.source_grid, 0.05)


def _files(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
        elif path.exists():
            files.append(path)
        else:
            raise ImageError(f"There is no file or folder {path}; check the path.")
    return sorted(files)


def _series_of(images: list[DicomImage]) -> list[Series]:
    groups: dict[tuple[str, Kind], list[DicomImage]] = defaultdict(list)
    for image in images:
        groups[image.series, image.kind].append(image)
    patients = {key: n for n, key in enumerate(sorted({image.patient for image in images}))}
    studies = {key: n for n, key in enumerate(sorted({image.study for image in images}))}
    found = []
    for uid, kind in sorted(groups, key=lambda key: (key[0], _KINDS.index(key[1]))):
        for part in _parted(groups[uid, kind]):
            first = part[0]
            found.append(_one_series(part, patients[first.patient], studies[first.study]))
    return sorted(found, key=lambda s: (s.study, s.number))


def _parted(images: list[DicomImage]) -> list[list[DicomImage]]:
    """The images as they are, or by ImageType where two lie at one place."""
    by_type: dict[tuple[str, ...], list[DicomImage]] = defaultdict(list)
    for image in images:
        by_type[image.facts.image_type].append(image)
    places = {(i.echo_ms, *np.round(i.position, 2).tolist()) for i in images if i.position is not None}
    if len(by_type) == 1 or not places or len(places) == len(images):
        return [images]
    return [by_type[key] for key in sorted(by_type)]


def _one_series(images: list[DicomImage], patient: int, study: int) -> Series:
    echoes: dict[float | None, list[DicomImage]] = defaultdict(list)
    for image in images:
        echoes[image.echo_ms].append(image)
    stacks = [echoes[key] for key in sorted(echoes, key=lambda ms: -1.0 if ms is None else ms)]
    first = images[0]
    grid, problem, notice = None, "", ""
    try:
        grid, stacks = grid_of_echoes(stacks)
    except ImageError as error:
        problem = str(error)
    if grid is None and not problem:
        notice = "does not say where it lies in the patient: left and right are unknown"
    facts = replace(first.facts, echo_times_ms=tuple(sorted(ms for ms in echoes if ms is not None)))
    voxel_mm3, slices = (abs(float(np.linalg.det(grid.affine[:3, :3]))), grid.shape[2]) if grid else (1e9, 0)
    return Series(
        "",
        first.number,
        first.description,
        first.manufacturer,
        first.kind,
        len(images),
        facts.echo_times_ms,
        first.is_multi_frame,
        facts.unit,
        grid,
        guess_series_role(facts) if first.is_mr else None,
        problem,
        notice,
        patient,
        study,
        preference(facts, voxel_mm3, slices, first.number),
        tuple(tuple((image.path, image.frame) for image in stack) for stack in stacks),
        any(_must_be_taken_apart(stack) for stack in stacks),
    )


def _must_be_taken_apart(stack: list[DicomImage]) -> bool:
    """Whether a file holds frames of other stacks too, scales them one by one, or packs them: see frames.py."""
    if not stack[0].is_multi_frame:
        return False
    here = Counter(image.path for image in stack)
    is_mixed = any(image.frames != here[image.path] for image in stack)
    return is_mixed or len({image.scale for image in stack}) > 1 or stack[0].is_packed


def _labelled(series: list[Series]) -> tuple[Series, ...]:
    numbers = [s.number for s in series]
    made = []
    for n, one in enumerate(series):
        nth = numbers[:n].count(one.number)
        letters = "" if numbers.count(one.number) == 1 else chr(97 + nth) if nth < 26 else f"-{nth + 1}"
        made.append(replace(one, label=f"{one.number}{letters}"))
    return tuple(made)


def _damaged(count: int) -> Series:
    files = "file is" if count == 1 else "files are"
    problem = f"{count} {files} too damaged to say what they belong to; copy the folder anew"
    return Series("?", 0, "", "", "magnitude", count, (), False, None, None, None, problem, "", -1, -1)
