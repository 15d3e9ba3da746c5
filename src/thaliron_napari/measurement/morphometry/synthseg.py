"""The table of volumes that SynthSeg (1 and 2) writes: a row a scan, a column a structure, in cubic millimetres."""

import csv
import re
from pathlib import Path

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.grey import CEREBELLAR, CORTEX, NIGRA, SUBCORTICAL, total_grey
from thaliron_napari.measurement.morphometry.numbers import NUMBERS, Morphometry, Number
from thaliron_napari.measurement.morphometry.text_files import head_of, parse_quantity, read_text

_HEAD = "total intracranial"
_SIDED = {
    "cerebral cortex": (3, 42),
    "cerebellum cortex": (8, 47),
    "thalamus": (10, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "hippocampus": (17, 53),
    "amygdala": (18, 54),
    "accumbens area": (26, 58),
    "ventral dc": (28, 60),
}
_LABELS = {
    f"{side} {name}": label
    for name, pair in _SIDED.items()
    for side, label in zip(("left", "right"), pair, strict=True)
}
_USED = {*SUBCORTICAL, *NIGRA, *CEREBELLAR, *CORTEX}
_NO_SURFACES = "SynthSeg measures no thickness"


def find_table(folder: Path) -> Path | None:
    """SynthSeg's table in a folder.

    Raises
    ------
    MeasurementError
        When the folder holds several.
    """
    found = [path for path in sorted(folder.glob("*.csv")) if {10, 49} <= set(_columns(_split(head_of(path))[:1]))]
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:3])
        raise MeasurementError(f"{folder} holds several tables of volumes ({names}); give the one that is meant.")
    return found[0] if found else None


def read_synthseg(path: Path, subject: str | None = None) -> Morphometry:
    """Read one subject's row of SynthSeg's table.

    Version 2 names its columns and begins with the total intracranial volume; version 1 has none, and where its names
    were not at hand it heads the columns by their labels.

    Parameters
    ----------
    path : Path
    subject : str, optional
        As in :func:`read_morphometry`.

    Raises
    ------
    MeasurementError
        When the file cannot be read, is no such table, is cut off, or does not say which row is the subject's.
    """
    try:
        rows = _split(read_text(path, path.name))
    except MeasurementError as error:
        raise MeasurementError(f"{path}: {error}; give the table that SynthSeg wrote.") from error
    columns = _columns(rows[:1])
    if not {10, 49} <= set(columns):
        raise MeasurementError(f"{path} has no columns for both thalami; give the table that SynthSeg wrote (--vol).")
    row = _row_of(rows[1:], path, subject)
    if len(row) != len(rows[0]):
        raise MeasurementError(
            f"{path}: the row of {row[0]} has {len(row)} cells below {len(rows[0])} heads; it is cut off, or a comma "
            "stands for the decimal point: export it with semicolons or with decimal points."
        )
    commas = any("," in cell for cell in row[1:])
    mm3 = {label: _volume(row[at], commas, path.name, rows[0][at], row[0]) for label, at in columns.items()}
    left, right, head = mm3[10], mm3[49], mm3.get(0, Number(None, f"{path.name} has no column {_HEAD}"))
    numbers = {"fs_thalamus_left_ml": _ml(left), "fs_thalamus_right_ml": _ml(right), "etiv_ml": _ml(head)}
    missing = next((number for number in (left, right) if number.value is None), None)
    numbers["fs_thalamus_ml"] = missing or Number(
        ((left.value or 0) + (right.value or 0)) / 1000, f"{left.source} and {rows[0][columns[49]]}"
    )
    numbers["gm_ml"] = _ml(_grey(mm3, f"{path.name}, {row[0]}"))
    numbers = {name: numbers.get(name, Number(None, _NO_SURFACES)) for name in NUMBERS}
    return Morphometry("SynthSeg 2.0" if 0 in columns else "SynthSeg 1.0", path, numbers)


def _row_of(rows: list[list[str]], path: Path, subject: str | None) -> list[str]:
    """The row of one subject, or the only one where no subject is named."""
    if not rows:
        raise MeasurementError(f"{path} has no row of volumes; it is cut off, or SynthSeg failed: run it again.")
    found = rows
    if subject is not None:
        wanted = _bare(subject)
        found = [row for row in rows if _bare(row[0]) == wanted]
        found = found or [row for row in rows if _bare(row[0]).startswith(f"{wanted}_")]
    if len(found) != 1:
        whose = f" of {subject}" if subject else ""
        there = ", ".join(row[0] for row in (found or rows)[:3])
        raise MeasurementError(
            f"{path} has {len(found) or 'no'} rows{whose} ({there} ...); name one of its scans, or give the table of "
            "this patient alone."
        )
    return found[0]


def _bare(name: str) -> str:
    """A subject's name without folders, the ending of an image, and "sub-"."""
    last = re.split(r"[/\\]", name.strip())[-1]
    return re.sub(r"(\.nii|\.mgz|\.mgh)?(\.gz)?$", "", last).removeprefix("sub-")


def _columns(head: list[list[str]]) -> dict[int, int]:
    """Where each label's column is; 0 is the total intracranial volume. Parcels, counted twice, are left out."""
    found: dict[int, int] = {}
    for at, cell in enumerate(head[0][1:] if head else [], start=1):
        name = re.sub(r"[\s_-]+", " ", cell.strip().lower()).replace("ventraldc", "ventral dc")
        number = re.fullmatch(r"(?:label )?(\d+)", name)
        label = 0 if name == _HEAD else int(number[1]) if number else _LABELS.get(name, -1)
        if label in found and label in {0, *_USED}:
            return {}
        if label in {0, *_USED}:
            found[label] = at
    return found


def _split(text: str) -> list[list[str]]:
    """Rows of cells; without a line's content, without a row."""
    lines = [line for line in text.splitlines() if line.strip()]
    head = lines[0] if lines else ""
    delimiter = next((mark for mark in (";", "\t") if mark in head), ",")
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return []


def _volume(text: str, commas: bool, table: str, column: str, row: str) -> Number:
    source = f"{table}, {row}, {column.strip()}"
    try:
        value = parse_quantity(text, commas)
    except ValueError as error:
        return Number(None, f"{source}: {error}")
    return Number(value, source) if value else Number(None, f"{source} is 0")


def _grey(mm3: dict[int, Number], source: str) -> Number:
    try:
        total = total_grey({label: number.value for label, number in mm3.items() if number.value is not None})
    except MeasurementError as error:
        return Number(None, f"{source}: {error}")
    return Number(total, f"{source}, sum of the structures that FreeSurfer's TotalGray counts")


def _ml(number: Number) -> Number:
    return Number(None if number.value is None else number.value / 1000, number.source)
