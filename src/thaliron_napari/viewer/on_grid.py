"""Images of a case on the grid on show: the image that defines it as it is, each other resampled once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import Case, Role
from thaliron_napari.imaging import Volume, resample

GridName = Literal["qsm", "flair"]


ORDER: tuple[Role, ...] = ("qsm", "flair", "t1", "t1ce", "magnitude")
"""Images in the order in which the lower and the upper one are chosen until the reader chooses others."""

_MOST = 2  # of one image on one grid: as it is registered now, and as it is about to be

_kept: WeakKeyDictionary[Case, dict[tuple[Any, ...], NDArray[np.float32]]] = WeakKeyDictionary()
"""Resampled images by case, kept until their registration or their unit changes, or the case goes."""

Registrations = Mapping[Role, NDArray[np.float64]]


def on_grid(
    case: Case, role: Role, grid_name: GridName, registered: Registrations = MappingProxyType({})
) -> NDArray[np.float32]:
    """Values (z, y, x) of an image on the grid of the QSM or of the FLAIR; the QSM's in ppb once its unit is known.

    Slow the first time: the better part of a second where the grids differ. Any thread may ask. Images `registered`
    have these transforms (4 x 4, FLAIR world to image world) instead of those of the case.
    """
    in_ppb = role == "qsm" and case.unit is not None
    data = case.qsm_ppb if in_ppb else case.images[role].data
    grid, own = case.images[grid_name].grid, case.images[role].grid
    transform = _transform(case, role, grid_name, registered)
    if own.same_as(grid) and np.allclose(transform, np.eye(4)):
        return data
    kept = _kept.setdefault(case, {})
    key = (role, grid_name, case.unit if in_ppb else None, transform.tobytes())
    values = kept.get(key)
    if values is None:
        values = resample(Volume(data, own), grid, transform)
        for old in [k for k in list(kept) if k[:2] == key[:2]][: 1 - _MOST]:
            kept.pop(old, None)
        kept[key] = values
    return values


def make_ready(case: Case, registered: Registrations = MappingProxyType({})) -> None:
    """Compute what a case shows on either grid, so that the window need not; any thread may do it.

    With a second of resampling out of the way, a case, its other grid and a registration just found (see
    :func:`on_grid`) show without the window standing still.
    """
    shown = [role for role in ORDER if role in case.images][:2]
    grids: tuple[GridName, ...] = ("qsm", "flair")
    for grid_name in (name for name in grids if name in case.images):
        for role in shown:
            on_grid(case, role, grid_name, registered)


def carry(case: Case, place: NDArray[np.float64], old: GridName, new: GridName) -> NDArray[np.float64]:
    """Points (..., 3) in the world of one grid's image as points in the other's (RAS mm)."""
    matrix = _transform(case, new, old)
    return np.asarray(place @ matrix[:3, :3].T + matrix[:3, 3])


def _transform(
    case: Case, role: Role, grid_name: GridName, registered: Registrations = MappingProxyType({})
) -> NDArray[np.float64]:
    """From the world of a grid to that of an image (RAS mm), by the registrations given, else by those of the case."""

    def from_flair(image: Role) -> NDArray[np.float64]:
        return registered[image] if image in registered else case.annotations.registration(image)

    to_qsm = from_flair("qsm")
    if role in ("qsm", "magnitude"):
        return np.eye(4) if grid_name == "qsm" else to_qsm
    to_flair = np.linalg.inv(to_qsm) if grid_name == "qsm" else np.eye(4)
    return from_flair(role) @ to_flair if role in ("t1", "t1ce") else to_flair
