"""Where in the white matter a lesion lies, as the criteria for multiple sclerosis name it.

Periventricular lesions abut the ventricles and juxtacortical ones the cortex, without normal white matter between them
(Filippi et al., Lancet Neurology 2016; Thompson et al., Lancet Neurology 2018; Filippi et al., Brain 2019). Masks have
steps and partial volumes, so what counts here is a gap: 3 mm to the ventricles, whose lining is bright on every FLAIR
and drawn or not, and 1.5 mm to the cortex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from thaliron_napari.annotation.brain import distance_to
from thaliron_napari.annotation.cells import average_cells, to_shape
from thaliron_napari.annotation.each_lesion import each_lesion
from thaliron_napari.annotation.smoothing import smooth_total_variation
from thaliron_napari.annotation.tissue import (
    SMOOTHING_MM,
    NormalTissue,
    checked_image,
    height_above,
    normal_tissue,
)
from thaliron_napari.errors import AnnotationError

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

PERIVENTRICULAR, JUXTACORTICAL, INFRATENTORIAL = "periventricular", "juxtacortical", "infratentorial"
DEEP = "deep white matter"
VENTRICLE_MM, CORTEX_MM = 3.0, 1.5  # widest gap that still counts as touching
CORTEX_THICK_MM = 3.0  # taken off where the cortex is not given and its outer surface stands for it
CELL_MM = 1.0  # cells on which fluid is looked for
FLUID = -1.5  # height of fluid, in spreads of white matter; one part in fifteen of normal tissue before smoothing
LAKE_MM, LAKE_DEPTH_MM = 2.2, 20.0  # ventricles are this far from tissue and from the brain's surface somewhere
DEEPEST = 0.6  # of the brain's deepest place: reached by lakes of the ventricles, not by the cistern of the insula
BESIDE_LAKE_MM, VENTRICLE_DEPTH_MM = 6.0, 16.0


@dataclass(frozen=True)
class Place:
    """Where a lesion lies.

    Attributes
    ----------
    name : str
        "periventricular", "juxtacortical", "infratentorial" or "deep white matter".
    distance_mm : float
        The gap to what the name speaks of: ventricles or cortex; to the nearer of both for deep white matter, and 0
        for infratentorial. Infinite where there is neither.
    estimated : bool
        Whether the name rests on ventricles or cortex guessed from the FLAIR and not on given masks.
    """

    name: str
    distance_mm: float
    estimated: bool


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What the places of lesions are told by, found once a case.

    Attributes
    ----------
    ventricles, cortex : object
        Where they lie, for the gap to them; None where there are none.
    infratentorial : ndarray of bool, optional
        Brain stem and cerebellum (z, y, x), on the lesions' grid.
    ventricles_guessed, cortex_guessed : bool
        Whether they were guessed from the FLAIR and not given as masks.
    spacing : ndarray
        Voxel size (z, y, x) of the lesions' grid in mm.
    shape : tuple of int
        Its shape.
    """

    ventricles: tuple[cKDTree, float] | None
    cortex: tuple[cKDTree, float] | None
    infratentorial: Mask | None
    ventricles_guessed: bool
    cortex_guessed: bool
    spacing: NDArray[np.float64]
    shape: tuple[int, ...]


def landmarks_of_masks(
    spacing: ArrayLike, *, ventricles: ArrayLike, cortex: ArrayLike, infratentorial: ArrayLike | None = None
) -> Landmarks:
    """Landmarks from a segmentation, FreeSurfer's for one.

    Parameters
    ----------
    spacing : array_like
        Voxel size (z, y, x) in mm.
    ventricles, cortex, infratentorial : array_like of bool
        Masks (z, y, x) on the lesions' grid: the lateral and third ventricles; cortical grey matter; brain stem and
        cerebellum. Without the last no lesion is called infratentorial.

    Raises
    ------
    AnnotationError
        Where the masks do not lie on one grid.
    """
    mask, spacing_mm = checked_image(np.asarray(ventricles).astype(bool), spacing)
    outer = _checked_mask(cortex, mask.shape, "cortex")
    below = None if infratentorial is None else _checked_mask(infratentorial, mask.shape, "infratentorial")
    inner = _tree(mask.astype(bool), spacing_mm)
    return Landmarks(inner, _tree(outer, spacing_mm), below, False, False, spacing_mm, mask.shape)


def guess_landmarks(flair: ArrayLike, spacing: ArrayLike, *, tissue: NormalTissue | None = None) -> Landmarks:
    """Landmarks from the FLAIR alone: lakes of fluid in the depth of the brain stand for the ventricles.

    What lies up to 3 mm from any other fluid stands for cortex, and no lesion is called infratentorial. Takes seconds.

    Parameters
    ----------
    flair : array_like
        FLAIR image (z, y, x), any unit.
    spacing : array_like
        Voxel size (z, y, x) in mm.
    tissue : NormalTissue, optional
        What `normal_tissue` says of the FLAIR; estimated by the call where it is not given.

    Raises
    ------
    AnnotationError
        Where no brain is found on the FLAIR, or the tissue is that of another image.
    """
    image, spacing_mm = checked_image(flair, spacing)
    masks, cell_mm = _guess(image, spacing_mm, tissue)
    inner, outer = (_tree(masks[name], cell_mm) for name in ("ventricles", "cortex"))
    return Landmarks(inner, outer, None, True, True, spacing_mm, image.shape)


def place_lesions(labels: ArrayLike, landmarks: Landmarks) -> dict[int, Place]:
    """Name the place of each lesion.

    A lesion of which most lies in the hindbrain is infratentorial. Any other is periventricular where its gap to the
    ventricles is at most 3 mm, else juxtacortical where its gap to the cortex is at most 1.5 mm, else in deep white
    matter.

    Parameters
    ----------
    labels : array_like of int
        One number a lesion (z, y, x), 0 elsewhere.
    landmarks : Landmarks

    Returns
    -------
    dict of int to Place
        By number of lesion, in order.

    Raises
    ------
    AnnotationError
        Where labels and landmarks do not lie on one grid.

    Notes
    -----
    A gap is the least distance between voxel centres less one voxel, so that 0 is touching.
    """
    numbers, _ = checked_labels(labels, landmarks.spacing)
    if numbers.shape != landmarks.shape:
        raise AnnotationError(
            f"The lesions have shape {numbers.shape}, the landmarks {landmarks.shape}: give both on one grid."
        )
    return each_lesion(numbers, lambda lesion, corner: place_lesion(lesion, corner, landmarks), {})


def place_lesion(lesion: Mask, corner: tuple[int, ...], landmarks: Landmarks) -> Place:
    """Name the place of one lesion, as `place_lesions` does.

    Parameters
    ----------
    lesion : ndarray of bool
        The lesion in a box of the image.
    corner : tuple of int
        Index (z, y, x) of the box's first voxel.
    landmarks : Landmarks
    """
    box = tuple(slice(start, start + n) for start, n in zip(corner, lesion.shape, strict=True))
    below = landmarks.infratentorial
    if below is not None and below[box][lesion].mean() > 0.5:
        return Place(INFRATENTORIAL, 0.0, False)
    points = (np.argwhere(_rim(lesion)) + corner + 0.5) * landmarks.spacing
    to_ventricle = _gap(points, landmarks.ventricles, landmarks.spacing)
    to_cortex = _gap(points, landmarks.cortex, landmarks.spacing)
    if landmarks.cortex_guessed:
        to_cortex = max(to_cortex - CORTEX_THICK_MM, 0.0)
    if to_ventricle <= VENTRICLE_MM:
        return Place(PERIVENTRICULAR, to_ventricle, landmarks.ventricles_guessed)
    guessed = landmarks.ventricles_guessed or landmarks.cortex_guessed
    if to_cortex <= CORTEX_MM:
        return Place(JUXTACORTICAL, to_cortex, guessed)
    return Place(DEEP, min(to_ventricle, to_cortex), guessed)


def fluid_of(height: Array, inside: Mask, cell_mm: NDArray[np.float64], t1: Array | None = None) -> tuple[Mask, Mask]:
    """Find fluid inside the brain, and the ventricles in it.

    Parameters
    ----------
    height : ndarray of float32
        Smoothed height above normal white matter (z, y, x), in its spreads.
    inside : ndarray of bool
        The brain with its folds and ventricles.
    cell_mm : ndarray
        Size of a cell (z, y, x) in mm.
    t1 : ndarray of float32, optional
        T1-weighted image on the same cells: fluid as well is what is nearer to fluid than to white matter on it and
        not bright on the FLAIR, as the fluid of narrow sulci is.

    Returns
    -------
    fluid, ventricles : ndarray of bool
        The second is part of the first.

    Raises
    ------
    AnnotationError
        Where fluid is not darker than white matter on the T1.
    """
    fluid = inside & (height < FLUID)
    depth = distance_to(~np.pad(inside, 1), cell_mm)[1:-1, 1:-1, 1:-1]
    if t1 is not None:
        dark, white = fluid & (height < -2.3), inside & (np.abs(height) < 1) & (depth > 5)
        if dark.sum() > 50 and white.sum() > 50:
            lowest, highest = float(np.percentile(t1[dark], 25)), float(np.median(t1[white]))
            if not lowest < highest:
                raise AnnotationError(
                    "Fluid is not darker than white matter on the T1: give a T1-weighted image on the FLAIR's grid."
                )
            fluid |= inside & (t1 < (lowest + highest) / 2) & (height < 1)
    lake = fluid & (distance_to(~fluid, cell_mm) > LAKE_MM) & (depth > LAKE_DEPTH_MM)
    lakes, count = ndimage.label(lake, np.ones((3, 3, 3)))
    deepest = np.asarray(ndimage.maximum(depth, lakes, np.arange(count + 1)))
    lake &= (deepest > DEEPEST * depth.max())[lakes]
    ventricles = fluid & (distance_to(lake, cell_mm) <= BESIDE_LAKE_MM) & (depth > VENTRICLE_DEPTH_MM)
    return fluid, ventricles


def checked_labels(labels: ArrayLike, spacing: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return labels and spacing as arrays, or say what is wrong with them."""
    array = np.asarray(labels)
    if array.ndim != 3 or array.dtype.kind not in "biu":
        raise AnnotationError(
            f"The lesions are {array.dtype} values of shape {array.shape}: a 3D label map of whole numbers is needed."
        )
    if array.size and int(array.min()) < 0:
        raise AnnotationError(f"The lesions have the number {array.min()}: number them from 1, with 0 elsewhere.")
    _, spacing_mm = checked_image(array, spacing)
    return array.astype(np.int32), spacing_mm


def _guess(
    image: NDArray[np.generic], spacing_mm: NDArray[np.float64], tissue: NormalTissue | None
) -> tuple[dict[str, Mask], NDArray[np.float64]]:
    """Ventricles, and the outer fluid that cortex lies along, on cells."""
    shape = image.shape
    tissue = normal_tissue(image, spacing_mm) if tissue is None else tissue
    if tissue.shape != shape:
        raise AnnotationError(f"The tissue is that of an image of shape {tissue.shape}, not {shape}: estimate it anew.")
    cells = average_cells(image, spacing_mm, CELL_MM)
    cell_mm = spacing_mm * shape / cells.shape
    inside = to_shape(tissue.brain, cells.shape) > 0.5
    height = height_above(cells, to_shape(tissue.level, cells.shape), tissue.spread)
    height = smooth_total_variation(height, cell_mm, SMOOTHING_MM)
    fluid, ventricles = fluid_of(height, inside, cell_mm)
    return {"ventricles": ventricles, "cortex": (fluid | ~inside) & ~ventricles}, cell_mm


def _tree(mask: Mask, step_mm: NDArray[np.float64]) -> tuple[cKDTree, float] | None:
    rim = np.argwhere(_rim(mask))
    return (cKDTree((rim + 0.5) * step_mm), float(step_mm.mean())) if len(rim) else None


def _gap(points: NDArray[np.float64], to: tuple[cKDTree, float] | None, spacing_mm: NDArray[np.float64]) -> float:
    if to is None:
        return np.inf
    tree, step_mm = to
    away, _ = tree.query(points)
    return max(float(away.min()) - (step_mm + float(spacing_mm.mean())) / 2, 0.0)


def _rim(mask: Mask) -> Mask:
    rim: Mask = mask & ~ndimage.binary_erosion(mask)
    return rim


def _checked_mask(mask: ArrayLike, shape: tuple[int, ...], name: str) -> Mask:
    array = np.asarray(mask).astype(bool)
    if array.shape != shape:
        raise AnnotationError(f"The mask of {name} has shape {array.shape}, not {shape}: give all on one grid.")
    return array
