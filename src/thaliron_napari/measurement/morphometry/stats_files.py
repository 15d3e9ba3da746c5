"""Volumes and thickness from a FreeSurfer subject's ``stats`` folder."""

import re
from pathlib import Path

from thaliron_napari.errors import MeasurementError

_THALAMUS = {"left": ("Left-Thalamus-Proper", "Left-Thalamus"), "right": ("Right-Thalamus-Proper", "Right-Thalamus")}


def read_freesurfer(folder: Path) -> dict[str, float | None]:
    """Thalamic volumes, total grey matter volume and mean cortical thickness of a FreeSurfer subject.

    Parameters
    ----------
    folder : Path
        The subject's folder, with ``stats/aseg.stats`` and ``stats/{lh,rh}.aparc.stats``.

    Returns
    -------
    dict
        ``fs_thalamus_left_ml``, ``fs_thalamus_right_ml``, ``gm_ml``, ``thickness_mm`` (over both hemispheres,
        weighted by their white surface's area); None where a file or a measure is missing.

    Raises
    ------
    MeasurementError
        When there is no ``aseg.stats``, or it holds no table of volumes.
    """
    path = folder / "stats" / "aseg.stats"
    text = _text(path)
    if text is None:
        raise MeasurementError(f"There is no {path}; give the folder of one FreeSurfer subject.")
    volumes = {row[4]: float(row[3]) for row in _rows(text, path)}
    if not volumes:
        raise MeasurementError(f"{path} holds no table of volumes; run FreeSurfer's last stage again.")
    numbers: dict[str, float | None] = {}
    for side, names in _THALAMUS.items():
        found = next((volumes[name] for name in names if name in volumes), None)
        numbers[f"fs_thalamus_{side}_ml"] = None if found is None else found / 1000
    grey = _header_measure(text, "TotalGrayVol")
    numbers["gm_ml"] = None if grey is None else grey / 1000
    numbers["thickness_mm"] = _mean_thickness(folder)
    return numbers


def _mean_thickness(folder: Path) -> float | None:
    """Mean thickness over both hemispheres, weighted by area; None unless both are there."""
    total = weight = 0.0
    for hemisphere in ("lh", "rh"):
        text = _text(folder / "stats" / f"{hemisphere}.aparc.stats")
        thickness = _header_measure(text or "", "MeanThickness")
        area = _header_measure(text or "", "WhiteSurfArea")
        if thickness is None or area is None:
            return None
        total, weight = total + thickness * area, weight + area
    return total / weight


def _header_measure(text: str, name: str) -> float | None:
    """A ``# Measure Place, Name, words, value, unit`` line's value."""
    found = re.search(rf"^# Measure [^,]+, {name}, .*?, ([-+0-9.eE]+), \S+\s*$", text, re.MULTILINE)
    try:
        return float(found.group(1)) if found else None
    except ValueError:
        return None


def _rows(text: str, path: Path) -> list[list[str]]:
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len({len(row) for row in rows}) > 1 or any(len(row) < 5 or not re.fullmatch(r"[0-9.]+", row[3]) for row in rows):
        raise MeasurementError(f"{path} is cut off or damaged; run FreeSurfer's last stage again.")
    return rows


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None
