"""Write a phantom patient as a small BIDS dataset, the truth as a derivative of it."""

import gzip
import json
from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from .patient import Patient

_SUFFIXES = {
    "qsm": "Chimap",
    "flair": "FLAIR",
    "t1": "T1w",
    "t1ce": "ce-gadolinium_T1w",
    "magnitude": "part-mag_T2starw",
}


def write_patient(patient: Patient, folder: Path, subject: str = "phantom") -> dict[str, Path]:
    """Write images and truth.

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
    dict
        Path of each image by its name in ``patient.images``, and of the truth: "thalami", "veins", "csf_atria",
        "lesions", "tissue", "chi", "truth".

    Notes
    -----
    Files are stored left to right as LAS (x to Left, y to Anterior, z to Superior), the way most converters from
    DICOM do. The susceptibility map is in ppm, as scanners give it, and its sidecar says so; the images are 16-bit
    with a scale.
    """
    name = f"sub-{subject}"
    anat = folder / name / "anat"
    truth_anat = folder / "derivatives" / "truth" / name / "anat"
    for new in (anat, truth_anat):
        new.mkdir(parents=True, exist_ok=True)
    _write_json(
        folder / "dataset_description.json", {"Name": "Phantom patient", "BIDSVersion": "1.10.0", "DatasetType": "raw"}
    )
    _write_json(
        truth_anat.parents[1] / "dataset_description.json",
        {
            "Name": "Truth of the phantom patient", "BIDSVersion": "1.10.0", "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "thaliron-napari phantom"}],
        },
    )  # fmt: skip
    paths = {}
    for key, suffix in _SUFFIXES.items():
        image = patient.images[key]
        paths[key] = anat / f"{name}_{suffix}.nii.gz"
        data = image.data / np.float32(1000) if image.unit == "ppb" else image.data
        _write_image(paths[key], data, image.affine)
        unit = "ppm" if image.unit == "ppb" else image.unit
        _write_json(anat / f"{name}_{suffix}.json", {"Units": unit, "Description": _DESCRIPTIONS[key]})
    truth = patient.truth
    qsm, flair = patient.images["qsm"].affine, patient.images["flair"].affine
    maps: dict[str, tuple[str, NDArray[np.generic], NDArray[np.float64]]] = {
        "thalami": ("space-QSM_desc-thalamus_dseg", truth.thalami, qsm),
        "veins": ("space-QSM_desc-veins_mask", truth.veins.astype(np.uint8), qsm),
        "csf_atria": ("space-QSM_desc-csf_mask", truth.csf_atria.astype(np.uint8), qsm),
        "tissue": ("space-QSM_desc-tissue_dseg", truth.tissue, qsm),
        "lesions": ("space-FLAIR_desc-lesions_dseg", truth.lesions.astype(np.int16), flair),
    }
    for key, (suffix, labels, affine) in maps.items():
        paths[key] = truth_anat / f"{name}_{suffix}.nii.gz"
        _save(paths[key], labels, affine)
    paths["chi"] = truth_anat / f"{name}_desc-true_Chimap.nii.gz"
    _write_image(paths["chi"], truth.chi_ppb / np.float32(1000), qsm)
    _write_json(
        truth_anat / f"{name}_desc-true_Chimap.json",
        {"Units": "ppm", "Description": "True susceptibility relative to CSF"},
    )
    paths["truth"] = truth_anat / "truth.json"
    _write_json(
        paths["truth"],
        {
            "relative_ppb": truth.relative_ppb,
            "volumes_ml": truth.volumes_ml,
            "atria_mm": truth.atria_mm,
            "qsm_to_flair": truth.qsm_to_flair.tolist(),
            "lesions": [asdict(lesion) for lesion in truth.lesions_info],
            "tissue_names": truth.tissue_names,
        },
    )  # fmt: skip
    return paths


_DESCRIPTIONS = {
    "qsm": "Quantitative susceptibility map, background field removed, not referenced",
    "magnitude": "Gradient-echo magnitude",
    "flair": "T2-weighted FLAIR",
    "t1": "T1-weighted before contrast",
    "t1ce": "T1-weighted after gadolinium",
}


def _write_image(path: Path, data: NDArray[np.float32], affine: NDArray[np.float64]) -> None:
    """16-bit integers with a scale: a third of the bytes and of the time that floats take."""
    scale = max(float(np.abs(data).max()), 1e-12) / 32000
    _save(path, np.rint(data / np.float32(scale)).astype(np.int16), affine, scale)


def _save(path: Path, data: NDArray[np.generic], affine: NDArray[np.float64], scale: float = 1.0) -> None:
    stored = data.transpose(2, 1, 0)[:, ::-1]
    columns = affine[:, [2, 1, 0, 3]].copy()
    columns[:3, 3] += columns[:3, 1] * (data.shape[1] - 1)
    columns[:3, 1] *= -1
    image = nib.Nifti1Image(stored, columns)
    image.header.set_xyzt_units("mm")
    image.header.set_qform(columns, 1)
    image.header.set_sform(columns, 1)
    image.header.set_data_dtype(stored.dtype)
    image.header.set_slope_inter(scale, 0)
    with gzip.open(path, "wb", compresslevel=1) as file:
        image.to_stream(file)


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
