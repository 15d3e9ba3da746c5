"""A case as DICOM objects for the archive its images came from: segmentations, and a report of the measurements."""

from thaliron_napari.report.dicom.export import ExportedDicom, export_dicom

__all__ = ["ExportedDicom", "export_dicom"]
