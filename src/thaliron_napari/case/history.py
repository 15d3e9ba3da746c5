"""What the lines of a journal come to: the annotations, and which edits are in force or taken back."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from thaliron_napari.case.annotations import Annotations
from thaliron_napari.case.edits import (
    Box,
    Change,
    Edit,
    VoxelChange,
    change_from_json,
    change_from_nothing,
    fact_change,
    union,
    voxel_change,
)
from thaliron_napari.case.journal import JSON, Journal
from thaliron_napari.errors import CaseError


@dataclass
class History:
    """Annotations as the journal's lines made them.

    Only the numbers of the lines are kept, and an edit is read again when it is to be undone: so it costs little to
    have ten thousand of them, and to open a case in which they are.

    Parameters
    ----------
    journal : Journal
    annotations : Annotations
        Empty; filled by :meth:`replay`.
    voxels : bool
        False leaves the label maps out, where the facts are all that is asked for.
    """

    journal: Journal
    annotations: Annotations
    voxels: bool = True
    done: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)
    readers: dict[str, None] = field(default_factory=dict)
    """Who made edits, in order of appearance."""
    time: str = ""
    """Of the last edit, UTC."""
    snapshot_at: int = 0
    """Number of the line of the last snapshot."""
    _touched: dict[str, Box] = field(default_factory=dict)  # where any edit has changed a label map

    def replay(self) -> None:
        """Take all lines, from the last snapshot on.

        Raises
        ------
        CaseError
            When a line does not fit the images.
        """
        last = self.journal.last("snapshot")
        if last is not None:
            self._restore(self.journal[last]["snapshot"])
            self.snapshot_at = last
        for number in range(0 if last is None else last + 1, len(self.journal)):
            self.take(number)

    def take(self, number: int) -> Edit | None:
        """Take one line; returns the edit as it acted, where it was one.

        Raises
        ------
        CaseError
            When it does not fit the images.
        """
        try:
            line = self.journal[number]
            if "do" in line:
                edit = self._edit(line["do"])
                edit.apply(self.annotations)
                self.did(number, edit)
                return edit
            if "undo" in line and self.done:
                return self.undo()
            if "redo" in line and self.undone:
                return self.redo()
        except (ValueError, TypeError, KeyError, IndexError, zlib.error) as error:
            raise CaseError(
                f"{self.journal.path} is damaged: line {number + 1} does not fit the images; move that file aside to "
                "start this reading anew, or restore it from a backup."
            ) from error
        return None

    def did(self, number: int, edit: Edit) -> None:
        """Count an edit that was applied and stands in a line."""
        self._touch(edit.changes)
        self.done.append(number)
        self.undone.clear()
        self.readers.setdefault(edit.reader)
        self.time = edit.time

    def undo(self) -> Edit:
        """Take the last edit back; returns what acted."""
        edit = self._edit(self.journal[self.done[-1]]["do"]).inverse()
        edit.apply(self.annotations)
        self.undone.append(self.done.pop())
        return edit

    def redo(self) -> Edit:
        """Make the edit that was taken back last again."""
        edit = self._edit(self.journal[self.undone[-1]]["do"])
        edit.apply(self.annotations)
        self.done.append(self.undone.pop())
        return edit

    def snapshot(self) -> JSON:
        """All of this as one object."""
        # Only where edits were: to look through whole maps would hold up the hand for a tenth of a second.
        maps = []
        for name, (corner, shape) in self._touched.items():
            box = tuple(slice(start, start + n) for start, n in zip(corner, shape, strict=True))
            maps.append(change_from_nothing(name, corner, self.annotations.maps[name][box]))
        return {
            "facts": self.annotations.facts,
            "maps": [change.to_json() for changes in maps for change in changes],
            "done": self.done,
            "undone": self.undone,
            "readers": list(self.readers),
            "time": self.time,
        }

    def recovery(self, behind: Sequence[JSON]) -> Edit:
        """Edit that leads from what there is now to what stands behind a journal's damage; see :class:`Damage`."""
        wanted = _blank(self.annotations)
        snapshot, *lines = behind
        wanted.facts.update(snapshot["snapshot"]["facts"])
        for change in snapshot["snapshot"]["maps"]:
            change_from_json(change).apply(wanted)
        done: list[Edit] = []
        undone: list[Edit] = []
        for line in lines:
            if "do" in line:
                done.append(Edit.from_json(line["do"]))
                undone.clear()
                done[-1].apply(wanted)
            elif "undo" in line:
                if not done:
                    break  # of an edit that the damage took
                undone.append(done.pop())
                undone[-1].inverse().apply(wanted)
            elif "redo" in line:
                if not undone:
                    break
                done.append(undone.pop())
                done[-1].apply(wanted)
        notes = self.annotations
        changes: tuple[Change, ...] = ()
        for name, labels in wanted.maps.items():
            changes += voxel_change(notes, name, (0, 0, 0), labels)
        for name in sorted(notes.facts.keys() | wanted.facts.keys()):
            changes += fact_change(notes, name, wanted.facts.get(name))
        return Edit("recover what was drawn after a damaged line of the journal", changes)

    def _restore(self, snapshot: JSON) -> None:
        try:
            self.annotations.facts.update(snapshot["facts"])
            changes = [change_from_json(item) for item in (snapshot["maps"] if self.voxels else ())]
            for change in changes:
                change.apply(self.annotations)
            self._touch(changes)
            self.done = list(snapshot["done"])
            self.undone = list(snapshot["undone"])
            self.readers = dict.fromkeys(snapshot["readers"])
            self.time = snapshot["time"]
        except (ValueError, TypeError, KeyError, IndexError, zlib.error) as error:
            raise CaseError(
                f"{self.journal.path} is damaged: its last snapshot does not fit the images; move that file aside to "
                "start this reading anew, or restore it from a backup."
            ) from error

    def _touch(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if isinstance(change, VoxelChange):
                box = (change.corner, change.shape)
                self._touched[change.name] = union(self._touched.get(change.name), box)

    def _edit(self, item: JSON) -> Edit:
        return Edit.from_json(item if self.voxels else {**item, "changes": [c for c in item["changes"] if "fact" in c]})


class EditsInOrder(Sequence[Edit]):
    """Edits by the numbers of their lines, read from the journal when they are asked for."""

    def __init__(self, journal: Journal, numbers: Sequence[int]) -> None:
        self._journal = journal
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Edit: ...
    @overload
    def __getitem__(self, place: slice) -> list[Edit]: ...
    def __getitem__(self, place: int | slice) -> Edit | list[Edit]:
        if isinstance(place, slice):
            return [Edit.from_json(self._journal[number]["do"]) for number in self._numbers[place]]
        return Edit.from_json(self._journal[self._numbers[place]]["do"])


def _blank(like: Annotations) -> Annotations:
    return Annotations({name: np.zeros_like(labels) for name, labels in like.maps.items()})
