"""Plots of a fit on given matplotlib axes, readable on a light and on a dark ground.

The points of a plot can be picked: connect a function to the figure's ``pick_event`` and ask `row_at` which row of the
table the point is.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thaliron_napari.statistics.diagnostics import Diagnostics, Line
from thaliron_napari.statistics.forest import ForestRow
from thaliron_napari.statistics.influence import Influence

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Palette:
    """Colours for one ground; points and line are told apart also by readers who are colour-blind."""

    ink: str
    faint: str
    points: str
    line: str


LIGHT = Palette(ink="#222222", faint="#9a9a9a", points="#0072B2", line="#D55E00")
DARK = Palette(ink="#e8e8e8", faint="#7d7d7d", points="#56B4E9", line="#E69F00")

_PICK_POINTS = 6.0  # how near to a point a click must be, in typographic points
_MANY = 1000  # above so many points they are drawn as pixels, also in vector files


def palette(ax: Axes) -> Palette:
    """Colours that can be read on these axes, from the brightness of their ground."""
    from matplotlib.colors import to_rgba

    colour = to_rgba(ax.get_facecolor())
    if colour[3] == 0 and (figure := ax.get_figure(root=True)) is not None:
        colour = to_rgba(figure.get_facecolor())
    brightness = float(np.dot(colour[:3], (0.2126, 0.7152, 0.0722)))
    return LIGHT if brightness * colour[3] + (1 - colour[3]) > 0.5 else DARK


def draw_line(ax: Axes, line: Line, x_label: str, y_label: str) -> None:
    """Points with the fitted line and its 95% band; a predictor of two values is spread sideways a little."""
    colours = _prepare(ax, x_label, y_label)
    x = line.x
    values = np.unique(x)
    if len(values) == 2:
        step = np.ptp(values)
        x = x + 0.06 * step * (np.arange(len(x)) % 7 - 3) / 3
        ax.set_xticks(values)
    ax.fill_between(line.grid, line.low, line.high, color=colours.line, alpha=0.18, linewidth=0)
    ax.plot(line.grid, line.mean, color=colours.line, linewidth=1.8)
    _points(ax, x, line.y, colours)


def draw_residuals(ax: Axes, d: Diagnostics, names: Sequence[str] | None = None) -> None:
    """Residuals against fitted values."""
    colours = _prepare(ax, "Fitted value", "Residual", "Residuals against fitted")
    ax.axhline(0, color=colours.faint, linewidth=1)
    _points(ax, d.fitted, d.residuals, colours)
    _name_extremes(ax, d.fitted, d.residuals, np.abs(d.residuals), names, colours)


def draw_quantiles(ax: Axes, d: Diagnostics, names: Sequence[str] | None = None) -> None:
    """Standardized residuals against normal quantiles."""
    colours = _prepare(ax, "Normal quantile", "Standardized residual", "Normal quantiles")
    low, high = float(d.normal_quantiles.min()), float(d.normal_quantiles.max())
    ax.plot([low, high], [low, high], color=colours.faint, linewidth=1)
    _points(ax, d.normal_quantiles, d.standardized, colours)
    _name_extremes(ax, d.normal_quantiles, d.standardized, np.abs(d.standardized), names, colours)


def draw_scale_location(ax: Axes, d: Diagnostics, names: Sequence[str] | None = None) -> None:
    """Square root of the size of the standardized residuals against fitted values."""
    colours = _prepare(ax, "Fitted value", "√|standardized residual|", "Scale and location")
    size = np.sqrt(np.abs(d.standardized))
    _points(ax, d.fitted, size, colours)
    _name_extremes(ax, d.fitted, size, size, names, colours)
    ax.set_ylim(bottom=0)


def draw_leverage(ax: Axes, d: Diagnostics, names: Sequence[str] | None = None) -> None:
    """Standardized residuals against leverage, with the contours of Cook's distance of 0.5 and 1 where they reach."""
    colours = _prepare(ax, "Leverage", "Standardized residual", "Leverage and Cook's distance")
    ax.axhline(0, color=colours.faint, linewidth=1)
    _points(ax, d.leverage, d.standardized, colours)
    low, high = ax.get_ylim()
    right = ax.get_xlim()[1]
    h = np.linspace(1e-3, min(0.999, right), 200)
    k = len(d.vif) + 1
    for distance in (0.5, 1.0):
        r = np.sqrt(distance * k * (1 - h) / h)
        for sign in (1, -1):
            ax.plot(h, sign * r, color=colours.line, linewidth=1, linestyle=(0, (4, 3)))
        for sign, edge in ((1, high), (-1, low)):
            if abs(r[-1]) < abs(edge):
                outward = "bottom" if (sign > 0) == (distance == 1) else "top"
                at = (h[-1], sign * r[-1])
                ax.annotate(f"{distance:g}", at, color=colours.line, fontsize="x-small", va=outward, ha="right")
    ax.set_ylim(low, high)
    ax.set_xlim(0, right)
    _name_extremes(ax, d.leverage, d.standardized, d.cooks_distance, names, colours)


def draw_diagnostics(axes: Sequence[Axes], d: Diagnostics, names: Sequence[str] | None = None) -> None:
    """The four diagnostic plots on four axes; `names` (n,) label the three most extreme points of each."""
    for ax, draw in zip(axes, (draw_residuals, draw_quantiles, draw_scale_location, draw_leverage), strict=True):
        draw(ax, d, names)


def draw_added_variable(ax: Axes, line: Line, predictor: str, outcome: str) -> None:
    """`added_variable` of a fit: both axes less what the other columns explain."""
    draw_line(ax, line, f"{predictor} | others", f"{outcome} | others")
    colours = palette(ax)
    ax.axhline(0, color=colours.faint, linewidth=0.8, zorder=0)
    ax.axvline(0, color=colours.faint, linewidth=0.8, zorder=0)


def draw_influence(ax: Axes, influence: Influence, names: Sequence[str] | None = None) -> None:
    """DFBETA of every case in the order of the table, with the lines of 2 / root n."""
    colours = _prepare(ax, "Row", "DFBETA", f"Influence on {influence.name}")
    place = np.arange(1, len(influence.dfbeta) + 1, dtype=np.float64)
    ax.axhline(0, color=colours.faint, linewidth=1)
    for limit in (-influence.limit, influence.limit):
        ax.axhline(limit, color=colours.line, linewidth=1, linestyle=(0, (4, 3)))
    if len(place) <= _MANY:
        ax.vlines(place, 0, influence.dfbeta, color=colours.points, linewidth=1, alpha=0.65)
    _points(ax, place, influence.dfbeta, colours)
    _name_extremes(ax, place, influence.dfbeta, np.abs(influence.dfbeta), names, colours)


def draw_forest(ax: Axes, rows: Sequence[ForestRow], x_label: str, *, ratio: bool = False) -> None:
    """Estimates with their 95% intervals, one line each from the top; those that leave no effect out are filled.

    Parameters
    ----------
    ax : Axes
    rows : sequence of ForestRow
        From one or several models; see `forest_rows`.
    x_label : str
        What the coefficients are, with their unit.
    ratio : bool
        For odds ratios: a logarithmic axis, with no effect at 1.
    """
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    colours = _prepare(ax, x_label, "")
    none = 1.0 if ratio else 0.0
    if ratio:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    at = np.arange(len(rows), dtype=np.float64)
    estimates, low, high = (np.array([getattr(row, name) for row in rows]) for name in ("estimate", "low", "high"))
    ax.axvline(none, color=colours.faint, linewidth=1)
    ax.hlines(at, low, high, color=colours.points, linewidth=1.6)
    sure = (low > none) | (high < none)
    inside = [colours.points if s else "none" for s in sure]
    ax.scatter(estimates, at, s=28, color=inside, edgecolors=colours.points, zorder=3, picker=_PICK_POINTS)
    ax.set_yticks(at, [row.label for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)


def row_at(event: Any, rows: Sequence[Hashable] | pd.Index) -> Hashable | None:
    """Label of the row of the table that a picked point is.

    Parameters
    ----------
    event : matplotlib PickEvent
        Of a scatter of these plots.
    rows : sequence of hashable
        Labels in the order drawn: `Diagnostics.rows`, `Line.rows`, `Influence.rows`, or the rows of a forest.

    Returns
    -------
    hashable or None
        The nearest of the points hit; None where the event is not of such a scatter.
    """
    from matplotlib.collections import PathCollection

    points = event.artist
    if not isinstance(points, PathCollection) or len(event.ind) == 0:
        return None
    hit, offsets = np.asarray(event.ind), np.ma.getdata(points.get_offsets())
    if len(offsets) != len(rows):
        return None
    shown = points.get_offset_transform().transform(offsets[hit])
    away = np.hypot(shown[:, 0] - event.mouseevent.x, shown[:, 1] - event.mouseevent.y)
    found: Hashable = rows[int(hit[np.argmin(away)])]
    return found


def _prepare(ax: Axes, x_label: str, y_label: str, title: str | None = None) -> Palette:
    from matplotlib.ticker import MaxNLocator

    colours = palette(ax)
    ax.tick_params(colors=colours.ink, which="both", labelsize="small")
    for side, spine in ax.spines.items():
        spine.set_color(colours.faint)
        spine.set_visible(side in ("left", "bottom"))
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))  # few enough for the six digits of a volume in mm³
    ax.margins(*((0.12, 0.08) if title else (0.05, 0.05)))  # room for the names of cases
    ax.set_xlabel(x_label, color=colours.ink)
    ax.set_ylabel(y_label, color=colours.ink)
    if title:
        ax.set_title(title, color=colours.ink, fontsize="medium", loc="left")
    return colours


def _points(ax: Axes, x: np.ndarray, y: np.ndarray, colours: Palette) -> None:
    many = len(x) > _MANY
    ax.scatter(
        x,
        y,
        s=6 if many else 18,
        color=colours.points,
        alpha=0.65,
        linewidths=0,
        rasterized=many,
        zorder=3,
        picker=_PICK_POINTS,
    )


def _name_extremes(
    ax: Axes,
    x: np.ndarray,
    y: np.ndarray,
    size: np.ndarray,
    names: Sequence[str] | None,
    colours: Palette,
    most: int = 3,
) -> None:
    if names is None:
        return
    extremes = [i for i in np.argsort(-np.nan_to_num(size), kind="stable")[:most] if np.isfinite(y[i])]
    # The leftmost is named on its left, the rightmost on its right, others above: so names do not meet.
    for place, i in enumerate(sorted(extremes, key=lambda i: x[i])):
        side = -1 if place == 0 else 1 if place == len(extremes) - 1 else 0
        ax.annotate(
            names[i],
            (x[i], y[i]),
            (5 * side, 0 if side else 4),
            textcoords="offset points",
            ha={-1: "right", 0: "center", 1: "left"}[side],
            va="center" if side else "bottom",
            fontsize="x-small",
            color=colours.ink,
            zorder=4,
        )
