"""Rigid registration: error and time beside other programs, in one table.

    python benchmarks/registration.py [--motions 40] [--peer-motions 5] [--phantom full|small|none] [--only WORD ...]

Every pair is registered as it stands, and with the moving image carried away by known motions of its header alone.

"error" is the distance between where the head's voxels land and where they belong. For the twins and the phantom that
is known: they are made. For the patient's images it is what their headers say, which is itself the outcome of a
registration. How far to trust that, the pair of T1 before and after contrast tells: one contrast, where every program
is at its best, and all of them agree that the headers are a quarter of a millimetre off. All of the patient's images
were cut by one mask after they had been registered; a program that sees its rim is drawn to where that registration
had put it. So greedy stands here twice, once as it is and once kept 4 mm away from the rim.

"scatter" is the distance from where the same program lands without any motion. The columns give the median and the
largest; seconds are medians, "times ours" is of processor seconds. The raw pair as scanned has headers that know
nothing of the patient's motion between the scans: its "error" is that motion as each program finds it.

The twins are a healthy subject's T1 and a made FLAIR of the same head: shading of up to 15 % a border, slices of
3.3 mm, noise, each on its own lattice. Peers that are not installed are left out (pip install picsl-greedy).
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from thaliron_napari.imaging import Grid, Volume, read_volume, register_rigid, resample, rigid_matrix

Matrix = np.ndarray
Program = Callable[[Volume, Volume], Matrix]
MOST_MM, MOST_DEG = 15.0, 15.0
OURS = "thaliron"


class Pair(NamedTuple):
    name: str
    fixed: Volume
    moving: Volume
    truth: Matrix  # fixed world to moving world
    points: Matrix  # (n, 3) of the head in the fixed world
    full_size: bool = True  # whether the slowest peer is run as well


def ours(fixed: Volume, moving: Volume) -> Matrix:
    return register_rigid(fixed, moving).matrix


def simpleitk(size_mm: float | None) -> Program:
    """The usual recipe: Mattes mutual information, three levels, regular step gradient descent."""

    def register(fixed: Volume, moving: Volume) -> Matrix:
        images = [itk_image(fixed), itk_image(moving)]
        if size_mm is not None:
            factors = [[max(1, round(size_mm / s)) for s in image.GetSpacing()] for image in images]
            images = [sitk.BinShrink(image, factor) for image, factor in zip(images, factors, strict=True)]
        centre = fixed.grid.world((np.array(fixed.grid.shape) - 1) / 2)
        transform = sitk.Euler3DTransform()
        transform.SetCenter(centre.tolist())
        search = sitk.ImageRegistrationMethod()
        search.SetMetricAsMattesMutualInformation(50)
        search.SetMetricSamplingStrategy(search.RANDOM)
        search.SetMetricSamplingPercentage(0.2, 1)
        search.SetInterpolator(sitk.sitkLinear)
        search.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 100)
        search.SetOptimizerScalesFromPhysicalShift()
        search.SetShrinkFactorsPerLevel([4, 2, 1])
        search.SetSmoothingSigmasPerLevel([2, 1, 0])
        search.SetInitialTransform(transform, True)
        search.Execute(*images)
        return matrix_of(transform)

    return register


def greedy(rim_mm: float | None) -> Program:
    def register(fixed: Volume, moving: Volume) -> Matrix:
        from picsl_greedy import Greedy3D

        program = Greedy3D()
        command = "-i fixed moving -a -dof 6 -ia-identity -m NMI -n 100x50x10 -threads 2 -o found"
        inputs = {"fixed": itk_image(fixed, lps=True), "moving": itk_image(moving, lps=True), "found": None}
        if rim_mm is not None:
            inner = ndimage.distance_transform_edt(fixed.data != 0, fixed.spacing) > rim_mm
            inputs["inner"] = itk_image(Volume(inner.astype(np.float32), fixed.grid), lps=True)
            command += " -gm inner"
        with quiet():
            program.execute(command, **inputs)
        return np.asarray(program["found"])

    return register


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what a C++ program prints off the screen."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def itk_image(volume: Volume, *, lps: bool = False) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.data)
    axes = volume.grid.affine[:3, 2::-1]
    origin = volume.grid.affine[:3, 3]
    if lps:
        axes, origin = np.diag([-1, -1, 1]) @ axes, np.diag([-1, -1, 1]) @ origin
    spacing = volume.spacing[::-1]
    image.SetSpacing(spacing.tolist())
    image.SetDirection((axes / spacing).ravel().tolist())
    image.SetOrigin(origin.tolist())
    return image


def matrix_of(transform: sitk.Transform) -> Matrix:
    points = np.array([transform.TransformPoint(p) for p in np.vstack([np.zeros(3), np.eye(3)]).tolist()])
    matrix = np.eye(4)
    matrix[:3, 3] = points[0]
    matrix[:3, :3] = (points[1:] - points[0]).T
    return matrix


def apply(matrix: Matrix, points: Matrix) -> Matrix:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def motions(count: int, centre: Matrix) -> list[Matrix]:
    rng = np.random.default_rng(26)
    found = []
    for _ in range(count):
        shift, turn = (rng.normal(size=3) for _ in range(2))
        shift *= rng.uniform(0, MOST_MM) / np.linalg.norm(shift)
        turn *= rng.uniform(0, MOST_DEG) / np.linalg.norm(turn)
        found.append(rigid_matrix(shift, turn, centre))
    return found


def patients(data: Path) -> Iterator[Pair]:
    folder = data / "open_ms"
    images = {name: read_volume(folder / "patient26" / f"{name}.nii.gz") for name in ("FLAIR", "T1", "T1POST")}
    flair = images["FLAIR"]
    brain = flair.grid.world(np.argwhere(flair.data != 0)[::101])
    for fixed, moving in (("FLAIR", "T1"), ("FLAIR", "T1POST"), ("T1", "T1POST")):
        yield Pair(f"patient, {fixed} and {moving}", images[fixed], images[moving], np.eye(4), brain, fixed == "FLAIR")
    flair, t1 = (read_volume(folder / f"patient01_raw_{name}.nii.gz") for name in ("FLAIR", "T1W"))
    head = flair.grid.world(np.argwhere(flair.data > np.percentile(flair.data, 70))[::211])
    yield Pair("raw, FLAIR and T1 as scanned", flair, t1, np.eye(4), head, False)


def twins(data: Path) -> Iterator[Pair]:
    brain = read_volume(data / "freesurfer" / "subject1" / "mri" / "brain.mgz")
    points = brain.grid.world(np.argwhere(brain.data > 0)[::301])
    centre = points.mean(axis=0)
    # Grey matter brightest, fluid dark, as FLAIR has it
    values = np.interp(brain.data, (0, 15, 40, 60, 78, 95, 108, 120, 160, 255), (0, 5, 15, 70, 100, 78, 70, 68, 60, 30))
    flair = Volume(values.astype(np.float32), brain.grid)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        motion = rigid_matrix(rng.uniform(-3, 3, 3), rng.uniform(-3, 3, 3), centre)
        fixed = scan(flair, centre, (1.0, 1.0, 1.0), rng)
        moving = scan(brain, centre, (3.3, 0.9, 0.9), rng)
        yield Pair(f"twin {seed + 1}, FLAIR and T1", fixed, moved(moving, motion), motion, points, False)


def scan(head: Volume, centre: Matrix, spacing: tuple[float, float, float], rng: np.random.Generator) -> Volume:
    """The head on a turned lattice, averaged over the thickness of the slices, shaded and noisy."""
    thin = np.array([spacing[0] / 5, *spacing[1:]])
    shape = (5 * int(180 / spacing[0]), *(int(200 / s) for s in spacing[1:]))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, -thin[2]], [0, -thin[1], 0], [thin[0], 0, 0]])
    affine = rigid_matrix((0, 0, 0), rng.uniform(-6, 6, 3)) @ affine
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    data = resample(head, Grid(shape, affine)).reshape(-1, 5, *shape[1:]).mean(axis=1)
    affine[:3, 3] += 2 * affine[:3, 0]
    affine[:3, 0] *= 5
    for axis, n in enumerate(data.shape):
        shading = 1 + rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, n)
        data *= shading.reshape([-1 if a == axis else 1 for a in range(3)]).astype(np.float32)
    data += (rng.normal(0, 3, data.shape) * (data > 0)).astype(np.float32)
    return Volume(data, Grid(data.shape, affine))


def phantom(size: str) -> Iterator[Pair]:
    from thaliron_napari.phantom import make_patient

    patient = make_patient(size)
    images = {name: Volume(image.data, Grid(image.data.shape, image.affine)) for name, image in patient.images.items()}
    tissue = np.argwhere(patient.truth.tissue > 0)
    head = apply(patient.truth.qsm_to_flair, images["qsm"].grid.world(tissue[:: len(tissue) // 5000]))
    truth = np.linalg.inv(patient.truth.qsm_to_flair)
    yield Pair(f"phantom ({size}), FLAIR and QSM", images["flair"], images["qsm"], truth, head, size != "full")
    yield Pair(f"phantom ({size}), FLAIR and magnitude", images["flair"], images["magnitude"], truth, head, False)


def moved(volume: Volume, motion: Matrix) -> Volume:
    return Volume(volume.data, Grid(volume.grid.shape, motion @ volume.grid.affine))


def measure(pair: Pair, name: str, register: Program, count: int, our_cpu: float | None) -> float:
    """Print one row, and tell the median of processor seconds."""
    base = apply(register(pair.fixed, pair.moving), pair.points)  # also warms up
    errors, scatter, seconds, cpu = [], [], [], []
    for motion in motions(count, pair.points.mean(axis=0)):
        moving = moved(pair.moving, motion)
        began, cpu_began = time.perf_counter(), time.process_time()
        found = apply(register(pair.fixed, moving), pair.points)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
        errors.append(np.linalg.norm(found - apply(motion @ pair.truth, pair.points), axis=1).mean())
        scatter.append(np.linalg.norm(found - apply(motion, base), axis=1).mean())
    middle = float(np.median(cpu))
    print(
        f"  {name:34}{count:5}{np.median(errors):9.3f}{max(errors):9.3f}{np.median(scatter):10.3f}{max(scatter):9.3f}"
        f"{np.median(seconds):9.2f}{middle:9.2f}{middle / (our_cpu or middle):11.1f}",
        flush=True,
    )
    return middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--motions", type=int, default=40, help="for ours; the twins and the phantom take a quarter")
    parser.add_argument("--peer-motions", type=int, default=5, help="for the others, which are slower")
    parser.add_argument("--phantom", choices=("full", "small", "none"), default="full")
    parser.add_argument("--only", nargs="*", default=[""], help="pairs whose name holds one of these words")
    options = parser.parse_args()
    data = Path(os.environ.get("THALIRON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))

    peers: dict[str, Program] = {"SimpleITK, 2 mm copies": simpleitk(2.0), "SimpleITK, full size": simpleitk(None)}
    try:
        import picsl_greedy  # noqa: F401

        peers["greedy (NMI)"] = greedy(None)
        peers["greedy (NMI), 4 mm inside the rim"] = greedy(4.0)
    except ImportError:
        print("greedy is left out (pip install picsl-greedy)")

    print(f"motions of up to {MOST_MM:.0f} mm and {MOST_DEG:.0f} degrees")
    print(f"{'':36}{'':5}{'error, mm':>18}{'scatter, mm':>19}{'seconds':>9}{'cpu s':>9}{'times ours':>11}")
    print(f"{'':36}{'n':>5}{'median':>9}{'largest':>9}{'median':>10}{'largest':>9}")
    sources: list[Iterator[Pair]] = []
    if data.is_dir():
        sources += [patients(data), twins(data)]
    else:
        print("The real images are not here; set THALIRON_TEST_DATA to their folder.")
    if options.phantom != "none":
        sources.append(phantom(options.phantom))
    for pair in (pair for source in sources for pair in source):
        if not any(word in pair.name for word in options.only):
            continue
        print(pair.name)
        made = pair.name.startswith(("twin", "phantom"))
        count = max(1, options.motions // 4) if made else options.motions
        our_cpu = measure(pair, OURS, ours, count, None)
        masked = (pair.fixed.data == 0).mean() > 0.3
        for name, register in peers.items():
            if ("full size" in name and not pair.full_size) or ("rim" in name and not masked):
                continue
            measure(pair, name, register, options.peer_motions, our_cpu)


if __name__ == "__main__":
    main()
