"""What a journal says without its voxels: facts, readers, times. In a fraction of the time of opening the case."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thaliron_napari.case.journal import Journal
from thaliron_napari.errors import CaseError

_Changes = list[tuple[str, Any, Any]]


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
    facts: dict[str, Any] = {}
    done: list[_Changes] = []
    undone: list[_Changes] = []
    readers: dict[str, None] = {}
    time = ""
    for line in Journal(journal, {}, "").read():
        try:
            if "do" in line:
                edit = line["do"]
                changes = [(c["fact"], c["before"], c["after"]) for c in edit["changes"] if "fact" in c]
                for name, _before, after in changes:
                    _set(facts, name, after)
                done.append(changes)
                undone.clear()
                time = edit["time"]
                readers.setdefault(edit["reader"])
            elif "undo" in line and done:
                undone.append(done.pop())
                for name, before, _after in reversed(undone[-1]):
                    _set(facts, name, before)
            elif "redo" in line and undone:
                done.append(undone.pop())
                for name, _before, after in done[-1]:
                    _set(facts, name, after)
        except (KeyError, TypeError) as error:
            raise CaseError(
                f"{journal} is damaged: a line in it is not an edit; move that file aside to start this reading anew, "
                "or restore it from a backup."
            ) from error
    return Glance(facts, len(done), tuple(reader for reader in readers if reader), _time(time))


def _set(facts: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        facts.pop(name, None)
    else:
        facts[name] = value


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
