"""A first contour of the thalami for nothing: from another program's label map, or from one click and the images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case.annotations import SIDES, Side
from thaliron_napari.case.case import Case
from thaliron_napari.case.other_programs import files_like, subject_folders
from thaliron_napari.case.placing import between, image_of
from thaliron_napari.case.thalamus import Box, images_on_qsm_grid
from thaliron_napari.case.veins import kept_out
from thaliron_napari.errors import CaseError, ThalIronError
from thaliron_napari.imaging import Volume, read_label_map, resample

FREESURFER_LABEL: dict[Side, int] = {"left": 10, "right": 49}
"""Of the thalami in FreeSurfer's colour table, which FastSurfer and SynthSeg use too."""

_REACH_MM = 40.0  # about a click: the whole thalamus and what lies around it
_KNOWN_NAMES = (
    "mri/aseg.mgz",
    "mri/aparc+aseg.mgz",
    "mri/aparc.DKTatlas+aseg.deep.mgz",
    "mri/aseg.auto_noCCseg.mgz",
    "*_dseg.nii.gz",
    "*synthseg*.nii.gz",
    "*aseg*.nii.gz",
    "*aseg*.mgz",
)


def contour_from_click(case: Case, side: Side, index: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Propose a thalamus about a click.

    Parameters
    ----------
    case : Case
    side : {"left", "right"}
    index : tuple of int
        The click (z, y, x) on the QSM grid.

    Returns
    -------
    bool array (z, y, x)
        On the QSM grid.

    Raises
    ------
    AnnotationError
        When nothing like a thalamus lies there.
    """
    from thaliron_napari.annotation import first_contour

    grid = case.volume("qsm").grid
    parts = []
    for at, n, step in zip(index, grid.shape, grid.spacing, strict=True):
        reach = int(np.ceil(_REACH_MM / step))
        parts.append(slice(max(at - reach, 0), min(at + reach + 1, n)))
    box: Box = (parts[0], parts[1], parts[2])
    z, y, x = (at - part.start for at, part in zip(index, box, strict=True))
    veins = kept_out(case)
    mask = np.zeros(grid.shape, bool)
    mask[box] = first_contour(
        (z, y, x),
        grid.spacing,
        images_on_qsm_grid(case, box),
        side=side,
        avoid=None if veins is None else veins[box],
    )
    return mask


def contours_from_label_map(case: Case, path: Path) -> dict[Side, NDArray[np.bool_]]:
    """Thalami of another program's label map (FreeSurfer's labels 10 and 49), brought onto the QSM grid.

    The map lies on one of the case's images, or in the world of the T1 (else FLAIR, else QSM) that it was made from;
    that image's registration brings it onto the QSM. Each side is resampled as a share of 0 to 1 and cut at one half.

    Raises
    ------
    CaseError
        When the map holds no thalamus, or it does not lie on the QSM.
    ImageError
        When the file cannot be read as a label map.
    """
    labels = read_label_map(path)
    grid, to_map = case.volume("qsm").grid, between(case, "qsm", image_of(case, labels.grid))
    found: dict[Side, NDArray[np.bool_]] = {}
    for side in SIDES:
        share = Volume((labels.data == FREESURFER_LABEL[side]).astype(np.float32), labels.grid)
        if not share.data.any():
            raise CaseError(f"{path.name} holds no {side} thalamus (label {FREESURFER_LABEL[side]}); choose another.")
        mask = resample(share, grid, to_map) >= 0.5
        if not mask.any():
            raise CaseError(f"The {side} thalamus of {path.name} lies outside of the QSM; choose this patient's.")
        found[side] = mask
    return found


def find_label_map(case: Case) -> Path | None:
    """A label map of FreeSurfer, FastSurfer or SynthSeg among the dataset's derivatives that holds both thalami."""
    return next(_label_maps(case), None)


def _label_maps(case: Case) -> Iterator[Path]:
    for folder in subject_folders(case):
        for pattern in _KNOWN_NAMES:
            yield from (path for path in files_like(case, folder, pattern) if _fits(path))


def _fits(path: Path) -> bool:
    """Whether a file is a label map with the thalami of both sides."""
    try:
        there = np.unique(read_label_map(path).data)
    except ThalIronError:
        return False
    return all(label in there for label in FREESURFER_LABEL.values())
