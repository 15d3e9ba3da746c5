"""NIfTI and MGZ files, read into the program's orientation and written back on their own grid."""

import hashlib
import json
import math
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import GridError, ImageError
from thaliron_napari.imaging.grid import Grid, describe_shape
from thaliron_napari.imaging.headers import Header, parse_header
from thaliron_napari.imaging.volume import Source, Volume

SUFFIXES = (".nii", ".nii.gz", ".mgz", ".mgh")
_HEADER_BYTES = 2**16
_MOST_TAGS = 2**24  # bytes that FreeSurfer may write behind the voxels
_BESIDE = ".writing-"
_STALE_S = 86_400.0
_GZIP = b"\x1f\x8b"
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
    header, stored, digest = _read(path)
    data = _as_float32(stored[..., 0], header)
    wrong = int(data.size - np.isfinite(data).sum())
    if wrong:
        raise ImageError(
            f"{path.name} has {wrong} voxels that are not numbers (NaN or infinite); write 0 there and open it again."
        )
    return _volume(data, header, path, digest)


def read_volumes(path: str | os.PathLike[str]) -> tuple[Source, Iterator[NDArray[np.float32]]]:
    """Read the volumes of an image one at a time, so that no second copy of all of them is held as float32.

    Parameters
    ----------
    path : path
        A .nii, .nii.gz, .mgz or .mgh file with one or several volumes.

    Returns
    -------
    source : Source
    volumes : iterator of float32 arrays (z, y, x)
        In the program's orientation; their values may be other than numbers.

    Raises
    ------
    ImageError
        As :func:`read_volume`, but for values that are not numbers.
    """
    path = Path(path)
    header, stored, digest = _read(path, several=True)
    each = (header.grid.to_ours(_as_float32(stored[..., n], header)) for n in range(header.volumes))
    return _source(header, path, digest), each


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
    header, stored, digest = _read(path)
    labels = stored[..., 0]
    if (header.slope, header.inter) != (1, 0):
        with np.errstate(all="ignore"):
            labels = labels * header.slope + header.inter
    whole = labels.dtype.kind in "iu" or bool((labels == np.floor(labels)).all())
    if not whole or labels.min() < 0 or labels.max() >= 2**31:
        raise ImageError(f"{path.name} is not a label map: it holds values other than whole numbers from 0 up.")
    volume = _volume(labels.astype(np.int32), header, path, digest)
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


def write_json(path: Path, content: Any) -> Path:
    """Write JSON beside and rename it into place."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    replace_file(path, lambda beside: beside.write_text(text, "utf-8"))
    return path


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(s for s in (".nii.gz",) if path.name.endswith(s)) or path.suffix
    # not tempfile's: those are private, which would lock colleagues out of a share
    beside = path.with_name(f"{_BESIDE}{uuid4().hex[:12]}{suffix}")
    try:
        beside.touch(exist_ok=False)
        write(beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):  # what went wrong first is what matters
            beside.unlink()
        raise


def sweep(folder: Path) -> None:
    """Remove what a crash left beside the files of a folder, once it is so old that nobody is writing it still."""
    with suppress(OSError):
        for file in list(folder.glob(f"{_BESIDE}*")):
            if time.time() - file.stat().st_mtime > _STALE_S:
                file.unlink()


def read_header(path: str | os.PathLike[str], *, several: bool = False) -> Header:
    """Where the voxels of an image lie and how they are stored, without reading them.

    Parameters
    ----------
    path : path
        A .nii, .nii.gz, .mgz or .mgh file; only its first kilobytes are read.
    several : bool
        Whether the file may hold several volumes.

    Raises
    ------
    ImageError
        When the file is missing, or its header is damaged or not that of one 3D volume.
    """
    path = Path(path)
    start, _ = _unpacked(_bytes(path, _HEADER_BYTES), path, _HEADER_BYTES)
    return parse_header(start, path.name, several=several)


def _read(path: Path, *, several: bool = False) -> tuple[Header, NDArray[Any], str]:
    """Header, voxels as they are stored (i, j, k, volume), and the SHA-256 of the file.

    The file is read once, and unpacked in one go: in half the time of reading piecemeal, and only so is the checksum
    at a gzip file's end looked at, which tells a damaged voxel from a true one.
    """
    packed = _bytes(path)
    start, _ = _unpacked(packed, path, _HEADER_BYTES)
    header = parse_header(start, path.name, several=several)
    shape, size = (*header.grid.shape, header.volumes), header.dtype.itemsize
    end = header.offset + math.prod(shape) * size
    most = end + (math.prod(shape[:2]) * size if header.nifti is not None else _MOST_TAGS)
    content, whole = _unpacked(packed, path, most)
    if len(content) >= most:
        raise ImageError(f"{path.name} holds more voxels than its header says: it is damaged; export it anew.")
    if not whole or len(content) < end or header.offset < 0:
        raise ImageError(_CUT_OFF.format(path.name))
    stored = np.frombuffer(content, header.dtype, math.prod(shape), header.offset).reshape(shape, order="F")
    return header, stored, hashlib.sha256(packed).hexdigest()


def _bytes(path: Path, most: int = -1) -> bytes:
    if not path.exists():
        raise ImageError(f"There is no file {path}; check the path.")
    if not path.is_file():
        raise ImageError(f"{path} is not a file; give a NIfTI or MGZ image.")
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise ImageError(f"{path.name} cannot be read ({error.strerror}); check the disk and your rights.") from error


def _unpacked(packed: bytes, path: Path, most: int) -> tuple[bytes, bool]:
    """Content of a file, gzip or not, of which no more than `most` bytes are unpacked, and whether that was all."""
    if not packed.startswith(_GZIP):
        return packed, True
    parts: list[bytes] = []
    while packed.startswith(_GZIP):  # a gzip file may be several, one after another
        unzip = zlib.decompressobj(wbits=31)
        try:
            parts.append(unzip.decompress(packed, most - sum(map(len, parts))))
        except zlib.error as error:
            raise ImageError(_CUT_OFF.format(path.name)) from error
        if not unzip.eof:
            return b"".join(parts), False
        packed = unzip.unused_data
        if sum(map(len, parts)) >= most:
            break
    return b"".join(parts), True


def _as_float32(stored: NDArray[Any], header: Header) -> NDArray[np.float32]:
    """Values of a file.

    Scanners store 16 bits and a scale. These fit float32 whole, so that one pass does what would take two through
    float64, in a quarter of the time; only what is wider and scaled needs that way.
    """
    with np.errstate(all="ignore"):  # values too large become infinite and are refused as such
        if header.slope == 1 and header.inter == 0:
            return stored.astype(np.float32)
        wide = np.dtype(np.float64 if header.dtype.itemsize > 2 else np.float32)
        values = np.multiply(stored, header.slope, dtype=wide)
        values += wide.type(header.inter)
        return np.asarray(values, np.float32)


def _source(header: Header, path: Path, digest: str) -> Source:
    # not resolve(): in some archives files are links into a store, away from their names and sidecars
    return Source(Path(os.path.abspath(path)), digest, header.grid, header.nifti, header.notes)


def _volume(data: NDArray[Any], header: Header, path: Path, digest: str) -> Volume:
    try:
        return Volume(header.grid.to_ours(data), header.grid.grid(), _source(header, path, digest))
    except (ImageError, GridError) as error:
        raise ImageError(f"{path.name}: {error}") from error


def _write(path: str | os.PathLike[str], data: NDArray[Any], like: Volume) -> None:
    if data.shape != like.grid.shape:
        raise GridError(
            f"An array of {describe_shape(data.shape)} cannot be written on the grid of an image of "
            f"{describe_shape(like.grid.shape)}."
        )
    source = like.source
    if source is None or source.geometry is None:
        stored = data.transpose(2, 1, 0) if source is None else source.grid.to_file(data)
        image = nib.Nifti1Image(
            np.asfortranarray(stored), like.grid.affine[:, [2, 1, 0, 3]] if source is None else source.grid.affine
        )
        image.set_qform(image.affine, code=1)
        image.set_sform(image.affine, code=1)
        image.header.set_xyzt_units("mm")
    else:  # sform and qform stay as they are, so that every program shows the two files in one place
        kind: Any = nib.Nifti2Image if isinstance(source.geometry, nib.Nifti2Header) else nib.Nifti1Image
        image = kind(np.asfortranarray(source.grid.to_file(data)), None, source.geometry)
        image.set_data_dtype(data.dtype)
    replace_file(path, lambda beside: nib.save(image, beside))
