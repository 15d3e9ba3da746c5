"""Coefficients of several models as the lines of one forest plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from thaliron_napari.errors import ModelError
from thaliron_napari.statistics.design import CONSTANT
from thaliron_napari.statistics.logistic import LogisticFit
from thaliron_napari.statistics.models import Fit, Model, standardized


@dataclass(frozen=True)
class ForestRow:
    """One line: an estimate with its 95% interval, P and n; `model` is its place among the models given."""

    label: str
    estimate: float
    low: float
    high: float
    p: float
    n: int
    model: int


def forest_rows(
    models: Sequence[Model],
    *,
    predictors: Sequence[str] | None = None,
    standardize: bool = False,
    labels: Mapping[str, str] | None = None,
    model_names: Sequence[str] | None = None,
) -> tuple[ForestRow, ...]:
    """Lines of a forest plot: each coefficient of each model but its constant.

    Parameters
    ----------
    models : sequence of Fit or of LogisticFit
        Of logistic fits the odds ratios are taken.
    predictors : sequence of str, optional
        Only the coefficients of these.
    standardize : bool
        Coefficients and intervals in standard deviations of the outcome for one of the column, so that models of
        outcomes in different units can stand on one axis; the standard deviations are taken as known.
    labels : mapping of str to str, optional
        What columns are called. Lines of several outcomes are named by them too, or by them alone where all are
        of one column.
    model_names : sequence of str, optional
        What sets the models apart, such as unadjusted and adjusted; put behind the label.

    Raises
    ------
    ModelError
        Where linear and logistic models are mixed, logistic ones are to be standardized, or nothing is left to draw.
    """
    ratios = [isinstance(model, LogisticFit) for model in models]
    if any(ratios) and not all(ratios):
        raise ModelError("odds ratios and linear coefficients cannot stand on one axis; draw them apart")
    if any(ratios) and standardize:
        raise ModelError("odds ratios have no standardized form here; draw them as they are")
    several_outcomes = len({model.outcome for model in models}) > 1
    rows, parts = [], []
    for place, model in enumerate(models):
        betas = standardized(model) if standardize and isinstance(model, Fit) else {}
        wanted = {c.name for p in predictors for c in model.of(p)} if predictors is not None else None
        for c in model.odds_ratios if isinstance(model, LogisticFit) else model.coefficients:
            if c.name == CONSTANT or (wanted is not None and c.name not in wanted):
                continue
            factor = betas[c.name] / c.estimate if betas and c.estimate else 1.0
            parts.append((model.outcome, c.name, model_names[place] if model_names else ""))
            rows.append(ForestRow("", c.estimate * factor, c.ci_low * factor, c.ci_high * factor, c.p, c.n, place))
    if not rows:
        raise ModelError("there is no coefficient to draw in a forest plot; choose a predictor of these models")
    one_column = len({column for _, column, _ in parts}) == 1
    return tuple(
        replace(row, label=_label(part, labels or {}, several_outcomes, one_column))
        for row, part in zip(rows, parts, strict=True)
    )


def _label(part: tuple[str, str, str], labels: Mapping[str, str], several_outcomes: bool, one_column: bool) -> str:
    outcome, name, model = part
    column, _, level = name.partition("[")
    words = [labels.get(outcome, outcome)] if several_outcomes else []
    if not (several_outcomes and one_column):
        words.append(labels.get(column, column) + (f": {level.rstrip(']')}" if level else ""))
    return ": ".join(words) + (f", {model}" if model else "")
