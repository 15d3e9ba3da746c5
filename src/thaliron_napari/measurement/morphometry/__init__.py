"""Brain morphometry: what FreeSurfer and its kin found, and what can be computed without them."""

from thaliron_napari.measurement.morphometry.grey import grey_matter
from thaliron_napari.measurement.morphometry.numbers import ANTS_NUMBERS, NUMBERS, Check, Morphometry, Number
from thaliron_napari.measurement.morphometry.outlines import SurfaceSlices, outline, slices_of_surface
from thaliron_napari.measurement.morphometry.reading import read_morphometry
from thaliron_napari.measurement.morphometry.recount import check_volumes, recount
from thaliron_napari.measurement.morphometry.surfaces import Surface, read_surface
from thaliron_napari.measurement.morphometry.thickness_from_surfaces import (
    compare_thickness,
    cortical_thickness,
    mean_thickness,
    thickness_by_side,
)

__all__ = [
    "ANTS_NUMBERS",
    "NUMBERS",
    "Check",
    "Morphometry",
    "Number",
    "Surface",
    "SurfaceSlices",
    "check_volumes",
    "compare_thickness",
    "cortical_thickness",
    "grey_matter",
    "mean_thickness",
    "outline",
    "read_morphometry",
    "read_surface",
    "recount",
    "slices_of_surface",
    "thickness_by_side",
]
