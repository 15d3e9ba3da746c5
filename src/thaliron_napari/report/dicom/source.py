"""The DICOM images that an image of a case came from, found again by place and voxels.

Nothing in a case names them: an import keeps no UID, since a UID leads to the patient's record. An image and its DICOM
series have the same voxels, though, and no two scans have; so the series is known for certain, whoever converted it.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import ROLE_NAME, Case, Role
from thaliron_napari.errors import CaseError, ImageError
from thaliron_napari.imaging import Series, SourceGrid, Volume
from thaliron_napari.imaging.dicom.converter import are_alike, convert
from thaliron_napari.imaging.grid import Grid, describe_shape

_NAMED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SourceImages:
    """The DICOM images of one image of a case, slice by slice.

    Parameters
    ----------
    series : Series
    headers : tuple of pydicom.Dataset
        Without pixels: one a slice in the order of the slices, or one that holds all frames.
    frames : tuple of int or None
        Of a multi-frame file, the frame (from 1) of each slice; None for one file a slice.
    grid : SourceGrid
        Columns, rows, slices.
    """

    series: Series
    headers: tuple[Any, ...]
    frames: tuple[int, ...] | None
    grid: SourceGrid

    def slices_of(self, data: NDArray[Any]) -> NDArray[Any]:
        """An array (z, y, x) of the case as (slice, row, column) of the DICOM images, by flips and turns only."""
        return self.grid.to_file(data).transpose(2, 1, 0)


def find_source(
    case: Case, role: Role, series: Sequence[Series], *, tick: Callable[[], None] = lambda: None
) -> SourceImages:
    """The DICOM images on whose grid an image of a case lies.

    Parameters
    ----------
    case : Case
    role : {"qsm", "flair", ...}
        Where a QSM was computed outside the scanner and is in no series, the case's GRE magnitude stands for it, if it
        lies on the very same grid.
    series : sequence of Series
        From :func:`thaliron_napari.imaging.find_series`.
    tick : callable
        Called some ten times a second; what it raises stops the search.

    Raises
    ------
    CaseError
        When no series lies on that grid, none of those that do holds the image's voxels, or their files lack what an
        object for the archive needs.
    """
    volume = case.volume(role)
    known = [one for one in series if not one.problem and one.grid is not None]
    placed = [one for one in known if one.grid is not None and one.grid.same_as(volume.grid)]
    if not placed:
        there = "; ".join(f"{one.name}: {_grid_text(one.grid) or one.problem or one.notice}" for one in series[:6])
        raise CaseError(
            f"No DICOM series lies where the {ROLE_NAME[role]} lies ({_grid_text(volume.grid)}; there is {there}); "
            "give the folder from which it was converted."
        )
    wanted = [(role, volume)]
    if role == "qsm" and "magnitude" in case.images and case.images["magnitude"].grid.same_as(volume.grid):
        wanted.append(("magnitude", case.images["magnitude"]))
    for name, image in wanted:
        for one in sorted(placed, key=lambda one: one.role != name):  # the likeliest first: each costs a conversion
            echo = _echo_with(one, image, as_shown=name == "qsm", tick=tick)
            if echo is not None:
                return _headers(one, echo)
    raise CaseError(
        f"{', '.join(one.name for one in placed[:6])} lies where the {ROLE_NAME[role]} lies, but does not hold its "
        "values; give the DICOM files of the image that was read, unprocessed"
        + (", or open the case with the GRE magnitude from which the QSM was computed." if role == "qsm" else ".")
    )


def _echo_with(series: Series, volume: Volume, *, as_shown: bool, tick: Callable[[], None]) -> int | None:
    """Number of the echo whose voxels are those of an image up to a scale; None where no echo has them."""
    if np.ptp(volume.data) == 0:
        return None
    with tempfile.TemporaryDirectory(prefix="thaliron-") as scratch:
        try:
            images = convert(series, Path(scratch), as_shown=as_shown, tick=tick)
        except ImageError:
            return None
    for number, image in enumerate(images):
        if image.grid is None or not image.grid.grid().same_as(volume.grid):
            continue
        converted: Any = nib.Nifti1Image.from_bytes(image.content)
        stored = np.asanyarray(converted.dataobj)
        if np.ptp(stored) and are_alike(image.grid.to_ours(stored), volume.data):
            return number
    return None


def _headers(series: Series, echo: int) -> SourceImages:
    """Read the headers of an echo, made alike in what must not differ between slices."""
    import pydicom

    slices, grid = series.echoes[echo], series.source_grid
    assert grid is not None, "only series with a grid are asked for"
    paths = list(dict.fromkeys(path for path, _ in slices))
    if series.is_multi_frame and len(paths) > 1:
        raise CaseError(f"The slices of {series.name} lie in {len(paths)} multi-frame files, where one file is needed.")
    headers = [pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in paths]
    first = headers[0]
    if not first.get("FrameOfReferenceUID"):
        raise CaseError(f"The files of {series.name} name no frame of reference, which a segmentation must refer to.")
    if not series.is_multi_frame and "SharedFunctionalGroupsSequence" in first:
        raise CaseError(f"Each slice of {series.name} is an enhanced file of its own, where one file of all is needed.")
    between = float(np.linalg.norm(grid.affine[:3, 2]))
    for header in headers:
        header.decode()
        header.SpecificCharacterSet = "ISO_IR 192"  # UTF-8, in which the objects are written
        for name in _NAMED:
            if name not in header:
                setattr(header, name, "")
        if header.PatientSex not in ("M", "F", "O"):
            header.PatientSex = ""
        if series.is_multi_frame:
            measures = _shared_item(header, "PixelMeasuresSequence")
            _shared_item(header, "PlaneOrientationSequence")
        else:
            measures = header
            header.ImageOrientationPatient = first.ImageOrientationPatient  # others differ by rounding, see stack.py
        measures.SpacingBetweenSlices = f"{between:.9g}"
        if not measures.get("SliceThickness"):
            measures.SliceThickness = f"{between:.9g}"
    frames = tuple(frame + 1 for _, frame in slices) if series.is_multi_frame else None
    return SourceImages(series, tuple(headers), frames, grid)


def _shared_item(header: Any, name: str) -> Any:
    """The item of a functional group that all frames share; the first frame's where each has its own."""
    from pydicom.dataset import Dataset

    if not header.get("SharedFunctionalGroupsSequence"):
        header.SharedFunctionalGroupsSequence = [Dataset()]
    shared = header.SharedFunctionalGroupsSequence[0]
    if name not in shared:
        setattr(shared, name, header.PerFrameFunctionalGroupsSequence[0][name].value)
    return shared[name].value[0]


def _grid_text(grid: Grid | None) -> str:
    if grid is None:
        return ""
    return (
        f"{describe_shape(grid.shape[::-1])} voxels of {' x '.join(f'{mm:.2f}' for mm in grid.spacing[::-1])} mm from "
        f"{', '.join(f'{mm:.1f}' for mm in grid.world((0, 0, 0)))}"
    )
