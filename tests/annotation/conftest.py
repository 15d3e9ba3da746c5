"""One patient made in code for all tests here: making one takes seconds."""

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.phantom import Patient, make_patient


@pytest.fixture(scope="session")
def patient() -> Patient:
    """Coarse voxels, seed 7. Never written to."""
    return make_patient("small", 7)


@pytest.fixture(scope="session")
def flair_on_qsm(patient: Patient) -> np.ndarray:
    """The patient's FLAIR on the grid of the QSM, as the truth aligns them; shape (z, y, x)."""
    qsm, flair = patient.images["qsm"], patient.images["flair"]
    there = np.linalg.inv(flair.affine) @ patient.truth.qsm_to_flair @ qsm.affine
    return ndimage.affine_transform(flair.data, there[:3, :3], there[:3, 3], output_shape=qsm.data.shape, order=1)
