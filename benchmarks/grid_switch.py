"""From the grid of the QSM to that of the FLAIR and back, until painted, beside making napari's layers anew.

    script/headless .venv/bin/python benchmarks/grid_switch.py [--size full] [--times 10]

Both show the same two images and three label maps of the phantom, everything resampled beforehand. "anew" removes the
layers and adds them on the other grid, which is what a script for napari does first.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from thaliron_napari.case import open_case
from thaliron_napari.imaging import resample
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.phantom_case import phantom_images

GRIDS = ("flair", "qsm")


def settle(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()


def timed(switch: Callable[[str], None], times: int) -> tuple[list[float], list[float]]:
    for name in GRIDS:  # everything is resampled and shown once
        switch(name)
        settle(0.5)
    seconds, cpu = [], []
    for name in GRIDS * (times // 2):
        began, cpu_began = time.perf_counter(), time.process_time()
        switch(name)
        QApplication.processEvents()
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
        settle(0.2)
    return seconds, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("small", "full"), default="full")
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        case = open_case([], images=phantom_images(Path(folder), options.size), in_memory=True)
    results = {}

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 950)
    panel = make_window(case, viewer=viewer)
    settle(3)
    results["thaliron"] = timed(panel.reading.display.show, options.times)
    viewer.close()

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 950)
    settle(1)
    grids = {name: case.images[name].grid for name in GRIDS}
    images = {name: [resample(case.images[role], grids[name]) for role in ("qsm", "flair")] for name in GRIDS}
    labels = {name: [np.zeros(grids[name].shape, np.uint8) for _ in range(3)] for name in GRIDS}

    def anew(name: str) -> None:
        viewer.layers.clear()
        for values in images[name]:
            viewer.add_image(values, scale=grids[name].spacing, contrast_limits=(0, 1))
        for codes in labels[name]:
            viewer.add_labels(codes, scale=grids[name].spacing)

    results["layers made anew"] = timed(anew, options.times)
    viewer.close()

    ours = np.median(results["thaliron"][0])
    print(f"{'':20}{'ms, median':>12}{'largest':>10}{'CPU ms':>10}{'times ours':>12}")
    for name, (seconds, cpu) in results.items():
        row = (1000 * np.median(seconds), 1000 * max(seconds), 1000 * np.median(cpu), np.median(seconds) / ours)
        print(f"{name:20}{row[0]:12.0f}{row[1]:10.0f}{row[2]:10.0f}{row[3]:12.1f}")


if __name__ == "__main__":
    main()
