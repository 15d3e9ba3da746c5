"""The log of edits on disk: one JSON object a line, appended and flushed as each edit lands.

The first line says to which images the edits belong. The others are ``do`` (with the edit), ``undo`` and ``redo``.
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
        self._header = {"thaliron-journal": FORMAT, "program": program, "images": images}
        self._waiting: list[bytes] = []
        self._torn = False

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
        self._torn = bool(last)
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
            if number == 1:
                self._check(item)
            else:
                yield item

    def append(self, item: dict[str, Any]) -> None:
        """Write one line and see it flushed to disk; on failure keep it and say so in :attr:`problem`."""
        self._waiting.append(json.dumps(item, separators=(",", ":")).encode() + b"\n")
        self.flush()

    def flush(self) -> None:
        """Try to write what is waiting."""
        if not self._waiting:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Lines are written at a known length, so that a write that failed half way is overwritten by the next try.
            start = self._length()
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                file.seek(start)
                if start == 0:
                    file.write(json.dumps(self._header, separators=(",", ":")).encode() + b"\n")
                file.write(b"".join(self._waiting))
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.problem = error.strerror or str(error)
            self._torn = True
            return
        self._waiting.clear()
        self._torn = False
        self.problem = ""

    def _length(self) -> int:
        """Where the next line starts: the file's end, or the end of its last whole line after a torn write."""
        if not self.path.exists():
            return 0
        if not self._torn:
            return self.path.stat().st_size
        return self.path.read_bytes().rfind(b"\n") + 1

    def _check(self, header: dict[str, Any]) -> None:
        if header.get("thaliron-journal") != FORMAT:
            raise CaseError(f"{self.path} is not a journal of this program; move it aside to start anew.")
        for role, digest in dict(header.get("images", {})).items():
            mine = self._header["images"].get(role)  # type: ignore[attr-defined]
            if mine is not None and mine != digest:
                raise CaseError(
                    f"The edits in {self.path} were made on another {role.upper()} file than the one given; open that "
                    "file, or move the journal aside to start anew."
                )
