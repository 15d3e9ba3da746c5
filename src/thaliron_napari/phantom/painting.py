"""Paint the anatomy on an image's own grid, with smooth partial volume.

Each tissue covers part of a voxel: the share follows from the signed distance to its surface over the width of a voxel, and
thick slices are painted as several thin ones and averaged. A tissue painted over others takes its share from all of them, so
the shares always add up to one, and any number of values (signals, susceptibilities, shares of one tissue) come along as
channels.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from . import folds
from .anatomy import Box, Structure, structures
from .lesions import Lesion
from .shapes import FloatArray, Points, difference, polygon

_CORTEX_MM = 2.7
_SULCUS_MM = 0.5  # half the width of a closed sulcus


@dataclass(frozen=True)
class Head:
    """One patient's anatomy: the folded surface, and the lesions."""

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
        (z, y, x) index to head RAS mm.
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
        thin = np.diag([1 / thin_slices, 1, 1, 1])
        thin[0, 3] = piece.start + 0.5 / thin_slices - 0.5
        self.to_head = affine @ thin
        self.shape = ((piece.stop - piece.start) * thin_slices, *shape[1:])
        self.width = np.float32(1.1 * np.sqrt((self.to_head[:3, :3] ** 2).sum(0)).mean())
        self.values = np.zeros((len(channels), *self.shape), np.float32)
        self.tissue = np.zeros(self.shape, np.uint8)
        self.lesion = np.zeros(self.shape, np.int32)

    def sample(self, field: FloatArray, where: tuple[slice, ...] | None = None) -> FloatArray:
        """Bring a coarse field to this slab, or to a part of it, by trilinear interpolation."""
        to_node = np.linalg.inv(folds.AFFINE) @ self.to_head
        start = np.array([s.start for s in where]) if where else np.zeros(3)
        size = tuple(s.stop - s.start for s in where) if where else self.shape
        return ndimage.affine_transform(
            field, to_node[:3, :3], to_node[:3, :3] @ start + to_node[:3, 3], size, order=1, mode="nearest"
        )

    def points(self, where: tuple[slice, ...]) -> Points:
        """Canonical points (x, y, z) in mm of a part of this slab."""
        zi, yi, xi = np.ogrid[where]
        m = self.to_head.astype(np.float32)
        x, y, z = (
            self.sample(w, where) + (m[i, 0] * zi + m[i, 1] * yi + m[i, 2] * xi + m[i, 3]).astype(np.float32)
            for i, w in enumerate(self.head.fields.warp)
        )
        return x, y, z

    def part(self, box: Box, margin: float = 3.0) -> tuple[slice, ...] | None:
        """The part of this slab that holds a box given in mm, or None."""
        low, high = np.asarray(box[0]) - margin, np.asarray(box[1]) + margin
        corners = np.array([[c[i][j] for j, i in enumerate(pick)] for pick in np.ndindex(2, 2, 2) for c in [(low, high)]])
        back = np.linalg.inv(self.to_head)
        index = corners @ back[:3, :3].T + back[:3, 3]
        first = np.clip(np.floor(index.min(0)).astype(int), 0, self.shape)
        last = np.clip(np.ceil(index.max(0)).astype(int) + 1, 0, self.shape)
        return tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True)) if (last > first).all() else None

    def share(self, distance: FloatArray) -> FloatArray:
        """Share of each voxel that is inside a surface."""
        return np.clip(np.float32(0.5) - distance / self.width, 0, 1)

    def put(self, tissue: str, share: FloatArray, where: tuple[slice, ...] = (slice(None),) * 3) -> None:
        """Paint a tissue over what is there."""
        for values, table in zip(self.values, self.tables, strict=True):
            part = values[where]
            part += share * (np.float32(table.get(tissue, 0.0)) - part)
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
        hull = folds.cerebellum_hull(p)
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
        self.put("brain stem", self.share(folds.brainstem_hull(p)), where)

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
