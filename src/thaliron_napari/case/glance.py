"""What a journal says without its voxels: facts, readers, times. In a fraction of the time of opening the case."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thaliron_napari.case.annotations import Annotations
from thaliron_napari.case.history import History
from thaliron_napari.case.journal import Journal


@dataclass
class Glance:
    """A case as its journal leaves it.

    Parameters
    ----------
    facts : dict
        See :class:`Annotations`.
    edits : int
        Edits in force: those taken back are not counted.
    readers : tuple of str
        Who made them, in order of appearance.
    changed : datetime or None
        Of the last edit, UTC; None where there is none.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    edits: int = 0
    readers: tuple[str, ...] = ()
    changed: datetime | None = None


def glance(journal: Path) -> Glance:
    """Read the facts of a journal; an empty glance where there is none.

    Raises
    ------
    CaseError
        When the journal is unreadable or damaged.
    """
    history = History(Journal(journal, {}, ""), Annotations(), voxels=False)
    history.replay()
    readers = tuple(reader for reader in history.readers if reader)
    return Glance(history.annotations.facts, len(history.done), readers, _time(history.time))


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
