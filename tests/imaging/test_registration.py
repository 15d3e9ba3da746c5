"""Registration finds motions that are known, and says when it has found nothing."""

from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from thaliron_napari.errors import GridError
from thaliron_napari.imaging import Grid, Volume, read_volume, register_rigid, rigid_matrix

CENTRE = np.array([2.0, -11.0, 6.0])
SIZE_MM = 160


def tissue(world):
    """A made-up head as a function of place: 0 outside, 1 to 4 inside, without any symmetry."""
    rng = np.random.default_rng(1)
    from_centre = world - CENTRE
    inside = (from_centre**2 / np.array([62, 75, 58]) ** 2).sum(axis=-1) < 1
    found = np.ones(world.shape[:-1])
    for kind in (2, 3, 4) * 9:
        centre, radius = rng.uniform(-45, 45, 3), rng.uniform(6, 18, 3)
        found[(((from_centre - centre) / radius) ** 2).sum(axis=-1) < 1] = kind
    return np.where(inside, found, 0)


def scan(spacing, values, motion=None, turns=(0, 0, 0), noise=4.0, seed=0):
    """An image of the head (its grey values by tissue) that lies turned in the scanner, then moved."""
    spacing = np.array(spacing, float)
    shape = tuple(int(n) for n in SIZE_MM / spacing)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, -spacing[2]], [0, -spacing[1], 0], [spacing[0], 0, 0]])
    affine = rigid_matrix((0, 0, 0), turns) @ affine
    affine[:3, 3] = CENTRE - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    grid = Grid(shape, affine)
    world = grid.world(np.stack(np.indices(shape), axis=-1))
    data = ndimage.gaussian_filter(np.array(values, float)[tissue(world).astype(int)], 0.6 / spacing)
    data += np.random.default_rng(seed).normal(0, noise, shape)
    if motion is not None:
        grid = Grid(shape, motion @ grid.affine)
    return Volume(data.astype(np.float32), grid)


FLAIR = scan((3.0, 2.5, 2.5), (20, 120, 160, 60, 200))
OTHER = scan((2.6, 2.4, 2.4), (10, 300, 90, 210, 150), turns=(6, -4, 9), seed=1)
# A map that is exactly 0 outside the brain, with little contrast
MAP = scan((2.6, 2.2, 2.2), (0, 0, 40, -30, 90), turns=(-5, 3, 2), noise=15, seed=2)
_shell = (
    (MAP.grid.world(np.stack(np.indices(MAP.grid.shape), axis=-1)) - CENTRE) ** 2 / np.array([55, 68, 50]) ** 2
).sum(-1)
MASKED = Volume(np.where(_shell < 1, MAP.data, 0), MAP.grid)
HEAD = CENTRE + np.random.default_rng(3).normal(size=(500, 3)) * [25, 30, 24]

MOTIONS = {
    "none": rigid_matrix((0, 0, 0), (0, 0, 0)),
    "small": rigid_matrix((1.2, -0.8, 2.1), (1, -2, 1.5), CENTRE),
    "shift": rigid_matrix((14, -9, 8), (0, 0, 0), CENTRE),
    "turn": rigid_matrix((0, 0, 0), (9, -8, 10), CENTRE),
    "both": rigid_matrix((-8, 7, 9), (-7, 9, 8), CENTRE),
}


def moved(volume, motion):
    return Volume(volume.data, Grid(volume.grid.shape, motion @ volume.grid.affine))


def error_mm(found, truth, points=HEAD):
    ends = [points @ m[:3, :3].T + m[:3, 3] for m in (found, truth)]
    return np.linalg.norm(ends[0] - ends[1], axis=1)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("image", [OTHER, MASKED], ids=["other contrast", "masked map"])
def test_a_known_motion_is_found(image, motion):
    truth = MOTIONS[motion]
    result = register_rigid(FLAIR, moved(image, truth))
    assert error_mm(result.matrix, truth).max() < 0.5
    assert result.warnings == ()
    assert result.metric_after >= result.metric_before
    np.testing.assert_allclose(result.matrix[:3, :3] @ result.matrix[:3, :3].T, np.eye(3), atol=1e-9)


def test_the_motion_is_told_in_mm_and_degrees():
    result = register_rigid(FLAIR, moved(OTHER, rigid_matrix((0, 9, 0), (0, 0, 8), CENTRE)))
    assert result.shift_mm == pytest.approx(9, abs=0.4)
    assert result.angle_deg == pytest.approx(8, abs=0.4)
    assert 0.8 < result.overlap <= 1


def test_there_and_back_is_the_same_motion():
    image = moved(OTHER, MOTIONS["small"])
    there, back = register_rigid(FLAIR, image), register_rigid(image, FLAIR)
    assert error_mm(back.matrix @ there.matrix, np.eye(4)).mean() < 0.3


def test_the_same_input_gives_the_same_result_bit_for_bit():
    image = moved(MASKED, MOTIONS["both"])
    assert register_rigid(FLAIR, image).matrix.tobytes() == register_rigid(FLAIR, image).matrix.tobytes()


def test_it_starts_where_it_is_told():
    far = rigid_matrix((100, -60, 90), (70, 0, -65), CENTRE)
    near = rigid_matrix((104, -57, 88), (67, 3, -63), CENTRE)
    result = register_rigid(FLAIR, moved(OTHER, far), start=near)
    assert error_mm(result.matrix, far).max() < 0.5
    assert any("would have moved" in warning for warning in result.warnings)


def test_images_apart_are_refused():
    with pytest.raises(GridError, match="do not overlap"):
        register_rigid(FLAIR, moved(OTHER, rigid_matrix((400, 0, 0), (0, 0, 0))))


@pytest.mark.parametrize("data", [np.zeros((20, 20, 20)), np.ones((20, 20, 20))], ids=["zeros", "ones"])
def test_an_image_of_nothing_is_refused(data):
    nothing = Volume(data.astype(np.float32), Grid(data.shape, np.diag([4.0, 4, 4, 1])))
    for pair in ((FLAIR, nothing), (nothing, FLAIR)):
        with pytest.raises(GridError, match="shows nothing"):
            register_rigid(*pair)


def test_a_single_slice_is_refused():
    slice_ = Volume(OTHER.data[:1], Grid((1, *OTHER.data.shape[1:]), OTHER.grid.affine))
    with pytest.raises(GridError, match="single slice"):
        register_rigid(slice_, slice_)


def test_images_that_have_nothing_in_common_are_not_to_be_trusted():
    noise = np.random.default_rng(5).normal(100, 20, OTHER.data.shape).astype(np.float32)
    assert register_rigid(FLAIR, Volume(noise, OTHER.grid)).warnings


def test_little_overlap_is_told():
    result = register_rigid(FLAIR, moved(OTHER, rigid_matrix((0, 0, 120), (0, 0, 0))))
    assert any("smaller image" in warning or "same head" in warning for warning in result.warnings)


def test_progress_goes_from_0_to_1():
    told = []
    register_rigid(FLAIR, OTHER, progress=told.append)
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(told)


def test_it_stops_when_asked():
    told = []
    with pytest.raises(CancelledError):
        register_rigid(FLAIR, OTHER, progress=told.append, cancelled=lambda: len(told) >= 2)
    assert len(told) == 2


def test_a_patients_flair_and_t1_come_together_from_any_motion(shared_data: Path):
    folder = shared_data / "open_ms" / "patient26"
    flair, t1 = read_volume(folder / "FLAIR.nii.gz"), read_volume(folder / "T1.nii.gz")
    brain = flair.grid.world(np.argwhere(flair.data != 0)[::997])
    unmoved = register_rigid(flair, t1).matrix
    assert error_mm(unmoved, np.eye(4), brain).mean() < 0.6  # what is left in the images as given
    truth = rigid_matrix((9, -6, 7), (8, -9, 7), brain.mean(axis=0))
    found = register_rigid(flair, moved(t1, truth)).matrix
    assert error_mm(found, truth @ unmoved, brain).max() < 0.1


def test_raw_scans_converge_from_their_headers(shared_data: Path):
    flair, t1 = (read_volume(shared_data / "open_ms" / f"patient01_raw_{name}.nii.gz") for name in ("FLAIR", "T1W"))
    result = register_rigid(flair, t1)
    assert result.shift_mm < 3
    assert result.angle_deg < 2
    assert result.warnings == ()
