"""The files a case leaves behind: label maps on the images' own grids, with sidecars that say where they came from."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from thaliron_napari import __version__
from thaliron_napari.case.annotations import SIDES
from thaliron_napari.case.case import Case, Role
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.case.fusion import fixed_image, movable
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Source
from thaliron_napari.imaging.files import replace_file, write_label_map
from thaliron_napari.imaging.transforms import write_itk_transform, write_matrix

# What the images are called in names of files.
_SPACE: dict[Role, str] = {"qsm": "QSM", "flair": "FLAIR", "t1": "T1w", "t1ce": "T1CE", "magnitude": "GRE"}


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
    try:
        written = [*_write_maps(case, case.folder), *_write_transforms(case, case.folder)]
        return [*written, _write_description(case.folder)]
    except OSError as error:
        raise CaseError(
            f"{case.folder} cannot be written to ({error.strerror}); free space or choose another."
        ) from error


def write_json(path: Path, content: Any) -> Path:
    """Write JSON beside and rename it into place."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    replace_file(path, lambda beside: beside.write_text(text, "utf-8"))
    return path


def provenance(case: Case, sources: Iterable[str]) -> dict[str, Any]:
    """Who made a file with what program, when, and from which image files."""
    used = [case.images[role].source for role in sources if role in case.images]
    return signature([source for source in used if source is not None], case.reader)


def signature(sources: Iterable[Source], reader: str = "") -> dict[str, Any]:
    """As :func:`provenance`, of files that belong to no case."""
    return {
        "GeneratedBy": [{"Name": "ThalIron", "Version": __version__}],
        "Reader": reader or None,
        "Time": datetime.now(UTC).isoformat(timespec="seconds"),
        "Sources": [{"File": s.path.name, "SHA256": s.sha256} for s in sources],
    }


def _write_maps(case: Case, folder: Path) -> list[Path]:
    notes, written = case.annotations, []
    if "qsm" in case.images:
        qsm = case.images["qsm"]
        stem = folder / f"{case.stem}_space-QSM_desc-thalamus_dseg"
        write_label_map(f"{stem}.nii.gz", notes.maps["thalami"], qsm)
        labels = {"1": "left thalamus", "2": "right thalamus"}
        keys = {side: notes.keys(side) for side in SIDES}
        written += [Path(f"{stem}.nii.gz")]
        written += [
            write_json(
                Path(f"{stem}.json"), {"Labels": labels, "KeySlices": keys, **provenance(case, ["qsm", "flair"])}
            )
        ]
        stem = folder / f"{case.stem}_space-QSM_desc-csf_mask"
        write_label_map(f"{stem}.nii.gz", csf_mask(case), qsm)
        circles = {}
        for side in SIDES:
            circle = notes.csf(side)
            if circle is not None:
                centre = [round(float(v), 3) for v in qsm.grid.world(np.array(circle.centre))]
                circles[side] = {
                    "CentreRasMm": centre,
                    "RadiusMm": circle.radius_mm,
                    "Slice": round(circle.centre[0]),
                }
        written += [Path(f"{stem}.nii.gz")]
        written += [write_json(Path(f"{stem}.json"), {"Circles": circles, **provenance(case, ["qsm"])})]
    if "flair" in case.images:
        stem = folder / f"{case.stem}_space-FLAIR_desc-lesions_dseg"
        write_label_map(f"{stem}.nii.gz", notes.maps["lesions"], case.images["flair"])
        states = {str(lesion.number): lesion.to_fact() for lesion in notes.lesions()}
        written += [Path(f"{stem}.nii.gz")]
        written += [write_json(Path(f"{stem}.json"), {"Lesions": states, **provenance(case, ["flair"])})]
    return written


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


def _write_description(folder: Path) -> Path:
    """BIDS' word on the derivative dataset that holds this case: the folder above the subject's."""
    root = next(p.parent for p in [folder, *folder.parents] if p.name.startswith("sub-"))
    return write_json(
        root / "dataset_description.json",
        {
            "Name": "ThalIron readings",
            "BIDSVersion": "1.10.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "ThalIron", "Version": __version__}],
        },
    )
