"""Veins: tubes are found, nuclei are not."""

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.annotation import find_veins
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
