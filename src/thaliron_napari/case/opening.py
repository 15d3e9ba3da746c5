"""From paths to a case: which file is which image, and where the reader's work goes."""

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from thaliron_napari.case.bids import (
    BidsCase,
    case_around,
    case_name,
    cases_of,
    cases_of_subject,
    dataset_root,
    derived_files,
    identify,
    image_files,
    images_below,
    is_dataset,
    parse_name,
)
from thaliron_napari.case.case import ROLE_NAME, Case, Role
from thaliron_napari.case.edits import Edit, fact_change
from thaliron_napari.case.glance import glance
from thaliron_napari.case.gre import chimap_path, find_gre
from thaliron_napari.case.images import Found, Variant, choose, find_in_case, guess_role
from thaliron_napari.errors import CaseError
from thaliron_napari.imaging import Volume, read_volume

_CHOSEN = "image/"
_LONGEST_LABEL = 240  # bytes: 60 letters of any script; file systems take 255 for a name


def find_images(paths: Iterable[Path], known: Mapping[Role, Path] | None = None) -> dict[Role, Path]:
    """The images of one case among files and folders.

    Parameters
    ----------
    paths : iterable of Path
        A folder (a dataset with one case, a subject, a session, or any folder, searched but not below
        ``derivatives``), one file of a subject, which stands for the whole, or image files.
    known : mapping, optional
        Files whose role is known; they win over guesses.

    Raises
    ------
    CaseError
        When a path is missing, there is more than one case, a file's name does not say what it is, two files could be
        the same image, or there is neither a QSM nor a FLAIR among them.
    """
    return look_for([Path(p) for p in paths], known).settled()


def look_for(
    paths: Sequence[Path],
    known: Mapping[Role, Path] | None = None,
    *,
    derivatives: Path | None = None,
    reader: str = "",
    prefer: Mapping[Role, Variant] | None = None,
) -> Found:
    """As :func:`find_images`, but with what could not be told apart as questions, and with what decided.

    Parameters
    ----------
    derivatives, reader
        See :func:`open_case`: an image that this reader chose for the case before is taken again.
    prefer : mapping, optional
        Kind of scan that the reader chose in another case, by role.
    """
    known = dict(known or {})
    case, own = _case_of(paths)
    if case is None:
        return _look_among(paths, known, prefer)
    journal = journal_of(derivatives or default_derivatives(case.folder, reader), case.subject, case.session)
    try:
        remembered = chosen_before(glance(journal).facts, case.root)
    except CaseError:  # said by the case when it opens
        remembered = {}
    return find_in_case(case, remembered | own | known, prefer)


def open_case(
    paths: Sequence[Path | str] = (),
    *,
    images: Mapping[Role, Path] | None = None,
    derivatives: Path | None = None,
    reader: str = "",
    in_memory: bool = False,
) -> Case:
    """Open one patient's images, with what this reader drew before.

    Parameters
    ----------
    paths : sequence of path
        Files or folders; each file's role is told by its name, see :func:`find_images`.
    images : mapping, optional
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
        When the images cannot be found or read, are of two patients by their names, do not overlap, or do not fit the
        journal.
    """
    where = [Path(p) for p in paths]
    if not where and not {"qsm", "flair"} & set(images or {}):
        raise CaseError("A case needs a QSM or a FLAIR; choose at least one of the two.")
    found = look_for(where, images, derivatives=derivatives, reader=reader) if where else Found(dict(images or {}))
    return open_found(found, fixed=set(images or {}), derivatives=derivatives, reader=reader, in_memory=in_memory)


def open_found(
    found: Found,
    *,
    fixed: Iterable[Role] = (),
    derivatives: Path | None = None,
    reader: str = "",
    in_memory: bool = False,
) -> Case:
    """Open the images that :func:`look_for` found; see :func:`open_case`.

    Where the reader's journal was begun on another QSM or FLAIR of the same patient (a run that joined since would be
    the choice today), that file is opened, unless the role is among the `fixed`.
    """
    chosen = found.settled()
    subject, session = _identity(found)
    with ThreadPoolExecutor() as readers:  # zlib and numpy let several files be read at once
        volumes: dict[Role, Volume] = dict(zip(chosen, readers.map(read_volume, chosen.values()), strict=True))
    if in_memory:
        return Case(subject, volumes, session=session, reader=reader)
    first = chosen.get("qsm") or chosen["flair"]
    journal = journal_of(derivatives or _derivatives_of(found, first, reader), subject, session)
    if found.case is not None:
        for role, digest in _begun_on(journal).items():
            source = volumes[role].source if role in volumes and role not in set(fixed) else None
            if source is not None and source.sha256 != digest:
                volumes[role] = _with_digest(found.case, digest) or volumes[role]
    return Case(subject, volumes, folder=journal.parent, session=session, reader=reader)


def find_journal(
    paths: Sequence[Path],
    images: Mapping[Role, Path] | None = None,
    *,
    derivatives: Path | None = None,
    reader: str = "",
) -> Path:
    """The journal of a case; no image is read.

    Parameters
    ----------
    paths : sequence of Path
        The journal itself, a folder of a reader's work with one journal in it, or what :func:`open_case` takes.
    images, derivatives, reader
        As there.

    Raises
    ------
    CaseError
        When the case cannot be found, or there are several.
    """
    if len(paths) == 1 and paths[0].suffix == ".jsonl":
        return paths[0]
    if len(paths) == 1 and paths[0].is_dir() and not images:
        journals = sorted(paths[0].rglob("*_desc-edits.jsonl")) if "derivatives" in paths[0].absolute().parts else []
        if len(journals) > 1:
            raise CaseError(f"{paths[0]} holds {len(journals)} journals; choose one, such as {journals[0]}.")
        if journals:
            return journals[0]
    found = look_for(paths, images, derivatives=derivatives, reader=reader) if paths else Found(dict(images or {}))
    subject, session = _identity(found)
    chosen = found.settled()
    first = chosen.get("qsm") or chosen["flair"]
    return journal_of(derivatives or _derivatives_of(found, first, reader), subject, session)


def choose_image(case: Case, role: Role, file: Path) -> Edit:
    """Edit that remembers which file the reader chose for an image, to open it again; of a dataset's files only."""
    root = dataset_root(file)
    if root is None:
        return Edit("", ())
    place = Path(os.path.abspath(file)).relative_to(root).as_posix()
    words = f"choose {file.name} as {ROLE_NAME[role]}"
    return Edit(words, fact_change(case.annotations, f"{_CHOSEN}{role}", place))


def chosen_before(facts: Mapping[str, object], root: Path) -> dict[Role, Path]:
    """Images that the reader chose for a case by hand, as its facts say and as far as they are still there."""
    chosen = {role: root / str(facts[f"{_CHOSEN}{role}"]) for role in ROLE_NAME if f"{_CHOSEN}{role}" in facts}
    return {role: path for role, path in chosen.items() if path.exists()}


def default_derivatives(path: Path, reader: str) -> Path:
    """``derivatives/thaliron`` of the dataset an image or a case's folder belongs to, or beside the image.

    Raises
    ------
    CaseError
        When the reader's name gives no folder; see :func:`reader_label`.
    """
    root = dataset_root(path) or Path(os.path.abspath(path)).parent
    return root / "derivatives" / (f"thaliron-{reader_label(reader)}" if reader else "thaliron")


def reader_label(name: str) -> str:
    """What a reader's folder is named by: the letters and digits of the name, of any script.

    Marks that belong to a letter, such as the vowel signs of Devanagari, stay with it: names differ by them. The label
    is in Unicode's composed form (NFC), so that a name is one folder however the keyboard composes it.

    Raises
    ------
    CaseError
        When there is neither letter nor digit in the name, or it is too long for a folder.

    Examples
    --------
    >>> reader_label("Dr. Anna Müller")
    'DrAnnaMüller'
    """
    label = ""
    is_kept = False
    for sign in unicodedata.normalize("NFC", name):
        is_kept = sign.isalnum() or (is_kept and unicodedata.category(sign).startswith("M"))
        label += sign if is_kept else ""
    if not label:
        raise CaseError("The reader's name has neither letter nor digit in it; give one that has, or none.")
    if len(label.encode()) > _LONGEST_LABEL:
        raise CaseError("The reader's name is too long to name a folder; shorten it to at most 60 letters.")
    return label


def journal_of(derivatives: Path, subject: str, session: str = "") -> Path:
    """Where the journal of a case lies among a reader's work."""
    folder = derivatives / f"sub-{subject}" / (f"ses-{session}" if session else "") / "anat"
    return folder / f"{case_name(subject, session)}_desc-edits.jsonl"


def _case_of(paths: Sequence[Path]) -> tuple[BidsCase | None, dict[Role, Path]]:
    """The case of a dataset that a folder or one file stands for, with that file's role; no case for all else."""
    if len(paths) != 1 or not paths[0].exists():
        return None, {}
    path = Path(os.path.abspath(paths[0]))
    if path.is_file():
        role, case = guess_role(path), case_around(path)
        return (case, {role: path}) if role is not None and case is not None else (None, {})
    cases = cases_of(path) if is_dataset(path) else []
    if len(cases) > 1:
        raise CaseError(f"{path} holds {len(cases)} cases; choose one of them, such as {cases[0].folder}.")
    case = cases[0] if cases else case_around(path)
    if case is None and (sessions := cases_of_subject(path) if path.name.startswith("sub-") else []):
        names = ", ".join(f"ses-{s.session}" for s in sessions if s.session)
        raise CaseError(f"{path} holds {len(sessions)} sessions ({names}); give the folder of one.")
    return case, {}


def _look_among(paths: Sequence[Path], known: dict[Role, Path], prefer: Mapping[Role, Variant] | None) -> Found:
    """The images among files named one by one and in plain folders."""
    named, searched = _files(paths)
    if len(named) == 1 and not searched and not known and guess_role(named[0]) is None:
        return Found({"flair": named[0]})  # one file of unknown name: lesions can be read on it
    for file in named:
        if guess_role(file) is None and file not in known.values():
            raise CaseError(
                f"The name of {file.name} does not say which image it is; give it with --qsm, --flair, --t1, --t1ce or "
                "--magnitude, or choose it in the step Study."
            )
    files = [file for file in named + searched if guess_role(file) is not None]
    _one_patient(files)
    owners = {identify(file) for file in files if parse_name(file.name) is not None}
    found = choose(files, known, prefer, session=next(iter(owners))[1] if len(owners) == 1 else "")
    if "qsm" not in found.images and "qsm" not in found.questions:
        made = [path for gre in find_gre(named + searched) if (path := chimap_path(gre)).exists()]
        if len(made) == 1:
            found.images["qsm"] = made[0]
            found.notes.append(f"QSM: made here of its phase, {made[0].name}.")
    return found


def _files(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Files given by name, and image files found in the folders given."""
    named: list[Path] = []
    searched: list[Path] = []
    for path in paths:
        if path.is_dir():
            case = case_around(path)
            searched += image_files(path) if case is not None and case.folder == path else images_below(path)
        elif path.exists():
            named.append(path)
        else:
            raise CaseError(f"There is no file or folder {path}; check the path.")
    return named, searched


def _one_patient(files: Iterable[Path]) -> None:
    """Refuse files that are of different patients by their BIDS names: nothing else would notice."""
    of: dict[str, Path] = {}
    for file in files:
        name = parse_name(file.name)
        if name is not None:
            of.setdefault(name.entities["sub"], file)
    if len(of) > 1:
        raise CaseError(
            f"By their names these are images of {len(of)} patients ({', '.join(f.name for f in list(of.values())[:3])}"
            "); give those of one."
        )


def _identity(found: Found) -> tuple[str, str]:
    _one_patient(found.images.values())
    if found.case is not None:
        return found.case.subject, found.case.session
    return identify(found.images.get("qsm") or found.images["flair"])


def _derivatives_of(found: Found, first: Path, reader: str) -> Path:
    return default_derivatives(found.case.folder if found.case is not None else first, reader)


def _begun_on(journal: Path) -> dict[Role, str]:
    """SHA-256 of the QSM and FLAIR files to which a journal's edits belong; nothing where it does not say."""
    digests: dict[Role, str] = {}
    try:
        with journal.open("rb") as lines:
            for line in lines:
                if b'"images"' in line:
                    digests |= json.loads(line)["images"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # the case says what is wrong with it
    return digests


def _with_digest(case: BidsCase, digest: str) -> Volume | None:
    """The image of a case whose file has that SHA-256."""
    for path in [*image_files(case.folder), *(path for _pipeline, path in derived_files(case))]:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                return read_volume(path)
    return None
