"""The header of one DICOM file as the few facts needed of each image in it; nothing says who the patient is."""

import hashlib
import math
import re
from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.imaging.dicom.identity import IDENTITY, without_identity
from thaliron_napari.imaging.dicom.role import Kind, SeriesFacts
from thaliron_napari.imaging.dicom.values import (
    first_item,
    number_of,
    numbers_of,
    text_of,
    texts_of,
    value_of,
    whole_of,
)

_MR_LIKE = ("MR", "", "OT", "SC")
_NO_IMAGE = ("SR", "PR", "KO", "SEG", "REG", "RTSTRUCT", "DOC", "AU", "ECG", "HC", "PLAN")
_RAW_ENDS = ("4.2", "66", "88", "104")  # spectroscopy, raw data, documents: storage classes without pictures
_MR_STORAGE = tuple(f"1.2.840.10008.5.1.4.1.1.4{end}" for end in ("", ".1", ".4"))
_COMPONENTS: dict[str, Kind] = {
    "MAGNITUDE": "magnitude",
    "PHASE": "phase",
    "REAL": "real",
    "IMAGINARY": "imaginary",
}
_TYPES: dict[str, Kind] = {
    **dict.fromkeys(("P", "PHASE", "PHASE MAP", "PHASE_MAP", "P_FFE", "P_SE"), "phase"),
    **dict.fromkeys(("R", "REAL", "R_FFE", "R_SE"), "real"),
    **dict.fromkeys(("I", "IMAGINARY", "I_FFE", "I_SE"), "imaginary"),
    **dict.fromkeys(("B0", "B0 MAP", "B0_MAP", "FIELD_MAP"), "field map"),
}
_GE_KINDS: dict[int, Kind] = {0: "magnitude", 1: "phase", 2: "real", 3: "imaginary"}
_MAKERS = (
    ("GE", r"\bge\b|gems"), ("Siemens", "siemens"), ("Philips", "philips"), ("Canon", "canon|toshiba"),
    ("United Imaging", r"uih|united"), ("Fujifilm", "fuji|hitachi"), ("Bruker", "bruker"),
)  # fmt: skip
_FACTS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "StudyDate", "StudyTime", "Modality",
    "SeriesNumber", "SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName", "ImageType",
    "ComplexImageComponent", "AcquisitionContrast", "ScanningSequence", "MRAcquisitionType", "EchoTime", "EchoNumbers",
    "RepetitionTime", "InversionTime", "FlipAngle", "ContrastBolusAgent", "ContrastBolusAgentSequence",
    "DiffusionBValue", "Manufacturer", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated",
    "PixelRepresentation", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleIntercept",
    "RescaleSlope", "RescaleType", "RealWorldValueMappingSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "EchoPulseSequence",
)  # fmt: skip
# GE: the internal name of the sequence; magnitude, phase, real or imaginary; and what tells its field map apart.
_GE_SEQUENCE, _GE_KIND, _GE_MAP = 0x0019109E, 0x0043102F, 0x00431030
_PRIVATE = (0x00190010, 0x00430010, _GE_SEQUENCE, _GE_KIND, _GE_MAP)
_JPEG, _RUN_LENGTHS, _DEFLATED = "1.2.840.10008.1.2.4", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.99"
_MOST_FRAMES = 2**16
_START = 132  # bytes that tell DICOM from other files
_HEAD = 2**16  # bytes read at once; most headers lie within
_FUNCTIONAL_GROUPS = {0x52009229, 0x52009230}
_OF_EACH_SLICE = (0x00080018, 0x00200032)  # SOPInstanceUID, ImagePositionPatient


class NotReadable(Exception):
    """A DICOM file so damaged that its header does not say to which series it belongs."""


@dataclass(frozen=True, eq=False)
class DicomImage:
    """One slice: a file or a frame of one. Positions are DICOM's LPS in mm; `patient`, `study` are only compared."""

    path: Path
    instance: str
    series: str
    study: tuple[str, str]
    patient: str
    number: int
    description: str
    manufacturer: str
    is_mr: bool
    is_multi_frame: bool
    kind: Kind
    echo_ms: float | None
    frame: int
    frames: int
    """How many its file holds."""
    scale: tuple[float | None, float | None]
    """Rescale slope and intercept."""
    is_packed: bool
    facts: SeriesFacts
    columns: int
    rows: int
    spacing: NDArray[np.float64] | None
    position: NDArray[np.float64] | None
    orientation: NDArray[np.float64] | None
    problem: str


def is_dicom(path: Path) -> bool:
    """Whether a file's first bytes are those of a DICOM file, whatever its name."""
    try:
        with path.open("rb") as file:
            start = file.read(_START)
    except OSError:
        return False
    return start[128:132] == b"DICM" or _is_data_set(start)


def read_images(path: Path, alike: dict[Hashable, DicomImage] | None = None) -> list[DicomImage]:
    """The images of one file; none where it is not DICOM, or a DICOM object without pictures.

    Parameters
    ----------
    path : Path
    alike : dict, optional
        Filled and looked into by calls for other files: the slices of a classic series differ in their place alone,
        and what is the same byte for byte is made sense of once.

    Raises
    ------
    NotReadable
        When it is DICOM and too damaged.
    """
    alike = {} if alike is None else alike
    try:
        with path.open("rb") as file:
            start = file.read(_HEAD)
            is_marked = start[128:132] == b"DICM"
            if not is_marked and not _is_data_set(start):
                return []
            header, left = _header(file, start)
        key = _sameness(header, left)
        if key is not None and key in alike:
            place = numbers_of(header, "ImagePositionPatient", 3)
            name = text_of(header, "SOPInstanceUID") or str(path)
            return [replace(alike[key], path=path, instance=name, position=place)]
        images = list(_images(path, header, left, is_marked))
    except (NotReadable, MemoryError):
        raise
    except Exception as error:  # pydicom raises whatever a damaged header leads it to
        raise NotReadable from error
    if key is not None and len(images) == 1:
        alike[key] = images[0]
    return images


def _header(file: BinaryIO, start: bytes) -> tuple[Any, int]:
    """The header of a file, and how many bytes lie behind it; read from memory where it lies in the first bytes."""
    import pydicom

    size = file.seek(0, 2)
    in_memory = BytesIO(start)
    with suppress(Exception):  # where the first bytes do not hold all of it
        header = pydicom.dcmread(in_memory, stop_before_pixels=True, specific_tags=_tags(), force=True)
        end = in_memory.tell()
        if in_memory.read(2) in (b"\xe0\x7f", b"\x7f\xe0"):  # the group of the pixels
            return header, size - end
    file.seek(0)
    header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_tags(), force=True)
    return header, size - file.tell()


def _sameness(header: Any, left: int) -> Hashable | None:
    """What must be alike in two files for their images to differ in their place alone; None for multi-frame files."""
    if _FUNCTIONAL_GROUPS & set(header.keys()):
        return None
    values = []
    for tag in header.keys():  # noqa: SIM118 (a data set iterates over its elements, each made sense of)
        if tag not in _OF_EACH_SLICE:
            element = header.get_item(tag)
            if element.VR == "SQ":
                return None
            values.append((int(tag), element.value if isinstance(element.value, bytes) else str(element.value)))
    return left, str(getattr(header.file_meta, "TransferSyntaxUID", "")), tuple(values)


def _is_data_set(start: bytes) -> bool:
    """Whether bytes look like DICOM without its preamble: group 2 or 8, then a sane length or a value's type."""
    if start[:2] not in (b"\x02\x00", b"\x08\x00") or len(start) < 16:
        return False
    length = int.from_bytes(start[4:8], "little")
    return start[2:4] in (b"\x00\x00", b"\x01\x00", b"\x05\x00", b"\x08\x00", b"\x16\x00") and (
        start[4:6] in (b"UL", b"OB", b"CS", b"UI") or length < 128
    )


@cache
def _tags() -> list[int]:
    from pydicom.datadict import tag_for_keyword

    keywords = (tag_for_keyword(name) for name in (*_FACTS, *IDENTITY))
    return [*(int(tag) for tag in keywords if tag is not None), *_PRIVATE]


def _images(path: Path, header: Any, left: int, is_marked: bool) -> Iterator[DicomImage]:
    storage = text_of(header, "SOPClassUID") or str(getattr(header.file_meta, "MediaStorageSOPClassUID", ""))
    if storage == "1.2.840.10008.1.3.10" or storage.endswith(tuple(f".{end}" for end in _RAW_ENDS)):
        return
    modality, columns, rows = (text_of(header, "Modality"), whole_of(header, "Columns"), whole_of(header, "Rows"))
    series = text_of(header, "SeriesInstanceUID")
    if modality in _NO_IMAGE:
        return
    if not series or not columns or not rows:
        if storage in _MR_STORAGE or (is_marked and not series):
            raise NotReadable
        return
    shared = first_item(header, "SharedFunctionalGroupsSequence")
    frames = list(value_of(header, "PerFrameFunctionalGroupsSequence") or [])
    count = max(whole_of(header, "NumberOfFrames") or 1, 1)
    description = without_identity(text_of(header, "SeriesDescription") or text_of(header, "ProtocolName"), header)
    facts = _facts(header)
    problem = _problem(header, facts, columns * rows * count, left)
    if frames and len(frames) != count:
        problem = problem or f"says it has {count} frames and describes {len(frames)}; it is damaged"
    whole = DicomImage(
        path,
        text_of(header, "SOPInstanceUID") or str(path),
        series,
        (text_of(header, "StudyDate") + text_of(header, "StudyTime"), text_of(header, "StudyInstanceUID")),
        hashlib.sha256(repr([text_of(header, name) for name in ("PatientID", "PatientName")]).encode()).hexdigest(),
        whole_of(header, "SeriesNumber") or 0,
        description,
        _maker(header),
        modality in _MR_LIKE,
        count > 1,
        facts.kind,
        _echo(header),
        0,
        count,
        _scale(header),
        _is_packed(header),
        facts,
        columns,
        rows,
        numbers_of(header, "PixelSpacing", 2),
        numbers_of(header, "ImagePositionPatient", 3),
        numbers_of(header, "ImageOrientationPatient", 6),
        problem,
    )
    if not frames and shared is None:
        yield from (replace(whole, frame=n) for n in range(min(count, _MOST_FRAMES)))
        return
    for n, frame in enumerate(frames or [None] * min(count, _MOST_FRAMES)):
        yield replace(_of_frame(whole, FunctionalGroups(frame, shared)), frame=n)


class FunctionalGroups:
    """The functional groups of a frame: its own, else those that all frames share (DICOM PS3.3 C.7.6.16)."""

    def __init__(self, frame: Any, shared: Any) -> None:
        self.sources = [source for source in (frame, shared) if source is not None]

    def __call__(self, name: str) -> Any:
        """The item of a group by the name of its sequence; None where there is none."""
        for source in self.sources:
            item = first_item(source, name)
            if item is not None:
                return item
        return None


def _of_frame(whole: DicomImage, group: FunctionalGroups) -> DicomImage:
    facts = whole.facts
    kinds = group("MRImageFrameTypeSequence")
    types = tuple(texts_of(kinds, "FrameType")) or facts.image_type
    kind = _kind(types, text_of(kinds, "ComplexImageComponent")) if kinds is not None else facts.kind
    echo = number_of(group("MREchoSequence"), "EffectiveEchoTime")
    timing = group("MRTimingAndRelatedParametersSequence")
    inversion = number_of(group("MRModifierSequence"), "InversionTimes")
    diffusion = number_of(group("MRDiffusionSequence"), "DiffusionBValue")
    values = group("PixelValueTransformationSequence")
    facts = replace(
        facts,
        image_type=types,
        kind=kind,
        repetition_ms=number_of(timing, "RepetitionTime") or facts.repetition_ms,
        flip_deg=number_of(timing, "FlipAngle") or facts.flip_deg,
        inversion_ms=inversion or facts.inversion_ms,
        contrast=text_of(kinds, "AcquisitionContrast") or facts.contrast,
        is_diffusion=facts.is_diffusion or bool(diffusion),
        is_signed=facts.is_signed or (number_of(values, "RescaleIntercept") or 0) < 0,
        unit=_unit(values, group("RealWorldValueMappingSequence")) or facts.unit,
    )
    position = numbers_of(group("PlanePositionSequence"), "ImagePositionPatient", 3)
    orientation = numbers_of(group("PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    spacing = numbers_of(group("PixelMeasuresSequence"), "PixelSpacing", 2)
    return replace(
        whole,
        facts=facts,
        kind=kind,
        echo_ms=round(echo, 2) if echo else whole.echo_ms,
        scale=whole.scale if values is None else _scale(values),
        position=whole.position if position is None else position,
        orientation=whole.orientation if orientation is None else orientation,
        spacing=whole.spacing if spacing is None else spacing,
    )


def _facts(header: Any) -> SeriesFacts:
    types = tuple(texts_of(header, "ImageType"))
    return SeriesFacts(
        description=text_of(header, "SeriesDescription"),
        protocol=text_of(header, "ProtocolName"),
        sequence=f"{text_of(header, 'SequenceName') or text_of(header, 'PulseSequenceName')}",
        image_type=types,
        kind=_ge_kind(header) or _kind(types, text_of(header, "ComplexImageComponent")),
        repetition_ms=number_of(header, "RepetitionTime"),
        inversion_ms=number_of(header, "InversionTime"),
        flip_deg=number_of(header, "FlipAngle"),
        scanning_sequence=_scanning_sequence(header),
        contrast=text_of(header, "AcquisitionContrast"),
        is_3d=text_of(header, "MRAcquisitionType") == "3D",
        has_agent=bool(text_of(header, "ContrastBolusAgent") or first_item(header, "ContrastBolusAgentSequence")),
        is_diffusion=bool(number_of(header, "DiffusionBValue")),
        is_signed=whole_of(header, "PixelRepresentation") == 1 or (number_of(header, "RescaleIntercept") or 0) < 0,
        unit=_unit(header, first_item(header, "RealWorldValueMappingSequence")),
    )


def _problem(header: Any, facts: SeriesFacts, pixels: int, left: int) -> str:
    if "MOSAIC" in facts.image_type:
        return "is a Siemens mosaic (many slices in one picture, as of diffusion or function), which is not read"
    if (whole_of(header, "SamplesPerPixel") or 1) != 1:
        return "holds colour pictures, not one value a voxel"
    bits = whole_of(header, "BitsAllocated") or 16
    if bits not in (8, 16, 32):
        return f"has {bits} bits a voxel, which is not read"
    if str(getattr(header.file_meta, "TransferSyntaxUID", "")) == _DEFLATED:
        return "is deflated as a whole file, which is not read; export it uncompressed"
    if not left:
        return "has no pixels"
    if not _is_packed(header) and left < pixels * bits // 8:
        return "is cut off; copy the folder anew"
    return ""


def _is_packed(header: Any) -> bool:
    """Whether the pixels are compressed."""
    syntax = str(getattr(header.file_meta, "TransferSyntaxUID", ""))
    return syntax.startswith(_JPEG) or syntax == _RUN_LENGTHS


def _kind(types: tuple[str, ...], component: str) -> Kind:
    if component in _COMPONENTS and component != "MAGNITUDE":
        return _COMPONENTS[component]
    return next((_TYPES[name] for name in types[2:] if name in _TYPES), "magnitude")


def _ge_kind(header: Any) -> Kind | None:
    """GE says in private fields what others say in ImageType; its B0 map is told by (0043,1030)."""
    if not text_of(header, 0x00430010).startswith("GEMS_PARM"):
        return None
    if "b0map" in text_of(header, _GE_SEQUENCE).lower() and whole_of(header, _GE_MAP) == 0:
        return "field map"
    kind = whole_of(header, _GE_KIND)
    return None if not kind else _GE_KINDS.get(kind)


def _scanning_sequence(header: Any) -> frozenset[str]:
    names = set(texts_of(header, "ScanningSequence"))
    echo = text_of(header, "EchoPulseSequence")  # of enhanced files
    names |= {"GRADIENT": {"GR"}, "SPIN": {"SE"}, "BOTH": {"GR", "SE"}}.get(echo, set())
    return frozenset(names)


def _unit(values: Any, real_world: Any) -> str | None:
    """The unit by RescaleType, or by the real world units where these have the stored values' own scale."""
    said = text_of(values, "RescaleType").lower()
    if said in ("ppm", "ppb"):
        return said
    units = first_item(real_world, "MeasurementUnitsCodeSequence")
    said = text_of(units, "CodeValue").lower().strip("[] ")
    slope = number_of(real_world, "RealWorldValueSlope") or 0.0
    scale = number_of(values, "RescaleSlope") or 1.0
    return said if said in ("ppm", "ppb") and math.isclose(slope, scale, rel_tol=1e-6) else None


def _echo(header: Any) -> float | None:
    echo = number_of(header, "EchoTime")
    return round(echo, 2) if echo else None


def _scale(values: Any) -> tuple[float | None, float | None]:
    return number_of(values, "RescaleSlope"), number_of(values, "RescaleIntercept")


def _maker(header: Any) -> str:
    said = text_of(header, "Manufacturer").lower()
    return next((name for name, pattern in _MAKERS if re.search(pattern, said)), "")
