"""Brain morphometry: what FreeSurfer and its kin found, and what can be computed without them."""

from thaliron_napari.measurement.morphometry.numbers import NUMBERS, Check, Morphometry, Number
from thaliron_napari.measurement.morphometry.stats_files import read_freesurfer

__all__ = ["NUMBERS", "Check", "Morphometry", "Number", "read_freesurfer"]
