"""Step 2: bring the images together, look whether they are, and choose how they are shown."""

from threading import Event

import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QSizePolicy, QSlider

from thaliron_napari.case import ROLE_NAME, Role
from thaliron_napari.case.fusion import (
    correct_registration,
    fixed_image,
    forget_registration,
    movable,
    move_by_hand,
    position,
    register,
)
from thaliron_napari.imaging import Registration
from thaliron_napari.viewer.comparison import COMPARISONS
from thaliron_napari.viewer.on_grid import make_ready
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.steps.by_hand import ByHand
from thaliron_napari.viewer.steps.step import Step, button, text
from thaliron_napari.viewer.work import run_in_background

_ALL = "all"


class FusionStep(Step):
    """Registration, comparison and colours."""

    title = "Fusion"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._stop = Event()
        self.which = _choice()
        self.which.setToolTip("Which image is brought to the FLAIR; the GRE magnitude moves with the QSM.")
        self.which.activated.connect(lambda _i: self._choose())
        self.start = button(
            "Register", "Find the small motion between the scans (rigid, mutual information).", self.run
        )
        self.cancel = button("Cancel", "Stop the registration; nothing is changed.", self._stop.set)
        self.cancel.setVisible(False)
        self.forget = button("Forget", "Use the scanner's geometry as it is.", self.reset)
        self.by_hand = button("By hand", "Shift and turn the image by hand.", self._toggle_hand)
        self.by_hand.setCheckable(True)
        self.add_row(self.which, self.start, self.cancel, self.forget, self.by_hand)
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        self.column.addWidget(self.progress)
        self.hand = ByHand()
        self.hand.setVisible(False)
        self.hand.moved.connect(self._move)
        self.column.addWidget(self.hand)
        self.result = text()
        self.column.addWidget(self.result)

        row = QHBoxLayout()
        self.below = _choice()
        self.below.setToolTip("The image below.")
        self.blend = QSlider(Qt.Orientation.Horizontal)
        self.blend.setRange(0, 100)
        self.blend.setToolTip("How much of the upper image is seen; X flips between the two.")
        self.blend.valueChanged.connect(lambda v: reading.display.images.set_share(v / 100))
        self.over = _choice()
        self.over.setToolTip("The image over it.")
        for choice in (self.below, self.over):
            choice.activated.connect(lambda _i: self._show_pair())
        row.addWidget(self.below, 2)
        row.addWidget(self.blend, 3)
        row.addWidget(self.over, 2)
        self.column.addLayout(row)
        self.comparison = _choice()
        self.comparison.setToolTip(
            "Blend: opacity. Checkerboard: both in squares. Swipe: one left, one right of a line. Edges: the margins "
            "of the upper image over the lower one. The slider sets opacity, size or place."
        )
        for name, words in COMPARISONS.items():
            self.comparison.addItem(words, name)
        self.comparison.activated.connect(
            lambda _i: reading.display.images.set_comparison(self.comparison.currentData())
        )
        self.grid = _choice()
        self.grid.setToolTip("On which image's voxels all is shown: measured is always on the image's own.")
        self.grid.activated.connect(lambda _i: reading.display.show(self.grid.currentData()))
        row = QHBoxLayout()
        row.addWidget(text("compare", wraps=False))
        row.addWidget(self.comparison, 3)
        row.addWidget(text("grid", wraps=False))
        row.addWidget(self.grid, 2)
        self.column.addLayout(row)

        labels = reading.display.labels

        def flip() -> None:
            labels.set_outlines(not labels.outlines)

        self.colours = _choice()
        self.colours.setToolTip(
            "Grey for reading. Signed for an overlay: blue below 0 ppb, orange above, dark at 0, lighter the farther "
            "from it; its window is as wide below 0 as above."
        )
        for words, signed in (("grey", False), ("signed", True)):
            self.colours.addItem(words, signed)
        self.colours.activated.connect(lambda _i: reading.display.images.set_signed_qsm(self.colours.currentData()))
        self.add_row(
            text("QSM colours", wraps=False),
            self.colours,
            button("Outline / fill  O", "What is drawn, as lines or as areas. Key O; H hides it while held.", flip),
        )
        reading.blend_changed.connect(self.refresh)
        reading.case_opened.connect(self._stop.set)
        stop = self._stop
        self.destroyed.connect(lambda *_: stop.set())

    def enter(self) -> None:
        """Show the QSM's grid."""
        self.reading.display.show("qsm")
        super().enter()

    def run(self) -> None:
        """Register in the background: the chosen image, or all."""
        case = self.reading.case
        if case is None or not movable(case):
            show_info("Registration needs two images, such as a QSM and a FLAIR; choose them in the step Study.")
            return
        chosen: Role | None = self.which.currentData()
        roles = (chosen,) if chosen is not None else movable(case)
        self._stop.clear()
        self._show_running(True)

        def finished(found) -> None:
            if self.reading.case is case:
                for role, registration in found.items():
                    self.reading.make(lambda c, role=role, r=registration: correct_registration(c, r, role))

        def work(progress) -> dict[Role, Registration]:
            found = {
                role: register(case, role, lambda share, i=i: progress((i + share) / len(roles)), self._stop.is_set)
                for i, role in enumerate(roles)
            }
            make_ready(case, {role: np.array(one.matrix, np.float64) for role, one in found.items()})
            return found

        run_in_background(
            work,
            owner=self,
            progress=lambda share: self.progress.setValue(round(share * 100)),
            finished=finished,
            ended=lambda: self._show_running(False),
            name="registration",
            cancel=self._stop.set,
        )

    def reset(self) -> None:
        """Use the scanner's geometry."""
        case = self.reading.case
        for role in self._chosen() if case is not None else ():
            if f"registration/{role}" in case.annotations.facts:
                self.reading.make(lambda c, role=role: forget_registration(c, role))

    def refresh(self) -> None:
        """Show the registrations, the comparison and the colours as they are."""
        case, images = self.reading.case, self.reading.display.images
        if case is None:
            return
        _fill(self.which, [None, *movable(case)] if len(movable(case)) > 1 else list(movable(case)))
        self.forget.setEnabled(any(f"registration/{role}" in case.annotations.facts for role in self._chosen()))
        self.result.setText("\n".join(_words(case, role) for role in movable(case)))
        self.start.setEnabled(not self.cancel.isVisibleTo(self) and bool(movable(case)))
        self.by_hand.setEnabled(bool(movable(case)))
        if movable(case) and not self.hand.is_moving:
            self.hand.show_values(*position(case, self._in_hand()))
        self.blend.blockSignals(True)
        self.blend.setValue(round(images.share * 100))
        self.blend.blockSignals(False)
        for choice, role in ((self.below, images.below), (self.over, images.over)):
            _fill(choice, images.roles())
            choice.setCurrentIndex(choice.findData(role))
        _fill(self.grid, [role for role in ("qsm", "flair") if role in case.images])
        self.grid.setCurrentIndex(self.grid.findData(self.reading.display.grid_name))
        self.comparison.setCurrentIndex(self.comparison.findData(images.comparison))
        self.colours.setCurrentIndex(self.colours.findData(images.signed_qsm))

    def done(self) -> bool:
        """Whether the two images were brought together."""
        case = self.reading.case
        return case is not None and "registration/qsm" in case.annotations.facts

    def missing(self) -> str:
        """What is missing, in short."""
        case = self.reading.case
        if case is None or not {"qsm", "flair"} <= set(case.images) or self.done():
            return ""
        return "not registered"

    def next(self) -> str:
        """What is missing."""
        return "register the QSM to the FLAIR and check the fusion" if self.missing() else ""

    def _chosen(self) -> tuple[Role, ...]:
        """The images that the choice means."""
        case, role = self.reading.case, self.which.currentData()
        assert case is not None
        return (role,) if role in movable(case) else movable(case)

    def _in_hand(self) -> Role:
        """The image that the hand moves."""
        return self._chosen()[0]

    def _choose(self) -> None:
        self.hand.stop()
        self.refresh()

    def _toggle_hand(self) -> None:
        """Show or hide the boxes; what they move is then compared with the image that stays."""
        self.hand.setVisible(self.by_hand.isChecked())
        case = self.reading.case
        if case is not None and self.by_hand.isChecked() and "flair" in case.images:
            self.which.setCurrentIndex(self.which.findData(self._in_hand()))
            self.reading.display.images.set_roles(self._in_hand(), "flair")
            self.reading.display.show("flair")
        self.refresh()

    def _move(self) -> None:
        case = self.reading.case
        if case is not None:
            self.reading.make(lambda c: move_by_hand(c, self._in_hand(), *self.hand.values()))

    def _show_pair(self) -> None:
        self.reading.display.images.set_roles(self.below.currentData(), self.over.currentData())
        self.refresh()

    def _show_running(self, running: bool) -> None:
        self.start.setVisible(not running)
        self.cancel.setVisible(running)
        self.progress.setVisible(running)
        self.progress.setValue(0)
        self.refresh()


def _words(case, role: Role) -> str:
    """What is known of an image's place."""
    fact = case.annotations.facts.get(f"registration/{role}")
    name = f"{ROLE_NAME[role]} to {ROLE_NAME[fixed_image(case)]}"
    if fact is None:
        return f"{name}: not registered, the scanner's geometry is used."
    by = ", by hand" if fact.get("by") == "hand" else ""
    warnings = "".join(f"\n⚠ {w}" for w in fact.get("warnings", ()))
    return f"{name}: moved by {fact['shift_mm']:.1f} mm and {fact['angle_deg']:.1f}°{by}.{warnings}"


def _fill(choice: QComboBox, roles: list[Role | None]) -> None:
    """Offer these images, where others were offered."""
    if [choice.itemData(i) for i in range(choice.count())] != roles:
        kept = choice.currentData()
        choice.clear()
        for role in roles:
            choice.addItem(_ALL if role is None else ROLE_NAME[role], role)
        choice.setCurrentIndex(max(0, choice.findData(kept)))


def _choice() -> QComboBox:
    """A box of choices that shrinks with the dock, so that a long name makes no row wider than it."""
    made = QComboBox()
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    made.setMinimumWidth(64)
    return made
