"""BIDS: what a file's name says, which cases a dataset holds, and where their files lie."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thaliron_napari.imaging import is_image_path

# Folders of a subject that hold no image of a reading; a field map's magnitude is not that of the QSM.
_OTHER_KINDS = {"func", "dwi", "fmap", "perf", "pet", "eeg", "ieeg", "meg", "nirs", "motion", "beh", "micr", "mrs"}
_NEVER_SEARCHED = {"derivatives", "sourcedata"}
_OURS = "thaliron"


@dataclass(frozen=True)
class BidsName:
    """What a file's name says.

    Parameters
    ----------
    entities : mapping
        Labels by key, in the name's order: ``{"sub": "01", "ce": "gadolinium"}``.
    suffix : str
        Such as ``T1w``.
    """

    entities: Mapping[str, str]
    suffix: str

    def index(self, key: str) -> int:
        """Number of an entity that counts, such as ``run`` or ``echo``; 0 where it is absent or no number."""
        label = self.entities.get(key, "")
        return int(label) if label.isdecimal() else 0


@dataclass(frozen=True)
class BidsCase:
    """One subject, or one session of it, of a dataset.

    Parameters
    ----------
    root : Path
        The dataset.
    folder : Path
        ``sub-01`` or ``sub-01/ses-02`` in it.
    subject, session : str
        Labels, letters and digits only; the session's may be empty.
    """

    root: Path
    folder: Path
    subject: str
    session: str = ""

    @property
    def name(self) -> str:
        """``sub-014`` or ``sub-014_ses-02``."""
        return case_name(self.subject, self.session)


def case_name(subject: str, session: str = "") -> str:
    """``sub-014`` or ``sub-014_ses-02``."""
    return f"sub-{subject}" + (f"_ses-{session}" if session else "")


def parse_name(name: str) -> BidsName | None:
    """Entities and suffix of a file's name; None where it is not written as BIDS says.

    Examples
    --------
    >>> parse_name("sub-01_ce-gadolinium_T1w.nii.gz")
    BidsName(entities={'sub': '01', 'ce': 'gadolinium'}, suffix='T1w')
    >>> parse_name("FLAIR.nii.gz") is None
    True
    """
    *pairs, suffix = name.partition(".")[0].split("_")
    entities: dict[str, str] = {}
    for pair in pairs:
        key, dash, label = pair.partition("-")
        if not (dash and key.isalpha() and _is_label(label)) or key in entities:
            return None
        entities[key] = label
    return BidsName(entities, suffix) if next(iter(entities), "") == "sub" and suffix.isalnum() else None


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a BIDS dataset: it says so, or has folders of subjects; a subject's own folder is none."""
    if not folder.is_dir() or _is_subject(folder):
        return False
    return (folder / "dataset_description.json").is_file() or bool(_folders(folder, "sub"))


def cases_of(root: Path) -> list[BidsCase]:
    """Every case of a dataset in the order of subjects and sessions, ``sub-2`` before ``sub-10``."""
    return [case for folder in _folders(root, "sub") for case in cases_of_subject(folder)]


def cases_of_subject(folder: Path) -> list[BidsCase]:
    """The cases of a subject's folder: one a session, or one where there are no sessions."""
    folder = Path(os.path.abspath(folder))  # not resolve(): files may be links into a store without names
    root, subject = dataset_root(folder) or folder.parent, _label(folder.name, "sub")
    sessions = _folders(folder, "ses")
    cases = [BidsCase(root, session, subject, _label(session.name, "ses")) for session in sessions]
    if not sessions or (folder / "anat").is_dir():
        cases.insert(0, BidsCase(root, folder, subject))
    return cases


def case_around(path: Path) -> BidsCase | None:
    """The case in whose folder a file or folder lies; None outside all, and for the folder of several sessions."""
    path = Path(os.path.abspath(path))
    inside = [path, *path.parents]
    folder = next((p for p in inside if _is_subject(p)), None)
    if folder is None or not folder.is_dir():
        return None
    session = next((p for p in inside[: inside.index(folder)] if p.parent == folder and _label(p.name, "ses")), None)
    cases = cases_of_subject(folder)
    if session is not None:
        return next((case for case in cases if case.folder == session), None)
    return cases[0] if len(cases) == 1 or (cases[0].session == "" and path != folder) else None


def dataset_root(path: Path) -> Path | None:
    """The dataset to which a file or folder belongs, from the folder of its subject; None where there is none.

    What lies in a derivative of a dataset (``derivatives/qsm-pipeline/sub-01``) belongs to the dataset.
    """
    path = Path(os.path.abspath(path))
    for folder in (path, *path.parents):
        if _is_subject(folder):
            root = folder.parent
            return root.parents[1] if root.parent.name == "derivatives" else root
    return None


def identify(image: Path) -> tuple[str, str]:
    """Subject and session of an image, from the folders it lies in, else its name, else the name of its folder."""
    path = Path(os.path.abspath(image))
    name = parse_name(path.name)
    entities = name.entities if name is not None else {}
    folders = [part.name for part in path.parents]
    subject = next((label for part in folders if (label := _label(part, "sub"))), entities.get("sub", ""))
    session = next((label for part in folders if (label := _label(part, "ses"))), entities.get("ses", ""))
    return subject or _alphanumeric(path.parent.name) or "case", session if subject else ""


def image_files(folder: Path) -> list[Path]:
    """Image files in a case's folder and the folders in it, sorted; those that BIDS keeps for other things left out.

    Where there are none so near, all below are searched.
    """
    return _images_near(folder) or images_below(folder)


def images_below(folder: Path) -> list[Path]:
    """Image files in a folder and below, sorted; derivatives are other programs' results, not images."""
    inside = (p for p in folder.rglob("*") if not _NEVER_SEARCHED & set(p.relative_to(folder).parts[:-1]))
    return sorted(p for p in inside if _is_image(p) and p.is_file())


def derived_files(case: BidsCase) -> list[tuple[str, Path]]:
    """Image files of a case in the dataset's derivatives, ours left out, each with the name of its pipeline."""
    found = []
    for pipeline in _listed(case.root / "derivatives"):
        subject = pipeline / f"sub-{case.subject}"
        folder = subject / f"ses-{case.session}" if case.session else subject
        if not pipeline.name.startswith(_OURS) and folder.is_dir():
            found += [(pipeline.name, file) for file in _images_near(folder)]
    return found


def scan_times(case_folder: Path) -> dict[str, str]:
    """Time of acquisition by file name from a case's ``*_scans.tsv``; empty where it does not say.

    ISO 8601, so that text sorts as time does.
    """
    times: dict[str, str] = {}
    for table in (p for p in _listed(case_folder) if p.name.endswith("_scans.tsv")):
        try:
            rows = [line.split("\t") for line in table.read_text("utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError):
            continue
        if not rows or not {"filename", "acq_time"} <= set(rows[0]):
            continue
        file, time = rows[0].index("filename"), rows[0].index("acq_time")
        for row in rows[1:]:
            if len(row) == len(rows[0]) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", row[time]):
                times[row[file].rpartition("/")[2]] = row[time]
    return times


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Key by which names sort as people count: ``sub-2`` before ``sub-10``."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part)


def _images_near(folder: Path) -> list[Path]:
    places = [folder, *(p for p in _listed(folder) if not _is_elsewhere(p.name) and p.is_dir())]
    return [file for place in places for file in _listed(place) if _is_image(file)]


def _folders(folder: Path, key: str) -> list[Path]:
    found = [path for path in _listed(folder) if _label(path.name, key) and path.is_dir()]
    return sorted(found, key=lambda path: natural(path.name))


def _listed(folder: Path) -> list[Path]:
    """What a folder holds, sorted by name; nothing where it is missing."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_image(path: Path) -> bool:
    return is_image_path(path) and not path.name.startswith(".")


def _is_elsewhere(name: str) -> bool:
    return name in _OTHER_KINDS | _NEVER_SEARCHED or name.startswith((".", "ses-"))


def _is_subject(path: Path) -> bool:
    """Whether a path is named as a subject's folder; a file's name begins so too."""
    return bool(_label(path.name, "sub")) and not is_image_path(path)


def _label(folder: str, key: str) -> str:
    """Label of a subject's or session's folder; what BIDS does not allow in it (``sub-MS_014``) is left out."""
    return _alphanumeric(folder.removeprefix(f"{key}-")) if folder.startswith(f"{key}-") else ""


def _is_label(text: str) -> bool:
    return text.replace("+", "").isalnum() and text.isascii()


def _alphanumeric(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)
