"""Cortical thickness from FreeSurfer's and FastSurfer's tables of parcels, and from their surfaces."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.numbers import Number
from thaliron_napari.measurement.morphometry.stats_files import read_stats
from thaliron_napari.measurement.morphometry.text_files import read_text

_MAGIC = b"\xff\xff\xff"
_HEADER_BYTES = 15
_MOST_VERTICES = 10_000_000


def read_thickness(folder: Path) -> dict[str, Number]:
    """Mean cortical thickness over both hemispheres, in three ways.

    FreeSurfer's MeanThickness is the plain mean over the vertices of ``?h.cortex.label`` (mris_anatomical_stats
    divides a sum by their number), so a hemisphere's mean is not weighted by area; only that of both here is.

    Parameters
    ----------
    folder : Path
        Of one subject.

    Returns
    -------
    dict
        ``thickness_mm``, ``thickness_plain_mm``, ``thickness_vertex_mm``; None where a file is missing or damaged.
    """
    try:
        means, areas, names = zip(*(_of_hemisphere(folder, name) for name in _tables(folder)), strict=True)
        source = f"{' and '.join(names)}, Measure MeanThickness"
        weighted = Number(float(np.average(means, weights=areas)), f"{source} weighted by WhiteSurfArea")
        plain = Number(float(np.mean(means)), f"{source}, both weighted alike")
    except MeasurementError as error:
        weighted = plain = Number(None, str(error))
    return {"thickness_mm": weighted, "thickness_plain_mm": plain, "thickness_vertex_mm": _over_vertices(folder)}


def _tables(folder: Path) -> tuple[str, str]:
    """Names of the tables of both hemispheres: aparc where one of them is there, else DKT."""
    there = [path.name[3:] for path in sorted((folder / "stats").glob("[lr]h.aparc.DKTatlas*.stats"))]
    kinds = ("aparc.stats", "aparc.DKTatlas.mapped.stats", *there)
    kind = next(
        (k for k in kinds if any(os.path.exists(folder / "stats" / f"{h}.{k}") for h in ("lh", "rh"))), kinds[0]
    )
    return f"stats/lh.{kind}", f"stats/rh.{kind}"


def _of_hemisphere(folder: Path, name: str) -> tuple[float, float, str]:
    stats = read_stats(folder / name, name)
    mean, area = stats.measure(("MeanThickness",), "mm"), stats.measure(("WhiteSurfArea",), "mm^2")
    for number in (mean, area):
        if not number.value:
            raise MeasurementError(number.source if number.value is None else f"{number.source} is 0")
    assert mean.value is not None
    assert area.value is not None
    return mean.value, area.value, name


def _over_vertices(folder: Path) -> Number:
    """Mean over all vertices of cortex, each weighted by its area of white surface."""
    try:
        maps = [
            (hemi, _vertex_map(folder, f"surf/{hemi}.thickness"), _vertex_map(folder, f"surf/{hemi}.area"))
            for hemi in ("lh", "rh")
        ]
        labelled = all(os.path.exists(folder / "label" / f"{hemi}.cortex.label") for hemi in ("lh", "rh"))
        total = weight = 0.0
        for hemi, thickness, area in maps:
            if thickness.shape != area.shape:
                raise MeasurementError(f"surf/{hemi}.thickness and surf/{hemi}.area have different vertices")
            cortex = _label(folder, f"label/{hemi}.cortex.label", len(area)) if labelled else thickness > 0
            total += float(np.sum(thickness[cortex] * area[cortex]))
            weight += float(np.sum(area[cortex]))
        if not weight > 0:
            raise MeasurementError("surf/?h.area has no area")
    except MeasurementError as error:
        return Number(None, str(error))
    where = "in label/?h.cortex.label" if labelled else "with a thickness above 0"
    return Number(total / weight, f"surf/?h.thickness weighted by surf/?h.area, vertices {where}")


def _vertex_map(folder: Path, name: str) -> NDArray[np.float64]:
    """One value a vertex, from FreeSurfer's binary "curv" format: three bytes, three counts, big-endian floats."""
    try:
        with (folder / name).open("rb") as file:
            head = file.read(_HEADER_BYTES)
            n, _, each = (int(k) for k in np.frombuffer(head[3:].ljust(12, b"\0"), ">i4"))
            size = os.fstat(file.fileno()).st_size
            if head[:3] != _MAGIC or each != 1 or not 0 < n <= _MOST_VERTICES or size != _HEADER_BYTES + 4 * n:
                raise MeasurementError(f"{name} is cut off or damaged")
            values = np.frombuffer(file.read(4 * n), ">f4").astype(float)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MeasurementError(f"{name} is not there") from error
    except (OSError, ValueError) as error:
        raise MeasurementError(f"{name} cannot be read ({error})") from error
    if len(values) != n or not np.isfinite(values).all() or values.min() < 0:
        raise MeasurementError(f"{name} holds values that are no thickness or area")
    return values


def _label(folder: Path, name: str, n: int) -> NDArray[np.intp]:
    """Vertices in a FreeSurfer label file: a line of words, their number, then one line each."""
    _, *lines = read_text(folder / name, name).splitlines()
    try:
        vertices = np.array([int(line.split()[0]) for line in lines[1:]], np.intp)
        whole = len(vertices) == int(lines[0]) > 0 and all(len(line.split()) == 5 for line in lines[1:])
    except (ValueError, IndexError, OverflowError):
        whole = False
    if not whole or vertices.min() < 0 or vertices.max() >= n or len(np.unique(vertices)) != len(vertices):
        raise MeasurementError(f"{name} is cut off or damaged")
    return vertices
