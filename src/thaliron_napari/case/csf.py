"""The edits of the CSF step: put down, move, resize and remove the circle of each atrium."""

import numpy as np
import numpy.typing as npt

from thaliron_napari.annotation import csf_roi
from thaliron_napari.case.annotations import SIDES, Annotations, CsfCircle, Side
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Edit, fact_change


def place_circle(case: Case, side: Side, circle: CsfCircle) -> Edit:
    """Edit that makes `circle` the CSF ROI of a side.

    Raises
    ------
    AnnotationError
        When the circle leaves the image.
    """
    volume = case.volume("qsm")
    csf_roi(volume.grid.shape, circle.centre, circle.radius_mm, volume.spacing)
    value = {"centre": [float(c) for c in circle.centre], "radius_mm": float(circle.radius_mm)}
    verb = "move" if case.annotations.csf(side) else "place"
    return Edit(
        f"{verb} {side} CSF circle, slice {round(circle.centre[0]) + 1}",
        fact_change(case.annotations, f"csf/{side}", value),
    )


def remove_circle(case: Case, side: Side) -> Edit:
    """Edit that removes the CSF ROI of a side."""
    return Edit(f"remove {side} CSF circle", fact_change(case.annotations, f"csf/{side}", None))


def csf_mask(case: Case) -> npt.NDArray[np.uint8]:
    """All CSF ROIs as a label map on the QSM grid: 1 left, 2 right."""
    volume = case.volume("qsm")
    mask = np.zeros(volume.grid.shape, np.uint8)
    for label, side in enumerate(SIDES, start=1):
        circle = case.annotations.csf(side)
        if circle is not None:
            mask[csf_roi(volume.grid.shape, circle.centre, circle.radius_mm, volume.spacing)] = label
    return mask


def both_placed(annotations: Annotations) -> bool:
    """Whether each atrium has its circle."""
    return all(annotations.csf(side) for side in SIDES)
