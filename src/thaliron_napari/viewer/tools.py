"""What the left button does: one generator a tool, from press to release, in ``*_tool.py`` and ``*_tools.py``.

A tool previews while the hand moves and makes one edit when it is let go; Escape before that drops it (``mouse.py``).
Positions of events are (z, y, x) in mm of the viewer: index times spacing on the grid on show.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from thaliron_napari.viewer import contour_tools, csf_tool, lesion_tools
from thaliron_napari.viewer.contour_tools import Drag
from thaliron_napari.viewer.on_grid import GridName
from thaliron_napari.viewer.reading import Reading, ToolName


@dataclass(frozen=True)
class Tool:
    """A tool of the reading.

    Parameters
    ----------
    name : str
    title : str
        What the button says.
    key : str
    tip : str
        How to use it, in one sentence.
    grid : {"qsm", "flair"}
        On which grid it draws.
    drag : callable
        Generator (reading, event), run from press to release.
    on_planes : bool
        Whether a drag on the side planes does the same there.
    """

    name: ToolName
    title: str
    key: str
    tip: str
    grid: GridName
    drag: Callable[[Reading, Any], Drag]
    on_planes: bool = False


TOOLS: dict[ToolName, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "draw",
            "Draw",
            "D",
            "Draw round the thalamus: the closed line is its contour on this slice; Shift adds to the contour.",
            "qsm",
            contour_tools.draw,
        ),
        Tool(
            "polygon",
            "Polygon",
            "L",
            "Click the corners of the contour; a double click or Enter closes it, Backspace takes the last one back.",
            "qsm",
            contour_tools.polygon,
        ),
        Tool(
            "paint",
            "Paint",
            "B",
            "Paint the contour with the disc, on any plane; with Shift wipe it away.",
            "qsm",
            contour_tools.paint,
            on_planes=True,
        ),
        Tool(
            "erase", "Erase", "E", "Draw round what is to leave the contour on this slice.", "qsm", contour_tools.erase
        ),
        Tool(
            "nudge",
            "Nudge",
            "N",
            "Press inside the contour and push its edge out, or outside and push it in, on any plane; Alt cuts veins.",
            "qsm",
            contour_tools.nudge_edge,
            on_planes=True,
        ),
        Tool(
            "vein",
            "Vein",
            "V",
            "Go over a vein with the disc, on any plane: of the contour only what is vein is cut. The veins are shown.",
            "qsm",
            contour_tools.vein,
            on_planes=True,
        ),
        Tool(
            "propose",
            "Propose",
            "A",
            "Click into the middle of each thalamus: a contour is proposed from the images. Enter accepts it.",
            "qsm",
            contour_tools.propose,
        ),
        Tool(
            "csf",
            "CSF circle",
            "C",
            "Click into the atrium of each lateral ventricle. Drag a circle to move it, its rim to resize it; "
            "Shift+click adds one, Ctrl+click takes one away.",
            "qsm",
            csf_tool.circle,
        ),
        Tool(
            "seed",
            "Lesion",
            "S",
            "Click a lesion and it grows; drag up for more of it, down for less. The next click accepts it. A further "
            "click with Shift adds to the selected lesion, with Ctrl keeps out what is there.",
            "flair",
            lesion_tools.seed,
        ),
        Tool(
            "retouch",
            "Retouch",
            "R",
            "Paint the selected lesion with the disc, on any plane, or a new one where none is selected; Shift wipes.",
            "flair",
            lesion_tools.retouch,
            on_planes=True,
        ),
        Tool(
            "split",
            "Split",
            "K",
            "Draw a line across a lesion, or click two places in it: each side becomes a lesion of its own, on all "
            "slices.",
            "flair",
            lesion_tools.split,
        ),
    )
}
