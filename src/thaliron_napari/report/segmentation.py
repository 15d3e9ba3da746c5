"""FreeSurfer's label maps in pictures: the colours readers know, on any grid of a case."""

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import ROLE_NAME, Case, Role
from thaliron_napari.case.morphometry import label_map_of, result_of, surfaces_of
from thaliron_napari.case.placing import between, image_of
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import read_label_map, resample
from thaliron_napari.measurement.morphometry import SurfaceSlices, read_surface, slices_of_surface

Rgb = tuple[int, int, int]

GREY_MATTER = "#56b4e9"
SURFACE_COLOUR = {"pial": "#ff3030", "white": "#f0e442"}
"""As FreeSurfer's own viewers have them: pial red, white yellow."""

# The colours of FreeSurfer's table for what both sides have, by the label on the left and on the right.
_PAIRS: dict[tuple[int, int], Rgb] = {
    (2, 41): (245, 245, 245),  # cerebral white matter
    (3, 42): (205, 62, 78),  # cerebral cortex
    (4, 43): (120, 18, 134),  # lateral ventricle
    (5, 44): (196, 58, 250),  # its inferior horn
    (7, 46): (220, 248, 164),  # cerebellar white matter
    (8, 47): (230, 148, 34),  # cerebellar cortex
    (10, 49): (0, 118, 14),  # thalamus
    (11, 50): (122, 186, 220),  # caudate
    (12, 51): (236, 13, 176),  # putamen
    (13, 52): (12, 48, 255),  # pallidum
    (17, 53): (220, 216, 20),  # hippocampus
    (18, 54): (103, 255, 255),  # amygdala
    (26, 58): (255, 165, 0),  # accumbens
    (28, 60): (165, 42, 42),  # ventral diencephalon
    (30, 62): (160, 32, 240),  # vessel
    (31, 63): (0, 200, 221),  # choroid plexus
}
_SINGLE: dict[int, Rgb] = {
    14: (204, 182, 142),  # third ventricle
    15: (42, 204, 164),  # fourth ventricle
    16: (119, 159, 176),  # brain stem
    24: (60, 60, 60),  # CSF
    72: (120, 190, 150),  # fifth ventricle
    77: (200, 70, 255),  # dark white matter
    85: (234, 169, 30),  # optic chiasm
    **{number: (0, 0, 64 + 40 * (number - 251)) for number in range(251, 256)},  # corpus callosum
}
_KNOWN = {number: rgb for pair, rgb in _PAIRS.items() for number in pair} | _SINGLE
_GOLDEN = 0.618034  # turns of hue from one parcel of cortex to the next, so that neighbours differ


def label_colour(label: int) -> Rgb:
    """Colour (0 to 255) of a label of FreeSurfer's table; parcels of cortex, and what is unknown, each get their own.

    A parcel has one colour on both sides: its number is counted from 1000 on the left and from 2000 on the right.
    """
    if label in _KNOWN:
        return _KNOWN[label]
    red, green, blue = colorsys.hsv_to_rgb((label % 1000) * _GOLDEN % 1, 0.55, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def label_hex(label: int) -> str:
    """The same as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*label_colour(label))


@dataclass(frozen=True, eq=False)
class Segmented:
    """A patient's segmentation and surfaces on the grid of one of the case's images.

    Parameters
    ----------
    case : Case
    role : {"qsm", "flair", "t1", ...}
        The image.
    labels : int array (z, y, x)
        On its grid.
    surfaces : dict
        Pial and white surfaces, as "lh.pial", on its grid.
    """

    case: Case
    role: Role
    labels: NDArray[np.int32]
    surfaces: dict[str, SurfaceSlices]


def segmented(case: Case, role: Role) -> Segmented:
    """Bring the segmentation and the surfaces of a case onto one of its images, each voxel to the nearest label.

    They lie in the world of the T1 (else the FLAIR, else the QSM), unless the label map has the voxels of another
    image. Takes seconds; any thread may ask.

    Raises
    ------
    CaseError
        When the case has no label map, or it does not lie on the image.
    ImageError, MeasurementError
        When a file cannot be read.
    """
    result = result_of(case)
    path = None if result is None else label_map_of(result)
    if result is None or path is None:
        raise CaseError(f"There is no segmentation of {case.name}; choose a result in the step Morphometry.")
    labels, grid = read_label_map(path), case.volume(role).grid
    theirs = image_of(case, labels.grid)
    here: NDArray[np.int32] = resample(labels, grid, between(case, role, theirs), order=0)
    if not here.any():
        raise CaseError(f"No label of {path.name} lies on the {ROLE_NAME[role]}; choose this patient's result.")
    to_grid = between(case, theirs, role)
    surfaces = {
        name: slices_of_surface(read_surface(path), grid, to_grid) for name, path in surfaces_of(result).items()
    }
    return Segmented(case, role, here, surfaces)
