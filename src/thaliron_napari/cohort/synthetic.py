"""The synthetic cohort that ships with the program, and how rows of it are known again wherever they are shown."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from thaliron_napari.cohort.table import read_table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_FINGERPRINT = ("age", "duration", "chi_ppb", "lesion_ml", "thalamus_ml", "gm_ml", "thickness_mm")


def synthetic_cohort() -> pd.DataFrame:
    """Ninety-five rows that are nobody's data, made so that the study's fits on them give its published tables."""
    with resources.as_file(resources.files("thaliron_napari.cohort") / "data" / "synthetic_cohort.csv") as path:
        return read_table(path)


def synthetic_dictionary() -> dict[str, dict[str, Any]]:
    """Descriptions, units and levels of the synthetic cohort's columns."""
    text = (resources.files("thaliron_napari.cohort") / "data" / "synthetic_cohort.json").read_text(encoding="utf-8")
    dictionary: dict[str, dict[str, Any]] = json.loads(text)
    return dictionary


def is_synthetic(table: pd.DataFrame) -> np.ndarray:
    """Bool array (n,): which rows are rows of the synthetic cohort, whatever their ids.

    A row is known again by its measures (age, duration, susceptibility, volumes, thickness; to 1e-6 relative) where
    the row has at least three of them.
    """
    import numpy as np
    import pandas as pd

    shared = [name for name in _FINGERPRINT if name in table.columns]
    if len(shared) < 3:
        return np.zeros(len(table), dtype=bool)
    numbers = table[shared].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    known = _fingerprints(tuple(shared))
    there = np.isfinite(numbers)[:, None, :]  # an emptied cell makes nobody's data no one's
    same = (np.abs(numbers[:, None, :] - known) <= 1e-6 * np.abs(known)) | ~there
    matches: np.ndarray = same.all(axis=2).any(axis=1) & (there.sum(axis=2)[:, 0] >= 3)
    return matches


def synthetic_note(table: pd.DataFrame) -> str | None:
    """The sentence to show with anything made from this table, or None where no row is synthetic."""
    count = int(is_synthetic(table).sum())
    if not count:
        return None
    who = f"All {count} cases" if count == len(table) else f"Of the {len(table)} cases, {count}"
    return f"{who} are synthetic: nobody's data, made to reproduce a published analysis. No finding can rest on them."


@cache
def _fingerprints(columns: tuple[str, ...]) -> np.ndarray:
    values: np.ndarray = synthetic_cohort()[list(columns)].to_numpy(dtype="float64")
    return values
