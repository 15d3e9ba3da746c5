"""Filling between a few drawn slices: overlap with truth, volume and time beside other programs.

    python benchmarks/contour.py [--seeds 7 ...] [--no-phantom]

Both thalami of a real T1 with FreeSurfer's labels (the openly licensed subject; left out where it is missing) and of
the phantom patient at the study's voxel sizes, with QSM, and with QSM and FLAIR on its grid. 3, 4 and 5 axial slices,
spread evenly from the first to the last of the structure, are given as drawn; on the T1, whose slices are 1 mm thick,
also every fourth slice and the last. "Dice" is over the slices that are not given, "volume" over all; both are means
of the two sides. Of every fourth slice, "all" is Dice over all slices, given ones included, as it was published for
cubic interpolation of signed distances (0.951) and FASTSURF (0.958). Seconds are processor time for one thalamus, as a
share of ITK's where that is installed (package itk-morphologicalcontourinterpolation), of the linear filling otherwise.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from thaliron_napari.annotation import fill_between_contours

KEY_COUNTS = (3, 4, 5)
EVERY = 4
WALKED_MM = 4.0  # the band about the interpolated edge that the random walker decides on
Filling = Callable[[np.ndarray, np.ndarray, list[np.ndarray]], np.ndarray]


class Subject(NamedTuple):
    name: str
    sides: list[np.ndarray]
    spacing: np.ndarray
    images: list[np.ndarray]


class Score(NamedTuple):
    dice: float
    dice_of_all: float
    volume_error: float
    seconds: float


def linear(keys: np.ndarray, spacing: np.ndarray, images: list[np.ndarray]) -> np.ndarray:
    """Signed distances in plane, interpolated linearly: the textbook's shape-based interpolation."""
    filled = keys.copy()
    drawn = np.flatnonzero(keys.any((1, 2)))
    y, x = (slice(max(i.min() - 10, 0), i.max() + 11) for i in np.nonzero(keys.any(0)))
    inside = [ndimage.distance_transform_edt(keys[k, y, x], sampling=spacing[1:]) for k in drawn]
    outside = [ndimage.distance_transform_edt(~keys[k, y, x], sampling=spacing[1:]) for k in drawn]
    for below, above, a, b in zip(drawn, drawn[1:], range(len(drawn)), range(1, len(drawn)), strict=False):
        for k in range(below + 1, above):
            t = (k - below) / (above - below)
            filled[k, y, x] = (1 - t) * (inside[a] - outside[a]) + t * (inside[b] - outside[b]) > 0
    return filled


def cubic_level(keys: np.ndarray, spacing: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
    """Where the structure is, and there the signed distances in plane interpolated by monotone cubics."""
    from scipy.interpolate import PchipInterpolator

    drawn = np.flatnonzero(keys.any((1, 2)))
    y, x = (slice(max(i.min() - 10, 0), i.max() + 11) for i in np.nonzero(keys.any(0)))
    own = [
        ndimage.distance_transform_edt(keys[k, y, x], sampling=spacing[1:])
        - ndimage.distance_transform_edt(~keys[k, y, x], sampling=spacing[1:])
        for k in drawn
    ]
    box = (slice(drawn[0], drawn[-1] + 1), y, x)
    return box, PchipInterpolator(drawn, np.stack(own), axis=0)(np.arange(drawn[0], drawn[-1] + 1))


def cubic(keys: np.ndarray, spacing: np.ndarray, images: list[np.ndarray]) -> np.ndarray:
    filled = keys.copy()
    box, level = cubic_level(keys, spacing)
    filled[box] |= level > 0
    return filled


def walker(keys: np.ndarray, spacing: np.ndarray, images: list[np.ndarray]) -> np.ndarray:
    """scikit-image's random walker in a band about the cubic edge, seeded by the keys and by what is beyond it."""
    from skimage.segmentation import random_walker

    box, level = cubic_level(keys, spacing)
    seeds = np.where(level > WALKED_MM, 1, np.where(level < -WALKED_MM, 2, 0))
    drawn = np.flatnonzero(keys[box].any((1, 2)))
    seeds[drawn] = np.where(keys[box][drawn], 1, 2)
    seen = np.stack([image[box].astype(float) / image[box].std() for image in images], axis=-1)
    filled = keys.copy()
    filled[box] = random_walker(seen, seeds, mode="cg_j", tol=1e-5, spacing=spacing, channel_axis=-1) == 1
    return filled


def morphological(keys: np.ndarray, spacing: np.ndarray, images: list[np.ndarray]) -> np.ndarray:
    """What ITK-SNAP and 3D Slicer fill between slices with."""
    import itk

    image = itk.image_from_array(keys.astype(np.uint8))
    image.SetSpacing([float(s) for s in spacing[::-1]])
    return itk.array_from_image(itk.morphological_contour_interpolator(image, axis=2)) > 0


def shape_alone(keys: np.ndarray, spacing: np.ndarray, images: list[np.ndarray]) -> np.ndarray:
    return fill_between_contours(keys, spacing)


def ours(keys: np.ndarray, spacing: np.ndarray, images: list[np.ndarray]) -> np.ndarray:
    return fill_between_contours(keys, spacing, images)


def spread(used: np.ndarray, count: int) -> np.ndarray:
    return np.unique(np.round(np.linspace(used[0], used[-1], count)).astype(int))


def every(used: np.ndarray, step: int) -> np.ndarray:
    return np.unique(np.append(np.arange(used[0], used[-1] + 1, step), used[-1]))


def score(filling: Filling, subject: Subject, placed: Callable[[np.ndarray], np.ndarray]) -> Score:
    rows = []
    for truth in subject.sides:
        used = np.flatnonzero(truth.any((1, 2)))
        drawn = placed(used)
        keys = np.zeros_like(truth)
        keys[drawn] = truth[drawn]
        start = time.process_time()
        filled = filling(keys, subject.spacing, subject.images)
        seconds = time.process_time() - start
        between = np.setdiff1d(np.arange(used[0], used[-1] + 1), drawn)
        volume = 100 * (filled.sum() / truth.sum() - 1)
        rows.append((dice(filled[between], truth[between]), dice(filled, truth), volume, seconds))
    return Score(*np.mean(rows, axis=0))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def freesurfer() -> Subject | None:
    import nibabel as nib

    root = os.environ.get("THALIRON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    folder = Path(root) / "freesurfer" / "subject1" / "mri"
    if not folder.is_dir():
        print("The FreeSurfer subject is not here (set THALIRON_TEST_DATA to the folder of real images): left out.\n")
        return None
    labels, brain = (
        np.asarray(nib.as_closest_canonical(nib.load(folder / name)).dataobj).transpose(2, 1, 0)[:, ::-1, ::-1]
        for name in ("aseg.mgz", "brain.mgz")
    )
    return Subject("real T1", [labels == 10, labels == 49], np.ones(3), [brain])


def phantom(seed: int) -> Iterator[Subject]:
    from thaliron_napari.phantom import make_patient

    patient = make_patient("full", seed)
    qsm, flair = patient.images["qsm"], patient.images["flair"]
    to_flair = np.linalg.inv(flair.affine) @ patient.truth.qsm_to_flair @ qsm.affine
    on_qsm = ndimage.affine_transform(
        flair.data, to_flair[:3, :3], to_flair[:3, 3], output_shape=qsm.data.shape, order=1
    )
    sides = [patient.truth.thalami == side for side in (1, 2)]
    yield Subject(f"phantom {seed}, QSM", sides, qsm.spacing, [qsm.data])
    yield Subject(f"phantom {seed}, QSM and FLAIR", sides, qsm.spacing, [qsm.data, on_qsm])


def table(subject: Subject, fillings: dict[str, Filling]) -> None:
    print(subject.name)
    placings = {f"{n} keys": partial(spread, count=n) for n in KEY_COUNTS}
    print(f"  {'':26}" + "".join(f"{f'{name}: Dice':>14}{'volume':>9}{'time':>7}" for name in placings), end="")
    if subject.spacing[0] == 1:
        placings["every fourth"] = partial(every, step=EVERY)
        print(f"{'every 4th: Dice':>17}{'all':>7}{'volume':>9}{'time':>7}", end="")
    print()
    scores = {name: [score(filling, subject, p) for p in placings.values()] for name, filling in fillings.items()}
    peer = scores["ITK morphological" if "ITK morphological" in scores else "linear"]
    for name, row in scores.items():
        cells = [
            f"{s.dice:14.3f}{s.volume_error:+8.1f}%{s.seconds / p.seconds:6.1f}x"
            for s, p in zip(row, peer, strict=True)
        ]
        if len(row) > len(KEY_COUNTS):
            last = row[-1]
            cells[-1] = f"{last.dice:17.3f}{last.dice_of_all:7.3f}" + cells[-1][14:]
        print(f"  {name:26}" + "".join(cells) + f"   {np.mean([s.seconds for s in row]):.2f} s")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[7], help="phantom patients")
    parser.add_argument("--no-phantom", action="store_true", help="only the real images")
    options = parser.parse_args()
    fillings: dict[str, Filling] = {
        "linear": linear,
        "monotone cubic": cubic,
        "random walker in a band": walker,
        "ITK morphological": morphological,
        "ours, shape alone": shape_alone,
        "ours": ours,
    }
    try:
        import itk

        itk.MorphologicalContourInterpolator  # noqa: B018
    except (ImportError, AttributeError):
        del fillings["ITK morphological"]
        print("itk-morphologicalcontourinterpolation is not installed: ITK's row is left out.\n")
    for filling in fillings.values():  # what is imported at the first call is not what is measured
        small = np.zeros((3, 12, 12), bool)
        small[::2, 3:9, 3:9] = True
        filling(small, np.ones(3), [small.astype(np.float32)])
    real = freesurfer()
    if real is not None:
        table(real, fillings)
    if not options.no_phantom:
        for seed in options.seeds:
            for subject in phantom(seed):
                table(subject, fillings)


if __name__ == "__main__":
    main()
