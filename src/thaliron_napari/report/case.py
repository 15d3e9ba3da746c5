"""One page a case: its pictures, its numbers, what is missing or doubtful, and what it all came from."""

import platform
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari import __version__
from thaliron_napari.case import ROLE_NAME, SIDE_LABEL, SIDES, Case
from thaliron_napari.case.csf import csf_mask
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging.files import replace_file
from thaliron_napari.measurement.dictionary import dictionary_of
from thaliron_napari.measurement.lesion_table import LesionRow, lesion_rows
from thaliron_napari.measurement.quality import missing, remarks
from thaliron_napari.measurement.record import Record, Value, measure_case
from thaliron_napari.report.page import html_notes, html_page, html_table
from thaliron_napari.report.pictures import CSF, LEFT, LESION, RIGHT, Outline, Panel, crop, html_picture, montage

_QSM_WINDOW_PPB = (-100.0, 200.0)
_MOST_SLICES = 12
_MAIN = (
    ("chi_ppb", "chi_left_ppb", "chi_right_ppb", "csf_ppb"),
    ("thalamus_ml", "thalamus_left_ml", "thalamus_right_ml"),
    ("lesion_ml", "lesion_count", "enhancing", "enhancing_count"),
)


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
            _main_numbers(record),
            _sentences("Missing", missing(case)),
            _sentences("To be looked at again", remarks(case, record)),
            *_thalamus_pictures(case),
            *_csf_pictures(case),
            *_lesion_pictures(case),
            _lesion_table(case),
            _all_numbers(record),
            _provenance(case),
        ],
    )


def _main_numbers(record: Record) -> str:
    lines = []
    meanings = dictionary_of(name for group in _MAIN for name in group)
    for group in _MAIN:
        for name in group:
            value = record.values.get(name)
            unit = meanings[name]["Units"] if value is not None and name != "enhancing" else ""
            lines.append((meanings[name]["Description"].removesuffix(": 1 yes, 0 no"), _number(name, value), unit))
    formula = (
        "Relative susceptibility = mean over the thalamic VOI minus mean over the CSF ROIs. Higher means more iron. "
        "All values are measured on the grid on which the image was acquired."
    )
    return html_table([("", "", "Unit"), *lines], words=(2,)) + html_notes([formula])


def _number(name: str, value: Value) -> str:
    if value is None:
        return "not measured"
    if name == "enhancing":
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{3 if name.endswith('_ml') else 1}f}"
    return str(value)


def _sentences(title: str, said: list[str]) -> str:
    if not said:
        return ""
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in said)}</ul>"


def _thalamus_pictures(case: Case) -> list[str]:
    if "qsm" not in case.images:
        return []
    labels = case.annotations.maps["thalami"]
    used = np.flatnonzero(labels.any(axis=(1, 2)))
    if used.size == 0:
        return []
    keys = {z for side in SIDES for z in case.annotations.keys(side)}
    spacing = _in_plane(case, "qsm")
    box = crop(_plane(labels), [np.any(labels, axis=0)], spacing, 14)
    panels = []
    for z in _spread(used.tolist()):
        outlines = [
            Outline(labels[z][box] == SIDE_LABEL[side], colour)
            for side, colour in zip(SIDES, (LEFT, RIGHT), strict=True)
        ]
        title = f"slice {z + 1}{', drawn' if z in keys else ''}"
        panels.append(Panel(case.qsm_ppb[z][box], spacing, _QSM_WINDOW_PPB, title, outlines))
    caption = (
        f"QSM from inferior to superior, {_window_words()}: left thalamus blue, right orange. Slices marked drawn were "
        "drawn or corrected by hand, the others are filled between. Scale bar 10 mm."
    )
    return ["<h2>Thalami</h2>", html_picture(montage(panels), "Axial QSM slices with both thalami outlined", caption)]


def _csf_pictures(case: Case) -> list[str]:
    if "qsm" not in case.images:
        return []
    mask, spacing = csf_mask(case), _in_plane(case, "qsm")
    slices = sorted({round(circle.centre[0]) for side in SIDES if (circle := case.annotations.csf(side))})
    if not slices:
        return []
    labels = case.annotations.maps["thalami"]
    panels = []
    for z in slices:
        outlines = [
            Outline(mask[z] > 0, CSF),
            *(Outline(labels[z] == SIDE_LABEL[s], c) for s, c in zip(SIDES, (LEFT, RIGHT), strict=True)),
        ]
        panels.append(Panel(case.qsm_ppb[z], spacing, _QSM_WINDOW_PPB, f"slice {z + 1}", outlines))
    caption = f"QSM, {_window_words()}: CSF ROIs green. Scale bar 10 mm."
    picture = montage(panels, columns=(2,))
    return ["<h2>CSF</h2>", html_picture(picture, "Axial QSM slices with the CSF circles", caption)]


def _lesion_pictures(case: Case) -> list[str]:
    if "flair" not in case.images:
        return []
    labels = case.annotations.maps["lesions"]
    area = np.count_nonzero(labels, axis=(1, 2))
    if not area.any():
        return []
    flair, spacing = case.images["flair"], _in_plane(case, "flair")
    states = {lesion.number: lesion.state for lesion in case.annotations.lesions()}
    slices = _showing_every_lesion(labels, _MOST_SLICES)
    window = _brain_window(flair.data)
    box = crop(_plane(labels), [flair.data[z] > 0.3 * window[1] for z in slices], spacing, 2)
    panels = []
    for z in slices:
        here = labels[z][box]
        outlines = [
            Outline(here == n, LESION, states.get(n) != "accepted", str(n))
            for n in np.unique(here[here > 0]).tolist()
            if states.get(n) != "rejected"
        ]
        panels.append(Panel(flair.data[z][box], spacing, window, f"slice {z + 1}", outlines))
    caption = "FLAIR: lesions purple with their numbers; dashed where not accepted. Scale bar 10 mm."
    picture = montage(panels, columns=(3, 2))
    return ["<h2>Lesions</h2>", html_picture(picture, "Axial FLAIR slices with the lesions outlined", caption)]


def _brain_window(data: NDArray[np.float32]) -> tuple[float, float]:
    """Black to white so that normal brain is a middle grey and lesions stand out of it."""
    head = data[data > 0.25 * np.percentile(data, 99.5)]
    middle = float(np.median(head)) if head.size else 1.0
    return 0.1 * middle, 1.9 * middle


def _showing_every_lesion(labels: NDArray[np.int32], most: int) -> list[int]:
    """Slices, few and from inferior to superior, that show each lesion once; where too many, those that show most."""
    shown: dict[int, set[int]] = {}
    for z in np.flatnonzero(labels.any(axis=(1, 2))).tolist():
        shown[z] = set(np.unique(labels[z][labels[z] > 0]).tolist())
    left: set[int] = set().union(*shown.values())
    chosen: list[int] = []
    while left and len(chosen) < most:
        best = max(shown, key=lambda z: (len(shown[z] & left), np.count_nonzero(np.isin(labels[z], list(left)))))
        chosen.append(best)
        left -= shown[best]
    return sorted(chosen)


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
    return html_table([head, *rows], words=(4, 6, 7, 8)) + html_notes(notes)


def _lesion_cells(row: LesionRow) -> tuple[str, ...]:
    lesion, m, place = row.lesion, row.measure, row.place
    return (
        str(lesion.number),
        f"{m.ml:.3f}" if m else "0",
        ", ".join(f"{v:.1f}" for v in m.centre_mm) if m else "-",
        f"{m.mean:.0f}" if m else "-",
        f"{'~ ' if place.estimated else ''}{place.name}" if place else "",
        f"{row.uptake.ratio:.2f}" if row.uptake else "",
        {True: "yes", False: "no", None: "not judged"}[lesion.enhancing],
        lesion.state,
        lesion.note,
    )


def _all_numbers(record: Record) -> str:
    meanings = dictionary_of(record.values)
    rows = [
        (name, "not measured" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value),
         meanings[name]["Units"].removeprefix("1"), meanings[name]["Description"])
        for name, value in record.values.items()
        if name in meanings
    ]  # fmt: skip
    return "<h2>All numbers</h2>" + html_table([("", "Value", "Unit", "Meaning"), *rows], words=(2, 3)) if rows else ""


def _provenance(case: Case) -> str:
    rows = [("", "File", "Voxels (x, y, z)", "Spacing (mm)", "SHA-256")]
    for role, name in ROLE_NAME.items():
        volume = case.images.get(role)
        if volume is None:
            continue
        shape = " x ".join(str(n) for n in volume.grid.shape[::-1])
        spacing = " x ".join(f"{v:.3g}" for v in volume.spacing[::-1])
        source = volume.source
        rows.append((name, source.path.name if source else "-", shape, spacing, source.sha256 if source else "-"))
    return "<h2>What this came from</h2>" + html_table(rows, words=(1, 4)) + html_notes(_circumstances(case))


def _circumstances(case: Case) -> list[str]:
    said = []
    if "qsm" in case.images:
        how = (
            "as the reader said" if "unit" in case.annotations.facts else "as stated beside it or told from its values"
        )
        said.append(f"Values of the QSM file are in {case.unit}, {how}.")
        fact: Any = case.annotations.facts.get("registration/qsm")
        if fact and "shift_mm" in fact:
            said.append(f"QSM to FLAIR: moved by {fact['shift_mm']:.2f} mm and {fact['angle_deg']:.2f} degrees.")
    times = [edit.time[:19].replace("T", " ") for edit in case.done if edit.time]
    if times:
        said.append(f"{len(case.done)} edits, the first at {min(times)}, the last at {max(times)} (UTC).")
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    said.append(f"Written at {now} (UTC) by ThalIron {__version__}, Python {platform.python_version()}.")
    return said


def _window_words() -> str:
    return f"black {_QSM_WINDOW_PPB[0]:.0f} to white {_QSM_WINDOW_PPB[1]:.0f} ppb"


def _spread(slices: list[int]) -> list[int]:
    """At most so many of the slices, evenly, with the first and the last."""
    if len(slices) <= _MOST_SLICES:
        return slices
    return [slices[i] for i in np.linspace(0, len(slices) - 1, _MOST_SLICES).round().astype(int).tolist()]


def _in_plane(case: Case, role: Any) -> tuple[float, float]:
    spacing = case.images[role].spacing
    return float(spacing[1]), float(spacing[2])


def _plane(labels: NDArray[Any]) -> tuple[int, int]:
    return labels.shape[1], labels.shape[2]
