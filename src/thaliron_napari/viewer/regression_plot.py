"""The plot beside the regression table: points, line and band, in the colours of the window."""

from textwrap import fill
from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from thaliron_napari.viewer.regression_rows import Line

_LETTERS = 36  # in a line of an axis' label
BEFORE, AFTER = "Before adjustment", "After adjustment"


class RegressionPlot(QWidget):
    """Scatter with fit and 95% band of one line of the results.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose theme is followed.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._line: Line | None = None
        self._synthetic = False
        self.figure: Any = None
        self.canvas: Any = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.which = QComboBox()
        self.which.addItems([BEFORE, AFTER])
        self.which.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.which.setToolTip("After adjustment, the outcome is shown less what the other columns explain of it.")
        self.which.currentIndexChanged.connect(lambda _place: self.draw())
        self.which.setVisible(False)
        self._column.addWidget(self.which)
        self._empty = QLabel("Fit a model: its plot comes here.")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column.addWidget(self._empty, 1)
        viewer.events.theme.connect(self._on_theme)

    def show_line(self, line: Line | None, *, after: bool, synthetic: bool) -> None:
        """Plot one line of the results, before or after adjustment; None empties the plot."""
        self._line, self._synthetic = line, synthetic
        both = line is not None and line.before is not None and line.after is not None
        self.which.blockSignals(True)
        self.which.setCurrentText(AFTER if after and line is not None and line.after is not None else BEFORE)
        self.which.blockSignals(False)
        self.which.setVisible(both)
        self.draw()

    def draw(self) -> None:
        """Draw what is chosen, in the colours of the theme."""
        fit = self._fit()
        self._empty.setVisible(fit is None)
        if fit is None:
            if self.canvas is not None:
                self.canvas.setVisible(False)
            return
        from matplotlib import rc_context

        from thaliron_napari.statistics.diagnostics import fit_line
        from thaliron_napari.statistics.plots import draw_line, palette
        from thaliron_napari.statistics.study import LABELS
        from thaliron_napari.statistics.text import format_p

        self._make_canvas()
        name = self._line.name
        coefficient = fit[name]
        p = format_p(coefficient.p)
        title = f"n = {fit.n_used}, P {p}" if p[0] in "<>" else f"n = {fit.n_used}, P = {p}"
        y_label = LABELS.get(fit.outcome, fit.outcome) + (", adjusted" if len(fit.coefficients) > 2 else "")
        with rc_context({"font.size": 9}):
            self.figure.clear()
            self.figure.set_facecolor(get_theme(self._viewer.theme).background.as_hex())
            axes = self.figure.add_subplot(facecolor="none")
            draw_line(axes, fit_line(fit, name), fill(LABELS.get(name, name), _LETTERS), fill(y_label, _LETTERS))
            axes.set_title(
                ("Synthetic data; " if self._synthetic else "") + title, fontsize="medium", color=palette(axes).ink
            )
        self.canvas.setVisible(True)
        self.canvas.draw_idle()

    def _fit(self) -> Any:
        if self._line is None:
            return None
        before, after = self._line.before, self._line.after
        return (after or before) if self.which.currentText() == AFTER else (before or after)

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
        self._column.addWidget(self.canvas, 1)

    def _on_theme(self, _event: Any = None) -> None:
        self.draw()
