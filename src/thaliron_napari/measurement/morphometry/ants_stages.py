"""The work of ANTs, in a process of its own: it can be ended at once, and gives back what memory it took.

``python -m thaliron_napari.measurement.morphometry.ants_stages FOLDER`` reads ``t1.npy`` (float32), ``mask.npy`` (bool)
and ``spacing.npy`` there and writes ``labels.npy`` (1 CSF, 2 grey, 3 white matter), ``grey.npy`` (its share of each
voxel), ``thickness.npy`` (mm) and ``about.json``. Lines that begin with ``AT`` say how far it is.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thaliron_napari.measurement.morphometry.tissue_mixture import fit_mixture

PARAMETERS: dict[str, Any] = {
    "n4": {"shrink_factor": 4, "convergence": {"iters": [50, 50, 50, 50], "tol": 1e-7}},
    "direct": {"its": 15, "m": 1.5, "n": 5},
}
"""What ANTs is called with: of N4 its own defaults; of DiReCT what meets a known thickness (see `from_t1`)."""
_DARK = 0.1  # of bright tissue
_STEP = 0.2  # of DiReCT, on voxels of 1 mm


def main(folder: Path) -> None:
    """Bias field, tissues and thickness, one after the other."""
    ants: Any = importlib.import_module("ants")  # takes seconds

    def image(values: NDArray[Any]) -> Any:
        return ants.from_numpy(np.ascontiguousarray(values, np.float32), spacing=spacing)

    t1, mask = np.load(folder / "t1.npy"), np.load(folder / "mask.npy")
    spacing = tuple(float(step) for step in np.load(folder / "spacing.npy"))
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    say(0.02, "evening out the coil's profile (N4)")
    # N4 takes logarithms: voxels near zero would stretch its histogram, and the profile fitted follows them
    bright = mask & (t1 > _DARK * np.percentile(t1[mask], 95))
    even = ants.n4_bias_field_correction(image(t1), mask=image(bright), **PARAMETERS["n4"]).numpy()
    seconds["n4"] = time.perf_counter() - start
    start = time.perf_counter()
    say(0.06, "telling tissues apart")
    mixture = fit_mixture(even[mask])
    shares = np.zeros((3, *t1.shape), np.float32)
    shares[:, mask] = mixture.shares(even[mask])
    labels = np.where(mask, shares.argmax(axis=0) + 1, 0).astype(np.uint8)
    seconds["tissues"] = time.perf_counter() - start
    start = time.perf_counter()
    say(0.08, "measuring cortical thickness (DiReCT)")
    # DiReCT's step follows the slope of the share of white matter, which is less steep on larger voxels
    direct = PARAMETERS["direct"] | {"r": round(_STEP * float(np.prod(spacing)) ** (2 / 3), 4)}
    thickness = ants.kelly_kapowski(s=image(labels), g=image(shares[1]), w=image(shares[2]), v=1, **direct).numpy()
    seconds["direct"] = time.perf_counter() - start
    np.save(folder / "labels.npy", labels)
    np.save(folder / "grey.npy", shares[1])
    np.save(folder / "thickness.npy", thickness.astype(np.float32))
    about = {
        "version": ants.__version__,
        "parameters": {"N4": PARAMETERS["n4"], "DiReCT": direct},
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "levels": [float(level) for level in mixture.level],
    }
    (folder / "about.json").write_text(json.dumps(about), "utf-8")


def say(share: float, words: str) -> None:
    """Tell the process that waits how far this is."""
    print(f"AT {share:.3f} {words}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
