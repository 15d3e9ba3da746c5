"""How much memory a reconstruction takes, told before it starts, and whether there is as much."""

from pathlib import Path

import psutil
from numpy.typing import ArrayLike

from thaliron_napari.errors import MeasurementError

from .arrays import Shape
from .dipole import padded_shape

_UNWRAP = 190  # bytes a voxel of scikit-image's unwrapping: its voxels (64), edges (3 x 32) and copies in float64


def peak_bytes(shape: Shape, echoes: int, spacing: ArrayLike, *, brain: Shape | None = None) -> int:
    """Most bytes held at one time by :func:`~thaliron_napari.qsm.chain.reconstruct`, with magnitude and phase.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x) of one echo.
    echoes : int
    spacing : array (3,)
        (z, y, x) in mm.
    brain : tuple of int, optional
        Shape of the box that holds the brain; without it the whole image's, the most it can be.
    """
    voxels = _size(shape)
    box = brain or shape
    inner = _size(box)
    pdf, medi = _size(padded_shape(box, spacing, 40)), _size(padded_shape(box, spacing, 30))
    stages = (
        inner * (3 * 4 + 8) + 16 * 4 * 100_000 * echoes,  # field fit
        inner * (_UNWRAP + 3 * 4),
        # Background: kernel (half), mask, sources, direction, residual, product, its temporary; spectrum
        inner * 6 * 4 + pdf * (2 + 6 * 4 + 4),
        # MEDI: in the box 3 penalties, 3 weights of them, weights, square, field, map, change, residual, direction,
        # product, its parts, magnitude; kernel and spectrum padded
        inner * (20 * 4 + 4) + medi * (2 + 4),
    )
    return 2 * 4 * echoes * voxels + 5 * 4 * voxels + max(stages)


def check_memory(needed: int, free: int | None = None) -> None:
    """Refuse what will not fit in memory.

    Parameters
    ----------
    needed : int
        Bytes, see :func:`peak_bytes`.
    free : int, optional
        Bytes; without it :func:`free_bytes`.

    Raises
    ------
    MeasurementError
        When less is free than needed.
    """
    free = free_bytes() if free is None else free
    if needed > free:
        # Rounded apart from each other, so that a near miss does not read as if it fitted
        up, down = -(-needed * 10 // 2**30) / 10, max(free, 0) * 10 // 2**30 / 10
        raise MeasurementError(
            f"This scan needs {up:.1f} GiB of memory and {down:.1f} GiB are free; close other programs, "
            "give fewer echoes, or use a computer with more memory."
        )


def free_bytes(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that this process may still take: what the computer has available, or less where a container limits it.

    Parameters
    ----------
    groups, own : Path
        Where Linux tells of control groups (version 1 or 2), and to which this process belongs; elsewhere neither is.
    """
    free = int(psutil.virtual_memory().available)
    for folder in _limiting(groups, own):
        free = min([free, *_left_in(folder, "memory.max", "memory.current", "")])
        free = min([free, *_left_in(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")])
    return max(free, 0)


def _limiting(groups: Path, own: Path) -> list[Path]:
    """Folders of the control groups this process is in, and of those these are in: each may have its limit."""
    try:
        lines = own.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    folders = [groups, groups / "memory"]  # in a container its own group stands here, whatever its name outside
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        parts = [part for part in name.split("/") if part not in ("", ".", "..")]
        if number == "0" or "memory" in controllers.split(","):
            root = groups if number == "0" else groups / "memory"
            folders += [root.joinpath(*parts[: i + 1]) for i in range(len(parts))]
    return folders


def _left_in(folder: Path, limit: str, used: str, prefix: str) -> list[int]:
    """Bytes below a group's limit, files kept in memory counted as free; empty where there is no limit."""
    try:
        left = int((folder / limit).read_text()) - int((folder / used).read_text())
    except (OSError, ValueError):  # not there, not readable, or "max"
        return []
    try:
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return [left + sum(int(stat.get(prefix + name, 0)) for name in ("active_file", "inactive_file"))]
    except (OSError, ValueError):
        return [left]


def _size(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2]
