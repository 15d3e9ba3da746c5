"""Let dcm2niix make images of a series, and believe them only where they agree with the files."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging.dicom.frames import read_frames, write_frames
from thaliron_napari.imaging.dicom.role import Kind
from thaliron_napari.imaging.dicom.series import Series, Slices
from thaliron_napari.imaging.dicom.stack import same_voxels
from thaliron_napari.imaging.grid import SourceGrid

_SAME_WITHIN_MM = 1e-3
# NIfTI-1 header: data_type and db_name, descrip and aux_file, intent_name.
_TEXT_FIELDS = ((4, 32), (148, 252), (328, 344))
_KIND_OF_NAME: tuple[tuple[str, Kind], ...] = (
    ("_ph", "phase"), ("_imaginary", "imaginary"), ("_real", "real"), ("_fieldmaphz", "field map"),
)  # fmt: skip
_SLICES_COMPARED, _ALIKE = 7, 0.9999
_MEMORY = 2 * 2**30
_PATIENCE_S, _PATIENCE_S_PER_MB = 60.0, 0.5


@dataclass(frozen=True, eq=False)
class Converted:
    """One image that dcm2niix made: a NIfTI file without texts, its header's grid, and all of its sidecar."""

    path: Path
    content: bytes
    grid: SourceGrid | None
    shape: tuple[int, ...]
    sidecar: dict[str, Any]

    @property
    def kind(self) -> Kind:
        """What dcm2niix took it for, by the end of the name."""
        return next((kind for ending, kind in _KIND_OF_NAME if ending in self.path.stem), "magnitude")


def name_of(series: Series) -> str:
    """A series at the beginning of a sentence."""
    return series.name[0].upper() + series.name[1:]


def convert(
    series: Series, scratch: Path, *, as_shown: bool = False, tick: Callable[[], None] = lambda: None
) -> list[Converted]:
    """Let dcm2niix convert a series.

    Parameters
    ----------
    series : Series
    scratch : Path
        An empty folder to work in.
    as_shown : bool
        Keep Philips' values as viewers show them and units are given for; else dcm2niix makes of them floating point
        ones that compare between scans.
    tick : callable
        Called some ten times a second; what it raises stops the converter.

    Returns
    -------
    list of Converted
        The image of each echo.

    Raises
    ------
    ImageError
        When dcm2niix fails, or its image lies elsewhere or holds other values than the series by its files.
    """
    more = ["-p", "n"] if as_shown else []
    made: dict[Slices, list[Converted]] = {}
    images = []
    for number, slices in enumerate(series.echoes):
        files = slices if series.takes_apart else tuple((path, 0) for path in dict.fromkeys(path for path, _ in slices))
        if files not in made:
            made[files] = _run_dcm2niix(series, files, scratch / f"{number}", more, tick)
        echo_ms = series.echo_times_ms[number] if len(series.echo_times_ms) == len(series.echoes) > 1 else None
        images.append(_pick(series, made[files], echo_ms))
        _check_voxels(series, slices, images[-1])
    return images


def _pick(series: Series, made: list[Converted], echo_ms: float | None) -> Converted:
    """The one image that is this echo of the series, its geometry checked."""
    kinds = (series.kind, "magnitude") if len(made) == 1 else (series.kind,)
    made = [image for image in made if image.kind in kinds]
    if len(made) > 1 and echo_ms is not None:
        made = [image for image in made if abs(1000 * image.sidecar.get("EchoTime", 0.0) - echo_ms) < 0.01]
    whole = [image for image in made if len(image.shape) == 3]
    grid = series.source_grid
    if grid is None:
        same = [image for image in whole if image.grid is None and image.shape[2] == series.images]
    else:
        same = [i for i in whole if i.grid is not None and same_voxels(grid, i.grid, _SAME_WITHIN_MM)]
    if len(same) != 1:
        raise ImageError(
            f"{name_of(series)} was not imported: what dcm2niix makes of it "
            + ("is not one 3D image." if not whole else "lies elsewhere than its headers say, or is not one image.")
        )
    return same[0]


def _check_voxels(series: Series, slices: Slices, image: Converted) -> None:
    """Compare some slices with the pixels in the files: a place can be right and what lies there not.

    Only up to one scale, since dcm2niix stores values otherwise; of Philips, where it may undo a scale of each slice's
    own, up to one for each slice. Compressed files are left out.
    """
    if series.source_grid is None or image.grid is None:
        return
    converted: Any = nib.Nifti1Image.from_bytes(image.content)
    values = np.asanyarray(converted.dataobj)
    columns, rows, count = series.source_grid.shape
    i, j = np.meshgrid(np.arange(columns), np.arange(rows))
    step = np.linalg.inv(image.grid.affine) @ series.source_grid.affine
    of_file: dict[Path, list[int]] = {}
    for k in np.unique(np.linspace(0, count - 1, _SLICES_COMPARED).round().astype(int)).tolist():
        of_file.setdefault(slices[k][0], []).append(k)
    pairs = []
    for path, chosen in of_file.items():
        try:
            stored = read_frames(path, [slices[k][1] for k in chosen])
        except OSError as error:
            raise _unreadable(series, error) from error
        for k, pixels in zip(chosen, stored, strict=bool(stored)):
            index = np.rint(np.stack([i, j, np.full_like(i, k)], axis=-1) @ step[:3, :3].T + step[:3, 3]).astype(int)
            pairs.append((pixels, values[tuple(np.moveaxis(index, -1, 0))]))
    if not pairs:
        return
    if series.manufacturer != "Philips":
        pairs = [(np.stack([one for one, _ in pairs]), np.stack([other for _, other in pairs]))]
    with np.errstate(all="ignore"):  # a damaged scale may be any number; then they are not alike
        alike = all(are_alike(one, other) for one, other in pairs)
    if not alike:
        raise ImageError(f"{name_of(series)} was not imported: dcm2niix gives other values than its files hold.")


def are_alike(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays are the same up to a scale: their correlation."""
    a, b = (values.astype(np.float64) - values.mean(dtype=np.float64) for values in (one, other))
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) >= _ALIKE * size


def _unreadable(series: Series, error: OSError) -> ImageError:
    return ImageError(f"{name_of(series)} was not imported: its files cannot be read ({error.strerror}).")


def _run_dcm2niix(
    series: Series, slices: Slices, scratch: Path, more: list[str], tick: Callable[[], None]
) -> list[Converted]:
    try:
        import dcm2niix
    except ImportError as error:
        raise ImageError("The converter dcm2niix is not installed; install the package dcm2niix.") from error
    source, target = scratch / "in", scratch / "out"
    source.mkdir(parents=True)
    target.mkdir()
    size = 0
    try:
        for number, path in enumerate(dict.fromkeys(path for path, _ in slices)):
            tick()
            size += path.stat().st_size
            if series.takes_apart:
                write_frames(path, [frame for where, frame in slices if where == path], source)
            else:  # numbers for names, lest a name that says who it is get out
                _link(path, source / f"{number:05d}.dcm")
    except OSError as error:
        raise _unreadable(series, error) from error
    # -g i: nobody's saved settings; -ba y: no dates, no persons; -c "": no comment; -z n: packed here, once
    options = ["-g", "i", "-b", "y", "-ba", "y", "-c", "", "-z", "n", "-f", "image", "-o", str(target), str(source)]
    try:
        process = subprocess.Popen(
            [dcm2niix.bin, *more, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise ImageError("The converter dcm2niix does not run on this computer; reinstall that package.") from error
    patience = time.monotonic() + _PATIENCE_S + _PATIENCE_S_PER_MB * size / 2**20
    try:
        _limit_memory(process.pid, max(_MEMORY, 8 * size))
        while process.poll() is None:
            tick()
            if time.monotonic() > patience:
                raise ImageError(f"{name_of(series)} was not imported: dcm2niix took too long; are its files damaged?")
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise ImageError(
            f"{name_of(series)} was not imported: dcm2niix failed (code {process.returncode}); are its files damaged?"
        )
    return [_read(path, series) for path in sorted(target.glob("*.nii"))]


def _link(path: Path, name: Path) -> None:
    try:
        name.symlink_to(path.resolve())
    except OSError:  # not everyone may make links on Windows
        shutil.copyfile(path, name)


def _limit_memory(process: int, most: int) -> None:
    """A damaged header must not make the converter take all memory; only Linux lets us say so from outside."""
    if sys.platform == "linux":
        import resource

        try:
            resource.prlimit(process, resource.RLIMIT_AS, (most, most))
        except (OSError, ValueError):
            return


def _read(path: Path, series: Series) -> Converted:
    content = path.read_bytes()
    try:
        header = nib.Nifti1Header(content[:348])
        start = int(header["vox_offset"])
        shape = tuple(int(n) for n in header.get_data_shape())
        size = int(np.prod(shape, dtype=np.int64)) * header.get_data_dtype().itemsize
        sidecar = json.loads(path.with_suffix(".json").read_text("utf-8", errors="replace"))
    except (OSError, ValueError, nib.spatialimages.HeaderDataError) as error:
        raise ImageError(f"{name_of(series)} was not imported: dcm2niix did not write an image.") from error
    if start < 352 or len(content) < start + size:
        raise ImageError(f"{name_of(series)} was not imported: dcm2niix did not write the whole image.")
    plain = bytearray(content[:348])
    for begin, end in _TEXT_FIELDS:
        plain[begin:end] = bytes(end - begin)
    header = nib.Nifti1Header(bytes(plain))
    header["vox_offset"] = 352
    is_placed = len(shape) == 3 and bool(int(header["sform_code"]) or int(header["qform_code"]))
    grid = SourceGrid((shape[0], shape[1], shape[2]), header.get_best_affine()) if is_placed else None
    return Converted(path, header.binaryblock + bytes(4) + content[start : start + size], grid, shape, sidecar)
