"""What a folder of each version says, each number with its source; and real numbers against the tables themselves."""

import os
from pathlib import Path

import numpy as np
import pytest
from morphometry_results import (
    CORTEX,
    ETIV_MM3,
    GREY_MM3,
    SUBCORTICAL,
    THICKNESS,
    VERSIONS,
    VOLUMES,
    Version,
    write_subject,
)
from nibabel.freesurfer.io import write_morph_data

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry import NUMBERS, read_morphometry

SIX, SEVEN, ALONE = VERSIONS[2], VERSIONS[4], VERSIONS[-1]


def _value(found, name: str) -> float | None:
    return found.numbers[name].value


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.program)
def test_every_version(tmp_path: Path, version: Version) -> None:
    found = read_morphometry(write_subject(tmp_path / "sub-01", version))
    assert (found.program, found.path) == (version.program, tmp_path / "sub-01")
    assert list(found.numbers) == list(NUMBERS)
    assert all(number.source for number in found.numbers.values())
    table = f"stats/{version.table}.stats"
    left = found.numbers["fs_thalamus_left_ml"]
    assert (left.value, left.source) == (6950.6 / 1000, f"{table}, Left-{version.thalamus}")
    assert _value(found, "fs_thalamus_right_ml") == 7154.3 / 1000
    assert _value(found, "fs_thalamus_ml") == pytest.approx(14.1049)
    grey = found.numbers["gm_ml"]
    if version is ALONE:
        structures = sum(VOLUMES[k] for k in (*SUBCORTICAL, 8, 47, *CORTEX))
        assert grey.value == pytest.approx(structures / 1000, abs=0.002)  # the table has one decimal
        assert "sum of the structures" in grey.source
        assert found.numbers["etiv_ml"].value is None
        assert found.numbers["thickness_mm"].source == "stats/lh.aparc.stats is not there"
        return
    assert grey.value == version.grey_mm3 / 1000
    assert ("brain stem" in grey.source) == (version.program == "FreeSurfer 5.1.0")
    assert _value(found, "etiv_ml") == ETIV_MM3 / 1000
    (left_mm, left_area), (right_mm, right_area) = THICKNESS.values()
    assert _value(found, "thickness_plain_mm") == pytest.approx((left_mm + right_mm) / 2)
    weighted = (left_mm * left_area + right_mm * right_area) / (left_area + right_area)
    assert _value(found, "thickness_mm") == pytest.approx(weighted, rel=1e-12)
    assert f"stats/lh.{version.aparc}.stats" in found.numbers["thickness_mm"].source


def test_a_version_that_nothing_says(tmp_path: Path) -> None:
    folder = write_subject(tmp_path / "a", SIX)
    (folder / "scripts" / "build-stamp.txt").unlink()
    assert read_morphometry(folder).program == "FreeSurfer 6.0"  # by the revision of mri_segstats.c
    path = folder / "stats" / "aseg.stats"
    path.write_text(path.read_text().replace("1.121", "1.999"))
    assert read_morphometry(folder).program == "FreeSurfer"
    (folder / "scripts" / "build-stamp.txt").write_text("freesurfer-Linux-centos6_x86_64-dev-20180101-abc\n")
    assert read_morphometry(folder).program == "FreeSurfer dev-20180101"


def test_grey_matter_from_parts_where_there_is_no_total(tmp_path: Path) -> None:
    folder = write_subject(tmp_path / "a", SEVEN)
    path = folder / "stats" / "aseg.stats"
    text = "".join(line for line in path.read_text().splitlines(True) if "TotalGray" not in line)
    path.write_text(text)
    assert _value(read_morphometry(folder), "gm_ml") == pytest.approx(GREY_MM3 / 1000, abs=0.002)
    path.write_text("".join(line for line in text.splitlines(True) if "CortexVol" not in line))
    grey = read_morphometry(folder).numbers["gm_ml"]
    assert grey.value is None
    assert "cortex of a side is missing" in grey.source


@pytest.mark.parametrize("wrong", ["706,734", "nan", "-1.0", "0.0"])
def test_a_total_that_is_none_is_not_computed_instead(tmp_path: Path, wrong: str) -> None:
    folder = write_subject(tmp_path / "a", SEVEN)
    path = folder / "stats" / "aseg.stats"
    path.write_text(path.read_text().replace(f"{SEVEN.grey_mm3:f}", wrong))
    grey = read_morphometry(folder).numbers["gm_ml"]
    assert grey.value is None
    assert "TotalGrayVol" in grey.source


def test_a_missing_or_cut_hemisphere(tmp_path: Path) -> None:
    folder = write_subject(tmp_path / "a", SEVEN)
    right = folder / "stats" / "rh.aparc.stats"
    whole = right.read_bytes()
    wanted = {name: number.value for name, number in read_morphometry(folder).numbers.items()}
    for cut in range(0, len(whole), 17):
        right.write_bytes(whole[:cut])
        numbers = read_morphometry(folder).numbers
        for name in ("thickness_mm", "thickness_plain_mm"):
            assert numbers[name].value in (None, wanted[name])
            assert numbers[name].value or "stats/rh.aparc.stats" in numbers[name].source
        assert numbers["gm_ml"].value == wanted["gm_ml"]
    right.unlink()
    assert read_morphometry(folder).numbers["thickness_mm"].source == "stats/rh.aparc.stats is not there"
    right.mkdir()
    assert read_morphometry(folder).numbers["thickness_mm"].source == "stats/rh.aparc.stats is not a file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    folder = write_subject(tmp_path / "a", SEVEN)
    (folder / "stats").chmod(0)
    try:
        with pytest.raises(MeasurementError, match="cannot be read"):
            read_morphometry(folder)
    finally:
        (folder / "stats").chmod(0o700)


def test_what_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"There is no .*aseg\.stats"):
        read_morphometry(tmp_path)
    with pytest.raises(MeasurementError, match="not there"):
        read_morphometry(tmp_path / "none")
    folder = write_subject(tmp_path / "a", SEVEN)
    (folder / "stats" / "aseg.stats").write_text("nothing\n")
    with pytest.raises(MeasurementError, match="cut off or damaged"):
        read_morphometry(folder)
    (folder / "stats" / "aseg.stats").unlink()
    (folder / "stats" / "aseg.stats").mkdir()
    with pytest.raises(MeasurementError, match="not a file"):
        read_morphometry(folder)


def _surfaces(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(5)
    (folder / "surf").mkdir()
    made = {}
    for hemi, n in (("lh", 200), ("rh", 300)):
        thickness, area = rng.uniform(1, 4, n).astype(np.float32), rng.uniform(0.2, 1, n).astype(np.float32)
        thickness[:40] = 0  # the medial wall
        write_morph_data(folder / "surf" / f"{hemi}.thickness", thickness)
        write_morph_data(folder / "surf" / f"{hemi}.area", area)
        made[hemi] = thickness.astype(float), area.astype(float)
    return made


def test_thickness_over_vertices(tmp_path: Path) -> None:
    folder = write_subject(tmp_path / "a", SEVEN)
    made = _surfaces(folder)
    thickness, area = (np.concatenate([made[h][k] for h in ("lh", "rh")]) for k in (0, 1))
    cortex = thickness > 0
    number = read_morphometry(folder).numbers["thickness_vertex_mm"]
    assert number.value == pytest.approx(np.average(thickness[cortex], weights=area[cortex]), rel=1e-12)
    assert "above 0" in number.source
    (folder / "label").mkdir()
    kept = np.arange(60, 150)
    rows = "".join(f"{k}  1.0  2.0  3.0 0.0\n" for k in kept)
    for hemi in ("lh", "rh"):
        (folder / "label" / f"{hemi}.cortex.label").write_text(f"#!ascii label , from subject a\n{len(kept)}\n{rows}")
    number = read_morphometry(folder).numbers["thickness_vertex_mm"]
    thickness, area = (np.concatenate([made[h][k][kept] for h in ("lh", "rh")]) for k in (0, 1))
    assert number.value == pytest.approx(np.average(thickness, weights=area), rel=1e-12)
    assert "cortex.label" in number.source
    label = folder / "label" / "rh.cortex.label"
    label.write_text(label.read_text()[:-20])
    number = read_morphometry(folder).numbers["thickness_vertex_mm"]
    assert (number.value, "cut off" in number.source) == (None, True)


def test_surfaces_that_are_damaged(tmp_path: Path) -> None:
    folder = write_subject(tmp_path / "a", SEVEN)
    _surfaces(folder)
    path = folder / "surf" / "rh.thickness"
    whole = path.read_bytes()
    nan = np.frombuffer(whole[15:], ">f4").copy()
    nan[7] = np.nan
    for content in (whole[:-1], whole[:9], b"", whole + b"1", whole[:15] + nan.tobytes(), b"\0" * len(whole)):
        path.write_bytes(content)
        number = read_morphometry(folder).numbers["thickness_vertex_mm"]
        assert number.value is None
        assert "surf/rh.thickness" in number.source
    path.write_bytes(whole)
    (folder / "surf" / "rh.area").write_bytes((folder / "surf" / "lh.area").read_bytes())
    assert "different vertices" in read_morphometry(folder).numbers["thickness_vertex_mm"].source


def test_a_real_subject(shared_data: Path) -> None:
    folder = shared_data / "freesurfer" / "subject1"
    rows = {
        line.split()[4]: line.split()
        for line in (folder / "stats" / "aseg.stats").read_text().splitlines()
        if not line.startswith("#")
    }
    found = read_morphometry(folder)
    assert found.program == "FreeSurfer 6.0"
    assert _value(found, "fs_thalamus_left_ml") == float(rows["Left-Thalamus-Proper"][3]) / 1000 == 6950.6 / 1000
    assert _value(found, "fs_thalamus_right_ml") == float(rows["Right-Thalamus-Proper"][3]) / 1000
    assert _value(found, "gm_ml") == 706734.609483 / 1000
    assert _value(found, "etiv_ml") == 1405915.237151 / 1000
    area = 94426.8 + 95676.9
    assert _value(found, "thickness_mm") == pytest.approx((2.54435 * 94426.8 + 2.52172 * 95676.9) / area)
    assert found.numbers["thickness_vertex_mm"].source == "surf/rh.thickness is not there"


def test_the_mean_thickness_of_freesurfer_is_a_plain_mean_over_vertices(shared_data: Path) -> None:
    """So the words of NUMBERS say; parcels weighted by vertices give it again, weighted by area they do not."""
    path = shared_data / "freesurfer" / "subject1" / "stats" / "lh.aparc.stats"
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    vertices, area, thickness = (np.array([float(row[k]) for row in rows]) for k in (1, 2, 4))
    assert np.average(thickness, weights=vertices) == pytest.approx(2.54435, abs=1e-4)
    assert abs(np.average(thickness, weights=area) - 2.54435) > 2e-3
