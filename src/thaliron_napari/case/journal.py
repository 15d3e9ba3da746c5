"""The log of edits on disk: one JSON object a line, appended and flushed as each edit lands.

The first line says to which images the edits belong; a line ``images`` names those that joined the case later. The
others are ``do`` (with the edit), ``undo`` and ``redo``.
What cannot be written (disk full, read-only folder) is kept in memory and tried again with the next line.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thaliron_napari.errors import CaseError

FORMAT = 1


class Journal:
    """Append-only journal of one case.

    Parameters
    ----------
    path : Path
    images : mapping
        SHA-256 of each image's file by its role, such as ``{"qsm": "..."}``.
    program : str
        Version of the program, for the first line.
    """

    def __init__(self, path: Path, images: Mapping[str, str], program: str) -> None:
        self.path = path
        self.problem = ""
        """Why the last lines could not be written; empty while all is on disk."""
        self._program = program
        self._images = dict(images)
        self._stated: set[str] = set()
        self._waiting: list[bytes] = []
        self._start: int | None = None  # where the next write begins; None: at the file's end

    def read(self) -> Iterator[dict[str, Any]]:
        """The lines after the first, in the order written; nothing where there is no journal yet.

        A last line that was torn by a crash is left out.

        Raises
        ------
        CaseError
            When the journal is unreadable, damaged before its end, or belongs to other images.
        """
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise CaseError(f"The journal {self.path} cannot be read ({error.strerror}); check the folder.") from error
        *lines, last = raw.split(b"\n")
        if last:
            self._start = len(raw) - len(last)
        for number, line in enumerate(lines, start=1):
            try:
                item = json.loads(line)
                if not isinstance(item, dict):
                    raise ValueError
            except ValueError as error:
                raise CaseError(
                    f"Line {number} of {self.path} is damaged; move that file aside to start this reading anew, "
                    "or restore it from a backup."
                ) from error
            if number == 1 and item.get("thaliron-journal") != FORMAT:
                raise CaseError(f"{self.path} is not a journal of this program; move it aside to start anew.")
            if "images" in item:
                self._check(item["images"])
            else:
                yield item

    def append(self, item: dict[str, Any]) -> None:
        """Write one line and see it flushed to disk; on failure keep it and say so in :attr:`problem`."""
        self._waiting.append(_line(item))
        self.flush()

    def flush(self) -> None:
        """Try to write what is waiting."""
        if not self._waiting:
            return
        new = {role: digest for role, digest in self._images.items() if role not in self._stated}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            exists = self.path.exists()
            if self._start is None or not exists:
                self._start = self.path.stat().st_size if exists else 0
            with self.path.open("r+b" if exists else "w+b") as file:
                # A write that fails half way is written over, from where it began, by the next try.
                file.seek(self._start)
                if self._start == 0:
                    header = {"thaliron-journal": FORMAT, "program": self._program, "images": self._images}
                    file.write(_line(header))
                elif new:
                    file.write(_line({"images": new}))
                file.write(b"".join(self._waiting))
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.problem = error.strerror or str(error)
            return
        self._start = None
        self._waiting.clear()
        self._stated.update(self._images)
        self.problem = ""

    def _check(self, images: Any) -> None:
        """Refuse edits that were made on other image data than the case has."""
        for role, digest in images.items() if isinstance(images, dict) else ():
            self._stated.add(role)
            if self._images.get(role, digest) != digest:
                raise CaseError(
                    f"The edits in {self.path} were made on another {role.upper()} file than the one given; open that "
                    "file, or move the journal aside to start anew."
                )


def _line(item: dict[str, Any]) -> bytes:
    return json.dumps(item, separators=(",", ":")).encode() + b"\n"
