"""Grey matter volume and cortical thickness from a T1 without FreeSurfer: ANTs' N4 and DiReCT, and a tissue mixture.

Tissues are told apart by the mixture of pure and mixed voxels in `tissue_mixture`, and not by Atropos: on phantoms with
known tissue its three classes miss a tenth of the grey matter, for most of a cortex's voxels are mixed. DiReCT takes
steps of 0.2 voxels (n = 5) and 15 of them: with ANTs' own 0.025 and 45 it ends short of a known thickness.

References
----------
Tustison NJ et al. N4ITK: improved N3 bias correction. IEEE Trans Med Imaging 2010;29:1310.
Das SR, Avants BB, Grossman M, Gee JC. Registration based cortical thickness measurement. NeuroImage 2009;45:867.
Tustison NJ et al. Large-scale evaluation of ANTs and FreeSurfer cortical thickness measurements. NeuroImage
2014;99:166.
"""

import importlib.util
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging import Volume
from thaliron_napari.measurement.morphometry.ants_result import AntsResult, read_ants_result, write_ants_result
from thaliron_napari.measurement.morphometry.brain_mask import brain_mask
from thaliron_napari.measurement.morphometry.cells import Cells, cells_round
from thaliron_napari.measurement.morphometry.cortex import cortical_grey
from thaliron_napari.measurement.morphometry.lesion_filling import fill_lesions
from thaliron_napari.measurement.morphometry.numbers import Number
from thaliron_napari.running import run_program

__all__ = ["AntsResult", "morphometry_from_t1", "read_ants_result", "write_ants_result"]

_COARSEST_MM = 2.0  # cortex is 2.5 mm thick
_ENVIRONMENT = {
    # fixed, so that the same input gives the same bits on any machine
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2",
    "ANTS_RANDOM_SEED": "1",
    "OMP_NUM_THREADS": "1",
}
_STAGES = "thaliron_napari.measurement.morphometry.ants_stages"
_ITERATION = re.compile(r"Iteration (\d+) \(of (\d+)\)")


def morphometry_from_t1(
    t1: Volume,
    *,
    mask: NDArray[Any] | None = None,
    lesions: NDArray[Any] | None = None,
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
) -> AntsResult:
    """Total grey matter volume and mean cortical thickness of a T1.

    ANTs works in a process of its own, which ends at once when the work is cancelled. Fine voxels are averaged to
    about 1 mm before.

    Parameters
    ----------
    t1 : Volume
        T1-weighted, without contrast agent, with voxels of 2 mm at most.
    mask : array (z, y, x), optional
        Brain on the T1's grid; without it the T1 must be skull-stripped.
    lesions : array (z, y, x), optional
        White matter lesions on the T1's grid, filled before anything is measured.
    progress : callable
        Told the share that is done (0 to 1) and what comes now.
    cancelled : callable
        Asked several times a second.

    Returns
    -------
    AntsResult
        The same bits for the same input.

    Raises
    ------
    MeasurementError
        When antspyx is not installed, voxels are too thick, the brain is not found, a mask does not fit, or ANTs fails.
    concurrent.futures.CancelledError
        Once `cancelled` says yes.
    """
    if importlib.util.find_spec("ants") is None:
        raise MeasurementError("ANTs is not installed here; run: pip install 'thaliron-napari[morphometry]'.")
    if t1.spacing.max() > _COARSEST_MM:
        raise MeasurementError(
            f"The T1 has voxels of {' x '.join(f'{s:.2g}' for s in t1.spacing)} mm; cortical thickness needs 2 mm or "
            "finer in all directions."
        )
    progress(0.0, "finding the brain")
    brain, data = brain_mask(t1, mask), t1.data
    if lesions is not None:
        progress(0.01, "filling lesions")
        data = fill_lesions(data, lesions, t1.spacing, within=brain)
    cells = cells_round(brain, t1.spacing)
    inside = cells.average(brain)
    # of the brain's voxels alone, or a cell at its border would be darker than what is in it
    inner = inside >= 0.5
    sums = cells.average(np.where(brain, data, 0))
    values = np.where(inner, sums / np.maximum(inside, np.float32(0.5)), 0).astype(np.float32)
    if cancelled():
        raise CancelledError
    labels, grey, thickness, about = _by_ants(values, inner, cells, progress, cancelled)
    progress(0.98, "summing up")
    cortex = cortical_grey(labels, cells.spacing) & (thickness > 0)
    if not cortex.any():
        raise MeasurementError("No cortex is found on this T1; look at the brain mask.")
    program = f"ANTs {about['version']} (N4, DiReCT)"
    numbers = {
        "ants_gm_ml": Number(
            float(grey.sum(dtype=float) * np.prod(cells.spacing) / 1000), "sum of each voxel's share of grey matter"
        ),
        "ants_thickness_mm": Number(
            float(thickness[cortex].mean(dtype=float)), "mean of DiReCT's map over cortical grey matter"
        ),
    }
    parameters = about["parameters"] | {
        "lesions_filled": lesions is not None,
        "brain": "given" if mask is not None else "the T1 is skull-stripped",
        "voxels_mm": [round(float(step), 4) for step in cells.spacing],
        "tissue_levels": about["levels"],
    }
    return AntsResult(
        t1,
        cells.back(labels),
        cells.back(thickness),
        numbers,
        program,
        parameters,
        about["seconds"],
    )


def _by_ants(
    values: NDArray[np.float32],
    inner: NDArray[np.bool_],
    cells: Cells,
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], dict[str, Any]]:
    """Labels, share of grey matter, thickness, and what the process says about itself."""
    words = "starting ANTs"

    def listen(line: str) -> None:
        nonlocal words
        if line.startswith("AT "):
            _, share, words = line.split(" ", 2)
            progress(float(share), words)
        elif found := _ITERATION.search(line):
            progress(0.08 + 0.9 * (int(found[1]) - 1) / int(found[2]), words)

    log = Path(tempfile.gettempdir()) / f"thaliron-ants-{os.getpid()}-{os.urandom(4).hex()}.log"
    with tempfile.TemporaryDirectory(prefix="thaliron-ants-") as name:
        folder = Path(name)
        np.save(folder / "t1.npy", values)
        np.save(folder / "mask.npy", inner)
        np.save(folder / "spacing.npy", cells.spacing)
        progress(0.015, words)
        call = [sys.executable, "-m", _STAGES, name]
        if run_program(call, log, on_line=listen, cancelled=cancelled, environment=_ENVIRONMENT):
            with suppress(OSError):
                log.unlink()
            raise CancelledError
        with suppress(OSError):  # of what failed it stays, and the error names it
            log.unlink()
        labels, grey, thickness = (np.load(folder / f"{part}.npy") for part in ("labels", "grey", "thickness"))
        return labels, grey, thickness, json.loads((folder / "about.json").read_text("utf-8"))
