"""A result without FreeSurfer on disk: numbers in a JSON file, tissues and thickness as images beside it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging import Volume, write_image, write_label_map
from thaliron_napari.imaging.files import write_json
from thaliron_napari.measurement.morphometry.numbers import ANTS_NUMBERS, Morphometry, Number

_LARGEST = 1_000_000  # bytes; what is larger is another file
LABELS = {1: "CSF", 2: "grey matter", 3: "white matter"}


@dataclass(frozen=True, eq=False)
class AntsResult:
    """What was found on one T1.

    Parameters
    ----------
    t1 : Volume
        The T1, on whose grid the maps lie.
    labels : uint8 array (z, y, x)
        1 CSF, 2 grey, 3 white matter.
    thickness_mm : float32 array (z, y, x)
        DiReCT's thickness in grey matter, 0 elsewhere.
    numbers : dict
        By the names of `ANTS_NUMBERS`.
    program : str
        As "ANTs 0.5.3 (N4, DiReCT)"; the number is that of the Python package antspyx.
    parameters : dict
        All that the numbers depend on beside the images.
    seconds : dict
        By stage.
    """

    t1: Volume
    labels: NDArray[np.uint8]
    thickness_mm: NDArray[np.float32]
    numbers: dict[str, Number]
    program: str
    parameters: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def maps_beside(path: Path) -> tuple[Path, Path]:
    """Label map and thickness map that belong to a JSON file: ``<stem>_desc-ants_{dseg,thickness}.nii.gz``."""
    stem = path.name.removesuffix(".json").removesuffix("_morphometry").removesuffix("_desc-ants")
    return path.with_name(f"{stem}_desc-ants_dseg.nii.gz"), path.with_name(f"{stem}_desc-ants_thickness.nii.gz")


def write_ants_result(result: AntsResult, path: Path, provenance: Mapping[str, Any]) -> Path:
    """Write label map, thickness map and at last the numbers, each beside and renamed into place.

    Parameters
    ----------
    result : AntsResult
    path : Path
        The JSON file; the maps stand beside it (see `maps_beside`), on the T1 file's own grid.
    provenance : mapping
        What else the file should say: who, when, SHA-256 of the images.

    Returns
    -------
    Path
        The JSON file.
    """
    dseg, thickness = maps_beside(path)
    write_label_map(dseg, result.labels, result.t1)
    write_image(thickness, result.thickness_mm, result.t1)
    content = {
        **provenance,
        "Program": result.program,
        "Numbers": {
            name: {
                "Value": number.value,
                "Unit": ANTS_NUMBERS[name][1],
                "Source": number.source,
                "Description": ANTS_NUMBERS[name][0],
            }
            for name, number in result.numbers.items()
        },
        "Parameters": result.parameters,
        "Maps": {
            dseg.name: {str(label): name for label, name in LABELS.items()},
            thickness.name: "Cortical thickness in mm; 0 where there is no grey matter",
        },
    }
    return write_json(path, content)


def read_ants_result(path: Path) -> Morphometry:
    """Read the numbers back.

    Raises
    ------
    MeasurementError
        When the file is missing, damaged, or not such a result.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise MeasurementError(f"{path.name} is too large to be a result of ANTs; give the JSON file of one.")
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise MeasurementError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except (ValueError, RecursionError) as error:
        raise MeasurementError(f"{path.name} is damaged or no JSON file; compute it again.") from error
    try:
        program, numbers = content["Program"], content["Numbers"]
        if not isinstance(program, str) or not isinstance(numbers, dict):
            raise TypeError
        found = {name: _number(numbers.get(name), name, path) for name in ANTS_NUMBERS}
    except (KeyError, TypeError, AttributeError) as error:
        raise MeasurementError(f"{path.name} is not a result of ANTs by this program; compute it again.") from error
    return Morphometry(program, path, found)


def _number(entry: Any, name: str, path: Path) -> Number:
    if entry is None:
        return Number(None, f"{path.name} has no {name}")
    value, unit = entry["Value"], ANTS_NUMBERS[name][1]
    if value is None:
        return Number(None, str(entry["Source"]))
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    if not good or entry.get("Unit") != unit:
        raise MeasurementError(f"{name} in {path.name} is no number in {unit}; compute it again.")
    return Number(float(value), f"{path.name}: {entry['Source']}")
