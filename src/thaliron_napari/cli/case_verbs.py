"""What each verb over a case does: open it, report on it, export it, tell its story."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from thaliron_napari.cli.usage import UsageError, check_suffix
from thaliron_napari.errors import CaseError

if TYPE_CHECKING:
    from thaliron_napari.case import Case, Role

ROLES: dict[Role, str] = {
    "qsm": "QSM",
    "flair": "FLAIR",
    "t1": "T1",
    "t1ce": "T1 after gadolinium",
    "magnitude": "GRE magnitude",
}


def show(options: argparse.Namespace) -> int:
    """Open the window."""
    from thaliron_napari.viewer.app import open_window

    return int(open_window(options.paths, _images(options), options.derivatives, options.reader))


def report(options: argparse.Namespace) -> None:
    """Write the page of a case or of a cohort."""
    check_suffix(options.out, ".html", ".htm")
    from thaliron_napari.cohort import TABLE_SUFFIXES, read_table

    tables = [path for path in options.paths if path.suffix.lower() in TABLE_SUFFIXES]
    if tables:
        from thaliron_napari.report.cohort import write_cohort_report

        if len(options.paths) > 1:
            raise UsageError("thaliron report: give one cohort table, or the images of one case")
        print(write_cohort_report(read_table(tables[0]), options.out))
        return
    from thaliron_napari.report.case import write_case_report

    print(write_case_report(_case(options), options.out))


def export(options: argparse.Namespace) -> None:
    """Write a case's numbers and lesions as tables, its figures, or its DICOM objects."""
    from thaliron_napari.report.export import export_tables

    case = _case(options)
    if options.dicom:
        from thaliron_napari.report.dicom import export_dicom

        made = export_dicom(case, options.dicom, options.out)
        for path in made.files:
            print(path)
        for sentence in made.left_out:
            print(f"look at it      {sentence}")
    if options.figures:
        from thaliron_napari.report.figures import write_figures

        for path in write_figures(case, options.out, dpi=options.dpi, formats=(options.figures,)):
            print(path)
    if options.tables or not (options.dicom or options.figures):
        for path in export_tables(case, options.out, f".{options.tables or 'tsv'}", reverse=options.reverse):
            print(path)


def log(options: argparse.Namespace) -> None:
    """Print who did what when in a case, and compare the saved label maps with what the journal leads to."""
    from thaliron_napari.case.audit import check_files, read_log
    from thaliron_napari.case.opening import find_journal, open_case

    images = _images(options)
    journal = find_journal(options.paths, images, derivatives=options.derivatives, reader=options.reader)
    for entry in read_log(journal):
        time = f"{entry.time[:19]}Z".replace("T", " ") if entry.time else "-"
        print(f"{time:20}  {entry.reader or '-':12}  {entry.words}")
    if not options.check:
        return
    case = open_case(options.paths, images=images, derivatives=options.derivatives, reader=options.reader)
    same = check_files(case)
    if not same:
        raise CaseError(f"{case.folder} holds no label maps yet; save the case in the window, then check again.")
    for name, is_same in same.items():
        print(f"{'the same' if is_same else 'DIFFERENT':9}  {name}")
    if not all(same.values()):
        raise CaseError(
            f"Label maps in {case.folder} are not what the journal leads to: they were changed by another program, or "
            "not written since the last edits; open the case and save it."
        )


def _case(options: argparse.Namespace) -> Case:
    from thaliron_napari.case import open_case

    return open_case(options.paths, images=_images(options), derivatives=options.derivatives, reader=options.reader)


def _images(options: argparse.Namespace) -> dict[Role, Path]:
    return {role: getattr(options, role) for role in ROLES if getattr(options, role) is not None}
