"""A susceptibility map made from the files of a gradient echo, from reading them to writing it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case.chimap import check_not_read_upon, write_chimap
from thaliron_napari.case.gre import GreFiles
from thaliron_napari.errors import CaseError, GridError
from thaliron_napari.imaging import Grid, read_label_map, read_volume
from thaliron_napari.imaging.units import to_ppb, unit_of_file
from thaliron_napari.qsm import (
    Begun,
    MediSettings,
    Reconstruction,
    b0_direction,
    estimate_mask,
    looks_upside_down,
    peak_bytes,
    reconstruct,
    ventricular_csf,
)
from thaliron_napari.qsm.brain_mask import combined_magnitude
from thaliron_napari.qsm.chain import Background, Inversion
from thaliron_napari.qsm.memory import check_memory
from thaliron_napari.qsm.scan import read_scan, scan_shape


@dataclass(frozen=True)
class MapSettings:
    """What a reader chooses of a reconstruction.

    Parameters
    ----------
    inversion, background : str
        As :func:`~thaliron_napari.qsm.reconstruct` names them.
    mask : Path, optional
        Brain mask on the grid of the echoes; estimated without.
    csf : Path or "ventricles", optional
        Mask of ventricular CSF, or that it is to be found: the zero reference (MEDI+0).
    start : Path, optional
        Map in ppm from which MEDI goes on.
    echo_times_s, field_t : optional
        Where the files do not say them.
    phase_sign : 1 or -1
    keep : bool
        Write fields and mask too.
    library : str
        ``numpy``, ``cupy`` or ``torch``.
    medi : MediSettings, optional
    """

    inversion: Inversion = "medi"
    background: Background = "pdf"
    mask: Path | None = None
    csf: Path | Literal["ventricles"] | None = None
    start: Path | None = None
    echo_times_s: Sequence[float] | None = None
    field_t: float | None = None
    phase_sign: Literal[1, -1] = 1
    keep: bool = False
    library: str = "numpy"
    medi: MediSettings | None = None


@dataclass(frozen=True)
class MadeMap:
    """A map that was written.

    Parameters
    ----------
    files : list of Path
        The map, its sidecar, and what else was kept.
    made : Reconstruction
    is_upside_down : bool
        Whether veins and pallidum look negative.
    notes : tuple of str
        What was found out of the ordinary in the files.
    """

    files: list[Path]
    made: Reconstruction
    is_upside_down: bool
    notes: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The map."""
        return self.files[0]


def memory_needed(gre: GreFiles) -> int:
    """Most bytes that a map of these files takes while it is made; only headers are read."""
    shape, echoes, spacing = scan_shape(gre.magnitude or gre.real)
    return peak_bytes(shape, echoes, spacing)


def make_map(
    gre: GreFiles,
    out: Path,
    settings: MapSettings,
    *,
    of_dataset: bool = False,
    begun: Begun | None = None,
    progress: Callable[[str, float], None] = lambda _stage, _share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> MadeMap:
    """Read a scan, reconstruct its susceptibility, and write it. Takes minutes; nothing is written before the end.

    Parameters
    ----------
    gre : GreFiles
    out : Path
        The map to write, .nii or .nii.gz.
    settings : MapSettings
    of_dataset : bool
        `out` is the map's place among the derivatives of its dataset.
    begun : Begun, optional
        What a run with the same files that was stopped had reached: see :func:`~thaliron_napari.qsm.reconstruct`.
    progress : callable
        Gets the stage in words, and the share of it that is done.
    cancelled : callable
        Asked at each iteration.

    Raises
    ------
    ImageError, GridError, MeasurementError
        When the files cannot be read, do not belong together, or there is too little memory.
    CaseError
        When `out` is one of the files that are read, or a map on which readings stand.
    concurrent.futures.CancelledError
        When `cancelled` said so.
    """
    if not gre.complete:
        raise CaseError("Magnitude and phase, or real and imaginary part, are needed; choose both.")
    if out.absolute() in {path.absolute() for path in (*gre.magnitude, *gre.phase, *gre.real, *gre.imaginary)}:
        raise CaseError(f"{out.name} is one of the echoes; write the map elsewhere.")
    check_not_read_upon(out)
    check_memory(memory_needed(gre))
    progress("reading", 0)
    scan = read_scan(
        magnitude=gre.magnitude,
        phase=gre.phase,
        real=gre.real,
        imaginary=gre.imaginary,
        echo_times_s=settings.echo_times_s,
        field_t=settings.field_t,
    )
    spacing, more = scan.grid.spacing, {}
    if settings.mask is None:
        progress("brain mask", 0)
        mask = estimate_mask(combined_magnitude(scan.magnitude), spacing)
        more["BrainMask"] = "estimated"
    else:
        mask = read_label_map(settings.mask, like=scan.grid).data > 0
        more["BrainMask"] = settings.mask.name
    csf = None
    if settings.csf == "ventricles":
        csf = ventricular_csf(scan.magnitude, scan.echo_times_s, mask, spacing)
        more["CsfMask"] = "estimated"
    elif settings.csf is not None:
        csf = read_label_map(settings.csf, like=scan.grid).data > 0
        more["CsfMask"] = settings.csf.name
    start = None
    if settings.start is not None:
        start = _map_ppb(settings.start, scan.grid)
        more["StartedFrom"] = settings.start.name
    made = reconstruct(
        scan.magnitude,
        scan.phase,
        scan.echo_times_s,
        scan.field_t,
        spacing,
        b0_direction(scan.grid.affine),
        mask,
        background=settings.background,
        inversion=settings.inversion,
        settings=settings.medi,
        csf=csf,
        phase_sign=settings.phase_sign,
        start_ppb=start,
        begun=begun,
        library=settings.library,
        progress=progress,
        cancelled=cancelled,
    )
    check_not_read_upon(out)  # by now
    files = write_chimap(out, made, scan, more, keep=settings.keep, gre=gre if of_dataset else None)
    return MadeMap(files, made, looks_upside_down(made.chi_ppb, made.mask, spacing), scan.notes)


def _map_ppb(path: Path, grid: Grid) -> NDArray[np.float32]:
    volume = read_volume(path)
    if not volume.grid.same_as(grid):
        raise GridError(f"{path.name} lies on another grid than the echoes; give a map that was made of them.")
    return to_ppb(volume.data, unit_of_file(path, volume.data) or "ppm")
