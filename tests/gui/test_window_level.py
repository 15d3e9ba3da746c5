"""Windows of the images by boxes, keys, right drag and napari's own controls, and in another case."""

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from thaliron_napari.case import Edit, Role, open_case
from thaliron_napari.case.edits import fact_change
from thaliron_napari.imaging import read_volume, write_image
from thaliron_napari.viewer import presets
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.signed_colours import table


@pytest.fixture
def hand(panel: Panel) -> Hand:
    QTest.qWait(300)
    panel.reading.display.images.set_share(0.0)
    return Hand(panel.reading.viewer, panel)


def window(panel: Panel, role: Role = "qsm") -> tuple[float, float]:
    """What napari shows, which must be what the images say."""
    images = panel.reading.display.images
    low, high = images.layer(role).contrast_limits
    assert images.limits(role) == pytest.approx((low, high))
    return low, high


def type_into(box, words: str) -> None:
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, words)
    QTest.keyClick(box, Qt.Key.Key_Return)


def test_boxes_take_exact_ppb_of_either_sign(panel: Panel, hand: Hand) -> None:
    row = panel.window_row
    assert row.name.text() == "QSM ppb"
    assert (row.low.value(), row.high.value()) == (-100, 200)
    type_into(row.low, "-37.5")
    assert window(panel) == (-37.5, 200)
    type_into(row.high, "-12")
    assert window(panel) == (-37.5, -12)
    assert (row.low.text(), row.high.text()) == ("-37.5", "-12")
    type_into(row.low, "300")  # beyond the other end, which goes along
    assert window(panel) == (300, 325.5)
    assert row.high.value() == 325.5


def test_boxes_and_right_drag_follow_each_other(panel: Panel, hand: Hand) -> None:
    row = panel.window_row
    type_into(row.low, "-60")
    seen = []
    hand.drag(
        [(100, 60), (100, 90), (120, 100)],
        button=Qt.MouseButton.RightButton,
        while_down=lambda: seen.append((row.low.value(), row.high.value())),
    )
    low, high = window(panel)
    assert high - low > 260 * 1.05
    assert seen[0] != (-60, 200)
    assert (row.low.value(), row.high.value()) == pytest.approx((low, high), abs=0.05)
    type_into(row.high, "150")
    assert window(panel) == pytest.approx((low, 150))  # the low end keeps the decimals that its box does not show


def test_boxes_follow_naparis_own_controls_and_the_image_in_front(panel: Panel, hand: Hand) -> None:
    images, row = panel.reading.display.images, panel.window_row
    images.layer("qsm").contrast_limits = (-20, 80)
    assert (row.low.value(), row.high.value()) == (-20, 80)
    hand.key(Qt.Key.Key_X)
    assert row.name.text() == "FLAIR"
    assert (row.low.value(), row.high.value()) == pytest.approx(images.limits("flair"), abs=0.5)
    hand.key(Qt.Key.Key_X)
    panel.reading.display.show("flair")
    panel.reading.display.show("qsm")
    assert window(panel) == (-20, 80)


def test_number_keys_choose_the_usual_windows(panel: Panel, hand: Hand) -> None:
    hand.key(Qt.Key.Key_2)
    assert window(panel) == (-50, 100)
    hand.key(Qt.Key.Key_3)
    assert window(panel) == (-150, 150)
    hand.key(Qt.Key.Key_1)
    assert window(panel) == (-100, 200)
    hand.key(Qt.Key.Key_X)
    usual = window(panel, "flair")
    hand.key(Qt.Key.Key_2)
    narrow = window(panel, "flair")
    assert usual[0] < narrow[0] < narrow[1] < usual[1]
    hand.key(Qt.Key.Key_1)
    assert window(panel, "flair") == usual
    assert window(panel) == (-100, 200)


def test_another_case_looks_alike(panel: Panel, hand: Hand, phantom: dict[Role, Path], tmp_path: Path) -> None:
    """QSM windows stay in ppb; FLAIR is three times as bright in the other case and must look the same."""
    images = panel.reading.display.images
    images.set_limits("qsm", -33, 77)
    usual = images.limits("flair")
    images.set_limits("flair", usual[1] * 0.2, usual[1] * 0.7)
    flair = read_volume(phantom["flair"])
    other = tmp_path / "flair.nii.gz"
    write_image(other, flair.data * 3, flair)
    panel.reading.open(open_case([], images={**phantom, "flair": other}, derivatives=tmp_path / "other"))
    assert window(panel) == (-33, 77)
    assert images.limits("flair") == pytest.approx((usual[1] * 0.6, usual[1] * 2.1), rel=0.01)
    panel.reading.open(open_case([], images={"flair": phantom["flair"]}, derivatives=tmp_path / "third"))
    assert window(panel, "flair") == pytest.approx((usual[1] * 0.2, usual[1] * 0.7), rel=0.01)
    panel.reading.open(open_case([], images=phantom, derivatives=tmp_path / "fourth"))
    assert window(panel) == (-33, 77)


def test_the_signed_window_lies_about_zero(panel: Panel, hand: Hand) -> None:
    images, row = panel.reading.display.images, panel.window_row
    images.set_limits("qsm", -40, 100)
    images.set_signed_qsm(True)
    assert window(panel) == (-70, 70)
    middle = images.layer("qsm").colormap.map(np.array([0.5]))[0, :3]
    assert middle.max() < 0.1
    type_into(row.high, "90")
    assert window(panel) == (-90, 90)
    type_into(row.low, "-25")
    assert window(panel) == (-25, 25)
    hand.drag([(100, 60), (120, 90), (140, 100)], button=Qt.MouseButton.RightButton)
    low, high = window(panel)
    assert low == -high
    assert high > 26
    images.layer("qsm").contrast_limits = (-10, 50)
    assert window(panel) == (-30, 30)
    hand.key(Qt.Key.Key_2)
    assert window(panel) == (-75, 75)
    images.set_signed_qsm(False)
    assert window(panel) == (-40, 100)
    assert images.layer("qsm").colormap.name == "gray"


def test_a_qsm_of_unknown_unit_shows_its_whole_range(
    panel: Panel, hand: Hand, phantom: dict[Role, Path], tmp_path: Path
) -> None:
    """Until its unit is known its values are no ppb: the window is the values', and the ppb come back with the unit."""
    images = panel.reading.display.images
    images.set_limits("qsm", -33, 77)
    qsm = read_volume(phantom["qsm"])
    other = tmp_path / "qsm.nii.gz"
    write_image(other, qsm.data * 100, qsm)
    case = open_case([], images={"qsm": other, "flair": phantom["flair"]}, derivatives=tmp_path / "other")
    assert case.unit is None
    panel.reading.open(case)
    assert panel.window_row.name.text() == "QSM"
    low, high = window(panel)
    raw = case.images["qsm"].data
    assert 0.95 < np.mean((raw > low) & (raw < high)) < 1
    panel.reading.make(lambda case: Edit("unit", fact_change(case.annotations, "unit", "ppb")))
    assert window(panel) == (-33, 77)
    panel.reading.undo()
    assert window(panel) == pytest.approx((low, high))


def test_signed_colours_are_even_and_as_light_on_both_sides() -> None:
    """Measured by scikit-image's CIELAB and CIEDE2000, which are not what made them."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    colours = table()
    assert colours.shape == (255, 4)
    assert 0 <= colours.min() <= colours.max() <= 1
    lab = rgb2lab(colours[:, :3])
    np.testing.assert_allclose(lab[:, 0], lab[::-1, 0], atol=0.01)
    assert lab[:, 0].argmin() == 127
    assert (np.diff(lab[127:, 0]) > 0).all()
    steps = deltaE_ciede2000(lab[1:], lab[:-1])
    assert steps.std() / steps.mean() < 0.1
    assert (lab[:100, 2] < -5).all()  # blue
    assert (lab[155:, 2] > 5).all()  # orange


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_automatic_windows_hold_what_is_tissue(scale: float) -> None:
    rng = np.random.default_rng(0)
    values = np.zeros((20, 60, 60))
    tissue = rng.normal(100, 15, (20, 40, 40)).clip(1)
    values[:, 10:50, 10:50] = tissue
    values[0, 10, 10:14] = 5000  # a few hot voxels
    values[1, 0, 0] = np.nan
    usual, narrow, whole = (preset.limits for preset in presets.automatic(values * scale))
    assert usual == pytest.approx((0, np.percentile(tissue, 99.5) * 1.1 * scale), rel=0.05)
    assert narrow == pytest.approx(tuple(np.percentile(tissue, (25, 99.5)) * scale), rel=0.05)
    assert whole[1] >= usual[1]


@pytest.mark.parametrize("values", [np.zeros((2, 3, 4)), np.full((2, 3, 4), 7.0), np.full((2, 3, 4), np.nan)])
def test_an_image_of_one_value_has_windows_too(values: np.ndarray) -> None:
    for preset in presets.automatic(values):
        assert np.isfinite(preset.limits).all()
        assert preset.limits[0] < preset.limits[1]


def test_values_below_zero_are_seen_too() -> None:
    values = np.random.default_rng(1).normal(0, 1, (10, 20, 30))
    low, high = presets.automatic(values)[0].limits
    assert low < -2.5
    assert high > 2.5
