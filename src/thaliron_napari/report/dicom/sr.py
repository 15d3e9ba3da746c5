"""DICOM SR: the measurements of a case as a measurement report (TID 1500 of DICOM PS3.16)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thaliron_napari import __version__
from thaliron_napari.case import Side
from thaliron_napari.measurement.regions import Value
from thaliron_napari.report.dicom import codes
from thaliron_napari.report.dicom.codes import Term
from thaliron_napari.report.dicom.seg import MAKER
from thaliron_napari.report.dicom.segments import Segment, What, laterality
from thaliron_napari.report.dicom.source import SourceImages

_DEVICE_UID = "2.25.40051162546412394134107751088401295375"  # of the program, whichever computer it runs on

Images = dict[tuple[str, str], list[int]]
"""SOP class and instance of images, and of those of many frames which."""

POOLED: tuple[What, ...] = ("thalamus", "csf", "lesion")


@dataclass(frozen=True, eq=False)
class Segmented:
    """A segmentation with what it was made from.

    Parameters
    ----------
    seg : highdicom.seg.Segmentation
    segments : sequence of Segment
        In the order of their numbers.
    tracking : sequence of str
        Tracking UID of each.
    source : SourceImages
    """

    seg: Any
    segments: Sequence[Segment]
    tracking: Sequence[str]
    source: SourceImages


def make_sr(
    parts: Sequence[Segmented],
    values: Mapping[str, Value],
    lesions_ml: Mapping[int, float],
    *,
    series_number: int,
    tracking_of: Mapping[What, str],
    reader: str = "",
) -> Any:
    """Make a measurement report.

    Parameters
    ----------
    parts : sequence of Segmented
        The report stands in the study of the first.
    values : mapping
        Numbers of a record by name; None is left out.
    lesions_ml : mapping
        Volume of each accepted lesion by its number.
    series_number : int
    tracking_of : mapping
        Tracking UID of what is pooled: all thalami, CSF and lesions.
    reader : str
        A person's name as DICOM writes it.

    Returns
    -------
    highdicom.sr.EnhancedSR or None
        A measurement group for each segment that was measured (TID 1411, referring to the segment and to the images it
        lies on) and for all of a kind pooled (TID 1501); None where nothing was measured.
    """
    import highdicom as hd
    from pydicom.sr.coding import Code

    groups = []
    for part in parts:
        images = _images_of(part.seg)
        for number, segment in enumerate(part.segments, start=1):
            numbers = _of_segment(segment, values, lesions_ml)
            if numbers:
                groups.append(_segment_group(part, number, images[number], numbers))
        for what in POOLED:
            group = _pooled_group(part, what, images, values, tracking_of[what])
            if group is not None:
                groups.append(group)
    if not groups:
        return None
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=_DEVICE_UID, name="ThalIron", manufacturer_name=MAKER["manufacturer"], model_name=f"ThalIron {__version__}"
    )
    person = hd.sr.PersonObserverIdentifyingAttributes(name=reader) if reader else None
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_person_context=None if person is None else hd.sr.ObserverContext(_code(codes.PERSON), person),
            observer_device_context=hd.sr.ObserverContext(_code(codes.DEVICE), device),
        ),
        procedure_reported=Code(*codes.MR_BRAIN),
        imaging_measurements=groups,
    )
    sr = hd.sr.EnhancedSR(
        evidence=[*(header for part in parts for header in part.source.headers), *(part.seg for part in parts)],
        content=report[0],
        series_instance_uid=hd.UID(),
        series_number=series_number,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        is_complete=True,
        series_description="ThalIron measurements",
        specific_character_set="ISO_IR 192",
        **MAKER,
    )
    sr.CodingSchemeIdentificationSequence = [_own_scheme()]
    return sr


def _of_segment(segment: Segment, values: Mapping[str, Value], lesions_ml: Mapping[int, float]) -> list[Any]:
    """The measurements of one segment."""
    if segment.what == "thalamus":
        return _thalamic(values, f"{segment.side}_")
    if segment.what == "csf":
        return _measured([(codes.SUSCEPTIBILITY, values.get(f"csf_{segment.side}_ppb"), codes.PPB, codes.MEAN)])
    if segment.what == "lesion":
        return _measured([(codes.VOLUME, lesions_ml[segment.label], codes.ML, None)])
    return []


def _thalamic(values: Mapping[str, Value], side: str) -> list[Any]:
    """Volume and susceptibility of one thalamus, or with an empty `side` of both."""
    return _measured(
        [
            (codes.VOLUME, values.get(f"thalamus_{side}ml"), codes.ML, None),
            (codes.SUSCEPTIBILITY, values.get(f"thalamus_{side}mean_ppb"), codes.PPB, codes.MEAN),
            (codes.SUSCEPTIBILITY, values.get(f"thalamus_{side}sd_ppb"), codes.PPB, codes.STANDARD_DEVIATION),
            (codes.SUSCEPTIBILITY, values.get(f"thalamus_{side}median_ppb"), codes.PPB, codes.MEDIAN),
            (codes.RELATIVE_SUSCEPTIBILITY, values.get(f"chi_{side}ppb"), codes.PPB, codes.MEAN),
        ]
    )


def _pooled(what: What, values: Mapping[str, Value]) -> tuple[str, Term, Term, list[Any]]:
    """Name, finding, site and measurements of all that is of a kind."""
    if what == "thalamus":
        return "Both thalami", codes.THALAMUS, codes.THALAMUS, _thalamic(values, "")
    if what == "csf":
        numbers = _measured(
            [
                (codes.SUSCEPTIBILITY, values.get("csf_ppb"), codes.PPB, codes.MEAN),
                (codes.SUSCEPTIBILITY, values.get("csf_sd_ppb"), codes.PPB, codes.STANDARD_DEVIATION),
            ]
        )
        return "All CSF ROIs", codes.CSF, codes.LATERAL_VENTRICLE, numbers
    numbers = _measured(
        [
            (codes.VOLUME, values.get("lesion_ml"), codes.ML, codes.TOTAL),
            (codes.NUMBER_OF_LESIONS, values.get("lesion_count"), codes.NO_UNITS, None),
        ]
    )
    return "All lesions", codes.LESION, codes.BRAIN, numbers


def _measured(numbers: Iterable[tuple[Term, Value, Term, Term | None]]) -> list[Any]:
    """A measurement of each name, value, unit and derivation whose value is known."""
    import highdicom as hd

    return [
        hd.sr.Measurement(
            name=_code(name), value=value, unit=_code(unit), derivation=None if how is None else _code(how)
        )
        for name, value, unit, how in numbers
        if isinstance(value, int | float)
    ]


def _segment_group(part: Segmented, number: int, images: Images, numbers: list[Any]) -> Any:
    import highdicom as hd

    segment, side = part.segments[number - 1], laterality(part.segments[number - 1].side)
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(part.tracking[number - 1], segment.name),
        referenced_segment=hd.sr.ReferencedSegment(
            part.seg.SOPClassUID,
            part.seg.SOPInstanceUID,
            number,
            source_images=[hd.sr.SourceImageForSegmentation(*one, frames or None) for one, frames in images.items()],
        ),
        finding_category=_code(segment.category),
        finding_type=_code(segment.kind),
        finding_sites=[hd.sr.FindingSite(_code(segment.region), None if side is None else _code(side))],
        measurements=numbers,
    )


def _pooled_group(
    part: Segmented, what: What, images: Mapping[int, Images], values: Mapping[str, Value], tracking: str
) -> Any:
    """Group of all segments of a kind; None where there is none, or one thalamus of the two is missing."""
    import highdicom as hd

    chosen = {number: segment for number, segment in enumerate(part.segments, start=1) if segment.what == what}
    segments = list(chosen.values())
    sides: set[Side | None] = {segment.side for segment in segments}
    if not segments or (what == "thalamus" and len(sides) < 2):
        return None
    name, kind, site, numbers = _pooled(what, values)
    if not numbers:
        return None
    where = codes.BOTH if len(sides) == 2 else laterality(next(iter(sides)))
    pooled: Images = {}
    for number in chosen:
        for one, frames in images[number].items():
            pooled[one] = sorted({*pooled.get(one, ()), *frames})
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(tracking, name),
        finding_category=_code(segments[0].category),
        finding_type=_code(kind),
        finding_sites=[hd.sr.FindingSite(_code(site), None if where is None else _code(where))],
        measurements=numbers,
        source_images=[hd.sr.SourceImageForMeasurementGroup(*one, frames or None) for one, frames in pooled.items()],
    )


def _images_of(seg: Any) -> dict[int, Images]:
    """The images that each segment lies on, as the segmentation refers to them."""
    found: dict[int, Images] = {}
    shared = seg.SharedFunctionalGroupsSequence[0]
    for item in seg.PerFrameFunctionalGroupsSequence:
        of = shared if "SegmentIdentificationSequence" in shared else item  # shared where there is one segment only
        number = int(of.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        image = item.DerivationImageSequence[0].SourceImageSequence[0]
        instance = str(image.ReferencedSOPClassUID), str(image.ReferencedSOPInstanceUID)
        frames = found.setdefault(number, {}).setdefault(instance, [])
        if "ReferencedFrameNumber" in image:
            frames.append(int(image.ReferencedFrameNumber))
    return found


def _code(term: Term) -> Any:
    import highdicom as hd

    return hd.sr.CodedConcept(*term)


def _own_scheme() -> Any:
    """What the scheme of our own terms is (DICOM PS3.3 C.12.1)."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodingSchemeDesignator, item.CodingSchemeName = codes.OWN_SCHEME, codes.OWN_SCHEME_NAME
    item.CodingSchemeResponsibleOrganization = MAKER["manufacturer"]
    return item
