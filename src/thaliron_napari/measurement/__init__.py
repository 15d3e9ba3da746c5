"""A case's numbers: regions, susceptibility, lesions, morphometry."""

from thaliron_napari.measurement.lesion_table import write_lesions
from thaliron_napari.measurement.morphometry import read_morphometry
from thaliron_napari.measurement.record import (
    Record,
    measure_case,
    measure_lesion_map,
    write_record,
)
from thaliron_napari.measurement.regions import measure_thalami

__all__ = [
    "Record",
    "measure_case",
    "measure_lesion_map",
    "measure_thalami",
    "read_morphometry",
    "write_lesions",
    "write_record",
]
