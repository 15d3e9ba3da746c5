"""Tables of FreeSurfer and FastSurfer as nobody should have left them: the right number, words, or an error."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from morphometry_results import VERSIONS, VOLUMES, parcel_table, segment_table

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.stats_files import read_stats
from thaliron_napari.measurement.morphometry.text_files import MOST_BYTES, parse_quantity

OLD, SIX, NEW = VERSIONS[0], VERSIONS[2], VERSIONS[4]


def _read(path: Path, content: str | bytes):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_stats(path, "stats/aseg.stats")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7220", 7220),
        ("6950.6", 6950.6),
        ("2.544", 2.544),
        ("1.4e6", 1.4e6),
        ("7220,5", 7220.5),
        ("706734,609", 706734.609),
        ("0,123", 0.123),
        ("1.243.340,00", 1243340),
        ("1,243,340.5", 1243340.5),
        ("1.243.340", 1243340),
        ("1,243,340", 1243340),
        ("0", 0),
    ],
)
def test_quantities(text: str, value: float) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["7,220", "650,612", "1,2,3", "1.2.3", "7.220,5,1", "nan", "inf", "-3.5", "1e999", "", "a"]
)
def test_quantities_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="comma" if "," in text else "."):
        parse_quantity(text)


def test_a_point_among_commas_may_stand_between_thousands() -> None:
    with pytest.raises(ValueError, match="between thousands"):
        parse_quantity("6.950", commas=True)
    assert parse_quantity("6950.6", commas=True) == 6950.6


def test_the_comma_that_freesurfer_forgets(tmp_path: Path) -> None:
    stats = _read(tmp_path / "lh", parcel_table("lh"))
    assert stats.measure(("CortexVol",), "mm^3").value == 500501
    assert stats.measure(("MeanThickness",), "mm").value == 2.54435
    assert "not in mm^3" in stats.measure(("MeanThickness",), "mm^3").source


def test_columns_are_found_by_their_names_else_as_5_1_has_them(tmp_path: Path) -> None:
    text = segment_table(SIX)
    moved = re.sub(r"^( *\d+) +(\d+) +(\d+) +(\S+) +(\S+)", r"\1 \2 \5 \3 \4", text, flags=re.MULTILINE)
    moved = moved.replace("SegId NVoxels Volume_mm3 StructName", "SegId StructName NVoxels Volume_mm3")
    headless = "\n".join(line for line in text.splitlines() if "ColHeaders" not in line) + "\n"
    for content in (text, moved, headless):
        number = _read(tmp_path / "aseg.stats", content).volume_mm3(("Left-Thalamus-Proper",))
        assert (number.value, number.source) == (6950.6, "stats/aseg.stats, Left-Thalamus-Proper")


@pytest.mark.parametrize("version", [OLD, SIX, NEW, VERSIONS[-1]], ids=lambda version: version.program)
def test_cut_at_any_byte_it_is_refused(tmp_path: Path, version) -> None:
    whole = segment_table(version).encode()
    path = tmp_path / "aseg.stats"
    ends = [at + 1 for at, byte in enumerate(whole[:-1]) if byte == ord("\n")]
    for cut in (*range(0, len(whole), 23), *ends):
        with pytest.raises(MeasurementError, match=r"cut off or damaged|is empty"):
            _read(path, whole[:cut])


def test_a_real_table_cut_at_many_bytes(tmp_path: Path, shared_data: Path) -> None:
    stats = shared_data / "freesurfer" / "subject1" / "stats"
    whole = (stats / "aseg.stats").read_bytes()
    for cut in [*range(0, len(whole) - 60, 97), *range(len(whole) - 60, len(whole))]:
        with pytest.raises(MeasurementError):
            _read(tmp_path / "aseg.stats", whole[:cut])
    whole = (stats / "lh.aparc.stats").read_bytes()  # has no count of rows: what is left after a whole line is right
    for cut in range(0, len(whole), 29):
        try:
            number = _read(tmp_path / "lh.aparc.stats", whole[:cut]).measure(("MeanThickness",), "mm")
        except MeasurementError:
            continue
        assert number.value == 2.54435


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1", "cp1252"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, ending: str) -> None:
    text = segment_table(SIX).replace("made-up", "Måns Ünal").replace("\n", ending)
    for name, value in (("Left-Thalamus-Proper", 6950.6), ("Right-Thalamus-Proper", 7154.3)):
        assert _read(tmp_path / "aseg.stats", text.encode(encoding)).volume_mm3((name,)).value == value
    for cut in (len(text) // 2, len(text) - 3):
        with pytest.raises(MeasurementError):
            _read(tmp_path / "aseg.stats", text.encode(encoding)[:cut])


def test_decimal_commas(tmp_path: Path) -> None:
    text = re.sub(r"(\d)\.(\d)", r"\1,\2", segment_table(SIX))
    stats = _read(tmp_path / "aseg.stats", text)
    assert stats.volumes_mm3() == pytest.approx({k: round(v, 1) for k, v in VOLUMES.items() if k < 1000})
    assert stats.measure(("TotalGrayVol",), "mm^3").value == SIX.grey_mm3
    stats = _read(tmp_path / "aseg.stats", segment_table(SIX).replace(" 6950.6 ", " 6,950 "))
    number = stats.volume_mm3(("Left-Thalamus-Proper",))
    assert number.value is None
    assert "comma in 6,950" in number.source
    assert stats.volume_mm3(("Right-Thalamus-Proper",)).value == 7154.3


@pytest.mark.parametrize("wrong", ["nan", "inf", "-6950.6", "6950..6", "0x1b", "(null)"])
def test_what_is_no_volume_is_said(tmp_path: Path, wrong: str) -> None:
    stats = _read(tmp_path / "aseg.stats", segment_table(SIX).replace(" 6950.6 ", f" {wrong} "))
    number = stats.volume_mm3(("Left-Thalamus-Proper",))
    assert number.value is None
    assert wrong in number.source
    with pytest.raises(MeasurementError):
        stats.volumes_mm3()


def test_twice_or_without_voxels(tmp_path: Path) -> None:
    text = segment_table(SIX)
    twice = _read(tmp_path / "aseg.stats", text.replace("Left-Caudate        ", "Left-Thalamus-Proper"))
    assert "more than once" in twice.volume_mm3(("Left-Thalamus-Proper",)).source
    again = _read(
        tmp_path / "aseg.stats", text.replace("# SegVol", "# Measure TotalGray, TotalGrayVol, T, 1.0, mm^3\n# S")
    )
    assert "more than once" in again.measure(("TotalGrayVol",), "mm^3").source
    with pytest.raises(MeasurementError, match="label 10 more than once"):
        _read(tmp_path / "aseg.stats", text.replace("  11  ", "  10  ")).volumes_mm3()
    assert "no voxels" in _read(tmp_path / "aseg.stats", text).volume_mm3(("5th-Ventricle",)).source


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "aseg.stats"
    for content, words in (
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\0\1\2\n" * 99, "not text"),
        (np.random.default_rng(1).integers(1, 256, 4096, np.uint8).tobytes() + b"\n", "damaged"),
        (b"nothing of use\nat all, really\n", "damaged"),
        (b"#" * 100_000 + b"\n", "damaged"),
    ):
        with pytest.raises(MeasurementError, match=words):
            _read(path, content)
    with pytest.raises(MeasurementError, match="not there"):
        read_stats(tmp_path / "none", "none")
    with pytest.raises(MeasurementError, match="not there"):
        read_stats(path / "below a file", "x")
    with pytest.raises(MeasurementError, match="not a file"):
        read_stats(tmp_path, "folder")


def test_what_is_huge_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "aseg.stats"
    with path.open("wb") as file:
        file.truncate(max(200_000_000, MOST_BYTES + 1))
    with pytest.raises(MeasurementError, match="200 MB"):
        read_stats(path, "aseg.stats")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "aseg.stats")
    with pytest.raises(MeasurementError, match="not a file"):
        read_stats(tmp_path / "aseg.stats", "aseg.stats")
