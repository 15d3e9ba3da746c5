"""Which of a study's DICOM series is the QSM, the FLAIR, the T1 and so on: what its words say, then its numbers."""

import re
from dataclasses import dataclass, replace
from typing import Literal

SeriesRole = Literal["qsm", "flair", "t1", "t1ce", "magnitude", "phase", "real", "imaginary"]
Kind = Literal["magnitude", "phase", "real", "imaginary", "field map"]


@dataclass(frozen=True)
class SeriesFacts:
    """What the headers of a series say of how it was made; times in ms, angles in degrees, None where not said."""

    description: str = ""
    protocol: str = ""
    sequence: str = ""
    image_type: tuple[str, ...] = ()
    kind: Kind = "magnitude"
    echo_times_ms: tuple[float, ...] = ()
    repetition_ms: float | None = None
    inversion_ms: float | None = None
    flip_deg: float | None = None
    scanning_sequence: frozenset[str] = frozenset()
    contrast: str = ""
    is_3d: bool = False
    has_agent: bool = False
    is_diffusion: bool = False
    is_signed: bool = False
    unit: str | None = None


# Words are looked for in lower case with everything but letters, digits, + and * made blanks.
_NEVER = (
    r"\b(loc|localizer|localiser|scout|survey|3 ?plane|three plane|smart ?brain|aahead|autoalign|calibration|asset cal"
    r"|shim|dwi|adc|dti|trace|tracew|diff|diffusion|fa|colfa|b ?(500|800|1000)|perf|perfusion|dsc|dce|pasl"
    r"|pcasl|asl|r?cbf|r?cbv|tof|angio|mra|mrv|bold|fmri|rest|mrs|spectro|svs|csi|mips?|minip|mnip|(min|max) ?ip"
    r"|screen ?save|screen ?shot|snapshot|report|dose|t2 ?map|t1 ?map|r2 ?\*?|r2 ?star|t2\*? ?map|mask|seg|subtraction"
    r"|sub|diff image|phoenix\w*|mrsaveimages|local field|total field|pd|proton density|b1 ?map|synthetic|stir"
    r"|ep2d|mt|mtc|ciss|fiesta|drive|orbit\w*|spine|cervical|c spine|inv ?1|inv ?2)\b"
)
_NEVER_TYPES = {
    "LOCALIZER", "PROJECTION IMAGE", "MAX_IP", "MIP", "MINIP", "MIN_IP", "MNIP", "SCREEN SAVE", "SUBTRACT",
    "SUBTRACTION", "ADC", "TRACEW", "FA", "DIFFUSION", "MOSAIC", "T1 MAP", "T2 MAP", "T1_MAP", "T2_MAP", "T2_STAR MAP",
    "R2 MAP", "R2_STAR", "R2_STAR MAP", "PERFUSION", "PERFUSION_ASL", "CSA REPORT", "CSAPARALLEL", "SEGMENTATION",
}  # fmt: skip
_REFORMATTED_TYPES = {"MPR", "REFORMATTED", "CPR", "RESAMPLED", "MPR3D", "COMPRESSED_MANIPULATED"}
_REFORMATTED = r"\b(mpr(?!age)\w*|reformat\w*|recon|range|resliced?)\b"
_QSM = r"\b(qsm\w*|chi ?map|suscept\w* ?map\w*|quant\w* suscept\w*)\b"
_GRE = (
    r"\b(e?swan\w*|e?swi\w*|venobold|swip|hemo\w*|suscept\w*|(me|multi ?echo|multi|m) ?(gre|ffe|flash|spgr|fspgr)|gre"
    r"|mgre|merge|medic|ffe|t2 ?\*\w*|t2 ?(star|gre|ffe)\w*|t2 ?fl[23]d\w*|me[23]d\w*)\b|\bt2 ?\*"
)
_FIELD_MAP = r"field ?map\w*|\bb0\b|\bb0 ?map\w*|fmap|phase ?diff"
_PHASE = r"\b(pha|phase|phases|ph|filt pha|filtered phase)\b"
_FILTERED = r"filt|unwrap|swi images|swip|\bhp\b"
_MAGNITUDE = r"\b(mag|magnitude|magn)\b"
_FLAIR = r"flair|dark ?fl|fluid ?att|\bda ?fl\b|\bspcir"
_T1 = r"\bt1|mp2? ?rage|\bbravo\b|\b(f|ir|e|3d)*spgr\b|\btfl3?d?|\bvibe\b|\btfe\b"
_T2 = r"\bt2|\btse t2|\bfrfse\b"
_AFTER = (
    r"\+ ?c\b|\bc ?\+|\bpost(?!er)|\bw ?c\b|\b(gd|gad|gado\w*|ce|km|contrast|dotarem|gadovist|clariscan|prohance"
    r"|multihance|dtpa)\b"
)
_BEFORE = r"\b(pre|without|w ?o|non ?contrast|no contrast|nativ\w*|ohne|o km|vor km|plain|unenhanced)\b"


def guess_series_role(facts: SeriesFacts) -> SeriesRole | None:
    """The image a series most likely is, or None for those this program does not read.

    Parameters
    ----------
    facts : SeriesFacts

    Notes
    -----
    The description is believed first (a technologist wrote it for people), then the protocol's and the sequence's
    name, then the numbers: a FLAIR has a long echo and an inversion of 1.5 to 3.2 s, an MPRAGE a short echo and an
    inversion of 0.3 to 1.4 s, a spoiled 3D T1 a repetition below 50 ms and an echo below 8 ms, a gradient echo for
    susceptibility an echo of 12 ms or more.
    """
    if facts.kind in ("real", "imaginary"):  # GE gives them where others give a phase
        as_phase = guess_series_role(replace(facts, kind="phase"))
        return facts.kind if as_phase == "phase" else None
    if facts.is_diffusion or facts.kind == "field map" or _NEVER_TYPES & set(facts.image_type):
        return None
    if any(name.startswith(("QSM", "SUSCEPTIBILITY MAP")) for name in facts.image_type):
        return "qsm"
    for words in (facts.description, facts.protocol, facts.sequence):
        decided, role = _from_words(_plain(words), facts)
        if decided:
            return role
    return _from_numbers(facts)


def preference(facts: SeriesFacts, voxel_mm3: float, slices: int, number: int) -> tuple[float, ...]:
    """How much one of several series of the same role is to be preferred: compare as tuples, the larger wins.

    Originals before field maps, processed and reformatted ones; 3D before 2D; several echoes before one; finer voxels
    (mm3); more slices; corrected for distortion; the later of two alike, which repeats a scan that went wrong.
    """
    words = _plain(f"{facts.description} {facts.protocol}")
    types = set(facts.image_type)
    return (
        -bool(re.search(_FIELD_MAP, words)),
        -(bool(re.search(_REFORMATTED, _plain(facts.description))) or bool(_REFORMATTED_TYPES & types)),
        -(bool(re.search(_FILTERED, words)) or bool({"SWI", "MNIP"} & types)),
        -("DERIVED" in types and facts.unit is None and not re.search(_QSM, words)),
        facts.is_3d,
        min(len(facts.echo_times_ms), 2),
        -round(voxel_mm3, 2),
        slices,
        -("ND" in types),
        number,
    )


def is_field_map(facts: SeriesFacts) -> bool:
    """Whether the words say that a scan was made to map the field for other scans."""
    return bool(re.search(_FIELD_MAP, _plain(f"{facts.description} {facts.protocol}")))


def _plain(words: str) -> str:
    """Words apart: lower case, blanks for signs, and a blank where small letters run into capitals."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z][a-z0-9])", " ", words).lower()
    parted = re.sub(r"(^|\s)- ?c\b", " without ", parted)
    return " ".join(re.sub(r"[^a-z0-9+*]", " ", parted).split())


def _from_words(words: str, facts: SeriesFacts) -> tuple[bool, SeriesRole | None]:
    """Whether these words decide, and for what."""
    if not words:
        return False, None
    if re.search(_QSM, words) and not re.search(r"\b(mask|r2|local field|mip)\b", words):
        return True, _of_qsm_scan(words, facts)
    if re.search(_NEVER, words):
        return True, None
    if facts.unit is not None:  # values in ppm or ppb are nothing else
        return True, "qsm"
    is_t1 = re.search(_T1, words) and not re.search(r"\bt2", words)
    if is_t1 and len(facts.echo_times_ms) > 2 and not re.search(r"\bt1|rage|bravo", words):
        is_t1 = None  # a spoiled gradient echo with a train of echoes is made for susceptibility
    if is_t1 or re.search(_FLAIR, words):
        role: SeriesRole = _of_t1(words, facts) if is_t1 else "flair"
        return True, None if facts.kind == "phase" else role
    if re.search(_GRE, words) or re.search(_FIELD_MAP, words):
        return True, "phase" if _is_phase(words, facts) else "magnitude"
    if re.search(r"\b(tirm|ir)\b", words) and (facts.inversion_ms or 0) >= 1500:
        return True, "flair"
    if re.search(_T2, words):
        return True, None
    return False, None


def _of_qsm_scan(words: str, facts: SeriesFacts) -> SeriesRole:
    """Sites call the raw gradient echo "QSM" as well as the map made of it; only the map has values below zero."""
    if _is_phase(words, facts):
        return "phase"
    raw = "ORIGINAL" in facts.image_type and not facts.is_signed and facts.unit is None
    return "magnitude" if re.search(_MAGNITUDE, words) or len(facts.echo_times_ms) > 1 or raw else "qsm"


def _is_phase(words: str, facts: SeriesFacts) -> bool:
    return facts.kind == "phase" or (re.search(_PHASE, words) is not None and not re.search(_MAGNITUDE, words))


def _of_t1(words: str, facts: SeriesFacts) -> SeriesRole:
    if re.search(_BEFORE, words) and not re.search(r"\bpost\b", words):
        return "t1"
    return "t1ce" if re.search(_AFTER, words) or facts.has_agent else "t1"


def _from_numbers(facts: SeriesFacts) -> SeriesRole | None:
    if facts.unit is not None:
        return "qsm"
    if facts.contrast == "FLUID_ATTENUATED":
        return "flair"
    first, last = (min(facts.echo_times_ms), max(facts.echo_times_ms)) if facts.echo_times_ms else (0.0, 0.0)
    t1: SeriesRole = "t1ce" if facts.has_agent else "t1"
    inversion, repetition = facts.inversion_ms or 0.0, facts.repetition_ms or 0.0
    is_gradient = "GR" in facts.scanning_sequence and "SE" not in facts.scanning_sequence
    if facts.kind == "phase":
        return "phase" if is_gradient or len(facts.echo_times_ms) > 1 else None
    if facts.contrast == "T1":
        return t1
    if not first:
        return None
    if 1500 <= inversion <= 3200 and first > 60:
        return "flair"
    if 300 <= inversion <= 1400 and first < 10:
        return t1
    if is_gradient and (last >= 12 or len(facts.echo_times_ms) > 2):
        return "magnitude"
    if is_gradient and facts.is_3d and first < 8 and 0 < repetition < 50 and (facts.flip_deg or 0) >= 8:
        return t1
    if "SE" in facts.scanning_sequence and not inversion and first < 25 and 0 < repetition < 1000:
        return t1
    return None
