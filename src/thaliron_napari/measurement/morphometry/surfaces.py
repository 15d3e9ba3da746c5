"""Surfaces of the cortex as FreeSurfer and its kin write them, placed in the patient."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import ImageError, MeasurementError
from thaliron_napari.imaging import SourceGrid, read_header

# FreeSurfer's magic numbers and tags (its include/mrisurf.h and tags.h; nibabel.freesurfer reads the same)
_TRIANGLES, _QUADS, _NEW_QUADS = 0xFFFFFE, 0xFFFFFF, 0xFFFFFD
_NEW_CURV = 0xFFFFFF
_TAG_REAL_RAS, _TAG_GEOMETRY = 2, 20
_VOLUMES = ("orig.mgz", "T1.mgz", "brain.mgz", "aseg.mgz")

# A conformed volume's axes in tkregister's world: columns run to Left, rows down, slices to Anterior.
_TKR_AXES = np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])

# No brain is so large: bytes that are not coordinates read as floats of any size.
_FAR_MM = 1e4
_LARGE_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class Surface:
    """A surface of triangles.

    Parameters
    ----------
    vertices : array (n, 3)
        RAS+ mm of the scanner, as the T1 that was segmented.
    faces : int array (m, 3)
        Three vertices each.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


def read_surface(path: Path, geometry: Path | None = None, *, placed: bool = True) -> Surface:
    """Read a surface and place it in the scanner's world.

    FreeSurfer writes vertices in a world of its own (tkregister's), whose origin is the middle of the conformed volume
    and whose axes are that volume's. The file's last lines say where that volume lies; where they do not, the
    subject's ``mri/orig.mgz``, ``T1.mgz``, ``brain.mgz`` or ``aseg.mgz`` does.

    Parameters
    ----------
    path : Path
        ``?h.white``, ``?h.pial`` and the like, of triangles or (before 2000) quadrangles; or GIFTI, ``*.gii``. A
        GIFTI that does not name FreeSurfer's volume is taken to be in the scanner's world already.
    geometry : Path, optional
        The conformed volume; counts for more than what the file says.
    placed : bool
        False leaves the vertices in FreeSurfer's own world, enough for what does not depend on place.

    Raises
    ------
    MeasurementError
        When the file is missing, cut off or no surface, or nothing says where its volume lies.
    """
    place: NDArray[np.float64] | None
    if path.name.endswith((".gii", ".gii.gz")):
        vertices, faces, place = _gifti(path)
    else:
        vertices, faces, place = _freesurfer(_content(path), path)
    if not len(vertices) or not len(faces) or faces.min() < 0 or faces.max() >= len(vertices):
        raise MeasurementError(f"{path} has faces without vertices, it is damaged; export the surface again.")
    if not (np.abs(vertices) < _FAR_MM).all():  # false for nan
        raise MeasurementError(f"{path} has vertices that are nowhere in a head; export the surface again.")
    if not placed:
        place = np.eye(4)
    elif geometry is not None:
        place = _place_of(geometry)
    elif place is None:
        beside = [path.parent.parent / "mri" / name for name in _VOLUMES]
        found = next((volume for volume in beside if volume.exists()), None)
        if found is None:
            raise MeasurementError(f"{path} does not say where it lies; give the subject's mri/orig.mgz beside it.")
        place = _place_of(found)
    return Surface(vertices @ place[:3, :3].T + place[:3, 3], faces)


def read_per_vertex(path: Path) -> NDArray[np.float64]:
    """Read one number a vertex, such as ``?h.thickness`` or ``?h.area`` (FreeSurfer's curv files, new and old).

    Returns
    -------
    array (n,)
        In the file's own unit: mm of thickness, square mm of area.

    Raises
    ------
    MeasurementError
        When the file is missing, cut off, or holds no such numbers.
    """
    content = _content(path)
    if _three_bytes(content, 0) == _NEW_CURV:
        count, _, each = _numbers(content, ">i4", 3, 3, path)
        whole = each == 1 and len(content) == 15 + 4 * count
        values = _numbers(content, ">f4", count, 15, path) if whole else np.empty(0)
    else:
        count = _three_bytes(content, 0)
        whole = len(content) == 6 + 2 * count
        values = _numbers(content, ">i2", count, 6, path) / 100 if whole else np.empty(0)
    if not values.size or not np.isfinite(values).all():
        raise MeasurementError(f"{path} does not hold one number a vertex; give a file as ?h.thickness.")
    return values


def _freesurfer(
    content: bytes, path: Path
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64] | None]:
    """Vertices, faces, and the way to the scanner's world where the file says it."""
    magic = _three_bytes(content, 0)
    if magic == _TRIANGLES:
        line = content.find(b"\n", 3)
        at = content.find(b"\n", line + 1) + 1
        if line < 0 or at == 0:
            raise MeasurementError(f"{path} is cut off; copy or export the surface again.")
        points, triangles = (int(n) for n in _numbers(content, ">i4", 2, at, path))
        vertices = _numbers(content, ">f4", 3 * points, at + 8, path)
        faces = _numbers(content, ">i4", 3 * triangles, at + 8 + 12 * points, path).reshape(-1, 3)
        place = _footer(content[at + 8 + 12 * (points + triangles) :], path)
    elif magic in (_QUADS, _NEW_QUADS):
        points, quads = _three_bytes(content, 3), _three_bytes(content, 6)
        kind, size, unit = (">i2", 2, 100) if magic == _QUADS else (">f4", 4, 1)
        vertices = _numbers(content, kind, 3 * points, 9, path) / unit
        packed = _numbers(content, "u1", 12 * quads, 9 + 3 * size * points, path).reshape(-1, 3)
        faces = _halves((packed @ np.array([65536, 256, 1])).reshape(-1, 4))
        place = None
    else:
        raise MeasurementError(f"{path} is not a FreeSurfer surface; give a file as lh.white or lh.pial.")
    return vertices.reshape(-1, 3), faces, place


def _halves(quads: NDArray[np.int64]) -> NDArray[np.int64]:
    """Two triangles of each quadrangle; which diagonal divides it depends on whether its first vertex is even."""
    even = (quads[:, :1] % 2 == 0)[:, None]
    halves = np.where(even, quads[:, [[0, 1, 3], [2, 3, 1]]], quads[:, [[0, 1, 2], [0, 2, 3]]])
    return halves.reshape(-1, 3)


def _footer(rest: bytes, path: Path) -> NDArray[np.float64] | None:
    """The way to the scanner's world that the tags after the faces tell; None where there is none."""
    tags = np.frombuffer(rest[: len(rest) // 4 * 4][:12], ">i4").tolist()
    if tags[:1] == [_TAG_REAL_RAS]:
        if tags[1:2] == [1]:
            return np.eye(4)
        rest, tags = rest[8:], tags[2:]
    if tags[:1] != [_TAG_GEOMETRY]:
        return None
    lines = dict(re.findall(r"^(\w+) *= *([^\n#]*)", rest[4:].decode("latin-1"), re.MULTILINE))
    if lines.get("valid", "").strip() == "0":
        return None
    try:
        xras, yras, zras, middle = (
            [float(v) for v in lines[key].split()[:3]] for key in ("xras", "yras", "zras", "cras")
        )
        return _place(np.array([xras, yras, zras]).T, np.array(middle))
    except (KeyError, ValueError) as error:
        raise MeasurementError(f"{path} breaks off where it says its place; copy the surface again.") from error


def _place_of(volume: Path) -> NDArray[np.float64]:
    """The way from tkregister's world of a volume to the scanner's."""
    try:
        grid: SourceGrid = read_header(volume).grid
        axes, corner = grid.affine[:3, :3], grid.affine[:3, 3]
        return _place(axes / np.linalg.norm(axes, axis=0), axes @ (np.array(grid.shape) / 2) + corner)
    except ImageError as error:
        raise MeasurementError(str(error)) from error
    except ValueError as error:
        raise MeasurementError(f"{volume} is sheared, no surface lies in it; give mri/orig.mgz.") from error


def _place(axes: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """From tkregister's world to the scanner's, given the volume's axes (columns) and middle in the scanner's."""
    place = np.eye(4)
    place[:3, :3], place[:3, 3] = axes @ _TKR_AXES.T, middle
    if not np.isfinite(place).all() or abs(abs(np.linalg.det(place)) - 1) > 0.01:
        raise ValueError("no axes")
    return place


def _gifti(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    try:
        image: Any = nib.load(path)
        points, triangles = image.agg_data("pointset"), image.agg_data("triangle")
        meta = dict(image.get_arrays_from_intent("pointset")[0].meta)
        place = _gifti_place(meta, image.get_arrays_from_intent("pointset")[0].coordsys)
        return np.asarray(points, float).reshape(-1, 3), np.asarray(triangles, np.int64).reshape(-1, 3), place
    except Exception as error:  # of an XML file that is not one, nibabel raises whatever it stumbles on
        raise MeasurementError(f"{path} cannot be read as a surface in GIFTI ({error}); export it again.") from error


def _gifti_place(meta: dict[str, str], system: Any) -> NDArray[np.float64]:
    """From its points to the scanner's world: what mris_convert notes of the volume, else points as they are."""
    names = [[f"VolGeom{axis}_{to}" for to in "RAS"] for axis in "XYZC"]
    if getattr(system, "dataspace", 0) == 1 or not all(name in meta for row in names for name in row):
        return np.eye(4)
    numbers = np.array([[float(meta[name]) for name in row] for row in names])
    return _place(numbers[:3].T, numbers[3])


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGE_BYTES:
            raise MeasurementError(f"{path} is too large for a surface's file; give another.")
        return path.read_bytes()
    except OSError as error:
        raise MeasurementError(f"{path} cannot be read ({error.strerror}); give the subject's surf folder.") from error


def _three_bytes(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 3], "big")


def _numbers(content: bytes, kind: str, count: int, at: int, path: Path) -> NDArray[Any]:
    """So many numbers from a place on; the file's own length is the bound, whatever its header claims."""
    if count < 0 or at + int(count) * np.dtype(kind).itemsize > len(content):
        raise MeasurementError(f"{path} is cut off or damaged; copy or export it again.")
    numbers = np.frombuffer(content, kind, count, at)
    with np.errstate(invalid="ignore"):  # damaged floats are found out by what they are compared with
        return numbers.astype(np.float64 if numbers.dtype.kind == "f" else np.int64)
