"""DICOM SEG and SR of a case: the masks voxel for voxel, the numbers, and the images they refer to."""

import re
import shutil
import subprocess
import sys
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

import dicom_files
import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicom_export_study import FLAIR, QSM, Study, make_study, read_case
from dicom_files import Made, write_classic, write_enhanced
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import RLELossless

from thaliron_napari.case import open_case, thalamus
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.errors import CaseError, ImageError
from thaliron_napari.imaging import find_series, import_series, read_volume, write_image
from thaliron_napari.imaging.grid import Grid
from thaliron_napari.measurement import measure_case
from thaliron_napari.measurement.lesions import measure_lesions
from thaliron_napari.report.dicom import ExportedDicom, codes, export_dicom

UNLISTED = {"ML", "PPB", "MR_BRAIN", "RELATIVE_SUSCEPTIBILITY"}
TERMS = {name: term for name, term in vars(codes).items() if isinstance(term, tuple) and name not in UNLISTED}


@pytest.fixture(scope="module", params=["classic", "enhanced"])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"), enhanced=request.param == "enhanced")


@pytest.fixture(scope="module")
def exported(study: Study) -> ExportedDicom:
    return export_dicom(study.case, study.dicom, study.dicom.parent / "out")


@pytest.fixture(scope="module")
def report(exported: ExportedDicom) -> hd.sr.EnhancedSR:
    return hd.sr.srread(exported.files[2])


@pytest.fixture(scope="module")
def originals(study: Study) -> dict[str, pydicom.Dataset]:
    """The images by their UIDs."""
    headers = (pydicom.dcmread(path) for path in study.dicom.rglob("*.dcm"))
    return {header.SOPInstanceUID: header for header in headers}


def expected_masks(study: Study) -> dict[str, tuple[Grid, np.ndarray]]:
    """What was drawn, by the name of its segment: grid and mask (z, y, x)."""
    maps, case = study.case.annotations.maps, study.case
    qsm, flair = case.volume("qsm").grid, case.volume("flair").grid
    circles = csf_mask(case)
    return {
        "Left thalamus": (qsm, maps["thalami"] == 1),
        "Right thalamus": (qsm, maps["thalami"] == 2),
        "Left CSF ROI": (qsm, circles == 1),
        "Right CSF ROI": (qsm, circles == 2),
        "Deep cerebral veins": (qsm, maps["veins"] != 0),
        "Lesion 1": (flair, maps["lesions"] == 1),
        "Lesion 2": (flair, maps["lesions"] == 2),
        "Lesion 4": (flair, maps["lesions"] == 4),
    }


def mask_by_place(seg: pydicom.Dataset, number: int, grid: Grid) -> np.ndarray:
    """A segment put onto a grid by where each frame says that it lies, as DICOM PS3.3 C.7.6.2.1.1 writes it."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    turn = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    row_mm, column_mm = (float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing)
    mask = np.zeros(grid.shape, bool)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for frame, item in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        named = item if "SegmentIdentificationSequence" in item else shared
        if named.SegmentIdentificationSequence[0].ReferencedSegmentNumber != number:
            continue
        corner = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = np.nonzero(frame)
        lps = corner + columns[:, None] * column_mm * turn[:3] + rows[:, None] * row_mm * turn[3:]
        index = grid.index(lps * (-1, -1, 1))
        assert np.abs(index - np.rint(index)).max() < 0.02
        mask[tuple(np.rint(index).astype(int).T)] = True
    return mask


def place_of(image: pydicom.Dataset, frame: int | None) -> np.ndarray:
    item = image if frame is None else image.PerFrameFunctionalGroupsSequence[frame - 1].PlanePositionSequence[0]
    return np.array(item.ImagePositionPatient, float)


def groups_of(report: hd.sr.EnhancedSR) -> dict[str, Any]:
    """Measurement groups by their tracking identifier."""
    content = report.content
    assert isinstance(content, hd.sr.MeasurementReport)
    groups = [*content.get_volumetric_roi_measurement_groups(), *content.get_image_measurement_groups()]
    return {group.tracking_identifier: group for group in groups}


def numbers_of(group: Any) -> dict[tuple[str, str, str], float]:
    """Values of a group by concept, derivation and unit."""
    found = {}
    for one in group.get_measurements():
        how = "" if one.derivation is None else one.derivation.value
        found[one.name.value, how, one.unit.value] = one.value
    return found


def test_files_are_named_after_the_case(exported: ExportedDicom) -> None:
    names = [path.name for path in exported.files]
    assert names == ["sub-01_space-QSM_seg.dcm", "sub-01_space-FLAIR_seg.dcm", "sub-01_sr.dcm"]
    assert exported.left_out == ()


def test_masks_lie_where_they_were_drawn(study: Study, exported: ExportedDicom) -> None:
    masks = expected_masks(study)
    seen = []
    for path in exported.files[:2]:
        seg = pydicom.dcmread(path)
        assert (seg.SegmentationType, seg.BitsAllocated) == ("BINARY", 1)
        for segment in seg.SegmentSequence:
            grid, mask = masks[segment.SegmentLabel]
            assert mask.any()
            assert np.array_equal(mask_by_place(seg, segment.SegmentNumber, grid), mask), segment.SegmentLabel
            seen.append(segment.SegmentLabel)
    assert seen == list(masks)


def test_highdicom_reads_the_same_masks_on_the_slices_of_the_series(study: Study, exported: ExportedDicom) -> None:
    masks = expected_masks(study)
    for path, made in zip(exported.files[:2], (QSM, FLAIR), strict=True):
        seg = hd.seg.segread(path)
        for number in seg.segment_numbers:
            grid, mask = masks[seg.get_segment_description(number).segment_label]
            volume = seg.get_volume(segment_numbers=[number], combine_segments=True)
            whole = np.zeros((*made.shape[::-1],), bool)
            places = np.array(
                [volume.map_indices_to_reference(np.array([[k, 0, 0]]))[0] for k in range(len(volume.array))]
            )
            across, down = dicom_files.turned(made.plane, made.tilt_deg)
            slices = np.rint((places - made.corner) @ np.cross(across, down) / made.spacing[2]).astype(int)
            whole[slices] = volume.array > 0
            assert whole.sum() == mask.sum()
            points = np.argwhere(whole)[:, ::-1] * made.spacing @ np.array([across, down, np.cross(across, down)])
            index = np.rint(grid.index((points + made.corner) * (-1, -1, 1))).astype(int)
            assert mask[tuple(index.T)].all()


def test_segments_bear_coded_terms_and_sides(exported: ExportedDicom) -> None:
    said = {}
    for path in exported.files[:2]:
        for segment in pydicom.dcmread(path).SegmentSequence:
            kind = segment.SegmentedPropertyTypeCodeSequence[0]
            sides = kind.get("SegmentedPropertyTypeModifierCodeSequence") or []
            region = segment.AnatomicRegionSequence[0]
            said[segment.SegmentLabel] = (
                segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue, kind.CodeValue, region.CodeValue,
                *(side.CodeMeaning for side in sides), segment.SegmentAlgorithmType,
            )  # fmt: skip
    assert said == {
        "Left thalamus": ("91723000", "42695009", "42695009", "Left", "SEMIAUTOMATIC"),
        "Right thalamus": ("91723000", "42695009", "42695009", "Right", "SEMIAUTOMATIC"),
        "Left CSF ROI": ("91720002", "65216001", "66720007", "Left", "MANUAL"),
        "Right CSF ROI": ("91720002", "65216001", "66720007", "Right", "MANUAL"),
        "Deep cerebral veins": ("91723000", "29092000", "12738006", "AUTOMATIC"),
        "Lesion 1": ("49755003", "52988006", "12738006", "SEMIAUTOMATIC"),
        "Lesion 2": ("49755003", "52988006", "12738006", "SEMIAUTOMATIC"),
        "Lesion 4": ("49755003", "52988006", "12738006", "SEMIAUTOMATIC"),
    }


@pytest.mark.parametrize("name", TERMS)
def test_terms_are_those_of_the_standard(name: str) -> None:
    value, scheme, meaning = TERMS[name]
    assert any(meaning == known[value][0] for known in concepts[scheme].values() if value in known)


def test_each_frame_refers_to_the_image_it_lies_on(
    exported: ExportedDicom, originals: dict[str, pydicom.Dataset]
) -> None:
    for path, description in zip(exported.files[:2], ("QSM", "t2_space_flair"), strict=True):
        seg = pydicom.dcmread(path)
        (series,) = seg.ReferencedSeriesSequence
        for item in seg.PerFrameFunctionalGroupsSequence:
            (image,) = item.DerivationImageSequence[0].SourceImageSequence
            original = originals[image.ReferencedSOPInstanceUID]
            assert original.SeriesDescription == description
            assert (original.SOPClassUID, original.SeriesInstanceUID) == (
                image.ReferencedSOPClassUID,
                series.SeriesInstanceUID,
            )
            place = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float)
            assert np.allclose(place, place_of(original, image.get("ReferencedFrameNumber")), atol=1e-6)


def test_the_report_holds_the_measured_numbers(study: Study, report: hd.sr.EnhancedSR) -> None:
    values, groups = measure_case(study.case).values, groups_of(report)
    mean, sd, median = "373098007", "386136009", "373099004"
    for name, side in (("Left thalamus", "left_"), ("Right thalamus", "right_"), ("Both thalami", "")):
        assert numbers_of(groups[name]) == {
            ("118565006", "", "ml"): values[f"thalamus_{side}ml"],
            ("126396", mean, "[ppb]"): values[f"thalamus_{side}mean_ppb"],
            ("126396", sd, "[ppb]"): values[f"thalamus_{side}sd_ppb"],
            ("126396", median, "[ppb]"): values[f"thalamus_{side}median_ppb"],
            ("RELCHI", mean, "[ppb]"): values[f"chi_{side}ppb"],
        }
    for name, side in (("Left CSF ROI", "left_"), ("Right CSF ROI", "right_")):
        assert numbers_of(groups[name]) == {("126396", mean, "[ppb]"): values[f"csf_{side}ppb"]}
    assert numbers_of(groups["All CSF ROIs"]) == {
        ("126396", mean, "[ppb]"): values["csf_ppb"],
        ("126396", sd, "[ppb]"): values["csf_sd_ppb"],
    }
    flair = study.case.volume("flair")
    lesions = measure_lesions(flair.data, study.case.annotations.maps["lesions"], flair.grid)
    volumes = {f"Lesion {one.number}": {("118565006", "", "ml"): one.ml} for one in lesions if one.number != 3}
    assert {name: numbers_of(group) for name, group in groups.items() if re.match(r"Lesion \d", name)} == volumes
    assert numbers_of(groups["All lesions"]) == {
        ("118565006", "255619001", "ml"): values["lesion_ml"],
        ("246206008", "", "1"): 3,
    }
    assert len(groups) == 10


def test_the_report_refers_to_segments_and_images(
    exported: ExportedDicom, report: hd.sr.EnhancedSR, originals: dict[str, pydicom.Dataset]
) -> None:
    segs = {seg.SOPInstanceUID: seg for seg in (pydicom.dcmread(path) for path in exported.files[:2])}
    evidence = {uid for _, _, uid, _ in report.get_evidence()}
    assert evidence == set(segs) | set(originals)
    for name, group in groups_of(report).items():
        if name.startswith(("All", "Both")):
            assert all(image.referenced_sop_instance_uid in originals for image in group.source_images)
            continue
        assert group.reference_type == pydicom.sr.codedict.codes.DCM.ReferencedSegment
        segment = group.referenced_segment
        seg = segs[segment.referenced_sop_instance_uid]
        (number,) = segment.referenced_segment_numbers
        description = seg.SegmentSequence[number - 1]
        assert (description.SegmentLabel, description.TrackingUID) == (name, group.tracking_uid)
        assert group.finding_type.value == description.SegmentedPropertyTypeCodeSequence[0].CodeValue
        side = group.finding_sites[0].laterality
        assert (None if side is None else side.meaning) == (name.split()[0] if "Lesion" not in name else None)
        lies_on = set()
        for item in seg.PerFrameFunctionalGroupsSequence:
            if item.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
                image = item.DerivationImageSequence[0].SourceImageSequence[0]
                lies_on.add((image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")))
        said = set()
        for image in segment.source_images_for_segmentation:
            frames = image.referenced_frame_numbers or [None]
            said |= {(image.referenced_sop_instance_uid, frame) for frame in frames}
        assert said == lies_on


def test_the_objects_join_the_patients_study(exported: ExportedDicom, originals: dict[str, pydicom.Dataset]) -> None:
    original = next(iter(originals.values()))
    made = [pydicom.dcmread(path) for path in exported.files]
    for one in made:
        for name in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "StudyDate", "StudyTime"):
            assert one[name].value == original[name].value
    assert [one.Modality for one in made] == ["SEG", "SEG", "SR"]
    assert [one.FrameOfReferenceUID for one in made[:2]] == [original.FrameOfReferenceUID] * 2
    assert len({one.SeriesInstanceUID for one in made} | {one.SeriesInstanceUID for one in originals.values()}) == 5
    assert made[0].ContentCreatorName == "Müller^Ada"


def test_a_validator_finds_no_error(exported: ExportedDicom) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not here (Debian's package dicom3tools)")
    for path in exported.files:
        run = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, errors="replace", check=False)
        lines = run.stderr.splitlines()
        assert ("EnhancedSR" if "_sr" in path.name else "Segmentation") in lines
        assert [line for line in lines if line.startswith(("Error", "Fatal"))] == []


def test_the_validator_can_tell(exported: ExportedDicom, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not here (Debian's package dicom3tools)")
    broken = pydicom.dcmread(exported.files[0])
    del broken.SegmentSequence[0].SegmentLabel
    broken.save_as(tmp_path / "broken.dcm")
    run = subprocess.run(["dciodvfy", "-new", tmp_path / "broken.dcm"], capture_output=True, text=True, check=False)
    assert "Error" in run.stderr


def test_exported_again_what_is_tracked_stays_the_same(study: Study, exported: ExportedDicom, tmp_path: Path) -> None:
    again = export_dicom(study.case, study.dicom, tmp_path)
    for one, other in zip(exported.files[:2], again.files[:2], strict=True):
        before, after = pydicom.dcmread(one), pydicom.dcmread(other)
        assert before.SOPInstanceUID != after.SOPInstanceUID
        assert [s.TrackingUID for s in before.SegmentSequence] == [s.TrackingUID for s in after.SegmentSequence]


@pytest.mark.parametrize("enhanced", [False, True])
def test_a_qsm_computed_elsewhere_refers_to_the_echo_of_its_gre(tmp_path: Path, enhanced: bool) -> None:
    gre = replace(QSM, description="gre_me", echoes_ms=(4.0, 9.0), kinds=("M", "P"), tags={})
    (write_enhanced if enhanced else write_classic)(tmp_path / "dicom", gre)
    found = next(one for one in find_series(tmp_path / "dicom") if one.kind == "magnitude")
    folder = import_series({"magnitude": found}, tmp_path / "nifti").folder
    magnitude = read_volume(next(folder.rglob("*echo-1*.nii.gz")))
    noise = np.random.default_rng(5).normal(0, 30, magnitude.data.shape)
    write_image(folder / "anat" / "sub-01_Chimap.nii.gz", noise, magnitude)
    (folder / "anat" / "sub-01_Chimap.json").write_text('{"Units": "ppb"}')
    case = open_case([folder], in_memory=True)
    read_case(case)
    seg = pydicom.dcmread(export_dicom(case, tmp_path / "dicom", tmp_path / "out").files[0])
    originals = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, (tmp_path / "dicom").glob("*"))}
    for item in seg.PerFrameFunctionalGroupsSequence:
        (image,) = item.DerivationImageSequence[0].SourceImageSequence
        original = originals[image.ReferencedSOPInstanceUID]
        if enhanced:
            frame = original.PerFrameFunctionalGroupsSequence[image.ReferencedFrameNumber - 1]
            assert frame.MREchoSequence[0].EffectiveEchoTime == 4.0
            assert frame.MRImageFrameTypeSequence[0].FrameType[2] == "M"
        else:
            assert (original.EchoTime, original.ImageType[2]) == (4.0, "M")
    assert np.array_equal(mask_by_place(seg, 1, case.volume("qsm").grid), case.annotations.maps["thalami"] == 1)


@pytest.mark.parametrize(
    "flair",
    [
        replace(FLAIR, vendor="Philips", slopes=(1.0, 2.0)),
        replace(FLAIR, vendor="GE", plane="coronal"),
        replace(FLAIR, tags={**FLAIR.tags, "SpecificCharacterSet": "ISO_IR 100", "PatientName": "Grün^Zoë"}),
        replace(FLAIR, tags={**FLAIR.tags, "PatientSex": "U", "SliceThickness": None, "SpacingBetweenSlices": None}),
    ],
    ids=["scales of each slice", "coronal", "Latin-1", "odd header"],
)
def test_series_as_scanners_write_them(flair: Made, tmp_path: Path) -> None:
    tags = {name: value for name, value in flair.tags.items() if name in ("SpecificCharacterSet", "PatientName")}
    study = make_study(tmp_path, flair=flair, qsm=replace(QSM, tags={**QSM.tags, **tags}))
    exported = export_dicom(study.case, study.dicom, tmp_path / "out")
    assert exported.left_out == ()
    seg = pydicom.dcmread(exported.files[1])
    assert seg.PatientName == flair.tags.get("PatientName", "Sample^Sam")
    grid, mask = expected_masks(study)["Lesion 2"]
    assert np.array_equal(mask_by_place(seg, 2, grid), mask)


def test_compressed_images_are_recognised(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    for path in study.dicom.rglob("*.dcm"):
        image = pydicom.dcmread(path)
        image.compress(RLELossless, generate_instance_uid=False)
        image.save_as(path)
    exported = export_dicom(study.case, study.dicom, tmp_path / "out")
    assert len(exported.files) == 3


def test_directions_that_differ_by_rounding_are_one(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    for n, path in enumerate(sorted(study.dicom.rglob("*.dcm"))):
        image = pydicom.dcmread(path)
        image.ImageOrientationPatient = [f"{float(v) + n % 2 * 1e-5:.6f}" for v in image.ImageOrientationPatient]
        image.save_as(path)
    seg = pydicom.dcmread(export_dicom(study.case, study.dicom, tmp_path / "out").files[0])
    grid, mask = expected_masks(study)["Left thalamus"]
    assert np.array_equal(mask_by_place(seg, 1, grid), mask)


def test_the_images_of_another_patient_in_the_same_place_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(tmp_path)
    place = dicom_files.value_at
    monkeypatch.setattr(dicom_files, "value_at", lambda ras: place(ras) + 20 * np.sin(ras[..., 1]))
    for made in (QSM, FLAIR):
        write_classic(tmp_path / "other", replace(made, uid=f"1.2.3.{made.number}"))
    with pytest.raises(CaseError, match=r"lies where the QSM lies, but does not hold its values"):
        export_dicom(study.case, tmp_path / "other", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    both = export_dicom(study.case, [tmp_path / "other", study.dicom], tmp_path / "out")
    theirs = {pydicom.dcmread(path).SOPInstanceUID for path in (tmp_path / "other").glob("*")}
    assert not theirs & {uid for _, _, uid, _ in hd.sr.srread(both.files[2]).get_evidence()}


def test_images_elsewhere_are_refused_with_where_they_lie(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    write_classic(tmp_path / "shifted", replace(QSM, corner=(-31.0, -28.0, -16.0)))
    with pytest.raises(CaseError, match=r"No DICOM series lies where the QSM lies \(40 x 44 x 14 voxels of 1\.50 x"):
        export_dicom(study.case, tmp_path / "shifted", tmp_path / "out")


def test_without_the_series_of_one_image_the_other_is_exported(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    exported = export_dicom(study.case, study.dicom / "flair", tmp_path / "out")
    assert [path.name for path in exported.files] == ["sub-01_space-FLAIR_seg.dcm", "sub-01_sr.dcm"]
    (sentence,) = exported.left_out
    assert "No DICOM series lies where the QSM lies" in sentence
    assert set(groups_of(hd.sr.srread(exported.files[1]))) == {"Lesion 1", "Lesion 2", "Lesion 4", "All lesions"}


def test_one_thalamus_alone_is_a_segment_and_a_group(tmp_path: Path) -> None:
    study = make_study(tmp_path, read=False)
    grid, mask = study.case.volume("qsm").grid, np.zeros(study.case.volume("qsm").grid.shape, bool)
    mask[6, 15:25, 8:14] = True
    study.case.apply(thalamus.set_contour(study.case, "right", 6, mask[6], "draw"))
    exported = export_dicom(study.case, study.dicom, tmp_path / "out")
    assert np.array_equal(mask_by_place(pydicom.dcmread(exported.files[0]), 1, grid), mask)
    group = groups_of(hd.sr.srread(exported.files[1]))["Right thalamus"]
    assert len(group.referenced_segment.source_images_for_segmentation) == 1
    assert ("RELCHI", "373098007", "[ppb]") not in numbers_of(group)  # without CSF


def test_images_of_two_patients_are_refused(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    for path in (study.dicom / "flair").iterdir():
        image = pydicom.dcmread(path)
        image.PatientID = "SOMEONE"
        image.save_as(path)
    with pytest.raises(CaseError, match="two patients"):
        export_dicom(study.case, study.dicom, tmp_path / "out")


def test_a_case_not_read_and_a_folder_without_dicom_are_refused(tmp_path: Path) -> None:
    study = make_study(tmp_path, read=False)
    with pytest.raises(CaseError, match="holds nothing to export yet"):
        export_dicom(study.case, study.dicom, tmp_path / "out")
    read_case(study.case)
    with pytest.raises(ImageError):
        export_dicom(study.case, tmp_path / "nifti", tmp_path / "out")


def test_progress_rises_to_one_and_a_cancel_stops_before_anything_is_written(tmp_path: Path) -> None:
    study, shares = make_study(tmp_path), []
    export_dicom(study.case, study.dicom, tmp_path / "out", progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    scanned: list[float] = []
    with pytest.raises(CancelledError):  # once the headers are read
        export_dicom(
            study.case, study.dicom, tmp_path / "none", progress=scanned.append, cancelled=lambda: 0.5 in scanned
        )
    assert scanned[-1] == 0.5
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CaseError, match="cannot be written"):
        export_dicom(study.case, study.dicom, tmp_path / "file" / "out")


def test_highdicom_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, thaliron_napari.report.dicom; print('highdicom' in sys.modules, 'pydicom' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
