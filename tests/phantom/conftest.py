"""One small patient for all tests of the phantom, and how to go from voxels to millimetres."""

import numpy as np
import pytest

from thaliron_napari.phantom import Image, Patient, make_patient


@pytest.fixture(scope="session")
def patient() -> Patient:
    return make_patient("small")


@pytest.fixture(scope="session")
def other() -> Patient:
    return make_patient("small", seed=8)


def world(image: Image, index: np.ndarray) -> np.ndarray:
    """RAS mm of (n, 3) indices (z, y, x)."""
    return index @ image.affine[:3, :3].T + image.affine[:3, 3]


def voxel(image: Image, point: np.ndarray) -> np.ndarray:
    """(n, 3) indices (z, y, x), not rounded, of RAS mm."""
    back = np.linalg.inv(image.affine)
    return np.atleast_2d(point) @ back[:3, :3].T + back[:3, 3]
