"""Converted series hold the scanner's voxels where they lay in the patient, under BIDS names, and nobody's name."""

import gzip
import json
import re
import shutil
import subprocess
import time
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import dcm2niix
import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicom_files import PLANES, Made, value_at, write_classic, write_enhanced
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging import SeriesRole, choose_series, find_series, import_series, read_volume
from thaliron_napari.imaging.dicom import converter
from thaliron_napari.imaging.units import unit_from_sidecar

WRITERS = [write_classic, write_enhanced]


def convert(source: Path, out: Path, role: SeriesRole, **options) -> list[Path]:
    """Import the first series of a folder."""
    made = import_series({role: find_series(source)[0]}, out, **options)
    assert not made.failed
    return list(made.files[role])


def plain(source: Path, out: Path) -> list[Path]:
    """What dcm2niix makes of a folder as it is."""
    out.mkdir()
    run = subprocess.run([dcm2niix.bin, "-z", "y", "-o", out, source], capture_output=True)
    assert run.returncode == 0
    return sorted(out.glob("*.nii.gz"))


def misplaced(path: Path) -> float:
    """The largest difference between a voxel's value and what belongs where it lies."""
    volume = read_volume(path)
    points = volume.grid.world(np.moveaxis(np.indices(volume.grid.shape), 0, -1))
    return float(np.abs(volume.data - value_at(points)).max())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


TILT = (17, -8, 25)
PLACES = [(vendor, plane, TILT) for vendor in ("GE", "Siemens", "Philips") for plane in PLANES]
PLACES += [("Siemens", plane, (0, 0, 0)) for plane in PLANES]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(("vendor", "plane", "tilt"), PLACES)
def test_each_voxel_comes_to_lie_where_it_was(write, vendor: str, plane: str, tilt, tmp_path: Path) -> None:
    write(tmp_path / "in", Made(vendor=vendor, plane=plane, tilt_deg=tilt))
    assert misplaced(convert(tmp_path / "in", tmp_path / "out", "t1")[0]) < 0.501


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("vendor", ["GE", "Siemens", "Philips"])
def test_every_echo_of_magnitude_and_phase_is_its_own(write, vendor: str, tmp_path: Path) -> None:
    made = Made("gre", vendor=vendor, kinds="MP", echoes_ms=(15.3, 5.1, 10.2))
    write(tmp_path / "in", made)
    done = import_series(choose_series(find_series(tmp_path / "in")), tmp_path / "out", subject="7", session="2")
    stem = "sub-7_ses-2_echo-{}_part-{}_MEGRE"
    for role, part, offset in (("magnitude", "mag", 0), ("phase", "phase", -300)):
        assert [p.name for p in done.files[role]] == [stem.format(n, part) + ".nii.gz" for n in (1, 2, 3)]
        for path, echo in zip(done.files[role], (5.1, 10.2, 15.3), strict=True):
            volume = read_volume(path)
            points = volume.grid.world(np.moveaxis(np.indices(volume.grid.shape), 0, -1))
            assert np.abs(volume.data - value_at(points) - offset).max() < 0.501
            sidecar = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
            assert sidecar["EchoTime"] == pytest.approx(echo / 1000)
            assert sidecar.get("Units") == ("arbitrary" if role == "phase" else None)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("vendor", ["GE", "Philips"])
def test_real_and_imaginary_part_stand_in_for_a_phase(write, vendor: str, tmp_path: Path) -> None:
    made = Made("gre", vendor=vendor, plane="sagittal", kinds="MRI", echoes_ms=(15.3, 5.1))
    write(tmp_path / "in", made)
    done = import_series(choose_series(find_series(tmp_path / "in")), tmp_path / "out")
    assert not done.failed
    for role, part, offset in (("magnitude", "mag", 0), ("real", "real", 100), ("imaginary", "imag", 200)):
        assert [p.name for p in done.files[role]] == [f"sub-01_echo-{n}_part-{part}_MEGRE.nii.gz" for n in (1, 2)]
        for path, echo in zip(done.files[role], (5.1, 15.3), strict=True):
            volume = read_volume(path)
            points = volume.grid.world(np.moveaxis(np.indices(volume.grid.shape), 0, -1))
            assert np.abs(volume.data - value_at(points) - offset).max() < 0.501
            sidecar = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
            assert sidecar["EchoTime"] == pytest.approx(echo / 1000)
            assert sidecar.get("Units") == (None if role == "magnitude" else "arbitrary")


@pytest.mark.parametrize(
    ("kinds", "roles"), [("MPRI", "magnitude phase"), ("MR", "magnitude"), ("RI", "real imaginary"), ("I", "")]
)
def test_real_and_imaginary_part_are_chosen_together_and_for_want_of_a_phase(kinds, roles, tmp_path: Path) -> None:
    write_classic(tmp_path, Made("gre", vendor="GE", kinds=kinds, echoes_ms=(5.0, 10.0)))
    assert list(choose_series(find_series(tmp_path))) == roles.split()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("vendor", ["GE", "Siemens", "Philips"])
def test_a_scale_of_its_own_for_each_slice_is_kept(write, vendor: str, tmp_path: Path) -> None:
    write(tmp_path / "in", Made(vendor=vendor, slopes=(1.0, 0.5, 2.0, 0.25)))
    assert misplaced(convert(tmp_path / "in", tmp_path / "out", "t1")[0]) < 1.001


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("slopes", [(0.5,), (0.5, 0.25)])
def test_a_philips_map_keeps_the_values_that_its_unit_is_of(write, slopes, tmp_path: Path) -> None:
    made = Made("QSM", vendor="Philips", slopes=slopes, tags={"RescaleType": "ppb"})
    write(tmp_path / "in", made)
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        frames = header.get("PerFrameFunctionalGroupsSequence", [])
        for frame in frames:
            frame.PixelValueTransformationSequence[0].RescaleType = "ppb"
            frame.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
            frame.add_new(0x2005140F, "SQ", [pydicom.Dataset()])
        for item in [frame[0x2005140F][0] for frame in frames] or [header]:
            item.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
            item.add_new(0x2005100E, "FL", 0.013)
        header.save_as(path)
    (path,) = convert(tmp_path / "in", tmp_path / "out", "qsm")
    assert misplaced(path) < 0.251
    assert unit_from_sidecar(path) == "ppb"


FOLDERS: dict[str, SeriesRole] = {"ge_fieldmap": "magnitude", "siemens_xa30_gre_phase": "phase", "enhanced_mr": "t1"}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_real_folder_converts_as_plain_dcm2niix_does(name: str, shared_data: Path, tmp_path: Path) -> None:
    source, role = shared_data / "dicom" / name, FOLDERS[name]
    chosen = choose_series(find_series(source))
    assert list(chosen) == [role]
    mine = nib.load(import_series(chosen, tmp_path / "out").files[role][0])
    theirs = [nib.load(path) for path in plain(source, tmp_path / "plain") if "fieldmaphz" not in path.name]
    assert len(theirs) == 1
    assert mine.shape == theirs[0].shape
    assert np.abs(mine.affine - theirs[0].affine).max() < 1e-6
    assert np.array_equal(mine.get_fdata(), theirs[0].get_fdata())
    if chosen[role].grid is not None:
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in mine.shape])).reshape(3, -1).T
        there = nib.affines.apply_affine(theirs[0].affine, corners)
        index = nib.affines.apply_affine(np.linalg.inv(chosen[role].source_grid.affine), there)
        back = nib.affines.apply_affine(chosen[role].source_grid.affine, np.rint(index))
        assert np.abs(back - there).max() < 1e-3


def test_both_series_of_the_ge_folder_convert(shared_data: Path, tmp_path: Path) -> None:
    found = find_series(shared_data / "dicom" / "ge_fieldmap")
    assert [(s.kind, s.images) for s in found] == [("magnitude", 16), ("field map", 16)]
    done = import_series({"magnitude": found[0], "phase": found[1]}, tmp_path / "out")
    theirs = plain(shared_data / "dicom" / "ge_fieldmap", tmp_path / "plain")
    for role, ending in (("magnitude", False), ("phase", True)):
        (other,) = (path for path in theirs if ("fieldmaphz" in path.name) == ending)
        assert np.array_equal(nib.load(done.files[role][0]).get_fdata(), nib.load(other).get_fdata())


def test_shuffled_and_renamed_files_give_the_same_bytes(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "dicom" / "ge_fieldmap"
    order = np.random.default_rng(5).permutation(32)
    for n, path in zip(order, sorted(source.iterdir()), strict=True):
        copy = tmp_path / "in" / f"{n % 3}" / f"{n:02d}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    for folder, where in ((source, "a"), (tmp_path / "in", "b")):
        import_series(choose_series(find_series(folder)), tmp_path / where)
    assert names(tmp_path / "a") == names(tmp_path / "b")
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


SECRETS = ("Mustermann", "Erika", "PAT-4711-X", "19610423", "23.04.1961", "ACC99887", "Dr.Eisenbart")


def tainted() -> dict[str, object]:
    """Tags in which hospitals write who it is, or where they should not and do."""
    who = "Mustermann Erika 19610423 PAT-4711-X"
    return {
        "PatientName": "Mustermann^Erika", "PatientID": "PAT-4711-X", "PatientBirthDate": "19610423",
        "OtherPatientIDs": "PAT-4711-X", "AccessionNumber": "ACC99887", "ReferringPhysicianName": "Dr.Eisenbart",
        "SeriesDescription": "t1_mprage Mustermann,Erika *23.04.1961 ACC99887",
        "ProtocolName": f"{who} protocol", "StudyDescription": f"head of {who}", "ImageComments": who,
        "PatientComments": who, "StudyID": "ACC99887", "RequestedProcedureDescription": who,
        "InstitutionName": f"Clinic of {who}", "InstitutionAddress": who, "StationName": "Erika",
        "OperatorsName": "Dr.Eisenbart", "DeviceSerialNumber": "PAT-4711-X", "SequenceName": "Erika",
        "BodyPartExamined": "MUSTERMANN", "ManufacturerModelName": f"Scanner of {who}", "SoftwareVersions": who,
        "PulseSequenceName": "Mustermann", "ScanOptions": "ERIKA", "ReceiveCoilName": "Mustermann",
        "DeidentificationMethod": who, "ContrastBolusAgent": f"Gadovist for {who}", "PerformedProcedureStepDescription":
        who, "Manufacturer": "SIEMENS Mustermann", "AcquisitionDate": "19610423",
    }  # fmt: skip


@pytest.mark.parametrize("write", WRITERS)
def test_nothing_written_or_kept_says_who_the_patient_is(write, tmp_path: Path, capfd) -> None:
    folder = tmp_path / "MUSTERMANN_ERIKA_19610423"
    write(folder, Made(kinds="MP", echoes_ms=(5.0, 10.0), tags=tainted()))
    for path in sorted(folder.iterdir()):
        header = pydicom.dcmread(path)
        for block, creator in ((0x0029, "SIEMENS CSA HEADER"), (0x2005, "Philips MR Imaging DD 001")):
            header.add_new(block << 16 | 0x10, "LO", creator)
            header.add_new(block << 16 | 0x1008, "LO", "Mustermann^Erika")
            header.add_new(block << 16 | 0x1010, "OB", b"PAT-4711-X 19610423 " * 8)
        header.save_as(path.with_name(f"Mustermann_{path.name}"))
        path.unlink()
    series = find_series(folder)
    done = import_series({"magnitude": series[0], "phase": series[1]}, tmp_path / "out")
    assert not done.failed
    assert "t1_mprage" in series[0].description
    kept = f"{series!r} {done!r} {capfd.readouterr()}".replace(str(tmp_path), "")
    written = [path.name.encode() for path in (tmp_path / "out").rglob("*")]
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            written.append(path.read_bytes())
            if path.suffix == ".gz":
                written.append(gzip.decompress(written[-1]))
    assert len(written) > 20
    everything = kept.encode().lower() + b" ".join(written).lower()
    for secret in SECRETS:
        for form in (secret.lower().encode(), secret.lower().encode("utf-16-le")):
            assert form not in everything, secret


def test_headers_are_cleared_and_sidecars_keep_physics_alone(shared_data: Path, tmp_path: Path) -> None:
    for name in FOLDERS:
        import_series(choose_series(find_series(shared_data / "dicom" / name)), tmp_path / name)
    for path in tmp_path.rglob("*.nii.gz"):
        image = nib.load(path)
        for text in ("descrip", "aux_file", "intent_name", "db_name", "data_type"):
            assert image.header[text].item() == b""
        assert not image.header.extensions
        packed = path.read_bytes()
        assert packed[3] == 0  # no name of a file in gzip's header
        assert packed[4:8] == bytes(4)  # no time
    for path in tmp_path.rglob("*T2starw.json"):
        for name, value in json.loads(path.read_text()).items():
            words = {"MRAcquisitionType": ["2D"], "Manufacturer": ["GE", "Siemens"], "Units": ["arbitrary"]}
            assert isinstance(value, int | float) or value in words[name]


def test_bids_names(tmp_path: Path) -> None:
    words = {"flair": "flair", "t1": "t1_mprage", "t1ce": "t1_mprage_gd", "qsm": "QSM", "magnitude": "swan"}
    for n, (role, text) in enumerate(words.items(), start=1):
        tags = {"PixelRepresentation": 1, "RescaleType": "ppb"} if role == "qsm" else {}
        write_classic(tmp_path / "in", Made(text, n, tags=tags))
    write_classic(tmp_path / "in", Made("swan_pha", 6, kinds="P"))
    done = import_series(choose_series(find_series(tmp_path / "in")), tmp_path / "out", subject="014")
    assert done.folder == tmp_path / "out" / "sub-014"
    stems = ["Chimap", "FLAIR", "T1w", "ce-gadolinium_T1w", "part-mag_T2starw", "part-phase_T2starw"]
    both = [f"sub-014_{stem}{suffix}" for stem in stems for suffix in (".nii.gz", ".json")]
    assert names(done.folder / "anat") == sorted(both)
    assert names(tmp_path / "out") == sorted([*both, "dataset_description.json"])
    assert unit_from_sidecar(done.files["qsm"][0]) == "ppb"
    assert unit_from_sidecar(done.files["flair"][0]) is None


def test_what_is_there_is_replaced_only_when_asked_and_then_whole(tmp_path: Path) -> None:
    write_classic(tmp_path / "three", Made("gre", echoes_ms=(5.0, 10.0, 15.0)))
    write_classic(tmp_path / "one", Made("gre", echoes_ms=(20.0,)))
    convert(tmp_path / "three", tmp_path / "out", "magnitude")
    before = names(tmp_path / "out")
    assert len(before) == 7
    with pytest.raises(ImageError, match=r"is in .* already; .*--overwrite"):
        convert(tmp_path / "one", tmp_path / "out", "magnitude")
    assert names(tmp_path / "out") == before
    convert(tmp_path / "one", tmp_path / "out", "magnitude", overwrite=True)
    assert names(tmp_path / "out" / "sub-01") == ["sub-01_part-mag_T2starw.json", "sub-01_part-mag_T2starw.nii.gz"]
    convert(tmp_path / "one", tmp_path / "out", "flair")  # another role is not in the way


@pytest.mark.parametrize("label", ["", "a b", "../x", "sub-01", "01_ses", "é"])
def test_a_label_is_letters_and_digits(label: str, tmp_path: Path) -> None:
    write_classic(tmp_path / "in", Made())
    with pytest.raises(ImageError, match="letters and digits"):
        convert(tmp_path / "in", tmp_path / "out", "t1", subject=label)
    assert not (tmp_path / "out").exists()


def test_what_makes_no_sense_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_classic(tmp_path, Made("gre", 1, echoes_ms=(5.0, 10.0)))
    write_classic(tmp_path, Made("t1", 2, slices=[0, 1, 3, 4]))
    write_classic(tmp_path, Made("flair", 3, tags={"PatientID": "OTHER"}))
    write_classic(tmp_path, Made("t1", 4))
    echoes, gap, other, t1 = find_series(tmp_path)
    for chosen, words in (
        ({"flair": echoes}, r"Series 1 \(gre\) holds 2 echoes; FLAIR is one image"),
        ({"t1": gap}, r"Series 2 \(t1\) cannot be imported: 1 slice is missing"),
        ({"t1": t1, "flair": other}, "more than one patient"),
        ({"t1": t1, "t1ce": t1}, "is chosen as T1 and as T1 after gadolinium"),
    ):
        with pytest.raises(ImageError, match=words):
            import_series(chosen, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_series_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    write_classic(tmp_path / "in", Made("t1", 1))
    write_classic(tmp_path / "in", Made("flair", 2))
    chosen = choose_series(find_series(tmp_path / "in"))
    for path in (tmp_path / "in").glob("001_*"):
        path.write_bytes(b"gone since it was found")
    done = import_series(chosen, tmp_path / "out")
    assert list(done.files) == ["flair"]
    assert "Series 1 (t1) was not imported" in done.failed["t1"]
    assert names(tmp_path / "out" / "sub-01") == ["sub-01_FLAIR.json", "sub-01_FLAIR.nii.gz"]


def test_a_result_that_lies_elsewhere_than_the_headers_say_is_refused(tmp_path: Path) -> None:
    write_classic(tmp_path / "in", Made())
    (series,) = find_series(tmp_path / "in")
    moved = series.source_grid.affine.copy()
    moved[0, 3] += 0.002
    flipped = series.source_grid.affine @ np.diag([-1, 1, 1, 1])
    for affine in (moved, flipped):
        wrong = replace(series, source_grid=replace(series.source_grid, affine=affine))
        assert "lies elsewhere than its headers say" in import_series({"t1": wrong}, tmp_path / "out").failed["t1"]
    assert names(tmp_path) == names(tmp_path / "in")


def test_a_result_with_other_values_than_the_files_is_refused(tmp_path: Path) -> None:
    write_classic(tmp_path / "in", Made())
    (series,) = find_series(tmp_path / "in")
    (slices,) = series.echoes
    swapped = replace(series, echoes=((*slices[:2], slices[3], slices[2], *slices[4:]),))
    assert "gives other values" in import_series({"t1": swapped}, tmp_path / "out").failed["t1"]
    turned_over = replace(series, echoes=(slices[::-1],))
    assert "gives other values" in import_series({"t1": turned_over}, tmp_path / "out").failed["t1"]


@pytest.mark.parametrize("syntax", [RLELossless, ExplicitVRBigEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("write", WRITERS)
def test_every_way_of_storing_pixels_gives_the_same(write, syntax, tmp_path: Path) -> None:
    write(tmp_path / "in", Made(plane="coronal"))
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        if syntax == RLELossless:
            header.compress(syntax, generate_instance_uid=False)
        elif syntax == ExplicitVRBigEndian:
            header.PixelData = np.frombuffer(header.PixelData, "<u2").byteswap().tobytes()
        header.file_meta.TransferSyntaxUID = syntax
        endian = {"implicit_vr": syntax.is_implicit_VR, "little_endian": syntax.is_little_endian}
        pydicom.dcmwrite(path, header, enforce_file_format=True, **endian)
    assert misplaced(convert(tmp_path / "in", tmp_path / "out", "t1")[0]) < 0.501


def _stuck(tmp_path: Path, monkeypatch) -> Path:
    """A converter that never ends, and the file into which it writes its process number."""
    program, number = tmp_path / "stuck", tmp_path / "pid"
    program.write_text(f"#!/bin/sh\necho $$ > {number}\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(dcm2niix, "bin", str(program))
    return number


def _is_running(number: Path) -> bool:
    state = Path(f"/proc/{number.read_text().strip()}/stat")
    return state.exists() and ") Z" not in state.read_text()


def test_stopping_kills_the_converter(tmp_path: Path, monkeypatch) -> None:
    write_classic(tmp_path / "in", Made())
    chosen = choose_series(find_series(tmp_path / "in"))
    number = _stuck(tmp_path, monkeypatch)
    with pytest.raises(CancelledError):
        import_series(chosen, tmp_path / "out", cancelled=lambda: number.exists() and bool(number.read_text()))
    assert not _is_running(number)
    assert not (tmp_path / "out").exists()


def test_a_converter_that_hangs_or_is_missing_is_said(tmp_path: Path, monkeypatch) -> None:
    write_classic(tmp_path / "in", Made())
    chosen = choose_series(find_series(tmp_path / "in"))
    number = _stuck(tmp_path, monkeypatch)
    monkeypatch.setattr(converter, "_PATIENCE_S", 0.5)
    start = time.monotonic()
    assert "took too long" in import_series(chosen, tmp_path / "out").failed["t1"]
    assert time.monotonic() - start < 20
    assert not _is_running(number)
    monkeypatch.setattr(dcm2niix, "bin", str(tmp_path / "nothing"))
    assert "does not run" in import_series(chosen, tmp_path / "out").failed["t1"]


def test_progress_runs_from_nothing_to_all(tmp_path: Path) -> None:
    write_classic(tmp_path / "in", Made("gre", kinds="MP", echoes_ms=(5.0, 10.0)))
    shares: list[float] = []
    import_series(choose_series(find_series(tmp_path / "in")), tmp_path / "out", progress=shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert re.fullmatch(r"\{.*\}\s*", (tmp_path / "out" / "dataset_description.json").read_text(), re.DOTALL)
