"""The worklist: every case of a BIDS dataset with the state of one reader's reading, from small files alone.

The state comes from the journal's facts, which are on disk after each edit, so that it is right after a crash too; no
image and no voxel is read. A reading is *done* when the reader says so, and *flagged* when the reader puts it aside for
a reason: then it waits for somebody, and is neither unread nor done. Nothing else could tell: a patient without a
lesion leaves no trace of having been looked at, and a QSM spoilt by motion leaves the thalami undrawn for good. What
the files can tell is which parts are there, and that is said beside the reader's word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from thaliron_napari.case.annotations import SIDES
from thaliron_napari.case.bids import BidsCase, cases_of
from thaliron_napari.case.case import ROLE_NAME, Case, Role
from thaliron_napari.case.edits import Edit, fact_change
from thaliron_napari.case.glance import Glance, glance
from thaliron_napari.case.images import Variant, find_in_case
from thaliron_napari.case.opening import chosen_before, default_derivatives, journal_of
from thaliron_napari.errors import CaseError

State = Literal["not begun", "in progress", "flagged", "done"]
FINISHED = "finished"
"""The fact by which the reader says that a reading is done."""
FLAGGED = "flagged"
"""The fact by which the reader puts a case aside; its value is the reason, which may be empty."""

# What is set by opening a case or saying what its files are is no reading yet.
_NO_READING = ("image/", "unit")


@dataclass(frozen=True)
class WorklistEntry:
    """One case of the worklist.

    Parameters
    ----------
    case : BidsCase
    images : tuple of str
        Roles of the images that are there.
    state : {"not begun", "in progress", "flagged", "done"}
    reason : str
        Why it is flagged, in the reader's words; may be empty.
    parts : mapping
        Whether each part of the reading that the images allow is there: "fusion", "left thalamus", "right thalamus",
        "left CSF", "right CSF", "lesions".
    changed : datetime or None
        Of the last edit, UTC.
    readers : tuple of str
        Who made the edits, as far as they gave a name.
    also_read : tuple of str
        Other readers' derivatives in which this case was begun, such as ``thaliron-anna``; not for the eyes of a
        reader who reads blinded.
    problem : str
        Why the case cannot be opened as it is, without names of files.
    """

    case: BidsCase
    images: tuple[Role, ...] = ()
    state: State = "not begun"
    reason: str = field(default="", kw_only=True)
    parts: Mapping[str, bool] = field(default_factory=dict)
    changed: datetime | None = None
    readers: tuple[str, ...] = ()
    also_read: tuple[str, ...] = ()
    problem: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Parts of the reading that are not there, both sides as one: ("CSF", "lesions")."""
        missing = [part for part, there in self.parts.items() if not there]
        for both, pair in _BOTH.items():
            if set(pair) <= set(missing):
                missing[missing.index(pair[0])] = both
                missing.remove(pair[1])
        return tuple(missing)


_BOTH = {"thalami": ("left thalamus", "right thalamus"), "CSF": ("left CSF", "right CSF")}


def read_worklist(
    root: Path,
    *,
    derivatives: Path | None = None,
    reader: str = "",
    prefer: Mapping[Role, Variant] | None = None,
) -> Iterator[WorklistEntry]:
    """Every case of a dataset, one after another, in the order of subjects and sessions.

    Parameters
    ----------
    root : Path
        The dataset.
    derivatives : Path, optional
        Folder of this reader's work; see :func:`open_case`.
    reader : str
    prefer : mapping, optional
        Kind of scan by role that the reader chose where there are several.

    Raises
    ------
    CaseError
        When the folder cannot be read, or holds no case.
    """
    try:
        cases = cases_of(root)
    except OSError as error:
        raise CaseError(f"{root} cannot be read ({error.strerror}); check your rights to it.") from error
    if not cases:
        raise CaseError(f"{root} holds no folder of a subject (sub-*); choose the folder that does.")
    for case in cases:
        yield read_entry(case, derivatives=derivatives, reader=reader, prefer=prefer)


def read_entry(
    case: BidsCase,
    *,
    derivatives: Path | None = None,
    reader: str = "",
    prefer: Mapping[Role, Variant] | None = None,
) -> WorklistEntry:
    """One case of the worklist; what is wrong with it is said in the entry and raises nothing."""
    work = derivatives or default_derivatives(case.folder, reader)
    try:
        seen = glance(journal_of(work, case.subject, case.session))
    except CaseError:
        return WorklistEntry(case, state="in progress", problem="The journal of this reading is damaged.")
    try:
        found = find_in_case(case, chosen_before(seen.facts, case.root), prefer)
    except CaseError:
        return WorklistEntry(case, state=_state(seen), problem="A file of another subject lies in the folder.")
    except OSError as error:
        return WorklistEntry(case, state=_state(seen), problem=f"The folder cannot be read ({error.strerror}).")
    roles = tuple(role for role in ROLE_NAME if role in found.images or role in found.questions)
    parts = parts_of(seen.facts, roles)
    return WorklistEntry(
        case,
        roles,
        _state(seen),
        parts,
        seen.changed if _begun(seen) else None,
        seen.readers,
        _also_read(case, work),
        _problem(found.images, roles),
        reason=str(seen.facts.get(FLAGGED, "")),
    )


def parts_of(facts: Mapping[str, Any], images: tuple[Role, ...]) -> dict[str, bool]:
    """Which parts of a reading are there, of those that the images allow."""
    parts: dict[str, bool] = {}
    if "qsm" in images and "flair" in images:
        parts["fusion"] = "registration/qsm" in facts
    if "qsm" in images:
        for side in SIDES:
            parts[f"{side} thalamus"] = sum(name.startswith(f"key/{side}/") for name in facts) > 1
        for side in SIDES:
            parts[f"{side} CSF"] = f"csf/{side}" in facts
    if "flair" in images:
        states = [fact.get("state") for name, fact in facts.items() if name.startswith("lesion/")]
        parts["lesions"] = bool(states) and not {"proposed", "flagged"} & set(states)
    return parts


def finish(case: Case, finished: bool = True) -> Edit:
    """Edit by which the reader says that the reading is done, or takes that back; what is done is flagged no more."""
    words = "finish the reading" if finished else "take the reading up again"
    changes = fact_change(case.annotations, FINISHED, True if finished else None)
    return Edit(words, changes + (fact_change(case.annotations, FLAGGED, None) if finished else ()))


def flag(case: Case, reason: str | None = "") -> Edit:
    """Edit by which the reader puts a case aside for a reason, or takes that back; what is flagged is not done.

    Parameters
    ----------
    case : Case
    reason : str or None
        Such as "motion"; may be empty. None takes the flag away.
    """
    if reason is None:
        return Edit("take the flag away", fact_change(case.annotations, FLAGGED, None))
    reason = " ".join(reason.split())
    words = f"flag the case: {reason}" if reason else "flag the case"
    return Edit(words, fact_change(case.annotations, FLAGGED, reason) + fact_change(case.annotations, FINISHED, None))


def _state(seen: Glance) -> State:
    if seen.facts.get(FLAGGED) is not None:
        return "flagged"
    if seen.facts.get(FINISHED):
        return "done"
    return "in progress" if _begun(seen) else "not begun"


def _begun(seen: Glance) -> bool:
    return any(not name.startswith(_NO_READING) for name in seen.facts)


def _also_read(case: BidsCase, own: Path) -> tuple[str, ...]:
    begun = [
        folder
        for folder in sorted((case.root / "derivatives").glob("thaliron*"))
        if journal_of(folder, case.subject, case.session).exists()
    ]
    # By identity: a file system may see anna and Anna, or two ways to write an umlaut, as one folder.
    return tuple(folder.name for folder in begun if not (own.exists() and folder.samefile(own)))


def _problem(images: Mapping[Role, Path], roles: tuple[Role, ...]) -> str:
    """What a look at the files' sizes says."""
    if "qsm" not in roles and "flair" not in roles:
        return "There is neither a QSM nor a FLAIR."
    for role, path in images.items():
        try:
            if path.stat().st_size == 0:
                return f"The file of the {ROLE_NAME[role]} is empty."
        except OSError:
            return f"The file of the {ROLE_NAME[role]} is a link to nowhere: it was not fetched yet."
    return ""
