"""The files of a susceptibility map made here: where they go, what they say, and how one is turned the right way up."""

import hashlib
import json
from pathlib import Path
from typing import Any

from thaliron_napari.case.derivative import describe, uris
from thaliron_napari.case.files import signature
from thaliron_napari.case.gre import PIPELINE, GreFiles, derivatives_of
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Volume, read_volume, write_image, write_label_map
from thaliron_napari.imaging.files import write_json
from thaliron_napari.qsm import Reconstruction
from thaliron_napari.qsm.scan import Scan

_FIELDS = {
    "local": "without the background",
    "total": "with the background",
    "noise": "standard deviation of the total",
}


def write_chimap(
    path: Path,
    made: Reconstruction,
    scan: Scan,
    more: dict[str, Any],
    *,
    keep: bool = False,
    gre: GreFiles | None = None,
) -> list[Path]:
    """Write a map in ppm on the grid of its echoes, with a sidecar that says all that governed it.

    Parameters
    ----------
    path : Path
        A .nii or .nii.gz file.
    made : Reconstruction
    scan : Scan
    more : dict
        What else the sidecar says.
    keep : bool
        Write the fields (ppm) and the mask beside it too.
    gre : GreFiles, optional
        Where the map goes into the derivatives of their dataset, its description is written too.

    Returns
    -------
    list of Path
        The map comes first.
    """
    like = Volume(made.chi_ppb, scan.grid, scan.sources[0])
    about = {
        "Description": "Susceptibility from the phase of a gradient echo",
        "Units": "ppm",
        **made.parameters,
        "PhaseUnit": scan.phase_unit,
        "WrapsLeft": made.wraps,
        "Seconds": {stage: round(seconds, 1) for stage, seconds in made.seconds.items()},
        **more,
        **signature(scan.sources),
    }
    if gre is not None:
        root = derivatives_of(gre)
        images = [source.path for source in scan.sources]
        names = uris(root, images)
        digests = {names[source.path]: source.sha256 for source in scan.sources}
        about |= {"Sources": list(digests), "SourceHashes": digests}
        describe(root, images, "Susceptibility maps by ThalIron")
    write_image(path, made.chi_ppb / 1000, like)
    written = [path, write_json(sidecar_of(path), about)]
    if keep:
        maps = {"local": made.local_ppb, "total": made.total_ppb, "noise": made.noise_ppb}
        for name, values in maps.items():
            file = beside(path, name, "fieldmap")
            write_image(file, values / 1000, like)
            words = {"Description": f"Relative field, {_FIELDS[name]}", "Units": "ppm", "Sources": about["Sources"]}
            written += [file, write_json(sidecar_of(file), words)]
        file = beside(path, "brain", "mask")
        write_label_map(file, made.mask, like)
        words = {"Description": "Where the map is known", "Type": "Brain", "Sources": about["Sources"]}
        written += [file, write_json(sidecar_of(file), words)]
    return written


def flip_chimap(path: Path) -> None:
    """Turn the sign of a map made here, and of the fields kept beside it, as if the phase had had the other sign.

    Every stage but the penalty's weights is odd in the phase, and those are even, so that this is no approximation.

    Raises
    ------
    CaseError
        When the map was not made here, or readings stand on it.
    """
    check_not_read_upon(path)
    about = _sidecar(path)
    if "PhaseSign" not in about:
        raise CaseError(f"{path.name} was not made here; give its unit with the other sign in the step Study instead.")
    for file in (path, beside(path, "local", "fieldmap"), beside(path, "total", "fieldmap")):
        if file.exists():
            volume = read_volume(file)
            write_image(file, -volume.data, volume)
    about["PhaseSign"] = -int(about["PhaseSign"])
    write_json(sidecar_of(path), about)


def is_read_upon(path: Path) -> bool:
    """Whether a reader's journal stands on a map among the derivatives: then its file must stay as it is.

    A journal belongs to one QSM by its SHA-256; with another its edits could not be opened any more.
    """
    place = next((folder for folder in path.absolute().parents if folder.name == PIPELINE), None)
    if place is None or not path.exists():
        return False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest().encode()
    below = path.absolute().parent.relative_to(place).as_posix()
    return any(digest in journal.read_bytes() for journal in place.parent.glob(f"thaliron*/{below}/*_desc-edits.jsonl"))


def check_not_read_upon(path: Path) -> None:
    """Refuse to write over a map on which readings stand.

    Raises
    ------
    CaseError
        When :func:`is_read_upon` says so.
    """
    if is_read_upon(path):
        raise CaseError(
            f"{path.name} has been read on, and those edits belong to it; it stays. To make another, write it "
            "elsewhere with 'thaliron qsm' and choose it in the step Study."
        )


def is_made_here(path: Path) -> bool:
    """Whether a map's sidecar says that this program made it."""
    return "PhaseSign" in _sidecar(path)


def sidecar_of(image: Path) -> Path:
    """The JSON file beside an image."""
    return image.with_name(f"{_stem(image)}.json")


def beside(path: Path, desc: str, suffix: str) -> Path:
    """Another image of the same scan: ``sub-01_desc-l2_Chimap`` leads to ``sub-01_desc-l2local_fieldmap``."""
    stem, _, label = _stem(path).removesuffix("_Chimap").partition("_desc-")
    return path.with_name(f"{stem}_desc-{label}{desc}_{suffix}.nii.gz")


def _stem(image: Path) -> str:
    return image.name.removesuffix(".gz").removesuffix(".nii")


def _sidecar(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(sidecar_of(path).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
