"""Images of a case on the grid on show: the image that defines it as it is, each other resampled once."""

from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import Case, Role
from thaliron_napari.imaging import Volume, resample

GridName = Literal["qsm", "flair"]


ORDER: tuple[Role, ...] = ("qsm", "flair", "t1", "t1ce", "magnitude")
"""Images in the order in which the lower and the upper one are chosen until the reader chooses others."""

_kept: WeakKeyDictionary[Case, dict[tuple[Any, ...], NDArray[np.float32]]] = WeakKeyDictionary()
"""Resampled images by case, kept until their registration or their unit changes, or the case goes."""


def on_grid(case: Case, role: Role, grid_name: GridName) -> NDArray[np.float32]:
    """Values (z, y, x) of an image on the grid of the QSM or of the FLAIR; the QSM's in ppb once its unit is known.

    Slow the first time: the better part of a second where the grids differ. Any thread may ask.
    """
    in_ppb = role == "qsm" and case.unit is not None
    data = case.qsm_ppb if in_ppb else case.images[role].data
    grid, own = case.images[grid_name].grid, case.images[role].grid
    transform = _transform(case, role, grid_name)
    if own.same_as(grid) and np.allclose(transform, np.eye(4)):
        return data
    kept = _kept.setdefault(case, {})
    key = (role, grid_name, case.unit if in_ppb else None, transform.tobytes())
    if key not in kept:
        for old in [k for k in kept if k[:2] == key[:2]]:
            del kept[old]
        kept[key] = resample(Volume(data, own), grid, transform)
    return kept[key]


def make_ready(case: Case) -> None:
    """Compute what a case shows first, so that the window need not; any thread may do it.

    With the better part of a second of resampling out of the way, a case shows without the window standing still.
    """
    shown = [role for role in ORDER if role in case.images][:2]
    grid_name: GridName = "qsm" if "qsm" in case.images else "flair"
    for role in shown:
        on_grid(case, role, grid_name)


def carry(case: Case, place: NDArray[np.float64], old: GridName, new: GridName) -> NDArray[np.float64]:
    """Points (..., 3) in the world of one grid's image as points in the other's (RAS mm)."""
    matrix = _transform(case, new, old)
    return np.asarray(place @ matrix[:3, :3].T + matrix[:3, 3])


def _transform(case: Case, role: Role, grid_name: GridName) -> NDArray[np.float64]:
    """From the world of a grid to that of an image (RAS mm), by the registrations of the case."""
    to_qsm = case.annotations.registration("qsm")  # from FLAIR
    if role in ("qsm", "magnitude"):
        return np.eye(4) if grid_name == "qsm" else to_qsm
    to_flair = np.linalg.inv(to_qsm) if grid_name == "qsm" else np.eye(4)
    return case.annotations.registration(role) @ to_flair if role in ("t1", "t1ce") else to_flair
