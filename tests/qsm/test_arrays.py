"""Every array library gives numpy's result, and slabs give that of whole arrays."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.fft

from thaliron_napari.qsm import reconstruct, simulate_echoes
from thaliron_napari.qsm.arrays import Arrays, arrays
from thaliron_napari.qsm.background import pdf, v_sharp
from thaliron_napari.qsm.closed_form import closed_form
from thaliron_napari.qsm.dipole import dipole_field
from thaliron_napari.qsm.medi import MediSettings, medi
from thaliron_napari.qsm.tkd import tkd

SHAPE, SPACING = (30, 44, 36), np.array([2.0, 1.5, 1.6])
B0 = np.array([np.cos(0.2), np.sin(0.2), 0.0])


class Foreign(np.ndarray):
    """An array that, like CuPy's, lets no array of numpy's into its arithmetic, and comes back by `get`."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = (), **more: Any) -> Any:
        given = [*inputs, *out]
        if any(isinstance(one, np.ndarray) and not isinstance(one, Foreign) and one.ndim for one in given):
            raise TypeError("numpy's array among those of another library")
        plain = [one.view(np.ndarray) if isinstance(one, Foreign) else one for one in given]
        if out:
            more["out"] = tuple(plain[len(inputs) :])
        made = getattr(ufunc, method)(*plain[: len(inputs)], **more)
        return out[0] if out else foreign(made)

    def get(self) -> np.ndarray:
        return self.view(np.ndarray).copy()


def foreign(made: Any) -> Any:
    return made.view(Foreign) if isinstance(made, np.ndarray) else made


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **more: foreign(function(*given, **more))


@pytest.fixture(params=["foreign", "torch"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a library that can be chosen: PyTorch, or in CuPy's place one with the few names that are used."""
    if request.param == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed")
        return "torch"
    names = ("zeros", "asarray", "ascontiguousarray", "zeros_like", "multiply", "sin", "dot")
    fft = SimpleNamespace(**{name: wrapped(getattr(scipy.fft, name)) for name in ("rfft", "fft", "ifft", "irfft")})
    monkeypatch.setitem(
        sys.modules, "cupy", SimpleNamespace(fft=fft, **{name: wrapped(getattr(np, name)) for name in names})
    )
    return "cupy"


@pytest.fixture(scope="module")
def head() -> SimpleNamespace:
    """A ball of noise with two lumps, in air."""
    rng = np.random.default_rng(3)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    mask = z**2 + y**2 + x**2 < 0.7
    chi = np.where(mask, 0.01 * rng.standard_normal(SHAPE), 0).astype(np.float32)
    for at, ppm in ((-0.3, 0.1), (0.3, 0.2)):
        chi[(z**2 + (y + 0.1) ** 2 + (x - at) ** 2) < 0.04] += np.float32(ppm)
    local = dipole_field(chi, SPACING, B0) * mask
    air = np.where(z**2 + y**2 + x**2 > 1, 9, 0).astype(np.float32)
    return SimpleNamespace(
        chi=chi,
        mask=mask,
        air=air,
        local=local,
        total=(local + dipole_field(air, SPACING, B0) * mask).astype(np.float32),
        noise=np.where(mask, 0.02, 0).astype(np.float32),
        magnitude=np.where(mask, 1 - chi, 0.05).astype(np.float32),
        csf=mask & (abs(y + 0.5) < 0.2) & (abs(x) < 0.1),
    )


def off(found: np.ndarray, truth: np.ndarray) -> float:
    assert found.dtype == truth.dtype == np.float32
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def test_methods_of_one_division_agree_to_rounding(head: SimpleNamespace, library: str) -> None:
    on = arrays(library)
    assert off(dipole_field(head.chi, SPACING, B0, on=on), dipole_field(head.chi, SPACING, B0)) < 1e-5
    for invert in (tkd, closed_form):
        there, here = (invert(head.local, head.mask, SPACING, B0, on=one) for one in (on, None))
        assert off(there, here) < 1e-5
    there, within = v_sharp(head.total, head.mask, SPACING, on=on)
    here, known = v_sharp(head.total, head.mask, SPACING)
    assert off(there, here) < 1e-4
    assert (within == known).all()


@pytest.mark.parametrize("csf", [False, True])
@pytest.mark.parametrize("start", [False, True])
def test_medi_agrees(head: SimpleNamespace, library: str, csf: bool, start: bool) -> None:
    def invert(on: Arrays | None) -> np.ndarray:
        return medi(
            head.local * 8,
            head.noise,
            head.magnitude,
            head.mask,
            SPACING,
            B0,
            MediSettings(steps=3, inner_steps=15),
            csf=head.csf if csf else None,
            start_rad=head.chi * 8 if start else None,
            on=on,
        )

    assert off(invert(arrays(library)), invert(None)) < 1e-3


def test_pdf_agrees_while_it_has_the_same_steps(head: SimpleNamespace, library: str) -> None:
    def remove(on: Arrays | None) -> np.ndarray:
        return pdf(head.total, head.noise, head.mask, SPACING, B0, iterations=8, tolerance=0, on=on)

    assert off(remove(arrays(library)), remove(None)) < 1e-3


def test_the_chain_agrees(head: SimpleNamespace, library: str) -> None:
    times = [0.004, 0.008, 0.012]
    ppm = np.where(head.mask, head.chi, head.air)
    magnitude, phase = simulate_echoes(ppm, head.magnitude, times, 3.0, SPACING, B0, np.random.default_rng(4))

    def chain(name: str) -> np.ndarray:
        settings = MediSettings(steps=2, inner_steps=15)
        return reconstruct(
            magnitude,
            phase,
            times,
            3.0,
            SPACING,
            B0,
            head.mask,
            background="v-sharp",
            settings=settings,
            library=name,
        ).chi_ppb

    assert off(chain(library), chain("numpy")) < 1e-3


def test_what_is_read_only_may_be_handed_over_and_stays_as_it_was(head: SimpleNamespace, library: str) -> None:
    frozen = head.chi.copy()
    frozen.flags.writeable = False
    on = arrays(library)
    assert (on.get(on.put(frozen) * 2) == 2 * head.chi).all()
    assert (frozen == head.chi).all()


@pytest.mark.parametrize(
    ("given", "shape", "crop"),
    [
        ((30, 44, 36), (40, 64, 50), (30, 44, 36)),
        ((40, 64, 50), (40, 64, 50), (30, 44, 36)),  # padded to cropped and back, as PDF has it
        ((30, 44, 36), (40, 64, 50), (40, 64, 50)),
        ((1, 7, 5), (9, 15, 11), (3, 2, 11)),
    ],
)
@pytest.mark.parametrize("voxels", [1, 10**4, 10**9])
def test_slabs_give_the_transforms_of_the_whole_padded_array(
    given: tuple[int, int, int],
    shape: tuple[int, int, int],
    crop: tuple[int, int, int],
    voxels: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("thaliron_napari.qsm.slabs._BYTES", 8 * voxels)
    rng = np.random.default_rng(5)
    array = rng.standard_normal(given).astype(np.float32)
    before = array.copy()
    whole = scipy.fft.rfftn(array, shape)
    kernel = rng.standard_normal(whole.shape).astype(np.float32)
    weight = rng.standard_normal(crop).astype(np.float32)
    kept = tuple(slice(n) for n in crop)
    back = scipy.fft.irfftn(whole, shape)[kept]
    both = scipy.fft.irfftn(whole * kernel, shape)[kept]
    on = arrays(workers=2)
    close = {"rtol": 0, "atol": 1e-4}
    np.testing.assert_allclose(on.forward(array, shape), whole, rtol=0, atol=1e-3)
    np.testing.assert_allclose(on.backward(whole.copy(), shape, crop), back, **close)
    np.testing.assert_allclose(on.convolve(array, kernel, shape, crop), both, **close)
    np.testing.assert_allclose(on.convolve(array, kernel, shape, crop, weight), both * weight, **close)
    assert (array == before).all()


def test_the_map_does_not_depend_on_slabs_and_cores(head: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def invert(workers: int) -> np.ndarray:
        settings = MediSettings(steps=2, inner_steps=10)
        on = arrays(workers=workers)
        return medi(head.local * 8, head.noise, head.magnitude, head.mask, SPACING, B0, settings, on=on)

    whole = invert(1)
    assert (invert(2) == whole).all()
    for size in (4 * 700, 4 * 30_000):  # less than a slice, and some
        monkeypatch.setattr("thaliron_napari.qsm.slabs._BYTES", size)
        assert off(invert(2), whole) < 1e-3


def test_an_error_on_another_core_is_not_lost() -> None:
    def work(first: int, last: int) -> None:
        if first:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        arrays(workers=2).over(10**6, work)
