"""The deep veins of a case: found where a reader of thalami must look out for them, recorded, and kept out."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.annotation import find_veins
from thaliron_napari.annotation.veins import CORE_PPB, LENGTH_MM
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Change, Edit, fact_change, voxel_change

Box = tuple[slice, slice, slice]

REACH_MM = 25.0  # so far around the thalami
NEAR_MM = 10.0  # so far at least around what is drawn later
THALAMI_MM = (30.0, 34.0, 46.0)  # (z, y, x): what the thalami of both sides span together


@dataclass(frozen=True)
class VeinSettings:
    """What counts as a vein, see :func:`thaliron_napari.annotation.find_veins`.

    Parameters
    ----------
    threshold_ppb : float
        So far above its surroundings a vein must rise somewhere.
    length_mm : float
        Shorter pieces are left out.
    margin_mm : float
        Added around them, against blooming.
    """

    threshold_ppb: float = CORE_PPB
    length_mm: float = LENGTH_MM
    margin_mm: float = 0.0


_USUAL = VeinSettings()


@dataclass(frozen=True, eq=False)
class FoundVeins:
    """Veins, and how they were looked for.

    Parameters
    ----------
    mask : bool array (z, y, x)
        On the QSM grid.
    box : tuple of slice
        Where they were looked for.
    unit : str
        Unit that the QSM was taken to have.
    settings : VeinSettings
    """

    mask: NDArray[np.bool_]
    box: Box
    unit: str
    settings: VeinSettings

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


def find_case_veins(case: Case, settings: VeinSettings = _USUAL) -> FoundVeins:
    """Find the veins around the drawn thalami, or around the middle of the brain while nothing is drawn.

    Takes a second or more; any thread may do it.

    Raises
    ------
    CaseError
        When there is no QSM, or its unit is ambiguous.
    AnnotationError
        When there is no susceptibility where to look, or a setting makes no sense.
    """
    qsm = case.qsm_ppb
    unit = case.unit
    assert unit is not None
    drawn = _drawn(case)
    box = _around(drawn if drawn is not None else _middle(case), REACH_MM, case)
    within = np.zeros(qsm.shape, bool)
    within[box] = True
    mask = find_veins(qsm, case.volume("qsm").spacing, within=within, **asdict(settings))
    return FoundVeins(mask, box, unit, settings)


def recorded_veins(case: Case) -> FoundVeins | None:
    """The veins that were cut, kept out or set by the reader; None: there are none."""
    fact = case.annotations.facts.get("veins")
    if fact is None:
        return None
    z, y, x = (slice(*ends) for ends in fact["box"])
    settings = VeinSettings(fact["threshold_ppb"], fact["length_mm"], fact["margin_mm"])
    return FoundVeins(case.annotations.maps["veins"] != 0, (z, y, x), fact["unit"], settings)


def record_veins(case: Case, found: FoundVeins) -> Edit:
    """Edit that makes veins those of the case: its files and its measurements have them as they are now."""
    fact = {**asdict(found.settings), "unit": found.unit, "box": [[part.start, part.stop] for part in found.box]}
    changes: tuple[Change, ...] = voxel_change(case.annotations, "veins", (0, 0, 0), found.mask)
    changes += fact_change(case.annotations, "veins", fact)
    chosen = found.settings
    margin = f", with a margin of {chosen.margin_mm:g} mm" if chosen.margin_mm else ""
    return Edit(f"find veins above {chosen.threshold_ppb:g} ppb, {chosen.length_mm:g} mm and longer{margin}", changes)


def keep_out(case: Case, found: FoundVeins) -> Edit:
    """Edit that keeps veins out of what is filled, nudged and painted from now on."""
    changes = record_veins(case, found).changes + fact_change(case.annotations, "keep_out", True)
    return Edit("keep the veins out", changes)


def let_in(case: Case) -> Edit:
    """Edit that lets the veins in again; what is drawn stays as it is."""
    return Edit("let the veins in", fact_change(case.annotations, "keep_out", None))


def keeps_out(case: Case) -> bool:
    """Whether the reader wants the veins kept out."""
    return "keep_out" in case.annotations.facts


def kept_out(case: Case) -> NDArray[np.bool_] | None:
    """Voxels (z, y, x) that nothing drawn may enter; None: there are none."""
    return case.annotations.maps["veins"] != 0 if keeps_out(case) else None


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
