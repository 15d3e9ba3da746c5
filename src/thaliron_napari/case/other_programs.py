"""What other programs left of a patient among a dataset's derivatives: FreeSurfer, FastSurfer, SynthSeg."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from thaliron_napari.case.bids import dataset_root
from thaliron_napari.case.case import Case


def subject_folders(case: Case) -> Iterator[Path]:
    """Folders of this patient in each other program's part of the derivatives; that of this session comes first."""
    source = next((volume.source for volume in case.images.values() if volume.source is not None), None)
    root = None if source is None else dataset_root(source.path)
    if root is None:
        return
    try:
        tools = sorted((root / "derivatives").iterdir())
    except OSError:  # there are none, or none that this user may see
        return
    subjects = [f"sub-{case.subject}_ses-{case.session}"] if case.session else []
    for tool in tools:
        if tool.name.startswith("thaliron"):
            continue
        for subject in (*subjects, f"sub-{case.subject}", case.subject):
            if os.path.isdir(tool / subject):  # unlike Path's, false where it may not be looked at
                yield tool / subject


def files_like(case: Case, folder: Path, pattern: str) -> Iterator[Path]:
    """Files of this case's session in a folder of :func:`subject_folders`, by a pattern; below ``anat`` too."""
    for way in ("", "anat/", "ses-*/anat/"):
        for path in sorted(folder.glob(f"{way}{pattern}")):
            sessions = set(re.findall(r"ses-([0-9A-Za-z]+)", path.relative_to(folder.parent).as_posix()))
            if not (case.session and sessions - {case.session}):
                yield path
