"""Where candidate lesions of a case lie."""

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.annotation import propose_lesions
from thaliron_napari.case.case import Case
from thaliron_napari.case.on_flair import fits, on_flair


def find_proposals(case: Case) -> NDArray[np.int32]:
    """Candidate lesions on the FLAIR grid, one number each; with the T1 where it is registered. Takes seconds.

    Raises
    ------
    CaseError
        When there is no FLAIR.
    AnnotationError
        When no brain is found on it.
    """
    flair = case.volume("flair")
    t1 = on_flair(case, "t1") if fits(case, "t1") else None
    return propose_lesions(flair.data, flair.spacing, tissue=case.normal_tissue, t1=t1)
