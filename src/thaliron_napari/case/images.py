"""Which file is which image of a case: by BIDS entities where the names have them, by words in the name elsewhere."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from thaliron_napari.case.bids import BidsCase, BidsName, derived_files, image_files, parse_name, scan_times
from thaliron_napari.case.case import ROLE_NAME, Role
from thaliron_napari.errors import CaseError

# Tried in this order on the file's name; the first that matches says what the image is.
_ROLE_PATTERNS: tuple[tuple[str, Role | None], ...] = (
    (r"dseg|probseg|mask|label|seg|consensus|truth|phase", None),
    (r"chimap|qsm|suscept", "qsm"),
    (r"flair", "flair"),
    (r"(?<![a-z])ce-|gadolin|t1.*post|post.*t1|t1(w)?[-_ ]?(ce|gd|c|km)(?![a-z])", "t1ce"),
    (r"t1|mprage|spgr|bravo", "t1"),
    (r"part-mag|magnitude|t2star|(?<![a-z])(mag|swi|(me)?gre)(?![a-z])", "magnitude"),
)
# Suffix in small letters to the image and how it ranks: a lower number is taken before a higher one.
_ROLE_OF_SUFFIX: dict[str, tuple[Role, int]] = {
    "chimap": ("qsm", 0),
    "qsm": ("qsm", 1),
    "flair": ("flair", 0),
    "t1w": ("t1", 0),
    "unit1": ("t1", 1),
    "t1": ("t1", 2),
    "mprage": ("t1", 2),
    "megre": ("magnitude", 0),
    "gre": ("magnitude", 0),
    "t2starw": ("magnitude", 1),
    "mag": ("magnitude", 1),
    "swi": ("magnitude", 2),
}
_NOT_READ = r"map$|^inplane|^magnitude\d$"
"""Suffixes of BIDS that a guess would take for one of ours."""
_NO_VARIANT = {"sub", "run", "echo", "part"}
_MADE_FROM_RAW = {"space", "desc", "res", "den", "label", "hemi"}
_NO_MAGNITUDE = {"phase", "real", "imag"}

Variant = frozenset[tuple[str, str]]
"""Entities that tell one kind of scan from another: acq, rec, dir, ..."""


@dataclass(frozen=True)
class Candidate:
    """A file that may be an image of a case.

    Parameters
    ----------
    path : Path
    name : BidsName
    pipeline : str
        Folder in ``derivatives`` from which it comes; empty for the dataset's own files.
    session : str
        Label of the case's session.
    """

    path: Path
    name: BidsName
    pipeline: str = ""
    session: str = ""

    @property
    def role(self) -> Role | None:
        """What image it is by suffix and entities; None for what a reading does not need."""
        known = _ROLE_OF_SUFFIX.get(self.name.suffix.lower())
        if known is None or self.name.entities.get("part") in _NO_MAGNITUDE:
            return None
        return "t1ce" if known[0] == "t1" and self.after_contrast else known[0]

    @property
    def distance(self) -> tuple[int, bool, int]:
        """How far from the file looked for: computed from another, after contrast where that is not meant, suffix."""
        made = sum(key in self.name.entities for key in _MADE_FROM_RAW)
        return made, self.after_contrast and self.role != "t1ce", _ROLE_OF_SUFFIX[self.name.suffix.lower()][1]

    @property
    def after_contrast(self) -> bool:
        """Whether a contrast agent was given: by ``ce-``, or by an ``acq-`` such as postgad."""
        acquisition = self.name.entities.get("acq", "").lower()
        return "ce" in self.name.entities or bool(re.search(r"gad|post|^(gd|ce|km)$", acquisition))

    @property
    def variant(self) -> Variant:
        """What tells it from other kinds of scan of the same role; runs and echoes are of one kind."""
        items = {(k, v) for k, v in self.name.entities.items() if k not in _NO_VARIANT and (k, v) != self._own_session}
        return frozenset(items | ({("pipeline", self.pipeline)} if self.pipeline else set()))

    @property
    def _own_session(self) -> tuple[str, str]:
        return ("ses", self.session)


@dataclass
class Found:
    """The images of a case, and what could not be told.

    Parameters
    ----------
    images : dict
        File by role.
    questions : dict
        Files that cannot be told apart by role: the reader's to answer.
    preferred : set
        Roles in which the reader's earlier choice decided.
    notes : list of str
        What was chosen among several and why, in words.
    case : BidsCase or None
        The case of a dataset whose images they are.
    """

    images: dict[Role, Path] = field(default_factory=dict)
    questions: dict[Role, tuple[Path, ...]] = field(default_factory=dict)
    preferred: set[Role] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    case: BidsCase | None = None

    def settled(self) -> dict[Role, Path]:
        """The images, where nothing is left to ask and there is enough to read.

        Raises
        ------
        CaseError
            When files cannot be told apart, or there is neither a QSM nor a FLAIR.
        """
        for role, files in self.questions.items():
            names = ", ".join(told_apart(f, files) for f in files[:3]) + (", ..." if files[3:] else "")
            raise CaseError(
                f"{len(files)} files could be the {ROLE_NAME[role]} ({names}); say which with --{role}, or give the "
                "images of one patient and session, one file each."
            )
        if "qsm" not in self.images and "flair" not in self.images:
            raise CaseError(
                "No QSM and no FLAIR was found by name; give the files with --qsm and --flair, choose them in the step "
                "Study, or make the QSM of its phase in the step QSM or with 'thaliron qsm'."
            )
        return self.images


def guess_role(path: Path) -> Role | None:
    """What image a file is: by its BIDS suffix and entities, else by its name; None for label maps and the unknown."""
    name = parse_name(path.name)
    if name is None:
        words = re.sub(r"^sub-[a-z0-9]+_(ses-[a-z0-9]+_)?", "", path.name.lower())
    elif name.suffix.lower() in _ROLE_OF_SUFFIX:
        return Candidate(path, name).role
    else:  # a suffix of the lab's own; entities say nothing of what an image is
        words = "" if re.search(_NOT_READ, name.suffix) else name.suffix.lower()
    return next((role for pattern, role in _ROLE_PATTERNS if re.search(pattern, words)), None)


def find_in_case(
    case: BidsCase, known: Mapping[Role, Path] | None = None, prefer: Mapping[Role, Variant] | None = None
) -> Found:
    """The images of a case of a dataset; a QSM that is not among them is looked for in the derivatives.

    Parameters
    ----------
    case : BidsCase
    known : mapping, optional
        Files whose role is known; they win.
    prefer : mapping, optional
        Kind of scan that the reader chose in another case, by role; decides where there are several.

    Raises
    ------
    CaseError
        When a file of another subject lies in the case's folder.
    """
    files = image_files(case.folder)
    found = choose(files, known, prefer, session=case.session, times=lambda: scan_times(case.folder))
    found.case = case
    for path in (*found.images.values(), *(f for files in found.questions.values() for f in files)):
        name = parse_name(path.name)
        if name is not None and path in files and re.sub(r"\W", "", name.entities["sub"]) != case.subject:
            raise CaseError(
                f"{path.name} lies in the folder of sub-{case.subject}, but is of sub-{name.entities['sub']} by its "
                "name; put it where it belongs."
            )
    if "qsm" not in found.images and "qsm" not in found.questions:
        _add_derived_qsm(found, case, prefer or {})
    return found


def choose(
    files: Sequence[Path],
    known: Mapping[Role, Path] | None = None,
    prefer: Mapping[Role, Variant] | None = None,
    *,
    session: str = "",
    times: Callable[[], Mapping[str, str]] = dict,
) -> Found:
    """Tell the images of one case apart by their names.

    Names as BIDS writes them come first; others fill the roles that are left. Of several kinds of scan the plainest is
    taken where the others only add to its entities; of several runs the one acquired last, since a scan is repeated
    when it failed; of several echoes the first. What is left open is a question.

    Parameters
    ----------
    files : sequence of Path
    known, prefer : mapping, optional
        See :func:`find_in_case`.
    session : str
        Label of the session to which the files belong.
    times : callable
        Gives the time of acquisition by file name; called only where it decides.
    """
    found = Found(images=dict(known or {}))
    named: dict[Role, list[Candidate]] = {}
    loose: dict[Role, list[Path]] = {}
    has_phase = False
    for path in files:
        name = parse_name(path.name)
        if name is not None:
            has_phase |= name.entities.get("part") in _NO_MAGNITUDE
            candidate = Candidate(path, name, session=session)
            if candidate.role is not None:
                named.setdefault(candidate.role, []).append(candidate)
                continue
        guessed = guess_role(path)
        if guessed is not None:
            loose.setdefault(guessed, []).append(path)
    for role in ROLE_NAME:  # the QSM comes first: its magnitude is looked for beside it
        if role in found.images:
            continue
        several = named.get(role, [])
        if role == "magnitude":
            several = _magnitudes(several, has_phase, found.images.get("qsm"))
        if several:
            _decide(found, role, several, (prefer or {}).get(role), times)
        elif role in loose:
            _decide_loose(found, role, loose[role])
    return found


def variant_of(path: Path) -> Variant | None:
    """What tells a file from other kinds of scan; None where its name does not say."""
    name = parse_name(path.name)
    if name is None:
        return None
    below = path.parts[path.parts.index("derivatives") + 1 :] if "derivatives" in path.parts else ()
    return Candidate(path, name, pipeline=below[0] if below else "", session=name.entities.get("ses", "")).variant


def told_apart(path: Path, among: Sequence[Path]) -> str:
    """A file's name; with its folders where the name alone does not tell it from the others."""
    same = [other for other in among if other.name == path.name]
    return path.name if len(same) == 1 else "/".join(path.parts[-4:])


def _decide(
    found: Found,
    role: Role,
    several: list[Candidate],
    wanted: Variant | None,
    times: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """Put the one candidate among the images, or those that cannot be told apart among the questions."""
    best = min(c.distance for c in several)
    several = [c for c in several if c.distance == best]
    kinds: dict[Variant, list[Candidate]] = {}
    for candidate in several:
        kinds.setdefault(candidate.variant, []).append(candidate)
    left = {kind: _one_scan(found, role, scans, times) for kind, scans in kinds.items()}
    plainest = min(left, key=len)
    if len(left) == 1:
        chosen = left[plainest]
    elif wanted in left:
        chosen = left[wanted]
        found.preferred.add(role)
    elif all(plainest < kind for kind in left if kind != plainest):
        chosen = left[plainest]
        found.notes.append(f"{ROLE_NAME[role]}: the plainest of {len(left)} kinds, {chosen[0].name}.")
    else:
        chosen = [path for paths in left.values() for path in paths]
    _settle(found, role, chosen)


def _one_scan(found: Found, role: Role, scans: list[Candidate], times: Callable[[], Mapping[str, str]]) -> list[Path]:
    """Of scans of one kind the last run, its first echo; several files only where nothing tells them apart."""
    runs = {scan.name.index("run") for scan in scans}
    if len(runs) > 1:
        when = times()
        known = all(scan.path.name in when for scan in scans)
        first_echoes = {run: min((s for s in scans if s.name.index("run") == run), key=_echo) for run in runs}
        last = max(runs, key=lambda run: (when[first_echoes[run].path.name] if known else "", run))
        scans = [scan for scan in scans if scan.name.index("run") == last]
        how = "acquired last" if known else "with the highest number"
        found.notes.append(f"{ROLE_NAME[role]}: of {len(runs)} runs the one {how}, {first_echoes[last].path.name}.")
    first = min(map(_echo, scans))
    paths = [scan.path for scan in scans if _echo(scan) == first]
    packed = [path for path in paths if path.name.endswith(".gz")]
    if len(packed) == 1 and {p.with_name(p.name.removesuffix(".gz")) for p in paths} == {packed[0].with_suffix("")}:
        return packed  # the same file, unpacked beside itself
    return paths


def _magnitudes(several: list[Candidate], has_phase: bool, qsm: Path | None) -> list[Candidate]:
    """GRE magnitudes: said to be such, or without a word while no phase is there; those of the QSM's scan first."""
    said = [c for c in several if c.name.entities.get("part") == "mag"]
    several = said or ([] if has_phase else several)
    name = parse_name(qsm.name) if qsm is not None else None
    if name is None or not several:
        return several

    def disagreement(candidate: Candidate) -> int:
        both = {"acq", "rec", "run", "dir"} & set(name.entities) & set(candidate.name.entities)
        return sum(name.entities[key] != candidate.name.entities[key] for key in both)

    least = min(map(disagreement, several))
    return [candidate for candidate in several if disagreement(candidate) == least]


def _decide_loose(found: Found, role: Role, files: list[Path]) -> None:
    """Of files without BIDS names the only one; of the echoes of one magnitude series the first."""
    if role == "magnitude" and len({re.sub(r"(?<=echo-)\d+|(?<=_e)\d+", "", str(f)) for f in files}) == 1:
        files = [min(files, key=lambda f: (len(f.name), f.name))]
    _settle(found, role, files)


def _add_derived_qsm(found: Found, case: BidsCase, prefer: Mapping[Role, Variant]) -> None:
    """Take the QSM from another program's derivatives; one that lies in another space was interpolated."""
    several = []
    for pipeline, path in derived_files(case):
        name = parse_name(path.name)
        if name is None or "space" in name.entities or name.entities.get("ses", "") not in ("", case.session):
            continue
        candidate = Candidate(path, name, pipeline, case.session)
        if candidate.role == "qsm":
            several.append(candidate)
    if several:
        _decide(found, "qsm", several, prefer.get("qsm"))
    if "qsm" in found.images:
        pipeline = next(c.pipeline for c in several if c.path == found.images["qsm"])
        found.notes.append(f"QSM: none among the images; taken from derivatives/{pipeline}.")


def _settle(found: Found, role: Role, files: Sequence[Path]) -> None:
    if len(files) == 1:
        found.images[role] = files[0]
    else:
        found.questions[role] = tuple(files)


def _echo(candidate: Candidate) -> int:
    return candidate.name.index("echo")
