"""Susceptibility and volumes against plain numpy and SimpleITK."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from thaliron_napari.case import open_case
from thaliron_napari.errors import CaseError, GridError, MeasurementError
from thaliron_napari.imaging import Grid, read_label_map, read_volume
from thaliron_napari.measurement import measure_thalami
from thaliron_napari.measurement.dictionary import dictionary_of, unit_of
from thaliron_napari.measurement.from_files import measure_files


def test_by_hand() -> None:
    grid = Grid((1, 2, 3), np.array([[0, 0, -1, 0], [0, -1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1.0]]))
    qsm = np.array([[[10, 20, 60], [1, 3, 5]]], np.float32)
    thalami = np.array([[[1, 1, 2], [0, 0, 0]]])
    csf = np.array([[[0, 0, 0], [1, 2, 0]]])
    values = measure_thalami(qsm, thalami, csf, grid)
    assert values["csf_ppb"] == 2
    assert values["thalamus_mean_ppb"] == 30
    assert values["chi_ppb"] == 28
    assert values["chi_left_ppb"] == 13
    assert values["chi_right_ppb"] == 58
    assert values["thalamus_left_sd_ppb"] == pytest.approx(np.sqrt(50))
    assert values["thalamus_ml"] == pytest.approx(3 * 2 / 1000)
    assert (values["csf_left_ppb"], values["csf_right_ppb"], values["csf_n"]) == (1, 3, 2)
    assert values["thalamus_right_sd_ppb"] is None  # of one voxel there is none


def test_against_simpleitk(head) -> None:
    record, _ = measure_files(qsm=head.qsm, thalami=head.thalami, csf=head.csf)
    statistics = sitk.LabelIntensityStatisticsImageFilter()
    labels = {"thalamus_left": (head.thalami, 1), "thalamus_right": (head.thalami, 2)}
    for name, (path, label) in labels.items():
        statistics.Execute(sitk.ReadImage(str(path)), sitk.ReadImage(str(head.qsm)))
        assert record.values[f"{name}_mean_ppb"] == pytest.approx(1000 * statistics.GetMean(label), rel=1e-5)
        assert record.values[f"{name}_sd_ppb"] == pytest.approx(1000 * statistics.GetStandardDeviation(label), rel=1e-5)
        assert record.values[f"{name}_n"] == statistics.GetNumberOfPixels(label)
        assert record.values[f"{name}_ml"] == pytest.approx(statistics.GetPhysicalSize(label) / 1000, rel=1e-5)
        values = nib.load(head.qsm).get_fdata()[np.asarray(nib.load(path).dataobj) == label]
        assert record.values[f"{name}_median_ppb"] == pytest.approx(1000 * np.median(values), rel=1e-5)


def test_relative_susceptibility_is_thalamus_minus_csf(head) -> None:
    record, sources = measure_files(qsm=head.qsm, thalami=head.thalami, csf=head.csf)
    assert record.id == "sub-ball"
    assert record.values["chi_left_ppb"] == pytest.approx(-30, abs=0.6)
    assert record.values["chi_right_ppb"] == pytest.approx(-26, abs=0.6)
    assert record.values["csf_ppb"] == pytest.approx(0, abs=0.6)
    assert [source.path for source in sources] == [head.qsm, head.thalami, head.csf]
    assert set(dictionary_of(record.values)) == set(record.values)
    for name in record.values:
        assert unit_of(name) == {"ppb": "ppb", "ml": "ml", "n": "voxels"}[name.rsplit("_", 1)[1]]


def test_what_is_missing_is_empty_and_never_zero(head) -> None:
    without_csf, _ = measure_files(qsm=head.qsm, thalami=head.thalami)
    assert without_csf.values["chi_ppb"] is None
    assert "csf_ppb" not in without_csf.values
    without_thalami, _ = measure_files(qsm=head.qsm, csf=head.csf)
    assert not [name for name in without_thalami.values if name.startswith(("chi", "thalamus"))]


def test_a_csf_mask_that_says_no_side_has_none(head, tmp_path) -> None:
    image = nib.load(head.csf)
    nib.save(nib.Nifti1Image((image.get_fdata() > 0).astype(np.uint8), image.affine), tmp_path / "csf.nii.gz")
    record, _ = measure_files(qsm=head.qsm, csf=tmp_path / "csf.nii.gz")
    both, _ = measure_files(qsm=head.qsm, csf=head.csf)
    assert record.values["csf_ppb"] == both.values["csf_ppb"]
    assert record.values["csf_left_ppb"] is None


@pytest.mark.parametrize("factor", [1.0, 1000.0], ids=["ppm", "ppb"])
def test_the_unit_of_the_file_does_not_matter(head, tmp_path, factor: float) -> None:
    image = nib.load(head.qsm)
    path = tmp_path / "qsm.nii.gz"
    nib.save(nib.Nifti1Image((image.get_fdata() * factor).astype(np.float32), image.affine), path)
    record, _ = measure_files(qsm=path, thalami=head.thalami, csf=head.csf)
    assert record.values["chi_ppb"] == pytest.approx(-28, abs=0.6)


def test_an_ambiguous_unit_is_asked_for(head, tmp_path) -> None:
    image = nib.load(head.qsm)
    path = tmp_path / "sub-1_Chimap.nii.gz"
    nib.save(nib.Nifti1Image((image.get_fdata() * 100).astype(np.float32), image.affine), path)
    with pytest.raises(MeasurementError, match="ppm or ppb"):
        measure_files(qsm=path, thalami=head.thalami)
    with pytest.raises(CaseError, match="ppm or ppb"):
        _ = open_case([path], in_memory=True).qsm_ppb
    stated, _ = measure_files(qsm=path, unit="ppb", thalami=head.thalami)
    assert stated.values["thalamus_left_mean_ppb"] == pytest.approx(-3, abs=0.1)
    (tmp_path / "sub-1_Chimap.json").write_text('{"Units": "ppb"}')
    beside, _ = measure_files(qsm=path, thalami=head.thalami)
    assert beside.values == stated.values
    assert (beside.qsm_unit, beside.to_json()["qsm_unit"]) == ("ppb", "ppb")
    scaled, _ = measure_files(qsm=path, unit="10 ppb, zero at -1", thalami=head.thalami)
    assert scaled.values["thalamus_left_mean_ppb"] == pytest.approx(-20, abs=1)


def test_labels_of_another_grid_are_refused(head) -> None:
    with pytest.raises(GridError, match="another grid"):
        measure_files(qsm=head.qsm, thalami=head.lesions)
    qsm, thalami = read_volume(head.qsm), read_label_map(head.thalami)
    with pytest.raises(GridError, match="another grid"):
        measure_thalami(qsm.data, thalami.data[1:], None, qsm.grid)
