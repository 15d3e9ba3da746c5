"""Files of tables: text read whatever its encoding; all written beside and renamed into place, never half."""

from __future__ import annotations

import codecs
from pathlib import Path

from thaliron_napari.errors import TableError
from thaliron_napari.imaging.files import replace_file

WORKBOOK = b"PK\x03\x04"
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"  # also what encloses a workbook with a password


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises
    ------
    TableError
        Where the file is missing or empty.
    """
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise TableError(f"{path} is a folder; give the table's file") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    if not data.strip():
        raise TableError(f"{path} is empty; it needs a line of column names and one line a case")
    return data


def read_text(path: Path) -> str:
    """Text of a file in UTF-8, UTF-16 with its mark, or the encoding of western Windows.

    Raises
    ------
    TableError
        Where the file is missing, empty, or not text.
    """
    data = read_bytes(path)
    if data.startswith((WORKBOOK, OLD_WORKBOOK)):
        raise TableError(f"{path} is a workbook, not text; save it as .xlsx or .csv from its program and read that")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise TableError(f"{path} is not text in the encoding it claims (UTF-16); save it as UTF-8") from None
    if b"\x00" in data:
        raise TableError(f"{path} is not a text file; give a CSV or TSV table")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8; as :func:`write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside `path` and rename it into place; folders are made as needed.

    Raises
    ------
    TableError
        Where the folder or file cannot be written. A file that was there is then as it was.
    """
    try:
        replace_file(path, lambda beside: beside.write_bytes(content))
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}") from None
