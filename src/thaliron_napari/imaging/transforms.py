"""Rigid transforms as numbers and as files.

Inside the program a transform is a 4 x 4 matrix in RAS+ mm that takes a point of the fixed image's world to the
moving image's world: the direction in which ITK stores it and in which images are resampled.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thaliron_napari.errors import GridError, ImageError
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.imaging.grid import Affine

# ITK counts in LPS, where x and y have the other sign.
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def rigid_matrix(shifts_mm: ArrayLike, turns_deg: ArrayLike, centre_mm: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """Matrix of a rigid motion: turned about a centre, then shifted.

    Parameters
    ----------
    shifts_mm : array (3,)
        To Right, Anterior, Superior.
    turns_deg : array (3,)
        About the R, A and S axes by the right-hand rule, applied in this order.
    centre_mm : array (3,)
        The point (RAS mm) about which is turned.
    """
    turn = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(np.asarray(turns_deg, float))):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[one, two], [one, two]] = np.cos(angle)
        step[two, one] = np.sin(angle)
        step[one, two] = -np.sin(angle)
        turn = step @ turn
    centre = np.asarray(centre_mm, float)
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = centre - turn @ centre + np.asarray(shifts_mm, float)
    return matrix


def rigid_parameters(
    matrix: ArrayLike, centre_mm: ArrayLike = (0.0, 0.0, 0.0)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shifts (mm) and turns (degrees) of a rigid matrix: the inverse of :func:`rigid_matrix`.

    The turn about the A axis lies within 90 degrees either way, as is usual for three angles.
    """
    turn = np.asarray(matrix, float)[:3, :3]
    centre = np.asarray(centre_mm, float)
    shifts = np.asarray(matrix, float)[:3, 3] - centre + turn @ centre
    turns = np.array(
        [
            np.arctan2(turn[2, 1], turn[2, 2]),
            np.arctan2(-turn[2, 0], np.hypot(turn[2, 1], turn[2, 2])),
            np.arctan2(turn[1, 0], turn[0, 0]),
        ]
    )
    return shifts, np.rad2deg(turns)


def turn_angle_deg(matrix: ArrayLike) -> float:
    """The single angle by which a rigid matrix turns, in degrees (0 to 180)."""
    turn = np.asarray(matrix, float)[:3, :3]
    sine = np.linalg.norm([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    return float(np.rad2deg(np.arctan2(sine, np.trace(turn) - 1)))


def write_itk_transform(path: str | os.PathLike[str], matrix: ArrayLike) -> None:
    """Write a transform as ITK's text file (.tfm or .txt), which 3D Slicer, ITK-SNAP and ANTs read.

    The five lines are written here, as ITK's own writer leaves an empty file on a full disk and says nothing.

    Parameters
    ----------
    path : path
    matrix : array (4, 4)
        RAS+ mm, fixed world to moving world.
    """
    lps = _FLIP @ _checked(matrix, "The transform") @ _FLIP
    numbers = " ".join(repr(float(v)) for v in [*lps[:3, :3].ravel(), *lps[:3, 3]])
    text = (
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n"
    )
    replace_file(_itk_path(path), lambda beside: beside.write_text(text, "utf-8", newline="\n"))


def read_itk_transform(path: str | os.PathLike[str]) -> Affine:
    """Matrix (4, 4, RAS+ mm, fixed world to moving world) of ITK's text file.

    Raises
    ------
    ImageError
        When the file is missing, is none of ITK's transforms, or bends space instead of moving it.
    """
    import SimpleITK as sitk

    path = Path(path)
    _check_exists(path)
    try:
        transform = sitk.ReadTransform(str(_itk_path(path)))
        linear = transform.IsLinear()
    except RuntimeError as error:
        raise ImageError(f"{path.name} is not an ITK transform; save it from the registration anew.") from error
    if not linear:
        raise ImageError(f"{path.name} bends space; only rigid and affine transforms can be used.")
    points = np.vstack([np.zeros(3), np.eye(3)])
    moved = np.array([transform.TransformPoint(point) for point in points.tolist()])
    lps = np.eye(4)
    lps[:3, 3] = moved[0]
    lps[:3, :3] = (moved[1:] - moved[0]).T
    return _checked(_FLIP @ lps @ _FLIP, path.name)


def write_matrix(path: str | os.PathLike[str], matrix: ArrayLike) -> None:
    """Write a transform as four lines of four numbers (RAS+ mm, fixed world to moving world)."""
    lines = "".join(" ".join(repr(float(v)) for v in row) + "\n" for row in _checked(matrix, "The transform"))

    replace_file(path, lambda beside: beside.write_text(lines, "utf-8"))


def read_matrix(path: str | os.PathLike[str]) -> Affine:
    """Read what :func:`write_matrix` wrote.

    Raises
    ------
    ImageError
        When the file is missing or does not hold an invertible 4 x 4 matrix.
    """
    path = Path(path)
    _check_exists(path)
    try:
        rows = [[float(v) for v in line.split()] for line in path.read_text("utf-8").splitlines() if line.strip()]
        matrix = np.array(rows)
    except ValueError as error:
        raise ImageError(f"{path.name} does not hold four lines of four numbers.") from error
    return _checked(matrix, path.name)


def _checked(matrix: ArrayLike, name: str) -> Affine:
    array = np.asarray(matrix, float)
    wrong = array.shape != (4, 4) or not np.isfinite(array).all() or abs(np.linalg.det(array)) < 1e-9
    if wrong or not np.allclose(array[3], [0, 0, 0, 1]):
        error = ImageError if name != "The transform" else GridError
        raise error(f"{name} is not an invertible 4 x 4 transform; register the images anew.")
    return array


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise ImageError(f"There is no file {path}; check the path.")


def _itk_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix.lower() not in (".tfm", ".txt"):
        raise ImageError(f"{path.name} is not named as an ITK transform; end the name with .tfm or .txt.")
    return path
