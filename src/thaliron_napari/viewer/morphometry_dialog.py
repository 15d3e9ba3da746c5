"""A window with six panels of one patient's morphometry, slice by slice, to look through and to write at print size."""

from pathlib import Path

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from thaliron_napari.case import Case
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.report.figures import draw_plate, legend
from thaliron_napari.report.morphometry import morphometry_plate, shown_on, thalamic_level
from thaliron_napari.report.segmentation import Segmented, segmented
from thaliron_napari.viewer.steps.step import button, text
from thaliron_napari.viewer.work import run_in_background

_KINDS = "Figures (*.png *.tiff *.pdf *.svg)"
_SCREEN_DPI = 150
_PRINT_DPI = 300
_SOON_MS = 80


class MorphometryDialog(QDialog):
    """T1, grey matter, segmentation, QSM, surfaces and outlines of one slice.

    Parameters
    ----------
    case : Case
    parent : QWidget
    """

    def __init__(self, case: Case, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"{case.name}: morphometry")
        self.resize(1100, 900)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)  # it holds a label map and four surfaces
        self._case = case
        self.brain: Segmented | None = None
        self._drawing = False
        column = QVBoxLayout(self)
        self.picture = QLabel("Reading segmentation and surfaces …")
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumSize(300, 200)
        column.addWidget(self.picture, 1)
        self.legend = text()
        column.addWidget(self.legend)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setEnabled(False)
        self.slider.valueChanged.connect(lambda _z: self._soon.start())
        row = QHBoxLayout()
        row.addWidget(self.slider, 1)
        self.save_button = button("Save…", "Write this figure at print size, 300 dpi.", self.ask_save)
        self.save_button.setEnabled(False)
        row.addWidget(self.save_button)
        row.addWidget(button("Close", "Close this window.", self.close))
        column.addLayout(row)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._draw)
        self._pixmap = QPixmap()
        run_in_background(lambda _progress: segmented(case, shown_on(case)), owner=self, finished=self._take)

    def ask_save(self) -> None:
        """Let the reader choose where the figure goes."""
        path, _ = QFileDialog.getSaveFileName(self, "Save figure", f"{self._case.name}_figure-morphometry.png", _KINDS)
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the figure as it is on show."""
        brain, z = self.brain, self.slider.value()
        ending = path.suffix.lstrip(".").lower().replace("tif", "tiff").replace("tifff", "tiff")
        if brain is None:
            return
        if ending not in ("png", "tiff", "pdf", "svg"):
            show_error(f"A figure cannot be written as {path.name!r}; end the name in .png, .tiff, .pdf or .svg.")
            return
        try:
            made = draw_plate(morphometry_plate(brain, z), ending, _PRINT_DPI)
            replace_file(path, lambda beside: beside.write_bytes(made))
        except OSError as error:
            show_error(f"{path} cannot be written ({error.strerror}); choose another place.")
        else:
            show_info(f"Figure written to {path}")

    def resizeEvent(self, event: object) -> None:
        """Fit the picture into the room there is."""
        super().resizeEvent(event)
        self._fit()

    def _take(self, brain: Segmented) -> None:
        self.brain = brain
        self.slider.setRange(0, brain.labels.shape[0] - 1)
        self.slider.setEnabled(True)
        self.save_button.setEnabled(True)
        level = thalamic_level(brain)
        self.slider.setValue(level)
        self._soon.start()

    def _draw(self) -> None:
        """Draw the slice on show beside the window; the one asked for meanwhile comes after it."""
        brain, z = self.brain, self.slider.value()
        if brain is None:
            return
        if self._drawing:
            self._soon.start()
            return

        def draw(_progress: object) -> tuple[bytes, str]:
            plate = morphometry_plate(brain, z)
            return draw_plate(plate, "png", _SCREEN_DPI), legend(plate)

        def finished(made: tuple[bytes, str]) -> None:
            self._pixmap.loadFromData(made[0])
            self.legend.setText(made[1])
            self._fit()

        def ended() -> None:
            self._drawing = False

        self._drawing = True
        run_in_background(draw, owner=self, finished=finished, ended=ended)

    def _fit(self) -> None:
        if not self._pixmap.isNull():
            how = Qt.TransformationMode.SmoothTransformation
            self.picture.setPixmap(self._pixmap.scaled(self.picture.size(), Qt.AspectRatioMode.KeepAspectRatio, how))
