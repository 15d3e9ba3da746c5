"""A first contour from one click: near the truth, on its side, off the veins, and refused where there is none."""

import numpy as np
import pytest

from thaliron_napari.annotation import find_veins, first_contour, midline
from thaliron_napari.errors import AnnotationError
from thaliron_napari.phantom import Patient

LABEL = {"left": 1, "right": 2}
SIDES = tuple(LABEL)


def _middle(patient: Patient, side: str) -> np.ndarray:
    return np.argwhere(patient.truth.thalami == LABEL[side]).mean(axis=0)


def _voxel(place: np.ndarray) -> tuple[int, int, int]:
    z, y, x = np.round(place).astype(int).tolist()
    return z, y, x


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("away_mm", [(0, 0, 0), (3, 0, 0), (-3, 0, 0), (0, 6, 0), (0, -6, 0), (0, 0, 3), (0, 0, -3)])
def test_a_click_well_inside_gives_the_thalamus(patient: Patient, flair_on_qsm, side: str, away_mm) -> None:
    qsm = patient.images["qsm"]
    out = 1 if side == "left" else -1
    # The long axis of a thalamus runs backwards and outwards.
    moved = np.array([away_mm[0], away_mm[1], out * (away_mm[2] + 0.45 * away_mm[1])])
    click = _voxel(_middle(patient, side) + moved / qsm.spacing)
    mask = first_contour(click, qsm.spacing, [qsm.data, flair_on_qsm], side=side, avoid=patient.truth.veins)
    assert mask.shape == qsm.data.shape
    assert mask[click]
    assert _dice(mask, patient.truth.thalami == LABEL[side]) > 0.85
    assert 3 < mask.sum() * np.prod(qsm.spacing) / 1000 < 12


@pytest.mark.parametrize("side", SIDES)
def test_a_susceptibility_map_alone_gives_most_of_it(patient: Patient, side: str) -> None:
    qsm = patient.images["qsm"]
    mask = first_contour(_voxel(_middle(patient, side)), qsm.spacing, qsm.data, side=side)
    assert _dice(mask, patient.truth.thalami == LABEL[side]) > 0.75


@pytest.mark.parametrize("side", SIDES)
def test_it_never_takes_what_is_to_be_avoided_nor_the_other_side(patient: Patient, flair_on_qsm, side: str) -> None:
    qsm = patient.images["qsm"]
    click = _voxel(_middle(patient, side))
    avoid = find_veins(qsm.data, qsm.spacing)
    avoid[:, click[1] + 3 :] = True  # a wall right behind the click
    mask = first_contour(click, qsm.spacing, [qsm.data, flair_on_qsm], side=side, avoid=avoid)
    assert mask.any()
    assert not (mask & avoid).any()
    plane = midline(flair_on_qsm, qsm.spacing)
    z, y, x = np.nonzero(mask) * qsm.spacing[:, None]
    out_mm = (x - plane.at(y, z)) * (1 if side == "left" else -1)
    assert out_mm.min() > -1.0
    assert np.median(out_mm) > 5


def test_the_same_click_gives_the_same_and_neither_units_nor_a_crop_matter(patient: Patient, flair_on_qsm) -> None:
    qsm = patient.images["qsm"]
    click = _voxel(_middle(patient, "left"))
    one = first_contour(click, qsm.spacing, [qsm.data, flair_on_qsm], side="left")
    np.testing.assert_array_equal(first_contour(click, qsm.spacing, [qsm.data, flair_on_qsm], side="left"), one)
    other_units = first_contour(click, qsm.spacing, [qsm.data / 1000, flair_on_qsm * 7], side="left")
    assert _dice(other_units, one) > 0.99
    first = np.maximum(np.array(click) - np.ceil(45 / qsm.spacing).astype(int), 0)
    last = np.array(click) + np.ceil(45 / qsm.spacing).astype(int)
    box = tuple(slice(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True))
    cropped = first_contour(_voxel(click - first), qsm.spacing, [qsm.data[box], flair_on_qsm[box]], side="left")
    np.testing.assert_array_equal(cropped, one[box])


def test_holes_in_an_image_do_not_matter(patient: Patient, flair_on_qsm) -> None:
    qsm = patient.images["qsm"]
    holed = qsm.data.copy()
    holed[patient.truth.veins] = np.nan
    mask = first_contour(_voxel(_middle(patient, "right")), qsm.spacing, [holed, flair_on_qsm], side="right")
    assert _dice(mask, patient.truth.thalami == 2) > 0.85


def test_a_click_elsewhere_is_refused(patient: Patient, flair_on_qsm) -> None:
    qsm = patient.images["qsm"]
    images, middle = [qsm.data, flair_on_qsm], _middle(patient, "left")
    with pytest.raises(AnnotationError, match="other side of the midline"):
        first_contour(_voxel(middle), qsm.spacing, images, side="right")
    with pytest.raises(AnnotationError, match="dark as fluid"):
        first_contour(_atrium(patient), qsm.spacing, images, side="left")
    with pytest.raises(AnnotationError, match="nothing in the images"):
        first_contour((5, 0, 0), qsm.spacing, [qsm.data], side="left")
    with pytest.raises(AnnotationError, match="on a vein"):
        first_contour(_voxel(middle), qsm.spacing, images, side="left", avoid=np.ones(qsm.data.shape, bool))


def test_arguments_that_do_not_fit_are_refused(patient: Patient) -> None:
    qsm = patient.images["qsm"]
    click = _voxel(_middle(patient, "left"))
    with pytest.raises(AnnotationError, match="must be a voxel"):
        first_contour((click[0], click[1], qsm.data.shape[2]), qsm.spacing, qsm.data, side="left")
    with pytest.raises(AnnotationError, match="must be a voxel"):
        first_contour((-1, 3, 3), qsm.spacing, qsm.data, side="left")
    with pytest.raises(AnnotationError, match="does not lie on the grid"):
        first_contour(click, qsm.spacing, [qsm.data, qsm.data[1:]], side="left")
    with pytest.raises(AnnotationError, match="does not lie on the grid"):
        first_contour(click, qsm.spacing, qsm.data, side="left", avoid=patient.truth.veins[1:])
    with pytest.raises(AnnotationError, match="load one first"):
        first_contour(click, qsm.spacing, [], side="left")
    with pytest.raises(AnnotationError, match="positive lengths"):
        first_contour(click, (1, 0, 1), qsm.data, side="left")
    with pytest.raises(AnnotationError, match='"left" or "right"'):
        first_contour(click, qsm.spacing, qsm.data, side="both")


def _atrium(patient: Patient) -> tuple[int, int, int]:
    z, y, x = np.argwhere(patient.truth.csf_atria)[0].tolist()
    return z, y, x
