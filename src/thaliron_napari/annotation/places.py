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
DEEPEST = (
    0.6  # of the deepest place of the brain, reached by a lake of the ventricles and not by the cistern of the insula
)
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


def place_lesions(
    labels: ArrayLike,
    spacing: ArrayLike,
    *,
    ventricles: ArrayLike | None = None,
    cortex: ArrayLike | None = None,
    infratentorial: ArrayLike | None = None,
    tissue: NormalTissue | None = None,
    flair: ArrayLike | None = None,
) -> dict[int, Place]:
    """Name the place of each lesion.

    A lesion of which most lies in the hindbrain is infratentorial. Any other is periventricular where its gap to the
    ventricles is at most 3 mm, else juxtacortical where its gap to the cortex is at most 1.5 mm, else in deep white
    matter.

    Parameters
    ----------
    labels : array_like of int
        One number a lesion (z, y, x), 0 elsewhere.
    spacing : array_like
        Voxel size (z, y, x) in mm.
    ventricles, cortex, infratentorial : array_like of bool, optional
        Masks on the same grid, from FreeSurfer for one: the lateral and third ventricles; cortical grey matter;
        brain stem and cerebellum. Without the last no lesion is called infratentorial.
    tissue : NormalTissue, optional
        What `normal_tissue` says of the FLAIR; estimated by the call where it is needed and not given.
    flair : array_like, optional
        FLAIR image (z, y, x), any unit. Needed where ventricles or cortex are not given: then lakes of fluid in the
        depth of the brain stand for ventricles, and what lies up to 3 mm from any other fluid for cortex.

    Returns
    -------
    dict of int to Place
        By number of lesion, in order.

    Raises
    ------
    AnnotationError
        Where labels, masks and FLAIR do not fit together, or the FLAIR is missing and needed.

    Notes
    -----
    A gap is the least distance between voxel centres less one voxel, so that 0 is touching.
    """
    numbers, spacing_mm = checked_labels(labels, spacing)
    given = {"ventricles": ventricles, "cortex": cortex, "infratentorial": infratentorial}
    masks = {name: _checked_mask(mask, numbers.shape, name) for name, mask in given.items() if mask is not None}
    estimated = ventricles is None or cortex is None
    trees: dict[str, tuple[cKDTree, float] | None] = {
        name: _tree(masks[name], spacing_mm) for name in ("ventricles", "cortex") if name in masks
    }
    if estimated:
        if flair is None:
            raise AnnotationError(
                "Without masks of both ventricles and cortex the FLAIR is needed: give it, or give both masks."
            )
        guess, guess_mm = _guess(flair, numbers.shape, spacing_mm, tissue)
        for name, mask in guess.items():
            if name not in masks:
                trees[name] = _tree(mask, guess_mm)
    below = masks.get("infratentorial")
    places = {}
    for number, box in enumerate(ndimage.find_objects(numbers), 1):
        if box is None:
            continue
        lesion = numbers[box] == number
        if below is not None and below[box][lesion].mean() > 0.5:
            places[number] = Place(INFRATENTORIAL, 0.0, False)
            continue
        rim = np.argwhere(_rim(lesion)) + [part.start for part in box]
        points = (rim + 0.5) * spacing_mm
        to_ventricle = _gap(points, trees["ventricles"], spacing_mm)
        to_cortex = _gap(points, trees["cortex"], spacing_mm)
        if "cortex" not in masks:
            to_cortex = max(to_cortex - CORTEX_THICK_MM, 0.0)
        if to_ventricle <= VENTRICLE_MM:
            places[number] = Place(PERIVENTRICULAR, to_ventricle, ventricles is None)
        elif to_cortex <= CORTEX_MM:
            places[number] = Place(JUXTACORTICAL, to_cortex, estimated)
        else:
            places[number] = Place(DEEP, min(to_ventricle, to_cortex), estimated)
    return places


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
    flair: ArrayLike, shape: tuple[int, ...], spacing_mm: NDArray[np.float64], tissue: NormalTissue | None
) -> tuple[dict[str, Mask], NDArray[np.float64]]:
    """Ventricles, and the outer fluid that cortex lies along, on cells."""
    image, _ = checked_image(flair, spacing_mm)
    if image.shape != shape:
        raise AnnotationError(f"The FLAIR has shape {image.shape} and the lesions {shape}: give both on one grid.")
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
        raise AnnotationError(
            f"The mask of {name} has shape {array.shape}, the lesions {shape}: give both on one grid."
        )
    return array
