"""Whether the work is saved, as the window says: while all is well, on a broken disk, after a crash, beside another."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from boxes import answer
from broken_disk import FULL, broken_disk
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from thaliron_napari.case import Case, Role, open_case
from thaliron_napari.case.notes import set_note
from thaliron_napari.errors import CaseHeldError
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.saved import ClosingGuard
from thaliron_napari.viewer.steps.measurements import MeasurementStep
from thaliron_napari.viewer.steps.thalamus import ThalamusStep


@pytest.fixture
def hand(panel: Panel) -> Hand:
    QTest.qWait(200)
    open_step(panel, ThalamusStep)
    return Hand(panel.reading.viewer, panel)


def open_step(panel: Panel, kind: type) -> None:
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, kind)))


def circle(radius: float = 10) -> list[np.ndarray]:
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return list(np.array((100, 60)) + radius * np.column_stack([np.sin(angles), np.cos(angles)]))


def until(there: Callable[[], bool], seconds: float = 15) -> None:
    for _ in range(int(seconds * 50)):
        if there():
            return
        QTest.qWait(20)
    pytest.fail("this did not come about")


def saved(panel: Panel) -> str:
    return panel.saved_label.text()


def test_the_indicator_says_when_and_why_not(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    assert saved(panel) == ""
    hand.drag(circle())
    until(lambda: saved(panel) == "saved 0 s ago")
    until(lambda: saved(panel) == "saved 2 s ago")
    with broken_disk(phantom_case.folder, 1, errno.ENOSPC, lasting=True, kinds=FULL):
        hand.drag(circle(8))
        until(lambda: "not saved: disk full" in saved(panel))
        hand.drag(circle(6))
        QTest.qWait(600)
        assert "not saved: disk full" in saved(panel)
        assert len(phantom_case.done) == 3
    until(lambda: saved(panel).startswith("saved "))
    with broken_disk(phantom_case.folder, 1, errno.EACCES, lasting=True, kinds=FULL):
        hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        until(lambda: "not saved: no right to write there" in saved(panel))
    until(lambda: saved(panel).startswith("saved "))
    again = open_case([], images=_images(phantom_case), derivatives=phantom_case.folder.parents[1])
    assert [edit.words for edit in again.done] == [edit.words for edit in phantom_case.done]
    assert len(again.done) == 2


def test_undo_says_what_it_takes_back_and_the_menu_goes_further(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    for radius in (10, 8, 6):
        hand.drag(circle(radius))
    hand.key(Qt.Key.Key_T)
    z = panel.reading.display.slice_shown() + 1
    until(lambda: panel.undo_button.text() == f"Undo: draw right thalamus, slice {z}")
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert panel.reading.viewer.status == f"took back: draw right thalamus, slice {z}"
    until(lambda: panel.redo_button.isEnabled())
    assert "draw right thalamus" in panel.redo_button.toolTip()
    panel.history.menu().aboutToShow.emit()
    actions = panel.history.menu().actions()
    assert [action.text() for action in actions] == [f"Undo: draw right thalamus, slice {z}"] * 2
    actions[1].trigger()
    assert not phantom_case.done
    assert len(phantom_case.undone) == 3


def test_undo_goes_to_the_slice_that_it_changes(panel: Panel, phantom_case: Case, hand: Hand) -> None:
    display = panel.reading.display
    z = display.slice_shown()
    hand.drag(circle())
    hand.wheel(5)
    hand.drag(circle())
    hand.wheel(-9)
    for expected in (z + 5, z):
        hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert display.slice_shown() == expected
    hand.wheel(3)
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert display.slice_shown() == z
    assert phantom_case.annotations.keys("right") == [z]


def test_after_a_crash_the_work_is_there_with_one_line_saying_so(
    panel: Panel, phantom_case: Case, hand: Hand, tmp_path: Path
) -> None:
    hand.drag(circle())
    hand.drag(circle(7))
    assert phantom_case.journal.wait(10)
    derivatives = tmp_path / "crashed"
    shutil.copytree(phantom_case.folder, derivatives / "sub-phantom" / "anat", ignore=shutil.ignore_patterns(".*"))
    left = open_case([], images=_images(phantom_case), derivatives=derivatives)
    panel.reading.open(left)
    until(panel.notice_label.isVisible)
    assert "was cut off here; all 2 edits are there" in panel.notice_label.text()
    np.testing.assert_array_equal(left.annotations.maps["thalami"], phantom_case.annotations.maps["thalami"])
    assert panel.reading.unsaved, "the label maps are older than the journal"
    panel.reading.open(open_case([], images=_images(phantom_case), derivatives=tmp_path / "other"))
    assert (left.folder / "sub-phantom_space-QSM_desc-thalamus_dseg.nii.gz").exists()
    assert not panel.notice_label.isVisible()


def test_a_second_window_looks_on_until_the_first_is_closed(panel: Panel, phantom_case: Case, hand: Hand, told) -> None:
    hand.drag(circle())
    assert phantom_case.journal.wait(10)
    images, derivatives = _images(phantom_case), phantom_case.folder.parents[1]
    second = open_case([], images=images, derivatives=derivatives, reader="Ben")
    with pytest.raises(CaseHeldError, match="is open with"):
        second.claim()
    phantom_case.close()
    second.claim()
    # Now this window is the one that looks on.
    before = phantom_case.annotations.maps["thalami"].copy()
    hand.drag(circle(5))
    assert any("sub-phantom is open with Ben" in words for words in told())
    np.testing.assert_array_equal(phantom_case.annotations.maps["thalami"], before)
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(phantom_case.annotations.maps["thalami"], before)
    second.undo()
    second.close()
    hand.drag(circle(5))
    assert [edit.words[:4] for edit in phantom_case.done] == ["draw"]
    assert 0 < (phantom_case.annotations.maps["thalami"] > 0).sum() < (before > 0).sum()


def test_opened_while_another_has_it_the_window_says_who(panel: Panel, phantom_case: Case, tmp_path: Path) -> None:
    images = _images(phantom_case)
    holder = open_case([], images=images, derivatives=tmp_path / "shared", reader="Ben")
    holder.claim()
    panel.reading.open(open_case([], images=images, derivatives=tmp_path / "shared"))
    until(panel.notice_label.isVisible)
    assert "open with Ben on" in panel.notice_label.text()
    assert saved(panel) == "read only"
    holder.close()
    assert panel.reading.make(lambda case: set_note(case, "now it can be changed"))
    until(lambda: not panel.notice_label.isVisible())


def test_the_window_does_not_close_on_work_that_is_nowhere_but_in_memory(
    panel: Panel, phantom_case: Case, hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot
) -> None:
    monkeypatch.setattr("thaliron_napari.viewer.saved._CLOSING_S", 0.1)
    window = panel.window()
    asked: list[str] = []

    with broken_disk(phantom_case.folder, 1, errno.ENOSPC, lasting=True, kinds=FULL):
        hand.drag(circle())
        QTimer.singleShot(0, lambda: answer("Stay", asked))
        assert not window.close()
        assert window.isVisible()
        monkeypatch.setattr(
            "thaliron_napari.viewer.saved.QFileDialog.getExistingDirectory", lambda *_: os.fspath(tmp_path / "copy")
        )
        other = QWidget()
        qtbot.addWidget(other)
        guard = ClosingGuard(panel.reading, other)
        QTimer.singleShot(0, lambda: answer("Save a copy", asked))
        assert other.close()
        assert guard.parent() is other
    assert asked == ["The last work on sub-phantom is in memory only: not saved: disk full."] * 2
    images = _images(phantom_case)
    shutil.copytree(tmp_path / "copy", tmp_path / "back" / "sub-phantom" / "anat")
    back = open_case([], images=images, derivatives=tmp_path / "back")
    np.testing.assert_array_equal(back.annotations.maps["thalami"], phantom_case.annotations.maps["thalami"])
    assert len(back.done) == 1
    assert phantom_case.journal.wait(10)


def test_a_case_left_on_a_full_disk_is_written_once_there_is_room(
    panel: Panel, phantom_case: Case, hand: Hand, tmp_path: Path
) -> None:
    images = _images(phantom_case)
    with broken_disk(phantom_case.folder, 1, errno.ENOSPC, lasting=True, kinds=FULL):
        hand.drag(circle())
        other = open_case([], images=images, derivatives=tmp_path / "other")
        panel.reading.open(other)
        assert panel.reading.waiting == [phantom_case]
        until(lambda: "sub-phantom not saved: disk full" in saved(panel))
        back = open_case([], images=images, derivatives=phantom_case.folder.parents[1])
        assert not back.done, "there is nothing of it on disk"
        panel.reading.open(back)
        assert panel.reading.case is phantom_case
        assert len(panel.reading.case.done) == 1
        panel.reading.open(other)
    until(lambda: not panel.reading.waiting)
    assert len(open_case([], images=images, derivatives=phantom_case.folder.parents[1]).done) == 1
    assert (phantom_case.folder / "sub-phantom_space-QSM_desc-thalamus_dseg.nii.gz").exists()


def test_a_case_that_cannot_be_measured_is_left_all_the_same(
    panel: Panel, phantom_case: Case, hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told
) -> None:
    hand.drag(circle())
    monkeypatch.setattr(phantom_case, "_stated_unit", None)  # such as of values that could be ppm or ppb
    panel.reading.open(open_case([], images=_images(phantom_case), derivatives=tmp_path / "other"))
    until(lambda: not panel.reading.waiting)  # else it would be written again and again
    assert any("Not all files of sub-phantom are written: The unit of the QSM" in words for words in told())
    names = {path.name for path in phantom_case.folder.iterdir()}
    assert {"sub-phantom_space-QSM_desc-thalamus_dseg.nii.gz", "sub-phantom_desc-lesions.tsv"} <= names
    assert open_case([], images=_images(phantom_case), derivatives=phantom_case.folder.parents[1]).notice == ""


def test_a_note_is_an_edit_and_is_not_lost_in_the_box(panel: Panel, phantom_case: Case, tmp_path: Path) -> None:
    open_step(panel, MeasurementStep)
    note = panel.step(MeasurementStep).note
    QTest.keyClicks(note, "Motion in the upper slices.")
    until(lambda: phantom_case.annotations.facts.get("note") == "Motion in the upper slices.")
    assert phantom_case.done[-1].words == "write the note"
    panel.reading.undo()
    assert note.toPlainText() == ""
    QTest.keyClicks(note, "Later")
    panel.reading.open(open_case([], images=_images(phantom_case), derivatives=tmp_path / "other"))
    assert phantom_case.annotations.facts.get("note") == "Later", "typed just before the case was left"
    assert note.toPlainText() == ""


def _images(case: Case) -> dict[Role, Path]:
    return {role: volume.source.path for role, volume in case.images.items() if volume.source is not None}
