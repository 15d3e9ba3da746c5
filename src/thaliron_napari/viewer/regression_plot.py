"""The plot beside the regression table: of one line, of its model, or of the outcome's distribution."""

from collections.abc import Callable
from textwrap import fill
from typing import Any

from napari.utils.theme import get_theme
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.regression_rows import Line, Results

_LETTERS = 36  # in a line of an axis' label
BEFORE, AFTER = "Before adjustment", "After adjustment"
FIT, FOREST = "Fit", "All coefficients"


class RegressionPlot(QWidget):
    """Plots of one line of the results, in the colours of the window.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose theme is followed.
    """

    case_picked = Signal(object)
    """A point was clicked: the label of its row in the cohort's table."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._line: Line | None = None
        self._results: Results | None = None
        self._table: Any = None
        self._synthetic = False
        self._rows: Any = None
        self.figure: Any = None
        self.canvas: Any = None
        self._kinds: dict[str, Callable[[Any, Any], None]] = {
            FIT: self._draw_fit,
            "Added variable": self._draw_added_variable,
            "Residuals": self._draw_residuals,
            "Normal quantiles": self._draw_quantiles,
            "Scale and location": self._draw_scale,
            "Leverage": self._draw_leverage,
            "Influence": self._draw_influence,
        }
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.kind, self.which = QComboBox(), QComboBox()
        self.kind.addItems([*self._kinds, FOREST])
        self.kind.setToolTip("What is plotted. A click on a point opens that case.")
        self.which.addItems([BEFORE, AFTER])
        self.which.setToolTip("After adjustment, the outcome is shown less what the other columns explain of it.")
        row = QHBoxLayout()
        for box in (self.kind, self.which):
            box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.currentIndexChanged.connect(lambda _place: self.draw())
            box.setVisible(False)
            row.addWidget(box, 1)
        self._column.addLayout(row)
        self._empty = QLabel("Fit a model: its plot comes here.")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._column.addWidget(self._empty, 1)
        viewer.events.theme.connect(self._on_theme)

    @property
    def theme(self) -> str:
        """Of the window."""
        return str(self._viewer.theme)

    def show_line(
        self, line: Line | None, results: Results | None, table: Any, *, after: bool, synthetic: bool
    ) -> None:
        """Plot one line of the results, before or after adjustment; None empties the plot.

        Parameters
        ----------
        line : Line, optional
        results : Results, optional
            Those that the line is of.
        table : DataFrame
            The cases analysed.
        after, synthetic : bool
        """
        self._line, self._results, self._table, self._synthetic = line, results, table, synthetic
        both = line is not None and line.before is not None and line.after is not None
        self.which.blockSignals(True)
        self.which.setCurrentText(AFTER if after and line is not None and line.after is not None else BEFORE)
        self.which.blockSignals(False)
        self.which.setVisible(both)
        self.kind.setVisible(line is not None and bool(line.fits))
        self.draw()

    def draw(self) -> None:
        """Draw what is chosen, in the colours of the theme."""
        fit = self._fit()
        if fit is None:
            self._say("Fit a model: its plot comes here.")
            return
        from matplotlib import rc_context

        self._make_canvas()
        kind = self.kind.currentText()
        self._rows = None
        with rc_context({"font.size": 9}):
            self.figure.clear()
            self.figure.set_facecolor(get_theme(self._viewer.theme).background.as_hex())
            try:
                if kind == FOREST or self._line.odds:  # the other plots are of a line through points
                    self._draw_forest(self.figure.add_subplot(facecolor="none"))
                else:
                    self._kinds[kind](self.figure.add_subplot(facecolor="none"), fit)
            except ThalIronError as error:
                self._say(str(error))
                return
        self._empty.setVisible(False)
        self.canvas.setVisible(True)
        self.canvas.draw_idle()

    def _draw_fit(self, axes: Any, fit: Any) -> None:
        from thaliron_napari.statistics.diagnostics import fit_line
        from thaliron_napari.statistics.plots import draw_line

        line = fit_line(fit, self._line.name)
        draw_line(
            axes, line, self._label(self._line.name), self._label(fit.outcome, adjusted=len(fit.coefficients) > 2)
        )
        self._rows = line.rows
        self._title(axes, fit)

    def _draw_added_variable(self, axes: Any, fit: Any) -> None:
        from thaliron_napari.statistics.influence import added_variable
        from thaliron_napari.statistics.plots import draw_added_variable

        line = added_variable(fit, self._line.name)
        draw_added_variable(axes, line, self._label(self._line.name), self._label(fit.outcome))
        self._rows = line.rows
        self._title(axes, fit)

    def _draw_residuals(self, axes: Any, fit: Any) -> None:
        from thaliron_napari.statistics.plots import draw_residuals

        self._draw_diagnostic(axes, fit, draw_residuals)

    def _draw_quantiles(self, axes: Any, fit: Any) -> None:
        from thaliron_napari.statistics.plots import draw_quantiles

        self._draw_diagnostic(axes, fit, draw_quantiles)

    def _draw_scale(self, axes: Any, fit: Any) -> None:
        from thaliron_napari.statistics.plots import draw_scale_location

        self._draw_diagnostic(axes, fit, draw_scale_location)

    def _draw_leverage(self, axes: Any, fit: Any) -> None:
        from thaliron_napari.statistics.plots import draw_leverage

        self._draw_diagnostic(axes, fit, draw_leverage)

    def _draw_diagnostic(self, axes: Any, fit: Any, draw: Callable[[Any, Any, Any], None]) -> None:
        from thaliron_napari.statistics.diagnostics import diagnose

        found = diagnose(fit)
        draw(axes, found, self._names(found.rows))
        self._rows = found.rows

    def _draw_influence(self, axes: Any, fit: Any) -> None:
        from thaliron_napari.statistics.influence import influence
        from thaliron_napari.statistics.plots import draw_influence

        found = influence(fit, self._line.name)
        draw_influence(axes, found, self._names(found.rows))
        self._rows = found.rows

    def _draw_forest(self, axes: Any) -> None:
        from thaliron_napari.statistics.forest import forest_rows
        from thaliron_napari.statistics.plots import draw_forest
        from thaliron_napari.statistics.study import LABELS

        after = self.which.currentText() == AFTER
        shown = [(line.after or line.before) if after else (line.before or line.after) for line in self._results.lines]
        chosen = list({id(fit): fit for fit in shown if fit is not None}.values())
        names = list(dict.fromkeys(line.name for line in self._results.lines))
        ratio = bool(self._line.odds)
        rows = forest_rows(chosen, predictors=names, standardize=not ratio, labels=LABELS)
        words = "Odds ratio, 95% CI" if ratio else "Standardized coefficient, 95% CI"
        draw_forest(axes, rows, words, ratio=ratio)

    def _title(self, axes: Any, fit: Any) -> None:
        from thaliron_napari.statistics.plots import palette
        from thaliron_napari.statistics.text import format_p

        p = format_p(fit[self._line.name].p)
        words = f"n = {fit.n_used}, P {p}" if p[0] in "<>" else f"n = {fit.n_used}, P = {p}"
        words = ("Synthetic data; " if self._synthetic else "") + words
        axes.set_title(words, fontsize="medium", color=palette(axes).ink)

    def _label(self, name: str, *, adjusted: bool = False) -> str:
        from thaliron_napari.statistics.study import LABELS

        return fill(LABELS.get(name, name) + (", adjusted" if adjusted else ""), _LETTERS)

    def _names(self, rows: Any) -> list[str]:
        """Names of the cases of some rows."""
        if "id" not in self._table.columns:
            return [str(row) for row in rows]
        return [str(name) for name in self._table.loc[rows, "id"]]

    def _fit(self) -> Any:
        if self._line is None:
            return None
        before, after = self._line.before, self._line.after
        return (after or before) if self.which.currentText() == AFTER else (before or after)

    def _say(self, words: str) -> None:
        self._empty.setText(words)
        self._empty.setVisible(True)
        if self.canvas is not None:
            self.canvas.setVisible(False)

    def _make_canvas(self) -> None:
        if self.canvas is not None:
            return
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        self.figure = Figure(layout="constrained")
        self.canvas = FigureCanvasQTAgg(self.figure)
        self.canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.canvas.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.canvas.setMinimumSize(200, 150)
        self.canvas.mpl_connect("pick_event", self._on_pick)
        self._column.addWidget(self.canvas, 1)

    def _on_pick(self, event: Any) -> None:
        from thaliron_napari.statistics.plots import row_at

        if self._rows is not None:
            row = row_at(event, self._rows)
            if row is not None:
                self.case_picked.emit(row)

    def _on_theme(self, _event: Any = None) -> None:
        self.draw()
