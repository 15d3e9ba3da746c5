"""Any labelled structure on a susceptibility map, measured as the thalami are: caudate, pallidum, red nucleus ..."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.case import Case
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.placing import between, image_of
from thaliron_napari.errors import CaseError, GridError, MeasurementError
from thaliron_napari.imaging import Grid, read_label_map, resample
from thaliron_napari.measurement.regions import Value, known, region_values
from thaliron_napari.measurement.susceptibility import RegionStatistics, relative_ppb, statistics_of

# Of FreeSurfer's colour table, which FastSurfer and SynthSeg use too: what QSM is measured in.
_FREESURFER = {
    **{2: "left white matter", 41: "right white matter", 4: "left lateral ventricle", 43: "right lateral ventricle"},
    **{10: "left thalamus", 11: "left caudate", 12: "left putamen", 13: "left pallidum", 16: "brain stem"},
    **{17: "left hippocampus", 18: "left amygdala", 26: "left accumbens", 28: "left ventral diencephalon"},
    **{49: "right thalamus", 50: "right caudate", 51: "right putamen", 52: "right pallidum"},
    **{53: "right hippocampus", 54: "right amygdala", 58: "right accumbens", 60: "right ventral diencephalon"},
}

STRUCTURE_COLUMNS: dict[str, tuple[str, str]] = {
    "label": ("Number of the structure in the label map", ""),
    "structure": ("Its name, where it is known", ""),
    "chi_ppb": ("Relative susceptibility: mean of the structure minus mean of the CSF ROIs", "ppb"),
    "ml": ("Volume", "ml"),
    "n": ("Voxels", "voxels"),
    "mean_ppb": ("Mean susceptibility, as in the map", "ppb"),
    "sd_ppb": ("Standard deviation of susceptibility", "ppb"),
    "median_ppb": ("Median susceptibility, as in the map", "ppb"),
    "p5_ppb": ("5th percentile of susceptibility", "ppb"),
    "p95_ppb": ("95th percentile of susceptibility", "ppb"),
}
"""Description and unit of each column of a table of structures."""


@dataclass(frozen=True)
class Structure:
    """One structure of a label map.

    Parameters
    ----------
    label : int
    name : str
        Empty where it is not known.
    statistics : RegionStatistics
    chi_ppb : float or None
        Its mean minus that of CSF; None without CSF.
    """

    label: int
    name: str
    statistics: RegionStatistics
    chi_ppb: float | None

    def cells(self) -> dict[str, Value]:
        """By the names of `STRUCTURE_COLUMNS`; None is missing."""
        chi = {"label": self.label, "structure": self.name or None, "chi_ppb": self.chi_ppb}
        return {name: known(value) for name, value in (chi | region_values("", self.statistics)).items()}


def measure_structures(
    qsm_ppb: NDArray[np.float32],
    labels: NDArray[Any],
    grid: Grid,
    *,
    csf: NDArray[Any] | None = None,
    names: Mapping[int, str] | None = None,
) -> list[Structure]:
    """Measure every label of a map, in the order of the labels.

    Parameters
    ----------
    qsm_ppb : array (z, y, x)
        Susceptibility in ppb.
    labels : int array (z, y, x)
        0 is none.
    grid : Grid
        Of all.
    csf : array (z, y, x), optional
        What is above zero is the reference.
    names : mapping, optional
        Name by label; without it FreeSurfer's, where both thalami of its colour table (10 and 49) are there.

    Raises
    ------
    GridError
        When an array has another shape than the map.
    """
    for name, array in (("structures", labels), ("CSF", csf)):
        if array is not None and array.shape != qsm_ppb.shape:
            raise GridError(f"The label map of the {name} lies on another grid than the QSM; bring it onto that QSM.")
    reference = None if csf is None or not (csf > 0).any() else statistics_of(qsm_ppb[csf > 0], grid.voxel_ml)
    present, ranks = np.unique(labels, return_inverse=True)
    if names is None:
        names = _FREESURFER if {10, 49} <= set(present.tolist()) else {}
    found = []
    boxes = ndimage.find_objects(ranks.reshape(labels.shape) + 1)
    for rank, (label, box) in enumerate(zip(present.tolist(), boxes, strict=True), start=1):
        if label > 0:
            part = statistics_of(qsm_ppb[box][ranks.reshape(labels.shape)[box] + 1 == rank], grid.voxel_ml)
            chi = relative_ppb(part, reference) if reference is not None else None
            found.append(Structure(label, names.get(label, ""), part, chi))
    return found


def structures_of_case(case: Case, path: Path) -> list[Structure]:
    """Measure each label of another program's map on the QSM of a case, relative to the case's CSF ROIs.

    The map is brought onto the QSM by the case's registration, each voxel to the nearest label; of the QSM nothing is
    interpolated. A table of names beside the map (``x_dseg.tsv`` of ``x_dseg.nii.gz``) is read.

    Raises
    ------
    CaseError
        When there is no QSM, its unit is ambiguous, or no label lies on it.
    ImageError
        When the file cannot be read as a label map.
    MeasurementError
        When the table of names cannot be read.
    """
    labels, grid = read_label_map(path), case.volume("qsm").grid
    ppb = case.qsm_ppb
    moved = resample(labels, grid, between(case, "qsm", image_of(case, labels.grid)), order=0)
    if not moved.any():
        raise CaseError(f"No label of {path.name} lies on the QSM; choose this patient's file.")
    table = path.with_name(path.name.removesuffix(".gz").rsplit(".", 1)[0] + ".tsv")
    names = read_names(table) if table.exists() else None
    return measure_structures(ppb, moved, grid, csf=csf_mask(case), names=names)


def read_names(path: Path) -> dict[int, str]:
    """Names of labels from a table: BIDS' ``*_dseg.tsv`` (index, name), or a FreeSurfer colour table.

    Raises
    ------
    MeasurementError
        When the file cannot be read, or holds no number with a name.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MeasurementError(f"{path} cannot be read as a table of names ({error}); give another.") from error
    found: dict[int, str] = {}
    header = lines[0].lower().split("\t") if lines else []
    if "index" in header and "name" in header:
        number, name = header.index("index"), header.index("name")
        rows = [row for row in csv.reader(lines[1:], delimiter="\t") if len(row) > max(number, name)]
        pairs = [(row[number], row[name]) for row in rows]
    else:
        pairs = [(parts[0], parts[1]) for line in lines if len(parts := line.split()) >= 2]
    for index, words in pairs:
        if index.strip().isdigit():
            found[int(index)] = words.strip()
    if not found:
        raise MeasurementError(f"{path} names no label; give a table with the columns index and name.")
    return found
