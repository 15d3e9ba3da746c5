"""A multi-echo gradient echo read from its files: magnitude, phase in radians, echo times, field."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging.echoes import Echoes, check_same_grid, headers_of_echoes, read_echoes
from thaliron_napari.imaging.grid import Grid
from thaliron_napari.imaging.headers import Header
from thaliron_napari.imaging.sidecars import read_sidecar
from thaliron_napari.imaging.volume import Source

from .arrays import FloatArray, Shape
from .dipole import PROTON_HZ_PER_T
from .phase import PhaseUnit, from_real_imaginary, mend_alternating_slices, recognise_phase_unit, to_radians

_WORDS = {"magnitude": "magnitude", "phase": "phase", "real": "real part", "imaginary": "imaginary part"}
_LONGEST_S = 0.5  # a longer echo time can only be in ms
_SAME_TIME_S = 1e-4  # magnitude and phase, rounded each in its own way
_LEAST_APART_S = 1e-5
_WEAKEST_T, _STRONGEST_T = 0.02, 25.0
_NOMINAL_WITHIN = 0.1  # "3 T" scanners run at 2.89 T, and "1.5 T" ones at 1.4 T
_MOST_RAD = 100.0  # of a phase whose turns were taken out
_SAMPLE = 2_000_000


@dataclass(frozen=True, eq=False)
class Scan:
    """A gradient echo, its echoes in the order of their times.

    Parameters
    ----------
    magnitude, phase : float32 arrays (echo, z, y, x)
        Phase in radians.
    echo_times_s : tuple of float
    field_t : float
        Tesla.
    grid : Grid
    sources : tuple of Source
        The files, those of the magnitude (or of the real part) first.
    phase_unit : str
        What the files hold: see :func:`~thaliron_napari.qsm.phase.recognise_phase_unit`, or ``real and imaginary``.
    notes : tuple of str
        What was found out of the ordinary, in half sentences for the reader.
    """

    magnitude: FloatArray
    phase: FloatArray
    echo_times_s: tuple[float, ...]
    field_t: float
    grid: Grid
    sources: tuple[Source, ...]
    phase_unit: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """The files of the magnitude, of the phase and so on, before their voxels are read."""

    name: str
    files: list[Path]
    headers: list[Header]
    said: list[dict[str, Any]]

    @property
    def echoes(self) -> int:
        return sum(header.volumes for header in self.headers)

    @property
    def file_of_echo(self) -> list[Path]:
        return [file for file, header in zip(self.files, self.headers, strict=True) for _ in range(header.volumes)]


def scan_shape(paths: Iterable[Path]) -> tuple[Shape, int, NDArray[np.float64]]:
    """Shape of one echo (z, y, x), number of echoes and spacing (z, y, x) in mm, from the files' headers alone.

    Raises
    ------
    ImageError, GridError
        As :func:`~thaliron_napari.imaging.echoes.read_echoes`.
    """
    headers = headers_of_echoes(paths)
    grid = headers[0].grid.grid()
    return grid.shape, sum(header.volumes for header in headers), grid.spacing


def read_scan(
    magnitude: Iterable[Path] = (),
    phase: Iterable[Path] = (),
    real: Iterable[Path] = (),
    imaginary: Iterable[Path] = (),
    *,
    echo_times_s: Sequence[float] | None = None,
    field_t: float | None = None,
) -> Scan:
    """Read a gradient echo.

    Parameters
    ----------
    magnitude, phase, real, imaginary : iterables of Path
        3D files with an echo each, or 4D files with several. Magnitude and phase, or else real and imaginary part, are
        used, and the others are left out.
    echo_times_s : sequence of float, optional
        In seconds, in the order of the files; without it those of the sidecars, by which the echoes are sorted.
    field_t : float, optional
        In tesla; without it that of the sidecars. The scanner's frequency says it better than its nominal strength.

    Raises
    ------
    ImageError, GridError
        When files cannot be read or do not lie on one grid.
    MeasurementError
        When something is missing, or magnitude, phase and times do not belong together.
    """
    given = {"magnitude": magnitude, "phase": phase, "real": real, "imaginary": imaginary}
    files = {name: [Path(path) for path in paths] for name, paths in given.items()}
    used = _used(files)
    one, other = (_looked_at(name, files[name]) for name in used)
    _check_pair(one, other)
    times, order, other_order = _timed(one, other, echo_times_s)
    _check_echo_numbers(one, other, order, other_order)
    field = _field(one, other) if field_t is None else float(field_t)
    notes = [f"the {_WORDS[name]} is left out" for name in files if files[name] and name not in used]
    first, second = _read(one, order), _read(other, other_order)
    if used[0] == "magnitude":
        size, angle = first.data, second.data
        unit, doubt = _unit(second, other)
        angle, stored = to_radians(angle, unit, in_place=True), str(unit)
        notes += doubt
    else:
        size, angle, stored = first.data, second.data, "real and imaginary"
        if min(float(size.min()), float(angle.min())) >= 0:
            raise MeasurementError(
                f"{one.files[0].name} and {other.files[0].name} have no values below zero, as real and imaginary part "
                "have; choose others."
            )
        for n in range(len(size)):  # in the place of the parts, which takes less room
            size[n], angle[n] = from_real_imaginary(size[n], angle[n])
    mended = mend_alternating_slices(size, angle)
    if mended is not angle:
        notes.append("every second slice had the opposite sign, which was put right")
    return Scan(
        size,
        mended,
        times,
        field,
        first.grid,
        (*first.sources, *second.sources),
        stored,
        (*first.notes, *second.notes, *notes),
    )


def _used(files: dict[str, list[Path]]) -> tuple[str, str]:
    """The two parts that are read."""
    if files["magnitude"] and files["phase"]:
        return "magnitude", "phase"
    if files["real"] and files["imaginary"]:
        return "real", "imaginary"
    if files["real"] or files["imaginary"]:
        lacking = "imaginary" if files["real"] else "real"
        raise MeasurementError(f"There is no {lacking} part of the gradient echo; give it with --{lacking}.")
    if files["phase"]:
        raise MeasurementError("There is no magnitude of the gradient echo; give it with --magnitude.")
    raise MeasurementError(
        "There is no phase of the gradient echo; give it with --phase, or the scan's --real and --imaginary part."
    )


def _looked_at(name: str, files: list[Path]) -> _Part:
    return _Part(_WORDS[name], files, headers_of_echoes(files), [read_sidecar(file) for file in files])


def _check_pair(one: _Part, other: _Part) -> None:
    check_same_grid(other.files[0].name, other.headers[0].grid.grid(), one.files[0].name, one.headers[0].grid.grid())
    if one.echoes != other.echoes:
        raise MeasurementError(
            f"There are {one.echoes} echoes of the {one.name} ({one.files[0].name}) and {other.echoes} of the "
            f"{other.name} ({other.files[0].name}); give the same echoes of both."
        )


def _check_echo_numbers(one: _Part, other: _Part, order: list[int], other_order: list[int]) -> None:
    """Refuse pairs whose names say that they are of different echoes."""
    for n, m in zip(order, other_order, strict=True):
        a, b = one.file_of_echo[n].name, other.file_of_echo[m].name
        numbers = [re.findall(r"(?:^|_)echo-(\d+)(?!\d)", name) for name in (a, b)]
        if all(numbers) and int(numbers[0][0]) != int(numbers[1][0]):
            raise MeasurementError(
                f"{a} would go with {b}, which is another echo; give {one.name} and {other.name} in one order."
            )


def _timed(one: _Part, other: _Part, by_hand: Sequence[float] | None) -> tuple[tuple[float, ...], list[int], list[int]]:
    """Echo times in seconds, ascending, and the order that sorts each part so."""
    if by_hand is not None:
        if len(by_hand) != one.echoes:
            raise MeasurementError(
                f"There are {one.echoes} echoes and {len(by_hand)} echo times; give a time for each with --te."
            )
        if not all(math.isfinite(t) and t > 0 for t in by_hand):
            raise MeasurementError("An echo time is not above zero; give all with --te, in milliseconds.")
        found = [list(by_hand)] * 2
    else:
        found = [_times_said(part) for part in (one, other)]
    times = [t for t in found if t]
    if not times:
        raise MeasurementError(
            f"The sidecars of {one.files[0].name} and {other.files[0].name} do not say the time of each echo "
            "(EchoTime); give the times with --te."
        )
    # Without times of its own a part has the other's order.
    orders = [np.argsort(t or times[0], kind="stable").tolist() for t in found]
    ascending = [sorted(t) for t in times]
    for t, t_other in zip(ascending[0], ascending[-1], strict=True):
        if abs(t - t_other) > _SAME_TIME_S:
            raise MeasurementError(
                f"The sidecars give the {one.name} an echo time of {1000 * t:g} ms and the {other.name} one of "
                f"{1000 * t_other:g} ms; choose two of one scan, or give the times with --te."
            )
    for t, after in zip(ascending[0], ascending[0][1:], strict=False):
        if after - t < _LEAST_APART_S:
            raise MeasurementError(
                f"Two echoes have one echo time, {1000 * t:g} ms; give each echo once, or the times with --te."
            )
    return tuple(float(t) for t in ascending[0]), orders[0], orders[1]


def _times_said(part: _Part) -> list[float]:
    """Echo times by the sidecars in seconds; empty where one does not say those of all its echoes."""
    times: list[float] = []
    for file, header, said in zip(part.files, part.headers, part.said, strict=True):
        value = said.get("EchoTime")
        each = value if isinstance(value, list) else [] if value is None else [value]
        for stated in each:
            seconds = _number(stated)
            if seconds is None or not 0 < seconds <= _LONGEST_S:
                what = "no time in seconds" if seconds is None or seconds <= 0 else "milliseconds, and not seconds"
                raise MeasurementError(
                    f"The sidecar of {file.name} gives EchoTime as {stated!r:.40}, which is {what}; mend it, or give "
                    "the times with --te."
                )
            times.append(seconds)
        if len(each) != header.volumes:
            return []
    return times


def _field(*parts: _Part) -> float:
    """Field in tesla by the sidecars: by the frequency, which a nominal strength is not allowed to contradict."""
    for said in (said for part in parts for said in part.said):
        stated = _number(said.get("MagneticFieldStrength")) or 0.0
        exact = (_number(said.get("ImagingFrequency")) or 0.0) * 1e6 / PROTON_HZ_PER_T
        nominal, by_frequency = (t if _WEAKEST_T <= t <= _STRONGEST_T else None for t in (stated, exact))
        if by_frequency and (nominal is None or abs(by_frequency - nominal) < _NOMINAL_WITHIN * nominal):
            return by_frequency
        if nominal:
            return nominal
    raise MeasurementError(
        f"The sidecar of {parts[0].files[0].name} does not say the field in tesla (MagneticFieldStrength); give it "
        "with --field."
    )


def _read(part: _Part, order: list[int]) -> Echoes:
    echoes = read_echoes(part.files)
    if order == sorted(order):
        return echoes
    places = tuple(echoes.places[n] for n in order)
    return Echoes(echoes.data[order], echoes.grid, echoes.sources, places, echoes.notes)


def _unit(phase: Echoes, part: _Part) -> tuple[PhaseUnit, list[str]]:
    """Unit of a phase, and doubts about what its sidecars say of it."""
    says_rad = all(str(said.get("Units", "")).lower() in ("rad", "radian", "radians") for said in part.said)
    if says_rad and _may_be_radians(phase.data):
        return "rad", []
    try:
        unit = recognise_phase_unit(phase.data)
    except MeasurementError as error:
        raise MeasurementError(f"{part.files[0].name}: {error}") from error
    if says_rad and unit != "rad":
        return unit, [f"{part.files[0].name}: its sidecar says radians, which its values ({unit}) are not"]
    return unit, []


def _may_be_radians(phase: FloatArray) -> bool:
    """Whether values are fractions within some turns; also a phase of few turns that shows no more of itself."""
    largest = max(-float(phase.min()), float(phase.max()))
    flat = phase.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    return 0 < largest <= _MOST_RAD and bool((sample != np.rint(sample)).any())


def _number(value: Any) -> float | None:
    """A number of a sidecar, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
