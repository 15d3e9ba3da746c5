"""Write a phantom patient as FreeSurfer 7 would have left a subject, made from the truth on the T1."""

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.freesurfer.io import write_geometry, write_morph_data
from numpy.typing import NDArray

from .conformed import Conformed, conform
from .cortex import Hemisphere, hemisphere
from .files import _write_json
from .freesurfer_stats import BUILD_STAMP, PARCELS, aseg_stats, parcel_stats
from .patient import Patient
from .shapes import FloatArray

# Left and right label, of FreeSurfer's colour table
_LABELS = {
    **{"grey matter": (3, 42), "white matter": (2, 41), "claustrum": (2, 41), "lesion": (77, 77)},
    **{"brain stem": (16, 16), "red nucleus": (28, 60), "substantia nigra": (28, 60)},
    **{"cerebellar grey": (8, 47), "cerebellar white": (7, 46), "choroid plexus": (31, 63)},
    **{"thalamus left": (10, 10), "thalamus right": (49, 49), "caudate": (11, 50)},
    **{"putamen": (12, 51), "pallidum": (13, 52)},
}
_VENTRICLE = (4, 43)
_SIDES = {"lh": 3, "rh": 42}
_WHITE_MATTER = 110  # what FreeSurfer makes white matter's signal


def write_freesurfer(patient: Patient, folder: Path, subject: str = "phantom") -> Path:
    """Write segmentation, surfaces and tables as FreeSurfer 7 lays them out.

    Parameters
    ----------
    patient
        From `make_patient`.
    folder
        The dataset's root; made if missing. Files of the same names are replaced.
    subject
        BIDS label, letters and digits.

    Returns
    -------
    Path
        ``derivatives/freesurfer/sub-<subject>`` in `folder`, with ``mri/{aseg,aparc+aseg,brain}.mgz``,
        ``surf/?h.{white,pial,thickness,area}``, ``stats/{aseg,?h.aparc}.stats`` and ``scripts/build-stamp.txt``.
        The same bytes for the same patient.

    Notes
    -----
    Volumes in the tables are counts of voxels of 1 mm. Where FreeSurfer knows more than the phantom, as hippocampus or
    corpus callosum, the grey matter is cortex and the white matter white matter, and those rows are 0. Curvatures are
    not computed: they are 0.
    """
    name = f"sub-{subject}"
    root = folder / "derivatives" / "freesurfer"
    for new in ("mri", "surf", "stats", "scripts"):
        (root / name / new).mkdir(parents=True, exist_ok=True)
    _write_json(
        root / "dataset_description.json",
        {
            "Name": "Phantom patient as FreeSurfer would segment it", "BIDSVersion": "1.10.0",
            "DatasetType": "derivative", "GeneratedBy": [{"Name": "thaliron-napari phantom"}],
        },
    )  # fmt: skip
    root = root / name
    head = conform(patient)
    aseg = _segmented(head, patient.truth.tissue_names)
    parcels = _parcelled(head, aseg)
    brain = _brain(head, aseg)
    for file, volume in (("aseg", aseg), ("aparc+aseg", parcels), ("brain", brain)):
        _write_volume(root / "mri" / f"{file}.mgz", head, volume)
    icv_mm3 = int(head.skull.sum())
    stats = {"aseg.stats": aseg_stats(aseg, brain, icv_mm3, name)}
    for side in _SIDES:
        surfaces = hemisphere(head, side)
        _write_surfaces(root / "surf", side, surfaces, head)
        sectors = _sector(surfaces.white)
        stats[f"{side}.aparc.stats"] = parcel_stats(surfaces, sectors, side, aseg, parcels, icv_mm3, name)
    for file, text in stats.items():
        (root / "stats" / file).write_text(text, encoding="ascii", newline="\n")
    (root / "scripts" / "build-stamp.txt").write_text(BUILD_STAMP + "\n", encoding="ascii", newline="\n")
    return root


def _segmented(head: Conformed, names: tuple[str, ...]) -> NDArray[np.int32]:
    """FreeSurfer's labels of the part of the grid that the T1 covers."""
    table = np.zeros((2, len(names)), np.int32)
    for tissue, labels in _LABELS.items():
        table[:, names.index(tissue)] = labels
    right = (head.to_right_mm > 0).astype(np.intp)
    aseg = table[right, head.tissue]
    aseg[head.ventricle] = np.asarray(_VENTRICLE)[right[head.ventricle]]
    return aseg


def _sector(places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of six sectors, from the front over the top, places on the whole grid lie in as seen from the side."""
    # About a point between the thalami, near enough the same in every patient.
    angle = np.arctan2(places[:, 0] - 123, 131 - places[:, 1])
    return np.asarray(np.floor(angle / (np.pi / 3)).astype(np.intp) % len(PARCELS))


def _parcelled(head: Conformed, aseg: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same labels with cortex divided into parcels."""
    out, numbers = aseg.copy(), np.array([number for number, _ in PARCELS])
    for first, cortex in ((1000, 3), (2000, 42)):
        where = aseg == cortex
        out[where] = first + numbers[_sector(np.argwhere(where) + np.array(head.first, float))]
    return out


def _brain(head: Conformed, aseg: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The T1 without the skull, in 8 bits."""
    scale = _WHITE_MATTER / float(np.median(head.t1[(aseg == 2) | (aseg == 41)]))
    scaled: FloatArray = np.where(head.skull, head.t1 * np.float32(scale), 0)
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _write_volume(path: Path, head: Conformed, part: NDArray[np.generic]) -> None:
    """The whole grid as MGZ, its axes to Left, Inferior and Anterior."""
    affine = np.array([[-1, 0, 0, 128], [0, 0, 1, -128], [0, -1, 0, 128], [0, 0, 0, 1.0]])
    affine[:3, 3] += head.centre_mm
    nib.save(nib.MGHImage(head.whole(part), affine), path)


def _write_surfaces(folder: Path, side: str, surfaces: Hemisphere, head: Conformed) -> None:
    """Two surfaces in FreeSurfer's own world, with a note of where that lies, and the numbers of each vertex."""
    place = {
        "head": np.array([2, 0, 20], np.int32), "valid": "1  # volume info valid", "filename": "../mri/brain.mgz",
        "volume": np.array([256, 256, 256]), "voxelsize": np.ones(3), "xras": np.array([-1.0, 0, 0]),
        "yras": np.array([0, 0, -1.0]), "zras": np.array([0, 1.0, 0]), "cras": head.centre_mm,
    }  # fmt: skip
    stamp = "created by the phantom of thaliron-napari"
    for name, points in (("white", surfaces.white), ("pial", surfaces.pial)):
        z, y, x = points.T
        own = np.stack([128 - x, 127 - y, z - 127], 1)
        write_geometry(folder / f"{side}.{name}", own, surfaces.faces, stamp, place)
    for name, values in (("thickness", surfaces.thickness_mm), ("area", surfaces.area_mm2)):
        write_morph_data(folder / f"{side}.{name}", values, len(surfaces.faces))
