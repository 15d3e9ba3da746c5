"""The files of a gradient echo of a small head whose susceptibility is known, as a scanner's export has them."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

from thaliron_napari.imaging import Volume, write_image
from thaliron_napari.imaging.grid import Grid
from thaliron_napari.qsm import b0_direction, simulate_echoes

SHAPE, SPACING = (32, 44, 40), (3.0, 3.0, 3.0)
ECHO_TIMES_S = (0.005, 0.011, 0.017)
FIELD_T = 3.0
PALLIDUM_PPB = 150.0
AFFINE = np.array([[0, 0, -3.0, 58.5], [0, -3.0, 0, 64.5], [3.0, 0, 0, -46.5], [0, 0, 0, 1]])


def write_gre(folder: Path, stem: str = "sub-01", *, sign: int = 1, sidecars: bool = True) -> np.ndarray:
    """Write ``<stem>_echo-N_part-mag_MEGRE.nii.gz`` and ``part-phase`` (0 to 4095); return where the pallida are."""
    z, y, x = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * h for n, h in zip(SHAPE, SPACING, strict=True)], indexing="ij"
    )
    brain = (z / 40) ** 2 + (y / 56) ** 2 + (x / 48) ** 2 < 1
    brain &= (z + 44) ** 2 + (y + 40) ** 2 + x**2 > 16**2
    pallida = ((abs(x) - 18) / 6) ** 2 + (y / 9) ** 2 + (z / 8) ** 2 < 1
    vein = (x / 4) ** 2 + ((y - 20) / 14) ** 2 + ((z - 12) / 4) ** 2 < 1
    chi = np.where((z + 44) ** 2 + (y + 40) ** 2 + x**2 < 10**2, 9.4, 0.0)  # air below the brain in front
    chi[pallida] += PALLIDUM_PPB / 1000
    chi[vein] += 0.25
    signal = np.where(brain, 1.0, 0.0).astype(np.float32)
    signal[pallida] = 0.7
    grid = Grid(SHAPE, AFFINE)
    magnitude, phase = simulate_echoes(
        chi,
        signal,
        ECHO_TIMES_S,
        FIELD_T,
        grid.spacing,
        b0_direction(grid.affine),
        np.random.default_rng(3),
        noise=0.01,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for n, t in enumerate(ECHO_TIMES_S, start=1):
        turned = (sign * phase[n - 1] + np.pi) * 4096 / (2 * np.pi)
        for part, values in (("mag", 1000 * magnitude[n - 1]), ("phase", np.clip(np.floor(turned), 0, 4095))):
            name = f"{stem}_echo-{n}_part-{part}_MEGRE"
            write_image(folder / f"{name}.nii.gz", values, Volume(values, grid))
            if sidecars:
                (folder / f"{name}.json").write_text(json.dumps({"EchoTime": t, "MagneticFieldStrength": FIELD_T}))
    return pallida & brain


def map_ppb(path: Path) -> np.ndarray:
    """Values of a map as its file and sidecar have them, (z, y, x)."""
    unit = json.loads((path.parent / f"{path.name.split('.')[0]}.json").read_text())["Units"]
    stored = np.asarray(nib.load(path).dataobj).transpose(2, 1, 0)
    return stored * {"ppm": 1000, "ppb": 1}[unit]
