"""The figures of a paper, from one case: black contours on QSM, purple lesions on FLAIR, and an overview of six."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import ROLE_NAME, SIDE_LABEL, SIDES, Case, Role
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.morphometry import label_map_of, result_of
from thaliron_napari.case.thalamus import proposed
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.report.pictures import (
    CSF,
    LESION,
    SCALE_BAR_MM,
    VEIN,
    Colour,
    Outline,
    Panel,
    Style,
    crop,
    draw_panel,
    label,
    tallest,
)
from thaliron_napari.report.slices import (
    QSM_WINDOW_PPB,
    SIDE_COLOUR,
    brain_window,
    fullest_slice,
    in_plane,
    lesions_in,
    on_qsm_slice,
    qsm_window_words,
    showing_every,
)

Format = Literal["png", "tiff", "pdf", "svg"]
FORMATS: tuple[Format, ...] = ("png", "tiff", "pdf", "svg")

ONE_COLUMN_MM, TWO_COLUMNS_MM = 85.0, 174.0
"""Widths of a journal's page; a figure of one panel has the first, others the second."""

_GAP_MM = 1.0
_MM_PER_INCH = 25.4
_STYLE = Style(line=0.9, letters=7, bar=1.5)
_BLACK: Colour = "black"
_FUSED_SHARE = 0.5
_HEAD = 0.3  # of the white of the window: what is brighter is head
_SIDES_SAID = "left thalamus blue and right orange"

# What would say when, with what, and by whose account a file was made.
_NO_METADATA: dict[str, dict[str, None]] = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None, "Format": None, "Type": None},
}

Box = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Plate:
    """One figure: its panels, from A on, in rows of so many; the panels' titles are its legend."""

    name: str
    panels: Sequence[Panel]
    columns: int


def write_figures(case: Case, folder: Path, *, dpi: int = 300, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write the figures that a case has something for, at print size, and their legends as text.

    Parameters
    ----------
    case : Case
    folder : Path
        Made where it is missing; files of the same names are replaced.
    dpi : int
        Dots per inch of PNG and TIFF. PDF and SVG hold the voxels as they are and the outlines as lines.
    formats : sequence of {"png", "tiff", "pdf", "svg"}

    Returns
    -------
    list of Path
        The figures, 85 or 174 mm wide, and last the legends.

    Raises
    ------
    CaseError
        When a format is none of these, the resolution is not 50 to 2400, nothing is drawn yet, the unit of the QSM is
        ambiguous, or a file cannot be written.
    ImageError, MeasurementError
        When the segmentation that the case has cannot be read.

    Notes
    -----
    Shown is what is measured: thalami that are only proposed and lesions that are not accepted stay out. Files name no
    one but by the case's ID, and hold no word of who wrote them, where or when.
    """
    for wrong in set(formats) - set(FORMATS):
        raise CaseError(f"Figures cannot be written as {wrong!r}; choose among {', '.join(FORMATS)}.")
    if not 50 <= dpi <= 2400:
        raise CaseError(f"Figures cannot be written at {dpi} dots per inch; choose 50 to 2400, such as 300.")
    brain = _morphometry_plate(case)
    plates = [plate for plate in (thalamus_plate(case), lesion_plate(case), overview_plate(case), brain) if plate]
    if not plates:
        raise CaseError(
            f"{case.name} has nothing to show in a figure yet; contour a thalamus, place a CSF circle or accept a "
            "lesion."
        )
    written = []
    legends = folder / f"{case.name}_figures.txt"
    try:
        for plate in plates:
            for ending in formats:
                path = folder / f"{case.name}_figure-{plate.name}.{ending}"
                made = draw_plate(plate, ending, dpi)
                replace_file(path, lambda beside, made=made: beside.write_bytes(made))  # type: ignore[misc]
                written.append(path)
        text = "\n\n".join(f"{case.name}_figure-{plate.name}\n{legend(plate)}" for plate in plates) + "\n"
        replace_file(legends, lambda beside: beside.write_text(text, "utf-8"))
    except OSError as error:
        raise CaseError(f"{folder} cannot be written to ({error.strerror}); free space or choose another.") from error
    return [*written, legends]


def legend(plate: Plate) -> str:
    """What the panels show, in a sentence each."""
    letters = (f"({chr(ord('A') + i)}) " if len(plate.panels) > 1 else "" for i in range(len(plate.panels)))
    said = " ".join(f"{letter}{panel.title}." for letter, panel in zip(letters, plate.panels, strict=True))
    return f"{said} The patient's right (R) is on the left. Scale bars {SCALE_BAR_MM:.0f} mm."


def draw_plate(plate: Plate, ending: str, dpi: int) -> bytes:
    """A figure as the bytes of a file."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(plate.columns, len(plate.panels))
    rows = -(-len(plate.panels) // across)
    aspect = tallest(plate.panels)
    wide = ONE_COLUMN_MM if across == 1 else TWO_COLUMNS_MM
    panel_wide = (wide - (across - 1) * _GAP_MM) / across
    panel_high = panel_wide * aspect
    high = rows * panel_high + (rows - 1) * _GAP_MM
    figure = Figure(figsize=(wide / _MM_PER_INCH, high / _MM_PER_INCH), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    for number, panel in enumerate(plate.panels):
        row, column = divmod(number, across)
        left, bottom = column * (panel_wide + _GAP_MM), high - (row + 1) * panel_high - row * _GAP_MM
        place = (left / wide, bottom / high, panel_wide / wide, panel_high / high)
        axes = figure.add_axes(place)
        draw_panel(axes, panel, aspect, _STYLE, interpolation="none" if ending in ("pdf", "svg") else "antialiased")
        label(axes, (0.955, 0.05), f"{SCALE_BAR_MM:.0f} mm", 6, ha="right")
        if len(plate.panels) > 1:
            label(axes, (0.03, 0.97), chr(ord("A") + number), 9, va="top", fontweight="bold")
    out = io.BytesIO()
    if ending in _NO_METADATA:
        with rc_context({"pdf.fonttype": 42, "svg.hashsalt": plate.name}):
            figure.savefig(out, format=ending, dpi=dpi, metadata=_NO_METADATA[ending])
    else:
        _save_dots(figure, out, ending, dpi)
    return out.getvalue()


def thalamus_plate(case: Case) -> Plate | None:
    """QSM where the thalami are largest, and where the CSF circles lie, each with black outlines."""
    if "qsm" not in case.images:
        return None
    thalami, csf = accepted_thalami(case), csf_mask(case)
    box = crop(csf.shape[1:], [np.any(thalami, axis=0), np.any(csf, axis=0)], in_plane(case, "qsm"), 16)
    slices = dict.fromkeys(fullest_slice(mask > 0) for mask in (thalami, csf) if mask.any())
    panels = []
    for z in slices:
        drawn = [*(thalami[z][box] == number for number in SIDE_LABEL.values()), csf[z][box] > 0]
        outlined = [name for name, mask in (("thalami", thalami), ("CSF ROIs", csf)) if mask[z].any()]
        title = f"{_qsm_words(z)}, with {' and '.join(outlined)} outlined in black"
        panels.append(_qsm_panel(case, z, box, title, [Outline(mask, _BLACK, halo=True) for mask in drawn]))
    return Plate("thalami", panels, 2) if panels else None


def lesion_plate(case: Case) -> Plate | None:
    """FLAIR without and with the accepted lesions, on the one or two slices that show most of them."""
    if "flair" not in case.images:
        return None
    labels = lesions_in(case, ("accepted",))
    if not labels.any():
        return None
    panels = []
    for z in showing_every(labels, 2):
        shown = _lesion_panel(case, labels, z)
        panels += [replace(shown, title=_flair_words(z), outlines=()), shown]
    return Plate("lesions", panels, 2)


def overview_plate(case: Case) -> Plate | None:
    """Up to six of what a case has: QSM, FLAIR and both fused, veins, lesions, CSF; else the T1 at the same level."""
    level = _level(case) if "qsm" in case.images else None
    lesions = lesions_in(case, ("accepted",)) if "flair" in case.images else np.zeros((1, 1, 1), np.int32)
    panels: list[Panel] = []
    frame = None
    if level is not None:
        box = _head_box(case, level)
        panels += _at_level(case, level, box)
        frame = tallest(panels)
        panels += _vein_panels(case, frame)
    if lesions.any():
        panels.append(_lesion_panel(case, lesions, fullest_slice(lesions > 0), frame))
    if level is not None and frame is not None:
        panels += _csf_panels(case, frame)
        panels += _t1_panels(case, level, box)
    return Plate("overview", panels[:6], 3) if panels else None


def _morphometry_plate(case: Case) -> Plate | None:
    """Six panels of what FreeSurfer or its kin made, where the case has that."""
    from thaliron_napari.report.morphometry import morphometry_plate, shown_on
    from thaliron_napari.report.segmentation import segmented

    result = result_of(case)
    if result is None or label_map_of(result) is None:
        return None
    return morphometry_plate(segmented(case, shown_on(case)))


def _level(case: Case) -> int | None:
    """The slice of the QSM where the thalami are largest, else the CSF circles; None where neither is there."""
    drawn = [mask for mask in (accepted_thalami(case), csf_mask(case)) if mask.any()]
    return fullest_slice(drawn[0] > 0) if drawn else None


def _at_level(case: Case, z: int, box: Box) -> list[Panel]:
    """The QSM, and where there is a FLAIR that and both fused."""
    outlines = _thalamus_outlines(case, z, box)
    panels = [_qsm_panel(case, z, box, f"{_qsm_words(z)}, with {_SIDES_SAID}", outlines)]
    if "flair" in case.images:
        flair = on_qsm_slice(case, "flair", z)[box]
        window = brain_window(case.images["flair"].data)
        spacing = in_plane(case, "qsm")
        panels.append(Panel(flair, spacing, window, "FLAIR at the same level"))
        both = _fused(flair, window, case.qsm_ppb[z][box])
        panels.append(Panel(both, spacing, (0, 1), f"QSM in colour fused on this FLAIR, with {_SIDES_SAID}", outlines))
    return panels


def _vein_panels(case: Case, frame: float) -> list[Panel]:
    veins, thalami = case.annotations.maps["veins"] != 0, accepted_thalami(case)
    if "veins" not in case.annotations.facts or not veins.any():
        return []
    beside = veins & thalami.any(axis=(1, 2), keepdims=True)  # where they matter
    z = fullest_slice(beside if beside.any() else veins)
    masks = [np.any(thalami, axis=0) if thalami.any() else veins[z]]
    box = crop(veins.shape[1:], masks, in_plane(case, "qsm"), 10, frame)
    outlines = [Outline(veins[z][box], VEIN), *_thalamus_outlines(case, z, box)]
    return [_qsm_panel(case, z, box, f"{_qsm_words(z)}, with deep veins in violet", outlines)]


def _csf_panels(case: Case, frame: float) -> list[Panel]:
    csf = csf_mask(case) > 0
    if not csf.any():
        return []
    z = fullest_slice(csf)
    box = crop(csf.shape[1:], [csf[z]], in_plane(case, "qsm"), 12, frame)
    outlines = [*_thalamus_outlines(case, z, box), Outline(csf[z][box], CSF)]
    return [_qsm_panel(case, z, box, f"{_qsm_words(z)}, with CSF ROIs in green", outlines)]


def _t1_panels(case: Case, z: int, box: Box) -> list[Panel]:
    roles: tuple[Role, ...] = ("t1", "t1ce")
    return [
        Panel(
            on_qsm_slice(case, role, z)[box],
            in_plane(case, "qsm"),
            brain_window(case.images[role].data),
            f"{ROLE_NAME[role]} at the level of the first, with {_SIDES_SAID}",
            _thalamus_outlines(case, z, box),
        )
        for role in roles
        if role in case.images
    ]


def _qsm_panel(case: Case, z: int, box: Box, title: str, outlines: Sequence[Outline]) -> Panel:
    return Panel(case.qsm_ppb[z][box], in_plane(case, "qsm"), QSM_WINDOW_PPB, title, outlines)


def _lesion_panel(case: Case, labels: NDArray[np.int32], z: int, frame: float | None = None) -> Panel:
    data, spacing = case.images["flair"].data, in_plane(case, "flair")
    window = brain_window(data)
    box = crop(data.shape[1:], [data[z] > _HEAD * window[1]], spacing, 2, frame)
    outline = Outline(labels[z][box] > 0, LESION, filled=True)
    return Panel(data[z][box], spacing, window, f"{_flair_words(z)}, with T2 lesions in purple", [outline])


def _head_box(case: Case, z: int) -> Box:
    """Around the head on a slice of the QSM; only around the map where there is no FLAIR."""
    head = case.images["qsm"].data[z] != 0
    if "flair" in case.images:
        head = on_qsm_slice(case, "flair", z) > _HEAD * brain_window(case.images["flair"].data)[1]
    return crop(head.shape, [head], in_plane(case, "qsm"), 2)


def accepted_thalami(case: Case) -> NDArray[Any]:
    """The thalami (z, y, x) on the QSM, without those that are only proposed."""
    labels = case.annotations.maps["thalami"]
    waiting = [SIDE_LABEL[side] for side in SIDES if proposed(case, side)]
    return np.where(np.isin(labels, waiting), 0, labels)


def _thalamus_outlines(case: Case, z: int, box: Box) -> list[Outline]:
    labels = accepted_thalami(case)[z][box]
    return [Outline(labels == SIDE_LABEL[side], SIDE_COLOUR[side]) for side in SIDES]


def _fused(flair: NDArray[np.float32], window: tuple[float, float], qsm_ppb: NDArray[np.float32]) -> NDArray[Any]:
    """RGB of a FLAIR in grey with the QSM over it in colour; where there is no susceptibility the FLAIR alone."""
    from matplotlib import colormaps

    grey = np.clip((flair - window[0]) / (window[1] - window[0]), 0, 1)[..., None]
    black, white = QSM_WINDOW_PPB
    colour = colormaps["inferno"](np.clip((qsm_ppb - black) / (white - black), 0, 1))[..., :3]
    known = np.isfinite(qsm_ppb) & (qsm_ppb != 0)
    share = np.where(known, _FUSED_SHARE, 0)[..., None]
    return np.asarray((1 - share) * grey + share * colour, np.float32)


def _qsm_words(z: int) -> str:
    return f"QSM, slice {z + 1}, {qsm_window_words()}"


def _flair_words(z: int) -> str:
    return f"FLAIR, slice {z + 1}"


def _save_dots(figure: Any, out: io.BytesIO, ending: str, dpi: int) -> None:
    """PNG or TIFF without transparency, which presses refuse."""
    from PIL import Image

    figure.canvas.draw()
    picture = Image.fromarray(np.ascontiguousarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]))
    how = {"compression": "tiff_lzw"} if ending == "tiff" else {}
    picture.save(out, format=ending, dpi=(dpi, dpi), **how)
