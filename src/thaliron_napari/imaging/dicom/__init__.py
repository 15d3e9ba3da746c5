"""DICOM: the series of a folder, what each of them is, and their conversion to NIfTI."""

from thaliron_napari.imaging.dicom.conversion import Imported, import_series
from thaliron_napari.imaging.dicom.role import SeriesRole
from thaliron_napari.imaging.dicom.series import Series, choose_series, find_series, holds_dicom_only

__all__ = ["Imported", "Series", "SeriesRole", "choose_series", "find_series", "holds_dicom_only", "import_series"]
