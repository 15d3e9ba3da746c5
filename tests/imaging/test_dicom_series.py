"""Series are found by content, sorted by geometry, and refused with a reason where they make no volume."""

import shutil
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import Made, turned, write_classic, write_enhanced, write_other

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging import Series, choose_series, find_series, holds_dicom_only

WRITERS = [write_classic, write_enhanced]


def only(found: tuple[Series, ...]) -> Series:
    assert len(found) == 1, found
    return found[0]


def truth(made: Made) -> np.ndarray:
    """RAS affine of columns, rows, slices."""
    across, down = turned(made.plane, made.tilt_deg)
    directions = np.column_stack([across, down, np.cross(across, down)]) * made.spacing
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions, made.corner
    return np.diag([-1, -1, 1, 1]) @ affine


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("tilt", [(0, 0, 0), (17, -8, 25)])
@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal"])
def test_geometry_is_that_of_the_headers(write, plane: str, tilt, tmp_path: Path) -> None:
    made = Made(plane=plane, tilt_deg=tilt)
    write(tmp_path, made)
    series = only(find_series(tmp_path))
    assert series.source_grid.shape == made.shape
    assert series.grid.shape == series.source_grid.grid().shape
    assert np.allclose(series.source_grid.affine, truth(made), atol=1e-6)
    assert np.allclose(series.spacing_mm, made.spacing, atol=1e-6)
    assert (series.images, series.echo_times_ms, series.manufacturer) == (6, (3.0,), "Siemens")


def test_names_and_numbers_of_files_do_not_matter(tmp_path: Path) -> None:
    made = Made()
    paths = write_classic(tmp_path / "in", made)
    rng = np.random.default_rng(1)
    for n, path in zip(rng.permutation(len(paths)), paths, strict=True):
        header = pydicom.dcmread(path)
        header.InstanceNumber = int(rng.integers(1, 3))
        folder = tmp_path / "shuffled" / f"deep{n % 2}" / "er"
        folder.mkdir(parents=True, exist_ok=True)
        header.save_as(folder / f"IM{n}.jpg")
    grid = only(find_series(tmp_path / "shuffled")).source_grid
    assert np.allclose(grid.affine, truth(made), atol=1e-6)


def test_files_are_told_by_content_and_others_passed_over(tmp_path: Path) -> None:
    write_classic(tmp_path, Made())
    write_classic(tmp_path / "bare", Made(number=2, description="no preamble"), preamble=False)
    write_other(tmp_path, "report", "1.2.840.10008.5.1.4.1.1.88.11", "SR")
    write_other(tmp_path, "state", "1.2.840.10008.5.1.4.1.1.11.1", "PR")
    write_other(tmp_path, "DICOMDIR", "1.2.840.10008.1.3.10", "")
    (tmp_path / "notes.dcm").write_text("not DICOM, whatever its name says")
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "zeros").write_bytes(bytes(500))
    found = find_series(tmp_path)
    assert [(s.number, s.images, s.problem) for s in found] == [(1, 6, ""), (2, 6, "")]


def test_a_folder_of_dicom_alone_is_told(tmp_path: Path) -> None:
    assert not holds_dicom_only(tmp_path)
    write_classic(tmp_path / "a" / "b", Made())
    assert holds_dicom_only(tmp_path)
    (tmp_path / "sub-01_FLAIR.nii.gz").write_bytes(b"")
    assert not holds_dicom_only(tmp_path)


NAMES = [
    ("Li^Wu", "7", "FLAIR li x WU_li", "FLAIR … x …"),
    ("DOE^JANE^A", "T", "T1 Doe_Jane SAG JaneDoe DOEJANE", "T1 … SAG … …"),
    ("Mustermann^Erika", "123456", "t1_mustermann_123456 (Erika)", "t1_…_… (…)"),
    ("", "X", "Sag X T1", "Sag X T1"),
]


@pytest.mark.parametrize(("name", "number", "words", "left"), NAMES)
def test_names_are_left_out_of_descriptions_and_nothing_else(name, number, words, left, tmp_path: Path) -> None:
    tags = {"PatientName": name, "PatientID": number}
    write_classic(tmp_path, Made(words, tags=tags))
    assert only(find_series(tmp_path)).description == left


def test_long_headers_are_read_whole(tmp_path: Path) -> None:
    made = Made(tags={"ImageComments": "x" * 9000})
    for n, path in enumerate(write_classic(tmp_path, made)):
        header = pydicom.dcmread(path)
        header.add_new(0x00290010, "LO", "MANY BYTES")
        header.add_new(0x00291010, "OB", bytes(60_000 + 2000 * n))
        header.save_as(path)
    series = only(find_series(tmp_path))
    assert (series.images, series.problem) == (6, "")


def test_copies_of_a_file_count_once(tmp_path: Path) -> None:
    for path in write_classic(tmp_path, Made()):
        shutil.copy(path, path.with_suffix(".copy"))
    assert only(find_series(tmp_path)).images == 6
    assert only(find_series([tmp_path, tmp_path])).problem == ""


@pytest.mark.parametrize("vendor", ["GE", "Siemens", "Philips"])
@pytest.mark.parametrize("write", WRITERS)
def test_kinds_and_echoes_of_one_series_are_told_apart(write, vendor: str, tmp_path: Path) -> None:
    write(tmp_path, Made(vendor=vendor, kinds="MPRI", echoes_ms=(20.1, 5.03, 10.0), description="qsm gre"))
    found = find_series(tmp_path)
    assert [s.label for s in found] == ["1a", "1b", "1c", "1d"]
    assert [s.kind for s in found] == ["magnitude", "phase", "real", "imaginary"]
    assert [s.role for s in found] == ["magnitude", "phase", "real", "imaginary"]
    assert {s.echo_times_ms for s in found} == {(5.03, 10.0, 20.1)}
    assert {(s.images, len(s.echoes), s.problem) for s in found} == {(18, 3, "")}


def test_images_of_other_types_at_one_place_are_parted(tmp_path: Path) -> None:
    made = Made(uid="1.2.3.5", description="t1_dixon")
    write_classic(tmp_path / "a", replace(made, image_type=["ORIGINAL", "PRIMARY", "W"]))
    write_classic(tmp_path / "b", replace(made, image_type=["ORIGINAL", "PRIMARY", "F"]))
    assert [(s.images, s.problem) for s in find_series(tmp_path)] == [(6, ""), (6, "")]


BAD = {
    "gap": (Made(slices=[0, 1, 2, 4, 5]), "1 slice is missing between S -3.0 and S 5.0 mm"),
    "two gaps": (Made(slices=[0, 1, 4, 5, 7], shape=(14, 12, 8)), "3 slices are missing between"),
    "one slice": (Made(slices=[2]), "one single slice"),
    "no spacing": (Made(tags={"PixelSpacing": None}), "how far apart its pixels are"),
    "no place": (Made(tags={"ImagePositionPatient": None}), "where its slices lie"),
    "no direction": (Made(tags={"ImageOrientationPatient": None}), "where its slices lie"),
    "false direction": (Made(tags={"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}), "direction of its slices"),
    "huge": (Made(tags={"Rows": 65535, "Columns": 65535}), "cut off"),
    "colour": (Made(tags={"SamplesPerPixel": 3}), "colour"),
    "bits": (Made(tags={"BitsAllocated": 64}), "64 bits"),
    "mosaic": (Made(image_type=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]), "Siemens mosaic"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_series_says_why_and_does_not_stop_the_others(name: str, tmp_path: Path) -> None:
    made, words = BAD[name]
    write_classic(tmp_path / "bad", replace(made, number=1, description="t2_space_dark-fluid"))
    write_classic(tmp_path / "good", Made(number=2))
    bad, good = find_series(tmp_path)
    assert words.replace("S -3.0", "I 3.0") in bad.problem
    assert (good.problem, good.role) == ("", "t1")
    assert list(choose_series([bad, good])) == ["t1"]


def test_a_gap_is_named_in_an_enhanced_file_too(tmp_path: Path) -> None:
    write_enhanced(tmp_path, Made(plane="sagittal", slices=[0, 1, 2, 4, 5]))
    assert "1 slice is missing between" in only(find_series(tmp_path)).problem


def test_a_localizer_is_mixed_in_its_directions(tmp_path: Path) -> None:
    for n, plane in enumerate(("axial", "sagittal", "coronal")):
        write_classic(tmp_path / plane, Made(plane=plane, uid="1.2.3.6", description="loc", corner=(n, 0, 0)))
    series = only(find_series(tmp_path))
    assert "3 different directions" in series.problem
    assert series.role is None


def test_slices_of_different_size_repeats_and_shifted_slices_are_refused(tmp_path: Path) -> None:
    def spoilt(name: str, change) -> str:
        for n, path in enumerate(write_classic(tmp_path / name, Made())):
            header = pydicom.dcmread(path)
            change(n, header)
            header.save_as(path)
        return only(find_series(tmp_path / name)).problem

    def resize(n: int, header) -> None:
        if n == 3:
            header.Rows, header.Columns = 7, 24

    def repeat(n: int, header) -> None:
        header.ImagePositionPatient = [0, 0, n // 2 * 4]

    def shift(n: int, header) -> None:
        header.ImagePositionPatient = [n * 3, 0, n * 4]

    def uneven(n: int, header) -> None:
        header.ImagePositionPatient = [0, 0, n * 4 + (n == 3)]

    def cut_off(n: int, header) -> None:
        if n == 4:
            header.PixelData = header.PixelData[:100]

    assert "differ in size (14 x 12, 24 x 7)" in spoilt("size", resize)
    assert "2 images at one place" in spoilt("repeat", repeat)
    assert "do not stand above one another" in spoilt("shift", shift)
    assert "unevenly spaced (3.00 to 5.00 mm)" in spoilt("uneven", uneven)
    assert spoilt("cut", cut_off) == "1 of 6 images: is cut off; copy the folder anew"


def test_a_file_without_a_place_is_offered_last_and_with_a_warning(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path, Made())
    header = pydicom.dcmread(path)
    del header.PerFrameFunctionalGroupsSequence, header.SharedFunctionalGroupsSequence
    header.save_as(path)
    series = only(find_series(tmp_path))
    assert (series.grid, series.problem) == (None, "")
    assert "left and right are unknown" in series.notice
    assert choose_series([series]) == {"t1": series}
    write_classic(tmp_path / "flair", Made(description="flair", number=2))
    assert list(choose_series(find_series(tmp_path))) == ["flair"]


def test_the_best_of_several_is_chosen_and_magnitudes_go_with_the_qsm(tmp_path: Path) -> None:
    signed = {"PixelRepresentation": 1}
    for n, made in enumerate(
        [
            Made("t1_mprage_sag"),
            Made("t1_mprage_sag_MPR_Tra", spacing=(1, 1, 1), image_type=["DERIVED", "SECONDARY", "MPR"]),
            Made("t1_mprage_sag_Gd"),
            Made("t2_space_dark-fluid", spacing=(1, 1, 1)),
            Made("t2_flair_tra", spacing=(0.5, 0.5, 5)),
            Made("SWAN", spacing=(0.5, 0.5, 0.5)),
            Made("gre_qsm_mag", spacing=(0.8, 0.8, 1.6)),
            Made("gre_qsm_pha", kinds="P", spacing=(0.8, 0.8, 1.6)),
            Made("QSM", image_type=["DERIVED", "SECONDARY", "M"], tags=signed, spacing=(0.8, 0.8, 1.6)),
            Made("t2_tse"),
        ],
        start=1,
    ):
        write_classic(tmp_path / f"{n}", replace(made, number=n))
    chosen = choose_series(find_series(tmp_path))
    assert {role: s.number for role, s in chosen.items()} == {
        "qsm": 9, "flair": 4, "t1": 1, "t1ce": 3, "magnitude": 7, "phase": 8,
    }  # fmt: skip


def test_of_two_studies_one_is_chosen_and_of_two_patients_none(tmp_path: Path) -> None:
    write_classic(tmp_path / "a", Made("flair", 1, tags={"StudyDate": "20200101"}, study="1.2.3.1"))
    write_classic(tmp_path / "b", Made("flair", 2, tags={"StudyDate": "20240101"}, study="1.2.3.2"))
    write_classic(tmp_path / "c", Made("t1_mprage", 3, tags={"StudyDate": "20200101"}, study="1.2.3.1"))
    assert {r: s.number for r, s in choose_series(find_series(tmp_path)).items()} == {"flair": 1, "t1": 3}
    write_classic(tmp_path / "d", Made("flair", 4, tags={"PatientID": "OTHER"}))
    found = find_series(tmp_path)
    assert sorted({s.patient for s in found}) == [0, 1]
    with pytest.raises(ImageError, match="more than one patient"):
        choose_series(found)


def test_units_are_taken_from_the_header_only_where_it_says_so(tmp_path: Path) -> None:
    made = Made("QSM", image_type=["DERIVED", "SECONDARY", "M"])
    write_classic(tmp_path / "a", replace(made, number=1, tags={"RescaleType": "PPB"}))
    write_classic(tmp_path / "b", replace(made, number=2, tags={"RescaleType": "US"}))
    assert [s.unit for s in find_series(tmp_path)] == ["ppb", None]


def test_nothing_to_find_and_stopping_are_said(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no DICOM image in"):
        find_series(tmp_path)
    with pytest.raises(ImageError, match="check the path"):
        find_series(tmp_path / "missing")
    paths = write_classic(tmp_path, Made())
    paths[0].write_bytes(paths[0].read_bytes()[:180])
    with pytest.raises(ImageError, match="only damaged DICOM files"):
        find_series(paths[0])
    damaged = find_series(tmp_path)[-1]
    assert (damaged.label, damaged.images) == ("?", 1)
    assert damaged.problem.startswith("1 file is too damaged")
    with pytest.raises(CancelledError):
        find_series(tmp_path, cancelled=lambda: True)
    shares: list[float] = []
    find_series(tmp_path, progress=shares.append)
    assert shares
    assert all(0 <= share <= 1 for share in shares)
