"""A coronal or sagittal picture of the layers on show, as pixels: what the side planes paint.

The layers' own arrays are read, with their windows, colours and opacities, so that the side planes show what the main
canvas shows, and a change in napari's layer controls too. A picture takes a few milliseconds; a second and third
canvas of napari's would each take as long as the first, at every slice, and seconds at the start.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

PlaneName = Literal["coronal", "sagittal"]


@dataclass(frozen=True)
class Plane:
    """A direction of cutting.

    Parameters
    ----------
    name : {"coronal", "sagittal"}
    across : int
        Axis of (z, y, x) that is cut.
    along : int
        Axis that runs to the right of the picture; z runs up.
    letters : tuple of str
        Orientation at the top, bottom, left and right.
    """

    name: PlaneName
    across: int
    along: int
    letters: tuple[str, str, str, str]


PLANES = {
    "sagittal": Plane("sagittal", 2, 1, ("S", "I", "A", "P")),
    "coronal": Plane("coronal", 1, 2, ("S", "I", "R", "L")),
}


@dataclass(frozen=True)
class Sheet:
    """One layer's part of a picture.

    Parameters
    ----------
    rgba : uint8 array (rows, columns, 4)
        Superior is up.
    opacity : float
    adds : bool
        Whether it is added to what lies below, rather than laid over it.
    smooth : bool
        Whether it may be interpolated when it is painted larger.
    """

    rgba: NDArray[np.uint8]
    opacity: float
    adds: bool = False
    smooth: bool = True


def shows(layer: Any, shape: tuple[int, ...], aside: Collection[Any] = ()) -> bool:
    """Whether a layer can stand in the side planes: an image or labels on the grid on show, visible or set aside."""
    return (
        isinstance(layer, Image | Labels)
        and (layer.visible or layer in aside)
        and not getattr(layer, "rgb", False)
        and tuple(layer.data.shape) == tuple(shape)
    )


def image_sheet(layer: Image, plane: Plane, index: int) -> Sheet:
    """A slice of an image through its window and colours."""
    values = _cut(layer.data, plane, index)
    missing = np.isnan(values)  # the squares of a checkerboard that are left to the image below
    low, high = (float(limit) for limit in layer.contrast_limits)
    steps = np.clip((np.where(missing, low, values) - low) * (255.0 / max(high - low, 1e-12)), 0, 255)
    if layer.gamma != 1:
        steps = 255 * (steps / 255) ** layer.gamma
    table = (np.asarray(layer.colormap.map(np.linspace(0, 1, 256))) * 255).round().astype(np.uint8)
    rgba = table[steps.astype(np.uint8)]
    rgba[missing] = 0
    return Sheet(rgba, float(layer.opacity), adds=layer.blending == "additive")


def label_sheet(
    layer: Labels, plane: Plane, index: int, rows: NDArray[np.intp], columns: NDArray[np.intp], *, outlined: bool
) -> Sheet:
    """A slice of labels at the screen's own resolution, so that an outline is one pixel wide however thick the slices.

    Parameters
    ----------
    layer : Labels
    plane : Plane
    index : int
    rows, columns : int arrays
        Row and column of the slice that stands in each row and column of pixels.
    outlined : bool
        Show the outlines alone.
    """
    codes = np.asarray(_cut(layer.data, plane, index))
    if not codes.any():
        return Sheet(np.zeros((1, 1, 4), np.uint8), 0.0)
    codes = codes[np.ix_(rows, columns)]
    there, place = np.unique(codes, return_inverse=True)
    colours = np.array([(0, 0, 0, 0) if code == 0 else layer.colormap.map(code) for code in there.tolist()], float)
    table = (colours.reshape(-1, 4) * 255).round().astype(np.uint8)
    rgba = table[place.reshape(codes.shape)]
    if outlined:
        # Of one colour is one structure, though its slices may be drawn or filled between.
        _, kind = np.unique(table[:, :3] * (table[:, 3:] > 0), axis=0, return_inverse=True)
        rgba[_inside(kind.ravel()[place].reshape(codes.shape))] = 0
    return Sheet(rgba, float(layer.opacity), smooth=False)


def _inside(kinds: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which pixels have none of another kind beside, above or below them."""
    inside = np.ones(kinds.shape, bool)
    same = kinds[1:] == kinds[:-1]
    inside[1:] &= same
    inside[:-1] &= same
    same = kinds[:, 1:] == kinds[:, :-1]
    inside[:, 1:] &= same
    inside[:, :-1] &= same
    return inside


def _cut(data: Any, plane: Plane, index: int) -> NDArray[Any]:
    """The slice (rows from superior to inferior, columns along the plane's axis)."""
    cut = np.asarray(data[:, index, :] if plane.across == 1 else data[:, :, index])
    return cut[::-1]
