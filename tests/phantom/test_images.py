"""The images show what the truth says."""

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.phantom import Patient
from thaliron_napari.phantom.contrasts import FLAIR, MAGNITUDE

from .conftest import voxel, world


def mean_relative_ppb(patient: Patient) -> float:
    """What a reader with the true thalami and two circles of 3 mm would measure."""
    truth, qsm = patient.truth, patient.images["qsm"]
    plane = np.argwhere(np.ones(qsm.data.shape[1:], bool))
    csf = []
    for centre in truth.atria_mm.values():
        level = round(voxel(qsm, np.array(centre))[0][0])
        off = world(qsm, np.column_stack([np.full(len(plane), level), plane])) - centre
        disc = plane[np.hypot(off[:, 0], off[:, 1]) <= 3]
        csf.append(qsm.data[level, disc[:, 0], disc[:, 1]])
    return float(qsm.data[truth.thalami > 0].mean() - np.concatenate(csf).mean())


def test_relative_susceptibility_can_be_read_off_the_noisy_map(patient: Patient, other: Patient) -> None:
    assert mean_relative_ppb(patient) == pytest.approx(-29, abs=1.5)
    assert mean_relative_ppb(other) == pytest.approx(-29, abs=2.5)


def test_map_is_noisy_and_masked(patient: Patient) -> None:
    truth, qsm = patient.truth, patient.images["qsm"]
    off = (qsm.data - truth.chi_ppb)[truth.csf_atria]
    assert 1 < off.std() < 8
    outside = np.isin(truth.tissue, [truth.tissue_names.index(n) for n in ("outside", "scalp", "bone")])
    assert (qsm.data[outside] == 0).all()


def test_veins_bloom(patient: Patient) -> None:
    truth, qsm = patient.truth, patient.images["qsm"]
    # Only deep veins: their surroundings are quiet, and the map reaches all round them.
    deep = ndimage.binary_dilation(truth.thalami > 0, iterations=3) & truth.veins
    rim = ndimage.binary_dilation(deep, np.ones((1, 3, 3), bool), iterations=2) & ~ndimage.binary_dilation(
        truth.chi_ppb > 5
    )
    assert qsm.data[rim].mean() > truth.chi_ppb[rim].mean() + 2
    assert qsm.data[deep].mean() < truth.chi_ppb[deep].mean()
    assert qsm.data[deep].mean() > 50


@pytest.mark.parametrize("name", ["flair", "t1"])
def test_tissues_stand_in_the_order_of_the_contrast(patient: Patient, name: str) -> None:
    if name == "flair":
        order = ["csf", "white matter", "grey matter", "lesion"]
    else:
        order = ["csf", "grey matter", "thalamus left", "white matter"]
    values = [tissue_median(patient, name, tissue) for tissue in order]
    assert values == sorted(values)
    assert min(np.diff(values)) > 25


def tissue_median(patient: Patient, name: str, tissue: str) -> float:
    """Median of an image over the inside of a tissue of the QSM grid, through the true offset."""
    truth, qsm, image = patient.truth, patient.images["qsm"], patient.images[name]
    inner = ndimage.binary_erosion(truth.tissue == truth.tissue_names.index(tissue))
    points = world(qsm, np.argwhere(inner)) @ truth.qsm_to_flair[:3, :3].T + truth.qsm_to_flair[:3, 3]
    return float(np.median(ndimage.map_coordinates(image.data, voxel(image, points).T, order=1)))


def test_offset_brings_the_images_together(patient: Patient) -> None:
    truth, qsm, flair = patient.truth, patient.images["qsm"], patient.images["flair"]
    expected = np.array([FLAIR.get(n, 0) for n in truth.tissue_names])[truth.tissue]
    brain = qsm.data != 0
    brain[::2] = False
    points = world(qsm, np.argwhere(brain))

    def agreement(offset: np.ndarray) -> float:
        moved = points @ offset[:3, :3].T + offset[:3, 3]
        seen = ndimage.map_coordinates(flair.data, voxel(flair, moved).T, order=1)
        return float(np.corrcoef(seen, expected[brain])[0, 1])

    true = agreement(truth.qsm_to_flair)
    assert true > 0.8
    assert true > agreement(np.eye(4)) + 0.1
    for axis in range(3):
        for step in (-0.7, 0.7):
            off = np.eye(4)
            off[axis, 3] = step
            assert true > agreement(off @ truth.qsm_to_flair)


def test_magnitude_lies_on_the_map(patient: Patient) -> None:
    truth = patient.truth
    expected = np.array([MAGNITUDE.get(n, 0) for n in truth.tissue_names])[truth.tissue]
    assert np.corrcoef(patient.images["magnitude"].data.ravel(), expected.ravel())[0, 1] > 0.9


def test_only_the_enhancing_lesion_takes_up_contrast(patient: Patient) -> None:
    truth, flair = patient.truth, patient.images["flair"]
    before, after = patient.images["t1"], patient.images["t1ce"]
    np.testing.assert_array_equal(before.affine, after.affine)
    taken_up = {}
    for lesion in truth.lesions_info:
        inner = truth.lesions == lesion.number
        places = voxel(before, world(flair, np.argwhere(inner))).T
        values = [ndimage.map_coordinates(i.data, places, order=1).mean() for i in (before, after)]
        taken_up[lesion.number] = values[1] / values[0] - 1
    enhancing = next(i.number for i in truth.lesions_info if i.enhancing)
    assert taken_up[enhancing] > 0.4
    assert max(abs(v) for n, v in taken_up.items() if n != enhancing) < 0.3


def test_images_have_a_bias_field(patient: Patient) -> None:
    truth, qsm = patient.truth, patient.images["qsm"]
    white = ndimage.binary_erosion(truth.tissue == truth.tissue_names.index("white matter"), iterations=2)
    ahead = world(qsm, np.argwhere(white))
    values = patient.images["magnitude"].data[white]
    octant = (ahead > np.median(ahead, axis=0)) @ [1, 2, 4]
    means = [values[octant == k].mean() for k in range(8)]
    assert 1.02 < max(means) / min(means) < 1.5
