"""From case to case by mouse and keys: nothing drawn is lost, and the list says how far each reading is."""

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QThreadPool, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QInputDialog

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.case.images import Found
from thaliron_napari.case.opening import open_found
from thaliron_napari.case.worklist import flag
from thaliron_napari.viewer import ahead, opening
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.case_steps import FlagDialog
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.study import StudyStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep
from thaliron_napari.viewer.worklist import state_text

CONTROL = Qt.KeyboardModifier.ControlModifier
SUFFIX: dict[Role, str] = {"qsm": "Chimap", "flair": "FLAIR", "t1": "T1w"}


@pytest.fixture
def dataset(phantom: dict[Role, Path], tmp_path: Path) -> Path:
    """Three subjects."""
    root = tmp_path / "study"
    for subject in ("1", "2", "10"):
        anat = root / f"sub-{subject}" / "anat"
        anat.mkdir(parents=True)
        for role in ("qsm", "flair"):
            shutil.copy(phantom[role], anat / f"sub-{subject}_{SUFFIX[role]}.nii.gz")
    return root


@pytest.fixture
def window(make_napari_viewer_proxy: Callable[..., Any]) -> Iterator[Panel]:
    """A window without a case."""
    gc.freeze()  # as the program does: napari collects garbage with each layer that goes
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(900, 900)
    yield make_window(viewer=viewer)
    QThreadPool.globalInstance().waitForDone(30_000)
    gc.unfreeze()


@pytest.fixture
def study(window: Panel, dataset: Path) -> StudyStep:
    """The study step with the worklist of the dataset."""
    step = window.step(StudyStep)
    step.open([dataset], {})
    wait_until(lambda: step.worklist.isVisible(), "the worklist")
    return step


def shown(study: StudyStep, column: int = 0) -> list[str]:
    order = study.worklist.order
    return [order.index(row, column).data() for row in range(order.rowCount())]


def double_click(study: StudyStep, row: int) -> None:
    table = study.worklist.table
    at = table.visualRect(study.worklist.order.index(row, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)


def settle(panel: Panel, name: str) -> None:
    def is_open() -> bool:
        case = panel.reading.case
        return case is not None and case.name == name and not panel.reading.opening

    wait_until(is_open, name)


def draw(panel: Panel) -> None:
    """Draw a contour by hand on the slice on show."""
    panel.open_step(next(i for i, s in enumerate(panel.steps) if isinstance(s, ThalamusStep)))
    QTest.qWait(250)
    Hand(panel.reading.viewer, panel).drag([(90, 50), (90, 70), (110, 70), (110, 50)])


def test_from_case_to_case_nothing_is_lost(window: Panel, study: StudyStep, dataset: Path) -> None:
    assert shown(study) == ["sub-1", "sub-2", "sub-10"]
    assert shown(study, 1) == ["Q F"] * 3
    assert shown(study, 2) == ["not begun"] * 3
    assert window.reading.case is None

    double_click(study, 1)
    assert "opening sub-2" in window.case_label.text()
    settle(window, "sub-2")
    assert "opening" not in window.case_label.text()
    draw(window)
    second = window.reading.case
    assert second is not None
    drawn = second.annotations.maps["thalami"].copy()
    assert drawn.any()

    hand = Hand(window.reading.viewer, window)
    hand.key(Qt.Key.Key_PageDown, CONTROL)
    settle(window, "sub-10")
    assert window.reading.case is not None
    assert not window.reading.case.annotations.maps["thalami"].any()
    anat = dataset / "derivatives" / "thaliron" / "sub-2" / "anat"
    wait_until(lambda: shown(study, 2)[1] != "not begun", "the files of the case that was left")
    assert (anat / "sub-2_space-QSM_desc-thalamus_dseg.nii.gz").exists()
    assert shown(study, 2) == ["not begun", "0/6 no fusion, thalami, CSF, lesions", "not begun"]

    hand.key(Qt.Key.Key_PageDown, CONTROL)
    QTest.qWait(50)
    assert window.reading.case.name == "sub-10"  # there is none after it
    hand.key(Qt.Key.Key_PageUp, CONTROL)
    settle(window, "sub-2")
    np.testing.assert_array_equal(window.reading.case.annotations.maps["thalami"], drawn)

    # Finished ones are passed over, and going on by the key says so of this one.
    hand.key(Qt.Key.Key_Return, CONTROL)
    settle(window, "sub-10")
    assert shown(study, 2)[1] == "✓ done"
    assert study.worklist.count.text() == "3 cases, 1 done"
    above = study.worklist.unread(-1, "sub-10")
    assert above is not None
    assert above.name == "sub-1"


def test_the_next_case_is_read_ahead_and_read_anew_when_it_was_changed_since(
    window: Panel, study: StudyStep, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "_QUIET_MS", 20)
    read_now: list[str] = []

    def open_now(found: Found, **options: Any) -> Case:
        read_now.append(found.case.name if found.case else "")
        return open_found(found, **options)

    monkeypatch.setattr(opening, "open_found", open_now)

    def wait_for(name: str) -> None:
        wait_until(lambda: study.opener.ahead.ready.endswith(name), f"{name} to be read ahead")

    hand = Hand(window.reading.viewer, window)
    double_click(study, 0)
    settle(window, "sub-1")
    wait_for("sub-2")
    work = dataset / "derivatives" / "thaliron"
    assert not (work / "sub-2").exists()  # neither a lock nor a journal
    hand.key(Qt.Key.Key_PageDown, CONTROL)
    settle(window, "sub-2")
    assert read_now == ["sub-1"]
    draw(window)  # it is ours to change
    assert window.reading.case is not None
    assert len(window.reading.case.done) == 1

    wait_for("sub-10")
    elsewhere = open_case([dataset / "sub-10"])
    elsewhere.apply(flag(elsewhere, "motion"))
    elsewhere.apply(flag(elsewhere, None))
    assert elsewhere.close()
    hand.key(Qt.Key.Key_PageDown, CONTROL)
    settle(window, "sub-10")
    assert read_now == ["sub-1", "sub-10"]
    assert len(window.reading.case.done) == 2

    # Upwards the case before this one is next; with another reader none of this one's.
    hand.key(Qt.Key.Key_PageUp, CONTROL)
    settle(window, "sub-2")
    wait_for("sub-1")
    shutil.copy(dataset / "sub-2" / "anat" / "sub-2_FLAIR.nii.gz", dataset / "sub-1" / "anat" / "sub-1_FLAIR.nii.gz")
    hand.key(Qt.Key.Key_PageUp, CONTROL)
    settle(window, "sub-1")
    assert read_now[-1] == "sub-1"
    study.worklist.filter.setText("sub-2")
    wait_until(lambda: not study.opener.ahead.ready, "nothing above sub-2")
    study.worklist.filter.clear()
    study._going = 1
    study.opener.ahead.plan()
    wait_for("sub-2")
    study.read_as("Anna")
    wait_until(lambda: window.reading.reader == "Anna", "Anna")
    assert not study.opener.ahead.ready


def test_a_flagged_case_is_passed_over_found_by_the_filter_and_done_in_the_end(window: Panel, study: StudyStep) -> None:
    hand = Hand(window.reading.viewer, window)
    double_click(study, 0)
    settle(window, "sub-1")

    def answer(words: str) -> None:
        dialog = window.findChild(FlagDialog)
        assert dialog is not None
        line = dialog.reason.lineEdit()
        line.selectAll()
        QTest.keyClicks(line, words)
        QTest.keyClick(line, Qt.Key.Key_Return)

    hand.key(Qt.Key.Key_Return, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    assert not study.steps.flagged.isChecked()
    answer("  moved in  the FLAIR ")
    settle(window, "sub-2")
    assert shown(study, 2) == ["⚑ flagged: moved in the FLAIR", "not begun", "not begun"]
    assert study.worklist.count.text() == "3 cases, 0 done, 1 flagged"
    above = study.worklist.unread(-1, "sub-2")
    assert above is None

    hand.press(study.steps.flagged)
    dialog = window.findChild(FlagDialog)
    assert dialog is not None
    assert dialog.reason.itemText(1) == "moved in the FLAIR"
    dialog.reject()
    assert shown(study, 2)[1] == "not begun"
    assert not study.steps.flagged.isChecked()
    QTest.qWait(10)

    QTest.keyClicks(study.worklist.filter, "flagged flair")
    assert shown(study) == ["sub-1"]
    QTest.keyClick(study.worklist.filter, Qt.Key.Key_Return)
    settle(window, "sub-1")
    study.worklist.filter.clear()
    assert study.steps.flagged.isChecked()
    window.reading.undo()
    assert not study.steps.flagged.isChecked()
    assert shown(study, 2)[0] == "not begun"
    window.reading.redo()
    hand.press(study.steps.finished)
    assert (study.steps.flagged.isChecked(), study.steps.finished.isChecked()) == (False, True)
    assert shown(study, 2)[0] == "✓ done"
    window.reading.undo()
    hand.press(study.steps.flagged)
    assert shown(study, 2)[0] == "not begun"


def test_keys_work_while_the_list_has_the_focus(window: Panel, study: StudyStep) -> None:
    table = study.worklist.table
    QTest.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(table.model().index(0, 0)).center()
    )
    assert window.window().focusWidget() is table
    QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.keyClick(table, Qt.Key.Key_Return)
    settle(window, "sub-2")
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_PageDown, CONTROL)
    settle(window, "sub-10")


def test_the_filter_leaves_what_holds_its_words_and_enter_opens_it(window: Panel, study: StudyStep) -> None:
    QTest.keyClicks(study.worklist.filter, "not begun")
    assert shown(study) == ["sub-1", "sub-2", "sub-10"]
    study.worklist.filter.clear()
    QTest.keyClicks(study.worklist.filter, "Q 2")
    assert shown(study) == ["sub-2"]
    assert study.worklist.count.text() == "1 of 3 cases, 0 done"
    QTest.keyClick(study.worklist.filter, Qt.Key.Key_Return)
    settle(window, "sub-2")


def test_the_case_asked_for_last_is_opened_and_the_window_lives_meanwhile(window: Panel, study: StudyStep) -> None:
    beats: list[None] = []
    clock = QTimer()
    clock.timeout.connect(lambda: beats.append(None))
    clock.start(5)
    for row in (0, 1, 2):
        double_click(study, row)
    settle(window, "sub-10")
    QTest.qWait(300)
    assert window.reading.case is not None
    assert window.reading.case.name == "sub-10"
    assert len(beats) > 5


def test_what_cannot_be_opened_is_told_and_the_open_case_stays(
    window: Panel, study: StudyStep, dataset: Path, told: Callable[[], list[str]]
) -> None:
    double_click(study, 0)
    settle(window, "sub-1")
    case = window.reading.case
    broken = dataset / "sub-2" / "anat" / "sub-2_FLAIR.nii.gz"
    broken.write_bytes(broken.read_bytes()[:5000])
    double_click(study, 1)
    wait_until(lambda: bool(told()), "the error")
    QTest.qWait(50)
    assert [broken.name in message for message in told()] == [True]
    assert window.reading.case is case
    assert "opening" not in window.case_label.text()
    Hand(window.reading.viewer, window).key(Qt.Key.Key_PageDown, CONTROL)  # on from the broken one
    settle(window, "sub-10")


def test_a_question_is_asked_once_and_its_answer_kept(
    window: Panel, study: StudyStep, dataset: Path, phantom: dict[Role, Path]
) -> None:
    for subject in ("1", "2"):
        anat = dataset / f"sub-{subject}" / "anat"
        for kind in ("a", "b"):
            shutil.copy(phantom["t1"], anat / f"sub-{subject}_acq-{kind}_T1w.nii.gz")
    asked: list[list[str]] = []

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QInputDialog):
            QTimer.singleShot(50, answer)
            return
        asked.append(dialog.comboBoxItems())
        dialog.setTextValue(dialog.comboBoxItems()[1])
        dialog.accept()

    QTimer.singleShot(50, answer)
    double_click(study, 0)
    settle(window, "sub-1")
    assert asked == [["sub-1_acq-a_T1w.nii.gz", "sub-1_acq-b_T1w.nii.gz"]]
    Hand(window.reading.viewer, window).key(Qt.Key.Key_PageDown, CONTROL)
    settle(window, "sub-2")
    assert len(asked) == 1
    for subject in ("1", "2"):  # and another day too
        case = open_case([dataset / f"sub-{subject}"])
        source = case.images["t1"].source
        assert source is not None
        assert source.path.name == f"sub-{subject}_acq-b_T1w.nii.gz"
    assert shown(study, 2) == ["not begun"] * 3


def test_a_file_chosen_by_hand_is_taken_again_and_no_edit_is_lost(
    window: Panel, study: StudyStep, dataset: Path, phantom: dict[Role, Path]
) -> None:
    other = dataset / "sub-1" / "anat" / "sub-1_acq-other_T1w.nii.gz"
    shutil.copy(phantom["t1"], other)
    shutil.copy(phantom["t1"], dataset / "sub-1" / "anat" / "sub-1_T1w.nii.gz")
    double_click(study, 0)
    settle(window, "sub-1")
    before = window.reading.case
    assert before is not None
    study.choose("t1", other)
    window.reading.toggle_finished()  # while the case is being read again
    wait_until(lambda: window.reading.case is not before, "the other T1")
    settle(window, "sub-1")
    case = window.reading.case
    assert case is not None
    assert case.folder == before.folder
    assert window.reading.finished
    assert state_text(study.worklist.model.entries[0]) == "✓ done"
    again = open_case([dataset / "sub-1"])
    assert again.annotations.facts == case.annotations.facts
    source = again.images["t1"].source
    assert source is not None
    assert source.path.name == other.name
