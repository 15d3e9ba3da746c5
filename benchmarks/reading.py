"""What the hand does in a whole reading, and how near to the truth it comes.

    script/headless python benchmarks/reading.py [--phantom DIR] [--size small|full]

The phantom patient (both thalami, a CSF circle in each atrium, eleven lesions) is read in the real window by mouse and
key events. One act is a click, a drag, a key or a notch of the wheel; the way of the mouse between them is not counted.
The reader knows where things lie, as an expert does, and draws the true outlines on four slices a side. The goal is 60
acts for a case with ten lesions.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import napari
import numpy as np

from thaliron_napari.case import open_case
from thaliron_napari.measurement import measure_case
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.phantom_case import learn, phantom_images
from thaliron_napari.viewer.scripted_reader import read_case

KINDS = ("click", "drag", "key", "notch")


def main() -> None:
    """Read the phantom and print both tables."""
    parser = argparse.ArgumentParser(description="Count what the hand does in a whole reading.")
    parser.add_argument("--phantom", type=Path, help="folder for the phantom's files, kept")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        images = phantom_images(chosen.phantom or Path(folder), chosen.size)
        case = open_case([], images=images, derivatives=Path(folder) / "thaliron")
        viewer = napari.Viewer()
        viewer.window.resize(1500, 950)
        panel = make_window(case, viewer=viewer)
        truth = learn(case)
        start = time.perf_counter()
        acts = read_case(panel, truth, Path(folder) / "out")
        seconds = time.perf_counter() - start
        viewer.close()

    print(f"{'step':14}" + "".join(f"{words:>9}" for words in ("clicks", "drags", "keys", "notches", "all")))
    for step in dict.fromkeys(step for step, _kind in acts):
        numbers = [acts[step, kind] for kind in KINDS]
        print(f"{step:14}" + "".join(f"{n:9}" for n in (*numbers, sum(numbers))))
    numbers = [sum(acts[step, kind] for step, kind in acts if kind == wanted) for wanted in KINDS]
    print(f"{'whole case':14}" + "".join(f"{n:9}" for n in (*numbers, sum(numbers))))
    print(f"{seconds:.0f} s by a hand that does not think, regression included\n")

    values = measure_case(case).values
    drawn, lesions = case.annotations.maps["thalami"], case.annotations.lesions()
    accepted = sum(lesion.state == "accepted" for lesion in lesions)
    print(f"{'':32}{'measured':>10}{'truth':>10}")
    for words, value, true in (
        ("relative susceptibility, ppb", values["chi_ppb"], truth.relative_ppb),
        ("thalamic volume, ml", values["thalamus_ml"], truth.thalami_ml),
        ("lesion volume, ml", values["lesion_ml"], truth.lesions_ml),
        ("lesions", accepted, len(truth.lesions)),
    ):
        print(f"{words:32}{value:10.2f}{true:10.2f}")
    overlap = 2 * ((drawn > 0) & (drawn == truth.thalami)).sum() / ((drawn > 0).sum() + (truth.thalami > 0).sum())
    print(f"{'Dice of the thalami, side by side':32}{float(np.asarray(overlap)):9.3f}")


if __name__ == "__main__":
    main()
