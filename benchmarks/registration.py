"""Rigid registration of FLAIR with T1 under known motions: error and time beside other programs.

    python benchmarks/registration.py [--motions 10] [--moving T1|T1POST] [--full]

The images are the openly licensed pair of one patient, given as co-registered; the moving one is carried away by a
known motion in its header alone. "error" is the distance between where the brain's voxels land and where the header
says they belong, so it holds what is left in the images as given (some 0.5 mm, see the row "unmoved"); "scatter" is the
distance from where the same program lands without any motion, which is what the motion did to it.
Peers that are not installed are left out. --full adds SimpleITK at full resolution, which takes its time.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from thaliron_napari.imaging import Grid, Volume, read_volume, register_rigid, rigid_matrix

Matrix = np.ndarray
MOST_MM, MOST_DEG = 15.0, 15.0


def ours(fixed: Volume, moving: Volume) -> Matrix:
    return register_rigid(fixed, moving).matrix


def simpleitk(size_mm: float | None) -> Callable[[Volume, Volume], Matrix]:
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


def greedy(fixed: Volume, moving: Volume) -> Matrix:
    from picsl_greedy import Greedy3D

    program = Greedy3D()
    with quiet():
        program.execute(
            "-i fixed moving -a -dof 6 -ia-identity -m NMI -n 100x50x10 -threads 2 -o found",
            fixed=itk_image(fixed, lps=True),
            moving=itk_image(moving, lps=True),
            found=None,
        )
    return np.asarray(program["found"])


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--motions", type=int, default=10)
    parser.add_argument("--moving", default="T1")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("THALIRON_TEST_DATA", default)) / "open_ms" / "patient26"
    if not folder.is_dir():
        sys.exit("The images are not here; set THALIRON_TEST_DATA to their folder.")
    fixed, moving = read_volume(folder / "FLAIR.nii.gz"), read_volume(folder / f"{options.moving}.nii.gz")
    brain = fixed.grid.world(np.argwhere(fixed.data != 0)[::101])

    programs: dict[str, Callable[[Volume, Volume], Matrix]] = {
        "thaliron": ours,
        "SimpleITK, 2 mm copies": simpleitk(2.0),
    }
    try:
        import picsl_greedy  # noqa: F401

        programs["greedy, full size"] = greedy
    except ImportError:
        print("greedy is left out (pip install picsl-greedy)")
    if options.full:
        programs["SimpleITK, full size"] = simpleitk(None)

    truths = motions(options.motions, brain.mean(axis=0))
    print(f"FLAIR and {options.moving}, {options.motions} motions of up to {MOST_MM:.0f} mm and {MOST_DEG:.0f} degrees")
    print(f"{'':24}{'unmoved':>9}{'error, mm':>18}{'scatter, mm':>18}{'seconds':>9}{'cpu s':>8}{'times ours':>12}")
    print(f"{'':24}{'mm':>9}{'median':>9}{'largest':>9}{'median':>9}{'largest':>9}{'median':>9}{'median':>8}")
    our_seconds = None
    for name, register in programs.items():
        base = apply(register(fixed, moving), brain)  # also warms up
        unmoved = np.linalg.norm(base - brain, axis=1).mean()
        errors, scatter, seconds, cpu = [], [], [], []
        for truth in truths:
            moved = Volume(moving.data, Grid(moving.grid.shape, truth @ moving.grid.affine))
            began, cpu_began = time.perf_counter(), time.process_time()
            found = apply(register(fixed, moved), brain)
            seconds.append(time.perf_counter() - began)
            cpu.append(time.process_time() - cpu_began)
            errors.append(np.linalg.norm(found - apply(truth, brain), axis=1).mean())
            scatter.append(np.linalg.norm(found - apply(truth, base), axis=1).mean())
        our_seconds = our_seconds or np.median(seconds)
        ratio = np.median(seconds) / our_seconds
        print(
            f"{name:24}{unmoved:9.3f}{np.median(errors):9.3f}{max(errors):9.3f}{np.median(scatter):9.3f}"
            f"{max(scatter):9.3f}{np.median(seconds):9.2f}{np.median(cpu):8.2f}{ratio:12.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
