"""NIfTI and MGZ files, read into the program's orientation and written back on their own grid."""

import hashlib
import math
import os
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import GridError, ImageError
from thaliron_napari.imaging.grid import Grid, SourceGrid, describe_shape
from thaliron_napari.imaging.volume import Source, Volume

SUFFIXES = (".nii", ".nii.gz", ".mgz", ".mgh")
# A damaged header can ask for any size; no head is scanned with more voxels than this (4 GiB as float32).
_MOST_VOXELS = 2**30
_MOST_BYTES = 8 * _MOST_VOXELS + 2**20
_NIFTI2 = (540).to_bytes(4, "little")  # the size of its header, with which it begins
_CUT_OFF = "{} is cut off or damaged: its voxels cannot be read; copy or export it anew."


def is_image_path(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name says it is NIfTI or MGZ."""
    return str(path).lower().endswith(SUFFIXES)


def read_volume(path: str | os.PathLike[str]) -> Volume:
    """Read an image as float32 in the program's orientation.

    Parameters
    ----------
    path : path
        A .nii, .nii.gz, .mgz or .mgh file with one volume.

    Returns
    -------
    Volume
        Data (z, y, x), z to Superior, y to Posterior, x to Left; nothing is interpolated.

    Raises
    ------
    ImageError
        When the file is missing, damaged, not one 3D volume, or holds values that are not numbers.
    """
    path = Path(path)
    image, digest = _open(path)
    data = _voxels(image, path, np.float32)
    wrong = int(data.size - np.isfinite(data).sum())
    if wrong:
        raise ImageError(
            f"{path.name} has {wrong} voxels that are not numbers (NaN or infinite); write 0 there and open it again."
        )
    return _volume(data, image, path, digest)


def read_label_map(path: str | os.PathLike[str], like: Grid | None = None) -> Volume:
    """Read a label map as int32 in the program's orientation.

    Parameters
    ----------
    path : path
    like : Grid, optional
        The grid on which the labels must lie.

    Raises
    ------
    ImageError
        As :func:`read_volume`, and when values are not whole numbers from 0 up.
    GridError
        When the labels lie on another grid than `like`.
    """
    path = Path(path)
    image, digest = _open(path)
    labels = _voxels(image, path, None)
    whole = labels.dtype.kind in "iu" or bool((labels == np.floor(labels)).all())
    if not whole or labels.min() < 0 or labels.max() >= 2**31:
        raise ImageError(f"{path.name} is not a label map: it holds values other than whole numbers from 0 up.")
    volume = _volume(labels.astype(np.int32), image, path, digest)
    if like is not None and not volume.grid.same_as(like):
        raise GridError(
            f"{path.name} lies on another grid ({describe_shape(volume.grid.shape)}) than the image it belongs to "
            f"({describe_shape(like.shape)}); give the label map that was drawn on that image."
        )
    return volume


def write_label_map(path: str | os.PathLike[str], labels: NDArray[Any], like: Volume) -> None:
    """Write labels on the grid of the file that an image came from, in that file's own axis order.

    Parameters
    ----------
    path : path
        A .nii or .nii.gz file; written beside and renamed into place.
    labels : array (z, y, x)
        Whole numbers, or bool; stored as the smallest unsigned type that holds them.
    like : Volume
        The image on which the labels were drawn.
    """
    top = int(labels.max(initial=0))
    kind = np.uint8 if top < 2**8 else np.uint16 if top < 2**16 else np.int32
    _write(path, labels.astype(kind, copy=False), like)


def write_image(path: str | os.PathLike[str], data: NDArray[Any], like: Volume) -> None:
    """Write float32 values on the grid of `like`; see :func:`write_label_map`."""
    _write(path, data.astype(np.float32, copy=False), like)


def replace_file(path: str | os.PathLike[str], write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it into place, so that nobody sees half a file.

    The file beside keeps the whole suffix (``.nii.gz``), since writers choose the format by it.
    """
    path = Path(path)
    try:
        _replace(path, write)
    except OSError as error:
        error.filename = str(path)  # what the user asked for, not the file beside it
        raise


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(s for s in (".nii.gz",) if path.name.endswith(s)) or path.suffix
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        write(beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)  # mkstemp makes it private, which would lock colleagues out of a share
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _open(path: Path) -> tuple[Any, str]:
    """The image with its voxels still packed, and the SHA-256 of the file.

    The file is read once, and unpacked in one go: in half the time of reading piecemeal, and only so is the checksum
    at a gzip file's end looked at, which tells a damaged voxel from a true one.
    """
    if not path.exists():
        raise ImageError(f"There is no file {path}; check the path.")
    if not path.is_file():
        raise ImageError(f"{path} is not a file; give a NIfTI or MGZ image.")
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path.name} cannot be read ({error.strerror}); check the disk and your rights.") from error
    content = _unpacked(packed, path)
    try:
        # nibabel tells of every oddity in a header on the console; what matters is checked below.
        with nib.imageglobals.LoggingOutputSuppressor(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Any = _kind(content, path).from_bytes(content)
    except Exception as error:  # nibabel raises many types for damaged headers, none of them a base of its own
        raise ImageError(
            f"{path.name} is not a NIfTI or MGZ image, or its header is damaged; export it anew."
        ) from error
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise ImageError(
            f"{path.name} has {len(shape)} dimensions ({describe_shape(shape)}); give one 3D volume of it."
        )
    if min(shape) < 1 or np.prod([float(n) for n in shape]) > _MOST_VOXELS:
        raise ImageError(f"{path.name} claims a size of {describe_shape(shape)} voxels: its header is damaged.")
    kind = np.dtype(image.get_data_dtype())
    if kind.kind not in "iuf":
        raise ImageError(
            f"{path.name} holds colours or complex values, not one number a voxel; export it as grey values."
        )
    if image.dataobj.offset + math.prod(shape) * kind.itemsize > len(content):
        raise ImageError(_CUT_OFF.format(path.name))
    header = image.header
    if hasattr(header, "get_sform") and not (int(header["sform_code"]) or int(header["qform_code"])):
        raise ImageError(
            f"{path.name} does not say where left and right are (no sform, no qform); convert it anew from DICOM."
        )
    return image, hashlib.sha256(packed).hexdigest()


def _unpacked(packed: bytes, path: Path) -> bytes:
    parts = []
    while packed.startswith(b"\x1f\x8b"):  # a gzip file may be several, one after another
        unzip = zlib.decompressobj(wbits=31)
        try:
            parts.append(unzip.decompress(packed, _MOST_BYTES))
        except zlib.error as error:
            raise ImageError(_CUT_OFF.format(path.name)) from error
        if not unzip.eof:
            raise ImageError(_CUT_OFF.format(path.name))
        packed = unzip.unused_data
    return b"".join(parts) if parts else packed


def _kind(content: bytes, path: Path) -> Any:
    """The nibabel class for a file's content."""
    if path.name.lower().endswith((".mgz", ".mgh")):
        return nib.MGHImage
    return nib.Nifti2Image if _NIFTI2 in (content[:4], content[3::-1]) else nib.Nifti1Image


def _voxels(image: Any, path: Path, kind: type[Any] | None) -> NDArray[Any]:
    try:
        with np.errstate(all="ignore"):  # values too large become infinite and are refused as such
            data = _scaled(image.dataobj) if kind is np.float32 else np.asanyarray(image.dataobj, dtype=kind)
    except Exception as error:  # nibabel raises many types here too
        raise ImageError(_CUT_OFF.format(path.name)) from error
    return data.reshape(data.shape[:3])


def _scaled(stored: Any) -> NDArray[np.float32]:
    """Values of a file as float32.

    Scanners store 16 bits and a scale. These fit float32 whole, so that one pass does what nibabel does in two through
    float64, in a quarter of the time; anything wider is left to nibabel.
    """
    if stored.dtype.itemsize > 2:
        return np.asanyarray(stored, dtype=np.float32)
    raw = stored.get_unscaled()
    values: NDArray[np.float32] = np.multiply(raw, np.float32(stored.slope), dtype=np.float32)
    if stored.inter:
        values += np.float32(stored.inter)
    return values


def _volume(data: NDArray[Any], image: Any, path: Path, digest: str) -> Volume:
    affine = np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all():
        raise ImageError(f"{path.name} has a damaged affine (values that are not numbers); export it anew.")
    shape = (int(data.shape[0]), int(data.shape[1]), int(data.shape[2]))
    place = SourceGrid(shape, affine)
    header = image.header
    codes = (int(header["qform_code"]), int(header["sform_code"])) if hasattr(header, "get_sform") else (1, 1)
    source = Source(path.resolve(), digest, place, *codes)
    try:
        return Volume(place.to_ours(data), place.grid(), source)
    except (ImageError, GridError) as error:
        raise ImageError(f"{path.name}: {error}") from error


def _write(path: str | os.PathLike[str], data: NDArray[Any], like: Volume) -> None:
    if data.shape != like.grid.shape:
        raise GridError(
            f"An array of {describe_shape(data.shape)} cannot be written on the grid of an image of "
            f"{describe_shape(like.grid.shape)}."
        )
    source = like.source
    if source is None:
        affine = like.grid.affine[:, [2, 1, 0, 3]]
        image = nib.Nifti1Image(np.ascontiguousarray(data.transpose(2, 1, 0)), affine)
        codes = (1, 1)
    else:
        image = nib.Nifti1Image(np.ascontiguousarray(source.grid.to_file(data)), source.grid.affine)
        codes = (source.qform_code, source.sform_code)
    image.set_qform(image.affine, code=max(codes[0], 1))
    image.set_sform(image.affine, code=max(codes[1], 1))
    image.header.set_xyzt_units("mm")
    replace_file(path, lambda beside: nib.save(image, beside))
