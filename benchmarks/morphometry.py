"""Grey matter volume and cortical thickness from a T1 alone, against made heads and on a real one; seconds and memory.

    python benchmarks/morphometry.py [--full] [--seeds 7 1 2]

"Phantom": the made head on its T1, the brain mask from the truth. Grey matter of the truth is the number of voxels
that are mostly grey (cortex, cerebellum, deep nuclei); thickness of the truth is that of the surfaces made from it
(`phantom.write_freesurfer`). The peer is Atropos of ANTs as its own cortical thickness pipeline calls it: N4, three
classes by k-means, a Markov field, and the sum of the posterior of grey matter. "patient26": a real T1 without its
skull, with and without its lesions filled, from the folder THALIRON_TEST_DATA or ../shared/data; twice, to compare the
bits.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.imaging import Grid, Volume, read_label_map, read_volume, resample
from thaliron_napari.measurement.morphometry import read_morphometry
from thaliron_napari.measurement.morphometry.ants_result import AntsResult
from thaliron_napari.measurement.morphometry.from_t1 import morphometry_from_t1
from thaliron_napari.phantom import make_patient, write_freesurfer
from thaliron_napari.phantom.patient import Patient

_GREY = (
    "grey matter", "cerebellar grey", "thalamus left", "thalamus right", "caudate", "putamen", "pallidum", "claustrum",
)  # fmt: skip
_OUTSIDE = ("outside", "scalp", "muscle", "bone", "marrow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the phantom at full size, too")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 1, 2])
    parser.add_argument("--made-only", action="store_true", help="leave the real T1 out")
    options = parser.parse_args()
    print(
        f"{'':22}{'grey ml':>9}{'truth':>9}{'off':>8}{'thick mm':>10}{'truth':>7}{'Atropos':>9}{'seconds':>9}",
        flush=True,
    )
    heads = [("small", seed) for seed in options.seeds] + ([("full", 7)] if options.full else [])
    for size, seed in heads:
        on_phantom(make_patient(size, seed), f"phantom {size} {seed}")
    if not options.made_only:
        on_patient()
    mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of ANTs' process {mb:.0f} MB")


def on_phantom(patient: Patient, name: str) -> None:
    image, truth = patient.images["t1"], patient.truth
    volume = Volume(image.data, Grid(image.data.shape, image.affine))
    names = np.array(truth.tissue_names)
    mask = ~np.isin(truth.tissue_t1, np.flatnonzero(np.isin(names, _OUTSIDE)))
    grey = np.isin(truth.tissue_t1, np.flatnonzero(np.isin(names, _GREY)))
    grey_ml = float(grey.sum() * volume.grid.voxel_ml)
    with tempfile.TemporaryDirectory() as folder:
        made = read_morphometry(write_freesurfer(patient, Path(folder)))
    thickness_mm = made.numbers["thickness_mm"].value
    lesions = resample(_flair_map(patient), volume.grid, order=0) > 0
    result, seconds = measured(volume, mask=mask, lesions=lesions)
    row(name, result, seconds, grey_ml, thickness_mm, atropos_ml(volume.data, mask, volume.spacing))


def on_patient() -> None:
    data = Path(os.environ.get("THALIRON_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    folder = data / "open_ms" / "patient26"
    if not folder.is_dir():
        print("patient26 is not here (set THALIRON_TEST_DATA)")
        return
    t1 = read_volume(folder / "T1.nii.gz")
    lesions = read_label_map(folder / "lesions_consensus.nii.gz", like=t1.grid).data > 0
    plain, seconds = measured(t1)
    row("patient26", plain, seconds, atropos=atropos_ml(t1.data, t1.data > 0, t1.spacing))
    again, seconds = measured(t1)
    same = plain.numbers == again.numbers and plain.thickness_mm.tobytes() == again.thickness_mm.tobytes()
    row("  again", again, seconds)
    print(f"  the same bits: {'yes' if same else 'NO'}; seconds by stage: {plain.seconds}")
    row("  lesions filled", *measured(t1, lesions=lesions))


def measured(t1: Volume, **given: NDArray[np.bool_]) -> tuple[AntsResult, float]:
    start = time.perf_counter()
    result = morphometry_from_t1(t1, progress=lambda _share, _words: None, cancelled=lambda: False, **given)
    return result, time.perf_counter() - start


def atropos_ml(data: NDArray[np.float32], mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> float:
    """Grey matter by three classes without mixed voxels."""
    import ants

    def image(values: NDArray[np.generic]) -> "ants.ANTsImage":
        return ants.from_numpy(np.ascontiguousarray(values, np.float32), spacing=tuple(spacing.tolist()))

    brain = image(mask)
    even = ants.n4_bias_field_correction(image(np.where(mask, data, 0)), mask=brain)
    found = ants.atropos(a=even, x=brain, i="kmeans[3]", m="[0.1,1x1x1]", c="[5,0]")
    return float(found["probabilityimages"][1].numpy().sum() * np.prod(spacing) / 1000)


def _flair_map(patient: Patient) -> Volume:
    flair = patient.images["flair"]
    return Volume(patient.truth.lesions, Grid(flair.data.shape, flair.affine))


def row(
    name: str,
    result: AntsResult,
    seconds: float,
    grey_ml: float | None = None,
    thickness_mm: float | None = None,
    atropos: float | None = None,
) -> None:
    ml, mm = result.numbers["ants_gm_ml"].value, result.numbers["ants_thickness_mm"].value
    off = "" if grey_ml is None else f"{100 * (ml / grey_ml - 1):+.1f}%"
    cells = [f"{ml:9.1f}", f"{grey_ml or 0:9.1f}" if grey_ml else " " * 9, f"{off:>8}", f"{mm:10.3f}"]
    cells += [f"{thickness_mm:7.2f}" if thickness_mm else " " * 7, f"{atropos:9.1f}" if atropos else " " * 9]
    print(f"{name:22}{''.join(cells)}{seconds:9.0f}", flush=True)


if __name__ == "__main__":
    main()
