"""How well two images of one head match, and which way to move to match better."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.imaging.grid import Affine
from thaliron_napari.imaging.transforms import rigid_matrix

BINS = 32
# A cubic B-spline reaches into four bins, so the moving image's values keep clear of the first and the last.
_LOWEST, _HIGHEST = 1.0, BINS - 3.001
_FEWEST_SAMPLES = 500
_EMPTY = 1e-9
_AMID = 0.999
_MOST_STEPS = 40
_MOST_STRETCH = 6.0

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Match:
    """Mutual information at one pose, and its slope there.

    Parameters
    ----------
    value : float
        In nats.
    score : array (6,)
        Slope with three turns (in mm at the head's radius) and three shifts (mm), about RAS axes.
    information : array (6, 6)
        Mean outer product of the samples' own slopes: Fisher's information of the pose.
    samples : int
        How many samples lay in the moving image.
    """

    value: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]
    samples: int

    @property
    def total(self) -> float:
        """Nats of all samples together."""
        return self.value * self.samples

    @property
    def excess(self) -> float:
        """Nats above what images without anything in common would reach with as many samples."""
        return max(0.0, self.value - (BINS - 1) ** 2 / (2 * max(self.samples, 1)))


@dataclass(frozen=True, eq=False)
class MutualInformation:
    """Mutual information of a moving image with samples of a fixed one.

    The joint histogram takes the fixed image's values to the nearest bin and spreads the moving image's values with a
    cubic B-spline (Mattes et al., IEEE Trans Med Imaging 22:120, 2003). Mutual information is, but for a constant, the
    mean log likelihood of the fixed values given the moving ones, so its curvature is near Fisher's information,
    which the samples' own slopes give at no cost: a step of Fisher's scoring replaces dozens of gradient steps.

    Parameters
    ----------
    points : array (3, n)
        Where the samples lie in the fixed image's world, RAS mm.
    bins : array (n,)
        The fixed image's values there, as whole numbers from 0 to BINS - 1.
    moving : array (z, y, x)
        In bins (:func:`to_bins`).
    to_index : array (4, 4)
        From the moving image's world to its index (z, y, x).
    held : bool
        Whether every sample counts at every pose; what leaves the moving image takes the value at its border.
    """

    points: Floats
    bins: NDArray[np.int32]
    moving: Floats
    to_index: Affine
    held: bool = False

    @property
    def centre(self) -> NDArray[np.float64]:
        """Middle of the samples, RAS mm."""
        middle: NDArray[np.float64] = self.points.mean(axis=1, dtype=np.float64)
        return middle

    @property
    def radius_mm(self) -> float:
        """Typical distance of a sample from an axis through the middle."""
        away = self.points - self.centre[:, None].astype(np.float32)
        return float(np.sqrt((away**2).sum(axis=0).mean() * 2 / 3))

    def within(self, matrix: Affine, shown: NDArray[np.bool_]) -> "MutualInformation":
        """Only the samples that at a pose lie amid voxels of `shown` (an array of the moving image's shape), held.

        A few samples that come and go at a border are enough to roughen the metric, so that a search ends at the next
        kink, 0.05 mm from the top. Held samples leave it smooth.
        """
        amid, share, _ = interpolate(shown.astype(np.float32), _moved(self.to_index @ matrix, self.points))
        amid[amid] = share > _AMID
        return replace(self, points=np.ascontiguousarray(self.points[:, amid]), bins=self.bins[amid], held=True)

    def thinned(self, most: int) -> "MutualInformation":
        """No more than some `most` samples, spread over all and not held."""
        every = max(1, round(len(self.bins) / most))
        points = np.ascontiguousarray(self.points[:, ::every])
        return replace(self, points=points, bins=self.bins[::every], held=False)

    def after(self, motion: Affine) -> "MutualInformation":
        """The same with the moving image's world moved, turned or mirrored."""
        return replace(self, to_index=self.to_index @ motion)

    def at(self, matrix: Affine) -> Match:
        """Match at a pose given as fixed world to moving world."""
        index = _moved(self.to_index @ matrix, self.points)
        if self.held:
            index = np.clip(index, 0, np.array(self.moving.shape, np.float32)[:, None] - 1)
        inside, values, slopes = interpolate(self.moving, index)
        samples = len(values)
        if samples < _FEWEST_SAMPLES:
            return Match(0.0, np.zeros(6), np.eye(6), samples)
        below = values.astype(np.int32)
        weights, changes = _spline(values - below)
        cells = self.bins[inside] * BINS + (below - 1)
        joint = np.zeros(BINS**2)
        for k, weight in enumerate(weights):
            joint += np.bincount(cells + k, weight, BINS**2)
        value, log_likelihood = _information(joint.reshape(BINS, BINS) / samples)
        slope = sum(change * log_likelihood.take(cells + k) for k, change in enumerate(changes))
        pulls = self._pulls(matrix, inside, slope * slopes)
        information = np.einsum("in,jn->ij", pulls, pulls) / samples
        return Match(value, pulls.mean(axis=1, dtype=np.float64), information.astype(np.float64), samples)

    def _pulls(self, matrix: Affine, inside: NDArray[np.bool_], slopes: Floats) -> Floats:
        """Each sample's slope with the six parameters of a small motion about the centre as it lies now."""
        turned = matrix.copy()
        turned[:3, 3] = -matrix[:3, :3] @ self.centre
        y0, y1, y2 = _moved(turned, self.points[:, inside])
        g0, g1, g2 = np.einsum("ia,in->an", self.to_index[:3, :3].astype(np.float32), slopes)
        unit = np.float32(1 / self.radius_mm)
        turns = (y1 * g2 - y2 * g1) * unit, (y2 * g0 - y0 * g2) * unit, (y0 * g1 - y1 * g0) * unit
        return np.stack([*turns, g0, g1, g2])


def climb(metric: MutualInformation, matrix: Affine, size_mm: float) -> tuple[Affine, Match]:
    """Go uphill by Fisher's scoring until steps are a thousandth of `size_mm`, the size of a voxel.

    Parameters
    ----------
    metric : MutualInformation
    matrix : array (4, 4)
        Where to start, fixed world to moving world.
    size_mm : float
        Also the longest step.
    """
    here = metric.at(matrix)
    stretch = 1.0
    for _ in range(_MOST_STEPS):
        damping = 1e-6 * np.trace(here.information) * np.eye(6)
        scoring = np.linalg.solve(here.information + damping, here.score)
        length = max(float(np.abs(scoring).max()), 1e-9)
        share = min(stretch, size_mm / length)
        while share * length > 1e-3 * size_mm:
            there = _moved_by(share * scoring, matrix, metric)
            match = metric.at(there)
            if match.value > here.value:
                break
            share /= 3
        else:
            break
        # Far from the top the samples' slopes are steeper than the hill, and scoring steps too short: by how much
        # tells the slope that is left after a step.
        rise, left = float(here.score @ scoring), float(match.score @ scoring)
        stretch = float(np.clip(share * rise / max(rise - left, 1e-9 * rise), 1, _MOST_STRETCH))
        matrix, here = there, match
    return matrix, here


def _moved_by(step: NDArray[np.float64], matrix: Affine, metric: MutualInformation) -> Affine:
    """The pose after a small motion: three turns (mm at the head's radius) about its centre, and three shifts (mm)."""
    centre = matrix[:3, :3] @ metric.centre + matrix[:3, 3]
    moved: Affine = rigid_matrix(step[3:], np.rad2deg(step[:3] / metric.radius_mm), centre) @ matrix
    return moved


def to_bins(data: Floats, low: float, high: float) -> Floats:
    """Values from `low` to `high` as positions within the histogram; what is beyond is clipped."""
    scaled = (data - np.float32(low)) * np.float32((_HIGHEST - _LOWEST) / (high - low)) + np.float32(_LOWEST)
    binned: Floats = np.clip(scaled, np.float32(_LOWEST), np.float32(_HIGHEST))
    return binned


def interpolate(data: Floats, index: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Trilinear interpolation and its exact slope.

    Parameters
    ----------
    data : array (z, y, x)
        At least two voxels along each axis.
    index : array (3, n)

    Returns
    -------
    inside : array (n,)
        Which points lie in the image.
    values : array (m,)
        At those.
    slopes : array (3, m)
        By index (z, y, x).
    """
    top = np.array(data.shape, np.float32)[:, None] - 1
    inside = np.asarray(((index >= 0) & (index <= top)).all(axis=0))
    index = index[:, inside]
    below = np.minimum(index.astype(np.int32), top.astype(np.int32) - 1)
    z, y, x = index - below
    plane, row = data.shape[1] * data.shape[2], data.shape[2]
    first = (below[0] * data.shape[1] + below[1]) * row + below[2]
    flat = data.reshape(-1)

    along_x, by_x = {}, {}
    for dz in (0, 1):
        for dy in (0, 1):
            corner = first + (dz * plane + dy * row)
            left = flat.take(corner)
            by_x[dz, dy] = flat.take(corner + 1) - left
            along_x[dz, dy] = left + by_x[dz, dy] * x
    by_y = [along_x[dz, 1] - along_x[dz, 0] for dz in (0, 1)]
    along_y = [along_x[dz, 0] + by_y[dz] * y for dz in (0, 1)]
    slope_x = [by_x[dz, 0] + (by_x[dz, 1] - by_x[dz, 0]) * y for dz in (0, 1)]
    slope_z = along_y[1] - along_y[0]
    values = along_y[0] + slope_z * z
    slopes = np.stack([slope_z, by_y[0] + (by_y[1] - by_y[0]) * z, slope_x[0] + (slope_x[1] - slope_x[0]) * z])
    return inside, values, slopes


def _moved(matrix: Affine, points: Floats) -> Floats:
    # By hand: BLAS on three rows would start threads for nothing and may sum in another order.
    m = matrix.astype(np.float32)
    return np.stack([m[i, 0] * points[0] + m[i, 1] * points[1] + m[i, 2] * points[2] + m[i, 3] for i in range(3)])


def _spline(u: Floats) -> tuple[list[Floats], list[Floats]]:
    """Weights of a cubic B-spline in four neighbouring bins, and their slopes, at u in [0, 1) past the second."""
    v = 1 - u
    sixth = np.float32(1 / 6)
    weights = [
        v * v * v * sixth,
        ((3 * u - 6) * u * u + 4) * sixth,
        ((3 * v - 6) * v * v + 4) * sixth,
        u * u * u * sixth,
    ]
    half = np.float32(0.5)
    changes = [-half * v * v, (3 * half * u - 2) * u, (2 - 3 * half * v) * v, half * u * u]
    return weights, changes


def _information(joint: NDArray[np.float64]) -> tuple[float, Floats]:
    """Mutual information of a joint histogram (fixed, moving), and the log likelihood of fixed given moving."""
    fixed, moving = joint.sum(axis=1), joint.sum(axis=0)
    seen = joint > _EMPTY
    likelihood = np.log(np.where(seen, joint, _EMPTY)) - np.log(np.maximum(moving, _EMPTY))
    value = (joint * np.where(seen, likelihood - np.log(np.maximum(fixed, _EMPTY))[:, None], 0)).sum()
    return float(value), likelihood.astype(np.float32).ravel()
