"""A formula's words, and what it says of text that is no formula."""

import pytest

from thaliron_napari.cohort import synthetic_cohort
from thaliron_napari.errors import ModelError
from thaliron_napari.statistics import Formula, fit, fit_formula, parse_formula


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y ~ x", Formula("y", ("x",))),
        ("  y~x1+ ln( x2 ) ", Formula("y", ("x1", "ln(x2)"))),
        ("ln(lesion_ml) ~ chi_ppb + category(site)", Formula("ln(lesion_ml)", ("chi_ppb", "category(site)"))),
        (
            "y ~ category( site , reference = 2) + age",
            Formula("y", ("category(site)", "age"), {"category(site)": "2"}),
        ),
        ("y ~ category(site, reference='New York')", Formula("y", ("category(site)",), {"category(site)": "New York"})),
        ("`T2-lesions (ml)` ~ `a + b` + ln(`my column`)", Formula("T2-lesions (ml)", ("a + b", "ln(my column)"))),
        ("y ~ my column", Formula("y", ("my column",))),
        ("y ~ größe + x.1", Formula("y", ("größe", "x.1"))),
        ("y ~ sum(a, b) + x", Formula("y", ("sum(a, b)", "x"))),
    ],
)
def test_words_of_a_formula(text: str, expected: Formula) -> None:
    assert parse_formula(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"'' has no ~; write it as outcome ~ predictor"),
        ("y + x", r"has no ~"),
        ("y ~ x ~ z", r"more than one ~"),
        ("~ x", r"no outcome before its ~"),
        ("y ~ ", r"no predictor after its ~"),
        ("y ~ x +", r"no column beside it"),
        ("y ~ + + x", r"no column beside it"),
        ("y + z ~ x", r"2 outcomes before its ~"),
        ("y ~ a * b", r"'a \* b' is no term .* name holds \* stands between backticks"),
        ("y ~ a:b", r"'a:b' is no term"),
        ("y ~ x^2", r"'x\^2' is no term"),
        ("y ~ x - 1", r"'x - 1' is no term"),
        ("y ~ 1 + x", r"constant is always in the model"),
        ("y ~ 0 + x", r"without a constant is not offered"),
        ("y ~ ln(x", r"a \( that is not closed"),
        ("y ~ ln x)", r"a \) without its \( after 'y ~ ln x'"),
        ("y ~ `x", r"a ` without its partner"),
        ("y ~ log(x)", r"write ln\(x\) for the natural one"),
        ("y ~ ln()", r"names no column"),
        ("y ~ (a)(b)", r"is no term of a formula; join terms by \+"),
    ],
)
def test_what_is_no_formula_gets_words(text: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        parse_formula(text)


def test_nothing_of_a_formula_is_run() -> None:
    with pytest.raises(ModelError, match=r"no column '__import__\(os\)'"):
        fit_formula(synthetic_cohort(), "chi_ppb ~ __import__('os')")


def test_a_formula_fits_what_its_words_fit() -> None:
    table = synthetic_cohort().assign(site=[1, 2, 3, 4, 5] * 19)
    ours = fit_formula(table, "ln(lesion_ml) ~ chi_ppb + category(site, reference=3)", errors="cluster", cluster="id")
    assert ours == fit(
        table, "ln(lesion_ml)", ["chi_ppb", "category(site)"], references={"site": "3"}, errors="cluster", cluster="id"
    )
    assert parse_formula(ours.formula).predictors == ours.predictors
    with pytest.raises(ModelError, match=r"no level '9'; its levels are 1, 2, 3, 4, 5"):
        fit_formula(table, "chi_ppb ~ category(site, reference=9)")
