"""What all tests share: where the real images are, and a head made of balls whose every number is known."""

import os
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of openly licensed real images, or a skip where there is none."""
    named = os.environ.get("THALIRON_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real images are not here (set THALIRON_TEST_DATA to their folder)")
    return folder


@dataclass(frozen=True)
class Head:
    """Files of a head made of ellipsoids. Never written to; work elsewhere.

    The QSM (ppm) lies in the file as PIR and the FLAIR as LAS, tilted by some degrees, so that a wrong axis shows.
    """

    folder: Path
    qsm: Path
    flair: Path
    thalami: Path
    csf: Path
    lesions: Path
    keys: Path
    seeds: tuple[tuple[float, float, float], ...]
    """Middle of each lesion in RAS mm, in the order of the labels in `lesions`."""
    atria: dict[str, tuple[float, float, float]]
    """Middle of each atrium in RAS mm."""


@pytest.fixture(scope="session")
def head(tmp_path_factory: pytest.TempPathFactory) -> Head:
    """A small patient on disk, with the truth beside it."""
    folder = tmp_path_factory.mktemp("head")
    anat = folder / "sub-ball" / "anat"
    anat.mkdir(parents=True)
    rng = np.random.default_rng(3)
    atria = {"left": (-18.0, -24.0, 8.0), "right": (18.0, -24.0, 8.0)}
    seeds = ((22.0, 12.0, 16.0), (-20.0, 8.0, 18.0), (-8.0, -12.0, 24.0))

    qsm_affine = _placed((64, 74, 32), (1.2, 1.2, 2.4), 0)
    at = _points((64, 74, 32), qsm_affine)
    thalami = np.zeros(at.shape[:3], np.uint8)
    csf = np.zeros(at.shape[:3], np.uint8)
    for label, side in ((1, -1), (2, 1)):
        thalami[_inside(at, (side * 12, -2, 4), (6, 10, 7))] = label
        csf[_inside(at, atria["left" if side < 0 else "right"], (6, 6, 6))] = label
    chi = np.where(_inside(at, (0, 0, 0), (36, 42, 34)), -0.050, 0.0)
    chi[thalami == 1], chi[thalami == 2], chi[csf > 0] = -0.030, -0.026, 0.0
    chi[chi != 0] += rng.normal(0, 0.003, int((chi != 0).sum()))
    keys = thalami.copy()
    used = np.flatnonzero(thalami.any(axis=(0, 1)))
    keys[:, :, [z for z in used if z not in (used[0], used[2], used[-1])]] = 0

    flair_affine = _placed((66, 76, 62), (1.2, 1.2, 1.2), 4)
    at = _points((66, 76, 62), flair_affine)
    flair = np.where(_inside(at, (0, 0, 0), (36, 42, 34)), 100.0, 0.0)
    for atrium in atria.values():
        flair[_inside(at, atrium, (6, 6, 6))] = 20
    lesions = np.zeros(at.shape[:3], np.int16)
    for number, seed in enumerate(seeds, start=1):
        lesions[_inside(at, seed, (5, 5, 5))] = number
    flair[lesions > 0] = 190
    flair += rng.normal(0, 4, flair.shape)

    def save(name: str, data: np.ndarray, affine: np.ndarray, axes: str) -> Path:
        image = nib.Nifti1Image(data, affine)
        image = image.as_reoriented(ornt_transform(io_orientation(affine), axcodes2ornt(axes)))
        image.set_qform(image.affine, 1)
        image.set_sform(image.affine, 1)
        nib.save(image, anat / name)
        return anat / name

    truth = [
        save("sub-ball_Chimap.nii.gz", chi.astype(np.float32), qsm_affine, "PIR"),
        save("sub-ball_FLAIR.nii.gz", flair.astype(np.float32), flair_affine, "LAS"),
        save("thalami_dseg.nii.gz", thalami, qsm_affine, "PIR"),
        save("csf_dseg.nii.gz", csf, qsm_affine, "PIR"),
        save("lesions_dseg.nii.gz", lesions, flair_affine, "LAS"),
        save("keys_dseg.nii.gz", keys, qsm_affine, "PIR"),
    ]
    return Head(folder / "sub-ball", *truth, seeds, atria)


def _placed(shape: tuple[int, int, int], step_mm: tuple[float, float, float], tilt_deg: float) -> np.ndarray:
    """RAS affine with the image's middle at the origin, tilted about the x axis."""
    angle = np.deg2rad(tilt_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(step_mm)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def _points(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    return np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


def _inside(points: np.ndarray, middle: tuple[float, ...], half_axes: tuple[float, ...]) -> np.ndarray:
    return (((points - middle) / half_axes) ** 2).sum(axis=-1) < 1
