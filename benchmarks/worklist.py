"""Listing a BIDS dataset with the state of every reading, beside pybids indexing the same files.

    python benchmarks/worklist.py [--cases 200] [--edits 480]

The dataset is made in a temporary folder: 16 files with sidecars a subject, and a journal with as many edits as a
thorough reading leaves (a contour or nudge each, with its voxels). Seconds are the best of three, files in the cache.
pybids (package pybids; its column is empty where it is not installed) indexes names only, without metadata, and knows
nothing of readings.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from thaliron_napari.case import Case
from thaliron_napari.case.bids import cases_of
from thaliron_napari.case.edits import Edit, fact_change, voxel_change
from thaliron_napari.case.images import find_in_case
from thaliron_napari.case.opening import journal_of
from thaliron_napari.case.worklist import read_worklist
from thaliron_napari.imaging import Grid, Volume

ECHOES = [f"echo-{echo}_part-{part}_MEGRE" for echo in range(1, 7) for part in ("mag", "phase")]
NAMES = ["Chimap", "FLAIR", "T1w", "ce-gadolinium_T1w", *ECHOES]


def journal(edits: int) -> bytes:
    """A reading's journal: each edit changes a thalamus' worth of voxels on one slice."""
    rng = np.random.default_rng(0)
    shape = (60, 200, 200)
    with tempfile.TemporaryDirectory() as folder:
        case = Case("x", {"qsm": Volume(np.zeros(shape, np.float32), Grid(shape, np.eye(4)))}, folder=Path(folder))
        for number in range(edits):
            z = number % 12
            changes = voxel_change(case.annotations, "thalami", (z, 90, 90), rng.integers(0, 2, (1, 20, 25)))
            key = fact_change(case.annotations, f"key/left/{z}", True)
            case.apply(Edit("nudge left thalamus", (*changes, *key)))
        case.close()
        return next(Path(folder).glob("*.jsonl")).read_bytes()


def make(root: Path, cases: int, edits: int) -> int:
    """Write the dataset; returns the bytes of one journal."""
    content = journal(edits)
    (root / "dataset_description.json").write_text('{"Name": "made", "BIDSVersion": "1.10.0"}')
    for number in range(1, cases + 1):
        subject = f"sub-{number:03d}"
        anat = root / subject / "anat"
        anat.mkdir(parents=True)
        for name in NAMES:
            (anat / f"{subject}_{name}.nii.gz").write_bytes(b"x")
            (anat / f"{subject}_{name}.json").write_text("{}")
        path = journal_of(root / "derivatives" / "thaliron", f"{number:03d}")
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return len(content)


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of three."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--edits", type=int, default=480)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        size = make(root, options.cases, options.edits)
        rows = {
            "images alone": best(lambda: [find_in_case(case) for case in cases_of(root)]),
            "worklist": best(lambda: list(read_worklist(root))),
        }
        try:
            from bids import BIDSLayout, BIDSLayoutIndexer
        except ImportError:
            peer = float("nan")
        else:
            peer = best(
                lambda: BIDSLayout(
                    root, validate=False, indexer=BIDSLayoutIndexer(validate=False, index_metadata=False)
                )
            )
    print(f"{options.cases} cases, {options.edits} edits and {size / 1024:.0f} KiB of journal each")
    print(f"{'':14} seconds  of pybids")
    for name, seconds in rows.items():
        print(f"{name:14} {seconds:7.2f}  {seconds / peer:9.2f}")
    print(f"{'pybids':14} {peer:7.2f}  {1:9.2f}")


if __name__ == "__main__":
    main()
