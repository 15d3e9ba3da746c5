"""The phantom patient as a case, and what an expert would know of it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import SIDES, Case, Role, Side
from thaliron_napari.imaging import Grid, read_label_map

SUBJECT = "phantom"


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What the scripted reader knows of the phantom.

    Parameters
    ----------
    thalami : array (z, y, x)
        1 left, 2 right, on the QSM grid.
    atria : dict
        Index (z, y, x) of a point amid the CSF of each atrium, QSM grid.
    lesions : tuple
        Index (z, y, x) of a point inside each lesion and whether it enhances, FLAIR grid.
    relative_ppb : float
        True relative susceptibility of the thalami.
    thalami_ml, lesions_ml : float
        True volumes.
    """

    thalami: NDArray[np.int32]
    atria: dict[Side, tuple[float, float, float]]
    lesions: tuple[tuple[tuple[int, int, int], bool], ...]
    relative_ppb: float
    thalami_ml: float
    lesions_ml: float


def phantom_images(folder: Path, size: str, *, freesurfer: bool = False) -> dict[Role, Path]:
    """Image files of the phantom patient in a folder; made there where they are missing.

    Parameters
    ----------
    folder : Path
    size : {"small", "full"}
    freesurfer : bool
        Have it as a FreeSurfer subject too, among the derivatives.
    """
    from thaliron_napari.phantom import make_patient, write_freesurfer, write_patient

    root = folder / f"phantom-{size}"
    missing = not _truth_file(root).exists()  # it is written last
    missing_brain = freesurfer and not (root / "derivatives" / "freesurfer" / "dataset_description.json").exists()
    if missing or missing_brain:
        print(f"making the phantom patient ({size}) in {root}", flush=True)
        patient = make_patient(size)
        if missing:
            write_patient(patient, root, SUBJECT)
        if missing_brain:
            write_freesurfer(patient, root, SUBJECT)
    from thaliron_napari.case.opening import find_images

    return find_images([root / f"sub-{SUBJECT}"])


def learn(case: Case) -> Knowledge:
    """What there is to know of a phantom case, from the truth beside its images."""
    source = case.volume("qsm").source
    assert source is not None
    root = source.path.parents[2]
    truth = json.loads(_truth_file(root).read_text("utf-8"))
    labels = read_label_map(
        _truth_file(root).with_name(f"sub-{SUBJECT}_space-QSM_desc-thalamus_dseg.nii.gz"), case.volume("qsm").grid
    )
    qsm, flair = case.volume("qsm").grid, case.volume("flair").grid
    atria = {side: _index(qsm, truth["atria_mm"][side]) for side in SIDES}
    from_below = sorted(truth["lesions"], key=lambda item: flair.nearest(item["centre"])[0])
    lesions = tuple((flair.nearest(item["centre"]), bool(item["enhancing"])) for item in from_below)
    return Knowledge(
        labels.data,
        atria,
        lesions,
        float(truth["relative_ppb"]),
        float(sum(truth["volumes_ml"].values())),
        float(sum(item["volume_ml"] for item in truth["lesions"])),
    )


def _index(grid: Grid, point_mm: list[float]) -> tuple[float, float, float]:
    z, y, x = (float(v) for v in grid.index(point_mm))
    return float(round(z)), y, x


def _truth_file(root: Path) -> Path:
    return root / "derivatives" / "truth" / f"sub-{SUBJECT}" / "anat" / "truth.json"
