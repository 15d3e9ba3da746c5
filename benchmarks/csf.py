"""CSF circles: where they are suggested, what is said against unclean ones, and how sure the reference makes a case.

    python benchmarks/csf.py [--seeds 7 11 23 3 5] [--sizes small full] [--draws 100]

The phantom patient at coarse and at the study's voxel sizes, its map made anew with once, twice and three times the
noise; and, where the shared real images are, maps made from a healthy subject's FreeSurfer labels at 1 and 2 mm: real
ventricles, which are narrow, with the susceptibilities and FLAIR signals of the phantom.

Suggestion: radius, share of the circle that is wholly CSF ("pure"), true mean susceptibility there in ppb (0 is CSF),
measured mean, and processor time, with FLAIR and without.

Remarks: circles of 3 mm with any remark, of those tried. "Clean" ones lie in the true CSF of the atria as a whole (in
the narrow real ones most of them abut on the wall), "wall" ones by 60 to 90 %, "plexus" ones are centred on choroid
plexus and have 40 % of CSF, "tiny" ones are clean with a radius of 0.8 mm.

Standard error: the noise drawn anew. "Bias" is what remains on average, which the phantom's inversion makes without
any noise. "Covers map" is the number of draws within 1.96 of the noise's part of the standard error of what the map
without noise gives, "covers truth" within 1.96 of the whole standard error of the truth.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from thaliron_napari.annotation import csf_roi, suggest_csf
from thaliron_napari.case import CsfCircle
from thaliron_napari.errors import AnnotationError
from thaliron_napari.measurement.csf_quality import csf_limits, csf_remarks
from thaliron_napari.measurement.susceptibility import (
    MAP_ERROR_PPB,
    region_statistics,
    relative_ppb,
    relative_se_ppb,
    voxels_per_sample,
)
from thaliron_napari.phantom import make_patient
from thaliron_napari.phantom.contrasts import FLAIR, SUSCEPTIBILITY_PPB
from thaliron_napari.phantom.susceptibility import measured_map


class Head(NamedTuple):
    name: str
    spacing: np.ndarray
    chi: np.ndarray
    tissue: np.ndarray
    magnitude: np.ndarray
    brain: np.ndarray
    flair: np.ndarray
    pure: np.ndarray  # wholly CSF
    atria: np.ndarray
    plexus: np.ndarray
    white: np.ndarray
    thalami: np.ndarray
    circles: tuple[tuple[float, ...], ...]

    def map(self, seed: int, times: float = 1.0) -> np.ndarray:
        noise = times * 2.5 * float(np.sqrt(0.5 / np.prod(self.spacing)))
        rng = np.random.default_rng(seed)
        return measured_map(self.chi, self.magnitude, self.brain, self.tissue, self.spacing, rng, noise)


def phantom(size: str, seed: int) -> Head:
    patient = make_patient(size, seed)
    qsm, flair, truth = patient.images["qsm"], patient.images["flair"], patient.truth
    there = np.linalg.inv(flair.affine) @ truth.qsm_to_flair @ qsm.affine
    moved = ndimage.affine_transform(flair.data, there[:3, :3], there[:3, 3], output_shape=qsm.data.shape, order=1)

    def of(name: str) -> np.ndarray:
        return truth.tissue == truth.tissue_names.index(name)

    to_index = np.linalg.inv(qsm.affine)
    centres = [to_index @ [*truth.atria_mm[side], 1] for side in ("left", "right")]
    return Head(
        f"phantom {size} {seed}",
        qsm.spacing,
        truth.chi_ppb,
        truth.tissue,
        patient.images["magnitude"].data,
        qsm.data != 0,
        moved,
        of("csf") & (np.abs(truth.chi_ppb) < 0.5),
        truth.csf_atria,
        of("choroid plexus"),
        of("white matter"),
        truth.thalami > 0,
        tuple(tuple(c[:3].tolist()) for c in centres),
    )


def _left_to_right(path: Path) -> np.ndarray:
    import nibabel as nib

    image = nib.as_closest_canonical(nib.load(path))
    return np.ascontiguousarray(np.asarray(image.dataobj).squeeze().transpose(2, 1, 0)[:, ::-1, ::-1])


def _around(mask: np.ndarray) -> tuple[slice, ...]:
    at = np.argwhere(mask)
    return tuple(slice(max(a - 4, 0), b + 5) for a, b in zip(at.min(axis=0), at.max(axis=0), strict=True))


LIKE = {  # FreeSurfer's labels and the phantom's tissues
    "white matter": (2, 7, 16, 28, 41, 46, 60, 77, 85, 251, 252, 253, 254, 255),
    "grey matter": (3, 8, 17, 18, 26, 42, 47, 53, 54, 58),
    "thalamus left": (10, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "choroid plexus": (31, 63),
}


def real(slice_mm: int) -> Iterator[Head]:
    root = Path(os.environ.get("THALIRON_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    folder = root / "freesurfer" / "subject1" / "mri"
    if not folder.is_dir():
        print("The FreeSurfer subject is not here (set THALIRON_TEST_DATA to the folder of real images): left out.")
        return
    labels, t1 = _left_to_right(folder / "aseg.mgz"), _left_to_right(folder / "brain.mgz")
    box = _around(t1 > 0)
    labels, brain = labels[box], t1[box] > 0
    labels, brain = (a[: len(a) // slice_mm * slice_mm] for a in (labels, brain))
    head = ndimage.binary_erosion(ndimage.binary_fill_holes(ndimage.binary_closing(brain, iterations=2)))
    chi, flair = np.zeros(labels.shape, np.float32), np.where(brain, FLAIR["csf"], 0).astype(np.float32)
    for tissue, numbers in LIKE.items():
        where = np.isin(labels, numbers)
        chi[where], flair[where] = SUSCEPTIBILITY_PPB.get(tissue, -29.0), FLAIR[tissue]

    def thick(image: np.ndarray) -> np.ndarray:
        return image.reshape(-1, slice_mm, *image.shape[1:]).mean(axis=1, dtype=np.float32)

    pure, plexus, white, thalami = (
        thick(np.isin(labels, numbers)) > 0.99 for numbers in ((4, 43), (31, 63), LIKE["white matter"], (10, 49))
    )
    chi, flair, head = thick(chi), thick(flair), thick(head) > 0.5
    flair = np.abs(flair + np.random.default_rng(1).normal(0, 12, flair.shape)).astype(np.float32)
    yield Head(
        f"FreeSurfer subject, {slice_mm} mm",
        np.array([slice_mm, 1.0, 1.0]),
        chi,
        (np.digitize(chi, [-40, -20, 10, 30, 60]) + 1).astype(np.uint8),
        np.full(chi.shape, 500, np.float32),
        head,
        flair,
        pure,
        pure,
        plexus,
        white,
        thalami,
        (),
    )


def suggestion(head: Head, qsm: np.ndarray, words: str) -> None:
    for name, flair in (("FLAIR", head.flair), ("none", None)):
        start = time.process_time()
        try:
            found = suggest_csf(qsm, head.spacing, flair=flair)
        except AnnotationError as error:
            print(f"  {head.name:26}{words:>6}{name:>7}   {error}")
            continue
        seconds = time.process_time() - start
        cells = []
        for side in ("left", "right"):
            if side not in found:
                cells.append(f"   {side}: none" + 33 * " ")
                continue
            circle = found[side]
            mask = csf_roi(qsm.shape, circle.centre, circle.radius_mm, head.spacing)
            pure, chi = 100 * head.pure[mask].mean(), head.chi[mask].mean()
            cells.append(
                f"   {side}: {circle.radius_mm:.1f} mm{pure:5.0f}% pure{chi:+6.1f}{qsm[mask].mean():+6.1f} ppb"
            )
        print(f"  {head.name:26}{words:>6}{name:>7}{''.join(cells)}   {seconds:.1f} s")


def circles(head: Head, most: int = 60) -> dict[str, list[CsfCircle]]:
    """Circles of each kind."""
    rng = np.random.default_rng(0)
    kinds: dict[str, list[CsfCircle]] = {"clean": [], "wall": [], "plexus": [], "white": [], "thalamus": [], "tiny": []}

    def some(mask: np.ndarray, n: int) -> Iterator[tuple[CsfCircle, float]]:
        places = np.argwhere(mask)
        for place in places[rng.permutation(len(places))[:n]]:
            circle = CsfCircle(tuple(place.astype(float).tolist()), 3.0)
            yield circle, float(head.pure[csf_roi(mask.shape, circle.centre, 3.0, head.spacing)].mean())

    for circle, share in some(head.atria, 600):
        if share == 1 and len(kinds["clean"]) < most:
            kinds["clean"].append(circle)
            kinds["tiny"].append(CsfCircle(circle.centre, 0.8))
        elif 0.6 <= share <= 0.9 and len(kinds["wall"]) < most:
            kinds["wall"].append(circle)
    kinds["plexus"] = [circle for circle, share in some(head.plexus, 150) if share >= 0.4][:most]
    for kind, mask in (("white", head.white), ("thalamus", head.thalami)):
        inner = ndimage.distance_transform_edt(mask, sampling=head.spacing) > 3.5
        kinds[kind] = [circle for circle, _ in some(inner, most)]
    return kinds


def remarks(head: Head, qsm: np.ndarray, words: str) -> None:
    limits = csf_limits(qsm, head.spacing, head.flair)
    kinds = circles(head)
    for name, flair in (("FLAIR", head.flair), ("none", None)):
        cells = []
        for of_kind in kinds.values():
            hits = sum(bool(csf_remarks(qsm, head.spacing, {"left": [c]}, limits, flair)) for c in of_kind)
            cells.append(f"{f'{hits} of {len(of_kind)}':>12}")
        print(f"  {head.name:26}{words:>6}{name:>7}{''.join(cells)}   noise {limits.noise_ppb:.1f} ppb")


def standard_error(head: Head, draws: int) -> None:
    box = _around(head.thalami | head.atria)
    regions = {"both circles": np.zeros(head.chi.shape, np.uint8), "whole atria": head.atria.astype(np.uint8)}
    for label, centre in enumerate(head.circles, start=1):
        regions["both circles"][csf_roi(head.chi.shape, (round(centre[0]), *centre[1:]), 3.0, head.spacing)] = label
    pieces, _ = ndimage.label(head.atria)
    regions["whole atria"] = np.where(head.atria, pieces, 0)
    thalami = head.thalami[box]
    truth = float(head.chi[head.thalami].mean(dtype=float))
    clean = head.map(0, 0.0)[box]
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in regions}
    for draw in range(draws):
        qsm = head.map(1000 + draw)[box]
        thalamus = region_statistics(qsm, thalami, 1.0)
        for name, labels in regions.items():
            csf = region_statistics(qsm, labels[box] > 0, 1.0)
            se = relative_se_ppb(thalamus, csf, voxels_per_sample(qsm, labels[box], head.spacing))
            rows[name].append((relative_ppb(thalamus, csf), se))
    for name, labels in regions.items():
        value, se = np.array(rows[name]).T
        noise_se = np.sqrt(se**2 - MAP_ERROR_PPB**2)
        without_noise = clean[thalami].mean(dtype=float) - clean[labels[box] > 0].mean(dtype=float)
        covers_map = (np.abs(value - without_noise) <= 1.96 * noise_se).sum()
        covers = (np.abs(value - truth) <= 1.96 * se).sum()
        print(
            f"  {head.name:18}{name:>14}{(labels > 0).sum():7}{value.mean() - truth:+8.2f}{value.std():8.2f}"
            f"{noise_se.mean():10.2f}{covers_map:8} of {draws}{se.mean():8.2f}{covers:8} of {draws}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[7, 11, 23, 3, 5], help="phantom patients")
    parser.add_argument("--sizes", nargs="*", choices=["small", "full"], default=["small", "full"])
    parser.add_argument("--draws", type=int, default=100, help="of noise; 0 leaves the standard error out")
    options = parser.parse_args()
    heads = [phantom(size, seed) for size in options.sizes for seed in options.seeds]
    anatomies = [*heads, *real(1), *real(2)]
    print(f"Suggested\n  {'':26}{'noise':>6}{'with':>7}")
    for head in anatomies:
        for times in (1, 2, 3):
            suggestion(head, head.map(1, times), f"x {times}")
    kinds = "".join(f"{kind:>12}" for kind in ("clean", "wall", "plexus", "white", "thalamus", "tiny"))
    print(f"\nCircles with a remark\n  {'':26}{'noise':>6}{'with':>7}{kinds}")
    for head in anatomies:
        for times in (1, 3):
            remarks(head, head.map(1, times), f"x {times}")
    if not options.draws:
        return
    print("\nRelative susceptibility over draws of noise, in ppb")
    wide = 8 + len(" of ") + len(str(options.draws))
    print(
        f"  {'':18}{'CSF':>14}{'n':>7}{'bias':>8}{'SD':>8}{'SE, noise':>10}{'covers map':>{wide}}{'SE':>8}"
        f"{'covers truth':>{wide}}"
    )
    for head in heads:
        standard_error(head, options.draws)


if __name__ == "__main__":
    main()
