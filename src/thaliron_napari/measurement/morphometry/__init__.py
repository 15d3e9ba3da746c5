"""Brain morphometry: what FreeSurfer and its kin found, and what can be computed without them."""

from thaliron_napari.measurement.morphometry.grey import grey_matter
from thaliron_napari.measurement.morphometry.numbers import ANTS_NUMBERS, NUMBERS, Check, Morphometry, Number
from thaliron_napari.measurement.morphometry.outlines import (
    SurfaceSlices,
    join_segments,
    outline,
    slice_segments,
    slices_of_surface,
    to_index,
)
from thaliron_napari.measurement.morphometry.reading import read_freesurfer, read_morphometry
from thaliron_napari.measurement.morphometry.recount import check_volumes, recount
from thaliron_napari.measurement.morphometry.surfaces import Surface, read_per_vertex, read_surface
from thaliron_napari.measurement.morphometry.thickness_from_surfaces import (
    Hemisphere,
    compare_thickness,
    cortical_thickness,
    mean_thickness,
    measure_hemisphere,
    thickness_by_side,
    vertex_areas,
)

__all__ = [
    "ANTS_NUMBERS",
    "NUMBERS",
    "Check",
    "Hemisphere",
    "Morphometry",
    "Number",
    "Surface",
    "SurfaceSlices",
    "check_volumes",
    "compare_thickness",
    "cortical_thickness",
    "grey_matter",
    "join_segments",
    "mean_thickness",
    "measure_hemisphere",
    "outline",
    "read_freesurfer",
    "read_morphometry",
    "read_per_vertex",
    "read_surface",
    "recount",
    "slice_segments",
    "slices_of_surface",
    "thickness_by_side",
    "to_index",
    "vertex_areas",
]
