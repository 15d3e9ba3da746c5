"""The widget on which napari draws, and where a point of the patient lies on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget


def canvas_widget(inside: QWidget) -> QWidget | None:
    """The main canvas of the window that a widget lies in, or None while it lies in none."""
    canvases = inside.window().findChildren(QOpenGLWidget)
    return max(canvases, key=lambda w: w.width() * w.height(), default=None)


def to_pixel(viewer: Any, canvas: QWidget, point_mm: Sequence[float]) -> QPointF:
    """Where a point (..., y, x) in mm of the viewer lies on its canvas."""
    camera = viewer.scene.camera
    y, x = (np.asarray(point_mm[-2:], float) - np.asarray(camera.center[-2:])) * camera.zoom
    return QPointF(canvas.width() / 2 + x, canvas.height() / 2 + y)
