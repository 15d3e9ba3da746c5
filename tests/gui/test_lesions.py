"""Lesions by real mouse and key events: grow, correct, review, propose."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtTest import QTest

from thaliron_napari.case import Case, lesions
from thaliron_napari.imaging import write_label_map
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.lesion_list import COLUMNS, row_of
from thaliron_napari.viewer.panel import Panel
from thaliron_napari.viewer.phantom_case import Knowledge, learn
from thaliron_napari.viewer.scripted_reader import wait_until
from thaliron_napari.viewer.steps.lesions import LesionStep

SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def hand(panel: Panel, phantom_case: Case) -> Hand:
    """On the lesion step, once it is known what normal tissue looks like."""
    panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, LesionStep)))
    wait_until(lambda: "normal_tissue" in vars(phantom_case), "what normal tissue looks like")
    wait_until(lambda: "lesions" in [layer.name for layer in panel.reading.viewer.layers], "the layers")
    QTest.qWait(300)
    return Hand(panel.reading.viewer, panel)


@pytest.fixture
def known(phantom_case: Case) -> Knowledge:
    return learn(phantom_case)


def click_lesion(panel: Panel, hand: Hand, index: tuple[int, int, int], **how: Qt.KeyboardModifier) -> None:
    """Click at an index (z, y, x) of the FLAIR."""
    panel.reading.display.go_to(index)
    hand.drag([np.array(index[1:]) * panel.reading.display.grid.spacing[1:]], **how)


def voxels(case: Case, number: int) -> NDArray[np.bool_]:
    return case.annotations.maps["lesions"] == number


def states(case: Case) -> dict[int, str]:
    return {lesion.number: lesion.state for lesion in case.annotations.lesions()}


def words(case: Case) -> str:
    return case.done[-1].words


def test_the_next_click_accepts_what_was_grown_and_enter_the_last(
    panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge
) -> None:
    for index, _enhancing in known.lesions[:2]:
        click_lesion(panel, hand, index)
    assert states(phantom_case) == {1: "accepted", 2: "proposed"}
    hand.key(Qt.Key.Key_Return)
    assert states(phantom_case) == {1: "accepted", 2: "accepted"}
    assert panel.reading.display.labels.selected_lesion == 2
    click_lesion(panel, hand, known.lesions[0][0])  # a click on a lesion selects it
    assert panel.reading.display.labels.selected_lesion == 1
    assert len(states(phantom_case)) == 2


def test_shift_click_adds_a_seed_and_control_click_keeps_a_point_out(
    panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge
) -> None:
    first, second = (index for index, _ in known.lesions[:2])
    click_lesion(panel, hand, first)
    before = voxels(phantom_case, 1)
    places = np.argwhere(before)
    far = tuple(int(i) for i in places[np.linalg.norm(places - first, axis=1).argmax()])
    click_lesion(panel, hand, far, modifiers=CONTROL)
    assert words(phantom_case) == "keep a point out of lesion 1"
    assert not voxels(phantom_case, 1)[far]
    assert voxels(phantom_case, 1)[first]
    hand.key(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(voxels(phantom_case, 1), before)
    click_lesion(panel, hand, second, modifiers=SHIFT)
    assert words(phantom_case) == "add a seed to lesion 1"
    assert voxels(phantom_case, 1)[first]
    assert voxels(phantom_case, 1)[second]
    assert states(phantom_case) == {1: "proposed"}


def test_brackets_and_the_wheel_with_shift_grow_and_shrink_the_selected_lesion(
    panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge
) -> None:
    click_lesion(panel, hand, known.lesions[0][0])
    usual = voxels(phantom_case, 1)
    hand.wheel(4, SHIFT)
    more = voxels(phantom_case, 1)
    assert phantom_case.annotations.lesion(1).sensitivity == pytest.approx(0.7)
    for _ in range(8):
        hand.key(Qt.Key.Key_BracketLeft)
    less = voxels(phantom_case, 1)
    assert phantom_case.annotations.lesion(1).sensitivity == pytest.approx(0.3)
    assert not (less & ~usual).any()
    assert not (usual & ~more).any()
    assert less.sum() < more.sum()


def test_retouch_paints_wipes_and_begins(panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge) -> None:
    index = known.lesions[0][0]
    click_lesion(panel, hand, index)
    before = voxels(phantom_case, 1)
    spacing = panel.reading.display.grid.spacing[1:]
    at = np.array(index[1:]) * spacing
    hand.key(Qt.Key.Key_R)
    hand.drag([at, at + np.array((0, 6)), at + np.array((0, 12))])
    painted = voxels(phantom_case, 1)
    assert words(phantom_case) == f"paint lesion 1, slice {index[0] + 1}"
    assert (painted & before).sum() == before.sum() < painted.sum()
    hand.drag([at, at + np.array((0, 0.5))], modifiers=SHIFT)
    wiped = voxels(phantom_case, 1)
    assert not (wiped & ~painted).any()
    assert wiped.sum() < painted.sum()
    np.testing.assert_array_equal(np.delete(wiped, index[0], 0), np.delete(before, index[0], 0))

    hand.key(Qt.Key.Key_Delete)
    assert not states(phantom_case)
    hand.drag([at, at + np.array((0, 3))])
    assert list(states(phantom_case).values()) == ["proposed"]
    assert (phantom_case.annotations.maps["lesions"][index[0]] > 0).any()
    assert (phantom_case.annotations.maps["lesions"] > 0).sum() == (
        phantom_case.annotations.maps["lesions"][index[0]] > 0
    ).sum()


def test_a_line_splits_a_lesion_and_merging_makes_it_one(
    panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge
) -> None:
    index = max((index for index, _ in known.lesions), key=lambda index: grown_size(panel, phantom_case, hand, index))
    for number in list(states(phantom_case)):
        panel.reading.display.labels.select_lesion(number)
        hand.key(Qt.Key.Key_Delete)
    click_lesion(panel, hand, index)
    (number,) = states(phantom_case)
    whole = voxels(phantom_case, number)
    z = int(whole.sum(axis=(1, 2)).argmax())
    panel.reading.display.go_to((z, *index[1:]))
    places = np.argwhere(whole[z]) * panel.reading.display.grid.spacing[1:]
    (top, left), (bottom, right) = places.min(axis=0) - 3, places.max(axis=0) + 3
    middle = (left + right) / 2
    hand.key(Qt.Key.Key_K)
    hand.drag([(top, middle), ((top + bottom) / 2, middle), (bottom, middle)])
    parts = sorted(states(phantom_case))
    assert len(parts) >= 2
    assert parts[0] == number
    np.testing.assert_array_equal(np.isin(phantom_case.annotations.maps["lesions"], parts), whole)
    step = panel.step(LesionStep)
    step.refresh()
    for part in parts:
        model = step.list.model().index(row_of(step.list, part), 0)
        step.list.selectionModel().select(
            model, QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        )
    step.merge()
    assert list(states(phantom_case)) == [number]
    np.testing.assert_array_equal(voxels(phantom_case, number), whole)


def test_two_clicks_in_a_lesion_split_it_between_them(
    panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge
) -> None:
    first, second = (index for index, _ in known.lesions[:2])
    click_lesion(panel, hand, first)
    click_lesion(panel, hand, second)
    step = panel.step(LesionStep)
    phantom_case.apply(lesions.merge(phantom_case, [1, 2]))
    whole = voxels(phantom_case, 1)
    hand.key(Qt.Key.Key_K)
    click_lesion(panel, hand, first)
    hand.key(Qt.Key.Key_Escape)  # the first place is forgotten, the tool stays
    assert panel.reading.tool == "split"
    click_lesion(panel, hand, first)
    assert list(states(phantom_case)) == [1]
    click_lesion(panel, hand, second)  # on another slice
    assert words(phantom_case) == "split lesion 1 between 2 seeds"
    labels = phantom_case.annotations.maps["lesions"]
    assert sorted(int(labels[index]) for index in (first, second)) == [1, 2]
    np.testing.assert_array_equal(labels > 0, whole)
    step.refresh()
    assert step.list.rowCount() == 2


def test_the_list_says_where_each_lesion_lies(panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge) -> None:
    for index, _ in known.lesions[:3]:
        click_lesion(panel, hand, index)
    step = panel.step(LesionStep)
    place = COLUMNS.index("Place")
    wait_until(lambda: step.list.rowCount() == 3 and step.list.item(0, place).text() != "", "the places")
    said = [step.list.item(row, place).text() for row in range(3)]
    assert set(said) <= {"~ periv.", "~ juxtac.", "~ deep"}


def grown_size(panel: Panel, case: Case, hand: Hand, index: tuple[int, int, int]) -> int:
    click_lesion(panel, hand, index)
    return int((case.annotations.maps["lesions"] > 0).sum())


def test_the_list_sorts_by_value_and_leads_to_each_lesion(
    panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge
) -> None:
    for index, _enhancing in known.lesions[:3]:
        click_lesion(panel, hand, index)
    step = panel.step(LesionStep)
    step.refresh()
    ml = COLUMNS.index("ml")
    step.list.sortItems(ml, Qt.SortOrder.DescendingOrder)
    sizes = [float(step.list.item(row, ml).text()) for row in range(3)]
    assert sizes == sorted(sizes, reverse=True)
    shown, opacities = panel.reading.viewer.layers["lesions"], []
    shown.events.opacity.connect(lambda: opacities.append(shown.opacity))
    hand.key(Qt.Key.Key_PageDown)  # from the third round to the first
    assert panel.reading.display.labels.selected_lesion == 1
    assert panel.reading.display.slice_shown() == known.lesions[0][0][0]
    wait_until(lambda: len(opacities) == 2, "the blink to end")
    assert opacities == [0, 1]
    hand.key(Qt.Key.Key_PageUp)
    assert panel.reading.display.labels.selected_lesion == 3
    row = row_of(step.list, 2)
    QTest.mouseClick(
        step.list.viewport(), Qt.MouseButton.LeftButton, pos=step.list.visualItemRect(step.list.item(row, 1)).center()
    )
    assert panel.reading.display.labels.selected_lesion == 2
    assert panel.reading.display.slice_shown() == known.lesions[1][0][0]

    step.note.setText("near the wall")
    step.note.editingFinished.emit()
    assert phantom_case.annotations.lesion(2).note == "near the wall"
    step.note.setFocus()
    step.note.setText("half typed")  # a click on another row takes no focus from the box
    QTest.mouseClick(
        step.list.viewport(),
        Qt.MouseButton.LeftButton,
        pos=step.list.visualItemRect(step.list.item(row_of(step.list, 1), 1)).center(),
    )
    assert step.note.text() == ""
    step.note.editingFinished.emit()
    assert [lesion.note for lesion in phantom_case.annotations.lesions()] == ["", "half typed", ""]
    panel.reading.review.select(2)
    hand.press(step.flag)
    step.refresh()
    assert step.list.item(row_of(step.list, 2), COLUMNS.index("State")).text() == "⚑ flagged"
    assert not step.done()


def test_a_mask_is_proposed_and_reviewed_one_by_one(
    panel: Panel, phantom_case: Case, hand: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flair = phantom_case.volume("flair")
    mask = np.zeros(flair.data.shape, np.int32)
    middle = np.array(mask.shape) // 2
    for shift in (-20, 0, 20):
        mask[
            middle[0] - 2 : middle[0] + 2, middle[1] - 3 : middle[1] + 3, middle[2] + shift - 3 : middle[2] + shift
        ] = 1
    path = tmp_path / "lst_mask.nii.gz"
    write_label_map(path, mask, flair)
    monkeypatch.setattr(
        "thaliron_napari.viewer.steps.lesions.QFileDialog.getOpenFileName", lambda *_args: (str(path), "")
    )
    hand.press(panel.step(LesionStep).mask_button)
    wait_until(lambda: len(states(phantom_case)) == 3, "the proposals")
    assert set(states(phantom_case).values()) == {"proposed"}
    np.testing.assert_array_equal(phantom_case.annotations.maps["lesions"] > 0, mask > 0)
    assert panel.reading.display.labels.selected_lesion == 1
    hand.key(Qt.Key.Key_Return)
    assert panel.reading.display.labels.selected_lesion == 2
    hand.press(panel.step(LesionStep).reject)
    assert panel.reading.display.labels.selected_lesion == 3
    click_lesion(panel, hand, tuple(middle + np.array((10, 30, 0))))  # elsewhere: what was proposed waits on
    assert states(phantom_case)[3] == "proposed"
    assert states(phantom_case)[1] == "accepted"
    assert states(phantom_case)[2] == "rejected"


def test_all_candidates_are_proposed_at_once(
    panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge, told: Callable[[], list[str]]
) -> None:
    hand.press(panel.step(LesionStep).propose_button)
    wait_until(lambda: bool(states(phantom_case)), "the proposals")
    labels = phantom_case.annotations.maps["lesions"]
    found = sum(bool(labels[index]) for index, _ in known.lesions)
    assert found >= 0.8 * len(known.lesions)
    assert set(states(phantom_case).values()) == {"proposed"}
    assert any("lesions are proposed" in said for said in told())
    hand.key(Qt.Key.Key_Z, CONTROL)
    assert not states(phantom_case)


def test_which_lesions_enhance_is_suggested_and_decided_by_the_reader(
    panel: Panel, phantom_case: Case, hand: Hand, known: Knowledge, told: Callable[[], list[str]]
) -> None:
    for index, _enhancing in known.lesions:
        click_lesion(panel, hand, index)
    step = panel.step(LesionStep)
    hand.press(step.suggest_button)
    wait_until(lambda: step.suggest_button.text() == "Take suggested", "the suggestion")
    labels = phantom_case.annotations.maps["lesions"]

    def gd(index: tuple[int, int, int]) -> list[str]:
        return step.list.item(row_of(step.list, int(labels[index])), COLUMNS.index("Gd")).text().split()

    for index, enhancing in known.lesions:
        word, ratio = gd(index)
        assert word == ("yes?" if enhancing else "no?")
        assert (float(ratio) > 1.4) == enhancing
    assert "seem to enhance" in told()[-1]
    assert all(lesion.enhancing is None for lesion in phantom_case.annotations.lesions())
    bright = next(int(labels[index]) for index, enhancing in known.lesions if enhancing)
    panel.reading.review.show(bright)
    hand.key(Qt.Key.Key_G)
    step.refresh()
    assert [gd(index)[0] for index, enhancing in known.lesions if enhancing] == ["yes"]
    hand.press(step.suggest_button)  # the rest as suggested, in one edit
    assert words(phantom_case) == f"take the suggested enhancement of {len(known.lesions) - 1} lesions"
    for index, enhancing in known.lesions:
        assert phantom_case.annotations.lesion(int(labels[index])).enhancing is enhancing
