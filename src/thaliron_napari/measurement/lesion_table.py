"""The lesions of a case as a table: one row a lesion, the same in the window, in the files and in the report."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from thaliron_napari.annotation import Enhancement, Place
from thaliron_napari.case import Case
from thaliron_napari.case.annotations import Lesion
from thaliron_napari.case.files import describe_dataset, writing_to
from thaliron_napari.case.lesion_places import known_places, places
from thaliron_napari.case.lesion_uptake import can_measure, known_uptakes, uptakes
from thaliron_napari.errors import AnnotationError
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.measurement.dictionary import as_dictionary
from thaliron_napari.measurement.lesions import LesionMeasure, measure_lesions

Cell = str | int | float | None

_RUNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""

LESION_COLUMNS: dict[str, tuple[str, str]] = {
    "number": ("Number of the lesion, its label in the label map", ""),
    "ml": ("Volume", "ml"),
    "r_mm": ("Centroid, from left to the patient's right (RAS+)", "mm"),
    "a_mm": ("Centroid, from posterior to anterior", "mm"),
    "s_mm": ("Centroid, from inferior to superior", "mm"),
    "mean_flair": ("Mean FLAIR signal", "arbitrary"),
    "slices": ("Axial slices on which it is", "slices"),
    "state": ("The reader's word: accepted, proposed, rejected or flagged; only accepted lesions count", ""),
    "place": ("periventricular, juxtacortical, infratentorial or deep white matter", ""),
    "gap_mm": ("Gap to what the place speaks of: ventricles or cortex; in the deep, to the nearer of both", "mm"),
    "place_estimated": ("1 where ventricles or cortex were guessed from the FLAIR, 0 where they were segmented", "1"),
    "uptake": (
        "T1 signal after over before gadolinium, in that of normal white matter: 95th percentile in the lesion",
        "ratio",
    ),
    "uptake_suggests": ("Whether the uptake suggests that it enhances: 1 yes, 0 no", "1"),
    "enhancing": ("The reader's word on whether it enhances: 1 yes, 0 no", "1"),
    "grown_on": ("Image on which it was grown: flair or t1ce", ""),
    "source": ("Where it came from: click, detector, or the name of another program's file", ""),
    "note": ("The reader's note", ""),
}
"""Description and unit of each column."""


@dataclass(frozen=True)
class LesionRow:
    """What is known of one lesion; None where it is not."""

    lesion: Lesion
    measure: LesionMeasure | None
    place: Place | None
    uptake: Enhancement | None


def lesion_rows(case: Case, *, wait: bool = True) -> list[LesionRow]:
    """All lesions of the list, by number.

    Parameters
    ----------
    case : Case
    wait : bool
        Whether to find places and uptake where they are not known yet, which takes seconds once.

    Raises
    ------
    CaseError
        When there is no FLAIR.
    """
    flair = case.volume("flair")
    listed = list(case.annotations.lesions())
    if not listed:
        return []
    measures = {m.number: m for m in measure_lesions(flair.data, case.annotations.maps["lesions"], flair.grid)}
    place, uptake = (_places(case), _uptakes(case)) if wait else (known_places(case), known_uptakes(case))
    return [LesionRow(k, measures.get(k.number), place.get(k.number), uptake.get(k.number)) for k in listed]


def as_cells(row: LesionRow) -> dict[str, Cell]:
    """A row by the names of `LESION_COLUMNS`; None is missing."""
    lesion, measure, place, uptake = row.lesion, row.measure, row.place, row.uptake
    r, a, s = measure.centre_mm if measure else (None, None, None)
    return {
        "number": lesion.number,
        "ml": measure.ml if measure else 0.0,
        "r_mm": r,
        "a_mm": a,
        "s_mm": s,
        "mean_flair": measure.mean if measure else None,
        "slices": measure.slices if measure else 0,
        "state": lesion.state,
        "place": place.name if place else None,
        "gap_mm": place.distance_mm if place and place.distance_mm < float("inf") else None,
        "place_estimated": int(place.estimated) if place else None,
        "uptake": uptake.ratio if uptake else None,
        "uptake_suggests": int(uptake.enhancing) if uptake else None,
        "enhancing": None if lesion.enhancing is None else int(lesion.enhancing),
        "grown_on": lesion.on,
        "source": lesion.source or None,
        "note": " ".join(lesion.note.split()) or None,
    }


def write_lesions(case: Case) -> Path:
    """Write the table into the case's folder as TSV, with what its columns mean in a JSON beside it.

    Raises
    ------
    CaseError
        When there is no FLAIR, or the folder cannot be written to.
    """
    assert case.folder is not None, "a case in memory has no files"
    rows = [as_cells(row) for row in lesion_rows(case)]
    lines = ["\t".join(LESION_COLUMNS), *("\t".join(_written(row.values())) for row in rows)]
    path = case.folder / f"{case.stem}_desc-lesions.tsv"
    with writing_to(case):
        replace_file(path, lambda beside: beside.write_text("\n".join(lines) + "\n", "utf-8"))
        text = json.dumps(as_dictionary(LESION_COLUMNS), indent=2) + "\n"
        replace_file(path.with_suffix(".json"), lambda beside: beside.write_text(text, "utf-8"))
    describe_dataset(case)
    return path


def _written(cells: Iterable[Cell]) -> list[str]:
    """Cells as text: no tab ends one early, and no spreadsheet takes one for a formula."""
    written = []
    for cell in cells:
        if isinstance(cell, str):
            words = " ".join(cell.split())
            written.append(f"'{words}" if words.startswith(_RUNS) else words)
        elif cell is None:
            written.append("n/a")
        else:
            written.append(f"{cell:.4f}" if isinstance(cell, float) else str(cell))
    return written


def _places(case: Case) -> dict[int, Place]:
    try:
        return places(case)
    except AnnotationError:
        return {}  # no brain on this FLAIR: what cannot be said is missing


def _uptakes(case: Case) -> dict[int, Enhancement]:
    try:
        return uptakes(case) if can_measure(case) else {}
    except AnnotationError:
        return {}
