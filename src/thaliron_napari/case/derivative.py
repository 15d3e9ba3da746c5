"""The derivative dataset around a case's files: its description, its links to the images, what BIDS passes over.

BIDS names a source file ``bids:<link>:<path in its dataset>``, and ``dataset_description.json`` says under
``DatasetLinks`` where each link leads. What has no name in BIDS stands in ``.bidsignore``. Both files may be written by
a person too, hence only what is missing is added to them.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from thaliron_napari import __version__
from thaliron_napari.case.bids import dataset_root
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging.files import replace_file, write_json

PROGRAM = {"Name": "ThalIron", "Version": __version__}
_IGNORED = (
    "*_desc-ants_morphometry.json",
    "*_desc-ants_thickness.nii.gz",
    "*_desc-edits*",
    "*_desc-lesions.tsv",
    "*_desc-lesions.json",
    "*_desc-measurements.json",
    "*_fieldmap.*",
    "*_mode-image_xfm.*",
    "/cohort.*",
)


def root_of(folder: Path) -> Path:
    """The derivative dataset to which a case's folder belongs: the folder above the subject's."""
    return next(p.parent for p in [folder, *folder.parents] if p.name.startswith("sub-"))


def uris(root: Path, images: Iterable[Path]) -> dict[Path, str]:
    """How the files of a derivative dataset name the images they came from.

    Parameters
    ----------
    root : Path
        The derivative dataset.
    images : iterable of absolute Path
        Each belongs to the dataset its subject's folder stands in, else to the folder it lies in.
    """
    datasets = {image: dataset_root(image) or image.parent for image in images}
    names = _names(root, datasets.values())
    return {
        image: f"bids:{names[_way(root, dataset)]}:{quote(image.relative_to(dataset).as_posix())}"
        for image, dataset in datasets.items()
    }


def describe(root: Path, images: Iterable[Path], name: str = "ThalIron readings") -> list[Path]:
    """Write the description of a derivative dataset and ``.bidsignore``, each where something would change.

    Returns
    -------
    list of Path
        Both, in this order.

    Raises
    ------
    CaseError
        When the description that is there is damaged; it is left as it is.
    """
    path, ignore = root / "dataset_description.json", root / ".bidsignore"
    old = _description(root)
    if old is None:
        raise CaseError(f"{path} is damaged: it is not a JSON object; mend it or move it aside and save again.")
    names = _names(root, (dataset_root(image) or image.parent for image in images))
    links = {name: way for way, name in names.items() if name}
    makers = [maker for maker in _list(old.get("GeneratedBy")) if isinstance(maker, dict)]
    mine = next((maker for maker in makers if maker.get("Name") == PROGRAM["Name"]), {})
    new = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": "derivative"} | old
    new["GeneratedBy"] = [mine | PROGRAM, *(maker for maker in makers if maker is not mine)]
    if links:
        new["DatasetLinks"] = _mapping(old.get("DatasetLinks")) | links
    if new != old:
        write_json(path, new)
    _ignore(ignore)
    return [path, ignore]


def _ignore(path: Path) -> None:
    """Add our lines to those that are there."""
    there = path.read_bytes() if path.exists() else b""
    missing = [line for line in _IGNORED if line.encode() not in (known.strip() for known in there.splitlines())]
    if missing:
        start = there + b"\n" if there and not there.endswith((b"\n", b"\r")) else there
        whole = start + "".join(f"{line}\n" for line in missing).encode()
        replace_file(path, lambda beside: beside.write_bytes(whole))


def _names(root: Path, datasets: Iterable[Path]) -> dict[str, str]:
    """Name of each dataset by the way that leads there, as the description has it or else new; its own is empty."""
    known = _mapping((_description(root) or {}).get("DatasetLinks"))
    names = {way: name for name, way in known.items() if isinstance(way, str)}
    used = {".": ""}
    for dataset in datasets:
        way = _way(root, dataset)
        if way not in names | used:
            taken = {*known, *used.values()}
            free = (f"raw{number}" for number in range(2, len(taken) + 3))
            names[way] = "raw" if "raw" not in taken else next(name for name in free if name not in taken)
        used.setdefault(way, names.get(way, ""))
    return used


def _way(root: Path, dataset: Path) -> str:
    """Relative, so that a dataset can be moved with its derivatives; absolute where there is no such way."""
    try:
        return quote(Path(os.path.relpath(dataset, root)).as_posix())
    except ValueError:  # another drive of Windows
        return dataset.as_uri()


def _description(root: Path) -> dict[str, Any] | None:
    """What the description says; nothing where there is none, None where it is damaged."""
    try:
        content = json.loads((root / "dataset_description.json").read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
