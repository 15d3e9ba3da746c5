"""Cortical thickness from FreeSurfer's and FastSurfer's tables of parcels, and from their surfaces."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.cortex_label import read_cortex
from thaliron_napari.measurement.morphometry.numbers import Number
from thaliron_napari.measurement.morphometry.stats_files import read_stats
from thaliron_napari.measurement.morphometry.surfaces import read_per_vertex


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
            cortex = read_cortex(folder / "label" / f"{hemi}.cortex.label", len(area)) if labelled else thickness > 0
            total += float(np.sum(thickness[cortex] * area[cortex]))
            weight += float(np.sum(area[cortex]))
        if not weight > 0:
            raise MeasurementError("surf/?h.area has no area")
    except MeasurementError as error:
        return Number(None, str(error))
    where = "in label/?h.cortex.label" if labelled else "with a thickness above 0"
    return Number(total / weight, f"surf/?h.thickness weighted by surf/?h.area, vertices {where}")


def _vertex_map(folder: Path, name: str) -> NDArray[np.float64]:
    if not (folder / name).exists():
        raise MeasurementError(f"{name} is not there")
    values = read_per_vertex(folder / name)
    if values.min() < 0:
        raise MeasurementError(f"{name} holds values that are no thickness or area")
    return values
