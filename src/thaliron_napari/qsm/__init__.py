"""Susceptibility from the phase of a multi-echo gradient echo.

Inside, fields and maps are phases in radians of one unit of time, or in ppm; what :func:`reconstruct` gives is in ppb.
"""

from .begun import Begun
from .brain_mask import estimate_mask, ventricular_csf
from .chain import Reconstruction, looks_upside_down, reconstruct
from .dipole import b0_direction, dipole_field
from .medi import MediSettings
from .memory import peak_bytes
from .phase import from_real_imaginary, mend_alternating_slices, recognise_phase_unit, to_radians
from .simulation import simulate_echoes

__all__ = [
    "Begun",
    "MediSettings",
    "Reconstruction",
    "b0_direction",
    "dipole_field",
    "estimate_mask",
    "from_real_imaginary",
    "looks_upside_down",
    "mend_alternating_slices",
    "peak_bytes",
    "recognise_phase_unit",
    "reconstruct",
    "simulate_echoes",
    "to_radians",
    "ventricular_csf",
]
