"""Influence and added-variable plots against R and against fitting again; forest plots and what is picked in plots."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from r_models import R, r_table, r_terms

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics import fit, fit_logistic, standardized
from thaliron_napari.statistics.diagnostics import diagnose, fit_line
from thaliron_napari.statistics.forest import forest_rows
from thaliron_napari.statistics.influence import added_variable, influence
from thaliron_napari.statistics.plots import (
    draw_added_variable,
    draw_diagnostics,
    draw_forest,
    draw_influence,
    draw_line,
    row_at,
)

ADJUSTED = ("ln(lesion_ml)", ["chi_ppb"], ["age", "sex", "duration", "dmt"])


@pytest.mark.parametrize("model", R["linear"], ids=lambda model: model["formula"])
def test_dfbeta_agrees_with_r(model: dict) -> None:
    ours = fit(r_table(), *r_terms(model["formula"]))
    for j, c in enumerate(ours.coefficients):
        expected = np.array(model["dfbetas"])[:, j]
        np.testing.assert_allclose(influence(ours, c.name).dfbeta, expected, rtol=1e-8, atol=1e-13)


def test_influence_is_what_leaving_the_case_out_does() -> None:
    table = synthetic_cohort()
    whole = fit(table, *ADJUSTED)
    found = influence(whole, "chi_ppb")
    for row in (0, 17, 94):
        left = fit(table.drop(index=table.index[row]), *ADJUSTED)
        assert found.without[row] == pytest.approx(left["chi_ppb"].estimate, rel=1e-9)
        moved = whole["chi_ppb"].estimate - left["chi_ppb"].estimate
        assert np.sign(found.dfbeta[row]) == np.sign(moved)
    assert found.limit == pytest.approx(2 / np.sqrt(95))


def test_a_case_that_alone_fixes_the_coefficient_has_no_influence_to_state() -> None:
    table = synthetic_cohort().assign(only=[1.0] + [0.0] * 94)
    found = influence(fit(table, "chi_ppb", ["only", "age"]), "only")
    assert np.isnan(found.dfbeta[0])
    assert np.isnan(found.without[0])
    figure = Figure()
    draw_influence(figure.add_subplot(), found, table["id"].tolist())
    FigureCanvasAgg(figure).draw()


def test_two_cases_more_than_coefficients_have_influence_and_one_has_none() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 4.0, 7.0], "y": [1.0, 3.0, 2.0, 5.0]})
    assert np.isfinite(influence(fit(table, "y", ["x"]), "x").dfbeta).all()
    assert np.isnan(influence(fit(table.iloc[:3], "y", ["x"]), "x").dfbeta).all()  # no variance without the case


def test_added_variable_plot_has_the_slope_and_residuals_of_the_whole_fit() -> None:
    for errors in ("ols", "hc3"):
        whole = fit(synthetic_cohort(), *ADJUSTED, errors=errors)
        line = added_variable(whole, "chi_ppb")
        slope = (line.x @ line.y) / (line.x @ line.x)
        assert slope == pytest.approx(whole["chi_ppb"].estimate, rel=1e-10)
        np.testing.assert_allclose(line.y - slope * line.x, diagnose(whole).residuals, atol=1e-10)
        assert abs(line.x.sum()) < 1e-9
        low = line.low[-1] / line.grid[-1]
        assert low == pytest.approx(whole["chi_ppb"].ci_low, rel=1e-10)


def test_no_such_coefficient_gets_words() -> None:
    whole = fit(synthetic_cohort(), "chi_ppb", ["age"])
    for ask in (influence, added_variable):
        with pytest.raises(ModelError, match="has no coefficient 'edss'; it has age"):
            ask(whole, "edss")


def test_band_follows_the_errors() -> None:
    table = synthetic_cohort()
    plain, robust = (fit_line(fit(table, "thalamus_ml", ["chi_ppb"], errors=e), "chi_ppb", 5) for e in ("ols", "hc1"))
    np.testing.assert_array_equal(plain.mean, robust.mean)
    assert np.abs(plain.low / robust.low - 1).max() > 1e-3


def test_forest_rows_of_several_models() -> None:
    table = synthetic_cohort()
    models = [fit(table, outcome, *ADJUSTED[1:]) for outcome in ("thalamus_ml", "thickness_mm")]
    rows = forest_rows(models, predictors=["chi_ppb"], standardize=True, labels={"thalamus_ml": "Thalamus"})
    assert [row.label for row in rows] == ["Thalamus", "thickness_mm"]
    assert [row.model for row in rows] == [0, 1]
    for row, model in zip(rows, models, strict=True):
        c = model["chi_ppb"]
        assert row.estimate == pytest.approx(standardized(model)["chi_ppb"], rel=1e-12)
        assert (row.high - row.low) / row.estimate == pytest.approx((c.ci_high - c.ci_low) / c.estimate, rel=1e-9)
        assert row.low < row.estimate < row.high
    assert [row.label for row in forest_rows(models)][3:7] == [
        "thalamus_ml: duration",
        "thalamus_ml: dmt",
        "thickness_mm: chi_ppb",
        "thickness_mm: age",
    ]
    both = [fit(table, "thalamus_ml", ["chi_ppb"]), models[0]]
    named = forest_rows(both, predictors=["chi_ppb"], model_names=("unadjusted", "adjusted"))
    assert [row.label for row in named] == ["chi_ppb, unadjusted", "chi_ppb, adjusted"]
    logistic = fit_logistic(table, "enhancing", ["age", "chi_ppb"])
    assert [row.estimate for row in forest_rows([logistic])] == [c.estimate for c in logistic.odds_ratios]


def test_forest_levels_are_named() -> None:
    rows = forest_rows([fit(r_table(), "edss", ["category(ward)"])])
    assert [row.label for row in rows] == ["category(ward): 2", "category(ward): 3", "category(ward): 4"]


def test_forest_without_lines_gets_words() -> None:
    table = synthetic_cohort()
    linear, logistic = fit(table, "chi_ppb", ["age"]), fit_logistic(table, "enhancing", ["age"])
    with pytest.raises(ModelError, match="cannot stand on one axis"):
        forest_rows([linear, logistic])
    with pytest.raises(ModelError, match="no standardized form"):
        forest_rows([logistic], standardize=True)
    with pytest.raises(ModelError, match="no coefficient to draw"):
        forest_rows([linear], predictors=["sex"])


def test_forest_draws_each_interval() -> None:
    table = synthetic_cohort()
    rows = forest_rows([fit(table, *ADJUSTED)])
    ax = Figure().add_subplot()
    draw_forest(ax, rows, "ln ml a unit")
    points, lines = ax.collections[1], ax.collections[0]
    np.testing.assert_array_equal(points.get_offsets(), [(row.estimate, i) for i, row in enumerate(rows)])
    assert [path.vertices[:, 0].tolist() for path in lines.get_paths()] == [[row.low, row.high] for row in rows]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [row.label for row in rows]
    filled = points.get_facecolors()[:, 3] > 0
    assert filled.tolist() == [row.p < 0.05 for row in rows]


def test_forest_of_odds_ratios_stands_on_a_log_axis() -> None:
    figure = Figure()
    ax = figure.add_subplot()
    draw_forest(ax, forest_rows([fit_logistic(synthetic_cohort(), "enhancing", ["age"])]), "Odds ratio", ratio=True)
    FigureCanvasAgg(figure).draw()
    assert ax.get_xscale() == "log"
    assert ax.lines[0].get_xdata()[0] == 1


def test_a_click_on_a_point_finds_its_row() -> None:
    table = synthetic_cohort().set_index("id", drop=False).iloc[::-1]
    table.iloc[4, table.columns.get_loc("age")] = np.nan  # left out: points are not rows of the table by number
    whole = fit(table, *ADJUSTED)
    d, effect, line = diagnose(whole), influence(whole, "chi_ppb"), fit_line(whole, "chi_ppb")
    figure = Figure(figsize=(12, 9))
    canvas = FigureCanvasAgg(figure)
    axes = list(figure.subplots(3, 3).flat)
    draw_diagnostics(axes[:4], d)
    draw_line(axes[4], line, "x", "y")
    draw_influence(axes[5], effect)
    draw_added_variable(axes[6], added_variable(whole, "chi_ppb"), "x", "y")
    draw_line(axes[7], fit_line(fit(table, "chi_ppb", ["enhancing"], ["age"]), "enhancing"), "x", "y")
    rows = forest_rows([whole])
    draw_forest(axes[8], rows, "x")
    canvas.draw()
    picked: list[object] = []
    labels = [row.label for row in rows]
    canvas.mpl_connect("pick_event", lambda event: picked.append(row_at(event, known)))
    for place, ax in enumerate(axes):
        known = labels if place == 8 else whole.design.index
        (points,) = [c for c in ax.collections if isinstance(c, PathCollection)]
        for i in (0, 2):
            x, y = points.get_offset_transform().transform(points.get_offsets())[i]
            picked.clear()
            MouseEvent("button_press_event", canvas, x, y, 1)._process()
            assert picked == [known[i]], ax.get_title()


def test_what_is_no_point_has_no_row() -> None:
    figure = Figure()
    (line,) = figure.add_subplot().plot([1, 2], [1, 2])
    assert row_at(SimpleNamespace(artist=line, ind=[0], mouseevent=None), ["a", "b"]) is None
