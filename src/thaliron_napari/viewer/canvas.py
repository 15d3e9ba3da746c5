"""The widget on which napari draws, and where a point of the patient lies on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget


def canvas_widget(inside: QWidget) -> QWidget | None:
    """The main canvas of the window that a widget lies in, or None while it lies in none."""
    canvases = inside.window().findChildren(QOpenGLWidget)
    return max(canvases, key=lambda w: w.width() * w.height(), default=None)


def to_pixel(viewer: Any, canvas: QWidget, point_mm: Sequence[float]) -> QPointF:
    """Where a point (..., y, x) in mm of the viewer lies on its canvas."""
    x, y = to_pixels(viewer, canvas, np.asarray(point_mm[-2:], float)[None])[0]
    return QPointF(x, y)


def to_pixels(viewer: Any, canvas: QWidget, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where points (n, 2) of (y, x) in mm of the viewer lie on its canvas, as (n, 2) of (x, y)."""
    camera = viewer.scene.camera
    away_mm = points_mm - np.asarray(camera.center[-2:])
    pixels = away_mm * camera.zoom * directions(viewer) + (canvas.height() / 2, canvas.width() / 2)
    return np.asarray(pixels[:, ::-1])


def directions(viewer: Any) -> NDArray[np.int_]:
    """For the axis down the canvas and the one across it: 1 where they run down and to the right, -1 where up and left.

    It is the camera that mirrors a picture, never its data.
    """
    down, right = viewer.scene.camera.orientation2d
    return np.array([1 if str(down) == "down" else -1, 1 if str(right) == "right" else -1])
