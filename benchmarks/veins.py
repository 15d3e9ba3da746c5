"""Deep veins on the susceptibility map: how many are found beside other programs, and what leaving them out does.

    python benchmarks/veins.py [--seeds 7 11 23 ...] [--threshold 90]

The phantom patient at the study's voxel sizes. Veins are sought within 15 mm of the thalami. "Recall" is the share of
the true veins' voxels there that lie on or beside a voxel found, "precision" the share of the voxels found that lie
on or beside a true one. The peers are scikit-image's vesselness filters (Frangi 1998; Sato 1998) on the same crop,
brought to cubes of 1 mm, because they know no spacing; of their thresholds each is given the one that suits it best on
this very patient (largest harmonic mean of recall and precision). Seconds are processor time, as a share of Sato's.

The second table says what veins do to the mean susceptibility of both thalami. "Left in" is a contour drawn without
minding veins: the true thalami, closed over the veins in them, and the true veins that lie on them (`veins_left_in`).
All biases are against the mean of the map over the true thalami. What is found is then taken out, with a margin; "cost"
is the share of the true thalami's volume that goes with it. "Put back" is the share of the found voxels in the contour
that `veins_left_in` restores after all of them were cut out: what the table of a case knows of the exclusion.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from thaliron_napari.annotation import find_veins, veins_left_in
from thaliron_napari.phantom import make_patient

NEAR_MM = 15.0
MARGINS_MM = (0.0, 0.5, 1.0)
CUBE_MM = 1.0
WIDTHS_MM = (0.6, 0.9, 1.2)  # standard deviations of the peers' filters: veins of 1 to 3 mm
TOUCH = np.ones((3, 3, 3), bool)


class Score(NamedTuple):
    recall: float
    precision: float
    seconds: float


class Subject(NamedTuple):
    qsm: np.ndarray
    spacing: np.ndarray
    sides: list[np.ndarray]
    veins: np.ndarray
    near: np.ndarray


def subject(seed: int) -> Subject:
    patient = make_patient("full", seed)
    qsm, truth = patient.images["qsm"], patient.truth
    sides = [truth.thalami == side for side in (1, 2)]
    near = ndimage.distance_transform_edt(truth.thalami == 0, sampling=qsm.spacing) <= NEAR_MM
    box = tuple(
        slice(max(s.start - int(8 / step), 0), s.stop + int(8 / step))
        for s, step in zip(ndimage.find_objects(near.astype(int))[0], qsm.spacing, strict=True)
    )
    return Subject(qsm.data[box], qsm.spacing, [s[box] for s in sides], truth.veins[box], near[box])


def score(found: np.ndarray, of: Subject, seconds: float) -> Score:
    true = of.veins & of.near
    recall = (true & ndimage.binary_dilation(found, TOUCH)).sum() / true.sum()
    precision = (found & ndimage.binary_dilation(of.veins, TOUCH)).sum() / max(found.sum(), 1)
    return Score(float(recall), float(precision), seconds)


def vesselness(name: str, of: Subject) -> tuple[np.ndarray, float]:
    """A peer's answer on cubes, brought back to the map's own voxels, and processor time."""
    from skimage import filters

    start = time.process_time()
    zoom = of.spacing / CUBE_MM
    cubes = ndimage.zoom(of.qsm, zoom, order=1)
    answer = getattr(filters, name)(cubes, sigmas=np.array(WIDTHS_MM) / CUBE_MM, black_ridges=False)
    back = ndimage.zoom(answer, np.array(of.qsm.shape) / np.array(answer.shape), order=1)
    return back, time.process_time() - start


def at_its_best(answer: np.ndarray, of: Subject, seconds: float) -> Score:
    levels = np.quantile(answer[of.near], 1 - np.geomspace(0.002, 0.1, 30))
    scores = [score((answer > level) & of.near, of, seconds) for level in levels]
    return max(scores, key=lambda s: 2 * s.recall * s.precision / (s.recall + s.precision + 1e-9))


def ours(of: Subject, threshold_ppb: float | None, margin_mm: float = 0.0) -> tuple[np.ndarray, float]:
    given = {} if threshold_ppb is None else {"threshold_ppb": threshold_ppb}
    start = time.process_time()
    found = find_veins(of.qsm, of.spacing, within=of.near, margin_mm=margin_mm, **given)
    return found, time.process_time() - start


def left_in(of: Subject) -> list[np.ndarray]:
    """Both sides as drawn by someone who does not mind veins."""
    return [veins_left_in(side, of.veins, of.spacing) for side in of.sides]


def detection(subjects: dict[int, Subject], threshold_ppb: float | None) -> None:
    print("Found within 15 mm of the thalami")
    print(f"  {'seed':>6}  {'':12}{'recall':>8}{'precision':>11}{'time':>8}")
    for seed, of in subjects.items():
        found, seconds = ours(of, threshold_ppb)
        rows = {"ours": score(found, of, seconds)}
        for name in ("frangi", "sato"):
            answer, seconds = vesselness(name, of)
            rows[name] = at_its_best(answer, of, seconds)
        for name, s in rows.items():
            ratio = s.seconds / rows["sato"].seconds
            print(f"  {seed:6}  {name:12}{s.recall:8.3f}{s.precision:11.3f}{ratio:7.2f}x   {s.seconds:.2f} s")
    print()


def mean(of: Subject, region: np.ndarray) -> float:
    return float(of.qsm[region].mean(dtype=float))


def bias(subjects: dict[int, Subject], threshold_ppb: float | None) -> None:
    print("Mean susceptibility of both thalami, difference to the truth in ppb")
    columns = "".join(f"{f'out, {m:g} mm':>13}{'cost':>7}" for m in MARGINS_MM)
    print(f"  {'seed':>6}{'veins':>9}{'left in':>10}{columns}{'put back':>11}")
    for seed, of in subjects.items():
        true = of.sides[0] | of.sides[1]
        sides = left_in(of)
        drawn = sides[0] | sides[1]
        truth = mean(of, true)
        cells = []
        for margin in MARGINS_MM:
            found, _ = ours(of, threshold_ppb, margin)
            kept = drawn & ~found
            cells.append(f"{mean(of, kept) - truth:+13.2f}{100 * (true & found).sum() / true.sum():6.1f}%")
        found, _ = ours(of, threshold_ppb)
        again = [veins_left_in(side & ~found, found, of.spacing) for side in sides]
        back = ((again[0] | again[1]) & drawn & found).sum() / max((drawn & found).sum(), 1)
        share = (drawn & of.veins).sum() / drawn.sum()
        row = f"  {seed:6}{100 * share:8.1f}%{mean(of, drawn) - truth:+10.2f}{''.join(cells)}"
        print(row + f"{100 * back:10.0f}%")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 11, 23], help="phantom patients")
    parser.add_argument("--threshold", type=float, default=None, help="threshold in ppb instead of the program's own")
    options = parser.parse_args()
    subjects = {seed: subject(seed) for seed in options.seeds}
    small = Subject(np.ones((8, 8, 8)), np.ones(3), [], np.zeros((8, 8, 8), bool), np.ones((8, 8, 8), bool))
    vesselness("sato", small)  # what is imported at the first call is not what is measured
    detection(subjects, options.threshold)
    bias(subjects, options.threshold)


if __name__ == "__main__":
    main()
