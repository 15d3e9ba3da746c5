"""What is known on the T1's grid brought to the grid that FreeSurfer works on: 256 x 256 x 256 voxels of 1 mm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from .patient import Image, Patient
from .shapes import FloatArray

_SIDE = 256
_OUTSIDE_SKULL = ("outside", "scalp", "muscle", "bone", "marrow")
# These alone border on the lateral and third ventricle, but for white matter, which is not asked.
_ROUND_VENTRICLES = ("ventricle lining", "choroid plexus", "caudate")
_THIRD_MM = 4.0  # half the third ventricle's width and a little more


@dataclass(frozen=True, eq=False)
class Conformed:
    """The head on the part of FreeSurfer's grid that the T1 covers.

    Attributes
    ----------
    first
        (z, y, x) of the part's first voxel in the whole grid: z to Superior, y to Posterior, x to Left, as ours.
    centre_mm
        RAS mm of the whole grid's middle, FreeSurfer's ``c_ras``.
    t1
        float32 (z, y, x), as the image.
    tissue
        uint8 (z, y, x): what most of each voxel is, veins left out.
    white, grey
        float32 (z, y, x), shares: what lies inside the cortex (white matter, nuclei, ventricles), and grey matter.
    ventricle
        bool (z, y, x): voxels of the lateral ventricles, with their lining.
    skull
        bool (z, y, x): all within the skull.
    to_right_mm
        float32 (z, y, x): distance to the plane midway between the thalami, positive on the patient's right.
    """

    first: tuple[int, int, int]
    centre_mm: NDArray[np.float64]
    t1: FloatArray
    tissue: NDArray[np.uint8]
    white: FloatArray
    grey: FloatArray
    ventricle: NDArray[np.bool_]
    skull: NDArray[np.bool_]
    to_right_mm: FloatArray

    @property
    def affine(self) -> NDArray[np.float64]:
        """(z, y, x) index of the whole grid to RAS mm."""
        half = _SIDE / 2
        out = np.array([[0, 0, -1, half], [0, -1, 0, half - 1], [1, 0, 0, 1 - half], [0, 0, 0, 1.0]])
        out[:3, 3] += self.centre_mm
        return out

    def whole(self, part: NDArray[np.generic]) -> NDArray[np.generic]:
        """The whole grid in FreeSurfer's order of axes: to Left, to Inferior, to Anterior; 0 around the part."""
        out = np.zeros((_SIDE,) * 3, part.dtype)
        out[tuple(slice(a, a + n) for a, n in zip(self.first, part.shape, strict=True))] = part
        return out[::-1, ::-1].transpose(2, 0, 1)


def conform(patient: Patient) -> Conformed:
    """Bring T1 and tissues to FreeSurfer's grid.

    Shares of voxels of 1 mm come from the tissues on the T1's grid by a narrow Gaussian, so that a coarse T1 gives no
    steps and a fine one is averaged.

    Parameters
    ----------
    patient
        From `make_patient`.
    """
    image, names = patient.images["t1"], patient.truth.tissue_names
    centre = image.affine[:3, :3] @ ((np.array(image.data.shape) - 1) / 2) + image.affine[:3, 3]
    empty = np.zeros((0, 0, 0), np.float32)
    grid = Conformed((0, 0, 0), centre, empty, empty.astype(np.uint8), empty, empty, empty > 0, empty > 0, empty)
    first, weights = _weights(image, grid.affine)
    shape = tuple(w.shape[0] for w in weights)
    tissue, most = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    within, grey, csf, vein = (np.zeros(shape, np.float32) for _ in range(4))
    not_white = {*_OUTSIDE_SKULL, "csf", "vein", "grey matter", "brain stem", "cerebellar grey", "cerebellar white"}
    sums = {"grey matter": grey, "csf": csf, "vein": vein}
    for number, where in enumerate(ndimage.find_objects(patient.truth.tissue_t1 + 1), 0):
        if where is None:
            continue
        part, share = _brought((patient.truth.tissue_t1[where] == number).astype(np.float32), weights, where)
        if names[number] in sums:
            sums[names[number]][part] += share
        elif names[number] not in not_white:
            within[part] += share
        if names[number] != "vein":
            more = share > most[part]
            most[part][more] = share[more]
            tissue[part][more] = number
    part, t1 = _brought(image.data, weights, (slice(None),) * 3)
    to_right = _to_right(tissue, names, grid.affine, first)
    lateral, third = _ventricles(tissue, names)
    ventricle = lateral & (tissue == names.index("csf")) | (tissue == names.index("ventricle lining"))
    without_vein = np.maximum(1 - vein, np.float32(0.2))
    white = np.minimum((within + csf * (lateral | third)) / without_vein, 1)
    inside = ~np.isin(tissue, [names.index(n) for n in _OUTSIDE_SKULL])
    pieces, _ = ndimage.label(inside)
    skull = pieces == np.bincount(pieces[inside]).argmax()
    return Conformed(
        first, centre, t1, tissue, white, np.minimum(grey / without_vein, 1), ventricle, skull, to_right
    )  # fmt: skip


def _weights(image: Image, affine: NDArray[np.float64]) -> tuple[tuple[int, int, int], list[sparse.csr_array]]:
    """The first voxel that the image reaches, and for each axis the weights (ours, the image's) of a Gaussian."""
    to_image = np.linalg.inv(image.affine) @ affine
    first, weights = [], []
    for axis, (count, spacing) in enumerate(zip(image.data.shape, image.spacing, strict=True)):
        at = to_image[axis, axis] * np.arange(_SIDE) + to_image[axis, 3]
        reached = np.flatnonzero((at >= 0) & (at <= count - 1))
        away = (at[reached, None] - np.arange(count)) * spacing
        weight = np.exp(-0.5 * (away / (0.45 * max(spacing, 1.0))) ** 2) * (np.abs(away) < 2 * max(spacing, 1.0))
        first.append(int(reached[0]))
        weights.append(sparse.csr_array((weight / weight.sum(1, keepdims=True)).astype(np.float32)))
    return (first[0], first[1], first[2]), weights


def _brought(
    values: FloatArray, weights: list[sparse.csr_array], where: tuple[slice, ...]
) -> tuple[tuple[slice, ...], FloatArray]:
    """Values of a part of the image brought to our grid, and to which part of it."""
    out, part = values, []
    for axis, (weight, cut) in enumerate(zip(weights, where, strict=True)):
        columns = weight[:, cut]
        rows = np.flatnonzero(np.diff(columns.indptr))
        part.append(slice(int(rows[0]), int(rows[-1]) + 1))
        moved = np.moveaxis(out, axis, 0)
        flat = columns[part[-1]] @ np.ascontiguousarray(moved).reshape(len(moved), -1)
        out = np.moveaxis(flat.reshape(-1, *moved.shape[1:]), 0, axis)
    return tuple(part), out


def _to_right(
    tissue: NDArray[np.uint8], names: tuple[str, ...], affine: NDArray[np.float64], first: tuple[int, int, int]
) -> FloatArray:
    """Distance to the plane midway between the thalami, which lies askew as the head does."""
    middles = [np.argwhere(tissue == names.index(f"thalamus {side}")).mean(0) + first for side in ("right", "left")]
    right, left = (affine[:3, :3] @ middle + affine[:3, 3] for middle in middles)
    normal = affine[:3, :3].T @ ((right - left) / np.linalg.norm(right - left))
    offset = normal @ ((middles[0] + middles[1]) / 2 - first)
    z, y, x = (n * np.arange(size) for n, size in zip(normal, tissue.shape, strict=True))
    return np.asarray(z[:, None, None] + y[:, None] + x - offset, np.float32)


def _ventricles(tissue: NDArray[np.uint8], names: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where CSF would be that of the lateral ventricles, and where that of the third, by the tissue nearest to it.

    White matter is not asked, for it is on both sides of the septum, and elsewhere always under cortex or lining.
    """
    seeds = np.isin(tissue, [names.index(name) for name in (*_ROUND_VENTRICLES, "thalamus left", "thalamus right")])
    where = tuple(
        slice(max(s.start - 8, 0), s.stop + 8) for s in ndimage.find_objects(seeds.astype(np.uint8))[0]
    )  # fmt: skip
    passed_over = [names.index(name) for name in ("csf", "white matter", "vein")]
    away, nearest = ndimage.distance_transform_edt(np.isin(tissue[where], passed_over), return_indices=True)
    near = tissue[where][tuple(nearest)]
    lateral, third = np.zeros(tissue.shape, bool), np.zeros(tissue.shape, bool)
    lateral[where] = np.isin(near, [names.index(name) for name in _ROUND_VENTRICLES])
    third[where] = np.isin(near, [names.index(f"thalamus {side}") for side in ("left", "right")]) & (away <= _THIRD_MM)
    return lateral, third
