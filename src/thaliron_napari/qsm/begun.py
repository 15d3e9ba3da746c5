"""What a reconstruction that was stopped had reached, from which the next goes on."""

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .arrays import FloatArray, Mask


@dataclass
class Begun:
    """Results of the stages of one reconstruction; given to the next of the same echoes, these are not done again.

    Parameters
    ----------
    key : tuple
        Of what the stages were made; with another they are forgotten.
    stages : dict
        Result by stage.
    chi_rad : float32 array, optional
        MEDI's map after its last whole step, in the box round the brain.
    """

    key: tuple[Any, ...] = ()
    stages: dict[str, Any] = field(default_factory=dict)
    chi_rad: FloatArray | None = None

    def fits(self, magnitude: FloatArray, phase: FloatArray, mask: Mask, *choices: Any) -> None:
        """Forget all that was made of other echoes, another mask or by other choices."""
        parts = (magnitude[0], phase[0], phase[-1], mask)
        key = (*choices, magnitude.shape, *(zlib.crc32(np.ascontiguousarray(part).data) for part in parts))
        if key != self.key:
            self.key, self.stages, self.chi_rad = key, {}, None

    def reached(self, chi_rad: FloatArray) -> None:
        """Keep MEDI's map so far."""
        self.chi_rad = chi_rad
