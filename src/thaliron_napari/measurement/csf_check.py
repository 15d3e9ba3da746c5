"""What speaks against the CSF circles of a case: the check needs a second once, and then no time."""

from threading import Lock
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case import SIDES, Case
from thaliron_napari.case.on_qsm import flair_on_qsm
from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.csf_quality import CsfLimits, csf_limits, csf_remarks


class _Known(NamedTuple):
    stamp: tuple[str | None, bytes]
    limits: CsfLimits | None
    flair: NDArray[np.float32] | None


_found: WeakKeyDictionary[Case, _Known] = WeakKeyDictionary()
_finding = Lock()


def prepare_check(case: Case) -> None:
    """Find the map's noise and what CSF may look like on it, so that the check does not wait for it.

    Raises
    ------
    CaseError
        When there is no QSM, or its unit is ambiguous.
    """
    with _finding:  # the window and the files may both ask first
        if not is_known(case):
            flair = flair_on_qsm(case)
            try:
                limits = csf_limits(case.qsm_ppb, case.volume("qsm").spacing, flair)
            except MeasurementError:
                limits = None  # too little of a brain to tell
            _found[case] = _Known(_stamp(case), limits, flair)


def check_circles(case: Case, *, wait: bool = True) -> list[str]:
    """What speaks against the circles, one sentence each.

    Parameters
    ----------
    case : Case
    wait : bool
        Whether to find what the check needs where it is not known yet; without it nothing is said then.

    Raises
    ------
    CaseError
        When there is no QSM, or its unit is ambiguous.
    """
    if wait:
        prepare_check(case)
    circles = {side: case.annotations.csf_circles(side) for side in SIDES}
    if not is_known(case) or not any(circles.values()):
        return []
    known = _found[case]
    if known.limits is None:
        return []
    return csf_remarks(case.qsm_ppb, case.volume("qsm").spacing, circles, known.limits, known.flair)


def is_known(case: Case) -> bool:
    """Whether :func:`check_circles` need not wait."""
    return case in _found and _found[case].stamp == _stamp(case)


def _stamp(case: Case) -> tuple[str | None, bytes]:
    return case.unit, case.annotations.registration("qsm").tobytes()
