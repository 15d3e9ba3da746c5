"""Filled lesions against the phantom painted without them, and in words for what cannot be filled."""

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.lesion_filling import fill_lesions
from thaliron_napari.phantom import contrasts
from thaliron_napari.phantom.folds import make_fields, posed
from thaliron_napari.phantom.lesions import place_lesions
from thaliron_napari.phantom.painting import Head, paint

SPACING = (1.5, 1.5, 1.5)
NOISE = 14


@pytest.fixture(scope="module")
def phantom() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T1 of a head with lesions, of the same head without, with the same noise and shading; share of lesion."""
    rng = np.random.default_rng(5)
    fields, warp = make_fields(rng)
    lesions = place_lesions(fields, rng)
    fields = posed(fields, warp, np.eye(4))
    shape = (60, 120, 100)
    affine = np.array([[0, 0, -1.5, 75], [0, -1.5, 0, 70], [1.5, 0, 0, -10], [0, 0, 0, 1]], float)
    ill = paint(Head(fields, lesions), affine, shape, [contrasts.T1, {"lesion": 1.0}])
    well = paint(Head(fields), affine, shape, [contrasts.T1])
    scans = [contrasts.as_scanned(head.channels[0], np.random.default_rng(1), NOISE, 0.15) for head in (ill, well)]
    return scans[0], scans[1], ill.channels[1]


def test_filled_values_are_those_of_the_head_without_lesions(phantom) -> None:
    ill, well, share = phantom
    lesions = share > 0.3
    filled = fill_lesions(ill, lesions, SPACING)
    assert np.array_equal(filled[~lesions], ill[~lesions])
    assert filled.dtype == ill.dtype
    pieces, count = ndimage.label(lesions, np.ones((3, 3, 3)))
    assert count >= 8
    for number in range(1, count + 1):
        inside = (pieces == number) & (share > 0.9)  # at the rim there may be cortex or a ventricle beside
        if inside.sum() > 20:
            off = filled[inside].mean() - well[inside].mean()
            assert abs(off) < 1.5 * NOISE
            assert abs(ill[inside].mean() - well[inside].mean()) > 100
            assert 0.7 * NOISE < filled[inside].std() < 2 * NOISE


def test_the_same_bits_again_and_others_with_another_seed(phantom) -> None:
    ill, _, share = phantom
    first, again = (fill_lesions(ill, share > 0.3, SPACING) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != fill_lesions(ill, share > 0.3, SPACING, seed=1).tobytes()


def _tissue(shape: tuple[int, int, int] = (40, 44, 36)) -> np.ndarray:
    """White matter at 600, darker to one side, with a slab of cortex and one of CSF."""
    rng = np.random.default_rng(2)
    z, _, x = np.indices(shape)
    level = 600.0 + 2 * z
    level[x < 6] = 110
    level[(x >= 6) & (x < 9)] = 390
    return (level + rng.normal(0, 10, shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("centre", "radius"),
    [((20, 22, 20), 11), ((20, 22, 15), 6), ((0, 0, 35), 6), ((20, 22, 11), 2)],
    ids=["large", "beside cortex", "image border", "small beside cortex"],
)
def test_any_lesion_follows_the_white_matter_around(centre: tuple[int, int, int], radius: int) -> None:
    t1 = _tissue()
    place = np.indices(t1.shape)
    lesion = sum((k - c) ** 2 for k, c in zip(place, centre, strict=True)) <= radius**2
    ill = np.where(lesion, np.float32(400), t1)
    filled = fill_lesions(ill, lesion, (1, 1, 1))
    expected = (600 + 2 * place[0])[lesion]
    assert abs((filled[lesion] - expected).mean()) < 8
    assert np.array_equal(filled[~lesion], t1[~lesion])
    whole = np.rint(ill).astype(np.int16)
    assert fill_lesions(whole, lesion, (1, 1, 1)).dtype == np.int16


def test_without_lesions_nothing_changes() -> None:
    t1 = _tissue()
    filled = fill_lesions(t1, np.zeros(t1.shape, bool), (1, 1, 1))
    assert np.array_equal(filled, t1)
    assert filled is not t1


def test_what_cannot_be_filled_is_said() -> None:
    t1 = _tissue()
    everywhere, some = np.ones(t1.shape, bool), np.zeros(t1.shape, bool)
    some[20, 22, 20] = True
    with pytest.raises(MeasurementError, match="No white matter"):
        fill_lesions(t1, everywhere, (1, 1, 1))
    with pytest.raises(MeasurementError, match="No white matter"):
        fill_lesions(t1, some, (1, 1, 1), within=some)
    with pytest.raises(MeasurementError, match="other grids"):
        fill_lesions(t1, some[1:], (1, 1, 1))
    with pytest.raises(MeasurementError, match="three lengths"):
        fill_lesions(t1, some, (1, 0, 1))
    t1[0, 0, 0] = np.nan
    with pytest.raises(MeasurementError, match="not numbers"):
        fill_lesions(t1, some, (1, 1, 1))
