"""What is written is read again by nibabel as it was."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thaliron_napari.phantom import Patient, write_patient

from .conftest import world


@pytest.fixture(scope="module")
def written(patient: Patient, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("bids")
    return folder, write_patient(patient, folder)


@pytest.mark.parametrize("name", ["qsm", "magnitude", "flair", "t1", "t1ce"])
def test_each_point_of_the_patient_keeps_its_value(patient: Patient, written: tuple, name: str) -> None:
    image, file = patient.images[name], nib.load(written[1][name])
    index = np.random.default_rng(1).integers(0, image.data.shape, (3000, 3))
    points = world(image, index)
    back = np.linalg.inv(file.affine)
    places = np.rint(points @ back[:3, :3].T + back[:3, 3]).astype(int)
    values = np.asarray(file.dataobj)[tuple(places.T)] * (1000 if name == "qsm" else 1)
    step = np.abs(image.data).max() / 32000
    np.testing.assert_allclose(values, image.data[tuple(index.T)], atol=0.51 * step)
    np.testing.assert_allclose(file.affine @ [*places[0], 1], [*points[0], 1], atol=1e-4)
    assert nib.aff2axcodes(file.affine) == ("L", "A", "S")
    assert file.get_data_dtype() == np.int16
    assert file.header["sform_code"] == file.header["qform_code"] == 1
    np.testing.assert_allclose(file.get_qform(), file.get_sform(), atol=1e-4)


def test_units_are_in_the_sidecars(written: tuple) -> None:
    for name, path in ((n, written[1][n]) for n in ("qsm", "chi")):
        sidecar = json.loads(Path(str(path).replace(".nii.gz", ".json")).read_text())
        assert sidecar["Units"] == "ppm", name


@pytest.mark.parametrize("name", ["thalami", "veins", "csf_atria", "lesions", "tissue"])
def test_label_maps_are_exact(patient: Patient, written: tuple, name: str) -> None:
    stored = np.asarray(nib.load(written[1][name]).dataobj)
    labels = getattr(patient.truth, name)
    np.testing.assert_array_equal(stored[:, ::-1].transpose(2, 1, 0), labels)
    grid = nib.load(written[1]["flair" if name == "lesions" else "qsm"])
    np.testing.assert_array_equal(nib.load(written[1][name]).affine, grid.affine)


def test_truth_json_holds_the_numbers(patient: Patient, written: tuple) -> None:
    truth = json.loads(written[1]["truth"].read_text())
    assert truth["relative_ppb"] == patient.truth.relative_ppb
    assert truth["volumes_ml"] == patient.truth.volumes_ml
    np.testing.assert_array_equal(truth["qsm_to_flair"], patient.truth.qsm_to_flair)
    assert [lesion["number"] for lesion in truth["lesions"]] == [i.number for i in patient.truth.lesions_info]


def test_folder_is_laid_out_as_bids(written: tuple) -> None:
    folder, paths = written
    anat = folder / "sub-phantom" / "anat"
    assert paths["qsm"] == anat / "sub-phantom_Chimap.nii.gz"
    assert paths["t1ce"] == anat / "sub-phantom_ce-gadolinium_T1w.nii.gz"
    assert paths["magnitude"] == anat / "sub-phantom_part-mag_T2starw.nii.gz"
    for root, kind in ((folder, "raw"), (folder / "derivatives" / "truth", "derivative")):
        assert json.loads((root / "dataset_description.json").read_text())["DatasetType"] == kind
