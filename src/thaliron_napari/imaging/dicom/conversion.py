"""DICOM series to NIfTI files with BIDS names, converted by dcm2niix and stripped of everything about the person."""

import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging.dicom.frames import write_frames
from thaliron_napari.imaging.dicom.role import Kind, SeriesRole
from thaliron_napari.imaging.dicom.series import Files, Series
from thaliron_napari.imaging.dicom.stack import same_voxels
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.imaging.grid import SourceGrid

_SAME_WITHIN_MM = 1e-3
_SUFFIX: dict[SeriesRole, str] = {"qsm": "Chimap", "flair": "FLAIR", "t1": "T1w", "t1ce": "ce-gadolinium_T1w"}
_PART: dict[SeriesRole, str] = {"magnitude": "mag", "phase": "phase"}
ROLE_TEXT: dict[SeriesRole, str] = {
    "qsm": "QSM",
    "magnitude": "GRE magnitude",
    "phase": "GRE phase",
    "flair": "FLAIR",
    "t1": "T1",
    "t1ce": "T1 after gadolinium",
}
# Numbers and switches that BIDS knows of an MR image; no text of the scanner's is carried over.
_PHYSICS = (
    "MagneticFieldStrength", "ImagingFrequency", "EchoTime", "RepetitionTime", "InversionTime", "FlipAngle",
    "SliceThickness", "DwellTime", "PartialFourier", "ParallelReductionFactorInPlane",
    "ParallelReductionFactorOutOfPlane", "MTState", "SpoilingState", "NonlinearGradientCorrection",
)  # fmt: skip
# NIfTI-1 header: data_type and db_name, descrip and aux_file, intent_name.
_TEXT_FIELDS = ((4, 32), (148, 252), (328, 344))
_KIND_OF_NAME: tuple[tuple[str, Kind], ...] = (
    ("_ph", "phase"), ("_imaginary", "imaginary"), ("_real", "real"), ("_fieldmaphz", "field map"),
)  # fmt: skip
_MEMORY = 2 * 2**30
_PATIENCE_S, _PATIENCE_S_PER_MB = 60.0, 0.5


@dataclass(frozen=True)
class Imported:
    """What an import wrote.

    Parameters
    ----------
    folder : Path
        The subject's folder, or its session's.
    files : dict
        Images of each role, of several echoes in their order.
    failed : dict
        For each role that could not be converted, why.
    """

    folder: Path
    files: dict[SeriesRole, tuple[Path, ...]] = field(default_factory=dict)
    failed: dict[SeriesRole, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Converted:
    """One image that dcm2niix made."""

    path: Path
    content: bytes
    grid: SourceGrid | None
    shape: tuple[int, ...]
    sidecar: dict[str, Any]

    @property
    def kind(self) -> Kind:
        return next((kind for ending, kind in _KIND_OF_NAME if ending in self.path.stem), "magnitude")


def import_series(
    chosen: Mapping[SeriesRole, Series],
    folder: Path,
    *,
    subject: str = "01",
    session: str = "",
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Imported:
    """Convert series to ``sub-<subject>[/ses-<session>]/anat/`` below a folder, as BIDS names them.

    Parameters
    ----------
    chosen : mapping of role to Series
        From :func:`thaliron_napari.imaging.find_series`.
    folder : Path
        Root of the dataset; made if missing.
    subject, session : str
        Labels, letters and digits, as the reader chooses; nothing of them comes from the files.
    overwrite : bool
        Replace images of the same role.
    progress : callable, optional
        Gets the share that is done (0 to 1).
    cancelled : callable, optional
        Asked some ten times a second whether to stop; the converter is then killed.

    Returns
    -------
    Imported
        A series that cannot be converted does not stop the others; `failed` says why.

    Raises
    ------
    ImageError
        Before anything is written: when a label is not made of letters and digits, a series has a problem or is chosen
        twice, the series come from several patients, or files are there already.
    concurrent.futures.CancelledError
        When `cancelled` said so; what was written before stays.

    Notes
    -----
    Images hold the voxels as dcm2niix (Li et al., J Neurosci Methods 2016, doi 10.1016/j.jneumeth.2016.03.001) gives
    them; its geometry must agree with the one computed here from the headers to 1e-3 mm at every corner. A header's
    texts and extensions are cleared, a sidecar keeps physics alone.
    """
    for label in (subject, session):
        if not re.fullmatch(r"[A-Za-z0-9]*", label) or not subject:
            raise ImageError(f"{label!r} cannot be a subject or session; use letters and digits only, such as 014.")
    _check(chosen)
    result = Imported(folder / f"sub-{subject}" / f"ses-{session}" if session else folder / f"sub-{subject}")
    stem = f"sub-{subject}" + (f"_ses-{session}" if session else "")
    anat = result.folder / "anat"
    there = [path for role in chosen for path in _files_of(role, anat, stem)]
    if there and not overwrite:
        raise ImageError(
            f"{there[0].name} is in {anat} already; choose another subject or folder, or have it replaced "
            "(--overwrite)."
        )
    total = max(1, sum(len(series.echoes) for series in chosen.values()))
    done = 0

    def tick() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError
        if progress is not None:
            progress(done / total)

    for role, series in chosen.items():
        with tempfile.TemporaryDirectory(prefix="thaliron-") as scratch:
            try:
                made = _convert(series, Path(scratch), tick)
            except ImageError as error:
                result.failed[role] = str(error)
                done += len(series.echoes)
                continue
            names = _names(role, len(made), stem)
            for name, image in zip(names, made, strict=True):
                _write(anat, name, image, _sidecar(role, series, image))
            result.files[role] = tuple(anat / f"{name}.nii.gz" for name in names)
            for path in _files_of(role, anat, stem):
                if path.name.split(".")[0] not in names:
                    path.unlink(missing_ok=True)  # an echo of the image that was replaced
        done += len(series.echoes)
    tick()
    if result.files:
        _describe_dataset(folder)
    return result


def _check(chosen: Mapping[SeriesRole, Series]) -> None:
    used: dict[str, SeriesRole] = {}
    for role, series in chosen.items():
        if series.problem:
            raise ImageError(f"{_start(series)} cannot be imported: {series.problem}.")
        if series.label in used:
            raise ImageError(
                f"{_start(series)} is chosen as {ROLE_TEXT[used[series.label]]} and as {ROLE_TEXT[role]}; choose one."
            )
        if role not in _PART and len(series.echoes) > 1:
            raise ImageError(f"{_start(series)} holds {len(series.echoes)} echoes; {ROLE_TEXT[role]} is one image.")
        used[series.label] = role
    if len({series.patient for series in chosen.values()}) > 1:
        raise ImageError("The chosen series come from more than one patient; choose series of one.")


def _start(series: Series) -> str:
    return series.name[0].upper() + series.name[1:]


def _names(role: SeriesRole, echoes: int, stem: str) -> list[str]:
    if role not in _PART:
        return [f"{stem}_{_SUFFIX[role]}"]
    if echoes == 1:
        return [f"{stem}_part-{_PART[role]}_T2starw"]
    return [f"{stem}_echo-{n}_part-{_PART[role]}_MEGRE" for n in range(1, echoes + 1)]


def _files_of(role: SeriesRole, anat: Path, stem: str) -> list[Path]:
    """Images and sidecars of a role that are there already."""
    part = _PART.get(role)
    ending = rf"(echo-\d+_)?part-{part}_(MEGRE|T2starw)" if part else re.escape(_SUFFIX[role])
    pattern = re.compile(rf"{re.escape(stem)}_{ending}\.(nii|nii\.gz|json)")
    return sorted(path for path in anat.iterdir() if pattern.fullmatch(path.name)) if anat.is_dir() else []


def _convert(series: Series, scratch: Path, tick: Callable[[], None]) -> list[_Converted]:
    """The image of each echo."""
    made: dict[Files, list[_Converted]] = {}
    images = []
    for number, files in enumerate(series.echoes):
        if files not in made:
            made[files] = _run_dcm2niix(series, files, scratch / f"{number}", tick)
        echo_ms = series.echo_times_ms[number] if len(series.echo_times_ms) == len(series.echoes) > 1 else None
        images.append(_pick(series, made[files], echo_ms))
    return images


def _pick(series: Series, made: list[_Converted], echo_ms: float | None) -> _Converted:
    """The one image that is this echo of the series, its geometry checked."""
    kinds = (series.kind, "magnitude") if len(made) == 1 else (series.kind,)
    made = [image for image in made if image.kind in kinds]
    if len(made) > 1 and echo_ms is not None:
        made = [image for image in made if abs(1000 * image.sidecar.get("EchoTime", 0.0) - echo_ms) < 0.01]
    whole = [image for image in made if len(image.shape) == 3]
    grid = series.source_grid
    if grid is None:
        same = [image for image in whole if image.grid is None and image.shape[2] == series.images]
    else:
        same = [i for i in whole if i.grid is not None and same_voxels(grid, i.grid, _SAME_WITHIN_MM)]
    if len(same) != 1:
        raise ImageError(
            f"{_start(series)} was not imported: what dcm2niix makes of it "
            + ("is not one 3D image." if not whole else "lies elsewhere than its headers say, or is not one image.")
        )
    return same[0]


def _run_dcm2niix(series: Series, files: Files, scratch: Path, tick: Callable[[], None]) -> list[_Converted]:
    try:
        import dcm2niix
    except ImportError as error:
        raise ImageError("The converter dcm2niix is not installed; install the package dcm2niix.") from error
    source, target = scratch / "in", scratch / "out"
    source.mkdir(parents=True)
    target.mkdir()
    size = 0
    try:
        for number, (path, frames) in enumerate(files):  # numbers for names, lest a name that says who it is get out
            tick()
            size += path.stat().st_size
            if frames:
                write_frames(path, frames, source)
            else:
                _link(path, source / f"{number:05d}.dcm")
    except OSError as error:
        raise ImageError(f"{_start(series)} was not imported: its files cannot be read ({error.strerror}).") from error
    # -g i: nobody's saved settings; -ba y: no dates, no persons; -c "": no comment; -z n: packed here, once
    options = ["-g", "i", "-b", "y", "-ba", "y", "-c", "", "-z", "n", "-f", "image", "-o", str(target), str(source)]
    try:
        process = subprocess.Popen(
            [dcm2niix.bin, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise ImageError("The converter dcm2niix does not run on this computer; reinstall that package.") from error
    patience = time.monotonic() + _PATIENCE_S + _PATIENCE_S_PER_MB * size / 2**20
    try:
        _limit_memory(process.pid, max(_MEMORY, 8 * size))
        while process.poll() is None:
            tick()
            if time.monotonic() > patience:
                raise ImageError(f"{_start(series)} was not imported: dcm2niix took too long; are its files damaged?")
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise ImageError(
            f"{_start(series)} was not imported: dcm2niix failed (code {process.returncode}); are its files damaged?"
        )
    return [_read(path, series) for path in sorted(target.glob("*.nii"))]


def _link(path: Path, name: Path) -> None:
    try:
        name.symlink_to(path.resolve())
    except OSError:  # not everyone may make links on Windows
        shutil.copyfile(path, name)


def _limit_memory(process: int, most: int) -> None:
    """A damaged header must not make the converter take all memory; only Linux lets us say so from outside."""
    if sys.platform == "linux":
        import resource

        try:
            resource.prlimit(process, resource.RLIMIT_AS, (most, most))
        except (OSError, ValueError):
            return


def _read(path: Path, series: Series) -> _Converted:
    content = path.read_bytes()
    try:
        header = nib.Nifti1Header(content[:348])
        start = int(header["vox_offset"])
        shape = tuple(int(n) for n in header.get_data_shape())
        size = int(np.prod(shape, dtype=np.int64)) * header.get_data_dtype().itemsize
        sidecar = json.loads(path.with_suffix(".json").read_text("utf-8", errors="replace"))
    except (OSError, ValueError, nib.spatialimages.HeaderDataError) as error:
        raise ImageError(f"{_start(series)} was not imported: dcm2niix did not write an image.") from error
    if start < 352 or len(content) < start + size:
        raise ImageError(f"{_start(series)} was not imported: dcm2niix did not write the whole image.")
    plain = bytearray(content[:348])
    for begin, end in _TEXT_FIELDS:
        plain[begin:end] = bytes(end - begin)
    header = nib.Nifti1Header(bytes(plain))
    header["vox_offset"] = 352
    is_placed = len(shape) == 3 and bool(int(header["sform_code"]) or int(header["qform_code"]))
    grid = SourceGrid((shape[0], shape[1], shape[2]), header.get_best_affine()) if is_placed else None
    return _Converted(path, header.binaryblock + bytes(4) + content[start : start + size], grid, shape, sidecar)


def _sidecar(role: SeriesRole, series: Series, image: _Converted) -> dict[str, Any]:
    kept = {name: image.sidecar[name] for name in _PHYSICS if isinstance(image.sidecar.get(name), bool | int | float)}
    said = image.sidecar.get("MRAcquisitionType")
    if said in ("2D", "3D"):
        kept["MRAcquisitionType"] = said
    if series.manufacturer:
        kept["Manufacturer"] = series.manufacturer
    if role == "qsm" and series.unit is not None:
        kept["Units"] = series.unit
    if role == "phase":
        kept["Units"] = "arbitrary"
    if role == "t1ce":
        kept["ContrastBolusIngredient"] = "GADOLINIUM"
    return kept


def _write(anat: Path, name: str, image: _Converted, sidecar: dict[str, Any]) -> None:
    def pack(beside: Path) -> None:
        with beside.open("wb") as file, gzip.GzipFile("", "wb", 5, file, mtime=0) as packed:
            packed.write(image.content)

    replace_file(anat / f"{name}.nii.gz", pack)
    _write_json(anat / f"{name}.json", sidecar)


def _describe_dataset(folder: Path) -> None:
    path = folder / "dataset_description.json"
    if not path.exists():
        _write_json(path, {"Name": "Imported images", "BIDSVersion": "1.10.0", "DatasetType": "raw"})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2) + "\n"
    replace_file(path, lambda beside: beside.write_text(text, "utf-8"))
