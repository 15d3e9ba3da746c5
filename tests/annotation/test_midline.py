"""The mid-sagittal plane is found where the head was put, and contours go to the other side."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.annotation.midline import Midline, midline, mirrored
from thaliron_napari.errors import AnnotationError

POSES = [(0.0, 0.0, 0.0), (10.0, 6.0, -5.0), (-6.0, -10.0, 8.0)]  # shift to the left in mm, yaw and roll in degrees


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def turned(image, spacing, shift_mm, yaw_deg, roll_deg):
    """The image of a head that was moved, and a function that gives where a plane of the head went."""
    middle = (np.array(image.shape) - 1) / 2 * spacing
    yaw, roll = np.deg2rad((yaw_deg, roll_deg))
    about_z = np.array([[1, 0, 0], [0, np.cos(yaw), np.sin(yaw)], [0, -np.sin(yaw), np.cos(yaw)]])
    about_y = np.array([[np.cos(roll), 0, np.sin(roll)], [0, 1, 0], [-np.sin(roll), 0, np.cos(roll)]])
    turn, shift = about_z @ about_y, np.array([0, 0, shift_mm])
    matrix, offset = np.diag(1 / spacing) @ turn @ np.diag(spacing), (middle - turn @ (middle + shift)) / spacing
    moved = ndimage.affine_transform(image, matrix, offset, order=1)

    def where(plane):
        normal = np.array([-plane.per_z, -plane.per_y, 1])
        across = turn.T @ normal
        away = plane.x_mm - normal @ middle + across @ (middle + shift)
        return Midline(away / across[2], -across[1] / across[2], -across[0] / across[2])

    return moved, where


def differ(a, b, image, spacing):
    """Distance in mm in the middle of the image, and the larger of the differences in yaw and roll in degrees."""
    z, y, _ = (np.array(image.shape) - 1) / 2 * spacing
    angles = np.rad2deg(np.arctan((a.per_y, a.per_z)) - np.arctan((b.per_y, b.per_z)))
    return abs(a.at(y, z) - b.at(y, z)), np.abs(angles).max()


def other_side(mask, plane, spacing):
    return np.stack([mirrored(s, plane, z, spacing) for z, s in enumerate(mask)])


def made():
    """A head with two hemispheres, ventricles and a lesion on one side; its plane is x = 57 mm."""
    spacing = np.array([3.0, 1.5, 1.5])
    shape = (44, 120, 80)
    z, y, x = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij", sparse=True)
    aside = np.abs(x - 57.0)
    head = ((z - 66) / 55) ** 2 + ((y - 90) / 75) ** 2 + (aside / 48) ** 2 < 1
    image = np.where(head, 300.0 + 2 * (y - 90), 0)
    image[np.broadcast_to(((z - 72) / 12) ** 2 + ((y - 90) / 25) ** 2 + ((aside - 9) / 6) ** 2 < 1, shape)] = 60
    image[np.broadcast_to(((z - 80) / 8) ** 2 + ((y - 60) / 9) ** 2 + ((x - 85) / 8) ** 2 < 1, shape)] = 600
    noise = np.random.default_rng(4).normal(0, 15, shape)
    return np.abs(image + noise).astype(np.float32), spacing


@pytest.mark.parametrize("pose", POSES)
def test_the_plane_of_a_made_head_is_found_however_it_lies(pose):
    image, spacing = made()
    moved, where = turned(image, spacing, *pose)
    away, angle = differ(midline(moved, spacing), where(Midline(57.0)), image, spacing)
    assert away < 0.8
    assert angle < 0.8


@pytest.mark.parametrize("contrast", ["qsm", "flair"])
def test_a_patients_thalamus_is_mirrored_onto_the_other(patient, flair_on_qsm, contrast):
    qsm = patient.images["qsm"]
    image = {"qsm": qsm.data, "flair": flair_on_qsm}[contrast]
    # Without a roll: a slice is mirrored within itself, and a roll puts the two thalami on different slices.
    for shift_mm, yaw_deg in ((0, 0), (10, 7), (-6, -11)):
        moved, left, right = (
            turned(part.astype(np.float32), qsm.spacing, shift_mm, yaw_deg, 0)[0]
            for part in (image, patient.truth.thalami == 1, patient.truth.thalami == 2)
        )
        plane = midline(moved, qsm.spacing)
        assert dice(other_side(left > 0.5, plane, qsm.spacing), right > 0.5) > 0.92


def test_a_turned_patient_has_its_plane_turned(patient):
    qsm = patient.images["qsm"]
    straight = midline(qsm.data, qsm.spacing)
    for pose in POSES[1:]:
        moved, where = turned(qsm.data, qsm.spacing, *pose)
        away, angle = differ(midline(moved, qsm.spacing), where(straight), qsm.data, qsm.spacing)
        assert away < 0.5
        assert angle < 0.5


def test_what_is_unknown_may_be_zero_or_not_a_number(patient):
    qsm = patient.images["qsm"]
    holes = np.where(qsm.data == 0, np.nan, qsm.data)
    assert midline(holes, qsm.spacing) == midline(qsm.data, qsm.spacing)


def test_the_mirrored_head_has_the_mirrored_plane(patient):
    qsm = patient.images["qsm"]
    plane, other = midline(qsm.data, qsm.spacing), midline(qsm.data[:, :, ::-1], qsm.spacing)
    last = (qsm.data.shape[2] - 1) * qsm.spacing[2]
    away, angle = differ(Midline(last - other.x_mm, -other.per_y, -other.per_z), plane, qsm.data, qsm.spacing)
    assert away < 0.3
    assert angle < 0.3


def _canonical(path):
    image = nib.as_closest_canonical(nib.load(path))
    return np.asarray(image.dataobj).transpose(2, 1, 0)[:, ::-1, ::-1], np.array(image.header.get_zooms()[::-1], float)


def test_on_a_real_brain_the_plane_lies_between_the_structures_of_both_sides(shared_data):
    folder = shared_data / "freesurfer" / "subject1" / "mri"
    brain, spacing = _canonical(folder / "brain.mgz")
    labels, _ = _canonical(folder / "aseg.mgz")
    plane = midline(brain, spacing)
    for left, right in ((10, 49), (11, 50), (12, 51), (13, 52), (17, 53), (18, 54), (28, 60)):
        z, y, x = (
            (np.array(ndimage.center_of_mass(labels == left)) + ndimage.center_of_mass(labels == right)) / 2 * spacing
        )
        assert abs(plane.at(y, z) - x) < 2.0
    mirror = other_side(labels == 10, plane, spacing)
    assert dice(mirror, labels == 49) > 0.85


def test_two_contrasts_of_a_real_head_have_one_plane(shared_data):
    t1, spacing = _canonical(shared_data / "open_ms" / "patient26" / "T1.nii.gz")
    flair, _ = _canonical(shared_data / "open_ms" / "patient26" / "FLAIR.nii.gz")
    away, angle = differ(midline(t1, spacing), midline(flair, spacing), t1, spacing)
    assert away < 1.0
    assert angle < 1.0


def test_about_a_straight_plane_a_contour_is_flipped():
    mask = np.random.default_rng(0).random((40, 50)) > 0.5
    mask = ndimage.binary_opening(mask, iterations=1)
    expected = np.zeros_like(mask)
    expected[:, :41] = mask[:, 40::-1]  # about column 20
    expected[:, 41:] = False
    np.testing.assert_array_equal(mirrored(mask, Midline(20 * 0.5), 3, (2, 0.5, 0.5)), expected)


@pytest.mark.parametrize("seed", range(25))
def test_there_and_back_is_the_same_contour(seed):
    # Drawn by a plain generator: one that looks for round numbers finds planes on a quarter of a voxel, where every
    # edge of a mask falls between two voxels and may go to either.
    rng = np.random.default_rng(seed)
    x_mm, per_y, per_z, z = rng.uniform(21, 24), rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), int(rng.integers(11))
    spacing = (2.0, 0.5, 0.5)
    # Through x_mm in the middle of the slice: nearer to the edge, what is mirrored would fall out of the image.
    plane = Midline(x_mm - 15 * per_y - 2 * z * per_z, per_y, per_z)
    y, x = np.meshgrid(np.arange(60) * 0.5, np.arange(100) * 0.5, indexing="ij")
    mask = ((y - 15) / 9) ** 2 + ((x - 30 - 0.3 * (y - 15)) / 6) ** 2 < 1
    there = mirrored(mask, plane, z, spacing)
    assert dice(mirrored(there, plane, z, spacing), mask) > 0.97
    assert abs(there.sum() / mask.sum() - 1) < 0.03
    # Centres of both lie as far from the plane's line, on a perpendicular to it; as near as voxels of 0.5 mm can lie,
    # which is half of one.
    (a_y, a_x), (b_y, b_x) = (np.array(ndimage.center_of_mass(m)) * 0.5 for m in (mask, there))
    assert (a_x + b_x) / 2 == pytest.approx(plane.at((a_y + b_y) / 2, z * 2.0), abs=0.13)
    assert (b_y - a_y) == pytest.approx(-per_y * (b_x - a_x), abs=0.25)


def test_what_falls_out_of_the_image_is_cut_off():
    mask = np.zeros((20, 30), bool)
    mask[5:15, 10:30] = True
    there = mirrored(mask, Midline(12.0), 0, (1, 1, 1))
    expected = np.zeros_like(mask)
    expected[5:15, :15] = True
    np.testing.assert_array_equal(there, expected)
    assert not mirrored(mask, Midline(-40.0), 0, (1, 1, 1)).any()
    assert not mirrored(np.zeros((5, 5), bool), Midline(2.0), 0, (1, 1, 1)).any()


def test_misfits_are_refused():
    with pytest.raises(AnnotationError, match="three axes"):
        midline(np.zeros((4, 4)), (1, 1, 1))
    with pytest.raises(AnnotationError, match="spacing"):
        midline(np.ones((4, 4, 4)), (1, 0, 1))
    with pytest.raises(AnnotationError, match="too little"):
        midline(np.zeros((90, 90, 90)), (1, 1, 1))
    with pytest.raises(AnnotationError, match="too little"):
        midline(np.ones((4, 90, 90)), (1, 1, 1))
    with pytest.raises(AnnotationError, match="one slice"):
        mirrored(np.zeros((4, 4, 4)), Midline(2.0), 0, (1, 1, 1))
    with pytest.raises(AnnotationError, match="spacing"):
        mirrored(np.zeros((4, 4)), Midline(2.0), 0, (1, 1))
