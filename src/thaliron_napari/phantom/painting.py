"""Paint the anatomy on an image's own grid, with smooth partial volume.

Each tissue covers part of a voxel: the share follows from the signed distance to its surface over the width of a voxel, and
thick slices are painted as several thin ones and averaged. A tissue painted over others takes its share from all of them, so
the shares always add up to one, and any number of values (signals, susceptibilities, shares of one tissue) come along as
channels.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import folds
from .anatomy import Box, Structure, structures
from .interpolation import interpolated
from .lesions import Lesion
from .shapes import FloatArray, Points, difference

_CORTEX_MM = 2.7
_SULCUS_MM = 0.5  # half the width of a closed sulcus


@dataclass(frozen=True)
class Head:
    """One patient's anatomy in a scanner's world: the smooth fields there, and the lesions."""

    fields: folds.Fields
    lesions: tuple[Lesion, ...] = ()


@dataclass(frozen=True)
class Painted:
    """What was painted: `channels` float32 (channel, z, y, x), `tissue` uint8 and `lesion` int32 (z, y, x)."""

    channels: FloatArray
    tissue: NDArray[np.uint8]
    lesion: NDArray[np.int32]


TISSUES = (
    "outside", "scalp", "bone", "marrow", "csf", "grey matter", "white matter", "brain stem", "cerebellar grey",
    "cerebellar white", "thalamus left", "thalamus right", "caudate", "putamen", "pallidum", "claustrum", "red nucleus",
    "substantia nigra", "choroid plexus", "vein", "lesion",
)  # fmt: skip


def paint(
    head: Head,
    affine: NDArray[np.float64],
    shape: tuple[int, int, int],
    channels: Sequence[Mapping[str, float]],
    thin_slices: int = 1,
) -> Painted:
    """Paint a head on a grid.

    Parameters
    ----------
    head
        The anatomy.
    affine
        (z, y, x) index to RAS mm, along the axes of the world.
    shape
        Of the grid.
    channels
        One table of values a channel: tissue to value, 0 where a tissue is not named.
    thin_slices
        How many slices are painted for one of the image.
    """
    out = Painted(
        np.empty((len(channels), *shape), np.float32), np.empty(shape, np.uint8), np.zeros(shape, np.int32)
    )
    step = max(2, int(4e6 / (shape[1] * shape[2] * thin_slices * (4 + len(channels)) / 4)))
    pieces = [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]
    everything = structures()

    def one(piece: slice) -> None:
        _Slab(head, affine, shape, channels, thin_slices, piece).paint(everything, out)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, pieces))
    return out


class _Slab:
    """Some neighbouring slices while they are painted."""

    def __init__(
        self,
        head: Head,
        affine: NDArray[np.float64],
        shape: tuple[int, int, int],
        channels: Sequence[Mapping[str, float]],
        thin_slices: int,
        piece: slice,
    ) -> None:
        self.head, self.tables, self.thin, self.piece = head, channels, thin_slices, piece
        self.shape = ((piece.stop - piece.start) * thin_slices, *shape[1:])
        slices = piece.start + (np.arange(self.shape[0]) + 0.5) / thin_slices - 0.5
        # The image's axes are the world's, so each axis has its own places among the nodes of the fields.
        to_node = np.linalg.inv(folds.AFFINE) @ affine
        index = (slices, np.arange(shape[1]), np.arange(shape[2]))
        self.places = [to_node[i, i] * at + to_node[i, 3] for i, at in enumerate(index)]
        spacing = np.sqrt((affine[:3, :3] ** 2).sum(0)) / (thin_slices, 1, 1)
        self.width = np.float32(1.1 * spacing.mean())
        self.values = np.zeros((len(channels), *self.shape), np.float32)
        self.begun = [False] * len(channels)  # a channel that is still 0 everywhere needs no painting with 0
        self.tissue = np.zeros(self.shape, np.uint8)
        self.lesion = np.zeros(self.shape, np.int32)
        x, y, z = (self.sample(p) for p in head.fields.points)
        self.canonical: Points = (x, y, z)
        # Where each canonical coordinate lies in the slab: that axis alone tells, to within the tilt and the warp.
        self.extent = [
            (np.stack([c.min((1, 2)), c.max((1, 2))]), np.stack([c.min((0, 2)), c.max((0, 2))]),
             np.stack([c.min((0, 1)), c.max((0, 1))]))[axis]
            for c, axis in zip(self.canonical, (2, 1, 0), strict=True)
        ]  # fmt: skip

    def sample(self, field: FloatArray) -> FloatArray:
        """Bring a field to this slab."""
        return interpolated(field, self.places)

    def points(self, where: tuple[slice, ...]) -> Points:
        """Canonical points (x, y, z) in mm of a part of this slab."""
        x, y, z = self.canonical
        return x[where], y[where], z[where]

    def part(self, box: Box) -> tuple[slice, ...] | None:
        """The part of this slab that may hold points of a box given in canonical mm, or None."""
        where = []
        for (low, high), first, last in zip(self.extent, *box, strict=True):
            inside = np.flatnonzero((high > first - 1) & (low < last + 1))
            if not inside.size:
                return None
            where.append(slice(int(inside[0]), int(inside[-1]) + 1))
        return where[2], where[1], where[0]

    def share(self, distance: FloatArray) -> FloatArray:
        """Share of each voxel that is inside a surface."""
        return np.clip(np.float32(0.5) - distance / self.width, 0, 1)

    def put(self, tissue: str, share: FloatArray, where: tuple[slice, ...] = (slice(None),) * 3) -> None:
        """Paint a tissue over what is there."""
        for channel, table in enumerate(self.tables):
            value = np.float32(table.get(tissue, 0.0))
            if value or self.begun[channel]:
                part = self.values[channel][where]
                part += share * (value - part)
                self.begun[channel] = True
        self.tissue[where][share > 0.5] = TISSUES.index(tissue)

    def tint(self, name: str, share: FloatArray, where: tuple[slice, ...]) -> None:
        """Add to what is there."""
        for values, table in zip(self.values, self.tables, strict=True):
            if name in table:
                values[where] += share * np.float32(table[name])

    def paint(self, everything: Sequence[Structure], out: Painted) -> None:
        """Paint all, and put the averaged slices in their place in `out`."""
        self.skull()
        self.hindbrain()
        hemispheres = self.forebrain()
        for structure in everything:
            for side in (1, -1) if structure.mirrored else (1,):
                self.structure(structure, side, hemispheres)
        n = self.piece.stop - self.piece.start
        out.channels[:, self.piece] = self.values.reshape(len(self.values), n, self.thin, *self.shape[1:]).mean(2)
        middle = slice(self.thin // 2, None, self.thin)
        out.tissue[self.piece], out.lesion[self.piece] = self.tissue[middle], self.lesion[middle]

    def skull(self) -> None:
        """Scalp, skull and the CSF that fills it."""
        depth = self.sample(self.head.fields.skull)
        self.put("scalp", self.share(depth - 9.5))
        self.put("bone", self.share(depth - 5.5))
        self.put("marrow", self.share(np.abs(depth - 3.2) - np.float32(0.9)))
        self.put("csf", self.share(depth))

    def hindbrain(self) -> None:
        """Cerebellum with its folia, and brain stem."""
        where = self.part(((-56, -104, -80), (56, 0, 8)))
        if where is None:
            return
        p = self.points(where)
        hull = self.sample(self.head.fields.cerebellum)[where]
        # Folia stand like fans round the cerebellum's root.
        angle = np.arctan2(p[2] + 30 + 0.004 * p[0] ** 2, -(p[1] + 42) + 0.003 * p[0] ** 2)
        ring = 1 + np.float32(0.15) * np.sin(5 * angle + 0.05 * p[0])
        away = np.hypot(p[2] + 30, p[1] + 42)
        sheet = np.abs(np.sin(angle * 17 + 0.02 * p[0])) * away / 17
        furrow = np.hypot(sheet, np.maximum(-hull - 8 * ring, 0)) - np.float32(0.3)
        surface = difference(hull, furrow, 0.8)
        self.put("cerebellar grey", self.share(surface), where)
        core = np.maximum(surface + np.float32(1.5), hull + 4 - 2.5 * ring)
        self.put("cerebellar white", self.share(core), where)
        self.put("brain stem", self.share(self.sample(self.head.fields.brainstem)[where]), where)

    def forebrain(self) -> FloatArray:
        """Cortex and white matter of the hemispheres, and the lesions in it; the share of each voxel under the hull is returned."""
        fields = self.head.fields
        hull, sulcus = self.sample(fields.hull), self.sample(fields.sulcus)
        deeper = np.maximum(-hull - self.sample(fields.reach), 0)
        opening = np.float32(_SULCUS_MM) + np.float32(0.6) * np.exp(np.minimum(hull, 0) / np.float32(3))
        surface = difference(hull, np.hypot(sulcus, deeper) - opening, 3.0)
        self.put("grey matter", self.share(surface))
        white = self.share(surface + np.float32(_CORTEX_MM))
        self.put("white matter", white)
        for number, lesion in enumerate(self.head.lesions, 1):
            where = self.part(lesion.box)
            if where is not None:
                share = np.minimum(self.share(lesion.distance(self.points(where))), white[where])
                self.put("lesion", share, where)
                if lesion.enhancing:
                    self.tint("enhancement", share, where)
                self.lesion[where][share > 0] = number
        return self.share(hull)

    def structure(self, structure: Structure, side: int, hemispheres: FloatArray) -> None:
        """Paint one structure, on the right (1) or mirrored to the left (-1)."""
        (x0, y0, z0), (x1, y1, z1) = structure.box
        box = structure.box if side == 1 else ((-x1, y0, z0), (-x0, y1, z1))
        where = self.part(box)
        if where is None:
            return
        x, y, z = self.points(where)
        points = (x * np.float32(side), y, z)
        share = self.share(structure.distance(points) - np.float32(structure.left_larger_mm if side == -1 else 0))
        if structure.tissue.endswith(" within"):
            share = np.minimum(share, hemispheres[where])
        tissue = {"grey within": "grey matter", "csf within": "csf", "grey": "grey matter", "white": "white matter"}.get(
            structure.tissue, structure.tissue
        )
        if side == -1:
            tissue = tissue.replace("right", "left")
        self.put(tissue, share, where)
        if structure.tint is not None:
            self.tint("pulvinar", share * structure.tint(points), where)
