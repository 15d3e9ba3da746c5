"""DICOM SEG: the segments of one image, on the slices of its source series."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from thaliron_napari import __version__
from thaliron_napari.report.dicom.segments import Segment, laterality
from thaliron_napari.report.dicom.source import SourceImages

MAKER: dict[str, Any] = {
    "manufacturer": "The ThalIron developers",
    "manufacturer_model_name": "ThalIron",
    "software_versions": __version__,
    "device_serial_number": "0",
}


def make_seg(
    segments: Sequence[Segment],
    source: SourceImages,
    *,
    label: str,
    description: str,
    series_number: int,
    tracking: Sequence[str],
    reader: str = "",
) -> Any:
    """Make a segmentation.

    Parameters
    ----------
    segments : sequence of Segment
        Become the segments 1, 2, ... in this order.
    source : SourceImages
        The images on which they lie.
    label, description : str
        Content label (A to Z, 0 to 9, _) and series description.
    series_number : int
    tracking : sequence of str
        Tracking UID of each segment.
    reader : str
        A person's name as DICOM writes it.

    Returns
    -------
    highdicom.seg.Segmentation
        Binary (DICOM PS3.3 A.51); a frame for each slice of each segment that is not empty, naming the image it was
        drawn on.
    """
    import highdicom as hd

    further: dict[str, Any] = {}
    if source.frames is not None:  # of several echoes, or magnitude and phase, those that were drawn on
        positions = [_position(source.headers[0], frame) for frame in source.frames]
        further["plane_positions"] = [hd.PlanePositionSequence("PATIENT", position) for position in positions]
    seg = hd.seg.Segmentation(
        source_images=source.headers,
        pixel_array=_pixels(segments, source),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _describe(number, segment, uid)
            for number, (segment, uid) in enumerate(zip(segments, tracking, strict=True), start=1)
        ],
        series_instance_uid=hd.UID(),
        series_number=series_number,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        content_label=label,
        content_description=description,
        content_creator_name=reader or None,
        series_description=description,
        specific_character_set="ISO_IR 192",
        **MAKER,
        **further,
    )
    if source.frames is not None:
        _keep_references(seg, set(source.frames))
    return seg


def _pixels(segments: Sequence[Segment], source: SourceImages) -> Any:
    """One map where the segments cannot overlap, since a plane for each of many lesions takes gigabytes."""
    maps = {id(segment.labels): segment.labels for segment in segments}
    if len(maps) == 1:
        (labels,) = maps.values()
        number_of = np.zeros(int(labels.max()) + 1, np.uint16)
        number_of[[segment.label for segment in segments]] = np.arange(1, len(segments) + 1)
        return np.ascontiguousarray(source.slices_of(number_of[labels]))
    return np.stack([source.slices_of(segment.mask) for segment in segments], axis=-1)


def _describe(number: int, segment: Segment, tracking: str) -> Any:
    import highdicom as hd
    from pydicom.sr.coding import Code

    name, family = segment.algorithm
    made_by = hd.AlgorithmIdentificationSequence(f"ThalIron: {name}", Code(*family), __version__)
    description = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name,
        segmented_property_category=Code(*segment.category),
        segmented_property_type=Code(*segment.kind),
        algorithm_type=segment.made,
        algorithm_identification=None if segment.made == "MANUAL" else made_by,
        tracking_uid=tracking,
        tracking_id=segment.name,
        anatomic_regions=[Code(*segment.region)],
        display_color=hd.color.CIELabColor.from_string(segment.colour),
    )
    side = laterality(segment.side)
    if side is not None:
        # The type's modifier is what viewers read; the region's says the same to those who look there.
        kind, region = description.SegmentedPropertyTypeCodeSequence[0], description.AnatomicRegionSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [hd.sr.CodedConcept(*side)]
        region.AnatomicRegionModifierSequence = [hd.sr.CodedConcept(*side)]
    return description


def _position(header: Any, frame: int) -> list[float]:
    item = header.PerFrameFunctionalGroupsSequence[frame - 1].PlanePositionSequence[0]
    return [float(v) for v in item.ImagePositionPatient]


def _keep_references(seg: Any, frames: set[int]) -> None:
    """Drop references to other frames at the same place."""
    for item in seg.PerFrameFunctionalGroupsSequence:
        for derivation in item.DerivationImageSequence:
            kept = [one for one in derivation.SourceImageSequence if int(one.ReferencedFrameNumber) in frames]
            derivation.SourceImageSequence = kept
