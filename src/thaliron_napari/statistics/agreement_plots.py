"""Plots of two readings on given matplotlib axes, readable on a light and on a dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from thaliron_napari.statistics.power_plots import bare_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from thaliron_napari.statistics.agreement import BlandAltman, Estimate


def draw_bland_altman(
    ax: Axes,
    agreement: BlandAltman,
    label: str,
    *,
    readers: tuple[str, str] = ("A", "B"),
    names: Sequence[str] | None = None,
    show_slope: bool = False,
) -> None:
    """Differences against means, with bias and limits of agreement and the 95% confidence interval of each as a band.

    Parameters
    ----------
    ax : Axes
    agreement : BlandAltman
    label : str
        What was measured, with its unit.
    readers : tuple of str
        First and second; their difference is first minus second.
    names : sequence of str, optional
        Of all cases given to `bland_altman`; those outside the limits are named.
    show_slope : bool
        Whether the regression of difference on mean is drawn.
    """
    first, second = readers
    colours = bare_axes(ax, f"Mean of {first} and {second}, {label}", f"{first} − {second}, {label}")
    ax.axhline(0, color=colours.faint, linewidth=1)
    lines: list[tuple[Estimate, str]] = [
        (agreement.high, "+1.96 SD"),
        (agreement.bias, "bias"),
        (agreement.low, "−1.96 SD"),
    ]
    for estimate, words in lines:
        ax.axhspan(estimate.low, estimate.high, color=colours.line, alpha=0.14, linewidth=0)
        dashes = "-" if estimate is agreement.bias else (0, (5, 3))
        ax.axhline(estimate.value, color=colours.line, linewidth=1.5, linestyle=dashes)
        ax.annotate(
            f"{words} {estimate.value:.3g}",
            (1, estimate.value),
            (-2, 2),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize="x-small",
            color=colours.ink,
            zorder=4,
        )
    ax.scatter(agreement.mean, agreement.difference, s=18, color=colours.points, alpha=0.65, linewidths=0, zorder=3)
    if show_slope and np.isfinite(agreement.slope.value):
        ends = np.array([agreement.mean.min(), agreement.mean.max()])
        ax.plot(ends, agreement.intercept.value + agreement.slope.value * ends, color=colours.ink, linewidth=1)
    if names is not None:
        outside = (agreement.difference < agreement.low.value) | (agreement.difference > agreement.high.value)
        for i in np.flatnonzero(outside).tolist():
            ax.annotate(
                names[int(agreement.rows[i])],
                (agreement.mean[i], agreement.difference[i]),
                (0, 4),
                textcoords="offset points",
                ha="center",
                fontsize="x-small",
                color=colours.ink,
                zorder=4,
            )


def draw_identity(
    ax: Axes, first: ArrayLike, second: ArrayLike, label: str, *, readers: tuple[str, str] = ("A", "B")
) -> None:
    """Second reading against first with the line on which they are equal, both axes of one scale.

    Parameters
    ----------
    ax : Axes
    first, second : array (n,)
        NaN where missing.
    label : str
        What was measured, with its unit.
    readers : tuple of str
    """
    colours = bare_axes(ax, f"{readers[0]}, {label}", f"{readers[1]}, {label}")
    pairs = np.column_stack([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    ax.set_aspect("equal", adjustable="box")
    if not len(pairs):
        return
    low, high = float(pairs.min()), float(pairs.max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    ax.plot([low - margin, high + margin], [low - margin, high + margin], color=colours.line, linewidth=1.5)
    ax.scatter(pairs[:, 0], pairs[:, 1], s=18, color=colours.points, alpha=0.65, linewidths=0, zorder=3)
    ax.set_xlim(low - margin, high + margin)
    ax.set_ylim(low - margin, high + margin)
