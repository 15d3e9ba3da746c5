"""A program's table of volumes held against its own label map: are they of one run, and does each say the same?"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging import read_label_map
from thaliron_napari.measurement.morphometry.grey import CEREBELLAR, NIGRA, SUBCORTICAL
from thaliron_napari.measurement.morphometry.numbers import Check
from thaliron_napari.measurement.morphometry.reading import (
    THALAMI,
    cortex_mm3,
    read_segmentation,
    segmentation_table,
    total_grey_mm3,
)
from thaliron_napari.measurement.morphometry.stats_files import Stats
from thaliron_napari.measurement.morphometry.text_files import parse_quantity

_MOST_COUNTED = 2**20
_MOST_NAMED = 5
_GREY_WITHIN = 0.01


def recount(labels: Path) -> dict[int, tuple[int, float]]:
    """Voxels and ml of each label above 0 of a label map.

    Raises
    ------
    ImageError
        When it cannot be read as one.
    """
    volume = read_label_map(labels)
    return {label: (n, n * volume.grid.voxel_ml) for label, n in _counts(volume.data).items()}


def check_volumes(path: Path) -> list[Check]:
    """Hold the table of a FreeSurfer or FastSurfer subject against the label map that it was made from.

    Counts of voxels must be equal. Volumes, corrected for partial volume, may differ from them by what the voxels at
    the border allow: each voxel of the structure that touches another may count for less than itself, each voxel
    outside that touches the structure for something, as FreeSurfer's MRIvoxelsInLabelWithPartialVolume counts.

    Parameters
    ----------
    path : Path
        The subject's folder.

    Returns
    -------
    list of Check
        Left thalamus, right thalamus, all structures' voxels, all structures' volumes, total grey matter. Empty
        where there is no table or no label map.

    Raises
    ------
    MeasurementError
        When the table cannot be read.
    """
    if not os.path.isdir(path) or segmentation_table(path) is None:
        return []
    stats = read_segmentation(path)
    name = _label_map(path, stats)
    if name is None:
        return []
    try:
        volume = read_label_map(path / name)
    except ImageError as error:
        return [Check(f"{name} cannot be read, so nothing was recounted: {error}", False)]
    counts, voxel_mm3 = _counts(volume.data), 1000 * volume.grid.voxel_ml
    rows = [row for row in stats.rows if row.get("SegId", "").isdecimal()]
    within = _allowed(volume.data, {int(row["SegId"]) for row in rows} & set(counts))
    wrong_counts, wrong_volumes = {}, {}
    checks = []
    for row in rows:
        label, words = int(row["SegId"]), row.get("StructName", "")
        n, said = counts.get(label, 0), row.get("NVoxels", "")
        low, high = (voxel_mm3 * bound for bound in within.get(label, (0, 0)))
        mm3 = _quantity(row.get("Volume_mm3", ""), stats.commas)
        same, fits = said == str(n), low - 0.1 <= mm3 <= high + 0.1
        if not same:
            wrong_counts[words] = f"{words} ({said} in the table, {n} in the label map)"
        if not fits:
            wrong_volumes[words] = f"{words} ({mm3:.1f} mm³ where {low:.1f} to {high:.1f} are possible)"
        if any(words in names for names in THALAMI.values()):
            checks.append(
                Check(
                    f"{words}: {said} voxels in {stats.name}, {n} in {name}; its volume of {mm3:.1f} mm³ is "
                    f"{'within' if fits else 'outside'} what partial volume allows ({low:.1f} to {high:.1f} mm³).",
                    same and fits,
                )
            )
    checks.append(_all(f"Voxels of the {len(rows)} structures of {stats.name}, counted again in {name}", wrong_counts))
    checks.append(_all(f"Volumes of the {len(rows)} structures of {stats.name}, and what {name} allows", wrong_volumes))
    return checks + _grey(stats, counts, voxel_mm3, name)


def _grey(stats: Stats, counts: dict[int, int], voxel_mm3: float, name: str) -> list[Check]:
    """TotalGray against the cortex by surfaces and the voxels of the other parts, which is its definition since 5.3."""
    said, cortex = total_grey_mm3(stats).value, cortex_mm3(stats).value
    if not said or cortex is None:
        return []
    voxels = sum(counts.get(label, 0) for label in (*SUBCORTICAL, *NIGRA, *CEREBELLAR))
    parts = cortex + voxels * voxel_mm3
    words = (
        f"Total grey matter is {said / 1000:.1f} ml in {stats.name}; its cortex there and the other grey structures' "
        f"voxels in {name} are {parts / 1000:.1f} ml together ({100 * (parts / said - 1):+.2f}%)."
    )
    return [Check(words, abs(parts / said - 1) <= _GREY_WITHIN)]


def _all(what: str, wrong: dict[str, str]) -> Check:
    if not wrong:
        return Check(f"{what}: they agree in each.", True)
    more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
    return Check(f"{what}: {len(wrong)} differ: {', '.join(list(wrong.values())[:_MOST_NAMED])}{more}.", False)


def _label_map(folder: Path, stats: Stats) -> str | None:
    """The map named in the table's head, in this folder whatever folder it was in then; else FreeSurfer's usual one."""
    said = stats.header.get("SegVolFile", "").strip().replace("\\", "/").rpartition("/")[2]
    names = [f"mri/{name}" for name in (said, "aseg.mgz") if name]
    return next((name for name in names if os.path.isfile(folder / name)), None)


def _counts(labels: NDArray[Any]) -> dict[int, int]:
    """Voxels by label above 0."""
    if labels.max(initial=0) < _MOST_COUNTED:
        counts = np.bincount(labels.ravel())
        return {int(label): int(counts[label]) for label in np.flatnonzero(counts) if label > 0}
    found, numbers = np.unique(labels, return_counts=True)
    return {int(k): int(n) for k, n in zip(found, numbers, strict=True) if k > 0}


def _allowed(labels: NDArray[Any], wanted: set[int]) -> dict[int, tuple[int, int]]:
    """Fewest and most voxels that a label can have by partial volume: inner voxels alone, and all that touch it."""
    found = {}
    known = np.where(labels < _MOST_COUNTED, labels, 0)
    for label, box in enumerate(ndimage.find_objects(known), start=1):
        if box is None or label not in wanted:
            continue
        inside = np.pad(known[box] == label, 2)
        inner, outer = ndimage.binary_erosion(inside), ndimage.binary_dilation(inside)  # neighbours share a face
        found[label] = (int(inner.sum()), int(outer.sum()))
    return found


def _quantity(text: str, commas: bool) -> float:
    try:
        return parse_quantity(text, commas)
    except ValueError:
        return float("nan")
