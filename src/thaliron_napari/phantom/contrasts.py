"""What each tissue looks like in each image, and its susceptibility.

Susceptibilities are relative to CSF in ppb, as the literature gives them for deep grey matter, white matter and venous
blood; the thalamus's mean is the study's, and its own value is set when the head is painted, so that the mean is met.
Signals are of arbitrary units.
"""

import numpy as np
from scipy import ndimage

from .interpolation import interpolated
from .shapes import FloatArray

THALAMUS_PPB = -29.0

_TABLE = {
    #                     ppb     mag  FLAIR     T1   T1ce
    "scalp":             (     0,    380,    420,    780,    820),
    "muscle":            (     0,    200,    130,    210,    210),
    "bone":              (     0,     25,     20,     40,     40),
    "marrow":            (     0,    120,    130,    420,    420),
    "csf":               (     0,    640,     45,    110,    110),
    "grey matter":       (     1,    520,    440,    390,    390),
    "white matter":      (   -49,    440,    335,    620,    620),
    "brain stem":        (   -30,    430,    345,    590,    590),
    "cerebellar grey":   (     1,    500,    400,    400,    400),
    "cerebellar white":  (   -40,    440,    335,    600,    600),
    "thalamus left":     (     0,    455,    375,    490,    490),
    "thalamus right":    (     0,    455,    375,    490,    490),
    "caudate":           (    25,    450,    415,    410,    410),
    "putamen":           (    19,    440,    405,    430,    430),
    "pallidum":          (   111,    300,    325,    545,    545),
    "claustrum":         (     5,    500,    415,    420,    420),
    "red nucleus":       (    81,    320,    320,    560,    560),
    "substantia nigra":  (    92,    310,    320,    540,    540),
    "choroid plexus":    (    40,    480,    330,    300,    820),
    "vein":              (   171,    170,    110,    140,    960),
    "lesion":            (   -20,    560,    640,    430,    430),
    "ventricle lining":  (   -40,    460,    430,    590,    590),
    # Added to what is there, by share
    "pulvinar":          (    20,      0,      0,      0,      0),
    "enhancement":       (     0,      0,      0,      0,    420),
    "texture":           (     5,      8,      8,      9,      9),
    "fat in muscle":     (     0,     60,     70,    130,    130),
}  # fmt: skip
SUSCEPTIBILITY_PPB, MAGNITUDE, FLAIR, T1, T1CE = (
    {tissue: float(row[column]) for tissue, row in _TABLE.items() if row[column]} for column in range(5)
)
TISSUES = ("outside", *list(_TABLE)[:-4])


def as_scanned(signal: FloatArray, rng: np.random.Generator, noise: float, bias: float) -> FloatArray:
    """Add what a scanner adds to a true signal: a smooth coil profile of +-`bias` and Rician noise of SD `noise`."""
    coarse = ndimage.gaussian_filter(rng.standard_normal((12, 12, 12), np.float32), 3.0, mode="nearest")
    head = coarse[3:-3, 3:-3, 3:-3]
    coarse -= head.mean()
    coarse *= np.float32(bias) / np.abs(head).max()
    profile = interpolated(coarse, [np.linspace(0, 11, n) for n in signal.shape])
    real = signal * (1 + profile)
    real += np.float32(noise) * rng.standard_normal(signal.shape, np.float32)
    imaginary = np.float32(noise) * rng.standard_normal(signal.shape, np.float32)
    return np.sqrt(real**2 + imaginary**2)
