"""Writes label_statistics.csv: each label of the FreeSurfer subject among the real test images, by SimpleITK.

    python tests/reference/label_statistics.py DIR

DIR is the folder of the openly licensed images. Mean, standard deviation (n - 1), median and volume of the T1 under
each label of aseg.mgz come from SimpleITK's LabelIntensityStatisticsImageFilter; nvoxels from FreeSurfer's aseg.stats.
"""

import csv
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

folder = Path(sys.argv[1]) / "freesurfer" / "subject1"
rows = [line.split() for line in (folder / "stats" / "aseg.stats").read_text().splitlines() if line[:1] == " "]
counted = {int(row[1]): int(row[2]) for row in rows}
images = []
with tempfile.TemporaryDirectory() as made:
    for name in ("aseg", "brain"):
        image = nib.load(folder / "mri" / f"{name}.mgz")
        data = np.asarray(image.dataobj).astype(np.int16 if name == "aseg" else np.float32)
        nib.save(nib.Nifti1Image(data, image.affine), Path(made) / f"{name}.nii")
        images.append(sitk.ReadImage(str(Path(made) / f"{name}.nii")))
statistics = sitk.LabelIntensityStatisticsImageFilter()
statistics.Execute(*images)
with (Path(__file__).parent / "label_statistics.csv").open("w", newline="") as file:
    out = csv.writer(file, lineterminator="\n")
    out.writerow([f"# SimpleITK {sitk.Version.VersionString()}"])
    out.writerow(["label", "n", "ml", "mean", "sd", "freesurfer_nvoxels"])
    for label in sorted(statistics.GetLabels()):
        out.writerow(
            [
                label,
                statistics.GetNumberOfPixels(label),
                repr(statistics.GetPhysicalSize(label) / 1000),
                repr(statistics.GetMean(label)),
                repr(statistics.GetStandardDeviation(label)),
                counted.get(label, ""),
            ]
        )
