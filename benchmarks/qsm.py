"""Susceptibility maps from simulated echoes beside the truth, by method; seconds and memory by stage.

    python benchmarks/qsm.py [--size small] [--seeds 21 22] [--time]

Heads are the phantom's, each of another seed, scanned at 3 T with six echoes (4.3 ms and every 4.8 ms after, the
study's first echo and field; with ``--size full`` its voxels too) at a signal-to-noise ratio of 40. Air, bone, fat and
all that is outside the brain make fields of some ppm; the second head lies tilted by 12 degrees. The field is simulated
on a grid of twice the size. "true mask" is the phantom's brain, "estimated" what `estimate_mask` makes of the
magnitude. If qsm-forward is installed (GPL; `pip install qsm-forward`), its own susceptibility phantom, cylinders
whose field and signal it simulates itself, is a further row.

Columns, of each method: NRMSE in percent after the line that fits best was taken out, in deep grey matter (thalami,
caudate, putamen, pallidum, red nucleus, substantia nigra; of the cylinders: all of them) and in the brain 4 mm below
its rim, and correlation in deep grey matter; error of the thalami's mean minus that of CSF in the atria, in ppb.

``--time`` goes through the whole chain once, with the memory that the process holds at most in each stage beside what
`peak_bytes` foretold, and times one step of the inversion's conjugate gradients beside the four transforms it needs
by scipy alone on the same padded grid.
"""

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from scipy import ndimage

from thaliron_napari.phantom import make_patient
from thaliron_napari.qsm import MediSettings, estimate_mask, peak_bytes, reconstruct, simulate_echoes
from thaliron_napari.qsm.arrays import cores
from thaliron_napari.qsm.brain_mask import combined_magnitude
from thaliron_napari.qsm.chain import Inversion, Reconstruction
from thaliron_napari.qsm.dipole import box_of, padded_shape
from thaliron_napari.qsm.medi import medi

ECHO_TIMES_S = [0.0043 + 0.0048 * k for k in range(6)]
FIELD_T = 3.0
SNR = 40
# ppm beside water; beyond the image is air
_OUTSIDE_PPM = {"outside": 9.4, "bone": -2.1, "marrow": 0.6, "scalp": 0.6}
_NOT_BRAIN = (*_OUTSIDE_PPM, "muscle")
_DEEP = ("thalamus left", "thalamus right", "caudate", "putamen", "pallidum", "red nucleus", "substantia nigra")
_METHODS: tuple[Inversion, ...] = ("tkd", "closed form", "medi")


@dataclass(frozen=True)
class Scan:
    """Echoes and the truth beside them."""

    name: str
    magnitude: np.ndarray
    phase: np.ndarray
    spacing: np.ndarray
    b0: np.ndarray
    chi_ppb: np.ndarray
    brain: np.ndarray
    deep: np.ndarray
    thalami: np.ndarray
    csf: np.ndarray


def phantom(size: Any, seed: int, tilt_deg: float) -> Scan:
    """A head of the phantom, scanned."""
    patient = make_patient(size, seed)
    truth = patient.truth
    number = {name: i for i, name in enumerate(truth.tissue_names)}
    chi = truth.chi_ppb / np.float32(1000)
    for name, ppm in _OUTSIDE_PPM.items():
        chi[truth.tissue == number[name]] = ppm
    chi -= np.float32(_OUTSIDE_PPM["outside"])
    pieces, _ = ndimage.label(~np.isin(truth.tissue, [number[name] for name in _NOT_BRAIN]))
    brain = pieces == np.bincount(pieces[pieces > 0]).argmax()
    signal = ndimage.gaussian_filter(patient.images["magnitude"].data, 0.4)
    z, y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in chi.shape)
    initial = 0.6 * z[:, None, None] + 0.8 * y[None, :, None] ** 2 - 0.5 * x[None, None, :]
    spacing = patient.images["magnitude"].spacing
    b0 = np.array([np.cos(np.deg2rad(tilt_deg)), np.sin(np.deg2rad(tilt_deg)), 0.0])
    magnitude, phase = simulate_echoes(
        chi,
        signal,
        ECHO_TIMES_S,
        FIELD_T,
        spacing,
        b0,
        np.random.default_rng(seed),
        r2star_hz=20 + 0.15 * np.clip(truth.chi_ppb, 0, None),
        initial_rad=initial,
        noise=float(np.median(signal[brain])) / SNR,
    )
    deep = np.isin(truth.tissue, [number[name] for name in _DEEP])
    name = f"phantom {seed}" + (f", tilted {tilt_deg:g} deg" if tilt_deg else "")
    return Scan(
        name, magnitude, phase, spacing, b0, truth.chi_ppb, brain, deep & brain, truth.thalami > 0, truth.csf_atria
    )


def cylinders() -> Scan | None:
    """qsm-forward's phantom, its field and signal by its own functions; None without it."""
    try:
        import qsm_forward
    except ImportError:
        print("qsm-forward is not installed (pip install qsm-forward): its cylinders are left out.")
        return None
    shape, spacing = [100, 100, 100], np.ones(3)
    chi = qsm_forward.generate_susceptibility_phantom(shape, 0, 0.005, [4, 4, 4, 7], [0.05, 0.1, 0.2, 0.5])
    field = qsm_forward.generate_field(chi, voxel_size=[1, 1, 1], B0_dir=[1, 0, 0])
    brain = chi != 0
    rng = np.random.default_rng(5)
    signals = []
    for t in ECHO_TIMES_S:
        clean = qsm_forward.generate_signal(field, B0=FIELD_T, TR=0.057, TE=t, flip_angle=20, M0=brain, R2star=20)
        signals.append(np.asarray(clean))
    level = float(np.median(np.abs(signals[0])[brain])) / SNR
    noisy = [s + level * (rng.standard_normal(s.shape) + 1j * rng.standard_normal(s.shape)) for s in signals]
    magnitude, phase = (np.asarray(f(noisy), np.float32) for f in (np.abs, np.angle))
    rods = chi > 0.01
    return Scan(
        "qsm-forward",
        magnitude,
        phase,
        spacing,
        np.array([1.0, 0, 0]),
        (1000 * chi).astype(np.float32),
        brain,
        rods,
        chi == 0.1,
        brain & ~ndimage.binary_dilation(rods, iterations=3),
    )


def detrended_nrmse(found: np.ndarray, truth: np.ndarray) -> float:
    slope, offset = np.polyfit(truth, found, 1)
    left = (found - offset) / slope - truth
    return float(100 * np.linalg.norm(left) / np.linalg.norm(truth - truth.mean()))


def row(scan: Scan, mask: str, method: Inversion, result: Reconstruction) -> str:
    chi, truth = result.chi_ppb, scan.chi_ppb
    deep = scan.deep & result.mask
    room = ndimage.distance_transform_edt(np.pad(result.mask, 1), sampling=scan.spacing)[1:-1, 1:-1, 1:-1]
    core = scan.brain & (room > 4)
    difference = [float(m[scan.thalami].mean(dtype=float) - m[scan.csf].mean(dtype=float)) for m in (chi, truth)]
    deep_error, core_error = detrended_nrmse(chi[deep], truth[deep]), detrended_nrmse(chi[core], truth[core])
    r = np.corrcoef(chi[deep], truth[deep])[0, 1]
    return (
        f"{scan.name:26} {mask:10} {method:12} {deep_error:9.1f} {core_error:9.1f} {r:7.3f} "
        f"{difference[0] - difference[1]:+9.2f} {result.seconds['inversion']:8.1f} s"
    )


def accuracy(size: str, seeds: list[int], settings: MediSettings) -> None:
    print(
        f"{'head':26} {'mask':10} {'method':12} {'deep %':>9} {'core %':>9} {'r':>7} {'thal-CSF':>9} {'inversion':>10}"
    )
    makers: list[Callable[[], Scan | None]] = [
        (lambda seed=seed, i=i: phantom(size, seed, 12.0 if i == 1 else 0.0)) for i, seed in enumerate(seeds)
    ]
    for make in (*makers, cylinders):
        scan = make()
        if scan is None:
            continue
        masks = {"true mask": scan.brain}
        if scan.name != "qsm-forward":
            masks["estimated"] = estimate_mask(combined_magnitude(scan.magnitude), scan.spacing)
        for name, mask in masks.items():
            for method in _METHODS if name == "true mask" else ("medi",):
                result = reconstruct(
                    scan.magnitude,
                    scan.phase,
                    ECHO_TIMES_S,
                    FIELD_T,
                    scan.spacing,
                    scan.b0,
                    mask,
                    inversion=method,
                    settings=settings,
                )
                print(row(scan, name, method, result), flush=True)


def resident() -> int:
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def timing(size: str, seed: int) -> None:
    scan = phantom(size, seed, 0.0)
    base = resident() - scan.magnitude.nbytes - scan.phase.nbytes  # the truth and the libraries
    peaks: dict[str, int] = {}
    stage, going, steps = "brain mask", True, 0

    def watch() -> None:
        while going:
            peaks[stage] = max(peaks.get(stage, 0), resident() - base)
            time.sleep(0.02)

    def progress(name: str, share: float) -> None:
        nonlocal stage, steps
        stage = name
        steps += name == "inversion"

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    result = reconstruct(scan.magnitude, scan.phase, ECHO_TIMES_S, FIELD_T, scan.spacing, scan.b0, progress=progress)
    total = time.perf_counter() - began
    going = False
    watcher.join()
    z, y, x = scan.magnitude.shape[1:]
    print(f"\n{x} x {y} x {z}, {len(ECHO_TIMES_S)} echoes, {cores()} cores, {result.wraps} wraps left")
    for name, s in result.seconds.items():
        print(f"  {name:12} {s:8.1f} s {peaks.get(name, 0) / 2**30:8.2f} GiB")
    box = box_of(result.mask, 2)
    brain = (box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start)
    foretold = peak_bytes((z, y, x), len(ECHO_TIMES_S), scan.spacing, brain=brain)
    largest = peak_bytes((z, y, x), len(ECHO_TIMES_S), scan.spacing)
    print(
        f"  {'in all':12} {total:8.1f} s {max(peaks.values()) / 2**30:8.2f} GiB, foretold {foretold / 2**30:.2f} "
        f"(without knowing the brain's box {largest / 2**30:.2f})"
    )
    print(row(scan, "estimated", "medi", result))
    step_cost(scan, result)


def step_cost(scan: Scan, result: Reconstruction) -> None:
    """One step of conjugate gradients beside bare transforms, alternating: median and least of each."""
    box = box_of(result.mask, 1)
    shape = padded_shape(result.mask[box].shape, scan.spacing, MediSettings().margin_mm)
    times: list[float] = []

    def tell(share: float) -> None:
        times.append(time.perf_counter())

    settings = MediSettings(steps=1, inner_steps=8, inner_tolerance=0)
    ours, bare = [], []
    for _ in range(3):
        times.clear()
        medi(
            result.local_ppb / 1000 * 3.85,
            result.noise_ppb,
            combined_magnitude(scan.magnitude),
            result.mask,
            scan.spacing,
            scan.b0,
            settings,
            step=tell,
        )
        ours.extend(np.diff(times))
        padded = np.zeros(shape, np.float32)
        for _ in range(4):
            began = time.perf_counter()
            for _ in range(2):
                spectrum = scipy.fft.rfftn(padded, workers=cores())
                padded = scipy.fft.irfftn(spectrum, shape, workers=cores(), overwrite_x=True)
            bare.append(time.perf_counter() - began)
    a, b = float(np.median(ours)), float(np.median(bare))
    print(
        f"  a step of conjugate gradients on {shape}: {a:.3f} s (least {min(ours):.3f}); its four transforms by scipy "
        f"{b:.3f} s (least {min(bare):.3f}); ratio {a / b:.2f} ({min(ours) / min(bare):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["small", "full"], default="small")
    parser.add_argument("--seeds", type=int, nargs="*", default=[21, 22, 23])
    parser.add_argument("--weight", type=float, default=MediSettings().data_weight)
    parser.add_argument("--time", action="store_true", help="times and memory at full size instead")
    given = parser.parse_args()
    if given.time:
        timing(given.size, given.seeds[0])
    else:
        accuracy(given.size, given.seeds, MediSettings(data_weight=given.weight))


if __name__ == "__main__":
    main()
