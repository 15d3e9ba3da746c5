"""Every change a reader makes, as a small object that knows its inverse and the words for it.

An :class:`Edit` is what a person sees as one action. It holds one or more changes, each to a part of the
annotations: voxels of a label map (:class:`VoxelChange`) or one named fact (:class:`FactChange`).
"""

import base64
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case.annotations import Annotations
from thaliron_napari.errors import CaseError

JSON = dict[str, Any]
Corner = tuple[int, int, int]
Box = tuple[Corner, Corner]


@dataclass(frozen=True)
class VoxelChange:
    """Labels of some voxels of one label map before and after.

    Only the bounding box of what changed is kept: one bit a voxel for whether it changed, and the labels of the
    changed voxels, both packed with zlib. A nudge stroke takes some hundred bytes.

    Parameters
    ----------
    name : str
        Which label map: ``thalami`` or ``lesions``.
    corner, shape : tuple of int
        Bounding box, (z, y, x).
    where, before, after : bytes
        zlib streams: packed bits over the box; int32 labels of the changed voxels in C order.
    """

    name: str
    corner: Corner
    shape: Corner
    where: bytes
    before: bytes
    after: bytes

    def inverse(self) -> "VoxelChange":
        """The change that takes this one back."""
        return replace(self, before=self.after, after=self.before)

    def apply(self, annotations: Annotations) -> None:
        """Write the labels after the change into the label map."""
        box = annotations.label_map(self.name)[self.slices]
        box[self.changed()] = np.frombuffer(zlib.decompress(self.after), dtype=np.int32)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The bounding box as an index into the label map."""
        z, y, x = (slice(c, c + n) for c, n in zip(self.corner, self.shape, strict=True))
        return z, y, x

    def changed(self) -> NDArray[np.bool_]:
        """Which voxels of the box change."""
        bits = np.frombuffer(zlib.decompress(self.where), dtype=np.uint8)
        return np.unpackbits(bits, count=int(np.prod(self.shape))).astype(bool).reshape(self.shape)

    def labels(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Labels of the changed voxels before and after, in C order."""
        before, after = (np.frombuffer(zlib.decompress(packed), np.int32) for packed in (self.before, self.after))
        return before, after

    def to_json(self) -> JSON:
        """A JSON object for the journal."""
        packed = {key: base64.b64encode(getattr(self, key)).decode() for key in ("where", "before", "after")}
        return {"voxels": self.name, "corner": self.corner, "shape": self.shape, **packed}


@dataclass(frozen=True)
class FactChange:
    """One named fact before and after; None stands for its absence.

    Parameters
    ----------
    name : str
        Such as ``unit``, ``key/left/41``, ``csf/right``, ``lesion/3``.
    before, after : JSON value
    """

    name: str
    before: Any
    after: Any

    def inverse(self) -> "FactChange":
        """The change that takes this one back."""
        return FactChange(self.name, self.after, self.before)

    def apply(self, annotations: Annotations) -> None:
        """Set the fact to what it is after the change."""
        if self.after is None:
            annotations.facts.pop(self.name, None)
        else:
            annotations.facts[self.name] = self.after

    def to_json(self) -> JSON:
        """A JSON object for the journal."""
        return {"fact": self.name, "before": self.before, "after": self.after}


Change = VoxelChange | FactChange


@dataclass(frozen=True)
class Edit:
    """One action of a reader.

    Parameters
    ----------
    words : str
        What it is called in the undo menu: "nudge left thalamus, slice 41".
    changes : tuple
        Applied in this order.
    reader : str
    time : str
        UTC, ISO 8601.
    joined : bool
        Whether it only follows from the edit before it, such as slices that are filled anew because a contour was
        moved: both are one action, undone and made again together.
    """

    words: str
    changes: tuple[Change, ...]
    reader: str = ""
    time: str = ""
    joined: bool = False

    def inverse(self) -> "Edit":
        """The edit that takes this one back."""
        return replace(self, changes=tuple(change.inverse() for change in reversed(self.changes)))

    def apply(self, annotations: Annotations) -> None:
        """Make the changes."""
        for change in self.changes:
            change.apply(annotations)

    def touches(self, name: str) -> bool:
        """Whether a label map, or a fact whose name starts so, is changed."""
        return any(c.name == name or (isinstance(c, FactChange) and c.name.startswith(name)) for c in self.changes)

    def signed(self, reader: str) -> "Edit":
        """Copy of the edit with who made it and when."""
        return replace(self, reader=reader, time=datetime.now(UTC).isoformat(timespec="milliseconds"))

    def to_json(self) -> JSON:
        """A JSON object for the journal."""
        changes = [change.to_json() for change in self.changes]
        joined = {"joined": True} if self.joined else {}
        return {"words": self.words, "reader": self.reader, "time": self.time, **joined, "changes": changes}

    @staticmethod
    def from_json(line: JSON) -> "Edit":
        """An edit from the journal.

        Raises
        ------
        CaseError
            When the object is not an edit.
        """
        try:
            changes = tuple(change_from_json(c) for c in line["changes"])
            joined = line.get("joined") is True
            return Edit(str(line["words"]), changes, str(line["reader"]), str(line["time"]), joined)
        except (KeyError, TypeError, ValueError) as error:
            raise CaseError("A line of the journal is not an edit; the journal is damaged there.") from error


def voxel_change(annotations: Annotations, name: str, corner: Corner, labels: NDArray[Any]) -> tuple[VoxelChange, ...]:
    """Change that writes `labels` into a label map at a corner: one change, or none where nothing differs.

    Parameters
    ----------
    annotations : Annotations
        As they are now.
    name : str
        Which label map.
    corner : tuple of int
        Index (z, y, x) at which `labels` starts.
    labels : array (z, y, x)
        The labels wanted in that box.
    """
    box = tuple(slice(c, c + n) for c, n in zip(corner, labels.shape, strict=True))
    return _difference(name, corner, annotations.label_map(name)[box], labels)


def change_from_nothing(name: str, corner: Corner, labels: NDArray[Any]) -> tuple[VoxelChange, ...]:
    """As :func:`voxel_change`, for a label map that was empty before."""
    return _difference(name, corner, np.zeros(labels.shape, np.int32), labels)


def union(one: Box | None, other: Box) -> Box:
    """The smallest box (corner, shape) that holds two; the first may be none."""
    if one is None:
        return other
    low = [min(a, b) for a, b in zip(one[0], other[0], strict=True)]
    ends = [max(a + m, b + n) for a, m, b, n in zip(one[0], one[1], other[0], other[1], strict=True)]
    shape = [end - start for end, start in zip(ends, low, strict=True)]
    return (low[0], low[1], low[2]), (shape[0], shape[1], shape[2])


def fact_change(annotations: Annotations, name: str, value: Any) -> tuple[FactChange, ...]:
    """Change that sets a fact (None removes it): one change, or none where it is so already."""
    now = annotations.facts.get(name)
    return () if now == value else (FactChange(name, now, value),)


def _difference(name: str, corner: Corner, now: NDArray[Any], wanted: NDArray[Any]) -> tuple[VoxelChange, ...]:
    """Change from one box of labels to another: one, or none where nothing differs."""
    differs = now != wanted
    if not differs.any():
        return ()
    z, y, x = (_extent(differs, axis) for axis in range(3))
    differs = np.ascontiguousarray(differs[z, y, x])
    start = (corner[0] + z.start, corner[1] + y.start, corner[2] + x.start)
    shape = (differs.shape[0], differs.shape[1], differs.shape[2])
    before, after = (np.asarray(labels)[z, y, x][differs].astype(np.int32) for labels in (now, wanted))
    return (VoxelChange(name, start, shape, _pack(np.packbits(differs)), _pack(before), _pack(after)),)


def _pack(array: NDArray[Any]) -> bytes:
    return zlib.compress(array.tobytes(), 1)


def _extent(flags: NDArray[np.bool_], axis: int) -> slice:
    """First to last index along an axis at which any flag is set."""
    along = np.flatnonzero(flags.any(axis=tuple(a for a in range(3) if a != axis)))
    return slice(int(along[0]), int(along[-1]) + 1)


def change_from_json(item: JSON) -> Change:
    """A change from the journal; raises what the object's defect leads to."""
    if "fact" in item:
        return FactChange(item["fact"], item["before"], item["after"])
    z, y, x = (int(n) for n in item["corner"])
    nz, ny, nx = (int(n) for n in item["shape"])
    where, before, after = (base64.b64decode(item[key]) for key in ("where", "before", "after"))
    return VoxelChange(item["voxels"], (z, y, x), (nz, ny, nx), where, before, after)
