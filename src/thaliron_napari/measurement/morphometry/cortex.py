"""Which grey matter of a T1 is the cerebrum's cortex, by simple rules of place."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from thaliron_napari.annotation.brain import distance_to, outer_fluid

_FROM_SURFACE_MM = 4.0  # cortex is 4.5 mm thick at most, and DiReCT writes its thickness all through it
_LOW, _BACK = 0.32, 0.45  # of the brain's height and length: there the cerebellum and the brain stem lie
GREY, WHITE = 2, 3


def cortical_grey(labels: NDArray[Any], spacing: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Grey matter within 4 mm of the outer CSF, and not in the lower back of the head.

    Deep grey matter, and the rim of mixed voxels round the ventricles, lie further from the CSF outside the brain;
    the lowest third of the brain's height behind the middle of its length is taken for cerebellum and brain stem.
    With that go the lowest parts of the occipital and the back of the temporal lobes, whose cortex is like the rest.

    Parameters
    ----------
    labels : array (z, y, x)
        1 CSF, 2 grey, 3 white matter, 0 outside the brain; z to Superior, y to Posterior.
    spacing : array of three
        (z, y, x) in mm.

    Returns
    -------
    bool array (z, y, x)
    """
    brain = labels > 0
    if not brain.any():
        return np.zeros(labels.shape, bool)
    tissue = labels >= GREY
    cortex = (labels == GREY) & (distance_to(outer_fluid(brain, tissue, spacing), spacing) <= _FROM_SURFACE_MM)
    z, y, _ = ndimage.find_objects(brain.astype(np.uint8))[0]
    low = z.start + round(_LOW * (z.stop - z.start))
    back = y.stop - round(_BACK * (y.stop - y.start))
    cortex[:low, back:] = False
    return np.asarray(cortex)
