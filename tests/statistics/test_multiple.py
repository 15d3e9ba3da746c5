"""Corrected P against R, by their rules, and beside the raw P in tables."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from r_models import R

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics import corrected, fit, format_fit, format_tables, study_tables
from thaliron_napari.statistics.text import format_p, study_cells


@pytest.mark.parametrize("method", ["holm", "fdr"])
def test_agrees_with_r(method: str) -> None:
    given = np.array(R["p"], dtype=float)
    np.testing.assert_allclose(corrected(given, method), np.array(R[method], dtype=float), rtol=1e-14)
    assert np.isnan(corrected(given, method)[6])


@settings(derandomize=True, max_examples=60, deadline=None)
@given(p=st.lists(st.floats(0, 1), max_size=12), method=st.sampled_from(["holm", "fdr"]))
def test_never_below_the_raw_p_and_in_its_order(p: list[float], method: str) -> None:
    found = corrected(p, method)
    assert (found >= np.array(p) * (1 - 1e-15)).all()
    assert (found <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    if method == "holm":
        assert (found >= corrected(p, "fdr")).all()


def test_one_test_needs_no_correction() -> None:
    assert corrected([0.03], "holm").tolist() == corrected([0.03], "fdr").tolist() == [0.03]


@pytest.mark.parametrize(
    ("p", "method", "words"),
    [([0.1], "bonferroni", r"no correction 'bonferroni'; there are holm, fdr"), ([1.2], "holm", r"between 0 and 1")],
)
def test_wrong_input_gets_words(p: list[float], method: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        corrected(p, method)


@pytest.mark.parametrize(("method", "name"), [("holm", "Holm"), ("fdr", "Benjamini-Hochberg")])
def test_study_tables_show_it_beside_the_raw_p(method: str, name: str) -> None:
    first, _ = study_tables(synthetic_cohort())
    plain, shown = study_cells(first), study_cells(first, method)
    after = corrected([row.after.p for row in first.rows], method)
    for before, cells, p in zip(plain, shown, after, strict=True):
        assert cells[7] == f"{before[7]} [{format_p(p)}]"
        assert (cells[1], cells[5]) == (before[1], before[5])
    text = format_tables(first, correction=method)
    assert f"corrected for the number of tests ({name}" in text
    assert "4 before and 4 after adjustment" in text
    assert "brackets" not in format_tables(first)


def test_the_constant_is_no_test_of_a_fit() -> None:
    ours = fit(synthetic_cohort(), "chi_ppb", ["age", "sex", "enhancing"])
    p = corrected([c.p for c in ours.coefficients[1:]], "holm")
    text = format_fit(ours, "holm")
    assert all(f"[{format_p(value)}]" in text for value in p)
    assert text.count("[") == 3
