"""One page a case: what is missing or doubtful, its numbers, its pictures, and what it all came from."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from thaliron_napari import __version__
from thaliron_napari.annotation import csf_roi
from thaliron_napari.case import ROLE_NAME, SIDES, Case
from thaliron_napari.case.fusion import fixed_image, movable
from thaliron_napari.case.notes import note
from thaliron_napari.case.veins import recorded_veins
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.measurement.dictionary import dictionary_of
from thaliron_napari.measurement.lesion_table import LesionRow, lesion_rows
from thaliron_napari.measurement.quality import missing, remarks
from thaliron_napari.measurement.record import Record, measure_case
from thaliron_napari.measurement.susceptibility import region_statistics
from thaliron_napari.report.case_morphometry import morphometry_section
from thaliron_napari.report.case_pictures import csf_pictures, lesion_pictures, thalamus_pictures
from thaliron_napari.report.page import html_list, html_notes, html_page, html_table

_MAIN = (
    "chi_ppb", "chi_se_ppb", "chi_left_ppb", "chi_right_ppb", "csf_ppb",
    "thalamus_ml", "thalamus_left_ml", "thalamus_right_ml",
    "lesion_ml", "lesion_count", "enhancing", "enhancing_count",
)  # fmt: skip
_FORMULA = (
    "Relative susceptibility = mean over the thalamic VOI minus mean over the CSF ROIs, in ppb; higher means more iron."
)
_TRUE_VALUES = "All values are measured on the grid on which the image was acquired."


def write_case_report(case: Case, path: Path) -> Path:
    """Write the page of a case: one HTML file that needs nothing but itself and names no one but by the ID.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    CaseError
        When the unit of the QSM is ambiguous, or the file cannot be written.
    """
    text = case_page(case)
    try:
        replace_file(path, lambda beside: beside.write_text(text, "utf-8"))
    except OSError as error:
        raise CaseError(f"{path} cannot be written ({error.strerror}); free space or choose another.") from error
    return path


def case_page(case: Case) -> str:
    """The page as text."""
    record = measure_case(case)
    lead = f"Read by {case.reader}" if case.reader else "Reader not named"
    heading = f"<h1>{escape(case.name)}</h1><p class='lead'>{escape(lead)}</p>"
    return html_page(
        f"{case.name}: case report",
        [
            f"<header><p class='kicker'>ThalIron</p>{heading}</header>",
            _doubts(missing(case), remarks(case, record)),
            _note(case),
            _main_numbers(record),
            thalamus_pictures(case),
            csf_pictures(case),
            _circle_table(case),
            lesion_pictures(case),
            _lesion_table(case),
            morphometry_section(case),
            _all_numbers(record),
            _provenance(case),
        ],
    )


def _doubts(absent: list[str], doubtful: list[str]) -> str:
    """What speaks against trusting the numbers, before the numbers."""
    if not absent and not doubtful:
        return "<p class='fine'>Nothing is missing, and no check of quality found anything.</p>"
    parts = (("Missing", absent), ("To be looked at again", doubtful))
    said = "".join(f"<h2>{title}</h2>{html_list(sentences)}" for title, sentences in parts if sentences)
    return f"<section class='doubt'>{said}</section>"


def _note(case: Case) -> str:
    said = note(case.annotations)
    return f"<h2>The reader's note</h2><p class='said'>{escape(said)}</p>" if said else ""


def _main_numbers(record: Record) -> str:
    meanings = dictionary_of(_MAIN)
    lines = []
    for name in meanings:
        value = record.values.get(name)
        unit = meanings[name]["Units"] if value is not None and name != "enhancing" else ""
        lines.append((meanings[name]["Description"].removesuffix(": 1 yes, 0 no"), _number(name, value), unit))
    table = html_table([("Number", "Value", "Unit"), *lines], words=(2,), caption=_FORMULA)
    return f"<h2>Main numbers</h2>{table}{html_notes([_TRUE_VALUES])}"


def _number(name: str, value: float | int | str | None) -> str:
    if value is None:
        return "not measured"
    if name == "enhancing":
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{3 if name.endswith('_ml') else 1}f}"
    return str(value)


def _circle_table(case: Case) -> str:
    if "qsm" not in case.images:
        return ""
    grid = case.images["qsm"].grid
    rows = []
    for side in SIDES:
        for number, circle in enumerate(case.annotations.csf_circles(side), start=1):
            mask = csf_roi(grid.shape, circle.centre, circle.radius_mm, grid.spacing)
            found = region_statistics(case.qsm_ppb, mask, grid.voxel_ml)
            sd = f"{found.sd_ppb:.1f}" if found.n > 1 else "-"
            centre = _point(grid.world(circle.centre))
            where = (f"{side} {number}", str(round(circle.centre[0]) + 1), centre, f"{circle.radius_mm:.1f}")
            rows.append((*where, f"{found.mean_ppb:.1f}", sd, str(found.n)))
    if not rows:
        return ""
    head = ("Circle", "Slice", "Centre (RAS mm)", "Radius (mm)", "Mean (ppb)", "SD (ppb)", "Voxels")
    return html_table([head, *rows], caption="CSF ROIs, the reference of the relative susceptibility.")


def _lesion_table(case: Case) -> str:
    if "flair" not in case.images:
        return ""
    rows = [_lesion_cells(row) for row in lesion_rows(case)]
    if not rows:
        return ""
    head = ("Lesion", "ml", "Centre (RAS mm)", "Mean FLAIR signal", "Place", "Uptake", "Enhancing", "Review", "Note")
    notes = []
    if any(row[4].startswith("~") for row in rows):
        notes.append("~ Place estimated: ventricles and cortex were guessed from the FLAIR, not segmented.")
    if any(row[5] for row in rows):
        notes.append("Uptake: T1 signal after over before gadolinium, in that of normal white matter; 1 is none.")
    caption = "All lesions of the review; only accepted ones count in the totals."
    return html_table([head, *rows], words=(4, 6, 7, 8), caption=caption) + html_notes(notes)


def _lesion_cells(row: LesionRow) -> tuple[str, ...]:
    lesion, m, place = row.lesion, row.measure, row.place
    return (
        str(lesion.number),
        f"{m.ml:.3f}" if m else "0",
        _point(m.centre_mm) if m else "-",
        f"{m.mean:.0f}" if m else "-",
        ("~\u00a0" if place.estimated else "") + place.name if place else "",
        f"{row.uptake.ratio:.2f}" if row.uptake else "",
        {True: "yes", False: "no", None: "not judged"}[lesion.enhancing],
        lesion.state,
        lesion.note,
    )


def _all_numbers(record: Record) -> str:
    meanings = dictionary_of(record.values)
    rows = [
        (name, "not measured" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value),
         meanings[name].get("Units", "").removeprefix("1"), meanings[name]["Description"])
        for name, value in record.values.items()
        if name in meanings
    ]  # fmt: skip
    if not rows:
        return ""
    table = html_table([("Name", "Value", "Unit", "Meaning"), *rows], words=(2, 3), caption=_FORMULA)
    return f"<h2>All numbers</h2>{table}"


def _provenance(case: Case) -> str:
    rows = [("Image", "File", "Voxels (x, y, z)", "Spacing (mm)", "SHA-256")]
    for role, name in ROLE_NAME.items():
        volume = case.images.get(role)
        if volume is None:
            continue
        shape = " x ".join(str(n) for n in volume.grid.shape[::-1])
        spacing = " x ".join(f"{v:.3g}" for v in volume.spacing[::-1])
        source = volume.source
        rows.append((name, _file_name(case, source.path) if source else "-", shape, spacing,
                     source.sha256 if source else "-"))  # fmt: skip
    return (
        "<h2>What this came from</h2>"
        + html_table(rows, words=(1, 4), caption="Image files, told from all others by their SHA-256.")
        + html_list([*_how_read(case), *_circumstances(case)])
    )


def _file_name(case: Case, path: Path) -> str:
    """A name in BIDS form; any other may hold a patient's name, and the hash tells the file as well."""
    return path.name if path.name.startswith(f"sub-{case.subject}_") else "named otherwise"


def _how_read(case: Case) -> list[str]:
    """The choices that the numbers depend on."""
    facts, said = case.annotations.facts, []
    if "qsm" in case.images:
        how = "as the reader said" if "unit" in facts else "as stated beside it or told from its values"
        said.append(f"Values of the QSM file are in {case.unit}, {how}.")
    for role in movable(case):
        to = ROLE_NAME[fixed_image(case)]
        said.append(f"{ROLE_NAME[role]} to {to}: {_motion(facts.get(f'registration/{role}'))}.")
    if "qsm" in case.images:
        for side in SIDES:
            if keys := case.annotations.keys(side):
                slices = ", ".join(str(z + 1) for z in keys)
                said.append(f"The {side} thalamus was drawn or corrected by hand on slices {slices}.")
        said.append(_on_veins(case))
    if grown := {lesion.sensitivity for lesion in case.annotations.lesions()}:
        said.append(
            f"Lesions were grown with a sensitivity of {', '.join(f'{s:.2g}' for s in sorted(grown))} (0 to 1)."
        )
    return said


def _motion(fact: Mapping[str, Any] | None) -> str:
    if fact is None:
        return "by the scanner's geometry, not registered"
    if "shift_mm" not in fact:
        return "registered"
    by = f", by {fact['by']}" if fact.get("by") else ""
    return f"moved by {fact['shift_mm']:.2f} mm and {fact['angle_deg']:.2f} degrees{by}"


def _on_veins(case: Case) -> str:
    found = recorded_veins(case)
    if found is None:
        return "No veins are recorded with this case."
    used = found.settings
    kept = "kept out of what was drawn" if "keep_out" in case.annotations.facts else "not kept out"
    return (
        f"Veins: {used.threshold_ppb:g} ppb above their surroundings, {used.length_mm:g} mm and longer, margin "
        f"{used.margin_mm:g} mm; {kept}."
    )


def _circumstances(case: Case) -> list[str]:
    said = []
    times = [edit.time[:19].replace("T", " ") for edit in case.done if edit.time]
    if times:
        edits = f"{len(case.done)} edit{'s' * (len(case.done) > 1)}"
        said.append(f"{edits}, the first at {min(times)}, the last at {max(times)} (UTC).")
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    said.append(f"Written at {now} (UTC) by ThalIron {__version__}, Python {platform.python_version()}.")
    return said


def _point(mm: Any) -> str:
    return ", ".join(f"{v:.1f}" for v in mm)
