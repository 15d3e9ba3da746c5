"""From magnitude and phase to susceptibility, stage by stage."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from thaliron_napari.errors import MeasurementError

from .arrays import Box, FloatArray, Mask, arrays
from .background import pdf, v_sharp
from .begun import Begun
from .brain_mask import combined_magnitude, estimate_mask
from .closed_form import closed_form
from .dipole import box_of, radians_per_ppm
from .field_fit import echo_unit_s, fit_field, is_even
from .medi import MediSettings, medi
from .tkd import tkd
from .unwrap import count_wraps, unwrap

Background = Literal["pdf", "v-sharp"]
Inversion = Literal["medi", "closed form", "tkd"]
Progress = Callable[[str, float], None]

# MEDI weighs radians. Its weight is meant for the phase between two of the study's echoes, 4.8 ms at 3 T, and is
# carried over to others, so that a map does not depend on the unit of time in which the field was fitted; and for a
# noise of 2 ppb. On simulated heads the best weight fell as noise rose: 1000 or more at 0.9 ppb, 500 at 2, 100 at 6.
_USUAL_RAD = radians_per_ppm(3.0, 0.0048)
_USUAL_NOISE_PPB = 2.0


@dataclass(frozen=True)
class Reconstruction:
    """A susceptibility map and what it came from, float32 (z, y, x), 0 outside the mask.

    Parameters
    ----------
    chi_ppb : array
        Relative to the brain's mean field, or to CSF if that was given.
    local_ppb, total_ppb : arrays
        Relative field without and with the background.
    noise_ppb : array
        Standard deviation of the total field.
    mask : bool array
        Where the map is known.
    wraps : int
        Pairs of neighbours in the mask's core between which the unwrapped phase still jumps by half a turn.
    parameters : dict
        All that governed the reconstruction, for a sidecar.
    seconds : dict
        By stage.
    """

    chi_ppb: FloatArray
    local_ppb: FloatArray
    total_ppb: FloatArray
    noise_ppb: FloatArray
    mask: Mask
    wraps: int
    parameters: dict[str, Any]
    seconds: dict[str, float]


def reconstruct(
    magnitude: FloatArray,
    phase: FloatArray,
    echo_times_s: Sequence[float],
    field_t: float,
    spacing: ArrayLike,
    b0: ArrayLike,
    mask: Mask | None = None,
    *,
    background: Background = "pdf",
    inversion: Inversion = "medi",
    settings: MediSettings | None = None,
    csf: Mask | None = None,
    phase_sign: Literal[1, -1] = 1,
    start_ppb: FloatArray | None = None,
    begun: Begun | None = None,
    library: str = "numpy",
    workers: int | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Reconstruction:
    """Reconstruct susceptibility from a gradient echo. Takes minutes; any thread may do it.

    Parameters
    ----------
    magnitude, phase : float32 arrays (echo, z, y, x)
        Phase in radians, see :func:`~thaliron_napari.qsm.phase.to_radians`.
    echo_times_s : sequence of float
        Seconds, increasing.
    field_t : float
        Tesla.
    spacing : array (3,)
        (z, y, x) in mm.
    b0 : array (3,)
        Direction of B0 along (z, y, x), see :func:`~thaliron_napari.qsm.dipole.b0_direction`.
    mask : bool array (z, y, x), optional
        Brain; estimated without.
    background, inversion : str
    settings : MediSettings, optional
        Its `data_weight` is for 4.8 ms at 3 T and a noise of 2 ppb, and is carried over to the echo spacing, the field
        and the noise there are.
    csf : bool array (z, y, x), optional
        Ventricular CSF, the reference: MEDI makes it uniform, its mean becomes 0.
    phase_sign : 1 or -1
        -1 where the scanner's phase falls with the field.
    start_ppb : float32 array (z, y, x), optional
        Map from which MEDI goes on.
    begun : Begun, optional
        Filled with what each stage reaches. If it comes from a run with the same echoes that was stopped, this one goes
        on where that one was.
    library : str
        ``numpy``, ``cupy`` or ``torch``.
    workers : int, optional
        Cores; all without.
    progress : callable, optional
        Gets the stage in words and the share of it that is done (0 to 1), at each iteration.
    cancelled : callable, optional
        Asked at each iteration whether to stop.

    Raises
    ------
    MeasurementError
        When the images, mask, times or field do not belong together or cannot be.
    concurrent.futures.CancelledError
        When `cancelled` said so.
    """
    h = np.asarray(spacing, float)
    unit_s = echo_unit_s(echo_times_s)
    _check(magnitude, field_t, h, inversion, background)
    on = arrays(library, workers)
    settings = settings or MediSettings()
    seconds: dict[str, float] = {}
    began = time.perf_counter()

    def step(stage: str) -> Callable[[float], None]:
        def tell(share: float) -> None:
            if cancelled is not None and cancelled():
                raise CancelledError
            if progress is not None:
                progress(stage, share)

        tell(0)
        return tell

    def done(stage: str) -> None:
        nonlocal began
        now = time.perf_counter()
        seconds[stage], began = now - began, now

    tell = step("brain mask")
    edges_from = combined_magnitude(magnitude)
    estimated = mask is None
    brain = estimate_mask(edges_from, h) if mask is None else np.asarray(mask, bool)
    if brain.shape != edges_from.shape:
        raise MeasurementError("The brain mask lies on another grid than the echoes; bring it onto theirs.")
    for name, other in (("CSF mask", csf), ("map to begin from", start_ppb)):
        if other is not None and other.shape != brain.shape:
            raise MeasurementError(f"The {name} lies on another grid than the echoes; bring it onto theirs.")
    box = box_of(brain, 2)
    inside = brain[box]
    done("brain mask")

    begun = begun or Begun()
    begun.fits(magnitude, phase, brain, *echo_times_s, *h, *np.asarray(b0, float), field_t, phase_sign, background)
    step("field fit")
    if "field" not in begun.stages:
        begun.stages["field"] = _field(magnitude, phase, echo_times_s, box, inside, phase_sign, workers, step, done)
    field, noise_rad, wraps = begun.stages["field"]

    tell = step("background")
    if "local" not in begun.stages:
        if background == "pdf":
            begun.stages["local"] = pdf(field, noise_rad, inside, h, b0, on=on, step=tell), inside
        else:
            begun.stages["local"] = v_sharp(field, inside, h, on=on, step=tell)
    local, within = begun.stages["local"]
    done("background")

    tell = step("inversion")
    per_ppm = radians_per_ppm(field_t, unit_s)
    noise_ppb_median = float(np.median(noise_rad[inside])) * 1000 / per_ppm
    by_noise = float(np.clip(_USUAL_NOISE_PPB / max(noise_ppb_median, 1e-6), 0.2, 2.5))
    used = replace(settings, data_weight=settings.data_weight * by_noise * _USUAL_RAD / per_ppm)
    reference = None if csf is None else csf[box] & within
    if inversion == "medi":
        start = begun.chi_rad
        if start is None and start_ppb is not None:
            start = start_ppb[box] * np.float32(per_ppm / 1000)
        chi = medi(
            local,
            noise_rad,
            edges_from[box],
            within,
            h,
            b0,
            used,
            csf=reference,
            start_rad=start,
            on=on,
            step=tell,
            reached=begun.reached,
        )
    else:
        chi = (tkd if inversion == "tkd" else closed_form)(local, within, h, b0, on=on)
        if reference is not None and reference.any():
            chi = np.where(within, chi - chi[reference].mean(), np.float32(0))
    done("inversion")

    parameters: dict[str, Any] = {
        "EchoTime": [float(t) for t in echo_times_s],
        "MagneticFieldStrength": float(field_t),
        "B0Direction": [float(v) for v in np.asarray(b0, float)],
        "PhaseSign": int(phase_sign),
        "MedianNoisePpb": noise_ppb_median,
        "BrainMask": "estimated" if estimated else "given",
        "BackgroundRemoval": background,
        "Inversion": inversion,
        "Reference": "mean of the field" if csf is None else "CSF",
    }
    if inversion == "medi":
        parameters["Medi"] = asdict(settings) | {"data_weight_used": used.data_weight}
    to_ppb = 1000 / per_ppm
    maps = (_whole(part, to_ppb, brain.shape, box) for part in (chi, local, field, noise_rad))
    chi_ppb, local_ppb, total_ppb, noise_ppb = maps
    known = np.zeros(brain.shape, bool)
    known[box] = within
    if progress is not None:
        progress("inversion", 1.0)
    return Reconstruction(chi_ppb, local_ppb, total_ppb, noise_ppb, known, wraps, parameters, seconds)


def looks_upside_down(chi_ppb: FloatArray, mask: Mask, spacing: ArrayLike) -> bool:
    """Whether strong values deep in the brain are negative rather than positive: the phase's sign is wrong then.

    Veins, pallidum, red nucleus and substantia nigra lie 80 to 300 ppb above the rest, and nothing as common lies as
    far below. Compared are the extremes (two in a thousand) on both sides of the median, away from the rim.

    Parameters
    ----------
    chi_ppb : float32 array (z, y, x)
    mask : bool array (z, y, x)
        Where the map is known.
    spacing : array (3,)
        (z, y, x) in mm.
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=np.asarray(spacing, float))[1:-1, 1:-1, 1:-1]
    deep = depth > min(12.0, 0.5 * float(depth.max()))
    if not deep.any():
        return False
    low, middle, high = np.percentile(chi_ppb[deep], [0.2, 50, 99.8])
    return bool(middle - low > high - middle)


def _field(
    magnitude: FloatArray,
    phase: FloatArray,
    echo_times_s: Sequence[float],
    box: Box,
    inside: Mask,
    phase_sign: int,
    workers: int | None,
    step: Callable[[str], object],
    done: Callable[[str], None],
) -> tuple[FloatArray, FloatArray, int]:
    """Unwrapped field and its noise in radians, and the wraps that are left."""
    echoes = (slice(None), *box)
    fit = fit_field(magnitude[echoes], phase[echoes], echo_times_s, inside, workers=workers)
    done("field fit")
    step("unwrapping")
    field = unwrap(fit.field_rad, inside)
    if not is_even(echo_times_s):  # a turn is not the same in all echoes: fit again, on the right turn
        fit = fit_field(magnitude[echoes], phase[echoes], echo_times_s, inside, start_rad=field, workers=workers)
        field = unwrap(fit.field_rad, inside)
    wraps = count_wraps(field, inside)
    field *= phase_sign
    done("unwrapping")
    return field, fit.noise_rad, wraps


def _check(
    magnitude: FloatArray, field_t: float, spacing: NDArray[np.float64], inversion: str, background: str
) -> None:
    if magnitude.ndim != 4:
        raise MeasurementError("Magnitude and phase need four dimensions (echo, z, y, x); give all echoes together.")
    if not 0.02 <= field_t <= 25:
        raise MeasurementError(f"A field of {field_t:g} T cannot be; give the scanner's field in tesla.")
    if spacing.shape != (3,) or not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise MeasurementError("The voxel size is not known; give images with their affine.")
    if inversion not in ("medi", "closed form", "tkd"):
        raise MeasurementError(f"There is no inversion {inversion!r}; choose medi, closed form or tkd.")
    if background not in ("pdf", "v-sharp"):
        raise MeasurementError(f"There is no background removal {background!r}; choose pdf or v-sharp.")


def _whole(part: FloatArray, factor: float, shape: tuple[int, ...], box: Box) -> FloatArray:
    out = np.zeros(shape, np.float32)
    out[box] = part
    out[box] *= np.float32(factor)
    return out
