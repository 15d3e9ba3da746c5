"""The edits of the CSF circles: several a side, each taken back and made again, and which lies under the mouse."""

import copy
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from thaliron_napari.case import SIDES, Annotations, Case, CsfCircle, Side
from thaliron_napari.case.csf import (
    add_circle,
    both_placed,
    circle_at,
    csf_mask,
    find_circles,
    place_circle,
    remove_circle,
    take_circles,
)
from thaliron_napari.case.edits import Edit, FactChange, fact_change
from thaliron_napari.errors import AnnotationError, CaseError
from thaliron_napari.imaging import Grid, Volume
from thaliron_napari.phantom import make_patient

SHAPE, SPACING = (5, 40, 50), np.array([2.0, 1.0, 0.5])
LEFT, RIGHT = CsfCircle((2.0, 20.0, 35.0), 3.0), CsfCircle((2.0, 20.0, 14.0), 3.0)


def _case(folder: Path | None = None) -> Case:
    affine = np.array([[0, 0, -0.5, 0], [0, -1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1.0]])
    return Case("x", {"qsm": Volume(np.ones(SHAPE, np.float32), Grid(SHAPE, affine))}, folder=folder)


def _as_a_list_would(circles: dict[Side, list[CsfCircle]], kind: str, side: Side, number: int, new: CsfCircle) -> None:
    mine = circles[side]
    if kind == "add" or (kind == "place" and not mine):
        mine.append(new)
    elif kind == "place":
        mine[0] = new
    elif kind == "move":
        mine[number - 1] = new
    elif kind == "clear":
        mine.clear()
    elif kind == "remove":
        del mine[number - 1]
    elif kind == "take":
        circles.update({s: [CsfCircle((new.centre[0], 12.0, 25.0), new.radius_mm)] for s in SIDES})


def _edit(case: Case, kind: str, side: Side, number: int, new: CsfCircle) -> Edit:
    if kind == "take":
        return take_circles(case, dict.fromkeys(SIDES, CsfCircle((new.centre[0], 12.0, 25.0), new.radius_mm)))
    if kind == "add":
        return add_circle(case, side, new)
    if kind in ("clear", "remove"):
        return remove_circle(case, side, number if kind == "remove" else None)
    return place_circle(case, side, new, number if kind == "move" else None)


STEP = st.tuples(
    st.sampled_from(["place", "add", "add", "move", "remove", "clear", "take", "undo", "redo"]),
    st.sampled_from(SIDES),
    st.integers(1, 3),
    st.builds(
        CsfCircle,
        st.tuples(st.integers(0, 4).map(float), st.floats(8, 30), st.floats(12, 38)),
        st.sampled_from([1.0, 2.5, 4.0]),
    ),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(steps=st.lists(STEP, max_size=20))
def test_any_sequence_stands_as_lists_would_and_is_replayed_so(tmp_path_factory, steps) -> None:
    with mock.patch("os.fsync"):  # only for time
        _walk(tmp_path_factory.mktemp("case"), steps)


def _walk(folder: Path, steps) -> None:
    case = _case(folder)
    before: list[dict[Side, list[CsfCircle]]] = [{"left": [], "right": []}]
    after: list[dict[Side, list[CsfCircle]]] = []
    for kind, side, number, new in steps:
        if kind == "undo":
            assert (case.undo() is not None) == (len(before) > 1)
            if len(before) > 1:
                after.append(before.pop())
        elif kind == "redo":
            assert (case.redo() is not None) == bool(after)
            if after:
                before.append(after.pop())
        elif kind in ("move", "remove") and number > len(before[-1][side]):
            with pytest.raises(CaseError, match="no number"):
                _edit(case, kind, side, number, new)
        else:
            wanted = copy.deepcopy(before[-1])
            _as_a_list_would(wanted, kind, side, number, new)
            case.apply(_edit(case, kind, side, number, new))
            if wanted != before[-1]:
                before.append(wanted)
                after.clear()
        assert {s: list(case.annotations.csf_circles(s)) for s in SIDES} == before[-1]
        assert both_placed(case.annotations) == all(before[-1].values())
        assert {f"csf/{s}" for s in SIDES if before[-1][s]} == set(case.annotations.facts)
    assert case.close()
    again = _case(folder)
    assert {s: list(again.annotations.csf_circles(s)) for s in SIDES} == before[-1]
    while again.undo():
        pass
    assert not again.annotations.facts
    assert again.close()


def test_a_case_of_the_first_version_opens_and_goes_on(tmp_path: Path) -> None:
    case = _case(tmp_path)
    old = {"centre": [2.0, 20.0, 35.0], "radius_mm": 3.0}
    case.apply(Edit("place left CSF circle, slice 3", (FactChange("csf/left", None, old),)))
    assert case.close()

    again = _case(tmp_path)
    assert again.annotations.csf("left") == LEFT
    assert again.annotations.csf_circles("right") == ()
    assert not place_circle(again, "left", LEFT).changes
    more = CsfCircle((3.0, 20.0, 35.0), 2.0)
    again.apply(add_circle(again, "left", more))
    assert again.annotations.csf_circles("left") == (LEFT, more)
    again.undo()
    assert again.annotations.facts == {"csf/left": old}
    assert again.close()


def test_the_mask_holds_all_circles_of_both_sides_once() -> None:
    case = _case()
    for z in (1.0, 2.0):
        case.apply(add_circle(case, "left", CsfCircle((z, 20.0, 35.0), 3.0)))
    case.apply(add_circle(case, "left", CsfCircle((2.0, 20.0, 35.0), 2.0)))  # within another
    case.apply(add_circle(case, "right", RIGHT))
    mask = csf_mask(case)
    one = int((mask[1] == 1).sum())
    assert one * 0.5 == pytest.approx(np.pi * 9, rel=0.1)
    assert ((mask == 1).sum(), (mask == 2).sum()) == (2 * one, int((mask[2] == 2).sum()))
    assert set(np.flatnonzero(mask.any(axis=(1, 2)))) == {1, 2}
    assert mask[2, 20, 35] == 1
    assert mask[2, 20, 14] == 2


def test_the_words_name_what_was_done() -> None:
    case = _case()
    other = CsfCircle((3.0, 20.0, 35.0), 3.0)
    for make in (
        lambda: place_circle(case, "left", LEFT),
        lambda: place_circle(case, "left", CsfCircle(LEFT.centre, 2.0)),
        lambda: add_circle(case, "left", other),
        lambda: place_circle(case, "left", CsfCircle((4.0, 20.0, 34.0), 3.0), 2),
        lambda: remove_circle(case, "left", 1),
        lambda: add_circle(case, "left", other),
        lambda: remove_circle(case, "left"),
        lambda: take_circles(case, {"left": LEFT, "right": RIGHT}),
    ):
        case.apply(make())
    assert [edit.words for edit in case.done] == [
        "place left CSF circle, slice 3",
        "resize left CSF circle, slice 3",
        "place left CSF circle 2, slice 4",
        "move left CSF circle 2, slice 5",
        "remove left CSF circle 1",
        "place left CSF circle 2, slice 4",
        "remove all left CSF circles",
        "take the suggested CSF circles",
    ]


@pytest.mark.parametrize("make", [place_circle, add_circle, lambda c, s, k: take_circles(c, {s: k})])
def test_a_circle_over_the_edge_is_refused(make) -> None:
    with pytest.raises(AnnotationError, match="edge of the image"):
        make(_case(), "left", CsfCircle((0.0, 1.0, 25.0), 3.0))


@pytest.mark.parametrize(
    ("y_mm", "part"),
    [(0, "centre"), (1.9, "centre"), (2.1, "rim"), (3, "rim"), (3.9, "rim"), (4.1, None)],
)
def test_a_circle_is_moved_by_its_inside_and_resized_by_its_rim(y_mm: float, part: str | None) -> None:
    case = _case()
    case.apply(place_circle(case, "left", LEFT))
    hit = circle_at(case.annotations, (2, 20 + y_mm / SPACING[1], 35), SPACING)
    across = circle_at(case.annotations, (2.4, 20, 35 - y_mm / SPACING[2]), SPACING)  # in mm along x as well
    assert hit == across
    if part is None:
        assert hit is None
    else:
        assert hit is not None
        assert (hit.side, hit.number, hit.part, hit.circle) == ("left", 1, part, LEFT)


def test_a_small_circle_can_be_moved_and_resized() -> None:
    notes = Annotations(facts={"csf/right": [CsfCircle((2.0, 20.0, 14.0), 0.6).to_fact()]})
    parts = [getattr(circle_at(notes, (2, 20 + away, 14), SPACING), "part", None) for away in (0, 0.3, 0.5, 1.5, 1.7)]
    assert parts == ["centre", "centre", "rim", "rim", None]


def test_of_several_the_nearest_on_the_slice_is_meant() -> None:
    case = _case()
    far, near = CsfCircle((2.0, 20.0, 35.0), 4.0), CsfCircle((2.0, 24.0, 35.0), 2.0)
    for side, circle in (("left", far), ("left", near), ("right", RIGHT), ("right", CsfCircle((3.0, 24.0, 35.0), 2.0))):
        case.apply(add_circle(case, side, circle))

    def named(*point: float) -> tuple[str, int] | None:
        hit = circle_at(case.annotations, point, SPACING)
        return None if hit is None else (hit.side, hit.number)

    assert named(2, 20, 35) == ("left", 1)
    assert named(2, 24, 35) == ("left", 2)
    assert named(3, 24, 35) == ("right", 2)
    assert named(2, 20, 14) == ("right", 1)
    assert named(1, 20, 35) is None


def test_no_suggestion_where_there_is_no_head() -> None:
    case = _case()
    case.apply(Edit("say ppb", fact_change(case.annotations, "unit", "ppb")))
    with pytest.raises(AnnotationError, match="too little of a head"):
        find_circles(case)


def test_the_suggestion_for_a_registered_case_is_clean_and_one_action() -> None:
    patient = make_patient("small", 7)
    volumes = {
        role: Volume(patient.images[role].data, Grid(patient.images[role].data.shape, patient.images[role].affine))
        for role in ("qsm", "flair")
    }
    case, truth = Case("x", volumes), patient.truth
    fact = {"matrix": np.linalg.inv(truth.qsm_to_flair).tolist()}
    for name, value in (("unit", "ppb"), ("registration/qsm", fact)):
        case.apply(Edit("say", fact_change(case.annotations, name, value)))
    case.apply(place_circle(case, "left", CsfCircle((30.0, 100.0, 70.0), 2.0)))
    edit = take_circles(case, find_circles(case))
    case.apply(edit)
    assert both_placed(case.annotations)
    labels = csf_mask(case)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert np.abs(truth.chi_ppb[labels > 0]).max() < 1
    for side, label in (("left", 1), ("right", 2)):
        z, y, x = ndimage.center_of_mass(labels == label)
        place = case.images["qsm"].grid.world((z, y, x))
        assert np.linalg.norm(place - truth.atria_mm[side]) < 12
    case.undo()
    assert case.annotations.csf_circles("left") == (CsfCircle((30.0, 100.0, 70.0), 2.0),)
    assert case.annotations.csf_circles("right") == ()
