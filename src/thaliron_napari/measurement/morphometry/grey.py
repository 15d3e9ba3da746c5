"""What counts as grey matter: FreeSurfer's own definition of its measure TotalGray, in labels of its colour table."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError

# IsSubCorticalGray and ComputeBrainVolumeStats in FreeSurfer's cma.cpp: thalamus, caudate, putamen, pallidum,
# hippocampus, amygdala, accumbens, ventral diencephalon; neither brain stem nor white matter of the cerebellum.
SUBCORTICAL = (10, 49, 11, 50, 12, 51, 13, 52, 17, 53, 18, 54, 26, 58, 28, 60)
NIGRA = (27, 59)
"""Substantia nigra: grey too, but labelled apart from the ventral diencephalon by few programs."""
CEREBELLAR = (8, 47)
CORTEX = (3, 42)
# Parcels of cortex on the left and right: aparc and DKT, then aparc.a2009s.
_PARCELS = ((range(1000, 2000), range(11100, 11200)), (range(2000, 3000), range(12100, 12200)))

_GREY = np.zeros(13_000, bool)
_GREY[[*SUBCORTICAL, *NIGRA, *CEREBELLAR, *CORTEX]] = True
for _side in _PARCELS:
    for _labels in _side:
        _GREY[_labels.start : _labels.stop] = True


def grey_matter(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a label map of FreeSurfer, FastSurfer or SynthSeg has grey matter.

    Parameters
    ----------
    labels : int array (z, y, x)
        As in aseg, aparc+aseg, aparc.a2009s+aseg or their like.

    Returns
    -------
    bool array of that shape
        Cortex, subcortical grey matter and that of the cerebellum, as FreeSurfer's TotalGray has them.
    """
    mask: NDArray[np.bool_] = _GREY[np.clip(labels, 0, len(_GREY) - 1)]
    return mask


def total_grey(volumes: Mapping[int, float], cortex: float | None = None) -> float:
    """Total grey matter from the volumes of its parts.

    Parameters
    ----------
    volumes : mapping
        Volume by label.
    cortex : float, optional
        Volume of the cortex, where it stands elsewhere; by default from its label or its parcels.

    Raises
    ------
    MeasurementError
        In half a sentence, when a part is missing.
    """
    total = cortex or 0.0
    for whole, ranges in zip(CORTEX if cortex is None else (), _PARCELS, strict=False):
        parcels = [volume for label, volume in volumes.items() if any(label in labels for labels in ranges)]
        if whole not in volumes and not parcels:
            raise MeasurementError("the cortex of a side is missing")
        total += volumes.get(whole, 0.0) + sum(parcels)
    missing = [label for label in (*SUBCORTICAL, *CEREBELLAR) if label not in volumes]
    if missing:
        raise MeasurementError(f"a part of the grey matter is missing (label {missing[0]})")
    return total + sum(volumes.get(label, 0.0) for label in (*SUBCORTICAL, *NIGRA, *CEREBELLAR))
