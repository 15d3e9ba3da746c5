"""A first contour from one click: overlap with truth, volume and time.

    python benchmarks/first_contour.py [--seeds 7 ...] [--no-phantom] [--clicks 8] [--mricron FOLDER]

Both thalami of a real T1 with FreeSurfer's labels (the openly licensed subject), of Colin's brain with the AAL labels
(Debian's package mricron-data; AAL's thalami are drawn coarsely), each left out where it is missing, and of the phantom
patient at the study's voxel sizes: with QSM alone, with FLAIR, with T1 too, on the QSM's grid. Clicks: at the
centroid ("centre"); at random voxels no further out than half of the way from the centroid to the surface ("near"); and
at random voxels of the deeper half of the thalamus, up to its ends ("deep"). Dice for both sides together; a refused
click counts as 0. Seconds are processor time for one thalamus.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from thaliron_napari.annotation import first_contour
from thaliron_napari.errors import AnnotationError

SIDES = {"left": 1, "right": 2}


class Subject(NamedTuple):
    name: str
    truth: np.ndarray
    spacing: np.ndarray
    images: list[np.ndarray]
    veins: np.ndarray | None = None


def _left_to_right(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """An image with z to superior, y to posterior and x to left, and its spacing."""
    import nibabel as nib

    image = nib.as_closest_canonical(nib.load(path))
    data = np.asarray(image.dataobj).squeeze().transpose(2, 1, 0)[:, ::-1, ::-1]
    return data, np.array(image.header.get_zooms()[2::-1], dtype=float)


def _labelled(name: str, image: Path, labels: Path, left: int, right: int) -> Subject:
    data, spacing = _left_to_right(image)
    there, _ = _left_to_right(labels)
    return Subject(name, np.where(there == left, 1, np.where(there == right, 2, 0)), spacing, [data])


def real(mricron: Path) -> Iterator[Subject]:
    root = Path(os.environ.get("THALIRON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    folder = root / "freesurfer" / "subject1" / "mri"
    if folder.is_dir():
        yield _labelled("real T1, FreeSurfer", folder / "brain.mgz", folder / "aseg.mgz", 10, 49)
    else:
        print("The FreeSurfer subject is not here (set THALIRON_TEST_DATA to the folder of real images): left out.")
    if (mricron / "ch2.nii.gz").is_file():
        yield _labelled("Colin's T1, AAL", mricron / "ch2.nii.gz", mricron / "aal.nii.gz", 77, 78)
    else:
        print("Colin's brain is not here (Debian's mricron-data, or --mricron with its folder): left out.")


def phantom(seed: int) -> Iterator[Subject]:
    from thaliron_napari.phantom import make_patient

    patient = make_patient("full", seed)
    qsm, images = patient.images["qsm"], [patient.images["qsm"].data]
    for name, words in (("qsm", "QSM"), ("flair", "QSM, FLAIR"), ("t1", "QSM, FLAIR, T1")):
        if name != "qsm":
            scan = patient.images[name]
            there = np.linalg.inv(scan.affine) @ patient.truth.qsm_to_flair @ qsm.affine
            moved = ndimage.affine_transform(
                scan.data, there[:3, :3], there[:3, 3], output_shape=qsm.data.shape, order=1
            )
            images = [*images, moved]
        yield Subject(f"phantom {seed}, {words}", patient.truth.thalami, qsm.spacing, images, patient.truth.veins)


def clicks(truth: np.ndarray, spacing: np.ndarray, count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    inside = np.argwhere(truth)
    centre = inside.mean(axis=0)
    outwards = np.round(centre + 2 * (inside - centre)).astype(int)
    within = ((outwards >= 0) & (outwards < truth.shape)).all(axis=1)
    near = inside[within][truth[tuple(outwards[within].T)]]
    depth = ndimage.distance_transform_edt(truth, sampling=spacing)[tuple(inside.T)]
    deep = inside[depth >= np.median(depth)]
    return {
        "centre": np.round(centre).astype(int)[None],
        "near": near[rng.integers(len(near), size=count)],
        "deep": deep[rng.integers(len(deep), size=count)],
    }


def table(subject: Subject, count: int) -> None:
    print(subject.name)
    scores: dict[str, list[tuple[float, float, float, float]]] = {}
    refused = dict.fromkeys(("centre", "near", "deep"), 0)
    for side, label in SIDES.items():
        truth = subject.truth == label
        for kind, places in clicks(truth, subject.spacing, count).items():
            for place in places:
                start = time.process_time()
                try:
                    mask = first_contour(tuple(place), subject.spacing, subject.images, side=side, avoid=subject.veins)
                except AnnotationError:
                    mask = np.zeros_like(truth)
                    refused[kind] += 1
                seconds = time.process_time() - start
                dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
                ml = mask.sum() * subject.spacing.prod() / 1000
                scores.setdefault(kind, []).append((dice, 100 * (mask.sum() / truth.sum() - 1), ml, seconds))
    for kind, rows in scores.items():
        dice, error, ml, seconds = np.array(rows).T
        taken = ml > 0
        size = f"{ml[taken].min():.1f} to {ml[taken].max():.1f} ml" if taken.any() else "none"
        print(
            f"  {kind:7} Dice median {np.median(dice):.3f}  worst {dice.min():.3f}   under 0.7: {(dice < 0.7).sum()} "
            f"of {len(dice)}, refused {refused[kind]}   volume {np.median(error[taken]):+.0f}%, {size}   "
            f"{seconds.mean():.2f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[7, 11], help="phantom patients")
    parser.add_argument("--no-phantom", action="store_true", help="only the real images")
    parser.add_argument("--clicks", type=int, default=8, help="random clicks of each kind and side")
    parser.add_argument("--mricron", type=Path, default=Path("/usr/share/mricron/templates"))
    options = parser.parse_args()
    for subject in real(options.mricron):
        table(subject, options.clicks)
    for seed in [] if options.no_phantom else options.seeds:
        for subject in phantom(seed):
            table(subject, options.clicks)


if __name__ == "__main__":
    main()
