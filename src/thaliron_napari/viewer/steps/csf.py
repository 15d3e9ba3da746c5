"""Step 4: small circles in the CSF of each atrium, the zero of the susceptibility scale."""

import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtWidgets import QDoubleSpinBox

from thaliron_napari.annotation import csf_roi
from thaliron_napari.case import SIDES, Case, CsfCircle, Side
from thaliron_napari.case.csf import both_placed, csf_mask, find_circles, remove_circle
from thaliron_napari.errors import ThalIronError
from thaliron_napari.measurement.csf_check import check_circles, prepare_check
from thaliron_napari.measurement.susceptibility import region_statistics, statistics_of
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import Step, button, narrow, number, text, tool_button
from thaliron_napari.viewer.work import run_in_background

_SUGGEST = "Suggest  Q"


class CsfStep(Step):
    """CSF ROIs."""

    title = "CSF"
    tools = ("csf",)

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._prepared: Case | None = None
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
        self.doubts = text()
        self.column.addWidget(self.doubts)
        self.suggest_button = button(
            _SUGGEST, "Find a clean circle in each atrium. Enter accepts both, Escape drops them. Key Q.", self.suggest
        )
        self.add_row(
            *narrow(
                self.suggest_button,
                *(
                    button(f"Remove {side}", f"Remove the circles of the {side}.", lambda side=side: self.remove(side))
                    for side in SIDES
                ),
            )
        )
        reading.tool_changed.connect(self._show_tool)
        reading.csf_asked.connect(self.suggest)
        self._show_tool()

    def enter(self) -> None:
        """Show the QSM's grid and take the circle; learn the map's noise in the background."""
        self.reading.display.show("qsm")
        super().enter()
        case = self.reading.case
        if case is not None and "qsm" in case.images and self._prepared is not case:
            self._prepared = case
            run_in_background(lambda _progress: prepare_check(case), owner=self, finished=lambda _done: self.refresh())

    def remove(self, side: Side) -> None:
        """Remove the circles of a side."""
        self.reading.make(lambda case: remove_circle(case, side))

    def suggest(self) -> None:
        """Find circles beside the window, and show them to be accepted."""
        case, radius = self.reading.case, self.reading.radius_mm["csf"]
        if case is None or self.suggest_button.text() != _SUGGEST or not self.reading.may_change():
            return
        self.reading.choose_tool("csf")

        def finished(found: dict[Side, CsfCircle]) -> None:
            if case is not self.reading.case:
                return
            self.reading.display.show("qsm")
            self.reading.suggest_csf(found)
            z, y, x = next(iter(found.values())).centre
            self.reading.display.go_to((round(z), round(y), round(x)))
            alone = "" if len(found) == 2 else f" None is found on the {next(s for s in SIDES if s not in found)}."
            show_info(f"Circles are suggested, shown paler: Enter accepts them, Escape drops them.{alone}")

        self.suggest_button.setText("Looking …")
        run_in_background(
            lambda _progress: find_circles(case, radius),
            owner=self,
            finished=finished,
            ended=lambda: self.suggest_button.setText(_SUGGEST),
        )

    def refresh(self) -> None:
        """Show mean, SD and voxels of each circle, and what speaks against it."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            self.numbers.setText("There is no QSM in this case to measure on.")
            self.doubts.setText("")
            return
        try:
            rows = [row for side in SIDES for row in _rows(case, side)]
            said = check_circles(case, wait=False)
        except ThalIronError as error:
            self.numbers.setText(str(error))
            self.doubts.setText("")
            return
        self.numbers.setText(f"<table>{''.join(rows)}</table>")
        self.doubts.setText("<br>".join(f"⚠ {sentence}" for sentence in said))
        self.doubts.setVisible(bool(said))

    def done(self) -> bool:
        """Whether each atrium has its circle."""
        return self.reading.case is not None and both_placed(self.reading.case.annotations)

    def missing(self) -> str:
        """What is missing, in short."""
        return f"no {' and '.join(self._open_sides())} circle" if self._open_sides() else ""

    def next(self) -> str:
        """What is missing."""
        if self.reading.suggested_csf:
            return "accept the suggested circles (Enter), or drop them (Esc)"
        return f"click into the CSF of the {self._open_sides()[0]} atrium, or Q" if self._open_sides() else ""

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


def _rows(case: Case, side: Side) -> list[str]:
    """A row of a table for each circle of a side."""
    qsm, circles = case.images["qsm"], case.annotations.csf_circles(side)
    if not circles:
        return [f"<tr><td>{side}&nbsp;</td><td colspan=4>no circle yet</td></tr>"]
    rows = []
    for place, circle in enumerate(circles, start=1):
        mask = csf_roi(qsm.grid.shape, circle.centre, circle.radius_mm, qsm.spacing)
        part = region_statistics(case.qsm_ppb, mask, qsm.grid.voxel_ml)
        name = side if len(circles) == 1 else f"{side} {place}"
        where = f"slice {round(circle.centre[0]) + 1}, r {circle.radius_mm:.3g} mm"
        rows.append(_row(name, part.mean_ppb, part.sd_ppb, part.n, where))
    if len(circles) > 1:
        both = statistics_of(case.qsm_ppb[csf_mask(case) == SIDES.index(side) + 1], qsm.grid.voxel_ml)
        rows.append(_row(f"{side}, all", both.mean_ppb, both.sd_ppb, both.n, ""))
    return rows


def _row(name: str, mean_ppb: float, sd_ppb: float, n: int, where: str) -> str:
    return (
        f"<tr><td style='color:{colours.CSF}'>{name}&nbsp;</td><td align=right>{number(mean_ppb)} ppb&nbsp;&nbsp;</td>"
        f"<td align=right>SD {number(sd_ppb)}&nbsp;&nbsp;</td><td>n {n}&nbsp;&nbsp;</td><td>{where}</td></tr>"
    )
