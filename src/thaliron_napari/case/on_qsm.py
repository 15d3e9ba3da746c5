"""The FLAIR of a case on the grid of its QSM, where thalami and CSF lie."""

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case.case import Case
from thaliron_napari.imaging import resample


def flair_on_qsm(case: Case) -> NDArray[np.float32] | None:
    """Values (z, y, x) of the FLAIR on the QSM grid; None where there is none, or it is not known to lie on the QSM."""
    if "flair" not in case.images:
        return None
    grid = case.volume("qsm").grid
    if not case.images["flair"].grid.same_as(grid) and "registration/qsm" not in case.annotations.facts:
        return None
    return resample(case.images["flair"], grid, np.linalg.inv(case.annotations.registration("qsm")))
