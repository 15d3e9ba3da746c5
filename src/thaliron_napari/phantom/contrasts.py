"""What each tissue looks like in each image, and its susceptibility.

Susceptibilities are relative to CSF in ppb, as the literature gives them for deep grey matter, white matter and venous blood;
the thalamus comes from the study (mean -29 ppb) and is set when the head is painted. Signals are of arbitrary units.
"""

import numpy as np
from scipy import ndimage

from .interpolation import interpolated
from .shapes import FloatArray

PULVINAR_ABOVE_REST_PPB = 20.0
THALAMUS_PPB = -29.0

SUSCEPTIBILITY_PPB = {
    "csf": 0.0, "grey matter": 1.0, "white matter": -49.0, "brain stem": -30.0, "cerebellar grey": 1.0, "cerebellar white": -40.0,
    "caudate": 25.0, "putamen": 19.0, "pallidum": 111.0, "claustrum": 5.0, "red nucleus": 81.0, "substantia nigra": 92.0,
    "choroid plexus": 40.0, "vein": 171.0, "lesion": -20.0, "pulvinar": PULVINAR_ABOVE_REST_PPB,
}  # fmt: skip

MAGNITUDE = {
    "scalp": 380.0, "bone": 25.0, "marrow": 120.0, "csf": 640.0, "grey matter": 520.0, "white matter": 440.0, "brain stem": 430.0,
    "cerebellar grey": 500.0, "cerebellar white": 440.0, "thalamus left": 455.0, "thalamus right": 455.0, "caudate": 450.0,
    "putamen": 440.0, "pallidum": 300.0, "claustrum": 500.0, "red nucleus": 320.0, "substantia nigra": 310.0,
    "choroid plexus": 480.0, "vein": 170.0, "lesion": 560.0,
}  # fmt: skip

FLAIR = {
    "scalp": 420.0, "bone": 20.0, "marrow": 130.0, "csf": 45.0, "grey matter": 440.0, "white matter": 335.0, "brain stem": 345.0,
    "cerebellar grey": 400.0, "cerebellar white": 335.0, "thalamus left": 375.0, "thalamus right": 375.0, "caudate": 415.0,
    "putamen": 405.0, "pallidum": 325.0, "claustrum": 415.0, "red nucleus": 320.0, "substantia nigra": 320.0,
    "choroid plexus": 330.0, "vein": 110.0, "lesion": 640.0, "ventricle lining": 430.0,
}  # fmt: skip

T1 = {
    "scalp": 780.0, "bone": 40.0, "marrow": 420.0, "csf": 110.0, "grey matter": 390.0, "white matter": 620.0, "brain stem": 590.0,
    "cerebellar grey": 400.0, "cerebellar white": 600.0, "thalamus left": 490.0, "thalamus right": 490.0, "caudate": 410.0,
    "putamen": 430.0, "pallidum": 545.0, "claustrum": 420.0, "red nucleus": 560.0, "substantia nigra": 540.0,
    "choroid plexus": 300.0, "vein": 140.0, "lesion": 430.0, "ventricle lining": 590.0,
}  # fmt: skip

T1CE = {**T1, "vein": 960.0, "choroid plexus": 820.0, "enhancement": 420.0, "scalp": 820.0}


def as_scanned(signal: FloatArray, rng: np.random.Generator, noise: float, bias: float) -> FloatArray:
    """Add what a scanner adds to a true signal: a smooth coil profile of +-`bias` and Rician noise of SD `noise`."""
    coarse = ndimage.gaussian_filter(rng.standard_normal((12, 12, 12), np.float32), 2.6, mode="nearest")
    coarse *= np.float32(bias) / np.abs(coarse).max()
    profile = interpolated(coarse, [np.linspace(0, 11, n) for n in signal.shape])
    real = signal * (1 + profile)
    real += np.float32(noise) * rng.standard_normal(signal.shape, np.float32)
    imaginary = np.float32(noise) * rng.standard_normal(signal.shape, np.float32)
    return np.hypot(real, imaginary)
