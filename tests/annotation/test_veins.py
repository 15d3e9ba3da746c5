"""Veins: tubes are found, nuclei are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, spatial

from thaliron_napari.annotation import find_veins
from thaliron_napari.annotation.veins import CORE_PPB, LENGTH_MM, veins_left_in
from thaliron_napari.errors import AnnotationError

SPACING = np.array([2.0, 0.5, 0.5])
SHAPE = (24, 120, 120)


def made(seed=0, noise_ppb=8.0):
    """Two veins of 2 mm across and two iron-rich nuclei in tissue; blood share of each voxel, nuclei, map in ppb."""
    fine = 4
    grid = [(np.arange(n * fine) + 0.5) / fine * s - s / 2 for n, s in zip(SHAPE, SPACING, strict=True)]
    z, y, x = np.meshgrid(*grid, indexing="ij", sparse=True)
    blood = np.zeros(tuple(n * fine for n in SHAPE), bool)
    for sign in (-1, 1):
        blood |= (z - 30 - 3 * np.sin((y - 30) / 8)) ** 2 + (x - 30 - sign * (1.5 + 0.05 * (y - 10))) ** 2 < 1.0
    blood &= (y > 8) & (y < 50)
    nuclei = np.zeros_like(blood)
    for side in (14, 46):
        nuclei |= ((z - 16) / 6) ** 2 + ((y - 25) / 12) ** 2 + ((x - side) / 4) ** 2 < 1
    mean = lambda a: a.reshape(SHAPE[0], fine, SHAPE[1], fine, SHAPE[2], fine).mean((1, 3, 5))  # noqa: E731
    share, nucleus = mean(blood), mean(nuclei)
    qsm = -30 + 201 * share + 141 * nucleus + np.random.default_rng(seed).normal(0, noise_ppb, SHAPE)
    return share, nucleus, qsm.astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1])
def test_veins_are_found_and_nuclei_are_left(seed):
    share, nucleus, qsm = made(seed)
    found = find_veins(qsm, SPACING)
    true = share > 0.5
    assert (found & true).sum() / true.sum() > 0.9
    close = ndimage.binary_dilation(share > 0.25, np.ones((3, 3, 3)))
    assert (found & close).sum() / found.sum() > 0.8
    assert (found & (nucleus > 0.5)).sum() / (nucleus > 0.5).sum() < 0.02


def test_nothing_is_found_outside_of_where_to_look():
    share, _, qsm = made()
    within = np.zeros(SHAPE, bool)
    within[12:, 30:80, :60] = True
    found = find_veins(qsm, SPACING, within=within)
    assert not (found & ~within).any()
    true = (share > 0.5) & within
    assert (found & true).sum() / true.sum() > 0.9


def test_no_vein_is_found_where_there_is_none():
    rng = np.random.default_rng(5)
    assert not find_veins(rng.normal(-30, 10, SHAPE), SPACING).any()


def test_what_is_far_away_changes_nothing():
    _, _, qsm = made()
    within = np.zeros(SHAPE, bool)
    within[12:20, 30:80, 40:80] = True
    other = qsm.copy()
    other[:, 110:, :] = 500
    np.testing.assert_array_equal(find_veins(qsm, SPACING, within=within), find_veins(other, SPACING, within=within))


def test_holes_in_the_map_are_no_tissue():
    share, _, qsm = made()
    qsm[:, :, 100:] = 0
    qsm[:, 100:, :] = np.nan
    found = find_veins(qsm, SPACING)
    true = share > 0.5
    assert (found & true).sum() / true.sum() > 0.9


def test_misfits_are_refused():
    with pytest.raises(AnnotationError, match="three axes"):
        find_veins(np.zeros((4, 4)), SPACING)
    with pytest.raises(AnnotationError, match="grid"):
        find_veins(np.ones((4, 4, 4)), SPACING, within=np.ones((4, 4, 5), bool))
    with pytest.raises(AnnotationError, match="no susceptibility"):
        find_veins(np.zeros((4, 4, 4)), SPACING)
    with pytest.raises(AnnotationError, match="spacing"):
        find_veins(np.ones((4, 4, 4)), (1, 1))
    for wrong in (0, -20, np.nan, np.inf):
        with pytest.raises(AnnotationError, match="threshold"):
            find_veins(np.ones((4, 4, 4)), SPACING, threshold_ppb=wrong)
    for wrong in (-1, np.nan, np.inf):
        with pytest.raises(AnnotationError, match="shortest"):
            find_veins(np.ones((4, 4, 4)), SPACING, length_mm=wrong)
        with pytest.raises(AnnotationError, match="margin"):
            find_veins(np.ones((4, 4, 4)), SPACING, margin_mm=wrong)
        with pytest.raises(AnnotationError, match="reach"):
            veins_left_in(np.ones((4, 4, 4)), np.ones((4, 4, 4)), SPACING, reach_mm=wrong)
        with pytest.raises(AnnotationError, match="reach"):
            veins_left_in(np.ones((4, 4, 4)), np.ones((4, 4, 4)), SPACING, beside_mm=wrong)
    with pytest.raises(AnnotationError, match="same three axes"):
        veins_left_in(np.ones((4, 4, 4)), np.ones((4, 4, 5)), SPACING)


def test_the_options_stand_where_nothing_is_said():
    _, _, qsm = made()
    named = find_veins(qsm, SPACING, threshold_ppb=CORE_PPB, length_mm=LENGTH_MM, margin_mm=0.0)
    np.testing.assert_array_equal(find_veins(qsm, SPACING), named)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.tuples(st.floats(15, 250), st.floats(15, 250)), st.tuples(st.floats(0, 20), st.floats(0, 20)))
def test_a_lower_threshold_and_a_shorter_length_find_all_that_higher_ones_find(thresholds, lengths):
    _, _, qsm = made(noise_ppb=20.0)
    some = find_veins(qsm, SPACING, threshold_ppb=max(thresholds), length_mm=max(lengths))
    more = find_veins(qsm, SPACING, threshold_ppb=min(thresholds), length_mm=min(lengths))
    assert not (some & ~more).any()


def test_the_threshold_decides_on_faint_veins():
    share, _, qsm = made()
    faint = qsm - 140 * share  # a third of what venous blood holds
    true = share > 0.5
    assert not find_veins(faint, SPACING).any()
    assert (find_veins(faint, SPACING, threshold_ppb=35) & true).sum() / true.sum() > 0.9
    assert not find_veins(qsm, SPACING, threshold_ppb=250).any()


def test_pieces_shorter_than_the_length_are_dropped():
    qsm = np.random.default_rng(2).normal(-30, 5, SHAPE)
    qsm[12, 20:40, 30] = qsm[12, 20:80, 90] = 200  # 10 mm and 30 mm
    both = find_veins(qsm, SPACING, length_mm=8)
    assert both[12, 25:35, 30].all()
    assert both[12, 25:75, 90].all()
    long = find_veins(qsm, SPACING, length_mm=15)
    assert not long[:, :, :60].any()
    np.testing.assert_array_equal(long[:, :, 60:], both[:, :, 60:])


@pytest.mark.parametrize("margin_mm", [0.4, 0.5, 1.0, 2.1])
def test_the_margin_holds_all_that_is_so_near_and_nothing_else(margin_mm):
    _, _, qsm = made()
    within = np.zeros(SHAPE, bool)
    within[10:20, 30:80, 35:85] = True
    bare = find_veins(qsm, SPACING, within=within)
    places = np.argwhere(within)
    apart, _ = spatial.cKDTree(np.argwhere(bare) * SPACING).query(places * SPACING)
    expected = np.zeros(SHAPE, bool)
    expected[tuple(places[apart <= margin_mm + 1e-6].T)] = True
    np.testing.assert_array_equal(find_veins(qsm, SPACING, within=within, margin_mm=margin_mm), expected)
    assert (expected.sum() > bare.sum()) == (margin_mm >= 0.5)


def _drawn():
    """A thalamus as a cylinder of 10 mm radius, and a vein of 2 mm at its edge, one inside, one far away."""
    y, x = np.meshgrid(np.arange(80) * 0.5 - 20, np.arange(80) * 0.5 - 20, indexing="ij")
    disc = np.zeros((6, 80, 80), bool)
    disc[1:5] = y**2 + x**2 <= 100
    at = lambda centre: (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= 1.0  # noqa: E731
    veins = np.broadcast_to(at((0, 9)) | at((-3, 0)) | at((15, 15)), disc.shape)
    return disc, veins


def test_veins_that_were_cut_out_are_put_back():
    disc, veins = _drawn()
    cut = disc & ~veins
    back, lost = veins_left_in(cut, veins, SPACING, beside_mm=0), disc & veins
    assert not (back & ~disc).any()
    edge = (slice(None), slice(None), slice(55, 65))
    # Inside all comes back, at the edge all but the outermost voxels: the closing disc's arc passes behind them.
    assert lost[edge].sum() > 50
    assert (back & lost)[edge].sum() / lost[edge].sum() > 0.65
    back[edge] = disc[edge]
    np.testing.assert_array_equal(back, disc)


def test_nothing_is_put_back_where_nothing_was_cut():
    disc, veins = _drawn()
    np.testing.assert_array_equal(veins_left_in(disc, veins, SPACING, beside_mm=0), disc)
    np.testing.assert_array_equal(
        veins_left_in(disc & ~veins, np.zeros_like(disc), SPACING, beside_mm=0), disc & ~veins
    )
    np.testing.assert_array_equal(veins_left_in(disc & ~veins, veins, SPACING, reach_mm=0, beside_mm=0), disc & ~veins)
    assert not veins_left_in(np.zeros_like(disc), veins, SPACING, beside_mm=0).any()


def test_a_vein_that_lies_against_the_contour_is_put_back_as_far_as_is_said():
    disc, veins = _drawn()
    apart = ndimage.distance_transform_edt(~disc, sampling=(1e6, *SPACING[1:]))
    for mm in (0.5, 1.0, 2.0):
        np.testing.assert_array_equal(
            veins_left_in(disc, veins, SPACING, reach_mm=0, beside_mm=mm), disc | (veins & (apart <= mm))
        )
    whole = np.ones((2, 20, 20), bool)
    np.testing.assert_array_equal(veins_left_in(whole, ~whole | whole, SPACING), whole)


def test_each_slice_is_closed_by_itself_and_up_to_the_borders_of_the_image():
    disc, veins = _drawn()
    gap = disc.copy()
    gap[3] = False
    assert not veins_left_in(gap, veins, SPACING, beside_mm=0)[3].any()
    corner = np.ones((2, 20, 20), bool)
    hole = np.zeros_like(corner)
    hole[:, 9:11, 17:19] = True
    np.testing.assert_array_equal(veins_left_in(corner & ~hole, hole, SPACING, beside_mm=0), corner)


def test_on_a_patient_the_veins_cut_out_of_a_closed_thalamus_come_back(patient):
    qsm, truth = patient.images["qsm"], patient.truth
    disc = np.hypot(*np.ogrid[-4:5, -4:5])[None] <= 4
    whole = ndimage.binary_closing(np.pad(truth.thalami == 2, ((0, 0), (5, 5), (5, 5))), disc)[:, 5:-5, 5:-5]
    # A vein runs along the upper edge of the thalamus: its mask is moved inwards, so that it is cut out of it.
    veins = np.roll(truth.veins, (-2, -3), axis=(0, 2))
    cut = whole & ~veins
    back = veins_left_in(cut, veins, qsm.spacing, beside_mm=0)
    lost = whole & veins
    assert lost.sum() > 60
    assert 2 * (back & whole).sum() / (back.sum() + whole.sum()) > 0.995
    assert (back & lost).sum() / lost.sum() > 0.75
    assert not (back & ~whole).any()
    bright = np.where(veins, 170, qsm.data)
    bias = bright[whole].mean() - bright[cut].mean()
    assert bias > 2
    assert abs(bright[back].mean() - bright[whole].mean()) < 0.25 * bias
