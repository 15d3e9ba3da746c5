"""SynthSeg's tables of both versions, and what spreadsheets and full disks make of them."""

from pathlib import Path

import pytest
from morphometry_results import ETIV_MM3, SYNTHSEG_GREY, SYNTHSEG_VOLUMES, synthseg_table

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry import NUMBERS, read_morphometry

ONE = ("sub-01_T1w",)
THREE = ("sub-01_ses-1_T1w", "sub-01_ses-2_T1w", "sub-02_T1w")


def _read(path: Path, content: str | bytes, subject: str | None = None):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_morphometry(path, subject)


def _left(found) -> float | None:
    return found.numbers["fs_thalamus_left_ml"].value


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("parcels", [False, True])
def test_both_versions(tmp_path: Path, version: int, alone: bool, parcels: bool) -> None:
    path = tmp_path / "volumes.csv"
    found = _read(path, synthseg_table(ONE, version=version, alone=alone, parcels=parcels))
    assert (found.program, found.path, list(found.numbers)) == (f"SynthSeg {version}.0", path, list(NUMBERS))
    column = "left thalamus" if version == 2 else "10"
    number = found.numbers["fs_thalamus_left_ml"]
    assert (number.value, number.source) == (6850.625 / 1000, f"volumes.csv, sub-01_T1w, {column}")
    assert found.numbers["fs_thalamus_right_ml"].value == 7012.372 / 1000
    assert found.numbers["fs_thalamus_ml"].value == pytest.approx((6850.625 + 7012.372) / 1000)
    assert found.numbers["gm_ml"].value == pytest.approx(SYNTHSEG_GREY / 1000)  # parcels are not counted twice
    assert found.numbers["etiv_ml"].value == (round(ETIV_MM3, 3) / 1000 if version == 2 else None)
    assert found.numbers["thickness_mm"].value is None
    assert "SynthSeg" in found.numbers["thickness_vertex_mm"].source
    assert read_morphometry(tmp_path).numbers == found.numbers  # by its folder


def test_whose_row(tmp_path: Path) -> None:
    path, text = tmp_path / "v.csv", synthseg_table(THREE)
    for subject, extra in (
        ("sub-02", 2000),
        ("02", 2000),
        ("sub-01_ses-2", 1000),
        ("01_ses-2_T1w", 1000),
        ("sub-01_ses-1_T1w.nii.gz", 0),
    ):
        assert _left(_read(path, text, subject)) == pytest.approx((6850.625 + extra) / 1000)
    for subject in ("sub-01", "sub-03", "sub-0", None):
        with pytest.raises(MeasurementError, match="rows"):
            _read(path, text, subject)
    with pytest.raises(MeasurementError, match="no rows of sub-02"):
        _read(path, synthseg_table(ONE), "sub-02")
    with pytest.raises(MeasurementError, match="no rows of sub-01"):
        _read(path, synthseg_table(("sub-011_T1w", "sub-02_T1w")), "sub-01")
    with pytest.raises(MeasurementError, match="2 rows"):
        _read(path, synthseg_table(ONE * 2), "sub-01")


@pytest.mark.parametrize("version", [1, 2])
def test_cut_at_any_byte(tmp_path: Path, version: int) -> None:
    whole = synthseg_table(("sub-01_T1w", "sub-02_T1w"), version=version).encode()
    path = tmp_path / "v.csv"
    right = {
        subject: {name: number.value for name, number in _read(path, whole, subject).numbers.items()}
        for subject in ("01", "02")
    }
    first = whole.index(b"sub-02") - 1
    for cut in (*range(0, len(whole) - 1, 5), first, first + 1):
        for subject, wanted in right.items():
            try:
                found = _read(path, whole[:cut], subject)
            except MeasurementError:
                continue
            assert cut in (first, first + 1), "only a table of whole lines is read"
            assert {name: number.value for name, number in found.numbers.items()} == wanted


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    path, text = tmp_path / "v.csv", synthseg_table(ONE)
    german = text.replace(",", ";").replace(".", ",")
    wanted = {name: number.value for name, number in _read(path, text).numbers.items()}
    for content in (text.replace(",", ";"), text.replace(",", "\t"), german, german.replace("6850,625", '"6.850,625"')):
        found = _read(path, content)
        assert {name: number.value for name, number in found.numbers.items()} == pytest.approx(wanted)
    number = _read(path, german.replace("6850,625", "650,625")).numbers["fs_thalamus_left_ml"]
    assert (number.value, "comma in 650,625" in number.source) == (None, True)
    number = _read(path, german.replace("6850,625", "6.850")).numbers["fs_thalamus_ml"]
    assert (number.value, "point in 6.850" in number.source) == (None, True)
    with pytest.raises(MeasurementError, match="a comma"):
        _read(path, text.replace(".", ","))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = synthseg_table(("sub-Zoë",)).replace("\r\n", "\r\r\n")  # as its csv module writes on Windows
    assert _left(_read(tmp_path / "v.csv", text.encode(encoding), "Zoë")) == 6850.625 / 1000


@pytest.mark.parametrize("wrong", ["nan", "-6850.625", "", "6850.6.2", "inf", "0"])
def test_what_is_no_volume_is_said(tmp_path: Path, wrong: str) -> None:
    found = _read(tmp_path / "v.csv", synthseg_table(ONE).replace("6850.625", wrong))
    for name in ("fs_thalamus_left_ml", "fs_thalamus_ml", "gm_ml"):
        assert found.numbers[name].value is None
        assert found.numbers[name].source
    assert found.numbers["fs_thalamus_right_ml"].value == 7012.372 / 1000


def test_what_is_no_table_of_synthseg(tmp_path: Path) -> None:
    path, text = tmp_path / "v.csv", synthseg_table(ONE)
    for content in (
        b"",
        b"\0" * 99,
        b"a,b\n1,2\n",
        b'"' * 500 + b"\n",
        b"x" * 300_000 + b",10,49\n",
        text.replace("right caudate", "left thalamus").encode(),
        text.splitlines(keepends=True)[0].encode(),
    ):
        with pytest.raises(MeasurementError, match=r"v\.csv"):
            _read(path, content)
    path.unlink()
    path.mkdir()
    with pytest.raises(MeasurementError, match="There is no"):
        read_morphometry(path)
    with pytest.raises(MeasurementError, match="not there"):
        read_morphometry(tmp_path / "none.csv")


def test_a_folder_with_several_tables(tmp_path: Path) -> None:
    (tmp_path / "qc.csv").write_text("subject,general white matter\nsub-01,0.8\n")
    (tmp_path / "a.csv").write_text(synthseg_table(ONE))
    assert read_morphometry(tmp_path).path == tmp_path / "a.csv"
    (tmp_path / "b.csv").write_text(synthseg_table(ONE))
    with pytest.raises(MeasurementError, match=r"a\.csv, b\.csv"):
        read_morphometry(tmp_path)


def test_all_parts_of_grey_matter_are_needed(tmp_path: Path) -> None:
    text = synthseg_table(ONE).replace("left caudate", "left something")
    number = _read(tmp_path / "v.csv", text).numbers["gm_ml"]
    assert (number.value, "label 11" in number.source) == (None, True)
    assert len(SYNTHSEG_VOLUMES) > 20
