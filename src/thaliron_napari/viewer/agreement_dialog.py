"""Two readings of a cohort against each other: bias and limits, ICC, Dice, lesions; and the plot of a number."""

from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QSplitter, QTableWidget, QVBoxLayout, QWidget

from thaliron_napari.errors import ThalIronError
from thaliron_napari.viewer.steps.step import button, fill_table, table, text
from thaliron_napari.viewer.structures_dialog import TABLES


class AgreementDialog(QDialog):
    """How two readers agree.

    Parameters
    ----------
    parent : QWidget
    theme : str
        Of the window.
    readers : tuple of str
        Names of the folders of the two.
    found : Agreement
        Of `thaliron_napari.cohort.agreement.compare_readings`.
    """

    def __init__(self, parent: QWidget, theme: str, readers: tuple[str, str], found: Any) -> None:
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        super().__init__(parent)
        self._theme, self._readers, self.found = theme, readers, found
        self.setWindowTitle(f"Agreement: {readers[0]} and {readers[1]}")
        self.resize(1100, 700)
        self.numbers, self.cases = _shown(found.numbers), _shown(found.cases)
        self.numbers.currentCellChanged.connect(lambda row, *_others: self.draw(row))
        self.figure = Figure(layout="constrained")
        self.canvas = FigureCanvasQTAgg(self.figure)
        self.notes = text("<br>".join(found.notes))
        below = QSplitter(Qt.Orientation.Horizontal)
        below.addWidget(self.cases)
        below.addWidget(self.canvas)
        column = QVBoxLayout(self)
        column.addWidget(
            text(f"{len(found.cases)} cases in both; A is {readers[0]}, B {readers[1]}, bias A minus B. Click a line.")
        )
        column.addWidget(self.numbers, 1)
        column.addWidget(below, 1)
        column.addWidget(self.notes)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button("Export…", "Write both tables as CSV, TSV, Excel, Stata or JSON.", self.ask_export))
        row.addWidget(button("Close", "Close this window.", self.close))
        column.addLayout(row)
        self.draw(0)

    def draw(self, row: int) -> None:
        """Draw differences against means of a number."""
        from thaliron_napari.statistics.agreement import bland_altman
        from thaliron_napari.statistics.agreement_plots import draw_bland_altman

        if not 0 <= row < len(self.found.numbers):
            return
        name = self.numbers.item(row, 0).text()
        self.figure.clear()
        self.figure.set_facecolor(get_theme(self._theme).background.as_hex())
        axes = self.figure.add_subplot(facecolor="none")
        try:
            agreement = bland_altman(self.found.a[name].to_numpy(float), self.found.b[name].to_numpy(float))
            draw_bland_altman(axes, agreement, name, readers=self._readers, names=self.found.a["id"].tolist())
        except ThalIronError as error:
            axes.set_axis_off()
            axes.set_title(str(error), fontsize="small", wrap=True, color="0.5")
        self.canvas.draw_idle()

    def ask_export(self) -> None:
        """Let the reader choose where the tables go."""
        path, _ = QFileDialog.getSaveFileName(self, "Export the agreement", "agreement.xlsx", TABLES)
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the numbers, and beside them the cases."""
        from thaliron_napari.cohort import write_table
        from thaliron_napari.cohort.agreement import CASE_COLUMNS, NUMBER_COLUMNS
        from thaliron_napari.measurement.dictionary import as_dictionary

        try:
            write_table(self.found.numbers, path, as_dictionary(NUMBER_COLUMNS))
            beside = path.with_name(f"{path.stem}_cases{path.suffix}")
            write_table(self.found.cases, beside, as_dictionary(CASE_COLUMNS))
        except ThalIronError as error:
            show_error(f"Not exported: {error}")
        else:
            show_info(f"Agreement written to {path} and {beside.name}")


def _shown(frame: Any) -> QTableWidget:
    made = table([str(name) for name in frame.columns])
    made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    fill_table(made, [[_words(value) for value in row] for row in frame.itertuples(index=False)])
    return made


def _words(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
