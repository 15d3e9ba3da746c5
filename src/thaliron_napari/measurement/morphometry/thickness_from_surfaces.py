"""Thickness of the cortex computed from the surfaces on both sides of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.errors import MeasurementError
from thaliron_napari.measurement.morphometry.cortex_label import read_cortex
from thaliron_napari.measurement.morphometry.numbers import Check
from thaliron_napari.measurement.morphometry.surface_distance import Triangles
from thaliron_napari.measurement.morphometry.surfaces import Surface, read_per_vertex, read_surface

_SIDES = {"left": "lh", "right": "rh"}

# Distances to triangles come out some hundredths of a mm below mris_thickness', which go to vertices.
_AGREES_WITHIN_MM = 0.1
_AGREES_R = 0.9


@dataclass(frozen=True, eq=False)
class Hemisphere:
    """Cortical thickness of one hemisphere, computed from its surfaces.

    Parameters
    ----------
    thickness_mm : array (n,)
        Of each vertex.
    areas_mm2 : array (n,)
        Of each vertex on the white surface.
    cortex : bool array (n,)
        False on the medial wall.
    """

    thickness_mm: NDArray[np.float64]
    areas_mm2: NDArray[np.float64]
    cortex: NDArray[np.bool_]

    @property
    def mean_mm(self) -> float:
        """Mean over the cortex, weighted by area."""
        return mean_thickness(self.thickness_mm, self.areas_mm2, self.cortex)

    @property
    def plain_mean_mm(self) -> float:
        """Mean over the cortex, every vertex alike, as FreeSurfer's MeanThickness."""
        return mean_thickness(self.thickness_mm, None, self.cortex)


def cortical_thickness(white: Surface, pial: Surface, cap_mm: float = 5.0) -> NDArray[np.float64]:
    """Thickness at each vertex: mean of the way from white to pial and of the way back.

    At a vertex, the shortest distance from its place on the white surface to the pial surface and the shortest from
    its place on the pial surface to the white one (Fischl and Dale, PNAS 97, 2000: 11050), each at most `cap_mm`, are
    averaged. Distances are to the triangles themselves. Of the other surface only triangles count that face as it does
    at this very vertex: the opposite bank of a sulcus is not this cortex. FreeSurfer's mris_thickness keeps to
    facing neighbours too, but measures to the nearest vertex, and so comes out larger the coarser the mesh is.

    Parameters
    ----------
    white, pial : Surface
        Vertex by vertex the inner and the outer boundary of the same cortex.
    cap_mm : float
        Upper limit in mm.

    Returns
    -------
    array (n,)
        In mm.

    Raises
    ------
    MeasurementError
        When the surfaces do not have the same number of vertices.
    """
    if white.vertices.shape != pial.vertices.shape:
        counts = f"{len(white.vertices)} and {len(pial.vertices)} vertices"
        raise MeasurementError(f"White and pial surface have {counts}; give those of one hemisphere of one run.")
    reached = np.minimum(np.linalg.norm(white.vertices - pial.vertices, axis=1), cap_mm)

    def way(start: Surface, end: Surface) -> NDArray[np.float64]:
        target = Triangles(end.vertices, end.faces)
        return target.distance(start.vertices, at_most=reached, facing=target.vertex_normals())

    with ThreadPoolExecutor(2) as threads:
        there, back = threads.map(way, (white, pial), (pial, white))
    thickness: NDArray[np.float64] = (there + back) / 2
    return thickness


def vertex_areas(surface: Surface) -> NDArray[np.float64]:
    """Area at each vertex in square mm, a third of that of each triangle at it; their sum is the surface's."""
    a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
    third = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    corners = surface.faces.ravel()
    return np.bincount(corners, np.repeat(third, 3), len(surface.vertices)).astype(np.float64)


def mean_thickness(
    thickness_mm: NDArray[np.float64],
    areas_mm2: NDArray[np.float64] | None = None,
    cortex: NDArray[np.bool_] | None = None,
) -> float:
    """Mean over the cortex, weighted by area, or plain over vertices.

    Parameters
    ----------
    thickness_mm : array (n,)
    areas_mm2 : array (n,), optional
        Without it every vertex counts alike.
    cortex : bool array (n,), optional
        Where the mean is taken; without it where thickness is above zero.

    Raises
    ------
    MeasurementError
        When no vertex is cortex, or the arrays differ in length.
    """
    if len({len(part) for part in (thickness_mm, areas_mm2, cortex) if part is not None}) > 1:
        raise MeasurementError("Thickness, areas and cortex differ in their vertices; give files of one hemisphere.")
    where = thickness_mm > 0 if cortex is None else cortex
    weights = np.ones(int(where.sum())) if areas_mm2 is None else areas_mm2[where]
    if not weights.sum() > 0:
        raise MeasurementError("No vertex is cortex, so there is no mean thickness; look at the surfaces.")
    return float(np.average(thickness_mm[where], weights=weights))


def measure_hemisphere(folder: Path, side: str) -> Hemisphere:
    """Thickness of one hemisphere of a FreeSurfer subject, from ``surf/?h.white`` and ``?h.pial``.

    The medial wall is what ``label/?h.cortex.label`` leaves out; without it, where FreeSurfer's own thickness is zero,
    or else the computed one.

    Parameters
    ----------
    folder : Path
        The subject's.
    side : str
        "left" or "right".

    Raises
    ------
    MeasurementError
        When a surface is missing or damaged, or they do not fit each other.
    """
    name = _SIDES[side]
    # Distances are the same in any world, so nothing needs to say where the volume lies.
    white, pial = (read_surface(folder / "surf" / f"{name}.{of}", placed=False) for of in ("white", "pial"))
    thickness = cortical_thickness(white, pial)
    label, theirs = folder / "label" / f"{name}.cortex.label", folder / "surf" / f"{name}.thickness"
    if label.exists():
        cortex = read_cortex(label, len(thickness))
    else:
        given = read_per_vertex(theirs) if theirs.exists() else thickness
        cortex = (given if len(given) == len(thickness) else thickness) > 0
    return Hemisphere(thickness, vertex_areas(white), cortex)


def thickness_by_side(folder: Path) -> dict[str, float]:
    """Mean thickness in mm of "left", "right" and "both" hemispheres of a FreeSurfer subject, weighted by area.

    Raises
    ------
    MeasurementError
        As :func:`measure_hemisphere`.
    """
    found = {side: measure_hemisphere(folder, side) for side in _SIDES}
    areas = [float(part.areas_mm2[part.cortex].sum()) for part in found.values()]
    means = {side: part.mean_mm for side, part in found.items()}
    return means | {"both": float(np.average(list(means.values()), weights=areas))}


def compare_thickness(folder: Path) -> list[Check]:
    """Thickness computed here beside FreeSurfer's own, for each hemisphere; nothing is raised.

    Where a file is missing the check says so and counts as agreeing, as nothing speaks against the numbers; a damaged
    file does not agree. Thickness agrees when the means differ by at most 0.1 mm and the vertices correlate by at
    least 0.9.
    """
    return [_compared(folder, side, name) for side, name in _SIDES.items()]


def _compared(folder: Path, side: str, name: str) -> Check:
    for part in (f"{name}.white", f"{name}.pial"):
        if not (folder / "surf" / part).exists():
            return Check(f"Thickness of the {side} hemisphere was not computed anew: surf/{part} is not there.", True)
    theirs = folder / "surf" / f"{name}.thickness"
    try:
        ours = measure_hemisphere(folder, side)
        words = f"Thickness of the {side} hemisphere computed from its surfaces is {ours.mean_mm:.3f} mm on average"
        if not theirs.exists():
            return Check(f"{words}; surf/{theirs.name} is not there to compare.", True)
        given = read_per_vertex(theirs)
        if len(given) != len(ours.thickness_mm):
            return Check(f"{words}; surf/{theirs.name} has another number of vertices than the surfaces.", False)
        off = ours.mean_mm - mean_thickness(given, ours.areas_mm2, ours.cortex)
    except MeasurementError as error:
        return Check(f"Thickness of the {side} hemisphere cannot be computed anew. {error}", False)
    pair = ours.thickness_mm[ours.cortex], given[ours.cortex]
    words = f"{words}, {off:+.3f} mm from surf/{theirs.name}"
    if not min(np.std(values) for values in pair) > 0:  # one thickness everywhere: nothing correlates
        return Check(f"{words}.", abs(off) <= _AGREES_WITHIN_MM)
    r = float(np.corrcoef(*pair)[0, 1])
    agrees = abs(off) <= _AGREES_WITHIN_MM and r >= _AGREES_R
    return Check(f"{words} (r = {r:.3f} over vertices).", agrees)
