"""The files a case leaves behind: label maps on the images' own grids, with sidecars that say where they came from."""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.case.annotations import SIDES
from thaliron_napari.case.case import ROLE_NAME, Case, Role
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.derivative import PROGRAM, describe, root_of, uris
from thaliron_napari.case.fusion import fixed_image, movable
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Source
from thaliron_napari.imaging.files import sweep, write_json, write_label_map
from thaliron_napari.imaging.transforms import write_itk_transform, write_matrix

__all__ = ["describe_dataset", "provenance", "save", "signature", "write_json", "writing_to"]

# What the images are called in names of files.
_SPACE: dict[Role, str] = {"qsm": "QSM", "flair": "FLAIR", "t1": "T1w", "t1ce": "T1CE", "magnitude": "GRE"}

MAPS: dict[str, tuple[Role, str]] = {
    "thalami": ("qsm", "desc-thalamus_dseg"),
    "veins": ("qsm", "desc-veins_mask"),
    "csf": ("qsm", "desc-csf_mask"),
    "lesions": ("flair", "desc-lesions_dseg"),
}
"""Each label map that is saved: the image on whose grid it lies, and how its file is told from others."""

_REMEDY = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.EACCES: "see that you may write there",
    errno.EPERM: "see that you may write there",
    errno.EROFS: "see that you may write there",
}


def save(case: Case) -> list[Path]:
    """Write the label maps of a case and their sidecars into its folder.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    CaseError
        When the case has no folder, or it cannot be written to.
    """
    if case.folder is None:
        raise CaseError("This case was opened without a folder for its files; open it from files on disk.")
    with writing_to(case):
        for folder in (case.folder, root_of(case.folder)):
            sweep(folder)
        written = [*_write_maps(case, case.folder), *_write_transforms(case, case.folder)]
    return [*written, *describe_dataset(case)]


def describe_dataset(case: Case) -> list[Path]:
    """Write BIDS' word on the derivative dataset that holds this case, see :func:`derivative.describe`.

    Raises
    ------
    CaseError
        When it cannot be written, or the description that is there is damaged.
    """
    assert case.folder is not None, "a case in memory has no files"
    with writing_to(case):
        return describe(root_of(case.folder), [source.path for source in _sources(case, case.images)])


def map_stem(case: Case, name: str) -> str:
    """Name, without suffix, of the files of a saved label map of `MAPS`."""
    role, ending = MAPS[name]
    return f"{case.stem}_space-{_SPACE[role]}_{ending}"


@contextmanager
def writing_to(case: Case) -> Iterator[None]:
    """Say in words what keeps a case's files from being written.

    Raises
    ------
    CaseError
        In place of any OSError.
    """
    try:
        yield
    except OSError as error:
        todo = _REMEDY.get(error.errno or 0, "look after the disk or the network")
        why = error.strerror or str(error)
        raise CaseError(f"{case.folder} cannot be written to ({why}); {todo} and save again.") from error


def provenance(case: Case, roles: Iterable[Role]) -> dict[str, Any]:
    """Who made a file of a case with what program, when, and from which images: BIDS URIs, and SHA-256 by these."""
    names = _names(case)
    digests = {names[source.path]: source.sha256 for source in _sources(case, roles)}
    return signature([], case.reader) | {"Sources": list(digests), "SourceHashes": digests}


def signature(sources: Iterable[Source], reader: str = "") -> dict[str, Any]:
    """As :func:`provenance`, of files that belong to no case and thus to no dataset."""
    return {
        "GeneratedBy": [PROGRAM],
        "Reader": reader or None,
        "Time": datetime.now(UTC).isoformat(timespec="seconds"),
        "Sources": [{"File": s.path.name, "SHA256": s.sha256} for s in sources],
    }


def _names(case: Case) -> dict[Path, str]:
    """BIDS URI of every image file of a case."""
    assert case.folder is not None, "a case in memory has no files"
    return uris(root_of(case.folder), [source.path for source in _sources(case, case.images)])


def _sources(case: Case, roles: Iterable[Role]) -> list[Source]:
    found = [case.images[role].source for role in roles if role in case.images]
    return [source for source in found if source is not None]


def _write_maps(case: Case, folder: Path) -> list[Path]:
    notes, written = case.annotations, []
    if "qsm" in case.images:
        thalami = {
            "Description": "The thalami, contoured by hand on slices and filled between them",
            "Labels": {"1": "left thalamus", "2": "right thalamus"},
            "KeySlices": {side: notes.keys(side) for side in SIDES},
            "Proposed": {side: notes.facts[f"proposed/{side}"] for side in SIDES if f"proposed/{side}" in notes.facts},
            "VeinsKeptOut": "keep_out" in notes.facts,
            **provenance(case, ["qsm", "flair"]),
        }
        written += _write_map(case, "thalami", notes.maps["thalami"], thalami)
        found = notes.facts.get("veins")
        if found is None:
            for suffix in (".nii.gz", ".json"):
                (folder / f"{map_stem(case, 'veins')}{suffix}").unlink(missing_ok=True)  # the reader took them back
        else:
            veins = {
                "Description": "The deep veins around the thalami, found on the susceptibility map",
                "Type": "ROI",
                "ThresholdPpb": found["threshold_ppb"],
                "LeastLengthMm": found["length_mm"],
                "MarginMm": found["margin_mm"],
                **provenance(case, ["qsm"]),
            }
            written += _write_map(case, "veins", notes.maps["veins"], veins)
        csf = {
            "Description": "Circles of cerebrospinal fluid in the lateral ventricles: 1 on the left, 2 on the right",
            "Type": "ROI",
            "Circles": _circles(case),
            **provenance(case, ["qsm"]),
        }
        written += _write_map(case, "csf", csf_mask(case), csf)
    if "flair" in case.images:
        lesions = {
            "Description": "T2 lesions, one number each, with the reader's word on each",
            "Lesions": {str(lesion.number): lesion.to_fact() for lesion in notes.lesions()},
            **provenance(case, ["flair"]),
        }
        written += _write_map(case, "lesions", notes.maps["lesions"], lesions)
    return written


def _write_map(case: Case, name: str, labels: NDArray[Any], sidecar: dict[str, Any]) -> list[Path]:
    """A label map on the grid of an image, and what is said of it."""
    assert case.folder is not None, "a case in memory has no files"
    image, stem = case.images[MAPS[name][0]], map_stem(case, name)
    files = [case.folder / f"{stem}.nii.gz", case.folder / f"{stem}.json"]
    write_label_map(files[0], labels, image)
    if image.source is not None:
        sidecar = {"SpatialReference": _names(case)[image.source.path]} | sidecar
    write_json(files[1], sidecar)
    return files


def _circles(case: Case) -> dict[str, list[dict[str, Any]]]:
    grid = case.images["qsm"].grid
    return {
        side: [
            {
                "CentreRasMm": [round(float(v), 3) for v in grid.world(np.array(circle.centre))],
                "RadiusMm": circle.radius_mm,
                "Slice": round(circle.centre[0]),
            }
            for circle in case.annotations.csf_circles(side)
        ]
        for side in SIDES
        if case.annotations.csf_circles(side)
    }


def _write_transforms(case: Case, folder: Path) -> list[Path]:
    """Each registration as ITK's transform and as a matrix, both from the fixed image's world to the moving one's."""
    written = []
    to = fixed_image(case)
    for role in movable(case):
        stem = folder / f"{case.stem}_from-{_SPACE[role]}_to-{_SPACE[to]}_mode-image_xfm"
        files = [Path(f"{stem}{suffix}") for suffix in (".tfm", ".mat", ".json")]
        fact = case.annotations.facts.get(f"registration/{role}")
        if fact is None:
            for file in files:
                file.unlink(missing_ok=True)  # of a registration that the reader took back
            continue
        write_itk_transform(files[0], fact["matrix"])
        write_matrix(files[1], fact["matrix"])
        about = {
            "Description": f"Rigid motion that brings the {ROLE_NAME[role]} onto the {ROLE_NAME[to]}",
            "MatrixRasMm": fact["matrix"],
            "Direction": "a point of the fixed image to a point of the moving one, in RAS mm (the .tfm in ITK's LPS)",
            "ShiftMm": round(fact["shift_mm"], 4),
            "AngleDeg": round(fact["angle_deg"], 4),
            "FoundBy": fact.get("by"),
            "Warnings": fact.get("warnings", []),
        }
        write_json(files[2], about | provenance(case, [role, to]))
        written += files
    return written
