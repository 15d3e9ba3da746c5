"""The ladder of powers drawn: nine quantile-normal plots or nine histograms in one figure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from thaliron_napari.statistics.ladder import Rung
from thaliron_napari.statistics.plots import Palette, palette
from thaliron_napari.statistics.text import format_p
from thaliron_napari.statistics.transforms import LADDER, Transform

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

_MANY = 1000  # above so many points they are drawn as pixels, also in vector files
_GID = "ladder-"


def draw_qladder(figure: FigureBase, rungs: Sequence[Rung]) -> list[Axes]:
    """Quantiles of each transform against those of a normal of its mean and SD, as Stata's ``qladder``.

    Parameters
    ----------
    figure : Figure or SubFigure
        Best with a constrained layout; the nine axes are added to it.
    rungs : sequence of 9 Rung
        Of `thaliron_napari.statistics.ladder.ladder`.

    Returns
    -------
    list of 9 Axes
        In the order of the rungs; `transform_of` tells which transform one of them shows.

    Notes
    -----
    The i-th smallest of n values stands at the normal quantile of i / (n + 1), as in Stata's ``qnorm``; normal values
    lie on the line.
    """
    return _draw(figure, rungs, _quantiles)


def draw_gladder(figure: FigureBase, rungs: Sequence[Rung]) -> list[Axes]:
    """Histogram of each transform with the normal curve of its mean and SD, as Stata's ``gladder``.

    Parameters and result as of `draw_qladder`. The number of bars is Stata's: the whole part of the smaller of the
    square root of n and 10 log10(n).
    """
    return _draw(figure, rungs, _histogram)


def transform_of(ax: Axes | None) -> Transform | None:
    """The transform that axes drawn here show, such as those under a click; None for any other axes and for none."""
    gid = ax.get_gid() if ax is not None else None
    if gid is None or not gid.startswith(_GID):
        return None
    return LADDER[int(gid.removeprefix(_GID))]


def _draw(figure: FigureBase, rungs: Sequence[Rung], draw: Callable[[Axes, np.ndarray, Palette], None]) -> list[Axes]:
    axes: list[Axes] = list(figure.subplots(3, 3, subplot_kw={"facecolor": "none"}).flat)
    for ax, rung in zip(axes, rungs, strict=True):
        ax.set_gid(f"{_GID}{LADDER.index(rung.transform)}")
        colours = palette(ax)
        title = rung.name
        if rung.values is None or rung.chi2 is None or rung.p is None:
            _nothing(ax, rung.reason, colours)
        else:
            title += f"\nχ² {rung.chi2:.2f}, P {format_p(rung.p)}"
            _frame(ax, colours)
            draw(ax, rung.values, colours)
        ax.set_title(title, color=colours.ink, fontsize="small", loc="left")
    return axes


def _frame(ax: Axes, colours: Palette) -> None:
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    ax.tick_params(colors=colours.ink, which="both", labelsize="x-small")
    for side, spine in ax.spines.items():
        spine.set_color(colours.faint)
        spine.set_visible(side in ("left", "bottom"))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
        numbers = ScalarFormatter(useMathText=True)
        numbers.set_powerlimits((-3, 4))  # a cube or its inverse would fill the plot with zeros
        axis.set_major_formatter(numbers)
        axis.get_offset_text().set_fontsize("x-small")


def _nothing(ax: Axes, reason: str, colours: Palette) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color(colours.faint)
    ax.text(
        0.5,
        0.5,
        textwrap.fill(reason, 22),
        transform=ax.transAxes,
        ha="center",
        va="center",
        fontsize="x-small",
        color=colours.ink,
    )


def _quantiles(ax: Axes, values: np.ndarray, colours: Palette) -> None:
    from scipy.special import ndtri

    n = len(values)
    mean, sd = _mean_and_sd(values)
    normal = mean + sd * ndtri(np.arange(1, n + 1) / (n + 1))
    ends = [normal[0], normal[-1]]
    ax.plot(ends, ends, color=colours.line, linewidth=1.2)
    many = n > _MANY
    ax.scatter(
        normal,
        np.sort(values),
        s=4 if many else 9,
        color=colours.points,
        alpha=0.65,
        linewidths=0,
        rasterized=many,
        zorder=3,
    )


def _histogram(ax: Axes, values: np.ndarray, colours: Palette) -> None:
    n = len(values)
    mean, sd = _mean_and_sd(values)
    bars = int(min(np.sqrt(n), 10 * np.log10(n)))
    ax.hist(values, bins=bars, density=True, color=colours.points, alpha=0.65, linewidth=0)
    grid = np.linspace(min(values.min(), mean - 3 * sd), max(values.max(), mean + 3 * sd), 121)
    height = np.exp(-(((grid - mean) / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi))
    ax.plot(grid, height, color=colours.line, linewidth=1.2)
    ax.set_yticks([])  # a density has a unit of its own in each plot, which tells nothing here


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1))
