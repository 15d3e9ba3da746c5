"""Frames of an enhanced (multi-frame) DICOM file written one by one, as classic files.

One enhanced file may hold all echoes, magnitude and phase, and a scale of its own for each frame. dcm2niix
(1.0.20260724) then joins what does not belong together, applies one frame's scale to all, or, where the frames are
compressed, takes them in the order of the file instead of the patient; single images it converts as they say.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging.dicom.header import FunctionalGroups
from thaliron_napari.imaging.dicom.values import first_item, number_of, quiet_pydicom, text_of

_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_KEPT = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "PhotometricInterpretation", "Modality", "Manufacturer", "MagneticFieldStrength", "MRAcquisitionType",
    "PatientPosition", "SeriesNumber", "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient",
)  # fmt: skip
# Group, its fields, and their names in a classic file where they differ.
_FLAT: dict[str, dict[str, str]] = {
    "PixelMeasuresSequence": dict.fromkeys(("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"), ""),
    "PlanePositionSequence": {"ImagePositionPatient": ""},
    "PlaneOrientationSequence": {"ImageOrientationPatient": ""},
    "MREchoSequence": {"EffectiveEchoTime": "EchoTime"},
    "MRTimingAndRelatedParametersSequence": {"RepetitionTime": "", "FlipAngle": ""},
    "MRImagingModifierSequence": {"TransmitterFrequency": "ImagingFrequency"},
    "MRImageFrameTypeSequence": {"FrameType": "ImageType", "ComplexImageComponent": ""},
    "PixelValueTransformationSequence": dict.fromkeys(("RescaleSlope", "RescaleIntercept", "RescaleType"), ""),
}
_PHILIPS, _PHILIPS_FRAME, _PHILIPS_SCALE = 0x20050010, 0x2005140F, 0x2005100E


def write_frames(path: Path, frames: Sequence[int], folder: Path) -> None:
    """Write frames of a multi-frame file as files of one image each, with nothing in them about the patient.

    Parameters
    ----------
    path : Path
    frames : sequence of int
        Counted from 0.
    folder : Path
        The files are named by their number, after those that are there.

    Raises
    ------
    ImageError
        When the file is damaged.
    OSError
        When it cannot be read.
    """
    import pydicom

    wanted = {frame: n for n, frame in enumerate(frames, start=len(list(folder.iterdir())))}
    try:
        with quiet_pydicom(), path.open("rb") as file:
            header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
            own, shared = _functional_groups(header)
            groups = {n: FunctionalGroups(own[n] if own else None, shared) for n in wanted}
            slopes = {text_of(group("PixelValueTransformationSequence"), "RescaleSlope") for group in groups.values()}
            for frame, pixels in _pixels(file, header, set(wanted)):
                scale = first_item(own[frame], _PHILIPS_FRAME) if own and len(slopes) == 1 else None
                _write(header, groups[frame], scale, wanted[frame], pixels, folder / f"{wanted[frame]:05d}.dcm")
    except OSError:
        raise
    except Exception as error:  # pydicom raises whatever a damaged file leads it to
        raise ImageError(f"A file of many frames could not be taken apart ({type(error).__name__}).") from error


def read_frames(path: Path, frames: Sequence[int]) -> list[NDArray[np.float64]]:
    """The values of frames, their rescale slopes and intercepts applied.

    Parameters
    ----------
    path : Path
    frames : sequence of int
        Counted from 0.

    Returns
    -------
    list of arrays (rows, columns)
        In the order asked for; empty where the pixels are compressed.

    Raises
    ------
    ImageError
        When the file is damaged.
    OSError
        When it cannot be read.
    """
    import pydicom

    try:
        with quiet_pydicom(), path.open("rb") as file:
            header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
            syntax = header.file_meta.get("TransferSyntaxUID", None)
            if syntax is None or syntax.is_compressed:
                return []
            own, shared = _functional_groups(header)
            shape, bits = (int(header.Rows), int(header.Columns)), int(header.BitsAllocated)
            is_signed = bool(header.PixelRepresentation)
            kind = np.dtype(f"{'<' if syntax.is_little_endian else '>'}{'i' if is_signed else 'u'}{bits // 8}")
            used = -1 if is_signed else 2 ** int(header.get("BitsStored", bits)) - 1
            values = {}
            for frame, pixels in _pixels(file, header, set(frames)):
                groups = FunctionalGroups(own[frame] if own else None, shared)
                scale = groups("PixelValueTransformationSequence") or header
                slope, offset = number_of(scale, "RescaleSlope") or 1.0, number_of(scale, "RescaleIntercept") or 0.0
                stored = (np.frombuffer(pixels, kind).reshape(shape) & used).astype(np.float64)
                values[frame] = stored * slope + offset
            return [values[frame] for frame in frames]
    except OSError:
        raise
    except Exception as error:  # as above
        raise ImageError(f"The pixels of a file cannot be read ({type(error).__name__}).") from error


def _functional_groups(header: Any) -> tuple[Any, Any]:
    """Those of each frame, and those that all share."""
    own = header.PerFrameFunctionalGroupsSequence if "PerFrameFunctionalGroupsSequence" in header else []
    return own, first_item(header, "SharedFunctionalGroupsSequence")


def _pixels(file: BinaryIO, header: Any, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """The stored pixels of frames, packed as they are."""
    from pydicom.encaps import generate_frames

    syntax = header.file_meta.TransferSyntaxUID
    count = int(header.get("NumberOfFrames", 1) or 1)
    start = file.tell() + (8 if syntax.is_implicit_VR else 12)
    file.seek(start)
    if syntax.is_compressed:
        for frame, packed in enumerate(generate_frames(file, number_of_frames=count)):
            if frame in wanted:
                yield frame, packed
        return
    size = int(header.Rows) * int(header.Columns) * int(header.BitsAllocated) // 8
    for frame in sorted(wanted):
        file.seek(start + frame * size)
        pixels = file.read(size)
        if len(pixels) < size:
            raise EOFError
        yield frame, pixels


def _write(header: Any, group: FunctionalGroups, scale: Any, number: int, pixels: bytes, path: Path) -> None:
    """One classic file; `scale` is Philips' own item of the frame, from which its floating point scale is taken."""
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate

    flat = Dataset()
    for name in _KEPT:
        if name in header:
            setattr(flat, name, header[name].value)
    for sequence, fields in _FLAT.items():
        item = group(sequence)
        for name, classic in fields.items():
            if item is not None and name in item:
                setattr(flat, classic or name, item[name].value)
    if scale is not None and _PHILIPS_SCALE in scale:
        flat.add_new(_PHILIPS, "LO", "Philips MR Imaging DD 001")
        flat.add_new(_PHILIPS_SCALE, "FL", float(scale[_PHILIPS_SCALE].value))
    flat.SOPClassUID, flat.SOPInstanceUID = _MR_IMAGE, f"2.25.{number + 1}"
    flat.StudyInstanceUID = flat.SeriesInstanceUID = flat.FrameOfReferenceUID = "2.25.0"
    flat.InstanceNumber, flat.AcquisitionNumber = number + 1, 1
    flat.file_meta = FileMetaDataset()
    flat.file_meta.TransferSyntaxUID = syntax = header.file_meta.TransferSyntaxUID
    flat.PixelData = encapsulate([pixels]) if syntax.is_compressed else pixels + b"\0" * (len(pixels) % 2)
    if syntax.is_compressed:
        flat["PixelData"].is_undefined_length = True
    dcmwrite(path, flat, enforce_file_format=True)
