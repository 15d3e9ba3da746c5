"""Lesions proposed for a whole case, beside a plain threshold; and what is said of their uptake and their place.

    python benchmarks/proposals.py [--data DIR] [--seeds N ...] [--no-phantom]

For each case and way: how many lesions of at least 10 voxels (26 neighbours) are found (a tenth of the voxels or more
covered), how many proposals touch no lesion of any size, Dice over all voxels, the error of the volume, and seconds
(with the estimate of normal tissue). Plain thresholds take what is brighter than the mean of normal white matter by 2
or 3 of the standard deviations of its voxels, inside the brain and in pieces of at least 0.01 ml; white matter is what
is within one spread of its level after smoothing, without its rim.

Cases: a patient with multiple sclerosis at 1 mm (three raters' consensus; the folder is given by --data,
THALIRON_TEST_DATA or ../shared/data) and phantoms at the study's voxel sizes, one a seed. Thresholds of the proposals
were chosen looking at this one patient and at coarse phantoms 1, 2 and 7: on other patients they will do less well.

Then: which lesions are suggested as enhancing (for the patient nobody knows, for the phantom one is), and how many
places agree with the phantom's, whose larger deep lesions reach the cortex by its own tissue map too.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from thaliron_napari.annotation import (
    enhancement,
    find_uptake,
    guess_landmarks,
    normal_tissue,
    place_lesions,
    propose_lesions,
)
from thaliron_napari.phantom import make_patient

CORNERS = np.ones((3, 3, 3))


class Case(NamedTuple):
    name: str
    flair: np.ndarray
    t1: np.ndarray
    t1_post: np.ndarray
    labels: np.ndarray
    spacing: np.ndarray
    kinds: dict[int, str]
    enhancing: set[int] | None


def ours(case: Case) -> np.ndarray:
    return propose_lesions(case.flair, case.spacing)


def ours_with_t1(case: Case) -> np.ndarray:
    return propose_lesions(case.flair, case.spacing, t1=case.t1)


def threshold(times: float) -> Callable[[Case], np.ndarray]:
    def way(case: Case) -> np.ndarray:
        tissue = normal_tissue(case.flair, case.spacing)
        whole = tuple(slice(0, n) for n in case.flair.shape)
        brain = tissue.in_box(tissue.brain, whole) > 0.5
        height = (case.flair - tissue.in_box(tissue.level, whole)) / tissue.spread
        smooth = ndimage.gaussian_filter(height, 1.5 / case.spacing)
        white = case.flair[ndimage.binary_erosion(brain & (np.abs(smooth) < 1), iterations=2)]
        labels, _ = ndimage.label(brain & (case.flair > white.mean() + times * white.std()), CORNERS)
        large = np.bincount(labels.ravel()) * np.prod(case.spacing) >= 10
        large[0] = False
        return labels * large[labels]

    return way


WAYS: dict[str, Callable[[Case], np.ndarray]] = {
    "ThalIron, FLAIR": ours,
    "ThalIron, FLAIR and T1": ours_with_t1,
    "white matter + 2 SD": threshold(2),
    "white matter + 3 SD": threshold(3),
}


def real_case(data: Path) -> list[Case]:
    folder = data / "open_ms" / "patient26"
    if not folder.is_dir():
        print(f"(no real patient: {folder} is missing)")
        return []
    flair, t1, t1_post, lesions = (
        np.ascontiguousarray(np.asarray(nib.load(folder / f"{name}.nii.gz").dataobj, dtype=np.float32).T)
        for name in ("FLAIR", "T1", "T1POST", "lesions_consensus")
    )
    labels, _ = ndimage.label(lesions > 0, CORNERS)
    return [Case("real patient, 1 mm", flair, t1, t1_post, labels, np.ones(3), {}, None)]


def phantom(seed: int) -> Case:
    patient = make_patient("full", seed)
    flair = patient.images["flair"]
    t1, t1_post = (
        ndimage.affine_transform(
            patient.images[name].data,
            (there := np.linalg.inv(patient.images[name].affine) @ flair.affine)[:3, :3],
            there[:3, 3],
            output_shape=flair.data.shape,
            order=1,
        )
        for name in ("t1", "t1ce")
    )
    info = patient.truth.lesions_info
    return Case(
        f"phantom {seed}, 1.2 x 0.6 x 0.6 mm",
        flair.data,
        t1,
        t1_post,
        np.asarray(patient.truth.lesions),
        flair.spacing,
        {lesion.number: lesion.kind for lesion in info},
        {lesion.number for lesion in info if lesion.enhancing},
    )


def score(case: Case, way: Callable[[Case], np.ndarray]) -> str:
    start = time.perf_counter()
    proposed = way(case)
    seconds = time.perf_counter() - start
    mask, truth = proposed > 0, case.labels > 0
    sizes = np.bincount(case.labels.ravel())
    covered = np.bincount(case.labels.ravel(), mask.ravel())
    large = np.flatnonzero(sizes >= 10)[1:]
    found = int((covered[large] >= 0.1 * sizes[large]).sum())
    numbers = set(np.unique(proposed)) - {0}
    wrong = len(numbers - set(np.unique(proposed[truth])))
    dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    volume = mask.sum() / truth.sum() - 1
    return f"{f'{found}/{len(large)}':>8s}{len(numbers):>11d}{wrong:>8d}{dice:>8.2f}{volume:>+9.0%}{seconds:>7.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("THALIRON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="folder of the openly licensed images")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 11], help="phantoms")
    parser.add_argument("--no-phantom", action="store_true")
    options = parser.parse_args()
    for case in [*real_case(Path(options.data)), *(phantom(n) for n in ([] if options.no_phantom else options.seeds))]:
        ml = (case.labels > 0).sum() * np.prod(case.spacing) / 1000
        print(f"\n{case.name}: {case.labels.max()} lesions of any size, {ml:.1f} ml")
        print(f"{'':24s}{'found':>8s}{'proposals':>11s}{'false':>8s}{'Dice':>8s}{'volume':>9s}{'s':>7s}")
        for name, way in WAYS.items():
            print(f"{name:24s}{score(case, way)}", flush=True)
        uptake = find_uptake(case.t1, case.t1_post, case.spacing, lesions=case.labels)
        called = {n: lesion for n, lesion in enhancement(case.labels, uptake).items() if lesion.enhancing}
        said = ", ".join(f"{n} (ratio {e.ratio:.2f}, {e.volume_mm3:.0f} mm3)" for n, e in called.items()) or "none"
        truth = "nobody knows" if case.enhancing is None else str(sorted(case.enhancing))
        print(f"enhancing: {said}; truth: {truth}")
        places = place_lesions(case.labels, guess_landmarks(case.flair, case.spacing))
        print("places:", dict(Counter(place.name for place in places.values())))
        for kind in sorted(set(case.kinds.values())):
            names = Counter(place.name for number, place in places.items() if case.kinds[number] == kind)
            print(f"  {kind}: {dict(names)}")


if __name__ == "__main__":
    main()
