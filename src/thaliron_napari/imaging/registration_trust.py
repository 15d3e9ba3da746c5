"""Whether to believe a registration."""

from collections.abc import Sequence

import numpy as np

from thaliron_napari.imaging.averaged_copies import Copy, averaged
from thaliron_napari.imaging.grid import Affine
from thaliron_napari.imaging.mutual_information import MutualInformation, climb

_SIZES_MM = (8.0, 4.0, 1.5)
_POINTS = 15_000
_LITTLE_OVERLAP = 0.5
_LARGE_SHIFT_MM = 25.0
_LARGE_ANGLE_DEG = 25.0
# By how much one head matches itself better than its mirror image: in nats, or as a share where little is to be had.
# Different heads stay below 0.02 nats and a seventh; one head in two contrasts reaches 0.1 nats and more.
_BETTER_NATS, _BETTER_SHARE = 0.04, 0.3
_LEAST_NATS = 0.015


def doubts(
    metrics: Sequence[MutualInformation],
    matrix: Affine,
    overlap: float,
    shift_mm: float,
    angle_deg: float,
) -> tuple[str, ...]:
    """Why a registration is not to be trusted, a sentence each; none when nothing speaks against it.

    A head is nearly its own mirror image, and no more like another head than like that. So the moving image is also
    registered mirrored: one head matches itself far better than so, another head about as well, and a mirrored
    image far worse, which tells left and right swapped somewhere on the way.

    Parameters
    ----------
    metrics : sequence of MutualInformation
        From coarse to fine.
    matrix : array (4, 4)
        What was found, fixed world to moving world.
    overlap, shift_mm, angle_deg : float
        See :class:`Registration`.
    """
    found = []
    if overlap < _LITTLE_OVERLAP:
        found.append(f"Only {overlap:.0%} of the smaller image lies in the other.")
    few = [metric.thinned(_POINTS) for metric in metrics]
    straight, across = few[-1].at(matrix).excess, _mirrored(few, matrix)
    better, best = straight - across, max(straight, across)
    if abs(better) < max(_LEAST_NATS, min(_BETTER_NATS, _BETTER_SHARE * best)):
        found.append("The images match hardly better than with one mirrored; they may not show the same head.")
    elif better < 0:
        found.append("The images match better with one mirrored; check which side is left in each.")
    if shift_mm > _LARGE_SHIFT_MM or angle_deg > _LARGE_ANGLE_DEG:
        found.append(f"The head would have moved by {shift_mm:.0f} mm and {angle_deg:.0f} degrees between the scans.")
    return tuple(found)


def shared(fixed: Copy, moving: Copy, matrix: Affine) -> float:
    """Share of what the smaller image shows that lies in the other's box (0 to 1).

    Parameters
    ----------
    fixed, moving : Copy
    matrix : array (4, 4)
        Fixed world to moving world.
    """
    one, two = averaged(fixed, _SIZES_MM[0]), averaged(moving, _SIZES_MM[0])
    return max(_inside(one, two, matrix), _inside(two, one, np.linalg.inv(matrix).astype(float)))


def _inside(image: Copy, other: Copy, matrix: Affine) -> float:
    to_other = np.linalg.inv(other.affine) @ matrix @ image.affine
    index = np.argwhere(image.data != 0) @ to_other[:3, :3].T + to_other[:3, 3]
    return float(((index >= -0.5) & (index <= np.array(other.data.shape) - 0.5)).all(axis=1).mean())


def _mirrored(metrics: Sequence[MutualInformation], matrix: Affine) -> float:
    """How well the images match with the moving one mirrored at the middle of the fixed one, left to right."""
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = 2 * metrics[0].centre[0]
    across = matrix @ flip @ np.linalg.inv(matrix)
    excess = 0.0
    for metric, size_mm in zip(metrics, _SIZES_MM, strict=True):
        matrix, match = climb(metric.after(across), matrix, size_mm)
        excess = match.excess
    return excess
