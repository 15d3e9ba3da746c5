"""A patient made in code, with the truth beside it: the demo, and the ground of tests."""

from .files import write_patient
from .patient import Image, LesionInfo, Patient, Truth, make_patient

__all__ = ["Image", "LesionInfo", "Patient", "Truth", "make_patient", "write_patient"]
