"""Which program and version a subject's folder is from: each writes that in another place."""

import os
import re
from pathlib import Path

from thaliron_napari.measurement.morphometry.text_files import head_of

_FASTSURFER_LEAVES = ("stats/aseg+DKT.stats", "mri/aparc.DKTatlas+aseg.deep.mgz", "scripts/deep-seg.log")
_FASTSURFER_LOGS = ("scripts/deep-seg.log", "scripts/BUILD.log", "scripts/build.log", "scripts/recon-surf.log")
# Up to 6 the tables name the revision of mri_segstats.c, not FreeSurfer's.
_REVISIONS = {"1.75.2.2": "5.1", "1.121": "6.0"}


def program_of(folder: Path, header: dict[str, str]) -> str:
    """Name and version, as "FreeSurfer 7.4.1"; without the version where nothing says it.

    Parameters
    ----------
    folder : Path
        Of one subject.
    header : dict
        Of its table of volumes.
    """
    if "FastSurfer_version" in header or any(os.path.exists(folder / name) for name in _FASTSURFER_LEAVES):
        return f"FastSurfer {_fastsurfer_version(folder, header)}".strip()
    return f"FreeSurfer {_freesurfer_version(folder, header)}".strip()


def _fastsurfer_version(folder: Path, header: dict[str, str]) -> str:
    said = [header.get("FastSurfer_version", "")]
    said += re.findall(r"^# FastSurfer_version (\S+)", head_of(folder / "stats" / "aseg+DKT.stats"), re.MULTILINE)
    for name in _FASTSURFER_LOGS:
        said += re.findall(r"^(?:Version: *)?v?(\d+\.\d+\S*)", head_of(folder / name), re.MULTILINE)
    return next((version.partition("+")[0] for version in said if version), "")


def _freesurfer_version(folder: Path, header: dict[str, str]) -> str:
    said = header.get("cvs_version", "")
    if re.fullmatch(r"\d+\.\d+\S*", said):
        return said
    # As freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.0-2beb96c, freesurfer-linux-ubuntu22_x86_64-8.1.0-20250719-...
    stamp = re.search(r"-(?:v?(\d+\.\d+(?:\.\d+)?)|(dev-\w+))", head_of(folder / "scripts" / "build-stamp.txt"))
    if stamp:
        return stamp[1] or stamp[2]
    revision = re.search(r"mri_segstats\.c,v (\S+)", said)
    return _REVISIONS.get(revision[1], "") if revision else ""
