"""One patient read by one reader: the images, the annotations, and the one way to change them."""

import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from thaliron_napari import __version__
from thaliron_napari.annotation import NormalTissue, normal_tissue
from thaliron_napari.case.annotations import LABEL_MAPS, Annotations
from thaliron_napari.case.edits import Edit
from thaliron_napari.case.journal import Journal
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Volume
from thaliron_napari.imaging.overlap import check_overlap
from thaliron_napari.imaging.units import to_ppb, unit_of_file

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
        self.done: list[Edit] = []
        self.undone: list[Edit] = []
        self._ppb: tuple[str, NDArray[np.float32]] | None = None
        self._stated_unit = self._unit_from_file()
        self.journal: Journal | None = None
        if folder is not None:
            digests = {role: v.source.sha256 for role, v in self.images.items() if v.source is not None}
            kept: dict[str, str] = {role: digest for role, digest in digests.items() if role in ("qsm", "flair")}
            self.journal = Journal(folder / f"{self.stem}_desc-edits.jsonl", kept, __version__)
            self._replay()

    @property
    def name(self) -> str:
        """``sub-014`` or ``sub-014_ses-02``."""
        return self.stem

    @property
    def stem(self) -> str:
        """What the names of this case's files start with."""
        return f"sub-{self.subject}" + (f"_ses-{self.session}" if self.session else "")

    def apply(self, edit: Edit) -> None:
        """Make an edit, remember it for undo, and write it to the journal. An edit without changes does nothing."""
        if not edit.changes:
            return
        edit = edit.signed(self.reader)
        edit.apply(self.annotations)
        self.done.append(edit)
        self.undone.clear()
        self._record({"do": edit.to_json()})
        self.changed.emit(edit)

    def undo(self) -> Edit | None:
        """Take the last edit back; return it, or None where there is none."""
        return self._move(self.done, self.undone, "undo")

    def redo(self) -> Edit | None:
        """Make the last edit that was taken back again; return it, or None where there is none."""
        return self._move(self.undone, self.done, "redo")

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

    @cached_property
    def normal_tissue(self) -> NormalTissue:
        """What normal tissue looks like on this FLAIR, estimated once."""
        flair = self.volume("flair")
        return normal_tissue(flair.data, flair.spacing)

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

    def _move(self, source: list[Edit], target: list[Edit], verb: Literal["undo", "redo"]) -> Edit | None:
        if not source:
            return None
        edit = source.pop()
        acting = edit.inverse() if verb == "undo" else edit
        acting.apply(self.annotations)
        target.append(edit)
        self._record({verb: edit.words})
        self.changed.emit(acting)
        return edit

    def _record(self, line: dict[str, Any]) -> None:
        if self.journal is not None:
            self.journal.append(line)

    def _replay(self) -> None:
        assert self.journal is not None
        for line in self.journal.read():
            try:
                self._replay_line(line)
            except (ValueError, TypeError, IndexError, zlib.error) as error:
                raise CaseError(
                    f"{self.journal.path} is damaged: an edit in it does not fit the images; move that file aside to "
                    "start this reading anew, or restore it from a backup."
                ) from error

    def _replay_line(self, line: dict[str, Any]) -> None:
        if "do" in line:
            edit = Edit.from_json(line["do"])
            edit.apply(self.annotations)
            self.done.append(edit)
            self.undone.clear()
        elif "undo" in line and self.done:
            edit = self.done.pop()
            edit.inverse().apply(self.annotations)
            self.undone.append(edit)
        elif "redo" in line and self.undone:
            edit = self.undone.pop()
            edit.apply(self.annotations)
            self.done.append(edit)

    def _unit_from_file(self) -> str | None:
        qsm = self.images.get("qsm")
        if qsm is None:
            return None
        return unit_of_file(None if qsm.source is None else qsm.source.path, qsm.data)
