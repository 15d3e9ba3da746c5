"""One thing to paint."""

from collections.abc import Callable
from dataclasses import dataclass

from .shapes import FloatArray, Points, Triple

Box = tuple[Triple, Triple]
Distance = Callable[[Points], FloatArray]


@dataclass(frozen=True)
class Structure:
    """A tissue where a signed distance is negative, all in canonical RAS mm.

    Attributes
    ----------
    tissue
        Its name.
    box
        Lower and upper corner of a box that holds it.
    distance
        Signed distance to its surface, or the name of the field that holds it.
    mirrored
        Written for the right side (x > 0), painted on both.
    in_hemispheres
        Painted under the hull of the hemispheres only.
    pulvinar
        Share 0 to 1 of each point that is pulvinar.
    left_larger_mm
        How much further out the surface of the left one lies.
    outwards_mm
        How much further out than `distance` says the surface lies.
    """

    tissue: str
    box: Box
    distance: Distance | str
    mirrored: bool = False
    in_hemispheres: bool = False
    pulvinar: Distance | None = None
    left_larger_mm: float = 0.0
    outwards_mm: float = 0.0
