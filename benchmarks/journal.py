"""Ten thousand strokes on one case: what each costs, what they take on disk, and how long opening takes afterwards.

    python benchmarks/journal.py [--strokes 10000] [--plot journal.png] [--folder DIR]

Every stroke nudges a contour on a grid of 416 x 320 x 70 voxels. Peers in the same run, for the same strokes: keeping
the label map as it was before each (what a copy a stroke costs), and saving the label map as NIfTI after each (what
autosaving would cost; ten times only). "apply" is what the hand waits for: the edit, its line, and handing it to the
system. The fsync is done by a thread beside it; its column is how long a stroke takes until it is safe on the disk,
one after another.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from thaliron_napari.case import Case
from thaliron_napari.case.edits import Edit
from thaliron_napari.case.thalamus import set_contour
from thaliron_napari.imaging import Grid, Volume, write_label_map

SHAPE = (70, 320, 416)
MS = 1e3


def open_case(folder: Path | None) -> Case:
    affine = np.diag([0.6, 0.6, 2.0, 1.0])[:, [2, 1, 0, 3]]
    volume = Volume(np.zeros(SHAPE, np.float32), Grid(SHAPE, affine))
    return Case("x", {"qsm": volume, "flair": volume}, folder=folder, reader="Anna")


def strokes(case: Case, count: int) -> Iterator[Edit]:
    """Nudges at the rim of two thalami over a dozen slices, in and out in turn."""
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[: SHAPE[1], : SHAPE[2]]
    for number in range(count):
        z, side = 30 + int(rng.integers(12)), ("left", "right")[number % 2]
        middle = 236 if side == "left" else 180
        now = case.annotations.maps["thalami"][z] == number % 2 + 1
        if not now.any():
            now = ((rows - 160) / 25) ** 2 + ((columns - middle) / 18) ** 2 < 1
        turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.2)
        y, x = 160 + 25 * far * np.sin(turn), middle + 18 * far * np.cos(turn)
        disc = (rows - y) ** 2 + (columns - x) ** 2 < 36
        yield set_contour(case, side, z, now | disc if number % 4 < 2 else now & ~disc, "nudge")


def seconds_of(case: Case, count: int, *, wait: bool = False) -> np.ndarray:
    taken = []
    for edit in strokes(case, count):
        start = time.perf_counter()
        case.apply(edit)
        if wait:
            case.journal.wait(10)
        taken.append(time.perf_counter() - start)
    return np.array(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=10_000)
    parser.add_argument("--plot", type=Path, help="write a picture of the cost of each stroke")
    parser.add_argument("--folder", type=Path, help="where the journal goes (default: the system's temporary folder)")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        case = open_case(folder / "long")
        case.claim()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        apply = seconds_of(case, options.strokes)
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        start = time.perf_counter()
        assert case.close(600)
        print(f"{len(apply)} strokes; the disk was done {(time.perf_counter() - start) * MS:.0f} ms after the last")
        fifths = [float(np.median(part)) * MS for part in np.array_split(apply, 5)]
        print(
            f"apply, ms          median {np.median(apply) * MS:.2f}, 99% {np.percentile(apply, 99) * MS:.2f}, ", end=""
        )
        print(f"most {apply.max() * MS:.1f}; median of each fifth {', '.join(f'{ms:.2f}' for ms in fifths)}")
        size_mb = sum(file.stat().st_size for file in (folder / "long").iterdir()) / 1e6
        print(f"journal            {size_mb:.2f} MB on disk, the program grew by {grown_mb:.0f} MB")

        start = time.perf_counter()
        again = open_case(folder / "long")
        opening = time.perf_counter() - start
        same = all((again.annotations.maps[k] == case.annotations.maps[k]).all() for k in case.annotations.maps)
        print(f"opening            {opening:.3f} s, {len(again.done)} edits, the same to the voxel: {same}")
        start = time.perf_counter()
        undone = 0
        while again.undo() is not None:
            undone += 1
        print(f"undoing all        {(time.perf_counter() - start) / max(undone, 1) * MS:.2f} ms each, {undone} times")
        empty = not again.annotations.facts and not any(m.any() for m in again.annotations.maps.values())
        print(f"                   leaves the empty case: {empty}")
        again.close(600)

        safe = seconds_of(open_case(folder / "safe"), 300, wait=True)
        print(f"until on the disk  median {np.median(safe) * MS:.2f} ms (300 strokes, each waited for)")

        print("peers, a stroke")
        peer, taken = open_case(None), []
        for edit in strokes(peer, 30):
            peer.apply(edit)
            start = time.perf_counter()
            peer.annotations.maps["thalami"].copy()
            taken.append(time.perf_counter() - start)
        copied = float(np.median(taken))
        print(
            f"a copy of the map  {copied * MS:.1f} ms and 37 MB of memory: {copied / np.median(apply):.0f} times ours"
        )
        taken = []
        for _ in range(10):
            start = time.perf_counter()
            write_label_map(folder / "map.nii.gz", peer.annotations.maps["thalami"], peer.volume("qsm"))
            taken.append(time.perf_counter() - start)
        saved = float(np.median(taken))
        print(f"the map as a file  {saved * MS:.0f} ms: {saved / np.median(safe):.0f} times ours until on the disk")

    if options.plot:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3.5), layout="constrained")
        axes = figure.add_subplot(xlabel="stroke", ylabel="ms", yscale="log", title="What the hand waits for")
        axes.plot(apply * MS, ".", markersize=1.5, color="#56B4E9")
        window = max(len(apply) // 50, 1)
        middle = [float(np.median(apply[i : i + window])) * MS for i in range(0, len(apply), window)]
        axes.plot(np.arange(len(middle)) * window + window / 2, middle, color="#E69F00", label="median")
        axes.axhline(2, color="0.5", linewidth=0.8, linestyle="--")
        axes.legend()
        figure.savefig(options.plot, dpi=150)


if __name__ == "__main__":
    main()
