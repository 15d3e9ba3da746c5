"""Colours for values with a sign: blue below zero, orange above, dark at zero, evenly spaced to the eye."""

from functools import cache

import numpy as np
from napari.utils import Colormap
from numpy.typing import NDArray

NAME = "blue to orange"
_STEPS = 127  # on each side of zero, which has a colour of its own
_LIGHTNESS = (4.0, 70.0)
_CHROMA = 46.0  # the most that a screen has of the blue
_HUE_DEG = {"below": 262.0, "above": 66.0}
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65
_XYZ_TO_RGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)


@cache
def signed_colours() -> Colormap:
    """The colour map, napari's; 0 and 1 are as far from zero on either side, zero lies at 0.5."""
    return Colormap(table(), name=NAME)


def table() -> NDArray[np.float64]:
    """Colours from the most negative to the most positive value.

    Lightness and chroma grow straight with the distance from zero and the hue of a side stays, so that equal steps of
    value are equal distances in CIELAB (CIE 15:2018) and both sides are as light. Dark at zero: what lies below shows
    through, and the ground round the head stays dark.

    Returns
    -------
    ndarray, shape (2 * 127 + 1, 4)
        sRGB and opacity, 0 to 1.
    """
    away = np.linspace(0, 1, _STEPS + 1)[:, None]
    lightness = _LIGHTNESS[0] + away * (_LIGHTNESS[1] - _LIGHTNESS[0])
    sides = []
    for hue in np.deg2rad(list(_HUE_DEG.values())):
        lab = np.hstack([lightness, away * _CHROMA * np.array([[np.cos(hue), np.sin(hue)]])])
        sides.append(_srgb(lab))
    below, above = sides
    colours = np.vstack([below[:0:-1], above])
    return np.hstack([colours, np.ones((len(colours), 1))])


def _srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB (n, 3) under D65 to sRGB (IEC 61966-2-1), cut off where a screen has no such colour."""
    fy = (lab[:, 0] + 16) / 116
    f = np.stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200], axis=1)
    edge = 6 / 29
    linear = np.where(f > edge, f**3, 3 * edge**2 * (f - 4 / 29)) * _WHITE @ _XYZ_TO_RGB.T
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
