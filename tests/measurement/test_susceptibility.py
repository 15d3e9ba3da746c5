"""Susceptibility and volumes against plain numpy and SimpleITK."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from thaliron_napari.annotation import csf_roi
from thaliron_napari.case import open_case
from thaliron_napari.errors import CaseError, GridError, MeasurementError
from thaliron_napari.imaging import Grid, read_label_map, read_volume
from thaliron_napari.measurement import measure_thalami
from thaliron_napari.measurement.dictionary import dictionary_of, unit_of
from thaliron_napari.measurement.from_files import measure_files
from thaliron_napari.measurement.susceptibility import (
    MAP_ERROR_PPB,
    region_statistics,
    relative_ppb,
    relative_se_ppb,
    statistics_of,
    voxels_per_sample,
)
from thaliron_napari.phantom import Patient, make_patient
from thaliron_napari.phantom.susceptibility import measured_map


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


@pytest.fixture(scope="module", params=[7, 11, 23])
def phantom(request: pytest.FixtureRequest) -> Patient:
    return make_patient("small", request.param)


def _circles(patient: Patient) -> np.ndarray:
    """Label map of a circle of 3 mm in each atrium: 1 left, 2 right."""
    qsm = patient.images["qsm"]
    labels = np.zeros(qsm.data.shape, np.uint8)
    for label, side in enumerate(("left", "right"), start=1):
        centre = (np.linalg.inv(qsm.affine) @ [*patient.truth.atria_mm[side], 1])[:3]
        labels[csf_roi(qsm.data.shape, (round(centre[0]), *centre[1:]), 3.0, qsm.spacing)] = label
    return labels


def test_with_true_masks_it_is_the_truth_of_the_phantom(phantom: Patient) -> None:
    truth = phantom.truth
    for values, within in ((truth.chi_ppb, 0.01), (phantom.images["qsm"].data, 0.5)):
        thalami, csf = (region_statistics(values, mask, 1.0) for mask in (truth.thalami > 0, truth.csf_atria))
        assert relative_ppb(thalami, csf) == pytest.approx(truth.relative_ppb, abs=within)


def test_its_standard_error_covers_the_truth_in_draws_of_smooth_noise(phantom: Patient) -> None:
    truth, labels, spacing = phantom.truth, _circles(phantom), phantom.images["qsm"].spacing
    where = ndimage.find_objects(((truth.thalami > 0) | (labels > 0)).astype(int))[0]
    thalami, labels, chi = truth.thalami[where] > 0, labels[where], truth.chi_ppb[where]
    rng = np.random.default_rng(5)
    off, errors, noise_errors = [], [], []
    for _ in range(100):
        noise = ndimage.gaussian_filter(rng.standard_normal(chi.shape), (0, 0.6, 0.6), mode="wrap")
        qsm = (chi + 4 * noise / noise.std()).astype(np.float32)
        thalamus, csf = (region_statistics(qsm, mask, 1.0) for mask in (thalami, labels > 0))
        per_sample = voxels_per_sample(qsm, labels, spacing)
        errors.append(relative_se_ppb(thalamus, csf, per_sample))
        noise_errors.append(np.sqrt(errors[-1] ** 2 - MAP_ERROR_PPB**2))
        off.append(relative_ppb(thalamus, csf) - truth.relative_ppb)
    assert (np.abs(off) <= 1.96 * np.array(errors)).sum() >= 90
    # As wide as it must be and hardly wider: what noise does is met by the part of the error that speaks of it.
    assert (np.abs(off) <= 1.96 * np.array(noise_errors)).sum() >= 90
    assert np.std(off) * 0.8 < np.mean(noise_errors) < np.std(off) * 1.4


def test_its_standard_error_covers_the_truth_in_draws_of_the_phantoms_own_noise(phantom: Patient) -> None:
    truth, labels, qsm = phantom.truth, _circles(phantom), phantom.images["qsm"]
    off, errors = [], []
    for seed in range(10):
        values = measured_map(
            truth.chi_ppb,
            phantom.images["magnitude"].data,
            qsm.data != 0,
            truth.tissue,
            qsm.spacing,
            np.random.default_rng(seed),
            2.5 * float(np.sqrt(0.5 / np.prod(qsm.spacing))),
        )
        thalamus, csf = (region_statistics(values, mask, 1.0) for mask in (truth.thalami > 0, labels > 0))
        errors.append(relative_se_ppb(thalamus, csf, voxels_per_sample(values, labels, qsm.spacing)))
        off.append(relative_ppb(thalamus, csf) - truth.relative_ppb)
    assert (np.abs(off) <= 1.96 * np.array(errors)).sum() >= 9
    assert np.mean(errors) < 1.2


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.8])
def test_voxels_of_smooth_noise_count_for_as_many_fewer_as_they_are_alike(smoothing: float) -> None:
    disc = csf_roi((5, 61, 61), (2, 30, 30), 10.0, (2, 0.5, 0.5)).astype(int)
    found, means, deviations = [], [], []
    for seed in range(60):
        noise = np.random.default_rng(seed).standard_normal(disc.shape).astype(np.float32)
        noise = ndimage.gaussian_filter(noise, (0, smoothing, smoothing)) if smoothing else noise
        found.append(voxels_per_sample(noise, disc, (2, 0.5, 0.5)))
        means.append(noise[disc > 0].mean())
        deviations.append(noise[disc > 0].std(ddof=1))
    true = np.var(means) * disc.sum() / np.mean(np.square(deviations))
    assert np.mean(found) == pytest.approx(true, rel=0.35)  # of 60 draws a variance is known to 18 %
    if smoothing:
        weights = ndimage.gaussian_filter(np.pad([[1.0]], 12), smoothing)
        assert np.mean(found) == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=0.15)


def test_what_is_too_little_for_a_standard_error_has_none_or_counts_each_voxel() -> None:
    some = statistics_of(np.array([1, 2, 4], np.float32), 1.0)
    one, none = statistics_of(np.array([1], np.float32), 1.0), statistics_of(np.empty(0, np.float32), 1.0)
    assert np.isnan([relative_se_ppb(some, one), relative_se_ppb(some, none), relative_se_ppb(none, some)]).all()
    noise_ppb = np.sqrt(some.sd_ppb**2 * (2 / 3))
    assert relative_se_ppb(some, some) == pytest.approx(np.hypot(noise_ppb, MAP_ERROR_PPB))
    qsm, labels = np.ones((1, 9, 9), np.float32), np.zeros((1, 9, 9), int)
    assert voxels_per_sample(qsm, labels, (1, 1, 1)) == 1
    labels[0, 4, 4:6] = 1
    assert voxels_per_sample(qsm, labels, (1, 1, 1)) == 1
