"""Morphometry on the page of a case: its numbers with where they came from, and the six panels."""

from dataclasses import replace
from html import escape

from thaliron_napari.case import Case
from thaliron_napari.case.morphometry import label_map_of, result_of
from thaliron_napari.errors import ThalIronError
from thaliron_napari.measurement.dictionary import unit_of
from thaliron_napari.measurement.morphometry.of_case import morphometry_of_case
from thaliron_napari.report.figures import legend
from thaliron_napari.report.morphometry import morphometry_plate, shown_on
from thaliron_napari.report.page import html_table
from thaliron_napari.report.pictures import html_picture, montage
from thaliron_napari.report.segmentation import segmented


def morphometry_section(case: Case) -> str:
    """Table and picture; nothing where the case has no result."""
    found = morphometry_of_case(case)
    if not found.results:
        return ""
    rows = [
        (name, "not there" if number.value is None else f"{number.value:.6g}", unit_of(name), number.source)
        for result in found.results
        for name, number in result.numbers.items()
    ]
    programs = " and ".join(result.program for result in found.results)
    by = f"masks and surfaces checked by eye by {found.checked_by}" if found.checked_by else "not checked by eye"
    table = html_table([("Name", "Value", "Unit", "From"), *rows], words=(2, 3), caption=f"{programs}; {by}.")
    return f"<h2>Morphometry</h2>{table}{_picture(case)}"


def _picture(case: Case) -> str:
    result = result_of(case)
    if result is None or label_map_of(result) is None:
        return ""
    try:
        plate = morphometry_plate(segmented(case, shown_on(case)))
    except ThalIronError as error:
        return f"<p class='fine'>{escape(str(error))}</p>"
    lettered = [replace(panel, title="ABCDEF"[place]) for place, panel in enumerate(plate.panels)]
    return html_picture(montage(lettered, columns=(3,)), "Six panels of the segmentation", legend(plate))
