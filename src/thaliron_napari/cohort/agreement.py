"""Two readings of a cohort against each other: every number that both measured, and every structure that both drew."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from thaliron_napari.case.bids import case_name
from thaliron_napari.cohort.collect import collect
from thaliron_napari.cohort.table import ID
from thaliron_napari.errors import GridError, ImageError, ModelError, TableError
from thaliron_napari.imaging import Volume, read_label_map
from thaliron_napari.imaging.grid import describe_shape
from thaliron_napari.measurement.dictionary import unit_of
from thaliron_napari.statistics.agreement import (
    Estimate,
    bland_altman,
    dice,
    intraclass,
    match_lesions,
    surface_distance_mm,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Cell = str | int | float | None

NUMBER_COLUMNS: dict[str, tuple[str, str]] = {
    "number": ("Name of the number that both readings measured", ""),
    "unit": ("Its unit, in which all but the correlations and P are", ""),
    "n": ("Cases that have it in both readings", "cases"),
    "mean_a": ("Mean of reading A", ""),
    "mean_b": ("Mean of reading B", ""),
    "bias": ("Mean difference, A minus B", ""),
    "bias_low": ("Lower 95% confidence limit of the bias", ""),
    "bias_high": ("Upper 95% confidence limit of the bias", ""),
    "sd": ("Standard deviation of the differences", ""),
    "loa_low": ("Lower 95% limit of agreement: bias - 1.96 SD (Bland and Altman 1999)", ""),
    "loa_low_low": ("Lower 95% confidence limit of the lower limit of agreement", ""),
    "loa_low_high": ("Upper 95% confidence limit of the lower limit of agreement", ""),
    "loa_high": ("Upper 95% limit of agreement: bias + 1.96 SD", ""),
    "loa_high_low": ("Lower 95% confidence limit of the upper limit of agreement", ""),
    "loa_high_high": ("Upper 95% confidence limit of the upper limit of agreement", ""),
    "slope": ("Slope of the difference on the mean of both: not 0 where the bias grows with the number", "1"),
    "slope_p": ("P of the slope", "1"),
    "icc_2_1": ("ICC(2,1): absolute agreement of single readings by random readers (Shrout and Fleiss 1979)", "1"),
    "icc_2_1_low": ("Lower 95% confidence limit of ICC(2,1)", "1"),
    "icc_2_1_high": ("Upper 95% confidence limit of ICC(2,1)", "1"),
    "icc_3_1": ("ICC(3,1): consistency of single readings by these readers", "1"),
    "icc_3_1_low": ("Lower 95% confidence limit of ICC(3,1)", "1"),
    "icc_3_1_high": ("Upper 95% confidence limit of ICC(3,1)", "1"),
}
"""Description and unit of each column of the table of numbers."""

CASE_COLUMNS: dict[str, tuple[str, str]] = {
    ID: ("Name of the case", ""),
    "dice_thalamus_left": ("Dice's coefficient of the left thalamus, where both drew it", "1"),
    "dice_thalamus_right": ("Dice's coefficient of the right thalamus, where both drew it", "1"),
    "distance_left_mm": ("Mean distance of the surfaces of the left thalamus, both ways", "mm"),
    "distance_right_mm": ("Mean distance of the surfaces of the right thalamus, both ways", "mm"),
    "dice_csf": ("Dice's coefficient of the CSF ROIs of both sides, where both placed any", "1"),
    "dice_lesions": ("Dice's coefficient of all accepted lesions", "1"),
    "lesions_a": ("Accepted lesions of reading A", "lesions"),
    "lesions_b": ("Accepted lesions of reading B", "lesions"),
    "lesions_both_a": ("Lesions of A that share a voxel with one of B", "lesions"),
    "lesions_both_b": ("Lesions of B that share a voxel with one of A", "lesions"),
    "lesions_only_a": ("Lesions of A that share no voxel with any of B", "lesions"),
    "lesions_only_b": ("Lesions of B that share no voxel with any of A", "lesions"),
    "lesion_f1": ("Harmonic mean of the share of A's lesions that B found and that of B's that A found", "1"),
}
"""Description and unit of each column of the table of cases."""

_THALAMI = {1: "left", 2: "right"}
_MAPS = {"thalamus": "*_desc-thalamus_dseg", "csf": "*_desc-csf_mask", "lesions": "*_desc-lesions_dseg"}
_MAP_NAME = {"thalamus": "thalami", "csf": "CSF ROIs", "lesions": "lesions"}


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two readings of a cohort.

    Parameters
    ----------
    a, b : DataFrame
        The measurements of each reading, of the cases that both have, row by row the same case; column ``id``.
    numbers : DataFrame
        One row a number, columns `NUMBER_COLUMNS`; NaN where something cannot be computed.
    cases : DataFrame
        One row a case, columns `CASE_COLUMNS`; NaN where a structure was not read by both.
    notes : tuple of str
        What did not match or could not be computed, a sentence each.
    """

    a: pd.DataFrame
    b: pd.DataFrame
    numbers: pd.DataFrame
    cases: pd.DataFrame
    notes: tuple[str, ...]


def compare_readings(derivatives_a: str | Path, derivatives_b: str | Path) -> Agreement:
    """Compare two derivatives folders, such as ``derivatives/thaliron-anna`` and ``-ben``, case by case.

    Cases are paired by name. Of the lesions those that the reader accepted are compared, and thalami that are only
    proposed count as not drawn, as in the measurements. Label maps on different grids are not compared, and listed.

    Raises
    ------
    TableError
        Where a folder is missing, holds no measured case, or both are one; or they have no case, or no number, in
        common.
    """
    import pandas as pd

    folders = [Path(derivatives_a), Path(derivatives_b)]
    tables = [collect(folder) for folder in folders]
    if folders[0].resolve() == folders[1].resolve():
        raise TableError(f"{folders[0]} is given twice; give the folders of two readings")
    names = [set(table[ID]) for table in tables]
    common = [name for name in tables[0][ID] if name in names[1]]
    if not common:
        raise TableError(
            f"{folders[0]} and {folders[1]} have no case in common ({tables[0][ID].iloc[0]} ... and "
            f"{tables[1][ID].iloc[0]} ...); give two readings of the same cases"
        )
    notes = [
        f"only in {folder}: {', '.join(sorted(mine - other))}"
        for folder, mine, other in ((folders[0], names[0], names[1]), (folders[1], names[1], names[0]))
        if mine - other
    ]
    a, b = (table.set_index(ID).loc[common].reset_index() for table in tables)
    numbers, said = compare_numbers(a, b)
    if numbers.empty:
        raise TableError(f"{folders[0]} and {folders[1]} have no number in common; measure the cases of both")
    where = [_anat_folders(folder) for folder in folders]
    rows = []
    for name in common:
        row, problems = _compare_case(where[0].get(name), where[1].get(name))
        rows.append({ID: name, **row})
        said += [f"{name}: {problem}" for problem in problems]
    return Agreement(a, b, numbers, pd.DataFrame(rows, columns=list(CASE_COLUMNS)), (*notes, *said))


def compare_numbers(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Agreement of every number that two tables have, row by row the same case.

    Returns
    -------
    DataFrame
        One row a number, columns `NUMBER_COLUMNS`.
    list of str
        What could not be computed and why, a sentence each.
    """
    import pandas as pd

    rows: list[dict[str, Cell]] = []
    alone: list[str] = []
    problems: dict[str, list[str]] = {}
    for name in dict.fromkeys([*a.columns, *b.columns]):
        if name == ID or _is_text(a, name) or _is_text(b, name):
            continue
        pair = [t[name].to_numpy(float) if name in t else math.nan * np.ones(len(t)) for t in (a, b)]
        if np.isnan(pair).all():
            continue
        if np.isnan(pair).any(axis=0).all():
            alone.append(name)
            continue
        row, problem = _number_row(name, *pair)
        rows.append(row)
        if problem:
            problems.setdefault(problem, []).append(name)
    said = [f"{', '.join(alone)}: no case has it in both readings"] if alone else []
    said += [f"{_listed(names)}: {problem}" for problem, names in problems.items()]
    return pd.DataFrame(rows, columns=list(NUMBER_COLUMNS)), said


def _listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")


def _is_text(table: pd.DataFrame, name: str) -> bool:
    return name in table and any(isinstance(value, str) for value in table[name])


def _number_row(name: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[dict[str, Cell], str]:
    """Cells of a number, and why some could not be computed; nothing where all were."""
    there = np.isfinite(a) & np.isfinite(b)
    row: dict[str, Cell] = dict.fromkeys(NUMBER_COLUMNS, math.nan)
    row |= {"number": name, "unit": unit_of(name) or None, "n": int(there.sum())}
    if there.any():
        means = float(a[there].mean()), float(b[there].mean())
        row |= {"mean_a": means[0], "mean_b": means[1], "bias": means[0] - means[1]}
    estimates: dict[str, Estimate] = {}
    problem = ""
    try:
        found = bland_altman(a, b)
        row |= {"sd": found.sd, "slope": found.slope.value, "slope_p": found.slope_p}
        estimates |= {"bias": found.bias, "loa_low": found.low, "loa_high": found.high}
        icc = intraclass(np.column_stack([a, b]))
        estimates |= {"icc_2_1": icc.agreement, "icc_3_1": icc.consistency}
    except ModelError as error:
        problem = str(error)
    for column, estimate in estimates.items():
        row |= {column: estimate.value, f"{column}_low": estimate.low, f"{column}_high": estimate.high}
    return row, problem


def _anat_folders(derivatives: Path) -> dict[str, Path]:
    """Folder of each measured case by its name."""
    found = {}
    for path in derivatives.glob("sub-*/**/anat/*_desc-measurements.json"):
        parts = path.relative_to(derivatives).parts
        session = next((part.removeprefix("ses-") for part in parts if part.startswith("ses-")), "")
        found[case_name(parts[0].removeprefix("sub-"), session)] = path.parent
    return found


def _compare_case(a: Path | None, b: Path | None) -> tuple[dict[str, Cell], list[str]]:
    """Cells of a case, and what of it could not be compared."""
    cells: dict[str, Cell] = {}
    problems = []
    for kind in _MAPS:
        try:
            maps = [None if folder is None else _label_map(folder, kind) for folder in (a, b)]
            if maps[0] is not None and maps[1] is not None:
                found, said = compare_maps(kind, maps[0], maps[1])
                cells |= found
                problems += said
            elif maps[0] is not maps[1]:
                problems.append(_only(maps[0] is not None, _MAP_NAME[kind]))
        except (GridError, ImageError) as error:
            problems.append(str(error))
    return cells, problems


def compare_maps(kind: str, a: Volume, b: Volume) -> tuple[dict[str, Cell], list[str]]:
    """Compare two label maps of one case.

    Parameters
    ----------
    kind : {"thalamus", "csf", "lesions"}
    a, b : Volume
        Labels, 1 left and 2 right, or one number a lesion.

    Returns
    -------
    dict
        Cells of the table of cases; none for a structure that a reader did not draw, which says nothing of agreement.
    list of str
        Which structures only one reader drew.

    Raises
    ------
    GridError
        Where they lie on different grids.
    """
    if not a.grid.same_as(b.grid):
        shapes = [describe_shape(volume.grid.shape) for volume in (a, b)]
        how = "in different places" if shapes[0] == shapes[1] else f"{shapes[0]} and {shapes[1]} voxels"
        raise GridError(
            f"the {_MAP_NAME[kind]} of A and B lie on different grids ({how}), so they are not compared; read both on "
            "one image"
        )
    if kind == "lesions":
        found = match_lesions(a.data, b.data)
        return {
            "dice_lesions": dice(a.data > 0, b.data > 0),
            "lesions_a": found.n_a,
            "lesions_b": found.n_b,
            "lesions_both_a": found.both_a,
            "lesions_both_b": found.both_b,
            "lesions_only_a": len(found.only_a),
            "lesions_only_b": len(found.only_b),
            "lesion_f1": found.f1,
        }, []
    cells: dict[str, Cell] = {}
    said = []
    parts = {_MAP_NAME["csf"]: (a.data > 0, b.data > 0)}
    if kind == "thalamus":
        parts = {f"{side} thalamus": (a.data == label, b.data == label) for label, side in _THALAMI.items()}
    for name, (first, second) in parts.items():
        drawn = bool(first.any()), bool(second.any())
        if drawn == (True, True):
            side = name.partition(" ")[0]
            cells |= (
                {"dice_csf": dice(first, second)}
                if kind == "csf"
                else {
                    f"dice_thalamus_{side}": dice(first, second),
                    f"distance_{side}_mm": surface_distance_mm(first, second, a.spacing),
                }
            )
        elif drawn != (False, False):
            said.append(_only(drawn[0], name))
    return cells, said


def _only(in_a: bool, what: str) -> str:
    return f"only {'A' if in_a else 'B'} has read the {what}"


def _label_map(folder: Path, kind: str) -> Volume | None:
    """A saved label map without what its reader has not accepted; None where there is none, or nothing was read."""
    path = next(iter(sorted(folder.glob(f"{_MAPS[kind]}.nii.gz"))), None)
    if path is None:
        return None
    volume, about = read_label_map(path), _sidecar(path)
    out: list[int] = []
    if kind == "thalamus":
        proposed = _mapping(about.get("Proposed"))
        out = [label for label, side in _THALAMI.items() if side in proposed]
    elif kind == "lesions" and "Lesions" in about:
        lesions = _mapping(about["Lesions"])
        if not lesions:
            return None  # not read is not the same as no lesions
        accepted = [number for number, fact in lesions.items() if _mapping(fact).get("state") == "accepted"]
        out = [n for n in np.unique(volume.data).tolist() if str(n) not in accepted]
    return replace(volume, data=np.where(np.isin(volume.data, out), 0, volume.data)) if out else volume


def _sidecar(label_map: Path) -> Mapping[str, Any]:
    path = label_map.with_name(label_map.name.removesuffix(".nii.gz") + ".json")
    try:
        return _mapping(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be read as JSON ({error}); save the case again") from None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
