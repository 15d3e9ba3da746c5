"""Step 3: contour both thalami on key slices, fill between, nudge, cut the veins."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QDoubleSpinBox, QRadioButton

from thaliron_napari.case import SIDES, Case, Edit, Side
from thaliron_napari.case.thalamus import clear_slice, empty_slices, fill_between
from thaliron_napari.errors import ThalIronError
from thaliron_napari.measurement import measure_case
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.reading import Reading, ToolName
from thaliron_napari.viewer.steps.step import Step, button, number, text, tool_button
from thaliron_napari.viewer.work import run_in_background

_FILL = "Fill between  F"
_COLOUR = {"left": colours.LEFT, "right": colours.RIGHT}


class ThalamusStep(Step):
    """Contours of the thalami."""

    title = "Thalamus"
    tools = ("draw", "erase", "nudge", "vein")

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.sides = QButtonGroup(self)
        radios = []
        for side in SIDES:
            radio = QRadioButton(f"{side} thalamus")
            radio.setStyleSheet(f"color: {_COLOUR[side]}; font-weight: bold")
            radio.setToolTip("The patient's side. Key T changes it.")
            radio.clicked.connect(lambda _on=False, side=side: reading.choose_side(side))
            self.sides.addButton(radio)
            radios.append(radio)
        self.radios = dict(zip(SIDES, radios, strict=True))
        self.add_row(*radios)
        self.add_row(*(tool_button(reading, name) for name in self.tools))
        self.radius = QDoubleSpinBox()
        self.radius.setRange(0.5, 20)
        self.radius.setSingleStep(0.5)
        self.radius.setDecimals(1)
        self.radius.setSuffix(" mm")
        self.radius.setToolTip("Radius of the disc. Keys [ and ], or Shift+wheel.")
        self.radius.valueChanged.connect(self._set_radius)
        self.radius_label = text(wraps=False)
        self.veins = QCheckBox()
        self.veins.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.veins.setStyleSheet(f"color: {colours.VEIN}; font-weight: bold")
        self.veins.setToolTip("The deep veins, which are to be kept out of the thalami. Key V cuts them.")
        self.veins.clicked.connect(reading.veins.show)
        reading.veins.attach(self)
        self.add_row(self.radius_label, self.radius, self.veins)
        self.fill_button = button(
            _FILL, "Find the margins of both thalami on the slices between the contours you drew. Key F.", self.fill
        )
        self._filling: Case | None = None
        reading.fill_asked.connect(self.fill)
        reading.leaving.connect(self._fill_now)
        self.add_row(
            self.fill_button,
            button("Clear slice", "Remove this side's contour from the slice on show.", self.clear),
        )
        self.keys = text()
        self.numbers = text()
        self.column.addWidget(self.keys)
        self.column.addWidget(self.numbers)
        reading.tool_changed.connect(self._show_tool)
        reading.veins.changed.connect(self._show_veins)
        self._show_tool()
        self._show_veins()

    def enter(self) -> None:
        """Show the QSM's grid, the veins where they are wanted, and take the pen."""
        self.reading.display.show("qsm")
        if self.reading.veins.shown:
            self.reading.veins.show()
        super().enter()

    def fill(self) -> None:
        """Fill each thalamus that has two contours at least, beside the window: it takes up to a second."""
        reading, case = self.reading, self.reading.case
        if self._filling is not None or not reading.may_change():
            return
        lines = len(case.journal)
        self._filling = case
        self.fill_button.setText("Filling …")

        def finished(edit: Edit) -> None:
            if self._filling is case and len(case.journal) == lines:
                reading.make(lambda _case: edit)
                self._filling = None

        def ended() -> None:
            again = self._filling is case and len(case.journal) != lines  # it was drawn on meanwhile
            self._filling = None
            self.fill_button.setText(_FILL)
            if again:
                self.fill()

        run_in_background(lambda _progress: _filled(case, reading.side), owner=self, finished=finished, ended=ended)

    def _fill_now(self) -> None:
        """End the filling that is going on, in the case that is about to be left."""
        case, self._filling = self._filling, None
        if case is not None and case is self.reading.case:
            self.reading.make(lambda case: _filled(case, self.reading.side))

    def clear(self) -> None:
        """Remove this side's contour from the slice on show."""
        z = self.reading.display.slice_shown()
        side = self.reading.side
        self.reading.make(lambda case: clear_slice(case, side, z))

    def refresh(self) -> None:
        """Show key slices and live numbers."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            self.keys.setText("There is no QSM in this case to draw on.")
            return
        lines = []
        for side in SIDES:
            slices = ", ".join(str(z + 1) for z in case.annotations.keys(side)) or "none yet"
            lines.append(f"<span style='color:{_COLOUR[side]}'>■</span> {side}: drawn on slices {slices}")
        self.keys.setText("<br>".join(lines))
        try:
            values = measure_case(case).values
        except ThalIronError as error:
            self.numbers.setText(str(error))
            return
        rows = "".join(
            f"<tr><td style='color:{_COLOUR[side]}'>{side}&nbsp;</td>"
            f"<td align=right>{number(values.get(f'thalamus_{side}_mean_ppb'))} ppb&nbsp;&nbsp;</td>"
            f"<td align=right>SD {number(values.get(f'thalamus_{side}_sd_ppb'))}&nbsp;&nbsp;</td>"
            f"<td align=right>{number(values.get(f'thalamus_{side}_ml'), 2)} ml</td></tr>"
            for side in SIDES
        )
        self.numbers.setText(f"<table>{rows}</table>")

    def done(self) -> bool:
        """Whether both thalami have two contours at least, and are filled between them."""
        case = self.reading.case
        return case is not None and "qsm" in case.images and not self.missing()

    def missing(self) -> str:
        """What is missing, in short."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            return ""
        undrawn = [side for side in SIDES if len(case.annotations.keys(side)) < 2]
        if undrawn:
            return f"{' and '.join(undrawn)} not drawn"
        empty = [side for side in SIDES if empty_slices(case, side)]
        return f"{' and '.join(empty)} not filled" if empty else ""

    def next(self) -> str:
        """What is missing."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            return ""
        for side in SIDES:
            drawn = len(case.annotations.keys(side))
            if drawn < 2:
                return f"draw the {('upper', 'lower')[drawn]} border of the {side} thalamus"
        return "fill between the contours (F)" if self.missing() else ""

    def _set_radius(self, value: float) -> None:
        self.reading.radius_mm[self._disc] = value

    @property
    def _disc(self) -> ToolName:
        """The tool whose radius stands here."""
        return "vein" if self.reading.tool == "vein" else "nudge"

    def _show_veins(self) -> None:
        veins = self.reading.veins
        self.veins.setChecked(veins.shown)
        self.veins.setText("Finding veins …" if veins.sought else "Show veins")

    def _show_tool(self) -> None:
        self.radios[self.reading.side].setChecked(True)
        self.radius_label.setText(f"{self._disc.capitalize()} radius")
        self.radius.blockSignals(True)
        self.radius.setValue(self.reading.radius_mm[self._disc])
        self.radius.blockSignals(False)


def _filled(case: Case, in_hand: Side) -> Edit:
    """Edit that fills each thalamus that can be filled; where none can, the error says what the one in hand needs."""
    drawn = [side for side in SIDES if len(case.annotations.keys(side)) > 1]
    return fill_between(case, *(drawn or [in_hand]))
