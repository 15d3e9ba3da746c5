"""Text files read whatever their encoding, and written beside and renamed into place, never half."""

from __future__ import annotations

import codecs
from pathlib import Path

from thaliron_napari.errors import TableError
from thaliron_napari.imaging.files import replace_file


def read_text(path: Path) -> str:
    """Text of a file in UTF-8, UTF-16 with its mark, or the encoding of western Windows.

    Raises
    ------
    TableError
        Where the file is missing, empty, or not text.
    """
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise TableError(f"{path} is a folder; give the table's file") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    if not data.strip():
        raise TableError(f"{path} is empty; it needs a line of column names and one line a case")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise TableError(f"{path} is a workbook, not text; save it as CSV from the spreadsheet and read that")
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
    """Write UTF-8 beside `path` and rename it into place; folders are made as needed.

    Raises
    ------
    TableError
        Where the folder or file cannot be written. A file that was there is then as it was.
    """
    try:
        replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8", newline=""))
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}") from None
