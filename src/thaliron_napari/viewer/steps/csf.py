"""Step 4: a small circle in the CSF of each atrium, the zero of the susceptibility scale."""

import numpy as np
from qtpy.QtWidgets import QDoubleSpinBox

from thaliron_napari.annotation import csf_roi
from thaliron_napari.case import SIDES, Side
from thaliron_napari.case.csf import both_placed, remove_circle
from thaliron_napari.errors import ThalIronError
from thaliron_napari.measurement.susceptibility import region_statistics
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import Step, button, number, text, tool_button


class CsfStep(Step):
    """CSF ROIs."""

    title = "CSF"
    tools = ("csf",)

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.radius = QDoubleSpinBox()
        self.radius.setRange(0.5, 10)
        self.radius.setSingleStep(0.5)
        self.radius.setDecimals(1)
        self.radius.setSuffix(" mm")
        self.radius.setToolTip("Radius of the next circle. Keys [ and ], or Shift+wheel.")
        self.radius.valueChanged.connect(self._set_radius)
        self.add_row(tool_button(reading, "csf"), text("Radius", wraps=False), self.radius)
        self.numbers = text()
        self.column.addWidget(self.numbers)
        self.add_row(
            *(
                button(f"Remove {side}", f"Remove the {side} circle.", lambda side=side: self.remove(side))
                for side in SIDES
            )
        )
        reading.tool_changed.connect(self._show_tool)
        self._show_tool()

    def enter(self) -> None:
        """Show the QSM's grid and take the circle."""
        self.reading.display.show("qsm")
        super().enter()

    def remove(self, side) -> None:
        """Remove the circle of a side."""
        self.reading.make(lambda case: remove_circle(case, side))

    def refresh(self) -> None:
        """Show mean, SD and voxels of each circle."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            self.numbers.setText("There is no QSM in this case to measure on.")
            return
        qsm = case.images["qsm"]
        rows = []
        try:
            for side in SIDES:
                circle = case.annotations.csf(side)
                if circle is None:
                    rows.append(f"<tr><td>{side}&nbsp;</td><td colspan=4>no circle yet</td></tr>")
                    continue
                mask = csf_roi(qsm.grid.shape, circle.centre, circle.radius_mm, qsm.spacing)
                part = region_statistics(case.qsm_ppb, mask, qsm.grid.voxel_ml)
                rows.append(
                    f"<tr><td style='color:{colours.CSF}'>{side}&nbsp;</td><td align=right>{number(part.mean_ppb)} ppb"
                    f"&nbsp;&nbsp;</td><td align=right>SD {number(part.sd_ppb)}&nbsp;&nbsp;</td><td>n {part.n}&nbsp;"
                    f"&nbsp;</td><td>slice {round(circle.centre[0]) + 1}, r {circle.radius_mm:g} mm</td></tr>"
                )
        except ThalIronError as error:
            self.numbers.setText(str(error))
            return
        self.numbers.setText(f"<table>{''.join(rows)}</table>")

    def done(self) -> bool:
        """Whether each atrium has its circle."""
        return self.reading.case is not None and both_placed(self.reading.case.annotations)

    def missing(self) -> str:
        """What is missing, in short."""
        return f"no {' and '.join(self._open_sides())} circle" if self._open_sides() else ""

    def next(self) -> str:
        """What is missing."""
        return f"click into the CSF of the {self._open_sides()[0]} atrium" if self._open_sides() else ""

    def _open_sides(self) -> list[Side]:
        """The sides that have no circle yet."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            return []
        return [side for side in SIDES if case.annotations.csf(side) is None]

    def _set_radius(self, value: float) -> None:
        self.reading.radius_mm["csf"] = float(np.clip(value, 0.5, 10))

    def _show_tool(self) -> None:
        self.radius.blockSignals(True)
        self.radius.setValue(self.reading.radius_mm["csf"])
        self.radius.blockSignals(False)
