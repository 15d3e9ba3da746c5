"""A robot reader clicks lesions: what one, three and five clicks give, beside other ways of growing.

    python benchmarks/lesions.py [--data DIR] [--random N] [--no-phantom] [--speed] [--plot FILE]

For every lesion of at least 10 voxels (26 neighbours) the robot clicks its deepest voxel. Each further click goes into
the middle of the largest piece of error, as a further seed where something is missing and as a point outside where
something leaks, until a Dice of 0.9 or 5 clicks (12 for a lesion over 5 ml). Printed are the median Dice per lesion and
the Dice of all that was grown against all that was clicked after 1, 3 and 5 clicks, the error of the volume after one,
first clicks that leak (more than 3 times the lesion), first clicks that were refused, and milliseconds a click.

Images (`lesion_images.py`): a patient with multiple sclerosis at 1 mm (three raters' consensus; the folder is given by
--data, THALIRON_TEST_DATA or ../shared/data), the same averaged to slices of 4 mm, with noise and bias, and with
confluent lesions of some 40 ml made around its ventricles; phantoms. Settings of growing were chosen on images made in
these ways from the same patient, so that this is no test on unseen scans.
--random N starts N times at random voxels of each lesion, where other ways are shown. Those (`lesion_peers.py`) get the
same clicks; what knows one seed grows each alone, and what lies nearer to a point outside than to a seed is taken off.
--speed shows milliseconds of a click, and of a drag on from it, by the size of image and lesion; --plot draws them.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from lesion_images import CORNERS, Box, Case, Index, cases
from lesion_peers import PEERS, Grow
from scipy import ndimage

from thaliron_napari.annotation import lesion_in_box, normal_tissue
from thaliron_napari.errors import AnnotationError

SHOTS = (1, 3, 5)


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


def ours(case: Case, with_t1: bool = False) -> Grow:
    tissue = normal_tissue(case.flair, case.spacing, t1=case.t1 if with_t1 else None)
    return lambda seed, also, outside: lesion_in_box(
        case.flair, seed, case.spacing, tissue=tissue, also=also, outside=outside
    )


def random_starts(case: Case, rng: np.random.Generator) -> dict[int, Index]:
    return {
        label: shifted(tuple(rng.choice(np.argwhere(case.labels[box] == label))), box)
        for label, box in enumerate(ndimage.find_objects(case.labels), 1)
        if box is not None
    }


# Speed by the size of image and lesion.

SHAPES = ((96, 128, 128), (192, 256, 256), (192, 512, 512))
VOLUMES_ML = (0.1, 0.3, 1.0, 3.0, 10.0)


def speed() -> np.ndarray:
    """Milliseconds of a click and of a step of a drag (shapes, volumes, 2), medians of many."""
    print(f"\n{'ms a click / drag':24s}" + "".join(f"{ml:>9g} ml" for ml in VOLUMES_ML))
    rng = np.random.default_rng(0)
    rows = np.zeros((len(SHAPES), len(VOLUMES_ML), 2))
    for shape, row in zip(SHAPES, rows, strict=True):
        spacing = np.full(3, 0.5)
        image = rng.normal(100, 5, shape).astype(np.float32)
        tissue = normal_tissue(image, spacing)
        for ml, cell in zip(VOLUMES_ML, row, strict=True):
            radius = (ml * 750 / np.pi) ** (1 / 3)
            squares = [((np.arange(n) - n // 2) * 0.5) ** 2 for n in shape]
            away = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
            flair = image + 40 * np.clip(radius - away + 0.5, 0, 1).astype(np.float32)
            seed = tuple(n // 2 for n in shape)
            for which, sensitivities in enumerate(([0.5] * 9, np.linspace(0.2, 0.8, 9))):
                times = []
                for sensitivity in sensitivities:
                    start = time.perf_counter()
                    lesion_in_box(flair, seed, spacing, tissue=tissue, sensitivity=float(sensitivity))
                    times.append(time.perf_counter() - start)
                cell[which] = 1000 * np.median(times)
        print(f"{' x '.join(map(str, shape)):24s}" + "".join(f"{a:6.0f}/{b:<5.0f}" for a, b in row))
    return rows


def plot(rows: np.ndarray, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    by_lesion, by_image = figure.subplots(1, 2, sharey=True)
    for shape, row in zip(SHAPES, rows, strict=True):
        for which, (name, line) in enumerate((("click", "o-"), ("drag", "o:"))):
            by_lesion.plot(VOLUMES_ML, row[:, which], line, label=f"{' x '.join(map(str, shape))}, {name}")
    by_lesion.set(xscale="log", xlabel="lesion (ml)", ylabel="ms until the preview is there (median)", ylim=(0, None))
    by_lesion.axhline(50, color="grey", lw=0.8)
    by_lesion.axhline(200, color="grey", lw=0.8)
    by_lesion.legend(fontsize=7)
    for ml, column in zip(VOLUMES_ML, rows.transpose(1, 0, 2), strict=True):
        by_image.plot([np.prod(shape) / 1e6 for shape in SHAPES], column[:, 0], "o-", label=f"{ml:g} ml")
    by_image.set(xlabel="image (million voxels of 0.5 mm)")
    by_image.legend(fontsize=7)
    figure.savefig(file, dpi=120)


# What is printed.


def table(case: Case, random: int) -> dict[str, dict[str, object]]:
    made: dict[str, Grow] = {"ThalIron": ours(case), "ThalIron, with T1": ours(case, with_t1=True)}
    if case.peers:
        made |= {name: way(case) for name, way in PEERS.items()}
    rows = {name: read(case, grow) for name, grow in made.items()}
    rng = np.random.default_rng(1)
    for number in range(random if case.peers else 0):
        rows[f"ThalIron, random {number + 1}"] = read(case, made["ThalIron"], random_starts(case, rng))
    return rows


def show(title: str, rows: dict[str, dict[str, object]]) -> None:
    print(f"\n{title}")
    print(
        f"{'':24s}{'median Dice 1/3/5':>20s}{'total Dice 1/3/5':>20s}"
        f"{'volume':>9s}{'leak':>7s}{'refused':>9s}{'ms':>7s}"
    )
    for name, row in rows.items():
        median, total = ("/".join(f"{value:.2f}" for value in row[key]) for key in ("median", "total"))
        print(
            f"{name:24s}{median:>20s}{total:>20s}{row['volume']:>+9.0%}{row['leaks']:>7.0%}"
            f"{row['refused']:>9.0f}{row['ms']:>7.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("THALIRON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="folder of the openly licensed images")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="start N times at random voxels, too")
    parser.add_argument("--no-phantom", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the speed (measures it, too)")
    options = parser.parse_args()
    everything: dict[str, list[dict[str, object]]] = {}
    for case in cases(Path(options.data), not options.no_phantom):
        rows = table(case, options.random)
        for name in ("ThalIron", "ThalIron, with T1"):
            everything.setdefault(name, []).append(rows[name])
        ml = (case.labels > 0).sum() * np.prod(case.spacing) / 1000
        show(f"{case.name}: {rows['ThalIron']['lesions']} lesions, {ml:.1f} ml", rows)
    if everything:
        keys = ("median", "total", "volume", "leaks", "refused", "ms")
        means = {name: {key: np.mean([r[key] for r in of], axis=0) for key in keys} for name, of in everything.items()}
        show(f"mean of {len(everything['ThalIron'])} images", means)
    if options.speed or options.plot:
        rows = speed()
        if options.plot:
            plot(rows, options.plot)


if __name__ == "__main__":
    main()
