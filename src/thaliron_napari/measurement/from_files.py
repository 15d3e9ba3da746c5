"""The record of a patient from image files and label maps, without a case."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case.bids import identify
from thaliron_napari.errors import MeasurementError
from thaliron_napari.imaging import Source, Volume, read_label_map, read_volume
from thaliron_napari.imaging.overlap import check_overlap
from thaliron_napari.imaging.units import to_ppb, unit_of_file
from thaliron_napari.measurement.morphometry import read_morphometry
from thaliron_napari.measurement.morphometry.of_case import CaseMorphometry
from thaliron_napari.measurement.record import Record, measure_lesion_map
from thaliron_napari.measurement.regions import Value, measure_thalami
from thaliron_napari.measurement.structures import Structure, measure_structures, read_names


def measure_files(
    *,
    qsm: Path | None = None,
    unit: str | None = None,
    flair: Path | None = None,
    thalami: Path | None = None,
    csf: Path | None = None,
    veins: Path | None = None,
    lesions: Path | None = None,
    freesurfer: Path | None = None,
    subject: str | None = None,
) -> tuple[Record, list[Source]]:
    """Measure what the files given allow.

    Parameters
    ----------
    qsm : Path, optional
        Susceptibility map.
    unit : str, optional
        Of the map, such as ``ppm`` (see :func:`parse_unit`); by default its sidecar's, else told from its values.
    flair : Path, optional
        The image on whose grid `lesions` must then lie.
    thalami, csf : Path, optional
        Label maps on the grid of `qsm`: 1 left, 2 right. CSF in which all is 1 is a mask that says no side.
    veins : Path, optional
        Mask on the grid of `qsm`: the thalami are measured with these left in and left out too.
    lesions : Path, optional
        Label map, one number a lesion.
    freesurfer : Path, optional
        Folder of a FreeSurfer or FastSurfer subject, or SynthSeg's table of volumes.
    subject : str, optional
        Whose row it is where SynthSeg's table has several.

    Returns
    -------
    record : Record
    sources : list of Source
        The image files that it came from.

    Raises
    ------
    MeasurementError
        When there is nothing to measure, or the unit of the map is ambiguous.
    ImageError, GridError
        When a file cannot be read, or a label map lies on another grid than its image.
    """
    if qsm is None and (thalami or csf):
        raise MeasurementError("Thalami and CSF are measured on a susceptibility map; give it too.")
    if not (thalami or csf or lesions or freesurfer):
        raise MeasurementError(
            "There is nothing to measure; give label maps of thalami, CSF or lesions, or FreeSurfer."
        )
    images = {path: read_volume(path) for path in (qsm, flair) if path is not None}
    check_overlap({path.name: volume for path, volume in images.items()})
    used: list[Volume] = list(images.values())
    values: dict[str, Value] = {}
    if qsm is not None and (thalami or csf):
        grid = images[qsm].grid
        inside = None if thalami is None else read_label_map(thalami, like=grid)
        reference = None if csf is None else read_label_map(csf, like=grid)
        blood = None if veins is None else read_label_map(veins, like=grid)
        used += [labels for labels in (inside, reference, blood) if labels is not None]
        unit = _unit(qsm, images[qsm], unit)
        ppb = to_ppb(images[qsm].data, unit)
        values |= measure_thalami(ppb, _data(inside), _sided(_data(reference)), grid, _data(blood))
    if lesions is not None:
        labels = read_label_map(lesions, like=None if flair is None else images[flair].grid)
        used.append(labels)
        values |= measure_lesion_map(None if flair is None else images[flair].data, labels.data, labels.grid)
    brain = CaseMorphometry() if freesurfer is None else CaseMorphometry((read_morphometry(freesurfer, subject),))
    values |= brain.values()
    if not (thalami or csf):
        unit = None
    record = Record(_name(qsm or flair or lesions, freesurfer), values, unit, brain.came_from())
    return record, [v.source for v in used if v.source is not None]


def measure_label_file(
    qsm: Path, labels: Path, *, csf: Path | None = None, names: Path | None = None, unit: str | None = None
) -> list[Structure]:
    """Measure each label of a map on a susceptibility map.

    Parameters
    ----------
    qsm : Path
    labels, csf : Path
        Label maps on the grid of `qsm`; what is above zero in `csf` is the reference.
    names : Path, optional
        Table of the labels' names; FreeSurfer's are known.
    unit : str, optional
        As in :func:`measure_files`, as the errors are.
    """
    volume = read_volume(qsm)
    inside = read_label_map(labels, like=volume.grid)
    reference = None if csf is None else read_label_map(csf, like=volume.grid).data
    ppb = to_ppb(volume.data, _unit(qsm, volume, unit))
    known = None if names is None else read_names(names)
    return measure_structures(ppb, inside.data, volume.grid, csf=reference, names=known)


def _unit(qsm: Path, volume: Volume, said: str | None) -> str:
    unit = said or unit_of_file(qsm, volume.data)
    if unit is None:
        raise MeasurementError(
            f"The unit of {qsm.name} cannot be told from its values; say whether it is ppm or ppb (--unit), or how "
            "it is scaled."
        )
    return unit


def _data(labels: Volume | None) -> NDArray[np.int32] | None:
    return None if labels is None else labels.data


def _sided(csf: NDArray[np.int32] | None) -> NDArray[np.int32] | None:
    return csf if csf is None or csf.max() != 1 else 3 * csf


def _name(image: Path | None, freesurfer: Path | None) -> str:
    """The name under which the case would be opened; that of FreeSurfer's folder where there is no image."""
    if image is None:
        assert freesurfer is not None
        return f"sub-{freesurfer.resolve().name.removeprefix('sub-')}"
    subject, session = identify(image)
    return f"sub-{subject}" + (f"_ses-{session}" if session else "")
