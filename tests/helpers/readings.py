"""Whole readings of the head that is made of balls, for tests of what a reading leaves behind."""

from pathlib import Path

import numpy as np

from thaliron_napari.case import Case, CsfCircle, lesions, thalamus
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.edits import Edit, fact_change
from thaliron_napari.imaging import read_label_map
from thaliron_napari.imaging.transforms import rigid_matrix


def read_head(head, case: Case) -> Case:
    """Thalami drawn as they are, both circles, the first two lesions, of which one is accepted."""
    truth = read_label_map(head.thalami).data
    for side, label in (("left", 1), ("right", 2)):
        for z in np.flatnonzero((truth == label).any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, z, truth[z] == label, "draw"))
        index = case.images["qsm"].grid.index(head.atria[side])
        case.apply(place_circle(case, side, CsfCircle((round(index[0]), index[1], index[2]), 3.0)))
    for seed in head.seeds[:2]:
        case.apply(lesions.grow(case, case.images["flair"].grid.nearest(seed)))
    case.apply(lesions.set_state(case, 1, "accepted"))
    return case


def move_qsm(case: Case, shift_mm: float) -> Case:
    """The QSM brought onto the FLAIR by a shift to the right."""
    fact = {"matrix": rigid_matrix((shift_mm, 0, 0), (0, 0, 0)).tolist(), "shift_mm": shift_mm, "angle_deg": 0.0}
    case.apply(Edit("register QSM to FLAIR", fact_change(case.annotations, "registration/qsm", fact)))
    return case


def wipe(folder: Path) -> None:
    """Remove all that is in a folder."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
