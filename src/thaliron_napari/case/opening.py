"""From paths to a case: which file is which image, and where the reader's work goes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from thaliron_napari.case.case import ROLE_NAME, Case, Role
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Volume, is_image_path, read_volume

# Tried in this order on the file's name; the first that matches says what the image is.
_ROLE_PATTERNS: tuple[tuple[str, Role | None], ...] = (
    (r"dseg|probseg|mask|label|seg|consensus|truth|phase", None),
    (r"chimap|qsm|suscept", "qsm"),
    (r"flair", "flair"),
    (r"(?<![a-z])ce-|gadolin|t1.*post|post.*t1|t1(w)?[-_ ]?(ce|gd|c|km)(?![a-z])", "t1ce"),
    (r"t1|mprage|spgr|bravo", "t1"),
    (r"part-mag|magnitude|t2star|(?<![a-z])(mag|swi|(me)?gre)(?![a-z])", "magnitude"),
)
_NEVER_SEARCHED = {"derivatives", "sourcedata"}


def guess_role(path: Path) -> Role | None:
    """What image a file is, from its name; None for label maps and what is not known."""
    name = re.sub(r"^sub-[a-z0-9]+_(ses-[a-z0-9]+_)?", "", path.name.lower())
    for pattern, role in _ROLE_PATTERNS:
        if re.search(pattern, name):
            return role
    return None


def find_images(paths: Iterable[Path], known: Mapping[Role, Path] | None = None) -> dict[Role, Path]:
    """The images of one case among files and folders.

    Parameters
    ----------
    paths : iterable of Path
        Image files, or folders that are searched (not below ``derivatives``).
    known : mapping, optional
        Files whose role is known; they win over guesses.

    Raises
    ------
    CaseError
        When a path is missing, a file's name does not say what it is, two files could be the same image, or there is
        neither a QSM nor a FLAIR among them.
    """
    chosen = dict(known or {})
    found: dict[Role, list[Path]] = {}
    named, searched = _files(paths)
    if len(named) == 1 and not searched and not chosen and guess_role(named[0]) is None:
        return {"flair": named[0]}  # one file of unknown name: lesions can be read on it
    for file in named + searched:
        role = guess_role(file)
        if role is not None:
            found.setdefault(role, []).append(file)
        elif file in named:
            raise CaseError(
                f"The name of {file.name} does not say which image it is; give it with --qsm, --flair, --t1, --t1ce or "
                "--magnitude, or choose it in the step Study."
            )
    for role, candidates in found.items():
        if role not in chosen:
            chosen[role] = _only(role, candidates)
    if "qsm" not in chosen and "flair" not in chosen:
        raise CaseError(
            "No QSM and no FLAIR was found by name; give the files with --qsm and --flair, or choose them in the step "
            "Study."
        )
    return chosen


def _files(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Files given by name, and image files found in the folders given."""
    named: list[Path] = []
    searched: list[Path] = []
    for path in paths:
        if path.is_dir():
            searched += _images_below(path)
        elif path.exists():
            named.append(path)
        else:
            raise CaseError(f"There is no file or folder {path}; check the path.")
    return named, searched


def _only(role: Role, candidates: list[Path]) -> Path:
    """The one file of a role; of the echoes of one magnitude series the first."""
    if role == "magnitude" and len({re.sub(r"(?<=echo-)\d+|(?<=_e)\d+", "", str(c)) for c in candidates}) == 1:
        return min(candidates, key=lambda c: (len(c.name), c.name))
    if len(candidates) > 1:
        names = ", ".join(c.name for c in candidates[:3])
        raise CaseError(
            f"{len(candidates)} files could be the {ROLE_NAME[role]} ({names}); give the images of one patient and "
            "session, one file each."
        )
    return candidates[0]


def open_case(
    paths: Sequence[Path | str] = (),
    *,
    images: dict[Role, Path] | None = None,
    derivatives: Path | None = None,
    reader: str = "",
    in_memory: bool = False,
) -> Case:
    """Open one patient's images, with what this reader drew before.

    Parameters
    ----------
    paths : sequence of path
        Files or folders; each file's role is guessed from its name.
    images : dict, optional
        Files whose role is known; they win over guesses.
    derivatives : Path, optional
        Folder for the reader's work; by default ``derivatives/thaliron`` (``thaliron-<reader>``) of the BIDS
        dataset the images belong to, or beside them.
    reader : str
        Name of the reader.
    in_memory : bool
        Keep no journal and write no files.

    Raises
    ------
    CaseError, ImageError, GridError
        When the images cannot be found or read, do not overlap, or do not fit the journal.
    """
    chosen = find_images([Path(p) for p in paths], images) if paths else dict(images or {})
    with ThreadPoolExecutor() as readers:  # zlib and numpy let several files be read at once
        volumes: dict[Role, Volume] = dict(zip(chosen, readers.map(read_volume, chosen.values()), strict=True))
    first = chosen.get("qsm") or chosen.get("flair")
    if first is None:
        raise CaseError("A case needs a QSM or a FLAIR; choose at least one of the two.")
    subject, session = identify(first)
    if in_memory:
        return Case(subject, volumes, session=session, reader=reader)
    folder = (derivatives or default_derivatives(first, reader)) / f"sub-{subject}"
    if session:
        folder /= f"ses-{session}"
    return Case(subject, volumes, folder=folder / "anat", session=session, reader=reader)


def identify(image: Path) -> tuple[str, str]:
    """Subject and session of an image, from BIDS entities in its path, else the name of its folder."""
    path = image.resolve()
    entities = dict(re.findall(r"(?:^|[/_])(sub|ses)-([A-Za-z0-9]+)", path.as_posix()))
    subject = entities.get("sub") or re.sub(r"[^A-Za-z0-9]", "", path.parent.name) or "case"
    return subject, entities.get("ses", "")


def default_derivatives(image: Path, reader: str) -> Path:
    """``derivatives/thaliron`` of the dataset an image belongs to, or beside the image."""
    root = image.resolve().parent
    for parent in image.resolve().parents:
        if re.fullmatch(r"sub-[A-Za-z0-9]+", parent.name):
            root = parent.parent
            break
    label = re.sub(r"[^A-Za-z0-9]", "", reader)
    return root / "derivatives" / (f"thaliron-{label}" if label else "thaliron")


def _images_below(folder: Path) -> list[Path]:
    """Image files in a folder and below, sorted; derivatives are other programs' results, not images."""
    inside = (p for p in folder.rglob("*") if not _NEVER_SEARCHED & set(p.relative_to(folder).parts[:-1]))
    return sorted(p for p in inside if is_image_path(p) and p.is_file() and not p.name.startswith("."))
