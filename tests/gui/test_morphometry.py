"""The step Morphometry on a brain of two balls: what is shown is where it is known to be, and what it says is so."""

import itertools
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ball_subject import APART_MM, PIAL_MM, THALAMUS_MM, WHITE_MM, write_ball_subject
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from thaliron_napari.case import Case, open_case
from thaliron_napari.imaging import Volume, write_label_map
from thaliron_napari.measurement import measure_case, write_record
from thaliron_napari.measurement.morphometry import Number
from thaliron_napari.measurement.morphometry.from_t1 import AntsResult
from thaliron_napari.report.segmentation import SURFACE_COLOUR, label_hex
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.plane_view import PlaneView
from thaliron_napari.viewer.planes import Planes
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.morphometry import MorphometryStep


@pytest.fixture
def subject(phantom_case: Case, tmp_path: Path) -> Path:
    """The brain of balls, in the middle of the T1."""
    return write_ball_subject(tmp_path / "freesurfer" / "sub-x", middle_ras(phantom_case))


@pytest.fixture
def hand(panel: Panel) -> Hand:
    return Hand(panel.reading.viewer, panel)


@pytest.fixture
def step(panel: Panel, subject: Path) -> MorphometryStep:
    """The step, the result taken and compared."""
    step: MorphometryStep = panel.step(MorphometryStep)
    panel.open_step(panel.steps.index(step))
    step.take(subject)
    wait_until(lambda: "checks" in step.checks.text(), "the checks")
    return step


def middle_ras(case: Case) -> tuple[float, float, float]:
    grid = case.images["t1"].grid
    x, y, z = grid.world((np.array(grid.shape) - 1) / 2)
    return float(x), float(y), float(z)


def press(hand: Hand, step: MorphometryStep, words: str) -> None:
    hand.press(next(b for b in step.findChildren(QPushButton) if b.text().startswith(words)))


def layer(panel: Panel) -> Any:
    return next((a for a in panel.reading.viewer.layers if a.metadata.get("thaliron") == "segmentation"), None)


def colour_at(panel: Panel, ras: tuple[float, float, float]) -> str:
    """Colour that the layer shows at a point of the world on show."""
    shown = layer(panel)
    index = panel.reading.display.grid.nearest(ras)
    rgba = shown.colormap.map(int(shown.data[index]))
    return "#{:02x}{:02x}{:02x}".format(*(round(255 * float(v)) for v in rgba[:3])) if rgba[3] else ""


def show(panel: Panel, hand: Hand, step: MorphometryStep, words: str) -> None:
    press(hand, step, words)
    wait_until(lambda: not panel.reading.segmentation.being_prepared, "the segmentation")
    QTest.qWait(50)


def test_the_numbers_are_the_files_and_the_checks_say_what_they_compared(
    panel: Panel, step: MorphometryStep, subject: Path
) -> None:
    table = {step.numbers.item(r, 0).text(): r for r in range(step.numbers.rowCount())}
    lines = (subject / "stats" / "aseg.stats").read_text().splitlines()
    volume = next(line.split()[3] for line in lines if "Left-Thalamus" in line)
    row = table["left thalamus"]
    assert [step.numbers.item(row, c).text() for c in (1, 2)] == [volume, "mm³"]
    assert "Left-Thalamus" in step.numbers.item(row, 3).text()
    assert step.numbers.item(table["thickness, by area"], 1).text() == "3.000"
    assert "FreeSurfer 7.4.1" in step.headline.text()
    said = step.checks.text()
    assert said.startswith("✓")
    assert "⚠" not in said, step.checks.toolTip()
    assert panel.headers[panel.open_place].text().endswith("not checked")


def test_the_segmentation_lies_on_the_patient_on_either_grid(panel: Panel, step: MorphometryStep, hand: Hand) -> None:
    show(panel, hand, step, "Segmentation")
    x, y, z = middle_ras(panel.reading.case)
    assert panel.reading.display.grid_name == "flair"
    left, right = (x - APART_MM, y, z), (x + APART_MM, y, z)  # RAS: the patient's left is at smaller x
    assert colour_at(panel, left) == label_hex(10)
    assert colour_at(panel, right) == label_hex(49)
    between = (WHITE_MM + PIAL_MM) / 2
    assert colour_at(panel, (x - APART_MM, y, z + between)) == label_hex(3)
    assert colour_at(panel, (x - APART_MM, y, z + THALAMUS_MM + 3)) == label_hex(2)
    assert colour_at(panel, (x - APART_MM, y, z + PIAL_MM + 3)) == ""

    panel.reading.display.show("qsm")
    wait_until(lambda: not panel.reading.segmentation.being_prepared, "the segmentation on the QSM")
    QTest.qWait(50)
    assert layer(panel).data.shape == panel.reading.display.grid.shape
    assert colour_at(panel, left) == label_hex(10)

    show(panel, hand, step, "Grey matter")
    assert colour_at(panel, left) == colour_at(panel, (x - APART_MM, y, z + between)) != ""  # a thalamus is grey matter
    assert colour_at(panel, (x - APART_MM, y, z + THALAMUS_MM + 3)) == ""
    press(hand, step, "Grey matter")
    assert not layer(panel).visible


def test_what_is_drawn_stays_above_the_segmentation_and_keys_hide_and_fill_it(
    panel: Panel, step: MorphometryStep, hand: Hand
) -> None:
    show(panel, hand, step, "Segmentation")
    names = [a.metadata.get("thaliron") for a in panel.reading.viewer.layers]
    assert names.index("segmentation") < names.index("thalami")
    assert layer(panel).contour == 1
    hand.key(Qt.Key.Key_O)
    assert layer(panel).contour == 0
    canvas_layers = layer(panel)
    hand.key(Qt.Key.Key_O)
    for drawn in (a for a in panel.reading.viewer.layers if hasattr(a, "contour")):
        drawn.contour = 0  # as the 3D view does before, for napari warns of outlines there
    panel.reading.viewer.dims.ndisplay = 3
    assert layer(panel).contour == 0
    panel.reading.viewer.dims.ndisplay = 2
    assert layer(panel).contour == 1
    panel.reading.hide_annotations(True)
    assert not canvas_layers.visible
    assert panel.reading.segmentation.lines(0, 0) == []
    panel.reading.hide_annotations(False)
    assert canvas_layers.visible


def test_surfaces_are_circles_of_the_right_size_on_every_plane_and_painted_there(
    panel: Panel, step: MorphometryStep, hand: Hand
) -> None:
    show(panel, hand, step, "Surfaces")
    grid = panel.reading.display.grid
    x, y, z = middle_ras(panel.reading.case)
    middle = grid.index((x - APART_MM, y, z))  # of the left ball
    for across, off_mm in itertools.product(range(3), (0.0, 10.0)):
        at = round(float(middle[across] + off_mm / grid.spacing[across]))
        height_mm = (at - middle[across]) * grid.spacing[across]
        others = [axis for axis in range(3) if axis != across]
        found = dict.fromkeys(SURFACE_COLOUR.values(), 0)
        for colour, segments in panel.reading.segmentation.lines(across, at):
            away = np.linalg.norm((segments - middle[others]) * grid.spacing[others], axis=-1)
            radius = WHITE_MM if colour == SURFACE_COLOUR["white"] else PIAL_MM
            near = away.max(axis=1, initial=0) < radius + 2  # the other ball's lie farther off
            if near.any():
                assert away[near] == pytest.approx(np.sqrt(radius**2 - height_mm**2), abs=0.15)
                found[colour] += int(near.sum())
        assert min(found.values()) > 100

    panel.reading.display.go_to(np.round(grid.index((x - APART_MM, y, z))))
    QTest.qWait(300)
    planes = panel.window().findChild(Planes)
    view: PlaneView = planes.views["coronal"]
    picture = view.grab().toImage()
    for towards, radius, kind in ((1, PIAL_MM, "pial"), (1, WHITE_MM, "white"), (-1, PIAL_MM, "pial")):
        pixel = view.pixel(grid.index((x - APART_MM + 7, y, z + towards * np.sqrt(radius**2 - 49))))
        near = [
            picture.pixelColor(round(pixel.x()) + dx, round(pixel.y()) + dy).getRgb()[:3]
            for dx in (-1, 0, 1)
            for dy in (-2, -1, 0, 1, 2)
        ]
        wanted = [int(SURFACE_COLOUR[kind][i : i + 2], 16) for i in (1, 3, 5)]
        assert min(np.abs(np.subtract(colour, wanted)).max() for colour in near) < 80


def test_the_mark_goes_into_the_record_and_does_not_hold_for_other_files(
    panel: Panel, step: MorphometryStep, hand: Hand, phantom_case: Case, subject: Path
) -> None:
    assert measure_case(phantom_case).values["morphometry_checked_by"] is None
    press(hand, step, "Checked by eye")
    assert measure_case(phantom_case).values["morphometry_checked_by"] == "a reader without a name"
    assert step.mark.isChecked()
    assert step.done()
    record = json.loads(write_record(phantom_case).read_text())
    assert record["values"]["morphometry"] == "FreeSurfer 7.4.1"
    assert record["values"]["thickness_mm"] == pytest.approx(3.0)
    assert "aseg.stats" in record["came_from"]["fs_thalamus_left_ml"]
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not step.mark.isChecked() or measure_case(phantom_case).values["morphometry_checked_by"] is None
    panel.reading.redo()
    with (subject / "surf" / "lh.pial").open("ab") as file:
        file.write(b"\0")
    step.look_again()
    assert measure_case(phantom_case).values["morphometry_checked_by"] is None
    assert "others than those" in step.marked.text()
    wait_until(lambda: panel.headers[panel.open_place].text().endswith("not checked"), "the step's header", 10)


def test_the_images_on_show_before_come_back_with_another_step(panel: Panel, step: MorphometryStep) -> None:
    images = panel.reading.display.images
    assert images.front == "t1"
    panel.open_step(0)
    assert images.below == "qsm"
    panel.open_step(panel.steps.index(step))
    assert images.front == "t1"


def test_without_a_result_it_says_so_and_offers_nothing_to_look_at(panel: Panel) -> None:
    step: MorphometryStep = panel.step(MorphometryStep)
    panel.open_step(panel.steps.index(step))
    assert "no morphometry" in step.headline.text()
    assert not step.mark.isEnabled()
    assert not step.surfaces.isEnabled()
    assert step.missing() == ""
    assert "morphometry" not in measure_case(panel.reading.case).values


def test_a_damaged_result_is_refused_in_words(panel: Panel, step: MorphometryStep, subject: Path) -> None:
    table = subject / "stats" / "aseg.stats"
    table.write_bytes(table.read_bytes()[:-20])
    step.look_again()
    assert "aseg.stats" in step.headline.text()
    assert step.missing() == "cannot be read"
    assert "gm_ml" not in measure_case(panel.reading.case).values


def test_six_panels_are_looked_through_and_written(
    panel: Panel, step: MorphometryStep, hand: Hand, tmp_path: Path
) -> None:
    press(hand, step, "Six panels")
    dialog = step.dialog
    wait_until(lambda: dialog.picture.pixmap() is not None and not dialog.picture.pixmap().isNull(), "the picture", 30)
    for words in ("Grey matter", "Segmentation", "QSM", "Pial boundary", "Outlines"):
        assert words in dialog.legend.text()
    before = dialog.legend.text()
    QTest.keyClick(dialog.slider, Qt.Key.Key_Right)
    wait_until(lambda: dialog.legend.text() != before, "the next slice", 30)
    dialog.save(tmp_path / "six.png")
    assert (tmp_path / "six.png").read_bytes()[:4] == b"\x89PNG"
    dialog.close()


STAND_IN = """#!{python}
import os, shutil, sys, time
print("recon-all stands in", flush=True)
if os.environ.get("STAND_IN_SLEEPS"):
    time.sleep(60)
where = os.path.join(sys.argv[sys.argv.index("-sd") + 1], sys.argv[sys.argv.index("-s") + 1])
shutil.copytree({made!r}, where)
print("finished without error")
"""


@pytest.fixture
def installed(
    panel: Panel, phantom: dict[str, Path], subject: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MorphometryStep:
    """A stand-in for recon-all on the PATH, and a patient in a dataset that may be written to."""
    root = tmp_path / "data"
    shutil.copytree(phantom["flair"].parents[2], root)
    shutil.rmtree(root / "derivatives", ignore_errors=True)
    program = tmp_path / "bin" / "recon-all"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable, made=str(subject)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    images = {role: root / path.relative_to(phantom["flair"].parents[2]) for role, path in phantom.items()}
    panel.reading.open(open_case([], images=images))
    step: MorphometryStep = panel.step(MorphometryStep)
    panel.open_step(panel.steps.index(step))
    return step


def test_a_program_on_the_path_is_run_and_its_result_read(
    panel: Panel, installed: MorphometryStep, hand: Hand, told: Callable[[], list[str]]
) -> None:
    run = installed.run
    run.way.setCurrentIndex(run.way.findText("FreeSurfer recon-all"))
    press(hand, installed, "Compute")
    wait_until(lambda: installed.numbers.rowCount() > 0, "the result", 30)
    assert "FreeSurfer 7.4.1" in installed.headline.text()
    assert list(run.log) == ["recon-all stands in", "finished without error"]
    assert any("derivatives/freesurfer/sub-phantom" in words for words in told())
    press(hand, installed, "Compute")  # it is there now, and is not written over
    wait_until(lambda: any("exists already" in words for words in told()), "the refusal", 30)


def test_a_program_can_be_stopped(
    panel: Panel, installed: MorphometryStep, hand: Hand, told: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_SLEEPS", "1")
    run = installed.run
    run.way.setCurrentIndex(run.way.findText("FreeSurfer recon-all"))
    press(hand, installed, "Compute")
    wait_until(lambda: len(run.log) > 0, "the first line", 30)
    press(hand, installed, "Cancel")
    wait_until(lambda: run.start.isVisible(), "the end", 30)
    assert any("stopped" in words for words in told())
    assert not any("is in" in words for words in told())  # a result
    assert installed.numbers.rowCount() == 0


def test_numbers_of_ants_are_computed_beside_the_window_and_stand_under_their_own_names(
    panel: Panel, phantom_case: Case, hand: Hand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """ANTs itself is stood in for: it takes minutes."""
    asked: dict[str, Any] = {}
    t1 = phantom_case.images["t1"]

    def compute(t1: Volume, **given: Any) -> AntsResult:
        asked.update(given)
        given["progress"](0.4, "measuring cortical thickness (DiReCT)")
        numbers = {"ants_gm_ml": Number(600.25, "sum"), "ants_thickness_mm": Number(2.75, "mean")}
        maps = np.ones(t1.data.shape, np.uint8), np.ones(t1.data.shape, np.float32)
        return AntsResult(t1, *maps, numbers, "ANTs 0.5.3 (N4, DiReCT)")

    monkeypatch.setattr("thaliron_napari.measurement.morphometry.for_case.morphometry_from_t1", compute)
    mask = tmp_path / "brain.nii.gz"
    write_label_map(mask, (t1.data > np.percentile(t1.data, 60)).astype(np.uint8), t1)
    dialog = "thaliron_napari.viewer.morphometry_run.QFileDialog.getOpenFileName"
    monkeypatch.setattr(dialog, lambda *_a: (str(mask), ""))
    step: MorphometryStep = panel.step(MorphometryStep)
    panel.open_step(panel.steps.index(step))
    press(hand, step, "Brain…")
    assert step.run.brain.text() == "Brain: brain.nii.gz"
    press(hand, step, "Compute")
    wait_until(lambda: step.numbers.rowCount() > 0, "the result", 30)
    np.testing.assert_array_equal(asked["mask"], t1.data > np.percentile(t1.data, 60))
    assert asked["lesions"] is None
    shown = {step.numbers.item(r, 0).text(): step.numbers.item(r, 1).text() for r in range(step.numbers.rowCount())}
    assert shown == {"grey matter, ANTs": "600.2", "thickness, ANTs": "2.750"}
    values = measure_case(phantom_case).values
    assert (values["ants_gm_ml"], values["ants_thickness_mm"]) == (600.25, 2.75)
    assert not {"gm_ml", "thickness_mm", "morphometry"} & set(values)
    assert phantom_case.folder is not None
    assert (phantom_case.folder / f"{phantom_case.stem}_desc-ants_dseg.nii.gz").exists()
