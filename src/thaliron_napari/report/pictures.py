"""Slices with what was drawn on them."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colour = str
LEFT, RIGHT, CSF, LESION, VEIN = "#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#8C4DFF"

SCALE_BAR_MM = 10.0
PAGE_MM = 180.0
"""Width of a picture that fills the page: A4 between its margins."""

_MM_PER_INCH = 25.4
_DPI = 200
_FILL_ALPHA = 0.55


@dataclass(frozen=True, eq=False)
class Outline:
    """A mask (y, x) drawn by the edges of its pixels; filled too, translucent, where `filled` says so."""

    mask: NDArray[np.bool_]
    colour: Colour
    dashed: bool = False
    words: str = ""
    filled: bool = False
    halo: bool = False


@dataclass(frozen=True, eq=False)
class Lines:
    """Segments (n, 2, 2) of (y, x) in pixels, of which the first spans 0 to 1: where a surface cuts the slice."""

    segments: NDArray[np.float64]
    colour: Colour


@dataclass(frozen=True, eq=False)
class Panel:
    """One axial slice, with patient's right on the left.

    Parameters
    ----------
    image : array (y, x), or (y, x, 3) of RGB from 0 to 1
    spacing : tuple
        (y, x) in mm.
    window : tuple
        Values shown as black and white; RGB needs none.
    title : str
    outlines : sequence of Outline
    lines : sequence of Lines
    """

    image: NDArray[np.float32]
    spacing: tuple[float, float]
    window: tuple[float, float]
    title: str
    outlines: Sequence[Outline] = ()
    lines: Sequence[Lines] = ()

    @property
    def size_mm(self) -> tuple[float, float]:
        """Height and width."""
        return self.image.shape[0] * self.spacing[0], self.image.shape[1] * self.spacing[1]


@dataclass(frozen=True)
class Style:
    """How thick and large lines and letters are, in points."""

    line: float = 1.3
    letters: float = 8
    bar: float = 1.4


def montage(panels: Sequence[Panel], columns: Sequence[int] = (3, 2), *, full_width: int | None = None) -> bytes:
    """PNG of slices side by side, each with its title, its sides and a scale bar of 10 mm.

    Of the numbers of `columns` that are allowed the one is taken that leaves the fewest places empty. The picture is
    `PAGE_MM` wide with `full_width` panels in a row, by default as many as stand in one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(len(panels), min(columns, key=lambda n: -len(panels) % n))
    rows = -(-len(panels) // across)
    aspect = tallest(panels)
    wide = PAGE_MM / _MM_PER_INCH / (full_width or across)
    figure = Figure(figsize=(across * wide, rows * wide * aspect), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels):
        row, column = divmod(number, across)
        axes = figure.add_axes((column / across, 1 - (row + 1) / rows, 1 / across, 1 / rows))
        draw_panel(axes, panel, aspect)
        label(axes, (0.03, 0.97), panel.title, Style().letters, va="top")
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def tallest(panels: Sequence[Panel]) -> float:
    """Height over width of the tallest of some panels."""
    return max(panel.size_mm[0] / panel.size_mm[1] for panel in panels)


def draw_panel(  # type: ignore[no-untyped-def]
    axes, panel: Panel, aspect: float, style: Style = Style(), *, interpolation: str = "antialiased"
) -> None:
    """Draw a slice, its outlines, R and L and a scale bar into axes of a height over width.

    Voxels are shown as they are, as squares, where one takes three dots or more; where it takes fewer, squares would
    come out uneven and are smoothed (matplotlib's "antialiased").
    """
    rows, columns = panel.image.shape[:2]
    high, wide = panel.size_mm
    black, white = panel.window
    axes.imshow(
        panel.image,
        cmap="gray",
        vmin=black,
        vmax=white,
        extent=(0, columns * panel.spacing[1], rows * panel.spacing[0], 0),
        interpolation=interpolation,
        aspect="auto",
    )
    for outline in panel.outlines:
        _draw_outline(axes, outline, panel.spacing, style)
    for lines in panel.lines:
        _draw_lines(axes, lines, panel.spacing, style)
    frame_wide = max(wide, high / aspect)
    frame_high = frame_wide * aspect
    left, top = (wide - frame_wide) / 2, (high - frame_high) / 2
    axes.set_xlim(left, left + frame_wide)
    axes.set_ylim(top + frame_high, top)
    axes.set_facecolor("black")
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    label(axes, (0.03, 0.5), "R", style.letters, va="center")
    label(axes, (0.97, 0.5), "L", style.letters, va="center", ha="right")
    right, bottom = left + 0.96 * frame_wide, top + 0.96 * frame_high
    bar = [right - SCALE_BAR_MM, right], [bottom, bottom]
    axes.plot(*bar, color="black", linewidth=style.bar + 1, solid_capstyle="butt", alpha=0.6)
    axes.plot(*bar, color="white", linewidth=style.bar, solid_capstyle="butt")


def label(axes, at: tuple[float, float], words: str, points: float, **how: Any) -> None:  # type: ignore[no-untyped-def]
    """White letters with a dark rim, at a place from 0 to 1 of the axes."""
    _rimmed(axes.text(*at, words, transform=axes.transAxes, color="white", fontsize=points, **how))


def pixel_edges(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Closed lines along the edges of a mask's pixels.

    A line through the pixels' middles, as marching squares draw it, cuts corners off and is half a pixel off at the
    mask's rim; this one holds exactly the voxels that are measured.

    Parameters
    ----------
    mask : bool array (y, x)

    Returns
    -------
    list of array (n, 2)
        Corners (y, x), each once; pixel (0, 0) spans 0 to 1. Outer lines run clockwise on the screen, those of holes
        the other way round. Pixels that touch by a corner only have a line each.
    """
    padded = np.pad(np.asarray(mask, bool), 1)
    inside = padded[1:-1, 1:-1]
    sides = (  # the neighbour that is out, where the edge starts, and where it leads: mask on the right hand
        (padded[:-2, 1:-1], (0, 0), (0, 1)),
        (padded[1:-1, 2:], (0, 1), (1, 0)),
        (padded[2:, 1:-1], (1, 1), (0, -1)),
        (padded[1:-1, :-2], (1, 0), (-1, 0)),
    )
    ways: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for neighbour, (dy, dx), way in sides:
        for y, x in np.argwhere(inside & ~neighbour).tolist():
            ways.setdefault((y + dy, x + dx), []).append(way)
    lines = []
    while ways:
        at = min(ways)  # the topmost: never a place where two lines meet
        last: tuple[int, int] | None = None
        corners = []
        while at in ways:
            there = ways[at]
            right = last and (last[1], -last[0])
            way = right if right in there else there[0]
            there.remove(way)
            if not there:
                del ways[at]
            if way != last:
                corners.append(at)
            at, last = (at[0] + way[0], at[1] + way[1]), way
        lines.append(np.array(corners, np.int64))
    return lines


def html_picture(png: bytes, alt: str, caption: str = "", key: Sequence[tuple[Colour, str, bool]] = ()) -> str:
    """A figure with a picture inside the page itself.

    Parameters
    ----------
    png : bytes
    alt : str
        What is seen, for those who do not see it.
    caption : str
    key : sequence of (colour, words, dashed)
        What each colour is.
    """
    data = base64.b64encode(png).decode("ascii")
    wide, high = _png_size(png)
    share = wide * _MM_PER_INCH / _DPI / PAGE_MM
    shape = f"width='{wide}' height='{high}' style='width: {share:.1%}'"
    image = f"<img alt='{escape(alt)}' {shape} src='data:image/png;base64,{data}'>"
    swatches = "".join(
        f"<span><i style='border-top: 3px {'dashed' if dashed else 'solid'} {colour}'></i>{escape(words)}</span>"
        for colour, words, dashed in key
    )
    words = (f"<div class='key'>{swatches}</div>" if key else "") + escape(caption)
    said = f"<figcaption>{words}</figcaption>" if words else ""
    return f"<figure>{image}{said}</figure>"


def crop(
    shape: tuple[int, int],
    masks: Sequence[NDArray[np.bool_]],
    spacing: tuple[float, float],
    margin_mm: float,
    aspect: float | None = None,
) -> tuple[slice, slice]:
    """Box (y, x) around masks with a margin, inside the image; the whole image where the masks are empty.

    With an `aspect`, the box is made taller or wider until it has that height over width, as far as the image goes.
    """
    together = np.zeros(shape, bool)
    for mask in masks:
        together |= mask
    if not together.any():
        return slice(0, shape[0]), slice(0, shape[1])
    ends = []
    for axis in (0, 1):
        along = np.flatnonzero(together.any(axis=1 - axis))
        pad = margin_mm / spacing[axis]
        ends.append((float(along[0]) - pad, float(along[-1]) + 1 + pad))
    if aspect is not None:
        high, wide = ((b - a) * step for (a, b), step in zip(ends, spacing, strict=True))
        more = (max(0.0, wide * aspect - high) / spacing[0], max(0.0, high / aspect - wide) / spacing[1])
        ends = [(a - m / 2, b + m / 2) for (a, b), m in zip(ends, more, strict=True)]
    y, x = (slice(max(0, round(a)), min(n, round(b))) for (a, b), n in zip(ends, shape, strict=True))
    return y, x


def _draw_outline(axes, outline: Outline, spacing: tuple[float, float], style: Style) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.colors import to_rgba
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    lines = pixel_edges(outline.mask)
    if not lines:
        return
    dy, dx = spacing
    parts = [Path(np.vstack([line, line[:1]])[:, ::-1] * (dx, dy), closed=True) for line in lines]
    path = Path.make_compound_path(*parts)
    if outline.halo:
        axes.add_patch(PathPatch(path, fill=False, edgecolor="white", linewidth=style.line + 0.5, joinstyle="miter"))
    axes.add_patch(
        PathPatch(
            path,
            facecolor=to_rgba(outline.colour, _FILL_ALPHA) if outline.filled else "none",
            edgecolor=outline.colour,
            linewidth=style.line,
            linestyle=(0, (3, 2)) if outline.dashed else "solid",
            joinstyle="miter",
        )
    )
    if outline.words:
        corners = np.vstack(lines)
        near_rim = corners[:, 1].max() > 0.9 * outline.mask.shape[1]
        x = (corners[:, 1].min() if near_rim else corners[:, 1].max()) * dx
        words = axes.annotate(
            outline.words,
            (x, corners[:, 0].min() * dy),
            xytext=(-1.5 if near_rim else 1.5, 0),
            textcoords="offset points",
            ha="right" if near_rim else "left",
            color="white",
            fontsize=style.letters,
        )
        _rimmed(words)


def _draw_lines(axes, lines: Lines, spacing: tuple[float, float], style: Style) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.collections import LineCollection

    dy, dx = spacing
    ends = lines.segments[..., ::-1] * (dx, dy)
    axes.add_collection(LineCollection(list(ends), colors=lines.colour, linewidths=style.line), autolim=False)


def _rimmed(text) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=1.4, foreground="black", alpha=0.8)])


def _png_size(png: bytes) -> tuple[int, int]:
    """Width and height, which stand first in a PNG."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
