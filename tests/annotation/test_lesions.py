"""Growing a lesion from clicks: against truth, by property, and in its words for what cannot be grown."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.annotation import NormalTissue, grow_lesion, lesion_in_box, normal_tissue
from thaliron_napari.errors import AnnotationError
from thaliron_napari.phantom import Patient

WHITE, GREY, FLUID, LESION, NOISE = 100.0, 112.0, 25.0, 150.0, 4.0
ROUND, LONG = 1, 2
Index = tuple[int, ...]
Steps = tuple[float, float, float]


@dataclass(frozen=True)
class Head:
    """A skull-stripped head: white matter, cortex, a ventricle, a round lesion, and a long one along the ventricle."""

    flair: NDArray[np.float32]
    truth: NDArray[np.int_]
    spacing: NDArray[np.float64]

    def middle(self, label: int) -> Index:
        return deepest(self.truth == label, self.spacing)


def deepest(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> Index:
    depth = ndimage.distance_transform_edt(mask, sampling=spacing)
    return tuple(int(i) for i in np.unravel_index(depth.argmax(), depth.shape))


def ellipsoid(shape: Index, spacing: NDArray[np.float64], centre: Index, radii: Index) -> NDArray[np.float64]:
    """Depth in an ellipsoid, roughly in mm; centre in mm from the middle of the image."""
    squares = [
        (((np.arange(n) - (n - 1) / 2) * h - c) / r) ** 2
        for n, h, c, r in zip(shape, spacing, centre, radii, strict=True)
    ]
    scaled: NDArray[np.float64] = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
    return (1 - scaled) * min(radii)


@cache
def head(spacing: Steps = (2.0, 2.0, 2.0), confluent: bool = False) -> Head:
    step = np.array(spacing)
    shape = tuple(int(i) for i in np.round(np.array([120, 150, 130]) / step))
    brain = ellipsoid(shape, step, (0, 0, 0), (50, 65, 55))
    ventricle = ellipsoid(shape, step, (0, 0, 0), (12, 28, 10)) > 0
    if confluent:
        truth = np.where(ellipsoid(shape, step, (0, 0, 0), (24, 40, 24)) > 0, LONG, 0)
    else:
        truth = np.where(ellipsoid(shape, step, (8, -20, 26), (7, 8, 7)) > 0, ROUND, 0)
        truth = np.where(ellipsoid(shape, step, (0, 5, -16), (5, 20, 6)) > 0, LONG, truth)
    truth[ventricle] = 0
    image = np.select([brain < 0, ventricle, truth > 0, brain > 3], [0.0, FLUID, LESION, WHITE], GREY)
    image = ndimage.gaussian_filter(image, 0.8 / step) + np.random.default_rng(3).normal(0, NOISE, shape)
    return Head(np.where(brain > -1, image, 0).astype(np.float32), truth, step)


@cache
def tissue_of(spacing: Steps = (2.0, 2.0, 2.0), confluent: bool = False) -> NormalTissue:
    return normal_tissue(head(spacing, confluent).flair, spacing)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.2, 1.0, 1.0), (4.0, 1.0, 1.0)])
@pytest.mark.parametrize("label", [ROUND, LONG])
def test_one_click_gives_the_lesion(spacing: Steps, label: int) -> None:
    case = head(spacing)
    grown = grow_lesion(case.flair, case.middle(label), spacing, tissue=tissue_of(spacing))
    assert dice(grown, case.truth == label) > (0.9 if max(spacing) < 4 else 0.85)
    assert grown.sum() == pytest.approx((case.truth == label).sum(), rel=0.15)


def test_a_click_near_the_edge_gives_the_same_lesion() -> None:
    case = head()
    depth = ndimage.distance_transform_edt(case.truth == ROUND, sampling=case.spacing)
    rim = np.argwhere((depth > 2) & (depth < 4.5))
    from_middle = grow_lesion(case.flair, case.middle(ROUND), case.spacing, tissue=tissue_of())
    for seed in rim[:: len(rim) // 6]:
        assert dice(grow_lesion(case.flair, seed, case.spacing, tissue=tissue_of()), from_middle) > 0.85


def test_a_dark_core_belongs_to_its_lesion() -> None:
    case = head((1.2, 1.0, 1.0))
    core = ellipsoid(case.flair.shape, case.spacing, (8, -20, 26), (3, 3, 3)) > 0
    flair = np.where(core, FLUID, case.flair)
    grown = grow_lesion(flair, deepest(core, case.spacing), case.spacing, tissue=tissue_of((1.2, 1.0, 1.0)))
    assert dice(grown, case.truth == ROUND) > 0.9
    assert grown[core].all()


def test_a_confluent_lesion_of_over_50_ml_is_held_against_the_whole_brain() -> None:
    case = head(confluent=True)
    truth = case.truth == LONG
    assert truth.sum() * np.prod(case.spacing) > 50_000
    first, *more = [tuple(np.array(truth.shape) // 2 + move) for move in ((0, 0, 8), (0, 0, -8), (0, 17, 0))]
    grown = grow_lesion(case.flair, first, case.spacing, tissue=tissue_of(confluent=True), also=more)
    assert dice(grown, truth) > 0.9


def test_a_point_outside_cuts_a_lesion_from_its_neighbour() -> None:
    spacing = np.ones(3)
    shape = (40, 40, 60)
    left, right = (ellipsoid(shape, spacing, (0, 0, x), (8, 8, 8)) > 0 for x in (-7, 7))
    image = ndimage.gaussian_filter(np.where(left | right, LESION, WHITE), 0.8)
    image = image + np.random.default_rng(0).normal(0, NOISE, shape)
    seed, other = (20, 20, 20), (20, 20, 40)
    assert grow_lesion(image, seed, spacing)[other]
    cut = grow_lesion(image, seed, spacing, outside=[other])
    assert not cut[other]
    assert dice(cut, left & ~right) > 0.75


def test_a_small_lesion_does_not_swallow_the_large_one_it_touches() -> None:
    spacing, shape = np.ones(3), (40, 40, 60)
    small, bridge, large = (
        ellipsoid(shape, spacing, (0, 0, x), radii) > 0
        for x, radii in ((-13, (3.5, 3.5, 3.5)), (-8, (3, 3, 5)), (6, (10, 10, 12)))
    )
    image = np.where(bridge, 0.55 * LESION + 0.45 * WHITE, WHITE)  # above half height: a threshold joins the two
    image = ndimage.gaussian_filter(np.where(small | large, LESION, image), 0.6)
    image = image + np.random.default_rng(1).normal(0, NOISE, shape)
    grown = grow_lesion(image, (20, 20, 16), spacing)
    assert grown[small].mean() > 0.9
    assert grown.sum() < 2 * small.sum()
    assert grow_lesion(image, (20, 20, 36), spacing)[large].mean() > 0.9


def t1_of(case: Head) -> NDArray[np.float32]:
    """Cortex and lesions darker than white matter, fluid darkest."""
    shown = np.select([case.flair <= 0, case.truth > 0, case.flair < 60, case.flair > 106], [0, 75, 30, 70], 100)
    return ndimage.gaussian_filter(shown.astype(np.float32), 0.5)


def test_t1_tells_cortex_from_white_matter_in_any_unit() -> None:
    case = head()
    t1 = t1_of(case)
    tissue = normal_tissue(case.flair, case.spacing, t1=t1)
    whole = tuple(slice(0, n) for n in case.flair.shape)
    usual, without = (t.in_box(t.usual, whole) for t in (tissue, tissue_of()))
    depth = ellipsoid(case.flair.shape, case.spacing, (0, 0, 0), (50, 65, 55))
    cortex, below = (depth > 0.5) & (depth < 2.5), (depth > 5.5) & (depth < 8)
    assert usual[cortex].mean() - usual[below].mean() > without[cortex].mean() - without[below].mean() + 0.5
    for label in (ROUND, LONG):
        grown = grow_lesion(case.flair, case.middle(label), case.spacing, tissue=tissue)
        assert dice(grown, case.truth == label) > 0.9
        other = normal_tissue(case.flair, case.spacing, t1=7 * t1 + 300)
        np.testing.assert_array_equal(grow_lesion(case.flair, case.middle(label), case.spacing, tissue=other), grown)


@pytest.mark.parametrize(
    ("t1", "words"),
    [(np.ones((3, 3, 3)), "onto the FLAIR's grid"), (np.full((60, 75, 65), np.nan), "T1 has values"), ("abc", "T1")],
)
def test_a_t1_that_cannot_be_used_is_said(t1: object, words: str) -> None:
    with pytest.raises(AnnotationError, match=words):
        normal_tissue(head().flair, (2, 2, 2), t1=t1)


def test_one_click_each_on_the_phantom(patient: Patient) -> None:
    flair, truth = patient.images["flair"], np.asarray(patient.truth.lesions)
    tissue = normal_tissue(flair.data, flair.spacing)
    clear = [info for info in patient.truth.lesions_info if info.kind != "juxtacortical"]
    volumes = {True: [0, 0], False: [0, 0]}
    for info in patient.truth.lesions_info:
        lesion = truth == info.number
        grown = grow_lesion(flair.data, deepest(lesion, flair.spacing), flair.spacing, tissue=tissue)
        if info in clear:
            assert dice(grown, lesion) > 0.9
        volumes[info in clear][0] += grown.sum()
        volumes[info in clear][1] += lesion.sum()
    # Voxels of 1.5 mm blur cortex into the small lesions that touch it; those weigh little.
    assert volumes[True][0] == pytest.approx(volumes[True][1], rel=0.08)
    assert sum(v[0] for v in volumes.values()) == pytest.approx(sum(v[1] for v in volumes.values()), rel=0.12)


def test_nothing_that_is_normal_is_taken_at_the_default_sensitivity() -> None:
    case = head((1.2, 1.0, 1.0))
    grown = grow_lesion(case.flair, case.middle(LONG), case.spacing, tissue=tissue_of((1.2, 1.0, 1.0)))
    beyond = ndimage.distance_transform_edt(case.truth == 0, sampling=case.spacing)
    assert beyond[grown].max() < 3


def test_the_box_of_a_preview_holds_the_whole_lesion() -> None:
    case = head()
    box, crop = lesion_in_box(case.flair, case.middle(ROUND), case.spacing, tissue=tissue_of())
    whole = np.zeros(case.flair.shape, dtype=bool)
    whole[box] = crop
    np.testing.assert_array_equal(whole, grow_lesion(case.flair, case.middle(ROUND), case.spacing, tissue=tissue_of()))
    assert crop.size < whole.size / 10


def piece(chance: int, spacing: Steps) -> tuple[NDArray[np.float64], Index]:
    """White matter 30 mm wide with one to three bright bumps, and a seed in the last of them."""
    rng = np.random.default_rng(chance)
    shape = tuple(int(n) for n in np.round(rng.uniform(28, 34, 3) / spacing))
    image = rng.normal(WHITE, NOISE, shape)
    for _ in range(rng.integers(1, 4)):
        offset = rng.uniform(-6, 6, 3)
        bump = ellipsoid(shape, np.array(spacing), tuple(offset), tuple(rng.uniform(3, 7, 3)))
        image += (LESION - WHITE) * np.clip(bump + 0.5, 0, 1)
    seed = np.round((np.array(shape) - 1) / 2 + offset / spacing)
    return image, tuple(int(i) for i in seed)


CHANCES = st.integers(0, 999)
SPACINGS = st.permutations([1.0, 1.2, 4.0]) | st.permutations([1.5, 1.0, 1.0])


@settings(derandomize=True, max_examples=12, deadline=None)
@given(CHANCES, SPACINGS, st.lists(st.floats(0, 1), min_size=2, max_size=4))
def test_masks_are_nested_in_sensitivity(chance: int, spacing: Steps, levels: list[float]) -> None:
    image, seed = piece(chance, spacing)
    points = np.random.default_rng(chance).integers(0, image.shape, (2, 3))
    outside = [tuple(p) for p in points if tuple(p) != seed]
    tissue = normal_tissue(image, spacing)
    masks = [
        grow_lesion(image, seed, spacing, tissue=tissue, outside=outside, sensitivity=level)
        for level in [0.0, *sorted(levels), 1.0]
    ]
    for tighter, wider in pairwise(masks):
        assert not (tighter & ~wider).any()


@settings(derandomize=True, max_examples=12, deadline=None)
@given(CHANCES, SPACINGS, st.floats(0, 1), st.floats(2, 12))
def test_grown_is_one_piece_with_the_seed_inside_mask_and_radius(
    chance: int, spacing: Steps, sensitivity: float, max_radius_mm: float
) -> None:
    image, seed = piece(chance, spacing)
    rng = np.random.default_rng(chance)
    within = ndimage.gaussian_filter(rng.normal(size=image.shape), 2) > -0.05
    within[seed] = True
    outside = [p for p in map(tuple, rng.integers(0, image.shape, (2, 3))) if p != seed]
    grown = grow_lesion(
        image, seed, spacing, outside=outside, sensitivity=sensitivity, max_radius_mm=max_radius_mm, within=within
    )
    assert grown[seed]
    assert ndimage.label(grown)[1] == 1
    assert not grown[~within].any()
    away = np.linalg.norm((np.argwhere(grown) - seed) * spacing, axis=1)
    assert away.max() <= max_radius_mm + 1e-4
    assert not any(grown[p] for p in outside)


@settings(derandomize=True, max_examples=12, deadline=None)
@given(CHANCES, SPACINGS, st.floats(0, 1))
def test_a_point_of_the_lesion_marked_as_outside_leaves_it(chance: int, spacing: Steps, sensitivity: float) -> None:
    image, seed = piece(chance, spacing)
    tissue = normal_tissue(image, spacing)
    places = np.argwhere(grow_lesion(image, seed, spacing, tissue=tissue, sensitivity=sensitivity))
    picked = np.random.default_rng(chance).permutation(places[(places != seed).any(axis=1)])[:2]
    outside = [tuple(int(i) for i in p) for p in picked]
    grown = grow_lesion(image, seed, spacing, tissue=tissue, outside=outside, sensitivity=sensitivity)
    assert outside
    assert grown[seed]
    assert not any(grown[p] for p in outside)


@settings(derandomize=True, max_examples=12, deadline=None)
@given(CHANCES, SPACINGS, st.floats(0, 1), st.floats(3, 12))
def test_further_seeds_are_in_it_and_every_piece_holds_a_seed(
    chance: int, spacing: Steps, sensitivity: float, max_radius_mm: float
) -> None:
    image, seed = piece(chance, spacing)
    also = [tuple(p) for p in np.random.default_rng(chance).integers(0, image.shape, (2, 3))]
    grown = grow_lesion(
        image, seed, spacing, also=also, sensitivity=sensitivity, max_radius_mm=max_radius_mm, tissue=None
    )
    seeds = np.array([seed, *also])
    labels, count = ndimage.label(grown)
    assert set(labels[tuple(seeds.T)]) == set(range(1, count + 1))
    away = np.linalg.norm((np.argwhere(grown)[:, None] - seeds) * spacing, axis=2).min(axis=1)
    assert away.max() <= max_radius_mm + 1e-4


@settings(derandomize=True, max_examples=12, deadline=None)
@given(CHANCES, SPACINGS, st.sampled_from([0.01, 0.3, 7.0, 4000.0]), st.sampled_from([-3000.0, 0.0, 20.0]))
def test_unit_and_offset_of_the_signal_change_nothing(chance: int, spacing: Steps, scale: float, offset: float) -> None:
    image, seed = piece(chance, spacing)
    expected = grow_lesion(image, seed, spacing)
    np.testing.assert_array_equal(grow_lesion((image + offset) * scale, seed, spacing), expected)


@settings(derandomize=True, max_examples=12, deadline=None)
@given(CHANCES, SPACINGS, st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_flips_and_axis_orders_change_nothing(
    chance: int, spacing: Steps, order: list[int], flips: tuple[bool, ...]
) -> None:
    image, seed = piece(chance, spacing)
    axes = [axis for axis, flip in enumerate(flips) if flip]
    expected = np.flip(grow_lesion(image, seed, spacing).transpose(order), axes)
    moved = [
        image.shape[axis] - 1 - seed[axis] if flip else seed[axis] for axis, flip in zip(order, flips, strict=True)
    ]
    turned = np.flip(image.transpose(order), axes)
    np.testing.assert_array_equal(grow_lesion(turned, moved, np.array(spacing)[order]), expected)


def test_further_seeds_belong_to_the_lesion() -> None:
    case = head()
    first, second = case.middle(ROUND), case.middle(LONG)
    both = grow_lesion(case.flair, first, case.spacing, tissue=tissue_of(), also=[second])
    assert both[first]
    assert both[second]
    assert dice(both, case.truth > 0) > 0.85


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": (0, 0, 999)}, "outside the FLAIR"),
        ({"seed": (1, 2)}, "three whole numbers"),
        ({"seed": (30, 37, 45)}, "brighter than normal"),
        ({"outside": [(-1, 0, 0)]}, "outside the FLAIR"),
        ({"sensitivity": 1.5}, "sensitivity"),
        ({"max_radius_mm": 0}, "radius"),
        ({"spacing": (1, 1)}, "spacing"),
        ({"spacing": (1, 1, 0)}, "spacing"),
        ({"within": np.ones((2, 2, 2), bool)}, "shape"),
        ({"within": np.zeros((60, 75, 65), bool)}, "mask"),
        ({"flair": np.zeros((60, 75))}, "3D"),
    ],
)
def test_what_cannot_be_grown_is_said(change: dict, words: str) -> None:
    case = head()
    given_ = {"flair": case.flair, "seed": case.middle(ROUND), "spacing": case.spacing, "tissue": tissue_of()} | change
    with pytest.raises(AnnotationError, match=words):
        grow_lesion(given_.pop("flair"), given_.pop("seed"), given_.pop("spacing"), **given_)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_numbers_are_refused(value: float) -> None:
    case = head()
    flair = case.flair.copy()
    flair[case.middle(ROUND)] = value
    with pytest.raises(AnnotationError, match="not numbers"):
        grow_lesion(flair, case.middle(ROUND), case.spacing)
    with pytest.raises(AnnotationError, match="not numbers"):
        grow_lesion(flair, case.middle(ROUND), case.spacing, tissue=tissue_of())


def test_the_same_point_cannot_be_inside_and_outside() -> None:
    case = head()
    seed = case.middle(ROUND)
    with pytest.raises(AnnotationError, match="remove one"):
        grow_lesion(case.flair, seed, case.spacing, tissue=tissue_of(), outside=[seed])


def test_one_click_each_on_a_real_patient(shared_data: Path) -> None:
    folder = shared_data / "open_ms" / "patient26"
    flair = nib.load(folder / "FLAIR.nii.gz").get_fdata(dtype=np.float32)
    truth = np.asarray(nib.load(folder / "lesions_consensus.nii.gz").dataobj) > 0
    spacing = np.ones(3)
    labels, count = ndimage.label(truth, np.ones((3, 3, 3)))
    tissue = normal_tissue(flair, spacing)
    clicked, grown = np.zeros_like(truth), np.zeros_like(truth)
    for number in range(1, count + 1):
        lesion = labels == number
        if lesion.sum() < 10:
            continue
        clicked |= lesion
        box, crop = lesion_in_box(flair, deepest(lesion, spacing), spacing, tissue=tissue)
        grown[box] |= crop
    assert dice(grown, clicked) > 0.75
    assert grown.sum() == pytest.approx(clicked.sum(), rel=0.25)
