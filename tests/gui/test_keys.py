"""Keys by real events, whichever layer is active and whatever napari has them for; and the sheet that lists them."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from thaliron_napari.case import Case
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.key_sheet import shown
from thaliron_napari.viewer.keys import attach, key_groups
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.reading import Reading
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.csf import CsfStep
from thaliron_napari.viewer.steps.fusion import FusionStep
from thaliron_napari.viewer.steps.lesions import LesionStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep
from thaliron_napari.viewer.tools import TOOLS

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


@pytest.fixture
def hand(panel: Panel) -> Hand:
    wait_until(lambda: "thalami" in [layer.name for layer in panel.reading.viewer.layers], "the layers")
    QTest.qWait(300)
    return Hand(panel.reading.viewer, panel)


def open_step(panel: Panel, kind: type) -> None:
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, kind)))


def visible(panel: Panel) -> dict[str, bool]:
    return {layer.name: layer.visible for layer in panel.reading.viewer.layers}


def take_keyboard(hand: Hand) -> None:
    """Have the window active and the keyboard on the canvas, as after a click on it."""
    hand.canvas.window().activateWindow()
    hand.canvas.setFocus()
    wait_until(hand.canvas.hasFocus, "the keyboard")


def send(hand: Hand, kind: QEvent.Type, key: Qt.Key, *, repeats: bool = False) -> None:
    QApplication.sendEvent(hand.canvas, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, chr(key).lower(), repeats))


def test_a_tools_key_opens_its_step_and_shows_its_image(panel: Panel, hand: Hand) -> None:
    reading = panel.reading
    for key, tool, step, grid in (
        (Qt.Key.Key_N, "nudge", ThalamusStep, "qsm"),
        (Qt.Key.Key_S, "seed", LesionStep, "flair"),
        (Qt.Key.Key_C, "csf", CsfStep, "qsm"),
        (Qt.Key.Key_E, "erase", ThalamusStep, "qsm"),
    ):
        hand.key(key)
        assert reading.tool == tool
        assert isinstance(panel.steps[panel.open_place], step)
        assert reading.display.grid_name == grid
    open_step(panel, FusionStep)
    assert reading.tool == "look"


def test_a_tool_draws_on_no_other_grid_than_its_own(
    panel: Panel, phantom_case: Case, hand: Hand, told: Callable[[], list[str]]
) -> None:
    hand.key(Qt.Key.Key_D)
    panel.reading.display.show("flair")
    hand.drag([(90, 50), (90, 70), (110, 70), (110, 50)])
    assert not phantom_case.done
    assert told() == ["Draw draws on the QSM, which is on show now."]
    hand.drag([(90, 50), (90, 70), (110, 70), (110, 50)])
    assert len(phantom_case.done) == 1


def test_space_goes_back_and_forth_between_two_tools(panel: Panel, hand: Hand) -> None:
    reading = panel.reading
    open_step(panel, ThalamusStep)
    hand.key(Qt.Key.Key_D)
    hand.key(Qt.Key.Key_N)
    for expected in ("draw", "nudge", "draw"):
        hand.key(Qt.Key.Key_Space)
        assert reading.tool == expected
    hand.key(Qt.Key.Key_Escape)
    assert reading.tool == "look"
    hand.key(Qt.Key.Key_Space)  # what was put down is taken up again
    assert reading.tool == "draw"
    hand.key(Qt.Key.Key_Space)
    assert reading.tool == "nudge"


@pytest.mark.parametrize("active", ["ours", "another plugin's", "none"])
def test_keys_are_ours_whichever_layer_is_active(panel: Panel, hand: Hand, active: str) -> None:
    reading, viewer = panel.reading, panel.reading.viewer
    open_step(panel, ThalamusStep)
    other = viewer.add_labels(np.zeros(reading.display.grid.shape, np.uint8), scale=reading.display.grid.spacing)
    other.mode = "paint"
    other.brush_size, other.selected_label = 7, 3
    viewer.layers.selection.active = {"ours": viewer.layers["thalami"], "another plugin's": other, "none": None}[active]
    images = reading.display.images
    images.set_share(0.0)
    modes = {layer.name: layer.mode for layer in viewer.layers}

    hand.key(Qt.Key.Key_D)
    hand.key(Qt.Key.Key_N)
    QTest.keyPress(hand.canvas, Qt.Key.Key_Space)
    assert reading.tool == "draw"
    assert {layer.name: layer.mode for layer in viewer.layers} == modes
    QTest.qWait(600)  # held for longer than napari takes for a tap
    QTest.keyRelease(hand.canvas, Qt.Key.Key_Space)
    assert reading.tool == "draw"
    for key, expected in ((Qt.Key.Key_2, (-50, 100)), (Qt.Key.Key_3, (-150, 150)), (Qt.Key.Key_1, (-100, 200))):
        hand.key(key)
        assert images.limits("qsm") == expected
    hand.key(Qt.Key.Key_BracketRight)
    hand.key(Qt.Key.Key_X)
    assert images.share == 1.0
    QTest.keyPress(hand.canvas, Qt.Key.Key_H)
    assert not viewer.layers["thalami"].visible
    QTest.keyRelease(hand.canvas, Qt.Key.Key_H)
    assert viewer.layers["thalami"].visible
    QTest.keyClick(hand.canvas, Qt.Key.Key_F1)
    assert panel.window_row.sheet is not None
    assert panel.window_row.sheet.isVisible()
    panel.window_row.sheet.hide()
    assert (other.mode, other.brush_size, other.selected_label) == ("paint", 7, 3)


def test_the_keys_go_with_the_dock(qapp: QApplication) -> None:
    """What napari and another plugin had them for is theirs again."""
    viewer = ViewerModel()
    early = viewer.add_labels(np.zeros((3, 4, 5), np.uint8))
    early.bind_key("N", lambda _layer: None)
    before = dict(viewer.keymap), dict(early.keymap)
    assert before[1]
    detach = attach(Reading(viewer))
    late = viewer.add_labels(np.zeros((3, 4, 5), np.uint8))
    assert set(early.keymap) == set(late.keymap) == set(viewer.keymap) >= set(before[1])
    assert early.keymap != before[1]
    gone = viewer.layers.pop()
    assert not gone.keymap
    detach()
    assert (dict(viewer.keymap), dict(early.keymap)) == before
    assert not viewer.add_labels(np.zeros((3, 4, 5), np.uint8)).keymap


def test_all_that_is_drawn_hides_while_h_is_held(panel: Panel, hand: Hand) -> None:
    viewer = panel.reading.viewer
    open_step(panel, CsfStep)
    viewer.add_points(np.zeros((1, 3)), name="theirs")
    viewer.layers["CSF"].visible = False
    before = visible(panel)
    send(hand, QEvent.Type.KeyPress, Qt.Key.Key_H)
    hidden = visible(panel)
    for _ in range(3):  # as a held key comes from the keyboard
        send(hand, QEvent.Type.KeyRelease, Qt.Key.Key_H, repeats=True)
        send(hand, QEvent.Type.KeyPress, Qt.Key.Key_H, repeats=True)
        assert visible(panel) == hidden
    assert {name for name in before if before[name] != hidden[name]} == {"thalami", "lesions"}
    send(hand, QEvent.Type.KeyRelease, Qt.Key.Key_H)
    assert visible(panel) == before


def test_nothing_stays_hidden_when_the_keyboard_goes_elsewhere(panel: Panel, hand: Hand) -> None:
    before = visible(panel)
    take_keyboard(hand)
    QTest.keyPress(hand.canvas, Qt.Key.Key_H)
    assert visible(panel) != before
    panel.window_row.low.setFocus()
    wait_until(lambda: visible(panel) == before, "what was drawn")
    QTest.keyRelease(panel.window_row.low, Qt.Key.Key_H)
    hand.key(Qt.Key.Key_H)  # the next one hides and shows as ever
    assert visible(panel) == before


def test_a_layer_deleted_while_h_is_held_harms_nothing(panel: Panel, hand: Hand) -> None:
    viewer = panel.reading.viewer
    QTest.keyPress(hand.canvas, Qt.Key.Key_H)
    viewer.layers.remove("thalami")
    QTest.keyRelease(hand.canvas, Qt.Key.Key_H)
    panel.reading.display.show("flair")
    assert viewer.layers["lesions"].visible


def test_the_sheet_opens_and_closes_by_key_and_button(panel: Panel, hand: Hand) -> None:
    row = panel.window_row
    take_keyboard(hand)
    QTest.keyClick(hand.canvas, Qt.Key.Key_Question)
    assert row.sheet is not None
    assert row.sheet.isVisible()
    assert not row.sheet.isModal()
    hand.key(Qt.Key.Key_N)  # reading goes on beside it
    assert panel.reading.tool == "nudge"
    for key in (Qt.Key.Key_Escape, Qt.Key.Key_Question, Qt.Key.Key_F1):
        take_keyboard(hand)
        row.sheet.show()
        QTest.qWait(100)
        row.sheet.activateWindow()
        wait_until(row.sheet.isActiveWindow, "the sheet")
        QTest.keyClick(row.sheet, key)
        assert not row.sheet.isVisible(), key
    hand.press(row.keys)
    assert row.sheet.isVisible()
    hand.press(row.keys)
    assert not row.sheet.isVisible()


def test_every_key_stands_in_the_sheet_the_tooltips_and_the_guide(panel: Panel, hand: Hand) -> None:
    hand.press(panel.window_row.keys)
    sheet = panel.window_row.sheet
    assert sheet is not None
    table = GUIDE.read_text("utf-8").split("## Keys")[1].split("\n## ")[0]
    in_guide = {key.strip() for row in table.splitlines() if row.startswith("| ") for key in split_keys(row)}
    for title, group in key_groups(panel.reading).items():
        for key, action in group.items():
            assert sheet.groups[title][shown(key)] == action.words
            assert shown(key).replace(" ", "") in in_guide, key
    for tool in TOOLS.values():
        assert sheet.groups["Tools"][tool.key].startswith(tool.title)
    sheet.hide()


def split_keys(row: str) -> list[str]:
    """Keys of one row of the guide's table, without blanks."""
    return [key.replace(" ", "") for key in re.split(", | and ", row.split("|")[1].strip())]
