"""What a program for brain morphometry found in one patient: each number with where it came from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Number:
    """One number of a result.

    Parameters
    ----------
    value : float or None
        None where it is missing.
    source : str
        Where it came from, as "stats/aseg.stats, Measure TotalGray"; of a missing one, why it is missing, as
        "stats/rh.aparc.stats is not there".
    """

    value: float | None
    source: str


@dataclass(frozen=True)
class Check:
    """Two ways to the same quantity, set beside each other.

    Parameters
    ----------
    words : str
        One sentence for the reader: what was compared, and by how much it differs.
    agrees : bool
    """

    words: str
    agrees: bool


@dataclass(frozen=True)
class Morphometry:
    """Volumes and thickness of one patient by one program.

    Parameters
    ----------
    program : str
        As "FreeSurfer 7.4.1", "FastSurfer 2.4.2", "SynthSeg 2.0", "ANTs 2.6.1".
    path : Path
        The subject's folder, or the file, that was read.
    numbers : dict
        By the names of `NUMBERS`; none is left out.
    """

    program: str
    path: Path
    numbers: dict[str, Number]


NUMBERS: dict[str, tuple[str, str]] = {
    "fs_thalamus_left_ml": ("Volume of the left thalamus by the program in column morphometry", "ml"),
    "fs_thalamus_right_ml": ("Volume of the right thalamus by the program in column morphometry", "ml"),
    "fs_thalamus_ml": ("Volume of both thalami by the program in column morphometry", "ml"),
    "gm_ml": ("Total grey matter volume by the program in column morphometry", "ml"),
    "thickness_mm": (
        "Mean cortical thickness by the program in column morphometry: each hemisphere's plain mean over the vertices "
        "of its cortex, hemispheres weighted by white surface area",
        "mm",
    ),
    "thickness_plain_mm": ("The same, hemispheres weighted alike", "mm"),
    "thickness_vertex_mm": (
        "Mean cortical thickness over the vertices of both hemispheres' cortex, each weighted by its white area",
        "mm",
    ),
    "etiv_ml": ("Estimated total intracranial volume by the program in column morphometry", "ml"),
}
"""Description and unit of each number."""

ANTS_NUMBERS: dict[str, tuple[str, str]] = {
    "ants_gm_ml": (
        "Total grey matter volume without FreeSurfer (N4 of ANTs, mixed voxels by share), not comparable with its own",
        "ml",
    ),
    "ants_thickness_mm": (
        "Mean cortical thickness without FreeSurfer (N4 and DiReCT of ANTs), not comparable with its own",
        "mm",
    ),
}
"""Description and unit of each number of our own way without FreeSurfer."""
