"""What FreeSurfer or its kin made of a patient, in the six panels of a paper: T1, masks, QSM, surfaces, outlines."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import ROLE_NAME, SIDE_LABEL, Case, Role
from thaliron_napari.case.first_contour import FREESURFER_LABEL
from thaliron_napari.case.placing import between
from thaliron_napari.imaging import Volume, resample
from thaliron_napari.measurement.morphometry import grey_matter
from thaliron_napari.report.figures import Plate, accepted_thalami
from thaliron_napari.report.pictures import Lines, Outline, Panel, crop
from thaliron_napari.report.segmentation import GREY_MATTER, SURFACE_COLOUR, Segmented, label_colour, label_hex
from thaliron_napari.report.slices import QSM_WINDOW_PPB, brain_window, fullest_slice, one_slice, qsm_window_words

_MARGIN_MM = 6.0
_SHARE = 0.5  # of the colours over the grey


def shown_on(case: Case) -> Role:
    """The image on which a segmentation is shown in pictures."""
    roles: tuple[Role, ...] = ("t1", "flair", "qsm")
    return next(role for role in roles if role in case.images)


def thalamic_level(brain: Segmented) -> int:
    """The slice on which the thalami are largest, else most of the labels."""
    thalami = np.isin(brain.labels, list(FREESURFER_LABEL.values()))
    return fullest_slice(thalami if thalami.any() else brain.labels > 0)


def morphometry_plate(brain: Segmented, z: int | None = None) -> Plate:
    """T1, grey matter, segmentation, QSM with the thalami contoured, surfaces, and outlines of the segmentation.

    Parameters
    ----------
    brain : Segmented
    z : int, optional
        Axial slice of the image shown; by default the level of the thalami.

    Notes
    -----
    The arrangement of figure 1 of the study. The QSM has its panel where the case has one, the surfaces where there
    are any; so there may be four panels.
    """
    case, role = brain.case, brain.role
    z = thalamic_level(brain) if z is None else z
    grid = case.images[role].grid
    labels = brain.labels[z]
    spacing = (float(grid.spacing[1]), float(grid.spacing[2]))
    box = crop(labels.shape, [np.any(brain.labels > 0, axis=0)], spacing, _MARGIN_MM)
    image, labels = case.images[role].data[z][box], labels[box]
    window = brain_window(case.images[role].data)
    name = ROLE_NAME[role]
    present = [label for label in np.unique(labels).tolist() if label > 0]
    outlines = [Outline(labels == label, label_hex(label)) for label in present]

    def over(colours: NDArray[Any], mask: NDArray[np.bool_], title: str) -> Panel:
        return Panel(_blend(image, window, colours, mask), spacing, (0, 1), title)

    grey, rgb = grey_matter(labels), _painted(labels, present)
    panels = [
        Panel(image, spacing, window, f"{name}, slice {z + 1}"),
        over(np.broadcast_to(_rgb(GREY_MATTER), rgb.shape), grey, "Grey matter mask over it"),
        over(rgb, labels > 0, "Segmentation over it, thalami in green"),
        *_qsm_panels(brain, z, box, spacing),
    ]
    lines = [Lines(_in_box(brain, key, z, box), SURFACE_COLOUR[key.partition(".")[2]]) for key in brain.surfaces]
    if lines:
        panels.append(Panel(image, spacing, window, "Pial boundary in red, white surface in yellow", (), lines))
    panels.append(Panel(image, spacing, window, "Outlines of the segmentation", outlines))
    return Plate("morphometry", panels, 3)


def _qsm_panels(brain: Segmented, z: int, box: tuple[slice, slice], spacing: tuple[float, float]) -> list[Panel]:
    case, role = brain.case, brain.role
    if "qsm" not in case.images or case.unit is None:
        return []
    plane, way = one_slice(case.images[role].grid, z), between(case, role, "qsm")
    grid = case.images["qsm"].grid
    ppb = resample(Volume(case.qsm_ppb, grid), plane, way)[0][box]
    thalami = resample(Volume(accepted_thalami(case).astype(np.int32), grid), plane, way, order=0)[0][box]
    outlines = [Outline(thalami == number, "black", halo=True) for number in SIDE_LABEL.values()]
    words = f"QSM at the same level, {qsm_window_words()}, thalami as contoured"
    return [Panel(ppb, spacing, QSM_WINDOW_PPB, words, outlines)]


def _in_box(brain: Segmented, key: str, z: int, box: tuple[slice, slice]) -> NDArray[np.float64]:
    """Segments of a surface in pixels of a box, of which the first spans 0 to 1."""
    return np.asarray(brain.surfaces[key].segments(0, z) + 0.5 - (box[0].start, box[1].start))


def _painted(labels: NDArray[np.int32], present: list[int]) -> NDArray[np.float32]:
    rgb = np.zeros((*labels.shape, 3), np.float32)
    for label in present:
        rgb[labels == label] = np.array(label_colour(label), np.float32) / 255
    return rgb


def _blend(
    image: NDArray[np.float32], window: tuple[float, float], colours: NDArray[Any], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    grey = np.clip((image - window[0]) / (window[1] - window[0]), 0, 1)[..., None]
    share = np.where(mask, _SHARE, 0)[..., None]
    return np.asarray((1 - share) * grey + share * colours, np.float32)


def _rgb(colour: str) -> NDArray[np.float32]:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)
