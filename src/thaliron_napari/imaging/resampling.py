"""One image shown on another's grid."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thaliron_napari.errors import GridError
from thaliron_napari.imaging.grid import Affine, Grid
from thaliron_napari.imaging.volume import Volume

# Below this nothing is interpolated: rounding in two headers of one scan must not blur it.
_SAME_WITHIN_VOXELS = 1e-4


def resample(
    volume: Volume, grid: Grid, transform: ArrayLike | None = None, *, order: Literal[0, 1] = 1, outside: float = 0.0
) -> NDArray[Any]:
    """Values of an image at the voxel centres of a grid.

    Parameters
    ----------
    volume : Volume
        The image to look into.
    grid : Grid
        Where its values are wanted.
    transform : array (4, 4), optional
        From the grid's world to the volume's world, RAS+ mm; both are one world when absent.
    order : {0, 1}
        0 nearest voxel (label maps), 1 trilinear.
    outside : float
        Value where the grid leaves the image. A point up to half a voxel beyond the outermost centres is inside.

    Returns
    -------
    array (z, y, x), grid.shape
        float32 for order 1, the volume's own type for order 0. Where both lattices are one, the very same values.

    Raises
    ------
    GridError
        When the transform is not an invertible 4 x 4 matrix.

    Notes
    -----
    ITK's resampler walks along a line of voxels with all cores and needs a third to a half of the time of
    ``scipy.ndimage.affine_transform`` in threads. It is given index space alone, so that any affine will do, sheared
    ones too, and no physical coordinate is rounded on the way.
    """
    mapping = _index_to_index(volume.grid, grid, transform)
    kind = volume.data.dtype if order == 0 else np.dtype(np.float32)
    if volume.grid.shape == grid.shape and _is_identity(mapping, grid.shape):
        return volume.data.astype(kind)

    import SimpleITK as sitk

    data = volume.data.astype(_itk_type(kind), copy=False)
    turn = sitk.AffineTransform(mapping[2::-1, 2::-1].ravel().tolist(), mapping[2::-1, 3].tolist())
    resampled = sitk.Resample(
        sitk.GetImageFromArray(data),
        grid.shape[::-1],
        turn,
        sitk.sitkLinear if order == 1 else sitk.sitkNearestNeighbor,
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 1.0),
        np.eye(3).ravel().tolist(),
        outside,
    )
    values: NDArray[Any] = sitk.GetArrayFromImage(resampled)
    return values.astype(kind, copy=False)


def _index_to_index(source: Grid, target: Grid, transform: ArrayLike | None) -> Affine:
    """Matrix (4, 4) from an index (z, y, x) of `target` to a fractional one of `source`."""
    matrix = np.eye(4) if transform is None else np.asarray(transform, float)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        raise GridError("The transform is not an invertible 4 x 4 matrix; register the images anew.")
    mapping: Affine = np.linalg.inv(source.affine) @ matrix @ target.affine
    return mapping


def _is_identity(mapping: Affine, shape: tuple[int, int, int]) -> bool:
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1).T
    moved = corners @ mapping[:3, :3].T + mapping[:3, 3]
    return bool(np.abs(moved - corners).max() < _SAME_WITHIN_VOXELS)


def _itk_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Type in which ITK can hold the values: it knows no bool and no 16-bit float."""
    if kind == np.bool_:
        return np.dtype(np.uint8)
    return np.dtype(np.float32) if kind == np.float16 else kind
