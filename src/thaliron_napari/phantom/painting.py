"""Paint the anatomy on an image's own grid, with smooth partial volume.

Each tissue covers part of a voxel: the share follows from the signed distance to its surface over the width of a
voxel, and thick slices are painted as several thin ones and averaged. A tissue painted over others takes its share
from all of them, so the shares always add up to one, and any number of values (signals, susceptibilities, shares of
one tissue) come along as channels.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import folds
from .anatomy import structures
from .contrasts import TISSUES
from .interpolation import interpolated
from .lesions import Lesion
from .shapes import FloatArray, Points, difference
from .structure import Box, Structure

Slices = tuple[slice, slice, slice]
EVERYWHERE: Slices = (slice(None), slice(None), slice(None))
_CORTEX_MM = 2.7
_SULCAL_VEIN_MM = 0.55
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
    out = Painted(np.empty((len(channels), *shape), np.float32), np.empty(shape, np.uint8), np.zeros(shape, np.int32))
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

    def sample(self, field: FloatArray, where: Slices = EVERYWHERE) -> FloatArray:
        """Bring a field to this slab or a part of it."""
        return interpolated(field, [at[part] for at, part in zip(self.places, where, strict=True)])

    def points(self, where: Slices) -> Points:
        """Canonical points (x, y, z) in mm of a part of this slab."""
        x, y, z = self.canonical
        return x[where], y[where], z[where]

    def part(self, box: Box) -> Slices | None:
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
        share: FloatArray = np.clip(np.float32(0.5) - distance / self.width, 0, 1)
        return share

    def put(self, tissue: str, share: FloatArray, where: Slices = EVERYWHERE) -> None:
        """Paint a tissue over what is there."""
        for channel, table in enumerate(self.tables):
            value = np.float32(table.get(tissue, 0.0))
            if value or self.begun[channel]:
                part = self.values[channel][where]
                part += share * (value - part)
                self.begun[channel] = True
        self.tissue[where][share > 0.5] = TISSUES.index(tissue)

    def tint(self, name: str, share: FloatArray, where: Slices = EVERYWHERE) -> None:
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
        skin = self.sample(self.head.fields.head)
        self.put("scalp", self.share(skin))
        muscle = self.share(skin + 4)
        self.put("muscle", muscle)
        self.tint("fat in muscle", muscle * np.abs(self.sample(self.head.fields.texture)))
        self.put("bone", self.share(depth - 5.0))
        self.put("marrow", self.share(np.abs(depth - 2.9) - np.float32(0.8)))
        self.put("csf", self.share(depth))

    def hindbrain(self) -> None:
        """Cerebellum with its folia, and brain stem."""
        where = self.part(((-56, -104, -80), (56, 0, 8)))
        if where is None:
            return
        p = self.points(where)
        hull = self.sample(self.head.fields.cerebellum, where)
        # Folia stand like fans round the cerebellum's root; white matter runs out between them.
        angle = np.arctan2(p[2] + 31 + 0.011 * p[0] ** 2, -(p[1] + 40) + 0.006 * p[0] ** 2)
        away = np.hypot(p[2] + 31 + 0.011 * p[0] ** 2, -(p[1] + 40) + 0.006 * p[0] ** 2)
        uneven = np.sin(7 * angle) + np.sin(4.3 * angle + 0.08 * p[0] + 1)
        sheet = np.abs(np.sin(19 * angle + 0.8 * np.sin(0.11 * p[0]) + 0.5 * np.sin(0.2 * away))) * away / 19
        furrow = np.hypot(sheet, np.maximum(-hull - 10 - 2.5 * uneven, 0)) - np.float32(0.25)
        surface = difference(hull, furrow, 0.8)
        self.put("cerebellar grey", self.share(surface), where)
        self.put("cerebellar white", self.share(surface + np.float32(1.6)), where)
        self.put("brain stem", self.share(self.sample(self.head.fields.brainstem, where)), where)

    def forebrain(self) -> FloatArray:
        """Cortex, white matter and lesions of the hemispheres; returns each voxel's share under their hull."""
        fields = self.head.fields
        hull, sulcus = self.sample(fields.hull), self.sample(fields.sulcus)
        deeper = np.maximum(-hull - self.sample(fields.reach), 0) ** 2
        opening = np.float32(_SULCUS_MM) + np.float32(0.6) * np.exp(np.minimum(hull, 0) / np.float32(3))
        surface = difference(hull, np.sqrt(sulcus**2 + deeper) - opening, 3.0)
        self.put("grey matter", self.share(surface))
        white = self.share(surface + np.float32(_CORTEX_MM))
        self.put("white matter", white)
        self.tint("texture", white * self.sample(fields.texture))
        for number, lesion in enumerate(self.head.lesions, 1):
            where = self.part(lesion.box)
            if where is not None:
                share = np.minimum(self.share(lesion.distance(self.points(where))), white[where])
                self.put("lesion", share, where)
                if lesion.enhancing:
                    self.tint("enhancement", share, where)
                self.lesion[where][share > 0] = number
        # Veins run down the sulci, as lines where another family of sheets crosses them.
        line = np.sqrt(sulcus**2 + self.sample(fields.across) ** 2 + deeper) - np.float32(_SULCAL_VEIN_MM)
        self.put("vein", self.share(line + np.maximum(hull + np.float32(0.5), 0)))
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
        if isinstance(structure.distance, str):
            distance = self.sample(getattr(self.head.fields, structure.distance), where)
        else:
            distance = structure.distance(points)
        distance = distance - np.float32(structure.outwards_mm + (structure.left_larger_mm if side == -1 else 0))
        share = self.share(distance)
        if structure.in_hemispheres:
            share = np.minimum(share, hemispheres[where])
        self.put(structure.tissue if side == 1 else structure.tissue.replace("right", "left"), share, where)
        if structure.pulvinar is not None:
            self.tint("pulvinar", share * structure.pulvinar(points), where)
