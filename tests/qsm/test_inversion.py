"""From a field to susceptibility on a small head whose susceptibility is known."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.errors import MeasurementError
from thaliron_napari.qsm.background import pdf, v_sharp
from thaliron_napari.qsm.closed_form import closed_form
from thaliron_napari.qsm.dipole import dipole_field, radians_per_ppm
from thaliron_napari.qsm.medi import MediSettings, medi
from thaliron_napari.qsm.tkd import tkd

SHAPE, SPACING = (40, 56, 48), np.array([2.0, 2.0, 2.0])
B0 = np.array([np.cos(0.3), np.sin(0.3), 0.0])
ECHO_S, FIELD_T = 0.02, 3.0
# The phase of 20 ms is four times that between two echoes of a scan, for which the usual weight of 1000 is.
SETTINGS = MediSettings(data_weight=250, steps=6, inner_steps=30)


@dataclass(frozen=True)
class Head:
    """Susceptibility in ppm, what is deep grey matter, brain, magnitude, and the noise of the phase."""

    chi: np.ndarray
    deep: np.ndarray
    mask: np.ndarray
    magnitude: np.ndarray
    local: np.ndarray
    noisy: np.ndarray
    noise: np.ndarray


def _ellipsoid(centre: tuple[float, float, float], axes: tuple[float, float, float]) -> np.ndarray:
    at = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip(SHAPE, SPACING, strict=True)]
    z, y, x = np.meshgrid(*at, indexing="ij")
    return sum(((p - c) / a) ** 2 for p, c, a in zip((z, y, x), centre, axes, strict=True)) < 1


@pytest.fixture(scope="module")
def head() -> Head:
    rng = np.random.default_rng(11)
    mask = _ellipsoid((0, 0, 0), (32, 46, 38))
    chi, magnitude = np.zeros(SHAPE), np.where(mask, 1.0, 0.05)
    deep = np.zeros(SHAPE, bool)
    for centre, axes, ppm, signal in (
        ((0, 5, 11), (8, 10, 6), 0.03, 0.9),
        ((0, 5, -11), (8, 10, 6), 0.03, 0.9),
        ((0, -8, 17), (6, 8, 4), 0.12, 0.7),
        ((0, -8, -17), (6, 8, 4), 0.12, 0.7),
        ((8, 22, 8), (10, 12, 4), -0.01, 1.2),
        ((8, 22, -8), (10, 12, 4), -0.01, 1.2),
        ((12, -20, 0), (3, 14, 3), 0.25, 0.4),
    ):
        inside = _ellipsoid(centre, axes)
        chi[inside], magnitude[inside] = ppm, signal
        if 0.02 < ppm < 0.2:
            deep |= inside
    chi -= chi[mask].mean()
    chi[~mask] = 0
    local = np.where(mask, dipole_field(chi.astype(np.float32), SPACING, B0), 0)
    noise = np.where(mask, 0.02 / magnitude, 0).astype(np.float32)  # radians
    noisy = local * radians_per_ppm(FIELD_T, ECHO_S) + noise * rng.standard_normal(SHAPE)
    return Head(
        chi, deep, mask, magnitude.astype(np.float32), local, np.where(mask, noisy, 0).astype(np.float32), noise
    )


def nrmse(found: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """In percent, after the line that fits best was taken out."""
    slope, offset = np.polyfit(found[where], truth[where], 1)
    left = slope * found[where] + offset - truth[where]
    return float(100 * np.linalg.norm(left) / np.linalg.norm(truth[where] - truth[where].mean()))


@pytest.fixture(scope="module")
def maps(head: Head) -> dict[str, np.ndarray]:
    """By method, in ppm."""
    per_ppm = radians_per_ppm(FIELD_T, ECHO_S)
    settings = SETTINGS
    found = {
        "TKD": tkd(head.noisy, head.mask, SPACING, B0),
        "L2": closed_form(head.noisy, head.mask, SPACING, B0),
        "MEDI": medi(head.noisy, head.noise, head.magnitude, head.mask, SPACING, B0, settings),
    }
    return {name: chi / per_ppm for name, chi in found.items()}


def test_medi_comes_nearest_to_the_truth(head: Head, maps: dict[str, np.ndarray]) -> None:
    off = {name: nrmse(chi, head.chi, head.mask) for name, chi in maps.items()}
    assert off["MEDI"] < 12
    assert off["MEDI"] < 0.6 * min(off["TKD"], off["L2"])
    assert max(off.values()) < 100
    assert np.corrcoef(maps["MEDI"][head.deep], head.chi[head.deep])[0, 1] > 0.95
    assert nrmse(maps["MEDI"], head.chi, head.deep) < 8


def test_the_scale_is_right(head: Head, maps: dict[str, np.ndarray]) -> None:
    for name, allowed in (("TKD", 0.25), ("L2", 0.25), ("MEDI", 0.12)):
        strong = head.chi > 0.2
        found = maps[name][strong].mean() - maps[name][head.mask & ~strong].mean()
        truth = head.chi[strong].mean() - head.chi[head.mask & ~strong].mean()
        assert found == pytest.approx(truth, rel=allowed), name


def test_another_unit_of_the_field_gives_the_same_map_in_that_unit(head: Head) -> None:
    for invert in (tkd, closed_form):
        once = invert(head.noisy, head.mask, SPACING, B0)
        assert invert(3 * head.noisy, head.mask, SPACING, B0) == pytest.approx(3 * once, abs=1e-4)


def test_whole_turns_left_in_the_field_do_no_harm_to_medi(head: Head, maps: dict[str, np.ndarray]) -> None:
    turned = head.noisy.copy()
    turned[18:20, 20:23, 20:23] += np.float32(2 * np.pi)
    settings = SETTINGS
    chi = medi(turned, head.noise, head.magnitude, head.mask, SPACING, B0, settings) / radians_per_ppm(FIELD_T, ECHO_S)
    assert chi == pytest.approx(maps["MEDI"], abs=0.01)


def test_csf_becomes_uniform_and_zero(head: Head) -> None:
    csf = _ellipsoid((8, 22, 8), (8, 9, 3)) | _ellipsoid((8, 22, -8), (8, 9, 3))
    settings = SETTINGS
    plain = medi(head.noisy, head.noise, head.magnitude, head.mask, SPACING, B0, settings)
    zero = medi(head.noisy, head.noise, head.magnitude, head.mask, SPACING, B0, settings, csf=csf)
    assert zero[csf].mean() == pytest.approx(0, abs=1e-5)
    assert zero[csf].std() < 0.5 * plain[csf].std()
    with pytest.raises(MeasurementError, match="CSF"):
        medi(head.noisy, head.noise, head.magnitude, head.mask, SPACING, B0, settings, csf=~head.mask)


class Stopped(Exception):
    """Raised by the caller to end the work."""


def test_it_can_be_stopped_and_goes_on_from_a_map(head: Head) -> None:
    told: list[float] = []

    def step(share: float) -> None:
        told.append(share)
        if len(told) == 5:
            raise Stopped

    with pytest.raises(Stopped):
        medi(head.noisy, head.noise, head.magnitude, head.mask, SPACING, B0, step=step)
    assert told == sorted(told)
    short = MediSettings(data_weight=250, steps=3, inner_steps=30)
    first = medi(head.noisy, head.noise, head.magnitude, head.mask, SPACING, B0, short)
    again = medi(head.noisy, head.noise, head.magnitude, head.mask, SPACING, B0, short, start_rad=first)
    # It goes on towards the same map as a run that was not stopped (the distance to the truth need not fall).
    long = MediSettings(data_weight=250, steps=12, inner_steps=60, tolerance=0.01)
    end = medi(head.noisy, head.noise, head.magnitude, head.mask, SPACING, B0, long)
    assert nrmse(again, end, head.mask) < 0.85 * nrmse(first, end, head.mask)


def test_a_field_from_outside_is_taken_out(head: Head) -> None:
    air = np.zeros(SHAPE, np.float32)
    air[2:6, 4:12, 20:28] = 9.0  # ppm, below and in front of the brain
    air[~head.mask & (air == 0)] = 0
    outer = np.where(head.mask, 0, air)
    total = np.where(head.mask, head.local + dipole_field(outer.astype(np.float32), SPACING, B0), 0).astype(np.float32)
    core = ndimage.binary_erosion(head.mask, iterations=4)
    before = nrmse(total, head.local, core)
    one = np.where(head.mask, 1, 0).astype(np.float32)
    by_pdf = pdf(total, one, head.mask, SPACING, B0)
    by_sharp, within = v_sharp(total, head.mask, SPACING)
    assert before > 60
    assert nrmse(by_pdf, head.local, core) < 15
    assert nrmse(by_sharp, head.local, core & within) < 25
    assert not by_pdf[~head.mask].any()
    assert (within <= head.mask).all()
    assert within[core].mean() > 0.99
