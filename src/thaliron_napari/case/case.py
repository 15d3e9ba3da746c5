"""One patient read by one reader: the images, the annotations, and the one way to change them."""

import socket
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from thaliron_napari import __version__
from thaliron_napari.annotation import NormalTissue, normal_tissue
from thaliron_napari.annotation.midline import Midline, midline
from thaliron_napari.case.annotations import LABEL_MAPS, Annotations, Side
from thaliron_napari.case.edits import Edit
from thaliron_napari.case.history import EditsInOrder, History
from thaliron_napari.case.journal import Journal, now, rest_name
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Volume
from thaliron_napari.imaging.overlap import check_overlap
from thaliron_napari.imaging.units import to_ppb, unit_of_file

_SNAPSHOT_EVERY = 500  # lines
_SNAPSHOT_AT_CLOSE = 100

Role = Literal["qsm", "magnitude", "flair", "t1", "t1ce"]
ROLE_NAME: dict[Role, str] = {
    "qsm": "QSM",
    "magnitude": "GRE magnitude",
    "flair": "FLAIR",
    "t1": "T1",
    "t1ce": "T1 after gadolinium",
}


class Case:
    """A case: immutable images, and annotations that only :meth:`apply`, :meth:`undo` and :meth:`redo` change.

    Parameters
    ----------
    subject : str
        ID such as ``014`` (BIDS ``sub-014``).
    images : mapping
        Volumes by role. There must be a QSM or a FLAIR.
    folder : Path, optional
        Where the journal and the files of this case go; None keeps all in memory.
    session, reader : str
        BIDS session label and the reader's name; may be empty.

    Raises
    ------
    CaseError
        When there is neither a QSM nor a FLAIR, or the journal in `folder` belongs to other images.
    GridError
        When two images do not overlap in space.
    """

    changed = Signal(Edit)
    """Emitted after an edit was applied or taken back, with the edit as it acted on the annotations."""

    def __init__(
        self,
        subject: str,
        images: Mapping[Role, Volume],
        *,
        folder: Path | None = None,
        session: str = "",
        reader: str = "",
    ) -> None:
        if "qsm" not in images and "flair" not in images:
            raise CaseError("A case needs a QSM or a FLAIR; choose at least one of the two.")
        check_overlap({ROLE_NAME[role]: volume for role, volume in images.items()})
        self.subject, self.session, self.reader, self.folder = subject, session, reader, folder
        self.images: dict[Role, Volume] = dict(images)
        self.annotations = Annotations(
            {name: np.zeros(images[on].grid.shape, np.int32) for name, on in LABEL_MAPS.items() if on in images}
        )
        self._ppb: tuple[str, NDArray[np.float32]] | None = None
        self._stated_unit = self._unit_from_file()
        digests = {role: v.source.sha256 for role, v in self.images.items() if v.source is not None}
        kept: dict[str, str] = {role: digest for role, digest in digests.items() if role in ("qsm", "flair")}
        self.journal = Journal(None if folder is None else folder / f"{self.stem}_desc-edits.jsonl", kept, __version__)
        self.history = History(self.journal, self.annotations)
        self.history.replay()
        self.notice = self._notice()
        """What the reader should know of how this case was found, in one line; mostly empty."""
        self._opened = False
        self._recovered = False

    @property
    def name(self) -> str:
        """``sub-014`` or ``sub-014_ses-02``."""
        return self.stem

    @property
    def stem(self) -> str:
        """What the names of this case's files start with."""
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")

    @property
    def done(self) -> Sequence[Edit]:
        """The edits in force, in the order made."""
        return EditsInOrder(self.journal, self.history.done)

    @property
    def undone(self) -> Sequence[Edit]:
        """The edits taken back, the next to be made again last."""
        return EditsInOrder(self.journal, self.history.undone)

    def actions(self, most: int) -> list[Edit]:
        """The last actions in force, the latest first: what undo takes back at its next presses."""
        found: list[Edit] = []
        for place in reversed(range(len(self.done))):
            if len(found) == most:
                break
            edit = self.done[place]
            if not edit.joined:
                found.append(edit)
        return found

    def claim(self) -> bool:
        """Take the right to change the case, as the first edit does; take in what another window did meanwhile.

        Returns
        -------
        bool
            Whether anything came from there: what was prepared before does not fit the case any more.

        Raises
        ------
        CaseHeldError
            When another window has it.
        CaseError
            When the journal is no longer the one that was read.
        """
        if self.journal.held:
            return False
        damage = None if self._recovered else self.journal.damage
        behind = damage.behind() if damage is not None else []
        came = self.journal.claim(self.reader)
        edits = [self.history.take(number) for number in range(len(self.journal) - came, len(self.journal))]
        for edit in edits:
            if edit is not None:
                self._tell(edit)
        if behind:
            self._recovered = True  # once, also where the disk keeps the lock from being had
            self.apply(self.history.recovery(behind))
        return bool(behind) or any(edit is not None for edit in edits)

    def apply(self, edit: Edit) -> None:
        """Make an edit, remember it for undo, and write it to the journal. An edit without changes does nothing.

        Raises
        ------
        CaseHeldError
            When another window has the case.
        CaseError
            When another window has changed it since the edit was prepared.
        """
        if not edit.changes:
            return
        if self.claim():
            raise CaseError("Another window has changed this case meanwhile; look at it as it is now, and do it again.")
        self._begin()
        edit = edit.signed(self.reader)
        edit.apply(self.annotations)
        self.history.did(self.journal.append({"do": edit.to_json()}), edit)
        self._tell(edit)

    def undo(self) -> Edit | None:
        """Take the last action back, with all that was joined to it; return it, or None where there is none."""
        return self._move("undo")

    def redo(self) -> Edit | None:
        """Make the last action that was taken back again; return it, or None where there is none."""
        return self._move("redo")

    def close(self, seconds: float = 5.0) -> bool:
        """End the work on this case, so that another window can have it.

        Parameters
        ----------
        seconds : float
            How long to wait for the disk.

        Returns
        -------
        bool
            False where not all is on disk yet. The case stays ours then; close it again later.
        """
        if self._opened:
            self._snapshot(_SNAPSHOT_AT_CLOSE)
            self.journal.append({"close": {"time": now()}})
            self._opened = False
        return self.journal.close(seconds)

    @property
    def unit(self) -> str | None:
        """Unit of the QSM file's values: the reader's word, else the sidecar's, else guessed; None: ambiguous."""
        said: str | None = self.annotations.facts.get("unit")
        return said or self._stated_unit

    @property
    def qsm_ppb(self) -> NDArray[np.float32]:
        """The susceptibility map (z, y, x) in ppb.

        Raises
        ------
        CaseError
            When there is no QSM, or its unit is ambiguous.
        """
        if "qsm" not in self.images:
            raise CaseError("There is no QSM in this case; choose one in the step Study.")
        if self.unit is None:
            raise CaseError(
                "The unit of the QSM is ambiguous; say in the step Study whether it is ppm or ppb, or its scaling."
            )
        if self._ppb is None or self._ppb[0] != self.unit:
            self._ppb = (self.unit, to_ppb(self.images["qsm"].data, self.unit))
        return self._ppb[1]

    def side_of(self, x: float, *, unless_within_mm: float = 0.0) -> Side | None:
        """On which of the patient's sides an x index of the QSM grid lies.

        Parameters
        ----------
        x : float
        unless_within_mm : float
            Nearer than this to the middle of the head it cannot be told: None.
        """
        from_middle = x - self._middle_x
        if abs(from_middle) * self.volume("qsm").spacing[2] < unless_within_mm:
            return None
        return "left" if from_middle > 0 else "right"

    @cached_property
    def _middle_x(self) -> float:
        """X index of the middle of the head on the QSM grid."""
        columns = np.flatnonzero((self.volume("qsm").data != 0).any(axis=(0, 1)))
        if columns.size == 0:
            raise CaseError("The QSM is empty; choose another file in the step Study.")
        return float(columns[0] + columns[-1]) / 2

    @cached_property
    def midline(self) -> Midline:
        """The mid-sagittal plane of the head on the QSM grid, found once; the better part of a second."""
        qsm = self.volume("qsm")
        return midline(qsm.data, qsm.spacing)

    @cached_property
    def normal_tissue(self) -> NormalTissue:
        """What normal tissue looks like on this FLAIR, by the T1 too where it lies on it; until that moves."""
        from thaliron_napari.case.on_flair import fits, on_flair

        flair = self.volume("flair")
        t1 = on_flair(self, "t1") if fits(self, "t1") else None
        return normal_tissue(flair.data, flair.spacing, t1=t1)

    def volume(self, role: Role) -> Volume:
        """Image by its role.

        Raises
        ------
        CaseError
            When the case has none.
        """
        if role not in self.images:
            raise CaseError(f"There is no {ROLE_NAME[role]} in this case; choose one in the step Study.")
        return self.images[role]

    def _tell(self, edit: Edit) -> None:
        """Tell of a change, and forget what was true of the images as they lay before."""
        if edit.touches("registration/t1"):
            vars(self).pop("normal_tissue", None)
        self.changed.emit(edit)

    def _move(self, verb: Literal["undo", "redo"]) -> Edit | None:
        self.claim()
        edits = self.done if verb == "undo" else self.undone
        if not edits:
            return None
        self._begin()
        first = last = self._move_one(verb, edits[-1])
        while edits and (last.joined if verb == "undo" else edits[-1].joined):
            last = self._move_one(verb, edits[-1])
        return last if verb == "undo" else first

    def _move_one(self, verb: Literal["undo", "redo"], edit: Edit) -> Edit:
        acted = self.history.undo() if verb == "undo" else self.history.redo()
        self.journal.append({verb: edit.words, "reader": self.reader, "time": now()})
        self._tell(acted)
        return edit

    def _begin(self) -> None:
        """What comes before a change: a line that says who makes it, and now and then a snapshot."""
        if not self._opened:
            self._opened = True
            us = {"reader": self.reader, "host": socket.gethostname(), "program": __version__, "time": now()}
            self.journal.append({"open": us})
        self._snapshot(_SNAPSHOT_EVERY)

    def _snapshot(self, least: int) -> None:
        """Write a snapshot where there are so many lines since the last."""
        if len(self.journal) - self.history.snapshot_at >= least:
            self.history.snapshot_at = self.journal.append({"snapshot": self.history.snapshot()})

    def _notice(self) -> str:
        """What happened to the journal before, in one line."""
        journal = self.journal
        if journal.damage is not None:
            assert journal.path is not None
            return (
                f"The journal is damaged in line {journal.damage.line}: {len(self.done)} edits are here, and the rest "
                f"is kept in {rest_name(journal.path, journal.damage)}."
            )
        opened, closed = journal.last("open"), journal.last("close")
        if opened is not None and (closed is None or closed < opened) and self.done:
            return f"The program was cut off here; all {len(self.done)} edits are there."
        return ""

    def _unit_from_file(self) -> str | None:
        qsm = self.images.get("qsm")
        if qsm is None:
            return None
        return unit_of_file(None if qsm.source is None else qsm.source.path, qsm.data)
