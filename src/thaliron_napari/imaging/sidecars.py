"""The JSON beside an image, and what it inherits from the folders above.

Reference
---------
Brain Imaging Data Structure 1.10, the inheritance principle: a JSON file holds for each image in its folder and below
that has its suffix and all its entities; what lies nearer to the image overrides what lies further.
"""

import json
import os
from pathlib import Path
from typing import Any

_SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh")
_MOST_BYTES = 2**24  # a sidecar has some kilobytes
_ROOT = "dataset_description.json"


def read_sidecar(image: Path) -> dict[str, Any]:
    """What is said of an image in JSON.

    Parameters
    ----------
    image : Path
        An image file; of one without BIDS' names only the JSON file beside it counts.

    Returns
    -------
    dict
        By BIDS' key, as it stands there, not checked. Files that are missing, damaged or too large say nothing.
    """
    image = Path(os.path.abspath(image))
    said: dict[str, Any] = {}
    for file in sidecars_of(image):
        said |= _read(file)
    return said


def sidecars_of(image: Path) -> list[Path]:
    """JSON files that hold for an image, the one beside it last."""
    stem = _stem(image.name)
    own = image.with_name(f"{stem}.json")
    wanted = _entities(stem)
    found: list[Path] = []
    for folder in _folders(image) if wanted is not None else []:
        try:
            names = [name for name in os.listdir(folder) if name.endswith(".json") and name != _ROOT]
        except OSError:
            continue
        here = [(name, _entities(name.removesuffix(".json"))) for name in names]
        fitting = [(len(parts), name) for name, parts in here if parts is not None and wanted and parts <= wanted]
        found += [folder / name for _, name in sorted(fitting)]
    return [file for file in found if file != own] + [own]


def _stem(name: str) -> str:
    """A file's name without its suffix."""
    ending = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)]


def _entities(stem: str) -> set[tuple[str, str]] | None:
    """Entities of a name, and its suffix as one more; None where it is not written as BIDS says."""
    *pairs, suffix = stem.split("_")
    parts = {("", suffix)}
    for pair in pairs:
        key, dash, label = pair.partition("-")
        if not (key.isalnum() and dash and label):
            return None
        parts.add((key, label))
    return parts if suffix.isalnum() else None


def _folders(image: Path) -> list[Path]:
    """Folders from the dataset's root to an image's own; the latter alone where it lies in no dataset."""
    above = [image.parent, *image.parent.parents]
    for n, folder in enumerate(above):
        if folder.joinpath(_ROOT).is_file() or (n and above[n - 1].name.startswith("sub-")):
            return above[n::-1]
    return [image.parent]


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = json.loads(opened.read(_MOST_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):  # not there, not text, not JSON, or too deep
        return {}
    return content if isinstance(content, dict) else {}
