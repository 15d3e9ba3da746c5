"""Step 2: bring QSM and FLAIR together, and choose how they are shown."""

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QProgressBar, QSlider

from thaliron_napari.case import ROLE_NAME, Role
from thaliron_napari.case.fusion import correct_registration, forget_registration, register
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.step import Step, button, text
from thaliron_napari.viewer.work import run_in_background

_PRESETS = {"−100 … 200": (-100.0, 200.0), "−50 … 100": (-50.0, 100.0), "−150 … 150": (-150.0, 150.0)}


class FusionStep(Step):
    """Registration, blend and windows."""

    title = "Fusion"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.start = button(
            "Register QSM to FLAIR",
            "Find the small motion between the two scans (rigid, mutual information).",
            self.run,
        )
        self.forget = button("Undo registration", "Use the scanner's geometry as it is.", self.reset)
        self.add_row(self.start, self.forget)
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        self.column.addWidget(self.progress)
        self.result = text("Not registered: the scanner's geometry is used.")
        self.column.addWidget(self.result)

        row = QHBoxLayout()
        row.addWidget(text("QSM", wraps=False))
        self.blend = QSlider(Qt.Orientation.Horizontal)
        self.blend.setRange(0, 100)
        self.blend.setToolTip("Fade between the QSM and the anatomy; X flips between the two.")
        self.blend.valueChanged.connect(lambda v: reading.display.set_blend(v / 100))
        row.addWidget(self.blend, 1)
        self.fused = QComboBox()
        self.fused.setToolTip("The image that is fused with the QSM.")
        self.fused.activated.connect(lambda _i: reading.display.set_fused(self.fused.currentData()))
        row.addWidget(self.fused)
        self.column.addLayout(row)

        row = QHBoxLayout()
        row.addWidget(text("QSM window, ppb", wraps=False))
        self.low, self.high = (_ppb_box("lowest"), _ppb_box("highest"))
        for box in (self.low, self.high):
            box.editingFinished.connect(self._set_window)
            row.addWidget(box)
        self.column.addLayout(row)
        self.add_row(
            *(button(name, "Set this window, in ppb.", lambda name=name: self.use_preset(name)) for name in _PRESETS)
        )
        self.colours = QComboBox()
        self.colours.setToolTip("Grey for reading; two colours that part at the middle of the window for an overlay.")
        for words, name in (("grey", "gray"), ("blue to red", "RdBu_r"), ("pink to green", "PiYG")):
            self.colours.addItem(words, name)
        self.colours.activated.connect(lambda _i: reading.display.set_qsm_colours(self.colours.currentData()))
        self.add_row(text("QSM colours", wraps=False), self.colours)
        self.column.addWidget(
            text("On the picture: wheel scrolls, Ctrl+wheel zooms, middle drag pans, right drag sets the window.")
        )
        reading.window_changed.connect(self.refresh)
        reading.blend_changed.connect(self.refresh)

    def enter(self) -> None:
        """Show the QSM's grid."""
        self.reading.display.show("qsm")
        self.reading.choose_tool("look")

    def run(self) -> None:
        """Register in the background."""
        case = self.reading.case
        if case is None or not {"qsm", "flair"} <= set(case.images):
            show_info("Registration needs a QSM and a FLAIR; choose them in the step Study.")
            return
        self.start.setEnabled(False)
        self.progress.setVisible(True)

        def finished(found) -> None:
            if self.reading.case is case:
                self.reading.make(lambda c: correct_registration(c, found))

        run_in_background(
            lambda progress: register(case, progress),
            progress=lambda share: self.progress.setValue(round(share * 100)),
            finished=finished,
            ended=self._ended,
        )

    def reset(self) -> None:
        """Use the scanner's geometry."""
        self.reading.make(forget_registration)

    def refresh(self) -> None:
        """Show the registration, blend and windows as they are."""
        case, display = self.reading.case, self.reading.display
        if case is None:
            return
        fact = case.annotations.facts.get("registration/qsm")
        self.forget.setEnabled(fact is not None)
        if fact is None:
            self.result.setText("Not registered: the scanner's geometry is used.")
        else:
            warnings = "".join(f"\n⚠ {w}" for w in fact.get("warnings", ()))
            self.result.setText(f"Moved by {fact['shift_mm']:.1f} mm and {fact['angle_deg']:.1f}°.{warnings}")
        self.blend.blockSignals(True)
        self.blend.setValue(round(display.blend * 100))
        self.blend.blockSignals(False)
        roles: list[Role] = [r for r in ("flair", "t1", "t1ce", "magnitude") if r in case.images]
        if [self.fused.itemData(i) for i in range(self.fused.count())] != roles:
            self.fused.clear()
            for role in roles:
                self.fused.addItem(ROLE_NAME[role], role)
        self.fused.setCurrentIndex(self.fused.findData(display.fused_role))
        low, high = display.limits("qsm")
        self.low.setValue(low)
        self.high.setValue(high)

    def done(self) -> bool:
        """Whether the two images were brought together."""
        case = self.reading.case
        return case is not None and "registration/qsm" in case.annotations.facts

    def next(self) -> str:
        """What is missing."""
        case = self.reading.case
        if case is None or not {"qsm", "flair"} <= set(case.images) or self.done():
            return ""
        return "register the QSM to the FLAIR and check the fusion"

    def _ended(self) -> None:
        self.start.setEnabled(True)
        self.progress.setVisible(False)

    def _set_window(self) -> None:
        self.reading.display.set_limits("qsm", self.low.value(), self.high.value())

    def use_preset(self, name: str) -> None:
        """Set one of the usual windows."""
        self.reading.display.set_limits("qsm", *_PRESETS[name])
        self.refresh()


def _ppb_box(which: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-2000, 2000)
    box.setDecimals(0)
    box.setToolTip(f"The {which} susceptibility of the grey scale.")
    return box
