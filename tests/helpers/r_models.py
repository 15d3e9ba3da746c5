"""What models.R gave, and the table and formulas it used."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.statistics import study_columns

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "models_r.json").read_text(encoding="utf-8"))
FIELDS = ("estimate", "standard_error", "ci_low", "ci_high", "p")


def r_table() -> pd.DataFrame:
    """The table as models.R makes it."""
    table = study_columns(synthetic_cohort())
    i = np.arange(len(table))
    table["centre"] = np.where(i % 17 == 3, np.nan, (i * 7) % 12 + 1)
    table["ward"] = (i * 5) % 4 + 1
    return table


def r_terms(text: str) -> tuple[str, list[str]]:
    """Outcome and predictors of a formula of models.R."""
    outcome, right = text.split(" ~ ")
    names = {"logvol": "ln(lesion_ml)", "ward": "category(ward)"}
    return names.get(outcome, outcome), [names.get(name, name) for name in right.split(" + ")]


def assert_coefficients(coefficients: tuple, expected: dict, rtol: float = 1e-9) -> None:
    for name in FIELDS:
        np.testing.assert_allclose([getattr(c, name) for c in coefficients], expected[name], rtol=rtol, err_msg=name)
