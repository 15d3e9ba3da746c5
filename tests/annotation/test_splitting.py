"""One lesion cut in two: nothing lost, nothing shared, and cut where the line or the neck is."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from thaliron_napari.annotation import split_by_line, split_by_seeds
from thaliron_napari.errors import AnnotationError

CORNERS = np.ones((3, 3, 3), bool)
coordinates = st.floats(-2, 13, allow_nan=False)


def _ball(shape: tuple[int, ...], centre: tuple[float, ...], radius: float, spacing=(1, 1, 1)) -> np.ndarray:
    away = [(np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing, strict=True)]
    return away[0][:, None, None] ** 2 + away[1][:, None] ** 2 + away[2] ** 2 <= radius**2


def _complete(mask: np.ndarray, labels: np.ndarray) -> bool:
    """Each voxel of the mask in a part, none beside it, and no number left out."""
    return np.array_equal(labels > 0, mask) and np.unique(labels[mask]).tolist() == list(range(1, labels.max() + 1))


@settings(max_examples=150, deadline=None)
@given(
    arrays(bool, (4, 11, 11), elements=st.booleans() | st.just(True)),
    st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=6),
    st.integers(0, 3),
)
def test_any_line_gives_each_voxel_to_one_part_or_says_why_not(mask: np.ndarray, path, z: int) -> None:
    before = mask.copy()
    try:
        labels = split_by_line(mask, path, z)
    except AnnotationError:
        assume(False)
    assert _complete(mask, labels)
    assert labels.max() >= 2
    sizes = np.bincount(labels.ravel())[1:]
    assert (np.diff(sizes) <= 0).all()
    assert np.array_equal(mask, before)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, np.pi), st.floats(-4, 4))
def test_a_straight_line_cuts_along_itself_on_all_slices(angle: float, off: float) -> None:
    mask = _ball((13, 25, 25), (6, 12, 12), 10, (2, 1, 1))
    way, across = np.array((np.sin(angle), np.cos(angle))), np.array((np.cos(angle), -np.sin(angle)))
    middle = np.array((12, 12)) + off * across
    labels = split_by_line(mask, [middle - 30 * way, middle + 30 * way], 6)
    side = (np.moveaxis(np.indices((25, 25)), 0, -1) - middle) @ across
    assert labels.max() == 2
    beyond = np.broadcast_to(side > 0, mask.shape)
    clear = np.broadcast_to(np.abs(side) > 1e-3, mask.shape) & mask  # on the line itself either part is right
    assert np.unique(labels[clear & beyond]).size == np.unique(labels[clear & ~beyond]).size == 1


def test_a_short_line_across_a_neck_goes_on_straight_where_other_slices_are_wider() -> None:
    mask = np.zeros((3, 20, 30), bool)
    mask[:, 5:15, 2:28] = True
    mask[1, :, 13:17] = False
    mask[1, 9:11, 13:17] = True
    labels = split_by_line(mask, [(7.2, 14.6), (12.1, 14.6)], 1)
    assert labels.max() == 2
    assert np.array_equal(labels == 1, mask & (np.arange(30) >= 15)) or np.array_equal(
        labels == 1, mask & (np.arange(30) <= 14)
    )


def test_a_curve_cuts_round_a_corner() -> None:
    mask = np.ones((2, 12, 12), bool)
    labels = split_by_line(mask, [(-1, 5.5), (5.5, 5.5), (5.5, -1)], 0)
    expected = np.ones((12, 12), int)
    expected[:6, :6] = 2
    assert np.array_equal(labels, np.stack([expected, expected]))


@pytest.mark.parametrize(
    ("path", "z", "words"),
    [
        ([(-3, 2), (-3, 9)], 0, "does not part"),
        ([(5, -1), (5, 6)], 0, "does not part"),  # half way in
        ([(5, 5)], 0, "two points"),
        ([(5, -1), (5, np.nan)], 0, "two points"),
        ([(5, -1), (5, 12)], 7, "no slice 8"),
        ([(5, -1), (5, 12)], 1, "nothing of the lesion on slice 2"),
    ],
)
def test_a_line_that_does_not_cut_is_refused(path, z: int, words: str) -> None:
    mask = np.zeros((3, 12, 12), bool)
    mask[0, 1:11, 1:11] = True
    with pytest.raises(AnnotationError, match=words):
        split_by_line(mask, path, z)


def test_what_the_line_leaves_whole_goes_to_the_nearest_part_and_crumbs_are_no_parts() -> None:
    mask = np.zeros((1, 12, 30), bool)
    mask[0, 2:10, 2:18] = True
    mask[0, 5:7, 22:26] = True  # an island to the right
    labels = split_by_line(mask, [(0, 12.4), (12, 12.4)], 0)
    assert (labels[mask & (np.arange(30) > 12)] == 2).all()
    labels = split_by_line(mask, [(0, 12.4), (8.5, 12.4), (8.6, 3.5), (9.4, 3.5), (9.45, 1.4), (12, 1.4)], 0)
    assert labels.max() == 2


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_seeds_give_each_voxel_to_one_part(data: st.DataObject) -> None:
    mask = data.draw(arrays(bool, (4, 8, 9), elements=st.booleans() | st.just(True)))
    inside = np.argwhere(mask).tolist()
    assume(len(inside) > 4)
    seeds = data.draw(st.lists(st.sampled_from(inside), min_size=2, max_size=4, unique_by=tuple))
    labels = split_by_seeds(mask, seeds, (3.0, 0.7, 0.7))
    assert _complete(mask, labels)
    assert [labels[tuple(seed)] for seed in seeds] == list(range(1, len(seeds) + 1))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.8, 0.8)])
def test_two_balls_that_touch_part_at_their_neck(spacing: tuple[float, float, float]) -> None:
    shape = tuple(round(n / s) for n, s in zip((30, 30, 60), spacing, strict=True))
    centres = [tuple(c / s for c, s in zip(mm, spacing, strict=True)) for mm in ((15, 15, 16), (15, 15, 38))]
    left, right = (_ball(shape, c, 12, spacing) for c in centres)
    seeds = [tuple(round(v) for v in c) for c in centres]
    labels = split_by_seeds(left | right, seeds, spacing)
    for number, (own, other) in enumerate(((left, right), (right, left)), start=1):
        assert (labels[own & ~other] == number).mean() > 0.98
        assert ndimage.label(labels == number, CORNERS)[1] == 1


def test_seeds_that_cannot_part_it_are_refused() -> None:
    mask = np.zeros((3, 5, 5), bool)
    mask[1] = True
    with pytest.raises(AnnotationError, match="two at least"):
        split_by_seeds(mask, [(1, 1, 1), (1, 1, 1)], (1, 1, 1))
    for outside in ((0, 0, 0), (1, 9, 9), (1, 1, -1)):
        with pytest.raises(AnnotationError, match="outside of the lesion"):
            split_by_seeds(mask, [(1, 1, 1), outside], (1, 1, 1))
