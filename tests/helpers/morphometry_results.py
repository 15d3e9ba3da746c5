"""Folders and tables as FreeSurfer, FastSurfer and SynthSeg of several versions write them, with made-up numbers.

What differs between versions is as in published ``aseg.stats`` of 5.1 (ABIDE), 6.0 (brainload) and 7.4.1 (Neuro-iX),
in mri_segstats.c of 5.1 and 7, in FastSurfer's segstats.py, and in SynthSeg's predict.py.
"""

from dataclasses import dataclass
from pathlib import Path

STRUCTURES = {
    **{4: "Left-Lateral-Ventricle", 7: "Left-Cerebellum-White-Matter", 8: "Left-Cerebellum-Cortex"},
    **{10: "Left-Thalamus", 11: "Left-Caudate", 12: "Left-Putamen", 13: "Left-Pallidum", 14: "3rd-Ventricle"},
    **{16: "Brain-Stem", 17: "Left-Hippocampus", 18: "Left-Amygdala", 26: "Left-Accumbens-area", 28: "Left-VentralDC"},
    **{43: "Right-Lateral-Ventricle", 46: "Right-Cerebellum-White-Matter", 47: "Right-Cerebellum-Cortex"},
    **{49: "Right-Thalamus", 50: "Right-Caudate", 51: "Right-Putamen", 52: "Right-Pallidum", 53: "Right-Hippocampus"},
    **{54: "Right-Amygdala", 58: "Right-Accumbens-area", 60: "Right-VentralDC", 72: "5th-Ventricle"},
}
CORTEX = {1002: "ctx-lh-caudalanteriorcingulate", 1035: "ctx-lh-insula", 2002: "ctx-rh-caudalanteriorcingulate",
          2035: "ctx-rh-insula"}  # fmt: skip
VOLUMES = {label: 400.1 + 137.3 * label for label in STRUCTURES} | {10: 6950.6, 49: 7154.3, 72: 0.0}
VOLUMES |= {1002: 120000.4, 1035: 130000.1, 2002: 121000.2, 2035: 129500.3}
SUBCORTICAL = (10, 11, 12, 13, 17, 18, 26, 28, 49, 50, 51, 52, 53, 54, 58, 60)
CORTEX_MM3 = 500501.0
SUBCORTICAL_MM3 = sum(VOLUMES[k] for k in SUBCORTICAL)
CEREBELLAR_MM3 = VOLUMES[8] + VOLUMES[47]
GREY_MM3 = round(CORTEX_MM3 + SUBCORTICAL_MM3 + CEREBELLAR_MM3, 6)
GREY_WITH_STEM_MM3 = round(GREY_MM3 + VOLUMES[16], 6)
ETIV_MM3 = 1405915.237151
THICKNESS = {"lh": (2.54435, 94426.8), "rh": (2.52172, 95676.9)}

_ID = "$Id: mri_segstats.c,v {} Exp $"
_SEGMENT_COLUMNS = "Index SegId NVoxels Volume_mm3 StructName normMean normStdDev normMin normMax normRange"
_PARCEL_COLUMNS = "StructName NumVert SurfArea GrayVol ThickAvg ThickStd MeanCurv GausCurv FoldInd CurvInd"


@dataclass(frozen=True)
class Version:
    """What one version writes where."""

    program: str
    declared: str
    thalamus: str = "Thalamus"
    stamp: str = ""
    etiv: str = "EstimatedTotalIntraCranialVol, eTIV, Estimated Total Intracranial Volume"
    aparc: str = "aparc"
    table: str = "aseg"
    fastsurfer: bool = False

    @property
    def grey_mm3(self) -> float:
        return GREY_WITH_STEM_MM3 if self.program == "FreeSurfer 5.1.0" else GREY_MM3


VERSIONS = (
    Version(
        "FreeSurfer 5.1.0",
        _ID.format("1.75.2.2 2011/04/27 22:18:58 nicks"),
        "Thalamus-Proper",
        "freesurfer-Linux-centos4_x86_64-stable-pub-v5.1.0",
        "IntraCranialVol, ICV, Intracranial Volume",
    ),
    Version(
        "FreeSurfer 5.3.0",
        _ID.format("1.75.2.9 2013/02/16 00:09:33 greve"),
        "Thalamus-Proper",
        "freesurfer-Linux-centos6_x86_64-stable-pub-v5.3.0",
    ),
    Version(
        "FreeSurfer 6.0.0",
        _ID.format("1.121 2016/05/31 17:27:11 greve"),
        "Thalamus-Proper",
        "freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.0-2beb96c",
    ),
    Version("FreeSurfer 7.1.1", "7.1.1", stamp="freesurfer-linux-centos7_x86_64-7.1.1-20200723-8b40551"),
    Version("FreeSurfer 7.4.1", "7.4.1"),
    Version("FreeSurfer 8.0.0", "8.0.0", stamp="freesurfer-linux-ubuntu22_x86_64-8.0.0-20250225-b8d5e9a"),
    Version("FastSurfer 2.3.3", "7.4.1", aparc="aparc.DKTatlas.mapped", fastsurfer=True),
    Version("FastSurfer 2.4.2", "", aparc="", table="aseg+DKT", fastsurfer=True),
)


def write_subject(folder: Path, version: Version) -> Path:
    """A subject's ``stats`` and ``scripts`` as `version` leaves them."""
    (folder / "stats").mkdir(parents=True)
    (folder / "scripts").mkdir()
    (folder / "stats" / f"{version.table}.stats").write_text(segment_table(version))
    if version.stamp:
        (folder / "scripts" / "build-stamp.txt").write_text(version.stamp + "\n")
    if version.fastsurfer and version.aparc:
        (folder / "scripts" / "deep-seg.log").write_text(f"Version: {version.program[11:]}+1a2b3c4\nLog file for ...\n")
    for hemi in ("lh", "rh") if version.aparc else ():
        (folder / "stats" / f"{hemi}.{version.aparc}.stats").write_text(parcel_table(hemi))
    return folder


def segment_table(version: Version) -> str:
    """``aseg.stats``, or FastSurfer's ``aseg+DKT.stats``."""
    alone = version.table != "aseg"
    lines = ["# Title Segmentation Statistics ", "# "]
    if alone:
        lines += ["# generating_program segstats.py", f"# FastSurfer_version {version.program[11:]}+7fe907f"]
    else:
        lines += ["# generating_program mri_segstats", f"# cvs_version {version.declared}"]
    lines += ["# anatomy_type volume", "# ", "# subjectname made-up"]
    if not alone:
        subcortical = SUBCORTICAL_MM3
        if version.program == "FreeSurfer 5.1.0":
            subcortical += CEREBELLAR_MM3 + VOLUMES[16]
        lines += [
            f"# Measure Cortex, CortexVol, Total cortical gray matter volume, {CORTEX_MM3:f}, mm^3",
            f"# Measure SubCortGray, SubCortGrayVol, Subcortical gray matter volume, {subcortical:f}, mm^3",
            f"# Measure TotalGray, TotalGrayVol, Total gray matter volume, {version.grey_mm3:f}, mm^3",
            f"# Measure {version.etiv}, {ETIV_MM3:f}, mm^3",
        ]
    segmentation = "/data/made-up/mri/aparc.DKTatlas+aseg.deep.mgz" if alone else "mri/aseg.mgz"
    names = {label: name.replace("Thalamus", version.thalamus) for label, name in STRUCTURES.items()}
    rows = names | CORTEX if alone else names
    lines += [f"# SegVolFile {segmentation} ", "# VoxelVolume_mm3 1 ", f"# NRows {len(rows)} ", "# NTableCols 10 "]
    lines += [f"# ColHeaders  {_SEGMENT_COLUMNS}  "]
    lines += [
        f"{i:3d} {label:3d}  {round(VOLUMES[label]):8d}   {VOLUMES[label]:8.1f}  {name:30s}    "
        "86.0183     9.8600    34.0000   110.0000    76.0000 "
        for i, (label, name) in enumerate(rows.items(), start=1)
    ]
    return "\n".join(lines) + "\n"


def parcel_table(hemi: str) -> str:
    """``?h.aparc.stats``, with the comma that FreeSurfer forgets."""
    mean, area = THICKNESS[hemi]
    lines = [
        "# Table of FreeSurfer cortical parcellation anatomical statistics ",
        "# generating_program mris_anatomical_stats",
        f"# hemi {hemi}",
        "# Measure Cortex, NumVert, Number of Vertices, 140843, unitless",
        f"# Measure Cortex, WhiteSurfArea, White Surface Total Area, {area:g}, mm^2",
        f"# Measure Cortex, MeanThickness, Mean Thickness, {mean:g}, mm",
        f"# Measure Cortex, CortexVol Total cortical gray matter volume, {CORTEX_MM3:f}, mm^3",
        "# NTableCols 10",
        f"# ColHeaders {_PARCEL_COLUMNS}",
        "bankssts                                 1722   1209   3048  2.486 0.447     0.103     0.016       12     1.1",
        "insula                                   4099   2730   8732  3.216 0.711     0.117     0.027       40     4.4",
    ]
    return "\n".join(lines) + "\n"


SYNTHSEG = {
    **{2: "left cerebral white matter", 3: "left cerebral cortex", 8: "left cerebellum cortex", 10: "left thalamus"},
    **{11: "left caudate", 12: "left putamen", 13: "left pallidum", 16: "brain-stem", 17: "left hippocampus"},
    **{18: "left amygdala", 26: "left accumbens area", 28: "left ventral DC", 41: "right cerebral white matter"},
    **{42: "right cerebral cortex", 47: "right cerebellum cortex", 49: "right thalamus", 50: "right caudate"},
    **{51: "right putamen", 52: "right pallidum", 53: "right hippocampus", 54: "right amygdala"},
    **{58: "right accumbens area", 60: "right ventral DC"},
}
SYNTHSEG_VOLUMES = {label: 900.123 + 113.25 * label for label in SYNTHSEG} | {10: 6850.625, 49: 7012.372}
SYNTHSEG_GREY = sum(SYNTHSEG_VOLUMES[k] for k in (3, 8, 42, 47, *SUBCORTICAL))


def synthseg_table(subjects: tuple[str, ...], *, version: int = 2, parcels: bool = False, alone: bool = False) -> str:
    """SynthSeg's table: version 1 heads its columns by labels, 2 by names after the total intracranial volume.

    Each further subject has 1000 mm³ more in each structure. `alone`: one file a scan, whose first head is empty.
    """
    volumes = SYNTHSEG_VOLUMES | ({1035: 4321.5, 2035: 4322.5} if parcels else {})
    names = SYNTHSEG | {1035: "ctx-lh-insula", 2035: "ctx-rh-insula"}
    heads = [names[label] if version == 2 else str(label) for label in volumes]
    lines = [["" if alone else "subject", *(["total intracranial"] if version == 2 else []), *heads]]
    for i, subject in enumerate(subjects):
        head = [f"{ETIV_MM3:.3f}"] if version == 2 else []
        lines.append([subject, *head, *(str(round(volume + 1000 * i, 3)) for volume in volumes.values())])
    return "".join(",".join(line) + "\r\n" for line in lines)
