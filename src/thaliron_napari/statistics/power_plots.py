"""Curves of power on given matplotlib axes, readable on a light and on a dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thaliron_napari.statistics.plots import palette
from thaliron_napari.statistics.power import achieved_power, power_curve, r_curve, required_r

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from thaliron_napari.statistics.plots import Palette

_DASHES = ((), (6, 2), (2, 2), (6, 2, 2, 2))


def draw_power(
    ax: Axes,
    n: Sequence[int],
    r: Sequence[float],
    *,
    alpha: float = 0.05,
    covariates: int = 0,
    power: float = 0.8,
    at: tuple[int, float] | None = None,
) -> None:
    """Power against the number of cases, one curve for each correlation, named in the legend.

    Parameters
    ----------
    ax : Axes
    n : sequence of int
        Numbers of cases, rising.
    r : sequence of float
        Correlations.
    alpha, covariates
        As in `achieved_power`.
    power : float
        Where a line is drawn across.
    at : (n, r), optional
        A design to be marked, with its curve.

    Raises
    ------
    ModelError
        As `achieved_power`.
    """
    colours = bare_axes(ax, "Number of cases", "Power")
    ax.axhline(power, color=colours.faint, linewidth=1)
    names = [f"r = {one:g}" for one in r]
    _curves(ax, n, power_curve(n, r, alpha, covariates), names, colours)
    if at is not None:
        ax.plot(n, power_curve(n, [at[1]], alpha, covariates)[0], color=colours.line, linewidth=1.8, zorder=3)
        chance = achieved_power(*at, alpha, covariates)
        _mark(ax, at[0], chance, f"n = {at[0]}, r = {at[1]:.3g}: power {chance:.3f}", colours)
    ax.set_ylim(0, 1.02)


def draw_detectable_r(
    ax: Axes,
    n: Sequence[int],
    power: Sequence[float] = (0.8, 0.9),
    *,
    alpha: float = 0.05,
    covariates: int = 0,
    at: tuple[int, float] | None = None,
) -> None:
    """Smallest correlation detected against the number of cases, one curve for each power, named in the legend.

    Parameters
    ----------
    ax : Axes
    n : sequence of int
        Numbers of cases, rising.
    power : sequence of float
    alpha, covariates
        As in `achieved_power`.
    at : (n, power), optional
        A design to be marked, with its curve.

    Raises
    ------
    ModelError
        As `required_r`.
    """
    colours = bare_axes(ax, "Number of cases", "Smallest |r| detected")
    names = [f"power {one:g}" for one in power]
    _curves(ax, n, r_curve(n, power, alpha, covariates), names, colours)
    if at is not None:
        r = required_r(*at, alpha, covariates)
        ax.plot(n, r_curve(n, [at[1]], alpha, covariates)[0], color=colours.line, linewidth=1.8, zorder=3)
        _mark(ax, at[0], r, f"n = {at[0]}, power {at[1]:.3g}: r = {r:.4f}", colours)
    ax.set_ylim(0, min(1, ax.get_ylim()[1]))


def _curves(ax: Axes, n: Sequence[int], curves: NDArray[np.float64], names: Sequence[str], colours: Palette) -> None:
    for i, (curve, name) in enumerate(zip(curves, names, strict=True)):
        (line,) = ax.plot(n, curve, color=colours.points, linewidth=1.4, label=name)
        if dashes := _DASHES[i % len(_DASHES)]:
            line.set_dashes(dashes)
    legend = ax.legend(frameon=False, fontsize="small", labelcolor=colours.ink, loc="best")
    legend.set_zorder(4)
    ax.set_xlim(n[0], n[-1])


def _mark(ax: Axes, x: float, y: float, words: str, colours: Palette) -> None:
    ax.plot([x], [y], "o", color=colours.line, markersize=6, zorder=5)
    ax.set_title(words, color=colours.line, fontsize="medium", loc="left")  # above the curves, so over none of them


def bare_axes(ax: Axes, x_label: str, y_label: str) -> Palette:
    """Label axes and leave only the left and the lower line of them; the colours for their ground are returned."""
    colours = palette(ax)
    ax.tick_params(colors=colours.ink, labelsize="small")
    for side, spine in ax.spines.items():
        spine.set_color(colours.faint)
        spine.set_visible(side in ("left", "bottom"))
    ax.set_xlabel(x_label, color=colours.ink)
    ax.set_ylabel(y_label, color=colours.ink)
    return colours
