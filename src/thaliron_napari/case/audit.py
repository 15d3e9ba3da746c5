"""Who did what when, from a case's journal; and whether the files that lie there are what it leads to."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thaliron_napari.case.case import Case
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.files import MAPS, map_stem
from thaliron_napari.case.journal import Journal
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import read_label_map


@dataclass(frozen=True)
class Entry:
    """One line of the audit trail.

    Parameters
    ----------
    time : str
        UTC, ISO 8601; empty where the journal does not say.
    reader : str
    words : str
        What was done.
    """

    time: str
    reader: str
    words: str


def read_log(journal: Path) -> Iterator[Entry]:
    """What was done to a case, in order; what was taken back is there too.

    Raises
    ------
    CaseError
        When there is no journal, or it cannot be read; at the end, when it is damaged from some line on.
    """
    if not journal.exists():
        raise CaseError(f"There is no journal {journal}; nothing was drawn in this case by this reader.")
    lines = Journal(journal, {}, "")
    reader = ""
    for number in range(len(lines)):
        line = lines[number]
        if "open" in line:
            about = line["open"]
            reader = about["reader"]
            yield Entry(about["time"], reader, f"open on {about['host']} with version {about['program']}")
        elif "close" in line:
            yield Entry(line["close"]["time"], reader, "close")
        elif "do" in line:
            yield Entry(line["do"]["time"], line["do"]["reader"], line["do"]["words"])
        for verb in ("undo", "redo"):
            if verb in line:
                yield Entry(line.get("time", ""), line.get("reader", ""), f"{verb}: {line[verb]}")
    if lines.damage is not None:
        raise CaseError(f"{journal} is damaged in line {lines.damage.line}; what follows cannot be trusted.")


def check_files(case: Case) -> dict[str, bool]:
    """Whether each saved label map is, voxel for voxel, what the journal leads to; only those that there are.

    Returns
    -------
    dict
        By the file's name.
    """
    assert case.folder is not None, "a case in memory has no files"
    same = {}
    for name, (role, _ending) in MAPS.items():
        path = case.folder / f"{map_stem(case, name)}.nii.gz"
        if role in case.images and path.exists():
            drawn = csf_mask(case) if name == "csf" else case.annotations.maps[name]
            saved = read_label_map(path, like=case.images[role].grid)
            same[path.name] = bool(np.array_equal(saved.data, drawn))
    return same
