"""Other ways of growing a lesion, given the same clicks as ours: what `lesions.py` prints beside it."""

import warnings
from collections.abc import Callable

import numpy as np
from lesion_images import Box, Case, Index
from scipy import ndimage

Grow = Callable[[Index, list[Index], list[Index]], tuple[Box, np.ndarray]]


def one_by_one(case: Case, single: Callable[[Index], np.ndarray]) -> Grow:
    """Grow every seed alone, and cut off what is nearer to a point outside than to a seed."""

    def grow(seed: Index, also: list[Index], outside: list[Index]) -> tuple[Box, np.ndarray]:
        grown = np.logical_or.reduce([single(point) for point in (seed, *also)])
        if outside:
            places = np.argwhere(grown)
            to_seed, to_outside = (
                np.min([np.linalg.norm((places - p) * case.spacing, axis=1) for p in points], axis=0)
                for points in ((seed, *also), outside)
            )
            grown[tuple(places[to_outside < to_seed].T)] = False
        grown[seed] = True
        box = ndimage.find_objects(grown.astype(np.uint8))[0]
        return box, grown[box]

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


def around(case: Case, points: list[Index], radius_mm: float) -> tuple[Box, np.ndarray]:
    """A box around points, and the distance of its voxels to the nearest of them."""
    half = np.ceil(radius_mm / case.spacing).astype(int)
    lower, upper = np.maximum(np.min(points, axis=0) - half, 0), np.max(points, axis=0) + half + 1
    box = tuple(slice(int(a), min(int(b), n)) for a, b, n in zip(lower, upper, case.flair.shape, strict=True))
    places = np.stack(np.meshgrid(*[np.arange(part.start, part.stop) for part in box], indexing="ij"), axis=-1)
    return box, np.min([np.linalg.norm((places - p) * case.spacing, axis=-1) for p in points], axis=0)


def threshold_sweep(case: Case, radius_mm: float = 15.0) -> Grow:
    """A connected threshold that falls from the seed until what it grows is half as large again at one step."""

    def single(seed: Index) -> np.ndarray:
        box, away = around(case, [seed], radius_mm)
        part, at = case.flair[box], tuple(i - side.start for i, side in zip(seed, box, strict=True))
        top, bottom = float(part[away <= 1.6].max()), float(np.median(part[part > 0.3 * part.max()]))
        kept = away <= 0
        for threshold in np.linspace(max(float(part[at]), bottom), bottom, 60):
            labels, _ = ndimage.label(((part >= threshold) & (away <= radius_mm)) | (away <= 0))
            piece = labels == labels[at]
            if piece.sum() > 1.5 * kept.sum() and kept.sum() > 20 and threshold < top:
                break
            kept = piece
        grown = np.zeros(case.flair.shape, bool)
        grown[box] = kept
        return grown

    return one_by_one(case, single)


def marked(case: Case, seeds: list[Index], outside: list[Index], radius_mm: float) -> tuple[Box, np.ndarray]:
    """Marks for ways that need them: 1 at the seeds, 2 at points outside, beyond a radius and in what is dark."""
    box, away = around(case, seeds, radius_mm)
    marks = np.where((away > radius_mm - 2) | (case.flair[box] < 0.3 * np.percentile(case.flair, 99)), 2, 0)
    for points, mark in ((outside, 2), (seeds, 1)):
        for point in points:
            at = tuple(i - part.start for i, part in zip(point, box, strict=True))
            if all(0 <= i < n for i, n in zip(at, marks.shape, strict=True)):
                marks[at] = mark
    return box, marks


def walker(case: Case, radius_mm: float = 15.0) -> Grow:
    """Random walker (Grady 2006) between the clicks and all beyond a radius."""
    from skimage.segmentation import random_walker

    def grow(seed: Index, also: list[Index], outside: list[Index]) -> tuple[Box, np.ndarray]:
        box, marks = marked(case, [seed, *also], outside, radius_mm)
        part = case.flair[box].astype(np.float64)
        with warnings.catch_warnings():  # on seeds that are walled in, and on solvers that are not installed
            warnings.simplefilter("ignore")
            labels = random_walker(part, marks, beta=500, mode="cg_j", tol=1e-3, spacing=case.spacing)
        return box, labels == 1

    return grow


def grow_cut(case: Case, radius_mm: float = 15.0, rounds: int = 60) -> Grow:
    """GrowCut (Vezhnevets and Konouchine 2005): marks conquer neighbours of like signal."""

    def grow(seed: Index, also: list[Index], outside: list[Index]) -> tuple[Box, np.ndarray]:
        box, marks = marked(case, [seed, *also], outside, radius_mm)
        part = case.flair[box]
        reach = float(part.max() - part.min()) or 1.0
        labels, strength = marks.copy(), (marks > 0).astype(np.float32)
        for _ in range(rounds):
            before = labels.copy()
            for axis in range(3):
                lower = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
                upper = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
                for to, attacker in ((lower, upper), (upper, lower)):
                    force = (1 - np.abs(part[to] - part[attacker]) / reach) * strength[attacker]
                    won = force > strength[to]
                    labels[to] = np.where(won, labels[attacker], labels[to])
                    strength[to] = np.where(won, force, strength[to])
            if np.array_equal(before, labels):
                break
        return box, labels == 1

    return grow


PEERS: dict[str, Callable[[Case], Grow]] = {
    "half height, 15 mm": half_height,
    "threshold sweep": threshold_sweep,
    "random walker": walker,
    "GrowCut": grow_cut,
    "flood, 10%": flood,
    "ConfidenceConnected": confidence,
}
