"""The row that shows in which unit the QSM is, and corrects it."""

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QVBoxLayout, QWidget

from thaliron_napari.case import Edit
from thaliron_napari.case.edits import fact_change
from thaliron_napari.imaging.units import background, parse_unit, vendor_unit
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import text

_SCALED = "scaled"


class UnitRow(QWidget):
    """``ppm`` or ``ppb`` at one click; a vendor's scaling by two numbers.

    Parameters
    ----------
    reading : Reading
    """

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(text("QSM values are in", wraps=False))
        self.choice = QComboBox()
        for words, unit in (("unknown: choose", None), ("ppm", "ppm"), ("ppb", "ppb"), ("a scaling…", _SCALED)):
            self.choice.addItem(words, unit)
        self.choice.setToolTip("Unit of the values in the QSM file; everything here is shown and measured in ppb.")
        self.choice.activated.connect(self._choose)
        row.addWidget(self.choice, 1)
        column.addLayout(row)
        self.scaling = QWidget()
        row = QHBoxLayout(self.scaling)
        row.setContentsMargins(0, 0, 0, 0)
        self.step = _number("How many ppb a step of 1 in the file is; negative where the map is upside down.")
        self.step.setValue(1)
        self.zero = _number("The value in the file that stands for no susceptibility, as outside the brain.")
        for words, box in (("one step is", self.step), ("ppb, zero is at", self.zero)):
            row.addWidget(text(words, wraps=False))
            row.addWidget(box, 1)
            box.editingFinished.connect(self._scale)
        self.scaling.setVisible(False)
        column.addWidget(self.scaling)

    def refresh(self) -> None:
        """Show the unit as it is."""
        case = self.reading.case
        self.setEnabled(case is not None and "qsm" in case.images)
        if case is None or "qsm" not in case.images:
            return
        unit = case.unit
        is_scaled = unit is not None and self.choice.findData(unit) < 0
        if unit is not None:
            step, zero = parse_unit(unit)
            self._show_numbers(step, zero)
        if unit is not None or self.choice.currentData() != _SCALED:  # the reader may be at the numbers
            self.choice.setCurrentIndex(self.choice.findData(_SCALED if is_scaled else unit))
        self.scaling.setVisible(self.choice.currentData() == _SCALED)

    def _choose(self, _index: int) -> None:
        case, unit = self.reading.case, self.choice.currentData()
        if case is None or unit is None:
            return
        if unit != _SCALED:
            self._say(unit)
            return
        if case.unit is None:  # what stands outside the brain is most likely zero
            self._show_numbers(self.step.value() or 1.0, background(case.images["qsm"].data) or 0.0)
        self.scaling.setVisible(True)
        self.step.setFocus()

    def _scale(self) -> None:
        if self.choice.currentData() == _SCALED and self.step.value() != 0:
            self._say(vendor_unit(self.step.value(), self.zero.value()))

    def _say(self, unit: str) -> None:
        case = self.reading.case
        if case is not None and case.unit != unit:
            words = f"QSM values are in {unit}"
            self.reading.make(lambda case: Edit(words, fact_change(case.annotations, "unit", unit)))

    def _show_numbers(self, step: float, zero: float) -> None:
        for box, value in ((self.step, step), (self.zero, zero)):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)


def _number(tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-1e7, 1e7)
    box.setDecimals(4)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    box.setToolTip(tip)
    return box
