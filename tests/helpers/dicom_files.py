"""DICOM series made in code: each voxel's value tells where in the patient it lies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
# Directions (LPS) in which columns and rows run.
PLANES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
}


def turned(plane: str, degrees: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A plane's two directions, tilted about the three axes."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[one, one] = step[two, two] = np.cos(angle)
        step[two, one], step[one, two] = np.sin(angle), -np.sin(angle)
        turn = step @ turn
    across, down = PLANES[plane]
    return turn @ across, turn @ down


def value_at(ras: np.ndarray) -> np.ndarray:
    """What the made images hold at a point (..., 3) in RAS mm: different in each direction, none alike."""
    return 900 + 7 * ras[..., 0] + 3 * ras[..., 1] + 5 * ras[..., 2] + 40 * (ras[..., 0] > 8)


@dataclass
class Made:
    """One series to write; give only what matters."""

    description: str = "t1_mprage_sag"
    number: int = 1
    vendor: str = "Siemens"
    plane: str = "axial"
    tilt_deg: tuple[float, float, float] = (0, 0, 0)
    shape: tuple[int, int, int] = (14, 12, 6)
    """Columns, rows, slices."""
    spacing: tuple[float, float, float] = (2.0, 3.0, 4.0)
    """Between columns, rows and slices, in mm."""
    corner: tuple[float, float, float] = (-13.0, -17.0, -11.0)
    """First voxel of the first slice, LPS mm."""
    echoes_ms: Sequence[float] = (3.0,)
    kinds: Sequence[str] = ("M",)
    slopes: Sequence[float] = (1.0,)
    """Rescale slopes, taken in turn by the slices."""
    slices: Sequence[int] | None = None
    """Which slices are written; all by default."""
    image_type: Sequence[str] = ()
    tags: dict[str, Any] = field(default_factory=dict)
    uid: str = ""
    study: str = "1.2.826.0.1.3680043.8.498.1"


def write_classic(folder: Path, made: Made, *, preamble: bool = True) -> list[Path]:
    """One file a slice."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    uid = made.uid or _uid(made)
    for k, kind, echo, n in _slices(made):
        header = _header(made, kind, uid, MR)
        header.ImagePositionPatient, header.ImageOrientationPatient = _ds(_position(made, k)), _ds(_turn(made))
        header.PixelSpacing = _ds([made.spacing[1], made.spacing[0]])
        header.SliceThickness = header.SpacingBetweenSlices = made.spacing[2]
        header.EchoTime, header.EchoNumbers = echo, list(made.echoes_ms).index(echo) + 1
        header.InstanceNumber, header.AcquisitionNumber = n + 1, 1
        slope = made.slopes[k % len(made.slopes)]
        if made.slopes != (1.0,):
            header.RescaleSlope, header.RescaleIntercept = f"{slope:.6g}", "0"
        header.PixelData = _pixels(made, k, kind, slope).tobytes()
        _tag(header, made.tags)
        paths.append(_save(header, folder / f"{made.number:03d}_{n:04d}.dcm", preamble))
    return paths


def write_enhanced(folder: Path, made: Made) -> Path:
    """All slices, echoes and kinds in one file, frames in a mixed order."""
    folder.mkdir(parents=True, exist_ok=True)
    header = _header(made, "M", made.uid or _uid(made), ENHANCED_MR)
    slices = list(_slices(made))
    np.random.default_rng(0).shuffle(slices)
    header.NumberOfFrames = len(slices)
    header.InstanceNumber = 1
    header.SpacingBetweenSlices = made.spacing[2]
    shared = Dataset()
    shared.PixelMeasuresSequence = _item(
        PixelSpacing=_ds([made.spacing[1], made.spacing[0]]), SliceThickness=made.spacing[2],
        SpacingBetweenSlices=made.spacing[2],
    )  # fmt: skip
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=_ds(_turn(made)))
    frames, pixels = [], []
    names = {"M": "MAGNITUDE", "P": "PHASE", "R": "REAL", "I": "IMAGINARY"}
    for k, kind, echo, _ in slices:
        echo_number = list(made.echoes_ms).index(echo) + 1
        slope = made.slopes[k % len(made.slopes)]
        frame = Dataset()
        frame.FrameContentSequence = _item(
            StackID="1", InStackPositionNumber=k + 1, TemporalPositionIndex=1,
            DimensionIndexValues=[1, k + 1, echo_number, 1 + list(made.kinds).index(kind)],
        )  # fmt: skip
        frame.PlanePositionSequence = _item(ImagePositionPatient=_ds(_position(made, k)))
        frame.MREchoSequence = _item(EffectiveEchoTime=float(echo))
        frame.MRImageFrameTypeSequence = _item(
            FrameType=["ORIGINAL", "PRIMARY", kind, "NONE"], ComplexImageComponent=names[kind],
            AcquisitionContrast="UNKNOWN",
        )  # fmt: skip
        frame.PixelValueTransformationSequence = _item(
            RescaleSlope=f"{slope:.6g}", RescaleIntercept="0", RescaleType="US"
        )
        frames.append(frame)
        pixels.append(_pixels(made, k, kind, slope).tobytes())
    header.SharedFunctionalGroupsSequence = Items([shared])
    header.PerFrameFunctionalGroupsSequence = Items(frames)
    header.PixelData = b"".join(pixels)
    _tag(header, made.tags)
    return _save(header, folder / f"{made.number:03d}_enhanced.dcm", True)


def write_other(folder: Path, name: str, storage: str, modality: str) -> Path:
    """A DICOM object that is no image, such as a report."""
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = storage, generate_uid(entropy_srcs=[name])
    header.SeriesInstanceUID, header.Modality, header.PatientName = "1.2.3.4", modality, "Nobody"
    return _save(header, folder / name, True)


def expected(made: Made, k: int) -> np.ndarray:
    """Values (rows, columns) of a slice, unrounded."""
    across, down = turned(made.plane, made.tilt_deg)
    i, j = np.meshgrid(np.arange(made.shape[0]), np.arange(made.shape[1]))
    points = _position(made, k) + i[..., None] * made.spacing[0] * across + j[..., None] * made.spacing[1] * down
    return value_at(points * [-1, -1, 1])


def _slices(made: Made) -> list[tuple[int, str, float, int]]:
    """Slice, kind, echo and running number of each image."""
    chosen = range(made.shape[2]) if made.slices is None else made.slices
    every = [(k, kind, echo) for k in chosen for kind in made.kinds for echo in made.echoes_ms]
    return [(*one, n) for n, one in enumerate(every)]


def _pixels(made: Made, k: int, kind: str, slope: float) -> np.ndarray:
    offset = {"M": 0, "P": -300, "R": 100, "I": 200}[kind]
    return np.rint((expected(made, k) + offset) / slope).astype(
        "<i2" if made.tags.get("PixelRepresentation") else "<u2"
    )


def _position(made: Made, k: int) -> np.ndarray:
    across, down = turned(made.plane, made.tilt_deg)
    return np.array(made.corner) + k * made.spacing[2] * np.cross(across, down)


def _turn(made: Made) -> list[float]:
    return [float(v) for direction in turned(made.plane, made.tilt_deg) for v in direction]


def _uid(made: Made) -> str:
    return str(generate_uid(entropy_srcs=[repr(made)]))


def _header(made: Made, kind: str, uid: str, storage: str) -> Dataset:
    header = Dataset()
    header.SOPClassUID, header.SeriesInstanceUID, header.StudyInstanceUID = storage, uid, made.study
    header.Modality, header.StudyDate, header.StudyTime = "MR", "20240301", "101500"
    header.PatientName, header.PatientID, header.PatientBirthDate = "Sample^Sam", "SAMPLE77", "19500102"
    header.Manufacturer = {"GE": "GE MEDICAL SYSTEMS", "Philips": "Philips Medical Systems"}.get(made.vendor, "SIEMENS")
    header.SeriesDescription = header.ProtocolName = made.description
    header.SeriesNumber, header.FrameOfReferenceUID = made.number, "1.2.3.99"
    header.MRAcquisitionType, header.ScanningSequence, header.SequenceVariant = "3D", "GR", "SP"
    header.RepetitionTime, header.FlipAngle, header.MagneticFieldStrength = 30, 15, 3
    header.PatientPosition = "HFS"
    third = {
        "GE": ["OTHER"],
        "Philips": [{"M": "M_FFE", "P": "PHASE MAP", "R": "R_FFE", "I": "I_FFE"}[kind], kind, "FFE"],
    }.get(made.vendor, [kind, "ND"])
    header.ImageType = list(made.image_type) or ["ORIGINAL", "PRIMARY", *third]
    if storage == ENHANCED_MR:
        header.ImageType = ["ORIGINAL", "PRIMARY", "MIXED" if len(made.kinds) > 1 else kind, "NONE"]
    if made.vendor == "GE":
        header.add_new(0x00430010, "LO", "GEMS_PARM_01")
        header.add_new(0x0043102F, "SS", "MPRI".index(kind))
    header.Rows, header.Columns = made.shape[1], made.shape[0]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    return header


def _tag(header: Dataset, tags: dict[str, Any]) -> None:
    for name, value in tags.items():
        setattr(header, name, value)


def _save(header: Dataset, path: Path, preamble: bool) -> Path:
    header.SOPInstanceUID = str(generate_uid(entropy_srcs=[str(path)]))
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    if preamble:
        pydicom.dcmwrite(path, header, enforce_file_format=True)
    else:
        del header.file_meta
        pydicom.dcmwrite(path, header, implicit_vr=True, little_endian=True)
    return path


def _item(**values: Any) -> Items:
    item = Dataset()
    _tag(item, values)
    return Items([item])


def _ds(values: Any) -> list[str]:
    return [f"{float(v):.9g}" for v in values]
