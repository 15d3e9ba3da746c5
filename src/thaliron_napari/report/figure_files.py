"""A figure as the bytes of a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Kind = Literal["svg", "png", "pdf"]
KINDS: tuple[Kind, ...] = ("svg", "png", "pdf")

_UNDATED: dict[Kind, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def figure_bytes(figure: Figure, kind: Kind) -> bytes:
    """A figure as SVG, PNG or PDF; pixels are 150 to the inch."""
    from matplotlib import rc_context

    out = io.BytesIO()
    # Same numbers, same file: no date, and ids in the drawing that do not change from run to run. Letters are outlines
    # in SVG, since another computer may lack the font, and TrueType in PDF, as journals ask.
    with rc_context({"svg.hashsalt": "thaliron", "svg.fonttype": "path", "pdf.fonttype": 42}):
        figure.savefig(out, format=kind, metadata=_UNDATED[kind], dpi=150)
    return out.getvalue()
