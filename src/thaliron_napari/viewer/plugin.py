"""What napari's menus and file dialogs reach: reading images, writing label maps, the phantom as sample data."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thaliron_napari.imaging import Grid, Volume, is_image_path, read_volume, write_label_map

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Reader for NIfTI and MGZ files, or None for what is neither."""
    paths = [path] if isinstance(path, str) else list(path)
    return _read if paths and all(is_image_path(p) for p in paths) else None


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer as NIfTI: on the grid of the file it belongs to where the layer knows it.

    Raises
    ------
    GridError
        When the layer is not the size of that file's image.
    """
    labels = np.asarray(data)
    affine = attributes.get("metadata", {}).get("ras_affine")
    if affine is None:
        scale = np.asarray(attributes.get("scale", np.ones(3)), float)[-3:]
        # A layer from elsewhere: our axes (Superior, Posterior, Left) are assumed, the corner is the origin.
        affine = np.array([[0, 0, -scale[2], 0], [0, -scale[1], 0, 0], [scale[0], 0, 0, 0], [0, 0, 0, 1.0]])
    volume = Volume(np.zeros(labels.shape, np.uint8), Grid(labels.shape, np.asarray(affine)))
    source = attributes.get("metadata", {}).get("source")
    write_label_map(path, labels, Volume(volume.data, volume.grid, source) if source is not None else volume)
    return [path]


def phantom_sample() -> list[LayerData]:
    """The phantom patient's images as layers."""
    from thaliron_napari.phantom import make_patient

    patient = make_patient("small")
    layers = []
    for name, image in patient.images.items():
        grid = Grid(image.data.shape, image.affine)
        layers.append((image.data, _attributes(name, grid, None) | {"visible": name == "qsm"}, "image"))
    return layers


def _read(path: str | Sequence[str]) -> list[LayerData]:
    layers = []
    for one in [path] if isinstance(path, str) else path:
        volume = read_volume(os.fspath(one))
        name = Path(one).name.removesuffix(".gz").rsplit(".", 1)[0]
        layers.append((volume.data, _attributes(name, volume.grid, volume), "image"))
    return layers


def _attributes(name: str, grid: Grid, volume: Volume | None) -> dict[str, Any]:
    """Attributes of a layer: spacing only, since napari slices oblique affines wrongly; the true one goes along."""
    metadata = {"ras_affine": grid.affine, "source": volume.source if volume is not None else None}
    return {"name": name, "scale": grid.spacing, "colormap": "gray", "metadata": metadata}
