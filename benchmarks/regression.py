"""Processor time of fits, diagnostics and plots beside numpy's least squares, which gives coefficients and no more.

    python benchmarks/regression.py [--rows 10000] [--columns 50] [--repeats 7]

A table of normal columns, an outcome of all of them and noise, a yes-or-no outcome, 500 clusters. Milliseconds are the
median of the repeats, "times" is their ratio to `numpy.linalg.lstsq`. "refit and redraw" is what a changed choice
costs: the fit, its diagnostics, and one scatter with line and band, or their four plots, drawn to pixels; "four empty
axes" is what matplotlib takes for as many axes with nothing in them.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from thaliron_napari.statistics import fit, fit_logistic
from thaliron_napari.statistics.diagnostics import Diagnostics, diagnose, fit_line
from thaliron_napari.statistics.influence import added_variable, influence
from thaliron_napari.statistics.plots import draw_diagnostics, draw_line


def table_of(rows: int, columns: int) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(rows, columns))
    table = pd.DataFrame(x, columns=[f"x{i}" for i in range(columns)])
    table["y"] = x @ rng.normal(size=columns) + rng.normal(size=rows)
    table["yes"] = rng.random(rows) < 1 / (1 + np.exp(-x[:, 0]))
    table["cluster"] = np.arange(rows) // max(rows // 500, 1)
    table["id"] = [f"sub-{i:05d}" for i in range(rows)]
    return table


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    work()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return 1000 * median(taken)


def four_plots(d: Diagnostics) -> None:
    figure = Figure(figsize=(8, 6))
    canvas = FigureCanvasAgg(figure)
    draw_diagnostics(list(figure.subplots(2, 2).flat), d)
    canvas.draw()


def empty_plots() -> None:
    figure = Figure(figsize=(8, 6))
    canvas = FigureCanvasAgg(figure)
    figure.subplots(2, 2)
    canvas.draw()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    table = table_of(asked.rows, asked.columns)
    names = [f"x{i}" for i in range(asked.columns)]
    x, y = np.column_stack([np.ones(len(table)), table[names]]), table["y"].to_numpy()
    fitted = fit(table, "y", names)
    reference = milliseconds(lambda: np.linalg.lstsq(x, y, rcond=None), asked.repeats)

    def line_plot() -> None:
        figure = Figure(figsize=(5, 4))
        canvas = FigureCanvasAgg(figure)
        refitted = fit(table, "y", names)
        diagnose(refitted)
        draw_line(figure.add_subplot(), fit_line(refitted, "x0"), "x0", "y")
        canvas.draw()

    works: dict[str, Callable[[], object]] = {
        "fit": lambda: fit(table, "y", names),
        "fit, HC1": lambda: fit(table, "y", names, errors="hc1"),
        "fit, HC3": lambda: fit(table, "y", names, errors="hc3"),
        "fit, clustered": lambda: fit(table, "y", names, errors="cluster", cluster="cluster"),
        "fit, logistic": lambda: fit_logistic(table, "yes", names),
        "diagnostics": lambda: diagnose(fitted),
        "influence": lambda: influence(fitted, "x0"),
        "added variable": lambda: added_variable(fitted, "x0"),
        "refit and redraw, line": line_plot,
        "four empty axes": empty_plots,
        "refit and redraw, four plots": lambda: four_plots(diagnose(fit(table, "y", names))),
    }
    print(f"{asked.rows} rows, {asked.columns} columns{'ms':>16}{'times':>8}")
    print(f"{'numpy.linalg.lstsq':<32}{reference:8.1f}{1:8.1f}")
    for name, work in works.items():
        taken = milliseconds(work, asked.repeats)
        print(f"{name:<32}{taken:8.1f}{taken / reference:8.1f}")


if __name__ == "__main__":
    main()
