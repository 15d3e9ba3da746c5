"""From the hand to the picture: a stroke with the nudge, and a turn of the wheel, beside napari's own brush and slider.

    script/headless python benchmarks/repaint.py [--case DIR] [--moves 60]

The phantom patient at the study's full size (416 x 320 x 70), in a window of 1500 x 950 with all three planes. Of each
mouse move and each notch: "work" is what the program does before it hands over to GL (the event's handler), "frame" is
until the new picture is on the screen. Peers in the same run: napari's Labels brush of the same size on the same images
in a window with the same canvas, and napari's slider with the same layers and one plane. Milliseconds, median and
95th percentile. Software GL paints a frame of this size in some 30 to 60 ms.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from thaliron_napari.case import open_case
from thaliron_napari.viewer.app import make_window
from thaliron_napari.viewer.canvas import canvas_widget, to_pixel
from thaliron_napari.viewer.hand import Hand
from thaliron_napari.viewer.phantom_case import phantom_images
from thaliron_napari.viewer.steps.thalamus import ThalamusStep

RADIUS_MM = 4.0


class Watch:
    """Times what is done to a canvas until its next frame is on the screen."""

    def __init__(self, canvas: QOpenGLWidget) -> None:
        self.canvas, self.frames = canvas, 0
        canvas.frameSwapped.connect(self._swapped)

    def _swapped(self) -> None:
        self.frames += 1

    def __call__(self, act: Callable[[], None]) -> tuple[float, float]:
        """Milliseconds of the act itself and until the next frame."""
        self._settle()
        before, start = self.frames, time.perf_counter()
        act()
        worked = time.perf_counter() - start
        while self.frames == before and time.perf_counter() - start < 2:
            QApplication.processEvents()
        return worked * 1e3, (time.perf_counter() - start) * 1e3

    def _settle(self) -> None:
        """Wait until nothing is painted any more, so that frames of before are not counted."""
        quiet, seen = time.perf_counter(), self.frames
        while time.perf_counter() - quiet < 0.06:
            QApplication.processEvents()
            if self.frames != seen:
                quiet, seen = time.perf_counter(), self.frames


def stroke(viewer: Any, canvas: QOpenGLWidget, path_mm: np.ndarray) -> list[tuple[float, float]]:
    """Times of each move of a drag along a path (y, x)."""
    watch = Watch(canvas)

    def send(kind: QEvent.Type, point: np.ndarray, button: Qt.MouseButton, buttons: Qt.MouseButton) -> None:
        local = to_pixel(viewer, canvas, point)
        everywhere = QPointF(canvas.mapToGlobal(local.toPoint()))
        event = QMouseEvent(kind, local, everywhere, button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(canvas, event)

    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    send(QEvent.Type.MouseMove, path_mm[0], none, none)
    send(QEvent.Type.MouseButtonPress, path_mm[0], left, left)
    times = [
        watch(lambda point=point: send(QEvent.Type.MouseMove, point, none, left))  # type: ignore[misc]
        for point in path_mm[1:]
    ]
    send(QEvent.Type.MouseButtonRelease, path_mm[-1], left, none)
    return times


def scroll(viewer: Any, canvas: QOpenGLWidget, step_mm: float, notches: int) -> list[tuple[float, float]]:
    """Times of going up by slices and down again."""
    watch, times = Watch(canvas), []
    for number in range(notches):
        up = 1 if number % 20 < 10 else -1
        point = viewer.dims.point[0] + up * step_mm
        times.append(watch(lambda point=point: viewer.dims.set_point(0, point)))  # type: ignore[misc]
    return times


def row(name: str, times: list[tuple[float, float]], peer: list[tuple[float, float]] | None = None) -> None:
    worked, frames = np.array(times).T
    cells = [f"{np.median(part):7.1f} {np.percentile(part, 95):7.1f}" for part in (worked, frames)]
    ratio = "" if peer is None else f"{np.median(frames) / np.median(np.array(peer)[:, 1]):8.2f}"
    print(f"{name:26}{cells[0]}   {cells[1]}{ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", type=Path, help="folder in which the phantom is kept (default: made anew)")
    parser.add_argument("--moves", type=int, default=60)
    options = parser.parse_args()
    with TemporaryDirectory() as made:
        images = phantom_images(options.case or Path(made), "full")
        case = open_case([], images=images, derivatives=Path(made) / "derivatives")
        viewer = napari.Viewer(show=False)
        panel = make_window(case, viewer=viewer)
        viewer.show()
        viewer.window.resize(1500, 950)
        QTest.qWait(1500)
        panel.open_step(next(i for i, step in enumerate(panel.steps) if isinstance(step, ThalamusStep)))
        hand, display = Hand(viewer, panel), panel.reading.display
        middle = np.array(display.grid.shape[1:]) * display.grid.spacing[1:] / 2
        turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        hand.drag(middle + 14 * np.column_stack([np.sin(turns), np.cos(turns)]))
        hand.key(Qt.Key.Key_N)
        turns = np.linspace(0, 3, options.moves + 1)
        path = middle + 13 * np.column_stack([np.sin(turns), np.cos(turns)])
        canvas: Any = canvas_widget(panel)
        QTest.qWait(500)
        nudges = stroke(viewer, canvas, path)
        hand.key(Qt.Key.Key_Escape)
        display.go_to((20, *(middle / display.grid.spacing[1:])))
        notches = scroll(viewer, canvas, float(display.grid.spacing[0]), options.moves)
        size, layers = canvas.size(), [layer.as_layer_data_tuple() for layer in viewer.layers]
        viewer.close()
        QTest.qWait(300)

        plain = napari.Viewer(show=False)
        for data, about, kind in layers:
            plain.add_layer(napari.layers.Layer.create(data, about, kind))
        plain.window.resize(1100, 950)
        plain.show()
        QTest.qWait(1000)
        labels: Any = plain.layers["thalami"]
        canvas = next(w for w in QApplication.allWidgets() if isinstance(w, QOpenGLWidget) and w.isVisible())
        for _ in range(5):  # napari's docks take their own part of the room
            frame = plain.window.geometry()
            plain.window.resize(frame[2] + size.width() - canvas.width(), frame[3] + size.height() - canvas.height())
            QTest.qWait(700)
        print(f"canvas {size.width()} x {size.height()}, napari's {canvas.width()} x {canvas.height()}")
        plain_notches = scroll(plain, canvas, float(display.grid.spacing[0]), options.moves)
        labels.editable = True
        labels.brush_size = round(2 * RADIUS_MM / float(labels.scale[-1]))
        labels.selected_label = 1
        plain.layers.selection.active = labels
        labels.mode = "paint"
        brush = stroke(plain, canvas, path)
        plain.close()

    print(f"{'ms':26}{'work':>7} {'95%':>7}   {'frame':>7} {'95%':>7}{'of peer':>8}")
    row("nudge, three planes", nudges, brush)
    row("napari's brush", brush)
    row("a slice, three planes", notches, plain_notches)
    row("napari's slider, one plane", plain_notches)


if __name__ == "__main__":
    main()
