"""Phase as scanners store it, brought to radians."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError

from .arrays import FloatArray

PhaseUnit = Literal["rad", "0..4095", "-4096..4094", "mrad", "scaled"]

_SAMPLE = 2_000_000
_OPPOSITE = 0.2  # mean cosine between slices, below which their signs differ and are not merely chance


def recognise_phase_unit(phase: NDArray[Any]) -> PhaseUnit:
    """Tell in what unit a phase image is.

    ``rad``
        -pi to pi or 0 to 2 pi, as BIDS asks for.
    ``0..4095``
        Twelve bits of a turn that begins at -pi: Siemens as stored, Philips as stored.
    ``-4096..4094``
        The same after Siemens' slope of 2 and intercept of -4096.
    ``mrad``
        Thousandths of a radian, -3142 to 3142: GE.
    ``scaled``
        Floats that fill some other range, symmetric about zero or from zero: an unknown slope on a whole turn.

    Parameters
    ----------
    phase : array
        Any shape; of a large one every n-th value is looked at, and all for the range.

    Raises
    ------
    MeasurementError
        When the values are not finite, are all the same, or fill no range that a phase could.
    """
    low, high = float(np.min(phase)), float(np.max(phase))
    if not np.isfinite([low, high]).all():
        raise MeasurementError("The phase image holds values that are not numbers; export it from the scanner again.")
    if low == high:
        raise MeasurementError("The phase image holds one value only; choose the phase of the gradient echo.")
    span = high - low
    close = 1.02 * np.pi
    if (low >= -close and high <= close and span > 2.5) or (low >= -0.06 and high <= 2.02 * np.pi and span > 4):
        return "rad"
    flat = phase.reshape(-1)
    sample = np.asarray(flat[:: max(1, flat.size // _SAMPLE)], np.float64)
    whole = bool((sample == np.rint(sample)).all())
    if whole and low >= 0 and high <= 4096 and _fills_twelve_bits(sample):
        return "0..4095"
    if low >= -4096 and high <= 4096 and span > 6500:
        return "-4096..4094"
    if low >= -3200 and high <= 3200 and span > 4500:
        return "mrad"
    # A wrapped phase comes close to both ends of its turn; something else, a magnitude say, thins out to one side.
    if abs(low + high) < 0.02 * span or (low == 0 and np.percentile(sample, 90) > 0.6 * high):
        return "scaled"
    raise MeasurementError(
        f"The phase image runs from {low:g} to {high:g}, which is no phase known here; choose the phase image, or give "
        "it in radians."
    )


def _fills_twelve_bits(sample: NDArray[np.float64]) -> bool:
    """Whether values are those of a turn rather than a magnitude, of which few come near the upper end.

    A wrap leads from one end to the other, so that a tenth of the range at each holds about as many voxels. Zeros do
    not count, which stand outside a mask. On a crop of a real head the share at the top and its ratio to that at
    the bottom were 0.06 and 0.9 in the phase of three echoes, 0.004 and 0.13 in that of the first, which hardly wraps,
    and 0.000003 and 0.005 in the magnitude.
    """
    at_top, at_bottom = (sample > 0.9 * 4096).sum(), ((sample > 0) & (sample < 0.1 * 4096)).sum()
    return bool(at_top > 0.001 * (sample > 0).sum() and at_top > 0.05 * at_bottom)


def to_radians(phase: NDArray[Any], unit: PhaseUnit | None = None, *, in_place: bool = False) -> FloatArray:
    """Bring a phase image to radians.

    Parameters
    ----------
    phase : array
        As stored; all echoes together, for the unit is one.
    unit : str, optional
        As :func:`recognise_phase_unit` names it, which is asked if there is none.
    in_place : bool
        Write over `phase`, which must be float32.

    Returns
    -------
    float32 array
        -pi to pi, but for ``rad``, which is left as it is.
    """
    unit = unit or recognise_phase_unit(phase)
    out: FloatArray = phase if in_place else np.array(phase, np.float32)
    if unit == "0..4095":
        out *= np.float32(2 * np.pi / 4096)
        out -= np.float32(np.pi)
    elif unit == "-4096..4094":
        out *= np.float32(np.pi / 4096)
    elif unit == "mrad":
        out *= np.float32(1e-3)
    elif unit == "scaled":
        low, high = float(out.min()), float(out.max())
        largest = max(-low, high)
        if low < 0:
            out *= np.float32(np.pi / largest)
        else:
            out *= np.float32(2 * np.pi / largest)
            out -= np.float32(np.pi)
    return out


def from_real_imaginary(real: NDArray[Any], imaginary: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Magnitude and phase (radians) of an image stored as real and imaginary part.

    GE stores every second slice of some sequences with the opposite sign; see :func:`mend_alternating_slices`.

    Raises
    ------
    MeasurementError
        When the shapes differ.
    """
    if real.shape != imaginary.shape:
        raise MeasurementError("The real and the imaginary image differ in shape; choose two of one scan.")
    a, b = np.asarray(real, np.float32), np.asarray(imaginary, np.float32)
    return np.hypot(a, b), np.arctan2(b, a)


def mend_alternating_slices(magnitude: FloatArray, phase: FloatArray) -> FloatArray:
    """Take out the half turn that GE's reconstruction leaves between neighbouring slices, where there is one.

    The slices of a 3D scan come out of a transform whose origin lies at its edge unless it is shifted: a factor of -1
    from slice to slice. Each axis is looked at, since slices are those of the scanner, which in a sagittal scan follow
    each other along x, and since another program may have turned the file.

    Parameters
    ----------
    magnitude, phase : float32 arrays (z, y, x) or (echo, z, y, x)
        Phase in radians.

    Returns
    -------
    float32 array
        The phase, or a copy with half a turn added to every second slice.
    """
    first_m, first_p = (a.reshape(-1, *a.shape[-3:])[0] for a in (magnitude, phase))
    out = phase
    for axis in range(3):
        m, p = np.moveaxis(first_m, axis, 0), np.moveaxis(first_p, axis, 0)
        weight = m[1:] * m[:-1]
        alike = float((weight * np.cos(p[1:] - p[:-1])).sum(dtype=float))
        if alike >= -_OPPOSITE * float(weight.sum(dtype=float)):
            continue
        if out is phase:
            out = phase.copy()
        odd = np.moveaxis(out, axis - 3, 0)[1::2]
        odd += np.where(odd > 0, np.float32(-np.pi), np.float32(np.pi))
    return out
