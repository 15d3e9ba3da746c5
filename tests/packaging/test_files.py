"""napari reads and writes our files through the manifest."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from npe2 import PluginManager, io_utils

NAME = "thaliron-napari"
# An oblique (12 degrees) LAS grid with axes in another order than ours.
TURN = np.deg2rad(12)
AFFINE = np.array(
    [
        [-0.6 * np.cos(TURN), 0, 0.6 * np.sin(TURN), 40],
        [0, 0.7, 0, -30],
        [1.2 * np.sin(TURN), 0, 1.2 * np.cos(TURN), 10],
        [0, 0, 0, 1],
    ]
)


@pytest.fixture(autouse=True)
def discovered() -> None:
    PluginManager.instance().discover()


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mgz", ".mgh"])
def test_an_image_is_read_upright(tmp_path: Path, suffix: str) -> None:
    data = np.zeros((8, 9, 5), np.float32)
    data[7, 0, 4] = 7  # the corner that is most to the left, to the back and to the top
    image = (nib.MGHImage if suffix.startswith(".mg") else nib.Nifti1Image)(data, AFFINE.astype(np.float32))
    path = tmp_path / f"scan{suffix}"
    nib.save(image, path)

    ((array, attributes, kind),) = io_utils.read([str(path)], stack=False, plugin_name=NAME)

    assert kind == "image"
    assert array.shape == (5, 9, 8)
    assert array[-1, -1, -1] == 7, "axes are to Superior, Posterior and Left"
    np.testing.assert_allclose(attributes["scale"], np.sqrt((AFFINE[:3, [2, 1, 0]] ** 2).sum(axis=0)), rtol=1e-5)


def test_a_label_map_goes_back_to_its_own_grid(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 3, (8, 9, 5)).astype(np.int16)
    source = tmp_path / "source.nii.gz"
    nib.save(nib.Nifti1Image(labels, AFFINE), source)
    ((array, attributes, _kind),) = io_utils.read([str(source)], stack=False, plugin_name=NAME)

    target = tmp_path / "target.nii.gz"
    io_utils.write(str(target), [(array.astype(np.int32), attributes, "labels")], plugin_name=NAME)

    written = nib.load(target)
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels)
    np.testing.assert_array_equal(written.affine, nib.load(source).affine)
