"""The edits of the fusion step: the rigid motions that bring the images of a case together.

The FLAIR stays; the QSM and the T1 images are brought to it. Where there is no FLAIR, the QSM stays.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thaliron_napari.case.case import ROLE_NAME, Case, Role
from thaliron_napari.case.edits import Edit, fact_change
from thaliron_napari.imaging.grid import Affine
from thaliron_napari.imaging.registration import Registration, register_rigid
from thaliron_napari.imaging.transforms import rigid_matrix, rigid_parameters, turn_angle_deg

_LITTLE_OVERLAP = 0.5


def fixed_image(case: Case) -> Role:
    """The image that stays."""
    return "flair" if "flair" in case.images else "qsm"


def movable(case: Case) -> tuple[Role, ...]:
    """The images that can be brought to it; the GRE magnitude moves with the QSM, as one scan."""
    roles: tuple[Role, ...] = ("qsm", "t1", "t1ce")
    return tuple(role for role in roles if role in case.images and role != fixed_image(case))


def register(
    case: Case,
    role: Role = "qsm",
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Registration:
    """Register an image, the QSM by its magnitude where there is one, to the image that stays.

    Raises
    ------
    CaseError
        When the case lacks one of the two.
    GridError
        When they do not overlap in space.
    concurrent.futures.CancelledError
        When `cancelled` said so.
    """
    moving = case.volume(role)
    if role == "qsm":
        moving = case.images.get("magnitude", moving)
    return register_rigid(case.volume(fixed_image(case)), moving, progress=progress, cancelled=cancelled)


def correct_registration(case: Case, found: Registration, role: Role = "qsm") -> Edit:
    """Edit that makes a registration the one in use."""
    fact = _fact(found.matrix, found.shift_mm, found.angle_deg, list(found.warnings), "mutual information")
    words = f"register {ROLE_NAME[role]} to {ROLE_NAME[fixed_image(case)]}"
    return Edit(words, fact_change(case.annotations, f"registration/{role}", fact))


def forget_registration(case: Case, role: Role = "qsm") -> Edit:
    """Edit that goes back to the scanner's geometry."""
    words = f"forget the registration of the {ROLE_NAME[role]}"
    return Edit(words, fact_change(case.annotations, f"registration/{role}", None))


def position(case: Case, role: Role) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How an image is moved to lie on the one that stays.

    Returns
    -------
    shifts_mm : array (3,)
        To Right, Anterior, Superior.
    turns_deg : array (3,)
        About the R, A and S axes through the middle of the image that stays.
    """
    return rigid_parameters(np.linalg.inv(case.annotations.registration(role)), _middle(case))


def move_by_hand(case: Case, role: Role, shifts_mm: ArrayLike, turns_deg: ArrayLike) -> Edit:
    """Edit that places an image by three shifts and three turns, as :func:`position` gives them."""
    matrix = np.asarray(np.linalg.inv(rigid_matrix(shifts_mm, turns_deg, _middle(case))), np.float64)
    fixed, moving = case.images[fixed_image(case)].grid, case.images[role].grid
    overlap = max(fixed.overlap(moving, matrix), moving.overlap(fixed, np.linalg.inv(matrix)))
    warnings = [f"Only {overlap:.0%} of the smaller image lies in the other."] if overlap < _LITTLE_OVERLAP else []
    moved = matrix[:3, :3] @ _middle(case) + matrix[:3, 3] - _middle(case)
    fact = _fact(matrix, float(np.linalg.norm(moved)), turn_angle_deg(matrix), warnings, "hand")
    return Edit(f"move {ROLE_NAME[role]} by hand", fact_change(case.annotations, f"registration/{role}", fact))


def _fact(matrix: Affine, shift_mm: float, angle_deg: float, warnings: list[str], by: str) -> Any:
    return {
        "matrix": matrix.tolist(),
        "shift_mm": shift_mm,
        "angle_deg": angle_deg,
        "warnings": warnings,
        "by": by,
    }


def _middle(case: Case) -> NDArray[np.float64]:
    grid = case.images[fixed_image(case)].grid
    return grid.world((np.array(grid.shape) - 1) / 2)
