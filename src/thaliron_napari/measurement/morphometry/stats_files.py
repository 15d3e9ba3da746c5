"""The ``.stats`` files that FreeSurfer (5.1 to 8) and FastSurfer write: lines of measures, then a table."""

import re
from dataclasses import dataclass
from pathlib import Path

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.numbers import Number
from thaliron_napari.measurement.morphometry.text_files import parse_quantity, read_text

# Where there is no line ColHeaders: mri_segstats and mris_anatomical_stats have kept these first columns since 5.1.
_SEGMENTS = ("Index", "SegId", "NVoxels", "Volume_mm3", "StructName", "Mean", "StdDev", "Min", "Max", "Range")
_PARCELS = (
    "StructName",
    "NumVert",
    "SurfArea",
    "GrayVol",
    "ThickAvg",
    "ThickStd",
    *(f"column {n}" for n in range(7, 11)),
)


@dataclass(frozen=True)
class Stats:
    """One ``.stats`` file, its numbers still as they are written.

    Parameters
    ----------
    name : str
        What to call it in words, as "stats/aseg.stats".
    header : dict
        By its first word, the rest of each line that begins with ``#``.
    measures : dict
        Value and unit of the ``# Measure`` lines by name, as ``TotalGrayVol``; one each time that it stands there.
    rows : list of dict
        The table, by the names of its columns.
    commas : bool
        Whether any number has a comma.
    """

    name: str
    header: dict[str, str]
    measures: dict[str, list[tuple[str, str]]]
    rows: list[dict[str, str]]
    commas: bool

    def measure(self, names: tuple[str, ...], unit: str) -> Number:
        """A measure under the first of its names that is there, in `unit`; as it is called differs by version."""
        found = next((name for name in names if name in self.measures), None)
        if found is None:
            return Number(None, f"{self.name} has no Measure {names[0]}")
        if len(set(self.measures[found])) > 1:
            return Number(None, f"{self.name} has Measure {found} more than once")
        value, said = self.measures[found][0]
        if said != unit:
            return Number(None, f"{self.name}, Measure {found} is in {said}, not in {unit}")
        return self._number(value, f"Measure {found}")

    def volume_mm3(self, names: tuple[str, ...]) -> Number:
        """Volume of a structure, under the first of its names that is there."""
        for name in names:
            rows = [row for row in self.rows if row.get("StructName") == name]
            if len(rows) > 1:
                return Number(None, f"{self.name} has {name} more than once")
            if rows and rows[0].get("NVoxels") == "0":
                return Number(None, f"{self.name}, {name} has no voxels")
            if rows:
                return self._number(rows[0].get("Volume_mm3", ""), name)
        return Number(None, f"{self.name} has no {' or '.join(names)}")

    def volumes_mm3(self) -> dict[int, float]:
        """Volume by label.

        Raises
        ------
        MeasurementError
            When a label stands there twice, or a volume cannot be read.
        """
        found: dict[int, float] = {}
        for row in self.rows:
            label, volume = row.get("SegId", ""), self._number(row.get("Volume_mm3", ""), row.get("StructName", "?"))
            if not label.isdecimal() or volume.value is None:
                raise MeasurementError(f"{self.name} has no label {label!r}" if volume.value else volume.source)
            if int(label) in found:
                raise MeasurementError(f"{self.name} has label {label} more than once")
            found[int(label)] = volume.value
        return found

    def _number(self, text: str, what: str) -> Number:
        try:
            return Number(parse_quantity(text, self.commas), f"{self.name}, {what}")
        except ValueError as error:
            return Number(None, f"{self.name}, {what}: {error}")


def read_stats(path: Path, name: str) -> Stats:
    """Read a ``.stats`` file.

    Parameters
    ----------
    path : Path
    name : str
        What to call it in words.

    Raises
    ------
    MeasurementError
        In half a sentence: when it cannot be read, holds no table, or is cut off: its last line without an end, a row
        without all columns, or fewer rows than its header says. A number is never taken from such a file.
    """
    header: dict[str, str] = {}
    measures: dict[str, list[tuple[str, str]]] = {}
    table: list[list[str]] = []
    for line in read_text(path, name).splitlines():
        if not line.startswith("#"):
            table += [line.split()] if line.strip() else []
            continue
        key, _, value = line[1:].strip().partition(" ")
        if key == "Measure":
            # Words between name and value hold commas, or lack them ("Cortex, CortexVol Total cortical ...").
            said = re.fullmatch(r"([^\s,]+)[,\s]+([^\s,]+)[,\s].*, +(\S+), +(\S+)", value.strip())
            if said:
                measures.setdefault(said[2], []).append((said[3], said[4]))
        else:
            header.setdefault(key, value.strip())
    columns = tuple(header["ColHeaders"].split()) if "ColHeaders" in header else _columns(table)
    rows = header.get("NRows", str(len(table)))
    if not table or rows != str(len(table)) or any(len(cells) != len(columns) for cells in table):
        raise MeasurementError(f"{name} is cut off or damaged: its table is not complete")
    found = [dict(zip(columns, cells, strict=True)) for cells in table]
    numbers = [cell for row in found for column, cell in row.items() if column != "StructName"]
    numbers += [value for values in measures.values() for value, _ in values]
    return Stats(name, header, measures, found, any("," in number for number in numbers))


def _columns(table: list[list[str]]) -> tuple[str, ...]:
    first = table[0] if table else []
    known = _SEGMENTS if first and first[0].isdecimal() else _PARCELS
    return known[: max(len(first), _SEGMENTS.index("StructName") + 1)]
