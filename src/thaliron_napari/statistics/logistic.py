"""Logistic regression of a yes-or-no outcome, with odds ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.covariance import check_errors
from thaliron_napari.statistics.design import CONSTANT, check_asked, complete_rows, level_name
from thaliron_napari.statistics.models import BeforeAndAfter, Coefficient, Model
from thaliron_napari.statistics.transforms import term

if TYPE_CHECKING:
    import pandas as pd

_MOST_STEPS = 100

# statsmodels would print, warn of what is said here in words, and look for separation after each step.
_QUIET: Mapping[str, Any] = {"disp": 0, "warn_convergence": False, "callback": lambda weights: None}


@dataclass(frozen=True, kw_only=True)
class LogisticFit(Model):
    """A fitted logistic model: `coefficients` are log odds of `event` against `other`, with z and its P.

    `pseudo_r2` is McFadden's; `chi2` is the likelihood ratio test of all columns against the constant alone, on
    `chi2_df` degrees of freedom.
    """

    event: str
    other: str
    n_events: int
    log_likelihood: float
    null_log_likelihood: float
    pseudo_r2: float
    chi2: float
    chi2_df: int
    chi2_p: float

    @property
    def odds_ratios(self) -> tuple[Coefficient, ...]:
        """Odds ratios with intervals, the constant's left out; the errors are by the delta method, as Stata's."""
        return tuple(
            Coefficient(
                c.name,
                estimate := _exp(c.estimate),
                estimate * c.standard_error,
                _exp(c.ci_low),
                _exp(c.ci_high),
                c.p,
                c.n,
            )
            for c in self.coefficients
            if c.name != CONSTANT
        )


def fit_logistic(
    table: pd.DataFrame,
    outcome: str,
    predictors: Sequence[str],
    covariates: Sequence[str] = (),
    *,
    event: str | None = None,
    references: Mapping[str, str] | None = None,
    errors: str = "ols",
    cluster: str | None = None,
) -> LogisticFit:
    """Maximum likelihood of a yes-or-no outcome on predictors and covariates, with a constant.

    Parameters
    ----------
    table, predictors, covariates, references
        As for `fit`.
    outcome : str
        A column of two values: 0 and 1, no and yes, or any other two.
    event : str, optional
        The value whose odds are modelled; the higher of two numbers or the second of two texts in order, if not given.
    errors : {"ols", "hc1", "cluster"}
        Standard errors: from the information ("ols", the model's own); robust, with the factor n / (n - 1), as
        Stata's ``vce(robust)``; or clustered, with G / (G - 1) for G clusters, as its ``vce(cluster column)``. P and
        intervals are by the normal distribution in each.
    cluster : str, optional
        The column of clusters for ``errors="cluster"``.

    Returns
    -------
    LogisticFit

    Raises
    ------
    ModelError
        As `fit`; and where the outcome has more or fewer than two values, or a column or several together separate
        its values, so that no finite coefficient is the most likely (perfect separation, also in part of the rows).

    Notes
    -----
    Newton's method by statsmodels on an orthonormal basis of the design. Separation is decided exactly, by a linear
    program (Konis 2007), where fitted probabilities come within 1e-8 of 0 or 1.
    """
    check_errors(errors, cluster)
    if errors == "hc3":
        raise ModelError("HC3 errors are for linear models; use 'hc1' for robust errors in logistic regression")
    names = check_asked(table, outcome, predictors, covariates)
    response, event, other = _two_values(table, outcome, event)
    rows = complete_rows(table, response, names, references, cluster)
    basis, back = _basis(rows.design.to_numpy())
    with np.errstate(over="ignore"):  # odds of a far case beyond float64 are a probability of 0 or 1
        results = _maximise(basis, rows.design, rows.response.to_numpy())
        in_basis = _covariance(results, errors, rows.clusters)
        log_likelihood = float(results.llf)
    n, n_events = len(basis), int(rows.response.sum())
    share = n_events / n
    # The model of the constant alone is known; statsmodels would look for it by steps.
    results.set_null_options(llnull=float(n * (share * np.log(share) + (1 - share) * np.log1p(-share))))
    return LogisticFit(
        outcome=outcome,
        predictors=tuple(predictors),
        covariates=tuple(covariates),
        coefficients=_coefficients(rows.design, results.t_test(back, cov_p=in_basis)),
        n_used=n,
        n_missing=rows.n_missing,
        formula=f"logit({outcome}) ~ {' + '.join(names)}",
        references=rows.references,
        errors=errors,
        cluster=cluster,
        n_clusters=None if rows.clusters is None else int(rows.clusters.max()) + 1,
        notes=rows.notes,
        event=event,
        other=other,
        n_events=n_events,
        log_likelihood=log_likelihood,
        null_log_likelihood=float(results.llnull),
        pseudo_r2=float(results.prsquared),
        chi2=float(results.llr),
        chi2_df=int(results.df_model),
        chi2_p=float(results.llr_pvalue),
        design=rows.design,
        response=rows.response,
        covariance=back @ in_basis @ back.T,
    )


def logistic_before_and_after(
    table: pd.DataFrame,
    outcome: str,
    predictors: Sequence[str],
    covariates: Sequence[str] = (),
    *,
    event: str | None = None,
    references: Mapping[str, str] | None = None,
    errors: str = "ols",
    cluster: str | None = None,
) -> BeforeAndAfter[LogisticFit]:
    """`before_and_after` by logistic regression; parameters and errors as for `fit_logistic`."""

    def one(names: Sequence[str], others: Sequence[str] = ()) -> LogisticFit:
        return fit_logistic(
            table, outcome, names, others, event=event, references=references, errors=errors, cluster=cluster
        )

    return BeforeAndAfter(tuple(one([predictor]) for predictor in predictors), one(predictors, covariates))


def _two_values(table: pd.DataFrame, outcome: str, event: str | None) -> tuple[pd.Series, str, str]:
    """Outcome as 1 for the event, 0 for the other value, NaN where missing; and what the two are called."""
    import pandas as pd

    column = term(table, outcome)
    known = column.dropna().unique()
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = [value for value in column.cat.categories if value in set(known)]
    else:
        values = sorted(known.tolist())
    names = [level_name(value) for value in values]
    if not names:
        raise ModelError(f"column {outcome!r} has no values: every row of it is missing")
    if len(names) == 1:
        raise ModelError(f"the outcome {outcome!r} is {names[0]!r} in every row; logistic regression needs two values")
    if len(names) > 2:
        raise ModelError(
            f"the outcome {outcome!r} has {len(names)} values ({', '.join(names[:4])}{', ...' * (len(names) > 4)}); "
            "logistic regression needs two, such as no and yes"
        )
    event = names[1] if event is None else level_name(event)
    if event not in names:
        raise ModelError(f"the outcome {outcome!r} has no value {event!r}; its values are {' and '.join(names)}")
    response = (column == values[names.index(event)]).astype("float64").mask(column.isna()).rename(outcome)
    return response, event, names[1 - names.index(event)]


def _basis(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal basis (n, k) of the design with columns of length root n, and what leads its weights back (k, k)."""
    q, r = np.linalg.qr(x)
    root = np.sqrt(len(x))
    return q * root, np.linalg.inv(r / root)


def _maximise(basis: np.ndarray, design: pd.DataFrame, y: np.ndarray) -> Any:
    """Results of the most likely weights of the basis."""
    from statsmodels.discrete.discrete_model import Logit

    # The basis begins with the constant, to rounding.
    model = Logit(y, basis, check_rank=False, hasconst=True)
    with np.errstate(all="ignore"):
        results = _newton(model)
        if results is None or np.minimum(p := results.predict(), 1 - p).min() < 1e-8:
            _check_separated(design, y)
        if results is None:  # full steps can overshoot where some cases lie far off
            nearer = model.fit(method="minimize", min_method="trust-exact", maxiter=1000, skip_hessian=True, **_QUIET)
            results = _newton(model, nearer.params)
    if results is None:
        raise ModelError("the likelihood has no maximum that can be found; leave out columns of extreme values")
    return results


def _newton(model: Any, start: np.ndarray | None = None) -> Any:
    """Results, or None where Newton's steps do not come to rest."""
    try:
        results = model.fit(start_params=start, maxiter=_MOST_STEPS, ridge_factor=0.0, **_QUIET)
    except np.linalg.LinAlgError:
        return None  # every probability is 0 or 1
    return results if results.mle_retvals["converged"] and np.isfinite(results.params).all() else None


def _covariance(results: Any, errors: str, clusters: np.ndarray | None) -> np.ndarray:
    """Covariance (k, k) of the weights of the basis by the kind of errors, with Stata's factors."""
    from statsmodels.stats.sandwich_covariance import cov_cluster, cov_white_simple

    if errors == "ols":
        return np.asarray(results.cov_params())
    if clusters is None:
        groups, robust = int(results.nobs), cov_white_simple(results, use_correction=False)
    else:
        groups, robust = int(clusters.max()) + 1, cov_cluster(results, clusters, use_correction=False)
    return np.asarray(robust * (groups / (groups - 1)))


def _check_separated(design: pd.DataFrame, y: np.ndarray) -> None:
    """Raise ModelError naming the columns where a line exists with all events on one side and all others on the other.

    Rows may lie on the line, as long as one does not.
    """
    from scipy.optimize import linprog

    x = design.to_numpy()[:, 1:]
    events, others = x[y > 0], x[y == 0]
    alone = (events.min(axis=0) >= others.max(axis=0)) | (events.max(axis=0) <= others.min(axis=0))
    columns = design.columns[1:]
    if alone.any():
        names = [str(columns[int(np.argmax(alone))])]
    else:
        scaled = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / x.std(axis=0)])
        signed = np.where(y > 0, 1.0, -1.0)[:, None] * scaled
        found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1))
        if not found.success or -found.fun < 1e-5:
            return
        names = [str(name) for name, w in zip(columns, found.x[1:], strict=True) if abs(w) > 1e-6]
    raise ModelError(
        f"{' and '.join(repr(name) for name in names)} separate{'s' * (len(names) == 1)} the two values of the outcome "
        "in all or some rows (perfect separation), so that no finite odds ratio fits; leave a column out or join levels"
    )


def _coefficients(design: pd.DataFrame, test: Any) -> tuple[Coefficient, ...]:
    """Coefficients with intervals and P of the normal distribution, from statsmodels' test of each."""
    n = len(design)
    found = np.column_stack([test.effect, test.sd.ravel(), test.conf_int(), test.pvalue])
    return tuple(
        Coefficient(str(name), estimate, error, low, high, p, n)
        for name, (estimate, error, low, high, p) in zip(design.columns, found.tolist(), strict=True)
    )


def _exp(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.exp(value))
