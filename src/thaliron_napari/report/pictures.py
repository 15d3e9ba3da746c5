"""Slices with what was drawn on them, as PNG."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

Colour = str
LEFT, RIGHT, CSF, LESION = "#56B4E9", "#E69F00", "#009E73", "#CC79A7"

_PANEL_INCHES = 2.6
_DPI = 110


@dataclass(frozen=True, eq=False)
class Outline:
    """A mask (y, x) drawn by its edge."""

    mask: NDArray[np.bool_]
    colour: Colour
    dashed: bool = False
    words: str = ""


@dataclass(frozen=True, eq=False)
class Panel:
    """One axial slice, with patient's right on the left.

    Parameters
    ----------
    image : array (y, x)
    spacing : tuple
        (y, x) in mm.
    window : tuple
        Values shown as black and white.
    title : str
    outlines : sequence of Outline
    """

    image: NDArray[np.float32]
    spacing: tuple[float, float]
    window: tuple[float, float]
    title: str
    outlines: Sequence[Outline] = ()


def montage(panels: Sequence[Panel], columns: Sequence[int] = (4, 3)) -> bytes:
    """PNG of slices side by side, each with its title, its sides and a scale bar of 10 mm.

    Of the numbers of `columns` that are allowed the one is taken that leaves the fewest places empty.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(len(panels), min(columns, key=lambda n: -len(panels) % n))
    rows = -(-len(panels) // across)
    heights = [p.image.shape[0] * p.spacing[0] for p in panels]
    widths = [p.image.shape[1] * p.spacing[1] for p in panels]
    tall = _PANEL_INCHES * max(h / w for h, w in zip(heights, widths, strict=True))
    figure = Figure(figsize=(across * _PANEL_INCHES, rows * tall), dpi=_DPI)
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels):
        row, column = divmod(number, across)
        axes = figure.add_axes((column / across, 1 - (row + 1) / rows, 1 / across, 1 / rows))
        _draw(axes, panel)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def html_picture(png: bytes, alt: str, caption: str = "") -> str:
    """A figure with a picture inside the page itself."""
    data = base64.b64encode(png).decode("ascii")
    said = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure><img alt='{escape(alt)}' src='data:image/png;base64,{data}'>{said}</figure>"


def crop(
    shape: tuple[int, int], masks: Sequence[NDArray[np.bool_]], spacing: tuple[float, float], margin_mm: float
) -> tuple[slice, slice]:
    """Box (y, x) around masks with a margin, inside the image; the whole image where the masks are empty."""
    together = np.zeros(shape, bool)
    for mask in masks:
        together |= mask
    if not together.any():
        return slice(0, shape[0]), slice(0, shape[1])
    box = []
    for axis in (0, 1):
        along = np.flatnonzero(together.any(axis=1 - axis))
        pad = round(margin_mm / spacing[axis])
        box.append(slice(max(0, int(along[0]) - pad), min(shape[axis], int(along[-1]) + 1 + pad)))
    return box[0], box[1]


def _draw(axes, panel: Panel) -> None:  # type: ignore[no-untyped-def]
    rows, columns = panel.image.shape
    dy, dx = panel.spacing
    low, high = panel.window
    axes.imshow(
        panel.image, cmap="gray", vmin=low, vmax=high, extent=(0, columns * dx, rows * dy, 0), interpolation="bilinear"
    )
    x, y = (np.arange(columns) + 0.5) * dx, (np.arange(rows) + 0.5) * dy
    for outline in panel.outlines:
        if not outline.mask.any() or outline.mask.all():
            continue
        style = "dashed" if outline.dashed else "solid"
        axes.contour(x, y, outline.mask, [0.5], colors=[outline.colour], linewidths=1.1, linestyles=style)
        if outline.words:
            cy, cx = np.argwhere(outline.mask).mean(axis=0)
            axes.annotate(
                outline.words,
                ((cx + 0.5) * dx, (cy + 0.5) * dy),
                xytext=(5, 5),
                textcoords="offset points",
                color=outline.colour,
                fontsize=7.5,
            )
    axes.set_xlim(0, columns * dx)
    axes.set_ylim(rows * dy, 0)
    axes.set_axis_off()
    text = {"transform": axes.transAxes, "color": "white", "fontsize": 8}
    axes.text(0.03, 0.97, panel.title, va="top", **text)
    axes.text(0.03, 0.5, "R", va="center", **text)
    axes.text(0.97, 0.5, "L", va="center", ha="right", **text)
    right, bottom = 0.96 * columns * dx, 0.96 * rows * dy
    axes.plot([right - 10, right], [bottom, bottom], color="white", linewidth=1.4, solid_capstyle="butt")
