"""In what unit a susceptibility map is."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SusceptibilityUnit = Literal["ppm", "ppb"]
PPB_PER: dict[SusceptibilityUnit, float] = {"ppm": 1000.0, "ppb": 1.0}

# Susceptibilities of a head run to some 0.3 ppm; a map whose robust range lies between these two could be either.
_SURELY_PPM_BELOW = 2.0
_SURELY_PPB_ABOVE = 20.0


def guess_unit(data: NDArray[np.float32]) -> SusceptibilityUnit | None:
    """Unit of a susceptibility map from its robust range, or None where it is ambiguous.

    Parameters
    ----------
    data : array
        The map as it stands in the file; zeros (outside the brain) do not count.
    """
    values = np.abs(data[data != 0])
    if values.size == 0:
        return None
    values = values[:: max(1, values.size // 200_000)]
    high = float(np.percentile(values, 99))
    if high < _SURELY_PPM_BELOW:
        return "ppm"
    return "ppb" if high > _SURELY_PPB_ABOVE else None


def unit_from_sidecar(image: Path) -> SusceptibilityUnit | None:
    """Unit that the BIDS sidecar beside an image states, or None."""
    name = image.name.removesuffix(".gz").removesuffix(".nii")
    try:
        stated = json.loads(image.with_name(f"{name}.json").read_text("utf-8"))["Units"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stated if stated in ("ppm", "ppb") else None
