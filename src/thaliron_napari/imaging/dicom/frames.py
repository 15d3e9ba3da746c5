"""Frames of an enhanced (multi-frame) DICOM file written one by one, as classic files.

One enhanced file may hold all echoes, magnitude and phase, and a scale of its own for each frame. dcm2niix
(1.0.20260724) then joins what does not belong together, or applies one frame's scale to all; single images it
converts as they say.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging.dicom.header import FunctionalGroups
from thaliron_napari.imaging.dicom.values import first_item, quiet_pydicom

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
            for frame, pixels in _pixels(file, header, set(wanted)):
                _write(header, frame, wanted[frame], pixels, folder / f"{wanted[frame]:05d}.dcm")
    except OSError:
        raise
    except Exception as error:  # pydicom raises whatever a damaged file leads it to
        raise ImageError(f"A file of many frames could not be taken apart ({type(error).__name__}).") from error


def _pixels(file: BinaryIO, header: Any, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """The stored pixels of frames, packed as they are."""
    from pydicom.encaps import generate_frames

    syntax = header.file_meta.TransferSyntaxUID
    count = int(header.NumberOfFrames)
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


def _write(header: Any, frame: int, number: int, pixels: bytes, path: Path) -> None:
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate

    flat = Dataset()
    for name in _KEPT:
        if name in header:
            setattr(flat, name, header[name].value)
    own = header.PerFrameFunctionalGroupsSequence[frame] if "PerFrameFunctionalGroupsSequence" in header else None
    group = FunctionalGroups(own, first_item(header, "SharedFunctionalGroupsSequence"))
    for sequence, fields in _FLAT.items():
        item = group(sequence)
        for name, classic in fields.items():
            if item is not None and name in item:
                setattr(flat, classic or name, item[name].value)
    scale = first_item(own, _PHILIPS_FRAME)
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
