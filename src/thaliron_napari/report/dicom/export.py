"""Write the DICOM objects of a case: a SEG for the QSM, one for the FLAIR, and one SR that refers to both."""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thaliron_napari.case import Case, Role
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import find_series
from thaliron_napari.imaging.dicom.values import quiet_pydicom
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.measurement.lesions import measure_lesions
from thaliron_napari.measurement.record import measure_case
from thaliron_napari.measurement.regions import Value
from thaliron_napari.report.dicom.seg import make_seg
from thaliron_napari.report.dicom.segments import Segment, lesion_segments, qsm_segments
from thaliron_napari.report.dicom.source import SourceImages, find_source
from thaliron_napari.report.dicom.sr import POOLED, Segmented, make_sr

_IMAGES: dict[Role, tuple[str, str]] = {
    "qsm": ("THALIRON_QSM", "ThalIron thalami and CSF"),
    "flair": ("THALIRON_FLAIR", "ThalIron lesions"),
}
_SERIES_NUMBERS = {"qsm": 9701, "flair": 9702, "sr": 9703}  # behind the scanner's own


@dataclass(frozen=True)
class ExportedDicom:
    """What an export wrote.

    Parameters
    ----------
    files : tuple of Path
        Segmentations, then the report.
    left_out : tuple of str
        What was not written and why, one sentence each; to be shown to the reader.
    """

    files: tuple[Path, ...]
    left_out: tuple[str, ...] = ()


def export_dicom(
    case: Case,
    dicom: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    folder: Path,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ExportedDicom:
    """Write a case's annotations as DICOM SEG and its measurements as DICOM SR, for the archive the images came from.

    Takes some seconds; any thread may do it.

    Parameters
    ----------
    case : Case
    dicom : path or paths
        DICOM files of the images, as they came from the archive; folders are searched with all below them.
    folder : Path
        Where the files go; made if missing. They name the patient as the images do, so they do not belong among a
        study's pseudonymous data.
    progress : callable, optional
        Gets the share that is done (0 to 1).
    cancelled : callable, optional
        Asked now and then whether to stop.

    Returns
    -------
    ExportedDicom
        ``<case>_space-QSM_seg.dcm``, ``<case>_space-FLAIR_seg.dcm`` and ``<case>_sr.dcm``.

    Raises
    ------
    CaseError
        When nothing is there to be written, no series holds the images that were read, the images found are of several
        patients, the unit of the QSM is ambiguous, or the folder cannot be written to.
    ImageError
        When there are no DICOM files.
    concurrent.futures.CancelledError
        When `cancelled` said so.

    Notes
    -----
    Each accepted lesion is a segment of its own, in one colour, so that the report gives each its volume beside a
    reference to it, and a viewer goes from the one to the other. Voxels are those of the source images, none
    interpolated; the grid of a series must agree with the image's at every corner, and so must its values, see
    :func:`find_source`.
    """
    segments: dict[Role, list[Segment]] = {}
    if "qsm" in case.images:
        segments["qsm"] = qsm_segments(case)
    if "flair" in case.images:
        segments["flair"] = lesion_segments(case)
    segments = {role: found for role, found in segments.items() if found}
    if not segments:
        raise CaseError(
            f"{case.name} holds nothing to export yet; contour a thalamus, place a CSF circle or accept a lesion."
        )
    values = measure_case(case).values

    def done(share: float) -> None:
        if progress is not None:
            progress(share)

    def tick() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError

    with quiet_pydicom():  # the images' headers may be odd
        series = find_series(dicom, progress=lambda share: done(share / 2), cancelled=cancelled)
        done(0.5)
        sources: dict[Role, SourceImages] = {}
        left_out = []
        for role in segments:
            try:
                sources[role] = find_source(case, role, series, tick=tick)
            except CaseError as error:
                left_out.append(str(error))
        done(0.75)
        if not sources:
            raise CaseError(" ".join(left_out))
        if len({source.series.patient for source in sources.values()}) > 1:
            raise CaseError("The QSM and the FLAIR of this case are of two patients by their DICOM files; check them.")
        try:
            objects = _objects(case, values, segments, sources)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # what odd headers lead highdicom to
            names = " and ".join(source.series.name for source in sources.values())
            raise CaseError(
                f"The headers of {names} do not allow it ({' '.join(str(error).split())}); take them from the archive "
                "anew, unprocessed."
            ) from error
        files = tuple(_write(folder / f"{case.stem}_{name}.dcm", made) for name, made in objects.items())
    done(1.0)
    return ExportedDicom(files, tuple(left_out))


def _objects(
    case: Case, values: Mapping[str, Value], segments: dict[Role, list[Segment]], sources: dict[Role, SourceImages]
) -> dict[str, Any]:
    """The objects by the ends of their files' names."""
    reader = _person(case.reader)
    parts = {role: _segmented(case, role, segments[role], source, reader) for role, source in sources.items()}
    objects = {f"space-{role.upper()}_seg": part.seg for role, part in parts.items()}
    first = next(iter(sources.values()))
    report = make_sr(
        list(parts.values()),
        values,
        _lesions_ml(case) if "flair" in parts else {},
        series_number=_SERIES_NUMBERS["sr"],
        tracking_of={what: _uid(first, case, f"all {what}") for what in POOLED},
        reader=reader,
    )
    return objects if report is None else objects | {"sr": report}


def _segmented(case: Case, role: Role, segments: list[Segment], source: SourceImages, reader: str) -> Segmented:
    label, description = _IMAGES[role]
    tracking = [_uid(source, case, segment.name) for segment in segments]
    number = _SERIES_NUMBERS[role]
    seg = make_seg(
        segments, source, label=label, description=description, series_number=number, tracking=tracking, reader=reader
    )
    return Segmented(seg, segments, tracking, source)


def _uid(source: SourceImages, case: Case, name: str) -> str:
    """What is tracked is the same in every export of a reading, and another one in each study and for each reader."""
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["ThalIron", str(source.headers[0].StudyInstanceUID), case.reader, name]))


def _lesions_ml(case: Case) -> dict[int, float]:
    flair = case.volume("flair")
    return {one.number: one.ml for one in measure_lesions(flair.data, case.annotations.maps["lesions"], flair.grid)}


def _person(reader: str) -> str:
    """A name as DICOM's PN, ``family^given`` where a comma tells them; 64 characters at most."""
    plain = "".join(" " if c in "\\^=" or not c.isprintable() else c for c in reader)
    return "^".join(" ".join(part.split()) for part in plain.split(",", 1))[:64]


def _write(path: Path, made: Any) -> Path:
    try:
        replace_file(path, made.save_as)
    except OSError as error:
        raise CaseError(f"{path} cannot be written ({error.strerror}); free space or choose another folder.") from error
    return path
