"""Robust and clustered errors against R's sandwich, by what they must be in known cases, and in words."""

import numpy as np
import pandas as pd
import pytest
from r_models import R, assert_coefficients, r_table, r_terms

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics import before_and_after, fit, format_fit, standardized, study_tables, with_errors
from thaliron_napari.statistics.diagnostics import error_check
from thaliron_napari.statistics.text import fit_summary, footnotes


@pytest.mark.parametrize("errors", ["ols", "hc1", "hc3", "cluster"])
@pytest.mark.parametrize("model", R["linear"], ids=lambda model: model["formula"])
def test_agrees_with_r(model: dict, errors: str) -> None:
    cluster = "centre" if errors == "cluster" else None
    ours = fit(r_table(), *r_terms(model["formula"]), errors=errors, cluster=cluster)
    expected = model[errors]
    assert_coefficients(ours.coefficients, expected)
    assert ours.error_df == expected["df"]
    assert ours.n_used == expected.get("n", 95)
    assert ours.n_clusters == expected.get("clusters")
    np.testing.assert_allclose(np.sqrt(np.diag(ours.covariance)), expected["standard_error"], rtol=1e-9)
    if errors == "hc3":
        check = error_check(fit(r_table(), *r_terms(model["formula"])))
        np.testing.assert_allclose([c.robust_error for c in check], expected["standard_error"], rtol=1e-9)
        np.testing.assert_allclose([c.p for c in check], model["ols"]["p"], rtol=1e-9)


@pytest.mark.parametrize("model", R["linear"], ids=lambda model: model["formula"])
def test_standardized_coefficients_agree_with_r(model: dict) -> None:
    betas = standardized(fit(r_table(), *r_terms(model["formula"])))
    np.testing.assert_allclose(list(betas.values()), np.atleast_1d(model["beta"]), rtol=1e-10)


def test_standardized_coefficients_are_those_of_standardized_columns() -> None:
    table = synthetic_cohort()
    columns = table[["chi_ppb", "age", "edss"]]
    ours = standardized(fit(table, "chi_ppb", ["age", "edss"]))
    theirs = fit((columns - columns.mean()) / columns.std(), "chi_ppb", ["age", "edss"])
    assert ours == pytest.approx({name: theirs[name].estimate for name in ("age", "edss")}, rel=1e-12)


def test_every_case_its_own_cluster_is_hc1_but_for_its_factor() -> None:
    table = synthetic_cohort()
    robust = fit(table, "chi_ppb", ["age"], errors="hc1")
    clustered = fit(table, "chi_ppb", ["age"], errors="cluster", cluster="id")
    # n / (n - k) against G / (G - 1) (n - 1) / (n - k) with G = n: the same.
    np.testing.assert_allclose(clustered.covariance, robust.covariance, rtol=1e-12)
    assert (clustered.n_clusters, clustered.error_df, robust.error_df) == (95, 94, 93)


def test_cases_doubled_keep_their_clustered_errors() -> None:
    table = synthetic_cohort()
    twice = pd.concat([table, table], ignore_index=True)
    once = fit(table, "chi_ppb", ["age"], errors="cluster", cluster="id")["age"]
    doubled = fit(twice, "chi_ppb", ["age"], errors="cluster", cluster="id")["age"]
    assert doubled.standard_error == pytest.approx(once.standard_error * np.sqrt(189 / 188 / (94 / 93)), rel=1e-12)
    assert doubled.standard_error > 1.3 * fit(twice, "chi_ppb", ["age"])["age"].standard_error


def test_other_errors_of_the_same_fit() -> None:
    table = synthetic_cohort()
    plain = fit(table, "chi_ppb", ["age"], ["sex"])
    assert with_errors(plain, "hc3") == fit(table, "chi_ppb", ["age"], ["sex"], errors="hc3")
    assert with_errors(with_errors(plain, "hc1"), "ols") == plain
    with pytest.raises(ModelError, match="need the column of clusters"):
        with_errors(plain, "cluster")


def test_errors_are_said() -> None:
    table = r_table()
    clustered = fit(table, "chi_ppb", ["age"], errors="cluster", cluster="centre")
    assert "standard errors clustered by centre (12 clusters, t with 11 df)" in fit_summary(clustered)
    assert "n = 89 (6 left out for missing values)" in fit_summary(clustered)
    assert "robust standard errors (HC3)" in format_fit(fit(table, "chi_ppb", ["age"], errors="hc3"))
    assert "robust" not in format_fit(fit(table, "chi_ppb", ["age"]))


def test_before_and_after_hands_its_choices_on() -> None:
    table = r_table()
    both = before_and_after(
        table, "chi_ppb", ["category(ward)"], ["age"], references={"ward": "3"}, errors="cluster", cluster="centre"
    )
    assert {f.n_clusters for f in (*both.before, both.after)} == {12}
    assert {f.references["category(ward)"] for f in (*both.before, both.after)} == {"3"}


def test_duplicate_ids_are_said_unless_clustered_by() -> None:
    table = synthetic_cohort()
    twice = pd.concat([table, table.iloc[[3, 8]]], ignore_index=True)
    (note,) = fit(twice, "chi_ppb", ["age"]).notes
    ids = table["id"].iloc[[3, 8]]
    assert note.startswith(f"2 ids stand in more than one row ({ids.iloc[0]}, {ids.iloc[1]}): the rows are not indep")
    assert note in format_fit(fit(twice, "chi_ppb", ["age"]))
    assert fit(twice, "chi_ppb", ["age"], errors="cluster", cluster="id").notes == ()
    assert fit(table, "chi_ppb", ["age"]).notes == ()
    assert [footnotes(part).count(note) for part in study_tables(twice)] == [1, 1]
    (one,) = fit(twice.iloc[:-1], "chi_ppb", ["age"]).notes
    assert one.startswith("1 id stands in more than one row")


def test_few_clusters_are_said() -> None:
    table = synthetic_cohort().assign(site=["A", "B"] * 47 + ["A"])
    (note,) = fit(table, "chi_ppb", ["age"], errors="cluster", cluster="site").notes
    assert note.startswith("2 clusters are too few for 2 coefficients")


def test_clusters_of_numbers_and_texts_are_names() -> None:
    table = synthetic_cohort()
    mixed = table.assign(site=[1, "1a", " ", 2.0, None] * 19)
    assert fit(mixed, "chi_ppb", ["age"], errors="cluster", cluster="site").n_clusters == 3


TABLE = synthetic_cohort()
ALONE = TABLE.assign(only=[1.0] + [0.0] * 94)
DEGENERATE = [
    (TABLE, {"errors": "hc2"}, r"no errors of the kind 'hc2'; there are ols, hc1, hc3, cluster"),
    (TABLE, {"errors": "cluster"}, r"need the column that says which rows belong together"),
    (TABLE, {"cluster": "id"}, r"goes with errors of the kind 'cluster', not 'ols'"),
    (TABLE, {"errors": "cluster", "cluster": "site"}, r"no column 'site' to cluster by"),
    (
        TABLE.assign(site=2.0),
        {"errors": "cluster", "cluster": "site"},
        r"column 'site' is '2' in all 95 rows used, which makes one cluster",
    ),
    (TABLE.assign(site=np.nan), {"errors": "cluster", "cluster": "site"}, r"column 'site' has no values"),
    (ALONE, {"errors": "hc3"}, r"1 row alone fixes a coefficient \(leverage 1\), for which HC3 has no variance"),
]


@pytest.mark.parametrize(("table", "choices", "words"), DEGENERATE, ids=[c[2][:30] for c in DEGENERATE])
def test_degenerate_errors_get_words(table: pd.DataFrame, choices: dict, words: str) -> None:
    predictors = ["age", "only"] if "only" in table else ["age"]
    with pytest.raises(ModelError, match=words):
        fit(table, "chi_ppb", predictors, **choices)
