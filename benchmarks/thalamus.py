"""Both thalami of a patient from a few contours a side and no nudge: what the study's number comes to.

    python benchmarks/thalamus.py [--seeds 7 8 11 23] [--keys 3 4 5]

The phantom patient at the study's voxel sizes, its true contours given on slices spread from the lower to the upper
border, filled between with QSM and FLAIR. Relative susceptibility (ppb, both thalami minus both circles of 3 mm in the
atria) and volume beside the truth, for the thalami as filled and with the veins found left out, and for linear filling
of the same contours. The goal with 3 keys: within 1.5 ppb and 4%.
"""

import argparse

import numpy as np
from contour import Filling, linear, ours, phantom, spread

from thaliron_napari.annotation import csf_roi, find_veins
from thaliron_napari.phantom import make_patient


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 11, 23], help="phantom patients")
    parser.add_argument("--keys", type=int, nargs="+", default=[3, 4, 5])
    options = parser.parse_args()
    fillings: dict[str, Filling] = {"linear": linear, "ours": ours}
    print(f"{'seed':>6}{'keys':>6}  {'':12}{'ppb':>8}{'truth':>8}{'off':>7}{'without veins':>15}{'volume':>9}")
    for seed in options.seeds:
        patient = make_patient("full", seed)
        *_, subject = phantom(seed)
        qsm, truth = patient.images["qsm"], patient.truth
        from_world = np.linalg.inv(qsm.affine)
        circles = np.zeros(qsm.data.shape, bool)
        for point in truth.atria_mm.values():
            centre = from_world[:3, :3] @ point + from_world[:3, 3]
            circles |= csf_roi(qsm.data.shape, (round(centre[0]), *centre[1:]), 3.0, qsm.spacing)
        csf = qsm.data[circles].mean(dtype=float)
        veins = find_veins(qsm.data, qsm.spacing)
        for count in options.keys:
            for name, filling in fillings.items():
                filled = np.zeros(qsm.data.shape, bool)
                for side in subject.sides:
                    keys = np.zeros_like(side)
                    drawn = spread(np.flatnonzero(side.any((1, 2))), count)
                    keys[drawn] = side[drawn]
                    filled |= filling(keys, subject.spacing, subject.images)
                found, without = (float(qsm.data[mask].mean(dtype=float)) - csf for mask in (filled, filled & ~veins))
                volume = 100 * (filled.sum() / sum(side.sum() for side in subject.sides) - 1)
                off, off_without = found - truth.relative_ppb, without - truth.relative_ppb
                row = f"{seed:6}{count:6}  {name:12}{found:8.2f}{truth.relative_ppb:8.2f}"
                print(row + f"{off:+7.2f}{off_without:+15.2f}{volume:+8.1f}%")


if __name__ == "__main__":
    main()
