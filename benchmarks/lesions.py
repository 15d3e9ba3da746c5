"""A robot reader clicks real lesions: what one, three and five clicks give, beside other ways of growing.

    python benchmarks/lesions.py [--data DIR] [--random N] [--no-phantom] [--speed]

For every lesion of at least 10 voxels (26 neighbours) the robot clicks its deepest voxel. Each further click goes into
the middle of the largest piece of error, as a further seed where something is missing and as a point outside where
something leaks, until a Dice of 0.9 or 5 clicks (12 for a lesion over 5 ml). Printed are the median Dice per lesion and
the Dice of all that was grown against all that was clicked after 1, 3 and 5 clicks, the error of the volume after one,
first clicks that leak (more than 3 times the lesion), first clicks that were refused, and milliseconds a click.

Images: a patient with multiple sclerosis at 1 mm (three raters' consensus; the folder is given by --data,
THALIRON_TEST_DATA or ../shared/data), the same averaged to slices of 4 mm, the same with a confluent lesion of some
50 ml made around its ventricles, and the phantom at the study's voxel sizes. --random N starts N times at random
voxels of each lesion. The other ways get the same clicks: each seed grows alone, and what lies nearer to a point
outside than to a seed is taken off. --speed shows milliseconds of a click by the size of image and lesion.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from thaliron_napari.annotation import lesion_in_box, normal_tissue
from thaliron_napari.errors import AnnotationError

SHOTS = (1, 3, 5)
CORNERS = np.ones((3, 3, 3))
Index = tuple[int, ...]
Box = tuple[slice, ...]
Grow = Callable[[Index, list[Index], list[Index]], tuple[Box, np.ndarray]]


class Case(NamedTuple):
    name: str
    flair: np.ndarray
    labels: np.ndarray
    spacing: np.ndarray


# The robot.


def deepest(mask: np.ndarray, spacing: np.ndarray) -> Index:
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    return tuple(int(i) for i in np.unravel_index(depth.argmax(), mask.shape))


def largest(error: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(error, CORNERS)
    return labels == np.bincount(labels.ravel())[1:].argmax() + 1 if count else error


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))


def read(case: Case, grow: Grow, first: dict[int, Index] | None = None) -> dict[str, object]:
    truth = np.zeros(case.labels.shape, bool)
    total = {shot: truth.copy() for shot in SHOTS}
    each: dict[int, list[float]] = {shot: [] for shot in SHOTS}
    leaks = refused = 0
    times = []
    for label, box in enumerate(ndimage.find_objects(case.labels), 1):
        if box is None or (case.labels[box] == label).sum() < 10:
            continue
        lesion = case.labels[box] == label
        size = int(lesion.sum())
        truth[box] |= lesion
        seed = first[label] if first else shifted(deepest(lesion, case.spacing), box)
        also: list[Index] = []
        outside: list[Index] = []
        clicks = 12 if size * np.prod(case.spacing) > 5000 else 5
        grown_box, grown = box, np.zeros_like(lesion)
        for click in range(1, clicks + 1):
            start = time.perf_counter()
            try:
                grown_box, grown = grow(seed, also, outside)
            except AnnotationError:
                refused += click == 1
            times.append(time.perf_counter() - start)
            both = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, grown_box, strict=True))
            have, want = (placed(m, b, both) for m, b in ((grown, grown_box), (lesion, box)))
            score = dice(have, want)
            leaks += click == 1 and have.sum() > 3 * size
            done = score >= 0.9 or click == clicks
            for shot in SHOTS:
                if shot == click or (done and shot > click):
                    total[shot][grown_box] |= grown
                    each[shot].append(score)
            if done:
                break
            missing, leaking = largest(want & ~have), largest(have & ~want)
            points, error = (also, missing) if missing.sum() >= leaking.sum() else (outside, leaking)
            points.append(shifted(deepest(error, case.spacing), both))
    count = len(each[1])
    return {
        "median": [float(np.median(each[shot])) for shot in SHOTS],
        "total": [dice(total[shot], truth) for shot in SHOTS],
        "volume": total[1].sum() / truth.sum() - 1,
        "leaks": leaks / count,
        "refused": refused,
        "ms": 1000 * float(np.median(times)),
        "lesions": count,
    }


def shifted(index: Index, box: Box) -> Index:
    return tuple(i + part.start for i, part in zip(index, box, strict=True))


def placed(mask: np.ndarray, box: Box, frame: Box) -> np.ndarray:
    whole = np.zeros([part.stop - part.start for part in frame], bool)
    whole[tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, frame, strict=True))] = mask
    return whole


# The ways of growing.


def ours(case: Case) -> Grow:
    tissue = normal_tissue(case.flair, case.spacing)
    return lambda seed, also, outside: lesion_in_box(
        case.flair, seed, case.spacing, tissue=tissue, also=also, outside=outside
    )


def one_by_one(case: Case, single: Callable[[Index], np.ndarray]) -> Grow:
    """Grow every seed alone, and cut off what is nearer to a point outside than to a seed."""
    everything = tuple(slice(0, n) for n in case.flair.shape)

    def grow(seed: Index, also: list[Index], outside: list[Index]) -> tuple[Box, np.ndarray]:
        grown = np.logical_or.reduce([single(point) for point in (seed, *also)])
        if outside:
            places = np.argwhere(grown)
            to_seed, to_outside = (
                np.min([np.linalg.norm((places - p) * case.spacing, axis=1) for p in points], axis=0)
                for points in ((seed, *also), outside)
            )
            grown[tuple(places[to_outside < to_seed].T)] = False
        return everything, grown

    return grow


def flood(case: Case) -> Grow:
    from skimage.segmentation import flood as fill

    return one_by_one(case, lambda seed: fill(case.flair, seed, tolerance=0.1 * abs(float(case.flair[seed]))))


def confidence(case: Case) -> Grow:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(case.flair)

    def single(seed: Index) -> np.ndarray:
        grown = sitk.ConfidenceConnected(
            image, seedList=[tuple(reversed(seed))], numberOfIterations=3, multiplier=2.5, initialNeighborhoodRadius=1
        )
        return sitk.GetArrayFromImage(grown) > 0

    return one_by_one(case, single)


def half_height(case: Case, radius_mm: float = 15.0) -> Grow:
    """Half way between the seed and the median of the tissue around it, within a radius."""
    head = case.flair > 0.3 * np.percentile(case.flair, 99)

    def single(seed: Index) -> np.ndarray:
        half = np.ceil(radius_mm / case.spacing).astype(int)
        box = tuple(slice(max(i - h, 0), i + h + 1) for i, h in zip(seed, half, strict=True))
        places = np.indices(case.flair[box].shape).reshape(3, -1).T + [part.start for part in box]
        near = (np.linalg.norm((places - seed) * case.spacing, axis=1) <= radius_mm).reshape(case.flair[box].shape)
        around = np.median(case.flair[box][near & head[box]])
        bright = near & (case.flair[box] >= (case.flair[seed] + around) / 2)
        at = tuple(i - part.start for i, part in zip(seed, box, strict=True))
        bright[at] = True
        labels, _ = ndimage.label(bright)
        grown = np.zeros(case.flair.shape, bool)
        grown[box] = labels == labels[at]
        return grown

    return one_by_one(case, single)


WAYS: dict[str, Callable[[Case], Grow]] = {
    "ThalIron": ours,
    "half height, 15 mm": half_height,
    "flood, 10%": flood,
    "ConfidenceConnected": confidence,
}


# The images.


def real_cases(data: Path) -> list[Case]:
    folder = data / "open_ms" / "patient26"
    if not folder.is_dir():
        print(f"(no real patient: {folder} is missing)")
        return []
    flair, lesions = (
        np.ascontiguousarray(np.asarray(nib.load(folder / name).dataobj, dtype=np.float32).T)
        for name in ("FLAIR.nii.gz", "lesions_consensus.nii.gz")
    )
    spacing = np.ones(3)
    mask = lesions > 0
    thick = flair[: len(flair) // 4 * 4].reshape(-1, 4, *flair.shape[1:]).mean(1)
    thick_mask = lesions[: len(flair) // 4 * 4].reshape(-1, 4, *flair.shape[1:]).mean(1) >= 0.5
    return [
        Case("real patient, 1 mm", flair, ndimage.label(mask, CORNERS)[0], spacing),
        Case("4 mm slices", thick, ndimage.label(thick_mask, CORNERS)[0], spacing * [4, 1, 1]),
        confluent(flair, mask, spacing),
    ]


def confluent(flair: np.ndarray, lesions: np.ndarray, spacing: np.ndarray) -> Case:
    """A lesion of some 50 ml around the ventricles of a real brain, with its noise, an uneven rim and uneven height."""
    rng = np.random.default_rng(7)
    tissue = normal_tissue(flair, spacing)
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
    near = ndimage.distance_transform_edt(~ventricles) < 6.5 * (1 + 0.5 * rough[0])
    made = ndimage.binary_opening(near & ~fluid & (depth > 12) & (flair > level - 3 * tissue.spread))
    soft = ndimage.gaussian_filter(made.astype(np.float32), 0.7)
    grain = np.clip(flair - ndimage.gaussian_filter(flair, 1.5), -tissue.spread, tissue.spread)
    bright = level + 3.4 * tissue.spread * (1 + 0.15 * rough[1]) + 0.8 * grain
    image = np.where(fluid, flair, flair + soft * np.maximum(bright - flair, 0))
    return Case("confluent, 1 mm", image.astype(np.float32), ndimage.label(made | lesions, CORNERS)[0], spacing)


def phantom() -> Case:
    from thaliron_napari.phantom import make_patient

    patient = make_patient()
    flair = patient.images["flair"]
    return Case("phantom, 1.2 x 0.6 x 0.6 mm", flair.data, np.asarray(patient.truth.lesions), flair.spacing)


# Speed by the size of image and lesion.


def speed() -> None:
    print(f"\n{'ms a click':24s}" + "".join(f"{ml:>9g} ml" for ml in (0.1, 1, 10)))
    rng = np.random.default_rng(0)
    for shape in ((96, 128, 128), (192, 256, 256), (192, 512, 512)):
        spacing = np.full(3, 0.5)
        image = rng.normal(100, 5, shape).astype(np.float32)
        tissue = normal_tissue(image, spacing)
        row = []
        for ml in (0.1, 1, 10):
            radius = (ml * 750 / np.pi) ** (1 / 3)
            squares = [((np.arange(n) - n // 2) * 0.5) ** 2 for n in shape]
            away = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
            flair = image + 40 * np.clip(radius - away + 0.5, 0, 1).astype(np.float32)
            seed = tuple(n // 2 for n in shape)
            times = []
            for _ in range(5):
                start = time.perf_counter()
                lesion_in_box(flair, seed, spacing, tissue=tissue)
                times.append(time.perf_counter() - start)
            row.append(1000 * np.median(times))
        print(f"{' x '.join(map(str, shape)):24s}" + "".join(f"{ms:12.0f}" for ms in row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("THALIRON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="folder of the openly licensed images")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="start N times at random voxels")
    parser.add_argument("--no-phantom", action="store_true")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    for case in [*real_cases(Path(options.data)), *([] if options.no_phantom else [phantom()])]:
        made = {name: way(case) for name, way in WAYS.items()}
        rows = [(name, read(case, grow)) for name, grow in made.items()]
        rng = np.random.default_rng(1)
        for number in range(options.random):
            first = {}
            for label, box in enumerate(ndimage.find_objects(case.labels), 1):
                if box is not None:
                    first[label] = shifted(tuple(rng.choice(np.argwhere(case.labels[box] == label))), box)
            rows.append((f"ThalIron, random {number + 1}", read(case, made["ThalIron"], first)))
        ml = (case.labels > 0).sum() * np.prod(case.spacing) / 1000
        print(f"\n{case.name}: {rows[0][1]['lesions']} lesions, {ml:.1f} ml")
        print(
            f"{'':24s}{'median Dice 1/3/5':>20s}{'total Dice 1/3/5':>20s}"
            f"{'volume':>9s}{'leak':>7s}{'refused':>9s}{'ms':>7s}"
        )
        for name, row in rows:
            median, total = ("/".join(f"{value:.2f}" for value in row[key]) for key in ("median", "total"))
            print(
                f"{name:24s}{median:>20s}{total:>20s}{row['volume']:>+9.0%}{row['leaks']:>7.0%}"
                f"{row['refused']:>9d}{row['ms']:>7.0f}"
            )
    if options.speed:
        speed()


if __name__ == "__main__":
    main()
