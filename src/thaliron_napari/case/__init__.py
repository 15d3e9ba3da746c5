"""One patient read by one reader: images, annotations, edits with undo, journal and files."""

from thaliron_napari.case.annotations import SIDE_LABEL, SIDES, Annotations, CsfCircle, Lesion, Side
from thaliron_napari.case.case import ROLE_NAME, Case, Role
from thaliron_napari.case.edits import Edit
from thaliron_napari.case.opening import open_case

__all__ = [
    "ROLE_NAME",
    "SIDES",
    "SIDE_LABEL",
    "Annotations",
    "Case",
    "CsfCircle",
    "Edit",
    "Lesion",
    "Role",
    "Side",
    "open_case",
]
