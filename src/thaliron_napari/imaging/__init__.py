"""One image: its voxels, its place in the patient, its file; registration and resampling between images."""

import thaliron_napari.imaging._late  # noqa: F401 (before nibabel is imported)
from thaliron_napari.imaging.dicom import (
    Imported,
    Series,
    SeriesRole,
    choose_series,
    find_series,
    holds_dicom_only,
    import_series,
)
from thaliron_napari.imaging.files import (
    is_image_path,
    read_header,
    read_label_map,
    read_volume,
    write_image,
    write_label_map,
)
from thaliron_napari.imaging.grid import Grid, SourceGrid
from thaliron_napari.imaging.registration import Registration, register_rigid
from thaliron_napari.imaging.resampling import resample
from thaliron_napari.imaging.transforms import (
    read_itk_transform,
    read_matrix,
    rigid_matrix,
    rigid_parameters,
    write_itk_transform,
    write_matrix,
)
from thaliron_napari.imaging.units import guess_unit
from thaliron_napari.imaging.volume import Source, Volume

__all__ = [
    "Grid",
    "Imported",
    "Registration",
    "Series",
    "SeriesRole",
    "Source",
    "SourceGrid",
    "Volume",
    "choose_series",
    "find_series",
    "guess_unit",
    "holds_dicom_only",
    "import_series",
    "is_image_path",
    "read_header",
    "read_itk_transform",
    "read_label_map",
    "read_matrix",
    "read_volume",
    "register_rigid",
    "resample",
    "rigid_matrix",
    "rigid_parameters",
    "write_image",
    "write_itk_transform",
    "write_label_map",
    "write_matrix",
]
