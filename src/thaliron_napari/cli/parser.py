"""The verbs of the command, their arguments, and the words that explain them."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from thaliron_napari import __version__
from thaliron_napari.cli import case_verbs as on_case
from thaliron_napari.cli import verbs as run
from thaliron_napari.cli.agree import agree
from thaliron_napari.cli.case_verbs import ROLES
from thaliron_napari.cli.morphometry import morphometry
from thaliron_napari.cli.qsm import qsm
from thaliron_napari.cli.usage import UsageError
from thaliron_napari.cli.verbs import SERIES_ROLES
from thaliron_napari.errors import ThalIronError

VERBS = (
    "open",
    "demo",
    "import",
    "register",
    "contour",
    "grow",
    "qsm",
    "measure",
    "morphometry",
    "cohort",
    "regress",
    "power",
    "agree",
    "report",
    "export",
    "log",
)


_FORMATS = ("csv", "tsv", "xlsx", "dta", "json")
_TABLES = ", ".join(f".{name}" for name in _FORMATS)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see '{self.prog} --help'")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; ``run`` of what it returns is the verb's function."""
    parser = _Parser(
        prog="thaliron",
        description="Read and measure thalamic iron and T2 lesions, and run the regressions of a cohort.",
        epilog="'thaliron CASE_OR_IMAGES...' alone opens the window. World points are RAS mm, as viewers print them.",
    )
    parser.add_argument("--version", action="version", version=f"thaliron {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(name: str, run: Callable[[argparse.Namespace], int | None], words: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        added.set_defaults(run=run)
        return added

    add = verb(
        "open", on_case.show, "open the window on one patient (what 'thaliron' does without a verb)"
    ).add_argument
    add("paths", nargs="*", type=Path, metavar="CASE_OR_IMAGES", help="a folder or files, told apart by their names")
    _add_case_options(add)

    add = verb("demo", run.demo, "make a phantom patient and open it").add_argument
    add("--offscreen", action="store_true", help="perform a scripted reading in the real window, write files, exit")
    add("--out", type=Path, metavar="DIR", help="folder for pictures, tables and reports (default: thaliron-demo)")
    add("--size", choices=("small", "full"), default="full", help="size of the phantom (default: %(default)s)")

    add = verb(
        "import", run.import_dicom, "convert DICOM series, the named or else the likely ones, to NIfTI with BIDS names"
    ).add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="DICOM folders, with all below them, and files")
    add("--out", type=Path, metavar="DIR", help="dataset to write into: DIR/sub-ID/anat/...")
    add("--list", action="store_true", help="only list the series and what each most likely is")
    for role, name in SERIES_ROLES.items():
        add(f"--{role}", metavar="N", help=f"number, as listed, of the series that is the {name}")
    add("--subject", default="01", metavar="ID", help="letters and digits (default: %(default)s)")
    add("--session", default="", metavar="S", help="letters and digits")
    add("--overwrite", action="store_true", help="replace images of the same kind")

    add = verb(
        "register", run.register, "find the rigid motion between two images, whatever their contrasts"
    ).add_argument
    add("--moving", type=Path, required=True, metavar="M", help="image to be moved, such as the QSM or its magnitude")
    add("--fixed", type=Path, required=True, metavar="F", help="image that stays, such as the FLAIR")
    add("--out", type=Path, required=True, metavar="T", help="transform: .tfm or .txt for ITK, .mat for 4 x 4 RAS mm")
    add("--resampled", type=Path, metavar="R", help="also write M on the grid of F (.nii.gz)")

    add = verb("contour", run.contour, "fill a structure between the key slices on which it was drawn").add_argument
    add(
        "--image",
        type=Path,
        action="append",
        required=True,
        metavar="I",
        help="image that shows the margin; repeatable",
    )
    add("--keys", type=Path, required=True, metavar="K", help="label map with only the (axial) key slices filled")
    add("--out", type=Path, required=True, metavar="M", help="label map on the grid of K, filled between (.nii.gz)")

    add = verb("grow", run.grow, "grow T2 lesions from seeds").add_argument
    add("--flair", type=Path, required=True, metavar="F", help="FLAIR image")
    add("--seed", type=_point, action="append", required=True, metavar="x,y,z", help="RAS mm; once for each lesion")
    add("--out", type=Path, required=True, metavar="M", help="label map on the grid of F; lesion n is that of seed n")
    add("--sensitivity", type=float, default=0.5, metavar="S", help="0 (tight) to 1 (generous) (default: %(default)s)")

    add = verb("qsm", qsm, "make a susceptibility map from the magnitude and phase of a gradient echo").add_argument
    add("paths", nargs="*", type=Path, metavar="FOLDER", help="folder with the echoes, as images or as DICOM")
    for part in ("magnitude", "phase", "real", "imaginary"):
        add(
            f"--{part}",
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help=f"{part} of the echoes: one file each, or one with all",
        )
    add("--out", type=Path, required=True, metavar="Q", help="map to write, in ppm (.nii.gz)")
    add("--te", type=_milliseconds, metavar="MS", help="echo times such as 4.3,9.1,13.9 (default: the sidecars')")
    add("--field", type=float, metavar="T", help="field strength in tesla (default: the sidecars')")
    add("--mask", type=Path, metavar="M", help="brain mask on the grid of the echoes (default: estimated)")
    add("--method", choices=("medi", "l2", "tkd"), default="medi", help="dipole inversion (default: %(default)s)")
    add(
        "--background",
        choices=("pdf", "v-sharp"),
        default="pdf",
        help="how fields from outside the brain are taken out (default: %(default)s)",
    )
    add("--csf", metavar="C", help="ventricular CSF, the zero reference: a mask, or 'ventricles' to find it")
    add("--lambda", type=float, dest="weight", metavar="W", help="MEDI's weight of the data (default: 500)")
    add("--start", type=Path, metavar="Q", help="map from which MEDI goes on")
    add("--flip", action="store_true", help="the phase falls where the field rises: turn the map's sign")
    add("--keep", action="store_true", help="write local field, total field, noise and brain mask beside Q too")
    add("--library", choices=("numpy", "cupy", "torch"), default="numpy", help="what transforms (default: %(default)s)")

    add = verb("measure", run.measure, "measure from files, without a case").add_argument
    add("--qsm", type=Path, metavar="Q", help="susceptibility map")
    add(
        "--unit",
        type=_unit,
        metavar="U",
        help="of Q: ppm, ppb, or such as '0.1 ppb, zero at 2048' (default: its sidecar's, else told from its values)",
    )
    add("--flair", type=Path, metavar="F", help="FLAIR image on which the lesions were drawn")
    add("--thalami", type=Path, metavar="T", help="label map on the grid of Q: 1 left, 2 right")
    add("--csf", type=Path, metavar="C", help="label map of the CSF ROIs on the grid of Q: 1 left, 2 right")
    add("--veins", type=Path, metavar="V", help="mask of veins on the grid of Q: thalami are measured with and without")
    add("--lesions", type=Path, metavar="L", help="label map, one number a lesion; on the grid of F where F is given")
    add(
        "--freesurfer",
        type=Path,
        metavar="DIR",
        help="folder of the FreeSurfer or FastSurfer subject, or SynthSeg's table",
    )
    add("--subject", metavar="NAME", help="whose row it is where SynthSeg's table has several")
    add("--labels", type=Path, metavar="L", help="measure each label of any map on the grid of Q instead: caudate ...")
    add("--names", type=Path, metavar="TSV", help="names of the labels of L: columns index and name")
    add("--reverse", action="store_true", help="state CSF minus thalamus too, beside thalamus minus CSF")
    add("--out", type=Path, metavar="FILE", help=f"write the record too: {_TABLES}")

    add = verb(
        "morphometry", morphometry, "measure grey matter volume and cortical thickness from a T1, without FreeSurfer"
    ).add_argument
    add("t1", type=Path, metavar="T1", help="T1 image, without its skull unless --mask is given")
    add("--mask", type=Path, metavar="M", help="brain mask on the grid of the T1")
    add(
        "--lesions", type=Path, metavar="L", help="lesions on the grid of the T1, to be filled with white matter before"
    )
    add("--out", type=Path, required=True, metavar="FILE.json", help="numbers to write, with label and thickness maps")

    add = verb("cohort", run.cohort, "collect one table from the measured cases of a folder").add_argument
    add("derivatives", type=Path, metavar="DERIVATIVES", help="folder that holds sub-*/, such as derivatives/thaliron")
    add("--covariates", type=Path, metavar="TABLE", help="table with a column 'id' to join: age, sex, ...")
    add("--out", type=Path, required=True, metavar="FILE", help=f"table to write, with its dictionary: {_TABLES}")

    add = verb("regress", run.regress, "fit the study's two tables to a cohort").add_argument
    add("cohort", metavar="COHORT", help=f"cohort table ({_TABLES}), or the word 'synthetic' for the one shipped")
    add("--where", default="", metavar="CONDITION", help="analyse only these cases, such as 'age <= 50 and sex == 1'")
    add("--out", type=Path, metavar="DIR", help="write tables, diagnostics and a report into this folder")

    add = verb("power", run.power, "of n, r and power of one correlation, compute the missing one").add_argument
    add("--n", type=int, help="number of cases")
    add("--r", type=float, help="correlation to detect; with --covariates the partial one given these")
    add("--power", type=float, help="chance to detect it, such as 0.8")
    add("--alpha", type=float, default=0.05, help="two-sided level of significance (default: %(default)s)")
    add("--covariates", type=int, default=0, metavar="K", help="how many covariates the model has (default: 0)")

    add = verb("agree", agree, "compare two readings of the same cases: numbers, structures and lesions").add_argument
    add("derivatives_a", type=Path, metavar="DERIV_A", help="derivatives folder of reading A, such as thaliron-anna")
    add("derivatives_b", type=Path, metavar="DERIV_B", help="that of reading B; differences are A minus B")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help=f"table of the numbers to write, and beside it FILE_cases, one row a case: {_TABLES}",
    )

    add = verb("report", on_case.report, "write one HTML page on a case or a cohort").add_argument
    add("paths", nargs="*", type=Path, metavar="CASE_OR_COHORT", help="a case's folder or images, or a cohort table")
    add("--out", type=Path, required=True, metavar="FILE.html", help="page to write")
    _add_case_options(add)

    add = verb("export", on_case.export, "write a case's numbers and lesions as tables, figures or DICOM").add_argument
    add("paths", nargs="*", type=Path, metavar="CASE", help="a case's folder or images")
    add("--out", type=Path, required=True, metavar="DIR", help="folder to write into")
    add("--tables", choices=_FORMATS, help="format of the tables (default: tsv, where nothing else is asked)")
    add("--reverse", action="store_true", help="state CSF minus thalamus too, beside thalamus minus CSF")
    add("--figures", choices=("png", "pdf", "svg", "tiff"), help="write the figures at print resolution")
    add("--dpi", type=int, default=300, help="resolution of the figures (default: %(default)s)")
    add(
        "--dicom",
        type=Path,
        metavar="FOLDER",
        help="DICOM that the images came from: writes SEG and SR, with its names",
    )
    _add_case_options(add)

    add = verb("log", on_case.log, "print who did what when in a case").add_argument
    add("paths", nargs="+", type=Path, metavar="CASE", help="a patient's folder or images, or the journal (.jsonl)")
    add("--check", action="store_true", help="also replay the journal on the images and compare the saved label maps")
    _add_case_options(add)
    return parser


def _add_case_options(add: Callable[..., argparse.Action]) -> None:
    for role, name in ROLES.items():
        add(f"--{role}", type=Path, metavar="FILE", help=f"the {name}, where its name does not tell")
    add("--derivatives", type=Path, metavar="DIR", help="folder for the reader's work (default: beside the images)")
    add("--reader", default="", metavar="NAME", help="who reads; another reader's work is kept apart")


def _unit(text: str) -> str:
    from thaliron_napari.imaging.units import parse_unit

    try:
        parse_unit(text)
    except ThalIronError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _milliseconds(text: str) -> list[float]:
    try:
        return [float(part) / 1000 for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no echo times; write ms, such as 4.3,9.1,13.9") from None


def _point(text: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(part) for part in text.split(","))
        if all(math.isfinite(v) for v in (x, y, z)):
            return x, y, z
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a point; write x,y,z in mm, such as -12.5,30,41")
