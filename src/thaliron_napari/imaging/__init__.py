"""One image: its voxels, its place in the patient, its file; registration and resampling between images."""

from thaliron_napari.imaging.files import is_image_path, read_label_map, read_volume, write_image, write_label_map
from thaliron_napari.imaging.grid import Grid, SourceGrid
from thaliron_napari.imaging.units import guess_unit
from thaliron_napari.imaging.volume import Source, Volume

__all__ = [
    "Grid",
    "Source",
    "SourceGrid",
    "Volume",
    "guess_unit",
    "is_image_path",
    "read_label_map",
    "read_volume",
    "write_image",
    "write_label_map",
]
