"""Logistic regression against R and Stata's manual, by properties, and in words where there is no fit."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from r_models import R, assert_coefficients, r_table, r_terms

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics import LogisticFit, fit_logistic, format_fit, logistic_before_and_after
from thaliron_napari.statistics.text import fit_summary

STATA = json.loads((Path(__file__).parents[1] / "reference" / "stata_auto.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("errors", ["ols", "hc1", "cluster"])
@pytest.mark.parametrize("model", R["logistic"], ids=lambda model: model["formula"])
def test_agrees_with_r(model: dict, errors: str) -> None:
    cluster = "centre" if errors == "cluster" else None
    ours = fit_logistic(r_table(), *r_terms(model["formula"]), errors=errors, cluster=cluster)
    assert_coefficients(ours.coefficients, model[errors])
    assert (ours.n_used, ours.n_clusters) == (model[errors].get("n", 95), model[errors].get("clusters"))
    if errors != "cluster":
        for name in ("log_likelihood", "null_log_likelihood", "pseudo_r2", "chi2", "chi2_p"):
            assert getattr(ours, name) == pytest.approx(model[name], rel=1e-9), name


def test_agrees_with_statas_manual() -> None:
    printed = STATA["printed"]["logit foreign weight mpg"]
    ours = fit_logistic(
        pd.DataFrame({name: STATA[name] for name in ("foreign", "weight", "mpg")}), "foreign", ["weight", "mpg"]
    )
    for c in ours.coefficients:
        found = (c.estimate, c.standard_error, c.statistic, c.p, c.ci_low, c.ci_high)
        for value, text in zip(found, printed["_cons" if c.name == "constant" else c.name], strict=True):
            assert value == pytest.approx(float(text), abs=0.5001 * 10.0 ** -len(text.partition(".")[2]))
    assert f"{ours.log_likelihood:.6f}" == printed["log_likelihood"]
    assert f"{ours.null_log_likelihood:.5f}" == printed["null_log_likelihood"]
    assert f"{ours.pseudo_r2:.4f}" == printed["pseudo_r2"]
    assert f"{ours.chi2:.2f}" == printed["chi2"]


def test_a_table_of_two_by_two_gives_its_own_odds_ratio() -> None:
    rows = [(1, 1)] * 12 + [(1, 0)] * 5 + [(0, 1)] * 7 + [(0, 0)] * 20
    table = pd.DataFrame(rows, columns=["x", "y"])
    (ratio,) = fit_logistic(table, "y", ["x"]).odds_ratios
    assert ratio.estimate == pytest.approx(12 * 20 / (5 * 7), rel=1e-12)
    error = np.sqrt(1 / 12 + 1 / 5 + 1 / 7 + 1 / 20)
    assert ratio.standard_error == pytest.approx(ratio.estimate * error, rel=1e-12)
    assert np.log(ratio.ci_high / ratio.ci_low) == pytest.approx(2 * 1.959963984540054 * error, rel=1e-12)


@settings(derandomize=True, max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e4), shift=st.floats(-3e3, 3e3), seed=st.integers(0, 5))
def test_units_change_nothing_but_units(scale: float, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"])
    table["y"] = (rng.random(80) < 1 / (1 + np.exp(-table["a"]))).astype(int)
    before = fit_logistic(table, "y", ["a", "b"])
    after = fit_logistic(table.assign(a=scale * (table["a"] + shift)), "y", ["a", "b"])
    assert after["a"].estimate * scale == pytest.approx(before["a"].estimate, rel=1e-8)
    assert after["b"].standard_error == pytest.approx(before["b"].standard_error, rel=1e-8)
    assert after.log_likelihood == pytest.approx(before.log_likelihood, rel=1e-12)


def test_texts_and_other_pairs_of_numbers_name_their_event() -> None:
    table = synthetic_cohort()
    numbers = fit_logistic(table, "enhancing", ["age"])
    words = fit_logistic(table.assign(enhancing=table["enhancing"].map({0: "no", 1: "yes"})), "enhancing", ["age"])
    coded = fit_logistic(table.assign(enhancing=table["enhancing"] + 1), "enhancing", ["age"])
    assert numbers.coefficients == words.coefficients == coded.coefficients
    assert (words.event, words.other, coded.event, coded.other) == ("yes", "no", "2", "1")
    turned = fit_logistic(table, "enhancing", ["age"], event="0")
    assert turned["age"].estimate == pytest.approx(-numbers["age"].estimate, rel=1e-10)
    assert turned.n_events == 95 - numbers.n_events


def test_before_and_after() -> None:
    both = logistic_before_and_after(synthetic_cohort(), "enhancing", ["chi_ppb"], ["age"])
    assert both.before[0] == fit_logistic(synthetic_cohort(), "enhancing", ["chi_ppb"])
    assert both.after == fit_logistic(synthetic_cohort(), "enhancing", ["chi_ppb"], ["age"])


def test_text_says_what_is_modelled() -> None:
    table = synthetic_cohort()
    ours: LogisticFit = fit_logistic(table, "enhancing", ["chi_ppb"])
    text = format_fit(ours)
    assert "Odds ratio" in text
    assert f"{ours.odds_ratios[0].estimate:.3f}" in text
    assert f"{int(table['enhancing'].sum())} with enhancing = 1 against 0" in fit_summary(ours)


def spoiled(**columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(30, 2)), columns=["a", "b"])
    table["y"] = [0, 1] * 15
    return table.assign(**columns)


STEP = (np.arange(30) % 2).astype(float)
DEGENERATE = [
    ("separated", spoiled(a=STEP * 3 + np.linspace(0, 1, 30)), ["a", "b"], {}, r"'a' separates the two values"),
    ("the outcome again", spoiled(a=STEP), ["a"], {}, r"'a' separates the two values .* \(perfect separation\)"),
    (
        "in some rows",
        spoiled(a=[0.0, 1.0] * 5 + [0.0] * 20),
        ["b", "a"],
        {},
        r"'a' separates the two values of the outcome in all or some rows",
    ),
    ("together", spoiled(a=STEP + spoiled()["b"]), ["a", "b"], {}, r"'a' and 'b' separate the two values"),
    ("far away", spoiled(a=1e6 + 1e-3 * STEP), ["a"], {}, r"'a' separates"),
    ("one class", spoiled(y=1), ["a"], {}, r"'y' is '1' in every row; logistic regression needs two values"),
    (
        "one class left",
        spoiled(a=[np.nan, 1.0, np.nan, 2.0, np.nan] * 3 * 2).assign(y=[0, 1, 0, 1, 0] * 6),
        ["a"],
        {},
        r"the outcome 'y' is 1 in all 12",
    ),
    ("measured", spoiled(y=np.arange(30.0)), ["a"], {}, r"has 30 values \(0, 1, 2, 3, \.\.\.\); .* needs two, such as"),
    ("all missing", spoiled(y=np.nan), ["a"], {}, r"column 'y' has no values"),
    ("no such event", spoiled(), ["a"], {"event": "yes"}, r"no value 'yes'; its values are 0 and 1"),
    ("hc3", spoiled(), ["a"], {"errors": "hc3"}, r"HC3 errors are for linear models; use 'hc1'"),
    ("too few", spoiled().iloc[:3], ["a", "b"], {}, r"3 rows cannot carry 3 coefficients"),
    ("collinear", spoiled(b=2 * spoiled()["a"]), ["a", "b"], {}, r"perfect collinearity"),
    ("no rows", spoiled().iloc[:0], ["a"], {}, r"no rows"),
    ("one cluster", spoiled(site="A"), ["a"], {"errors": "cluster", "cluster": "site"}, r"makes one cluster"),
]


@pytest.mark.parametrize(
    ("table", "predictors", "choices", "words"), [c[1:] for c in DEGENERATE], ids=[c[0] for c in DEGENERATE]
)
def test_degenerate_input_gets_words(table: pd.DataFrame, predictors: list[str], choices: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        fit_logistic(table, "y", predictors, **choices)


def test_one_far_case_is_no_separation() -> None:
    table = spoiled(y=(spoiled()["a"] + 0.7 * np.sin(np.arange(30)) > 0).astype(int))
    far = fit_logistic(
        pd.concat([table, pd.DataFrame({"a": [300.0], "b": [0.0], "y": [1]})], ignore_index=True), "y", ["a"]
    )
    assert np.isfinite(far["a"].standard_error)
    assert far["a"].estimate == pytest.approx(fit_logistic(table, "y", ["a"])["a"].estimate, rel=0.01)
