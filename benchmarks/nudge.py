"""One movement of the nudge's disc on a slice of the study's size, beside what else would do it.

    python benchmarks/nudge.py [--moves 300]

A slice of 416 x 320 voxels of 0.5 mm with a contour of some 25 x 17 mm, a disc of 5 mm in radius, movements of 0.5 to
12 mm at its edge, with a wall of veins to keep out. Peers in the same run: discs set down every voxel along the way
(scikit-image's `draw.disk`, what a brush does), and the way drawn as a polygon with round ends (shapely's buffer and
scikit-image's `polygon2mask`). Milliseconds of processor time; "differs" is how many voxels a movement's area differs
from that of discs set down every twentieth of a voxel.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from skimage import draw

from thaliron_napari.annotation import nudge

SHAPE, SPACING, RADIUS_MM = (416, 320), np.array([0.5, 0.5]), 5.0
Move = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def ours(mask: np.ndarray, start: np.ndarray, stop: np.ndarray, wall: np.ndarray) -> np.ndarray:
    return nudge(mask, start, stop, RADIUS_MM, SPACING, keep_out=wall, push="out")


def discs(mask: np.ndarray, start: np.ndarray, stop: np.ndarray, wall: np.ndarray, steps: int = 0) -> np.ndarray:
    count = steps or int(np.ceil(np.hypot(*(stop - start)) / SPACING[0])) + 1
    swept = np.zeros(SHAPE, bool)
    for point in np.linspace(start, stop, count) / SPACING:
        # scikit-image leaves the rim out: a radius larger by a hair has it.
        swept[draw.disk(tuple(point), RADIUS_MM / SPACING[0] + 1e-9, shape=SHAPE)] = True
    return mask | (swept & ~wall)


def polygon(mask: np.ndarray, start: np.ndarray, stop: np.ndarray, wall: np.ndarray) -> np.ndarray:
    import shapely

    way = shapely.LineString([start / SPACING, stop / SPACING]).buffer(RADIUS_MM / SPACING[0], quad_segs=16)
    return mask | (draw.polygon2mask(SHAPE, np.array(way.exterior.coords)) & ~wall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=300)
    options = parser.parse_args()
    moves: dict[str, Move] = {"ours": ours, "discs along the way": discs}
    try:
        import shapely  # noqa: F401

        moves["polygon"] = polygon
    except ImportError:
        print("shapely is not installed: the polygon's row is left out.\n")
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    mask = ((rows - 200) / 25) ** 2 + ((columns - 160) / 17) ** 2 < 1
    wall = (np.abs(columns - 150) < 3) & (np.abs(rows - 185) < 20)
    rng = np.random.default_rng(0)
    turns = rng.uniform(0, 2 * np.pi, options.moves)
    starts = np.column_stack([200 + 22 * np.sin(turns), 160 + 14 * np.cos(turns)]) * SPACING
    ways = rng.normal(size=(options.moves, 2))
    stops = starts + ways / np.hypot(*ways.T)[:, None] * rng.uniform(0.5, 12, (options.moves, 1))
    exact = [
        discs(mask, a, b, wall, steps=1 + int(20 * np.hypot(*(b - a)) / SPACING[0]))
        for a, b in zip(starts, stops, strict=True)
    ]
    print(f"{'':22}{'ms':>8}{'95%':>8}{'of ours':>10}{'differs':>10}")
    own = 0.0
    for name, move in moves.items():
        move(mask, starts[0], stops[0], wall)  # what is imported at the first call is not what is measured
        taken, differs = [], []
        for start, stop, true in zip(starts, stops, exact, strict=True):
            begin = time.process_time()
            moved = move(mask, start, stop, wall)
            taken.append(1e3 * (time.process_time() - begin))
            differs.append(np.count_nonzero(moved != true))
        median = float(np.median(taken))
        own = own or median
        print(f"{name:22}{median:8.3f}{np.percentile(taken, 95):8.3f}{median / own:9.1f}x{np.mean(differs):10.2f}")


if __name__ == "__main__":
    main()
