"""What the header of a NIfTI or MGZ file says, and whether it can be believed."""

import io
import math
import warnings
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader
from numpy.typing import NDArray

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging.grid import Affine, SourceGrid, describe_shape

# A damaged header can ask for any size; no head is scanned with more voxels than this (1 GiB as float32).
_MOST_VOXELS = 2**28
_MOST_IN_VOLUMES = 2**30  # of a file with several volumes
_FINEST_MM, _COARSEST_MM = 0.01, 100.0
_SAME_WITHIN_MM = 0.05
_LEAST_VOLUME = 0.1  # of a cell, against a cuboid of the same edges: below, the axes are no axes of an image
_NIFTI1, _NIFTI2 = 348, 540  # the sizes of the headers, with which they begin
_MAGIC1, _MAGIC2 = b"n+1\0", b"n+2\0\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class Header:
    """The header of the volumes in a file, which is one unless several were asked for.

    Parameters
    ----------
    grid : SourceGrid
        Shape and affine in the file's own axis order.
    dtype : numpy.dtype
        In which the voxels are stored.
    offset : int
        Where in the (unpacked) file they begin.
    slope, inter : float
        A voxel's value is what is stored, times `slope`, plus `inter`.
    notes : tuple of str
        What in the header contradicts itself, in half sentences for the reader; empty when nothing does.
    nifti : nibabel header or None
        Only the geometry: what an annotation on the same grid must say to lie on top in every program. None for MGZ.
    volumes : int
        How many lie one after another.
    """

    grid: SourceGrid
    dtype: np.dtype[Any]
    offset: int
    slope: float = 1.0
    inter: float = 0.0
    notes: tuple[str, ...] = ()
    nifti: Any = None
    volumes: int = 1


def parse_header(content: bytes, name: str, *, several: bool = False) -> Header:
    """Header of a file from its (unpacked) first bytes.

    Parameters
    ----------
    content : bytes
        At least the first 544 bytes of a NIfTI-1 or NIfTI-2 file, 284 of an MGH file.
    name : str
        The file's name, for messages; its suffix tells MGH from NIfTI.
    several : bool
        Whether the file may hold several volumes.

    Raises
    ------
    ImageError
        When it is not such a file, is damaged, holds more volumes than it may or other than grey values, or does not
        say where left and right are.
    """
    try:
        # nibabel tells of every oddity in a header on the console; what matters is checked below.
        with nib.imageglobals.LoggingOutputSuppressor(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = _read(content, name)
            shape = tuple(int(n) for n in header.get_data_shape())
            dtype = np.dtype(header.get_data_dtype())
            offset = int(header.get_data_offset())
            slope, inter = header.get_slope_inter()
    except Exception as error:  # nibabel raises many types for damaged headers, none of them a base of its own
        raise ImageError(f"{name} is not a NIfTI or MGZ image, or its header is damaged; export it anew.") from error
    volume, volumes = _volumes(shape, name, several)
    if dtype.kind not in "iuf":
        raise ImageError(f"{name} holds colours or complex values, not one number a voxel; export it as grey values.")
    notes: tuple[str, ...] = ()
    with np.errstate(all="ignore"):  # numbers too large become infinite and are refused as such
        if isinstance(header, MGHHeader):
            affine, nifti = _mgh_affine(header, content, name), None
        else:
            affine, notes = _nifti_affine(header, volume, name)
            nifti = _geometry(header)
    scale = (1.0 if slope is None else float(slope), 0.0 if inter is None else float(inter))
    return Header(SourceGrid(volume, affine), dtype, offset, *scale, notes, nifti, volumes)


def _read(content: bytes, name: str) -> Any:
    if name.lower().endswith((".mgz", ".mgh")):
        return MGHHeader.from_fileobj(io.BytesIO(content))
    for size, magic, at, kind in (
        (_NIFTI1, _MAGIC1, 344, nib.Nifti1Header),
        (_NIFTI2, _MAGIC2, 4, nib.Nifti2Header),
    ):
        begins = size.to_bytes(4, "little")
        if content[:4] in (begins, begins[::-1]) and content[at : at + len(magic)] == magic:
            parsed: Any = kind
            return parsed(content[:size])
    raise ValueError("neither NIfTI-1 nor NIfTI-2 in one file")


def _volumes(shape: tuple[int, ...], name: str, several: bool) -> tuple[tuple[int, int, int], int]:
    """The shape of one volume of a file, and how many it holds."""
    over = [n for n in shape[3:] if n != 1]
    if len(shape) < 3 or len(over) > several:
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        wanted = "one 3D volume of it" if not several else "its echoes as 3D volumes"
        raise ImageError(f"{name} has {len(shape)} dimensions ({describe_shape(shape)}); give {wanted}.")
    volume, count = (shape[0], shape[1], shape[2]), math.prod(over)
    if min(*volume, count) < 1 or math.prod(volume) > _MOST_VOXELS or math.prod(volume) * count > _MOST_IN_VOLUMES:
        raise ImageError(f"{name} claims a size of {describe_shape(shape)} voxels: its header is damaged.")
    return volume, count


def _mgh_affine(header: Any, content: bytes, name: str) -> Affine:
    if content[28:30] == bytes(2):  # nibabel takes some axes where the flag says that there are none
        raise ImageError(f"{name} does not say where left and right are (no RAS flag); convert it anew.")
    affine = np.asarray(header.get_affine(), dtype=np.float64)
    _check_affine(affine, name)
    return affine


def _nifti_affine(header: Any, shape: tuple[int, int, int], name: str) -> tuple[Affine, tuple[str, ...]]:
    """Affine of a NIfTI header, the sform before the qform as NIfTI's own readers choose, and what contradicts it.

    Raises
    ------
    ImageError
        When there is neither, or the two see left and right differently.
    """
    try:
        sform = header.get_sform(coded=True)[0]
        qform = header.get_qform(coded=True)[0]
    except Exception as error:  # such as a quaternion that is none
        raise ImageError(f"{name} has a damaged qform or sform; export it anew.") from error
    if sform is None and qform is None:
        raise ImageError(
            f"{name} does not say where left and right are (no sform, no qform); convert it anew from DICOM."
        )
    affine = np.asarray(qform if sform is None else sform, dtype=np.float64)
    _check_affine(affine, name)
    notes: tuple[str, ...] = ()
    if sform is not None and qform is not None:
        apart_mm = _apart_mm(affine, qform, shape)
        if not apart_mm < _SAME_WITHIN_MM:
            if not _same_sides(affine, qform):
                raise ImageError(
                    f"{name} contradicts itself: its sform and its qform see left and right differently; convert it "
                    "anew from DICOM, or remove the wrong one."
                )
            notes = (f"its sform and its qform place it up to {apart_mm:.1f} mm apart; the sform is used",)
    stated = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if not np.allclose(stated, spacing, rtol=0.01):
        notes += (
            f"its voxel size ({_sizes(stated)} mm) is not that of its affine ({_sizes(spacing)} mm), which is used",
        )
    return affine, notes


def _apart_mm(one: Affine, other: Affine, shape: tuple[int, int, int]) -> float:
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1)
    difference = one - other
    return float(np.linalg.norm(difference[:3, :3] @ corners + difference[:3, 3:], axis=0).max())


def _same_sides(one: Affine, other: Affine) -> bool:
    """Whether two affines of one array agree which way the patient's right is, and neither mirrors the other."""
    if abs(np.linalg.det(other[:3, :3])) < 1e-9:
        return False
    turn = one[:3, :3] @ np.linalg.inv(other[:3, :3])
    return bool(turn[0, 0] > 0 and np.linalg.det(turn) > 0)


def _check_affine(affine: Affine, name: str) -> None:
    if not np.isfinite(affine).all():
        raise ImageError(f"{name} has a damaged affine (values that are not numbers); export it anew.")
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if not ((spacing >= _FINEST_MM) & (spacing <= _COARSEST_MM)).all():
        raise ImageError(
            f"{name} claims voxels of {_sizes(spacing)} mm: its header is damaged, or its affine is not in mm; "
            "convert it anew from DICOM."
        )
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < _LEAST_VOLUME:
        raise ImageError(f"{name} has a flat affine, which does not place its axes in space; export it anew.")


def _sizes(spacing: NDArray[np.float64]) -> str:
    return " x ".join(f"{s:.4g}" for s in spacing)


def _geometry(header: Any) -> Any:
    """A fresh header that keeps only where the voxels lie (no name of a patient hides in it)."""
    kept = type(header)()
    for field in ("pixdim", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z"):
        kept[field] = header[field]
    for letters, field in (("bcd", "quatern_"), ("xyz", "qoffset_")):
        for letter in letters:
            kept[field + letter] = header[field + letter]
    kept["pixdim"][4:] = 0
    kept.set_xyzt_units(*_space_unit(header))
    return kept


def _space_unit(header: Any) -> tuple[str]:
    try:
        return (str(header.get_xyzt_units()[0]),)
    except KeyError:  # a code that NIfTI does not know
        return ("unknown",)
