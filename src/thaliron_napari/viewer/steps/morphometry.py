"""Step 6: volumes and thickness of the brain by FreeSurfer or its kin: read, seen over the images, checked by eye."""

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QPushButton

from thaliron_napari.case import Case, Role
from thaliron_napari.case.morphometry import check_by_eye, result_of, take_result
from thaliron_napari.measurement.morphometry import (
    ANTS_NUMBERS,
    NUMBERS,
    Check,
    Number,
    check_volumes,
    compare_thickness,
)
from thaliron_napari.measurement.morphometry.of_case import CaseMorphometry, morphometry_of_case
from thaliron_napari.viewer import colours
from thaliron_napari.viewer.morphometry_dialog import MorphometryDialog
from thaliron_napari.viewer.morphometry_run import MorphometryRun
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.segmentation import Overlay
from thaliron_napari.viewer.steps.step import Step, button, fill_table, narrow, table, text
from thaliron_napari.viewer.work import run_in_background

_TABLES = "SynthSeg's volumes (*.csv)"
_CHECK = "Checked by eye"
_WORDS = {
    "fs_thalamus_left_ml": "left thalamus",
    "fs_thalamus_right_ml": "right thalamus",
    "fs_thalamus_ml": "both thalami",
    "gm_ml": "grey matter",
    "thickness_mm": "thickness, by area",
    "thickness_plain_mm": "thickness, plain",
    "thickness_vertex_mm": "thickness, vertices",
    "etiv_ml": "intracranial (eTIV)",
    "ants_gm_ml": "grey matter, ANTs",
    "ants_thickness_mm": "thickness, ANTs",
}
_HINT = "Read from FreeSurfer, FastSurfer or SynthSeg among the derivatives, or computed here from the T1."


class MorphometryStep(Step):
    """Volumes and thickness, each with where it came from; the segmentation and the surfaces over the images."""

    title = "Morphometry"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        reading.segmentation.attach(self)
        self.headline = text(_HINT)
        self.column.addWidget(self.headline)
        self.add_row(
            *narrow(
                button("Folder…", "Take the folder of a FreeSurfer or FastSurfer subject.", self.ask_folder),
                button("SynthSeg…", "Take SynthSeg's table of volumes.", self.ask_table),
                button("Look again", "Look through the derivatives and read the files anew.", self.look_again),
            )
        )
        self.numbers = table(["Number", "Value", "Unit", "From"])
        self.numbers.setMinimumHeight(210)
        self.column.addWidget(self.numbers)
        self.checks = text()
        self.column.addWidget(self.checks)
        self.overlays: dict[Overlay, QPushButton] = {
            "segmentation": self._overlay("Segmentation", "The label map over the images. O turns outlines and fill."),
            "grey matter": self._overlay("Grey matter", "What counts as grey matter, over the images."),
        }
        self.surfaces = button("Surfaces", "Pial (red) and white (yellow) surfaces on all planes.", self._toggle_lines)
        self.surfaces.setCheckable(True)
        self.six = button("Six panels…", "T1, masks, QSM, surfaces and outlines side by side.", self.show_six)
        self.add_row(*narrow(*self.overlays.values(), self.surfaces))
        self.mark = button(
            _CHECK, "Say that you looked at masks and surfaces; your name goes into the record.", self.toggle_mark
        )
        self.mark.setCheckable(True)
        self.marked = text()
        self.add_row(self.six, self.mark, self.marked)
        self.run = MorphometryRun(reading)
        self.run.ended.connect(self.look_again)
        self.column.addWidget(self.run)
        self._compared: tuple[Case | None, Path | None] = (None, None)
        self._found: list[Check] = []
        self._before: tuple[Case, Role, Role | None, float] | None = None
        self.dialog: MorphometryDialog | None = None
        reading.segmentation.changed.connect(self._show_overlays)

    def enter(self) -> None:
        """Bring the T1 to the front, look for results, and have them compared with what can be computed."""
        super().enter()
        case, display = self.reading.case, self.reading.display
        if case is None:
            return
        if "flair" in case.images:  # it shows the whole head, of which a QSM may be a slab
            display.show("flair")
        images = display.images
        if "t1" in case.images and images.front != "t1":
            self._before = case, images.below, images.over, images.share
            images.set_roles("t1", images.over)
            images.set_share(0.0)
            self.reading.blend_changed.emit()
        morphometry_of_case(case, again=True)
        self.run.look_for_programs()
        self.reading.segmentation.lay()
        self._compare(case)

    def leave(self) -> None:
        """Show the images that were on show before the T1."""
        if self._before is not None and self._before[0] is self.reading.case:
            _case, below, over, share = self._before
            self.reading.display.images.set_roles(below, over)
            self.reading.display.images.set_share(share)
            self.reading.blend_changed.emit()
        self._before = None

    def look_again(self) -> None:
        """Read the files anew."""
        case = self.reading.case
        if case is None:
            return
        morphometry_of_case(case, again=True)
        self._compared = (None, None)
        self.reading.segmentation.again()
        self._compare(case)
        self.refresh()
        self.reading.morphometry_read.emit()

    def ask_folder(self) -> None:
        """Let the reader choose a subject's folder."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of one FreeSurfer or FastSurfer subject")
        if folder:
            self.take(Path(folder))

    def ask_table(self) -> None:
        """Let the reader choose SynthSeg's table."""
        path, _ = QFileDialog.getOpenFileName(self, "SynthSeg's table of volumes", "", _TABLES)
        if path:
            self.take(Path(path))

    def take(self, path: Path) -> None:
        """Take a result."""
        if self.reading.make(lambda case: take_result(case, path)):
            self.look_again()

    def toggle_mark(self) -> None:
        """Say that masks and surfaces were checked by eye, or take that back."""
        case = self.reading.case
        checked = case is not None and morphometry_of_case(case).checked_by is not None
        self.reading.make(lambda case: check_by_eye(case, not checked))
        self.refresh()

    def show_six(self) -> None:
        """Show the six panels in a window of their own."""
        case = self.reading.case
        if case is not None:
            self.dialog = MorphometryDialog(case, self)
            self.dialog.show()

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        case = self.reading.case
        if case is None:
            return
        found = morphometry_of_case(case)
        self.headline.setText(_headline(case, found))
        rows = [item for result in found.results for item in result.numbers.items()]
        fill_table(self.numbers, [_cells(name, number) for name, number in rows])
        for row, (name, number) in enumerate(rows):
            for column in range(4):
                tip = number.source if column == 3 else f"{name}: {_MEANINGS[name][0]}"
                self.numbers.item(row, column).setToolTip(tip)
        self.checks.setText(_summary(self._found))
        self.checks.setToolTip("\n".join(f"{'✓' if check.agrees else '⚠'} {check.words}" for check in self._found))
        self.checks.setVisible(bool(self._found))
        self._show_mark(found)
        self._show_overlays()
        self.run.refresh()

    def done(self) -> bool:
        """Whether there are numbers, and the reader checked what they come from."""
        case = self.reading.case
        return case is not None and morphometry_of_case(case).checked_by is not None

    def missing(self) -> str:
        """What is missing, in short; without a result nothing is, for not every case has one."""
        case = self.reading.case
        if case is None:
            return ""
        found = morphometry_of_case(case)
        if found.refused:
            return "cannot be read"
        return "not checked" if found.results and found.checked_by is None else ""

    def next(self) -> str:
        """What is missing."""
        return "look at the segmentation and mark it as checked" if self.missing() == "not checked" else ""

    def _overlay(self, kind: str, tip: str) -> QPushButton:
        made = button(kind, tip, lambda: self._toggle(kind.lower()))
        made.setCheckable(True)
        return made

    def _toggle(self, kind: Any) -> None:
        segmentation = self.reading.segmentation
        segmentation.show("" if segmentation.overlay == kind else kind)

    def _toggle_lines(self) -> None:
        segmentation = self.reading.segmentation
        segmentation.show_surfaces(not segmentation.surfaces)

    def _show_overlays(self) -> None:
        segmentation, case = self.reading.segmentation, self.reading.case
        has_result = case is not None and result_of(case) is not None
        for kind, made in self.overlays.items():
            made.setChecked(segmentation.overlay == kind)
            made.setEnabled(has_result)
        self.surfaces.setChecked(segmentation.surfaces)
        self.surfaces.setEnabled(has_result)
        self.surfaces.setText("Preparing …" if segmentation.being_prepared else "Surfaces")
        self.six.setEnabled(has_result)

    def _show_mark(self, found: CaseMorphometry) -> None:
        self.mark.setEnabled(bool(found.results))
        self.mark.setChecked(found.checked_by is not None)
        words = f"by {found.checked_by}" if found.checked_by else ""
        if not found.is_as_checked:
            words = f"<span style='color:{colours.WARNING}'>the files are others than those that were checked</span>"
        self.marked.setText(words)

    def _compare(self, case: Case) -> None:
        """Compare with what can be counted and computed, beside the window, once for a result."""
        path = result_of(case)
        if self._compared == (case, path):
            return
        self._compared, self._found = (case, path), []
        if path is None or not path.is_dir():
            return

        def finished(checks: list[Check]) -> None:
            if self._compared == (case, path):
                self._found = checks
                self.refresh()

        run_in_background(
            lambda _progress: [*check_volumes(path), *compare_thickness(path)], owner=self, finished=finished
        )


_MEANINGS = NUMBERS | ANTS_NUMBERS


def _summary(checks: list[Check]) -> str:
    """How many agree; those that do not in full; nothing before they were made."""
    if not checks:
        return ""
    wrong = [f"⚠ {check.words}" for check in checks if not check.agrees]
    agree = len(checks) - len(wrong)
    return "<br>".join([f"✓ {agree} of {len(checks)} checks against label map and surfaces agree", *wrong])


def _headline(case: Case, found: CaseMorphometry) -> str:
    if found.refused:
        return f"<span style='color:{colours.WARNING}'>{found.refused}</span>"
    if not found.results:
        return f"There is no morphometry of {case.name}. {_HINT}"
    return "<br>".join(f"<b>{result.program}</b> – {result.path.name}" for result in found.results)


def _cells(name: str, number: Number) -> list[str]:
    """Name, value and unit as shown, and where it came from. Thalami in mm³, as FreeSurfer states them."""
    unit, value = _MEANINGS[name][1], number.value
    if name.startswith("fs_thalamus"):
        unit, value = "mm³", None if value is None else 1000 * value
    shown = "–" if value is None else f"{value:.3f}" if unit == "mm" else f"{value:.1f}"
    return [_WORDS[name], shown, unit, number.source]
