"""Step 3: contour both thalami on key slices, fill between, nudge, keep the veins out."""

from collections.abc import Mapping, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QDoubleSpinBox, QRadioButton, QSizePolicy

from thaliron_napari.case import SIDES, Edit
from thaliron_napari.case.thalamus import empty_slices, mirror_contour, proposed
from thaliron_napari.case.veins import VeinSettings
from thaliron_napari.errors import ThalIronError
from thaliron_napari.measurement import measure_case
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.filling import Filling
from thaliron_napari.viewer.proposing import Proposing
from thaliron_napari.viewer.reading import Reading, ToolName
from thaliron_napari.viewer.steps.step import Step, button, narrow, number, text, tool_button
from thaliron_napari.viewer.work import run_in_background

_FILL = "Fill  F"
_FROM_MAP = "From map …"
_COLOUR = {"left": colours.LEFT, "right": colours.RIGHT}


class ThalamusStep(Step):
    """Contours of the thalami."""

    title = "Thalamus"
    tools = ("draw", "polygon", "paint", "erase", "nudge", "vein", "propose")

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.filling = Filling(reading, self)
        self.proposing = Proposing(reading, self)
        self._mirroring = False
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
        self.add_row(*narrow(*(tool_button(reading, name) for name in ("draw", "polygon", "paint", "erase"))))
        self.radius = _spin(0.5, 20, 0.5, " mm", "Radius of the disc. Keys [ and ], or Shift+wheel.")
        self.radius.valueChanged.connect(self._set_radius)
        self.radius_label = text(wraps=False)
        discs = narrow(*(tool_button(reading, name) for name in ("nudge", "vein")), self.radius)
        self.add_row(*discs[:2], self.radius_label, discs[2])
        self.fill_button = button(
            _FILL,
            "Find the margins of both thalami on the slices between the contours you drew. Key F.",
            self.filling.fill,
        )
        self.map_button = button(
            _FROM_MAP,
            "Propose both thalami from a label map of FreeSurfer, FastSurfer or SynthSeg (labels 10 and 49).",
            self.proposing.from_label_map,
        )
        self.add_row(*narrow(self.fill_button, tool_button(reading, "propose"), self.map_button))
        self.add_row(
            *narrow(
                button("Copy ↑  .", "Copy this contour to the slice above. Key .", lambda: reading.copy_contour(1)),
                button("Copy ↓  ,", "Copy this contour to the slice below. Key ,", lambda: reading.copy_contour(-1)),
                button("Mirror  M", "Mirror this contour onto the other thalamus, as a start. Key M", self.mirror),
                button("Clear  ⌫", "Remove this thalamus from the slice on show. Key Backspace", reading.clear_slice),
            )
        )
        self._add_veins()
        self.keys = text()
        self.numbers = text()
        self.column.addWidget(self.keys)
        self.column.addWidget(self.numbers)
        reading.mirror_asked.connect(self.mirror)
        reading.tool_changed.connect(self._show_tool)
        reading.veins.changed.connect(self._show_veins)
        self.filling.changed.connect(self._show_work)
        self.proposing.changed.connect(self._show_work)
        self._show_tool()
        self._show_veins()

    def _add_veins(self) -> None:
        """Rows that show the veins, keep them out, and say what counts as one."""
        veins = self.reading.veins
        self.veins = QCheckBox()
        self.keep_out = QCheckBox("Keep out")
        for box in (self.veins, self.keep_out):
            box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            box.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            box.setStyleSheet(f"color: {colours.VEIN}; font-weight: bold")
        self.veins.setToolTip("The deep veins, which are to be kept out of the thalami. Key V cuts them.")
        self.veins.clicked.connect(veins.show)
        self.keep_out.setToolTip("Nothing that is drawn, filled, painted or nudged from now on enters a vein.")
        self.keep_out.clicked.connect(veins.keep_out)
        veins.attach(self)
        self.threshold = _spin(20, 400, 5, " ppb", "A vein rises somewhere so far above what lies around it.")
        self.threshold.setDecimals(0)
        self.least = _spin(0, 40, 1, " mm", "Shorter pieces are no veins.")
        self.margin = _spin(0, 3, 0.25, " mm", "A margin around the veins, against their blooming.")
        self.margin.setDecimals(2)
        for spin in (self.threshold, self.least, self.margin):
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(self._set_veins)
        narrow(self.threshold, self.least, self.margin)
        self.add_row(self.veins, self.keep_out, text("margin", wraps=False), self.margin)
        self.add_row(text("above", wraps=False), self.threshold, text("at least", wraps=False), self.least)

    def enter(self) -> None:
        """Show the QSM's grid, the veins where they are wanted, and take the pen."""
        self.reading.display.show("qsm")
        if self.reading.veins.shown:
            self.reading.veins.show()
        super().enter()

    def mirror(self) -> None:
        """Make the mirror image of the contour on show that of the other thalamus; the middle is found once a case."""
        case, side, z = self.reading.case, self.reading.side, self.reading.display.slice_shown()
        if case is None or self._mirroring or not self.reading.may_change():
            return
        lines = len(case.journal)

        def finished(edit: Edit) -> None:
            if case is self.reading.case and len(case.journal) == lines:
                self.reading.make(lambda _case: edit)

        def ended() -> None:
            self._mirroring = False

        self._mirroring = True
        run_in_background(lambda _progress: mirror_contour(case, side, z), owner=self, finished=finished, ended=ended)

    def refresh(self) -> None:
        """Show key slices and live numbers."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            self.keys.setText("There is no QSM in this case to draw on.")
            return
        lines = []
        for side in SIDES:
            slices = ", ".join(str(z + 1) for z in case.annotations.keys(side)) or "none yet"
            how = "proposed, not accepted" if proposed(case, side) else f"drawn on slices {slices}"
            lines.append(f"<span style='color:{_COLOUR[side]}'>■</span> {side}: {how}")
        self.keys.setText("<br>".join(lines))
        try:
            values = measure_case(case).values
        except ThalIronError as error:
            self.numbers.setText(str(error))
            return
        self.numbers.setText(_table(values))

    def done(self) -> bool:
        """Whether both thalami have two contours at least, and are filled between them."""
        case = self.reading.case
        return case is not None and "qsm" in case.images and not self.missing()

    def missing(self) -> str:
        """What is missing, in short."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            return ""
        waiting = [side for side in SIDES if proposed(case, side)]
        undrawn = [side for side in SIDES if len(case.annotations.keys(side)) < 2 and side not in waiting]
        if undrawn:
            return f"{' and '.join(undrawn)} not drawn"
        if waiting:
            return f"{' and '.join(waiting)} not accepted"
        empty = [side for side in SIDES if empty_slices(case, side)]
        return f"{' and '.join(empty)} not filled" if empty else ""

    def next(self) -> str:
        """What is missing."""
        case = self.reading.case
        if case is None or "qsm" not in case.images:
            return ""
        for side in SIDES:
            drawn = len(case.annotations.keys(side))
            if proposed(case, side):
                return f"correct the {side} thalamus that is proposed, and accept it (Enter)"
            if drawn < 2:
                return f"draw the {('upper', 'lower')[drawn]} border of the {side} thalamus"
        return "fill between the contours (F)" if self.missing() else ""

    def _set_radius(self, value: float) -> None:
        self.reading.radius_mm[self._disc] = value

    def _set_veins(self) -> None:
        self.reading.veins.set(VeinSettings(self.threshold.value(), self.least.value(), self.margin.value()))

    @property
    def _disc(self) -> ToolName:
        """The tool whose radius stands here."""
        tool = self.reading.tool
        return tool if tool in ("vein", "paint") else "nudge"

    def _show_veins(self) -> None:
        veins = self.reading.veins
        self.veins.setChecked(veins.shown)
        self.veins.setText("Finding …" if veins.sought else "Veins")
        self.keep_out.setChecked(veins.kept_out)
        settings = veins.settings
        if not veins.sought:
            _put(self.threshold, settings.threshold_ppb)
            _put(self.least, settings.length_mm)
            _put(self.margin, settings.margin_mm)

    def _show_work(self) -> None:
        self.fill_button.setText("Filling …" if self.filling.whole else _FILL)
        self.map_button.setText("Proposing …" if self.proposing.going_on else _FROM_MAP)

    def _show_tool(self) -> None:
        self.radios[self.reading.side].setChecked(True)
        self.radius_label.setText(f"{self._disc.capitalize()} radius")
        _put(self.radius, self.reading.radius_mm[self._disc])


def _table(values: Mapping[str, object]) -> str:
    """Live numbers of both thalami; beside them, where veins were used, those with all veins in and with none."""
    with_veins = any("_veins_" in name for name in values)
    heads = ["ppb", "SD", "ml", *(["veins in", "veins out"] if with_veins else [])]
    rows = [_row("", "", heads)]
    for side in SIDES:
        name = f"thalamus_{side}"
        cells = [number(values.get(f"{name}_{what}_ppb")) for what in ("mean", "sd")]
        cells.append(number(values.get(f"{name}_ml"), 2))
        if with_veins:
            cells += [number(values.get(f"{name}_veins_{way}_ppb")) for way in ("in", "out")]
        rows.append(_row(side, f"color:{_COLOUR[side]}", cells))
    return f"<table>{''.join(rows)}</table>"


def _row(head: str, style: str, cells: Sequence[str]) -> str:
    shown = "".join(f"<td align=right style='white-space:nowrap'>&nbsp;&nbsp;{cell}</td>" for cell in cells)
    return f"<tr><td style='{style}'>{head}</td>{shown}</tr>"


def _spin(low: float, high: float, step: float, suffix: str, tip: str) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(low, high)
    made.setSingleStep(step)
    made.setDecimals(1)
    made.setSuffix(suffix)
    made.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    made.setToolTip(tip)
    return made


def _put(spin: QDoubleSpinBox, value: float) -> None:
    """Show a value that nobody entered here."""
    spin.blockSignals(True)
    spin.setValue(value)
    spin.blockSignals(False)
