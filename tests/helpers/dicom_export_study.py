"""A small study in DICOM, imported and read: what the export of a case is tested on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dicom_files import Made, write_classic, write_enhanced

from thaliron_napari.case import Case, CsfCircle, lesions, open_case, thalamus
from thaliron_napari.case.csf import place_circle
from thaliron_napari.case.veins import FoundVeins, VeinSettings, record_veins
from thaliron_napari.imaging import SeriesRole, find_series, import_series

QSM = Made(
    "QSM", 4, shape=(40, 44, 14), spacing=(1.5, 1.25, 2.5), corner=(-31.0, -28.0, -17.0), tilt_deg=(9, -4, 6),
    tags={"RescaleType": "ppb"},
)  # fmt: skip
FLAIR = Made(
    "t2_space_flair", 5, plane="sagittal", shape=(38, 36, 30), spacing=(1.5, 1.6, 2.0), corner=(-29.0, -30.0, 27.0),
    tilt_deg=(-3, 2, 5), tags={"InversionTime": 1800.0, "RepetitionTime": 5000.0, "EchoTime": 390.0},
)  # fmt: skip


@dataclass(frozen=True)
class Study:
    """DICOM files and the case that was imported from them and read."""

    dicom: Path
    case: Case


def make_study(
    folder: Path, *, enhanced: bool = False, qsm: Made = QSM, flair: Made = FLAIR, read: bool = True
) -> Study:
    """Write, import and read a study."""
    write = write_enhanced if enhanced else write_classic
    chosen: dict[SeriesRole, object] = {}
    for role, made in (("qsm", qsm), ("flair", flair)):
        write(folder / "dicom" / role, made)
        chosen[role] = next(one for one in find_series(folder / "dicom" / role) if one.kind == "magnitude")
    imported = import_series(chosen, folder / "nifti")
    assert not imported.failed
    case = open_case([imported.folder], in_memory=True, reader="Müller, Ada")
    if read:
        read_case(case)
    return Study(folder / "dicom", case)


def read_case(case: Case) -> None:
    """Draw thalami of two shapes, both circles, veins that run into one, and four lesions, one of them rejected."""
    shape = case.volume("qsm").grid.shape
    z, y, x = np.indices(shape)
    for side, centre in (("left", 29), ("right", 12)):
        mask = ((x - centre) / 5) ** 2 + ((y - 20) / 8) ** 2 + ((z - 7) / (4 if side == "left" else 3)) ** 2 < 1
        for k in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
            case.apply(thalamus.set_contour(case, side, k, mask[k], "draw"))
    for side, column in (("left", 26), ("right", 14)):
        case.apply(place_circle(case, side, CsfCircle((9, 36.0, float(column)), 4.0)))
    veins = (abs(x - 26) < 2) & (abs(y - 15) < 2)
    box = tuple(slice(0, n) for n in shape)
    case.apply(record_veins(case, FoundVeins(veins, box, "ppb", VeinSettings())))
    if "flair" not in case.images:
        return
    labels = np.zeros(case.volume("flair").grid.shape, np.int32)
    labels[3:6, 10:14, 10:15], labels[6:9, 10:14, 10:13] = 1, 2  # these two touch
    labels[20:22, 20:25, 8:10], labels[25:27, 9:12, 20:24] = 3, 4
    case.apply(lesions.propose(case, labels, "detector"))
    for number, state in ((1, "accepted"), (2, "accepted"), (3, "rejected"), (4, "accepted")):
        case.apply(lesions.set_state(case, number, state))
