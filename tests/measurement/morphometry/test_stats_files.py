"""FreeSurfer's own numbers, read from its tables."""

from pathlib import Path

import pytest

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement import read_freesurfer

ASEG = """# Title Segmentation Statistics
# Measure TotalGray, TotalGrayVol, Total gray matter volume, 650000.5, mm^3
# ColHeaders  Index SegId NVoxels Volume_mm3 StructName normMean
  1   10  7000  7100.5  {left}  80.0
  2   49  7200  7300.25  {right}  81.0
"""
APARC = """# Measure Cortex, WhiteSurfArea, White Surface Total Area, {area}, mm^2
# Measure Cortex, MeanThickness, Mean Thickness, {thickness}, mm
"""


def _subject(folder: Path, left: str = "Left-Thalamus", right: str = "Right-Thalamus") -> Path:
    (folder / "stats").mkdir()
    (folder / "stats" / "aseg.stats").write_text(ASEG.format(left=left, right=right))
    (folder / "stats" / "lh.aparc.stats").write_text(APARC.format(area=100000, thickness=2.4))
    (folder / "stats" / "rh.aparc.stats").write_text(APARC.format(area=50000, thickness=2.7))
    return folder


@pytest.mark.parametrize("suffix", ["", "-Proper"])
def test_names_of_old_and_new_versions(tmp_path: Path, suffix: str) -> None:
    numbers = read_freesurfer(_subject(tmp_path, f"Left-Thalamus{suffix}", f"Right-Thalamus{suffix}"))
    assert numbers == {
        "fs_thalamus_left_ml": 7.1005,
        "fs_thalamus_right_ml": 7.30025,
        "gm_ml": 650.0005,
        "thickness_mm": pytest.approx((2.4 * 2 + 2.7) / 3),
    }


def test_what_is_missing_is_empty(tmp_path: Path) -> None:
    folder = _subject(tmp_path, left="Left-Caudate")
    (folder / "stats" / "rh.aparc.stats").unlink()
    numbers = read_freesurfer(folder)
    assert numbers["fs_thalamus_left_ml"] is None
    assert numbers["thickness_mm"] is None


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"There is no .*aseg.stats"):
        read_freesurfer(tmp_path)
    folder = _subject(tmp_path)
    path = folder / "stats" / "aseg.stats"
    path.write_text(ASEG[:-12])
    with pytest.raises(MeasurementError, match="cut off or damaged"):
        read_freesurfer(folder)
    path.write_text("nothing of use\n")
    with pytest.raises(MeasurementError):
        read_freesurfer(folder)


def test_a_real_subject(shared_data: Path) -> None:
    folder = shared_data / "freesurfer" / "subject1"
    numbers = read_freesurfer(folder)
    table = {
        line.split()[4]: line.split()
        for line in (folder / "stats" / "aseg.stats").read_text().splitlines()
        if not line.startswith("#")
    }
    for side, voxels in (("Left", 7220), ("Right", 7503)):
        row = table[f"{side}-Thalamus-Proper"]
        assert int(row[2]) == voxels
        assert numbers[f"fs_thalamus_{side.lower()}_ml"] == pytest.approx(float(row[3]) / 1000)
    means, areas = [], []
    for hemisphere in ("lh", "rh"):
        for line in (folder / "stats" / f"{hemisphere}.aparc.stats").read_text().splitlines():
            parts = line.split(", ")
            if line.startswith("# Measure") and parts[1] == "MeanThickness":
                means.append(float(parts[3]))
            if line.startswith("# Measure") and parts[1] == "WhiteSurfArea":
                areas.append(float(parts[3]))
    assert numbers["thickness_mm"] == pytest.approx((means[0] * areas[0] + means[1] * areas[1]) / sum(areas))
    assert min(means) <= numbers["thickness_mm"] <= max(means)
    assert numbers["gm_ml"] == pytest.approx(706.7346, abs=1e-3)
