"""The deep veins of a case, found where a reader of thalami must look out for them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.annotation import find_veins
from thaliron_napari.case.case import Case

Box = tuple[slice, slice, slice]

REACH_MM = 25.0  # so far around the thalami
NEAR_MM = 10.0  # so far at least around what is drawn later
THALAMI_MM = (30.0, 34.0, 46.0)  # (z, y, x): what the thalami of both sides span together


@dataclass(frozen=True, eq=False)
class FoundVeins:
    """Veins and where they were looked for.

    Parameters
    ----------
    mask : bool array (z, y, x)
        On the QSM grid.
    box : tuple of slice
        Where they were looked for.
    unit : str
        Unit that the QSM was taken to have.
    """

    mask: NDArray[np.bool_]
    box: Box
    unit: str

    def hold_for(self, case: Case) -> bool:
        """Whether they are still those of a case: its unit is the same, and its thalami lie well within the box."""
        drawn = _drawn(case)
        if self.unit != case.unit:
            return False
        if drawn is None:
            return True
        needed = _around(drawn, NEAR_MM, case)
        return all(
            ours.start <= theirs.start and theirs.stop <= ours.stop
            for ours, theirs in zip(self.box, needed, strict=True)
        )


def find_case_veins(case: Case) -> FoundVeins:
    """Find the veins around the drawn thalami, or around the middle of the brain while nothing is drawn.

    Takes a second or more; any thread may do it.

    Raises
    ------
    CaseError
        When there is no QSM, or its unit is ambiguous.
    AnnotationError
        When there is no susceptibility where to look.
    """
    qsm = case.qsm_ppb
    unit = case.unit
    assert unit is not None
    drawn = _drawn(case)
    box = _around(drawn if drawn is not None else _middle(case), REACH_MM, case)
    within = np.zeros(qsm.shape, bool)
    within[box] = True
    return FoundVeins(find_veins(qsm, case.volume("qsm").spacing, within=within), box, unit)


def _drawn(case: Case) -> Box | None:
    """Bounding box of both thalami; None: nothing is drawn."""
    labels = case.annotations.label_map("thalami")
    slices = np.flatnonzero(labels.any(axis=(1, 2)))
    if not slices.size:
        return None
    along_z = slice(int(slices[0]), int(slices[-1]) + 1)
    flat = np.any(labels[along_z], axis=0)
    rows, columns = (np.flatnonzero(np.any(flat, axis=axis)) for axis in (1, 0))
    return along_z, slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _middle(case: Case) -> Box:
    """Where the thalami lie in most heads: about the middle of all that has a susceptibility."""
    qsm = case.volume("qsm")
    known = np.isfinite(qsm.data) & (qsm.data != 0)
    box = []
    for axis, span_mm in enumerate(THALAMI_MM):
        count = known.sum(axis=tuple(a for a in range(3) if a != axis))
        middle = int(np.searchsorted(np.cumsum(count), count.sum() / 2))
        half = int(np.ceil(span_mm / 2 / qsm.spacing[axis]))
        box.append(slice(max(middle - half, 0), min(middle + half + 1, known.shape[axis])))
    return box[0], box[1], box[2]


def _around(box: Box, margin_mm: float, case: Case) -> Box:
    """A box with a margin, within the grid."""
    grid = case.volume("qsm").grid
    wider = []
    for part, n, step in zip(box, grid.shape, grid.spacing, strict=True):
        pad = int(np.ceil(margin_mm / step))
        wider.append(slice(max(part.start - pad, 0), min(part.stop + pad, n)))
    return wider[0], wider[1], wider[2]
