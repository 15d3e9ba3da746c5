"""FreeSurfer 7's tables of volumes and of the cortex, as mri_segstats and mris_anatomical_stats lay them out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .cortex import Hemisphere

BUILD_STAMP = "freesurfer-linux-ubuntu22_x86_64-7.4.1-20230614-7eb8460"

# Number and name of FreeSurfer's Desikan-Killiany atlas, one each 60 degrees from the front over the top.
PARCELS = (
    (27, "rostralmiddlefrontal"), (24, "precentral"), (29, "superiorparietal"),
    (11, "lateraloccipital"), (9, "inferiortemporal"), (12, "lateralorbitofrontal"),
)  # fmt: skip

_PAIRED = {
    "Lateral-Ventricle": (4, 43), "Inf-Lat-Vent": (5, 44), "Cerebellum-White-Matter": (7, 46),
    "Cerebellum-Cortex": (8, 47), "Thalamus": (10, 49), "Caudate": (11, 50), "Putamen": (12, 51), "Pallidum": (13, 52),
    "Hippocampus": (17, 53), "Amygdala": (18, 54), "Accumbens-area": (26, 58), "VentralDC": (28, 60),
    "vessel": (30, 62), "choroid-plexus": (31, 63), "WM-hypointensities": (78, 79), "non-WM-hypointensities": (81, 82),
}  # fmt: skip
_SINGLE = {
    "3rd-Ventricle": 14, "4th-Ventricle": 15, "Brain-Stem": 16, "CSF": 24, "5th-Ventricle": 72,
    "WM-hypointensities": 77, "non-WM-hypointensities": 80, "Optic-Chiasm": 85, "CC_Posterior": 251,
    "CC_Mid_Posterior": 252, "CC_Central": 253, "CC_Mid_Anterior": 254, "CC_Anterior": 255,
}  # fmt: skip
_ROWS = sorted(
    [(number, name) for name, number in _SINGLE.items()]
    + [(pair[k], f"{side}-{name}") for name, pair in _PAIRED.items() for k, side in enumerate(("Left", "Right"))]
)
_SUBCORTICAL = (10, 11, 12, 13, 28, 49, 50, 51, 52, 60)
_CEREBELLUM, _STEM, _VENTRICLES = (7, 8, 46, 47), (16,), (4, 31, 43, 63)
_LESION = 77

_SEGMENT_COLUMNS = (
    ("Index", "Index", "NA"), ("SegId", "Segmentation Id", "NA"), ("NVoxels", "Number of Voxels", "unitless"),
    ("Volume_mm3", "Volume", "mm^3"), ("StructName", "Structure Name", "NA"),
    *((f"norm{what}", f"Intensity norm{what}", "MR") for what in ("Mean", "StdDev", "Min", "Max", "Range")),
)  # fmt: skip
_PARCEL_COLUMNS = (
    ("StructName", "Structure Name", "NA"), ("NumVert", "Number of Vertices", "unitless"),
    ("SurfArea", "Surface Area", "mm^2"), ("GrayVol", "Gray Matter Volume", "mm^3"),
    ("ThickAvg", "Average Thickness", "mm"), ("ThickStd", "Thickness StdDev", "mm"),
    ("MeanCurv", "Integrated Rectified Mean Curvature", "mm^-1"),
    ("GausCurv", "Integrated Rectified Gaussian Curvature", "mm^-2"), ("FoldInd", "Folding Index", "unitless"),
    ("CurvInd", "Intrinsic Curvature Index", "unitless"),
)  # fmt: skip


def aseg_stats(aseg: NDArray[np.int32], brain: NDArray[np.uint8], icv_mm3: int, subject: str) -> str:
    """Text of ``aseg.stats``.

    Parameters
    ----------
    aseg
        int32 (z, y, x): FreeSurfer's labels on voxels of 1 mm; left and right cortex are 3 and 42.
    brain
        uint8 (z, y, x): the T1 there.
    icv_mm3
        Volume within the skull.
    subject
        Name.
    """
    rows = []
    for index, (label, name) in enumerate(_ROWS, 1):
        values = brain[aseg == label].astype(float)
        low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
        spread = values.std(ddof=1) if values.size > 1 else 0.0
        signal = [values.mean() if values.size else 0.0, spread, low, high, high - low]
        cells = " ".join(f"{value:10.4f}" for value in signal)
        rows.append(f"{index:3d} {label:3d}  {values.size:8d} {values.size * 1.0:10.1f}  {name:<30s} {cells} ")
    return "\n".join(
        [
            "# Title Segmentation Statistics ",
            "# ",
            "# generating_program mri_segstats",
            "# cvs_version 7.4.1",
            "# cmdline made by the phantom of thaliron-napari from what is known about it",
            f"# subjectname {subject}",
            "# anatomy_type volume",
            "# ",
            *_measures(aseg, icv_mm3),
            "# SegVolFile mri/aseg.mgz ",
            "# InVolFile  mri/brain.mgz ",
            "# InVolFrame 0 ",
            "# Excluding Cortical Gray and White Matter",
            "# ExcludeSegId 0 2 3 41 42 ",
            "# VoxelVolume_mm3 1 ",
            *_column_lines(_SEGMENT_COLUMNS),
            f"# NRows {len(rows)} ",
            f"# NTableCols {len(_SEGMENT_COLUMNS)} ",
            "# ColHeaders  " + " ".join(name for name, _, _ in _SEGMENT_COLUMNS) + "  ",
            *rows,
            "",
        ]
    )


def parcel_stats(
    surfaces: Hemisphere,
    sector: NDArray[np.intp],
    side: str,
    aseg: NDArray[np.int32],
    parcels: NDArray[np.int32],
    icv_mm3: int,
    subject: str,
) -> str:
    """Text of ``?h.aparc.stats``.

    Parameters
    ----------
    surfaces
        Of this hemisphere.
    sector
        (n,): which of `PARCELS` each vertex lies in.
    side
        "lh" or "rh".
    aseg, parcels
        int32 (z, y, x): FreeSurfer's labels on voxels of 1 mm, with the cortex in one piece and in parcels.
    icv_mm3
        Volume within the skull.
    subject
        Name.
    """
    thickness, area = surfaces.thickness_mm.astype(float), surfaces.area_mm2.astype(float)
    cortex, rows = surfaces.cortex, []
    for k, (number, name) in enumerate(PARCELS):
        here = cortex & (sector == k)
        voxels = int((parcels == number + (1000 if side == "lh" else 2000)).sum())
        mean, spread = (thickness[here].mean(), thickness[here].std()) if here.any() else (0.0, 0.0)
        size = f"{here.sum():5d}  {area[here].sum():5.0f}  {voxels:5d}"
        rows.append(f"{name:<40s} {size}  {mean:.3f} {spread:.3f}     0.000     0.000        0     0.0")
    wanted = ("BrainSegVol", "BrainSegVolNotVent", "CortexVol", "SupraTentorialVol", "SupraTentorialVolNotVent", "eTIV")
    return "\n".join(
        [
            "# Table of FreeSurfer cortical parcellation anatomical statistics ",
            "# ",
            "# generating_program mris_anatomical_stats",
            "# cvs_version 7.4.1",
            "# cmdline made by the phantom of thaliron-napari from what is known about it",
            "# anatomy_type surface",
            f"# subjectname {subject}",
            f"# hemi {side}",
            f"# Measure Cortex, NumVert, Number of Vertices, {cortex.sum()}, unitless",
            f"# Measure Cortex, WhiteSurfArea, White Surface Total Area, {area[cortex].sum():.1f}, mm^2",
            f"# Measure Cortex, MeanThickness, Mean Thickness, {thickness[cortex].mean():.5f}, mm",
            *(line for line in _measures(aseg, icv_mm3) if line.split(", ")[1] in wanted),
            f"# NTableCols {len(_PARCEL_COLUMNS)}",
            *_column_lines(_PARCEL_COLUMNS),
            "# ColHeaders " + " ".join(name for name, _, _ in _PARCEL_COLUMNS),
            *rows,
            "",
        ]
    )


def _measures(aseg: NDArray[np.int32], icv_mm3: int) -> list[str]:
    """Sums as FreeSurfer forms them, all from counts: the brain is without its stem."""
    counts = np.bincount(aseg.ravel(), minlength=256)

    def total(labels: Sequence[int]) -> int:
        return int(counts[list(labels)].sum())

    brain = int(counts[1:].sum()) - total(_STEM)
    ventricles, above = total(_VENTRICLES), brain - total(_CEREBELLUM)
    grey = {"lh": int(counts[3]), "rh": int(counts[42])}
    # Lesions count as white matter; which side they are on the label does not say, so they go by its share.
    left, right = int(counts[2]), int(counts[41])
    white_left = left + round(int(counts[_LESION]) * left / max(left + right, 1))
    white = left + right + int(counts[_LESION])
    subcortical, cortex = total(_SUBCORTICAL), grey["lh"] + grey["rh"]
    volumes = [
        ("BrainSeg", "BrainSegVol", "Brain Segmentation Volume", brain),
        ("BrainSegNotVent", "BrainSegVolNotVent", "Brain Segmentation Volume Without Ventricles", brain - ventricles),
        ("VentricleChoroidVol", "VentricleChoroidVol", "Volume of ventricles and choroid plexus", ventricles),
        ("lhCortex", "lhCortexVol", "Left hemisphere cortical gray matter volume", grey["lh"]),
        ("rhCortex", "rhCortexVol", "Right hemisphere cortical gray matter volume", grey["rh"]),
        ("Cortex", "CortexVol", "Total cortical gray matter volume", cortex),
        ("lhCerebralWhiteMatter", "lhCerebralWhiteMatterVol", "Left hemisphere cerebral white matter volume",
         white_left),
        ("rhCerebralWhiteMatter", "rhCerebralWhiteMatterVol", "Right hemisphere cerebral white matter volume",
         white - white_left),
        ("CerebralWhiteMatter", "CerebralWhiteMatterVol", "Total cerebral white matter volume", white),
        ("SubCortGray", "SubCortGrayVol", "Subcortical gray matter volume", subcortical),
        ("TotalGray", "TotalGrayVol", "Total gray matter volume", cortex + subcortical + total((8, 47))),
        ("SupraTentorial", "SupraTentorialVol", "Supratentorial volume", above),
        ("SupraTentorialNotVent", "SupraTentorialVolNotVent", "Supratentorial volume", above - ventricles),
        ("Mask", "MaskVol", "Mask Volume", icv_mm3),
        ("EstimatedTotalIntraCranialVol", "eTIV", "Estimated Total Intracranial Volume", icv_mm3),
    ]  # fmt: skip
    return [f"# Measure {first}, {name}, {words}, {value:f}, mm^3" for first, name, words, value in volumes]


def _column_lines(columns: Sequence[tuple[str, str, str]]) -> list[str]:
    return [
        f"# TableCol {number:2d} {what:<9s} {value} "
        for number, column in enumerate(columns, 1)
        for what, value in zip(("ColHeader", "FieldName", "Units"), column, strict=True)
    ]
