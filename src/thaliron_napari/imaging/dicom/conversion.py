"""DICOM series to NIfTI files with BIDS names, converted by dcm2niix and stripped of everything about the person."""

import gzip
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging.dicom.converter import Converted, convert, name_of
from thaliron_napari.imaging.dicom.role import SeriesRole
from thaliron_napari.imaging.dicom.series import Series
from thaliron_napari.imaging.files import replace_file

_SUFFIX: dict[SeriesRole, str] = {"qsm": "Chimap", "flair": "FLAIR", "t1": "T1w", "t1ce": "ce-gadolinium_T1w"}
_PART: dict[SeriesRole, str] = {"magnitude": "mag", "phase": "phase", "real": "real", "imaginary": "imag"}
ROLE_TEXT: dict[SeriesRole, str] = {
    "qsm": "QSM",
    "magnitude": "GRE magnitude",
    "phase": "GRE phase",
    "real": "GRE real part",
    "imaginary": "GRE imaginary part",
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
                made = convert(series, Path(scratch), as_shown=role == "qsm", tick=tick)
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
            raise ImageError(f"{name_of(series)} cannot be imported: {series.problem}.")
        if series.label in used:
            raise ImageError(
                f"{name_of(series)} is chosen as {ROLE_TEXT[used[series.label]]} and as {ROLE_TEXT[role]}; choose one."
            )
        if role not in _PART and len(series.echoes) > 1:
            raise ImageError(f"{name_of(series)} holds {len(series.echoes)} echoes; {ROLE_TEXT[role]} is one image.")
        used[series.label] = role
    if len({series.patient for series in chosen.values()}) > 1:
        raise ImageError("The chosen series come from more than one patient; choose series of one.")


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


def _sidecar(role: SeriesRole, series: Series, image: Converted) -> dict[str, Any]:
    kept = {name: image.sidecar[name] for name in _PHYSICS if isinstance(image.sidecar.get(name), bool | int | float)}
    said = image.sidecar.get("MRAcquisitionType")
    if said in ("2D", "3D"):
        kept["MRAcquisitionType"] = said
    if series.manufacturer:
        kept["Manufacturer"] = series.manufacturer
    if role == "qsm" and series.unit is not None:
        kept["Units"] = series.unit
    if role in ("phase", "real", "imaginary"):
        kept["Units"] = "arbitrary"
    if role == "t1ce":
        kept["ContrastBolusIngredient"] = "GADOLINIUM"
    return kept


def _write(anat: Path, name: str, image: Converted, sidecar: dict[str, Any]) -> None:
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
