"""Fits against certified values and R, by properties, and in words where there is no fit."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics import Fit, before_and_after, fit, study_columns

REFERENCE = Path(__file__).parents[1] / "reference"
NIST = json.loads((REFERENCE / "nist_strd.json").read_text(encoding="utf-8"))
R = json.loads((REFERENCE / "lm_r.json").read_text(encoding="utf-8"))
STATA = json.loads((REFERENCE / "stata_auto.json").read_text(encoding="utf-8"))

# Digits reached by the worst estimate and the worst standard error of each set, as measured; the test gives one digit
# away, since each machine's linear algebra rounds in its own order. Wampler 1 and 2 have no error.
NIST_DIGITS = {
    "Norris": (13.0, 13.8),
    "Pontius": (13.2, 13.1),
    "Longley": (10.9, 12.5),
    "Filip": (8.0, 8.9),
    "Wampler1": (9.5, None),
    "Wampler2": (13.1, None),
    "Wampler3": (9.4, 13.7),
    "Wampler4": (7.8, 13.9),
    "Wampler5": (5.8, 13.9),
}


def nist_table(name: str) -> pd.DataFrame:
    data = NIST[name]
    if "columns" in data:
        columns = np.array(data["columns"]).T
    else:
        columns = [np.array(data["x"]) ** power for power in range(1, data["degree"] + 1)]
    return pd.DataFrame({"y": data["y"], **{f"x{i}": column for i, column in enumerate(columns, start=1)}})


@pytest.mark.parametrize("name", list(NIST_DIGITS))
def test_nist_certified_values(name: str) -> None:
    data, table = NIST[name], nist_table(name)
    result = fit(table, "y", [column for column in table.columns if column != "y"])
    digits, error_digits = NIST_DIGITS[name]
    certified = np.array(data["certified"])
    np.testing.assert_allclose([c.estimate for c in result.coefficients], certified[:, 0], rtol=10 ** (1 - digits))
    errors = np.array([c.standard_error for c in result.coefficients])
    assert result.residual_df == len(table) - len(certified)
    if error_digits is not None:
        np.testing.assert_allclose(errors, certified[:, 1], rtol=10 ** (1 - error_digits))
    else:  # the data lie on the polynomial: what is left is rounding
        assert (errors < 1e-7 * certified[:, 0]).all()
    if "r_squared" in data:
        assert result.r_squared == pytest.approx(data["r_squared"], rel=1e-13)
        assert result.residual_sd == pytest.approx(data["residual_sd"], rel=1e-10)


def r_table() -> pd.DataFrame:
    """The table as lm.R makes it."""
    table = study_columns(synthetic_cohort())
    table["site"] = [("B", "A", "C")[i % 3] for i in range(len(table))]
    table["edss_gaps"] = table["edss"].where(~np.isin(np.arange(95), np.arange(4, 95, 9)))
    return table


def r_fit(model: dict) -> Fit:
    outcome, predictors = model["formula"].replace("log(", "ln(").split(" ~ ")
    return fit(r_table(), outcome, predictors.split(" + "))


@pytest.mark.parametrize("model", R["models"], ids=lambda model: model["formula"])
def test_agrees_with_r(model: dict) -> None:
    ours = r_fit(model)
    names = [
        name.replace("(Intercept)", "constant").replace("siteB", "site[B]").replace("siteC", "site[C]")
        for name in model["terms"]
    ]
    assert [c.name for c in ours.coefficients] == names
    for ours_name, r_name in (
        ("estimate", "estimate"),
        ("standard_error", "standard_error"),
        ("ci_low", "ci_low"),
        ("ci_high", "ci_high"),
        ("p", "p"),
    ):
        np.testing.assert_allclose([getattr(c, ours_name) for c in ours.coefficients], model[r_name], rtol=1e-10)
    assert (ours.n_used, ours.n_used + ours.n_missing, ours.residual_df) == (model["n"], 95, model["residual_df"])
    assert ours.r_squared == pytest.approx(model["r_squared"], rel=1e-11)
    assert ours.residual_sd == pytest.approx(model["residual_sd"], rel=1e-12)


def test_agrees_with_statas_manual() -> None:
    gphm = (100 / np.array(STATA["mpg"])).astype(np.float32)  # as Stata's generate stores it
    cars = pd.DataFrame({"gphm": gphm, "weight": STATA["weight"]})
    printed = STATA["printed"]["regress gphm weight"]
    ours = fit(cars, "gphm", ["weight"])
    for c in ours.coefficients:
        found = (c.estimate, c.standard_error, c.statistic, c.p, c.ci_low, c.ci_high)
        for value, text in zip(found, printed["_cons" if c.name == "constant" else c.name], strict=True):
            assert value == pytest.approx(float(text), abs=0.5001 * 10.0 ** -len(text.partition(".")[2]))
    assert f"{ours.r_squared:.4f}" == printed["r2"]
    assert f"{ours.residual_sd:.5f}" == printed["root_mse"]


def cohort(n: int = 30, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n, 3)), columns=["y", "a", "b"])
    table["id"] = [f"sub-{i:02d}" for i in range(n)]
    return table


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    scale=st.floats(1e-3, 1e6),
    shift=st.floats(-1e3, 1e3),
    order=st.permutations(range(30)),
)
def test_units_and_order_change_nothing_but_units(scale: float, shift: float, order: list[int]) -> None:
    table = cohort()
    changed = table.assign(a=scale * (table["a"] + shift)).iloc[order]
    before, after = fit(table, "y", ["a"], ["b"]), fit(changed, "y", ["a"], ["b"])
    assert after["a"].estimate * scale == pytest.approx(before["a"].estimate, rel=1e-8)
    assert after["a"].p == pytest.approx(before["a"].p, rel=1e-8)
    assert after["b"].ci_low == pytest.approx(before["b"].ci_low, rel=1e-8)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(gaps=st.sets(st.tuples(st.integers(0, 29), st.sampled_from(["y", "a", "b"])), max_size=20))
def test_rows_with_missing_values_are_left_out_and_counted(gaps: set[tuple[int, str]]) -> None:
    table = cohort()
    for row, column in gaps:
        table.loc[row, column] = np.nan
    missing = {row for row, _ in gaps}
    result = fit(table, "y", ["a"], ["b"])
    assert (result.n_used, result.n_missing, result.residual_df) == (30 - len(missing), len(missing), 27 - len(missing))
    assert result.coefficients == fit(table.drop(index=list(missing)), "y", ["a"], ["b"]).coefficients
    assert list(result.design.index) == [row for row in range(30) if row not in missing]


def test_text_column_has_a_reference_level() -> None:
    table = cohort().assign(site=["Bern", "Aarau", "Chur"] * 10)
    result = fit(table, "y", ["site"])
    means = table.groupby("site")["y"].mean()
    assert result.references == {"site": "Aarau"}
    assert [c.name for c in result.of("site")] == ["site[Bern]", "site[Chur]"]
    assert result["constant"].estimate == pytest.approx(means["Aarau"], rel=1e-12)
    assert result["site[Chur]"].estimate == pytest.approx(means["Chur"] - means["Aarau"], rel=1e-12)
    other = fit(table, "y", ["site"], references={"site": "Chur"})
    assert other["site[Aarau]"].estimate == pytest.approx(means["Aarau"] - means["Chur"], rel=1e-12)
    with pytest.raises(ModelError, match=r"no level 'Davos'; its levels are Aarau, Bern, Chur"):
        fit(table, "y", ["site"], references={"site": "Davos"})


def test_numbers_can_be_names_of_levels() -> None:
    table = cohort().assign(site=[10.0, 2.0, np.nan] * 10)
    result = fit(table, "y", ["category(site)"])
    means = table.groupby("site")["y"].mean()
    assert [c.name for c in result.of("category(site)")] == ["category(site)[10]"]
    assert (result.references, result.n_missing) == ({"category(site)": "2"}, 10)
    assert result["category(site)[10]"].estimate == pytest.approx(means[10] - means[2], rel=1e-12)
    for key in ("site", "category(site)"):
        other = fit(table, "y", ["category(site)"], references={key: "10"})
        assert other["category(site)[2]"].estimate == pytest.approx(means[2] - means[10], rel=1e-12)
    texts = table.assign(site=table["site"].map({10.0: "x", 2.0: "a"}))
    assert fit(texts, "y", ["category(site)"])["category(site)[x]"].estimate == result.coefficients[1].estimate
    for levels, words in (([0.5, 1e6 + 1, 0.5], "category(site)[1000001]"), ([1, 1, 1], None)):
        table = cohort().assign(site=levels * 10)
        if words:
            assert fit(table, "y", ["category(site)"]).coefficients[1].name == words
        else:
            with pytest.raises(ModelError, match=r"column 'category\(site\)' is '1' in all 30 rows"):
                fit(table, "y", ["category(site)"])
    with pytest.raises(ModelError, match="both the outcome and a predictor"):
        fit(cohort(), "y", ["category(y)"])


def test_categorical_column_keeps_its_own_order() -> None:
    severity = pd.Categorical(["mild", "severe", "none"] * 10, categories=["none", "mild", "severe"])
    result = fit(cohort().assign(severity=severity), "y", ["severity"])
    assert result.references == {"severity": "none"}


def test_numbers_written_as_text_and_yes_or_no_are_numbers() -> None:
    table = cohort()
    texts = table.assign(a=table["a"].map(repr), b=table["b"] > 0)
    expected = table.assign(b=(table["b"] > 0).astype(int))
    assert fit(texts, "y", ["a", "b"]).coefficients == fit(expected, "y", ["a", "b"]).coefficients


def test_before_and_after_is_each_alone_and_all_together() -> None:
    both = before_and_after(cohort(), "y", ["a"], ["b"])
    assert both.before == (fit(cohort(), "y", ["a"]),)
    assert both.after == fit(cohort(), "y", ["a"], ["b"])
    assert both.after.formula == "y ~ a + b"


def test_perfect_fit_has_no_error_and_a_p_of_zero() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 4.0, 6.0, 8.0]})
    result = fit(table, "y", ["x"])
    assert result["x"].estimate == pytest.approx(2.0, rel=1e-14)
    assert result["x"].standard_error < 1e-14
    assert result["x"].p < 1e-20


def spoiled(**columns: object) -> pd.DataFrame:
    return cohort().assign(**columns)


ONES = [1.0] * 30
DEGENERATE = [
    ("no rows", spoiled().iloc[:0], "y", ["a"], r"the table has no rows"),
    ("no such column", spoiled(), "y", ["c"], r"no column 'c' in the table, which has: y, a, b, id"),
    ("constant", spoiled(a=ONES), "y", ["a"], r"column 'a' is 1 in all 30 rows used"),
    ("constant outcome", spoiled(y=ONES), "y", ["a"], r"outcome 'y' is 1 in all 30 rows"),
    ("one level", spoiled(a=["x"] * 30), "y", ["a"], r"column 'a' is 'x' in all 30 rows used"),
    ("too few", spoiled().iloc[:3], "y", ["a", "b"], r"3 rows cannot carry 3 coefficients .* at least 4 complete rows"),
    ("an id", spoiled(), "y", ["id"], r"30 rows cannot carry 30 coefficients"),
    ("all missing", spoiled(a=[np.nan] * 30), "y", ["a"], r"column 'a' has no values"),
    (
        "none complete",
        spoiled(a=[1.0, np.nan] * 15, b=[np.nan, 2.0] * 15),
        "y",
        ["a", "b"],
        r"no row has a value in every one of y, a, b",
    ),
    ("text outcome", spoiled(y=["low", "high"] * 15), "y", ["a"], r"'y' holds text \(such as 'low'\)"),
    (
        "text among numbers",
        spoiled(a=["1.5", "2", "many"] * 10),
        "y",
        ["a"],
        r"'many' \(sub-02, sub-05, sub-08, \.\.\.\)",
    ),
    ("infinite", spoiled(a=[np.inf, *range(29)]), "y", ["a"], r"column 'a' is infinite in sub-00"),
    (
        "log of zero",
        spoiled(v=[0.0, *range(1, 30)]),
        "ln(v)",
        ["a"],
        r"'v' is zero in 1 row \(sub-00\), .*no logarithm",
    ),
    ("log of less", spoiled(v=[-1.0, 0.0] * 15), "ln(v)", ["a"], r"'v' is zero or negative in 30 rows"),
    (
        "too large",
        spoiled(a=1e200 * spoiled()["a"]),
        "y",
        ["a"],
        r"'a' is 3e\+200 in size, beyond what can be",
    ),
    ("too small", spoiled(y=1e-200 * spoiled()["y"]), "y", ["a"], r"'y' is \de-200 in size, beyond what can be"),
    ("outcome as predictor", spoiled(), "y", ["y"], r"both the outcome and a predictor"),
    ("twice", spoiled(), "y", ["a", "a"], r"'a' is named twice"),
    ("no predictor", spoiled(), "y", [], r"at least one predictor"),
]


@pytest.mark.parametrize(
    ("table", "outcome", "predictors", "words"), [c[1:] for c in DEGENERATE], ids=[c[0] for c in DEGENERATE]
)
def test_degenerate_input_gets_words(table: pd.DataFrame, outcome: str, predictors: list[str], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        fit(table, outcome, predictors)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    weights=st.tuples(st.floats(-5, 5), st.floats(-5, 5)).filter(lambda w: abs(w[0]) > 0.01 and abs(w[1]) > 0.01),
    offset=st.sampled_from([0.0, 1.0, 20000.0]),
)
def test_perfect_collinearity_names_the_columns(weights: tuple[float, float], offset: float) -> None:
    table = cohort()
    table["sum"] = weights[0] * table["a"] + weights[1] * table["b"] + offset
    with pytest.raises(ModelError, match=r"column 'sum' is determined by 'a' and 'b' \(perfect collinearity\)"):
        fit(table, "y", ["a", "b", "sum"])


def test_near_collinearity_is_fitted() -> None:
    table = cohort()
    table["nearly"] = table["a"] + 1e-6 * table["b"]
    result = fit(table, "y", ["a", "nearly"])
    reference = fit(table, "y", ["a", "b"])
    assert result["nearly"].estimate * 1e-6 == pytest.approx(reference["b"].estimate, rel=1e-6)


def test_columns_that_together_lack_rank_are_not_fitted() -> None:
    """Powers each of which leaves more than rounding, but not all twelve together."""
    x = np.linspace(20, 30, 40)
    table = pd.DataFrame({"y": np.sin(x), **{f"x{power}": x**power for power in range(1, 13)}})
    with pytest.raises(ModelError, match=r"column 'x12' is determined by .* \(perfect collinearity\)"):
        fit(table, "y", [f"x{power}" for power in range(1, 13)])
