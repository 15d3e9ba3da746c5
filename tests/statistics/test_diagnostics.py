"""Diagnostics and the band of a fit against R; plots against the numbers they draw."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from r_models import R as MODELS
from r_models import r_table, r_terms

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics import fit, study_columns
from thaliron_napari.statistics.diagnostics import diagnose, fit_line
from thaliron_napari.statistics.plots import DARK, LIGHT, draw_diagnostics, draw_line, palette
from thaliron_napari.statistics.text import diagnostics_in_words

R = json.loads((Path(__file__).parents[1] / "reference" / "lm_r.json").read_text(encoding="utf-8"))
STATA = json.loads((Path(__file__).parents[1] / "reference" / "stata_auto.json").read_text(encoding="utf-8"))
WHOLE = [model for model in R["models"] if "site" not in model["formula"]]


@pytest.mark.parametrize("model", WHOLE, ids=lambda model: model["formula"])
def test_agrees_with_r(model: dict) -> None:
    outcome, predictors = model["formula"].replace("log(", "ln(").split(" ~ ")
    d = diagnose(fit(study_columns(synthetic_cohort()), outcome, predictors.split(" + ")))
    np.testing.assert_allclose(d.leverage, model["leverage"], rtol=1e-9)
    np.testing.assert_allclose(d.standardized, model["standardized"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(d.cooks_distance, model["cooks"], rtol=1e-8, atol=1e-15)
    assert d.breusch_pagan.chi2 == pytest.approx(model["hettest_chi2"], rel=1e-9)
    assert d.breusch_pagan.p == pytest.approx(model["hettest_p"], rel=1e-9)
    if model["vif"]:
        np.testing.assert_allclose(list(d.vif.values()), model["vif"], rtol=1e-10)
    else:
        assert list(d.vif.values()) == pytest.approx([1.0], rel=1e-14)


@pytest.mark.parametrize("model", MODELS["linear"], ids=lambda model: model["formula"])
def test_tests_and_distances_agree_with_r(model: dict) -> None:
    d = diagnose(fit(r_table(), *r_terms(model["formula"])))
    assert d.reset.f == pytest.approx(model["reset"]["f"], rel=1e-8)
    assert [d.reset.df, d.reset.residual_df] == model["reset"]["df"]
    assert d.reset.p == pytest.approx(model["reset"]["p"], rel=1e-8)
    assert d.breusch_pagan.chi2 == pytest.approx(model["breusch_pagan"]["chi2"], rel=1e-9)
    np.testing.assert_allclose(list(d.vif.values()), np.atleast_1d(model["vif"]), rtol=1e-10)
    np.testing.assert_allclose(d.cooks_distance, model["cooks"], rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(d.leverage, model["leverage"], rtol=1e-9)


def test_tests_agree_with_statas_manual() -> None:
    cars = pd.DataFrame({name: STATA[name] for name in ("price", "weight", "mpg", "foreign")})
    cars["foreign_mpg"] = cars["foreign"] * cars["mpg"]
    printed = STATA["printed"]["regress price weight foreign##c.mpg"]
    d = diagnose(fit(cars, "price", ["weight", "foreign", "mpg", "foreign_mpg"]))
    assert [f"{d.breusch_pagan.chi2:.2f}", f"{d.breusch_pagan.p:.4f}"] == printed["estat hettest"]
    assert [f"{d.reset.f:.2f}", f"{d.reset.p:.4f}"] == printed["estat ovtest"]


def test_reset_does_not_depend_on_units() -> None:
    table = synthetic_cohort()
    for scale, shift in ((1e6, 0.0), (1.0, 1e5)):
        changed = table.assign(chi_ppb=scale * table["chi_ppb"] + shift)
        ours, plain = (diagnose(fit(t, "chi_ppb", ["age", "edss"])).reset for t in (changed, table))
        assert ours.f == pytest.approx(plain.f, rel=1e-7)


def test_reset_finds_a_curve_and_counts_the_powers_it_can_test() -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {"x": rng.uniform(0, 3, 200), "few": np.tile([0.0, 1.0, 2.0, 5.0], 50), "two": [0.0, 1.0] * 100}
    )
    table["y"] = table["x"] ** 2 + 0.3 * rng.normal(size=200)
    assert diagnose(fit(table, "y", ["x"])).reset.p < 1e-10
    assert diagnose(fit(table, "y", ["few"])).reset.df == 2  # four levels carry no fourth power
    binary = diagnose(fit(table, "y", ["two"]))
    assert (binary.reset.df, np.isnan(binary.reset.p)) == (0, True)
    assert any("too few levels" in sentence for sentence in diagnostics_in_words(binary))
    assert any("RESET F(3, 195)" in sentence for sentence in diagnostics_in_words(diagnose(fit(table, "y", ["x"]))))


def test_band_agrees_with_r() -> None:
    band = R["band"]
    line = fit_line(fit(study_columns(synthetic_cohort()), "thalamus_mm3", ["chi_ppb"]), "chi_ppb", points=3)
    at = np.array(band["x"])
    assert line.grid[[0, 2]] == pytest.approx(at[[0, 2]])
    np.testing.assert_allclose([line.mean[0], line.mean[2]], [band["fit"][0], band["fit"][2]], rtol=1e-12)
    np.testing.assert_allclose([line.low[0], line.low[2]], [band["low"][0], band["low"][2]], rtol=1e-12)
    np.testing.assert_allclose([line.high[0], line.high[2]], [band["high"][0], band["high"][2]], rtol=1e-12)


def test_points_of_an_adjusted_line_have_its_slope_and_residuals() -> None:
    adjusted = fit(synthetic_cohort(), "ln(lesion_ml)", ["chi_ppb"], ["age", "sex", "duration", "dmt"])
    line = fit_line(adjusted, "chi_ppb")
    on_line = np.interp(line.x, line.grid, line.mean)
    np.testing.assert_allclose(line.y - on_line, diagnose(adjusted).residuals, atol=1e-10)
    slope = (line.mean[-1] - line.mean[0]) / (line.grid[-1] - line.grid[0])
    assert slope == pytest.approx(adjusted["chi_ppb"].estimate, rel=1e-12)
    with pytest.raises(ModelError, match="no predictor 'edss'"):
        fit_line(adjusted, "edss")


def test_normal_quantiles_keep_the_order_of_the_residuals() -> None:
    d = diagnose(fit(synthetic_cohort(), "chi_ppb", ["age"]))
    order = np.argsort(d.standardized)
    assert (np.diff(d.normal_quantiles[order]) > 0).all()
    assert d.normal_quantiles.sum() == pytest.approx(0, abs=1e-12)
    assert d.normal_quantiles.max() == pytest.approx(2.5580, abs=1e-4)  # of 94.5 / 95


def test_a_case_that_the_fit_passes_through_has_no_standardized_residual() -> None:
    table = pd.DataFrame({"y": [1.0, 2.0, 1.5, 9.0, 2.5], "only": [0, 0, 0, 1, 0], "x": [1.0, 2.0, 3.0, 4.0, 5.0]})
    d = diagnose(fit(table, "y", ["only", "x"]))
    assert d.leverage[3] == pytest.approx(1.0, abs=1e-12)
    assert np.isnan(d.standardized[3])
    assert np.isfinite(np.delete(d.standardized, 3)).all()
    figure = Figure()
    draw_diagnostics(list(figure.subplots(2, 2).flat), d, list("abcde"))
    assert all(text.get_text() != "d" for ax in figure.axes for text in ax.texts)


def test_a_perfect_fit_has_no_spread_to_test() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 4.0, 6.0, 8.0]})
    d = diagnose(fit(table, "y", ["x"]))
    assert np.isnan(d.breusch_pagan.p)
    assert np.isnan(d.reset.p)


def test_a_fit_that_explains_nothing_has_no_spread_to_test() -> None:
    table = pd.DataFrame({"x": [-1.0, 1.0, -1.0, 1.0], "y": [1.0, 1.0, 2.0, 2.0]})
    assert np.isnan(diagnose(fit(table, "y", ["x"])).breusch_pagan.p)


def test_near_collinearity_is_said_by_its_factors() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(30, 3)), columns=["y", "a", "b"])
    table["nearly"] = table["a"] + 1e-5 * table["b"]
    vif = diagnose(fit(table, "y", ["a", "nearly"])).vif
    correlation = np.corrcoef(table["a"], table["nearly"])
    assert vif["a"] == pytest.approx(np.linalg.inv(correlation)[0, 0], rel=1e-4)
    assert vif["a"] > 1e9


def test_plots_show_every_case_and_name_the_most_influential() -> None:
    table = synthetic_cohort()
    adjusted = fit(table, "ln(lesion_ml)", ["chi_ppb"], ["age", "sex", "duration", "dmt"])
    d = diagnose(adjusted)
    figure = Figure()
    axes = list(figure.subplots(2, 2).flat)
    draw_diagnostics(axes, d, table["id"].tolist())
    drawn = [(d.fitted, d.residuals), (d.normal_quantiles, d.standardized)]
    drawn += [(d.fitted, np.sqrt(np.abs(d.standardized))), (d.leverage, d.standardized)]
    for ax, (x, y) in zip(axes, drawn, strict=True):
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.column_stack([x, y]))
    named = {text.get_text() for text in axes[3].texts}
    assert set(table["id"].iloc[np.argsort(-d.cooks_distance)[:3]]) <= named


@pytest.mark.parametrize(("ground", "expected"), [("white", LIGHT), ("#262930", DARK), ("none", LIGHT)])
def test_colours_follow_the_ground(ground: str, expected: object) -> None:
    ax = Figure().add_subplot()
    ax.set_facecolor(ground)
    assert palette(ax) == expected
    draw_line(ax, fit_line(fit(synthetic_cohort(), "chi_ppb", ["enhancing"]), "enhancing"), "x", "y")
    assert ax.xaxis.label.get_color() == expected.ink
    assert ax.get_xticks().tolist() == [0, 1]


def test_transparent_axes_take_the_colour_of_the_figure() -> None:
    figure = Figure(facecolor="black")
    ax = figure.add_subplot()
    ax.set_facecolor("none")
    assert palette(ax) == DARK
