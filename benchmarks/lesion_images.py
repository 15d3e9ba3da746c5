"""Images with lesions whose place is known, for `lesions.py`: a real patient, also made harder, and phantoms."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from thaliron_napari.annotation import normal_tissue
from thaliron_napari.phantom import make_patient

CORNERS = np.ones((3, 3, 3))
Index = tuple[int, ...]
Box = tuple[slice, ...]


class Case(NamedTuple):
    name: str
    flair: np.ndarray
    t1: np.ndarray  # on the FLAIR's grid
    labels: np.ndarray
    spacing: np.ndarray
    peers: bool = False  # whether other ways of growing and random starts are worth their time here


def cases(data: Path, phantoms: bool) -> Iterator[Case]:
    folder = data / "open_ms" / "patient26"
    if folder.is_dir():
        yield from real_cases(folder)
    else:
        print(f"(no real patient: {folder} is missing)")
    if phantoms:
        yield phantom("full", 7)._replace(peers=True)
        for seed in range(1, 6):
            yield phantom("small", seed)


def real_cases(folder: Path) -> Iterator[Case]:
    flair, t1, lesions = (
        np.ascontiguousarray(np.asarray(nib.load(folder / name).dataobj, dtype=np.float32).T)
        for name in ("FLAIR.nii.gz", "T1.nii.gz", "lesions_consensus.nii.gz")
    )
    real = case("real patient, 1 mm", flair, t1, lesions > 0, np.ones(3))
    yield real._replace(peers=True)
    yield thick(real, "4 mm slices")._replace(peers=True)
    flowing = confluent(real, 7)
    yield flowing._replace(name="confluent, 1 mm", peers=True)
    yield thick(flowing, "confluent, 4 mm slices")
    yield uneven(noisy(real, 1), 2)._replace(name="noise 6%, bias 8%, 1 mm")
    yield thick(uneven(noisy(real, 3), 4), "noise 6%, bias 8%, 4 mm slices")
    faint = confluent(real, 8, width_mm=8.0, height=3.0, blur_mm=1.2, variation=0.25)
    yield faint._replace(name="confluent, faint and uneven, 1 mm")
    yield thick(faint, "confluent, faint and uneven, 4 mm slices")


def case(name: str, flair: np.ndarray, t1: np.ndarray, lesions: np.ndarray, spacing: np.ndarray) -> Case:
    return Case(name, flair.astype(np.float32), t1.astype(np.float32), ndimage.label(lesions, CORNERS)[0], spacing)


def thick(of: Case, name: str, slices: int = 4) -> Case:
    """Slices averaged; a lesion fills at least half of a voxel."""
    count = len(of.flair) // slices
    flair, t1, mask = (
        a[: count * slices].reshape(count, slices, *a.shape[1:]).astype(np.float32).mean(1)
        for a in (of.flair, of.t1, of.labels > 0)
    )
    return case(name, flair, t1, mask >= 0.5, of.spacing * [slices, 1, 1])


def noisy(of: Case, seed: int, share: float = 0.06) -> Case:
    rng = np.random.default_rng(seed)
    flair, t1 = (
        np.where(a > 0, a + rng.normal(0, share * np.median(a[a > 0]), a.shape), 0).astype(np.float32)
        for a in (of.flair, of.t1)
    )
    return of._replace(flair=flair, t1=t1)


def uneven(of: Case, seed: int, share: float = 0.08) -> Case:
    """With a smooth bias of each image, of the given standard deviation in the head."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in of.flair.shape], indexing="ij")
    terms = (z, y, x, z * z, y * y, x * x, z * y, y * x)
    biased = []
    for image in (of.flair, of.t1):
        field = sum(c * term for c, term in zip(rng.normal(size=len(terms)), terms, strict=True))
        biased.append((image * (1 + share * field / field[image > 0].std())).astype(np.float32))
    return of._replace(flair=biased[0], t1=biased[1])


def confluent(
    of: Case, seed: int, width_mm: float = 6.5, height: float = 3.4, blur_mm: float = 0.7, variation: float = 0.15
) -> Case:
    """A lesion of some 40 ml around the ventricles of a real brain, with its noise, an uneven rim and uneven height.

    On T1 it is about as dark as grey matter.
    """
    flair, t1, lesions = of.flair, of.t1, of.labels > 0
    rng = np.random.default_rng(seed)
    tissue = normal_tissue(flair, of.spacing)
    whole = tuple(slice(0, n) for n in flair.shape)
    level = tissue.in_box(tissue.level, whole)
    brain = tissue.in_box(tissue.brain, whole) > 0.5
    depth = ndimage.distance_transform_edt(brain)
    fluid = brain & (ndimage.gaussian_filter(flair, 0.7) < level - 4 * tissue.spread)
    ventricles = ndimage.binary_opening(fluid & (depth > 20), iterations=2)
    labels, _ = ndimage.label(ventricles)
    ventricles = np.isin(labels, np.flatnonzero(np.bincount(labels.ravel()) > 300)[1:])
    rough = [ndimage.gaussian_filter(rng.normal(size=flair.shape), sigma) for sigma in (5, 4)]
    rough = [field / field.std() for field in rough]
    near = ndimage.distance_transform_edt(~ventricles) < width_mm * (1 + 0.5 * rough[0])
    made = ndimage.binary_opening(near & ~fluid & (depth > 12) & (flair > level - 3 * tissue.spread))
    soft = ndimage.gaussian_filter(made.astype(np.float32), blur_mm)
    grain = np.clip(flair - ndimage.gaussian_filter(flair, 1.5), -tissue.spread, tissue.spread)
    bright = level + height * tissue.spread * (1 + variation * rough[1]) + 0.8 * grain
    image = np.where(fluid, flair, flair + soft * np.maximum(bright - flair, 0))
    grey, white = np.percentile(t1[brain & ~fluid & (depth > 8) & ~lesions], [15, 70])
    fall = np.clip(t1 - (white + 1.2 * (grey - white)), 0, None) * np.clip(0.8 + 0.3 * rough[1], 0.3, 1.2)
    return case("confluent", image, np.where(fluid, t1, t1 - soft * fall), made | lesions, of.spacing)


def phantom(size: str, seed: int) -> Case:
    patient = make_patient(size, seed)
    flair, t1 = patient.images["flair"], patient.images["t1"]
    there = np.linalg.inv(t1.affine) @ flair.affine
    on_flair = ndimage.affine_transform(t1.data, there[:3, :3], there[:3, 3], output_shape=flair.data.shape, order=1)
    step = " x ".join(f"{float(h):.1f}" for h in flair.spacing)
    name = f"phantom {seed}, {step} mm"
    return Case(name, flair.data, on_flair, np.asarray(patient.truth.lesions).astype(int), flair.spacing)
