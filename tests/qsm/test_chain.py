"""The whole chain on a small head with air beside it, whose susceptibility is known; masks, memory, and stopping."""

import sys
from concurrent.futures import CancelledError
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.errors import MeasurementError
from thaliron_napari.qsm import (
    Begun,
    MediSettings,
    Reconstruction,
    estimate_mask,
    looks_upside_down,
    peak_bytes,
    reconstruct,
    simulate_echoes,
    ventricular_csf,
)
from thaliron_napari.qsm.brain_mask import combined_magnitude
from thaliron_napari.qsm.field_fit import fit_field

SHAPE, SPACING = (36, 60, 52), np.array([3.0, 2.0, 2.0])
B0 = np.array([np.cos(0.2), 0.0, np.sin(0.2)])
ECHO_TIMES_S = (0.004, 0.009, 0.014, 0.019)
FIELD_T = 3.0
SETTINGS = MediSettings(steps=5, inner_steps=40)


@dataclass(frozen=True)
class Scan:
    """Echoes, truth in ppb relative to CSF, brain, deep grey matter, CSF."""

    magnitude: np.ndarray
    phase: np.ndarray
    chi_ppb: np.ndarray
    brain: np.ndarray
    deep: np.ndarray
    csf: np.ndarray


def _ellipsoid(centre: tuple[float, float, float], axes: tuple[float, float, float]) -> np.ndarray:
    at = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip(SHAPE, SPACING, strict=True)]
    z, y, x = np.meshgrid(*at, indexing="ij")
    return sum(((p - c) / a) ** 2 for p, c, a in zip((z, y, x), centre, axes, strict=True)) < 1


def scan(times: tuple[float, ...] = ECHO_TIMES_S) -> Scan:
    """A head in its scalp and bone in air, with a hollow full of air below the brain in front."""
    head, bone, brain = (_ellipsoid((0, 0, 0), (a, b, c)) for a, b, c in ((51, 57, 49), (47, 52, 44), (41, 46, 38)))
    air = ~head | _ellipsoid((-38, -32, 0), (8, 9, 9))
    brain &= ~ndimage.binary_dilation(air)
    chi = np.where(brain, -30.0, 0.0)
    signal, r2star = np.where(head, 0.7, 0.0), np.full(SHAPE, 20.0)
    signal[bone], signal[brain] = 0.05, 1.0
    deep, csf = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    for side in (-1, 1):
        for centre, axes, ppb, brightness in (
            ((2, 4, 11 * side), (9, 13, 7), 0.0, 0.95),
            ((2, -8, 21 * side), (8, 9, 4), 110.0, 0.7),
            ((0, -18, 8 * side), (6, 7, 4), 40.0, 0.9),
        ):
            inside = _ellipsoid(centre, axes)
            chi[inside], signal[inside] = ppb, brightness
            deep |= inside
        ventricle = _ellipsoid((14, 16, 9 * side), (8, 14, 6))
        chi[ventricle], signal[ventricle], r2star[ventricle] = 0.0, 1.3, 1.0
        csf |= ventricle
    vein = _ellipsoid((18, -24, 0), (4, 18, 3))
    chi[vein], signal[vein] = 250.0, 0.4
    truth = chi.copy()
    chi[bone & ~brain], chi[air], signal[air] = -2000.0, 9400.0, 0.0
    z = np.linspace(-1, 1, SHAPE[0])[:, None, None]
    magnitude, phase = simulate_echoes(
        (chi - 9400) / 1000,
        signal.astype(np.float32),
        times,
        FIELD_T,
        SPACING,
        B0,
        np.random.default_rng(4),
        r2star_hz=r2star,
        initial_rad=0.7 * z,
        noise=0.02,
    )
    return Scan(magnitude, phase, truth.astype(np.float32), brain, deep & ~csf, csf)


@pytest.fixture(scope="module")
def echoes() -> Scan:
    return scan()


@pytest.fixture(scope="module")
def result(echoes: Scan) -> Reconstruction:
    return run(echoes)


def run(given: Scan, times: tuple[float, ...] = ECHO_TIMES_S, **more: object) -> Reconstruction:
    settings = {"mask": given.brain, "settings": SETTINGS} | more
    return reconstruct(given.magnitude, given.phase, times, FIELD_T, SPACING, B0, **settings)  # type: ignore[arg-type]


def nrmse(result: Reconstruction, given: Scan) -> float:
    """In percent in deep grey matter, after the line that fits best was taken out."""
    found, truth = result.chi_ppb[given.deep], given.chi_ppb[given.deep]
    slope, offset = np.polyfit(truth, found, 1)
    left = (found - offset) / slope - truth
    return float(100 * np.linalg.norm(left) / np.linalg.norm(truth - truth.mean()))


def above_csf(chi_ppb: np.ndarray, given: Scan) -> float:
    return float(chi_ppb[given.deep].mean() - chi_ppb[ndimage.binary_erosion(given.csf)].mean())


def test_the_map_is_the_truth_within_bounds(echoes: Scan, result: Reconstruction) -> None:
    assert result.wraps == 0
    assert nrmse(result, echoes) < 25
    assert above_csf(result.chi_ppb, echoes) == pytest.approx(above_csf(echoes.chi_ppb, echoes), abs=6)
    assert result.chi_ppb.dtype == np.float32
    assert not result.chi_ppb[~result.mask].any()
    assert 0 < np.median(result.noise_ppb[echoes.brain]) < 20
    # Air and bone make most of the field.
    assert result.total_ppb[echoes.brain].std() > 5 * result.local_ppb[echoes.brain].std()
    assert set(result.seconds) == {"brain mask", "field fit", "unwrapping", "background", "inversion"}
    assert result.parameters["Medi"]["data_weight"] == SETTINGS.data_weight


@pytest.mark.parametrize("more", [{"inversion": "tkd"}, {"inversion": "closed form"}, {"background": "v-sharp"}])
def test_previews_and_the_other_background_removal_are_worse_but_of_the_right_scale(
    echoes: Scan, result: Reconstruction, more: dict[str, str]
) -> None:
    other = run(echoes, **more)
    assert nrmse(result, echoes) < nrmse(other, echoes) < 100
    within = echoes.deep & other.mask
    slope = np.polyfit(echoes.chi_ppb[within], other.chi_ppb[within], 1)[0]
    assert 0.6 < slope < 1.3


@pytest.mark.parametrize("times", [(0.004, 0.009, 0.0133, 0.0212), (0.007,)])
def test_uneven_echoes_and_one_echo_give_the_map_too(times: tuple[float, ...]) -> None:
    given = scan(times)
    found = run(given, times)
    assert found.wraps == 0
    assert nrmse(found, given) < 25


def test_the_phases_sign_turns_the_map_and_is_noticed(echoes: Scan, result: Reconstruction) -> None:
    assert not looks_upside_down(result.chi_ppb, result.mask, SPACING)
    assert looks_upside_down(-result.chi_ppb, result.mask, SPACING)
    turned = reconstruct(
        echoes.magnitude, -echoes.phase, ECHO_TIMES_S, FIELD_T, SPACING, B0, echoes.brain, settings=SETTINGS,
        phase_sign=-1,
    )  # fmt: skip
    assert turned.chi_ppb == pytest.approx(result.chi_ppb, abs=2)


def test_csf_is_found_and_is_the_zero(echoes: Scan) -> None:
    csf = ventricular_csf(echoes.magnitude, ECHO_TIMES_S, echoes.brain, SPACING)
    assert (csf & echoes.csf).sum() > 0.95 * csf.sum()
    assert csf.sum() > 0.3 * echoes.csf.sum()
    found = run(echoes, csf=csf)
    assert found.chi_ppb[csf].mean() == pytest.approx(0, abs=0.01)
    assert found.parameters["Reference"] == "CSF"
    assert nrmse(found, echoes) < 25


def test_the_brain_is_found_without_its_bone_and_scalp(echoes: Scan) -> None:
    found = estimate_mask(combined_magnitude(echoes.magnitude), SPACING)
    assert (found & ~echoes.brain).sum() < 0.03 * echoes.brain.sum()
    core = ndimage.binary_erosion(echoes.brain, iterations=2)
    assert (found & core).sum() > 0.99 * core.sum()
    with pytest.raises(MeasurementError, match="one value"):
        estimate_mask(np.ones(SHAPE, np.float32), SPACING)
    with pytest.raises(MeasurementError, match="No brain"):
        estimate_mask(np.random.default_rng(0).random(SHAPE, np.float32), SPACING)


def test_progress_is_told_and_it_stops_when_asked(echoes: Scan) -> None:
    told: list[tuple[str, float]] = []
    with pytest.raises(CancelledError):
        run(
            echoes,
            progress=lambda stage, share: told.append((stage, share)),
            cancelled=lambda: len(told) > 3 and told[-1][0] == "inversion" and told[-1][1] > 0.05,
        )
    assert list(dict.fromkeys(stage for stage, _ in told)) == [
        "brain mask", "field fit", "unwrapping", "background", "inversion",
    ]  # fmt: skip
    assert all(0 <= share <= 1 for _, share in told)


def test_what_does_not_belong_together_is_refused(echoes: Scan) -> None:
    with pytest.raises(MeasurementError, match="on one grid"):
        run(echoes, times=(0.004, 0.009))
    with pytest.raises(MeasurementError, match="brain mask"):
        run(echoes, mask=np.ones((3, 3, 3), bool))
    with pytest.raises(MeasurementError, match="empty"):
        run(echoes, mask=np.zeros(SHAPE, bool))
    with pytest.raises(MeasurementError, match="CSF mask"):
        run(echoes, csf=np.ones((3, 3, 3), bool))
    with pytest.raises(MeasurementError, match="tesla"):
        reconstruct(echoes.magnitude, echoes.phase, ECHO_TIMES_S, 3000, SPACING, B0, echoes.brain)
    with pytest.raises(MeasurementError, match="array library"):
        run(echoes, library="abacus")


def test_values_that_are_no_numbers_do_not_spread(echoes: Scan, result: Reconstruction) -> None:
    magnitude, phase = echoes.magnitude.copy(), echoes.phase.copy()
    phase[2, 20, 30, 20:22], magnitude[1, 12, 20, 30] = np.nan, np.inf
    found = reconstruct(magnitude, phase, ECHO_TIMES_S, FIELD_T, SPACING, B0, echoes.brain, settings=SETTINGS)
    assert np.isfinite(found.chi_ppb).all()
    assert above_csf(found.chi_ppb, echoes) == pytest.approx(above_csf(result.chi_ppb, echoes), abs=3)


def test_memory_grows_with_the_image_and_is_less_for_a_smaller_brain() -> None:
    whole = peak_bytes((70, 416, 320), 6, (2, 0.5, 0.5))
    assert peak_bytes((70, 416, 320), 6, (2, 0.5, 0.5), brain=(60, 340, 270)) < whole < 4 * 2**30
    assert peak_bytes((140, 416, 320), 6, (1, 0.5, 0.5)) > 1.7 * whole


def test_another_array_library_gives_the_same_map(
    echoes: Scan, result: Reconstruction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", np)  # which has the same names
    found = run(echoes, library="cupy")
    off = (found.chi_ppb - result.chi_ppb)[echoes.brain]
    # PDF stops a step sooner or later by rounding, which is heard at the rim.
    assert np.sqrt((off**2).mean()) < 0.08 * result.chi_ppb[echoes.brain].std()


def test_the_noise_of_one_and_two_echoes_is_told_from_neighbours() -> None:
    rng = np.random.default_rng(8)
    x = np.linspace(-3, 3, 40)
    for times in ((0.01,), (0.01, 0.02)):
        signal = np.exp(1j * (x + np.zeros((len(times), 20, 20, 40))))
        signal += 0.05 * (rng.standard_normal(signal.shape) + 1j * rng.standard_normal(signal.shape))
        arrays = (np.abs(signal).astype(np.float32), np.angle(signal).astype(np.float32))
        fit = fit_field(*arrays, times, np.ones((20, 20, 40), bool))
        expected = 0.05 * np.sqrt(len(times))
        assert np.median(fit.noise_rad) == pytest.approx(expected, rel=0.1)


def test_a_run_that_was_stopped_is_gone_on_with_where_it_was() -> None:
    one = scan()
    begun, stages, done = Begun(), [], []

    def stop_late() -> bool:
        return begun.chi_rad is not None and len(done) > 60

    def count(stage: str, _share: float) -> None:
        done.append(stage)

    with pytest.raises(CancelledError):
        run(one, settings=SETTINGS, begun=begun, cancelled=stop_late, progress=count)
    assert "inversion" in done
    gone_on = run(one, settings=SETTINGS, begun=begun, progress=lambda stage, _share: stages.append(stage))
    whole = run(one, settings=SETTINGS)
    assert "unwrapping" not in stages
    assert stages.count("background") == 1
    difference = (gone_on.chi_ppb - whole.chi_ppb)[whole.mask]
    assert np.std(difference) < 0.1 * np.std(whole.chi_ppb[whole.mask])
    other = run(one, settings=SETTINGS, begun=begun, phase_sign=-1)  # what was made with the other sign is forgotten
    assert np.corrcoef(other.chi_ppb[whole.mask], whole.chi_ppb[whole.mask])[0, 1] < -0.99
