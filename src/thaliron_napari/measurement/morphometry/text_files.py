"""Small text files that other programs wrote, and the numbers in them, whatever was done to them since."""

import math
import re
import stat
from pathlib import Path

from thaliron_napari.errors import MeasurementError

MOST_BYTES = 2**24
"""No table of one cohort is larger; what is, is not read."""

_PLAIN = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_GROUPS_OF_THREE = re.compile(r"\d{1,3}[.,]\d{3}")


def read_text(path: Path, name: str) -> str:
    """All of a text file, in UTF-8, UTF-16 with its mark, or Latin-1.

    Parameters
    ----------
    path : Path
    name : str
        What to call it in words, as "stats/aseg.stats".

    Raises
    ------
    MeasurementError
        When it is not there, not a file, too large, empty, not text, or its last line has no end: it is cut off, and
        a number at its end may be cut too.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise MeasurementError(f"{name} is not a file")
        if about.st_size > MOST_BYTES:
            raise MeasurementError(f"{name} is too large for a table ({about.st_size / 1e6:.0f} MB)")
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MeasurementError(f"{name} is not there") from error
    except (OSError, ValueError) as error:
        raise MeasurementError(f"{name} cannot be read ({error})") from error
    if not data.strip():
        raise MeasurementError(f"{name} is empty")
    text = _decoded(data)
    if "\0" in text:
        raise MeasurementError(f"{name} is not text")
    if not text.endswith(("\n", "\r")):
        raise MeasurementError(f"{name} is cut off or damaged: its last line has no end")
    return text


def head_of(path: Path) -> str:
    """The first few thousand characters of a text file; empty where it cannot be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return _decoded(file.read(2**13))
    except OSError:
        return ""


def parse_quantity(text: str, commas: bool = False) -> float:
    """A length, area or volume as a program writes it.

    A decimal comma and marks between thousands, which spreadsheets and other languages' settings put in, are read
    where they can mean one thing only.

    Parameters
    ----------
    text : str
    commas : bool
        Whether commas stand in other numbers of the same file, so that a point may stand between thousands.

    Raises
    ------
    ValueError
        With half a sentence that says what is wrong with it.
    """
    found = text.strip()
    ambiguous = bool(_GROUPS_OF_THREE.fullmatch(found)) and not found.startswith("0")
    if "," in found and ambiguous:
        raise ValueError(f"the comma in {found} may stand for the decimal point or between thousands")
    if commas and ambiguous:
        raise ValueError(f"the point in {found} may stand between thousands, as commas are this file's decimal points")
    for group, point in (".,", ",."):
        if re.fullmatch(rf"\d{{1,3}}(\{group}\d{{3}})+\{point}\d+|\d{{1,3}}(\{group}\d{{3}}){{2,}}", found):
            found = found.replace(group, "").replace(point, ".")
            break
    if re.fullmatch(r"\d+,\d+", found):
        found = found.replace(",", ".")
    if not _PLAIN.fullmatch(found):
        raise ValueError(f"{text.strip()[:40]!r} is not a number" + (": it has a comma" if "," in text else ""))
    value = float(found)
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{text.strip()[:40]} is no size")
    return value


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
