"""The suggestion of CSF circles against the phantom's truth and a healthy subject's ventricles."""

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.annotation import SuggestedCircle, csf_roi, suggest_csf
from thaliron_napari.errors import AnnotationError
from thaliron_napari.phantom import Patient, make_patient

SIDES = ("left", "right")


@pytest.fixture(scope="session")
def other() -> Patient:
    return make_patient("small", 5)


def _flair_on_qsm(patient: Patient) -> np.ndarray:
    qsm, flair = patient.images["qsm"], patient.images["flair"]
    there = np.linalg.inv(flair.affine) @ patient.truth.qsm_to_flair @ qsm.affine
    return ndimage.affine_transform(flair.data, there[:3, :3], there[:3, 3], output_shape=qsm.data.shape, order=1)


def _off_mm(patient: Patient, side: str, circle: SuggestedCircle) -> float:
    """How far from the middle of the atrium."""
    place = patient.images["qsm"].affine @ [*circle.centre, 1]
    return float(np.linalg.norm(place[:3] - patient.truth.atria_mm[side]))


def _check(patient: Patient, found: dict) -> None:
    truth, qsm = patient.truth, patient.images["qsm"]
    assert set(found) == set(SIDES)
    for side in SIDES:
        circle = found[side]
        mask = csf_roi(qsm.data.shape, circle.centre, circle.radius_mm, qsm.spacing)
        assert circle.radius_mm == 3
        assert circle.centre[0] == round(circle.centre[0])
        assert (truth.tissue[mask] == truth.tissue_names.index("csf")).all()
        assert np.abs(truth.chi_ppb[mask]).max() < 1  # no partial volume of plexus or wall
        assert _off_mm(patient, side, circle) < 12


@pytest.mark.parametrize("with_flair", [True, False])
def test_circles_lie_in_the_clean_csf_of_each_atrium(patient, flair_on_qsm, other, with_flair: bool) -> None:
    for one in (patient, other):
        flair = (flair_on_qsm if one is patient else _flair_on_qsm(one)) if with_flair else None
        qsm = one.images["qsm"]
        _check(one, suggest_csf(qsm.data, qsm.spacing, flair=flair))


def test_noise_and_calcified_plexus_do_not_lead_it_astray(patient, flair_on_qsm) -> None:
    truth, qsm = patient.truth, patient.images["qsm"]
    rng = np.random.default_rng(4)
    noise = ndimage.gaussian_filter(rng.standard_normal(qsm.data.shape), (0, 0.6, 0.6))
    data = qsm.data + (qsm.data != 0) * (5 / noise.std() * noise)
    calcified, dark = data.copy(), flair_on_qsm.copy()
    for label in (1, 2):  # balls of 5 mm across in the middle of each atrium, dark as fluid on the FLAIR
        place = np.linalg.inv(qsm.affine) @ [*truth.atria_mm[SIDES[label - 1]], 1]
        axes = zip(np.ogrid[*map(slice, data.shape)], place[:3], qsm.spacing, strict=True)
        away = np.sqrt(sum(((at - p) * s) ** 2 for at, p, s in axes))
        calcified[away < 2.5] = -150
        dark[away < 2.5] = 40
    found = suggest_csf(calcified, qsm.spacing, flair=dark)
    assert set(found) == set(SIDES)
    for circle in found.values():
        mask = csf_roi(data.shape, circle.centre, circle.radius_mm, qsm.spacing)
        assert not (calcified[mask] == -150).any()
        assert (truth.tissue[mask] == truth.tissue_names.index("csf")).all()


def test_a_side_without_clean_csf_is_left_out(patient, flair_on_qsm) -> None:
    qsm = patient.images["qsm"]
    flair = flair_on_qsm.copy()
    middle = qsm.data.shape[2] // 2
    flair[:, :, :middle] = np.where(flair[:, :, :middle] > 0, np.maximum(flair[:, :, :middle], 330), 0)
    assert set(suggest_csf(qsm.data, qsm.spacing, flair=flair)) == {"left"}
    with pytest.raises(AnnotationError, match="by hand"):
        suggest_csf(qsm.data, qsm.spacing, flair=np.where(flair_on_qsm > 0, np.maximum(flair_on_qsm, 330), 0))


def test_narrow_atria_get_smaller_circles(patient, flair_on_qsm) -> None:
    qsm = patient.images["qsm"]
    found = suggest_csf(qsm.data, qsm.spacing, flair=flair_on_qsm, radius_mm=9)
    for circle in found.values():
        assert 3 < circle.radius_mm < 9
        mask = csf_roi(qsm.data.shape, circle.centre, circle.radius_mm, qsm.spacing)
        assert (patient.truth.tissue[mask] == patient.truth.tissue_names.index("csf")).all()


def test_a_slab_is_enough_with_flair_and_refused_without(patient, flair_on_qsm) -> None:
    qsm = patient.images["qsm"]
    top, bottom = (int(f(np.flatnonzero(patient.truth.csf_atria.any(axis=(1, 2))))) for f in (max, min))
    slab = slice(bottom - 6, top + 7)
    found = suggest_csf(qsm.data[slab], qsm.spacing, flair=flair_on_qsm[slab])
    assert set(found) == set(SIDES)
    for circle in found.values():
        mask = csf_roi(qsm.data[slab].shape, circle.centre, circle.radius_mm, qsm.spacing)
        assert (np.abs(patient.truth.chi_ppb[slab][mask]) < 1).all()
    with pytest.raises(AnnotationError, match="top of the brain"):
        suggest_csf(qsm.data[slab], qsm.spacing)


def test_what_cannot_be_used_is_refused() -> None:
    image = np.ones((6, 20, 20), np.float32)
    for arguments, words in (
        (((image[0]), (1, 1, 1)), "three axes"),
        ((image, (1, 0, 1)), "spacing"),
        ((image * 0, (1, 1, 1)), "empty"),
        ((image, (1, 1, 1)), "too little of a head"),
    ):
        with pytest.raises(AnnotationError, match=words):
            suggest_csf(*arguments)
    with pytest.raises(AnnotationError, match="resample"):
        suggest_csf(image, (1, 1, 1), flair=image[1:])
    with pytest.raises(AnnotationError, match="radius"):
        suggest_csf(image, (1, 1, 1), radius_mm=0)
