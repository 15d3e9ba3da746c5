"""Where another program's image lies in a case, and the way from one of the case's images to another."""

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case.case import Case, Role
from thaliron_napari.imaging import Grid


def image_of(case: Case, grid: Grid, *, roles: tuple[Role, ...] = ("qsm", "flair", "t1")) -> Role:
    """The image in whose world a grid lies: the first that has the same voxels, else the T1 (else FLAIR, else QSM)."""
    same = [role for role in roles if role in case.images and case.images[role].grid.same_as(grid)]
    return next(iter(same), "t1" if "t1" in case.images else "flair" if "flair" in case.images else "qsm")


def between(case: Case, here: Role, there: Role) -> NDArray[np.float64]:
    """From the world of one image to that of another (RAS mm)."""
    if here == there:
        return np.eye(4)
    return np.asarray(_from_flair(case, there) @ np.linalg.inv(_from_flair(case, here)))


def _from_flair(case: Case, role: Role) -> NDArray[np.float64]:
    return np.eye(4) if role == "flair" else case.annotations.registration("qsm" if role == "magnitude" else role)
