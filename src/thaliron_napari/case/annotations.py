"""What a reader has drawn and said about one patient, as arrays and facts. Only edits change it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import CaseError

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
SIDE_LABEL: dict[Side, int] = {"left": 1, "right": 2}

Index = tuple[int, int, int]
"""A voxel, (z, y, x)."""

LabelMapName = Literal["thalami", "veins", "lesions"]
LABEL_MAPS: dict[LabelMapName, Literal["qsm", "flair"]] = {"thalami": "qsm", "veins": "qsm", "lesions": "flair"}
"""Each label map and the image on whose grid it lives."""


@dataclass(frozen=True)
class CsfCircle:
    """A circular CSF ROI on one axial slice of the QSM grid.

    Parameters
    ----------
    centre : tuple of float
        Index (z, y, x); z is a whole slice.
    radius_mm : float
    """

    centre: tuple[float, float, float]
    radius_mm: float

    def to_fact(self) -> dict[str, Any]:
        """One item of the fact ``csf/<side>``."""
        return {"centre": [float(c) for c in self.centre], "radius_mm": float(self.radius_mm)}


LesionState = Literal["proposed", "accepted", "rejected", "flagged"]
"""A flagged lesion waits for another look: it stays in the list and on show, and is not counted until accepted."""


@dataclass(frozen=True)
class Lesion:
    """One lesion of the review list; its voxels carry its number in the label map ``lesions``.

    Parameters
    ----------
    number : int
    state : {"proposed", "accepted", "rejected", "flagged"}
    seed : tuple of int
        Index (z, y, x) of the first click on the FLAIR grid.
    sensitivity : float
        0 (tight) to 1 (generous), as it was grown.
    enhancing : bool or None
        The reader's word; None: not said.
    also, outside : tuple of indices
        Further seeds, and points that are kept out of it.
    note : str
        In the reader's words; may be empty.
    source : str
        Where it came from: ``click``, ``detector``, or the name of another program's file.
    on : {"flair", "t1ce"}
        What it was grown on: a lesion that enhances need not be bright on the FLAIR.
    """

    number: int
    state: LesionState
    seed: Index
    sensitivity: float = 0.5
    enhancing: bool | None = None
    also: tuple[Index, ...] = ()
    outside: tuple[Index, ...] = ()
    note: str = ""
    source: str = "click"
    on: Literal["flair", "t1ce"] = "flair"

    def to_fact(self) -> dict[str, Any]:
        """The fact ``lesion/<number>``."""
        return {
            "state": self.state,
            "seed": list(self.seed),
            "sensitivity": self.sensitivity,
            "enhancing": self.enhancing,
            "also": [list(point) for point in self.also],
            "outside": [list(point) for point in self.outside],
            "note": self.note,
            "source": self.source,
            "on": self.on,
        }


@dataclass
class Annotations:
    """Label maps and facts of one case.

    Parameters
    ----------
    maps : dict
        Label maps by name, int32-compatible integer arrays (z, y, x).
    facts : dict
        JSON values by name: ``unit`` ("ppm", "ppb"), ``registration/qsm`` (4 x 4, FLAIR world to QSM world, RAS mm),
        ``key/left/41`` (true), ``proposed/left`` (how), ``veins`` (how they were found), ``keep_out`` (true),
        ``csf/left`` (its circles), ``lesion/3``, ``enhancing``.
    """

    maps: dict[str, NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def label_map(self, name: str) -> NDArray[Any]:
        """Label map by name.

        Raises
        ------
        CaseError
            When the case has no image on which it could live.
        """
        if name not in self.maps:
            on = "FLAIR" if name == "lesions" else "QSM"
            raise CaseError(f"There is no {on} in this case to draw {name} on; add the image to it.")
        return self.maps[name]

    def keys(self, side: Side) -> list[int]:
        """Slices of a thalamus that were drawn or touched by hand, from inferior to superior."""
        prefix = f"key/{side}/"
        return sorted(int(name.removeprefix(prefix)) for name in self.facts if name.startswith(prefix))

    def csf_circles(self, side: Side) -> tuple[CsfCircle, ...]:
        """The CSF circles of a side, in the order put down; number 1 is the first."""
        fact = self.facts.get(f"csf/{side}", [])
        # Journals of the first version hold the one circle itself.
        return tuple(_circle(item) for item in ([fact] if isinstance(fact, dict) else fact))

    def csf(self, side: Side) -> CsfCircle | None:
        """The first CSF circle of a side, if there is one."""
        return next(iter(self.csf_circles(side)), None)

    def lesions(self) -> Iterator[Lesion]:
        """Lesions by number."""
        numbers = sorted(int(name.removeprefix("lesion/")) for name in self.facts if name.startswith("lesion/"))
        return (self.lesion(number) for number in numbers)

    def lesion(self, number: int) -> Lesion:
        """A lesion by its number."""
        fact = self.facts[f"lesion/{number}"]
        return Lesion(
            number,
            fact["state"],
            _index(fact["seed"]),
            fact["sensitivity"],
            fact["enhancing"],
            # Journals of the first version have none of these.
            tuple(_index(point) for point in fact.get("also", ())),
            tuple(_index(point) for point in fact.get("outside", ())),
            fact.get("note", ""),
            fact.get("source", "click"),
            fact.get("on", "flair"),
        )

    def registration(self, image: str) -> NDArray[np.float64]:
        """Rigid transform from FLAIR world to an image's world (RAS mm); the identity where none was found yet."""
        fact = self.facts.get(f"registration/{image}")
        return np.eye(4) if fact is None else np.array(fact["matrix"], dtype=np.float64)


def _circle(fact: dict[str, Any]) -> CsfCircle:
    z, y, x = fact["centre"]
    return CsfCircle((float(z), float(y), float(x)), float(fact["radius_mm"]))


def _index(fact: Sequence[int]) -> Index:
    z, y, x = fact
    return z, y, x
