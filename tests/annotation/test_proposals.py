"""Lesions proposed for a whole case: against truth, by property, and in words for what cannot be searched."""

from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.annotation import NormalTissue, normal_tissue, propose_lesions
from thaliron_napari.errors import AnnotationError
from thaliron_napari.phantom import Patient

SPACING = (2.0, 2.0, 2.0)
WHITE, GREY, FLUID, LESION = 100.0, 110.0, 25.0, 150.0


def depth_in(shape: tuple[int, ...], centre: tuple[float, ...], radii: tuple[float, ...]) -> NDArray[np.float64]:
    """Depth in an ellipsoid, roughly in mm; centre in mm from the middle of the image."""
    squares = [
        (((np.arange(n) - (n - 1) / 2) * 2.0 - c) / r) ** 2 for n, c, r in zip(shape, centre, radii, strict=True)
    ]
    return (1 - np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])) * min(radii)


@cache
def head() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int_]]:
    """FLAIR, T1 and two lesions of a skull-stripped head with a septum as bright as cortex between its ventricles."""
    shape = (60, 75, 65)
    brain = depth_in(shape, (0, 0, 0), (50, 65, 55))
    ventricles = depth_in(shape, (0, 0, 0), (12, 28, 12)) > 0
    septum = ventricles & (np.abs(np.arange(65) - 32) < 1)
    truth = np.where(depth_in(shape, (8, -20, 28), (7, 8, 7)) > 0, 1, 0)
    truth = np.where((depth_in(shape, (0, 5, -16), (5, 20, 6)) > 0) & ~ventricles, 2, truth)
    kinds = [brain < 0, septum, ventricles, truth > 0, brain > 3]
    rng = np.random.default_rng(3)
    flair, t1 = (
        ndimage.gaussian_filter(np.select(kinds, signals, cortex), 0.4) + rng.normal(0, 4, shape)
        for signals, cortex in (([0.0, GREY, FLUID, LESION, WHITE], GREY), ([0.0, 70.0, 20.0, 75.0, 100.0], 70.0))
    )
    flair, t1 = (np.where(brain > -1, image, 0).astype(np.float32) for image in (flair, t1))
    return flair, t1, truth


@cache
def tissue_of_head() -> NormalTissue:
    return normal_tissue(head()[0], SPACING)


def found_in(labels: NDArray[np.int32], truth: NDArray[np.integer]) -> tuple[set[int], int]:
    """Lesions of the truth that are covered by a tenth or more, and proposals on none of them."""
    covered = {int(n) for n in np.unique(truth) if n and (labels[truth == n] > 0).mean() >= 0.1}
    return covered, len(set(np.unique(labels)) - set(np.unique(labels[truth > 0])) - {0})


@pytest.mark.parametrize("with_t1", [False, True])
def test_all_lesions_of_a_head_and_nothing_else(with_t1: bool) -> None:
    flair, t1, truth = head()
    labels = propose_lesions(flair, SPACING, tissue=tissue_of_head(), t1=t1 if with_t1 else None)
    assert labels.dtype == np.int32
    assert found_in(labels, truth) == ({1, 2}, 0)
    proposed = labels > 0
    assert 2 * (proposed & (truth > 0)).sum() / (proposed.sum() + (truth > 0).sum()) > 0.85


def test_the_phantom_with_its_skull(patient: Patient) -> None:
    flair = patient.images["flair"]
    truth = np.asarray(patient.truth.lesions)
    labels = propose_lesions(flair.data, flair.spacing)
    covered, wrong = found_in(labels, truth)
    assert covered == set(range(1, truth.max() + 1))
    assert wrong <= 2
    proposed = labels > 0
    assert 2 * (proposed & (truth > 0)).sum() / (proposed.sum() + (truth > 0).sum()) > 0.85


def test_a_head_without_lesions() -> None:
    flair, _, truth = head()
    rng = np.random.default_rng(5)
    normal = np.where(ndimage.binary_dilation(truth > 0, iterations=2), rng.normal(WHITE, 4, flair.shape), flair)
    assert propose_lesions(normal, SPACING).max() == 0


def test_labels_are_numbered_without_gaps_and_do_not_touch() -> None:
    labels = propose_lesions(head()[0], SPACING, tissue=tissue_of_head())
    assert sorted(np.unique(labels)) == list(range(labels.max() + 1))
    for number in range(1, labels.max() + 1):
        around = ndimage.binary_dilation(labels == number, np.ones((3, 3, 3)))
        assert set(np.unique(labels[around])) <= {0, number}
    again = propose_lesions(head()[0], SPACING, tissue=tissue_of_head())
    np.testing.assert_array_equal(labels, again)


@pytest.mark.parametrize(("scale", "offset"), [(0.01, 0.0), (7.0, 20.0), (4000.0, -300.0)])
def test_unit_and_offset_of_the_signals_change_nothing(scale: float, offset: float) -> None:
    flair, t1, _ = head()
    expected = propose_lesions(flair, SPACING, t1=t1)
    np.testing.assert_array_equal(
        propose_lesions((flair + offset) * scale, SPACING, t1=(t1 - offset) * scale), expected
    )


@pytest.mark.parametrize(("order", "axes"), [((0, 1, 2), (0, 2)), ((2, 0, 1), (1,))])
def test_flips_and_axis_orders_change_nothing(order: tuple[int, ...], axes: tuple[int, ...]) -> None:
    flair = head()[0]
    expected = np.flip(propose_lesions(flair, SPACING, tissue=tissue_of_head()).transpose(order), axes)
    np.testing.assert_array_equal(propose_lesions(np.flip(flair.transpose(order), axes), SPACING), expected)


def test_nothing_outside_the_mask_nor_below_the_smallest_volume() -> None:
    flair, _, truth = head()
    within = np.ones(flair.shape, bool)
    within[:, :, :32] = False
    labels = propose_lesions(flair, SPACING, tissue=tissue_of_head(), within=within)
    assert found_in(labels, truth)[0] == {1}
    assert not labels[~within].any()
    all_ml = np.bincount(propose_lesions(flair, SPACING, tissue=tissue_of_head()).ravel())[1:] * 8 / 1000
    few = propose_lesions(flair, SPACING, tissue=tissue_of_head(), least_ml=float(all_ml.max()))
    assert few.max() == (all_ml == all_ml.max()).sum()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spacing": (1, 1)}, "spacing"),
        ({"flair": np.zeros((4, 4))}, "3D"),
        ({"t1": np.zeros((2, 2, 2))}, "onto the FLAIR's grid"),
        ({"t1": np.full((60, 75, 65), np.nan)}, "not numbers"),
        ({"t1": "inverted"}, "darker than white matter"),
        ({"within": np.ones((2, 2, 2), bool)}, "mask"),
        ({"least_ml": -1}, "smallest volume"),
        ({"tissue": "other"}, "estimate it anew"),
    ],
)
def test_what_cannot_be_searched_is_said(change: dict, words: str) -> None:
    flair, t1, _ = head()
    given = {"flair": flair, "spacing": SPACING, "tissue": tissue_of_head()} | change
    if isinstance(given.get("t1"), str):
        given["t1"] = 200 - t1
    if isinstance(given["tissue"], str):
        given["tissue"] = normal_tissue(flair[1:], SPACING)
    with pytest.raises(AnnotationError, match=words):
        propose_lesions(given.pop("flair"), given.pop("spacing"), **given)


def test_values_that_are_not_numbers_are_refused() -> None:
    flair = head()[0].copy()
    flair[30, 30, 30] = np.nan
    with pytest.raises(AnnotationError, match="not numbers"):
        propose_lesions(flair, SPACING, tissue=tissue_of_head())


def test_most_lesions_of_a_real_patient_with_few_proposals_too_many(shared_data: Path) -> None:
    folder = shared_data / "open_ms" / "patient26"
    flair = nib.load(folder / "FLAIR.nii.gz").get_fdata(dtype=np.float32)
    consensus = np.asarray(nib.load(folder / "lesions_consensus.nii.gz").dataobj) > 0
    truth, _ = ndimage.label(consensus, np.ones((3, 3, 3)))
    large = np.isin(truth, np.flatnonzero(np.bincount(truth.ravel()) >= 10)) * truth
    labels = propose_lesions(flair, np.ones(3))
    covered, _ = found_in(labels, large)
    assert len(covered) >= 9
    assert found_in(labels, truth)[1] <= 12
    assert 2 * ((labels > 0) & consensus).sum() / ((labels > 0).sum() + consensus.sum()) > 0.7
