"""Tables against label maps: FreeSurfer's own subject agrees in each structure, and what was altered is named."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from morphometry_results import VERSIONS, write_subject

from thaliron_napari.errors import ImageError
from thaliron_napari.imaging import read_label_map
from thaliron_napari.measurement.morphometry import check_volumes, grey_matter, recount

SIX = VERSIONS[2]


@pytest.fixture(scope="module")
def subject(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real subject's tables and label map, to be altered."""
    folder = tmp_path_factory.mktemp("subject") / "subject1"
    for name in ("stats/aseg.stats", "mri/aseg.mgz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shared_data / "freesurfer" / "subject1" / name, folder / name)
    return folder


def test_against_simpleitk(head) -> None:
    image = sitk.ReadImage(str(head.lesions))
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(image)
    found = recount(head.lesions)
    assert sorted(found) == sorted(statistics.GetLabels())
    for label, (voxels, ml) in found.items():
        assert voxels == statistics.GetNumberOfPixels(label)
        assert ml == pytest.approx(statistics.GetPhysicalSize(label) / 1000, rel=1e-5)


def test_large_labels_and_none(tmp_path: Path) -> None:
    labels = np.zeros((6, 6, 6), np.int32)
    nib.save(nib.Nifti1Image(labels, np.diag([2, 2, 2, 1])), tmp_path / "empty.nii.gz")
    assert recount(tmp_path / "empty.nii.gz") == {}
    labels[0, 0, :3], labels[1, 1, 1] = 2_000_000_000, 7
    nib.save(nib.Nifti1Image(labels, np.diag([2, 2, 2, 1])), tmp_path / "large.nii.gz")
    assert recount(tmp_path / "large.nii.gz") == {
        7: (1, pytest.approx(0.008)),
        2_000_000_000: (3, pytest.approx(0.024)),
    }
    with pytest.raises(ImageError):
        recount(tmp_path / "none.nii.gz")


def test_a_real_subject_agrees_in_each_structure(subject: Path) -> None:
    voxels = recount(subject / "mri" / "aseg.mgz")
    assert (voxels[10][0], voxels[49][0]) == (7220, 7503)
    checks = check_volumes(subject)
    assert [check.agrees for check in checks] == [True] * 5
    left, right, counts, volumes, grey = (check.words for check in checks)
    assert "Left-Thalamus-Proper: 7220 voxels in stats/aseg.stats, 7220 in mri/aseg.mgz" in left
    assert "7503" in right
    assert "45 structures" in counts
    assert "45 structures" in volumes
    assert "706.7 ml" in grey


def test_partial_volume_allows_no_more_than_the_border(subject: Path) -> None:
    """The words' bounds: inside without and with its shell, by SimpleITK's erosion and dilation over faces."""
    labels = read_label_map(subject / "mri" / "aseg.mgz").data
    thalamus = sitk.GetImageFromArray((labels == 10).astype(np.uint8))
    inner = sitk.GetArrayFromImage(sitk.BinaryErode(thalamus, (1, 1, 1), sitk.sitkCross)).sum()
    outer = sitk.GetArrayFromImage(sitk.BinaryDilate(thalamus, (1, 1, 1), sitk.sitkCross)).sum()
    assert inner < 6950.6 < 7220 < outer
    assert f"({inner:.1f} to {outer:.1f} mm³)" in check_volumes(subject)[0].words


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("      7220     6950.6", "      7221     6950.6", [0, 2]),
        ("      7220     6950.6", "      7220    16950.6", [0, 3]),
        ("      7220     6950.6", "      7220       nan ", [0, 3]),
        ("      7220     6950.6", "      7220     5240.6", [0, 3]),
        ("      3656     3574.3", "      3000     3574.3", [2]),
        ("         0        0.0  5th", "         0        9.0  5th", [3]),
        ("706734.609483", "727734.609483", [4]),
    ],
)
def test_what_was_altered_is_named(subject: Path, tmp_path: Path, old: str, new: str, wrong: list[int]) -> None:
    folder = shutil.copytree(subject, tmp_path / "s")
    path = folder / "stats" / "aseg.stats"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    checks = check_volumes(folder)
    assert [i for i, check in enumerate(checks) if not check.agrees] == wrong
    for i in set(wrong) & {2, 3}:
        assert "1 differ" in checks[i].words


def test_a_label_map_of_another_run(subject: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(subject, tmp_path / "s")
    image = nib.load(subject / "mri" / "aseg.mgz")
    data = np.asarray(image.dataobj).copy()
    data[data == 50] = 0
    nib.save(nib.MGHImage(data, image.affine), folder / "mri" / "aseg.mgz")
    counts = check_volumes(folder)[2]
    assert not counts.agrees
    assert "Right-Caudate (3855 in the table, 0 in the label map)" in counts.words
    (folder / "mri" / "aseg.mgz").write_bytes((subject / "mri" / "aseg.mgz").read_bytes()[:99_999])
    (only,) = check_volumes(folder)
    assert not only.agrees
    assert "cannot be read" in only.words


def test_the_map_named_in_the_table_comes_first_and_nothing_to_compare_is_no_check(tmp_path: Path) -> None:
    folder = write_subject(tmp_path / "s", VERSIONS[-1])
    assert check_volumes(folder) == []
    assert check_volumes(tmp_path) == []
    (folder / "mri").mkdir()
    labels = np.zeros((8, 8, 8), np.int16)
    labels[2:5, 2:5, 2:5] = 10
    nib.save(nib.MGHImage(labels, np.eye(4)), folder / "mri" / "aparc.DKTatlas+aseg.deep.mgz")
    words = check_volumes(folder)[0].words
    assert "27 in mri/aparc.DKTatlas+aseg.deep.mgz" in words
    assert "(1.0 to 81.0 mm³)" in words


def test_grey_matter(shared_data: Path) -> None:
    folder = shared_data / "freesurfer" / "subject1" / "mri"
    aseg, parcels = (read_label_map(folder / name).data for name in ("aseg.mgz", "aparc+aseg.mgz"))
    mask = grey_matter(aseg)
    assert mask.shape == aseg.shape
    assert mask.dtype == bool
    named = {3, 42, 8, 47, 10, 49, 11, 50, 12, 51, 13, 52, 17, 53, 18, 54, 26, 58, 28, 60}
    assert set(np.unique(aseg[mask]).tolist()) == named
    assert not set(np.unique(aseg[~mask]).tolist()) & named
    assert abs(int(grey_matter(parcels).sum()) - int(mask.sum())) < 10  # parcels take cortex over, voxel for voxel
    assert mask.sum() == pytest.approx(706734.6, rel=0.005)  # ml of TotalGray, from surfaces


def test_grey_matter_by_label() -> None:
    labels = np.array([0, 2, 3, 16, 77, 85, 1000, 1035, 2999, 3000, 3035, 5001, 11100, 11175, 12175, 13100, 2**31 - 1])
    grey = [False, False, True, False, False, False, True, True, True, False, False, False, True, True, True, False]
    assert grey_matter(labels.astype(np.int32)).tolist() == [*grey, False]
    assert SIX.table == "aseg"
