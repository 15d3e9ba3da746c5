"""From a scanner's phase to the field: units told, echoes fitted, turns taken out."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thaliron_napari.errors import MeasurementError
from thaliron_napari.qsm.field_fit import echo_unit_s, fit_field, is_even
from thaliron_napari.qsm.phase import from_real_imaginary, mend_alternating_slices, recognise_phase_unit, to_radians
from thaliron_napari.qsm.unwrap import count_wraps, unwrap

SHAPE = (12, 14, 16)


@pytest.fixture(scope="module")
def angles() -> np.ndarray:
    return np.random.default_rng(2).uniform(-np.pi, np.pi, SHAPE)


@pytest.mark.parametrize(
    ("unit", "store"),
    [
        ("rad", lambda a: a),
        ("0..4095", lambda a: np.floor((a + np.pi) / (2 * np.pi) * 4096).clip(0, 4095)),
        ("-4096..4094", lambda a: 2 * np.floor((a + np.pi) / (2 * np.pi) * 4096).clip(0, 4095) - 4096),
        ("mrad", lambda a: np.rint(1000 * a)),
        ("scaled", lambda a: a * 100 / np.pi),
    ],
)
def test_a_scanners_unit_is_told_and_brought_to_radians(angles: np.ndarray, unit: str, store) -> None:
    stored = store(angles)
    assert recognise_phase_unit(stored) == unit
    found = to_radians(stored)
    assert np.abs(np.angle(np.exp(1j * (found - angles)))).max() < 0.01


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 3)), np.full((2, 2), np.nan), np.abs(np.random.default_rng(0).normal(0, 90, 999))]
)
def test_what_is_no_phase_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(MeasurementError):
        recognise_phase_unit(wrong)


def test_real_and_imaginary_are_magnitude_and_phase(angles: np.ndarray) -> None:
    magnitude, phase = from_real_imaginary(3 * np.cos(angles), 3 * np.sin(angles))
    assert magnitude == pytest.approx(3, abs=1e-5)
    assert phase == pytest.approx(angles, abs=1e-5)
    with pytest.raises(MeasurementError, match="shape"):
        from_real_imaginary(np.zeros((2, 2)), np.zeros((2, 3)))


def test_slices_of_alternating_sign_are_mended() -> None:
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    smooth = (0.3 * z + 0.2 * y * x).astype(np.float32)
    turned = smooth.copy()
    turned[1::2] -= np.pi
    ones = np.ones(SHAPE, np.float32)
    assert mend_alternating_slices(ones, turned) == pytest.approx(smooth, abs=1e-5)
    assert mend_alternating_slices(ones, smooth) is smooth


@pytest.mark.parametrize("times", [(0.005, 0.010, 0.015, 0.020, 0.025), (0.004, 0.009, 0.019), (0.004, 0.007, 0.0113)])
def test_field_initial_phase_and_their_noise_are_found(times: tuple[float, ...]) -> None:
    rng = np.random.default_rng(5)
    unit = echo_unit_s(times)
    t = np.array(times)[:, None, None, None]
    field = rng.uniform(-1.2, 1.2, SHAPE)  # radians a unit
    initial = rng.uniform(-3, 3, SHAPE)
    size = np.exp(-30 * t) * np.ones(SHAPE)
    noise = 0.01
    signal = size * np.exp(1j * (initial + field * t / unit))
    signal += noise * (rng.standard_normal(signal.shape) + 1j * rng.standard_normal(signal.shape))
    mask = np.ones(SHAPE, bool)
    mask[0] = False
    found = fit_field(np.abs(signal), np.angle(signal), times, mask)
    off = (found.field_rad - field)[mask]
    assert np.abs(np.median(off)) < 0.001
    assert off.std() < 0.02
    assert np.std(off / found.noise_rad[mask]) == pytest.approx(1, abs=0.25)
    assert np.abs(np.angle(np.exp(1j * (found.initial_rad - initial)[mask]))).mean() < 0.03
    assert not found.field_rad[~mask].any()


def test_the_weaker_echo_counts_less() -> None:
    times = (0.005, 0.010, 0.015)
    phase = np.zeros((3, 1, 1, 200), np.float32)
    phase[2] = 0.5  # the last echo contradicts the others
    magnitude = np.ones((3, 1, 1, 200), np.float32)
    mask = np.ones((1, 1, 200), bool)
    strong = fit_field(magnitude, phase, times, mask).field_rad.mean()
    magnitude[2] = 0.1
    weak = fit_field(magnitude, phase, times, mask).field_rad.mean()
    assert 0 < weak < 0.1 * strong


def test_echo_times_are_checked() -> None:
    assert echo_unit_s([0.004, 0.008, 0.016]) == pytest.approx(0.004)
    assert is_even([0.004, 0.008, 0.016])
    assert not is_even([0.004, 0.007, 0.0113])
    for wrong in ([], [0.01, 0.005], [5.0, 10.0], [0.0, 0.01]):
        with pytest.raises(MeasurementError):
            echo_unit_s(wrong)
    with pytest.raises(MeasurementError, match="echo times"):
        fit_field(np.ones((3, 2, 2, 2)), np.ones((3, 2, 2, 2)), [0.01, 0.02], np.ones((2, 2, 2), bool))


def test_whole_turns_are_taken_out() -> None:
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (20, 24, 28)), indexing="ij")
    true = 14 * np.exp(-(z**2 + y**2 + x**2))
    mask = z**2 + y**2 + x**2 < 0.9
    wrapped = np.angle(np.exp(1j * true)).astype(np.float32)
    assert count_wraps(wrapped, mask) > 100
    found = unwrap(wrapped, mask)
    assert count_wraps(found, mask) == 0
    off = (found - true)[mask]
    assert np.ptp(off) < 1e-3
    assert off.mean() / (2 * np.pi) == pytest.approx(round(off.mean() / (2 * np.pi)), abs=1e-3)


def test_a_real_gradient_echo_has_no_turns_left_in_its_core(shared_data: Path) -> None:
    phase = np.asarray(nib.load(shared_data / "gre" / "Phase.nii").dataobj, np.float32)
    magnitude = np.asarray(nib.load(shared_data / "gre" / "Mag.nii").dataobj, np.float32)
    phase, magnitude = (np.moveaxis(a, 3, 0).transpose(0, 3, 2, 1) for a in (phase, magnitude))
    mask = magnitude[0] > 0.3 * np.percentile(magnitude[0], 98)
    fit = fit_field(magnitude, to_radians(phase), (0.004, 0.008, 0.012), mask)
    assert fit.noise_rad[mask].min() > 0
    assert count_wraps(unwrap(fit.field_rad, mask), mask) == 0
