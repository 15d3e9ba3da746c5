"""What of a case is segmented, and what it is called in DICOM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import SIDE_LABEL, SIDES, Case, Side
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.thalamus import proposed
from thaliron_napari.report.dicom import codes
from thaliron_napari.report.dicom.codes import Term
from thaliron_napari.report.pictures import CSF, LEFT, LESION, RIGHT

What = Literal["thalamus", "csf", "veins", "lesion"]
_VEIN_COLOUR = "#8C4DFF"


@dataclass(frozen=True, eq=False)
class Segment:
    """One segment: the voxels that bear a number in a label map, and its coded terms.

    Parameters
    ----------
    what : {"thalamus", "csf", "veins", "lesion"}
    name : str
        As a viewer lists it.
    labels : int array (z, y, x)
        Label map on the image's grid.
    label : int
        Its number there.
    category, kind, region : Term
        DICOM's segmented property category and type, and the anatomic region.
    colour : str
        ``#RRGGBB``.
    made : {"MANUAL", "SEMIAUTOMATIC", "AUTOMATIC"}
    algorithm : tuple of (str, Term)
        Name and family; of what is drawn by hand it is not written.
    side : {"left", "right"} or None
    """

    what: What
    name: str
    labels: NDArray[Any]
    label: int
    category: Term
    kind: Term
    region: Term
    colour: str
    made: Literal["MANUAL", "SEMIAUTOMATIC", "AUTOMATIC"]
    algorithm: tuple[str, Term]
    side: Side | None = None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Voxels (z, y, x)."""
        return np.asarray(self.labels == self.label)


def laterality(side: Side | None) -> Term | None:
    """The code of a side."""
    return None if side is None else {"left": codes.LEFT, "right": codes.RIGHT}[side]


def qsm_segments(case: Case) -> list[Segment]:
    """Thalami, CSF circles and veins that are there, on the QSM grid; a thalamus only proposed is left out."""
    thalami, csf = case.annotations.label_map("thalami"), csf_mask(case)
    segments = [
        Segment(
            "thalamus", f"{side.capitalize()} thalamus", thalami, SIDE_LABEL[side],
            codes.ANATOMICAL_STRUCTURE, codes.THALAMUS, codes.THALAMUS, {"left": LEFT, "right": RIGHT}[side],
            "SEMIAUTOMATIC", ("Contours by hand, filled between slices", codes.MANUAL_PROCESSING), side,
        )
        for side in SIDES if not proposed(case, side)
    ]  # fmt: skip
    segments += [
        Segment(
            "csf", f"{side.capitalize()} CSF ROI", csf, SIDE_LABEL[side],
            codes.BODY_SUBSTANCE, codes.CSF, codes.LATERAL_VENTRICLE, CSF,
            "MANUAL", ("Circle by hand", codes.MANUAL_PROCESSING), side,
        )
        for side in SIDES
    ]  # fmt: skip
    if "veins" in case.annotations.facts:
        veins = (case.annotations.maps["veins"] != 0).astype(np.uint8)
        algorithm = ("Veins by white top-hat", codes.MORPHOLOGICAL_OPERATIONS)
        segments.append(
            Segment(
                "veins", "Deep cerebral veins", veins, 1, codes.ANATOMICAL_STRUCTURE, codes.VEIN, codes.BRAIN,
                _VEIN_COLOUR, "AUTOMATIC", algorithm,
            )
        )  # fmt: skip
    return _with_voxels(segments)


def lesion_segments(case: Case) -> list[Segment]:
    """Each accepted lesion, on the FLAIR grid."""
    labels, algorithm = case.annotations.label_map("lesions"), ("Lesion grown from a seed", codes.NEIGHBORHOOD_ANALYSIS)
    return _with_voxels(
        [
            Segment(
                "lesion", f"Lesion {lesion.number}", labels, lesion.number, codes.ABNORMAL_STRUCTURE, codes.LESION,
                codes.BRAIN, LESION, "SEMIAUTOMATIC", algorithm,
            )
            for lesion in case.annotations.lesions() if lesion.state == "accepted"
        ]
    )  # fmt: skip


def _with_voxels(segments: Sequence[Segment]) -> list[Segment]:
    maps = {id(segment.labels): segment.labels for segment in segments}
    present = {key: set(np.flatnonzero(np.bincount(labels.ravel()))) for key, labels in maps.items()}
    return [segment for segment in segments if segment.label in present[id(segment.labels)]]
