"""The journal of a case: one JSON object a line, each bound to the line before it, appended as each edit lands.

The first line says to which images the edits belong; a line ``images`` names those that joined the case later. ``open``
and ``close`` frame the work of one window. ``do`` holds an edit; ``undo`` and ``redo`` move the last one. ``snapshot``
holds all that came before it, so that opening needs the lines after it only.

The last entry of a line, ``sum``, is made of the line and of the ``sum`` of the line before: a line that was changed,
lost, added or moved is found out, whatever happened to it. (Journals of format 1 have no sums until they are
continued.)
"""

import errno
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thaliron_napari.case.lock import CaseLock
from thaliron_napari.case.mirror import Mirror, plain_words
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging.files import replace_file

FORMAT = 2
JSON = dict[str, Any]

_SUM = b',"sum":"'
_DIGITS = 16
_TAIL = len(_SUM) + _DIGITS + len(b'"}')


@dataclass(frozen=True)
class Damage:
    """Where a journal is damaged before its end.

    Parameters
    ----------
    line : int
        Number of the first line that is not as it was written, from 1.
    rest : bytes
        The file from there on.
    """

    line: int
    rest: bytes

    def behind(self) -> list[JSON]:
        """The last whole snapshot behind the damage, which holds what the damaged line did too, and what follows it."""
        lines = self.rest.split(b"\n")[:-1]
        for place in range(len(lines) - 1, 0, -1):
            before = _stated_sum(lines[place - 1])
            if not (before and lines[place].startswith(b'{"snapshot"') and _is_whole(lines[place], before)):
                continue
            end = place + 1
            while end < len(lines) and _is_whole(lines[end], _stated_sum(lines[end - 1])):
                end += 1
            return [json.loads(line) for line in lines[place:end]]
        return []


class Journal:
    """The lines of one case's journal, in memory and, where it has a file, there.

    Reading it writes nothing; the lock on the case is taken by :meth:`claim`.

    Parameters
    ----------
    path : Path, optional
        Its file; None keeps the lines in memory.
    images : mapping
        SHA-256 of each image's file by its role, such as ``{"qsm": "..."}``.
    program : str
        Version of the program, for the first line.

    Raises
    ------
    CaseError
        When the file is unreadable, is no journal, or belongs to other images.
    """

    def __init__(self, path: Path | None, images: Mapping[str, str], program: str) -> None:
        self.path = path
        self._reader = ""
        self._left_to_mirror = False  # the disk is in trouble: the lock is taken where nobody waits for it
        self.damage: Damage | None = None
        self._images = dict(images)
        self._stated: set[str] = set()
        self._program = program
        self._lines: list[bytes] = []
        self._sum = b""
        self.mirror: Mirror | None = None
        self._lock: CaseLock | None = None
        if path is not None:
            self._lock = CaseLock(path)
            good = self._take_in(self._read(path))
            self.mirror = Mirror(path, good, hold=self._hold_for_mirror)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, number: int) -> JSON:
        """One line, by its number from 0."""
        item: JSON = json.loads(self._lines[number])
        return item

    def starts_with(self, number: int, key: str) -> bool:
        """Whether a line is of a kind; without parsing it."""
        return self._lines[number].startswith(b'{"' + key.encode() + b'"')

    def last(self, key: str) -> int | None:
        """Number of the last line of a kind."""
        return next((n for n in range(len(self) - 1, -1, -1) if self.starts_with(n, key)), None)

    @property
    def held(self) -> bool:
        """Whether the right to write the case is ours."""
        return self._lock is None or self._lock.held

    def claim(self, reader: str) -> int:
        """Take the right to write the case, and take in what another window wrote since this one read it.

        What is kept of a damaged journal's rest goes into a file beside it. A folder that cannot be written to is no
        reason to refuse: :attr:`Mirror.problem` says so, and the lock is taken with the first write that works.

        Returns
        -------
        int
            How many lines came.

        Raises
        ------
        CaseHeldError
            When another window has the case.
        CaseError
            When the file is no longer the one that was read.
        """
        if self._lock is None or self.mirror is None or self._lock.held or self._left_to_mirror:
            return 0
        self._reader = reader
        before = len(self)
        try:
            self._take_hold()
        except OSError as error:
            self.mirror.cannot(error)
            self._left_to_mirror = True
        return len(self) - before

    def append(self, item: JSON) -> int:
        """Add a line, and have it written; returns its number."""
        if not self._lines:
            self._add({"thaliron-journal": FORMAT, "program": self._program, "images": self._images})
            self._stated.update(self._images)
        new = {role: digest for role, digest in self._images.items() if role not in self._stated}
        if new:
            self._add({"images": new})
            self._stated.update(new)
        return self._add(item)

    def wait(self, seconds: float) -> bool:
        """Wait until all is on disk, no longer than that; returns whether it is."""
        return self.mirror is None or self.mirror.saved or (seconds > 0 and self.mirror.wait(seconds))

    def close(self, seconds: float = 5.0) -> bool:
        """Wait until all is on disk, no longer than that, and let others have the case; False: not all is yet."""
        if self.mirror is None or self._lock is None:
            return True
        if not self.wait(seconds):
            return False
        self.mirror.close()
        self._lock.release()
        self._left_to_mirror = False
        return True

    def copy_to(self, folder: str | Path) -> Path:
        """Write all lines into a file of the journal's name in another folder.

        To go on from it, put it into the case's own folder, in place of the journal there.

        Raises
        ------
        CaseError
            When it cannot be written.
        """
        assert self.path is not None
        copy = Path(folder) / self.path.name
        try:
            replace_file(copy, lambda file: file.write_bytes(b"".join(line + b"\n" for line in self._lines)))
        except OSError as error:
            raise CaseError(f"{copy} cannot be written ({plain_words(error)}); choose another folder.") from error
        return copy

    def _add(self, item: JSON) -> int:
        body = json.dumps(item, separators=(",", ":"))[:-1].encode()
        self._sum = _sum(self._sum, body)
        line = body + _SUM + self._sum + b'"}'
        self._lines.append(line)
        if self.mirror is not None:
            self.mirror.append(line + b"\n")
        return len(self._lines) - 1

    def _take_hold(self) -> None:
        """Take the lock, and see that the file is what we know it to be."""
        assert self.path is not None
        assert self.mirror is not None
        assert self._lock is not None
        if self._lock.held:
            return
        self._lock.take(self._reader)
        try:
            found, known = self._read(self.path), self.mirror.safe_content
            if self.damage is not None:
                self._keep_aside(self.damage)
            elif known and not found:
                self.mirror.lost()  # the file is gone: it is written again with the next edit
            elif not found.startswith(known):
                raise CaseError(f"{self.path.name} was changed since it was read; open the case again.")
            elif b"\n" in found[len(known) :]:
                if not self.mirror.saved:
                    raise CaseError(f"{self.path.name} was continued in another window since; open the case again.")
                self.mirror.grown(self._take_in(found[len(known) :]))
        except BaseException:
            self._lock.release()
            raise

    def _hold_for_mirror(self) -> None:
        try:
            self._take_hold()
        except CaseError as error:
            raise OSError(errno.EBUSY, str(error)) from error

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise CaseError(f"The journal {path} cannot be read ({error.strerror}); check the folder.") from error

    def _take_in(self, raw: bytes) -> bytes:
        """Take lines from the file; returns as much of it as is good. A last line without its end was torn."""
        good = 0
        while (end := raw.find(b"\n", good)) >= 0:
            line = raw[good:end]
            if not self._fits(line):
                self.damage = Damage(len(self._lines) + 1, raw[good:])
                break
            self._lines.append(line)
            self._sum = _stated_sum(line)
            good = end + 1
        return raw[:good]

    def _fits(self, line: bytes) -> bool:
        """Whether a line is as it was written, after the lines so far; what it says of images is checked too."""
        first = not self._lines
        if not (_is_whole(line, self._sum) if _stated_sum(line) else self._without_sums(first) and _is_object(line)):
            if first:
                raise CaseError(f"{self.path} is not a journal of this program; move it aside to start anew.")
            return False
        if first:
            item = json.loads(line)
            if item.get("thaliron-journal") not in (1, FORMAT):
                raise CaseError(f"{self.path} is not a journal of this program; move it aside to start anew.")
            self._check(item.get("images"))
        elif line.startswith(b'{"images"'):
            self._check(json.loads(line).get("images"))
        return True

    def _without_sums(self, first: bool) -> bool:
        """Whether lines may lack their sums: those of a journal of format 1 as far as it was written with that."""
        return (first or b'"thaliron-journal":1' in self._lines[0]) and not self._sum

    def _check(self, images: Any) -> None:
        """Refuse edits that were made on other image data than the case has."""
        for role, digest in images.items() if isinstance(images, dict) else ():
            self._stated.add(role)
            if self._images.get(role, digest) != digest:
                raise CaseError(
                    f"The edits in {self.path} were made on another {role.upper()} file than the one given; open that "
                    "file, or move the journal aside to start anew."
                )

    def _keep_aside(self, damage: Damage) -> None:
        assert self.path is not None
        beside = self.path.with_name(rest_name(self.path, damage))
        if not beside.exists():
            replace_file(beside, lambda file: file.write_bytes(damage.rest))
        self.damage = None


def rest_name(journal: Path, damage: Damage) -> str:
    """Name of the file into which a damaged journal's rest goes."""
    stamp = hashlib.sha256(damage.rest).hexdigest()[:8]
    return f"{journal.name.removesuffix('.jsonl')}_damaged-{stamp}.jsonl"


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _sum(before: bytes, body: bytes) -> bytes:
    return hashlib.sha256(before + body).hexdigest()[:_DIGITS].encode()


def _stated_sum(line: bytes) -> bytes:
    """The sum that a line bears; empty where it has none."""
    start = len(line) - _TAIL
    return line[start + len(_SUM) : -2] if start > 0 and line.startswith(_SUM, start) else b""


def _is_whole(line: bytes, before: bytes) -> bool:
    return _sum(before, line[:-_TAIL]) == _stated_sum(line)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
