"""How long `thaliron` takes from its start to the first painted picture of the full-size phantom, beside napari alone.

Run: python benchmarks/first_paint.py [FOLDER]   (FOLDER keeps the phantom between runs; needs a display)
Each row is a process of its own; the ratio is what the program adds to napari with two layers of the same size.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 3

NAPARI = """
import numpy as np, napari
viewer = napari.Viewer(show=False)
viewer.add_image(np.random.default_rng(0).normal(size=(70, 416, 320)).astype(np.float32))
viewer.add_labels(np.zeros((70, 416, 320), np.uint8))
viewer.show()
"""
THALIRON = """
import sys
from pathlib import Path
import napari
from thaliron_napari.viewer import app
napari.run = lambda **_options: None
app.open_window([Path(sys.argv[1])], {}, derivatives=Path(sys.argv[2]), asks=False)
viewer = napari.current_viewer()
"""
# The canvas says when a frame of it is on the screen.
PAINTED = """
import os
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication
canvas = next(w for w in QApplication.allWidgets() if isinstance(w, QOpenGLWidget))
canvas.frameSwapped.connect(lambda: os._exit(0))
QApplication.instance().exec()
"""


def seconds(script: str, *arguments: str) -> float:
    """From the start of the process until it says that the picture is painted."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", script + PAINTED, *arguments], check=True, stdout=subprocess.PIPE)
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    from thaliron_napari.viewer.phantom_case import phantom_images

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    images = phantom_images(folder, "full")
    subject = next(iter(images.values())).parents[1]
    rows: dict[str, list[float]] = {"napari, one image and one label map": [], "thaliron, the full phantom": []}
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    for _ in range(RUNS):  # in turn, since machines drift
        rows["napari, one image and one label map"].append(seconds(NAPARI))
        rows["thaliron, the full phantom"].append(seconds(THALIRON, str(subject), tempfile.mkdtemp()))
    medians = {name: statistics.median(values) for name, values in rows.items()}
    first = next(iter(medians.values()))
    print(f"{'':40}{'seconds':>10}{'ratio':>8}")
    for name, value in medians.items():
        print(f"{name:40}{value:10.1f}{value / first:8.2f}")


if __name__ == "__main__":
    main()
