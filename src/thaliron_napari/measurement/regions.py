"""The numbers of thalami, CSF and veins on a susceptibility map, by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.annotation import veins_left_in
from thaliron_napari.case import SIDE_LABEL, SIDES
from thaliron_napari.errors import GridError
from thaliron_napari.imaging import Grid
from thaliron_napari.measurement.susceptibility import (
    RegionStatistics,
    relative_ppb,
    relative_se_ppb,
    statistics_of,
    voxels_per_sample,
)

Value = float | int | str | None

_PREFIXES = {"": SIDES, **{f"{side}_": (side,) for side in SIDES}}
"""Both thalami, then each: what the names of their numbers start with."""


def measure_thalami(
    qsm_ppb: NDArray[np.float32],
    thalami: NDArray[Any] | None,
    csf: NDArray[Any] | None,
    grid: Grid,
    veins: NDArray[Any] | None = None,
) -> dict[str, Value]:
    """Susceptibility and volume of the contoured thalami, of CSF, and of one relative to the other.

    Parameters
    ----------
    qsm_ppb : array (z, y, x)
        Susceptibility in ppb.
    thalami : int array (z, y, x), optional
        1 left, 2 right.
    csf : int array (z, y, x), optional
        1 left, 2 right; any other number above zero counts as CSF too.
    grid : Grid
        Of all.
    veins : array (z, y, x), optional
        Where it is not zero is vein. The thalami are then measured with these left in and with these left out too.

    Returns
    -------
    dict
        Numbers by the names of the data dictionary, the relative susceptibilities first. What cannot be computed, such
        as the standard deviation of one voxel, is None; what was not drawn is not there.

    Raises
    ------
    GridError
        When an array has another shape than the map.
    """
    for name, array in (("thalami", thalami), ("CSF", csf), ("veins", veins)):
        if array is not None and array.shape != qsm_ppb.shape:
            raise GridError(f"The label map of the {name} lies on another grid than the QSM; draw it on that QSM.")
    reference = _csf(qsm_ppb, csf, grid) if csf is not None else None
    worth = 1.0 if csf is None or reference is None else voxels_per_sample(qsm_ppb, csf, grid.spacing)
    values: dict[str, Value] = {} if csf is None else _csf_values(qsm_ppb, csf, grid)
    if thalami is not None:
        ppb, sides = _labelled(qsm_ppb, thalami)
        for prefix, names in _PREFIXES.items():
            part = statistics_of(ppb[np.isin(sides, [SIDE_LABEL[side] for side in names])], grid.voxel_ml)
            if part.n:
                values |= region_values(f"thalamus_{prefix}", part)
                values[f"chi_{prefix}ppb"] = relative_ppb(part, reference) if reference else None
                values[f"chi_{prefix}se_ppb"] = relative_se_ppb(part, reference, worth) if reference else None
        each = [chi for side in SIDES if isinstance(chi := values.get(f"chi_{side}_ppb"), float)]
        if len(each) == len(SIDES):
            values["chi_sides_ppb"] = float(np.mean(each))
        if veins is not None:
            values |= _vein_values(qsm_ppb, thalami, veins, grid, reference)
    main_first = sorted(values, key=lambda name: not name.startswith("chi_"))
    return {name: known(values[name]) for name in main_first}


def region_values(name: str, part: RegionStatistics) -> dict[str, Value]:
    """Numbers of one region, their names beginning with `name`."""
    return {
        f"{name}ml": part.ml,
        f"{name}n": part.n,
        f"{name}mean_ppb": part.mean_ppb,
        f"{name}sd_ppb": part.sd_ppb,
        f"{name}median_ppb": part.median_ppb,
        f"{name}p5_ppb": part.p5_ppb,
        f"{name}p95_ppb": part.p95_ppb,
    }


def with_reverse(values: Mapping[str, Value]) -> dict[str, Value]:
    """The same numbers with CSF minus thalamus too, as the study's text words it: each relative number's negative."""
    added: dict[str, Value] = {}
    for name, value in values.items():
        added[name] = value
        if name in ("chi_ppb", "chi_left_ppb", "chi_right_ppb"):
            part = name.removeprefix("chi_")
            added[f"csf_minus_thalamus_{part}"] = None if value is None else -float(value)
    return added


def known(value: Value) -> Value:
    """None in place of what cannot be computed, such as the standard deviation of one voxel."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _csf(qsm_ppb: NDArray[np.float32], csf: NDArray[Any], grid: Grid) -> RegionStatistics | None:
    """All CSF ROIs, their voxels pooled; None where there are none."""
    ppb, _ = _labelled(qsm_ppb, csf)
    return statistics_of(ppb, grid.voxel_ml) if ppb.size else None


def _csf_values(qsm_ppb: NDArray[np.float32], csf: NDArray[Any], grid: Grid) -> dict[str, Value]:
    ppb, sides = _labelled(qsm_ppb, csf)
    if not ppb.size:
        return {}
    values: dict[str, Value] = {}
    for prefix, names in _PREFIXES.items():
        inside = sides > 0 if prefix == "" else np.isin(sides, [SIDE_LABEL[side] for side in names])
        part = statistics_of(ppb[inside], grid.voxel_ml)
        numbers = region_values(f"csf_{prefix}", part)
        mean = numbers.pop(f"csf_{prefix}mean_ppb")
        values |= {f"csf_{prefix}ppb": mean, **(numbers if part.n else {})}
    return values


def _vein_values(
    qsm_ppb: NDArray[np.float32],
    thalami: NDArray[Any],
    veins: NDArray[Any],
    grid: Grid,
    reference: RegionStatistics | None,
) -> dict[str, Value]:
    """What it does to the thalami to leave the veins out: their susceptibility and volume either way."""
    at = np.flatnonzero(thalami.any(axis=(1, 2)))
    if not at.size:
        return {}
    along = slice(int(at[0]), int(at[-1]) + 1)
    labels, ppb, blood = thalami[along], qsm_ppb[along], veins[along] != 0
    sides = {side: labels == SIDE_LABEL[side] for side in SIDES}
    ways = {
        "in": {side: veins_left_in(mask, blood, grid.spacing) for side, mask in sides.items()},
        "out": {side: mask & ~blood for side, mask in sides.items()},
    }
    values: dict[str, Value] = {}
    for way, masks in ways.items():
        for prefix, names in _PREFIXES.items():
            mask = np.logical_or.reduce([masks[side] for side in names])
            part = statistics_of(ppb[mask], grid.voxel_ml)
            if part.n:
                values[f"thalamus_{prefix}veins_{way}_ppb"] = part.mean_ppb
                values[f"thalamus_{prefix}veins_{way}_ml"] = part.ml
                values[f"chi_{prefix}veins_{way}_ppb"] = relative_ppb(part, reference) if reference else None
    return values


def _labelled(qsm_ppb: NDArray[np.float32], labels: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Values and labels of the voxels that bear a label: few of millions, measured anew after every stroke."""
    at = np.flatnonzero(labels > 0)
    return qsm_ppb.ravel()[at], labels.ravel()[at]
