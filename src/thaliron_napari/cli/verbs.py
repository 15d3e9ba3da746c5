"""What each verb over files does: a few lines over the packages below, which are imported when it runs."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from thaliron_napari.cli.usage import UsageError, check_suffix
from thaliron_napari.errors import AnnotationError, ImageError

if TYPE_CHECKING:
    from thaliron_napari.imaging import Series, SeriesRole

SERIES_ROLES: dict[SeriesRole, str] = {
    "qsm": "QSM",
    "flair": "FLAIR",
    "t1": "T1",
    "t1ce": "T1 after gadolinium",
    "magnitude": "GRE magnitude",
    "phase": "GRE phase",
    "real": "GRE real part",
    "imaginary": "GRE imaginary part",
}


def demo(options: argparse.Namespace) -> int:
    """Make the phantom patient and open it, or perform the scripted reading."""
    from thaliron_napari.viewer.app import run_demo

    return int(run_demo(options.out, options.offscreen, options.size))


def import_dicom(options: argparse.Namespace) -> None:
    """List the series of a DICOM folder, and convert the chosen or the likely ones."""
    from thaliron_napari.imaging import choose_series, find_series, import_series

    if options.out is None and not options.list:
        raise UsageError("thaliron import: give --out DIR to write into, or --list to see what is there")
    series = find_series(options.paths)
    chosen = _chosen_series(options, series)
    refusal = None
    if not chosen:
        try:
            chosen = choose_series(series)
        except ImageError as error:
            refusal = error
    _print_series(series, chosen)
    if options.list:
        return
    if refusal:
        raise refusal
    if not chosen:
        raise ImageError("No series tells what it is; choose by the numbers listed, such as --flair 3.")
    made = import_series(
        chosen, options.out, subject=options.subject, session=options.session, overwrite=options.overwrite
    )
    for role, files in made.files.items():
        for file in files:
            print(f"{SERIES_ROLES[role]:20} {file}")
    for role, one in chosen.items():
        if one.notice and role in made.files:
            print(f"{'look at it':20} {one.name} {one.notice}")
    if made.failed:
        raise ImageError(" ".join(made.failed.values()))


def register(options: argparse.Namespace) -> None:
    """Find the rigid motion between two images and write it."""
    from thaliron_napari.imaging import read_volume, register_rigid, resample, write_image
    from thaliron_napari.imaging.transforms import write_itk_transform, write_matrix

    check_suffix(options.out, ".tfm", ".txt", ".mat")
    if options.resampled:
        check_suffix(options.resampled, ".nii", ".nii.gz")
    fixed, moving = read_volume(options.fixed), read_volume(options.moving)
    found = register_rigid(fixed, moving)
    write = write_matrix if options.out.suffix.lower() == ".mat" else write_itk_transform
    write(options.out, found.matrix)
    if options.resampled:
        write_image(options.resampled, resample(moving, fixed.grid, found.matrix), fixed)
    print(f"moved by        {found.shift_mm:.2f} mm, {found.angle_deg:.2f} degrees")
    print(f"information     {found.metric_before:.4f} before, {found.metric_after:.4f} after (nats)")
    print(f"overlap         {100 * found.overlap:.0f}%")
    for warning in found.warnings:
        print(f"look at it      {warning}")


def contour(options: argparse.Namespace) -> None:
    """Fill label maps between their key slices."""
    import numpy as np

    from thaliron_napari.annotation.labels import fill_labels
    from thaliron_napari.imaging import read_label_map, read_volume, resample, write_label_map
    from thaliron_napari.imaging.overlap import check_overlap

    check_suffix(options.out, ".nii", ".nii.gz")
    keys = read_label_map(options.keys)
    if not keys.data.any():
        raise AnnotationError(f"{options.keys.name} holds no label; draw the upper and the lower border in it.")
    images = []
    for path in options.image:
        image = read_volume(path)
        check_overlap({path.name: image, options.keys.name: keys})
        images.append(image.data if image.grid.same_as(keys.grid) else resample(image, keys.grid))
    filled = fill_labels(keys.data, keys.spacing, images)
    write_label_map(options.out, filled, keys)
    for label in np.unique(filled[filled > 0]).tolist():
        there = filled == label
        drawn = np.flatnonzero((keys.data == label).any(axis=(1, 2))).size
        slices = np.flatnonzero(there.any(axis=(1, 2))).size
        print(f"label {label}: {drawn} key slices, {slices} in all, {there.sum() * keys.grid.voxel_ml:.3f} ml")


def grow(options: argparse.Namespace) -> None:
    """Grow a lesion from each seed; what grew is written even where a seed fails."""
    import numpy as np

    from thaliron_napari.annotation import lesion_in_box, normal_tissue
    from thaliron_napari.imaging import read_volume, write_label_map

    check_suffix(options.out, ".nii", ".nii.gz")
    flair = read_volume(options.flair)
    seeds = [flair.grid.nearest(point) for point in options.seed]
    tissue = normal_tissue(flair.data, flair.spacing)
    labels = np.zeros(flair.grid.shape, np.int32)
    failed = []
    print("lesion       ml  seed (RAS mm)")
    for number, (seed, point) in enumerate(zip(seeds, options.seed, strict=True), start=1):
        where = ",".join(f"{v:g}" for v in point)
        if labels[seed]:
            print(f"{number:6d}        -  {where}  lies in lesion {labels[seed]}")
            continue
        try:
            box, grown = lesion_in_box(
                flair.data, seed, flair.spacing, tissue=tissue, sensitivity=options.sensitivity, within=labels == 0
            )
        except AnnotationError as error:
            failed.append(f"seed {number} ({where}): {error}")
            print(f"{number:6d}        -  {where}  nothing grown")
            continue
        labels[box][grown] = number
        print(f"{number:6d} {grown.sum() * flair.grid.voxel_ml:8.3f}  {where}")
    if labels.any():
        write_label_map(options.out, labels, flair)
    if failed:
        more = f" ({len(failed) - 1} more seeds grew nothing either)" if failed[1:] else ""
        raise AnnotationError(f"{options.flair.name}, {failed[0]}{more}")


def measure(options: argparse.Namespace) -> None:
    """Print the record of a patient's files, or a table of other structures, and write it."""
    from thaliron_napari.measurement.dictionary import dictionary_of
    from thaliron_napari.measurement.from_files import measure_files
    from thaliron_napari.measurement.regions import with_reverse

    if options.out:
        check_suffix(options.out, *_table_suffixes())
    if options.labels:
        _measure_structures(options)
        return
    named = ("qsm", "unit", "flair", "thalami", "csf", "veins", "lesions", "freesurfer", "subject")
    record, sources = measure_files(**{name: getattr(options, name) for name in named})
    if options.reverse:
        record = replace(record, values=with_reverse(record.values))
    meanings = dictionary_of(record.values)
    print(record.id)
    for name, value in record.values.items():
        number = "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
        unit = meanings[name].get("Units", "")
        print(f"{name:24} {number:>10} {unit:8} {record.came_from.get(name, meanings[name]['Description'])}")
    if options.out is None:
        return
    if options.out.suffix.lower() == ".json":
        from thaliron_napari.case.files import signature, write_json

        write_json(options.out, record.to_json() | signature(sources))
    else:
        import pandas as pd

        from thaliron_napari.cohort import write_table

        write_table(pd.DataFrame([{"id": record.id, **record.values}]), options.out, meanings)


def _measure_structures(options: argparse.Namespace) -> None:
    from thaliron_napari.measurement.from_files import measure_label_file
    from thaliron_napari.measurement.structures import STRUCTURE_COLUMNS

    if options.qsm is None or any((options.thalami, options.veins, options.lesions, options.freesurfer)):
        raise UsageError("thaliron measure: --labels is measured with --qsm, and --csf as the reference, on its own")
    structures = measure_label_file(
        options.qsm, options.labels, csf=options.csf, names=options.names, unit=options.unit
    )
    rows = [structure.cells() for structure in structures]
    print("  ".join(f"{name:>10}" for name in STRUCTURE_COLUMNS if name != "structure") + "  structure")
    for row in rows:
        cells = ("-" if v is None else f"{v:.5g}" for name, v in row.items() if name != "structure")
        print("  ".join(f"{cell:>10}" for cell in cells) + f"  {row['structure'] or ''}")
    if options.out:
        import pandas as pd

        from thaliron_napari.cohort import write_table
        from thaliron_napari.measurement.dictionary import as_dictionary

        write_table(pd.DataFrame(rows, columns=list(STRUCTURE_COLUMNS)), options.out, as_dictionary(STRUCTURE_COLUMNS))


def _table_suffixes() -> tuple[str, ...]:
    from thaliron_napari.cohort import TABLE_SUFFIXES

    return tuple(TABLE_SUFFIXES)


def cohort(options: argparse.Namespace) -> None:
    """Collect the measured cases of a folder into one table."""
    from thaliron_napari.cohort import collect, collect_dictionary, join_covariates, read_table, write_table

    check_suffix(options.out, *_table_suffixes())
    table = collect(options.derivatives)
    notes: tuple[str, ...] = ()
    if options.covariates:
        joined = join_covariates(table, read_table(options.covariates))
        table, notes = joined.table, joined.sentences()
    written = write_table(table, options.out, collect_dictionary(options.derivatives))
    print(f"{len(table)} cases, {table.shape[1]} columns: {', '.join(str(path) for path in written)}")
    for note in notes:
        print(note)


def regress(options: argparse.Namespace) -> None:
    """Print the study's tables of a cohort and write its folder of results."""
    from thaliron_napari.cohort import read_table, synthetic_cohort, synthetic_note
    from thaliron_napari.cohort.inclusion import included
    from thaliron_napari.statistics import age_subgroup, describe, format_descriptions, format_tables, study_tables

    table = synthetic_cohort() if options.cohort == "synthetic" else read_table(options.cohort)
    note = synthetic_note(table)
    analysed, flow = included(table, options.where)
    notes = ([note] if note else []) + ([flow.sentence()] if flow.analysed < flow.seen else [])
    print(format_descriptions(describe(analysed)))
    print(format_tables(*study_tables(analysed), age_subgroup(analysed), notes=notes), end="")
    if options.out:
        from thaliron_napari.report.regression import write_regression

        written = write_regression(table, options.out, options.where)
        print(f"\n{len(written)} files in {options.out}, report.html among them")


def power(options: argparse.Namespace) -> None:
    """Print the missing one of n, r and power."""
    from thaliron_napari.statistics.power import achieved_power, required_n, required_r

    n, r, power, alpha, covariates = options.n, options.r, options.power, options.alpha, options.covariates
    if [n, r, power].count(None) != 1:
        raise UsageError("thaliron power: give two of --n, --r and --power; the third is computed")
    if power is None:
        power = achieved_power(n, r, alpha, covariates)
    elif r is None:
        r = required_r(n, power, alpha, covariates)
    else:
        n = required_n(r, power, alpha, covariates)
    given = f", r given {covariates} covariate{'' if covariates == 1 else 's'}" if covariates else ""
    print(f"n = {n}, r = {r:.4f}, power = {power:.3f}, two-sided alpha = {alpha:g}{given}")


def _chosen_series(options: argparse.Namespace, series: tuple[Series, ...]) -> dict[SeriesRole, Series]:
    """The series that were named by their numbers."""
    labels = {one.label: one for one in series}
    chosen: dict[SeriesRole, Series] = {}
    for role in SERIES_ROLES:
        label = getattr(options, role)
        if label is None:
            continue
        alike = [one.label for one in series if str(one.number) == label and one.label != label and one.label != "?"]
        if label in labels:
            chosen[role] = labels[label]
        elif alike:
            raise ImageError(f"There are several series {label}; give --{role} as {' or '.join(alike)}.")
        else:
            raise ImageError(f"There is no series {label} (--{role}); there are {', '.join(labels)}.")
    return chosen


def _print_series(series: tuple[Series, ...], chosen: dict[SeriesRole, Series]) -> None:
    """A table: what is chosen bears its role, what could be it in brackets, what cannot be used says why."""
    patients = len({one.patient for one in series})
    taken = {one.label: SERIES_ROLES[role] for role, one in chosen.items()}
    print("series images           voxels                 mm  TE (ms)     is                    description")
    for one in series:
        grid = one.source_grid
        voxels = "x".join(str(n) for n in grid.shape) if grid else "-"
        spacing = "x".join(f"{mm:.2f}" for mm in one.spacing_mm) or "-"
        echo = "-".join(f"{ms:g}" for ms in dict.fromkeys(one.echo_times_ms[:1] + one.echo_times_ms[-1:])) or "-"
        could_be = f"({SERIES_ROLES[one.role]})" if one.role and not one.problem else "-"
        kind = "" if one.kind == "magnitude" else f" [{one.kind}]"
        whose = f" (patient {one.patient + 1})" if patients > 1 and one.patient >= 0 else ""
        words = ": ".join(
            part for part in (f"{one.description}{kind}{whose}".strip(), one.problem or one.notice) if part
        )
        print(
            f"{one.label:6} {one.images:6} {voxels:>16} {spacing:>18}  {echo:11} {taken.get(one.label, could_be):21} "
            f"{words}"
        )
