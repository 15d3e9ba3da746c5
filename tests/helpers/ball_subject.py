"""A FreeSurfer subject whose brain is two balls with known radii, thalami and cortex: all that is shown is known."""

from pathlib import Path

import nibabel as nib
import nibabel.freesurfer as fs
import numpy as np
from scipy.spatial import ConvexHull

WHITE_MM, PIAL_MM, THALAMUS_MM = 24.0, 27.0, 8.0
APART_MM = 29.0  # the middle of each ball from the midline
_SHAPE, _MIDDLE = (120, 64, 64), np.array([60.0, 32.0, 32.0])
_SIDES = {"lh": (-1, 2, 3, 10), "rh": (1, 41, 42, 49)}  # direction along x, white matter, cortex, thalamus


def write_ball_subject(folder: Path, middle_ras: tuple[float, float, float]) -> Path:
    """Write ``mri``, ``surf`` and ``stats`` of a brain about a point of the scanner's world, 1 mm voxels."""
    for name in ("mri", "surf", "stats", "scripts"):
        (folder / name).mkdir(parents=True)
    affine = np.array([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    affine[:3, 3] = np.asarray(middle_ras) - affine[:3, :3] @ _MIDDLE
    points = nib.affines.apply_affine(affine, np.moveaxis(np.indices(_SHAPE, np.float32), 0, -1)) - middle_ras
    labels = np.zeros(_SHAPE, np.int32)
    for side, white, cortex, thalamus in _SIDES.values():
        away = np.linalg.norm(points - (side * APART_MM, 0, 0), axis=-1)
        labels[away < PIAL_MM] = cortex
        labels[away < WHITE_MM] = white
        labels[away < THALAMUS_MM] = thalamus
    image = nib.MGHImage(labels, affine)
    for name in ("aseg.mgz", "aparc+aseg.mgz", "orig.mgz"):
        nib.save(image, folder / "mri" / name)
    _write_surfaces(folder / "surf", image)
    _write_stats(folder / "stats", labels)
    (folder / "scripts" / "build-stamp.txt").write_text("freesurfer-linux-ubuntu22_x86_64-7.4.1-20230614-7eb8460\n")
    return folder


def ball(radius_mm: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Vertices about the origin and faces, of evenly spread points (a spiral of golden angles)."""
    height = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    flat = np.sqrt(1 - height**2)
    vertices = radius_mm * np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)
    return vertices, ConvexHull(vertices).simplices.astype(np.int64)


def _write_surfaces(folder: Path, image: nib.MGHImage) -> None:
    header = image.header
    where = {
        "head": np.array([2, 0, 20], np.int32),
        "valid": "1  # volume info valid",
        "filename": "../mri/orig.mgz",
        "volume": np.array(image.shape),
        "voxelsize": np.ones(3),
        **{f"{axis}ras": header["Mdc"][k] for k, axis in enumerate("xyz")},
        "cras": header["Pxyz_c"],
    }
    to_tkr = header.get_vox2ras_tkr() @ np.linalg.inv(image.affine)
    middle = nib.affines.apply_affine(image.affine, _MIDDLE)
    for name, (side, *_labels) in _SIDES.items():
        for kind, radius in (("white", WHITE_MM), ("pial", PIAL_MM)):
            vertices, faces = ball(radius)
            here = nib.affines.apply_affine(to_tkr, vertices + middle + (side * APART_MM, 0, 0))
            fs.write_geometry(folder / f"{name}.{kind}", here, faces, volume_info=where)
        fs.write_morph_data(folder / f"{name}.thickness", np.full(4000, PIAL_MM - WHITE_MM, np.float32))
        fs.write_morph_data(folder / f"{name}.area", np.full(4000, 4 * np.pi * WHITE_MM**2 / 4000, np.float32))


def _write_stats(folder: Path, labels: np.ndarray) -> None:
    names = {2: "Left-Cerebral-White-Matter", 3: "Left-Cerebral-Cortex", 10: "Left-Thalamus"}
    names |= {41: "Right-Cerebral-White-Matter", 42: "Right-Cerebral-Cortex", 49: "Right-Thalamus"}
    counts = {label: int((labels == label).sum()) for label in names}
    thalami = counts[10] + counts[49]
    cortex = counts[3] + counts[42]
    rows = [f"{n:3d} {k:3d} {counts[k]:9d} {counts[k]:9.1f}  {names[k]:30s}" for n, k in enumerate(names, 1)]
    head = [
        "# Title Segmentation Statistics",
        "# generating_program mri_segstats",
        "# SegVolFile mri/aseg.mgz",
        f"# Measure Cortex, CortexVol, Total cortical gray matter volume, {cortex:f}, mm^3",
        f"# Measure SubCortGray, SubCortGrayVol, Subcortical gray matter volume, {thalami:f}, mm^3",
        f"# Measure TotalGray, TotalGrayVol, Total gray matter volume, {cortex + thalami:f}, mm^3",
        "# Measure EstimatedTotalIntraCranialVol, eTIV, Estimated Total Intracranial Volume, 1400000.5, mm^3",
        "# NRows 6",
        "# NTableCols 5",
        "# ColHeaders  Index SegId NVoxels Volume_mm3 StructName",
    ]
    (folder / "aseg.stats").write_text("\n".join([*head, *rows]) + "\n")
    area = 4 * np.pi * WHITE_MM**2
    for name in _SIDES:
        said = [
            "# Table of FreeSurfer cortical parcellation anatomical statistics",
            "# generating_program mris_anatomical_stats",
            f"# hemi {name}",
            "# Measure Cortex, NumVert, Number of Vertices, 4000, unitless",
            f"# Measure Cortex, WhiteSurfArea, White Surface Total Area, {area:.1f}, mm^2",
            "# Measure Cortex, MeanThickness, Mean Thickness, 3.00000, mm",
            "# NTableCols 10",
            "# ColHeaders StructName NumVert SurfArea GrayVol ThickAvg ThickStd MeanCurv GausCurv FoldInd CurvInd",
            f"whole {4000:8d} {area:6.0f} {9000:6d} {3.0:6.3f} {0.0:5.3f} {0.04:9.3f} {0.002:9.3f} {1:8d} {0.1:7.1f}",
        ]
        (folder / f"{name}.aparc.stats").write_text("\n".join(said) + "\n")
