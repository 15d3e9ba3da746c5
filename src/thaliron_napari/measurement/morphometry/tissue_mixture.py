"""How much of each voxel of a T1 is CSF, grey and white matter, from the brain's histogram.

The histogram is that of three pure tissues with normal noise and of two kinds of mixed voxels, CSF with grey and grey
with white matter, in which every share is as likely as another (Santago and Gage 1993). Of a cortex some voxels thick
most voxels are mixed: three classes without mixed voxels count too little grey matter.

No tissue's spread may be over 1.5 times white matter's. Noise is the same in all, and without that bound a wide grey
matter and the mixed voxels stand for each other where contrast is weak: on a real T1 of weak contrast (patient26, see
`benchmarks/morphometry.py`) grey matter came out at 420 to 585 ml by how the coil's profile was taken off; with it at
419 to 435. On made heads both are within 1.5% of the truth.

References
----------
Santago P, Gage HD. Quantification of MR brain images by mixture density and partial volume modeling. IEEE Trans Med
Imaging 1993;12:566.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from thaliron_napari.errors import MeasurementError

Values = NDArray[np.float64]

_BINS = 128
_SHARES = (np.arange(10) + 0.5) / 10  # of the brighter tissue in a mixed voxel
_PAIRS = ((0, 1), (1, 2))
_STARTS = ((0.2, 0.62), (0.2, 0.75), (0.3, 0.8))  # CSF and grey matter of white matter's level
_FEWEST = 2000
_WIDEST = 1.5  # spread of a tissue, of white matter's


@dataclass(frozen=True, eq=False)
class TissueMixture:
    """What the tissues look like.

    Parameters
    ----------
    level, spread : array of three
        Mean and standard deviation of pure CSF, grey and white matter.
    weight : array of five
        Share of the voxels that is pure CSF, grey, white matter, and mixed of the first and of the last two.
    """

    level: Values
    spread: Values
    weight: Values

    def shares(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Expected share (3, n) of CSF, grey and white matter in voxels of these values (n)."""
        table = np.linspace(min(0.0, float(values.min())), max(float(values.max()), 1.2 * self.level[2]), 4096)
        found = np.zeros((3, len(table)))
        for tissue in range(3):
            found[tissue] += self.weight[tissue] * _normal(table, self.level[tissue], self.spread[tissue])
        for (dark, bright), weight in zip(_PAIRS, self.weight[3:], strict=True):
            for share in _SHARES:
                density = weight / len(_SHARES) * _normal(table, *_mixed(self.level, self.spread, dark, bright, share))
                found[dark] += (1 - share) * density
                found[bright] += share * density
        total = found.sum(axis=0)
        far = total < 1e-9 * total.max()
        found[:, far] = 0
        found[0, far & (table < self.level[1])] = 1
        found[2, far & (table >= self.level[1])] = 1
        found /= found.sum(axis=0)
        return np.stack([np.interp(values, table, row) for row in found]).astype(np.float32)


def fit_mixture(values: NDArray[np.floating]) -> TissueMixture:
    """Fit the mixture to a brain's values by maximum likelihood.

    Parameters
    ----------
    values : array (n,)
        T1 of every voxel of the brain, its coil's profile taken off.

    Raises
    ------
    MeasurementError
        When there are too few voxels, or the values are not those of a T1 with three tissues.
    """
    values = np.asarray(values, float).ravel()
    if len(values) < _FEWEST:
        raise MeasurementError(f"The brain has {len(values)} voxels; that is too few to tell tissues apart.")
    top = float(np.percentile(values, 99.9))
    if not top > 0 or np.ptp(values) == 0:
        raise MeasurementError("The T1 shows nothing inside the brain mask; check that both lie on each other.")
    counts, edges = np.histogram(np.clip(values, 0, top), _BINS, (0, top))
    seen, middle = counts / counts.sum(), (edges[1:] + edges[:-1]) / 2 / top
    white = _brightest_peak(seen, middle)
    best: tuple[float, Values] | None = None
    for csf, grey in _STARTS:
        start = np.concatenate([[csf * white, grey * white, white], np.log([0.06, 0.04, 0.03]), np.zeros(5)])
        fit = optimize.minimize(
            _surprise, start, (seen, middle), method="L-BFGS-B", options={"maxiter": 500, "maxfun": 50_000}
        )
        if best is None or fit.fun < best[0]:
            best = float(fit.fun), fit.x
    assert best is not None
    level, spread, weight = _unpacked(best[1])
    found = TissueMixture(level * top, spread * top, weight)
    share = weight[1] + weight[3:].sum() / 2
    if not (level[0] < 0.8 * level[1] and level[1] < 0.95 * level[2] and 0.15 < share < 0.85):
        raise MeasurementError(
            "CSF, grey and white matter cannot be told apart on this T1; give a T1-weighted image without contrast "
            "agent, and a mask of the brain alone."
        )
    return found


def _normal(x: Values, level: float, spread: float) -> Values:
    density: Values = np.exp(-0.5 * ((x - level) / spread) ** 2) / spread
    return density


def _mixed(level: Values, spread: Values, dark: int, bright: int, share: float) -> tuple[float, float]:
    variance = spread[dark] ** 2 * (1 - share) + spread[bright] ** 2 * share
    return float(level[dark] * (1 - share) + level[bright] * share), float(np.sqrt(variance))


def _unpacked(parameters: Values) -> tuple[Values, Values, Values]:
    """Levels in order, spreads of a bin at least and within `_WIDEST`, weights that add up to one."""
    weight = np.exp(parameters[6:] - parameters[6:].max())
    spread = np.maximum(np.exp(np.minimum(parameters[3:6], 0)), 1 / _BINS)
    return np.sort(parameters[:3]), np.minimum(spread, _WIDEST * spread[2]), weight / weight.sum()


def _surprise(parameters: Values, seen: Values, middle: Values) -> float:
    """Minus the mean log likelihood of a histogram."""
    level, spread, weight = _unpacked(parameters)
    levels, variances = (
        np.concatenate([pure, *(pure[a] + (pure[b] - pure[a]) * _SHARES for a, b in _PAIRS)])
        for pure in (level, spread**2)
    )
    spreads = np.sqrt(variances)
    weights = np.concatenate([weight[:3], *(np.full(len(_SHARES), part / len(_SHARES)) for part in weight[3:])])
    density = (weights / spreads) @ np.exp(-0.5 * ((middle - levels[:, None]) / spreads[:, None]) ** 2)
    return float(-(seen * np.log(density / (_BINS * np.sqrt(2 * np.pi)) + 1e-6)).sum())


def _brightest_peak(seen: Values, middle: Values) -> float:
    smooth = ndimage.gaussian_filter1d(seen, 2.0, mode="constant")
    peaks = np.flatnonzero(
        (smooth >= ndimage.maximum_filter1d(smooth, 7, mode="constant")) & (smooth > 0.4 * smooth.max())
    )
    return float(middle[peaks[-1]])
