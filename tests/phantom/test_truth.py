"""The truth agrees with itself, with the anatomy and with the literature's numbers."""

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.phantom import Patient, make_patient

from .conftest import voxel, world


@pytest.fixture(params=["patient", "other"])
def any_patient(request: pytest.FixtureRequest) -> Patient:
    found: Patient = request.getfixturevalue(request.param)
    return found


def test_left_is_the_patients_left(any_patient: Patient) -> None:
    truth, qsm = any_patient.truth, any_patient.images["qsm"]
    for label, side in ((1, "left"), (2, "right")):
        sign = -1 if side == "left" else 1
        assert (np.sign(world(qsm, np.argwhere(truth.thalami == label))[:, 0]) == sign).mean() > 0.999
        assert np.sign(truth.atria_mm[side][0]) == sign


def test_arrays_run_up_backwards_and_to_the_left(patient: Patient) -> None:
    for image in patient.images.values():
        assert image.data.dtype == np.float32
        assert image.data.flags.c_contiguous
        towards = image.affine[:3, :3] / image.spacing
        np.testing.assert_allclose(towards, [[0, 0, -1], [0, -1, 0], [1, 0, 0]], atol=1e-9)


def test_thalami_have_the_size_of_thalami_and_the_left_is_larger(any_patient: Patient) -> None:
    truth = any_patient.truth
    assert 1.01 < truth.volumes_ml["left"] / truth.volumes_ml["right"] < 1.06
    assert all(5.5 < ml < 8 for ml in truth.volumes_ml.values())
    voxel_ml = np.prod(any_patient.images["qsm"].spacing) / 1000
    for label, side in ((1, "left"), (2, "right")):
        assert (truth.thalami == label).sum() * voxel_ml == pytest.approx(truth.volumes_ml[side], rel=0.03)


@pytest.mark.parametrize(
    ("tissue", "ppb"),
    [("csf", 0), ("caudate", 25), ("putamen", 19), ("pallidum", 111), ("red nucleus", 81), ("substantia nigra", 92)],
)
def test_nuclei_have_the_susceptibility_of_the_literature(patient: Patient, tissue: str, ppb: float) -> None:
    truth = patient.truth
    inner = ndimage.binary_erosion(truth.tissue == truth.tissue_names.index(tissue))
    inner &= ~ndimage.binary_dilation(truth.veins, iterations=2)
    assert inner.any()
    assert np.median(truth.chi_ppb[inner]) == pytest.approx(ppb, abs=0.5)


def test_white_matter_and_blood_have_the_susceptibility_of_the_literature(patient: Patient) -> None:
    truth = patient.truth
    white = ndimage.binary_erosion(truth.tissue == truth.tissue_names.index("white matter"), iterations=2)
    assert truth.chi_ppb[white].mean() == pytest.approx(-49, abs=1)
    assert truth.chi_ppb.max() == pytest.approx(171, abs=0.5)


def test_thalamus_is_29_below_csf_and_the_pulvinar_20_above_the_rest(any_patient: Patient) -> None:
    truth, qsm = any_patient.truth, any_patient.images["qsm"]
    within = truth.thalami > 0
    assert truth.relative_ppb == pytest.approx(-29, abs=0.01)
    assert truth.relative_ppb == pytest.approx(truth.chi_ppb[within].mean(), abs=0.01)
    inner = ndimage.binary_erosion(within)
    ahead = world(qsm, np.argwhere(inner))[:, 1]
    behind, front = np.percentile(ahead, [12, 50])
    chi = truth.chi_ppb[inner]
    assert np.median(chi[ahead < behind]) - np.median(chi[ahead > front]) == pytest.approx(20, abs=1)


def test_veins_and_thalami_touch_and_do_not_overlap(any_patient: Patient) -> None:
    truth = any_patient.truth
    assert not (truth.veins & (truth.thalami > 0)).any()
    for label in (1, 2):
        rim = ndimage.binary_dilation(truth.thalami == label) & truth.veins
        height = np.argwhere(rim)[:, 0]
        middle = np.argwhere(truth.thalami == label)[:, 0].mean()
        assert (height > middle).any(), "internal cerebral vein above"
        assert (height < middle).any(), "basal vein below"


def test_a_disc_of_3_mm_in_each_atrium_is_csf(any_patient: Patient) -> None:
    truth, qsm = any_patient.truth, any_patient.images["qsm"]
    csf = truth.tissue_names.index("csf")
    for centre in truth.atria_mm.values():
        at = np.rint(voxel(qsm, np.array(centre)))[0].astype(int)
        plane = np.argwhere(np.ones(qsm.data.shape[1:], bool))
        points = world(qsm, np.column_stack([np.full(len(plane), at[0]), plane]))
        disc = plane[np.linalg.norm(points[:, :2] - centre[:2], axis=1) <= 3]
        assert len(disc) > 20
        assert truth.csf_atria[at[0], disc[:, 0], disc[:, 1]].all()
    assert np.abs(truth.chi_ppb[truth.csf_atria]).max() < 0.2
    assert (truth.tissue[truth.csf_atria] == csf).all()


def test_cortex_is_a_folded_ribbon(patient: Patient) -> None:
    truth, qsm = patient.truth, patient.images["qsm"]
    named = {name: truth.tissue == number for number, name in enumerate(truth.tissue_names)}
    level = round(voxel(qsm, np.array([0, -20, 45.0]))[0][0])
    grey, white, csf = (named[n][level] for n in ("grey matter", "white matter", "csf"))
    from skimage.measure import perimeter
    from skimage.morphology import convex_hull_image

    brain = grey | white | named["lesion"][level]
    folding = perimeter(brain) / perimeter(convex_hull_image(brain))
    assert folding > 1.8
    assert (white & ndimage.binary_dilation(csf)).sum() < 0.02 * white.sum()
    # A ribbon of 2.7 mm, seen in part aslant: most of it within 3 mm of its edge.
    assert np.percentile(ndimage.distance_transform_edt(grey), 95) < 4


def test_lesions_are_where_they_say(any_patient: Patient) -> None:
    truth, flair = any_patient.truth, any_patient.images["flair"]
    assert len(truth.lesions_info) >= 10
    assert sorted(np.unique(truth.lesions)) == list(range(len(truth.lesions_info) + 1))
    assert {i.kind for i in truth.lesions_info} == {"periventricular", "juxtacortical", "deep"}
    assert sum(i.enhancing for i in truth.lesions_info) == 1
    assert min(i.volume_ml for i in truth.lesions_info) > 0.07
    voxel_ml = np.prod(flair.spacing) / 1000
    for lesion in truth.lesions_info:
        at = np.rint(voxel(flair, np.array(lesion.centre)))[0].astype(int)
        assert truth.lesions[tuple(at)] == lesion.number
        assert (truth.lesions == lesion.number).sum() * voxel_ml == pytest.approx(lesion.volume_ml, rel=0.25)


def test_lesions_touch_what_their_kind_says(any_patient: Patient) -> None:
    truth, flair, qsm = any_patient.truth, any_patient.images["flair"], any_patient.images["qsm"]
    to_qsm = np.linalg.inv(truth.qsm_to_flair)

    def nearest(lesion: int, tissue: str) -> float:
        points = world(flair, np.argwhere(truth.lesions == lesion)) @ to_qsm[:3, :3].T + to_qsm[:3, 3]
        away = ndimage.distance_transform_edt(truth.tissue != truth.tissue_names.index(tissue), sampling=qsm.spacing)
        index = np.clip(np.rint(voxel(qsm, points)).astype(int), 0, np.array(away.shape) - 1)
        return float(away[tuple(index.T)].min())

    for lesion in truth.lesions_info:
        if lesion.kind == "periventricular":
            assert nearest(lesion.number, "ventricle lining") < 3
        if lesion.kind == "juxtacortical":
            assert nearest(lesion.number, "grey matter") < 3


def test_offset_is_rigid_small_and_not_nothing(any_patient: Patient) -> None:
    offset = any_patient.truth.qsm_to_flair
    np.testing.assert_allclose(offset[:3, :3] @ offset[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(offset[:3, :3]) == pytest.approx(1)
    middle = np.array([0, -17, 12, 1.0])
    assert 1 < np.linalg.norm((offset @ middle - middle)[:3]) < 5


def test_same_seed_same_patient(patient: Patient, other: Patient) -> None:
    again = make_patient("small", seed=7)
    for name, image in patient.images.items():
        np.testing.assert_array_equal(image.data, again.images[name].data)
        assert not np.array_equal(image.data, other.images[name].data)
    np.testing.assert_array_equal(patient.truth.lesions, again.truth.lesions)
    assert patient.truth.lesions_info == again.truth.lesions_info
    assert patient.truth.lesions_info != other.truth.lesions_info


def test_unknown_size_is_refused() -> None:
    with pytest.raises(ValueError, match="'small' or 'full'"):
        make_patient("huge")  # type: ignore[arg-type]
