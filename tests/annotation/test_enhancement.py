"""Uptake of contrast: against the phantom's truth, on made balls, and in words for what cannot be measured."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.annotation import Enhancement, enhancement, find_uptake
from thaliron_napari.errors import AnnotationError
from thaliron_napari.phantom import Image, Patient, make_patient

SPACING = (1.5, 1.0, 1.0)
SHAPE = (40, 60, 60)


def on_grid_of(image: Image, target: Image) -> NDArray[np.float32]:
    there = np.linalg.inv(image.affine) @ target.affine
    moved: NDArray[np.float32] = ndimage.affine_transform(
        image.data, there[:3, :3], there[:3, 3], output_shape=target.data.shape, order=1
    )
    return moved


def measured(labels, t1, t1_post, spacing=SPACING, *, white=None) -> dict[int, Enhancement]:
    return enhancement(labels, find_uptake(t1, t1_post, spacing, white=white, lesions=labels))


def called(case: Patient) -> tuple[set[int], set[int]]:
    flair = case.images["flair"]
    before, after = (on_grid_of(case.images[name], flair) for name in ("t1", "t1ce"))
    result = measured(case.truth.lesions, before, after, spacing=flair.spacing)
    truth = {info.number for info in case.truth.lesions_info if info.enhancing}
    return {number for number, lesion in result.items() if lesion.enhancing}, truth


def test_the_enhancing_lesion_of_the_phantom_and_no_other(patient: Patient) -> None:
    found, truth = called(patient)
    assert found == truth


@pytest.mark.parametrize("seed", [1, 2])
def test_other_phantoms(seed: int) -> None:
    found, truth = called(make_patient("small", seed))
    assert found == truth


def made() -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Four lesions in white matter of a skewed gain: none, all, a nodule of 4 mm, and a vein of 1 mm taking up."""
    rng = np.random.default_rng(0)
    z, y, x = np.indices(SHAPE) * np.reshape(SPACING, (3, 1, 1, 1))
    labels = np.zeros(SHAPE, np.int32)
    taken = np.zeros(SHAPE)
    for number, (cy, cx) in enumerate([(15, 15), (15, 45), (45, 15), (45, 45)], 1):
        labels[np.hypot(np.hypot(z - 30, y - cy), x - cx) < 7] = number
    taken[labels == 2] = 1
    taken[np.hypot(np.hypot(z - 30, y - 45), x - 15) < 3] = 1
    taken[(labels == 4) & (np.abs(y - 45) < 0.6) & (np.abs(x - 45) < 0.6)] = 1
    before = np.where(labels > 0, 70.0, 100.0)
    after = (before + 50 * taken) * (1 + 0.004 * x)
    noise = rng.normal(0, 2, (2, *SHAPE))
    return labels, before + noise[0], after + noise[1], labels == 0


def test_a_nodule_enhances_and_a_vein_does_not() -> None:
    labels, before, after, white = made()
    result = measured(labels, before, after, white=white)
    assert {number: lesion.enhancing for number, lesion in result.items()} == {1: False, 2: True, 3: True, 4: False}
    assert result[1].ratio == pytest.approx(1, abs=0.1)
    assert result[2].ratio == pytest.approx(120 / 70, abs=0.2)
    assert result[2].volume_mm3 == pytest.approx((labels == 2).sum() * 1.5, rel=0.15)


@pytest.mark.parametrize(("first", "second"), [(0.01, 30.0), (100.0, 100.0)])
def test_the_gains_of_the_scans_change_nothing(first: float, second: float) -> None:
    labels, before, after, white = made()
    expected = measured(labels, before, after, white=white)
    result = measured(labels, first * before, second * after, white=white)
    for number, lesion in expected.items():
        assert result[number].ratio == pytest.approx(lesion.ratio, rel=1e-3)
        assert result[number].enhancing == lesion.enhancing


def test_flips_change_nothing() -> None:
    arrays = made()
    expected = measured(*arrays[:3], white=arrays[3])
    labels, before, after, white = (np.flip(array, (0, 2)) for array in arrays)
    result = measured(labels, before, after, white=white)
    for number, lesion in expected.items():
        assert result[number].ratio == pytest.approx(lesion.ratio, rel=1e-3)
        assert result[number].enhancing == lesion.enhancing


def test_no_lesion_gives_nothing() -> None:
    _, before, after, white = made()
    assert measured(np.zeros(SHAPE, int), before, after, white=white) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": np.zeros(SHAPE)}, "whole numbers"),
        ({"labels": np.full(SHAPE, -1)}, "from 1"),
        ({"labels": np.ones((2, 2, 2), int)}, "one grid"),
        ({"t1": np.zeros((3, 3))}, "3D image"),
        ({"t1_post": np.ones((2, 2, 2))}, "after contrast"),
        ({"t1_post": np.full(SHAPE, np.inf)}, "not numbers"),
        ({"spacing": (1, 0, 1)}, "spacing"),
        ({"white": np.ones((2, 2, 2), bool)}, "white matter"),
        ({"white": np.zeros(SHAPE, bool)}, "white matter"),
    ],
)
def test_what_cannot_be_measured_is_said(change: dict, words: str) -> None:
    labels, before, after, white = made()
    given = {"labels": labels, "t1": before, "t1_post": after, "spacing": SPACING, "white": white} | change
    with pytest.raises(AnnotationError, match=words):
        enhancement(given.pop("labels"), find_uptake(**given))
