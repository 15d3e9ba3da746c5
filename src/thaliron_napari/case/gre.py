"""Which files of a case are the echoes of a gradient echo with its phase, from which a QSM can be made."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from thaliron_napari.case.bids import BidsName, case_name, dataset_root, identify, natural, parse_name

Part = Literal["magnitude", "phase", "real", "imaginary"]

PIPELINE = "qsm-thaliron"
"""Folder in ``derivatives`` of the maps made here; not one of a reader's, for all readers share a map."""

_PART_OF_ENTITY: dict[str, Part] = {"mag": "magnitude", "phase": "phase", "real": "real", "imag": "imaginary"}
_SUFFIXES = {"megre", "gre", "t2starw", "swi"}
# Words of file names without BIDS entities, tried in this order.
_PART_OF_WORD: tuple[tuple[str, Part], ...] = (
    (r"(?<![a-z])(phase|pha|ph)(?![a-z])", "phase"),
    (r"(?<![a-z])imag(inary)?(?![a-z])", "imaginary"),
    (r"(?<![a-z])real(?![a-z])", "real"),
    (r"(?<![a-z])mag(n|nitude)?(?![a-z])", "magnitude"),
)
_NOT_A_SCAN = r"mask|dseg|seg|label|unwrap|filt|chimap|qsm|t1map|t2starmap|r2s"
_COUNTED = {"echo", "part"}
_KEPT = {"acq", "rec", "run", "dir"}


@dataclass(frozen=True)
class GreFiles:
    """The files of one gradient echo; either magnitude and phase, or real and imaginary part.

    Parameters
    ----------
    magnitude, phase, real, imaginary : tuple of Path
        One file an echo, or one with all echoes; empty where there is none.
    """

    magnitude: tuple[Path, ...] = ()
    phase: tuple[Path, ...] = ()
    real: tuple[Path, ...] = ()
    imaginary: tuple[Path, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether a map can be made of them."""
        return bool((self.magnitude and self.phase) or (self.real and self.imaginary))

    @property
    def first(self) -> Path:
        """The file by which the scan is named."""
        return (self.magnitude or self.real or self.phase)[0]

    @property
    def words(self) -> str:
        """What there is, for a person: ``sub-01_echo-1_part-mag_MEGRE.nii.gz and 11 more``."""
        count = sum(map(len, (self.magnitude, self.phase, self.real, self.imaginary)))
        return f"{self.first.name} and {count - 1} more"


def find_gre(files: Iterable[Path]) -> list[GreFiles]:
    """The gradient echoes among the image files of a case that have a phase, the plainest name first.

    Parameters
    ----------
    files : iterable of Path
        Image files of one patient and session.

    Returns
    -------
    list of GreFiles
        One a scan; files with the same entities but ``echo-`` and ``part-`` are of one scan. Of other names those in
        one folder that are alike but for the words that say which part and which echo they are.
    """
    scans: dict[tuple[object, ...], dict[Part, list[Path]]] = {}
    bare: dict[tuple[object, ...], list[Path]] = {}
    for path in files:
        name = parse_name(path.name)
        if name is not None:
            if name.suffix.lower() not in _SUFFIXES or {"desc", "space"} & set(name.entities):
                continue
            key: tuple[object, ...] = (*_identity(name), name.suffix)
            part = _PART_OF_ENTITY.get(name.entities.get("part", ""))
        else:
            part, key = _by_words(path)
        if part is None:
            bare.setdefault(key, []).append(path)
        else:
            scans.setdefault(key, {}).setdefault(part, []).append(path)
    for key, parts in scans.items():  # a magnitude may go without a word that says so, beside its phase
        if "phase" in parts and "magnitude" not in parts and key in bare:
            parts["magnitude"] = bare[key]
    found = [
        GreFiles(**{part: tuple(sorted(paths, key=_order)) for part, paths in parts.items()})
        for parts in scans.values()
    ]
    return sorted((gre for gre in found if gre.complete), key=lambda gre: (len(gre.first.name), gre.first.name))


def chimap_path(gre: GreFiles, desc: str = "") -> Path:
    """Where the map of a scan goes: the derivatives of its dataset, or beside files that belong to none.

    Parameters
    ----------
    gre : GreFiles
    desc : str
        Label of a quick map: one by MEDI has none, and is taken before it when the case is opened.
    """
    root = derivatives_of(gre)
    subject, session = identify(gre.first)
    name = parse_name(gre.first.name)
    kept = {} if name is None else {k: v for k, v in name.entities.items() if k in _KEPT}
    more = "".join(f"_{key}-{label}" for key, label in kept.items())
    folder = root / f"sub-{subject}" / (f"ses-{session}" if session else "") / "anat"
    return folder / f"{case_name(subject, session)}{more}{f'_desc-{desc}' if desc else ''}_Chimap.nii.gz"


def derivatives_of(gre: GreFiles) -> Path:
    """The derivative dataset for the maps made here."""
    return (dataset_root(gre.first) or gre.first.absolute().parent) / "derivatives" / PIPELINE


def _identity(name: BidsName) -> tuple[tuple[str, str], ...]:
    return tuple((key, label) for key, label in name.entities.items() if key not in _COUNTED)


def _by_words(path: Path) -> tuple[Part | None, tuple[object, ...]]:
    """Part by the words of a name, and what is left of the name, which the files of one scan share."""
    words = path.name.lower().partition(".nii")[0].partition(".mg")[0]
    if re.search(_NOT_A_SCAN, words):
        return None, ("", path)
    for pattern, part in _PART_OF_WORD:
        if re.search(pattern, words):
            return part, (path.parent, _without_echo(re.sub(pattern, "", words)))
    return None, (path.parent, _without_echo(words))


def _without_echo(words: str) -> str:
    left = re.sub(r"(?<![a-z])(echo|e|te)[-_ ]?\d+(?!\d)", "", words)
    return re.sub(r"[-_ .]+", "", left)


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    return natural(path.name)
