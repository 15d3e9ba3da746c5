"""A patient made in code: images as five scans would give them, and the truth beside them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from . import contrasts
from .folds import AFFINE as FIELD_AFFINE
from .folds import make_fields, on_grid, posed
from .lesions import place_lesions
from .painting import Head, Painted, paint
from .shapes import FloatArray, Triple
from .susceptibility import measured_map
from .ventricles import ATRIUM_CENTRE

Size = Literal["small", "full"]
Matrix = NDArray[np.float64]

# matrix (z, y, x) and voxel (z, y, x) in mm
_GRIDS: dict[str, dict[str, tuple[tuple[int, int, int], Triple]]] = {
    "small": {
        "qsm": ((68, 200, 152), (2.0, 1.0, 1.0)),
        "flair": ((104, 168, 138), (1.5, 1.2, 1.2)),
        "t1": ((104, 136, 112), (1.5, 1.5, 1.5)),
    },
    "full": {
        "qsm": ((70, 416, 320), (2.0, 0.5, 0.5)),
        "flair": ((130, 340, 276), (1.2, 0.6, 0.6)),
        "t1": ((130, 456, 368), (1.2, 0.45, 0.45)),
    },
}
_HEAD_CENTRE = (0.0, -17.0, 12.0)  # canonical mm, in the middle of every image


@dataclass(frozen=True)
class Image:
    """One image.

    Attributes
    ----------
    data
        float32 (z, y, x): z to Superior, y to Posterior, x to Left.
    affine
        (z, y, x) index to RAS mm.
    unit
        Of the values.
    """

    data: FloatArray
    affine: Matrix
    unit: str

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel size (z, y, x) in mm."""
        return np.asarray(np.sqrt((self.affine[:3, :3] ** 2).sum(0)))


@dataclass(frozen=True)
class LesionInfo:
    """One lesion: its number in the label map, a point inside it (RAS mm, FLAIR world), and what it is."""

    number: int
    centre: Triple
    volume_ml: float
    kind: str
    enhancing: bool


@dataclass(frozen=True)
class Truth:
    """What is known about the patient because it was made.

    Attributes
    ----------
    thalami
        uint8, QSM grid: 1 left, 2 right; voxels at least half thalamus that are not vein.
    veins
        bool, QSM grid: voxels of which a vein fills at least 0.3.
    csf_atria
        bool, QSM grid: voxels wholly inside the CSF of the atria.
    atria_mm
        RAS mm in QSM world, by side: centre of a disc of 3 mm in plane that is all CSF.
    lesions, lesions_info
        int32, FLAIR grid: one number a lesion; and what each one is.
    qsm_to_flair
        4 x 4, rigid: RAS mm in QSM world to RAS mm in FLAIR world of the same point of the patient.
    chi_ppb
        float32, QSM grid: true susceptibility relative to CSF, averaged over each voxel, without noise.
    relative_ppb
        Mean of `chi_ppb` over `thalami`, minus CSF.
    volumes_ml
        Thalamic volume by side, from shares of voxels.
    tissue, tissue_names
        uint8, QSM grid: what most of each voxel is, and the names of the numbers.
    tissue_t1
        uint8, T1 grid: the same there.
    """

    thalami: NDArray[np.uint8]
    veins: NDArray[np.bool_]
    csf_atria: NDArray[np.bool_]
    atria_mm: dict[str, Triple]
    lesions: NDArray[np.int32]
    lesions_info: tuple[LesionInfo, ...]
    qsm_to_flair: Matrix
    chi_ppb: FloatArray
    relative_ppb: float
    volumes_ml: dict[str, float]
    tissue: NDArray[np.uint8]
    tissue_names: tuple[str, ...]
    tissue_t1: NDArray[np.uint8]


@dataclass(frozen=True)
class Patient:
    """Images by name ("qsm", "magnitude", "flair", "t1", "t1ce") and the truth."""

    images: dict[str, Image]
    truth: Truth


def make_patient(size: Size = "full", seed: int = 7) -> Patient:
    """Make a patient with multiple sclerosis.

    Parameters
    ----------
    size
        "full": the study's voxels (QSM 0.5 x 0.5 x 2 mm, FLAIR 0.6 x 0.6 x 1.2 mm); "small": the same head, coarse.
    seed
        Another seed gives another patient: other folds, shapes, lesions, position and noise.

    Returns
    -------
    Patient
        The same for the same arguments, bit for bit.
    """
    if size not in _GRIDS:
        raise ValueError(f"size must be 'small' or 'full', not {size!r}")
    anatomy_rng, lesion_rng, pose_rng, *noise = np.random.default_rng(seed).spawn(8)
    fields, warp = make_fields(anatomy_rng)
    lesions_in_head = place_lesions(fields, lesion_rng)

    # The head lies a little askew in the scanner, and moved between the QSM and the other scans.
    to_head = np.asarray(np.linalg.inv(_rigid(pose_rng.uniform(-2.5, 2.5, 3), pose_rng.uniform(-2, 2, 3))), float)
    qsm_to_flair = _rigid(_signed(pose_rng, 0.8, 2.0), _signed(pose_rng, 0.8, 2.5))
    at_qsm = Head(posed(fields, warp, to_head), lesions_in_head)
    at_flair = Head(posed(fields, warp, to_head @ np.linalg.inv(qsm_to_flair)), lesions_in_head)

    grids = {name: (shape, _affine(shape, spacing)) for name, (shape, spacing) in _GRIDS[size].items()}
    shape, affine = grids["flair"]
    flair = paint(at_flair, affine, shape, [contrasts.FLAIR, {"lesion": 1.0}])
    lesions = _lesion_truth(at_flair, flair, affine)
    shape, t1_affine = grids["t1"]
    t1 = paint(at_flair, t1_affine, shape, [contrasts.T1, contrasts.T1CE])
    qsm, magnitude, truth = _qsm_scan(at_qsm, *grids["qsm"], noise[:2], lesions, qsm_to_flair, t1.tissue)
    signals = (flair.channels[0], t1.channels[0], t1.channels[1])
    with ThreadPoolExecutor(2) as pool:
        scans = list(pool.map(contrasts.as_scanned, signals, noise[2:], (10, 14, 14), (0.12, 0.15, 0.15)))
    images = {
        "qsm": Image(qsm, grids["qsm"][1], "ppb"),
        "magnitude": Image(magnitude, grids["qsm"][1], "arbitrary"),
        "flair": Image(scans[0], affine, "arbitrary"),
        "t1": Image(scans[1], t1_affine, "arbitrary"),
        "t1ce": Image(scans[2], t1_affine, "arbitrary"),
    }
    return Patient(images, truth)


def _rigid(degrees: NDArray[np.float64], shift_mm: NDArray[np.float64]) -> Matrix:
    """Turn about the middle of the images by angles about x, y and z, then shift."""
    from_vector = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        from_vector = turn @ from_vector
    out = np.eye(4)
    out[:3, :3] = from_vector
    out[:3, 3] = np.asarray(_HEAD_CENTRE) - from_vector @ np.asarray(_HEAD_CENTRE) + shift_mm
    return out


def _signed(rng: np.random.Generator, least: float, most: float) -> NDArray[np.float64]:
    return np.asarray(rng.choice([-1.0, 1.0], 3) * rng.uniform(least, most, 3))


def _affine(shape: tuple[int, int, int], spacing: Triple) -> Matrix:
    """(z, y, x) index to RAS mm with the head's centre in the middle of the matrix."""
    out = np.zeros((4, 4))
    out[2, 0], out[1, 1], out[0, 2], out[3, 3] = spacing[0], -spacing[1], -spacing[2], 1
    out[:3, 3] = np.asarray(_HEAD_CENTRE) - out[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    return np.round(out, 4)


def _qsm_scan(
    head: Head,
    shape: tuple[int, int, int],
    affine: Matrix,
    rngs: Sequence[np.random.Generator],
    lesions: tuple[NDArray[np.int32], tuple[LesionInfo, ...]],
    qsm_to_flair: Matrix,
    tissue_t1: NDArray[np.uint8],
) -> tuple[FloatArray, FloatArray, Truth]:
    """Susceptibility map and magnitude as scanned, and the truth (that of the lesions and T1 is passed through)."""
    shares = [{tissue: 1.0} for tissue in ("thalamus left", "thalamus right", "vein", "csf")]
    tables = [contrasts.SUSCEPTIBILITY_PPB, contrasts.MAGNITUDE, *shares]
    painted = paint(head, affine, shape, tables, 3)
    chi, signal, left, right, vein, csf = painted.channels
    veins = vein >= 0.3
    thalami = np.where(left > 0.5, 1, np.where(right > 0.5, 2, 0)).astype(np.uint8)
    thalami[veins] = 0
    within = thalami > 0
    share = left + right
    # All that is not thalamus in these voxels is known: the thalamus's own value follows from the mean over the voxels.
    chi += share * np.float32(
        (contrasts.THALAMUS_PPB - chi[within].mean(dtype=float)) / share[within].mean(dtype=float)
    )
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(0))
    brain = on_grid(head.fields.skull, affine, shape) < -2  # what a reconstruction keeps, the outermost rim lost
    magnitude = contrasts.as_scanned(signal, rngs[0], 12, 0.1)
    noise_ppb = 2.5 * float(np.sqrt(0.5 / np.prod(spacing)))  # larger voxels, less noise
    qsm = measured_map(chi, signal, brain, painted.tissue, spacing, rngs[1], noise_ppb)
    atria, centres = _atria(head, csf, affine)
    voxel_ml = float(np.prod(spacing)) / 1000
    truth = Truth(
        thalami=thalami,
        veins=veins,
        csf_atria=atria,
        atria_mm=centres,
        lesions=lesions[0],
        lesions_info=lesions[1],
        qsm_to_flair=qsm_to_flair,
        chi_ppb=chi,
        relative_ppb=float(chi[within].mean(dtype=float)),
        volumes_ml={
            "left": float(left.sum(dtype=float)) * voxel_ml,
            "right": float(right.sum(dtype=float)) * voxel_ml,
        },
        tissue=painted.tissue,
        tissue_names=contrasts.TISSUES,
        tissue_t1=tissue_t1,
    )
    return qsm, magnitude, truth


def _atria(head: Head, csf: FloatArray, affine: Matrix) -> tuple[NDArray[np.bool_], dict[str, Triple]]:
    """Voxels wholly CSF within 10 mm of the middle of each atrium, and where a disc fits best."""
    atria = np.zeros(csf.shape, bool)
    centres: dict[str, Triple] = {}
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(0))
    for side, name in ((1, "right"), (-1, "left")):
        canonical = np.array([side * ATRIUM_CENTRE[0], *ATRIUM_CENTRE[1:]], np.float32)[:, None, None, None]
        node = np.unravel_index(((head.fields.points - canonical) ** 2).sum(0).argmin(), head.fields.hull.shape)
        middle = np.linalg.inv(affine) @ FIELD_AFFINE @ [*node, 1]
        first = np.maximum(np.floor(middle[:3] - 12 / spacing).astype(int), 0)
        where = tuple(slice(a, b) for a, b in zip(first, np.ceil(middle[:3] + 12 / spacing).astype(int), strict=True))
        offset = (
            np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in where), indexing="ij"), -1) - middle[:3]
        ) * spacing
        wholly = (csf[where] > 0.999) & ((offset**2).sum(-1) < 100)
        largest, _ = ndimage.label(wholly)
        wholly = largest == np.bincount(largest[wholly]).argmax()
        atria[where] |= wholly
        room = ndimage.distance_transform_edt(np.pad(wholly, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
        best = np.array(np.unravel_index(room.argmax(), room.shape)) + first
        point = affine @ [*best, 1]
        centres[name] = (float(point[0]), float(point[1]), float(point[2]))
    return atria, centres


def _lesion_truth(head: Head, flair: Painted, affine: Matrix) -> tuple[NDArray[np.int32], tuple[LesionInfo, ...]]:
    share = flair.channels[1]
    labels = np.where(share > 0.5, flair.lesion, 0).astype(np.int32)
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    info = []
    for number, where in enumerate(ndimage.find_objects(labels, len(head.lesions)), 1):
        inside = labels[where] == number
        depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1, 1:-1]
        best = np.array(np.unravel_index(depth.argmax(), depth.shape)) + [s.start for s in where]
        point = affine @ [*best, 1]
        lesion = head.lesions[number - 1]
        volume = float(share[flair.lesion == number].sum(dtype=float)) * voxel_ml
        centre = (float(point[0]), float(point[1]), float(point[2]))
        info.append(LesionInfo(number, centre, volume, lesion.kind, lesion.enhancing))
    return labels, tuple(info)
