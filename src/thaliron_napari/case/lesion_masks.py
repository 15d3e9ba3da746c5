"""Another program's lesions as proposals: a mask, a map of probabilities, or a label map (LST-AI, SAMSEG, nnU-Net)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.case.case import Case
from thaliron_napari.case.placing import between, image_of
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Volume, read_volume, resample

_BRAIN = (2, 41)  # white matter of either side in FreeSurfer's colour table: a map of the whole brain
_LESION_IN_BRAIN = (99, 77)  # SAMSEG's lesions, else white matter hypointensities
_FEWEST_VOXELS = 3
_CORNERS = np.ones((3, 3, 3), bool)


def mask_as_proposals(case: Case, path: Path) -> NDArray[np.int32]:
    """Lesions of another program's file on the FLAIR grid, one number each, to be proposed.

    The file lies on one of the case's images, or in the world of the T1 (else FLAIR) that it was made from; that
    image's registration brings it onto the FLAIR, where it is cut at one half. A map with several numbers keeps
    them; of a map of the whole brain the lesions are taken; all else is split into pieces that hang together by
    corners, of which those of fewer than three voxels are left out.

    Raises
    ------
    CaseError
        When the file holds no lesions, they do not lie on the FLAIR, or the case has none.
    ImageError
        When the file cannot be read.
    """
    flair, found = case.volume("flair"), read_volume(path)
    role = image_of(case, found.grid, roles=("flair", "t1", "qsm"))
    way = between(case, "flair", role)
    share, numbers = _share(found, path.name)
    inside = resample(Volume(share, found.grid), flair.grid, way) >= 0.5
    if not inside.any():
        raise CaseError(f"No lesion of {path.name} lies on the FLAIR; choose this patient's file.")
    if numbers is not None:
        return _numbered(inside, resample(Volume(numbers, found.grid), flair.grid, way, order=0))
    labels, _ = ndimage.label(inside, _CORNERS, output=np.int32)
    large = np.flatnonzero(np.bincount(labels.ravel()) >= _FEWEST_VOXELS)
    large = large[large > 0]
    if not large.size:
        raise CaseError(f"{path.name} holds no lesion of {_FEWEST_VOXELS} voxels of the FLAIR; click them instead.")
    renamed = np.zeros(int(labels.max()) + 1, np.int32)
    renamed[large] = np.arange(1, large.size + 1)
    return np.asarray(renamed[labels])


def _share(found: Volume, name: str) -> tuple[NDArray[np.float32], NDArray[np.int32] | None]:
    """How much of each voxel is lesion, 0 to 1; and the lesions' numbers, where there are several."""
    data: NDArray[Any] = found.data
    if data.min() < 0 or not (data == np.floor(data)).all():
        if data.min() < 0 or data.max() > 1:
            raise CaseError(f"{name} is no lesion mask: it holds values other than whole numbers or shares of 0 to 1.")
        if data.max() < 0.5:
            raise CaseError(f"{name} holds no lesions: no voxel reaches a probability of one half.")
        return data, None
    numbers = data.astype(np.int32)
    present = np.unique(numbers[numbers > 0]).tolist()
    if set(_BRAIN) <= set(present):
        present = [number for number in _LESION_IN_BRAIN if number in present][:1]
        numbers = np.where(np.isin(numbers, present), numbers, 0)
    if not present:
        raise CaseError(f"{name} holds no lesions; choose another file.")
    return (numbers > 0).astype(np.float32), numbers if len(present) > 1 else None


def _numbered(inside: NDArray[np.bool_], numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Numbers of all voxels inside; where the nearest voxel of the map bore none, that of a neighbour."""
    labels = np.where(inside, numbers, 0).astype(np.int32)
    for z, y, x in np.argwhere(inside & (numbers == 0)).tolist():
        around = tuple(slice(max(i - 1, 0), i + 2) for i in (z, y, x))
        labels[z, y, x] = numbers[around].max()  # interpolation reaches no further than the next voxel
    return labels
