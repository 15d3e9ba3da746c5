"""The morphometry of a case as values of its record."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from thaliron_napari.case import Case
from thaliron_napari.case.morphometry import (
    CHECKED,
    TAKEN,
    ants_result_path,
    checked_by,
    find_results,
    is_as_checked,
    result_of,
)
from thaliron_napari.errors import ThalIronError
from thaliron_napari.measurement.morphometry.from_t1 import read_ants_result
from thaliron_napari.measurement.morphometry.numbers import Morphometry
from thaliron_napari.measurement.morphometry.reading import read_morphometry
from thaliron_napari.measurement.regions import Value


@dataclass(frozen=True)
class CaseMorphometry:
    """What there is of one case.

    Parameters
    ----------
    results : tuple of Morphometry
        Of FreeSurfer or its kin, then of our own way without it; each where it is there.
    refused : str
        Why the result that is there cannot be read; mostly empty.
    checked_by : str or None
        Who checked by eye what is there now.
    is_as_checked : bool
        Whether the files are those that were checked, where any were.
    """

    results: tuple[Morphometry, ...] = ()
    refused: str = ""
    checked_by: str | None = None
    is_as_checked: bool = True

    def values(self) -> dict[str, Value]:
        """Values of the record; none where there is no result."""
        values: dict[str, Value] = {}
        for result in self.results:
            if "gm_ml" in result.numbers:  # those of our own way say the method in their names
                values["morphometry"] = result.program
            values |= {name: number.value for name, number in result.numbers.items()}
        if values:
            values["morphometry_checked_by"] = self.checked_by
        return values

    def came_from(self) -> dict[str, str]:
        """Where each value came from, or why it is missing."""
        return {
            name: f"{result.program}: {number.source}"
            for result in self.results
            for name, number in result.numbers.items()
        }


_seen: WeakKeyDictionary[Case, tuple[object, CaseMorphometry]] = WeakKeyDictionary()


def morphometry_of_case(case: Case, *, again: bool = False) -> CaseMorphometry:
    """What another program, or our own way without one, found in this patient.

    Files are read the first time, when the reader takes another result or marks it as checked, and when `again` says
    so: live numbers come after each stroke, and the files may lie on a network.
    """
    said = (case.annotations.facts.get(TAKEN), case.annotations.facts.get(CHECKED))
    known = _seen.get(case)
    if again or known is None or known[0] != said:
        if again:
            find_results(case)
        known = said, _look(case)
        _seen[case] = known
    return known[1]


def _read(case: Case, path: Path) -> Morphometry:
    """A result that lies among this patient's, or was taken for it: its only row, whatever the scan was called."""
    try:
        return read_morphometry(path, case.stem)
    except ThalIronError as error:
        try:
            return read_morphometry(path)
        except ThalIronError:
            raise error from None


def _look(case: Case) -> CaseMorphometry:
    results, refused = [], ""
    path, own = result_of(case), ants_result_path(case)
    ways: list[tuple[Callable[[Path], Morphometry], Path]] = []
    if path is not None:
        ways.append((partial(_read, case), path))
    if own is not None and os.path.exists(own):
        ways.append((read_ants_result, own))
    for read, where in ways:
        try:
            results.append(read(where))
        except ThalIronError as error:
            refused = str(error)
    return CaseMorphometry(tuple(results), refused, checked_by(case), is_as_checked(case))
