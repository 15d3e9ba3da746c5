"""Other structures against SimpleITK, FreeSurfer's own volumes, and in words for what cannot be measured."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from thaliron_napari.errors import GridError, MeasurementError
from thaliron_napari.imaging import read_label_map, read_volume
from thaliron_napari.measurement.structures import STRUCTURE_COLUMNS, measure_structures, read_names

REFERENCE = Path(__file__).parents[1] / "reference" / "label_statistics.csv"


def test_against_simpleitk(head) -> None:
    qsm, labels, csf = read_volume(head.qsm), read_label_map(head.thalami), read_label_map(head.csf)
    structures = measure_structures(1000 * qsm.data, labels.data, qsm.grid, csf=csf.data)
    statistics = sitk.LabelIntensityStatisticsImageFilter()
    statistics.Execute(sitk.ReadImage(str(head.thalami)), sitk.ReadImage(str(head.qsm)))
    reference = sitk.LabelIntensityStatisticsImageFilter()
    reference.Execute(sitk.ReadImage(str(head.csf)) > 0, sitk.ReadImage(str(head.qsm)))
    assert [structure.label for structure in structures] == [1, 2]
    for structure in structures:
        cells = structure.cells()
        assert list(cells) == list(STRUCTURE_COLUMNS)
        assert cells["mean_ppb"] == pytest.approx(1000 * statistics.GetMean(structure.label), rel=1e-5)
        assert cells["sd_ppb"] == pytest.approx(1000 * statistics.GetStandardDeviation(structure.label), rel=1e-5)
        assert cells["n"] == statistics.GetNumberOfPixels(structure.label)
        assert cells["ml"] == pytest.approx(statistics.GetPhysicalSize(structure.label) / 1000, rel=1e-5)
        difference = statistics.GetMean(structure.label) - reference.GetMean(1)
        assert cells["chi_ppb"] == pytest.approx(1000 * difference, rel=1e-4)


def test_labels_of_a_real_subject_against_the_tables_of_simpleitk_and_freesurfer(shared_data: Path) -> None:
    folder = shared_data / "freesurfer" / "subject1" / "mri"
    aseg, brain = read_label_map(folder / "aseg.mgz"), read_volume(folder / "brain.mgz")
    assert aseg.grid.same_as(brain.grid)
    structures = {k.label: k for k in measure_structures(brain.data, aseg.data, aseg.grid)}
    _, header, *lines = REFERENCE.read_text("utf-8").splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    assert list(structures) == [int(row["label"]) for row in rows]
    for row in rows:
        part = structures[int(row["label"])].statistics
        assert part.n == int(row["n"]) == int(row["freesurfer_nvoxels"] or part.n)
        assert part.ml == pytest.approx(float(row["ml"]), rel=1e-6)
        assert part.mean_ppb == pytest.approx(float(row["mean"]), rel=1e-6)
        assert part.sd_ppb == pytest.approx(float(row["sd"]), rel=1e-6)
    assert structures[10].statistics.n == 7220  # left thalamus
    names = {label: structure.name for label, structure in structures.items()}
    assert (names[10], names[52], names[43]) == ("left thalamus", "right pallidum", "right lateral ventricle")
    assert all(structure.chi_ppb is None for structure in structures.values())  # no CSF to be relative to


def test_large_labels_and_their_names(head, tmp_path: Path) -> None:
    qsm = read_volume(head.qsm)
    labels = np.zeros(qsm.grid.shape, np.int32)
    labels[5, 5, 5:8], labels[9, 9, 9] = 2_000_000_000, 1030
    table = tmp_path / "x_dseg.tsv"
    table.write_text("name\tindex\nred nucleus\t2000000000\n", "utf-8")
    found = measure_structures(qsm.data, labels, qsm.grid, names=read_names(table))
    assert [(k.label, k.name, k.statistics.n) for k in found] == [(1030, "", 1), (2_000_000_000, "red nucleus", 3)]
    assert found[0].cells()["sd_ppb"] is None  # of one voxel there is none
    lut = tmp_path / "lut.txt"
    lut.write_text("# No. Label  R G B A\n\n1030  ctx-lh-superiortemporal  140 220 220 0\n", "utf-8")
    assert read_names(lut) == {1030: "ctx-lh-superiortemporal"}


def test_what_cannot_be_measured_is_said(head, tmp_path: Path) -> None:
    qsm = read_volume(head.qsm)
    with pytest.raises(GridError, match="structures"):
        measure_structures(qsm.data, np.zeros((2, 2, 2), int), qsm.grid)
    with pytest.raises(MeasurementError, match="cannot be read"):
        read_names(tmp_path / "none.tsv")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(MeasurementError, match="names no label"):
        read_names(tmp_path / "empty.tsv")
