"""A patient made in code, with the truth beside it: the demo, and the ground of tests."""

from .files import write_patient
from .freesurfer import write_freesurfer
from .patient import Image, LesionInfo, Patient, Truth, make_patient

__all__ = ["Image", "LesionInfo", "Patient", "Truth", "make_patient", "write_freesurfer", "write_patient"]
