"""Places and uptake of a case's lesions: from a segmentation beside it, from the phantom's images, kept up to date."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.annotation import normal_tissue
from thaliron_napari.annotation.each_lesion import each_lesion
from thaliron_napari.case import Case, Lesion, lesions, open_case
from thaliron_napari.case.edits import Edit, fact_change, voxel_change
from thaliron_napari.case.lesion_places import known_places, places
from thaliron_napari.case.lesion_uptake import can_measure, known_uptakes, takes_up, uptake_of, uptakes
from thaliron_napari.errors import AnnotationError, CaseError
from thaliron_napari.imaging import Grid, Volume
from thaliron_napari.phantom import Patient, make_patient


@pytest.fixture(scope="module")
def patient() -> Patient:
    return make_patient("small")


def case_of(patient: Patient, flair: np.ndarray | None = None) -> Case:
    """The phantom in memory, with other values of the FLAIR where they are given."""
    images = {
        name: Volume(
            flair if name == "flair" and flair is not None else image.data, Grid(image.data.shape, image.affine)
        )
        for name, image in patient.images.items()
    }
    return Case("phantom", images)


def put(case: Case, labels: np.ndarray) -> None:
    """All lesions of a label map, accepted."""
    changes = voxel_change(case.annotations, "lesions", (0, 0, 0), labels.astype(np.int32))
    for number in np.unique(labels[labels > 0]).tolist():
        z, y, x = (int(i) for i in np.argwhere(labels == number)[0])
        changes += fact_change(case.annotations, f"lesion/{number}", Lesion(number, "accepted", (z, y, x)).to_fact())
    case.apply(Edit("put", changes))


def register(case: Case) -> None:
    for role in ("t1", "t1ce"):
        case.apply(
            Edit("register", fact_change(case.annotations, f"registration/{role}", {"matrix": np.eye(4).tolist()}))
        )


def test_a_segmentation_in_the_derivatives_names_the_places(head, tmp_path: Path) -> None:
    shutil.copytree(head.folder, tmp_path / "sub-ball")
    (tmp_path / "dataset_description.json").write_text('{"Name": "ball", "BIDSVersion": "1.10.0"}')
    flair = nib.load(head.flair)
    at = np.moveaxis(np.indices(flair.shape), 0, -1) @ flair.affine[:3, :3].T + flair.affine[:3, 3]
    away = np.linalg.norm(at / (36, 42, 34), axis=-1)
    segmented = np.where(away < 1, 2, 0)
    segmented[(away < 1) & (away > 0.85)] = 1030
    segmented[at[..., 2] < 0] = 16
    segmented[(np.abs(at - (8, -12, 24)) < 3).all(axis=-1)] = 43
    segmented[:2, :2, :2], segmented[:2, :2, 2:4] = 10, 49  # what a label map is known by
    folder = tmp_path / "derivatives" / "fastsurfer" / "sub-ball" / "mri"
    folder.mkdir(parents=True)
    nib.save(nib.MGHImage(segmented.astype(np.int32), flair.affine), folder / "aparc+aseg.mgz")
    case = open_case([tmp_path / "sub-ball"], in_memory=True)
    flair_grid = case.volume("flair").grid
    labels = np.zeros(flair_grid.shape, np.int32)
    for number, point in enumerate([(2, -12, 24), (30, 0, 10), (10, 8, -20), (-10, 8, 12)], start=1):
        z, y, x = flair_grid.nearest(point)
        labels[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = number
    put(case, labels)
    found = places(case)
    names = ["periventricular", "juxtacortical", "infratentorial", "deep white matter"]
    assert [place.name for place in found.values()] == names
    assert not any(place.estimated for place in found.values())


def test_places_of_the_phantom_are_estimated_and_follow_each_edit(patient: Patient) -> None:
    case = case_of(patient)
    put(case, patient.truth.lesions)
    assert known_places(case) == {}  # nobody has waited for them yet
    found = places(case)
    assert known_places(case) == found
    kinds = {info.number: info.kind for info in patient.truth.lesions_info}
    assert all(place.estimated for place in found.values())
    assert all(found[number].name == kind for number, kind in kinds.items() if kind != "deep")
    case.apply(lesions.delete(case, 3))
    assert list(places(case)) == [number for number in found if number != 3]
    case.undo()
    assert places(case) == found


def test_uptake_of_the_phantom_and_of_its_lesion_that_enhances(patient: Patient) -> None:
    case = case_of(patient)
    put(case, patient.truth.lesions)
    assert not can_measure(case)  # other grids than the FLAIR's, and not registered
    register(case)
    assert can_measure(case)
    assert known_uptakes(case) == {}
    truth = {info.number: info.enhancing for info in patient.truth.lesions_info}
    assert {number: uptake.enhancing for number, uptake in uptakes(case).items()} == truth
    case.apply(lesions.set_enhancing(case, 1, True))
    suggested = {number: uptake.enhancing for number, uptake in known_uptakes(case).items()}
    case.apply(lesions.judge_enhancing(case, suggested))
    assert {k.number: k.enhancing for k in case.annotations.lesions()} == truth | {1: True}  # her own word stays
    assert case.done[-1].words == f"take the suggested enhancement of {len(truth) - 1} lesions"
    shifted = np.eye(4)
    shifted[0, 3] = 30
    case.apply(Edit("register", fact_change(case.annotations, "registration/t1ce", {"matrix": shifted.tolist()})))
    assert known_uptakes(case) == {}  # it was that of another place


def test_a_lesion_that_only_enhances_grows_from_a_seed(patient: Patient) -> None:
    number = next(info.number for info in patient.truth.lesions_info if info.enhancing)
    mask = patient.truth.lesions == number
    around = ndimage.binary_dilation(mask, iterations=3)
    flair = patient.images["flair"].data.copy()
    white = normal_tissue(flair, Grid(flair.shape, patient.images["flair"].affine).spacing)
    flair[around] = np.random.default_rng(0).normal(
        white.white, white.spread / 2, around.sum()
    )  # as if it were not there
    case = case_of(patient, flair)
    register(case)
    z, y, x = (int(i) for i in np.argwhere(mask)[mask.sum() // 2])
    assert not takes_up(case, (z, y, x))  # not known before it was measured
    with pytest.raises(AnnotationError, match="brighter than normal"):
        lesions.grow(case, (z, y, x))
    uptake_of(case)
    case.apply(lesions.grow(case, (z, y, x)))
    grown = case.annotations.maps["lesions"] > 0
    assert 2 * (grown & mask).sum() / (grown.sum() + mask.sum()) > 0.8
    assert case.done[-1].words == "grow lesion 1 on the T1 after gadolinium"
    case.apply(lesions.regrow(case, 1, 0.0))
    tight = case.annotations.maps["lesions"] > 0
    assert (tight <= grown).all()
    assert 0 < tight.sum() < grown.sum()
    assert case.annotations.lesion(1).on == "t1ce"
    normal = tuple(int(i) for i in np.argwhere(patient.truth.lesions == 1)[0])
    assert not takes_up(case, normal)  # a lesion that does not enhance


def test_without_the_second_t1_there_are_words(patient: Patient) -> None:
    case = case_of(patient)
    del case.images["t1ce"]
    with pytest.raises(CaseError, match="no T1 after gadolinium"):
        uptakes(case)


def test_only_lesions_that_changed_are_found_anew() -> None:
    labels = np.zeros((4, 5, 6), np.int32)
    labels[1, 1:3, 1:4] = 2
    labels[3, 4, 5] = 7
    asked = []

    def find(mask: np.ndarray, corner: tuple[int, ...]) -> int:
        asked.append((corner, mask.shape))
        return int(mask.sum())

    kept: dict = {}
    assert each_lesion(labels, find, kept) == {2: 6, 7: 1}
    assert asked == [((1, 1, 1), (1, 2, 3)), ((3, 4, 5), (1, 1, 1))]
    labels[1, 1, 1] = 0
    assert each_lesion(labels, find, kept) == {2: 5, 7: 1}
    assert len(asked) == 3
    labels[labels == 7] = 0
    assert each_lesion(labels, find, kept) == {2: 5}
    assert list(kept) == [2]
    assert each_lesion(np.zeros_like(labels), find, kept) == {}
