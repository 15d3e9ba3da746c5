"""The places of lesions: by masks, guessed from the FLAIR of the phantom, and in words for what cannot be placed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from thaliron_napari.annotation import Place, guess_landmarks, landmarks_of_masks, normal_tissue, place_lesions
from thaliron_napari.errors import AnnotationError
from thaliron_napari.phantom import Patient

SHAPE = (20, 40, 60)


def slab(start: int, stop: int) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    mask[:, :, start:stop] = True
    return mask


def lesions(*starts: int) -> NDArray[np.int32]:
    """Lesions of 3 voxels along x that start at the given columns."""
    labels = np.zeros(SHAPE, np.int32)
    for number, start in enumerate(starts, 1):
        labels[10, 4 * number : 4 * number + 3, start : start + 3] = number
    return labels


def placed(labels, spacing=(1, 1, 1), **masks) -> dict[int, Place]:
    return place_lesions(labels, landmarks_of_masks(spacing, **masks))


def test_gaps_to_masks_decide() -> None:
    labels = lesions(10, 13, 14, 30, 46, 47)
    places = placed(labels, (1, 1, 1), ventricles=slab(0, 10), cortex=slab(50, 60))
    assert [place.name for place in places.values()] == [
        "periventricular",
        "periventricular",
        "deep white matter",
        "deep white matter",
        "juxtacortical",
        "juxtacortical",
    ]
    assert [place.distance_mm for place in places.values()] == pytest.approx([0, 3, 4, 17, 1, 0])
    assert not any(place.estimated for place in places.values())


def test_gaps_are_in_mm() -> None:
    labels = lesions(12, 30)
    near = placed(labels, (1, 1, 1), ventricles=slab(0, 10), cortex=slab(50, 60))
    far = placed(labels, (2, 2, 2), ventricles=slab(0, 10), cortex=slab(50, 60))
    assert near[1].name == "periventricular"
    assert far[1].name == "deep white matter"
    assert far[1].distance_mm == pytest.approx(2 * near[1].distance_mm)


def test_the_hindbrain_comes_first_and_ventricles_before_cortex() -> None:
    labels = lesions(10, 10)
    below = np.zeros(SHAPE, bool)
    below[:, 8:] = True
    places = placed(labels, (1, 1, 1), ventricles=slab(0, 10), cortex=slab(13, 60), infratentorial=below)
    assert [place.name for place in places.values()] == ["periventricular", "infratentorial"]


def test_numbers_with_gaps_keep_their_names() -> None:
    labels = lesions(10, 30)
    labels[labels == 2] = 7
    places = placed(labels, (1, 1, 1), ventricles=slab(0, 10), cortex=slab(50, 60))
    assert list(places) == [1, 7]


def test_an_empty_mask_is_infinitely_far() -> None:
    empty = np.zeros(SHAPE, bool)
    places = placed(lesions(10), (1, 1, 1), ventricles=empty, cortex=empty)
    assert places[1].name == "deep white matter"
    assert places[1].distance_mm == np.inf


def test_the_phantom_guessed_from_its_flair(patient: Patient) -> None:
    flair = patient.images["flair"]
    tissue = normal_tissue(flair.data, flair.spacing)
    places = place_lesions(patient.truth.lesions, guess_landmarks(flair.data, flair.spacing, tissue=tissue))
    assert all(place.estimated for place in places.values())
    kinds = {info.number: info.kind for info in patient.truth.lesions_info}
    for number, place in places.items():
        if kinds[number] == "deep":  # the larger of them reach up to the cortex, by the phantom's own tissue as well
            assert place.name in ("deep white matter", "juxtacortical")
        else:
            assert place.name == kinds[number]
    # Places do not hang on the unit of the FLAIR nor on how it lies.
    other = place_lesions(patient.truth.lesions, guess_landmarks(3 * flair.data + 50, flair.spacing))
    assert {n: p.name for n, p in other.items()} == {n: p.name for n, p in places.items()}
    flipped = place_lesions(
        np.flip(patient.truth.lesions, (0, 2)), guess_landmarks(np.flip(flair.data, (0, 2)).copy(), flair.spacing)
    )
    assert {n: p.name for n, p in flipped.items()} == {n: p.name for n, p in places.items()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ventricles": np.ones((2, 2, 2), bool)}, "mask of cortex"),
        ({"cortex": np.ones((2, 2, 2), bool)}, "mask of cortex"),
        ({"infratentorial": np.ones((2, 2, 2), bool)}, "mask of infratentorial"),
        ({"labels": np.ones((2, 2, 2), int)}, "one grid"),
        ({"labels": np.zeros(SHAPE)}, "whole numbers"),
        ({"labels": np.zeros((3, 3), int)}, "3D"),
        ({"spacing": (1, 1)}, "spacing"),
    ],
)
def test_what_cannot_be_placed_is_said(change: dict, words: str) -> None:
    given = {"labels": lesions(10), "spacing": (1, 1, 1), "ventricles": slab(0, 10), "cortex": slab(50, 60)} | change
    with pytest.raises(AnnotationError, match=words):
        placed(given.pop("labels"), given.pop("spacing"), **given)
