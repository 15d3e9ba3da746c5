"""The ladder of powers of one column: nine transforms, of which a click takes one."""

from typing import Any

from napari.utils.theme import get_theme
from psygnal import Signal
from qtpy.QtWidgets import QComboBox, QDialog, QVBoxLayout, QWidget

from thaliron_napari.viewer.steps.step import text

QUANTILES, HISTOGRAMS = "Quantiles against the normal", "Histograms"


class LadderDialog(QDialog):
    """Quantile-normal plots or histograms of the nine transforms, each with its chi squared and P.

    Parameters
    ----------
    parent : QWidget
    column : str
        What is transformed.
    values : array
        Of the column, without missing ones.
    theme : str
        Of the window.

    Raises
    ------
    ModelError
        When there are too few values, or all are alike.
    """

    picked = Signal(str)
    """A transform was clicked: the term that it is in a model."""

    def __init__(self, parent: QWidget, column: str, values: Any, theme: str) -> None:
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        from thaliron_napari.statistics.ladder import ladder
        from thaliron_napari.statistics.normality import shapiro_francia, shapiro_wilk

        super().__init__(parent)
        self._column, self._theme, self._rungs = column, theme, ladder(values)
        wilk, francia = shapiro_wilk(values), shapiro_francia(values)
        self.setWindowTitle(f"Ladder of powers: {column}")
        self.resize(900, 720)
        self.kind = QComboBox()
        self.kind.addItems([QUANTILES, HISTOGRAMS])
        self.kind.currentIndexChanged.connect(lambda _place: self._draw())
        self.figure = Figure(layout="constrained")
        self.canvas = FigureCanvasQTAgg(self.figure)
        self.canvas.mpl_connect("button_press_event", self._on_click)
        layout = QVBoxLayout(self)
        layout.addWidget(
            text(
                f"<b>{column}</b>, n = {wilk.n}: skewness and kurtosis test of each transform, as Stata's ladder. "
                f"As it is: Shapiro-Wilk W = {wilk.w:.4f}, P = {wilk.p:.3g}, Shapiro-Francia W' = {francia.w:.4f}, "
                f"P = {francia.p:.3g}. A click on a plot takes that transform as the outcome."
            )
        )
        layout.addWidget(self.kind)
        layout.addWidget(self.canvas, 1)
        self._draw()

    def _draw(self) -> None:
        from matplotlib import rc_context

        from thaliron_napari.statistics.ladder_plots import draw_gladder, draw_qladder

        with rc_context({"font.size": 9}):
            self.figure.clear()
            self.figure.set_facecolor(get_theme(self._theme).background.as_hex())
            (draw_qladder if self.kind.currentText() == QUANTILES else draw_gladder)(self.figure, self._rungs)
        self.canvas.draw_idle()

    def _on_click(self, event: Any) -> None:
        from thaliron_napari.statistics.ladder_plots import transform_of

        transform = transform_of(event.inaxes)
        if transform is not None:
            self.picked.emit(transform.term(self._column))
            self.close()
