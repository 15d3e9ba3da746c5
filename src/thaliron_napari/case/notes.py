"""The reader's note on a case, in words of their own."""

from thaliron_napari.case.annotations import Annotations
from thaliron_napari.case.case import Case
from thaliron_napari.case.edits import Edit, fact_change

_FACT = "note"


def note(annotations: Annotations) -> str:
    """The note; empty where there is none."""
    return str(annotations.facts.get(_FACT, ""))


def set_note(case: Case, text: str) -> Edit:
    """Edit that makes `text` the note on the case; an empty one removes it."""
    said = text.strip()
    return Edit("write the note" if said else "remove the note", fact_change(case.annotations, _FACT, said or None))
