"""The colours of everything drawn; those of the structures are the report's."""

from thaliron_napari.report.pictures import CSF, LEFT, LESION, RIGHT, VEIN

__all__ = ["CROSS", "CSF", "LEFT", "LESION", "PEN", "RIGHT", "VEIN", "WARNING", "paler"]

CROSS = "#8FD3C7"
"""The crosshair through the planes."""

PEN = "#F0E442"
"""The line or circle under the hand, and what is selected."""

WARNING = "#E69F00"
"""Words that the reader must not miss."""


def paler(colour: str, alpha: float = 0.55) -> str:
    """The same colour, translucent: for what was generated or proposed and waits for the reader."""
    return f"{colour}{round(alpha * 255):02X}"
