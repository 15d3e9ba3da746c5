"""The verb that makes a susceptibility map of a gradient echo's phase."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from thaliron_napari.cli.usage import UsageError, check_suffix
from thaliron_napari.errors import CaseError, ImageError

if TYPE_CHECKING:
    from thaliron_napari.case.gre import GreFiles

_INVERSIONS = {"medi": "medi", "l2": "closed form", "tkd": "tkd"}


def qsm(options: argparse.Namespace) -> None:
    """Reconstruct, say how far it is, write the map."""
    from thaliron_napari.case.reconstruction import MapSettings, make_map, memory_needed
    from thaliron_napari.qsm import MediSettings
    from thaliron_napari.qsm.memory import free_bytes

    check_suffix(options.out, ".nii", ".nii.gz")
    csf = options.csf if options.csf in (None, "ventricles") else Path(options.csf)
    settings = MapSettings(
        inversion=_INVERSIONS[options.method],  # type: ignore[arg-type]
        background=options.background,
        mask=options.mask,
        csf=csf,
        start=options.start,
        echo_times_s=options.te,
        field_t=options.field,
        phase_sign=-1 if options.flip else 1,
        keep=options.keep,
        library=options.library,
        medi=None if options.weight is None else MediSettings(data_weight=options.weight),
    )
    with ExitStack() as stack:
        gre = _files(options, stack)
        print(f"{memory_needed(gre) / 2**30:.1f} GiB needed, {free_bytes() / 2**30:.1f} GiB free", file=sys.stderr)
        made = make_map(gre, options.out, settings, progress=_Said())
    for note in made.notes:
        print(f"look at it      {note}")
    for file in made.files:
        print(file)
    if made.is_upside_down:
        other = "without --flip" if options.flip else "with --flip"
        print(f"look at it      the map looks upside down (veins and pallidum are negative); make it again {other}")


class _Said:
    """Prints each stage once, and each tenth of it."""

    def __init__(self) -> None:
        self.last = ("", -1)

    def __call__(self, stage: str, share: float) -> None:
        now = (stage, int(10 * share))
        if now != self.last:
            print(f"{stage:12} {10 * now[1]:3}%", file=sys.stderr, flush=True)
            self.last = now


def _files(options: argparse.Namespace, stack: ExitStack) -> GreFiles:
    """The echoes that were named, or those of a folder."""
    from thaliron_napari.case.bids import image_files
    from thaliron_napari.case.gre import GreFiles, find_gre
    from thaliron_napari.imaging import holds_dicom_only

    named = GreFiles(*(tuple(getattr(options, part)) for part in ("magnitude", "phase", "real", "imaginary")))
    is_named = any((named.magnitude, named.phase, named.real, named.imaginary))
    if is_named == bool(options.paths) or len(options.paths) > 1:
        raise UsageError("thaliron qsm: give one folder, or --magnitude and --phase, or --real and --imaginary")
    if is_named:
        return named
    folder: Path = options.paths[0]
    if not folder.is_dir():
        raise CaseError(f"There is no folder {folder}; check the path, or name the files with --magnitude and --phase.")
    if holds_dicom_only(folder):
        folder = _converted(folder, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="thaliron-"))))
    found = find_gre(image_files(folder))
    if not found:
        raise CaseError(
            f"No gradient echo with a phase is found in {options.paths[0]}; name it with --magnitude and --phase."
        )
    if len(found) > 1:
        names = ", ".join(gre.first.name for gre in found)
        raise CaseError(
            f"{options.paths[0]} holds {len(found)} gradient echoes ({names}); name one with --magnitude and --phase."
        )
    return found[0]


def _converted(folder: Path, out: Path) -> Path:
    """The echoes of a folder of DICOM files as images."""
    from thaliron_napari.imaging import SeriesRole, choose_series, find_series, import_series

    chosen = choose_series(find_series([folder]))
    parts: tuple[SeriesRole, ...] = ("magnitude", "phase", "real", "imaginary")
    wanted = {role: chosen[role] for role in parts if role in chosen}
    if not wanted:
        raise ImageError(
            f"No gradient echo is found among the DICOM files of {folder}; convert it with thaliron import."
        )
    made = import_series(wanted, out)
    if made.failed:
        raise ImageError(" ".join(made.failed.values()))
    return made.folder
