"""Which colour stands for what in the label layers: small numbers, each with its colour."""

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from thaliron_napari.case import SIDE_LABEL, SIDES, Case
from thaliron_napari.viewer import colours

# Thalami: 1 left and 2 right on slices drawn by hand, 3 and 4 where they were filled between.
GENERATED = 2
SELECTED = 4
SUGGESTED = 3
_LESION_STATE = {"accepted": 1, "proposed": 2, "rejected": 3, "flagged": 5}

COLOURS: dict[str, dict[int, str]] = {
    "thalami": {1: colours.LEFT, 2: colours.RIGHT, 3: colours.paler(colours.LEFT), 4: colours.paler(colours.RIGHT)},
    "CSF": {1: colours.CSF, 2: colours.CSF, SUGGESTED: colours.paler(colours.CSF)},
    "lesions": {
        1: colours.LESION,
        2: colours.paler(colours.LESION),
        3: "#9999994D",
        5: colours.WARNING,
        SELECTED: colours.PEN,
    },
    "veins": {1: colours.VEIN},
}
"""Colour of each code by label layer."""


def colormap(codes: dict[int, str]) -> DirectLabelColormap:
    """Napari's colour map for some codes; all else is transparent."""
    return DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", **codes})


def thalamus_codes(case: Case, labels: NDArray[np.int32], z: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Codes of voxels of the thalami, each given as its label and its axial slice."""
    codes = labels.astype(np.uint8)
    for side in SIDES:
        codes[(labels == SIDE_LABEL[side]) & ~np.isin(z, case.annotations.keys(side))] += GENERATED
    return codes


def lesion_codes(case: Case, labels: NDArray[np.int32], selected: int | None) -> NDArray[np.uint8]:
    """Codes of voxels of lesions, each given as its label."""
    lesions = list(case.annotations.lesions())
    top = max([int(labels.max(initial=0)), *(lesion.number for lesion in lesions)], default=0)
    codes = np.zeros(top + 1, np.uint8)
    for lesion in lesions:
        codes[lesion.number] = _LESION_STATE[lesion.state]
    if selected is not None and selected <= top and codes[selected]:
        codes[selected] = SELECTED
    return codes[labels]
