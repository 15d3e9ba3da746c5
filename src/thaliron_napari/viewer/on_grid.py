"""Images of a case on the grid on show: the image that defines it as it is, each other resampled once."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import Case, Role
from thaliron_napari.imaging import Volume, resample

GridName = Literal["qsm", "flair"]


class OnGrid:
    """Resampled images, kept until their registration or their unit changes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], NDArray[np.float32]] = {}

    def clear(self) -> None:
        """Forget all, for another case."""
        self._kept.clear()

    def values(self, case: Case, role: Role, data: NDArray[np.float32], grid_name: GridName) -> NDArray[np.float32]:
        """Values `data` (z, y, x) of an image on the grid of the QSM or of the FLAIR."""
        grid, own = case.images[grid_name].grid, case.images[role].grid
        transform = _transform(case, role, grid_name)
        if own.same_as(grid) and np.allclose(transform, np.eye(4)):
            return data
        key = (role, grid_name, case.unit if role == "qsm" else None, transform.tobytes())
        if key not in self._kept:
            for old in [k for k in self._kept if k[:2] == key[:2]]:
                del self._kept[old]
            self._kept[key] = resample(Volume(data, own), grid, transform)
        return self._kept[key]


def carry(case: Case, place: NDArray[np.float64], old: GridName, new: GridName) -> NDArray[np.float64]:
    """A point in the world of one grid's image as a point in the other's (RAS mm)."""
    matrix = _transform(case, new, old)
    return np.asarray(matrix[:3, :3] @ place + matrix[:3, 3])


def _transform(case: Case, role: Role, grid_name: GridName) -> NDArray[np.float64]:
    """From the world of a grid to that of an image (RAS mm), by the registrations of the case."""
    to_qsm = case.annotations.registration("qsm")  # from FLAIR
    if role in ("qsm", "magnitude"):
        return np.eye(4) if grid_name == "qsm" else to_qsm
    to_flair = np.linalg.inv(to_qsm) if grid_name == "qsm" else np.eye(4)
    return case.annotations.registration(role) @ to_flair if role in ("t1", "t1ce") else to_flair
