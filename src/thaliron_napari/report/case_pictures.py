"""The pictures on the page of a case: its thalami, CSF circles and lesions, each with a key of its colours."""

import numpy as np

from thaliron_napari.case import SIDES, Case
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.thalamus import proposed
from thaliron_napari.report.pictures import (
    CSF,
    LESION,
    VEIN,
    Colour,
    Outline,
    Panel,
    crop,
    html_picture,
    montage,
)
from thaliron_napari.report.slices import (
    QSM_WINDOW_PPB,
    SIDE_COLOUR,
    brain_window,
    evenly,
    in_plane,
    lesions_in,
    qsm_window_words,
    showing_every,
    thalamus_outlines,
    used_slices,
    vein_outlines,
)

_MOST_SLICES = 12
_ON_LINES = "Lines run along the edges of the voxels that are measured. Scale bar 10 mm."

Key = list[tuple[Colour, str, bool]]


def thalamus_pictures(case: Case) -> str:
    """QSM slices with both thalami and the veins; nothing where nothing is drawn."""
    if "qsm" not in case.images:
        return ""
    labels = case.annotations.maps["thalami"]
    used = used_slices(labels)
    if not used:
        return ""
    keys = {z for side in SIDES for z in case.annotations.keys(side)}
    spacing = in_plane(case, "qsm")
    box = crop(labels.shape[1:], [np.any(labels, axis=0)], spacing, 14)
    shown = evenly(used, _MOST_SLICES)
    panels = [
        Panel(
            case.qsm_ppb[z][box],
            spacing,
            QSM_WINDOW_PPB,
            f"slice {z + 1}{', drawn' if z in keys else ''}",
            [*vein_outlines(case, z, box), *thalamus_outlines(case, z, box)],
        )
        for z in shown
    ]
    which = f"{len(shown)} of the {len(used)} slices" if len(shown) < len(used) else "all slices"
    caption = (
        f"QSM, {which} of the thalami from inferior to superior, {qsm_window_words()}. Those marked drawn were "
        f"drawn or corrected by hand, the others were filled between. {_ON_LINES}"
    )
    picture = montage(panels)
    key = [*_side_key(case), *_vein_key(case)]
    return "<h2>Thalami</h2>" + html_picture(
        picture, f"Axial QSM, {_slices(shown)}, with the thalami outlined", caption, key
    )


def csf_pictures(case: Case) -> str:
    """QSM around the CSF circles; nothing where there are none."""
    if "qsm" not in case.images:
        return ""
    mask, spacing = csf_mask(case), in_plane(case, "qsm")
    slices = used_slices(mask)
    if not slices:
        return ""
    box = crop(mask.shape[1:], [np.any(mask, axis=0)], spacing, 24)
    panels = [
        Panel(
            case.qsm_ppb[z][box],
            spacing,
            QSM_WINDOW_PPB,
            f"slice {z + 1}",
            [*vein_outlines(case, z, box), *thalamus_outlines(case, z, box), Outline(mask[z][box] > 0, CSF)],
        )
        for z in slices
    ]
    caption = f"QSM, every slice with a CSF circle, {qsm_window_words()}. {_ON_LINES}"
    picture = montage(panels, full_width=2)
    key: Key = [(CSF, "CSF circles", False), *_side_key(case), *_vein_key(case)]
    return "<h2>CSF</h2>" + html_picture(
        picture, f"Axial QSM, {_slices(slices)}, with the CSF circles outlined", caption, key
    )


def lesion_pictures(case: Case) -> str:
    """FLAIR slices that show every lesion that is not rejected; nothing where there are none."""
    if "flair" not in case.images:
        return ""
    labels = lesions_in(case, ("accepted", "proposed", "flagged"))
    if not labels.any():
        return ""
    flair, spacing = case.images["flair"], in_plane(case, "flair")
    states = {lesion.number: lesion.state for lesion in case.annotations.lesions()}
    slices = showing_every(labels, _MOST_SLICES)
    window = brain_window(flair.data)
    box = crop(labels.shape[1:], [flair.data[z] > 0.3 * window[1] for z in slices], spacing, 2)
    panels = []
    for z in slices:
        here = labels[z][box]
        outlines = [
            Outline(here == n, LESION, states[n] != "accepted", str(n)) for n in np.unique(here[here > 0]).tolist()
        ]
        panels.append(Panel(flair.data[z][box], spacing, window, f"slice {z + 1}", outlines))
    unseen = np.setdiff1d(labels[labels > 0], labels[slices])
    left_out = f" Lesions on none of these slices: {', '.join(map(str, unseen))}." if unseen.size else ""
    caption = f"FLAIR, as many slices as it takes to show each lesion, with its number.{left_out} {_ON_LINES}"
    key: Key = [(LESION, "lesion, accepted", False)]
    if set(states.values()) & {"proposed", "flagged"}:
        key.append((LESION, "proposed or flagged, not counted", True))
    columns = 2 if len(panels) <= 4 else 3 if len(panels) <= 9 else 4  # so that whole heads fit on a printed page
    picture = montage(panels, columns=(columns,))
    return "<h2>Lesions</h2>" + html_picture(
        picture, f"Axial FLAIR, {_slices(slices)}, with the lesions outlined", caption, key
    )


def _slices(slices: list[int]) -> str:
    return f"slice{'s' * (len(slices) > 1)} {', '.join(str(z + 1) for z in slices)}"


def _side_key(case: Case) -> Key:
    return [
        (SIDE_COLOUR[side], f"{side} thalamus{', proposed' if proposed(case, side) else ''}", proposed(case, side))
        for side in SIDES
    ]


def _vein_key(case: Case) -> Key:
    return [(VEIN, "veins", False)] if "veins" in case.annotations.facts else []
