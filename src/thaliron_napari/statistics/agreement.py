"""Agreement of readers: of the numbers they measured, and of what they drew."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thaliron_napari.errors import GridError, ModelError

FEWEST_CASES = 3
_LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with the limits of its 95% confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Intraclass:
    """Intraclass correlations of k readings of n cases, each of a single reading.

    Parameters
    ----------
    agreement : Estimate
        ICC(2,1): readers are a sample of readers, and a shift between them counts against them.
    consistency : Estimate
        ICC(3,1): these readers and no others; a shift between them does not count.
    n, k : int
        Cases used, and readings of each.
    n_missing : int
        Cases left out since a reading is missing.
    """

    agreement: Estimate
    consistency: Estimate
    n: int
    k: int
    n_missing: int


def intraclass(readings: ArrayLike) -> Intraclass:
    """ICC(2,1) and ICC(3,1) by a two-way analysis of variance, with F-based 95% confidence intervals.

    Shrout and Fleiss, Psychol Bull 86:420, 1979; McGraw and Wong, Psychol Methods 1:30, 1996, who call them ICC(A,1)
    and ICC(C,1).

    Parameters
    ----------
    readings : array (n, k)
        One row a case, one column a reader or a reading; a case with NaN is left out.

    Raises
    ------
    ModelError
        Where there are fewer than 2 readings, fewer than 3 complete cases, an infinite value, or all cases are alike.
    """
    from scipy.special import fdtri

    x = np.asarray(readings, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ModelError("agreement needs at least two readings of each case, as columns; give one more")
    x, n_missing = _complete(x)
    n, k = x.shape
    if _alike(x, x):
        raise ModelError("the cases do not differ in this number; intraclass correlation needs cases that differ")
    x = x - x.mean()
    cases, readers = x.mean(axis=1, keepdims=True), x.mean(axis=0, keepdims=True)
    df = (n - 1) * (k - 1)
    ms_cases = k * float((cases**2).sum()) / (n - 1)
    ms_readers = n * float((readers**2).sum()) / (k - 1)
    ms_error = float(((x - cases - readers) ** 2).sum()) / df
    tail = (1 + _LEVEL) / 2

    def single(f: float) -> float:
        return float((ms_cases - f * ms_error) / (ms_cases + (k - 1) * f * ms_error))

    low, high = float(fdtri(n - 1, df, tail)), 1 / float(fdtri(df, n - 1, tail))
    consistency = Estimate(single(1), single(low), single(high))

    def absolute(f: float) -> float:
        rest = (k * ms_readers + (k * n - k - n) * ms_error) / n
        return float((ms_cases - f * ms_error) / (ms_cases + f * rest))

    icc = absolute(1)
    # Satterthwaite's degrees of freedom, both weights times n (1 - icc), so that an icc of 1 divides nothing by 0
    of_readers, of_error = k * icc * ms_readers, (n * (1 - icc) + k * icc * (n - 1)) * ms_error
    below = of_readers**2 / (k - 1) + of_error**2 / df
    v = (of_readers + of_error) ** 2 / below if below > 0 else 1.0
    low, high = float(fdtri(n - 1, v, tail)), 1 / float(fdtri(v, n - 1, tail))
    return Intraclass(Estimate(icc, absolute(low), absolute(high)), consistency, n, k, n_missing)


@dataclass(frozen=True, eq=False)
class BlandAltman:
    """Differences of two readings, first minus second, against their means.

    Parameters
    ----------
    rows : array (n,)
        Which of the cases given were used, from 0.
    mean, difference : array (n,)
    bias : Estimate
        Mean difference.
    sd : float
        Standard deviation of the differences.
    low, high : Estimate
        Limits of agreement, between which 95% of differences lie.
    slope, intercept : Estimate
        Regression of difference on mean; NaN where all means are alike.
    slope_p : float
        Of no slope: below .05 the bias changes with the size of the number.
    n_missing : int
        Cases left out since a reading is missing.
    """

    rows: NDArray[np.intp]
    mean: NDArray[np.float64]
    difference: NDArray[np.float64]
    bias: Estimate
    sd: float
    low: Estimate
    high: Estimate
    slope: Estimate
    intercept: Estimate
    slope_p: float
    n_missing: int

    @property
    def n(self) -> int:
        """Cases used."""
        return len(self.rows)


def bland_altman(first: ArrayLike, second: ArrayLike, *, exact: bool = False) -> BlandAltman:
    """Bias and 95% limits of agreement of two readings, each with its 95% confidence interval.

    The limits are bias ± 1.96 SD. Their intervals are those of Bland and Altman, Stat Methods Med Res 8:135, 1999: t
    with n - 1 degrees of freedom on a standard error of SD sqrt(1 / n + 1.96² / (2 (n - 1))).

    Parameters
    ----------
    first, second : array (n,)
        A case with NaN in either is left out.
    exact : bool
        Intervals of the limits by the noncentral t instead (Carkeet, Optom Vis Sci 92:e71, 2015): asymmetric, and
        wider on the outside; of weight where cases are few.

    Raises
    ------
    ModelError
        Where they are not of one length, fewer than 3 cases have both, or a value is infinite.
    """
    from scipy.special import ndtri, stdtrit

    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ModelError(f"the readings have {a.size} and {b.size} values; give two of each case")
    pairs, n_missing = _complete(np.column_stack([a, b]))
    rows = np.flatnonzero(~(np.isnan(a) | np.isnan(b)))
    n = len(pairs)
    difference, mean = pairs[:, 0] - pairs[:, 1], pairs.mean(axis=1)
    bias = float(difference.mean())
    sd = 0.0 if _alike(difference, pairs) else float(difference.std(ddof=1))
    tail = (1 + _LEVEL) / 2
    z, t = float(ndtri(tail)), float(stdtrit(n - 1, tail))
    to_bias = t * sd / math.sqrt(n)
    inner = outer = t * sd * math.sqrt(1 / n + z**2 / (2 * (n - 1)))
    if exact:
        from scipy.stats import nct

        near, far = (float(q) * sd / math.sqrt(n) for q in nct.ppf([1 - tail, tail], n - 1, z * math.sqrt(n)))
        inner, outer = z * sd - near, far - z * sd
    slope, intercept, p = _regress(np.full(n, bias) if sd == 0 else difference, mean)
    return BlandAltman(
        rows,
        mean,
        difference,
        Estimate(bias, bias - to_bias, bias + to_bias),
        sd,
        Estimate(bias - z * sd, bias - z * sd - outer, bias - z * sd + inner),
        Estimate(bias + z * sd, bias + z * sd - inner, bias + z * sd + outer),
        slope,
        intercept,
        p,
        n_missing,
    )


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Dice's coefficient of two masks of one shape: 2 |A and B| / (|A| + |B|); NaN where both are empty.

    Raises
    ------
    GridError
        Where the shapes differ.
    """
    _check_shapes(a, b)
    size = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / size if size else math.nan


def surface_distance_mm(a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: ArrayLike) -> float:
    """Mean distance in mm from the surface voxels of each of two masks (z, y, x) to the other's surface.

    Over the surface voxels of both together. Surface voxels have a face that is not in the mask; distances are between
    the middles of voxels. NaN where a mask is empty.

    Parameters
    ----------
    a, b : bool array (z, y, x)
    spacing : (z, y, x) in mm

    Raises
    ------
    GridError
        Where the shapes differ.
    """
    from scipy import ndimage

    _check_shapes(a, b)
    if not (a.any() and b.any()):
        return math.nan
    box = ndimage.find_objects((a | b).astype(np.uint8))[0]
    a, b = np.pad(a[box], 1), np.pad(b[box], 1)
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (a, b)]
    step = np.asarray(spacing, dtype=np.float64)
    to = [ndimage.distance_transform_edt(~surface, step) for surface in surfaces]
    distances = np.concatenate([to[1][surfaces[0]], to[0][surfaces[1]]])
    return float(distances.mean())


@dataclass(frozen=True)
class LesionMatch:
    """Lesions of two label maps set against each other.

    Parameters
    ----------
    pairs : tuple of (number in A, number in B, IoU)
        Lesions that overlap enough. One of A may meet several of B, where one reader split what the other did not.
    only_a, only_b : tuple of int
        Numbers of the lesions that meet none of the other's.
    n_a, n_b : int
        Lesions in each.
    """

    pairs: tuple[tuple[int, int, float], ...]
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]
    n_a: int
    n_b: int

    @property
    def both_a(self) -> int:
        """Lesions of A that B found too."""
        return self.n_a - len(self.only_a)

    @property
    def both_b(self) -> int:
        """Lesions of B that A found too; differs from `both_a` only where lesions were split."""
        return self.n_b - len(self.only_b)

    @property
    def f1(self) -> float:
        """Harmonic mean of the share of A's lesions that B found and that of B's that A found; NaN without lesions."""
        if not (self.n_a or self.n_b):
            return math.nan
        if not (self.both_a and self.both_b):
            return 0.0
        share_a, share_b = self.both_a / self.n_a, self.both_b / self.n_b
        return 2 * share_a * share_b / (share_a + share_b)


def match_lesions(a: NDArray[np.integer], b: NDArray[np.integer], least_iou: float = 0.0) -> LesionMatch:
    """Which lesions of two label maps (z, y, x) are the same, one number a lesion and 0 elsewhere.

    Parameters
    ----------
    a, b : integer array
        Of one shape.
    least_iou : float
        Least intersection over union, 0 to 1, of two lesions that are the same. With 0 one common voxel is enough.

    Raises
    ------
    GridError
        Where the shapes differ.
    """
    _check_shapes(a, b)
    sizes_a, sizes_b = _sizes(a), _sizes(b)
    common = (a > 0) & (b > 0)
    met, counts = np.unique(np.stack([a[common], b[common]]), axis=1, return_counts=True)
    pairs = []
    for (in_a, in_b), shared in zip(met.T.tolist(), counts.tolist(), strict=True):
        iou = shared / (sizes_a[in_a] + sizes_b[in_b] - shared)
        if iou >= least_iou:
            pairs.append((in_a, in_b, iou))
    met_a, met_b = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    only_a, only_b = (tuple(n for n in sizes if n not in met) for sizes, met in ((sizes_a, met_a), (sizes_b, met_b)))
    return LesionMatch(tuple(pairs), only_a, only_b, len(sizes_a), len(sizes_b))


def _complete(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Rows without NaN, and how many others there are."""
    if np.isinf(x).any():
        raise ModelError("a reading is infinite; look at how it was measured")
    whole = x[~np.isnan(x).any(axis=1)]
    if len(whole) < FEWEST_CASES:
        have = f"{len(whole)} case{' has' if len(whole) == 1 else 's have'}"
        raise ModelError(f"{have} all readings; agreement needs {FEWEST_CASES} at least")
    return whole, len(x) - len(whole)


def _alike(values: NDArray[np.float64], of: NDArray[np.float64]) -> bool:
    """Whether the rows differ by no more than the rounding of the numbers that they were computed from."""
    return bool((np.ptp(values, axis=0) <= 8 * np.finfo(np.float64).eps * np.abs(of).max()).all())


def _regress(y: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[Estimate, Estimate, float]:
    """Slope and intercept of y on x with 95% intervals, and P of the slope; NaN where x does not vary."""
    from scipy.special import stdtr, stdtrit

    n, nothing = len(x), Estimate(math.nan, math.nan, math.nan)
    if _alike(x, x):
        return nothing, nothing, math.nan
    middle, dx = float(x.mean()), x - x.mean()
    sxx = float(dx @ dx)
    slope = float(dx @ (y - y.mean())) / sxx
    intercept = float(y.mean()) - slope * middle
    residuals = y - y.mean() - slope * dx
    variance = 0.0 if _alike(y, y) else float(residuals @ residuals) / (n - 2)
    se = math.sqrt(variance / sxx)
    at_zero = math.sqrt(variance * (1 / n + middle**2 / sxx))
    t = float(stdtrit(n - 2, (1 + _LEVEL) / 2))
    p = 2 * float(stdtr(n - 2, -abs(slope / se))) if se > 0 else math.nan
    return (
        Estimate(slope, slope - t * se, slope + t * se),
        Estimate(intercept, intercept - t * at_zero, intercept + t * at_zero),
        p,
    )


def _sizes(labels: NDArray[np.integer]) -> dict[int, int]:
    """Voxels of each lesion by its number."""
    numbers, counts = np.unique(labels[labels > 0], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _check_shapes(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    if a.shape != b.shape:
        sizes = " and ".join(" x ".join(str(n) for n in mask.shape) for mask in (a, b))
        raise GridError(f"the two readings were drawn on grids of {sizes} voxels; compare readings of one image")
