"""Power of a correlation, or of a coefficient given covariates: two of n, r and power give the third."""

from typing import Any

from napari.utils.theme import get_theme
from qtpy.QtWidgets import QComboBox, QDialog, QDoubleSpinBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.steps.step import text

UNKNOWNS = ("power", "r", "n")


class PowerDialog(QDialog):
    """Computes the one of n, r and power that is unknown.

    Parameters
    ----------
    parent : QWidget
    theme : str
        Of the window.
    n : int
        Cases to begin with.
    """

    def __init__(self, parent: QWidget, theme: str, n: int = 95) -> None:
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        super().__init__(parent)
        self._theme = theme
        self.setWindowTitle("Power")
        self.resize(640, 560)
        self.unknown = QComboBox()
        self.unknown.addItems([f"find {name}" for name in UNKNOWNS])
        self.n, self.covariates = QSpinBox(), QSpinBox()
        self.n.setRange(4, 1_000_000)
        self.covariates.setRange(0, 1000)
        self.r, self.power, self.alpha = QDoubleSpinBox(), QDoubleSpinBox(), QDoubleSpinBox()
        for box, least, most, step, decimals, value in (
            (self.r, 0.001, 0.999, 0.01, 3, 0.28),
            (self.power, 0.01, 0.999, 0.05, 3, 0.8),
            (self.alpha, 0.0001, 0.5, 0.01, 4, 0.05),
        ):
            box.setDecimals(decimals)
            box.setRange(least, most)
            box.setSingleStep(step)
            box.setValue(value)
        self.n.setValue(max(n, 4))
        design, test = QHBoxLayout(), QHBoxLayout()
        design.addWidget(self.unknown)
        for row, name, field in (
            (design, "n", self.n),
            (design, "r", self.r),
            (design, "power", self.power),
            (test, "covariates", self.covariates),
            (test, "two-sided alpha", self.alpha),
        ):
            row.addWidget(text(name, wraps=False))
            row.addWidget(field)
            field.setStyleSheet("min-width: 100px")  # napari's own leaves no room for four digits
            field.valueChanged.connect(self.compute)
        test.addStretch(1)
        self.unknown.currentIndexChanged.connect(self.compute)
        self.answer = text()
        self.figure = Figure(layout="constrained")
        self.canvas = FigureCanvasQTAgg(self.figure)
        column = QVBoxLayout(self)
        column.addLayout(design)
        column.addLayout(test)
        column.addWidget(self.answer)
        column.addWidget(self.canvas, 1)
        self.compute()

    def compute(self, _value: Any = None) -> None:
        """Find what is unknown, say it and draw its curve."""
        from thaliron_napari.statistics.power import achieved_power, required_n, required_r

        unknown = UNKNOWNS[self.unknown.currentIndex()]
        for name, field in (("n", self.n), ("r", self.r), ("power", self.power)):
            field.setEnabled(name != unknown)
        n, r, power = self.n.value(), self.r.value(), self.power.value()
        alpha, covariates = self.alpha.value(), self.covariates.value()
        try:
            if unknown == "power":
                power = achieved_power(n, r, alpha, covariates)
            elif unknown == "r":
                r = required_r(n, power, alpha, covariates)
            else:
                n = required_n(r, power, alpha, covariates)
            self._draw(n, r, power, alpha, covariates)
        except ThalIronError as error:
            self.answer.setText(str(error))
            self.canvas.setVisible(False)
            return
        what = "partial correlation" if covariates else "correlation"
        self.answer.setText(
            f"<b>n = {n}, r = {r:.4f}, power {power:.3f}</b>: {what}, two-sided alpha {alpha:g}, by Fisher's z"
        )
        self.canvas.setVisible(True)

    def _draw(self, n: int, r: float, power: float, alpha: float, covariates: int) -> None:
        import numpy as np

        from thaliron_napari.statistics.power_plots import draw_power

        self.figure.clear()
        self.figure.set_facecolor(get_theme(self._theme).background.as_hex())
        cases = np.unique(np.linspace(4 + covariates, max(3 * n, 50 + covariates), 120).astype(int)).tolist()
        axes = self.figure.add_subplot(facecolor="none")
        line = power if self.unknown.currentIndex() else self.power.value()
        draw_power(axes, cases, [0.1, 0.2, 0.3, 0.5], alpha=alpha, covariates=covariates, power=line, at=(n, r))
        self.canvas.draw_idle()
