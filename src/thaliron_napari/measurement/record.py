"""The record of a case: one flat set of named numbers with their units and meanings.

The same record comes from a case in the window, from files on the command line and from a notebook.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.case import SIDE_LABEL, SIDES, Case
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.files import describe_dataset, provenance, writing_to
from thaliron_napari.case.thalamus import proposed
from thaliron_napari.imaging import Grid
from thaliron_napari.imaging.files import write_json
from thaliron_napari.measurement.dictionary import dictionary_of
from thaliron_napari.measurement.lesions import lesion_totals, measure_lesions
from thaliron_napari.measurement.morphometry.of_case import morphometry_of_case
from thaliron_napari.measurement.regions import Value, measure_thalami


@dataclass(frozen=True)
class Record:
    """Numbers of one case.

    Parameters
    ----------
    id : str
    values : mapping
        Numbers by name; None where something was not measured, never zero in its stead.
    qsm_unit : str, optional
        In which the values of the QSM's file were taken to be.
    came_from : mapping
        Of what another program measured: where each value came from, or why it is missing.
    """

    id: str
    values: Mapping[str, Value]
    qsm_unit: str | None = None
    came_from: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """ID, values, what each value is and where it came from, and in which unit the QSM's file was read."""
        said: dict[str, Any] = {} if self.qsm_unit is None else {"qsm_unit": self.qsm_unit}
        if self.came_from:
            said["came_from"] = dict(self.came_from)
        return {"id": self.id, "values": dict(self.values), "dictionary": dictionary_of(self.values), **said}


def measure_case(case: Case) -> Record:
    """Record of a case as it stands.

    Raises
    ------
    CaseError
        When the unit of the QSM is ambiguous.
    """
    values: dict[str, Value] = {}
    if "qsm" in case.images:
        values |= measure_thalami(
            case.qsm_ppb, _accepted_thalami(case), csf_mask(case), case.images["qsm"].grid, _veins(case)
        )
    if "flair" in case.images:
        values |= _measure_review(case)
    morphometry = morphometry_of_case(case)
    return Record(case.name, values | morphometry.values(), case.unit, morphometry.came_from())


def _accepted_thalami(case: Case) -> NDArray[Any]:
    """Thalami without those that are only proposed."""
    labels = case.annotations.maps["thalami"]
    waiting = [SIDE_LABEL[side] for side in SIDES if proposed(case, side)]
    return np.where(np.isin(labels, waiting), 0, labels) if waiting else labels


def _veins(case: Case) -> NDArray[Any] | None:
    return case.annotations.maps["veins"] if "veins" in case.annotations.facts else None


def measure_lesion_map(flair: NDArray[np.float32] | None, labels: NDArray[np.int32], grid: Grid) -> dict[str, Value]:
    """Total volume, its natural log, and count of a lesion label map (z, y, x).

    A map with one number only is a mask: its lesions are the pieces that hang together, by corners too.
    """
    if np.unique(labels[labels > 0]).size == 1:
        labels, _ = ndimage.label(labels, np.ones((3, 3, 3)), output=np.int32)
    measures = measure_lesions(np.zeros(labels.shape, np.float32) if flair is None else flair, labels, grid)
    return {**lesion_totals([m.ml for m in measures])}


def write_record(case: Case) -> Path:
    """Write the measurements file of a case into its folder.

    Raises
    ------
    CaseError
        When the unit of the QSM is ambiguous, or the folder cannot be written to.
    """
    assert case.folder is not None, "a case in memory has no files"
    morphometry_of_case(case, again=True)
    record = measure_case(case).to_json()
    with writing_to(case):
        content = record | provenance(case, ["qsm", "flair", "t1", "t1ce"])
        path = write_json(case.folder / f"{case.stem}_desc-measurements.json", content)
    describe_dataset(case)
    return path


def _measure_review(case: Case) -> dict[str, Value]:
    """Totals over the lesions that the reader accepted, and how many of them enhance."""
    if not any(True for _ in case.annotations.lesions()):
        return {}  # not read is not the same as no lesions
    accepted = [lesion for lesion in case.annotations.lesions() if lesion.state == "accepted"]
    labels = case.annotations.maps["lesions"]
    sizes = np.bincount(labels[labels != 0])
    voxel_ml = case.images["flair"].grid.voxel_ml
    volumes = [float(sizes[k.number]) * voxel_ml for k in accepted if k.number < sizes.size]
    values: dict[str, Value] = {**lesion_totals([volume for volume in volumes if volume > 0])}
    said = [lesion.enhancing for lesion in accepted if lesion.enhancing is not None]
    values["enhancing"] = int(any(said)) if said else None
    values["enhancing_count"] = sum(said) if said else None
    for state in ("proposed", "flagged"):
        values[f"lesions_{state}"] = sum(lesion.state == state for lesion in case.annotations.lesions())
    return values
