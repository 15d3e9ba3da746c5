"""Thalami, grey matter, thickness and head size from a result of FreeSurfer, FastSurfer or SynthSeg."""

import os
from pathlib import Path

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.grey import total_grey
from thaliron_napari.measurement.morphometry.numbers import NUMBERS, Morphometry, Number
from thaliron_napari.measurement.morphometry.program import program_of
from thaliron_napari.measurement.morphometry.stats_files import Stats, read_stats
from thaliron_napari.measurement.morphometry.synthseg import find_table, read_synthseg
from thaliron_napari.measurement.morphometry.thickness import read_thickness

# FreeSurfer's; FastSurfer's segmentation alone, and what that was called in its version 2.0.
TABLES = ("stats/aseg.stats", "stats/aseg+DKT.stats", "stats/aparc.DKTatlas+aseg.deep.volume.stats")
THALAMI = {
    "fs_thalamus_left_ml": ("Left-Thalamus-Proper", "Left-Thalamus"),
    "fs_thalamus_right_ml": ("Right-Thalamus-Proper", "Right-Thalamus"),
}
_ETIV = ("eTIV", "EstimatedTotalIntraCranialVol", "ICV", "IntraCranialVol")
_TOTAL_GREY = ("TotalGrayVol", "TotalGray")


def read_morphometry(path: Path, subject: str | None = None) -> Morphometry:
    """Read a result of FreeSurfer (5.1 to 8), FastSurfer or SynthSeg.

    Parameters
    ----------
    path : Path
        Folder of one subject of FreeSurfer or FastSurfer, a table (CSV) that SynthSeg wrote, or a folder with one.
    subject : str, optional
        Whose row to take from SynthSeg's table, where it has several; "01" and "sub-01" are one.

    Returns
    -------
    Morphometry
        Volumes exactly as the tables have them, corrected for partial volume; a number that is missing or damaged is
        None, and its source says why.

    Raises
    ------
    MeasurementError
        When there is no such result, its table is cut off or damaged, or does not say which row is the subject's.
    """
    if os.path.isdir(path) and segmentation_table(path) is not None:
        return _read_subject(path)
    table = find_table(path) if os.path.isdir(path) else path
    if table is None:
        raise MeasurementError(
            f"There is no {path / TABLES[0]}; give the folder of one FreeSurfer or FastSurfer subject, or the table "
            "that SynthSeg wrote."
        )
    return read_synthseg(table, subject)


def segmentation_table(folder: Path) -> str | None:
    """Name of the table of volumes in a subject's folder; the usual one where the folder may not be looked into."""
    try:
        return next((name for name in TABLES if (folder / name).exists()), None)
    except OSError:
        return TABLES[0]


def read_segmentation(folder: Path) -> Stats:
    """The table of volumes in a subject's folder.

    Raises
    ------
    MeasurementError
        When it cannot be read or is cut off.
    """
    name = segmentation_table(folder) or TABLES[0]
    try:
        return read_stats(folder / name, name)
    except MeasurementError as error:
        raise MeasurementError(f"{folder}: {error}; copy it anew, or run the program's last stage again.") from error


def _read_subject(folder: Path) -> Morphometry:
    stats = read_segmentation(folder)
    numbers = {name: _ml(stats.volume_mm3(names)) for name, names in THALAMI.items()}
    numbers["fs_thalamus_ml"] = sum_of(*numbers.values())
    numbers["gm_ml"] = _ml(_grey_mm3(stats))
    numbers["etiv_ml"] = _ml(stats.measure(_ETIV, "mm^3"))
    numbers |= read_thickness(folder)
    return Morphometry(program_of(folder, stats.header), folder, {name: numbers[name] for name in NUMBERS})


def sum_of(left: Number, right: Number) -> Number:
    """Both sides together; None without one of them."""
    for number in (left, right):
        if number.value is None:
            return Number(None, number.source)
    assert left.value is not None
    assert right.value is not None
    return Number(left.value + right.value, f"{left.source} and {right.source.rpartition(', ')[2]}")


def cortex_mm3(stats: Stats) -> Number:
    """Volume of the cortex by surfaces."""
    return stats.measure(("CortexVol",), "mm^3")


def total_grey_mm3(stats: Stats) -> Number:
    """The measure TotalGray."""
    return stats.measure(_TOTAL_GREY, "mm^3")


def _grey_mm3(stats: Stats) -> Number:
    said, cortex = total_grey_mm3(stats), cortex_mm3(stats)
    if any(name in stats.measures for name in _TOTAL_GREY):
        subcortical = stats.measure(("SubCortGrayVol",), "mm^3")
        if said.value and cortex.value and subcortical.value and _is_sum(said.value, cortex.value, subcortical.value):
            # FreeSurfer 5.1's IsSubCorticalGray has brain stem and cerebellar cortex too; since then it has neither.
            return Number(said.value, f"{said.source}, which in this version counts the brain stem as grey matter too")
        return said
    try:
        parts = total_grey(stats.volumes_mm3(), cortex.value)
    except MeasurementError as error:
        return Number(None, f"{stats.name} has no Measure {_TOTAL_GREY[0]}, and {error}")
    return Number(parts, f"{stats.name}, sum of the structures that FreeSurfer's TotalGray counts")


def _is_sum(total: float, *parts: float) -> bool:
    return abs(total - sum(parts)) < 1


def _ml(number: Number) -> Number:
    if not number.value:
        return Number(None, number.source if number.value is None else f"{number.source} is 0")
    return Number(number.value / 1000, number.source)
