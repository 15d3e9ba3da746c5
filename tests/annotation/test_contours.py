"""Outlines to masks, and filling between drawn slices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from thaliron_napari.annotation import fill_between_contours, polygon_mask
from thaliron_napari.annotation.areas import expected_areas, with_areas
from thaliron_napari.annotation.walking import walked
from thaliron_napari.errors import AnnotationError

SPACING = np.array([2.0, 0.8, 0.8])


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def ellipsoid(shape, centre_mm, radii_mm, spacing=SPACING, lean=0.0):
    """An ellipsoid whose axial cross-sections wander to the left with height by `lean` mm per mm."""
    z, y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij")
    x = x - lean * (z - centre_mm[0])
    return sum(((a - c) / r) ** 2 for a, c, r in zip((z, y, x), centre_mm, radii_mm, strict=True)) <= 1


def only(mask, slices):
    keys = np.zeros_like(mask)
    keys[slices] = mask[slices]
    return keys


def spread(mask, count):
    used = np.flatnonzero(mask.any((1, 2)))
    return sorted(set(np.round(np.linspace(used[0], used[-1], count)).astype(int).tolist()))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 18), st.floats(-3, 12)), min_size=3, max_size=3))
def test_a_triangle_holds_the_voxel_centres_inside_it(corners):
    mask = polygon_mask(corners, (30, 24), (0.5, 0.4))
    y, x = np.meshgrid(np.arange(30) * 0.5, np.arange(24) * 0.4, indexing="ij")
    sides = []
    for (y1, x1), (y2, x2) in zip(corners, corners[1:] + corners[:1], strict=True):
        sides.append((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1))
    inside = np.all(np.array(sides) > 1e-9, axis=0) | np.all(np.array(sides) < -1e-9, axis=0)
    doubtful = np.any(np.abs(sides) <= 1e-6, axis=0)
    np.testing.assert_array_equal(mask[~doubtful], inside[~doubtful])


def test_an_outline_agrees_with_scikit_image_and_goes_back_to_the_same_mask():
    from skimage.draw import polygon2mask
    from skimage.measure import find_contours

    rng = np.random.default_rng(3)
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    radius = 20 + sum(rng.normal(0, 3 / k) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(1, 6))
    outline = np.column_stack([40.013 + radius * np.sin(angle), 35.017 + radius * np.cos(angle)])
    mask = polygon_mask(outline, (80, 70), (1, 1))
    np.testing.assert_array_equal(mask, polygon2mask((80, 70), outline))
    again = polygon_mask(find_contours(mask.astype(float), 0.5)[0] * [0.5, 2], (80, 70), (0.5, 2))
    np.testing.assert_array_equal(again, mask)


def test_an_outline_drawn_past_its_start_has_no_hole():
    angle = np.linspace(0, 2 * np.pi + 0.6, 120)
    outline = np.column_stack([20 + (10 + angle / 3) * np.sin(angle), 20 + (10 + angle / 3) * np.cos(angle)])
    mask = polygon_mask(outline, (40, 40), (1, 1))
    np.testing.assert_array_equal(mask, ndimage.binary_fill_holes(mask))
    assert mask[20, 20]


def test_an_outline_over_the_edge_is_cut_off():
    mask = polygon_mask([(-10, -10), (-10, 5), (5, 5), (5, -10)], (8, 8), (1, 1))
    assert mask.sum() == 25
    assert mask[:5, :5].all()


@pytest.mark.parametrize("points", [[(0, 0), (1, 1)], [(0, 0), (0, 5), (np.nan, 3)], [1, 2, 3]])
def test_what_is_no_outline_is_refused(points):
    with pytest.raises(AnnotationError, match="outline"):
        polygon_mask(points, (5, 5), (1, 1))


@settings(derandomize=True, max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_keys_are_kept_and_nothing_lies_beyond_them(seed, with_image):
    rng = np.random.default_rng(seed)
    keys = np.zeros((12, 30, 30), bool)
    for k in rng.choice(12, rng.integers(2, 5), replace=False):
        keys[k] = ellipsoid((1, 30, 30), (0, *rng.uniform(5, 19, 2)), (1, *rng.uniform(1, 8, 2)))[0]
    images = [rng.normal(size=keys.shape).astype(np.float32)] if with_image else ()
    filled = fill_between_contours(keys, SPACING, images)
    drawn = np.flatnonzero(keys.any((1, 2)))
    np.testing.assert_array_equal(filled[drawn], keys[drawn])
    assert not filled[: drawn[0]].any()
    assert not filled[drawn[-1] + 1 :].any()


@pytest.mark.parametrize(("lean", "least"), [(0.0, 0.95), (0.5, 0.93)])
def test_shape_alone_follows_an_ellipsoid_upright_and_leaning(lean, least):
    truth = ellipsoid((20, 60, 60), (20, 24, 24), (14, 14, 9), lean=lean)
    keys = spread(truth, 5)
    filled = fill_between_contours(only(truth, keys), SPACING)
    between = np.setdiff1d(np.flatnonzero(truth.any((1, 2))), keys)
    assert dice(filled[between], truth[between]) > least


def test_a_pointed_end_keeps_its_volume():
    truth = ellipsoid((20, 60, 60), (20, 24, 24), (18, 16, 16))
    keys = [np.flatnonzero(truth.any((1, 2)))[0], 10, np.flatnonzero(truth.any((1, 2)))[-1]]
    filled = fill_between_contours(only(truth, keys), SPACING)
    assert filled.sum() / truth.sum() == pytest.approx(1, abs=0.1)  # 0.82 by distances alone


def test_levels_are_moved_to_the_areas_wanted():
    level = np.random.default_rng(4).normal(size=(3, 12, 13)).astype(np.float32)
    assert (with_areas(level, np.array([5.0, 60.7, 1e6])) > 0).sum((1, 2)).tolist() == [5, 60, 155]
    drawn = level > 3
    drawn[0, :2, :2] = drawn[2, :4, :2] = True
    drawn[1] = False
    np.testing.assert_allclose(expected_areas(drawn, np.array([0, 2])), [4, 6, 8])


@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_a_walk_takes_a_wrong_edge_to_the_contrast_and_leaves_what_is_certain(unit):
    shape = (5, 40, 40)
    truth = ellipsoid(shape, (4, 16, 16), (1e6, 8, 8))
    image = (truth + np.random.default_rng(5).normal(0, 0.05, shape)).astype(np.float32) * np.float32(unit)
    distance = 9.0 - np.hypot(*(np.indices(shape)[1:] * 0.8 - 16))  # a ring of 1 mm too wide
    before = (1 / (1 + np.exp(-distance))).astype(np.float32)
    free = np.abs(distance) < 4
    after = walked(before, free, free, SPACING, [image])
    assert dice(after > 0.5, truth) > 0.95 > dice(before > 0.5, truth) + 0.05
    np.testing.assert_array_equal(after[~free], before[~free])


def test_a_shape_without_overlap_between_its_keys_stays_in_one_piece():
    truth = np.zeros((11, 60, 60), bool)
    for k in range(11):
        truth[k] = ellipsoid((1, 60, 60), (0, 10 + 2.4 * k, 24), (1, 5, 5))[0]
    filled = fill_between_contours(only(truth, [0, 10]), SPACING)
    assert filled.any((1, 2)).all()


def test_a_shape_that_splits_ends_in_two_pieces():
    keys = np.zeros((9, 50, 50), bool)
    keys[0] = ellipsoid((1, 50, 50), (0, 20, 20), (1, 8, 15))[0]
    keys[8] = ellipsoid((1, 50, 50), (0, 20, 10), (1, 6, 4))[0] | ellipsoid((1, 50, 50), (0, 20, 30), (1, 6, 4))[0]
    filled = fill_between_contours(keys, SPACING)
    assert ndimage.label(filled[1])[1] == 1
    assert ndimage.label(filled[7])[1] == 2
    assert filled.any((1, 2)).all()


def bent(shape=(20, 60, 60)):
    """A body whose middle bulges in a way that its outermost and middle slices do not tell, and an image of it."""
    z = np.arange(shape[0])
    truth = np.zeros(shape, bool)
    for k in z[2:-2]:
        wave = 3.0 * np.sin(2 * np.pi * (k - 2) / (shape[0] - 5) * 2)
        truth[k] = ellipsoid((1, *shape[1:]), (0, 24, 24 + wave), (1, 13, 9))[0]
    rng = np.random.default_rng(1)
    contrast = truth * 30.0 - 20
    return truth, (contrast + rng.normal(0, 8, shape)).astype(np.float32)


def test_an_image_shows_what_the_shape_cannot_know():
    truth, image = bent()
    keys = only(truth, spread(truth, 3))
    between = ~keys.any((1, 2)) & truth.any((1, 2))
    shape_only = dice(fill_between_contours(keys, SPACING)[between], truth[between])
    with_image = dice(fill_between_contours(keys, SPACING, [image])[between], truth[between])
    assert with_image > shape_only + 0.02
    assert with_image > 0.93


def test_an_image_of_nothing_but_noise_does_little_harm():
    truth, _ = bent()
    noise = np.random.default_rng(2).normal(size=truth.shape).astype(np.float32)
    keys = only(truth, spread(truth, 4))
    between = ~keys.any((1, 2)) & truth.any((1, 2))
    shape_only = dice(fill_between_contours(keys, SPACING)[between], truth[between])
    assert dice(fill_between_contours(keys, SPACING, [noise])[between], truth[between]) > shape_only - 0.02


def test_the_unit_and_offset_of_an_image_do_not_matter():
    truth, image = bent()
    keys = only(truth, spread(truth, 3))
    one = fill_between_contours(keys, SPACING, [image])
    other = fill_between_contours(keys, SPACING, [image * -0.001 + 7])
    assert dice(one, other) > 0.995


def test_holes_in_an_image_are_bridged():
    truth, image = bent()
    keys = only(truth, spread(truth, 3))
    image = image.copy()
    image[8, 20:30, 20:30] = np.nan
    filled = fill_between_contours(keys, SPACING, image)
    assert dice(filled, truth) > 0.9


def test_one_key_and_misfits_are_refused():
    keys = np.zeros((5, 9, 9), bool)
    keys[2, 3:6, 3:6] = True
    with pytest.raises(AnnotationError, match="upper and the lower border"):
        fill_between_contours(keys, SPACING)
    keys[4, 3:6, 3:6] = True
    with pytest.raises(AnnotationError, match="grid"):
        fill_between_contours(keys, SPACING, [np.zeros((5, 9, 8))])
    with pytest.raises(AnnotationError, match="three axes"):
        fill_between_contours(keys[0], SPACING)


def test_a_real_thalamus_from_a_few_slices(shared_data):
    import nibabel as nib

    folder = shared_data / "freesurfer" / "subject1" / "mri"
    labels, brain = (
        np.asarray(nib.as_closest_canonical(nib.load(folder / f)).dataobj).transpose(2, 1, 0)[:, ::-1, ::-1]
        for f in ("aseg.mgz", "brain.mgz")
    )
    for label in (10, 49):
        truth = labels == label
        for count, least in ((3, 0.89), (4, 0.91), (5, 0.92)):
            keys = spread(truth, count)
            filled = fill_between_contours(only(truth, keys), (1, 1, 1), [brain])
            between = np.setdiff1d(np.flatnonzero(truth.any((1, 2))), keys)
            assert dice(filled[between], truth[between]) > least
