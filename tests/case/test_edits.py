"""The log of edits: whatever is done, undone and redone, the case stands as if it had been done directly."""

import copy
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thaliron_napari.case import Case
from thaliron_napari.case.edits import Edit, fact_change, voxel_change
from thaliron_napari.imaging import Grid, Volume

SHAPE = (4, 6, 5)


def _case(folder: Path | None = None) -> Case:
    volume = Volume(np.zeros(SHAPE, np.float32), Grid(SHAPE, np.eye(4)[[2, 1, 0, 3]]))
    return Case("x", {"qsm": volume, "flair": volume}, folder=folder)


def _state(case: Case) -> tuple[dict[str, bytes], dict[str, object]]:
    return {k: v.tobytes() for k, v in case.annotations.maps.items()}, copy.deepcopy(case.annotations.facts)


def _change(case: Case, kind: str, a: int, b: int, c: int) -> Edit:
    notes = case.annotations
    if kind == "fact":
        return Edit(f"say {b}", fact_change(notes, f"fact/{a}", None if b == 0 else {"value": [b, c]}))
    name = "lesions" if kind == "grow" else "thalami"
    box = np.full((1 + a, 2, 3), b) if c % 2 else np.arange((1 + a) * 6).reshape(1 + a, 2, 3) % (b + 1)
    return Edit(
        f"paint {b}",
        voxel_change(notes, name, (c % (4 - a), b, a), box) + fact_change(notes, f"touched/{name}", c),
        joined=kind == "follow",
    )


STEP = st.tuples(
    st.sampled_from(["paint", "follow", "grow", "fact", "undo", "undo", "redo", "reopen", "crash"]),
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 3),
)


@pytest.mark.parametrize("snapshot_every", [500, 3])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(steps=st.lists(STEP, max_size=24))
def test_any_sequence_stands_as_a_stack_of_states_would_and_reopens_so(
    snapshot_every: int, steps: list[tuple[str, int, int, int]]
) -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        mock.patch.multiple("thaliron_napari.case.case", _SNAPSHOT_EVERY=snapshot_every),
        mock.patch("os.fsync"),  # only for time
    ):
        folder = Path(name)
        case = _case(folder)
        before, after = [_state(case)], []  # states behind us, the present one last, and those taken back
        for kind, a, b, c in steps:
            if kind == "undo":
                assert (case.undo() is not None) == (len(before) > 1)
                if len(before) > 1:
                    after.append(before.pop())
            elif kind == "redo":
                assert (case.redo() is not None) == bool(after)
                if after:
                    before.append(after.pop())
            elif kind == "reopen":
                assert case.close()
                case = _case(folder)
            elif kind == "crash":
                case = _case(_as_a_crash_leaves_it(case, folder))
                folder = case.folder or folder
            else:
                edit = _change(case, kind, a, b, c)
                case.apply(edit)
                if edit.changes:
                    if edit.joined and len(before) > 1:
                        before.pop()  # one action with the edit before it
                    before.append(_state(case))
                    after.clear()
            assert _state(case) == before[-1]
        words = [e.words for e in case.done], [e.words for e in case.undone]
        assert case.close()

        again = _case(folder)
        assert _state(again) == before[-1]
        assert ([e.words for e in again.done], [e.words for e in again.undone]) == words

        while again.undo():
            pass
        assert _state(again) == _state(_case())
        while again.redo():
            pass
        assert _state(again) == (after[0] if after else before[-1])
        assert again.close()


def _as_a_crash_leaves_it(case: Case, folder: Path) -> Path:
    """A copy of what is on disk while the case is open, in a folder of its own."""
    assert case.journal.mirror is not None
    assert case.journal.mirror.wait(10)
    copy_of = folder / "crashed"
    copy_of.mkdir()
    for file in folder.glob("*.jsonl"):
        shutil.copy(file, copy_of)
    case.close()
    return copy_of


def test_an_edit_tells_listeners_what_acted() -> None:
    case, heard = _case(), []
    case.changed.connect(lambda edit: heard.append(edit.changes[0].after))
    case.apply(Edit("say", fact_change(case.annotations, "unit", "ppm")))
    case.undo()
    case.redo()
    assert heard == ["ppm", None, "ppm"]


def test_the_actions_are_named_without_what_only_followed_from_them() -> None:
    case = _case()
    for words, joined in (("nudge", False), ("fill anew", True), ("draw", False), ("fill", True), ("fill", True)):
        case.apply(Edit(words, fact_change(case.annotations, "n", len(case.done)), joined=joined))
    assert [edit.words for edit in case.actions(9)] == ["draw", "nudge"]
    assert [edit.words for edit in case.actions(1)] == ["draw"]
    assert (case.undo() or Edit("", ())).words == "draw"
    assert [edit.words for edit in case.done] == ["nudge", "fill anew"]
    assert (case.redo() or Edit("", ())).words == "draw"
    assert len(case.done) == 5


def test_an_edit_without_changes_is_no_edit() -> None:
    case = _case()
    case.apply(Edit("nothing", ()))
    assert len(case.done) == 0


def test_a_stroke_of_some_hundred_voxels_takes_little_room() -> None:
    volume = Volume(np.zeros((40, 200, 200), np.float32), Grid((40, 200, 200), np.eye(4)[[2, 1, 0, 3]]))
    case = Case("x", {"qsm": volume})
    rows, columns = np.ogrid[:30, :30]
    disc = ((rows - 15) ** 2 + (columns - 15) ** 2 < 150).astype(int)
    (change,) = voxel_change(case.annotations, "thalami", (20, 80, 80), disc[None])
    assert change.changed().sum() == disc.sum()
    assert len(change.where) + len(change.before) + len(change.after) < 400
