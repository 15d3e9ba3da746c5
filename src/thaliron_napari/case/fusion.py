"""The edits of the fusion step: the rigid motion between QSM and FLAIR."""

from collections.abc import Callable

from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Edit, fact_change
from thaliron_napari.imaging.registration import Registration, register_rigid


def register(case: Case, progress: Callable[[float], None] | None = None) -> Registration:
    """Register the QSM, by its magnitude where there is one, to the FLAIR.

    Raises
    ------
    CaseError
        When there is no QSM or no FLAIR.
    GridError
        When they do not overlap in space.
    """
    moving = case.images.get("magnitude") or case.volume("qsm")
    return register_rigid(case.volume("flair"), moving, progress=progress)


def correct_registration(case: Case, found: Registration) -> Edit:
    """Edit that makes a registration the one in use."""
    value = {
        "matrix": found.matrix.tolist(),
        "shift_mm": found.shift_mm,
        "angle_deg": found.angle_deg,
        "warnings": list(found.warnings),
    }
    return Edit("register QSM to FLAIR", fact_change(case.annotations, "registration/qsm", value))


def forget_registration(case: Case) -> Edit:
    """Edit that goes back to the scanner's geometry."""
    return Edit("forget the registration", fact_change(case.annotations, "registration/qsm", None))
